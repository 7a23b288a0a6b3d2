/* From the project's rows to a timeline of its own. */
#include "app/core/film/timeline.h"

#include <math.h>

static KlTimelineSource source_of(KlProject *p, KlAsset *a) {
  KlTimelineSource s = {.name = (char *)kl_asset_name(a),
                        .path = (char *)kl_asset_path(a),
                        .kind = kl_asset_kind(a),
                        .frames = kl_asset_frames(a),
                        .duration = kl_asset_duration(a),
                        .has_audio = kl_asset_has_audio(a)};
  kl_asset_size(a, &s.width, &s.height);
  kl_asset_rate(a, &s.fps_num, &s.fps_den);
  KlRender *r = kl_asset_render(a) ? kl_project_render(p, kl_asset_render(a)) : NULL;
  if (r) {
    s.job = kl_job_serialise(kl_render_job(r), false);
    s.synthetic = true;
  }
  return s;
}

static guint index_of(KlTimeline *t, GHashTable *seen, KlProject *p, KlAsset *a) {
  gpointer known;
  if (g_hash_table_lookup_extended(seen, a, NULL, &known)) return GPOINTER_TO_UINT(known);
  KlTimelineSource s = source_of(p, a);
  guint i = kl_timeline_add_source(t, &s);
  g_free(s.job);
  g_hash_table_insert(seen, a, GUINT_TO_POINTER(i));
  return i;
}

/* The size of the first picture, in the order of tracks. */
static void size_of_first(KlTimeline *t) {
  for (guint i = 0; i < t->tracks->len && !t->width; i++) {
    const KlTimelineTrack *track = t->tracks->pdata[i];
    for (guint k = 0; k < track->clips->len && !t->width; k++) {
      const KlTimelineSource *s = t->sources->pdata[g_array_index(track->clips, KlTimelineClip, k).source];
      t->width = s->width;
      t->height = s->height;
    }
  }
  if (!t->width || !t->height) {
    t->width = 1280;
    t->height = 720;
  }
}

KlTimeline *kl_timeline_of_project(KlProject *p) {
  int num, den, w, h;
  kl_project_rate(p, &num, &den);
  kl_project_frame_size(p, &w, &h);
  KlTimeline *t = kl_timeline_new(num, den, w, h);
  t->title = g_strdup(kl_project_title(p));
  g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
  GListModel *tracks = kl_project_tracks(p);
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) row = g_list_model_get_item(tracks, i);
    KlTimelineTrack *track = kl_timeline_add_track(t, kl_track_kind(row), kl_track_muted(row));
    GListModel *clips = kl_track_clips(row);
    for (guint k = 0; k < g_list_model_get_n_items(clips); k++) {
      g_autoptr(KlClip) clip = g_list_model_get_item(clips, k);
      const KlClipPlace *at = kl_clip_where(clip);
      KlTimelineClip c = {.source = index_of(t, seen, p, kl_clip_asset(clip)),
                          .start = at->start,
                          .length = at->length,
                          .fade = at->fade,
                          .in = at->in,
                          .level = kl_timeline_level(at->gain_db)};
      kl_timeline_add_clip(t, track, &c);
    }
  }
  size_of_first(t);
  return t;
}

KlTimeline *kl_timeline_of_asset(KlProject *p, KlAsset *a) {
  KlTimelineSource s = source_of(p, a);
  bool timed = s.kind == KL_ASSET_VIDEO && s.fps_num > 0;
  int num = timed ? s.fps_num : 25, den = timed ? s.fps_den : 1;
  KlTimeline *t = kl_timeline_new(num, den, s.width, s.height);
  gint64 length = timed && s.frames > 0 ? s.frames : llround(s.duration * num / den);
  KlTimelineClip c = {.source = kl_timeline_add_source(t, &s), .length = MAX(length, 1), .level = 1};
  g_free(s.job);
  KlTrackKind kind = s.kind == KL_ASSET_AUDIO ? KL_TRACK_AUDIO : KL_TRACK_VIDEO;
  kl_timeline_add_clip(t, kl_timeline_add_track(t, kind, false), &c);
  t->title = g_strdup(kl_asset_name(a));
  size_of_first(t);
  return t;
}
