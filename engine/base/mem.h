/* Memory: checked sizes, aligned blocks that may fail, the process's own figures.
 *
 * Every size that comes from a file, a shape or a user goes through kl_size_mul/kl_size_add. All heap memory
 * of the engine comes from here, so that tests can fail the n-th allocation (kl_mem_fail_after). Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_ALIGN 64 /* bytes; every block of kl_alloc is aligned so: a cache line, an AVX-512 register */

/* *out = a * b or a + b; false on overflow, and *out is then SIZE_MAX. */
bool kl_size_mul(size_t a, size_t b, size_t *out);
bool kl_size_add(size_t a, size_t b, size_t *out);

/* n * size bytes, aligned to KL_ALIGN, zeroed by kl_calloc. NULL on overflow or lack of memory; n*size = 0
 * gives a block of KL_ALIGN bytes. Freed by kl_free, which takes a pointer to the pointer and clears it. */
void *kl_alloc(size_t n, size_t size);
void *kl_calloc(size_t n, size_t size);
char *kl_strdup(const char *s); /* NULL gives NULL */
void kl_free_(void *pp);
#define kl_free(pp) ((void)sizeof(*(pp) == NULL), kl_free_(pp))

/* Grows *data (elements of `size` bytes) to hold at least `need`; *cap is updated. False: nothing changed. */
bool kl_grow(void *data_pp, size_t *cap, size_t need, size_t size);

/* For tests: the n-th allocation from now (1 = the next) fails, and all after it until reset with 0. */
void kl_mem_fail_after(long n);

/* Resident set of this process, now and at its highest, in bytes (from /proc/self/status; 0 where unknown).
 */
size_t kl_mem_rss(void);
size_t kl_mem_peak_rss(void);
/* Physical memory of the machine (or of its control group, where lower) and what is available of it, in
 * bytes. */
void kl_mem_machine(size_t *total, size_t *available);
