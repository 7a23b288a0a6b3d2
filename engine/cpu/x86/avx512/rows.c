#include "engine/cpu/kernels.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 16
typedef __m512 V;
typedef __mmask16 M;

static inline V v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, V v) {
  _mm512_storeu_ps(p, v);
}
static inline M v_tail(size_t n) {
  return (M)((1u << n) - 1);
}
static inline V v_load_tail(const float *p, M m) {
  return _mm512_maskz_loadu_ps(m, p);
}
static inline void v_store_tail(float *p, V v, M m) {
  _mm512_mask_storeu_ps(p, m, v);
}
static inline V v_keep(V v, M m) {
  return _mm512_maskz_mov_ps(m, v);
}
static inline V v_set(float f) {
  return _mm512_set1_ps(f);
}
static inline V v_add(V a, V b) {
  return _mm512_add_ps(a, b);
}
static inline V v_sub(V a, V b) {
  return _mm512_sub_ps(a, b);
}
static inline V v_mul(V a, V b) {
  return _mm512_mul_ps(a, b);
}
static inline V v_div(V a, V b) {
  return _mm512_div_ps(a, b);
}
static inline V v_min(V a, V b) {
  return _mm512_min_ps(a, b);
}
static inline V v_max(V a, V b) {
  return _mm512_max_ps(a, b);
}
static inline V v_fma(V a, V b, V c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline V v_fnma(V a, V b, V c) {
  return _mm512_fnmadd_ps(a, b, c);
}
static inline V v_round(V a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline V v_scale(V a, V n) {
  return _mm512_scalef_ps(a, n);
}
static inline V v_abs(V a) {
  return _mm512_abs_ps(a);
}
static inline V v_copysign(V a, V s) {
  const __m512i sign = _mm512_set1_epi32((int)0x80000000u);
  /* bits: sign from s, the rest from a */
  return _mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(sign, _mm512_castps_si512(s), _mm512_castps_si512(a), 0xCA));
}
static inline V v_where_less(V a, V b, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
static inline float v_sum(V a) {
  return _mm512_reduce_add_ps(a);
}

static inline V v_load_bf16(const uint16_t *p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}
/* Nearest, ties to even, in integers: the bf16 instruction flushes denormals. */
static inline void v_store_bf16(uint16_t *p, V v) {
  __m512i u = _mm512_castps_si512(v), odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  __m512i nan = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
  r = _mm512_mask_mov_epi32(r, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), nan);
  _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16)));
}
static inline V v_load_f16(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}
static inline void v_store_f16(uint16_t *p, V v) {
  _mm256_storeu_si256((void *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#include "engine/cpu/x86/rows_simd.inc"

void kl_kernels_avx512(KlCpuKernels *k) {
  fill(k);
}
