/* oneDNN, wrapped: an engine, a stream a worker, and a cache of primitives. Primitives run single-threaded
 * inside pool tasks, with scratch memory of ours, so that memory is planned and cancelling works between
 * tasks. */
#pragma once

#include "engine/cpu/matmul.h"

#include <dnnl.h>

/* What a primitive computes. Zero the whole struct first: it is compared and hashed as bytes. */
typedef struct {
  int32_t conv; /* 0: y[m, n] = act(x[m, k] w + bias (+ y)); 1: convolution */
  int32_t x_bf16, y_bf16, bias, sum, act, plain; /* plain: w is rows [n, k] as stored, not packed */
  int64_t m, n, k;
  int64_t kt, kh, kw, c, o, h, w, ho, wo, stride_h, stride_w, top, bottom, left, right; /* one output frame */
} KlDnnKey;

typedef struct {
  KlDnnKey key;
  dnnl_primitive_t prim;
  dnnl_memory_desc_t x, w, bias, y, scratch;
  size_t scratch_bytes, w_bytes;
  bool slow; /* the reference code: no kernel of oneDNN takes this shape in this layout of weights */
} KlDnnPrim;

/* KL_ERR_OOM, KL_ERR_UNSUPPORTED. */
bool kl_dnn_new(int threads, KlCpuDnn **out, KlErr *err);
void kl_dnn_free(KlCpuDnn **d);

/* The primitive for a key, made if need be; not for tasks. w: the layout that the weights are packed in,
 * NULL: the one the primitive likes best (see prim->w). The pointer stays good until kl_dnn_trim or
 * kl_dnn_free. */
bool kl_dnn_get(KlCpuDnn *d, const KlDnnKey *key, const dnnl_memory_desc_t *w, const KlDnnPrim **out,
                KlErr *err);
/* Drops all primitives if there are very many. Call when none is in use. */
void kl_dnn_trim(KlCpuDnn *d);

/* For tasks. False: no memory. */
bool kl_dnn_run(const KlCpuDnn *d, int worker, const KlDnnPrim *p, const void *x, const void *w,
                const float *bias, void *y, void *scratch);

/* Where index i = 0..n-1 of dimension `dim` lies in a layout: an element is at the sum of its dimensions'
 * offsets (elements). oneDNN's own reorders into these layouts run at a few MB/s. False: a layout that is not
 * like this. */
bool kl_dnn_offsets(const dnnl_memory_desc_t *md, int dim, int64_t n, int64_t *out);
