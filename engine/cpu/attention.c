#include "engine/cpu/cpu.h"

/* Placeholder until the attention kernels land. */
static bool supports(const KlCpu *c, const KlTensor *node) { return false; }

static bool run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  return kl_fail(err, KL_ERR_UNSUPPORTED, "attention is not built");
}

const KlCpuOp kl_cpu_attention = {supports, NULL, NULL, run};
