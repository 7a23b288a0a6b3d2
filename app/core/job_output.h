/* The file that a render writes: encoder, sink, the sum of each chunk's bytes. Used by the runner only. */
#pragma once

#include "app/core/job_plan.h"
#include "app/core/ledger.h"
#include "media/encode.h"

#include <sys/stat.h>

typedef struct {
  const char *path; /* as asked, "-" for standard output */
  char *written;    /* where the bytes go: a still has another name until it is whole */
  bool pipe, files, still;
  KlFileSink *sink;
  KlEncoder *encoder;
  GChecksum *sum;   /* of the chunk at work */
  struct stat id;   /* of the file we opened */
  gint64 committed; /* bytes that the ledger vouches for */
  bool made;        /* nothing was at `path` before */
  bool dark;        /* every frame so far was black */
} KlJobOutput;

/* What the file system says before anything is loaded: the folder is there and may be written, the path is
 * not a folder. KL_ERROR_IO, KL_ERROR_USAGE. */
bool kl_job_output_check(const char *path, GError **error);
/* Whether something is at the path (a PNG sequence: its first frame). */
bool kl_job_output_exists(const char *path);
/* Opens at `offset`; what lies behind it is cut off. */
bool kl_job_output_open(KlJobOutput *o, const KlJobPlan *plan, const char *path, gint64 offset,
                        const KlCancel *cancel, GError **error);
bool kl_job_output_chunk_begin(KlJobOutput *o, gint64 chunk, gint64 first_frame, KlErr *err);
bool kl_job_output_push(KlJobOutput *o, const float *rgb, size_t n, KlErr *err);
/* The chunk is on the disk; *offset and sha256 are for the ledger. */
bool kl_job_output_chunk_end(KlJobOutput *o, gint64 *offset, char sha256[65], KlErr *err);
/* The end of the file; a still gets its name. */
bool kl_job_output_finish(KlJobOutput *o, GError **error);
/* After an error: closes, and cuts back to what is committed, if the file is still ours. */
void kl_job_output_abandon(KlJobOutput *o);
void kl_job_output_clear(KlJobOutput *o);

/* How many leading chunks of the ledger are in the file with their sums; *missing: nothing is at the path. */
int kl_job_output_intact(const char *path, KlLedger *l, bool *missing, const KlCancel *cancel,
                         GError **error);
