/* Linked with --wrap, so that the blocks of kl_alloc are counted on their way in and out. */
#include "tests/oom/oom.h"

#include "engine/base/mem.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdlib.h>

void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

static atomic_long blocks;

void *__wrap_aligned_alloc(size_t align, size_t n) {
  void *p = __real_aligned_alloc(align, n);
  if (p) atomic_fetch_add(&blocks, 1);
  return p;
}

void __wrap_free(void *p) {
  if (p) atomic_fetch_sub(&blocks, 1);
  __real_free(p);
}

void kl_oom_every(KlOomAction act, void *ctx) {
  KlErr first = KL_ERR_INIT;
  if (!act(ctx, &first)) g_error("the action fails without help: %s", first.msg);
  for (long n = 1;; n++) {
    KlErr err = KL_ERR_INIT;
    long before = atomic_load(&blocks);
    kl_mem_fail_after(n);
    bool ok = act(ctx, &err);
    kl_mem_fail_after(0);
    g_assert_cmpint(atomic_load(&blocks), ==, before);
    if (ok) {
      g_assert_cmpint(n, >, 1); /* it did allocate */
      return;
    }
    if (err.code != KL_ERR_OOM) g_error("allocation %ld fails with %d: %s", n, err.code, err.msg);
    g_assert_true(err.msg[0] != 0);
    g_assert_cmpint(n, <, 100000);
  }
}
