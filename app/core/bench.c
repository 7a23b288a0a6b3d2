#include "app/core/bench.h"

#include "engine/bench/bench.h"

bool kl_bench_run(const char *only, int threads, void (*row)(void *user, const KlBenchRow *row), void *user,
                  const KlCancel *cancel, GError **error) {
  size_t n, run = 0;
  const KlBenchCase *c = kl_bench_cases(&n);
  bool exact = false;
  for (size_t i = 0; only && i < n; i++) exact |= !strcmp(c[i].name, only);
  for (size_t i = 0; i < n; i++) {
    if (only && (exact ? strcmp(c[i].name, only) != 0 : !g_str_has_prefix(c[i].name, only))) continue;
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
  if (run > 0) return true;
  g_autoptr(GString) names = g_string_new(NULL);
  for (size_t i = 0; i < n; i++) g_string_append_printf(names, "%s%s", i ? ", " : "", c[i].name);
  return kl_gfail(error, KL_ERROR_USAGE, "no benchmark is called '%.60s'; there is: %s", only, names->str);
}
