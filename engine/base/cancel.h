/* A cancel token: set once from any thread (or a signal handler), polled by workers. A token with a parent is
 * cancelled when its parent is. Every phase polls often enough that work ends within 200 ms. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct KlCancel {
  atomic_bool fired;
  const struct KlCancel *parent; /* NULL: none; must outlive this token */
} KlCancel;

/* Async-signal-safe. */
static inline void kl_cancel(KlCancel *c) {
  atomic_store_explicit(&c->fired, true, memory_order_relaxed);
}

/* NULL is a token that never fires. */
static inline bool kl_cancelled(const KlCancel *c) {
  for (; c; c = c->parent)
    if (atomic_load_explicit(&c->fired, memory_order_relaxed)) return true;
  return false;
}
