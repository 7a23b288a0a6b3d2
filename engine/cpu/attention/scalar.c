/* The reference. A task owns some queries of one head: logits of all keys, then the normaliser, then the sum
 * of values. Everything but the stored elements is f64. */
#include "engine/cpu/attention/args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 };

typedef struct {
  const KlAttn *a;
  char *scratch;
  size_t per_worker;
  int64_t rows, blocks; /* queries a task; tasks a head */
} Job;

/* Scratch of one worker: p [rows][nk], q [rows][d], sum [rows][d], x [d], sorted [nk]. */
static size_t doubles(const KlAttn *a, int64_t rows) {
  return (size_t)(rows * a->nk + 2 * rows * a->d + a->d + (a->normaliser == KL_ATTN_ENTMAX15 ? a->nk : 0));
}

/* About 4 million multiply-adds a task. */
static int64_t rows_a_task(const KlAttn *a) {
  int64_t n = 4000000 / (a->nk * a->d * 2 + 1);
  return n < 1 ? 1 : n > ROWS ? ROWS : n;
}

static void load(const KlAttnRows *r, int64_t row, int64_t head, int64_t d, const float *rope, double *x) {
  const void *p = kl_attn_at(r, row, head);
  for (int64_t i = 0; i < d; i++)
    x[i] = r->bf16 ? (double)kl_bf16_to_f32(((const uint16_t *)p)[i]) : (double)((const float *)p)[i];
  if (!rope) return;
  rope += row * d;
  for (int64_t i = 0; i + 1 < d; i += 2) {
    double c = rope[i], s = rope[i + 1], x0 = x[i], x1 = x[i + 1];
    x[i] = x0 * c - x1 * s;
    x[i + 1] = x0 * s + x1 * c;
  }
}

static double dot(const double *x, const double *y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* logit[r][j] of queries first..first+rows; -inf where the mask hides the key. */
static void logits(const KlAttn *a, int64_t head, int64_t first, int64_t rows, const double *q, double *x,
                   double *logit) {
  for (int s = 0; s < a->segments; s++) {
    const KlAttnSeg *seg = &a->seg[s];
    for (int64_t j = 0; j < seg->n; j++) {
      load(&seg->k, j, head, a->d, seg->rope, x);
      for (int64_t r = 0; r < rows; r++) {
        double *to = logit + r * a->nk + seg->first + j;
        if (a->allow && !kl_attn_visible(a, a->q_labels[first + r], seg->labels[j])) {
          *to = -INFINITY;
          continue;
        }
        *to = (double)a->scale * dot(q + r * a->d, x, a->d) + (double)seg->bias;
        if (a->rel_bias) *to += (double)a->rel_bias[head * a->rel_stride + seg->first + j - (first + r)];
      }
    }
  }
}

static double highest(const double *z, int64_t n) {
  double m = -INFINITY;
  for (int64_t j = 0; j < n; j++)
    if (z[j] > m) m = z[j];
  return m;
}

static void softmax(double *z, int64_t n) {
  double m = highest(z, n), sum = 0;
  if (m == -INFINITY) {
    memset(z, 0, (size_t)n * sizeof *z);
    return;
  }
  for (int64_t j = 0; j < n; j++) sum += z[j] = exp(z[j] - m);
  for (int64_t j = 0; j < n; j++) z[j] /= sum;
}

static int descending(const void *pa, const void *pb) {
  double a = *(const double *)pa, b = *(const double *)pb;
  return (a < b) - (a > b);
}

/* p = max(0, z/2 - tau)^2 with tau such that they sum to 1; Peters, Niculae, Martins 2019 (arXiv:1905.05702),
 * algorithm 2: tau of the k largest is mean - sqrt((1 - k variance) / k); the support is the largest k that
 * holds. */
static void entmax15(double *z, int64_t n, double *sorted) {
  double m = highest(z, n);
  if (m == -INFINITY) {
    memset(z, 0, (size_t)n * sizeof *z);
    return;
  }
  int64_t finite = 0;
  for (int64_t j = 0; j < n; j++) {
    z[j] = (z[j] - m) / 2;
    if (z[j] > -2) sorted[finite++] = z[j]; /* tau is at least -1 */
  }
  qsort(sorted, (size_t)finite, sizeof *sorted, descending);
  double sum = 0, squares = 0, tau = -1;
  for (int64_t k = 1; k <= finite; k++) {
    sum += sorted[k - 1];
    squares += sorted[k - 1] * sorted[k - 1];
    double mean = sum / (double)k, ss = squares - sum * mean, delta = (1 - ss) / (double)k;
    double t = mean - sqrt(delta > 0 ? delta : 0);
    if (t > sorted[k - 1]) break;
    tau = t;
  }
  for (int64_t j = 0; j < n; j++) {
    double x = z[j] - tau;
    z[j] = x > 0 ? x * x : 0;
  }
}

static void run_task(void *ctx, size_t task, int worker) {
  const Job *job = ctx;
  const KlAttn *a = job->a;
  int64_t head = (int64_t)task / job->blocks, first = (int64_t)task % job->blocks * job->rows, d = a->d,
          nk = a->nk;
  int64_t rows = a->nq - first < job->rows ? a->nq - first : job->rows;
  double *p = (double *)(job->scratch + (size_t)worker * job->per_worker);
  double *q = p + rows * nk, *sum = q + rows * d, *x = sum + rows * d, *sorted = x + d;

  if (a->normaliser == KL_ATTN_MAP) {
    for (int64_t i = 0; i < rows * nk; i++) p[i] = (double)a->map[(head * a->nq + first) * nk + i];
  } else {
    for (int64_t r = 0; r < rows; r++) load(&a->q, first + r, head, d, a->q_rope, q + r * d);
    logits(a, head, first, rows, q, x, p);
    for (int64_t r = 0; r < rows; r++)
      if (a->normaliser == KL_ATTN_SOFTMAX)
        softmax(p + r * nk, nk);
      else
        entmax15(p + r * nk, nk, sorted);
  }

  memset(sum, 0, (size_t)(rows * d) * sizeof *sum);
  for (int s = 0; s < a->segments; s++)
    for (int64_t j = 0; j < a->seg[s].n; j++) {
      load(&a->seg[s].v, j, head, d, NULL, x);
      for (int64_t r = 0; r < rows; r++) {
        double w = p[r * nk + a->seg[s].first + j];
        if (w == 0) continue;
        for (int64_t i = 0; i < d; i++) sum[r * d + i] += w * x[i];
      }
    }
  for (int64_t r = 0; r < rows; r++) {
    void *to = (void *)(uintptr_t)kl_attn_at(&a->out, first + r, head);
    for (int64_t i = 0; i < d; i++)
      if (a->out.bf16)
        ((uint16_t *)to)[i] = kl_f32_to_bf16((float)sum[r * d + i]);
      else
        ((float *)to)[i] = (float)sum[r * d + i];
  }
}

static size_t worker_bytes(const KlAttn *a) {
  return (doubles(a, rows_a_task(a)) * sizeof(double) + KL_ALIGN - 1) / KL_ALIGN * KL_ALIGN;
}

static size_t scratch_bytes(const KlAttn *a, int threads) {
  size_t bytes;
  kl_size_mul(worker_bytes(a), (size_t)threads, &bytes);
  return bytes;
}

static bool run(const KlAttn *a, KlPool *pool, void *scratch, const KlCancel *cancel) {
  Job job = {.a = a, .scratch = scratch, .per_worker = worker_bytes(a), .rows = rows_a_task(a)};
  job.blocks = (a->nq + job.rows - 1) / job.rows;
  return kl_pool_run(pool, (size_t)(job.blocks * a->heads), run_task, &job, cancel);
}

const KlAttnKernel kl_attn_scalar = {scratch_bytes, run};
