/* A graph: the ops of one forward pass, in the order they will run. Build it here, plan and run it with
 * exec.h.
 *
 * Builders never fail loudly: on a shape that does not fit or a lack of memory they return NULL, remember the
 * first error in the graph, and accept NULL operands, so that a model reads like its paper; kl_graph_ok tells
 * at the end. Everything belongs to the graph's arena except weights and state buffers. Not thread-safe.
 *
 * "Rows" are all dimensions but the innermost. A [groups, C] operand (shift, scale, gate) with rows % groups
 * == 0 gives row r its line r / (rows / groups): one line a frame, a chunk, or for all. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/graph/tensor.h"

typedef struct KlGraph {
  KlArena arena;
  KlTensor **nodes; /* in running order; leaves and views are not in the list */
  size_t count, cap;
  KlErr err;
} KlGraph;

void kl_graph_init(KlGraph *g);
void kl_graph_free(KlGraph *g);
/* True if every builder so far succeeded; else false and *err is the first failure. */
bool kl_graph_ok(const KlGraph *g, KlErr *err);

#define KL_SHAPE(...)                                                                                        \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                             \
    __VA_ARGS__                                                                                              \
  }

/* ---- leaves and views (no work at run time) ---- */

/* Filled by kl_exec_write before every run: inputs live in the shared workspace and do not survive a run. */
KlTensor *kl_input(KlGraph *g, const char *name, KlDtype dtype, int ndim, const int64_t *shape);
/* Memory that outlives runs (KV cache, convolution history): contiguous, at a byte offset of a backend
 * buffer. An op may read it and kl_copy may write it; running order is building order. */
KlTensor *kl_state(KlGraph *g, KlBuffer *buf, size_t offset, KlDtype dtype, int ndim, const int64_t *shape);
/* Marks t so that kl_exec_read can fetch it after the run. Returns t. */
KlTensor *kl_output(KlGraph *g, KlTensor *t);
/* Same elements, other shape; t must be contiguous. One dimension may be -1. */
KlTensor *kl_reshape(KlGraph *g, KlTensor *t, int ndim, const int64_t *shape);
/* [start, start+len) of a dimension; strides stay. */
KlTensor *kl_slice(KlGraph *g, KlTensor *t, int dim, int64_t start, int64_t len);

/* ---- ops ---- */

typedef enum {
  KL_ACT_NONE,
  KL_ACT_RELU,
  KL_ACT_SILU,
  KL_ACT_GELU_TANH, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  KL_ACT_TANH3,     /* 3 tanh(x/3), TAEHV's clamp */
} KlActivation;

/* y[..., N] = act(x[..., K] w[N, K]^T + bias[N]). src: x, w, bias|NULL. x f32 or bf16, rows may be strided;
 * w of any dtype with K contiguous (a [N, C, 1, 2, 2] convolution whose kernel is its stride is [N, K] too);
 * `out` f32 or bf16. Arithmetic: bf16 products and f32 sums if x is bf16 (f32 where the machine has no bf16),
 * else f32. */
KlTensor *kl_linear(KlGraph *g, KlTensor *x, const KlTensor *w, const KlTensor *bias, KlActivation act,
                    KlDtype out);
typedef struct {
  KlActivation act;
} KlLinearParams;

/* Convolution over [T, H, W, C], weight as checkpoints store it: [O, C, kh, kw] or [O, C, kt, kh, kw].
 * In time it is causal and never padded: `history` [kt-1, H, W, C] (same dtype as x) stands before x, or
 * NULL, and then x itself must hold kt-1 frames more than come out. y = act(conv + bias + residual), [T', H',
 * W', O], dtype of x. src: x, w, bias|NULL, history|NULL, residual|NULL. residual: same shape and dtype as y.
 */
typedef struct {
  int stride_t, stride_h, stride_w;             /* >= 1 */
  int pad_top, pad_bottom, pad_left, pad_right; /* zeros, >= 0 */
  KlActivation act;
} KlConvParams;
KlTensor *kl_conv(KlGraph *g, KlTensor *x, const KlTensor *w, const KlTensor *bias, KlTensor *history,
                  KlTensor *residual, const KlConvParams *p);

/* Over the innermost dimension, statistics in f32:
 *   LAYER: (x - mean) / sqrt(var + eps);  RMS: x / sqrt(mean(x^2) + eps)
 *   L2: x / max(||x||, eps) * sqrt(C)     (the VAE's norm)
 * then * weight[C] + bias[C] (each may be NULL), then * (1 + scale[g]) + shift[g] (may be NULL), then act.
 * src: x, weight, bias, shift, scale. Result f32 or bf16. weight/bias of any float dtype, C elements in any
 * shape. */
typedef enum { KL_NORM_LAYER, KL_NORM_RMS, KL_NORM_L2 } KlNormKind;
typedef struct {
  KlNormKind kind;
  float eps;
  KlActivation act;
} KlNormParams;
KlTensor *kl_norm(KlGraph *g, KlTensor *x, KlNormKind kind, float eps, const KlTensor *weight,
                  const KlTensor *bias, KlTensor *shift, KlTensor *scale, KlActivation act, KlDtype out);

/* a + b, a * b: b has a's shape, or is [groups, C] / [C]. Result: shape and dtype of a. src: a, b. */
KlTensor *kl_add(KlGraph *g, KlTensor *a, KlTensor *b);
KlTensor *kl_mul(KlGraph *g, KlTensor *a, KlTensor *b);
/* x + y * gate[g]; gate NULL: x + y. x f32 or bf16 (result: its dtype), y f32 or bf16. src: x, y, gate. */
KlTensor *kl_gated_add(KlGraph *g, KlTensor *x, KlTensor *y, KlTensor *gate);
/* scale * x + shift, then clamped to [lo, hi] (-INFINITY, INFINITY: no clamp). */
typedef struct {
  float scale, shift, lo, hi;
} KlAffineParams;
KlTensor *kl_affine(KlGraph *g, KlTensor *x, KlAffineParams p);
KlTensor *kl_activation(KlGraph *g, KlTensor *x, KlActivation act);
typedef struct {
  KlActivation act;
} KlActivationParams;

/* Rows of a table [vocab, C] of any dtype by ids [n] i32 -> [n, C]. An id out of range gives zeros. src:
 * table, ids. */
KlTensor *kl_embed(KlGraph *g, const KlTensor *table, KlTensor *ids, KlDtype out);

/* Writes src into dst (same shape, dtypes may differ: f32/f16/bf16), a state or a slice of one; returns dst
 * as a tensor that depends on the write. src: from, to. */
KlTensor *kl_copy(KlGraph *g, KlTensor *from, KlTensor *to);
/* A fresh contiguous copy in another dtype. src: from. */
KlTensor *kl_cast(KlGraph *g, KlTensor *x, KlDtype dtype);
/* y.shape[i] = x.shape[perm[i]], copied to contiguous memory. src: x. */
typedef struct {
  int perm[KL_MAX_DIMS];
} KlPermuteParams;
KlTensor *kl_permute(KlGraph *g, KlTensor *x, const int *perm);
/* Joins n (1..8) tensors of one dtype along dimension dim. src: the parts. */
typedef struct {
  int dim;
} KlConcatParams;
KlTensor *kl_concat(KlGraph *g, KlTensor *const *parts, int n, int dim);
/* Nearest neighbour: [T, H, W, C] -> [T, fh*H, fw*W, C]. src: x. */
typedef struct {
  int fh, fw;
} KlUpsampleParams;
KlTensor *kl_upsample(KlGraph *g, KlTensor *x, int fh, int fw);

/* ---- attention ---- */

enum { KL_ATTN_SEGMENTS = 6 };

typedef enum {
  KL_ATTN_SOFTMAX,
  KL_ATTN_ENTMAX15, /* entmax with alpha 1.5 (Peters et al. 2019): sparse, exact */
  KL_ATTN_MAP,      /* the probabilities are given: out = map v */
} KlAttnNormaliser;

/* One run of keys and values. k, v: [n, heads, head_dim], f32 or bf16, rows may be strided.
 * rope: [n, head_dim/2, 2] f32, cos and sin of each interleaved pair (k is stored before rotation), or NULL.
 * labels: [n] i32 for the block mask, or NULL. bias is added to every logit (an all-equal run of `count` pad
 * keys is one key with bias ln(count)). */
typedef struct {
  KlTensor *k, *v, *rope, *labels;
  float bias;
} KlAttnSegment;

/* out[i] = sum_j p(i, j) v_j, p = normalise(scale * <rot(q_i), rot(k_j)> + bias): [nq, heads, head_dim],
 * dtype of q. Blocked, O(1) extra memory in nq * nk for softmax. The mask is by label: query i sees key j iff
 * allow[q_labels[i], k_labels[j]] != 0; tiles with nothing visible are skipped, a query that sees nothing
 * gives 0. rel_bias [heads, 2 m - 1] f32: logit + rel_bias[h, j - i + m - 1], keys counted over all segments.
 * map [heads, nq, nk] f32 for KL_ATTN_MAP. bf16 products and f32 sums if q is bf16, else f32; softmax in f32.
 * src: q, q_rope, q_labels, allow, rel_bias, map, then k, v, rope, labels of each segment. */
typedef struct {
  KlTensor *q, *q_rope, *q_labels; /* [nq, heads, head_dim]; [nq, head_dim/2, 2]; [nq] */
  KlTensor *allow;                 /* [query labels, key labels] i32, or NULL: all visible */
  KlTensor *rel_bias, *map;
  int segments;
  KlAttnSegment segment[KL_ATTN_SEGMENTS];
  float scale;
  KlAttnNormaliser normaliser;
} KlAttention;
typedef struct {
  int segments;
  float bias[KL_ATTN_SEGMENTS];
  float scale;
  KlAttnNormaliser normaliser;
} KlAttentionParams;
enum {
  KL_ATTN_Q,
  KL_ATTN_Q_ROPE,
  KL_ATTN_Q_LABELS,
  KL_ATTN_ALLOW,
  KL_ATTN_REL_BIAS,
  KL_ATTN_MAP_SRC,
  KL_ATTN_SEG0
};
KlTensor *kl_attention(KlGraph *g, const KlAttention *a);
