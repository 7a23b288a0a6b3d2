/* Element types, as they are stored. Block types are those of GGUF, bit for bit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  KL_F32,
  KL_F16,
  KL_BF16,
  KL_I32,
  KL_Q8_0, /* 32 elements in 34 bytes */
  KL_Q4_K, /* 256 elements in 144 bytes */
  KL_Q5_K, /* 256 elements in 176 bytes */
  KL_Q6_K, /* 256 elements in 210 bytes */
  KL_DTYPES
} KlDtype;

const char *kl_dtype_name(KlDtype t);   /* "f32", "bf16", "q4_k", ... */
size_t kl_dtype_block(KlDtype t);       /* elements a block: 1, 32 or 256 */
size_t kl_dtype_block_bytes(KlDtype t); /* bytes a block */
bool kl_dtype_is_quantised(KlDtype t);
/* Bytes of n elements; false on overflow or when n is no multiple of the block. */
bool kl_dtype_bytes(KlDtype t, size_t n, size_t *bytes);

/* Reference conversions (scalar; the CPU backend has faster ones). n is a multiple of the block. I32 is not
 * converted. To F16 and BF16: round to nearest, ties to even, NaN stays NaN. Quantising is offered for Q8_0
 * only. */
void kl_to_f32(KlDtype t, const void *src, float *dst, size_t n);
bool kl_from_f32(KlDtype t, const float *src, void *dst, size_t n);

uint16_t kl_f32_to_bf16(float x);
uint16_t kl_f32_to_f16(float x);
static inline float kl_bf16_to_f32(uint16_t h) {
  union {
    uint32_t u;
    float f;
  } v = {(uint32_t)h << 16};
  return v.f;
}
float kl_f16_to_f32(uint16_t h);
