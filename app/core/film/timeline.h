/* A timeline that does not change: what is shown and heard when, copied out of a project, so that a worker
 * can play or export it while the person edits on. Reference counted; once built it is only read, from any
 * thread.
 *
 * Times are frames of the timeline's rate. Rules: among video tracks the first is on top, and a clip covers
 * all that lies under it; sound of all tracks is mixed. Clips of a track do not overlap but for a crossfade,
 * `fade` frames at the beginning of the later one; where nothing lies before it, it fades in from what is
 * under it. */
#pragma once

#include "app/core/project/project.h"
#include "engine/base/cancel.h"

typedef struct {
  char *name; /* for people */
  char *path; /* NULL: the file is missing */
  KlAssetKind kind;
  int width, height;
  int fps_num, fps_den; /* 0/1: a still, sound, or not known */
  gint64 frames;        /* 0: not known */
  double duration;      /* seconds, 0 for stills */
  bool has_audio;
  char *job; /* JSON of the job that made it, NULL: none or not looked for */
  bool synthetic;
} KlTimelineSource;

typedef struct {
  guint source; /* index */
  gint64 start, length, fade;
  double in;    /* seconds into the source */
  double level; /* of its sound: factor, 0 silent */
} KlTimelineClip;

typedef struct {
  KlTrackKind kind;
  bool muted;
  GArray *clips; /* KlTimelineClip in order of start */
} KlTimelineTrack;

typedef struct {
  gint refs;
  char *title; /* NULL: none */
  int fps_num, fps_den;
  int width, height;
  gint64 length;      /* frames, to the end of the last clip */
  GPtrArray *sources; /* KlTimelineSource */
  GPtrArray *tracks;  /* KlTimelineTrack */
} KlTimeline;

/* Empty; rate and size as the finished film has them. */
KlTimeline *kl_timeline_new(int fps_num, int fps_den, int width, int height);
/* Building, before it is shared. Strings are copied. The clips of a track are added in order of start. */
guint kl_timeline_add_source(KlTimeline *t, const KlTimelineSource *s);
KlTimelineTrack *kl_timeline_add_track(KlTimeline *t, KlTrackKind kind, bool muted);
void kl_timeline_add_clip(KlTimeline *t, KlTimelineTrack *track, const KlTimelineClip *c);

/* Of a project as it is now; main thread. Without a rate or size of its own it takes those of the first clip.
 */
KlTimeline *kl_timeline_of_project(KlProject *p);
/* One whole asset, at its own rate and size; main thread. */
KlTimeline *kl_timeline_of_asset(KlProject *p, KlAsset *a);
/* One whole file, which is probed. KL_ERROR_INPUT, KL_ERROR_CANCELLED. */
KlTimeline *kl_timeline_of_file(const char *path, const KlCancel *cancel, GError **error);

/* -60 dB and less is silence. */
double kl_timeline_level(double gain_db);
KlTimeline *kl_timeline_ref(KlTimeline *t);
void kl_timeline_unref(KlTimeline *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTimeline, kl_timeline_unref)
