/* How fast this machine multiplies matrices: the measure for everything else. */
#pragma once

#include "engine/graph/backend.h"

typedef struct {
  double wall;    /* GFLOP/s by the clock: what a user sees, low when others use the machine too */
  double per_cpu; /* GFLOP per second of processor time: of one thread, whatever else runs */
} KlCeiling;

/* Products of 2048 x 2048 matrices of `type` (KL_F32 or KL_BF16) on all threads of a CPU backend for about a
 * second; the best of three. bf16 on a machine without its arithmetic is measured as it would run, in f32.
 * KL_ERR_OOM. */
bool kl_cpu_ceiling(KlBackend *b, KlDtype type, KlCeiling *out, KlErr *err);
