/* kl-golden DIR [--level scalar|avx2|avx512|avx512bf16] [--dtype f32|bf16] [--threads N]
 * Exit: 0 all passed, 1 something failed, 2 wrong use, 77 this machine lacks the level. */
#include "engine/base/mem.h"
#include "engine/cpu/backend_cpu.h"
#include "tests/golden/golden.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
  const char *prefix; /* of the case's name: wan_t2v, wan_t2v_long, ... */
  void (*run)(Golden *g);
} networks[] = {
    {"schedules", golden_schedules}, {"starter", golden_starter}, {"taehv", golden_taehv},
    {"upscaler", golden_upscaler},   {"umt5", golden_umt5},       {"wan_causal", golden_wan_causal},
    {"wan_t2v", golden_wan},         {"wan_vace", golden_wan},    {"wan_vae", golden_wan_vae},
};

/* ---- what the cases use ---- */

void *golden_alloc(size_t n, size_t size) {
  void *p = kl_calloc(n, size);
  if (!p) {
    fprintf(stderr, "kl-golden: out of memory\n");
    exit(2);
  }
  return p;
}

void golden_error(Golden *g, const char *tensor, const KlErr *err) {
  g->failed++;
  printf("%s %s - fail (%s)\n", g->name, tensor, err->msg);
}

bool golden_open(Golden *g, KlWeights **cases, KlWeights **weights) {
  char path[4096];
  const char *p = path;
  KlErr err = KL_ERR_INIT;
  *cases = NULL;
  snprintf(path, sizeof path, "%s/%s.case.safetensors", g->dir, g->name);
  bool ok = kl_weights_open(&p, 1, cases, &err);
  if (ok && weights) {
    snprintf(path, sizeof path, "%s/%s.weights.safetensors", g->dir, g->name);
    *weights = NULL;
    if (!(ok = kl_weights_open(&p, 1, weights, &err))) kl_weights_free(cases);
  }
  if (!ok) golden_error(g, "files", &err);
  return ok;
}

const float *golden_values(Golden *g, KlWeights *cases, const char *tensor, bool optional, size_t *n) {
  const KlTensor *t = kl_weights_find(cases, tensor);
  if (t && t->dtype == KL_F32) {
    if (n) *n = (size_t)kl_nelem(t);
    return kl_data(t);
  }
  KlErr err = KL_ERR_INIT;
  kl_fail(&err, KL_ERR_FORMAT, "not in the case file as f32");
  if (!optional) golden_error(g, tensor, &err);
  return NULL;
}

const float *golden_valuesf(Golden *g, KlWeights *cases, bool optional, size_t *n, const char *fmt, ...) {
  char name[128];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  return golden_values(g, cases, name, optional, n);
}

void golden_compare_within(Golden *g, const char *tensor, const float *got, const float *want, size_t n,
                           double tolerance) {
  double diff = 0, norm = 0;
  for (size_t i = 0; i < n; i++) {
    double d = (double)got[i] - (double)want[i];
    diff += d * d;
    norm += (double)want[i] * (double)want[i];
  }
  double error = norm > 0 ? sqrt(diff / norm) : sqrt(diff);
  bool pass = error <= tolerance; /* NaN fails */
  g->compared++;
  g->failed += !pass;
  printf("%s %s %.3e %s\n", g->name, tensor, error, pass ? "pass" : "fail");
}

void golden_compare(Golden *g, const char *tensor, const float *got, const float *want, size_t n) {
  golden_compare_within(g, tensor, got, want, n, g->tolerance);
}

void golden_swap(const float *from, size_t a, size_t b, size_t n, float *to) {
  for (size_t i = 0; i < a; i++)
    for (size_t j = 0; j < b; j++) memcpy(to + (j * a + i) * n, from + (i * b + j) * n, n * sizeof *to);
}

/* ---- the program ---- */

static bool run_case(Golden *g, const char *file) {
  char name[256];
  size_t end = strlen(file) - strlen(".case.safetensors");
  if (end >= sizeof name) return false;
  memcpy(name, file, end);
  name[end] = 0;
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    size_t len = strlen(networks[i].prefix);
    if (strncmp(name, networks[i].prefix, len) ||
        (name[len] != 0 && name[len] != '_' && name[len] != '.' && name[len] != '-'))
      continue;
    g->name = name;
    networks[i].run(g);
    fflush(stdout);
    return true;
  }
  return false;
}

static int is_case(const struct dirent *d) {
  const char *end = ".case.safetensors";
  size_t n = strlen(d->d_name), e = strlen(end);
  return n > e && !strcmp(d->d_name + n - e, end);
}

static int usage(void) {
  fprintf(stderr, "usage: kl-golden DIR [--level scalar|avx2|avx512|avx512bf16] [--dtype f32|bf16] "
                  "[--threads N] [--device NAME]\n");
  return 2;
}

int main(int argc, char **argv) {
  Golden g = {0};
  KlCpuLevel level = kl_cpu_best();
  KlDtype dtype = KL_F32;
  int threads = 0;
  const char *device = "cpu";
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (argv[i][0] != '-') {
      if (g.dir) return usage();
      g.dir = argv[i];
      continue;
    }
    if (!strcmp(argv[i], "--level") && kl_cpu_parse_level(value, &level))
      i++;
    else if (!strcmp(argv[i], "--dtype") && !strcmp(value, "f32"))
      dtype = KL_F32, i++;
    else if (!strcmp(argv[i], "--dtype") && !strcmp(value, "bf16"))
      dtype = KL_BF16, i++;
    else if (!strcmp(argv[i], "--threads") && atoi(value) > 0)
      threads = atoi(value), i++;
    else if (!strcmp(argv[i], "--device") && *value)
      device = value, i++;
    else
      return usage();
  }
  if (!g.dir) return usage();
  if (level > kl_cpu_best()) {
    fprintf(stderr, "kl-golden: this processor has no %s\n", kl_cpu_level_name(level));
    return 77;
  }
  KlErr err = KL_ERR_INIT;
  struct dirent **files;
  int n = scandir(g.dir, &files, is_case, alphasort);
  if (n < 0) {
    fprintf(stderr, "kl-golden: cannot read %s\n", g.dir);
    return 2;
  }
  kl_cpu_set_level(level);
  if (!kl_backend_open(device, threads, dtype, &g.backend, &err)) {
    fprintf(stderr, "kl-golden: %s\n", err.msg);
    return err.code == KL_ERR_DEVICE_LOST ? 77 : 2;
  }
  g.tolerance = g.backend->compute == KL_BF16 ? 2e-2 : 1e-4;
  for (int i = 0; i < n; i++) {
    if (!run_case(&g, files[i]->d_name)) fprintf(stderr, "kl-golden: no network for %s\n", files[i]->d_name);
    free(files[i]);
  }
  free(files);
  char folder[4096];
  struct stat st;
  snprintf(folder, sizeof folder, "%s/tokenizer", g.dir);
  if (!stat(folder, &st)) {
    g.name = "tokenizer";
    golden_tokenizer(&g);
  }
  kl_backend_free(&g.backend);
  if (g.compared + g.failed == 0) fprintf(stderr, "kl-golden: no case in %s\n", g.dir);
  printf("%d compared, %d failed\n", g.compared, g.failed);
  return g.failed || !g.compared;
}
