/* The Vulkan backend as a backend: errors, limits, fallback, cancelling, who frees what first. Its kernels
 * are kcheck's. Skipped where there is no device. */
#include "engine/base/mem.h"
#include "engine/graph/exec.h"
#include "engine/vulkan/backend_vk.h"

#include <glib.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static KlBackend *open_or_skip(void) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = NULL;
  if (kl_backend_open("vulkan", 2, KL_F32, &b, &err)) return b;
  g_assert_cmpint(err.code, ==, KL_ERR_DEVICE_LOST);
  g_test_skip("no Vulkan device");
  return NULL;
}

static void test_names(void) {
  static const struct {
    const char *name;
    KlErrCode code;
  } cases[] = {{"vulkan:63", KL_ERR_DEVICE_LOST},
               {"vulkan:99", KL_ERR_INVALID},
               {"vulkan:", KL_ERR_INVALID},
               {"vulkan:x", KL_ERR_INVALID},
               {"vulkan:-1", KL_ERR_INVALID},
               {"vulkan0", KL_ERR_INVALID},
               {"gpu", KL_ERR_INVALID}};
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    KlErr err = KL_ERR_INIT;
    KlBackend *b = NULL;
    g_assert_false(kl_backend_open(cases[i].name, 1, KL_F32, &b, &err));
    g_assert_null(b);
    g_assert_cmpint(err.code, ==, cases[i].code);
  }
}

static void test_list(void) {
  KlVulkanDevice list[8];
  int n = kl_vulkan_devices(list, 8);
  g_assert_cmpint(kl_vulkan_devices(NULL, 0), ==, n);
  for (int i = 0; i < n && i < 8; i++) {
    g_assert_true(list[i].name[0] && list[i].type);
    g_assert_cmpuint(list[i].memory, >, 0);
  }
}

static void test_memory(void) {
  KlBackend *b = open_or_skip();
  if (!b) return;
  KlErr err = KL_ERR_INIT;
  size_t total, available;
  KlBuffer buf;
  unsigned char in[1000], out[1000];
  b->ops->memory(b, &total, &available);
  g_assert_cmpuint(available, <=, total);
  g_assert_false(kl_buffer_new(b, SIZE_MAX / 2, &buf, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  for (size_t i = 0; i < sizeof in; i++) in[i] = (unsigned char)(i * 7 + 1);
  g_assert_true(kl_buffer_new(b, 20 << 20, &buf, NULL));
  g_assert_true(kl_buffer_write(&buf, 12345, in, sizeof in, NULL));
  g_assert_true(kl_buffer_read(&buf, 12345, out, sizeof out, NULL));
  g_assert_cmpmem(in, sizeof in, out, sizeof out);
  g_assert_true(kl_buffer_read(&buf, 15 << 20, out, sizeof out, NULL));
  for (size_t i = 0; i < sizeof out; i++) g_assert_cmpint(out[i], ==, 0);
  g_assert_false(kl_buffer_write(&buf, (20 << 20) - 10, in, 11, NULL));
  kl_buffer_free(&buf);
  for (long n = 1; n < 8; n++) { /* a failed allocation is an error, not a crash */
    kl_mem_fail_after(n);
    bool made = kl_buffer_new(b, 4096, &buf, NULL);
    kl_mem_fail_after(0);
    if (made) kl_buffer_free(&buf);
  }
  kl_backend_free(&b);
}

enum { N = 96 };

/* A chain with a node that only the CPU has (entmax) in the middle. */
static void test_fallback(void) {
  KlBackend *b = open_or_skip(), *cpu = NULL;
  if (!b) return;
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_backend_open("cpu", 1, KL_F32, &cpu, NULL));
  static float data[N * N], w[N * N], result[2][N * N];
  for (int i = 0; i < N * N; i++) data[i] = sinf((float)i), w[i] = cosf((float)i * 0.37f) / 8;
  KlBuffer host = {.bytes = sizeof w, .host = w};
  KlBackend *run_on[2] = {cpu, b};
  KlTensor weight[2];
  for (int i = 0; i < 2; i++) {
    KlGraph g;
    KlExec *e;
    kl_graph_init(&g);
    memset(&weight[i], 0, sizeof weight[i]);
    kl_tensor_set(&weight[i], KL_F32, KL_SHAPE(N, N));
    weight[i].buf = &host;
    KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(N, N));
    KlTensor *y = kl_linear(&g, x, &weight[i], NULL, KL_ACT_SILU, KL_F32),
             *q = kl_reshape(&g, y, KL_SHAPE(N, 4, N / 4));
    KlAttention a = {
        .q = q, .segments = 1, .segment = {{.k = q, .v = q}}, .scale = 1, .normaliser = KL_ATTN_ENTMAX15};
    y = kl_output(&g, kl_linear(&g, kl_reshape(&g, kl_attention(&g, &a), KL_SHAPE(N, N)), &weight[i], NULL,
                                KL_ACT_NONE, KL_F32));
    g_assert_true(kl_graph_ok(&g, &err));
    g_assert_true(kl_exec_new(&g, run_on[i], &e, NULL, &err));
    for (size_t n = 0; n < g.count; n++) g_assert_null(g.nodes[n]->pack); /* only weights are uploaded */
    for (int again = 0; again < 2; again++) {
      g_assert_true(kl_exec_write(e, x, data, sizeof data, &err));
      g_assert_true(kl_exec_run(e, NULL, &err));
      g_assert_true(kl_exec_read(e, y, result[i], sizeof result[i], &err));
    }
    kl_exec_free(&e);
    kl_graph_free(&g);
  }
  for (int i = 0; i < N * N; i++) g_assert_cmpfloat(fabsf(result[0][i] - result[1][i]), <=, 1e-4f);
  weight[0].pack_free ? weight[0].pack_free(weight[0].pack) : (void)0;
  kl_backend_free(&b); /* before the weight that it uploaded */
  weight[1].pack_free(weight[1].pack);
  kl_backend_free(&cpu);
}

/* Opening, planning and running with every allocation failed once: an error each time, no crash, no leak. */
static bool whole_run(KlErr *err) {
  static float w[64 * 64], in[64], out[64];
  KlBuffer host = {.bytes = sizeof w, .host = w};
  KlTensor weight = {0};
  KlBackend *b = NULL;
  KlGraph g;
  KlExec *e = NULL;
  kl_graph_init(&g);
  kl_tensor_set(&weight, KL_F32, KL_SHAPE(64, 64));
  weight.buf = &host;
  bool ok = kl_vulkan_backend_new(0, NULL, &b, err);
  if (!ok) goto out;
  KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(1, 64));
  KlTensor *y = kl_output(&g, kl_linear(&g, x, &weight, NULL, KL_ACT_RELU, KL_F32));
  ok = kl_graph_ok(&g, err) && kl_exec_new(&g, b, &e, NULL, err) && kl_exec_write(e, x, in, sizeof in, err) &&
       kl_exec_run(e, NULL, err) && kl_exec_read(e, y, out, sizeof out, err);
out:
  kl_exec_free(&e);
  kl_graph_free(&g);
  if (weight.pack) weight.pack_free(weight.pack);
  kl_backend_free(&b);
  return ok;
}

static void test_oom(void) {
  KlErr err = KL_ERR_INIT;
  if (!kl_vulkan_devices(NULL, 0)) {
    g_test_skip("no Vulkan device");
    return;
  }
  long n = 1;
  for (bool ok = false; !ok; n++) {
    err = KL_ERR_INIT;
    kl_mem_fail_after(n);
    ok = whole_run(&err);
    kl_mem_fail_after(0);
    if (!ok) g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    g_assert_cmpint(n, <, 300);
  }
  g_test_message("%ld allocations", n - 1);
}

static void *fire_later(void *token) {
  usleep(300000);
  kl_cancel(token);
  return NULL;
}

/* Minutes of products on a software device: a token ends them soon. The limit here is loose, machines are
 * busy. */
static void test_cancel(void) {
  KlBackend *b = open_or_skip();
  if (!b) return;
  KlErr err = KL_ERR_INIT;
  const int64_t n = 1024;
  float *w = kl_calloc((size_t)(n * n), sizeof *w);
  KlBuffer host = {.bytes = (size_t)(n * n) * sizeof *w, .host = w};
  KlTensor weight = {0};
  kl_tensor_set(&weight, KL_F32, KL_SHAPE(n, n));
  weight.buf = &host;
  KlGraph g;
  KlExec *e;
  kl_graph_init(&g);
  KlTensor *x = kl_input(&g, "x", KL_F32, KL_SHAPE(4 * n, n)), *y = x;
  for (int i = 0; i < 400; i++) y = kl_linear(&g, y, &weight, NULL, KL_ACT_NONE, KL_F32);
  kl_output(&g, y);
  g_assert_true(kl_exec_new(&g, b, &e, NULL, &err));
  KlCancel token = {0};
  pthread_t thread;
  g_assert_cmpint(pthread_create(&thread, NULL, fire_later, &token), ==, 0);
  gint64 start = g_get_monotonic_time();
  bool done = kl_exec_run(e, &token, &err);
  double took = (double)(g_get_monotonic_time() - start) * 1e-6;
  pthread_join(thread, NULL);
  g_test_message("cancelled at 0.3 s, back after %.3f s", took);
  if (!done) g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  g_assert_cmpfloat(took, <, 3);
  /* and the backend still works */
  KlErr none = KL_ERR_INIT;
  KlBuffer buf;
  g_assert_true(kl_buffer_new(b, 64, &buf, &none));
  kl_buffer_free(&buf);
  kl_exec_free(&e);
  kl_graph_free(&g);
  weight.pack_free(weight.pack);
  kl_free(&w);
  kl_backend_free(&b);
}

/* The software driver unloads its compiler with memory still in it, and the leak checker cannot name an
 * unloaded library. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "detect_leaks=0";
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/vulkan/names", test_names);
  g_test_add_func("/vulkan/list", test_list);
  g_test_add_func("/vulkan/memory", test_memory);
  g_test_add_func("/vulkan/fallback", test_fallback);
  g_test_add_func("/vulkan/oom", test_oom);
  g_test_add_func("/vulkan/cancel", test_cancel);
  return g_test_run();
}
