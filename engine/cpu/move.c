/* Ops that only move elements: copy, cast, permute, concat, upsample, embed. */
#include "engine/cpu/cpu.h"

#include <string.h>

enum { TASK_BYTES = 128 * 1024 };

/* ---- copy: rows to rows, converting between float types ---- */

typedef struct {
  const KlCpu *c;
  KlRows from, to;
  int64_t rows, cols, total, task_rows;
} Copy;

enum { CHUNK = 1024 };

static void convert(const KlCpu *c, KlDtype from, const char *src, KlDtype to, char *dst, int64_t n) {
  float buf[CHUNK];
  size_t src_size = kl_dtype_block_bytes(from), dst_size = kl_dtype_block_bytes(to);
  if (from == to) {
    memcpy(dst, src, (size_t)n * dst_size);
  } else if (to == KL_F32) {
    c->k.to_f32[from](src, (float *)dst, (size_t)n);
  } else if (from == KL_F32) {
    c->k.from_f32[to]((const float *)src, dst, (size_t)n);
  } else {
    for (int64_t i = 0; i < n; i += CHUNK) {
      size_t len = (size_t)kl_min64(CHUNK, n - i);
      c->k.to_f32[from](src + (size_t)i * src_size, buf, len);
      c->k.from_f32[to](buf, dst + (size_t)i * dst_size, len);
    }
  }
}

static void copy_task(void *ctx, size_t t, int worker) {
  const Copy *j = ctx;
  int64_t end = kl_min64(j->rows, ((int64_t)t + 1) * j->task_rows);
  for (int64_t r = (int64_t)t * j->task_rows; r < end; r++)
    convert(j->c, j->from.dtype, kl_row(&j->from, r), j->to.dtype, kl_row(&j->to, r),
            kl_min64(j->cols, j->total - r * j->cols));
}

static bool copy_rows(KlCpu *c, KlRows from, KlRows to, const KlCancel *cancel, KlErr *err) {
  Copy j = {c, from, to, from.rows, from.cols, from.rows * from.cols, 1};
  if (j.total == 0) return true;
  if (from.dense && to.dense) { /* one long row, in pieces */
    j.cols = 4 * CHUNK;
    j.rows = (j.total + j.cols - 1) / j.cols;
    j.from.outer = j.to.outer = 1;
    j.from.stride[0] = j.cols * (int64_t)from.size;
    j.to.stride[0] = j.cols * (int64_t)to.size;
  }
  j.task_rows = kl_max64(1, TASK_BYTES / (j.cols * (int64_t)to.size));
  return kl_cpu_tasks(c, (size_t)((j.rows + j.task_rows - 1) / j.task_rows), copy_task, &j, cancel, err);
}

static bool copy_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  const KlTensor *to = node->nsrc > 1 && node->src[1] ? node->src[1] : node;
  return copy_rows(c, kl_cpu_rows(node->src[0]), kl_cpu_rows(to), cancel, err);
}

static bool copy_supports(const KlCpu *c, const KlTensor *node) {
  KlDtype a = node->src[0]->dtype, b = node->dtype;
  return a == b || (a <= KL_BF16 && b <= KL_BF16);
}

const KlCpuOp kl_cpu_copy = {copy_supports, NULL, NULL, copy_run};

/* ---- concat: a copy of every part into its slice of the result ---- */

static bool concat_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  int dim = ((const KlConcatParams *)node->params)->dim;
  size_t size = kl_dtype_block_bytes(node->dtype);
  int64_t at = 0;
  for (int i = 0; i < node->nsrc; i++) {
    const KlTensor *part = node->src[i];
    KlTensor slice = *node; /* the same strides, the part's shape, further on */
    memcpy(slice.shape, part->shape, sizeof slice.shape);
    slice.offset += (size_t)(at * node->stride[dim]) * size;
    if (!copy_rows(c, kl_cpu_rows(part), kl_cpu_rows(&slice), cancel, err)) return false;
    at += part->shape[dim];
  }
  return true;
}

const KlCpuOp kl_cpu_concat = {NULL, NULL, NULL, concat_run};

/* ---- permute ---- */

enum { TILE = 64 };

typedef struct {
  const KlCpu *c;
  const char *src;
  char *dst;
  size_t size;
  int outer; /* dimensions but the two of the tile */
  int64_t shape[KL_MAX_DIMS], from[KL_MAX_DIMS],
      to[KL_MAX_DIMS];    /* bytes; from and to: steps in source and result */
  int64_t rows, row_from; /* along the result's innermost dimension: count, step in the source in elements */
  int64_t cols, col_to;   /* along the source's innermost dimension: count, step in the result in elements */
} Permute;

static void permute_task(void *ctx, size_t t, int worker) {
  const Permute *j = ctx;
  int64_t tiles = (j->rows + TILE - 1) / TILE, rest = (int64_t)t / tiles, r = (int64_t)t % tiles * TILE;
  const char *src = j->src;
  char *dst = j->dst;
  for (int d = j->outer - 1; d >= 0; d--) {
    src += rest % j->shape[d] * j->from[d];
    dst += rest % j->shape[d] * j->to[d];
    rest /= j->shape[d];
  }
  int n = (int)kl_min64(TILE, j->rows - r);
  src += (size_t)(r * j->row_from) * j->size;
  dst += (size_t)r * j->size;
  for (int64_t col = 0; col < j->cols; col += TILE) {
    int m = (int)kl_min64(TILE, j->cols - col);
    const char *s = src + (size_t)col * j->size;
    char *d = dst + (size_t)(col * j->col_to) * j->size;
    if (j->size == 2)
      j->c->k.transpose16((const uint16_t *)s, j->row_from, (uint16_t *)d, j->col_to, n, m);
    else
      j->c->k.transpose32((const uint32_t *)s, j->row_from, (uint32_t *)d, j->col_to, n, m);
  }
}

static bool permute_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  const KlTensor *x = node->src[0];
  const int *perm = ((const KlPermuteParams *)node->params)->perm;
  int last = node->ndim - 1;
  if (perm[last] == last) { /* whole rows move: a copy from a view with permuted strides */
    KlTensor view = *x;
    for (int d = 0; d < node->ndim; d++) {
      view.shape[d] = x->shape[perm[d]];
      view.stride[d] = x->stride[perm[d]];
    }
    return copy_rows(c, kl_cpu_rows(&view), kl_cpu_rows(node), cancel, err);
  }
  Permute j = {.c = c,
               .src = kl_data(x),
               .dst = kl_data(node),
               .size = kl_dtype_block_bytes(node->dtype),
               .rows = node->shape[last],
               .row_from = x->stride[perm[last]],
               .cols = x->shape[last]};
  int64_t tasks = (j.rows + TILE - 1) / TILE;
  for (int d = 0; d < last; d++) {
    if (perm[d] == last) {
      j.col_to = node->stride[d];
      continue;
    }
    j.shape[j.outer] = node->shape[d];
    j.from[j.outer] = x->stride[perm[d]] * (int64_t)j.size;
    j.to[j.outer++] = node->stride[d] * (int64_t)j.size;
    tasks *= node->shape[d];
  }
  return kl_cpu_tasks(c, (size_t)tasks, permute_task, &j, cancel, err);
}

static bool permute_supports(const KlCpu *c, const KlTensor *node) {
  return !kl_dtype_is_quantised(node->dtype);
}

const KlCpuOp kl_cpu_permute = {permute_supports, NULL, NULL, permute_run};

/* ---- upsample ---- */

typedef struct {
  const KlTensor *x, *y;
  const KlUpsampleParams *p;
  size_t size;
} Upsample;

/* One source line: widened once, then copied fh - 1 times. */
static void upsample_task(void *ctx, size_t t, int worker) {
  const Upsample *j = ctx;
  int64_t h = (int64_t)t % j->x->shape[1], frame = (int64_t)t / j->x->shape[1], w = j->x->shape[2];
  size_t pixel = (size_t)j->x->shape[3] * j->size;
  const char *src = (char *)kl_data(j->x) + (size_t)(frame * j->x->stride[0] + h * j->x->stride[1]) * j->size;
  char *dst =
      (char *)kl_data(j->y) + (size_t)(frame * j->y->stride[0] + h * j->p->fh * j->y->stride[1]) * j->size;
  size_t line = (size_t)(w * j->p->fw) * pixel;
  char *d = dst;
  for (int64_t i = 0; i < w; i++, src += (size_t)j->x->stride[2] * j->size)
    for (int f = 0; f < j->p->fw; f++, d += pixel) memcpy(d, src, pixel);
  for (int f = 1; f < j->p->fh; f++) memcpy(dst + (size_t)f * line, dst, line);
}

static bool upsample_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Upsample j = {node->src[0], node, node->params, kl_dtype_block_bytes(node->dtype)};
  return kl_cpu_tasks(c, (size_t)(j.x->shape[0] * j.x->shape[1]), upsample_task, &j, cancel, err);
}

const KlCpuOp kl_cpu_upsample = {NULL, NULL, NULL, upsample_run};

/* ---- embed ---- */

typedef struct {
  const KlCpu *c;
  const KlTensor *table, *ids;
  KlRows out;
  float *mem; /* a row a worker */
} Embed;

static void embed_task(void *ctx, size_t t, int worker) {
  const Embed *j = ctx;
  size_t n = (size_t)j->out.cols,
         bytes = n / kl_dtype_block(j->table->dtype) * kl_dtype_block_bytes(j->table->dtype);
  int32_t id = ((const int32_t *)kl_data(j->ids))[(int64_t)t * j->ids->stride[0]];
  char *to = kl_row(&j->out, (int64_t)t);
  if (id < 0 || id >= j->table->shape[0]) {
    memset(to, 0, n * j->out.size);
    return;
  }
  const char *row = (const char *)kl_data(j->table) + (size_t)id * bytes;
  if (j->table->dtype == j->out.dtype) {
    memcpy(to, row, bytes);
  } else if (j->out.dtype == KL_F32) {
    j->c->k.to_f32[j->table->dtype](row, (float *)to, n);
  } else {
    float *buf = j->mem + (size_t)worker * n;
    j->c->k.to_f32[j->table->dtype](row, buf, n);
    j->c->k.from_f32[j->out.dtype](buf, to, n);
  }
}

static size_t embed_scratch(const KlCpu *c, const KlTensor *node) {
  size_t n;
  return kl_size_mul((size_t)kl_cols(node) * sizeof(float), (size_t)kl_cpu_threads(c), &n) ? n : SIZE_MAX;
}

static bool embed_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Embed j = {c, node->src[0], node->src[1], kl_cpu_rows(node), scratch};
  return kl_cpu_tasks(c, (size_t)j.out.rows, embed_task, &j, cancel, err);
}

const KlCpuOp kl_cpu_embed = {NULL, embed_scratch, NULL, embed_run};
