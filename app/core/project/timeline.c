/* Tracks and clips as objects; arrange.c changes them. */
#include "app/core/project/project_internal.h"

#include <glib/gi18n.h>
#include <math.h>

enum { T0, T_NAME, T_MUTED, N_TRACK_PROPS };
static GParamSpec *track_props[N_TRACK_PROPS];
enum { C0, C_START, C_LENGTH, C_IN, C_FADE, C_GAIN_DB, N_CLIP_PROPS };
static GParamSpec *clip_props[N_CLIP_PROPS];

G_DEFINE_FINAL_TYPE(KlTrack, kl_track, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE(KlClip, kl_clip, G_TYPE_OBJECT)

#define FAR ((gint64)1 << 40)

/* ---- reading ---- */

/* The object of a row: the old one, or a new one. A new reference. */
static gpointer row_of(GHashTable *old, gint64 id, GType type) {
  gpointer o = g_hash_table_lookup(old, &id);
  return o ? g_object_ref(o) : g_object_new(type, NULL);
}

static void read_tracks(KlProject *p, GHashTable *old, GPtrArray *want, GPtrArray *changed) {
  sqlite3_stmt *s =
      kl_db_query(p->db, NULL, "SELECT id, kind, name, muted FROM track ORDER BY kind, place, id", "");
  while (s && sqlite3_step(s) == SQLITE_ROW) {
    gint64 id = sqlite3_column_int64(s, 0);
    KlTrack *t = row_of(old, id, KL_TYPE_TRACK);
    g_autofree char *raw = kl_db_text(s, 2), *name = g_utf8_make_valid(raw, -1);
    bool muted = sqlite3_column_int(s, 3) != 0;
    t->project = p;
    t->id = id;
    t->kind = sqlite3_column_int(s, 1) == KL_TRACK_AUDIO ? KL_TRACK_AUDIO : KL_TRACK_VIDEO;
    if (kl_replace_text(&t->name, name)) kl_changed(changed, t, track_props[T_NAME]);
    if (muted != t->muted) {
      t->muted = muted;
      kl_changed(changed, t, track_props[T_MUTED]);
    }
    g_hash_table_insert(p->track_by_id, &t->id, t);
    g_ptr_array_add(want, g_object_ref(t));
  }
  sqlite3_finalize(s);
}

static void fill_clip(KlClip *c, sqlite3_stmt *s, GPtrArray *changed) {
  KlClipPlace v = {.start = CLAMP(sqlite3_column_int64(s, 3), 0, FAR),
                   .length = CLAMP(sqlite3_column_int64(s, 4), 1, FAR),
                   .in = sqlite3_column_double(s, 5),
                   .fade = CLAMP(sqlite3_column_int64(s, 6), 0, FAR),
                   .gain_db = sqlite3_column_double(s, 7)};
  if (!isfinite(v.in) || v.in < 0 || v.in > 1e9) v.in = 0;
  if (!isfinite(v.gain_db)) v.gain_db = 0;
  v.gain_db = CLAMP(v.gain_db, -60, 12);
  c->asset = sqlite3_column_int64(s, 2);
  c->track = sqlite3_column_int64(s, 1);
  KlClipPlace was = c->place;
  c->place = v;
  if (v.start != was.start) kl_changed(changed, c, clip_props[C_START]);
  if (v.length != was.length) kl_changed(changed, c, clip_props[C_LENGTH]);
  if (v.in != was.in) kl_changed(changed, c, clip_props[C_IN]);
  if (v.fade != was.fade) kl_changed(changed, c, clip_props[C_FADE]);
  if (v.gain_db != was.gain_db) kl_changed(changed, c, clip_props[C_GAIN_DB]);
}

/* lists: GPtrArray a track, in the order of p's tracks. */
static void read_clips(KlProject *p, GHashTable *old, GHashTable *lists, GPtrArray *changed) {
  sqlite3_stmt *s = kl_db_query(
      p->db, NULL,
      "SELECT id, track, asset, start, length, begins, fade, gain_db FROM clip ORDER BY start, id", "");
  while (s && sqlite3_step(s) == SQLITE_ROW) {
    gint64 id = sqlite3_column_int64(s, 0), track = sqlite3_column_int64(s, 1);
    GPtrArray *list = g_hash_table_lookup(lists, &track);
    if (!list) continue;
    KlClip *c = row_of(old, id, KL_TYPE_CLIP);
    c->project = p;
    c->id = id;
    fill_clip(c, s, changed);
    g_hash_table_insert(p->clip_by_id, &c->id, c);
    g_ptr_array_add(list, g_object_ref(c));
  }
  sqlite3_finalize(s);
}

bool kl_timeline_read(KlProject *p, GPtrArray *changed) {
  g_autoptr(GHashTable) old_tracks = g_steal_pointer(&p->track_by_id),
                        old_clips = g_steal_pointer(&p->clip_by_id);
  g_autoptr(GHashTable) lists =
      g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
  g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_object_unref);
  GHashTableIter it;
  gpointer o;
  p->track_by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_object_unref);
  p->clip_by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_object_unref);
  read_tracks(p, old_tracks, want, changed);
  for (guint i = 0; i < want->len; i++)
    g_hash_table_insert(lists, &((KlTrack *)want->pdata[i])->id,
                        g_ptr_array_new_with_free_func(g_object_unref));
  read_clips(p, old_clips, lists, changed);
  for (g_hash_table_iter_init(&it, old_tracks); g_hash_table_iter_next(&it, NULL, &o);)
    if (!g_hash_table_contains(p->track_by_id, &((KlTrack *)o)->id)) ((KlTrack *)o)->project = NULL;
  for (g_hash_table_iter_init(&it, old_clips); g_hash_table_iter_next(&it, NULL, &o);)
    if (!g_hash_table_contains(p->clip_by_id, &((KlClip *)o)->id)) ((KlClip *)o)->project = NULL;
  /* a clip that changes tracks leaves the old list before it is in the new one or after: never lost from both
   */
  bool go = kl_list_set(p, p->tracks, want);
  for (guint i = 0; go && i < want->len; i++) {
    KlTrack *t = want->pdata[i];
    go = kl_list_set(p, t->clips, g_hash_table_lookup(lists, &t->id));
  }
  return go;
}

/* ---- what is said of them ---- */

GListModel *kl_project_tracks(KlProject *p) {
  return G_LIST_MODEL(p->tracks);
}

gint64 kl_project_length(KlProject *p) {
  gint64 end = 0;
  GHashTableIter it;
  gpointer c;
  for (g_hash_table_iter_init(&it, p->clip_by_id); g_hash_table_iter_next(&it, NULL, &c);)
    end = MAX(end, ((KlClip *)c)->place.start + ((KlClip *)c)->place.length);
  return end;
}

void kl_project_rate(KlProject *p, int *num, int *den) {
  *num = p->rate_num ? p->rate_num : 16;
  *den = p->rate_num ? p->rate_den : 1;
}

/* The clip that begins first, on a picture track. */
static KlClip *first_picture(KlProject *p) {
  KlClip *first = NULL;
  GHashTableIter it;
  gpointer o;
  for (g_hash_table_iter_init(&it, p->clip_by_id); g_hash_table_iter_next(&it, NULL, &o);) {
    KlClip *c = o;
    KlAsset *a = kl_project_asset(p, c->asset);
    if (!a || !a->width) continue;
    if (!first || c->place.start < first->place.start ||
        (c->place.start == first->place.start && c->id < first->id))
      first = c;
  }
  return first;
}

void kl_project_frame_size(KlProject *p, int *width, int *height) {
  *width = p->width;
  *height = p->height;
  KlClip *c = p->width && p->height ? NULL : first_picture(p);
  if (c) kl_asset_size(kl_project_asset(p, c->asset), width, height);
}

bool kl_project_set_frame_size(KlProject *p, int width, int height, GError **error) {
  if (width < 0 || height < 0 || width > 16384 || height > 16384 || !width != !height)
    return kl_gfail(error, KL_ERROR_INVALID,
                    "a size is 1 to 16384 pixels each way, or 0x0: as the first clip");
  if (!kl_edit_open(p, _("Change Frame Size"), error)) return false;
  return kl_edit_close(
      p, kl_db_run(p->db, error, "UPDATE project SET width = ?, height = ?", "ii", width, height), error);
}

gint64 kl_track_id(KlTrack *t) {
  return t->id;
}
KlTrackKind kl_track_kind(KlTrack *t) {
  return t->kind;
}
const char *kl_track_name(KlTrack *t) {
  return t->name;
}
bool kl_track_muted(KlTrack *t) {
  return t->muted;
}
GListModel *kl_track_clips(KlTrack *t) {
  return G_LIST_MODEL(t->clips);
}

gint64 kl_clip_id(KlClip *c) {
  return c->id;
}
KlTrack *kl_clip_track(KlClip *c) {
  return c->project ? g_hash_table_lookup(c->project->track_by_id, &c->track) : NULL;
}
KlAsset *kl_clip_asset(KlClip *c) {
  return c->project ? kl_project_asset(c->project, c->asset) : NULL;
}
const KlClipPlace *kl_clip_where(KlClip *c) {
  return &c->place;
}

/* ---- objects ---- */

static void kl_track_finalize(GObject *object) {
  KlTrack *t = KL_TRACK(object);
  g_free(t->name);
  g_object_unref(t->clips);
  G_OBJECT_CLASS(kl_track_parent_class)->finalize(object);
}

static void kl_track_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlTrack *t = KL_TRACK(object);
  if (id == T_NAME)
    g_value_set_string(value, t->name);
  else if (id == T_MUTED)
    g_value_set_boolean(value, t->muted);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static const GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

static void kl_track_class_init(KlTrackClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  c->finalize = kl_track_finalize;
  c->get_property = kl_track_get_property;
  track_props[T_NAME] = g_param_spec_string("name", NULL, NULL, "", ro);
  track_props[T_MUTED] = g_param_spec_boolean("muted", NULL, NULL, FALSE, ro);
  g_object_class_install_properties(c, N_TRACK_PROPS, track_props);
}

static void kl_track_init(KlTrack *t) {
  t->clips = g_list_store_new(KL_TYPE_CLIP);
}

static void kl_clip_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  const KlClipPlace *v = &KL_CLIP(object)->place;
  switch (id) {
  case C_START:
    g_value_set_int64(value, v->start);
    break;
  case C_LENGTH:
    g_value_set_int64(value, v->length);
    break;
  case C_IN:
    g_value_set_double(value, v->in);
    break;
  case C_FADE:
    g_value_set_int64(value, v->fade);
    break;
  case C_GAIN_DB:
    g_value_set_double(value, v->gain_db);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_clip_class_init(KlClipClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  c->get_property = kl_clip_get_property;
  clip_props[C_START] = g_param_spec_int64("start", NULL, NULL, 0, G_MAXINT64, 0, ro);
  clip_props[C_LENGTH] = g_param_spec_int64("length", NULL, NULL, 0, G_MAXINT64, 0, ro);
  clip_props[C_IN] = g_param_spec_double("in", NULL, NULL, 0, G_MAXDOUBLE, 0, ro);
  clip_props[C_FADE] = g_param_spec_int64("fade", NULL, NULL, 0, G_MAXINT64, 0, ro);
  clip_props[C_GAIN_DB] = g_param_spec_double("gain-db", NULL, NULL, -60, 12, 0, ro);
  g_object_class_install_properties(c, N_CLIP_PROPS, clip_props);
}

static void kl_clip_init(KlClip *c) {
  c->place.length = 1;
}
