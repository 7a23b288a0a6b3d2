#include "engine/cpu/matmul.h"

static bool supports(const KlCpu *c, const KlTensor *node) {
  KlDtype x = node->src[KL_MM_X]->dtype;
  return c->k.to_f32[node->src[KL_MM_W]->dtype] && (x == KL_F32 || x == KL_BF16) &&
         (node->dtype == KL_F32 || node->dtype == KL_BF16);
}

static size_t scratch(const KlCpu *c, const KlTensor *node) {
  return c->dnn ? kl_linear_dnn_scratch(c, node) : kl_linear_scalar_scratch(c, node);
}

static bool prepare(KlCpu *c, KlTensor *node, KlErr *err) {
  return !c->dnn || kl_linear_dnn_prepare(c, node, err);
}

static bool run(KlCpu *c, KlTensor *node, void *mem, const KlCancel *cancel, KlErr *err) {
  return c->dnn ? kl_linear_dnn_run(c, node, mem, cancel, err)
                : kl_linear_scalar_run(c, node, mem, cancel, err);
}

const KlCpuOp kl_cpu_linear = {supports, scratch, prepare, run};
