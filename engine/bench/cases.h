/* The cases of the benchmark, private to engine/bench. */
#pragma once

#include "engine/graph/backend.h"

typedef struct {
  KlBackend *backend;
  double flops, seconds,
      cpu_seconds; /* filled by a case: what it did, how long by the clock and on all processors */
} KlBenchWork;

/* Called around the measured work. */
void kl_bench_start(KlBenchWork *w);
void kl_bench_stop(KlBenchWork *w, double flops);

bool kl_bench_wan_1280(KlBenchWork *w, KlErr *err);
bool kl_bench_wan_8190(KlBenchWork *w, KlErr *err);
bool kl_bench_umt5(KlBenchWork *w, KlErr *err);
bool kl_bench_wan_vae(KlBenchWork *w, KlErr *err);
bool kl_bench_taehv(KlBenchWork *w, KlErr *err);
bool kl_bench_attention(KlBenchWork *w, KlErr *err);
