/* engine/base: errors, checked memory, arena, cancel tokens, the pool, Philox. */
#include "engine/base/arena.h"
#include "engine/base/cancel.h"
#include "engine/base/err.h"
#include "engine/base/mem.h"
#include "engine/base/pool.h"
#include "engine/base/rng.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static void test_err(void) {
  KlErr err = KL_ERR_INIT;
  g_assert_false(kl_fail(&err, KL_ERR_IO, "cannot open %s", "a\nb"));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  g_assert_cmpstr(err.msg, ==, "cannot open a?b");
  kl_fail(&err, KL_ERR_OOM, "second"); /* the first failure stays */
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  kl_fail_prefix(&err, "model %d", 3);
  g_assert_cmpstr(err.msg, ==, "model 3: cannot open a?b");

  KlErr cut = KL_ERR_INIT;
  char text[300];
  memset(text, 'x', sizeof text);
  memcpy(text + 254, "\xE6\x97\xA5", 4); /* a character that straddles the end of the buffer */
  kl_fail(&cut, KL_ERR_IO, "%s", text);
  g_assert_true(g_utf8_validate(cut.msg, -1, NULL));
  g_assert_cmpuint(strlen(cut.msg), ==, 254);
}

static void test_sizes(void) {
  size_t n;
  g_assert_true(kl_size_mul(6, 7, &n));
  g_assert_cmpuint(n, ==, 42);
  g_assert_false(kl_size_mul(SIZE_MAX / 2, 3, &n));
  g_assert_cmpuint(n, ==, SIZE_MAX);
  g_assert_false(kl_size_add(SIZE_MAX, 1, &n));
  g_assert_null(kl_alloc(SIZE_MAX / 2, 4));
  void *p = kl_alloc(3, 5);
  g_assert_cmpuint((uintptr_t)p % KL_ALIGN, ==, 0);
  kl_free(&p);
  g_assert_null(p);
  kl_mem_fail_after(2);
  void *a = kl_alloc(1, 1), *b = kl_alloc(1, 1), *c = kl_alloc(1, 1);
  kl_mem_fail_after(0);
  g_assert_nonnull(a);
  g_assert_null(b);
  g_assert_null(c);
  kl_free(&a);
}

static void test_arena(void) {
  KlArena a = {0};
  for (size_t i = 1; i < 3000; i += 7) {
    unsigned char *p = kl_arena_alloc(&a, i, 3);
    g_assert_cmpuint((uintptr_t)p % 16, ==, 0);
    for (size_t j = 0; j < 3 * i; j++) g_assert_cmpuint(p[j], ==, 0);
    memset(p, 0xAA, 3 * i);
  }
  g_assert_null(kl_arena_alloc(&a, SIZE_MAX / 2, 8));
  g_assert_cmpstr(kl_arena_strndup(&a, "chunky", 5), ==, "chunk");
  kl_arena_free(&a);
}

static void count(void *ctx, size_t task, int worker) {
  atomic_int *hits = ctx;
  atomic_fetch_add(&hits[task], 1);
}

static void stop_at_ten(void *ctx, size_t task, int worker) {
  if (task == 10) kl_cancel(ctx);
}

static void test_pool(void) {
  for (int threads = 1; threads <= 5; threads++) {
    KlPool *p;
    g_assert_true(kl_pool_new(threads, &p, NULL));
    g_assert_cmpint(kl_pool_threads(p), ==, threads);
    for (int round = 0; round < 50; round++) {
      atomic_int hits[97] = {0};
      g_assert_true(kl_pool_run(p, 97, count, hits, NULL));
      for (int i = 0; i < 97; i++) g_assert_cmpint(hits[i], ==, 1);
    }
    KlCancel parent = {0}, token = {.parent = &parent};
    g_assert_false(kl_pool_run(p, 1000000000, stop_at_ten, &parent, &token));
    kl_pool_free(&p);
  }
  KlErr err = KL_ERR_INIT;
  KlPool *p;
  g_assert_false(kl_pool_new(-1, &p, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
}

static void test_philox(void) {
  /* Known answers of the Random123 distribution. */
  uint32_t o[4];
  kl_philox(0, 0, 0, o);
  g_assert_cmphex(o[0], ==, 0x6627e8d5);
  g_assert_cmphex(o[3], ==, 0x9b00dbd8);
  kl_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, o);
  g_assert_cmphex(o[0], ==, 0x408f276d);
  float whole[1000], part[1000];
  kl_randn(7, 3, 0, whole, 1000);
  kl_randn(7, 3, 333, part, 100); /* any part can be made alone */
  g_assert_cmpmem(part, 400, whole + 333, 400);
  double m = 0, v = 0;
  for (int i = 0; i < 1000; i++)
    m += (double)whole[i] / 1000, v += (double)whole[i] * (double)whole[i] / 1000;
  g_assert_cmpfloat(fabs(m), <, 0.1);
  g_assert_cmpfloat(fabs(v - 1), <, 0.15);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/err", test_err);
  g_test_add_func("/base/sizes", test_sizes);
  g_test_add_func("/base/arena", test_arena);
  g_test_add_func("/base/pool", test_pool);
  g_test_add_func("/base/philox", test_philox);
  return g_test_run();
}
