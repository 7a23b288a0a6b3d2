/* What happens to a project off the main thread, and in the headless command: rendering a job of the project,
 * with the chunk ledger inside the project file. Every finished chunk (latents, state, prompt, drift, offset)
 * is committed there, so that a render goes on after `kill -9` and a lost output is written again. */
#pragma once

#include "app/core/job_runner.h"

typedef struct {
  const KlCancel *cancel;
  void (*event)(void *user, const KlEvent *e); /* in the calling thread; may be NULL */
  void (*frame)(void *user, gint64 index, const float *rgb, int width, int height); /* [height, width, 3] */
  void (*preview)(void *user, const float *rgb, int width, int height); /* while sampling; as KlRunOptions */
  void *user;
} KlStoreRun;

/* Renders the render `id` of the project at `path` in the calling thread: fresh, or onward from its last
 * chunk; takes over the parent's chunks for a re-roll or branch. Marks it running, and done, failed, paused
 * or cancelled at the end; makes the asset and the thumbnails of chunks. Takes a lock, so that two processes
 * never render the same one (KL_ERROR_BUSY). Errors as kl_job_run, and KL_ERROR_INPUT: no such render. */
bool kl_store_render(const char *path, gint64 id, const KlStoreRun *how, KlRunResult *out, GError **error);
