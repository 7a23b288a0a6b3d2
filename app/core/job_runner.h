/* Runs a job: sample, decode, encode, commit, chunk by chunk, in the calling thread. The command calls it
 * from its main thread, the studio from its job thread.
 *
 * What a crash leaves: the output holds whole chunks and perhaps a torn one behind them; the ledger knows
 * where the last whole one ends. Resuming cuts the torn part off and goes on; the file ends up with the bytes
 * of an unbroken run. An output that was lost or changed is written again from the ledger's latents. */
#pragma once

#include "app/core/job_plan.h"
#include "engine/base/cancel.h"
#include "engine/base/progress.h"

typedef enum {
  KL_EVENT_PROGRESS, /* at most 10 a second */
  KL_EVENT_CHUNK,    /* a chunk is in the output and in the ledger */
  KL_EVENT_PLAN,     /* once, before loading: `plan` is set */
  KL_EVENT_WORD,     /* `text` is a word of the prompt that the model does not know */
  KL_EVENT_NOTE,     /* `text` is a sentence for people */
} KlEventKind;

typedef struct {
  KlEventKind kind;
  KlPhase phase;
  int chunk, chunks; /* at work, counted from 0; CHUNK: the one that is finished */
  int step, steps;
  double fraction; /* of the whole job, 0..1 */
  double eta_s;    /* < 0: not known yet */
  double elapsed_s;
  gint64 frames_done, frames, bytes;     /* in the output */
  guint64 peak_bytes;                    /* resident set, at its highest */
  double drift_mean, drift_var, chunk_s; /* CHUNK */
  const char *text;
  const KlJobPlan *plan;
} KlEvent;

typedef struct {
  const char *output; /* a path, or "-": standard output, without a ledger */
  const char *ledger; /* its file; NULL: kl_ledger_path(output) */
  gint64
      render; /* > 0: `ledger` is a project, which has this render and keeps its chunks; goes on by itself */
  gint64 parent; /* of that render, 0: none; its chunks before from_chunk are taken over */
  int from_chunk;
  bool overwrite;   /* an existing output, or an unfinished render of it, may be thrown away */
  bool resume;      /* go on with the unfinished render of this output */
  bool keep_ledger; /* when it is finished */
  const KlCancel *cancel;
  void (*event)(void *user, const KlEvent *e); /* in the calling thread; may be NULL */
  /* Each frame as it is decoded, [height, width, 3] 0..1, borrowed; may be NULL. */
  void (*frame)(void *user, gint64 index, const float *rgb, int width, int height);
  /* While sampling: the estimate of a frame of the chunk at work, at most ten a second and 5 % of the time;
   * not where its memory would not fit. May be NULL. */
  void (*preview)(void *user, const float *rgb, int width, int height);
  void *user;
} KlRunOptions;

typedef struct {
  KlJobSpec *job; /* as it was run */
  char *output;
  gint64 frames, bytes;
  int chunks, resumed_from; /* chunks that were there already; -1: not resumed */
  bool already_finished;    /* --resume of a render that is complete: nothing was done */
  double seconds, load_seconds;
  guint64 peak_bytes;
  GArray *drift; /* double pairs (mean, var), one a chunk */
} KlRunResult;

/* asked: flags over job file, as for kl_job_plan_new. KL_ERROR_EXISTS, KL_ERROR_BUSY, KL_ERROR_IO (output:
 * the ledger stays and the render can be resumed), KL_ERROR_CANCELLED (the same), and all errors of planning
 * and of the pipeline. On any error the output is cut back to its last whole chunk. */
bool kl_job_run(const KlJobSpec *asked, const KlRunOptions *how, KlRunResult *out, GError **error);
void kl_run_result_clear(KlRunResult *r);
