/* Ops as dispatches. Each fills the parameter block as its kernel in shaders/ documents it. */
#include "engine/vulkan/vk.h"

#include <string.h>

static const int32_t no_spec[KL_VK_SPEC];

bool kl_vk_is_float(const KlTensor *t) {
  return t->dtype == KL_F32 || t->dtype == KL_F16 || t->dtype == KL_BF16;
}

bool kl_vk_fits(const KlTensor *t) {
  int64_t span = 1;
  for (int i = 0; i < t->ndim; i++) {
    if (t->shape[i] == 0) return true;
    span += (t->shape[i] - 1) * t->stride[i];
  }
  return span < INT32_MAX && kl_nelem(t) < INT32_MAX;
}

static bool all_float(const KlTensor *node) {
  bool ok = kl_vk_is_float(node) && kl_vk_fits(node);
  for (int i = 0; i < node->nsrc; i++)
    if (node->src[i]) ok = ok && kl_vk_is_float(node->src[i]) && kl_vk_fits(node->src[i]);
  return ok;
}

static KlVkView view(const KlVkDevice *d, const KlTensor *t) {
  return kl_vk_view(d, t, KL_VK_PLAIN);
}

/* Rows of the result that share one line of an operand. */
static int32_t share(const KlTensor *node, const KlTensor *line) {
  if (!line || kl_same_shape(node, line) || kl_rows(line) == 0) return 1;
  int64_t n = kl_rows(node) / kl_rows(line);
  return n < 1 ? 1 : (int32_t)n;
}

/* ---- products ---- */

enum { X, W, BIAS, HISTORY, RESIDUAL };

static bool mm_types(const KlTensor *node) {
  const KlTensor *w = node->src[W], *rest[4] = {node->src[X], node->src[BIAS]};
  bool ok = kl_vk_fits(w) && kl_vk_is_float(node) && kl_vk_fits(node);
  if (node->nsrc > HISTORY) rest[2] = node->src[HISTORY];
  if (node->nsrc > RESIDUAL) rest[3] = node->src[RESIDUAL];
  for (int i = 0; i < 4; i++) ok = ok && (!rest[i] || (kl_vk_is_float(rest[i]) && kl_vk_fits(rest[i])));
  return ok;
}

static bool linear_supports(const KlTensor *node) {
  return mm_types(node) && node->src[W]->dtype != KL_I32;
}

static bool product(KlVkDevice *d, KlTensor *node, KlVkParams *p, KlVkForm form, const KlCancel *cancel,
                    KlErr *err) {
  const KlTensor *res = node->nsrc > RESIDUAL ? node->src[RESIDUAL] : NULL,
                 *hist = node->nsrc > HISTORY ? node->src[HISTORY] : NULL;
  p->i[0] = (int32_t)kl_rows(node);
  p->i[1] = (int32_t)kl_cols(node);
  p->i[4] = node->src[BIAS] != NULL;
  p->i[5] = res != NULL;
  p->v[0] = view(d, node->src[X]);
  p->v[1] = kl_vk_view(d, node->src[W], form);
  p->v[2] = view(d, node->src[BIAS]);
  p->v[3] = view(d, hist);
  p->v[4] = view(d, res);
  p->v[5] = view(d, node);
  const int32_t spec[KL_VK_SPEC] = {form == KL_VK_CONV, p->v[0].dtype, p->v[1].dtype};
  if (form == KL_VK_PLAIN && p->i[0] <= 8)
    return kl_vk_dispatch(d, KL_VK_MV, spec, p, 6, kl_nelem(node), 4.0 * p->i[2] + 1000, true, cancel, err);
  int64_t groups = ((p->i[0] + 63) / 64) * (int64_t)((p->i[1] + 63) / 64);
  return kl_vk_dispatch(d, KL_VK_MM, spec, p, 6, groups, 2.0 * 64 * 64 * (p->i[2] + 16), true, cancel, err);
}

static bool linear_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  KlVkParams p = {0};
  p.i[2] = (int32_t)kl_cols(node->src[X]);
  p.i[3] = ((const KlLinearParams *)node->params)->act;
  return product(d, node, &p, KL_VK_PLAIN, cancel, err);
}

const KlVkOp kl_vk_linear = {linear_supports, NULL, linear_run};

static bool conv_supports(const KlTensor *node) {
  const KlTensor *w = node->src[W], *hist = node->src[HISTORY];
  return mm_types(node) && kl_vk_is_float(w) && kl_vk_is_weight(w) && !w->base &&
         kl_is_contiguous(node->src[X]) && (!hist || kl_is_contiguous(hist));
}

static bool conv_prepare(KlVkDevice *d, KlTensor *node, KlErr *err) {
  for (int i = 0; i < node->nsrc; i++)
    if (!kl_vk_upload(d, node->src[i], i == W ? KL_VK_CONV : KL_VK_PLAIN, err)) return false;
  return true;
}

static bool conv_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlTensor *x = node->src[X], *w = node->src[W], *hist = node->src[HISTORY];
  const KlConvParams *c = node->params;
  int32_t kh = (int32_t)w->shape[w->ndim - 2], kw = (int32_t)w->shape[w->ndim - 1],
          kt = w->ndim == 5 ? (int32_t)w->shape[2] : 1;
  KlVkParams p = {0};
  p.i[2] = kt * kh * kw * (int32_t)x->shape[3];
  p.i[3] = c->act;
  const int32_t geometry[] = {(int32_t)x->shape[3],
                              kh,
                              kw,
                              hist ? (int32_t)hist->shape[0] : 0,
                              (int32_t)x->shape[1],
                              (int32_t)x->shape[2],
                              (int32_t)node->shape[1],
                              (int32_t)node->shape[2],
                              c->stride_t,
                              c->stride_h,
                              c->stride_w,
                              c->pad_top,
                              c->pad_left};
  memcpy(p.i + 6, geometry, sizeof geometry);
  return product(d, node, &p, KL_VK_CONV, cancel, err);
}

const KlVkOp kl_vk_conv = {conv_supports, conv_prepare, conv_run};

/* ---- norm ---- */

static bool norm_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlNormParams *n = node->params;
  KlTensor *const *s = node->src;
  KlVkParams p = {.i = {(int32_t)kl_cols(node), n->kind, n->act, s[1] != NULL, s[2] != NULL, s[3] != NULL,
                        s[4] != NULL, share(node, s[3]), share(node, s[4])},
                  .f = {n->eps}};
  for (int i = 0; i < 5; i++) p.v[i] = view(d, s[i]);
  p.v[5] = view(d, node);
  return kl_vk_dispatch(d, KL_VK_NORM, no_spec, &p, 6, kl_rows(node), 20.0 * (double)kl_cols(node) + 500,
                        true, cancel, err);
}

const KlVkOp kl_vk_norm = {all_float, NULL, norm_run};

/* ---- element-wise ---- */

static bool elementwise_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  enum { ADD, MUL, GATED_ADD, AFFINE, ACTIVATION } op;
  KlTensor *b = node->nsrc > 1 ? node->src[1] : NULL, *c = node->nsrc > 2 ? node->src[2] : NULL;
  KlVkParams p = {
      .i = {(int32_t)kl_nelem(node), (int32_t)kl_cols(node), share(node, b), share(node, c), 0, c != NULL}};
  switch (node->op) {
  case KL_OP_ADD:
    op = ADD;
    break;
  case KL_OP_MUL:
    op = MUL;
    break;
  case KL_OP_GATED_ADD:
    op = GATED_ADD;
    break;
  case KL_OP_AFFINE: {
    const KlAffineParams *a = node->params;
    op = AFFINE;
    p.f[0] = a->scale, p.f[1] = a->shift, p.f[2] = a->lo, p.f[3] = a->hi;
    break;
  }
  default:
    op = ACTIVATION;
    p.i[4] = ((const KlActivationParams *)node->params)->act;
  }
  p.v[0] = view(d, node->src[0]);
  p.v[1] = view(d, b);
  p.v[2] = view(d, c);
  p.v[3] = view(d, node);
  const int32_t spec[KL_VK_SPEC] = {op};
  return kl_vk_dispatch(d, KL_VK_EW, spec, &p, 4, (kl_nelem(node) + 255) / 256, 256 * 20.0, true, cancel,
                        err);
}

const KlVkOp kl_vk_elementwise = {all_float, NULL, elementwise_run};

/* ---- moves ---- */

/* y has the strides to[], x the strides from[] after the division of y's coordinates. */
static bool move(KlVkDevice *d, const KlTensor *x, const KlTensor *y, size_t y_offset, const int64_t *shape,
                 const int64_t *from, const int64_t *to, const int32_t *div, bool ordered,
                 const KlCancel *cancel, KlErr *err) {
  KlVkParams p = {0};
  int pad = KL_MAX_DIMS - y->ndim;
  int64_t n = 1;
  for (int i = 0; i < KL_MAX_DIMS; i++) {
    bool real = i >= pad;
    p.i[i] = real ? (int32_t)shape[i - pad] : 1;
    p.i[6 + i] = real ? (int32_t)from[i - pad] : 0;
    p.i[12 + i] = real ? (int32_t)to[i - pad] : 0;
    p.i[18 + i] = real && div ? div[i - pad] : 1;
    n *= p.i[i];
  }
  p.i[24] = (int32_t)n;
  p.v[0] = view(d, x);
  p.v[1] = view(d, y);
  p.v[1].at += y_offset;
  return kl_vk_dispatch(d, KL_VK_MOVE, no_spec, &p, 2, (n + 255) / 256, 256 * 20.0, ordered, cancel, err);
}

static bool move_supports(const KlTensor *node) {
  bool ok = kl_vk_fits(node);
  for (int i = 0; i < node->nsrc; i++) {
    const KlTensor *s = node->src[i];
    ok = ok && kl_vk_fits(s) &&
         (s->dtype == node->dtype ? !kl_dtype_is_quantised(s->dtype)
                                  : kl_vk_is_float(s) && kl_vk_is_float(node));
  }
  return ok;
}

static bool copy_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlTensor *x = node->src[0], *to = node->nsrc > 1 && node->src[1] ? node->src[1] : node;
  return move(d, x, to, 0, to->shape, x->stride, to->stride, NULL, true, cancel, err);
}

static bool permute_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlTensor *x = node->src[0];
  const int *perm = ((const KlPermuteParams *)node->params)->perm;
  int64_t from[KL_MAX_DIMS];
  for (int i = 0; i < node->ndim; i++) from[i] = x->stride[perm[i]];
  return move(d, x, node, 0, node->shape, from, node->stride, NULL, true, cancel, err);
}

static bool concat_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  int dim = ((const KlConcatParams *)node->params)->dim;
  size_t at = 0, step = (size_t)node->stride[dim] * kl_dtype_block_bytes(node->dtype);
  for (int i = 0; i < node->nsrc; i++) {
    const KlTensor *x = node->src[i];
    if (kl_nelem(x) && !move(d, x, node, at, x->shape, x->stride, node->stride, NULL, i == 0, cancel, err))
      return false;
    at += (size_t)x->shape[dim] * step;
  }
  return true;
}

static bool upsample_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlTensor *x = node->src[0];
  const KlUpsampleParams *u = node->params;
  const int32_t div[4] = {1, u->fh, u->fw, 1};
  return move(d, x, node, 0, node->shape, x->stride, node->stride, div, true, cancel, err);
}

const KlVkOp kl_vk_copy = {move_supports, NULL, copy_run};
const KlVkOp kl_vk_permute = {move_supports, NULL, permute_run};
const KlVkOp kl_vk_concat = {move_supports, NULL, concat_run};
const KlVkOp kl_vk_upsample = {move_supports, NULL, upsample_run};

/* ---- embed ---- */

/* A large table stays on the host: a few rows of it are read, and it would take the device's memory. */
static bool embed_supports(const KlTensor *node) {
  size_t bytes;
  return kl_vk_is_float(node->src[0]) && kl_vk_fits(node->src[0]) && kl_vk_is_float(node) &&
         kl_vk_fits(node) && kl_tensor_bytes(node->src[0], &bytes) && bytes <= 64u << 20;
}

static bool embed_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  KlVkParams p = {.i = {(int32_t)kl_nelem(node), (int32_t)kl_cols(node), (int32_t)node->src[0]->shape[0]}};
  p.v[0] = view(d, node->src[0]);
  p.v[1] = view(d, node->src[1]);
  p.v[1].stride[0] = (int32_t)node->src[1]->stride[0];
  p.v[2] = view(d, node);
  return kl_vk_dispatch(d, KL_VK_EMBED, no_spec, &p, 3, (kl_nelem(node) + 255) / 256, 256 * 20.0, true,
                        cancel, err);
}

const KlVkOp kl_vk_embed = {embed_supports, NULL, embed_run};

/* ---- attention ---- */

/* Softmax with all of segments, positions, biases and masks; the other normalisers are the CPU's. */
static bool attention_supports(const KlTensor *node) {
  const KlAttentionParams *a = node->params;
  bool ok = a->normaliser == KL_ATTN_SOFTMAX && node->shape[2] <= 256 && kl_vk_fits(node);
  for (int i = 0; i < node->nsrc; i++) ok = ok && (!node->src[i] || kl_vk_fits(node->src[i]));
  return ok;
}

static KlVkView by_head(const KlVkDevice *d, const KlTensor *t) {
  KlVkView v = view(d, t);
  v.stride[0] = (int32_t)t->stride[0];
  v.stride[1] = (int32_t)t->stride[1];
  return v;
}

static bool attention_run(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err) {
  const KlAttentionParams *a = node->params;
  KlTensor *const *s = node->src, *allow = s[KL_ATTN_ALLOW], *rel = s[KL_ATTN_REL_BIAS];
  int64_t nq = node->shape[0], heads = node->shape[1], width = node->shape[2], keys = 0;
  KlVkParams p = {.i = {(int32_t)nq, (int32_t)heads, (int32_t)width, a->segments, s[KL_ATTN_Q_ROPE] != NULL,
                        allow != NULL, allow ? (int32_t)allow->shape[0] : 0,
                        allow ? (int32_t)allow->shape[1] : 0, rel != NULL, rel ? (int32_t)rel->stride[0] : 0,
                        rel ? (int32_t)((rel->shape[1] + 1) / 2 - 1) : 0},
                  .f = {a->scale}};
  p.v[0] = by_head(d, s[KL_ATTN_Q]);
  p.v[1] = view(d, s[KL_ATTN_Q_ROPE]);
  p.v[2] = view(d, s[KL_ATTN_Q_LABELS]);
  p.v[3] = view(d, allow);
  p.v[4] = view(d, rel);
  p.v[5] = by_head(d, node);
  for (int i = 0; i < a->segments; i++) {
    KlTensor *const *from = s + KL_ATTN_SEG0 + 4 * i;
    KlVkView *to = p.v + 6 + 4 * i;
    to[0] = by_head(d, from[0]);
    to[1] = by_head(d, from[1]);
    to[2] = view(d, from[2]);
    to[3] = view(d, from[3]);
    p.i[12 + 3 * i] = (int32_t)from[0]->shape[0];
    p.i[13 + 3 * i] = from[2] != NULL;
    p.i[14 + 3 * i] = (int32_t)keys;
    p.f[1 + i] = a->bias[i];
    keys += from[0]->shape[0];
  }
  /* Shared memory: at most 26 KiB of queries, keys and logits. */
  const int32_t rows = width <= 128 ? 32 : 16, tile = width <= 128 ? 16 : 8;
  const int32_t spec[KL_VK_SPEC] = {rows, tile, (int32_t)width};
  int64_t groups = (nq + rows - 1) / rows * heads;
  return kl_vk_dispatch(d, KL_VK_ATTENTION, spec, &p, 6 + 4 * a->segments, groups,
                        4.0 * rows * (double)(keys + 16) * (double)width, true, cancel, err);
}

const KlVkOp kl_vk_attention = {attention_supports, NULL, attention_run};

/* ---- table ---- */

const KlVkOp *kl_vk_op(KlOp op) {
  static const KlVkOp *const table[KL_OPS] = {
      [KL_OP_LINEAR] = &kl_vk_linear,       [KL_OP_CONV] = &kl_vk_conv,
      [KL_OP_NORM] = &kl_vk_norm,           [KL_OP_ADD] = &kl_vk_elementwise,
      [KL_OP_MUL] = &kl_vk_elementwise,     [KL_OP_GATED_ADD] = &kl_vk_elementwise,
      [KL_OP_AFFINE] = &kl_vk_elementwise,  [KL_OP_ACTIVATION] = &kl_vk_elementwise,
      [KL_OP_ATTENTION] = &kl_vk_attention, [KL_OP_EMBED] = &kl_vk_embed,
      [KL_OP_COPY] = &kl_vk_copy,           [KL_OP_PERMUTE] = &kl_vk_permute,
      [KL_OP_CONCAT] = &kl_vk_concat,       [KL_OP_UPSAMPLE] = &kl_vk_upsample,
  };
  return table[op];
}
