/* Convolution through oneDNN: bands of output lines of one to FRAMES frames, one pool task each.
 *
 * A band's input is read in place where it lies in one piece (no extent in time, no conversion); otherwise
 * its lines, halo and zeros above and below included, are gathered from history and x into scratch, where one
 * kernel serves every band. 1x1x1 convolutions are products (linear_dnn.c). */
#include "engine/cpu/dnn.h"

#include <stdatomic.h>
#include <string.h>

enum { FRAMES = 4, LEAST_BAND = 3, LEAST_BANDS = 8 };
static const double TASK_FLOPS = 1.6e9; /* f32; twice that in bf16: about 15 ms of a fast core */

/* One band's kernel and the weights in its layout. */
typedef struct {
  const KlDnnPrim *prim;
  const void *w;
} Kernel;

typedef struct {
  KlCpu *c;
  const KlTensor *node;
  KlConvShape s;
  bool bf16, gather, widen;
  int64_t band, bands, frames, groups; /* lines a band, frames a task and how many such groups */
  int64_t lines;                       /* input lines of a whole band, with halo */
  Kernel *kernel;                      /* one a band */
  const float *bias;
  char *mem;
  size_t x_bytes, y_bytes, prim_bytes, worker_bytes;
  atomic_bool failed;
} Job;

static bool is_product(const KlTensor *node) {
  KlConvShape s = kl_conv_shape(node);
  const KlConvParams *p = s.p;
  return s.kt == 1 && s.kh == 1 && s.kw == 1 && p->stride_t == 1 && p->stride_h == 1 && p->stride_w == 1 &&
         !p->pad_top && !p->pad_bottom && !p->pad_left && !p->pad_right;
}

static int64_t band_lines(const Job *j, int64_t b) {
  return kl_min64(j->band, j->s.ho - b * j->band);
}

/* Input lines of a band before clipping: [first, first + count). */
static int64_t first_line(const Job *j, int64_t b) {
  return b * j->band * j->s.p->stride_h - j->s.p->pad_top;
}
static int64_t line_count(const Job *j, int64_t out) {
  return (out - 1) * j->s.p->stride_h + j->s.kh;
}

static KlDnnKey key_of(const Job *j, int64_t b) {
  const KlConvShape *s = &j->s;
  int64_t out = band_lines(j, b), first = first_line(j, b), in = line_count(j, out);
  KlDnnKey key;
  memset(&key, 0, sizeof key);
  key.conv = 1;
  key.x_bf16 = j->bf16;
  key.y_bf16 = j->node->dtype == KL_BF16 && !j->widen;
  key.bias = j->node->src[KL_MM_BIAS] != NULL;
  key.sum = j->node->src[KL_MM_RESIDUAL] != NULL;
  key.act = (int32_t)s->p->act;
  key.kt = s->kt, key.kh = s->kh, key.kw = s->kw, key.c = s->c, key.o = s->o;
  key.w = s->w, key.wo = s->wo, key.ho = out;
  key.stride_h = s->p->stride_h, key.stride_w = s->p->stride_w;
  key.left = s->p->pad_left;
  /* The right padding that makes the sizes come out exactly; a remainder of the stride is left out. */
  key.right = (s->wo - 1) * s->p->stride_w + s->kw - s->w - s->p->pad_left;
  key.h = in;
  if (!j->gather) {
    key.top = kl_max64(0, -first);
    key.bottom = kl_max64(0, first + in - s->h);
    key.h = in - key.top - key.bottom;
  }
  return key;
}

static bool plan(KlCpu *c, const KlTensor *node, Job *j, KlErr *err) {
  memset(j, 0, sizeof *j);
  j->c = c;
  j->node = node;
  j->s = kl_conv_shape(node);
  const KlConvShape *s = &j->s;
  KlDtype x = node->src[KL_MM_X]->dtype;
  j->bf16 = x == KL_BF16 && c->level == KL_CPU_AVX512BF16;
  j->widen = node->dtype == KL_BF16 && !j->bf16;
  j->gather = s->kt > 1 || (x == KL_BF16 && !j->bf16) || s->p->pad_top >= s->kh ||
              s->p->pad_bottom >= s->kh || s->h < s->kh;
  /* The more frames and lines at once, the less of their halo is gathered twice. */
  double most = TASK_FLOPS * (j->bf16 ? 2 : 1);
  double line = 2.0 * (double)(s->wo * s->o) * (double)(s->c * s->kt * s->kh * s->kw);
  j->frames = j->gather ? kl_min64(s->to, FRAMES) : 1;
  while (j->frames > 1 && most < line * (double)(j->frames * LEAST_BAND)) j->frames /= 2;
  j->groups = (s->to + j->frames - 1) / j->frames;
  j->band = kl_min64((int64_t)(most / (line * (double)j->frames)), (s->ho + LEAST_BANDS - 1) / LEAST_BANDS);
  j->band = kl_max64(1, j->band);
  j->bands = (s->ho + j->band - 1) / j->band;
  j->band = (s->ho + j->bands - 1) / j->bands; /* even them out */
  /* Better all alike, where a divisor is near. */
  for (int64_t even = j->band; even * 2 > j->band; even--)
    if (s->ho % even == 0) {
      j->band = even;
      break;
    }
  j->bands = (s->ho + j->band - 1) / j->band;
  j->lines = line_count(j, j->band);
  size_t size = j->bf16 ? 2 : 4;
  int64_t in_frames = (j->frames - 1) * s->p->stride_t + s->kt;
  if (j->gather) j->x_bytes = kl_up((size_t)(in_frames * j->lines * s->w * s->c) * size, KL_ALIGN);
  if (j->widen) j->y_bytes = kl_up((size_t)(j->band * s->wo * s->o) * sizeof(float), KL_ALIGN);
  return true;
}

/* Weights in one layout. A weight may be packed into several: oneDNN chooses the layout by the shape of the
 * whole convolution, and has nothing but its reference code for a shape with a layout that it would not have
 * chosen. */
typedef struct {
  dnnl_memory_desc_t md;
  void *data;
} Packed;

static void packed_free(void *data) {
  Packed *p = data;
  kl_free(&p->data);
  kl_free(&p);
}

/* The kernel that a band likes best; what it needs does not depend on how the weights are packed. */
static bool best_kernel(const Job *j, int64_t b, const KlDnnPrim **out, KlErr *err) {
  KlDnnKey key = key_of(j, b);
  return kl_dnn_get(j->c->dnn, &key, NULL, out, err);
}

/* out->w NULL: the weights must be packed as out->prim likes them. */
static bool find_kernel(const Job *j, int64_t b, Kernel *out, KlErr *err) {
  const KlDnnPrim *best, *other;
  *out = (Kernel){0};
  if (!best_kernel(j, b, &best, err)) return false;
  out->prim = best;
  KlDtype type = j->bf16 ? KL_BF16 : KL_F32;
  for (KlPack *p = kl_pack_find(j->node->src[KL_MM_W], KL_PACK_CONV, type); p; p = p->next) {
    if (p->kind != KL_PACK_CONV || p->compute != type) continue;
    const Packed *w = p->data;
    bool same = dnnl_memory_desc_equal(&w->md, &best->w);
    if (!same && out->w) continue;
    if (!kl_dnn_get(j->c->dnn, &best->key, &w->md, &other, err)) return false;
    if (same || ((!other->slow || best->slow) && other->scratch_bytes <= best->scratch_bytes))
      *out = (Kernel){other, w->data};
    if (same) break;
  }
  return true;
}

/* Bands that are alike share a kernel. */
static bool same_as_last(const Job *j, int64_t b) {
  if (b == 0) return false;
  KlDnnKey key = key_of(j, b), last = key_of(j, b - 1);
  return !memcmp(&key, &last, sizeof key);
}

static bool measure(Job *j, KlErr *err) {
  for (int64_t b = 0; b < j->bands; b++) {
    const KlDnnPrim *best;
    if (same_as_last(j, b)) continue;
    if (!best_kernel(j, b, &best, err)) return false;
    j->prim_bytes = best->scratch_bytes > j->prim_bytes ? best->scratch_bytes : j->prim_bytes;
  }
  j->prim_bytes = kl_up(j->prim_bytes, KL_ALIGN);
  j->worker_bytes = j->x_bytes + j->y_bytes + j->prim_bytes;
  return true;
}

static size_t shared_bytes(const Job *j) {
  return kl_up((size_t)j->s.o * sizeof(float), KL_ALIGN) +
         kl_up((size_t)j->bands * sizeof *j->kernel, KL_ALIGN);
}

size_t kl_conv_dnn_scratch(const KlCpu *c, const KlTensor *node) {
  if (is_product(node)) return kl_linear_dnn_scratch(c, node);
  Job j;
  KlErr err = KL_ERR_INIT;
  if (!plan((KlCpu *)(uintptr_t)c, node, &j, &err) || !measure(&j, &err))
    return KL_ALIGN; /* prepare will say why */
  return shared_bytes(&j) + j.worker_bytes * (size_t)kl_cpu_threads(c);
}

static bool pack(Job *j, const KlDnnPrim *prim, KlErr *err) {
  KlTensor *w = j->node->src[KL_MM_W];
  const KlConvShape *s = &j->s;
  Packed *p = kl_calloc(1, sizeof *p);
  if (!p) return kl_fail(err, KL_ERR_OOM, "no memory for a packed convolution");
  KlDtype want = j->bf16 ? KL_BF16 : KL_F32;
  int64_t dims[5] = {s->o, s->c, s->kt, s->kh, s->kw}, *at[5], taps = s->kt * s->kh * s->kw;
  size_t row = (size_t)(s->c * taps), row_bytes = row * kl_dtype_block_bytes(w->dtype);
  int64_t *offsets = kl_alloc((size_t)(s->o + s->c + taps + s->kt + s->kh + s->kw), sizeof *offsets);
  float *f32 = kl_alloc(row, sizeof *f32);
  uint16_t *half = kl_alloc(row, sizeof *half);
  bool ok = false;
  p->md = prim->w;
  p->data = kl_big_alloc(prim->w_bytes);
  if (!offsets || !f32 || !half || !p->data) goto out;
  memset(p->data, 0, prim->w_bytes); /* the padding of a layout is zero */
  int64_t *next = offsets;
  for (int d = 0, md_dim = 0; d < 5; d++) {
    at[d] = next;
    next += dims[d];
    if (d == 2 && s->kt == 1)
      at[d][0] = 0;
    else if (!kl_dnn_offsets(&p->md, md_dim++, dims[d], at[d])) {
      kl_fail(err, KL_ERR_UNSUPPORTED, "oneDNN wants weights in a layout that we do not know");
      goto out;
    }
  }
  for (int64_t t = 0; t < taps; t++)
    next[t] = at[2][t / (s->kh * s->kw)] + at[3][t / s->kw % s->kh] + at[4][t % s->kw];
  for (int64_t o = 0; o < s->o; o++) {
    j->c->k.to_f32[w->dtype]((const char *)kl_data(w) + (size_t)o * row_bytes, f32, row);
    j->c->k.from_f32[KL_BF16](f32, half, row);
    for (int64_t c = 0; c < s->c; c++)
      for (int64_t t = 0; t < taps; t++) {
        int64_t to = at[0][o] + at[1][c] + next[t];
        if (j->bf16)
          ((uint16_t *)p->data)[to] = half[c * taps + t];
        else
          ((float *)p->data)[to] = f32[c * taps + t];
      }
  }
  ok = true;
out:
  kl_free(&offsets);
  kl_free(&f32);
  kl_free(&half);
  if (!ok) {
    packed_free(p);
    return kl_fail(err, KL_ERR_OOM, "no memory for a packed convolution");
  }
  return kl_pack_add(w, KL_PACK_CONV, want, p, packed_free, err);
}

bool kl_conv_dnn_prepare(KlCpu *c, KlTensor *node, KlErr *err) {
  if (is_product(node)) return kl_linear_dnn_prepare(c, node, err);
  Job j;
  if (!plan(c, node, &j, err)) return false;
  for (int64_t b = 0; b < j.bands; b++) {
    Kernel k;
    if (same_as_last(&j, b)) continue;
    if (!find_kernel(&j, b, &k, err) || (!k.w && !pack(&j, k.prim, err))) return false;
  }
  return true;
}

/* Lines of one input frame into scratch, zeros where the band hangs over. */
static void gather(const Job *j, int64_t f, int64_t first, int64_t lines, char *to) {
  const KlConvShape *s = &j->s;
  const KlTensor *x = j->node->src[KL_MM_X];
  const char *frame = kl_conv_frame(j->node, s, f);
  size_t n = (size_t)(s->w * s->c), in = n * kl_dtype_block_bytes(x->dtype), out = n * (j->bf16 ? 2 : 4);
  for (int64_t i = 0; i < lines;) {
    int64_t at = first + i;
    if (at < 0 || at >= s->h) {
      memset(to + (size_t)i++ * out, 0, out);
      continue;
    }
    size_t run = (size_t)kl_min64(lines - i, s->h - at);
    const char *from = frame + (size_t)at * in;
    if (in == out)
      memcpy(to + (size_t)i * out, from, run * out);
    else
      j->c->k.to_f32[x->dtype](from, (float *)(to + (size_t)i * out), run * n);
    i += (int64_t)run;
  }
}

static void task(void *ctx, size_t t, int worker) {
  Job *j = ctx;
  const KlConvShape *s = &j->s;
  const KlCpuKernels *k = &j->c->k;
  int64_t b = (int64_t)t % j->bands, t0 = (int64_t)t / j->bands * j->frames,
          t1 = kl_min64(s->to, t0 + j->frames);
  int64_t out = band_lines(j, b), first = first_line(j, b), lines = line_count(j, out);
  const KlDnnPrim *prim = j->kernel[b].prim;
  const KlTensor *node = j->node, *res = node->src[KL_MM_RESIDUAL];
  size_t size = j->bf16 ? 2 : 4, y_size = kl_dtype_block_bytes(node->dtype), n = (size_t)(out * s->wo * s->o);
  char *mem = j->mem + (size_t)worker * j->worker_bytes, *wy = mem + j->x_bytes, *ws = wy + j->y_bytes;
  size_t x_frame = (size_t)(lines * s->w * s->c) * size;
  if (j->gather)
    for (int64_t f = t0 * s->p->stride_t; f < (t1 - 1) * s->p->stride_t + s->kt; f++)
      gather(j, f, first, lines, mem + (size_t)(f - t0 * s->p->stride_t) * x_frame);
  for (int64_t f = t0; f < t1; f++) {
    const char *x = mem + (size_t)((f - t0) * s->p->stride_t) * x_frame;
    if (!j->gather)
      x = kl_conv_frame(node, s, f * s->p->stride_t) + (size_t)((first + prim->key.top) * s->w * s->c) * size;
    size_t at = (size_t)((f * s->ho + b * j->band) * s->wo * s->o) * y_size;
    char *to = (char *)kl_data(node) + at, *y = j->widen ? wy : to;
    if (res) {
      const char *from = (const char *)kl_data(res) + at;
      if (j->widen)
        k->to_f32[KL_BF16](from, (float *)y, n);
      else if (from != y)
        memcpy(y, from, n * y_size);
    }
    if (!kl_dnn_run(j->c->dnn, worker, prim, x, j->kernel[b].w, j->bias, y, ws))
      atomic_store(&j->failed, true);
    if (j->widen) k->from_f32[KL_BF16]((float *)y, to, n);
  }
}

bool kl_conv_dnn_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  if (is_product(node)) return kl_linear_dnn_run(c, node, scratch, cancel, err);
  Job j;
  if (!plan(c, node, &j, err) || !measure(&j, err)) return false;
  const KlTensor *bias = node->src[KL_MM_BIAS];
  float *bias_f32 = scratch;
  if (bias) c->k.to_f32[bias->dtype](kl_data(bias), bias_f32, (size_t)j.s.o);
  j.kernel = (Kernel *)(void *)((char *)scratch + kl_up((size_t)j.s.o * sizeof(float), KL_ALIGN));
  for (int64_t b = 0; b < j.bands; b++) {
    if (same_as_last(&j, b))
      j.kernel[b] = j.kernel[b - 1];
    else if (!find_kernel(&j, b, &j.kernel[b], err))
      return false;
    if (!j.kernel[b].w) return kl_fail(err, KL_ERR_INVALID, "a convolution was run before it was prepared");
  }
  j.bias = bias_f32;
  j.mem = (char *)scratch + shared_bytes(&j);
  bool ok = kl_cpu_tasks(c, (size_t)(j.bands * j.groups), task, &j, cancel, err);
  return ok && atomic_load(&j.failed) ? kl_fail(err, KL_ERR_OOM, "no memory for a convolution") : ok;
}
