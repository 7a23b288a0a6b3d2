#include "engine/graph/graph.h"

#include "engine/base/mem.h"

#include <stdarg.h>
#include <string.h>

void kl_graph_init(KlGraph *g) {
  *g = (KlGraph){0};
}

void kl_graph_free(KlGraph *g) {
  kl_free(&g->nodes);
  kl_arena_free(&g->arena);
  *g = (KlGraph){0};
}

bool kl_graph_ok(const KlGraph *g, KlErr *err) {
  if (g->err.code == KL_ERR_NONE) return true;
  if (err) *err = g->err;
  return false;
}

/* ---- helpers of the builders ---- */

static KlTensor *fail(KlGraph *g, const char *op, const char *why) {
  kl_fail(&g->err, KL_ERR_INVALID, "%s: %s", op, why);
  return NULL;
}

static KlTensor *fail_with(KlGraph *g, const char *op, const char *why, const KlTensor *a,
                           const KlTensor *b) {
  char s[96], t[96] = "";
  kl_describe(a, s, sizeof s);
  if (b) kl_describe(b, t, sizeof t);
  kl_fail(&g->err, KL_ERR_INVALID, "%s: %s (%s%s%s)", op, why, s, b ? ", " : "", t);
  return NULL;
}

static KlTensor *oom(KlGraph *g) {
  kl_fail(&g->err, KL_ERR_OOM, "no memory for the graph");
  return NULL;
}

static KlTensor *leaf(KlGraph *g, KlDtype dtype, int ndim, const int64_t *shape) {
  KlTensor *t = kl_arena_alloc(&g->arena, 1, sizeof *t);
  if (!t) return oom(g);
  if (!kl_tensor_set(t, dtype, ndim, shape)) return fail(g, "tensor", "shape out of range");
  return t;
}

/* A node with its operands (the constness of weights is the caller's promise to itself) and a copy of params.
 */
static KlTensor *node(KlGraph *g, KlOp op, KlDtype dtype, int ndim, const int64_t *shape, int nsrc,
                      const KlTensor *const *src, const void *params, size_t params_size) {
  KlTensor *t = leaf(g, dtype, ndim, shape);
  if (!t) return NULL;
  t->op = op;
  t->nsrc = nsrc;
  t->src = kl_arena_alloc(&g->arena, (size_t)nsrc, sizeof *t->src);
  t->params = params_size ? kl_arena_alloc(&g->arena, 1, params_size) : NULL;
  if (!t->src || (params_size && !t->params) || !kl_grow(&g->nodes, &g->cap, g->count + 1, sizeof *g->nodes))
    return oom(g);
  memcpy(t->src, src, (size_t)nsrc * sizeof *t->src);
  if (params_size) memcpy(t->params, params, params_size);
  g->nodes[g->count++] = t;
  return t;
}

#define NODE(g, op, dtype, ndim, shape, params, size, ...)                                                   \
  node(g, op, dtype, ndim, shape, (int)(sizeof((const KlTensor *[]){__VA_ARGS__}) / sizeof(KlTensor *)),     \
       (const KlTensor *[]){__VA_ARGS__}, params, size)

static bool is_compute(const KlTensor *t) {
  return t->dtype == KL_F32 || t->dtype == KL_BF16;
}
static bool is_float(const KlTensor *t) {
  return is_compute(t) || t->dtype == KL_F16;
}

/* [groups, C] or [C] against x with C columns. */
static bool fits_rows(const KlTensor *x, const KlTensor *line) {
  if (kl_cols(line) != kl_cols(x)) return false;
  int64_t groups = kl_rows(line);
  return groups > 0 && kl_rows(x) % groups == 0 && kl_is_contiguous(line) && is_compute(line);
}

static bool fits_channels(const KlTensor *w, int64_t channels) {
  return kl_nelem(w) == channels && is_float(w) && kl_is_contiguous(w);
}

/* ---- leaves and views ---- */

KlTensor *kl_input(KlGraph *g, const char *name, KlDtype dtype, int ndim, const int64_t *shape) {
  KlTensor *t = leaf(g, dtype, ndim, shape);
  if (!t) return NULL;
  t->input = true;
  t->name = kl_arena_strndup(&g->arena, name, strlen(name));
  return t->name ? t : oom(g);
}

KlTensor *kl_state(KlGraph *g, KlBuffer *buf, size_t offset, KlDtype dtype, int ndim, const int64_t *shape) {
  KlTensor *t = leaf(g, dtype, ndim, shape);
  if (!t) return NULL;
  size_t bytes, end;
  if (!kl_tensor_bytes(t, &bytes) || !kl_size_add(offset, bytes, &end) || end > buf->bytes || offset % 16)
    return fail_with(g, "state", "does not fit its buffer", t, NULL);
  t->buf = buf;
  t->offset = offset;
  return t;
}

KlTensor *kl_output(KlGraph *g, KlTensor *t) {
  if (!t) return NULL;
  (t->base ? t->base : t)->output = true;
  t->output = true;
  return t;
}

static KlTensor *view(KlGraph *g, KlTensor *t) {
  KlTensor *v = kl_arena_alloc(&g->arena, 1, sizeof *v);
  if (!v) return oom(g);
  *v = (KlTensor){.dtype = t->dtype,
                  .ndim = t->ndim,
                  .base = t->base ? t->base : t,
                  .view_offset = t->view_offset,
                  .name = t->name};
  memcpy(v->shape, t->shape, sizeof v->shape);
  memcpy(v->stride, t->stride, sizeof v->stride);
  kl_bind(v);
  return v;
}

KlTensor *kl_reshape(KlGraph *g, KlTensor *t, int ndim, const int64_t *shape) {
  if (!t) return NULL;
  if (!kl_is_contiguous(t)) return fail_with(g, "reshape", "tensor is not contiguous", t, NULL);
  int64_t want[KL_MAX_DIMS], known = 1;
  int open = -1;
  if (ndim < 1 || ndim > KL_MAX_DIMS) return fail_with(g, "reshape", "bad number of dimensions", t, NULL);
  for (int i = 0; i < ndim; i++) {
    want[i] = shape[i];
    if (shape[i] == -1 && open < 0)
      open = i;
    else if (shape[i] < 0)
      return fail_with(g, "reshape", "bad shape", t, NULL);
    else
      known *= shape[i];
  }
  if (open >= 0) want[open] = known ? kl_nelem(t) / known : 0;
  KlTensor *v = view(g, t);
  if (!v) return NULL;
  if (!kl_tensor_set(v, t->dtype, ndim, want) || kl_nelem(v) != kl_nelem(t))
    return fail_with(g, "reshape", "element counts differ", t, v);
  return v;
}

KlTensor *kl_slice(KlGraph *g, KlTensor *t, int dim, int64_t start, int64_t len) {
  if (!t) return NULL;
  if (dim < 0 || dim >= t->ndim || start < 0 || len < 0 || start > t->shape[dim] - len ||
      kl_dtype_is_quantised(t->dtype))
    return fail_with(g, "slice", "range out of bounds", t, NULL);
  KlTensor *v = view(g, t);
  if (!v) return NULL;
  v->shape[dim] = len;
  v->view_offset += (size_t)(start * t->stride[dim]) * kl_dtype_block_bytes(t->dtype);
  kl_bind(v);
  return v;
}

/* ---- ops ---- */

KlTensor *kl_linear(KlGraph *g, KlTensor *x, const KlTensor *w, const KlTensor *bias, KlActivation act,
                    KlDtype out) {
  if (!x || !w) return NULL;
  int64_t n = w->shape[0], k = n ? kl_nelem(w) / n : 0;
  if (!is_compute(x) || k != kl_cols(x) || w->ndim < 2 || !kl_is_contiguous(w) || x->stride[x->ndim - 1] != 1)
    return fail_with(g, "linear", "operands do not fit", x, w);
  if (bias && !fits_channels(bias, n)) return fail_with(g, "linear", "bias does not fit", w, bias);
  int64_t shape[KL_MAX_DIMS];
  memcpy(shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = n;
  KlLinearParams p = {act};
  return NODE(g, KL_OP_LINEAR, out, x->ndim, shape, &p, sizeof p, x, w, bias);
}

KlTensor *kl_conv(KlGraph *g, KlTensor *x, const KlTensor *w, const KlTensor *bias, KlTensor *history,
                  KlTensor *residual, const KlConvParams *p) {
  if (!x || !w) return NULL;
  if (x->ndim != 4 || (w->ndim != 4 && w->ndim != 5) || !is_compute(x) || !kl_is_contiguous(x) ||
      w->shape[1] != x->shape[3] || kl_dtype_is_quantised(w->dtype))
    return fail_with(g, "conv", "operands do not fit", x, w);
  int64_t kt = w->ndim == 5 ? w->shape[2] : 1, kh = w->shape[w->ndim - 2], kw = w->shape[w->ndim - 1];
  if (p->stride_t < 1 || p->stride_h < 1 || p->stride_w < 1 || p->pad_top < 0 || p->pad_bottom < 0 ||
      p->pad_left < 0 || p->pad_right < 0)
    return fail(g, "conv", "bad stride or padding");
  if (bias && !fits_channels(bias, w->shape[0])) return fail_with(g, "conv", "bias does not fit", w, bias);
  if (history && (history->ndim != 4 || history->dtype != x->dtype || history->shape[0] != kt - 1 ||
                  history->shape[1] != x->shape[1] || history->shape[2] != x->shape[2] ||
                  history->shape[3] != x->shape[3] || !kl_is_contiguous(history)))
    return fail_with(g, "conv", "history does not fit", x, history);
  int64_t frames = x->shape[0] + (history ? kt - 1 : 0);
  int64_t height = x->shape[1] + p->pad_top + p->pad_bottom, width = x->shape[2] + p->pad_left + p->pad_right;
  if (frames < kt || height < kh || width < kw)
    return fail_with(g, "conv", "input smaller than the kernel", x, w);
  int64_t shape[4] = {(frames - kt) / p->stride_t + 1, (height - kh) / p->stride_h + 1,
                      (width - kw) / p->stride_w + 1, w->shape[0]};
  KlTensor *y = NODE(g, KL_OP_CONV, x->dtype, 4, shape, p, sizeof *p, x, w, bias, history, residual);
  if (y && residual &&
      (!kl_same_shape(residual, y) || residual->dtype != y->dtype || !kl_is_contiguous(residual)))
    return fail_with(g, "conv", "residual does not fit", y, residual);
  return y;
}

KlTensor *kl_norm(KlGraph *g, KlTensor *x, KlNormKind kind, float eps, const KlTensor *weight,
                  const KlTensor *bias, KlTensor *shift, KlTensor *scale, KlActivation act, KlDtype out) {
  if (!x) return NULL;
  if (!is_compute(x)) return fail_with(g, "norm", "needs f32 or bf16", x, NULL);
  if ((weight && !fits_channels(weight, kl_cols(x))) || (bias && !fits_channels(bias, kl_cols(x))))
    return fail_with(g, "norm", "weight does not fit", x, weight);
  if ((shift && !fits_rows(x, shift)) || (scale && !fits_rows(x, scale)))
    return fail_with(g, "norm", "modulation does not fit", x, shift);
  KlNormParams p = {kind, eps, act};
  return NODE(g, KL_OP_NORM, out, x->ndim, x->shape, &p, sizeof p, x, weight, bias, shift, scale);
}

static KlTensor *binary(KlGraph *g, KlOp op, KlTensor *a, KlTensor *b) {
  if (!a || !b) return NULL;
  if (!is_compute(a) || !is_compute(b) || !(kl_same_shape(a, b) || fits_rows(a, b)))
    return fail_with(g, kl_op_name(op), "operands do not fit", a, b);
  return NODE(g, op, a->dtype, a->ndim, a->shape, NULL, 0, a, b);
}

KlTensor *kl_add(KlGraph *g, KlTensor *a, KlTensor *b) {
  return binary(g, KL_OP_ADD, a, b);
}
KlTensor *kl_mul(KlGraph *g, KlTensor *a, KlTensor *b) {
  return binary(g, KL_OP_MUL, a, b);
}

KlTensor *kl_gated_add(KlGraph *g, KlTensor *x, KlTensor *y, KlTensor *gate) {
  if (!x || !y) return NULL;
  if (!is_compute(x) || !is_compute(y) || !kl_same_shape(x, y) || (gate && !fits_rows(x, gate)))
    return fail_with(g, "gated_add", "operands do not fit", x, y);
  return NODE(g, KL_OP_GATED_ADD, x->dtype, x->ndim, x->shape, NULL, 0, x, y, gate);
}

KlTensor *kl_affine(KlGraph *g, KlTensor *x, KlAffineParams p) {
  if (!x) return NULL;
  if (!is_compute(x)) return fail_with(g, "affine", "needs f32 or bf16", x, NULL);
  return NODE(g, KL_OP_AFFINE, x->dtype, x->ndim, x->shape, &p, sizeof p, x);
}

KlTensor *kl_activation(KlGraph *g, KlTensor *x, KlActivation act) {
  if (!x) return NULL;
  if (!is_compute(x)) return fail_with(g, "activation", "needs f32 or bf16", x, NULL);
  KlActivationParams p = {act};
  return NODE(g, KL_OP_ACTIVATION, x->dtype, x->ndim, x->shape, &p, sizeof p, x);
}

KlTensor *kl_embed(KlGraph *g, const KlTensor *table, KlTensor *ids, KlDtype out) {
  if (!table || !ids) return NULL;
  if (table->ndim != 2 || ids->ndim != 1 || ids->dtype != KL_I32 || !kl_is_contiguous(ids) ||
      table->dtype == KL_I32)
    return fail_with(g, "embed", "operands do not fit", table, ids);
  int64_t shape[2] = {ids->shape[0], table->shape[1]};
  return NODE(g, KL_OP_EMBED, out, 2, shape, NULL, 0, table, ids);
}

KlTensor *kl_copy(KlGraph *g, KlTensor *from, KlTensor *to) {
  if (!from || !to) return NULL;
  bool same_bits = from->dtype == to->dtype && !kl_dtype_is_quantised(from->dtype);
  if (!kl_same_shape(from, to) || !(same_bits || (is_float(from) && is_float(to))))
    return fail_with(g, "copy", "operands do not fit", from, to);
  KlTensor *t = NODE(g, KL_OP_COPY, to->dtype, to->ndim, to->shape, NULL, 0, from, to);
  if (!t) return NULL;
  /* The result is the destination itself. */
  memcpy(t->stride, to->stride, sizeof t->stride);
  t->base = to->base ? to->base : to;
  t->view_offset = to->view_offset;
  kl_bind(t);
  return t;
}

KlTensor *kl_cast(KlGraph *g, KlTensor *x, KlDtype dtype) {
  if (!x) return NULL;
  bool same_bits = x->dtype == dtype && !kl_dtype_is_quantised(dtype);
  if (!same_bits && !(is_float(x) && (dtype == KL_F32 || dtype == KL_BF16 || dtype == KL_F16)))
    return fail_with(g, "cast", "cannot convert", x, NULL);
  return NODE(g, KL_OP_COPY, dtype, x->ndim, x->shape, NULL, 0, x);
}

KlTensor *kl_permute(KlGraph *g, KlTensor *x, const int *perm) {
  if (!x) return NULL;
  KlPermuteParams p = {{0}};
  int64_t shape[KL_MAX_DIMS];
  unsigned seen = 0;
  for (int i = 0; i < x->ndim; i++) {
    if (perm[i] < 0 || perm[i] >= x->ndim || (seen >> perm[i] & 1))
      return fail(g, "permute", "not a permutation");
    seen |= 1u << perm[i];
    p.perm[i] = perm[i];
    shape[i] = x->shape[perm[i]];
  }
  if (kl_dtype_is_quantised(x->dtype)) return fail_with(g, "permute", "quantised operand", x, NULL);
  return NODE(g, KL_OP_PERMUTE, x->dtype, x->ndim, shape, &p, sizeof p, x);
}

KlTensor *kl_concat(KlGraph *g, KlTensor *const *parts, int n, int dim) {
  if (n < 1 || n > 8) return fail(g, "concat", "1 to 8 parts");
  const KlTensor *src[8];
  int64_t shape[KL_MAX_DIMS];
  for (int i = 0; i < n; i++) {
    if (!parts[i]) return NULL;
    src[i] = parts[i];
    if (i == 0) {
      memcpy(shape, parts[0]->shape, sizeof shape);
      if (dim < 0 || dim >= parts[0]->ndim || kl_dtype_is_quantised(parts[0]->dtype))
        return fail_with(g, "concat", "bad dimension", parts[0], NULL);
      continue;
    }
    if (parts[i]->ndim != parts[0]->ndim || parts[i]->dtype != parts[0]->dtype)
      return fail_with(g, "concat", "parts differ", parts[0], parts[i]);
    for (int d = 0; d < parts[0]->ndim; d++)
      if (d != dim && parts[i]->shape[d] != shape[d])
        return fail_with(g, "concat", "parts differ", parts[0], parts[i]);
    shape[dim] += parts[i]->shape[dim];
  }
  KlConcatParams p = {dim};
  return node(g, KL_OP_CONCAT, parts[0]->dtype, parts[0]->ndim, shape, n, src, &p, sizeof p);
}

KlTensor *kl_upsample(KlGraph *g, KlTensor *x, int fh, int fw) {
  if (!x) return NULL;
  if (x->ndim != 4 || fh < 1 || fw < 1 || fh > 16 || fw > 16 || !is_compute(x))
    return fail_with(g, "upsample", "needs [T,H,W,C] and factors 1..16", x, NULL);
  KlUpsampleParams p = {fh, fw};
  int64_t shape[4] = {x->shape[0], x->shape[1] * fh, x->shape[2] * fw, x->shape[3]};
  return NODE(g, KL_OP_UPSAMPLE, x->dtype, 4, shape, &p, sizeof p, x);
}

/* ---- attention ---- */

static bool rope_fits(const KlTensor *rope, int64_t n, int64_t head_dim) {
  return rope->dtype == KL_F32 && kl_is_contiguous(rope) && head_dim % 2 == 0 &&
         kl_nelem(rope) == n * head_dim;
}

static bool labels_fit(const KlTensor *labels, int64_t n) {
  return labels->dtype == KL_I32 && kl_is_contiguous(labels) && kl_nelem(labels) == n;
}

KlTensor *kl_attention(KlGraph *g, const KlAttention *a) {
  if (!a->q) return NULL;
  if (a->segments < 1 || a->segments > KL_ATTN_SEGMENTS)
    return fail(g, "attention", "bad number of segments");
  const KlTensor *q = a->q, *src[KL_ATTN_SEG0 + 4 * KL_ATTN_SEGMENTS] = {q,        a->q_rope,   a->q_labels,
                                                                         a->allow, a->rel_bias, a->map};
  if (q->ndim != 3 || !is_compute(q) || q->stride[2] != 1)
    return fail_with(g, "attention", "bad query", q, NULL);
  int64_t nq = q->shape[0], heads = q->shape[1], d = q->shape[2], nk = 0;
  if ((a->q_rope && !rope_fits(a->q_rope, nq, d)) || (a->q_labels && !labels_fit(a->q_labels, nq)))
    return fail_with(g, "attention", "positions or labels do not fit", q, NULL);
  KlAttentionParams p = {.segments = a->segments, .scale = a->scale, .normaliser = a->normaliser};
  for (int i = 0; i < a->segments; i++) {
    const KlAttnSegment *s = &a->segment[i];
    if (!s->k || !s->v) return NULL;
    if (s->k->ndim != 3 || !kl_same_shape(s->k, s->v) || s->k->shape[1] != heads || s->k->shape[2] != d ||
        !is_compute(s->k) || s->k->dtype != s->v->dtype || s->k->stride[2] != 1 || s->v->stride[2] != 1)
      return fail_with(g, "attention", "keys or values do not fit", s->k, s->v);
    if ((s->rope && !rope_fits(s->rope, s->k->shape[0], d)) ||
        (s->labels && !labels_fit(s->labels, s->k->shape[0])))
      return fail_with(g, "attention", "key positions or labels do not fit", s->k, NULL);
    if (!a->allow != !s->labels || !a->allow != !a->q_labels)
      return fail(g, "attention", "a mask needs labels for all queries and keys");
    p.bias[i] = s->bias;
    const KlTensor **to = src + KL_ATTN_SEG0 + 4 * i;
    to[0] = s->k, to[1] = s->v, to[2] = s->rope, to[3] = s->labels;
    nk += s->k->shape[0];
  }
  if (a->allow && (a->allow->dtype != KL_I32 || a->allow->ndim != 2 || !kl_is_contiguous(a->allow)))
    return fail_with(g, "attention", "bad mask", a->allow, NULL);
  if (a->rel_bias &&
      (a->rel_bias->ndim != 2 || a->rel_bias->dtype != KL_F32 || a->rel_bias->shape[0] != heads ||
       a->rel_bias->shape[1] % 2 == 0 || (a->rel_bias->shape[1] + 1) / 2 < (nq > nk ? nq : nk)))
    return fail_with(g, "attention", "relative bias does not fit", q, a->rel_bias);
  if ((a->normaliser == KL_ATTN_MAP) != (a->map != NULL) ||
      (a->map && (a->map->dtype != KL_F32 || kl_nelem(a->map) != heads * nq * nk)))
    return fail(g, "attention", "the supplied map does not fit");
  return node(g, KL_OP_ATTENTION, q->dtype, 3, q->shape, KL_ATTN_SEG0 + 4 * a->segments, src, &p, sizeof p);
}
