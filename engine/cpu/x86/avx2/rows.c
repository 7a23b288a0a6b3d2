#include "engine/cpu/kernels.h"
#include "engine/cpu/x86/avx2/quants.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 8
typedef __m256 V;
typedef __m256i M;

static inline V v_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, V v) {
  _mm256_storeu_ps(p, v);
}
static inline M v_tail(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V v_load_tail(const float *p, M m) {
  return _mm256_maskload_ps(p, m);
}
static inline void v_store_tail(float *p, V v, M m) {
  _mm256_maskstore_ps(p, m, v);
}
static inline V v_keep(V v, M m) {
  return _mm256_and_ps(v, _mm256_castsi256_ps(m));
}
static inline V v_set(float f) {
  return _mm256_set1_ps(f);
}
static inline V v_add(V a, V b) {
  return _mm256_add_ps(a, b);
}
static inline V v_sub(V a, V b) {
  return _mm256_sub_ps(a, b);
}
static inline V v_mul(V a, V b) {
  return _mm256_mul_ps(a, b);
}
static inline V v_div(V a, V b) {
  return _mm256_div_ps(a, b);
}
static inline V v_min(V a, V b) {
  return _mm256_min_ps(a, b);
}
static inline V v_max(V a, V b) {
  return _mm256_max_ps(a, b);
}
static inline V v_fma(V a, V b, V c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline V v_fnma(V a, V b, V c) {
  return _mm256_fnmadd_ps(a, b, c);
}
static inline V v_round(V a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a 2^n, |n| < 252: in two steps, so that infinity and denormals come out right. */
static inline V v_scale(V a, V n) {
  __m256i i = _mm256_cvtps_epi32(n), h = _mm256_srai_epi32(i, 1), bias = _mm256_set1_epi32(127);
  __m256i f = _mm256_slli_epi32(_mm256_add_epi32(h, bias), 23);
  __m256i g = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, h), bias), 23);
  return v_mul(v_mul(a, _mm256_castsi256_ps(f)), _mm256_castsi256_ps(g));
}
static inline V v_abs(V a) {
  return _mm256_andnot_ps(v_set(-0.0f), a);
}
static inline V v_copysign(V a, V s) {
  return _mm256_or_ps(v_abs(a), _mm256_and_ps(s, v_set(-0.0f)));
}
static inline V v_where_less(V a, V b, V yes, V no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline float v_sum(V a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

static inline V v_load_bf16(const uint16_t *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}
static inline void v_store_bf16(uint16_t *p, V v) {
  __m256i u = _mm256_castps_si256(v), odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i r = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  __m256i nan = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
  r = _mm256_srli_epi32(_mm256_blendv_epi8(r, nan, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q))),
                        16);
  __m256i two = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
  _mm_storeu_si128((void *)p, _mm256_castsi256_si128(two));
}
static inline V v_load_f16(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}
static inline void v_store_f16(uint16_t *p, V v) {
  _mm_storeu_si128((void *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#include "engine/cpu/x86/rows_simd.inc"

void kl_kernels_avx2(KlCpuKernels *k) {
  fill(k);
  kl_quants_avx2(k);
}
