/* Normalisation over the innermost dimension with affine, modulation and activation in one pass over memory.
 */
#include "engine/cpu/cpu.h"

enum { X, WEIGHT, BIAS, SHIFT, SCALE, TASK_ELEMENTS = 32 * 1024 };

typedef struct {
  const KlCpu *c;
  KlRows x, y, mod[2]; /* mod: shift, scale */
  bool has[2];
  int64_t share[2];
  KlNormRow row;
  float *mem; /* per worker: x, y, shift, scale, `cols` each */
  size_t cols;
  int64_t rows, task_rows;
} Job;

static void task(void *ctx, size_t t, int worker) {
  const Job *j = ctx;
  KlNormRow row = j->row;
  float *x = j->mem + (size_t)worker * 4 * j->cols, *y = x + j->cols,
        *mod[2] = {y + j->cols, y + 2 * j->cols};
  int64_t line[2] = {-1, -1};
  size_t n = (size_t)j->x.cols;
  int64_t end = kl_min64(j->rows, ((int64_t)t + 1) * j->task_rows);
  for (int64_t r = (int64_t)t * j->task_rows; r < end; r++) {
    const float **at[2] = {&row.shift, &row.scale};
    for (int i = 0; i < 2; i++) {
      if (!j->has[i] || line[i] == r / j->share[i]) continue;
      line[i] = r / j->share[i];
      *at[i] = kl_cpu_f32(j->c, j->mod[i].dtype, kl_row(&j->mod[i], line[i]), mod[i], n);
    }
    const float *from = kl_cpu_f32(j->c, j->x.dtype, kl_row(&j->x, r), x, n);
    void *to = kl_row(&j->y, r);
    if (j->y.dtype == KL_F32) {
      j->c->k.norm(&row, from, to, n);
    } else {
      j->c->k.norm(&row, from, y, n);
      j->c->k.from_f32[j->y.dtype](y, to, n);
    }
  }
}

static size_t padded(const KlTensor *node) {
  return kl_up((size_t)kl_cols(node), KL_ALIGN / sizeof(float));
}

static size_t scratch(const KlCpu *c, const KlTensor *node) {
  size_t n;
  bool ok = kl_size_mul(padded(node) * sizeof(float), (size_t)(2 + 4 * kl_cpu_threads(c)), &n);
  return ok ? n : SIZE_MAX;
}

static bool run(KlCpu *c, KlTensor *node, void *mem, const KlCancel *cancel, KlErr *err) {
  const KlNormParams *p = node->params;
  Job j = {.c = c,
           .x = kl_cpu_rows(node->src[X]),
           .y = kl_cpu_rows(node),
           .rows = kl_rows(node),
           .row = {.kind = p->kind, .eps = p->eps, .act = p->act},
           .cols = padded(node)};
  float *shared = mem;
  size_t n = (size_t)kl_cols(node);
  const KlTensor *w = node->src[WEIGHT], *b = node->src[BIAS];
  if (w) j.row.weight = kl_cpu_f32(c, w->dtype, kl_data(w), shared, n);
  if (b) j.row.bias = kl_cpu_f32(c, b->dtype, kl_data(b), shared + j.cols, n);
  for (int i = 0; i < 2; i++) {
    const KlTensor *t = node->src[SHIFT + i];
    j.has[i] = t != NULL;
    if (!t) continue;
    j.mod[i] = kl_cpu_rows(t);
    j.share[i] = kl_max64(1, j.rows / kl_max64(1, j.mod[i].rows));
  }
  j.mem = shared + 2 * j.cols;
  j.task_rows = kl_max64(1, TASK_ELEMENTS / kl_max64(1, kl_cols(node)));
  return kl_cpu_tasks(c, (size_t)((j.rows + j.task_rows - 1) / j.task_rows), task, &j, cancel, err);
}

const KlCpuOp kl_cpu_norm = {NULL, scratch, NULL, run};
