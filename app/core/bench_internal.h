/* Shared by the files of the benchmarks. */
#pragma once

#include "app/core/bench.h"

/* The built-in model as a stream at its own size, 4 steps without guidance. Fills row but for its name. After
 * it no process may be forked that computes. */
bool kl_bench_stream_(int threads, KlBenchRow *row, const KlCancel *cancel, GError **error);
