#include "engine/graph/exec.h"

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/graph/plan.h"

#include <string.h>

struct KlExec {
  KlGraph *graph;
  KlBackend *backend;
  KlPlan plan;
  KlPlanNode *info;
};

static bool grow_workspace(KlBackend *b, size_t bytes, KlErr *err) {
  if (b->workspace.bytes >= bytes) return true;
  kl_buffer_free(&b->workspace); /* the old one first: its contents need not survive */
  if (!kl_buffer_new(b, bytes, &b->workspace, err)) return false;
  if (bytes > b->peak_workspace) b->peak_workspace = bytes;
  return true;
}

static KlBackend *runs_on(KlBackend *b, const KlTensor *n) {
  if (b->ops->supports(b, n)) return b;
  if (b->fallback && !(b->warned >> n->op & 1)) {
    b->warned |= 1u << n->op;
    kl_log(KL_LOG_INFO, "%s has no %s; the CPU does it", b->name, kl_op_name(n->op));
  }
  return b->fallback;
}

bool kl_exec_new(KlGraph *g, KlBackend *b, KlExec **out, const KlCancel *cancel, KlErr *err) {
  *out = NULL;
  KlExec *e = kl_calloc(1, sizeof *e);
  if (!e) return kl_fail(err, KL_ERR_OOM, "no memory for the graph");
  *e = (KlExec){.graph = g, .backend = b, .info = kl_alloc(g->count + 1, sizeof *e->info)};
  if (!e->info) {
    kl_fail(err, KL_ERR_OOM, "no memory for the graph");
    goto fail;
  }
  if (!kl_plan_place(g, b, &e->plan, e->info, err)) goto fail;
  for (size_t i = 0; i < g->count; i++) {
    KlBackend *at = runs_on(b, g->nodes[i]);
    char s[96];
    if (!at) {
      kl_fail(err, KL_ERR_UNSUPPORTED, "%s cannot run %s", b->name, kl_describe(g->nodes[i], s, sizeof s));
      goto fail;
    }
    if (kl_cancelled(cancel)) {
      kl_fail(err, KL_ERR_CANCELLED, "cancelled");
      goto fail;
    }
    if (!at->ops->prepare(at, g->nodes[i], err)) goto fail;
  }
  if (!grow_workspace(b, e->plan.workspace, err)) goto fail;
  *out = e;
  return true;
fail:
  kl_exec_free(&e);
  return false;
}

void kl_exec_free(KlExec **e) {
  if (!*e) return;
  kl_free(&(*e)->info);
  kl_free(e);
}

const KlPlan *kl_exec_plan(const KlExec *e) {
  return &e->plan;
}

static bool has_size(const KlTensor *t, size_t bytes, KlErr *err) {
  size_t want;
  char s[96];
  if (kl_tensor_bytes(t, &want) && want == bytes) return true;
  return kl_fail(err, KL_ERR_INVALID, "%s is not %zu bytes", kl_describe(t, s, sizeof s), bytes);
}

bool kl_exec_write(KlExec *e, KlTensor *input, const void *src, size_t bytes, KlErr *err) {
  if (!has_size(input, bytes, err)) return false;
  if (!input->buf) return true; /* nobody reads it */
  if (!grow_workspace(e->backend, e->plan.workspace, err)) return false;
  return kl_buffer_write(input->buf, input->offset, src, bytes, err);
}

/* A node that the device lacks: its operands come to the host, the CPU works on copies, the result goes back.
 * Where the host sees the memory anyway, the CPU works in place. */
static bool run_fallback(KlExec *e, KlTensor *n, size_t scratch, const KlCancel *cancel, KlErr *err) {
  KlBackend *b = e->backend, *cpu = b->fallback;
  if (!b->ops->sync(b, cancel, err)) return false;
  if (b->workspace.host) return cpu->ops->run(cpu, n, &b->workspace, scratch, cancel, err);
  enum { MOST = KL_ATTN_SEG0 + 4 * KL_ATTN_SEGMENTS };
  bool ok = false;
  KlTensor copy[MOST], *src[MOST], result = *n;
  KlBuffer host[MOST + 2] = {{0}};
  result.src = src;
  for (int i = 0; i < n->nsrc; i++) {
    KlTensor *s = src[i] = n->src[i];
    if (!s || kl_data(s)) continue;
    /* Everything from the view's start to its last element, so that its strides still hold. */
    size_t span = 1, bytes;
    for (int d = 0; d < s->ndim; d++) span += (size_t)((s->shape[d] - (s->shape[d] > 0)) * s->stride[d]);
    if (!kl_dtype_bytes(s->dtype, span, &bytes) || !kl_buffer_new(cpu, bytes, &host[i], err) ||
        !kl_buffer_read(s->buf, s->offset, host[i].host, bytes, err))
      goto out;
    copy[i] = *s;
    copy[i].buf = &host[i];
    copy[i].offset = 0;
    src[i] = &copy[i];
  }
  size_t span = 1, bytes, want = cpu->ops->scratch(cpu, n);
  for (int d = 0; d < n->ndim; d++) span += (size_t)((n->shape[d] - (n->shape[d] > 0)) * n->stride[d]);
  if (!kl_dtype_bytes(n->dtype, span, &bytes) || !kl_buffer_new(cpu, bytes, &host[MOST], err)) goto out;
  if (want && !kl_buffer_new(cpu, want, &host[MOST + 1], err)) goto out;
  /* A strided destination keeps what lies between its rows. */
  if (!kl_is_contiguous(n) && !kl_buffer_read(n->buf, n->offset, host[MOST].host, bytes, err)) goto out;
  result.buf = &host[MOST];
  result.offset = 0;
  if (n->op == KL_OP_COPY && n->nsrc == 2) src[1] = &result;
  ok = cpu->ops->run(cpu, &result, &host[MOST + 1], 0, cancel, err) &&
       kl_buffer_write(n->buf, n->offset, host[MOST].host, bytes, err);
out:
  for (int i = 0; i < MOST + 2; i++) kl_buffer_free(&host[i]);
  return ok;
}

bool kl_exec_run(KlExec *e, const KlCancel *cancel, KlErr *err) {
  KlBackend *b = e->backend;
  if (!grow_workspace(b, e->plan.workspace, err)) return false;
  for (size_t i = 0; i < e->graph->count; i++) {
    KlTensor *n = e->graph->nodes[i];
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    if (kl_nelem(n) == 0) continue;
    bool ok = b->ops->supports(b, n) ? b->ops->run(b, n, &b->workspace, e->info[i].scratch, cancel, err)
                                     : run_fallback(e, n, e->info[i].scratch, cancel, err);
    if (!ok) return false;
  }
  return b->ops->sync(b, cancel, err);
}

bool kl_exec_read(KlExec *e, const KlTensor *output, void *dst, size_t bytes, KlErr *err) {
  KlTensor t = *output;
  kl_bind(&t);
  char s[96];
  if (!has_size(&t, bytes, err)) return false;
  if (!t.buf || !kl_is_contiguous(&t) || !(t.base ? t.base : output)->output)
    return kl_fail(err, KL_ERR_INVALID, "%s is no output of the graph", kl_describe(&t, s, sizeof s));
  return kl_buffer_read(t.buf, t.offset, dst, bytes, err);
}
