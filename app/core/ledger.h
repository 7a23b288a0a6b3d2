/* The chunk ledger: what makes a render survive `kill -9`. SQLite tables with the job, and for every finished
 * chunk its latents, prompt, drift and the length of the output after it; and the state of the run after the
 * newest chunk, or nothing, when it is so large that replaying the latents is the better way. They are a file
 * of their own (rollback journal) for the plain command, or lie in a project, for one of its renders.
 *
 * Order of a chunk: bytes to the output, output to the disk, then one transaction here that is on the disk
 * when it returns. So what the ledger says of the output is true at every instant; what lies behind it is cut
 * off on resume. In a project the bulk goes in before, piece by piece, and the transaction only says that it
 * holds: others wait for the file a few milliseconds at most. One thread at a time. */
#pragma once

#include "app/core/gerr.h"

typedef struct KlLedger KlLedger;

typedef struct {
  char *spec, *model, *identity, *engine, *device, *output;
  guint64 memory_budget;
  gint64 frames;
  int chunks, chunk_latents; /* latent frames a chunk */
} KlLedgerJob;               /* strings owned by the ledger (read) or the caller (write) */

typedef struct {
  int index;
  gint64 first_frame;
  int frames;
  int latent_frames, channels, height, width;
  const float *latents; /* borrowed: until the next call on the ledger, when read */
  const char *prompt;
  double drift_mean, drift_var;
  gint64 offset;
  char sha256[65];
  double seconds;
  GBytes *thumbnail; /* PNG or NULL; for writing only */
} KlLedgerChunk;

/* Where the ledger of an output lies: $XDG_STATE_HOME/kinoloom/renders/<sum of the absolute path>.kinoloom. A
 * new string. */
char *kl_ledger_path(const char *output);

/* Opens the ledger at `path` and takes its lock. create: an old one is thrown away and `job` is written;
 * otherwise it must be there. KL_ERROR_BUSY: another process has it. KL_ERROR_INPUT: absent, damaged, or from
 * a newer version; it is then left as it is. KL_ERROR_IO: the folder cannot be written. */
KlLedger *kl_ledger_create(const char *path, const KlLedgerJob *job, GError **error);
KlLedger *kl_ledger_open(const char *path, GError **error);
void kl_ledger_close(KlLedger *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLedger, kl_ledger_close)

/* That of a render in a project, whose lock the caller holds. It may have no run yet. KL_ERROR_INPUT,
 * KL_ERROR_IO. */
KlLedger *kl_ledger_in_project(const char *project, gint64 render, GError **error);
bool kl_ledger_has_run(const KlLedger *l);
/* Writes the job of a render in a project; an older run of it is gone. Of a parent (0: none) it takes over
 * the chunks before from_chunk that this job divides alike. KL_ERROR_INPUT: the parent was made by another
 * model. */
bool kl_ledger_begin(KlLedger *l, const KlLedgerJob *job, gint64 parent, int from_chunk, GError **error);
/* The render is finished: drops what is only needed to sample on. Latents stay, in a project. */
bool kl_ledger_finish(KlLedger *l, GError **error);

/* NULL: no run yet. */
const KlLedgerJob *kl_ledger_job(const KlLedger *l);
/* Finished chunks: 0 .. n-1. */
int kl_ledger_chunks(const KlLedger *l);
/* Whether there is anything to go on from: a chunk, or a state. */
bool kl_ledger_begun(KlLedger *l);
bool kl_ledger_chunk(KlLedger *l, int index, KlLedgerChunk *out, GError **error);
/* Commits chunk kl_ledger_chunks(l) and, with it, the state after it (NULL: replay will do). The older state
 * goes. */
bool kl_ledger_commit(KlLedger *l, const KlLedgerChunk *c, const void *state, size_t bytes, GError **error);
/* Replaces the state without a new chunk: a clip that is sampled as a whole got one denoising step further.
 */
bool kl_ledger_save(KlLedger *l, const void *state, size_t bytes, GError **error);
/* New place of a chunk that was written again (another encoder, a lost file). */
bool kl_ledger_move(KlLedger *l, int index, gint64 offset, const char *sha256, GError **error);
/* The newest state, which is one after kl_ledger_chunks chunks; *bytes NULL: there is none. Freed with
 * g_free. KL_ERROR_INPUT: damaged. */
bool kl_ledger_state(KlLedger *l, void **bytes, size_t *n, GError **error);
/* Closes and removes the ledger and its lock: the render is finished or given up. In a project: its run is
 * gone, with its chunks; others that share their latents keep them. */
void kl_ledger_remove(KlLedger *l);
