#include "engine/cpu/attention/x86/exp2.h"

#include <immintrin.h>

#define FLASH kl_attn_f32_avx2
#define UNIT 1
#define W 8
#define MR 6
#define NR 2
typedef __m256 Vec;

static inline Vec v_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, Vec x) {
  _mm256_storeu_ps(p, x);
}
static inline Vec v_set1(float x) {
  return _mm256_set1_ps(x);
}
static inline Vec v_add(Vec a, Vec b) {
  return _mm256_add_ps(a, b);
}
static inline Vec v_mul(Vec a, Vec b) {
  return _mm256_mul_ps(a, b);
}
static inline Vec v_max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
static inline Vec v_fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline Vec v_dot(Vec c, Vec a, Vec b) {
  return _mm256_fmadd_ps(a, b, c);
}

/* As in avx512.h. At and below -127 the exponent field comes out 0, so the result is 0. */
static inline Vec v_exp2(Vec x) {
  x = v_max(v_set1(-127), x); /* in this order NaN stays */
  Vec n = _mm256_floor_ps(x), f = _mm256_sub_ps(x, n), p = v_set1(EXP2_5);
  p = v_fma(p, f, v_set1(EXP2_4));
  p = v_fma(p, f, v_set1(EXP2_3));
  p = v_fma(p, f, v_set1(EXP2_2));
  p = v_fma(p, f, v_set1(EXP2_1));
  p = v_fma(p, f, v_set1(EXP2_0));
  __m256i e = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return v_mul(p, _mm256_castsi256_ps(e));
}

#include "engine/cpu/attention/x86/flash.h"
