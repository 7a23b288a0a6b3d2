/* The CPU backend as a whole: the reference itself against loops in f64, results for any number of threads,
 * cancelling, memory. What its kernels compute is tests/kcheck's matter. */
#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/graph/exec.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static KlBackend *backend(int threads, KlDtype compute, KlCpuLevel level) {
  KlBackend *b;
  KlErr err = KL_ERR_INIT;
  if (!kl_cpu_backend_new_at(threads, compute, level, &b, &err)) g_error("%s", err.msg);
  return b;
}

typedef struct {
  KlTensor t;
  KlBuffer buf;
} Weight;

static void weight(Weight *w, uint64_t stream, int ndim, const int64_t *shape) {
  *w = (Weight){0};
  g_assert_true(kl_tensor_set(&w->t, KL_F32, ndim, shape));
  size_t n = (size_t)kl_nelem(&w->t);
  w->buf = (KlBuffer){.bytes = n * 4, .host = kl_alloc(n, 4)};
  kl_randn(1, stream, 0, w->buf.host, n);
  w->t.buf = &w->buf;
}

static void weight_free(Weight *w) {
  if (w->t.pack_free) w->t.pack_free(w->t.pack);
  kl_free(&w->buf.host);
}

enum { T = 3, H = 37, W = 21, C = 32, O = 600, N = (T + 2) * H * W * C };

/* A convolution with history, a norm and a product over its result: everything that cuts work into tasks. */
static void network(KlGraph *g, KlDtype type, Weight w[2], KlTensor *in[2], KlTensor **out) {
  in[0] = kl_input(g, "x", type, KL_SHAPE(T, H, W, C));
  in[1] = kl_input(g, "history", type, KL_SHAPE(2, H, W, C));
  KlConvParams p = {1, 1, 1, 1, 1, 1, 1, KL_ACT_SILU};
  KlTensor *y = kl_conv(g, in[0], &w[0].t, NULL, in[1], in[0], &p);
  y = kl_norm(g, y, KL_NORM_L2, 1e-6f, NULL, NULL, NULL, NULL, KL_ACT_NONE, type);
  *out = kl_output(g, kl_linear(g, y, &w[1].t, NULL, KL_ACT_GELU_TANH, type));
}

static void *run_network(KlBackend *b, KlDtype type, size_t *bytes) {
  Weight w[2];
  KlGraph g;
  KlTensor *in[2], *out;
  KlExec *e;
  KlErr err = KL_ERR_INIT;
  weight(&w[0], 0, KL_SHAPE(C, C, 3, 3, 3));
  weight(&w[1], 1, KL_SHAPE(O, C));
  kl_graph_init(&g);
  network(&g, type, w, in, &out);
  float *x = g_new(float, N);
  void *raw = g_malloc(N * 4);
  kl_randn(2, 0, 0, x, N);
  kl_from_f32(type, x, raw, N);
  size_t size = kl_dtype_block_bytes(type), hist = 2 * H * W * C * size;
  g_assert_true(kl_exec_new(&g, b, &e, NULL, &err));
  g_assert_true(kl_exec_write(e, in[0], (char *)raw + hist, T * H * W * C * size, &err));
  g_assert_true(kl_exec_write(e, in[1], raw, hist, &err));
  g_assert_true(kl_exec_run(e, NULL, &err));
  *bytes = (size_t)T * H * W * O * size;
  void *got = g_malloc(*bytes);
  g_assert_true(kl_exec_read(e, out, got, *bytes, &err));
  kl_exec_free(&e);
  kl_graph_free(&g);
  weight_free(&w[0]);
  weight_free(&w[1]);
  g_free(x);
  g_free(raw);
  return got;
}

static void test_threads(void) {
  for (KlCpuLevel level = KL_CPU_SCALAR; level <= kl_cpu_best(); level++)
    for (int t = 0; t < 2; t++) {
      KlDtype type = t ? KL_BF16 : KL_F32;
      void *first = NULL;
      size_t bytes = 0;
      for (int threads = 1; threads <= 3; threads++) {
        KlBackend *b = backend(threads, type, level);
        void *got = run_network(b, type, &bytes);
        if (first)
          g_assert_cmpmem(got, bytes, first, bytes);
        else
          first = g_memdup2(got, bytes);
        g_free(got);
        kl_backend_free(&b);
      }
      g_free(first);
    }
}

/* The reference against plain loops. */
static void test_reference(void) {
  enum { t = 2, h = 5, w = 4, c = 3, o = 7, k = 2 };
  KlBackend *b = backend(2, KL_F32, KL_CPU_SCALAR);
  KlGraph g;
  KlExec *e;
  KlErr err = KL_ERR_INIT;
  Weight wc, wl, bias;
  weight(&wc, 0, KL_SHAPE(o, c, k, 3, 3));
  weight(&wl, 1, KL_SHAPE(6, o));
  weight(&bias, 2, KL_SHAPE(o));
  kl_graph_init(&g);
  KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(t, h, w, c)),
           *hist = kl_input(&g, "h", KL_F32, KL_SHAPE(k - 1, h, w, c));
  KlConvParams p = {1, 2, 1, 1, 0, 2, 1, KL_ACT_RELU};
  KlTensor *y = kl_output(&g, kl_conv(&g, x, &wc.t, &bias.t, hist, NULL, &p));
  KlTensor *z = kl_output(&g, kl_linear(&g, y, &wl.t, NULL, KL_ACT_NONE, KL_F32));
  g_assert_true(kl_exec_new(&g, b, &e, NULL, &err));
  float in[(t + 1) * h * w * c], got[t * 2 * 5 * o], got2[t * 2 * 5 * 6];
  kl_randn(3, 0, 0, in, G_N_ELEMENTS(in));
  g_assert_true(kl_exec_write(e, hist, in, h * w * c * sizeof(float), &err));
  g_assert_true(kl_exec_write(e, x, in + h * w * c, t * h * w * c * sizeof(float), &err));
  g_assert_true(kl_exec_run(e, NULL, &err));
  g_assert_cmpint(y->shape[1], ==, 2);
  g_assert_cmpint(y->shape[2], ==, 5);
  g_assert_true(kl_exec_read(e, y, got, sizeof got, &err));
  g_assert_true(kl_exec_read(e, z, got2, sizeof got2, &err));
  const float *wv = wc.buf.host, *lv = wl.buf.host, *bv = bias.buf.host;
  for (int f = 0; f < t; f++)
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 5; j++) {
        double line[o];
        for (int n = 0; n < o; n++) {
          double s = bv[n];
          for (int ch = 0; ch < c; ch++)
            for (int a = 0; a < k; a++)
              for (int d = 0; d < 3; d++)
                for (int q = 0; q < 3; q++) {
                  int yy = 2 * i + d - 1, xx = j + q - 2;
                  if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
                  s += (double)in[(((f + a) * h + yy) * w + xx) * c + ch] *
                       wv[(((n * c + ch) * k + a) * 3 + d) * 3 + q];
                }
          line[n] = s > 0 ? s : 0;
          g_assert_cmpfloat_with_epsilon(got[((f * 2 + i) * 5 + j) * o + n], line[n], 1e-5);
        }
        for (int n = 0; n < 6; n++) {
          double s = 0;
          for (int m = 0; m < o; m++) s += line[m] * lv[n * o + m];
          g_assert_cmpfloat_with_epsilon(got2[((f * 2 + i) * 5 + j) * 6 + n], s, 1e-4);
        }
      }
  kl_exec_free(&e);
  kl_graph_free(&g);
  weight_free(&wc);
  weight_free(&wl);
  weight_free(&bias);
  kl_backend_free(&b);
}

/* A token that has fired ends a run before its first task; the exec can run again afterwards. */
static void test_cancel(void) {
  KlBackend *b = backend(2, KL_F32, kl_cpu_level());
  Weight w;
  KlGraph g;
  KlExec *e;
  KlErr err = KL_ERR_INIT;
  KlCancel cancel = {0};
  weight(&w, 0, KL_SHAPE(64, 64));
  kl_graph_init(&g);
  KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(512, 64));
  kl_output(&g, kl_linear(&g, x, &w.t, NULL, KL_ACT_NONE, KL_F32));
  g_assert_true(kl_exec_new(&g, b, &e, &cancel, &err));
  float *zeros = g_new0(float, 512 * 64);
  g_assert_true(kl_exec_write(e, x, zeros, 512 * 64 * sizeof(float), &err));
  g_assert_true(kl_exec_run(e, &cancel, &err));
  kl_cancel(&cancel);
  g_assert_false(kl_exec_run(e, &cancel, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  err = KL_ERR_INIT;
  g_assert_true(kl_exec_run(e, NULL, &err));
  g_free(zeros);
  kl_exec_free(&e);
  kl_graph_free(&g);
  weight_free(&w);
  kl_backend_free(&b);
}

static void test_memory(void) {
  KlBackend *b = backend(1, KL_F32, KL_CPU_SCALAR);
  KlBuffer buf;
  KlErr err = KL_ERR_INIT;
  g_assert_false(kl_buffer_new(b, SIZE_MAX / 2, &buf, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  err = KL_ERR_INIT;
  size_t before = kl_mem_rss(), big = 256 << 20;
  g_assert_true(kl_buffer_new(b, big, &buf, &err));
  g_assert_cmpuint(kl_mem_rss(), <, before + (16 << 20)); /* untouched pages cost nothing */
  ((char *)buf.host)[big - 1] = 1;
  kl_buffer_free(&buf);
  for (size_t n = 0; n < 100; n += 33) {
    g_assert_true(kl_buffer_new(b, n, &buf, &err));
    for (size_t i = 0; i < n; i++) g_assert_cmpint(((char *)buf.host)[i], ==, 0);
    kl_buffer_free(&buf);
  }
  kl_backend_free(&b);
  g_assert_false(kl_cpu_backend_new(-1, KL_F32, &b, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  err = KL_ERR_INIT;
  g_assert_false(kl_cpu_backend_new(1, KL_Q8_0, &b, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
}

/* The n-th allocation fails, for every n: no crash, and always the same words for it. */
static void test_oom(void) {
  for (long n = 1;; n++) {
    KlErr err = KL_ERR_INIT;
    KlBackend *b = NULL;
    Weight w;
    KlGraph g;
    KlExec *e = NULL;
    weight(&w, 0, KL_SHAPE(16, 16, 3, 3));
    kl_graph_init(&g);
    KlConvParams p = {1, 1, 1, 1, 1, 1, 1, KL_ACT_NONE};
    kl_mem_fail_after(n);
    bool ok = kl_cpu_backend_new(2, KL_F32, &b, &err);
    if (ok) {
      KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(2, 8, 8, 16));
      kl_output(&g, kl_conv(&g, x, &w.t, NULL, NULL, NULL, &p));
      ok = kl_graph_ok(&g, &err) && kl_exec_new(&g, b, &e, NULL, &err) && kl_exec_run(e, NULL, &err);
    }
    kl_mem_fail_after(0);
    if (!ok) g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    kl_exec_free(&e);
    kl_graph_free(&g);
    weight_free(&w);
    kl_backend_free(&b);
    if (ok) break;
    g_assert_cmpint((int)n, <, 200);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cpu/threads", test_threads);
  g_test_add_func("/cpu/reference", test_reference);
  g_test_add_func("/cpu/cancel", test_cancel);
  g_test_add_func("/cpu/memory", test_memory);
  g_test_add_func("/cpu/oom", test_oom);
  return g_test_run();
}
