/* Block-quantised rows to f32, as engine/graph/dtype.c describes the blocks; the same bits as its loops. */
#include "engine/cpu/x86/avx2/quants.h"

#include <immintrin.h>
#include <string.h>

static inline float half(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  return _cvtsh_ss(h);
}

/* Eight bytes as i32. */
static inline __m256i unsigned8(const uint8_t *p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}
static inline __m256i signed8(const uint8_t *p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p));
}
static inline __m256i field(__m256i v, int shift, int mask) {
  return _mm256_and_si256(_mm256_srl_epi32(v, _mm_cvtsi32_si128(shift)), _mm256_set1_epi32(mask));
}

static void q8_0(const void *src, float *dst, size_t n) {
  const uint8_t *b = src;
  for (size_t i = 0; i < n; i += 32, b += 34) {
    __m256 d = _mm256_set1_ps(half(b));
    for (int k = 0; k < 32; k += 8)
      _mm256_storeu_ps(dst + i + k, _mm256_mul_ps(d, _mm256_cvtepi32_ps(signed8(b + 2 + k))));
  }
}

/* The eight 6-bit scales and minima of Q4_K and Q5_K, times d and dmin. */
static inline void scales(const uint8_t *b, float scale[8], float min[8]) {
  float d = half(b), dmin = half(b + 2);
  const uint8_t *s = b + 4;
  for (int j = 0; j < 8; j++) {
    int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    int mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
    scale[j] = d * (float)sc;
    min[j] = dmin * (float)mn;
  }
}

static inline void store_scaled(float *dst, __m256i v, float scale, float min) {
  __m256 x = _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_cvtepi32_ps(v));
  _mm256_storeu_ps(dst, _mm256_sub_ps(x, _mm256_set1_ps(min)));
}

static void q4_k(const void *src, float *dst, size_t n) {
  const uint8_t *b = src;
  for (size_t i = 0; i < n; i += 256, b += 144, dst += 256) {
    float scale[8], min[8];
    scales(b, scale, min);
    for (int j = 0; j < 8; j += 2)
      for (int k = 0; k < 32; k += 8) {
        __m256i v = unsigned8(b + 16 + 16 * j + k);
        store_scaled(dst + 32 * j + k, field(v, 0, 15), scale[j], min[j]);
        store_scaled(dst + 32 * j + 32 + k, field(v, 4, 15), scale[j + 1], min[j + 1]);
      }
  }
}

static void q5_k(const void *src, float *dst, size_t n) {
  const uint8_t *b = src;
  for (size_t i = 0; i < n; i += 256, b += 176, dst += 256) {
    float scale[8], min[8];
    scales(b, scale, min);
    for (int k = 0; k < 32; k += 8) {
      __m256i high = unsigned8(b + 16 + k);
      for (int j = 0; j < 8; j++) {
        __m256i low = field(unsigned8(b + 48 + 32 * (j / 2) + k), 4 * (j % 2), 15);
        __m256i bit = _mm256_slli_epi32(field(high, j, 1), 4);
        store_scaled(dst + 32 * j + k, _mm256_or_si256(low, bit), scale[j], min[j]);
      }
    }
  }
}

static void q6_k(const void *src, float *dst, size_t n) {
  const uint8_t *b = src;
  for (size_t i = 0; i < n; i += 256, b += 210) {
    float d = half(b + 208);
    for (int h = 0; h < 2; h++, dst += 128) {
      const uint8_t *low = b + 64 * h, *high = b + 128 + 32 * h, *sc = b + 192 + 8 * h;
      for (int k = 0; k < 4; k++)
        for (int e = 0; e < 32; e += 8) {
          __m256i v = field(unsigned8(low + 32 * (k % 2) + e), 4 * (k / 2), 15);
          v = _mm256_or_si256(v, _mm256_slli_epi32(field(unsigned8(high + e), 2 * k, 3), 4));
          __m256 x = _mm256_cvtepi32_ps(_mm256_sub_epi32(v, _mm256_set1_epi32(32)));
          float scale = d * (float)(int8_t)sc[2 * k + e / 16];
          _mm256_storeu_ps(dst + 32 * k + e, _mm256_mul_ps(_mm256_set1_ps(scale), x));
        }
    }
  }
}

void kl_quants_avx2(KlCpuKernels *k) {
  k->to_f32[KL_Q8_0] = q8_0;
  k->to_f32[KL_Q4_K] = q4_k;
  k->to_f32[KL_Q5_K] = q5_k;
  k->to_f32[KL_Q6_K] = q6_k;
}
