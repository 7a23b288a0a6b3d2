#include "app/core/bench.h"

bool kl_bench_run(const char *only, int threads, void (*row)(void *user, const KlBenchRow *row), void *user,
                  const KlCancel *cancel, GError **error) {
  return kl_gfail(error, KL_ERROR_UNSUPPORTED, "there is nothing to time in this build");
}
