/* Timings of the engine's heavy parts at real sizes, with random weights: what `kinoloom bench` shows.
 *
 * Each case runs in a process of its own, so that its memory peak is its own and a cancel needs no polling
 * inside. Weights lie in a nameless temporary file ($TMPDIR or /var/tmp, up to 3 GB) and are mapped like a
 * checkpoint. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"
#include "engine/graph/dtype.h"

#include <stddef.h>

typedef struct {
  const char *name; /* "wan-vae-decode" */
  const char *what; /* one line of English */
} KlBenchCase;

/* All cases, in the order to show them. *n: how many. Static storage. */
const KlBenchCase *kl_bench_cases(size_t *n);

typedef struct {
  double
      seconds;   /* by the clock, of the measured work alone (weights packed before; umt5 packs as it goes) */
  double gflops; /* 10^9 operations a second by the clock */
  double
      ceiling_gflops; /* what products of 2048 x 2048 matrices reached just before or after, by the clock */
  double ceiling_per_cpu; /* the same by processor time, of one processor */
  double share;           /* gflops / ceiling_gflops */
  double busy_share; /* the same by processor time: steady on a shared machine, but blind to idle threads */
  size_t peak_bytes; /* growth of the resident set over that of the process before the case, at its highest */
  KlDtype dtype;     /* of the products */
  int threads;
} KlBenchResult;

/* Runs one case. threads: 0 = all processors. dtype: KL_BF16 (the cases' own choice) or KL_F32; what the
 * machine cannot do is reported as it was done. Call it while no other thread of the process is in the
 * engine: it forks. KL_ERR_INVALID: no such case. KL_ERR_CANCELLED within 100 ms. KL_ERR_IO, KL_ERR_OOM. */
bool kl_bench_case_run(const char *name, int threads, KlDtype dtype, KlBenchResult *out,
                       const KlCancel *cancel, KlErr *err);
