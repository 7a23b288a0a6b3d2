/* What happens to a project off the main thread, and in the headless command: rendering a job of the project,
 * with the chunk ledger inside the project file. Every finished chunk (latents, state, prompt, drift, offset)
 * is committed there, so that a render goes on after `kill -9` and a lost output is written again. Any
 * thread; each call has a connection of its own. */
#pragma once

#include "app/core/job_runner.h"
#include "app/core/project/project.h"

typedef struct {
  bool overwrite;         /* something else that lies where the output belongs may go */
  const KlJobSpec *local; /* device, threads, memory to use instead of the job's; NULL */
  const KlCancel *cancel;
  void (*event)(void *user, const KlEvent *e); /* in the calling thread; may be NULL */
  void (*frame)(void *user, gint64 index, const float *rgb, int width, int height); /* [height, width, 3] */
  void (*preview)(void *user, const float *rgb, int width, int height); /* while sampling; as KlRunOptions */
  void *user;
} KlStoreRun;

/* Renders the render `id` of the project at `path` in the calling thread: fresh, or onward from its last
 * chunk; takes over the parent's chunks for a re-roll or branch (not where a model makes a video as a whole:
 * then all is made again, which gives the same video, and a note says so). Marks it running, and at the end
 * done, paused (cancelled: the queue may make it KL_RENDER_CANCELLED) or failed; makes the asset, and
 * thumbnails of chunks. A finished one whose output is still what it was is left alone (already_finished);
 * one that is gone is written again from the latents. Takes a lock, so that two processes never render the
 * same one (KL_ERROR_BUSY; then nothing is marked). Errors as kl_job_run, and KL_ERROR_INPUT: no such render.
 * Clear *out in any case. */
bool kl_store_render(const char *path, gint64 id, const KlStoreRun *how, KlRunResult *out, GError **error);

/* A job as the command lists it. */
typedef struct {
  gint64 id;
  KlRenderState state;
  int chunks_done, chunks; /* chunks 0: not planned yet */
  char *prompt, *output;   /* absolute */
  char *error_text;        /* NULL: none */
} KlStoreJob;

typedef struct {
  char *title;
  int version; /* of the file */
  bool read_only;
  gint64 bytes, created;
  int assets, tracks, clips;
  double seconds;  /* of the timeline */
  GPtrArray *jobs; /* KlStoreJob, oldest first, owned */
} KlStoreInfo;

/* KL_ERROR_INPUT: not a project, damaged. */
bool kl_store_info(const char *path, KlStoreInfo *out, GError **error);
void kl_store_info_clear(KlStoreInfo *i);
/* "queued", "running", "paused", "done", "failed", "cancelled". */
const char *kl_render_state_name(KlRenderState s);
/* Whether the file begins like a project of ours; no more is read. */
bool kl_store_is_project(const char *path);
/* The job of a render, and where its output goes (*output a new string; NULL: not wanted). KL_ERROR_INPUT. */
KlJobSpec *kl_store_job(const char *path, gint64 id, char **output, GError **error);

/* Takes away what nothing can bring back: history of edits older than 30 days, then the renders and assets
 * that were removed before the oldest step that is left (their videos in the media folder go to the trash),
 * latents that no chunk speaks of; gives free pages back to the disk. In short transactions with pauses, so
 * it may run beside anything. Runs by itself a while after a project is opened. */
bool kl_store_tidy(const char *path, GError **error);
