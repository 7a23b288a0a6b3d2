/* Timings of the engine's parts, for `kinoloom bench`. */
#pragma once

#include "app/core/gerr.h"
#include "engine/base/cancel.h"

typedef struct {
  char name[64];
  double seconds;        /* by the clock, of the measured work */
  double gflops;         /* 10^9 operations a second that it reached */
  double ceiling_gflops; /* what the machine was measured to reach */
  double share;          /* gflops / ceiling_gflops */
  double busy_share;     /* the same by processor time: steady on a machine that others use too */
  guint64 peak_bytes;
  double real_time;      /* of streams: seconds of video made in a second; 0: not a stream */
  double real_time_busy; /* the same by processor time, as if nobody else used the machine */
  double sample_seconds, decode_seconds, upscale_seconds,
      encode_seconds; /* of streams: where the time went */
  char dtype[16];
  int threads;
} KlBenchRow;

/* Calls `row` for every benchmark as it ends. only: the name of one, or the beginning of names; NULL: all.
 * threads: 0 = all. KL_ERROR_USAGE: nothing has that name. KL_ERROR_CANCELLED. */
bool kl_bench_run(const char *only, int threads, void (*row)(void *user, const KlBenchRow *row), void *user,
                  const KlCancel *cancel, GError **error);
