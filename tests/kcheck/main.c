/* kcheck [--bench] [--support] [--only TEXT] [--level LEVEL] [--threads N] [--vulkan] [--verbose] */
#include "engine/base/mem.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/graph/exec.h"
#include "engine/vulkan/backend_vk.h"
#include "tests/kcheck/harness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SCALAR_FLOPS = 10e9;

static uint64_t hash(const char *s) {
  uint64_t h = 1469598103934665603u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
  return h;
}

static double threshold(const KlTensor *node) {
  bool half = node->dtype != KL_F32;
  for (int i = 0; i < node->nsrc; i++) {
    const KlTensor *s = node->src[i];
    if (s && (s->dtype == KL_BF16 || s->dtype == KL_F16) && !(s->buf && !s->buf->backend)) half = true;
  }
  return half ? 5e-4 : 1e-7;
}

/* Inputs are compared as they were rounded, so a half-precision input makes no error; products in bf16 do. */
void kc_case(Kc *k, KcBuild build, const void *args, KcTol tol, const char *fmt, ...) {
  char name[160];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  if (tol.bench != k->bench || (k->only && !strstr(name, k->only))) return;
  KcResult want = {0};
  for (int i = 0; i < k->backends; i++) {
    KlBackend *b = k->backend[i];
    KlErr err = KL_ERR_INIT;
    k->seed = hash(name);
    KlTensor *node = build(k, args);
    if (!kl_graph_ok(&k->graph, &err) || !node) kc_die(name, &err);
    if (i == 0) k->cases[node->op]++;
    double flops = kl_node_flops(node), limit = tol.nmse > 0 ? tol.nmse : threshold(node);
    bool bf16 = node->nsrc && node->src[0] && node->src[0]->dtype == KL_BF16;
    if (k->bench && flops > 5e9 && !strcmp(k->label[i], "scalar")) { /* minutes that tell nothing */
      kc_reset(k);
      continue;
    }
    if (!b->ops->supports(b, node)) {
      if (i == 0) printf("FAIL %s: the reference does not support it\n", name), k->failures++;
      kc_reset(k);
      continue;
    }
    k->support[node->op][i] = true;
    if (k->bench && i == 0 && k->backends > 1 &&
        flops > SCALAR_FLOPS) { /* the reference would take half a minute */
      kc_reset(k);
      continue;
    }
    KcResult got = {0};
    KcDiff d = {0};
    k->runs++;
    bool ok = kc_run(k, node, b, &got, &err);
    if (!ok) {
      printf("FAIL %s on %s: %s\n", name, k->label[i], err.msg);
    } else if (i > 0 && want.raw) {
      d = kc_compare(&got, &want);
      ok = d.nmse <= limit && (tol.ulp == 0 || d.ulp <= tol.ulp);
      if (!ok)
        printf("FAIL %s on %s: nmse %.2e (at most %.0e), %.1f ulp\n", name, k->label[i], d.nmse, limit,
               d.ulp);
    }
    if (!ok) k->failures++;
    if (ok && k->verbose) printf("ok   %s on %s: nmse %.2e, %.1f ulp\n", name, k->label[i], d.nmse, d.ulp);
    if (ok && k->bench) {
      const KlCeiling *top = &k->ceiling[bf16];
      printf("%-44s %-10s %9.3f ms", name, k->label[i], 1e3 * got.seconds);
      if (flops > 0)
        printf(" %7.1f GFLOP/s %5.1f %% of the ceiling, %5.1f %% by processor time",
               flops / got.seconds * 1e-9, 100 * flops / got.seconds * 1e-9 / top->wall,
               100 * flops / got.cpu * 1e-9 / top->per_cpu);
      else
        printf(" (%.3f ms of processor time)", 1e3 * got.cpu);
      if (i > 0 && want.raw) printf("  x%.1f", want.seconds / got.seconds);
      putchar('\n');
      fflush(stdout);
    }
    kc_reset(k);
    if (i == 0)
      want = got;
    else
      kl_free(&got.raw);
  }
  kl_free(&want.raw);
}

static void add_level(Kc *k, KlCpuLevel level, int threads) {
  KlErr err = KL_ERR_INIT;
  if (level > kl_cpu_best()) return;
  if (!kl_cpu_backend_new_at(threads, KL_BF16, level, &k->backend[k->backends], &err))
    kc_die("cpu backend", &err);
  snprintf(k->label[k->backends], sizeof k->label[0], "%s", kl_cpu_level_name(level));
  k->backends++;
}

static void add_vulkan(Kc *k) {
  KlVulkanDevice list[4];
  int n = kl_vulkan_devices(list, 4);
  for (int i = 0; i < n && i < 4 && k->backends < KC_BACKENDS; i++) {
    KlErr err = KL_ERR_INIT;
    if (!kl_vulkan_backend_new(i, NULL, &k->backend[k->backends], &err)) kc_die(list[i].name, &err);
    snprintf(k->label[k->backends], sizeof k->label[0], "vulkan:%d", i);
    k->backends++;
  }
}

static void support_table(const Kc *k) {
  printf("%-12s", "op");
  for (int i = 0; i < k->backends; i++) printf(" %-12s", k->label[i]);
  putchar('\n');
  for (int op = 1; op < KL_OPS; op++) {
    printf("%-12s", kl_op_name((KlOp)op));
    for (int i = 0; i < k->backends; i++) printf(" %-12s", k->support[op][i] ? "yes" : "-");
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  static Kc k;
  bool support = false;
  bool vulkan = false;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int threads = 2;
  KlCpuLevel lowest = KL_CPU_SCALAR, highest = kl_cpu_level(); /* KL_CPU caps it, oneDNN's level too */
  for (int i = 1; i < argc; i++) {
    const char *next = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--bench"))
      k.bench = true;
    else if (!strcmp(argv[i], "--support"))
      support = true;
    else if (!strcmp(argv[i], "--verbose"))
      k.verbose = true;
    else if (!strcmp(argv[i], "--only"))
      k.only = next, i++;
    else if (!strcmp(argv[i], "--threads"))
      threads = atoi(next), i++;
    else if (!strcmp(argv[i], "--level") && kl_cpu_parse_level(next, &lowest))
      highest = lowest, i++;
    else if (!strcmp(argv[i], "--vulkan"))
      vulkan = true, highest = KL_CPU_SCALAR; /* against the reference alone */
    else {
      fprintf(stderr, "kcheck [--bench] [--support] [--only TEXT] [--level LEVEL] [--threads N] [--vulkan] "
                      "[--verbose]\n");
      return 2;
    }
  }
  if (!k.bench || lowest == KL_CPU_SCALAR) add_level(&k, KL_CPU_SCALAR, threads);
  for (int l = lowest > KL_CPU_AVX2 ? (int)lowest : KL_CPU_AVX2; l <= (int)highest; l++)
    add_level(&k, (KlCpuLevel)l, threads);
  for (int t = 0; t < 2 && k.bench; t++) {
    KlErr err = KL_ERR_INIT;
    if (!kl_cpu_ceiling(k.backend[k.backends - 1], t ? KL_BF16 : KL_F32, &k.ceiling[t], &err))
      kc_die("ceiling", &err);
    printf("ceiling %s: %.1f GFLOP/s, %.1f a thread by processor time\n", t ? "bf16" : "f32",
           k.ceiling[t].wall, k.ceiling[t].per_cpu);
  }
  if (vulkan) add_vulkan(&k);
  kc_elementwise(&k);
  kc_norm(&k);
  kc_move(&k);
  kc_linear(&k);
  kc_conv(&k);
  kc_attention(&k);
  if (support) support_table(&k);
  for (int op = 1; op < KL_OPS && !k.bench && !k.only; op++)
    if (!k.cases[op]) printf("FAIL the op %s has no case\n", kl_op_name((KlOp)op)), k.failures++;
  printf("%d runs, %d failures\n", k.runs, k.failures);
  for (int i = 0; i < k.backends; i++) kl_backend_free(&k.backend[i]);
  return k.failures ? 1 : 0;
}
