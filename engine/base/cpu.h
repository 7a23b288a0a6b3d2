/* What this processor can do, and the level that kernels are chosen for.
 * KL_CPU=scalar|avx2|avx512|avx512bf16 in the environment, or kl_cpu_set_level, caps the level (tests run
 * every one). */
#pragma once

#include <stdbool.h>

typedef enum {
  KL_CPU_SCALAR,
  KL_CPU_AVX2,       /* AVX2, FMA, F16C */
  KL_CPU_AVX512,     /* F, BW, DQ, VL */
  KL_CPU_AVX512BF16, /* and BF16 */
} KlCpuLevel;

KlCpuLevel kl_cpu_best(void);  /* what the hardware has */
KlCpuLevel kl_cpu_level(void); /* what is in force: the best, capped */
/* Caps the level for graphs that are prepared from now on. False if the hardware lacks it. Not thread-safe:
 * call it before work begins. */
bool kl_cpu_set_level(KlCpuLevel level);
bool kl_cpu_parse_level(const char *name, KlCpuLevel *out);
const char *kl_cpu_level_name(KlCpuLevel level);
