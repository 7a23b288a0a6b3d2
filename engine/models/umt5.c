/* UMT5 ("UniMax", Chung et al. 2023): T5 v1.1 with a relative bias table in every layer.
 *   x += SA(RMS(x));  x += fc2(fc1(y) gelu(gate(y))), y = RMS(x) */
#include "engine/models/umt5.h"

#include "engine/base/mem.h"
#include "engine/graph/exec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TOKENS = 2048, BUCKETS = 32, EXACT = 8, FARTHEST = 128, PARTS = 10 };

enum { NORM1, Q, K, V, O, BIAS, NORM2, GATE, FC1, FC2 };
static const char *const part_name[PARTS] = {"norm1.weight",   "attn.q.weight",
                                             "attn.k.weight",  "attn.v.weight",
                                             "attn.o.weight",  "pos_embedding.embedding.weight",
                                             "norm2.weight",   "ffn.gate.0.weight",
                                             "ffn.fc1.weight", "ffn.fc2.weight"};

typedef struct {
  KlTensor *t[PARTS];
} Layer;

struct KlUmt5 {
  KlWeights *w;
  KlBackend *b;
  int dim, inner, ffn, heads, layers;
  const KlTensor *embedding, *norm;
  Layer *layer;
};

static bool load_layer(KlUmt5 *m, int i, KlErr *err) {
  int64_t dim = m->dim, inner = m->inner, ffn = m->ffn;
  const int64_t shape[PARTS][2] = {{dim},        {inner, dim},        {inner, dim}, {inner, dim},
                                   {dim, inner}, {BUCKETS, m->heads}, {dim},        {ffn, dim},
                                   {ffn, dim},   {dim, ffn}};
  for (int p = 0; p < PARTS; p++) {
    char name[80];
    snprintf(name, sizeof name, "blocks.%d.%s", i, part_name[p]);
    m->layer[i].t[p] = kl_weights_need(m->w, name, p == NORM1 || p == NORM2 ? 1 : 2, shape[p], err);
    if (!m->layer[i].t[p]) return false;
  }
  return true;
}

static bool load(KlUmt5 *m, KlErr *err) {
  const KlTensor *t;
  int64_t any[2] = {-1, -1};
  if (!(m->embedding = kl_weights_need(m->w, "token_embedding.weight", 2, any, err))) return false;
  if (m->embedding->shape[0] > INT32_MAX || m->embedding->shape[1] < 1 || m->embedding->shape[1] > 65536)
    return kl_fail(err, KL_ERR_FORMAT, "token_embedding.weight is out of range");
  m->dim = (int)m->embedding->shape[1];
  if (!(m->norm = kl_weights_need(m->w, "norm.weight", 1, (const int64_t[]){m->dim}, err))) return false;
  if (!(t = kl_weights_need(m->w, "blocks.0.attn.q.weight", 2, any, err))) return false;
  int64_t inner = t->shape[0];
  if (!(t = kl_weights_need(m->w, "blocks.0.ffn.fc1.weight", 2, any, err))) return false;
  int64_t ffn = t->shape[0];
  if (!(t = kl_weights_need(m->w, "blocks.0.pos_embedding.embedding.weight", 2,
                            (const int64_t[]){BUCKETS, -1}, err)))
    return false;
  int64_t heads = t->shape[1];
  if (inner < 1 || inner > 65536 || ffn < 1 || ffn > 1 << 20 || heads < 1 || inner % heads)
    return kl_fail(err, KL_ERR_FORMAT, "the sizes of the text encoder do not fit together");
  m->inner = (int)inner;
  m->ffn = (int)ffn;
  m->heads = (int)heads;
  while (m->layers < 1024 && kl_weights_findf(m->w, "blocks.%d.attn.q.weight", m->layers)) m->layers++;
  if (!(m->layer = kl_calloc((size_t)m->layers, sizeof *m->layer)))
    return kl_fail(err, KL_ERR_OOM, "no memory for the text encoder");
  for (int i = 0; i < m->layers; i++)
    if (!load_layer(m, i, err)) return false;
  return true;
}

bool kl_umt5_open(KlWeights *w, KlBackend *b, KlUmt5 **out, KlErr *err) {
  *out = NULL;
  KlUmt5 *m = kl_calloc(1, sizeof *m);
  if (!m) return kl_fail(err, KL_ERR_OOM, "no memory for the text encoder");
  m->w = w;
  m->b = b;
  if (!load(m, err)) {
    kl_umt5_free(&m);
    return false;
  }
  *out = m;
  return true;
}

void kl_umt5_free(KlUmt5 **m) {
  if (!*m) return;
  kl_free(&(*m)->layer);
  kl_free(m);
}

int kl_umt5_dim(const KlUmt5 *m) {
  return m->dim;
}

/* Bucket of a distance, key minus query: 16 for each direction, exact below 8, then logarithmic up to 128. */
static int bucket(int relative) {
  int half = BUCKETS / 2, n = relative < 0 ? -relative : relative, at = n;
  if (n >= EXACT) {
    at = EXACT + (int)(logf((float)n / EXACT) / logf((float)FARTHEST / EXACT) * (float)(half - EXACT));
    if (at > half - 1) at = half - 1;
  }
  return at + (relative > 0 ? half : 0);
}

/* The layer's table [32, heads] spread over all distances: out [heads, 2n - 1]. */
static bool relative_bias(const KlUmt5 *m, const KlTensor *table, int n, float *out, KlErr *err) {
  size_t heads = (size_t)m->heads, span = 2 * (size_t)n - 1;
  float *t = kl_alloc(BUCKETS * heads, sizeof *t);
  if (!t) return kl_fail(err, KL_ERR_OOM, "no memory for the relative bias");
  kl_to_f32(table->dtype, kl_data(table), t, BUCKETS * heads);
  for (size_t i = 0; i < span; i++) {
    const float *from = t + (size_t)bucket((int)i - n + 1) * heads;
    for (size_t h = 0; h < heads; h++) out[h * span + i] = from[h];
  }
  kl_free(&t);
  return true;
}

static KlTensor *norm(KlGraph *g, KlTensor *x, const KlTensor *w, KlDtype type) {
  return kl_norm(g, x, KL_NORM_RMS, 1e-6f, w, NULL, NULL, NULL, KL_ACT_NONE, type);
}

static KlTensor *block(const KlUmt5 *m, KlGraph *g, const Layer *l, KlTensor *x, KlTensor *bias) {
  KlDtype type = m->b->compute;
  int64_t n = x ? x->shape[0] : 0, heads = m->heads, d = m->inner / heads;
  KlTensor *fine = norm(g, x, l->t[NORM1], KL_F32), *y = type == KL_F32 ? fine : kl_cast(g, fine, type),
           *qkv[3];
  /* Logits are not scaled down by sqrt(d): queries and keys are made in f32, or bf16 would cost most of its
   * budget. */
  for (int i = 0; i < 3; i++) {
    qkv[i] = kl_linear(g, i < 2 ? fine : y, l->t[Q + i], NULL, KL_ACT_NONE, KL_F32);
    qkv[i] = kl_reshape(g, qkv[i], KL_SHAPE(n, heads, d));
  }
  KlAttention a = {.q = qkv[0], .rel_bias = bias, .scale = 1, .segments = 1};
  a.segment[0] = (KlAttnSegment){.k = qkv[1], .v = qkv[2]};
  y = kl_reshape(g, kl_attention(g, &a), KL_SHAPE(n, m->inner));
  if (type != KL_F32) y = kl_cast(g, y, type);
  x = kl_gated_add(g, x, kl_linear(g, y, l->t[O], NULL, KL_ACT_NONE, KL_F32), NULL);

  y = norm(g, x, l->t[NORM2], type);
  KlTensor *gate = kl_linear(g, y, l->t[GATE], NULL, KL_ACT_GELU_TANH, type);
  y = kl_mul(g, kl_linear(g, y, l->t[FC1], NULL, KL_ACT_NONE, type), gate);
  return kl_gated_add(g, x, kl_linear(g, y, l->t[FC2], NULL, KL_ACT_NONE, KL_F32), NULL);
}

/* What was derived from a layer goes, and its pages leave the resident set. */
static void drop(KlUmt5 *m, Layer *l) {
  for (int p = 0; p < PARTS; p++) {
    KlTensor *t = l->t[p];
    if (t->pack && t->pack_free) t->pack_free(t->pack);
    t->pack = NULL;
    kl_weights_drop(m->w, t);
  }
}

/* One layer in a graph of its own; x [n, dim] lies on the host between layers. The first one embeds the ids,
 * the last one adds the final norm. */
static bool run_layer(KlUmt5 *m, int i, const int32_t *ids, int n, const float *bias, float *x,
                      const KlCancel *cancel, KlErr *err) {
  KlGraph g;
  KlExec *e = NULL;
  size_t bytes = (size_t)n * (size_t)m->dim * sizeof *x, span = 2 * (size_t)n - 1;
  kl_graph_init(&g);
  KlTensor *in =
      i == 0 ? kl_input(&g, "ids", KL_I32, KL_SHAPE(n)) : kl_input(&g, "x", KL_F32, KL_SHAPE(n, m->dim));
  KlTensor *rel = kl_input(&g, "relative bias", KL_F32, KL_SHAPE(m->heads, 2 * (int64_t)n - 1));
  KlTensor *y = block(m, &g, &m->layer[i], i == 0 ? kl_embed(&g, m->embedding, in, KL_F32) : in, rel);
  if (i == m->layers - 1) y = norm(&g, y, m->norm, KL_F32);
  kl_output(&g, y);
  bool ok = kl_graph_ok(&g, err) && kl_exec_new(&g, m->b, &e, cancel, err) &&
            (i == 0 ? kl_exec_write(e, in, ids, (size_t)n * sizeof *ids, err)
                    : kl_exec_write(e, in, x, bytes, err)) &&
            kl_exec_write(e, rel, bias, (size_t)m->heads * span * sizeof *bias, err) &&
            kl_exec_run(e, cancel, err) && kl_exec_read(e, y, x, bytes, err);
  kl_exec_free(&e);
  kl_graph_free(&g);
  return ok;
}

static bool all_finite(const float *x, size_t n) {
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] - x[i];
  return sum == 0;
}

bool kl_umt5_encode(KlUmt5 *m, const int32_t *ids, int n, bool keep_weights, float *out,
                    const KlCancel *cancel, KlErr *err) {
  if (n < 1 || n > MOST_TOKENS) return kl_fail(err, KL_ERR_INVALID, "%d tokens, not 1 to %d", n, MOST_TOKENS);
  for (int i = 0; i < n; i++)
    if (ids[i] < 0 || ids[i] >= m->embedding->shape[0])
      return kl_fail(err, KL_ERR_INVALID, "token %d is not in the text encoder's vocabulary", ids[i]);
  float *bias = kl_alloc((size_t)m->heads, (2 * (size_t)n - 1) * sizeof *bias);
  if (!bias) return kl_fail(err, KL_ERR_OOM, "no memory for the relative bias");
  bool ok = true;
  for (int i = 0; ok && i < m->layers; i++) {
    ok = relative_bias(m, m->layer[i].t[BIAS], n, bias, err) &&
         run_layer(m, i, ids, n, bias, out, cancel, err);
    if (ok && !all_finite(out, (size_t)n * (size_t)m->dim))
      ok =
          kl_fail(err, KL_ERR_FORMAT,
                  "layer %d of the text encoder made values that are not finite: its weights are damaged", i);
    if (!keep_weights) {
      drop(m, &m->layer[i]);
      if (i == 0) kl_weights_drop(m->w, m->embedding);
    }
  }
  kl_free(&bias);
  return ok;
}
