/* Changing the timeline: the clips of a track are taken into a plain array, moved about there, checked, and
 * the difference is written. */
#include "app/core/project/project_internal.h"

#include <glib/gi18n.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
  gint64 id; /* 0: a new one */
  gint64 track, asset;
  KlClipPlace v;
  bool gone;
} Item;

static gint64 end_of(const Item *i) {
  return i->v.start + i->v.length;
}

static double rate_of(KlProject *p) {
  int num, den;
  kl_project_rate(p, &num, &den);
  return (double)num / den;
}

/* ---- the array ---- */

static GArray *take_track(KlTrack *t) {
  GArray *items = g_array_new(FALSE, TRUE, sizeof(Item));
  guint n = g_list_model_get_n_items(G_LIST_MODEL(t->clips));
  for (guint i = 0; i < n; i++) {
    g_autoptr(KlClip) c = g_list_model_get_item(G_LIST_MODEL(t->clips), i);
    Item item = {c->id, t->id, c->asset, c->place, false};
    g_array_append_val(items, item);
  }
  return items;
}

static Item *at(GArray *items, guint i) {
  return &g_array_index(items, Item, i);
}

static Item *find(GArray *items, gint64 id) {
  for (guint i = 0; i < items->len; i++)
    if (at(items, i)->id == id) return at(items, i);
  return NULL;
}

static int by_start(const void *a, const void *b) {
  const Item *x = a, *y = b;
  if (x->gone != y->gone) return x->gone - y->gone;
  if (x->v.start != y->v.start) return x->v.start < y->v.start ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

/* Puts them in order; a crossfade is as long as the clip really lies over the one before. False: they lie
 * over one another in another way. */
static bool settle(GArray *items) {
  g_array_sort(items, by_start);
  gint64 before = 0, before_that = 0, shortest = 0; /* ends of the last two, length of the last */
  for (guint i = 0; i < items->len && !at(items, i)->gone; i++) {
    Item *c = at(items, i);
    gint64 over = i ? MAX(0, before - c->v.start) : 0;
    if (over > c->v.fade || over >= c->v.length || (i && over && over >= shortest) ||
        c->v.start < before_that)
      return false;
    c->v.fade = over;
    before_that = MAX(before, before_that);
    before = end_of(c);
    shortest = c->v.length;
    if (before < before_that) return false; /* inside of the one before */
  }
  return true;
}

static bool same(const KlClipPlace *a, const KlClipPlace *b) {
  return a->start == b->start && a->length == b->length && a->in == b->in && a->fade == b->fade &&
         a->gain_db == b->gain_db;
}

/* The difference to the file. *made: the id of the first new one. */
static bool write_items(KlProject *p, GArray *items, gint64 *made, GError **error) {
  for (guint i = 0; i < items->len; i++) {
    Item *c = at(items, i);
    KlClip *was = c->id ? g_hash_table_lookup(p->clip_by_id, &c->id) : NULL;
    bool ok = true;
    if (c->gone) {
      ok = !c->id || kl_db_run(p->db, error, "DELETE FROM clip WHERE id = ?", "l", c->id);
    } else if (!c->id) {
      ok =
          kl_db_run(p->db, error,
                    "INSERT INTO clip (track, asset, start, length, begins, fade, gain_db) VALUES (?, ?, ?, "
                    "?, ?, ?, ?)",
                    "lllldld", c->track, c->asset, c->v.start, c->v.length, c->v.in, c->v.fade, c->v.gain_db);
      if (made && !*made) *made = sqlite3_last_insert_rowid(p->db->handle);
    } else if (!was || was->track != c->track || !same(&was->place, &c->v)) {
      ok = kl_db_run(
          p->db, error,
          "UPDATE clip SET track = ?, start = ?, length = ?, begins = ?, fade = ?, gain_db = ? WHERE id = ?",
          "llldldl", c->track, c->v.start, c->v.length, c->v.in, c->v.fade, c->v.gain_db, c->id);
    }
    if (!ok) return false;
  }
  return true;
}

/* ---- what is allowed ---- */

static bool suits(KlTrack *t, KlAsset *a, GError **error) {
  if (t->kind == KL_TRACK_VIDEO && a->kind == KL_ASSET_AUDIO)
    return kl_gfail(error, KL_ERROR_INVALID, "a sound goes on an audio track");
  if (t->kind == KL_TRACK_AUDIO && !a->has_audio)
    return kl_gfail(error, KL_ERROR_INVALID, "%s has no sound", a->name);
  return true;
}

/* Frames of the timeline that the asset has from `in` on; a still is any length long. */
static gint64 frames_from(KlAsset *a, double in, double rate) {
  if (a->kind == KL_ASSET_IMAGE) return (gint64)1 << 40;
  return MAX(0, llround((a->duration - in) * rate));
}

static bool inside(KlProject *p, KlAsset *a, const KlClipPlace *v, GError **error) {
  if (v->start < 0 || v->start > (gint64)1 << 40 || v->length < 1 || v->length > (gint64)1 << 40 ||
      v->fade < 0 || !isfinite(v->in) || v->in < 0 || !(v->gain_db >= -60 && v->gain_db <= 12))
    return kl_gfail(error, KL_ERROR_INVALID, "no clip can lie there");
  if (v->length > frames_from(a, v->in, rate_of(p)))
    return kl_gfail(error, KL_ERROR_INVALID, "%s is not that long", a->name);
  return true;
}

static bool in_the_way(GError **error) {
  return kl_gfail(error, KL_ERROR_INVALID, "another clip is in the way");
}

/* ---- making room ---- */

/* Cuts the clip that lies across `at` in two; the second half is a new item. */
static void cut(GArray *items, gint64 frame, double rate) {
  for (guint i = 0, n = items->len; i < n; i++) {
    Item *c = at(items, i);
    if (c->gone || c->v.start >= frame || end_of(c) <= frame) continue;
    Item second = *c;
    gint64 head = frame - c->v.start;
    second.id = 0;
    second.v.start = frame;
    second.v.length = c->v.length - head;
    second.v.in += (double)head / rate;
    second.v.fade = 0;
    c->v.length = head;
    c->v.fade = MIN(c->v.fade, head);
    g_array_append_val(items, second);
  }
}

static void shift(GArray *items, gint64 from, gint64 by) {
  for (guint i = 0; i < items->len; i++)
    if (!at(items, i)->gone && at(items, i)->v.start >= from) at(items, i)->v.start += by;
}

static void clear_span(GArray *items, gint64 from, gint64 to, double rate) {
  cut(items, from, rate);
  cut(items, to, rate);
  for (guint i = 0; i < items->len; i++)
    if (at(items, i)->v.start >= from && at(items, i)->v.start < to) at(items, i)->gone = true;
}

/* ---- clips ---- */

/* The first clip decides the rate. */
static bool decide_rate(KlProject *p, KlAsset *a, GError **error) {
  if (p->rate_num || a->kind != KL_ASSET_VIDEO || !a->rate_num) return true;
  p->rate_num = a->rate_num;
  p->rate_den = a->rate_den;
  return kl_db_run(p->db, error, "UPDATE project SET rate_num = ?, rate_den = ?", "ii", a->rate_num,
                   a->rate_den);
}

KlClip *kl_project_add_clip(KlProject *p, KlTrack *t, KlAsset *a, const KlClipPlace *place, bool insert,
                            GError **error) {
  if (!suits(t, a, error) || !kl_edit_open(p, _("Add Clip"), error)) return NULL;
  gint64 made = 0;
  g_autoptr(GArray) items = take_track(t);
  bool ok = decide_rate(p, a, error);
  Item fresh = {0, t->id, a->id, *place, false};
  if (!fresh.v.length)
    fresh.v.length =
        a->kind == KL_ASSET_IMAGE ? llround(5 * rate_of(p)) : MAX(1, frames_from(a, place->in, rate_of(p)));
  ok = ok && inside(p, a, &fresh.v, error);
  if (ok) {
    gint64 from =
        fresh.v.start + fresh.v.fade; /* a crossfade leaves the end of the clip before where it is */
    if (insert) {
      cut(items, from, rate_of(p));
      shift(items, from, fresh.v.length - fresh.v.fade);
    } else {
      clear_span(items, from, fresh.v.start + fresh.v.length, rate_of(p));
    }
    g_array_prepend_val(items, fresh);
    ok = (settle(items) || in_the_way(error));
    for (guint i = 0; ok && i < items->len; i++) /* the new one is written first, so that its id is known */
      if (!at(items, i)->id && at(items, i)->v.start == fresh.v.start) {
        Item first = *at(items, i);
        g_array_remove_index(items, i);
        g_array_prepend_val(items, first);
        break;
      }
    ok = ok && write_items(p, items, &made, error);
  }
  if (!kl_edit_close(p, ok, error)) return NULL;
  KlClip *c = g_hash_table_lookup(p->clip_by_id, &made);
  return c ? g_object_ref(c) : NULL;
}

bool kl_project_remove_clip(KlProject *p, KlClip *c, bool close_gap, GError **error) {
  KlTrack *t = kl_clip_track(c);
  if (!t) return kl_gfail(error, KL_ERROR_INVALID, "the clip is not there any more");
  if (!kl_edit_open(p, _("Remove Clip"), error)) return false;
  g_autoptr(GArray) items = take_track(t);
  Item *gone = find(items, c->id);
  gint64 next = G_MAXINT64;
  for (guint i = 0; i < items->len; i++)
    if (at(items, i)->v.start > gone->v.start) next = MIN(next, at(items, i)->v.start);
  gint64 from = gone->v.start + gone->v.fade, to = MIN(end_of(gone), next);
  gone->gone = true;
  if (close_gap && to > from) shift(items, to, from - to);
  bool ok = (settle(items) || in_the_way(error)) && write_items(p, items, NULL, error);
  return kl_edit_close(p, ok, error);
}

bool kl_clip_place(KlClip *c, KlTrack *t, const KlClipPlace *place, GError **error) {
  KlProject *p = c->project;
  KlTrack *from = kl_clip_track(c);
  KlAsset *a = kl_clip_asset(c);
  if (!p || !from || !a) return kl_gfail(error, KL_ERROR_INVALID, "the clip is not there any more");
  if (t == NULL) t = from;
  if (t == from && same(place, &c->place)) return true;
  if (t->kind != from->kind) return kl_gfail(error, KL_ERROR_INVALID, "a clip stays on a track of its kind");
  if (!suits(t, a, error) || !inside(p, a, place, error)) return false;
  g_autoptr(GArray) left = take_track(from), items = t == from ? NULL : take_track(t);
  Item *item = find(left, c->id), moved;
  item->v = *place;
  item->track = t->id;
  if (items) {
    moved = *item;
    g_array_append_val(items, moved);
    g_array_remove_index(left, (guint)(item - at(left, 0)));
  }
  if (!settle(left) || (items && !settle(items))) return in_the_way(error);
  if (!kl_edit_open(p, _("Move Clip"), error)) return false;
  bool ok = write_items(p, left, NULL, error) && (!items || write_items(p, items, NULL, error));
  return kl_edit_close(p, ok, error);
}

KlClip *kl_clip_split(KlClip *c, gint64 frame, GError **error) {
  KlProject *p = c->project;
  KlTrack *t = kl_clip_track(c);
  gint64 made = 0;
  if (!t || frame <= c->place.start || frame >= c->place.start + c->place.length) {
    kl_gfail(error, KL_ERROR_INVALID, "a clip can only be cut inside");
    return NULL;
  }
  g_autoptr(GArray) items = take_track(t);
  for (guint i = items->len; i-- > 0;) /* a crossfade has two clips there: only this one is cut */
    if (at(items, i)->id != c->id && at(items, i)->v.start < frame && end_of(at(items, i)) > frame) {
      kl_gfail(error, KL_ERROR_INVALID, "a clip cannot be cut inside a crossfade");
      return NULL;
    }
  if (!kl_edit_open(p, _("Split Clip"), error)) return NULL;
  cut(items, frame, rate_of(p));
  bool ok = (settle(items) || in_the_way(error)) && write_items(p, items, &made, error);
  if (!kl_edit_close(p, ok, error)) return NULL;
  KlClip *second = g_hash_table_lookup(p->clip_by_id, &made);
  return second ? g_object_ref(second) : NULL;
}

/* ---- tracks and rate ---- */

KlTrack *kl_project_add_track(KlProject *p, KlTrackKind kind, GError **error) {
  if (!kl_edit_open(p, _("Add Track"), error)) return NULL;
  /* pictures: on top of the others; sound: below them */
  bool ok = kl_db_run(
      p->db, error,
      kind == KL_TRACK_VIDEO
          ? "INSERT INTO track (kind, place, name, muted) SELECT ?1, ifnull(min(place), 1) - 1, '', 0 "
            "FROM track WHERE kind = ?1"
          : "INSERT INTO track (kind, place, name, muted) SELECT ?1, ifnull(max(place), -1) + 1, '', 0 "
            "FROM track WHERE kind = ?1",
      "i", (int)kind);
  gint64 id = sqlite3_last_insert_rowid(p->db->handle);
  if (!kl_edit_close(p, ok, error)) return NULL;
  KlTrack *t = g_hash_table_lookup(p->track_by_id, &id);
  return t ? g_object_ref(t) : NULL;
}

bool kl_project_remove_track(KlProject *p, KlTrack *t, GError **error) {
  if (!kl_edit_open(p, _("Remove Track"), error)) return false;
  bool ok = kl_db_run(p->db, error, "DELETE FROM clip WHERE track = ?", "l", t->id) &&
            kl_db_run(p->db, error, "DELETE FROM track WHERE id = ?", "l", t->id);
  return kl_edit_close(p, ok, error);
}

bool kl_track_set_muted(KlTrack *t, bool muted, GError **error) {
  KlProject *p = t->project;
  if (!p) return kl_gfail(error, KL_ERROR_INVALID, "the track is not there any more");
  if (muted == t->muted) return true;
  const char *label = t->kind == KL_TRACK_AUDIO ? (muted ? _("Mute Track") : _("Unmute Track"))
                                                : (muted ? _("Hide Track") : _("Show Track"));
  if (!kl_edit_open(p, label, error)) return false;
  return kl_edit_close(
      p, kl_db_run(p->db, error, "UPDATE track SET muted = ? WHERE id = ?", "il", (int)muted, t->id), error);
}

bool kl_track_set_name(KlTrack *t, const char *name, GError **error) {
  KlProject *p = t->project;
  if (!p) return kl_gfail(error, KL_ERROR_INVALID, "the track is not there any more");
  if (!kl_edit_open(p, _("Rename Track"), error)) return false;
  return kl_edit_close(
      p, kl_db_run(p->db, error, "UPDATE track SET name = ? WHERE id = ?", "tl", name, t->id), error);
}

/* Clips stay where they are in time. */
static bool rescale(KlProject *p, double by, GError **error) {
  guint n = g_list_model_get_n_items(G_LIST_MODEL(p->tracks));
  for (guint k = 0; k < n; k++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(G_LIST_MODEL(p->tracks), k);
    g_autoptr(GArray) items = take_track(t);
    for (guint i = 0; i < items->len; i++) {
      Item *c = at(items, i);
      gint64 start = llround((double)c->v.start * by), end = llround((double)end_of(c) * by);
      c->v.start = start;
      c->v.length = MAX(1, end - start);
      c->v.fade = llround((double)c->v.fade * by) + 1; /* settle makes it as long as it is */
    }
    if (!settle(items)) return kl_gfail(error, KL_ERROR_INVALID, "the clips are too short for that rate");
    if (!write_items(p, items, NULL, error)) return false;
  }
  return true;
}

bool kl_project_set_rate(KlProject *p, int num, int den, GError **error) {
  int was_num, was_den;
  kl_project_rate(p, &was_num, &was_den);
  if (num < 1 || den < 1 || den > 1000000 || num / den > 1000)
    return kl_gfail(error, KL_ERROR_INVALID, "no such frame rate");
  if (num == p->rate_num && den == p->rate_den) return true;
  if (!kl_edit_open(p, _("Change Frame Rate"), error)) return false;
  bool ok = rescale(p, (double)num / den / ((double)was_num / was_den), error) &&
            kl_db_run(p->db, error, "UPDATE project SET rate_num = ?, rate_den = ?", "ii", num, den);
  return kl_edit_close(p, ok, error);
}
