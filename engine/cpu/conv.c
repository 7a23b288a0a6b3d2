#include "engine/cpu/matmul.h"

KlConvShape kl_conv_shape(const KlTensor *node) {
  const KlTensor *x = node->src[KL_MM_X], *w = node->src[KL_MM_W], *hist = node->src[KL_MM_HISTORY];
  bool flat = w->ndim == 4;
  return (KlConvShape){
      .t = x->shape[0],
      .h = x->shape[1],
      .w = x->shape[2],
      .c = x->shape[3],
      .hist = hist ? hist->shape[0] : 0,
      .to = node->shape[0],
      .ho = node->shape[1],
      .wo = node->shape[2],
      .o = node->shape[3],
      .kt = flat ? 1 : w->shape[2],
      .kh = w->shape[flat ? 2 : 3],
      .kw = w->shape[flat ? 3 : 4],
      .p = node->params,
  };
}

const char *kl_conv_frame(const KlTensor *node, const KlConvShape *s, int64_t f) {
  const KlTensor *from = node->src[f < s->hist ? KL_MM_HISTORY : KL_MM_X];
  if (f >= s->hist) f -= s->hist;
  return (const char *)kl_data(from) + f * from->stride[0] * (int64_t)kl_dtype_block_bytes(from->dtype);
}

static bool supports(const KlCpu *c, const KlTensor *node) {
  KlDtype x = node->src[KL_MM_X]->dtype;
  return (x == KL_F32 || x == KL_BF16) && node->src[KL_MM_W]->dtype <= KL_BF16;
}

static size_t scratch(const KlCpu *c, const KlTensor *node) {
  return c->dnn ? kl_conv_dnn_scratch(c, node) : kl_conv_scalar_scratch(c, node);
}

static bool prepare(KlCpu *c, KlTensor *node, KlErr *err) {
  return c->dnn ? kl_conv_dnn_prepare(c, node, err) : kl_conv_scalar_prepare(c, node, err);
}

static bool run(KlCpu *c, KlTensor *node, void *mem, const KlCancel *cancel, KlErr *err) {
  return c->dnn ? kl_conv_dnn_run(c, node, mem, cancel, err) : kl_conv_scalar_run(c, node, mem, cancel, err);
}

const KlCpuOp kl_cpu_conv = {supports, scratch, prepare, run};
