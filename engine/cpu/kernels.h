/* Kernels on rows in memory, one table a level. All arithmetic is f32 on contiguous rows of any length and
 * alignment; bf16 rows are converted on their way through the cache by to_f32 and from_f32. */
#pragma once

#include "engine/graph/graph.h"

#include <stddef.h>

typedef struct {
  KlNormKind kind;
  float eps;
  KlActivation act;
  const float *weight, *bias, *shift, *scale; /* n values each, or NULL */
} KlNormRow;

typedef struct {
  void (*to_f32[KL_DTYPES])(const void *src, float *dst, size_t n);
  void (*from_f32[KL_DTYPES])(const float *src, void *dst,
                              size_t n); /* F32, F16, BF16; nearest, ties to even */
  void (*add)(const float *a, const float *b, float *y, size_t n);
  void (*mul)(const float *a, const float *b, float *y, size_t n);
  void (*gated_add)(const float *x, const float *y, const float *gate, float *out, size_t n); /* x + y gate */
  void (*affine)(const float *x, float *y, size_t n, const KlAffineParams *p);
  void (*act)(KlActivation act, const float *x, float *y, size_t n);
  void (*norm)(const KlNormRow *p, const float *x, float *y, size_t n);
  /* dst[j * dst_stride + i] = src[i * src_stride + j], i < rows, j < cols; strides in elements. By element
   * size. */
  void (*transpose16)(const uint16_t *src, int64_t src_stride, uint16_t *dst, int64_t dst_stride, int rows,
                      int cols);
  void (*transpose32)(const uint32_t *src, int64_t src_stride, uint32_t *dst, int64_t dst_stride, int rows,
                      int cols);
  float (*dot)(const float *a, const float *b,
               size_t n); /* scalar products, for the scalar linear and convolution */
} KlCpuKernels;

/* Each overlays what it has. The x86 ones are there on x86 only. */
void kl_kernels_scalar(KlCpuKernels *k);
void kl_kernels_avx2(KlCpuKernels *k);
void kl_kernels_avx512(KlCpuKernels *k);
