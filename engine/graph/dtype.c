#include "engine/graph/dtype.h"

#include "engine/base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The block layouts are those of GGUF (the specification in the ggml repository, docs/gguf.md, names the
 * types; the byte order inside a block follows its quantisation types 8, 12, 13 and 14). Blocks are read byte
 * by byte, so they need no alignment. */
static const struct {
  const char *name;
  size_t block, bytes;
} info[KL_DTYPES] = {
    [KL_F32] = {"f32", 1, 4},       [KL_F16] = {"f16", 1, 2},       [KL_BF16] = {"bf16", 1, 2},
    [KL_I32] = {"i32", 1, 4},       [KL_Q8_0] = {"q8_0", 32, 34},   [KL_Q4_K] = {"q4_k", 256, 144},
    [KL_Q5_K] = {"q5_k", 256, 176}, [KL_Q6_K] = {"q6_k", 256, 210},
};

const char *kl_dtype_name(KlDtype t) {
  return (unsigned)t < KL_DTYPES ? info[t].name : "?";
}
size_t kl_dtype_block(KlDtype t) {
  return info[t].block;
}
size_t kl_dtype_block_bytes(KlDtype t) {
  return info[t].bytes;
}
bool kl_dtype_is_quantised(KlDtype t) {
  return info[t].block > 1;
}

bool kl_dtype_bytes(KlDtype t, size_t n, size_t *bytes) {
  if (n % info[t].block) return false;
  return kl_size_mul(n / info[t].block, info[t].bytes, bytes);
}

static inline uint32_t bits_of(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}

static inline float float_of(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

uint16_t kl_f32_to_bf16(float x) {
  uint32_t u = bits_of(x);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)((u >> 16) | 0x40); /* a quiet NaN */
  return (uint16_t)((u + 0x7FFFu + ((u >> 16) & 1)) >> 16);
}

uint16_t kl_f32_to_f16(float x) {
  uint32_t u = bits_of(x), mag = u & 0x7FFFFFFFu;
  uint16_t sign = (uint16_t)((u >> 16) & 0x8000u);
  if (mag > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | ((mag >> 13) & 0x1FFu));
  if (mag >= 0x477FF000u) return sign | 0x7C00u; /* 65520 and up round to infinity */
  if (mag < 0x38800000u) { /* below 2^-14: subnormal; adding 0.5 leaves units of 2^-24 */
    float r = float_of(mag) + 0.5f;
    return (uint16_t)(sign | (bits_of(r) - 0x3F000000u));
  }
  uint32_t odd = (mag >> 13) & 1;
  return (uint16_t)(sign | ((mag - 0x38000000u + 0xFFFu + odd) >> 13));
}

float kl_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, mag = h & 0x7FFFu;
  if (mag >= 0x7C00u) return float_of(sign | 0x7F800000u | ((mag & 0x3FFu) << 13));
  if (mag >= 0x400u) return float_of(sign | ((mag << 13) + 0x38000000u));
  float sub = (float)mag * 0x1p-24f;
  return float_of(sign | bits_of(sub));
}

static inline float load_f16(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  return kl_f16_to_f32(h);
}

/* 34 bytes: scale f16, 32 signed bytes. */
static void q8_0_to_f32(const uint8_t *b, float *y) {
  float d = load_f16(b);
  for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)b[2 + i];
}

static void q8_0_from_f32(const float *x, uint8_t *b) {
  float top = 0;
  bool finite = true;
  for (int i = 0; i < 32; i++) {
    float a = fabsf(x[i]);
    finite &= isfinite(a) != 0;
    if (a > top) top = a;
  }
  float d = top / 127.0f, inv = d > 0 ? 1.0f / d : 0.0f;
  if (isinf(inv)) d = 0, inv = 0; /* denormal values: nothing that the f16 scale could hold */
  uint16_t h = kl_f32_to_f16(finite ? d : NAN);
  memcpy(b, &h, 2);
  for (int i = 0; i < 32; i++) b[2 + i] = finite ? (uint8_t)(int8_t)lrintf(roundf(x[i] * inv)) : 1;
}

/* Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit minima in 12 bytes: the first four of each in the low
 * bits of bytes 0..7, the others split between bytes 8..11 (low four bits) and the top two bits of bytes
 * 0..7. */
static void scale_min(const uint8_t *s, int j, uint8_t *scale, uint8_t *min) {
  if (j < 4) {
    *scale = s[j] & 63;
    *min = s[j + 4] & 63;
  } else {
    *scale = (uint8_t)((s[j + 4] & 15) | ((s[j - 4] >> 6) << 4));
    *min = (uint8_t)((s[j + 4] >> 4) | ((s[j] >> 6) << 4));
  }
}

/* 144 bytes: d f16, dmin f16, scales [12], nibbles [128]; each 32 bytes hold two sub-blocks of 32, low
 * nibbles first. */
static void q4_k_to_f32(const uint8_t *b, float *y) {
  float d = load_f16(b), dmin = load_f16(b + 2);
  const uint8_t *q = b + 16;
  for (int j = 0; j < 8; j++) {
    uint8_t sc, mn;
    scale_min(b + 4, j, &sc, &mn);
    float scale = d * (float)sc, min = dmin * (float)mn;
    const uint8_t *p = q + 32 * (j / 2);
    int shift = 4 * (j % 2);
    for (int i = 0; i < 32; i++) y[32 * j + i] = scale * (float)((p[i] >> shift) & 15) - min;
  }
}

/* 176 bytes: as Q4_K with 32 bytes of fifth bits (bit j belongs to sub-block j) before the nibbles. */
static void q5_k_to_f32(const uint8_t *b, float *y) {
  float d = load_f16(b), dmin = load_f16(b + 2);
  const uint8_t *high = b + 16, *q = b + 48;
  for (int j = 0; j < 8; j++) {
    uint8_t sc, mn;
    scale_min(b + 4, j, &sc, &mn);
    float scale = d * (float)sc, min = dmin * (float)mn;
    const uint8_t *p = q + 32 * (j / 2);
    int shift = 4 * (j % 2);
    for (int i = 0; i < 32; i++)
      y[32 * j + i] = scale * (float)(((p[i] >> shift) & 15) | (((high[i] >> j) & 1) << 4)) - min;
  }
}

/* 210 bytes: low nibbles [128], high pairs of bits [64], signed scales [16] one per 16 values, d f16. Each
 * half of 128 values uses 64 + 32 bytes; within it, value 32*k + i takes nibble k/2 of byte 32*(k%2) + i and
 * bits 2k of high byte i. */
static void q6_k_to_f32(const uint8_t *b, float *y) {
  float d = load_f16(b + 208);
  for (int half = 0; half < 2; half++) {
    const uint8_t *low = b + 64 * half, *high = b + 128 + 32 * half, *sc = b + 192 + 8 * half;
    for (int k = 0; k < 4; k++)
      for (int i = 0; i < 32; i++) {
        int v = ((low[32 * (k % 2) + i] >> (4 * (k / 2))) & 15) | (((high[i] >> (2 * k)) & 3) << 4);
        y[128 * half + 32 * k + i] = d * (float)(int8_t)sc[2 * k + i / 16] * (float)(v - 32);
      }
  }
}

void kl_to_f32(KlDtype t, const void *src, float *dst, size_t n) {
  const uint8_t *p = src;
  size_t block = info[t].block, bytes = info[t].bytes;
  assert(n % block == 0);
  switch (t) {
  case KL_F32:
    memcpy(dst, src, n * sizeof *dst);
    break;
  case KL_F16:
    for (size_t i = 0; i < n; i++) dst[i] = load_f16(p + 2 * i);
    break;
  case KL_BF16:
    for (size_t i = 0; i < n; i++) {
      uint16_t h;
      memcpy(&h, p + 2 * i, sizeof h);
      dst[i] = kl_bf16_to_f32(h);
    }
    break;
  case KL_Q8_0:
    for (size_t i = 0; i < n; i += block, p += bytes) q8_0_to_f32(p, dst + i);
    break;
  case KL_Q4_K:
    for (size_t i = 0; i < n; i += block, p += bytes) q4_k_to_f32(p, dst + i);
    break;
  case KL_Q5_K:
    for (size_t i = 0; i < n; i += block, p += bytes) q5_k_to_f32(p, dst + i);
    break;
  case KL_Q6_K:
    for (size_t i = 0; i < n; i += block, p += bytes) q6_k_to_f32(p, dst + i);
    break;
  case KL_I32:
  case KL_DTYPES:
    break;
  }
}

bool kl_from_f32(KlDtype t, const float *src, void *dst, size_t n) {
  uint8_t *p = dst;
  switch (t) {
  case KL_F32:
    memcpy(dst, src, n * sizeof *src);
    return true;
  case KL_F16:
  case KL_BF16:
    for (size_t i = 0; i < n; i++) {
      uint16_t h = t == KL_F16 ? kl_f32_to_f16(src[i]) : kl_f32_to_bf16(src[i]);
      memcpy(p + 2 * i, &h, sizeof h);
    }
    return true;
  case KL_Q8_0:
    if (n % 32) return false;
    for (size_t i = 0; i < n; i += 32, p += 34) q8_0_from_f32(src + i, p);
    return true;
  default:
    return false;
  }
}
