#include "app/core/bench.h"

#include "app/cli/cli.h"
#include "app/core/job_time.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  bool json, help;
  const char *only;
  int threads;
  json_t *list;
} Asked;

static const CliOption options[] = {
    {"only", 0, "NAME", NULL, "the benchmark of that name, or those that begin so", NULL},
    {"threads", 0, "N", NULL, "of the CPU; 0: all", NULL},
    {"json", 0, NULL, NULL, "print a list of objects", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  if (!strcmp(o->name, "json"))
    a->json = true;
  else if (!strcmp(o->name, "help"))
    a->help = true;
  else if (!strcmp(o->name, "only"))
    a->only = value;
  else {
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || *end || n < 0 || n > 256)
      return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a number of threads: 0 to 256", value);
    a->threads = (int)n;
  }
  return true;
}

static double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

static void on_row(void *user, const KlBenchRow *r) {
  Asked *a = user;
  if (a->json) {
    json_t *o;
    json_array_append_new(
        a->list, o = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:s, s:i}", "name", r->name, "seconds",
                               r->seconds, "gflops", r->gflops, "ceiling_gflops", r->ceiling_gflops, "share",
                               r->share, "busy_share", r->busy_share, "peak_bytes", (json_int_t)r->peak_bytes,
                               "dtype", r->dtype, "threads", r->threads));
    if (r->real_time > 0) {
      json_object_set_new(o, "real_time", json_real(r->real_time));
      json_object_set_new(o, "real_time_busy", json_real(r->real_time_busy));
      json_object_set_new(o, "stream_seconds",
                          json_pack("{s:f, s:f, s:f, s:f}", "sample", r->sample_seconds, "decode",
                                    r->decode_seconds, "upscale", r->upscale_seconds, "encode",
                                    r->encode_seconds));
    }
    return;
  }
  g_autofree char *peak = kl_bytes_text(r->peak_bytes);
  printf("%-36s %-6s %9.3f s %9.1f GFLOP/s %5.0f %% of %.0f, %s\n", r->name, r->dtype, r->seconds, r->gflops,
         100 * r->share, r->ceiling_gflops, peak);
  if (r->real_time > 0)
    printf("  %.2f times real time (%.2f by processor time); sampling %.0f %%, decoding %.0f %%, upscaling "
           "%.0f %%, encoding %.0f %%\n",
           r->real_time, r->real_time_busy, percent(r->sample_seconds, r->seconds),
           percent(r->decode_seconds, r->seconds), percent(r->upscale_seconds, r->seconds),
           percent(r->encode_seconds, r->seconds));
  fflush(stdout);
}

int cli_bench(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {0};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  if (ok && a.help) {
    puts("Usage: kinoloom bench [--only NAME] [--threads N] [--json]\n"
         "Times the engine's parts on this machine against what the machine can reach.\n\nOptions:");
    cli_print_options(options);
    return 0;
  }
  if (ok && words->len) ok = kl_gfail(&e, KL_ERROR_USAGE, "'%.60s' is too much", (char *)words->pdata[0]);
  a.list = json_array();
  ok = ok && kl_bench_run(a.only, a.threads, on_row, &a, &cli_cancel, &e);
  if (ok && a.json) cli_print_json(json_incref(a.list));
  json_decref(a.list);
  ok = ok && cli_flush(&e);
  return ok ? 0 : cli_error(e, "kinoloom bench --help");
}
