/* Element-wise ops: add, mul, gated_add, affine, activation. One driver: rows (or, where everything is dense,
 * one long row cut into pieces) go through the cache in chunks of f32. */
#include "engine/cpu/cpu.h"

enum { CHUNK = 1024, TASK_ELEMENTS = 32 * 1024 };

/* An operand: its rows, and how many rows of the result share one of them. */
typedef struct {
  KlRows v;
  int64_t share;
  bool there;
} Operand;

typedef struct {
  const KlCpu *c;
  const KlTensor *node;
  KlRows out;
  Operand src[3];
  int64_t rows, cols, total, task_rows;
} Job;

static Operand operand(const KlTensor *t, const KlTensor *node) {
  if (!t) return (Operand){.share = 1};
  Operand o = {kl_cpu_rows(t), 1, true};
  if (!kl_same_shape(t, node)) o.share = kl_max64(1, kl_rows(node) / kl_max64(1, o.v.rows));
  return o;
}

static void chunk(const Job *j, const float *const s[3], float *y, size_t n) {
  const KlCpuKernels *k = &j->c->k;
  switch (j->node->op) {
  case KL_OP_ADD:
    k->add(s[0], s[1], y, n);
    break;
  case KL_OP_MUL:
    k->mul(s[0], s[1], y, n);
    break;
  case KL_OP_GATED_ADD:
    if (s[2])
      k->gated_add(s[0], s[1], s[2], y, n);
    else
      k->add(s[0], s[1], y, n);
    break;
  case KL_OP_AFFINE:
    k->affine(s[0], y, n, j->node->params);
    break;
  default:
    k->act(((const KlActivationParams *)j->node->params)->act, s[0], y, n);
  }
}

static void task(void *ctx, size_t t, int worker) {
  const Job *j = ctx;
  const KlCpuKernels *k = &j->c->k;
  _Alignas(KL_ALIGN) float buf[4][CHUNK];
  int64_t end = kl_min64(j->rows, ((int64_t)t + 1) * j->task_rows);
  for (int64_t r = (int64_t)t * j->task_rows; r < end; r++) {
    const char *from[3] = {NULL};
    for (int i = 0; i < 3; i++)
      if (j->src[i].there) from[i] = kl_row(&j->src[i].v, r / j->src[i].share);
    char *to = kl_row(&j->out, r);
    int64_t cols = kl_min64(j->cols, j->total - r * j->cols);
    for (int64_t at = 0; at < cols; at += CHUNK) {
      size_t n = (size_t)kl_min64(CHUNK, cols - at);
      const float *s[3] = {NULL};
      for (int i = 0; i < 3; i++)
        if (from[i])
          s[i] = kl_cpu_f32(j->c, j->src[i].v.dtype, from[i] + (size_t)at * j->src[i].v.size, buf[i], n);
      char *dst = to + (size_t)at * j->out.size;
      if (j->out.dtype == KL_F32) {
        chunk(j, s, (float *)dst, n);
      } else {
        chunk(j, s, buf[3], n);
        k->from_f32[j->out.dtype](buf[3], dst, n);
      }
    }
  }
}

static bool run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Job j = {.c = c, .node = node, .out = kl_cpu_rows(node), .rows = kl_rows(node), .cols = kl_cols(node)};
  bool dense = j.out.dense;
  for (int i = 0; i < node->nsrc && i < 3; i++) {
    j.src[i] = operand(node->src[i], node);
    if (j.src[i].there) dense = dense && j.src[i].v.dense && kl_same_shape(node->src[i], node);
  }
  j.total = j.rows * j.cols;
  if (dense) { /* one long row, in pieces */
    j.cols = CHUNK;
    j.rows = (j.total + CHUNK - 1) / CHUNK;
    j.out.outer = 1;
    j.out.stride[0] = CHUNK * (int64_t)j.out.size;
    for (int i = 0; i < 3; i++) {
      j.src[i].v.outer = 1;
      j.src[i].v.stride[0] = CHUNK * (int64_t)j.src[i].v.size;
    }
  }
  j.task_rows = kl_max64(1, TASK_ELEMENTS / j.cols);
  return kl_cpu_tasks(c, (size_t)((j.rows + j.task_rows - 1) / j.task_rows), task, &j, cancel, err);
}

static bool is_float(const KlTensor *t) {
  return !t || t->dtype == KL_F32 || t->dtype == KL_BF16 || t->dtype == KL_F16;
}

static bool supports(const KlCpu *c, const KlTensor *node) {
  bool ok = is_float(node);
  for (int i = 0; i < node->nsrc; i++) ok = ok && is_float(node->src[i]);
  return ok;
}

const KlCpuOp kl_cpu_add = {supports, NULL, NULL, run};
const KlCpuOp kl_cpu_mul = {supports, NULL, NULL, run};
const KlCpuOp kl_cpu_gated_add = {supports, NULL, NULL, run};
const KlCpuOp kl_cpu_affine = {supports, NULL, NULL, run};
const KlCpuOp kl_cpu_activation = {supports, NULL, NULL, run};
