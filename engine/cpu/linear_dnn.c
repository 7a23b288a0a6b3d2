/* y = act(x w^T + bias (+ residual)) through oneDNN, for linear and for 1x1x1 convolutions.
 *
 * The product is cut into blocks of ROWS rows and COLS columns, one pool task each, that do not depend on the number of
 * threads. Weights are packed once, a column block at a time. Quantised weights stay as they are: a task expands
 * FLY_COLS of their rows into scratch and multiplies FLY_ROWS rows of x by them. */
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
  bool has_residual, bf16, gather, widen; /* products in bf16; x is copied first; y is made in f32 first */
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

static int64_t block_rows(const Job *j, int last) { return last ? j->m - (j->row_blocks - 1) * j->rows : j->rows; }
static int64_t block_cols(const Job *j, int last) { return last ? j->n - (j->col_blocks - 1) * j->cols : j->cols; }

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
  key.x_stride = j->gather ? j->k : j->x.stride[0] / (int64_t)j->x.size;
  key.y_stride = j->widen ? n : j->y.stride[0] / (int64_t)j->y.size;
  /* One row: any stride is as good, and fewer kernels are made. */
  if (m == 1) key.x_stride = j->k, key.y_stride = n;
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
  j->act = node->op == KL_OP_CONV ? ((const KlConvParams *)node->params)->act : ((const KlLinearParams *)node->params)->act;
  if (node->op == KL_OP_CONV && node->src[KL_MM_RESIDUAL]) {
    j->has_residual = true;
    j->residual = kl_cpu_rows(node->src[KL_MM_RESIDUAL]);
  }
  j->m = j->y.rows, j->n = j->y.cols, j->k = j->x.cols;
  j->bf16 = x->dtype == KL_BF16 && c->level == KL_CPU_AVX512BF16;
  j->gather = j->x.outer != 1 || (x->dtype == KL_BF16 && !j->bf16);
  j->widen = node->dtype == KL_BF16 && !j->bf16;
  j->fly = on_the_fly(j->w);
  j->rows = kl_min64(kl_max64(j->m, 1), j->fly ? FLY_ROWS : ROWS);
  j->cols = kl_min64(kl_max64(j->n, 1), j->fly ? FLY_COLS : COLS);
  j->row_blocks = (j->m + j->rows - 1) / j->rows;
  j->col_blocks = (j->n + j->cols - 1) / j->cols;
  if (!j->m || !j->n) return true;
  const KlPack *pack = j->fly ? NULL : kl_pack_find(j->w, KL_PACK_LINEAR, j->bf16 ? KL_BF16 : KL_F32);
  j->packed = pack ? pack->data : NULL;
  for (int r = 0; r < 2; r++)
    for (int col = 0; col < 2; col++) {
      KlDnnKey key = key_of(j, block_rows(j, r), block_cols(j, col));
      if (!kl_dnn_get(c->dnn, &key, j->packed ? &j->packed->w[col] : NULL, &j->prim[r][col], err)) return false;
      if (j->prim[r][col]->scratch_bytes > j->prim_bytes) j->prim_bytes = j->prim[r][col]->scratch_bytes;
    }
  size_t size = j->bf16 ? 2 : 4;
  if (j->gather) j->x_bytes = (size_t)(j->rows * j->k) * size;
  if (j->fly) j->w_bytes = (size_t)(j->cols * j->k) * size, j->row_bytes = (size_t)j->k * sizeof(float);
  if (j->widen) j->y_bytes = (size_t)(j->rows * j->cols) * sizeof(float);
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

typedef struct {
  KlCpu *c;
  const KlTensor *w;
  Packed *to;
  int64_t n, k;
  bool bf16;
  char *mem;
  size_t worker_bytes, plain_bytes;
  atomic_bool failed;
} PackJob;

static void pack_task(void *ctx, size_t t, int worker) {
  PackJob *j = ctx;
  const KlCpuKernels *k = &j->c->k;
  int64_t n0 = (int64_t)t * COLS, n = kl_min64(COLS, j->n - n0);
  size_t row_bytes = (size_t)j->k / kl_dtype_block(j->w->dtype) * kl_dtype_block_bytes(j->w->dtype), size = j->bf16 ? 2 : 4;
  const char *src = (const char *)kl_data(j->w) + (size_t)n0 * row_bytes;
  if (j->w->dtype != (j->bf16 ? KL_BF16 : KL_F32)) {
    char *plain = j->mem + (size_t)worker * j->worker_bytes;
    float *row = (float *)(plain + j->plain_bytes);
    for (int64_t i = 0; i < n; i++) {
      float *f32 = j->bf16 ? row : (float *)(plain + (size_t)(i * j->k) * size);
      k->to_f32[j->w->dtype](src + (size_t)i * row_bytes, f32, (size_t)j->k);
      if (j->bf16) k->from_f32[KL_BF16](f32, plain + (size_t)(i * j->k) * size, (size_t)j->k);
    }
    src = plain;
  }
  dnnl_memory_desc_t from;
  dnnl_dims_t dims = {j->k, n}, strides = {1, j->k};
  bool ok = dnnl_memory_desc_init_by_strides(&from, 2, dims, j->bf16 ? dnnl_bf16 : dnnl_f32, strides) == dnnl_success;
  ok = ok && kl_dnn_reorder(j->c->dnn, worker, &from, src, &j->to->w[n != COLS], j->to->data + t * j->to->stride);
  if (!ok) atomic_store(&j->failed, true);
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
  for (int last = 0; last < 2; last++) {
    /* The layout is the same for any number of rows; ask with a full block. */
    KlDnnKey key = key_of(j, ROWS, block_cols(j, last));
    key.x_stride = j->k, key.y_stride = key.n, key.act = 0, key.sum = 0;
    const KlDnnPrim *prim;
    if (!kl_dnn_get(j->c->dnn, &key, NULL, &prim, err)) goto out;
    p->w[last] = prim->w;
    *(last ? &p->tail : &p->stride) = kl_up(prim->w_bytes, KL_ALIGN);
  }
  if (j->n % COLS == 0) p->w[1] = p->w[0];
  if (j->n < COLS) p->w[0] = p->w[1];
  size_t size = j->bf16 ? 2 : 4, threads = (size_t)kl_cpu_threads(j->c);
  p->data = kl_big_alloc((size_t)(p->blocks - 1) * p->stride + p->tail);
  if (w->dtype != (j->bf16 ? KL_BF16 : KL_F32)) {
    job.plain_bytes = kl_up((size_t)(kl_min64(COLS, j->n) * j->k) * size, KL_ALIGN);
    job.worker_bytes = job.plain_bytes + kl_up((size_t)j->k * sizeof(float), KL_ALIGN);
    job.mem = kl_alloc(threads, job.worker_bytes);
  }
  if (!p->data || (job.worker_bytes && !job.mem)) {
    kl_fail(err, KL_ERR_OOM, "no memory for a packed weight");
    goto out;
  }
  ok = kl_cpu_tasks(j->c, (size_t)p->blocks, pack_task, &job, NULL, err);
  if (ok && atomic_load(&job.failed)) ok = kl_fail(err, KL_ERR_OOM, "packing a weight failed");
out:
  kl_free(&job.mem);
  if (!ok) {
    packed_free(p);
    return false;
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
  char *mem = j->mem + (size_t)worker * j->worker_bytes, *wx = mem, *ww = wx + j->x_bytes, *wr = ww + j->w_bytes,
       *wy = wr + j->row_bytes, *ws = wy + j->y_bytes;
  const void *x = kl_row(&j->x, m0);
  if (j->gather) {
    for (int64_t i = 0; i < m; i++) {
      const void *row = kl_row(&j->x, m0 + i);
      if (j->bf16) memcpy((uint16_t *)wx + i * j->k, row, (size_t)j->k * 2);
      else k->to_f32[j->x.dtype](row, (float *)wx + i * j->k, (size_t)j->k);
    }
    x = wx;
  }
  const void *w = ww;
  if (j->fly) expand(j, n0, n, ww, (float *)wr);
  else w = j->packed->data + (size_t)cb * j->packed->stride;
  size_t col_at = (size_t)n0 * j->y.size;
  char *y = j->widen ? wy : (char *)kl_row(&j->y, m0) + col_at;
  if (j->has_residual)
    for (int64_t i = 0; i < m; i++) {
      const char *from = (char *)kl_row(&j->residual, m0 + i) + col_at;
      if (j->widen) k->to_f32[KL_BF16](from, (float *)y + i * n, (size_t)n);
      else memcpy(y + (size_t)i * (size_t)j->y.stride[0], from, (size_t)n * j->y.size);
    }
  if (!kl_dnn_run(j->c->dnn, worker, prim, x, w, j->bias_f32 + n0, y, ws)) atomic_store(&j->failed, true);
  if (j->widen)
    for (int64_t i = 0; i < m; i++)
      k->from_f32[KL_BF16]((float *)y + i * n, (char *)kl_row(&j->y, m0 + i) + col_at, (size_t)n);
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
