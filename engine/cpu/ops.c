#include "engine/cpu/cpu.h"

static const KlCpuOp *const table[KL_OPS] = {
    [KL_OP_LINEAR] = &kl_cpu_linear,
    [KL_OP_CONV] = &kl_cpu_conv,
    [KL_OP_NORM] = &kl_cpu_norm,
    [KL_OP_ADD] = &kl_cpu_add,
    [KL_OP_MUL] = &kl_cpu_mul,
    [KL_OP_GATED_ADD] = &kl_cpu_gated_add,
    [KL_OP_AFFINE] = &kl_cpu_affine,
    [KL_OP_ACTIVATION] = &kl_cpu_activation,
    [KL_OP_ATTENTION] = &kl_cpu_attention,
    [KL_OP_EMBED] = &kl_cpu_embed,
    [KL_OP_COPY] = &kl_cpu_copy,
    [KL_OP_PERMUTE] = &kl_cpu_permute,
    [KL_OP_CONCAT] = &kl_cpu_concat,
    [KL_OP_UPSAMPLE] = &kl_cpu_upsample,
};

const KlCpuOp *kl_cpu_op(KlOp op) {
  return (unsigned)op < KL_OPS ? table[op] : NULL;
}

bool kl_cpu_tasks(KlCpu *c, size_t tasks, KlTask fn, void *ctx, const KlCancel *cancel, KlErr *err) {
  return kl_pool_run(c->pool, tasks, fn, ctx, cancel) || kl_fail(err, KL_ERR_CANCELLED, "cancelled");
}

KlRows kl_cpu_rows(const KlTensor *t) {
  size_t size = kl_dtype_block_bytes(t->dtype);
  KlRows v = {.base = kl_data(t),
              .outer = t->ndim - 1,
              .rows = kl_rows(t),
              .cols = kl_cols(t),
              .size = size,
              .dtype = t->dtype,
              .dense = kl_is_contiguous(t)};
  for (int d = 0; d < v.outer; d++) {
    v.shape[d] = t->shape[d];
    v.stride[d] = t->stride[d] * (int64_t)size;
  }
  /* Join dimensions that step evenly; drop those of one element. */
  int n = 0;
  for (int d = 0; d < v.outer; d++) {
    if (v.shape[d] == 1) continue;
    if (n && v.stride[n - 1] == v.stride[d] * v.shape[d]) {
      v.shape[n - 1] *= v.shape[d];
      v.stride[n - 1] = v.stride[d];
    } else {
      v.shape[n] = v.shape[d];
      v.stride[n++] = v.stride[d];
    }
  }
  if (!n) v.shape[0] = 1, v.stride[0] = 0, n = 1;
  v.outer = n;
  return v;
}
