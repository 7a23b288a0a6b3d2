/* The chunk ledger: what makes a render survive `kill -9`. An SQLite file (rollback journal,
 * synchronous=FULL) with the job, and for every finished chunk its latents, prompt, drift and the length of
 * the output after it; and the state of the run after the newest chunk, or nothing, when it is so large that
 * replaying the latents is the better way.
 *
 * Order of a chunk: bytes to the output, output to the disk, then one transaction here. So what the ledger
 * says of the output is true at every instant; what lies behind it is cut off on resume. A lock beside the
 * ledger keeps a second process away. One thread at a time. */
#pragma once

#include "app/core/gerr.h"

typedef struct KlLedger KlLedger;

typedef struct {
  char *spec, *model, *identity, *engine, *device, *output;
  guint64 memory_budget;
  gint64 frames;
  int chunks;
} KlLedgerJob; /* strings owned by the ledger (read) or the caller (write) */

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
/* Closes and removes the ledger and its lock: the render is finished or given up. */
void kl_ledger_remove(KlLedger *l);
