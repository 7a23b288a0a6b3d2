/* engine/graph: builders refuse what does not fit, the plan never lets two live tensors share memory. */
#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/graph/exec.h"

#include <glib.h>
#include <string.h>

/* A backend that runs nothing but remembers where everything lay. */
static bool fake_buffer(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err) {
  out->host = kl_calloc(bytes, 1);
  return out->host || kl_fail(err, KL_ERR_OOM, "no memory");
}
static void fake_free(KlBackend *b, KlBuffer *buf) {
  kl_free(&buf->host);
}
static bool fake_supports(const KlBackend *b, const KlTensor *n) {
  return true;
}
static size_t fake_scratch(const KlBackend *b, const KlTensor *n) {
  return n->op == KL_OP_ADD ? 4096 : 0;
}
static const KlBackendOps fake_ops = {
    .buffer_new = fake_buffer, .buffer_free = fake_free, .supports = fake_supports, .scratch = fake_scratch};
static KlBackend fake = {.ops = &fake_ops, .name = "fake"};

static KlTensor *root(KlTensor *t) {
  return t->base ? t->base : t;
}

/* Replays the graph: a tensor is live from its node to its last use; all live ones must be disjoint. */
static void check_plan(KlGraph *g, size_t workspace) {
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *live[256];
    size_t n = 0;
    for (size_t j = 0; j <= i; j++) {
      KlTensor *t = g->nodes[j];
      if (t->base) continue;
      bool used = t->output || j == i;
      for (size_t k = i; k < g->count && !used; k++)
        for (int s = 0; s < g->nodes[k]->nsrc; s++)
          used |= g->nodes[k]->src[s] && root(g->nodes[k]->src[s]) == t;
      if (used) live[n++] = t;
    }
    for (size_t a = 0; a < n; a++) {
      size_t size_a, size_b;
      kl_tensor_bytes(live[a], &size_a);
      g_assert_cmpuint(live[a]->offset + size_a, <=, workspace);
      for (size_t b = 0; b < a; b++) {
        kl_tensor_bytes(live[b], &size_b);
        g_assert_true(live[a]->offset + size_a <= live[b]->offset ||
                      live[b]->offset + size_b <= live[a]->offset);
      }
    }
  }
}

static void test_plan_random(void) {
  for (uint64_t seed = 0; seed < 40; seed++) {
    KlGraph g;
    kl_graph_init(&g);
    KlTensor *t[64] = {kl_input(&g, "a", KL_F32, KL_SHAPE(6, 40)),
                       kl_input(&g, "b", KL_F32, KL_SHAPE(6, 40))};
    size_t sum = 0, bytes;
    for (int i = 2; i < 64; i++) {
      KlTensor *x = t[(int)(kl_randu(seed, 0, (uint64_t)i) * i)],
               *y = t[(int)(kl_randu(seed, 1, (uint64_t)i) * i)];
      int what = (int)(kl_randu(seed, 2, (uint64_t)i) * 4);
      t[i] = what == 0   ? kl_add(&g, x, y)
             : what == 1 ? kl_activation(&g, kl_reshape(&g, x, KL_SHAPE(3, -1)), KL_ACT_RELU)
             : what == 2 ? kl_cast(&g, kl_slice(&g, x, 0, 0, x->shape[0]), KL_F32)
                         : kl_affine(&g, x, (KlAffineParams){2, 1, -1, 1});
      t[i] = kl_reshape(&g, t[i], KL_SHAPE(6, 40));
      g_assert_nonnull(t[i]);
    }
    kl_output(&g, t[30]);
    kl_output(&g, t[63]);
    KlPlan plan;
    KlErr err = KL_ERR_INIT;
    g_assert_true(kl_plan_graph(&g, &fake, &plan, &err));
    check_plan(&g, plan.workspace);
    for (size_t i = 0; i < g.count; i++) sum += kl_tensor_bytes(g.nodes[i], &bytes) ? bytes : 0;
    g_assert_cmpuint(plan.workspace, <, sum); /* memory is reused */
    size_t first = plan.workspace;
    g_assert_true(kl_plan_graph(&g, &fake, &plan, &err)); /* planning twice gives the same */
    g_assert_cmpuint(first, ==, plan.workspace);
    check_plan(&g, plan.workspace);
    kl_graph_free(&g);
  }
}

static void test_views(void) {
  KlGraph g;
  kl_graph_init(&g);
  KlBuffer buf;
  g_assert_true(kl_buffer_new(&fake, 4096, &buf, NULL));
  KlTensor *s = kl_state(&g, &buf, 64, KL_F32, KL_SHAPE(8, 10));
  KlTensor *rows = kl_slice(&g, s, 0, 2, 3), *cols = kl_slice(&g, rows, 1, 4, 5);
  g_assert_cmpuint(cols->offset, ==, 64 + (2 * 10 + 4) * 4);
  g_assert_true(cols->base == s);
  g_assert_false(kl_is_contiguous(cols));
  g_assert_true(kl_data(cols) == (char *)buf.host + cols->offset);
  KlTensor *w = kl_copy(&g, kl_cast(&g, cols, KL_F32), kl_slice(&g, s, 0, 0, 3));
  g_assert_null(w); /* 3x5 into 3x10 */
  KlErr err = KL_ERR_INIT;
  g_assert_false(kl_graph_ok(&g, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  kl_graph_free(&g);
  kl_buffer_free(&buf);
}

static void test_refusals(void) {
  struct {
    const char *what;
    int which;
  } cases[] = {{"linear", 0},    {"reshape", 1}, {"slice", 2}, {"concat", 3},
               {"attention", 4}, {"shape", 5},   {"conv", 6}};
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    KlGraph g;
    kl_graph_init(&g);
    KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(4, 6)), *bad = x;
    KlTensor *w = kl_input(&g, "w", KL_F32, KL_SHAPE(5, 7)),
             *q = kl_input(&g, "q", KL_F32, KL_SHAPE(2, 3, 4));
    switch (cases[i].which) {
    case 0:
      bad = kl_linear(&g, x, w, NULL, KL_ACT_NONE, KL_F32);
      break;
    case 1:
      bad = kl_reshape(&g, x, KL_SHAPE(5, -1));
      break;
    case 2:
      bad = kl_slice(&g, x, 1, 3, 4);
      break;
    case 3:
      bad = kl_concat(&g, (KlTensor *[]){x, w}, 2, 0);
      break;
    case 4:
      bad = kl_attention(&g, &(KlAttention){.q = q, .segments = 1, .segment = {{.k = q, .v = x}}});
      break;
    case 5:
      bad = kl_input(&g, "huge", KL_F32, KL_SHAPE(INT64_MAX, 2));
      break;
    case 6:
      bad = kl_conv(&g, q, w, NULL, NULL, NULL, &(KlConvParams){1, 1, 1, 0, 0, 0, 0, 0});
      break;
    }
    g_test_message("%s", cases[i].what);
    g_assert_null(bad);
    g_assert_null(kl_add(&g, bad, x)); /* NULL passes through, the first error stays */
    KlErr err = KL_ERR_INIT;
    g_assert_false(kl_graph_ok(&g, &err));
    g_assert_nonnull(strstr(err.msg, cases[i].which == 5 ? "shape" : cases[i].what));
    kl_graph_free(&g);
  }
}

static void test_oom(void) {
  for (long n = 1;; n++) {
    kl_mem_fail_after(n);
    KlGraph g;
    kl_graph_init(&g);
    KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(4, 6));
    for (int i = 0; i < 300; i++) x = kl_activation(&g, kl_add(&g, x, x), KL_ACT_SILU);
    KlErr err = KL_ERR_INIT;
    KlPlan plan;
    bool ok = kl_plan_graph(&g, &fake, &plan, &err);
    kl_mem_fail_after(0);
    kl_graph_free(&g);
    if (ok) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    g_assert_cmpint(n, <, 100);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/graph/plan", test_plan_random);
  g_test_add_func("/graph/views", test_views);
  g_test_add_func("/graph/refusals", test_refusals);
  g_test_add_func("/graph/oom", test_oom);
  return g_test_run();
}
