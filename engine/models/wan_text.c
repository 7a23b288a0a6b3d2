#include "engine/base/mem.h"
#include "engine/models/wan_internal.h"

#include <string.h>

static bool build(KlWan *m, KlWanText *t, KlGraph *g, KlTensor **context, KlErr *err) {
  KlDtype type = m->b->compute;
  int64_t rows = kl_wan_text_rows(t);
  *context = kl_input(g, "context", KL_F32, KL_SHAPE(rows, m->c.text_dim));
  KlTensor *c = type == KL_F32 ? *context : kl_cast(g, *context, type);
  c = kl_linear(g, c, m->text[0].w, m->text[0].b, KL_ACT_GELU_TANH, type);
  c = kl_linear(g, c, m->text[1].w, m->text[1].b, KL_ACT_NONE, type);
  for (int i = 0; i < m->c.layers + m->vace_layers; i++) {
    const KlWanAttention *p = &m->blocks[i].cross;
    size_t bytes = (size_t)(rows * m->c.dim) * kl_wan_esize(m);
    kl_copy(g, kl_wan_project(g, m, c, p->k, p->norm_k),
            kl_state(g, &t->kv[i], 0, type, KL_SHAPE(rows, m->c.dim)));
    kl_copy(g, kl_wan_project(g, m, c, p->v, NULL),
            kl_state(g, &t->kv[i], bytes, type, KL_SHAPE(rows, m->c.dim)));
  }
  return kl_graph_ok(g, err);
}

bool kl_wan_text_new(KlWan *m, const float *context, int n, KlWanText **out, const KlCancel *cancel,
                     KlErr *err) {
  return kl_wan_text_new_layout(m, &(KlWanTextPart){context, n}, 1, out, cancel, err);
}

bool kl_wan_text_new_layout(KlWan *m, const KlWanTextPart *parts, int count, KlWanText **out,
                            const KlCancel *cancel, KlErr *err) {
  *out = NULL;
  if (count < 1 || count > KL_WAN_MOST_REGIONS + 1)
    return kl_fail(err, KL_ERR_INVALID, "a layout of %d regions: at most %d", count - 1, KL_WAN_MOST_REGIONS);
  int n = 0, blocks = m->c.layers + m->vace_layers;
  for (int i = 0; i < count; i++) {
    if (parts[i].n < 0) return kl_fail(err, KL_ERR_INVALID, "a text of %d rows", parts[i].n);
    if (parts[i].n > n) n = parts[i].n;
  }
  if (n > m->c.text_len) n = m->c.text_len;
  bool ok = false;
  KlGraph g;
  KlExec *e = NULL;
  KlTensor *input;
  float *padded = NULL;
  kl_graph_init(&g);
  KlWanText *t = kl_calloc(1, sizeof *t);
  if (!t || !(t->kv = kl_calloc((size_t)blocks, sizeof *t->kv))) {
    kl_fail(err, KL_ERR_OOM, "no memory for the text");
    goto out;
  }
  t->m = m;
  t->parts = count;
  t->n = n; /* shorter parts have some of their zero rows one by one, so that all count the rest alike */
  t->pads = m->c.text_len - n;
  size_t rows = (size_t)kl_wan_text_rows(t), dim = (size_t)m->c.text_dim, values = rows * dim;
  for (int i = 0; i < blocks; i++)
    if (!kl_buffer_new(m->b, 2 * rows * (size_t)m->c.dim * kl_wan_esize(m), &t->kv[i], err)) goto out;
  if (!(padded = kl_calloc(values, sizeof *padded))) {
    kl_fail(err, KL_ERR_OOM, "no memory for the text");
    goto out;
  }
  for (int i = 0; i < count; i++) {
    size_t most = (size_t)(parts[i].n < n ? parts[i].n : n);
    if (most) memcpy(padded + (size_t)i * (size_t)n * dim, parts[i].context, most * dim * sizeof *padded);
  }
  if (!build(m, t, &g, &input, err) || !kl_wan_pack(m, &g, cancel, err) ||
      !kl_exec_new(&g, m->b, &e, cancel, err))
    goto out;
  ok = kl_exec_write(e, input, padded, values * sizeof *padded, err) && kl_exec_run(e, cancel, err);
out:
  kl_exec_free(&e);
  kl_graph_free(&g);
  kl_free(&padded);
  if (ok) {
    t->serial = ++m->serial;
    *out = t;
  } else {
    kl_wan_text_free(&t);
  }
  return ok;
}

void kl_wan_text_free(KlWanText **t) {
  if (!*t) return;
  KlWan *m = (*t)->m;
  if ((*t)->serial) kl_wan_forget(m, (*t)->serial);
  if ((*t)->kv)
    for (int i = 0; i < m->c.layers + m->vace_layers; i++) kl_buffer_free(&(*t)->kv[i]);
  kl_free(&(*t)->kv);
  kl_free(t);
}
