/* The reference convolution: patches of a few pixels gathered as f32, scalar products with the weights
 * reordered to [O, kt, kh, kw, C]. */
#include "engine/cpu/matmul.h"

#include <string.h>

enum { PIXELS = 8 };

typedef struct {
  const KlCpu *c;
  const KlTensor *node;
  KlConvShape s;
  const float *w;
  int64_t taps, blocks; /* floats a patch; pixel blocks a line */
  float *mem;
} Job;

static size_t worker_floats(const KlConvShape *s) {
  int64_t patch = s->kt * s->kh * s->kw * s->c;
  return (size_t)(PIXELS * (kl_max64(patch, s->o) + s->o) + s->o); /* the patches also hold a residual row */
}

size_t kl_conv_scalar_scratch(const KlCpu *c, const KlTensor *node) {
  KlConvShape s = kl_conv_shape(node);
  size_t n;
  return kl_size_mul(worker_floats(&s) * sizeof(float), (size_t)kl_cpu_threads(c), &n) ? n : SIZE_MAX;
}

bool kl_conv_scalar_prepare(KlCpu *c, KlTensor *node, KlErr *err) {
  KlTensor *w = node->src[KL_MM_W];
  KlDtype compute = node->src[KL_MM_X]->dtype;
  if (kl_pack_find(w, KL_PACK_CONV_SCALAR, compute)) return true;
  KlConvShape s = kl_conv_shape(node);
  int64_t taps = s.kt * s.kh * s.kw, per = s.c * taps;
  float *data = kl_alloc((size_t)(s.o * per), sizeof *data), *row = kl_alloc((size_t)per, sizeof *row);
  if (!data || !row) {
    kl_free(&data);
    kl_free(&row);
    return kl_fail(err, KL_ERR_OOM, "no memory for a packed convolution");
  }
  size_t row_bytes = (size_t)per / kl_dtype_block(w->dtype) * kl_dtype_block_bytes(w->dtype);
  for (int64_t o = 0; o < s.o; o++) {
    c->k.to_f32[w->dtype]((const char *)kl_data(w) + (size_t)o * row_bytes, row, (size_t)per);
    for (int64_t ch = 0; ch < s.c; ch++)
      for (int64_t t = 0; t < taps; t++) {
        float v = row[ch * taps + t];
        data[o * per + t * s.c + ch] = compute == KL_BF16 ? kl_bf16_to_f32(kl_f32_to_bf16(v)) : v;
      }
  }
  kl_free(&row);
  return kl_pack_add(w, KL_PACK_CONV_SCALAR, compute, data, NULL, err);
}

/* The inputs of one output pixel, [kt, kh, kw, C]. */
static void gather(const Job *j, int64_t t, int64_t h, int64_t w, float *out) {
  const KlConvShape *s = &j->s;
  const KlTensor *x = j->node->src[KL_MM_X];
  size_t size = kl_dtype_block_bytes(x->dtype);
  for (int64_t a = 0; a < s->kt; a++) {
    int64_t f = t * s->p->stride_t + a;
    const KlTensor *from = j->node->src[f < s->hist ? KL_MM_HISTORY : KL_MM_X];
    const char *frame = kl_conv_frame(j->node, s, f);
    for (int64_t b = 0; b < s->kh; b++)
      for (int64_t d = 0; d < s->kw; d++, out += s->c) {
        int64_t y = h * s->p->stride_h + b - s->p->pad_top, z = w * s->p->stride_w + d - s->p->pad_left;
        if (y < 0 || y >= s->h || z < 0 || z >= s->w)
          memset(out, 0, (size_t)s->c * sizeof *out);
        else
          j->c->k.to_f32[x->dtype](frame + (y * from->stride[1] + z * from->stride[2]) * (int64_t)size, out,
                                   (size_t)s->c);
      }
  }
}

static void task(void *ctx, size_t task, int worker) {
  const Job *j = ctx;
  const KlConvShape *s = &j->s;
  const KlCpuKernels *k = &j->c->k;
  const KlTensor *res = j->node->src[KL_MM_RESIDUAL], *b = j->node->src[KL_MM_BIAS], *out = j->node;
  int64_t w0 = (int64_t)task % j->blocks * PIXELS, line = (int64_t)task / j->blocks, h = line % s->ho,
          t = line / s->ho;
  int n = (int)kl_min64(PIXELS, s->wo - w0);
  float *patch = j->mem + (size_t)worker * worker_floats(s), *y = patch + PIXELS * kl_max64(j->taps, s->o),
        *bias = y + PIXELS * s->o;
  for (int i = 0; i < n; i++) gather(j, t, h, w0 + i, patch + i * j->taps);
  if (b) k->to_f32[b->dtype](kl_data(b), bias, (size_t)s->o);
  for (int64_t o = 0; o < s->o; o++)
    for (int i = 0; i < n; i++)
      y[i * s->o + o] = k->dot(patch + i * j->taps, j->w + o * j->taps, (size_t)j->taps) + (b ? bias[o] : 0);
  size_t size = kl_dtype_block_bytes(out->dtype);
  for (int i = 0; i < n; i++) {
    float *row = y + i * s->o;
    if (res) {
      int64_t at = t * res->stride[0] + h * res->stride[1] + (w0 + i) * res->stride[2];
      k->to_f32[res->dtype]((char *)kl_data(res) + (size_t)at * size, patch, (size_t)s->o);
      k->add(row, patch, row, (size_t)s->o);
    }
    k->act(s->p->act, row, row, (size_t)s->o);
    int64_t at = t * out->stride[0] + h * out->stride[1] + (w0 + i) * out->stride[2];
    k->from_f32[out->dtype](row, (char *)kl_data(out) + (size_t)at * size, (size_t)s->o);
  }
}

bool kl_conv_scalar_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err) {
  Job j = {.c = c, .node = node, .s = kl_conv_shape(node), .mem = scratch};
  KlPack *pack = kl_pack_find(node->src[KL_MM_W], KL_PACK_CONV_SCALAR, node->src[KL_MM_X]->dtype);
  if (!pack) return kl_fail(err, KL_ERR_INVALID, "a convolution was run before it was prepared");
  j.w = pack->data;
  j.taps = j.s.kt * j.s.kh * j.s.kw * j.s.c;
  j.blocks = (j.s.wo + PIXELS - 1) / PIXELS;
  return kl_cpu_tasks(c, (size_t)(j.s.to * j.s.ho * j.blocks), task, &j, cancel, err);
}
