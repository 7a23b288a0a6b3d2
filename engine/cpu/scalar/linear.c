/* The reference matrix product: rows of x and w as f32 (rounded to bf16 where x is bf16), f32 sums. */
#include "engine/cpu/matmul.h"

enum { ROWS = 32, COLS = 16 };

typedef struct {
  const KlCpu *c;
  KlRows x, y;
  const KlTensor *w;
  const KlTensor *bias;
  KlActivation act;
  int64_t m, n, k, row_blocks;
  float *mem;
} Job;

static size_t worker_floats(int64_t k) {
  return (size_t)(ROWS + 1) * (size_t)k + ROWS * COLS;
}

size_t kl_linear_scalar_scratch(const KlCpu *c, const KlTensor *node) {
  size_t n;
  bool ok =
      kl_size_mul(worker_floats(kl_cols(node->src[KL_MM_X])) * sizeof(float), (size_t)kl_cpu_threads(c), &n);
  return ok ? n : SIZE_MAX;
}

static void task(void *ctx, size_t t, int worker) {
  const Job *j = ctx;
  const KlCpuKernels *k = &j->c->k;
  int64_t m0 = (int64_t)t % j->row_blocks * ROWS, n0 = (int64_t)t / j->row_blocks * COLS;
  int64_t m1 = kl_min64(j->m, m0 + ROWS), n1 = kl_min64(j->n, n0 + COLS);
  float *x = j->mem + (size_t)worker * worker_floats(j->k), *w = x + ROWS * j->k, *y = w + j->k;
  size_t kk = (size_t)j->k, w_bytes = kk / kl_dtype_block(j->w->dtype) * kl_dtype_block_bytes(j->w->dtype);
  for (int64_t m = m0; m < m1; m++) k->to_f32[j->x.dtype](kl_row(&j->x, m), x + (m - m0) * j->k, kk);
  for (int64_t n = n0; n < n1; n++) {
    k->to_f32[j->w->dtype]((const char *)kl_data(j->w) + (size_t)n * w_bytes, w, kk);
    if (j->x.dtype == KL_BF16 && j->w->dtype != KL_BF16)
      for (size_t i = 0; i < kk; i++) w[i] = kl_bf16_to_f32(kl_f32_to_bf16(w[i]));
    float bias = 0;
    if (j->bias)
      k->to_f32[j->bias->dtype]((char *)kl_data(j->bias) + (size_t)n * kl_dtype_block_bytes(j->bias->dtype),
                                &bias, 1);
    for (int64_t m = m0; m < m1; m++) y[(m - m0) * COLS + n - n0] = k->dot(x + (m - m0) * j->k, w, kk) + bias;
  }
  for (int64_t m = m0; m < m1; m++) {
    float *row = y + (m - m0) * COLS;
    k->act(j->act, row, row, (size_t)(n1 - n0));
    k->from_f32[j->y.dtype](row, (char *)kl_row(&j->y, m) + (size_t)n0 * j->y.size, (size_t)(n1 - n0));
  }
}

bool kl_linear_scalar_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Job j = {.c = c,
           .x = kl_cpu_rows(node->src[KL_MM_X]),
           .y = kl_cpu_rows(node),
           .w = node->src[KL_MM_W],
           .bias = node->src[KL_MM_BIAS],
           .act = ((const KlLinearParams *)node->params)->act,
           .m = kl_rows(node),
           .n = kl_cols(node),
           .k = kl_cols(node->src[KL_MM_X]),
           .mem = scratch};
  j.row_blocks = (j.m + ROWS - 1) / ROWS;
  int64_t col_blocks = (j.n + COLS - 1) / COLS;
  return kl_cpu_tasks(c, (size_t)(j.row_blocks * col_blocks), task, &j, cancel, err);
}
