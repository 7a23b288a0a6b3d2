/* A fixed pool of worker threads for kernels. kl_pool_run is a parallel for with dynamic scheduling; results
 * must not depend on which worker takes which task, so that the same job gives the same bytes on any thread
 * count. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"

typedef struct KlPool KlPool;

/* task in [0, tasks), worker in [0, kl_pool_threads): an index for per-thread scratch. */
typedef void (*KlTask)(void *ctx, size_t task, int worker);

/* threads: 1..256, 0 = the number of processors this process may run on. The calling thread counts as one.
 * Worker threads run single-threaded OpenMP (oneDNN brings OpenMP; two pools would fight for the cores). */
bool kl_pool_new(int threads, KlPool **out, KlErr *err);
void kl_pool_free(KlPool **pool);
int kl_pool_threads(const KlPool *pool);

/* Runs fn for every task and returns when all are done. When `cancel` fires the tasks not yet begun are left
 * out and false is returned (the output is then undefined). One caller at a time; not reentrant. */
bool kl_pool_run(KlPool *pool, size_t tasks, KlTask fn, void *ctx, const KlCancel *cancel);
