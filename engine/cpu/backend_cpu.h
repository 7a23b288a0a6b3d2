/* The CPU backend: a scalar reference for every op, AVX2 and AVX-512 kernels chosen at run time, matrix
 * products and convolutions through oneDNN with weights packed once. Every kernel runs as tasks of one pool
 * and polls the cancel token between tasks; results do not depend on the number of threads. */
#pragma once

#include "engine/base/cpu.h"
#include "engine/graph/backend.h"

/* threads: as in kl_pool_new. compute: KL_F32 or KL_BF16; BF16 becomes F32 where the level has no bf16
 * arithmetic (bf16 tensors are accepted all the same). KL_ERR_OOM, KL_ERR_INVALID. Free with kl_backend_free.
 */
bool kl_cpu_backend_new(int threads, KlDtype compute, KlBackend **out, KlErr *err);

/* The same at a level of one's own, not above kl_cpu_best(), so that tests compare levels in one process. */
bool kl_cpu_backend_new_at(int threads, KlDtype compute, KlCpuLevel level, KlBackend **out, KlErr *err);
