#include "engine/base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long fail_after; /* 0: never; 1: fail now; n: count down */

static bool must_fail(void) {
  long n = atomic_load_explicit(&fail_after, memory_order_relaxed);
  if (n == 0) return false;
  if (n == 1) return true;
  return atomic_fetch_sub(&fail_after, 1) <= 1;
}

void kl_mem_fail_after(long n) {
  atomic_store(&fail_after, n);
}

bool kl_size_mul(size_t a, size_t b, size_t *out) {
  if (!__builtin_mul_overflow(a, b, out)) return true;
  *out = SIZE_MAX;
  return false;
}

bool kl_size_add(size_t a, size_t b, size_t *out) {
  if (!__builtin_add_overflow(a, b, out)) return true;
  *out = SIZE_MAX;
  return false;
}

void *kl_alloc(size_t n, size_t size) {
  size_t bytes;
  if (!kl_size_mul(n, size, &bytes) || !kl_size_add(bytes, KL_ALIGN - 1, &bytes) || must_fail()) return NULL;
  bytes -= bytes % KL_ALIGN;
  return aligned_alloc(KL_ALIGN, bytes ? bytes : KL_ALIGN);
}

void *kl_calloc(size_t n, size_t size) {
  void *p = kl_alloc(n, size);
  if (p) memset(p, 0, n * size);
  return p;
}

char *kl_strdup(const char *s) {
  if (!s) return NULL;
  size_t n = strlen(s) + 1;
  char *p = kl_alloc(n, 1);
  if (p) memcpy(p, s, n);
  return p;
}

void kl_free_(void *pp) {
  void *p;
  memcpy(&p, pp, sizeof p);
  free(p);
  p = NULL;
  memcpy(pp, &p, sizeof p);
}

bool kl_grow(void *data_pp, size_t *cap, size_t need, size_t size) {
  if (need <= *cap) return true;
  size_t next = *cap < 8 ? 8 : *cap;
  while (next < need)
    if (!kl_size_add(next, next / 2, &next)) return false;
  void *fresh = kl_alloc(next, size), *old;
  if (!fresh) return false;
  memcpy(&old, data_pp, sizeof old);
  if (old) memcpy(fresh, old, *cap * size);
  free(old);
  memcpy(data_pp, &fresh, sizeof fresh);
  *cap = next;
  return true;
}

/* One "NAME: 123 kB" line of a /proc file, in bytes. */
static size_t proc_field(const char *path, const char *name) {
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  char line[256];
  size_t n = strlen(name), kb = 0;
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, name, n) && line[n] == ':') {
      kb = strtoull(line + n + 1, NULL, 10);
      break;
    }
  fclose(f);
  return kb * 1024;
}

size_t kl_mem_rss(void) {
  return proc_field("/proc/self/status", "VmRSS");
}
size_t kl_mem_peak_rss(void) {
  return proc_field("/proc/self/status", "VmHWM");
}

static size_t file_number(const char *path) {
  FILE *f = fopen(path, "re");
  if (!f) return SIZE_MAX;
  char text[64] = "";
  char *got = fgets(text, sizeof text, f);
  fclose(f);
  return got && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : SIZE_MAX;
}

void kl_mem_machine(size_t *total, size_t *available) {
  size_t all = proc_field("/proc/meminfo", "MemTotal"), avail = proc_field("/proc/meminfo", "MemAvailable");
  size_t limit = file_number("/sys/fs/cgroup/memory.max"),
         used = file_number("/sys/fs/cgroup/memory.current");
  if (limit < all) {
    all = limit;
    size_t left = used < limit ? limit - used : 0;
    if (left < avail) avail = left;
  }
  if (total) *total = all;
  if (available) *available = avail;
}
