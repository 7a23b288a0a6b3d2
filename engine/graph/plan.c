/* Offsets in one workspace by lifetime: a first-fit list of holes, in running order. */
#include "engine/graph/plan.h"
#include "engine/base/mem.h"
#include "engine/graph/exec.h"

#include <string.h>

typedef struct {
  size_t start, end; /* end is SIZE_MAX for the open end of the workspace */
} Hole;

typedef struct {
  Hole *hole;
  size_t count, cap, peak;
} Space;

static bool take(Space *s, size_t bytes, size_t *offset) {
  if (!kl_size_add(bytes, KL_ALIGN - 1, &bytes)) return false;
  bytes &= ~(size_t)(KL_ALIGN - 1);
  if (!bytes) bytes = KL_ALIGN;
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < s->count; i++) {
    size_t room = s->hole[i].end - s->hole[i].start;
    if (room >= bytes && (best == SIZE_MAX || room < s->hole[best].end - s->hole[best].start)) best = i;
  }
  if (best == SIZE_MAX) return false;
  Hole *h = &s->hole[best];
  *offset = h->start;
  h->start += bytes;
  if (h->start > s->peak) s->peak = h->start;
  if (h->start == h->end) {
    memmove(h, h + 1, (s->count - best - 1) * sizeof *h);
    s->count--;
  }
  return true;
}

static bool give(Space *s, size_t offset, size_t bytes) {
  bytes = (bytes + KL_ALIGN - 1) & ~(size_t)(KL_ALIGN - 1);
  if (!bytes) bytes = KL_ALIGN;
  size_t end = offset + bytes, i = 0;
  while (i < s->count && s->hole[i].start < offset) i++;
  bool joins_left = i > 0 && s->hole[i - 1].end == offset,
       joins_right = i < s->count && s->hole[i].start == end;
  if (joins_left && joins_right) {
    s->hole[i - 1].end = s->hole[i].end;
    memmove(s->hole + i, s->hole + i + 1, (s->count - i - 1) * sizeof *s->hole);
    s->count--;
  } else if (joins_left) {
    s->hole[i - 1].end = end;
  } else if (joins_right) {
    s->hole[i].start = offset;
  } else {
    if (!kl_grow(&s->hole, &s->cap, s->count + 1, sizeof *s->hole)) return false;
    memmove(s->hole + i + 1, s->hole + i, (s->count - i) * sizeof *s->hole);
    s->hole[i] = (Hole){offset, end};
    s->count++;
  }
  return true;
}

static KlTensor *root(KlTensor *t) {
  return t->base ? t->base : t;
}

/* A tensor that the plan has to place: an input or the result of an op that is not a view of something. */
static bool planned(const KlTensor *t) {
  return !t->base && (t->input || t->op != KL_OP_NONE);
}

static const KlTensor *weight_of(const KlTensor *node, int i) {
  const KlTensor *s = node->src[i];
  return s && !s->base && !s->input && s->op == KL_OP_NONE && s->buf && !s->buf->backend ? s : NULL;
}

double kl_node_flops(const KlTensor *n) {
  switch (n->op) {
  case KL_OP_LINEAR:
    return 2.0 * (double)kl_nelem(n) * (double)kl_cols(n->src[0]);
  case KL_OP_CONV:
    return 2.0 * (double)kl_nelem(n) *
           (double)(kl_nelem(n->src[1]) / (n->src[1]->shape[0] ? n->src[1]->shape[0] : 1));
  case KL_OP_ATTENTION: {
    double keys = 0;
    const KlAttentionParams *p = n->params;
    for (int i = 0; i < p->segments; i++) keys += (double)n->src[KL_ATTN_SEG0 + 4 * i]->shape[0];
    return 4.0 * keys * (double)kl_nelem(n);
  }
  default:
    return 0;
  }
}

bool kl_plan_place(KlGraph *g, KlBackend *b, KlPlan *out, KlPlanNode *info, KlErr *err) {
  if (!kl_graph_ok(g, err)) return false;
  bool ok = false;
  Space s = {0};
  size_t *last = kl_calloc(g->count + 1, sizeof *last), bytes;
  *out = (KlPlan){0};
  if (!last || !kl_grow(&s.hole, &s.cap, 8, sizeof *s.hole)) goto out;
  s.hole[s.count++] = (Hole){0, SIZE_MAX - KL_ALIGN};

  /* Number the planned tensors through `offset`: index+1 for results, and inputs placed at once (they are
   * written before the run, so they live from its start). */
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *n = g->nodes[i];
    if (planned(n)) n->buf = NULL;
    for (int k = 0; k < n->nsrc; k++)
      if (n->src[k] && root(n->src[k])->input) root(n->src[k])->buf = NULL;
  }
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *n = g->nodes[i];
    for (int k = 0; k < n->nsrc; k++) {
      KlTensor *r = n->src[k] ? root(n->src[k]) : NULL;
      if (r && r->input && !r->buf) {
        size_t at;
        if (!kl_tensor_bytes(r, &bytes) || !take(&s, bytes, &at)) goto out;
        r->offset = at;
        r->buf = &b->workspace;
      }
    }
  }
  /* Last use of each result: walked backwards, the first meeting is the last use. A list of what dies after
   * node i is kept by chaining through info. */
  for (size_t i = 0; i < g->count; i++) info[i] = (KlPlanNode){.dies = SIZE_MAX, .scratch = SIZE_MAX};
  for (size_t i = 0; i < g->count; i++)
    if (planned(g->nodes[i])) g->nodes[i]->offset = i; /* for the moment: its own index */
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *n = g->nodes[i];
    if (planned(n) && last[n->offset] < i) last[n->offset] = i;
    for (int k = 0; k < n->nsrc; k++) {
      KlTensor *r = n->src[k] ? root(n->src[k]) : NULL;
      if (r && r->op != KL_OP_NONE && planned(r)) last[r->offset] = i;
    }
  }
  for (size_t i = 0; i < g->count; i++)
    if (planned(g->nodes[i]) && !g->nodes[i]->output) {
      info[i].next = info[last[i]].dies;
      info[last[i]].dies = i;
    }
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *n = g->nodes[i];
    if (planned(n)) {
      size_t at;
      if (!kl_tensor_bytes(n, &bytes) || !take(&s, bytes, &at)) goto out;
      n->offset = at;
      n->buf = &b->workspace;
    }
    size_t scratch =
        b->ops->supports(b, n) ? b->ops->scratch(b, n) : b->fallback->ops->scratch(b->fallback, n);
    if (scratch) {
      if (!take(&s, scratch, &info[i].scratch) || !give(&s, info[i].scratch, scratch)) goto out;
    }
    for (size_t d = info[i].dies; d != SIZE_MAX; d = info[d].next) {
      kl_tensor_bytes(g->nodes[d], &bytes);
      if (!give(&s, g->nodes[d]->offset, bytes)) goto out;
    }
    for (int k = 0; k < n->nsrc; k++) {
      const KlTensor *w = weight_of(n, k);
      if (w && kl_dtype_bytes(w->dtype, (size_t)kl_nelem(w), &bytes)) out->weights += bytes;
    }
    out->flops += kl_node_flops(n);
  }
  for (size_t i = 0; i < g->count; i++) {
    kl_bind(g->nodes[i]);
    for (int k = 0; k < g->nodes[i]->nsrc; k++) kl_bind(g->nodes[i]->src[k]);
  }
  out->workspace = s.peak;
  ok = true;
out:
  if (!ok) kl_fail(err, KL_ERR_OOM, "no memory to plan the graph");
  kl_free(&s.hole);
  kl_free(&last);
  return ok;
}

bool kl_plan_graph(KlGraph *g, KlBackend *b, KlPlan *out, KlErr *err) {
  KlPlanNode *info = kl_alloc(g->count + 1, sizeof *info);
  if (!info) return kl_fail(err, KL_ERR_OOM, "no memory to plan the graph");
  bool ok = kl_plan_place(g, b, out, info, err);
  kl_free(&info);
  return ok;
}
