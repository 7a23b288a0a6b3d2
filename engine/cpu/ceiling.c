#include "engine/cpu/ceiling.h"

#include "engine/base/mem.h"
#include "engine/graph/exec.h"

#include <string.h>
#include <time.h>

enum { SIDE = 2048, REPEATS = 3 };
static const double SECONDS = 0.3;

static double clock_s(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool kl_cpu_ceiling(KlBackend *b, KlDtype type, KlCeiling *out, KlErr *err) {
  KlGraph g;
  KlExec *e = NULL;
  KlTensor w = {0};
  KlBuffer mem = {0};
  bool ok = false;
  size_t bytes;
  *out = (KlCeiling){0};
  kl_graph_init(&g);
  if (!kl_tensor_set(&w, type, 2, (int64_t[]){SIDE, SIDE}) || !kl_tensor_bytes(&w, &bytes)) goto out;
  mem = (KlBuffer){.bytes = bytes, .host = kl_calloc(bytes, 1)};
  if (!mem.host) {
    kl_fail(err, KL_ERR_OOM, "no memory to measure the ceiling");
    goto out;
  }
  w.buf = &mem;
  KlTensor *x = kl_input(&g, "x", type, 2, (int64_t[]){SIDE, SIDE});
  kl_output(&g, kl_linear(&g, x, &w, NULL, KL_ACT_NONE, type));
  if (!kl_graph_ok(&g, err) || !kl_exec_new(&g, b, &e, NULL, err) ||
      !kl_exec_write(e, x, mem.host, bytes, err))
    goto out;
  double flops = 2.0 * SIDE * SIDE * SIDE;
  for (int i = 0; i < REPEATS; i++) {
    int runs = 0;
    double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID), now;
    do {
      if (!kl_exec_run(e, NULL, err)) goto out;
      runs++;
      now = clock_s(CLOCK_MONOTONIC) - wall;
    } while (now < SECONDS);
    double rate = flops * runs / now * 1e-9,
           busy = flops * runs / (clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e-9;
    if (rate > out->wall) out->wall = rate;
    if (busy > out->per_cpu) out->per_cpu = busy;
  }
  ok = true;
out:
  kl_exec_free(&e);
  kl_graph_free(&g);
  if (w.pack_free) w.pack_free(w.pack);
  kl_free(&mem.host);
  return ok || kl_fail(err, KL_ERR_OOM, "the ceiling could not be measured");
}
