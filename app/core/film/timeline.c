#include "app/core/film/timeline.h"
#include "app/core/inspect.h"

#include <math.h>

static void source_free(gpointer data) {
  KlTimelineSource *s = data;
  g_free(s->name);
  g_free(s->path);
  g_free(s->job);
  g_free(s);
}

static void track_free(gpointer data) {
  KlTimelineTrack *t = data;
  g_array_unref(t->clips);
  g_free(t);
}

KlTimeline *kl_timeline_new(int fps_num, int fps_den, int width, int height) {
  KlTimeline *t = g_new0(KlTimeline, 1);
  t->refs = 1;
  t->fps_num = fps_num;
  t->fps_den = fps_den;
  t->width = width;
  t->height = height;
  t->sources = g_ptr_array_new_with_free_func(source_free);
  t->tracks = g_ptr_array_new_with_free_func(track_free);
  return t;
}

guint kl_timeline_add_source(KlTimeline *t, const KlTimelineSource *s) {
  KlTimelineSource *copy = g_memdup2(s, sizeof *s);
  copy->name = g_strdup(s->name);
  copy->path = g_strdup(s->path);
  copy->job = g_strdup(s->job);
  g_ptr_array_add(t->sources, copy);
  return t->sources->len - 1;
}

KlTimelineTrack *kl_timeline_add_track(KlTimeline *t, KlTrackKind kind, bool muted) {
  KlTimelineTrack *track = g_new0(KlTimelineTrack, 1);
  track->kind = kind;
  track->muted = muted;
  track->clips = g_array_new(FALSE, FALSE, sizeof(KlTimelineClip));
  g_ptr_array_add(t->tracks, track);
  return track;
}

void kl_timeline_add_clip(KlTimeline *t, KlTimelineTrack *track, const KlTimelineClip *c) {
  g_array_append_val(track->clips, *c);
  t->length = MAX(t->length, c->start + c->length);
}

double kl_timeline_level(double gain_db) {
  return gain_db <= -60 ? 0 : pow(10, gain_db / 20);
}

KlTimeline *kl_timeline_of_file(const char *path, const KlCancel *cancel, GError **error) {
  KlMediaInfo info;
  g_autofree char *job = NULL, *name = g_path_get_basename(path), *shown = g_filename_display_name(name);
  if (!kl_inspect_media(path, cancel, &info, &job, error)) return NULL;
  bool timed = info.has_video && !info.still;
  int num = timed && info.fps_num > 0 ? info.fps_num : 25, den = timed && info.fps_num > 0 ? info.fps_den : 1;
  KlTimeline *t =
      kl_timeline_new(num, den, info.has_video ? info.width : 1280, info.has_video ? info.height : 720);
  KlTimelineSource s = {.name = shown,
                        .path = (char *)path,
                        .kind = timed            ? KL_ASSET_VIDEO
                                : info.has_video ? KL_ASSET_IMAGE
                                                 : KL_ASSET_AUDIO,
                        .width = info.width,
                        .height = info.height,
                        .fps_num = timed ? info.fps_num : 0,
                        .fps_den = timed ? info.fps_den : 1,
                        .frames = MAX(info.frames, 0),
                        .duration = MAX(info.duration, 0),
                        .has_audio = info.has_audio,
                        .job = job,
                        .synthetic = info.synthetic};
  gint64 length = s.frames > 0 && timed ? s.frames : llround(s.duration * num / den);
  KlTimelineClip c = {.source = kl_timeline_add_source(t, &s), .length = MAX(length, 1), .level = 1};
  KlTimelineTrack *track = kl_timeline_add_track(t, info.has_video ? KL_TRACK_VIDEO : KL_TRACK_AUDIO, false);
  kl_timeline_add_clip(t, track, &c);
  t->title = g_strdup(shown);
  return t;
}

KlTimeline *kl_timeline_ref(KlTimeline *t) {
  g_atomic_int_inc(&t->refs);
  return t;
}

void kl_timeline_unref(KlTimeline *t) {
  if (!t || !g_atomic_int_dec_and_test(&t->refs)) return;
  g_ptr_array_unref(t->sources);
  g_ptr_array_unref(t->tracks);
  g_free(t->title);
  g_free(t);
}
