#include "engine/graph/tensor.h"

#include "engine/base/mem.h"

#include <stdio.h>

int64_t kl_nelem(const KlTensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
  return n;
}

int64_t kl_rows(const KlTensor *t) {
  int64_t n = 1;
  for (int i = 0; i + 1 < t->ndim; i++) n *= t->shape[i];
  return n;
}

bool kl_is_contiguous(const KlTensor *t) {
  int64_t want = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    if (t->shape[i] != 1 && t->stride[i] != want) return false;
    want *= t->shape[i];
  }
  return true;
}

bool kl_same_shape(const KlTensor *a, const KlTensor *b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

void kl_bind(KlTensor *t) {
  if (!t || !t->base) return;
  t->buf = t->base->buf;
  t->offset = t->base->offset + t->view_offset;
}

const char *kl_op_name(KlOp op) {
  static const char *const names[KL_OPS] = {"leaf",  "linear",    "conv",    "norm",       "add",
                                            "mul",   "gated_add", "affine",  "activation", "attention",
                                            "embed", "copy",      "permute", "concat",     "upsample"};
  return names[op];
}

char *kl_describe(const KlTensor *t, char *out, size_t n) {
  int at = snprintf(out, n, "%s%s%s %s[", kl_op_name(t->op), t->name ? " " : "", t->name ? t->name : "",
                    kl_dtype_name(t->dtype));
  for (int i = 0; i < t->ndim && at >= 0 && (size_t)at < n; i++)
    at += snprintf(out + at, n - (size_t)at, i ? ",%lld" : "%lld", (long long)t->shape[i]);
  if (at >= 0 && (size_t)at < n) snprintf(out + at, n - (size_t)at, "]");
  return out;
}

bool kl_tensor_set(KlTensor *t, KlDtype dtype, int ndim, const int64_t *shape) {
  if (ndim < 1 || ndim > KL_MAX_DIMS) return false;
  size_t n = 1, bytes;
  t->dtype = dtype;
  t->ndim = ndim;
  for (int i = ndim - 1; i >= 0; i--) {
    if (shape[i] < 0) return false;
    t->shape[i] = shape[i];
    t->stride[i] = (int64_t)n;
    /* Sizes stay checked when a dimension is 0, so that strides never overflow. */
    if (!kl_size_mul(n, shape[i] ? (size_t)shape[i] : 1, &n) || n > INT64_MAX / 8) return false;
  }
  return kl_tensor_bytes(t, &bytes);
}

bool kl_tensor_bytes(const KlTensor *t, size_t *bytes) {
  return kl_dtype_bytes(t->dtype, (size_t)kl_nelem(t), bytes) && *bytes <= INT64_MAX;
}
