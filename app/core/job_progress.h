/* Progress of the pipeline for people: thinned to 10 events a second, with the time left. Used by the runner
 * only. */
#pragma once

#include "app/core/job_runner.h"

typedef struct {
  const KlRunOptions *how;
  KlEvent now;        /* what the next event will say */
  bool whole_clip;    /* all chunks are sampled together, then decoded */
  gint64 began, last; /* monotonic microseconds; last: of the last event, 0: none yet */
  gint64 work_began;  /* 0: still loading */
  double work_from;   /* fraction when work began (a resumed run) */
} KlJobProgress;

void kl_job_progress_init(KlJobProgress *p, const KlRunOptions *how);
/* Loading is over, `done` chunks are there. */
void kl_job_progress_work(KlJobProgress *p, int done, int chunks);
KlProgressSink kl_job_progress_sink(KlJobProgress *p);
/* Sends an event at once. */
void kl_job_progress_send(KlJobProgress *p, KlEventKind kind, const char *text);
