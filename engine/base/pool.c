#define _GNU_SOURCE
#include "engine/base/pool.h"

#include "engine/base/mem.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

struct KlPool {
  int threads;
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  unsigned long round; /* increments for every run; workers wait for a change */
  int busy;            /* workers still inside the round */
  bool quit;
  size_t tasks;
  atomic_size_t next;
  KlTask fn;
  void *ctx;
  const KlCancel *cancel;
  pthread_t handle[];
};

typedef struct {
  KlPool *pool;
  int index;
} Start;

static void drain(KlPool *p, int worker) {
  for (;;) {
    if (kl_cancelled(p->cancel)) return;
    size_t t = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    if (t >= p->tasks) return;
    p->fn(p->ctx, t, worker);
  }
}

static void *worker_main(void *arg) {
  Start s = *(Start *)arg;
  kl_free(&arg);
  omp_set_num_threads(1);
  KlPool *p = s.pool;
  unsigned long seen = 0;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (p->round == seen && !p->quit) pthread_cond_wait(&p->work, &p->lock);
    if (p->quit) break;
    seen = p->round;
    pthread_mutex_unlock(&p->lock);
    drain(p, s.index);
    pthread_mutex_lock(&p->lock);
    if (--p->busy == 0) pthread_cond_signal(&p->done);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

static int processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 1;
  int n = CPU_COUNT(&set);
  return n < 1 ? 1 : n > 256 ? 256 : n;
}

bool kl_pool_new(int threads, KlPool **out, KlErr *err) {
  *out = NULL;
  if (threads == 0) threads = processors();
  if (threads < 1 || threads > 256) return kl_fail(err, KL_ERR_INVALID, "threads must be 1 to 256");
  KlPool *p = kl_calloc(1, sizeof *p + (size_t)threads * sizeof(pthread_t));
  if (!p) return kl_fail(err, KL_ERR_OOM, "no memory for the thread pool");
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->work, NULL);
  pthread_cond_init(&p->done, NULL);
  p->threads = 1;
  for (int i = 1; i < threads; i++) {
    Start *s = kl_alloc(1, sizeof *s);
    if (s) *s = (Start){p, i};
    if (!s || pthread_create(&p->handle[i], NULL, worker_main, s)) {
      kl_free(&s);
      kl_pool_free(&p);
      return kl_fail(err, KL_ERR_OOM, "cannot start thread %d", i);
    }
    p->threads = i + 1;
  }
  *out = p;
  return true;
}

void kl_pool_free(KlPool **pool) {
  KlPool *p = *pool;
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->quit = true;
  pthread_cond_broadcast(&p->work);
  pthread_mutex_unlock(&p->lock);
  for (int i = 1; i < p->threads; i++) pthread_join(p->handle[i], NULL);
  pthread_cond_destroy(&p->work);
  pthread_cond_destroy(&p->done);
  pthread_mutex_destroy(&p->lock);
  kl_free(pool);
}

int kl_pool_threads(const KlPool *pool) {
  return pool->threads;
}

bool kl_pool_run(KlPool *p, size_t tasks, KlTask fn, void *ctx, const KlCancel *cancel) {
  omp_set_num_threads(1);
  p->tasks = tasks;
  p->fn = fn;
  p->ctx = ctx;
  p->cancel = cancel;
  atomic_store_explicit(&p->next, 0, memory_order_relaxed);
  if (p->threads == 1 || tasks <= 1) {
    drain(p, 0);
    return !kl_cancelled(cancel);
  }
  pthread_mutex_lock(&p->lock);
  p->busy = p->threads - 1;
  p->round++;
  pthread_cond_broadcast(&p->work);
  pthread_mutex_unlock(&p->lock);
  drain(p, 0);
  pthread_mutex_lock(&p->lock);
  while (p->busy) pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
  return !kl_cancelled(cancel);
}
