/* The reference kernels: plain, and what the others are checked against. */
#include "engine/cpu/kernels.h"

#include <math.h>
#include <string.h>

static void f32_to_f32(const void *src, float *dst, size_t n) {
  memmove(dst, src, n * sizeof(float));
}
static void f32_from_f32(const float *src, void *dst, size_t n) {
  memmove(dst, src, n * sizeof(float));
}

static void bf16_to_f32(const void *src, float *dst, size_t n) {
  const uint16_t *s = src;
  for (size_t i = 0; i < n; i++) dst[i] = kl_bf16_to_f32(s[i]);
}
static void bf16_from_f32(const float *src, void *dst, size_t n) {
  uint16_t *d = dst;
  for (size_t i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, &src[i], 4);
    uint32_t rounded = (u + 0x7FFF + (u >> 16 & 1)) >> 16;
    d[i] = (uint16_t)((u & 0x7FFFFFFF) > 0x7F800000 ? (u >> 16) | 0x40 : rounded);
  }
}
static void f16_from_f32(const float *src, void *dst, size_t n) {
  kl_from_f32(KL_F16, src, dst, n);
}

#define TO_F32(name, type)                                                                                   \
  static void name(const void *src, float *dst, size_t n) {                                                  \
    kl_to_f32(type, src, dst, n);                                                                            \
  }
TO_F32(f16_to_f32, KL_F16)
TO_F32(q8_0_to_f32, KL_Q8_0)
TO_F32(q4_k_to_f32, KL_Q4_K)
TO_F32(q5_k_to_f32, KL_Q5_K)
TO_F32(q6_k_to_f32, KL_Q6_K)

static void add(const float *a, const float *b, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}
static void mul(const float *a, const float *b, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}
static void gated_add(const float *x, const float *y, const float *gate, float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = x[i] + y[i] * gate[i];
}
static void affine(const float *x, float *y, size_t n, const KlAffineParams *p) {
  for (size_t i = 0; i < n; i++) {
    float v = p->scale * x[i] + p->shift;
    v = v < p->lo ? p->lo : v;
    y[i] = v > p->hi ? p->hi : v;
  }
}

static float act1(KlActivation a, float x) {
  switch (a) {
  case KL_ACT_NONE:
    return x;
  case KL_ACT_RELU:
    return x < 0 ? 0 : x;
  case KL_ACT_SILU:
    return x / (1 + expf(-x));
  case KL_ACT_GELU_TANH:
    return x / (1 + expf(-2 * 0.79788456f * (x + 0.044715f * x * x * x))); /* no cancellation */
  case KL_ACT_TANH3:
    return 3 * tanhf(x / 3);
  }
  return x;
}
static void act(KlActivation a, const float *x, float *y, size_t n) {
  if (a == KL_ACT_NONE) {
    if (x != y) memmove(y, x, n * sizeof *y);
    return;
  }
  for (size_t i = 0; i < n; i++) y[i] = act1(a, x[i]);
}

static void norm(const KlNormRow *p, const float *x, float *y, size_t n) {
  double sum = 0, squares = 0;
  if (p->kind == KL_NORM_LAYER) {
    for (size_t i = 0; i < n; i++) sum += x[i];
  }
  double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  double inv;
  if (p->kind == KL_NORM_L2) {
    double len = sqrt(squares);
    inv = sqrt((double)n) / (len > p->eps ? len : p->eps);
  } else {
    inv = 1 / sqrt(squares / (double)n + p->eps);
  }
  for (size_t i = 0; i < n; i++) {
    float v = (float)((x[i] - mean) * inv);
    if (p->weight) v *= p->weight[i];
    if (p->bias) v += p->bias[i];
    if (p->scale) v *= 1 + p->scale[i];
    if (p->shift) v += p->shift[i];
    y[i] = v;
  }
  if (p->act) act(p->act, y, y, n);
}

static void transpose16(const uint16_t *src, int64_t src_stride, uint16_t *dst, int64_t dst_stride, int rows,
                        int cols) {
  for (int j = 0; j < cols; j++)
    for (int i = 0; i < rows; i++) dst[j * dst_stride + i] = src[i * src_stride + j];
}
static void transpose32(const uint32_t *src, int64_t src_stride, uint32_t *dst, int64_t dst_stride, int rows,
                        int cols) {
  for (int j = 0; j < cols; j++)
    for (int i = 0; i < rows; i++) dst[j * dst_stride + i] = src[i * src_stride + j];
}

/* Sixteen partial sums: exact enough for long rows, and the compiler may use what vectors every x86-64 has.
 */
static float dot(const float *a, const float *b, size_t n) {
  float part[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t j = 0; j < 16; j++) part[j] += a[i + j] * b[i + j];
  for (size_t j = 0; i + j < n; j++) part[j] += a[i + j] * b[i + j];
  for (size_t w = 8; w; w /= 2)
    for (size_t j = 0; j < w; j++) part[j] += part[j + w];
  return part[0];
}

void kl_kernels_scalar(KlCpuKernels *k) {
  *k = (KlCpuKernels){
      .to_f32 = {[KL_F32] = f32_to_f32,
                 [KL_F16] = f16_to_f32,
                 [KL_BF16] = bf16_to_f32,
                 [KL_Q8_0] = q8_0_to_f32,
                 [KL_Q4_K] = q4_k_to_f32,
                 [KL_Q5_K] = q5_k_to_f32,
                 [KL_Q6_K] = q6_k_to_f32},
      .from_f32 = {[KL_F32] = f32_from_f32, [KL_F16] = f16_from_f32, [KL_BF16] = bf16_from_f32},
      .add = add,
      .mul = mul,
      .gated_add = gated_add,
      .affine = affine,
      .act = act,
      .norm = norm,
      .transpose16 = transpose16,
      .transpose32 = transpose32,
      .dot = dot,
  };
}
