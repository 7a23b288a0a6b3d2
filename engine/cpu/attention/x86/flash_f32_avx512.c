#include "engine/cpu/attention/x86/exp2.h"

#include <immintrin.h>

#define FLASH kl_attn_f32_avx512
#define UNIT 1
#include "engine/cpu/attention/x86/avx512.h"

static inline Vec v_dot(Vec c, Vec a, Vec b) {
  return _mm512_fmadd_ps(a, b, c);
}

#include "engine/cpu/attention/x86/flash.h"
