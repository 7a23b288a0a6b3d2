#include "ui/timeline_edit.h"

#include "ui/i18n.h"

#include <math.h>

#define PARK ((gint64)1 << 37) /* a place where no clip of a person's lies */

double kl_edit_rate(KlProject *p) {
  int num, den;
  kl_project_rate(p, &num, &den);
  return (double)num / den;
}

gint64 kl_edit_room_before(KlProject *p, KlClip *c) {
  KlAsset *a = kl_clip_asset(c);
  if (!a || kl_asset_kind(a) == KL_ASSET_IMAGE) return (gint64)1 << 30;
  return (gint64)floor(kl_clip_where(c)->in * kl_edit_rate(p) + 1e-3);
}

gint64 kl_edit_room_behind(KlProject *p, KlClip *c) {
  KlAsset *a = kl_clip_asset(c);
  const KlClipPlace *v = kl_clip_where(c);
  if (!a || kl_asset_kind(a) == KL_ASSET_IMAGE) return (gint64)1 << 30;
  return MAX(0, llround((kl_asset_duration(a) - v->in) * kl_edit_rate(p)) - v->length);
}

/* ---- moving ---- */

static int by_place(gconstpointer a, gconstpointer b) {
  const KlMove *x = a, *y = b;
  if (x->track != y->track) return kl_track_id(x->track) < kl_track_id(y->track) ? -1 : 1;
  return x->place.start < y->place.start ? -1 : x->place.start > y->place.start;
}

static bool has_clip(GArray *moves, KlClip *c) {
  for (guint i = 0; i < moves->len; i++)
    if (g_array_index(moves, KlMove, i).clip == c) return true;
  return false;
}

/* All clips of the tracks that the moves end on, as they are to lie, in order, with the crossfades that come
 * of it. */
static GArray *arrangement(GArray *moves) {
  GArray *all = g_array_new(FALSE, FALSE, sizeof(KlMove));
  g_array_append_vals(all, moves->data, moves->len);
  for (guint i = 0; i < moves->len; i++) {
    KlTrack *t = g_array_index(moves, KlMove, i).track;
    GListModel *clips = kl_track_clips(t);
    for (guint k = 0; k < g_list_model_get_n_items(clips); k++) {
      g_autoptr(KlClip) c = g_list_model_get_item(clips, k);
      KlMove stays = {c, t, *kl_clip_where(c)};
      if (!has_clip(all, c)) g_array_append_val(all, stays);
    }
  }
  g_array_sort(all, by_place);
  for (guint i = 0; i < all->len; i++) {
    KlMove *m = &g_array_index(all, KlMove, i);
    const KlMove *before = i && m[-1].track == m->track ? m - 1 : NULL;
    gint64 over = before ? before->place.start + before->place.length - m->place.start : 0;
    m->place.fade = MAX(0, over);
  }
  return all;
}

bool kl_edit_move(KlProject *p, GArray *moves, const char *label, const char *merge, GError **error) {
  g_autoptr(GArray) all = arrangement(moves);
  gint64 park = PARK;
  bool ok = true;
  kl_project_begin(p, label, merge);
  /* those that go, and those whose crossfade hangs on them, leave first: then no order of moves is in the way
   * of another */
  for (guint i = all->len; ok && i-- > 0;) {
    KlMove *m = &g_array_index(all, KlMove, i);
    if (!has_clip(moves, m->clip) && !m->place.fade && !kl_clip_where(m->clip)->fade) continue;
    KlClipPlace away = *kl_clip_where(m->clip);
    away.start = park;
    away.fade = 0;
    park += away.length;
    ok = kl_clip_place(m->clip, kl_clip_track(m->clip), &away, error);
  }
  for (guint i = 0; ok && i < all->len; i++) {
    KlMove *m = &g_array_index(all, KlMove, i);
    ok = kl_clip_place(m->clip, m->track, &m->place, error);
  }
  return kl_project_end(p, ok, ok ? error : NULL) && ok;
}

/* ---- commands ---- */

bool kl_edit_split(KlProject *p, GPtrArray *clips, gint64 frame, GError **error) {
  bool ok = true;
  kl_project_begin(p, _("Split"), NULL);
  for (guint i = 0; ok && i < clips->len; i++) {
    const KlClipPlace *v = kl_clip_where(clips->pdata[i]);
    if (frame <= v->start || frame >= v->start + v->length) continue;
    g_autoptr(KlClip) second = kl_clip_split(clips->pdata[i], frame, error);
    ok = second != NULL;
  }
  return kl_project_end(p, ok, ok ? error : NULL) && ok;
}

bool kl_edit_remove(KlProject *p, GPtrArray *clips, bool close_gaps, GError **error) {
  bool ok = true;
  kl_project_begin(p, close_gaps ? _("Delete and Close Gap") : _("Delete"), NULL);
  for (guint i = 0; ok && i < clips->len; i++)
    ok = kl_project_remove_clip(p, clips->pdata[i], close_gaps, error);
  return kl_project_end(p, ok, ok ? error : NULL) && ok;
}

/* The clip that ends where c begins or lies under its beginning; NULL: none. */
static KlClip *before(KlClip *c) {
  GListModel *clips = kl_track_clips(kl_clip_track(c));
  KlClip *found = NULL;
  for (guint i = 0; i < g_list_model_get_n_items(clips); i++) {
    g_autoptr(KlClip) o = g_list_model_get_item(clips, i);
    const KlClipPlace *v = kl_clip_where(o), *w = kl_clip_where(c);
    if (o != c && v->start < w->start && v->start + v->length >= w->start) found = o;
  }
  return found;
}

static void add_move(GArray *moves, KlClip *c, const KlClipPlace *v) {
  KlMove m = {c, kl_clip_track(c), *v};
  g_array_append_val(moves, m);
}

/* c and all behind it on its track, closer by n frames. */
static void closer(GArray *moves, KlClip *c, gint64 n) {
  GListModel *clips = kl_track_clips(kl_clip_track(c));
  for (guint i = 0; i < g_list_model_get_n_items(clips); i++) {
    g_autoptr(KlClip) o = g_list_model_get_item(clips, i);
    KlClipPlace v = *kl_clip_where(o);
    if (v.start < kl_clip_where(c)->start) continue;
    v.start -= n;
    add_move(moves, o, &v);
  }
}

bool kl_edit_crossfade(KlProject *p, KlClip *c, GError **error) {
  KlClip *prev = before(c);
  KlClipPlace v = *kl_clip_where(c);
  double rate = kl_edit_rate(p);
  g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(KlMove));
  bool still = kl_asset_kind(kl_clip_asset(c)) == KL_ASSET_IMAGE;
  if (!prev) return kl_gfail(error, KL_ERROR_INVALID, _("There is no clip before it to cross with"));
  KlClipPlace w = *kl_clip_where(prev);
  if (v.fade > 0) {
    v.start += v.fade;
    v.length -= v.fade;
    if (!still) v.in += (double)v.fade / rate;
    add_move(moves, c, &v);
    return kl_edit_move(p, moves, _("Remove Crossfade"), NULL, error);
  }
  gint64 n = MAX(2, llround(rate / 2));
  n = MIN(n, MIN(v.length, w.length) - 1);
  if (n < 1) return kl_gfail(error, KL_ERROR_INVALID, _("These clips are too short for a crossfade"));
  if (kl_edit_room_before(p, c) >= n) {
    v.start -= n;
    v.length += n;
    if (!still) v.in = MAX(0, v.in - (double)n / rate);
    add_move(moves, c, &v);
  } else if (kl_edit_room_behind(p, prev) >= n) {
    w.length += n;
    add_move(moves, prev, &w);
  } else {
    closer(moves, c, n);
  }
  return kl_edit_move(p, moves, _("Crossfade"), NULL, error);
}

bool kl_edit_trim(KlProject *p, KlClip *c, bool beginning, gint64 frame, GError **error) {
  KlClipPlace v = *kl_clip_where(c);
  g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(KlMove));
  gint64 end = v.start + v.length;
  if (beginning) {
    gint64 by = CLAMP(frame, MAX(0, v.start - kl_edit_room_before(p, c)), end - 1) - v.start;
    v.start += by;
    v.length -= by;
    if (kl_asset_kind(kl_clip_asset(c)) != KL_ASSET_IMAGE) v.in = MAX(0, v.in + (double)by / kl_edit_rate(p));
  } else {
    v.length = CLAMP(frame, v.start + 1, end + kl_edit_room_behind(p, c)) - v.start;
  }
  add_move(moves, c, &v);
  return kl_edit_move(p, moves, _("Trim"), NULL, error);
}

KlClip *kl_edit_add(KlProject *p, KlAsset *a, KlTrack *t, gint64 start, GError **error) {
  KlTrackKind kind = kl_asset_kind(a) == KL_ASSET_AUDIO ? KL_TRACK_AUDIO : KL_TRACK_VIDEO;
  GListModel *tracks = kl_project_tracks(p);
  g_autoptr(KlTrack) made = NULL;
  KlClipPlace v = {.start = MAX(0, start)};
  KlClip *c = NULL;
  kl_project_begin(p, _("Add Clip"), NULL);
  if (t && kl_track_kind(t) != kind && !(kl_track_kind(t) == KL_TRACK_AUDIO && kl_asset_has_audio(a)))
    t = NULL;
  for (guint i = 0; !t && i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) o = g_list_model_get_item(tracks, i);
    if (kl_track_kind(o) == kind) t = o; /* the project keeps it */
  }
  if (!t) t = made = kl_project_add_track(p, kind, error);
  if (t) c = kl_project_add_clip(p, t, a, &v, true, error);
  if (!kl_project_end(p, c != NULL, c ? error : NULL)) g_clear_object(&c);
  return c;
}

char *kl_edit_track_title(KlProject *p, KlTrack *t) {
  GListModel *tracks = kl_project_tracks(p);
  int number = 1;
  if (kl_track_name(t) && *kl_track_name(t)) return g_strdup(kl_track_name(t));
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) o = g_list_model_get_item(tracks, i);
    number += kl_track_kind(o) == kl_track_kind(t) && kl_track_id(o) < kl_track_id(t);
  }
  return g_strdup_printf(kl_track_kind(t) == KL_TRACK_VIDEO ? _("Video %d") : _("Sound %d"), number);
}
