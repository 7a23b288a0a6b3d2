/* Attention on the CPU: KL_OP_ATTENTION as graph.h defines it, at every CPU level.
 *
 * The scalar level is the reference: plain loops, sums in f64. The others are blocked ("flash") attention
 * (Dao et al. 2022, arXiv:2205.14135): keys and values of some heads are rotated and packed once, then every
 * task owns one head and one block of queries and walks over tiles of keys with a running maximum and sum.
 * bf16 queries are multiplied in bf16 where the level has it, else converted to f32. The cut into tasks
 * depends on shapes alone, so results do not depend on the number of threads.
 *
 * What graph.h leaves open: labels outside `allow` see nothing and are seen by nobody; a key whose logit is
 * -inf has no weight; a query that sees no key gives zeros; KL_ATTN_MAP uses the map alone (no logits, bias
 * or mask); relative bias is added after the scale, under the mask. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/cpu.h"
#include "engine/base/pool.h"
#include "engine/graph/graph.h"

/* Bytes of scratch memory that a run with so many threads wants; SIZE_MAX if that overflows. */
size_t kl_attention_scratch(const KlTensor *node, int threads, KlCpuLevel level);

/* Runs the node, whose buffers are bound to host memory. scratch: so many bytes, aligned to KL_ALIGN, or NULL
 * if none were asked for; its pool must have the number of threads the scratch was asked for. The level must
 * not be above kl_cpu_best(). False: cancelled, the output is then undefined. */
bool kl_attention_run(const KlTensor *node, KlPool *pool, KlCpuLevel level, void *scratch,
                      const KlCancel *cancel);
