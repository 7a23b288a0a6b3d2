#include "app/core/bench_internal.h"

#include "engine/bench/bench.h"

#include <string.h>

#define STREAM "starter-stream-512"

static bool chosen(const char *name, const char *only, bool exact) {
  return !only || (exact ? !strcmp(name, only) : g_str_has_prefix(name, only));
}

bool kl_bench_run(const char *only, int threads, void (*row)(void *user, const KlBenchRow *row), void *user,
                  const KlCancel *cancel, GError **error) {
  size_t n, run = 0;
  const KlBenchCase *c = kl_bench_cases(&n);
  bool exact = only && !strcmp(STREAM, only);
  for (size_t i = 0; only && i < n; i++) exact |= !strcmp(c[i].name, only);
  for (size_t i = 0; i < n; i++) {
    if (!chosen(c[i].name, only, exact)) continue;
    KlBenchResult r;
    KlErr err = KL_ERR_INIT;
    run++;
    if (!kl_bench_case_run(c[i].name, threads, KL_BF16, &r, cancel, &err)) return kl_gerr(error, &err);
    KlBenchRow out = {.seconds = r.seconds,
                      .gflops = r.gflops,
                      .ceiling_gflops = r.ceiling_gflops,
                      .share = r.share,
                      .busy_share = r.busy_share,
                      .peak_bytes = r.peak_bytes,
                      .threads = r.threads};
    g_strlcpy(out.name, c[i].name, sizeof out.name);
    g_strlcpy(out.dtype, kl_dtype_name(r.dtype), sizeof out.dtype);
    row(user, &out);
  }
  if (chosen(STREAM, only, exact)) {
    KlBenchRow out = {0};
    if (!kl_bench_stream_(threads, &out, cancel, error)) return false;
    g_strlcpy(out.name, STREAM, sizeof out.name);
    row(user, &out);
    run++;
  }
  if (run > 0) return true;
  g_autoptr(GString) names = g_string_new(NULL);
  for (size_t i = 0; i < n; i++) g_string_append_printf(names, "%s, ", c[i].name);
  g_string_append(names, STREAM);
  return kl_gfail(error, KL_ERROR_USAGE, "no benchmark is called '%.60s'; there is: %s", only, names->str);
}
