#include "engine/cpu/attention/attention.h"

#include "engine/cpu/cpu.h"

static size_t scratch(const KlCpu *c, const KlTensor *node) {
  return kl_attention_scratch(node, kl_cpu_threads(c), c->level);
}

static bool run(KlCpu *c, KlTensor *node, void *memory, const KlCancel *cancel, KlErr *err) {
  if (kl_attention_run(node, c->pool, c->level, memory, cancel)) return true;
  return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
}

const KlCpuOp kl_cpu_attention = {NULL, scratch, NULL, run};
