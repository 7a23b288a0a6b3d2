/* The vectors of flash.h with AVX-512: a register tile of 6 x 4 vectors leaves 8 of 32 registers for
 * operands. */
#pragma once

#define W 16
#define MR 6
#define NR 4
typedef __m512 Vec;

static inline Vec v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, Vec x) {
  _mm512_storeu_ps(p, x);
}
static inline Vec v_set1(float x) {
  return _mm512_set1_ps(x);
}
static inline Vec v_add(Vec a, Vec b) {
  return _mm512_add_ps(a, b);
}
static inline Vec v_mul(Vec a, Vec b) {
  return _mm512_mul_ps(a, b);
}
static inline Vec v_max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
static inline Vec v_fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}

/* 2^x = 2^floor(x) * poly(x - floor(x)); vreduceps gives 0 at -inf, and vscalefps then 0. */
static inline Vec v_exp2(Vec x) {
  Vec f = _mm512_reduce_ps(x, 0x09), p = v_set1(EXP2_5);
  p = v_fma(p, f, v_set1(EXP2_4));
  p = v_fma(p, f, v_set1(EXP2_3));
  p = v_fma(p, f, v_set1(EXP2_2));
  p = v_fma(p, f, v_set1(EXP2_1));
  p = v_fma(p, f, v_set1(EXP2_0));
  return _mm512_scalef_ps(p, x);
}
