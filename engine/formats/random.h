/* Random weights by the gigabyte: normal values cut from a pool. Internal to engine/formats and tests/tools.
 */
#pragma once

#include "engine/base/err.h"
#include "engine/graph/dtype.h"

#include <stddef.h>
#include <stdint.h>

/* Up to 64 Ki values are independent; longer tensors repeat runs of 32 of them, picked at random. */
typedef struct {
  KlDtype dtype;
  uint8_t *pool; /* kl_free through kl_random_end */
  size_t blocks; /* blocks in the pool: of 32 elements */
  uint64_t state;
  bool picks; /* the tensor is longer than the pool */
  size_t next;
} KlRandom;

/* For a tensor of `total` elements N(mean, std^2) of type F32, F16, BF16 or Q8_0. The values depend on name
 * and seed only (and on the type's rounding). KL_ERR_OOM, KL_ERR_UNSUPPORTED. */
bool kl_random_begin(KlRandom *r, KlDtype dtype, size_t total, float mean, float std, const char *name,
                     uint64_t seed, KlErr *err);
/* The next n elements; n is a multiple of 32 except in the last call. */
void kl_random_next(KlRandom *r, void *out, size_t n);
void kl_random_end(KlRandom *r);
