/* y = act(x w^T + bias (+ residual)) through oneDNN, for linear and for 1x1x1 convolutions.
 *
 * The product is cut into blocks of ROWS rows and COLS columns, one pool task each, that do not depend on the
 * number of threads. Weights are packed once, a column block at a time. Quantised weights stay as they are: a
 * task expands FLY_COLS of their rows into scratch and multiplies FLY_ROWS rows of x by them. */
#include "engine/cpu/dnn.h"

#include <stdatomic.h>
#include <string.h>

enum { ROWS = 128, COLS = 512, FLY_ROWS = 1024, FLY_COLS = 64 };

typedef struct {
  int64_t blocks;
  size_t stride, tail; /* bytes of a whole block, of the last one */
  dnnl_memory_desc_t w[2];
  char *data;
} Packed;

typedef struct {
  KlCpu *c;
  const KlTensor *w;
  KlRows x, y, residual;
  bool has_residual, bf16;   /* products in bf16 */
  bool gather, stage, widen; /* x is copied first; y is made in scratch; in f32 there */
  bool fly;
  int64_t m, n, k, rows, cols, row_blocks, col_blocks;
  const Packed *packed;
  const KlDnnPrim *prim[2][2]; /* [last row block][last column block] */
  const KlTensor *bias;
  KlActivation act;
  /* scratch */
  float *bias_f32;
  char *mem;
  size_t x_bytes, w_bytes, y_bytes, row_bytes, prim_bytes, worker_bytes;
  atomic_bool failed;
} Job;

static bool on_the_fly(const KlTensor *w) {
  return kl_dtype_is_quantised(w->dtype) || (w->pack && !kl_pack_owned(w));
}

static int64_t block_rows(const Job *j, int last) {
  return last ? j->m - (j->row_blocks - 1) * j->rows : j->rows;
}
static int64_t block_cols(const Job *j, int last) {
  return last ? j->n - (j->col_blocks - 1) * j->cols : j->cols;
}

static KlDnnKey key_of(const Job *j, int64_t m, int64_t n) {
  KlDnnKey key;
  memset(&key, 0, sizeof key);
  key.x_bf16 = j->bf16;
  key.y_bf16 = j->y.dtype == KL_BF16 && !j->widen;
  key.bias = j->bias != NULL;
  key.sum = j->has_residual;
  key.act = (int32_t)j->act;
  key.plain = j->fly;
  key.m = m, key.n = n, key.k = j->k;
  return key;
}

/* Sizes, blocks and kernels of a node. */
static bool plan(KlCpu *c, const KlTensor *node, Job *j, KlErr *err) {
  const KlTensor *x = node->src[KL_MM_X];
  memset(j, 0, sizeof *j);
  j->c = c;
  j->w = node->src[KL_MM_W];
  j->x = kl_cpu_rows(x);
  j->y = kl_cpu_rows(node);
  j->bias = node->src[KL_MM_BIAS];
  j->act = node->op == KL_OP_CONV ? ((const KlConvParams *)node->params)->act
                                  : ((const KlLinearParams *)node->params)->act;
  if (node->op == KL_OP_CONV && node->src[KL_MM_RESIDUAL]) {
    j->has_residual = true;
    j->residual = kl_cpu_rows(node->src[KL_MM_RESIDUAL]);
  }
  j->m = j->y.rows, j->n = j->y.cols, j->k = j->x.cols;
  j->bf16 = x->dtype == KL_BF16 && c->level == KL_CPU_AVX512BF16;
  /* oneDNN 2.6 is fast only where rows follow each other without a gap. */
  bool dense = j->m == 1 || (j->x.outer == 1 && j->x.stride[0] == j->k * (int64_t)j->x.size);
  j->gather = !dense || (x->dtype == KL_BF16 && !j->bf16);
  j->widen = node->dtype == KL_BF16 && !j->bf16;
  j->fly = on_the_fly(j->w);
  j->rows = kl_min64(kl_max64(j->m, 1), j->fly ? FLY_ROWS : ROWS);
  j->cols = kl_min64(kl_max64(j->n, 1), j->fly ? FLY_COLS : COLS);
  j->row_blocks = (j->m + j->rows - 1) / j->rows;
  j->col_blocks = (j->n + j->cols - 1) / j->cols;
  j->stage = j->widen || (j->col_blocks > 1 && j->m > 1);
  if (!j->m || !j->n) return true;
  const KlPack *pack = j->fly ? NULL : kl_pack_find(j->w, KL_PACK_LINEAR, j->bf16 ? KL_BF16 : KL_F32);
  j->packed = pack ? pack->data : NULL;
  for (int r = 0; r < 2; r++)
    for (int col = 0; col < 2; col++) {
      KlDnnKey key = key_of(j, block_rows(j, r), block_cols(j, col));
      if (!kl_dnn_get(c->dnn, &key, j->packed ? &j->packed->w[col] : NULL, &j->prim[r][col], err))
        return false;
      if (j->prim[r][col]->scratch_bytes > j->prim_bytes) j->prim_bytes = j->prim[r][col]->scratch_bytes;
    }
  size_t size = j->bf16 ? 2 : 4;
  if (j->gather) j->x_bytes = (size_t)(j->rows * j->k) * size;
  if (j->fly) j->w_bytes = (size_t)(j->cols * j->k) * size, j->row_bytes = (size_t)j->k * sizeof(float);
  if (j->stage) j->y_bytes = (size_t)(j->rows * j->cols) * (j->widen ? sizeof(float) : j->y.size);
  size_t *part[] = {&j->x_bytes, &j->w_bytes, &j->row_bytes, &j->y_bytes, &j->prim_bytes};
  for (size_t i = 0; i < 5; i++) j->worker_bytes += *part[i] = kl_up(*part[i], KL_ALIGN);
  return true;
}

size_t kl_linear_dnn_scratch(const KlCpu *c, const KlTensor *node) {
  Job j;
  KlErr err = KL_ERR_INIT;
  if (!plan((KlCpu *)(uintptr_t)c, node, &j, &err)) return KL_ALIGN; /* prepare will say why */
  return kl_up((size_t)j.n * sizeof(float), KL_ALIGN) + j.worker_bytes * (size_t)kl_cpu_threads(c);
}

/* ---- packing ---- */

enum { PACK_ROWS = 16, PACK_STEP = 64 };

typedef struct {
  KlCpu *c;
  const KlTensor *w;
  Packed *to;
  int64_t n, k;
  bool bf16;
  int64_t *at_k[2], *at_n[2]; /* offsets in a whole block, in the last one */
  char *mem;
  size_t worker_bytes, rows_bytes;
} PackJob;

/* out[at_n[i] + at_k[e]] = rows[i, e] for e in [k0, k1); `unit` elements of out and of rows are one u32.
 * Where rows lie side by side in the layout, they are written so. */
static void scatter32(uint32_t *out, const uint32_t *rows, int64_t k, int64_t unit, int64_t k0, int64_t k1,
                      const int64_t *at_n, int count, const int64_t *at_k) {
  bool side_by_side = count == PACK_ROWS;
  for (int i = 1; i < count; i++) side_by_side = side_by_side && at_n[i] == at_n[i - 1] + unit;
  for (int64_t e = k0; side_by_side && e < k1; e += unit) {
    uint32_t *to = out + (at_n[0] + at_k[e]) / unit;
    const uint32_t *from = rows + e / unit;
    for (int i = 0; i < PACK_ROWS; i++) to[i] = from[i * (k / unit)];
  }
  for (int i = 0; !side_by_side && i < count; i++)
    for (int64_t e = k0; e < k1; e += unit) out[(at_n[i] + at_k[e]) / unit] = rows[(i * k + e) / unit];
}

static void scatter16(uint16_t *out, const uint16_t *rows, int64_t k, int64_t k0, int64_t k1,
                      const int64_t *at_n, int count, const int64_t *at_k) {
  bool pairs = k % 2 == 0; /* k and k + 1 side by side: two at once */
  for (int64_t e = k0; pairs && e < k1; e += 2) pairs = at_k[e + 1] == at_k[e] + 1 && at_k[e] % 2 == 0;
  for (int i = 0; pairs && i < count; i++) pairs = at_n[i] % 2 == 0;
  if (pairs) {
    scatter32((uint32_t *)out, (const uint32_t *)rows, k, 2, k0, k1, at_n, count, at_k);
    return;
  }
  for (int i = 0; i < count; i++)
    for (int64_t e = k0; e < k1; e++) out[at_n[i] + at_k[e]] = rows[i * k + e];
}

static void pack_task(void *ctx, size_t t, int worker) {
  PackJob *j = ctx;
  const KlCpuKernels *k = &j->c->k;
  int64_t n0 = (int64_t)t * COLS, n1 = kl_min64(j->n, n0 + COLS);
  int last = n1 - n0 != COLS;
  size_t row_bytes = (size_t)j->k / kl_dtype_block(j->w->dtype) * kl_dtype_block_bytes(j->w->dtype),
         kk = (size_t)j->k;
  const int64_t *at_k = j->at_k[last], *at_n = j->at_n[last];
  char *rows = j->mem + (size_t)worker * j->worker_bytes, *out = j->to->data + t * j->to->stride;
  float *row = (float *)(rows + j->rows_bytes);
  memset(out, 0, last ? j->to->tail : j->to->stride); /* the padding of a layout is zero */
  for (int64_t n = n0; n < n1; n += PACK_ROWS) {
    int64_t count = kl_min64(PACK_ROWS, n1 - n);
    for (int64_t i = 0; i < count; i++) {
      const char *src = (const char *)kl_data(j->w) + (size_t)(n + i) * row_bytes;
      char *to = rows + (size_t)(i * j->k) * (j->bf16 ? 2 : 4);
      if (j->bf16 && j->w->dtype == KL_BF16) {
        memcpy(to, src, kk * 2);
      } else {
        float *f32 = j->bf16 ? row : (float *)to;
        k->to_f32[j->w->dtype](src, f32, kk);
        if (j->bf16) k->from_f32[KL_BF16](f32, to, kk);
      }
    }
    for (int64_t k0 = 0; k0 < j->k; k0 += PACK_STEP) {
      int64_t k1 = kl_min64(j->k, k0 + PACK_STEP);
      if (j->bf16)
        scatter16((uint16_t *)out, (uint16_t *)rows, j->k, k0, k1, at_n + (n - n0), (int)count, at_k);
      else
        scatter32((uint32_t *)out, (uint32_t *)rows, j->k, 1, k0, k1, at_n + (n - n0), (int)count, at_k);
    }
  }
}

static void packed_free(void *data) {
  Packed *p = data;
  kl_free(&p->data);
  kl_free(&p);
}

static bool pack(Job *j, KlErr *err) {
  KlTensor *w = (KlTensor *)(uintptr_t)j->w;
  Packed *p = kl_calloc(1, sizeof *p);
  if (!p) return kl_fail(err, KL_ERR_OOM, "no memory for a packed weight");
  PackJob job = {.c = j->c, .w = w, .to = p, .n = j->n, .k = j->k, .bf16 = j->bf16};
  bool ok = false;
  p->blocks = j->col_blocks;
  int64_t *offsets = kl_alloc((size_t)(2 * (j->k + COLS)), sizeof *offsets);
  job.rows_bytes = kl_up((size_t)(PACK_ROWS * j->k) * sizeof(float), KL_ALIGN);
  job.worker_bytes = job.rows_bytes + kl_up((size_t)j->k * sizeof(float), KL_ALIGN);
  job.mem = kl_alloc((size_t)kl_cpu_threads(j->c), job.worker_bytes);
  if (!offsets || !job.mem) goto out;
  for (int last = 0; last < 2; last++) {
    /* The layout is the same for any number of rows; ask with a full block. */
    int64_t n = block_cols(j, last);
    KlDnnKey key = key_of(j, ROWS, n);
    key.act = 0, key.sum = 0;
    const KlDnnPrim *prim;
    if (!kl_dnn_get(j->c->dnn, &key, NULL, &prim, err)) goto out;
    p->w[last] = prim->w;
    *(last ? &p->tail : &p->stride) = kl_up(prim->w_bytes, KL_ALIGN);
    job.at_k[last] = offsets + last * (j->k + COLS);
    job.at_n[last] = job.at_k[last] + j->k;
    if (!kl_dnn_offsets(&prim->w, 0, j->k, job.at_k[last]) ||
        !kl_dnn_offsets(&prim->w, 1, n, job.at_n[last])) {
      kl_fail(err, KL_ERR_UNSUPPORTED, "oneDNN wants weights in a layout that we do not know");
      goto out;
    }
  }
  p->data = kl_big_alloc((size_t)(p->blocks - 1) * p->stride + p->tail);
  if (p->data) ok = kl_cpu_tasks(j->c, (size_t)p->blocks, pack_task, &job, NULL, err);
out:
  kl_free(&job.mem);
  kl_free(&offsets);
  if (!ok) {
    packed_free(p);
    return kl_fail(err, KL_ERR_OOM, "no memory for a packed weight");
  }
  return kl_pack_add(w, KL_PACK_LINEAR, j->bf16 ? KL_BF16 : KL_F32, p, packed_free, err);
}

bool kl_linear_dnn_prepare(KlCpu *c, KlTensor *node, KlErr *err) {
  Job j;
  if (!plan(c, node, &j, err)) return false;
  if (!j.m || !j.n || j.fly) return true;
  /* Packed, the kernels are looked up again with the layout as it is. */
  return (j.packed || pack(&j, err)) && plan(c, node, &j, err);
}

/* ---- running ---- */

static void expand(const Job *j, int64_t n0, int64_t n, char *plain, float *row) {
  const KlCpuKernels *k = &j->c->k;
  size_t row_bytes = (size_t)j->k / kl_dtype_block(j->w->dtype) * kl_dtype_block_bytes(j->w->dtype);
  const char *src = (const char *)kl_data(j->w) + (size_t)n0 * row_bytes;
  for (int64_t i = 0; i < n; i++) {
    float *f32 = j->bf16 ? row : (float *)plain + i * j->k;
    k->to_f32[j->w->dtype](src + (size_t)i * row_bytes, f32, (size_t)j->k);
    if (j->bf16) k->from_f32[KL_BF16](f32, (uint16_t *)plain + i * j->k, (size_t)j->k);
  }
}

static void task(void *ctx, size_t t, int worker) {
  Job *j = ctx;
  const KlCpuKernels *k = &j->c->k;
  int64_t rb = (int64_t)t % j->row_blocks, cb = (int64_t)t / j->row_blocks;
  int64_t m0 = rb * j->rows, n0 = cb * j->cols;
  int last_row = rb == j->row_blocks - 1, last_col = cb == j->col_blocks - 1;
  int64_t m = block_rows(j, last_row), n = block_cols(j, last_col);
  const KlDnnPrim *prim = j->prim[last_row][last_col];
  char *mem = j->mem + (size_t)worker * j->worker_bytes, *wx = mem, *ww = wx + j->x_bytes,
       *wr = ww + j->w_bytes, *wy = wr + j->row_bytes, *ws = wy + j->y_bytes;
  const void *x = kl_row(&j->x, m0);
  if (j->gather) {
    for (int64_t i = 0; i < m; i++) {
      const void *row = kl_row(&j->x, m0 + i);
      if (j->bf16)
        memcpy((uint16_t *)wx + i * j->k, row, (size_t)j->k * 2);
      else
        k->to_f32[j->x.dtype](row, (float *)wx + i * j->k, (size_t)j->k);
    }
    x = wx;
  }
  const void *w = ww;
  if (j->fly)
    expand(j, n0, n, ww, (float *)wr);
  else
    w = j->packed->data + (size_t)cb * j->packed->stride;
  size_t col_at = (size_t)n0 * j->y.size, line = (size_t)n * (j->widen ? sizeof(float) : j->y.size);
  char *y = j->stage ? wy : (char *)kl_row(&j->y, m0) + col_at;
  if (j->has_residual)
    for (int64_t i = 0; i < m; i++) {
      const char *from = (char *)kl_row(&j->residual, m0 + i) + col_at;
      if (j->widen)
        k->to_f32[KL_BF16](from, (float *)(y + (size_t)i * line), (size_t)n);
      else
        memcpy(y + (size_t)i * line, from, line);
    }
  if (!kl_dnn_run(j->c->dnn, worker, prim, x, w, j->bias_f32 + n0, y, ws)) atomic_store(&j->failed, true);
  if (!j->stage) return;
  for (int64_t i = 0; i < m; i++) {
    char *to = (char *)kl_row(&j->y, m0 + i) + col_at;
    if (j->widen)
      k->from_f32[KL_BF16]((float *)(y + (size_t)i * line), to, (size_t)n);
    else
      memcpy(to, y + (size_t)i * line, line);
  }
}

bool kl_linear_dnn_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Job j;
  if (!plan(c, node, &j, err)) return false;
  if (!j.fly && !j.packed) return kl_fail(err, KL_ERR_INVALID, "a product was run before it was prepared");
  j.bias_f32 = scratch;
  j.mem = (char *)scratch + kl_up((size_t)j.n * sizeof(float), KL_ALIGN);
  if (j.bias) c->k.to_f32[j.bias->dtype](kl_data(j.bias), j.bias_f32, (size_t)j.n);
  bool ok = kl_cpu_tasks(c, (size_t)(j.row_blocks * j.col_blocks), task, &j, cancel, err);
  return ok && atomic_load(&j.failed) ? kl_fail(err, KL_ERR_OOM, "no memory for a product") : ok;
}
