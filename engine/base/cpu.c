#include "engine/base/cpu.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "avx2", "avx512", "avx512bf16"};
static int level = -1;

KlCpuLevel kl_cpu_best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return KL_CPU_SCALAR;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return KL_CPU_AVX2;
  return __builtin_cpu_supports("avx512bf16") ? KL_CPU_AVX512BF16 : KL_CPU_AVX512;
#else
  return KL_CPU_SCALAR;
#endif
}

bool kl_cpu_parse_level(const char *name, KlCpuLevel *out) {
  for (int i = 0; i < 4; i++)
    if (!strcmp(name, names[i])) return *out = (KlCpuLevel)i, true;
  return false;
}

KlCpuLevel kl_cpu_level(void) {
  if (level < 0) {
    KlCpuLevel best = kl_cpu_best(), asked;
    const char *e = getenv("KL_CPU");
    level = (int)(e && kl_cpu_parse_level(e, &asked) && asked < best ? asked : best);
  }
  return (KlCpuLevel)level;
}

bool kl_cpu_set_level(KlCpuLevel l) {
  if (l > kl_cpu_best()) return false;
  level = (int)l;
  return true;
}

const char *kl_cpu_level_name(KlCpuLevel l) {
  return names[l];
}
