#include "engine/cpu/attention/attention.h"

#include "engine/cpu/attention/args.h"

static KlAttnRows rows(const KlTensor *t) {
  return (KlAttnRows){kl_data(t), t->dtype == KL_BF16, t->stride[0], t->stride[1]};
}

KlAttn kl_attn_args(const KlTensor *node) {
  KlTensor *const *src = node->src;
  const KlAttentionParams *p = node->params;
  const KlTensor *q = src[KL_ATTN_Q], *allow = src[KL_ATTN_ALLOW], *rel = src[KL_ATTN_REL_BIAS];
  KlAttn a = {
      .nq = q->shape[0],
      .heads = q->shape[1],
      .d = q->shape[2],
      .q = rows(q),
      .out = rows(node),
      .q_rope = kl_data(src[KL_ATTN_Q_ROPE]),
      .q_labels = kl_data(src[KL_ATTN_Q_LABELS]),
      .map = kl_data(src[KL_ATTN_MAP_SRC]),
      .scale = p->scale,
      .normaliser = p->normaliser,
      .segments = p->segments,
  };
  if (allow) {
    a.allow = kl_data(allow);
    a.allow_q = allow->shape[0];
    a.allow_k = allow->shape[1];
  }
  if (rel && kl_data(rel)) {
    a.rel_bias = (const float *)kl_data(rel) + (rel->shape[1] + 1) / 2 - 1;
    a.rel_stride = rel->stride[0];
  }
  for (int i = 0; i < a.segments; i++) {
    KlTensor *const *s = src + KL_ATTN_SEG0 + 4 * i;
    a.seg[i] = (KlAttnSeg){.k = rows(s[0]),
                           .v = rows(s[1]),
                           .rope = kl_data(s[2]),
                           .labels = kl_data(s[3]),
                           .n = s[0]->shape[0],
                           .first = a.nk,
                           .bias = p->bias[i]};
    a.nk += a.seg[i].n;
  }
  return a;
}

static const KlAttnKernel *kernel(const KlTensor *node, KlCpuLevel level) {
#if defined(__x86_64__)
  switch (level) {
  case KL_CPU_AVX2:
    return &kl_attn_f32_avx2;
  case KL_CPU_AVX512BF16:
    if (node->dtype == KL_BF16) return &kl_attn_bf16_avx512;
    return &kl_attn_f32_avx512;
  case KL_CPU_AVX512:
    return &kl_attn_f32_avx512;
  case KL_CPU_SCALAR:
    break;
  }
#endif
  return &kl_attn_scalar;
}

static bool empty(const KlAttn *a) {
  return a->nq == 0 || a->heads == 0 || a->d == 0;
}

size_t kl_attention_scratch(const KlTensor *node, int threads, KlCpuLevel level) {
  KlAttn a = kl_attn_args(node);
  return empty(&a) ? 0 : kernel(node, level)->scratch(&a, threads);
}

bool kl_attention_run(const KlTensor *node, KlPool *pool, KlCpuLevel level, void *scratch,
                      const KlCancel *cancel) {
  KlAttn a = kl_attn_args(node);
  if (empty(&a)) return !kl_cancelled(cancel);
  return kernel(node, level)->run(&a, pool, scratch, cancel);
}
