/* A node of attention, taken apart: what every implementation reads instead of tensors. Strides are in
 * elements. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/mem.h"
#include "engine/base/pool.h"
#include "engine/graph/graph.h"

typedef struct {
  const char *base;
  bool bf16; /* else f32 */
  int64_t row, head;
} KlAttnRows;

/* Element 0 of one head of one row. */
static inline const void *kl_attn_at(const KlAttnRows *r, int64_t row, int64_t head) {
  return r->base + (row * r->row + head * r->head) * (r->bf16 ? 2 : 4);
}

typedef struct {
  KlAttnRows k, v;
  const float *rope;     /* [n, d] cos, sin of each pair, or NULL */
  const int32_t *labels; /* [n]; NULL if there is no mask */
  int64_t n;
  int64_t first; /* the number of its first key, over all segments */
  float bias;
} KlAttnSeg;

typedef struct {
  int64_t nq, nk, heads, d;
  KlAttnRows q, out;
  const float *q_rope;
  const int32_t *q_labels;
  const int32_t *allow; /* [allow_q, allow_k] or NULL */
  int64_t allow_q, allow_k;
  const float *rel_bias; /* element m - 1 of head 0, so that [key - query] is the bias; or NULL */
  int64_t rel_stride;    /* from head to head */
  const float *map;      /* [heads, nq, nk] or NULL */
  float scale;
  KlAttnNormaliser normaliser;
  int segments;
  KlAttnSeg seg[KL_ATTN_SEGMENTS];
} KlAttn;

KlAttn kl_attn_args(const KlTensor *node);

/* Whether keys of label k are visible to queries of label q. */
static inline bool kl_attn_visible(const KlAttn *a, int32_t q, int32_t k) {
  return q >= 0 && q < a->allow_q && k >= 0 && k < a->allow_k && a->allow[q * a->allow_k + k];
}

/* One implementation. */
typedef struct {
  size_t (*scratch)(const KlAttn *a, int threads);
  bool (*run)(const KlAttn *a, KlPool *pool, void *scratch, const KlCancel *cancel);
} KlAttnKernel;

extern const KlAttnKernel kl_attn_scalar, kl_attn_f32_avx2, kl_attn_f32_avx512, kl_attn_bf16_avx512;
