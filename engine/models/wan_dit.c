/* The network as a graph. Sources: "Wan: Open and Advanced Large-Scale Video Generative Models" (2025),
 * VACE (2025).
 *
 *   x += gate1 SA(LN(x) (1 + scale1) + shift1)
 *   x += CA(LN3(x))
 *   x += gate2 FFN(LN(x) (1 + scale2) + shift2) */
#include "engine/models/wan_internal.h"

#include <math.h>
#include <string.h>

typedef struct {
  const KlWan *m;
  KlGraph *g;
  KlWanGraph *wg;
  const KlWanText *const *texts;
  const KlWanCache *cache;
  KlDtype type;         /* of the operands of matrix products */
  int64_t tokens, rows; /* of a frame; of all frames of one branch */
  KlTensor *e0;         /* [6, groups, dim]: the time's part of every block's modulation */
} Build;

/* One of `n` lines of a modulation [n, groups, dim]. */
static KlTensor *line(Build *b, KlTensor *modulation, int i) {
  return modulation ? kl_reshape(b->g, kl_slice(b->g, modulation, 0, i, 1), KL_SHAPE(-1, b->m->c.dim)) : NULL;
}

static KlTensor *learnt(Build *b, int block, int lines) {
  size_t at = (size_t)block * 6 * (size_t)b->m->c.dim * sizeof(float);
  return kl_state(b->g, (KlBuffer *)&b->m->modulation, at, KL_F32, KL_SHAPE(lines, b->m->c.dim));
}

KlTensor *kl_wan_project(KlGraph *g, const KlWan *m, KlTensor *x, KlWanAffine p, const KlTensor *norm) {
  KlTensor *y = kl_linear(g, x, p.w, p.b, KL_ACT_NONE, m->b->compute);
  return norm ? kl_norm(g, y, KL_NORM_RMS, m->c.eps, norm, NULL, NULL, NULL, KL_ACT_NONE, m->b->compute) : y;
}

/* Rows of one branch as [rows, heads, head_dim]. */
static KlTensor *heads_of(Build *b, KlTensor *x, int branch) {
  if (!x) return NULL;
  int heads = b->m->c.heads;
  KlTensor *rows = kl_slice(b->g, x, 0, branch * b->rows, b->rows);
  return kl_reshape(b->g, rows, KL_SHAPE(b->rows, heads, b->m->c.dim / heads));
}

/* n slots of a block's cached keys (which = 0) or values (1). */
static KlTensor *cached(Build *b, int block, int branch, int which, int slot, int n) {
  const KlWanCache *c = b->cache;
  int64_t dim = b->m->c.dim, heads = b->m->c.heads, slots = c->sink_slots + c->ring_slots;
  size_t frame = (size_t)(b->tokens * dim) * kl_wan_esize(b->m);
  size_t at = ((size_t)(branch * 2 + which) * (size_t)slots + (size_t)slot) * frame;
  return kl_state(b->g, &c->kv[block], at, b->type, KL_SHAPE(n * b->tokens, heads, dim / heads));
}

static void add_segment(Build *b, KlAttention *a, int64_t *at, KlTensor *k, KlTensor *v) {
  int64_t n = k ? k->shape[0] : 0;
  a->segment[a->segments++] =
      (KlAttnSegment){.k = k,
                      .v = v,
                      .rope = kl_slice(b->g, b->wg->rope, 0, *at, n),
                      .labels = b->wg->places ? kl_slice(b->g, b->wg->places, 0, *at, n) : NULL};
  *at += n;
}

/* Keeps the keys and values of the frames that the window retains. */
static void keep(Build *b, int block, int branch, KlTensor *k, KlTensor *v) {
  const KlWanKey *key = &b->wg->key;
  for (int f = 0, n; f < key->frames; f += n) {
    n = 1;
    int slot = key->commit_slot[f];
    if (slot < 0) continue;
    while (f + n < key->frames && key->commit_slot[f + n] == slot + n) n++;
    kl_copy(b->g, kl_slice(b->g, k, 0, f * b->tokens, n * b->tokens), cached(b, block, branch, 0, slot, n));
    kl_copy(b->g, kl_slice(b->g, v, 0, f * b->tokens, n * b->tokens), cached(b, block, branch, 1, slot, n));
  }
}

static KlTensor *join(Build *b, KlTensor **parts) {
  int n = b->wg->key.branches;
  KlTensor *all = n == 1 ? parts[0] : kl_concat(b->g, parts, n, 0);
  return all ? kl_reshape(b->g, all, KL_SHAPE(n * b->rows, b->m->c.dim)) : NULL;
}

/* Self-attention over [sink | ring | current frames]. NULL where only the cache is wanted: `last` of a
 * commit. */
static KlTensor *self_attention(Build *b, int block, KlTensor *x, bool last) {
  const KlWanAttention *p = &b->m->blocks[block].self;
  const KlWanKey *key = &b->wg->key;
  KlTensor *k = kl_wan_project(b->g, b->m, x, p->k, p->norm_k),
           *v = kl_wan_project(b->g, b->m, x, p->v, NULL);
  KlTensor *q = last ? NULL : kl_wan_project(b->g, b->m, x, p->q, p->norm_q);
  KlTensor *out[KL_WAN_BRANCHES];
  for (int i = 0; i < key->branches; i++) {
    KlTensor *kb = heads_of(b, k, i), *vb = heads_of(b, v, i);
    if (!last) {
      KlAttention a = {.q = heads_of(b, q, i), .scale = 1 / sqrtf((float)(b->m->c.dim / b->m->c.heads))};
      int64_t at = 0;
      if (b->cache) {
        const KlWanCache *c = b->cache;
        int before = c->ring_at + c->ring > c->ring_slots ? c->ring_slots - c->ring_at : c->ring;
        const int run[3][2] = {
            {0, c->sink}, {c->sink_slots + c->ring_at, before}, {c->sink_slots, c->ring - before}};
        for (int s = 0; s < 3; s++)
          if (run[s][1] > 0)
            add_segment(b, &a, &at, cached(b, block, i, 0, run[s][0], run[s][1]),
                        cached(b, block, i, 1, run[s][0], run[s][1]));
      }
      a.q_rope = kl_slice(b->g, b->wg->rope, 0, at, b->rows);
      if (key->apart) {
        a.q_labels = b->wg->regions;
        a.allow = b->wg->allow;
      }
      add_segment(b, &a, &at, kb, vb);
      out[i] = kl_attention(b->g, &a);
    }
    if (key->commit) keep(b, block, i, kb, vb);
  }
  return last ? NULL : kl_linear(b->g, join(b, out), p->o.w, p->o.b, KL_ACT_NONE, b->type);
}

/* To a text: its first `parts` parts, whose zero rows are one key each that counts for all of them. */
static KlTensor *attend_text(Build *b, int block, const KlWanText *t, KlTensor *q, int parts) {
  int64_t heads = b->m->c.heads, d = b->m->c.dim / heads, rows = kl_wan_text_rows(t);
  int64_t pads_at = (int64_t)t->parts * t->n;
  size_t bytes = (size_t)(rows * b->m->c.dim) * kl_wan_esize(b->m);
  KlTensor *k = kl_state(b->g, &t->kv[block], 0, b->type, KL_SHAPE(rows, heads, d));
  KlTensor *v = kl_state(b->g, &t->kv[block], bytes, b->type, KL_SHAPE(rows, heads, d));
  KlAttention a = {.q = q, .scale = 1 / sqrtf((float)d)};
  KlTensor *labels = NULL, *pad_labels = NULL;
  if (parts > 1) {
    a.q_labels = b->wg->regions;
    a.allow = b->wg->allow;
    labels = kl_slice(b->g, b->wg->parts, 0, 0, pads_at);
    pad_labels = t->pads > 0 ? kl_slice(b->g, b->wg->parts, 0, pads_at, t->parts) : NULL;
  }
  if (t->n > 0)
    a.segment[a.segments++] = (KlAttnSegment){.k = kl_slice(b->g, k, 0, 0, (int64_t)parts * t->n),
                                              .v = kl_slice(b->g, v, 0, 0, (int64_t)parts * t->n),
                                              .labels = labels};
  if (t->pads > 0)
    a.segment[a.segments++] = (KlAttnSegment){.k = kl_slice(b->g, k, 0, pads_at, parts),
                                              .v = kl_slice(b->g, v, 0, pads_at, parts),
                                              .labels = pad_labels,
                                              .bias = logf((float)t->pads)};
  return kl_attention(b->g, &a);
}

static KlTensor *times(Build *b, KlTensor *x, float scale) {
  return kl_affine(b->g, x, (KlAffineParams){scale, 0, -INFINITY, INFINITY});
}

static KlTensor *cross_attention(Build *b, int block, KlTensor *x) {
  const KlWanAttention *p = &b->m->blocks[block].cross;
  KlTensor *q = kl_wan_project(b->g, b->m, x, p->q, p->norm_q), *out[KL_WAN_BRANCHES];
  for (int i = 0; i < b->wg->key.branches; i++) {
    const KlWanText *t = b->texts[i];
    KlTensor *qi = heads_of(b, q, i);
    out[i] = attend_text(b, block, t, qi, 1);
    if (t->parts > 1)
      out[i] = kl_add(b->g, times(b, out[i], KL_WAN_LAYOUT_RHO),
                      times(b, attend_text(b, block, t, qi, t->parts), 1 - KL_WAN_LAYOUT_RHO));
  }
  return kl_linear(b->g, join(b, out), p->o.w, p->o.b, KL_ACT_NONE, b->type);
}

static KlTensor *norm(Build *b, KlTensor *x, KlTensor *shift, KlTensor *scale, KlDtype type) {
  return kl_norm(b->g, x, KL_NORM_LAYER, b->m->c.eps, NULL, NULL, shift, scale, KL_ACT_NONE, type);
}

static KlTensor *block(Build *b, int i, KlTensor *x, bool last) {
  const KlWanBlock *p = &b->m->blocks[i];
  KlGraph *g = b->g;
  enum { SHIFT1, SCALE1, GATE1, SHIFT2, SCALE2, GATE2 };
  KlTensor *mod = kl_add(g, b->e0, learnt(b, i, 6)), *y;

  y = self_attention(b, i, norm(b, x, line(b, mod, SHIFT1), line(b, mod, SCALE1), b->type), last);
  if (last) return NULL;
  x = kl_gated_add(g, x, y, line(b, mod, GATE1));
  y = kl_norm(g, x, KL_NORM_LAYER, b->m->c.eps, p->norm3.w, p->norm3.b, NULL, NULL, KL_ACT_NONE, b->type);
  x = kl_gated_add(g, x, cross_attention(b, i, y), NULL);
  y = norm(b, x, line(b, mod, SHIFT2), line(b, mod, SCALE2), b->type);
  y = kl_linear(g, y, p->ffn_up.w, p->ffn_up.b, KL_ACT_GELU_TANH, b->type);
  y = kl_linear(g, y, p->ffn_down.w, p->ffn_down.b, KL_ACT_NONE, b->type);
  return kl_gated_add(g, x, y, line(b, mod, GATE2));
}

/* f32 patches to f32 rows, the same for every branch. */
static KlTensor *embed(Build *b, KlTensor *patches, KlWanAffine p) {
  KlTensor *x = kl_linear(b->g, patches, p.w, p.b, KL_ACT_NONE, KL_F32), *all[KL_WAN_BRANCHES] = {x, x};
  return b->wg->key.branches == 1 ? x : kl_concat(b->g, all, b->wg->key.branches, 0);
}

/* x + scale * what VACE block n says; *c is its running state. */
static KlTensor *hint(Build *b, int n, KlTensor *x, KlTensor *start, KlTensor **c, bool last) {
  const KlWanBlock *p = &b->m->blocks[b->m->c.layers + n];
  if (n == 0) {
    KlTensor *y = b->type == KL_F32 ? *c : kl_cast(b->g, *c, b->type);
    *c = kl_add(b->g, kl_linear(b->g, y, p->before.w, p->before.b, KL_ACT_NONE, KL_F32), start);
  }
  *c = block(b, b->m->c.layers + n, *c, last);
  if (last) return NULL;
  KlTensor *y = b->type == KL_F32 ? *c : kl_cast(b->g, *c, b->type);
  y = kl_linear(b->g, y, p->after.w, p->after.b, KL_ACT_NONE, b->type);
  return kl_gated_add(b->g, x, y, kl_slice(b->g, b->wg->vace_scale, 0, n, 1));
}

bool kl_wan_build(KlWan *m, KlWanGraph *wg, const KlWanText *const *texts, const KlWanCache *cache,
                  KlErr *err) {
  const KlWanConfig *c = &m->c;
  const KlWanKey *key = &wg->key;
  KlGraph *g = &wg->g;
  Build b = {.m = m,
             .g = g,
             .wg = wg,
             .texts = texts,
             .cache = cache,
             .type = m->b->compute,
             .tokens = kl_wan_tokens(m, key->h, key->w)};
  int64_t patch = c->patch_h * c->patch_w, dim = c->dim, groups = key->groups;
  b.rows = key->frames * b.tokens;
  int64_t keys = b.rows + (cache ? (cache->sink + cache->ring) * b.tokens : 0);

  wg->patches = kl_input(g, "patches", KL_F32, KL_SHAPE(b.rows, c->in_dim * patch));
  wg->time = kl_input(g, "time", KL_F32, KL_SHAPE(groups, c->freq_dim));
  wg->rope = kl_input(g, "positions", KL_F32, KL_SHAPE(keys, dim / c->heads / 2, 2));
  if (key->layout > 1) {
    int64_t labels = 0;
    for (int i = 0; i < key->branches; i++)
      if (texts[i]->parts == key->layout) labels = kl_wan_text_rows(texts[i]);
    wg->regions = kl_input(g, "regions", KL_I32, KL_SHAPE(b.rows));
    wg->parts = kl_input(g, "parts of the layout", KL_I32, KL_SHAPE(labels));
    wg->allow = kl_input(g, "who sees whom", KL_I32, KL_SHAPE(key->layout, key->layout));
    if (key->apart) wg->places = kl_input(g, "regions of keys", KL_I32, KL_SHAPE(keys));
  }
  KlTensor *x = embed(&b, wg->patches, m->patch), *start = x, *vace = NULL;
  if (key->vace) {
    wg->vace = kl_input(g, "vace", KL_F32, KL_SHAPE(b.rows, m->vace_channels * patch));
    wg->vace_scale = kl_input(g, "vace scale", KL_F32, KL_SHAPE(m->vace_layers, dim));
    vace = embed(&b, wg->vace, m->vace_patch);
  }

  KlTensor *e = kl_linear(g, wg->time, m->time[0].w, m->time[0].b, KL_ACT_SILU, KL_F32);
  e = kl_linear(g, e, m->time[1].w, m->time[1].b, KL_ACT_NONE, KL_F32);
  KlTensor *e0 = kl_linear(g, kl_activation(g, e, KL_ACT_SILU), m->time_projection.w, m->time_projection.b,
                           KL_ACT_NONE, KL_F32);
  e0 = kl_reshape(g, e0, KL_SHAPE(groups, 6, dim));
  b.e0 = groups == 1 ? kl_reshape(g, e0, KL_SHAPE(6, 1, dim)) : kl_permute(g, e0, (const int[]){1, 0, 2});

  for (int i = 0, n = 0; i < c->layers; i++) {
    bool last = key->commit && i == c->layers - 1; /* only its keys and values are wanted */
    x = block(&b, i, x, last);
    if (key->vace && n < m->vace_layers && m->vace_at[n] == i) x = hint(&b, n++, x, start, &vace, last);
  }
  if (!key->commit) {
    KlTensor *mod = learnt(&b, c->layers + m->vace_layers, 2);
    KlTensor *shift = kl_add(g, e, kl_slice(g, mod, 0, 0, 1)),
             *scale = kl_add(g, e, kl_slice(g, mod, 0, 1, 1));
    x = norm(&b, x, shift, scale, KL_F32);
    wg->velocity = kl_output(g, kl_linear(g, x, m->head.w, m->head.b, KL_ACT_NONE, KL_F32));
  }
  return kl_graph_ok(g, err);
}
