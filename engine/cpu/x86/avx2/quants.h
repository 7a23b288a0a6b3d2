#pragma once

#include "engine/cpu/kernels.h"

/* Puts the block types' to_f32 into the table; called by kl_kernels_avx2. */
void kl_quants_avx2(KlCpuKernels *k);
