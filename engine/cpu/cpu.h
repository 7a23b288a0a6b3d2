/* Inside of the CPU backend: its state, the table of ops, the table of row kernels, helpers for the ops'
 * files.
 *
 * One op is one KlCpuOp in kl_cpu_ops (ops.c). An op's driver cuts the node into pool tasks of at most about
 * 30 ms and calls the kernels of cpu->k in them, a table that is filled with scalar code and then overlaid by
 * the level's own. */
#pragma once

#include "engine/base/cpu.h"
#include "engine/base/mem.h"
#include "engine/base/pool.h"
#include "engine/cpu/kernels.h"
#include "engine/graph/backend.h"
#include "engine/graph/graph.h"

typedef struct KlCpuDnn KlCpuDnn;

typedef struct {
  KlBackend base; /* first, so that the backend's pointer is this one's */
  KlPool *pool;
  KlCpuLevel level;
  KlCpuKernels k;
  KlCpuDnn *dnn; /* oneDNN's engine and cached primitives; NULL at the scalar level */
} KlCpu;

static inline KlCpu *kl_cpu(KlBackend *b) {
  return (KlCpu *)b;
}
static inline const KlCpu *kl_cpu_const(const KlBackend *b) {
  return (const KlCpu *)b;
}

/* What an op brings. supports, scratch and prepare may be NULL: always, 0 bytes, nothing to make ready.
 * `scratch` in run is the memory asked for by scratch(), aligned to KL_ALIGN, contents undefined. */
typedef struct {
  bool (*supports)(const KlCpu *c, const KlTensor *node);
  size_t (*scratch)(const KlCpu *c, const KlTensor *node);
  bool (*prepare)(KlCpu *c, KlTensor *node, KlErr *err);
  bool (*run)(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err);
} KlCpuOp;

extern const KlCpuOp kl_cpu_linear, kl_cpu_conv, kl_cpu_norm, kl_cpu_add, kl_cpu_mul, kl_cpu_gated_add,
    kl_cpu_affine, kl_cpu_activation, kl_cpu_attention, kl_cpu_embed, kl_cpu_copy, kl_cpu_permute,
    kl_cpu_concat, kl_cpu_upsample;
const KlCpuOp *kl_cpu_op(KlOp op); /* NULL for KL_OP_NONE */

/* Runs the tasks; false and KL_ERR_CANCELLED when the token fired. */
bool kl_cpu_tasks(KlCpu *c, size_t tasks, KlTask fn, void *ctx, const KlCancel *cancel, KlErr *err);
static inline int kl_cpu_threads(const KlCpu *c) {
  return kl_pool_threads(c->pool);
}

/* The rows of a tensor, to be found by number without caring for strides. */
typedef struct {
  char *base;
  int outer; /* dimensions but the innermost; 1 with `shape` unused when the rows are evenly spaced */
  int64_t shape[KL_MAX_DIMS], stride[KL_MAX_DIMS]; /* bytes */
  int64_t rows, cols;
  size_t size; /* bytes an element */
  KlDtype dtype;
  bool dense; /* all elements contiguous */
} KlRows;
KlRows kl_cpu_rows(const KlTensor *t);
static inline void *kl_row(const KlRows *v, int64_t r) {
  if (v->outer == 1) return v->base + r * v->stride[0];
  int64_t at = 0;
  for (int d = v->outer - 1; d >= 0; d--) {
    at += r % v->shape[d] * v->stride[d];
    r /= v->shape[d];
  }
  return v->base + at;
}

/* n elements as f32: in place if they are f32 already, else converted into buf. */
static inline const float *kl_cpu_f32(const KlCpu *c, KlDtype t, const void *src, float *buf, size_t n) {
  if (t == KL_F32) return src;
  c->k.to_f32[t](src, buf, n);
  return buf;
}

static inline size_t kl_up(size_t n, size_t to) {
  return (n + to - 1) / to * to;
}
static inline int64_t kl_min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static inline int64_t kl_max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}
