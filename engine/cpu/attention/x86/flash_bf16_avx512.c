/* bf16 products (vdpbf16ps), f32 sums and exponentials. */
#include "engine/cpu/attention/x86/exp2.h"

#include <immintrin.h>

#define FLASH kl_attn_bf16_avx512
#define UNIT 2
#include "engine/cpu/attention/x86/avx512.h"

static inline Vec v_dot(Vec c, Vec a, Vec b) {
  return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}

/* The sum is that of the rounded probabilities, as the product with the values will see them. */
static inline Vec v_store_p(float *u, long i, Vec lo, Vec hi, Vec sum) {
  __m512bh p = _mm512_cvtne2ps_pbh(hi, lo);
  _mm512_storeu_ps(u + i, (__m512)p);
  return _mm512_dpbf16_ps(sum, p, (__m512bh)_mm512_set1_epi32(0x3f803f80));
}

#include "engine/cpu/attention/x86/flash.h"
