/* What the targets of model files have in common. */
#pragma once

#include "engine/formats/weights_internal.h"

#include <stdlib.h>

/* Opens the bytes as a model of one file, and asks it everything. */
static inline void fuzz_weights(const uint8_t *data, size_t size) {
  const void *bytes = data;
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  if (!kl_weights_open_memory(&bytes, &size, 1, &w, &err)) {
    if (w || err.code == KL_ERR_NONE || !err.msg[0]) abort();
    return;
  }
  size_t sum = 0;
  for (size_t i = 0; i < kl_weights_count(w); i++) {
    KlTensor *t = kl_weights_at(w, i);
    size_t n, bytes_of;
    if (kl_weights_find(w, kl_weights_name(w, i)) != t) abort();
    if (!kl_shape_count(t->ndim, t->shape, &n) || !kl_dtype_bytes(t->dtype, n, &bytes_of)) abort();
    const unsigned char *p = kl_data(t);
    for (size_t b = 0; b < bytes_of; b++) sum += p[b]; /* every byte that it promises is there */
  }
  if (sum == SIZE_MAX) abort();
  char text[16];
  kl_weights_config_int(w, "dim", -1);
  kl_weights_config_num(w, "shift", 1);
  kl_weights_config_str(w, "kind", text, sizeof text);
  kl_weights_need(w, "patch_embedding.weight", 5, (const int64_t[]){-1, 16, 1, 2, 2}, &err);
  kl_weights_check(w, &err);
  kl_weights_drop(w, NULL);
  kl_weights_free(&w);
}
