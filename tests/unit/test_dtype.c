/* engine/graph/dtype: conversions against the compiler's own, block formats against values worked out by
 * hand. */
#include "engine/base/rng.h"
#include "engine/graph/dtype.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static uint32_t bits(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}

static float from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

/* Value of a half by its definition. */
static double half_value(uint16_t h) {
  int e = (h >> 10) & 31, m = h & 1023;
  double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
  return h & 0x8000 ? -v : v;
}

static void test_f16(void) {
  for (uint32_t h = 0; h < 65536; h++) {
    float x = kl_f16_to_f32((uint16_t)h);
    if ((h & 0x7C00) == 0x7C00) {
      g_assert_true(h & 0x3FF ? isnan(x) : isinf(x));
      if (isnan(x))
        g_assert_true(isnan(kl_f16_to_f32(kl_f32_to_f16(x))));
      else
        g_assert_cmphex(kl_f32_to_f16(x), ==, h);
      continue;
    }
    g_assert_true((double)x == half_value((uint16_t)h));
    g_assert_cmphex(kl_f32_to_f16(x), ==, h);
    if ((h & 0x7FFF) == 0x7BFF) continue;
    /* halfway to the next one goes to the even one, a hair beyond goes up, a hair before goes down */
    float next = kl_f16_to_f32((uint16_t)(h + 1)), mid = (x + next) / 2;
    g_assert_cmphex(kl_f32_to_f16(mid), ==, h & 1 ? h + 1 : h);
    g_assert_cmphex(kl_f32_to_f16(from_bits(bits(mid) + 1)), ==, h + 1);
    g_assert_cmphex(kl_f32_to_f16(from_bits(bits(mid) - 1)), ==, h);
  }
  g_assert_cmphex(kl_f32_to_f16(65519.99f), ==, 0x7BFF);
  g_assert_cmphex(kl_f32_to_f16(65520.0f), ==, 0x7C00);
  g_assert_cmphex(kl_f32_to_f16(1e30f), ==, 0x7C00);
  g_assert_cmphex(kl_f32_to_f16(-1e-30f), ==, 0x8000);
  g_assert_true(isnan(kl_f16_to_f32(kl_f32_to_f16(from_bits(0x7F800001)))));
}

static void test_bf16(void) {
  for (uint32_t h = 0; h < 65536; h++) {
    float x = kl_bf16_to_f32((uint16_t)h);
    if (isnan(x)) {
      g_assert_true(isnan(kl_bf16_to_f32(kl_f32_to_bf16(x))));
      continue;
    }
    g_assert_cmphex(kl_f32_to_bf16(x), ==, h);
    if (isinf(x)) continue;
    uint32_t mid = (h << 16) | 0x8000;
    g_assert_cmphex(kl_f32_to_bf16(from_bits(mid)), ==, h & 1 ? h + 1 : h);
    g_assert_cmphex(kl_f32_to_bf16(from_bits(mid + 1)), ==, h + 1);
    g_assert_cmphex(kl_f32_to_bf16(from_bits(mid - 1)), ==, h);
  }
  g_assert_true(
      isnan(kl_bf16_to_f32(kl_f32_to_bf16(from_bits(0x7F800001))))); /* must not round to infinity */
}

static void test_sizes(void) {
  static const size_t block[] = {1, 1, 1, 1, 32, 256, 256, 256}, bytes[] = {4, 2, 2, 4, 34, 144, 176, 210};
  for (int t = 0; t < KL_DTYPES; t++) {
    size_t n;
    g_assert_cmpuint(kl_dtype_block((KlDtype)t), ==, block[t]);
    g_assert_cmpuint(kl_dtype_block_bytes((KlDtype)t), ==, bytes[t]);
    g_assert_true(kl_dtype_bytes((KlDtype)t, 5 * block[t], &n));
    g_assert_cmpuint(n, ==, 5 * bytes[t]);
    g_assert_true(kl_dtype_bytes((KlDtype)t, 0, &n));
    g_assert_cmpuint(n, ==, 0);
    if (block[t] > 1) g_assert_false(kl_dtype_bytes((KlDtype)t, block[t] + 1, &n));
    if (bytes[t] > block[t]) g_assert_false(kl_dtype_bytes((KlDtype)t, SIZE_MAX / block[t] * block[t], &n));
  }
}

static void test_q8_0(void) {
  float x[64], y[64];
  unsigned char b[69] = {0};
  for (int i = 0; i < 64; i++) x[i] = i < 32 ? (float)(i - 16) : 0;
  x[5] = 127;                                        /* scale 1: integers survive */
  g_assert_true(kl_from_f32(KL_Q8_0, x, b + 1, 64)); /* unaligned on purpose */
  kl_to_f32(KL_Q8_0, b + 1, y, 64);
  for (int i = 0; i < 64; i++) g_assert_cmpfloat(x[i], ==, y[i]);
  kl_randn(1, 2, 0, x, 64);
  g_assert_true(kl_from_f32(KL_Q8_0, x, b, 64));
  kl_to_f32(KL_Q8_0, b, y, 64);
  for (int i = 0; i < 64; i++) g_assert_cmpfloat(fabsf(x[i] - y[i]), <, 0.02f);
  x[3] = NAN;
  g_assert_true(kl_from_f32(KL_Q8_0, x, b, 64));
  kl_to_f32(KL_Q8_0, b, y, 64);
  g_assert_true(isnan(y[3])); /* a bad value stays visible */
  for (int i = 0; i < 32; i++) x[i] = 1e-44f;
  g_assert_true(kl_from_f32(KL_Q8_0, x, b, 32));
  kl_to_f32(KL_Q8_0, b, y, 32);
  for (int i = 0; i < 32; i++) g_assert_cmpfloat(y[i], ==, 0);
  g_assert_false(kl_from_f32(KL_Q8_0, x, b, 31));
  g_assert_false(kl_from_f32(KL_Q4_K, x, b, 256));
}

/* Blocks put together value by value from the definition of the layout, then read back. */
static void test_k_quants(void) {
  unsigned char b4[144] = {0}, b5[176] = {0}, b6[210] = {0};
  float y[256];
  int q4[256], q5[256], q6[256], scale[8], min[8], s6[16];
  for (int i = 0; i < 256; i++) {
    uint32_t r[4];
    kl_philox(7, 0, (uint64_t)i, r);
    q4[i] = r[0] & 15, q5[i] = r[1] & 31, q6[i] = r[2] & 63;
    if (i < 8) scale[i] = r[3] & 63, min[i] = (r[3] >> 8) & 63;
    if (i < 16) s6[i] = (int)(r[3] & 255) - 128;
  }
  uint16_t d = kl_f32_to_f16(0.25f), dmin = kl_f32_to_f16(0.5f);
  memcpy(b4, &d, 2), memcpy(b4 + 2, &dmin, 2), memcpy(b6 + 208, &d, 2);
  for (int j = 0; j < 8; j++) {
    unsigned char *s = b4 + 4;
    if (j < 4) {
      s[j] |= (unsigned char)scale[j];
      s[j + 4] |= (unsigned char)min[j];
    } else {
      s[j + 4] |= (unsigned char)((scale[j] & 15) | (min[j] & 15) << 4);
      s[j - 4] |= (unsigned char)((scale[j] >> 4) << 6);
      s[j] |= (unsigned char)((min[j] >> 4) << 6);
    }
  }
  memcpy(b5, b4, 16);
  for (int i = 0; i < 256; i++) {
    int sub = i / 32, at = 32 * (sub / 2) + i % 32, shift = sub % 2 * 4;
    b4[16 + at] |= (unsigned char)(q4[i] << shift);
    b5[48 + at] |= (unsigned char)((q5[i] & 15) << shift);
    b5[16 + i % 32] |= (unsigned char)((q5[i] >> 4) << sub);
    int half = i / 128, k = i % 128 / 32, l = i % 32;
    b6[64 * half + 32 * (k % 2) + l] |= (unsigned char)((q6[i] & 15) << (k / 2 * 4));
    b6[128 + 32 * half + l] |= (unsigned char)((q6[i] >> 4) << (2 * k));
  }
  for (int i = 0; i < 16; i++) b6[192 + i] = (unsigned char)(signed char)s6[i];
  kl_to_f32(KL_Q4_K, b4, y, 256);
  for (int i = 0; i < 256; i++)
    g_assert_cmpfloat(y[i], ==, 0.25f * (float)scale[i / 32] * (float)q4[i] - 0.5f * (float)min[i / 32]);
  kl_to_f32(KL_Q5_K, b5, y, 256);
  for (int i = 0; i < 256; i++)
    g_assert_cmpfloat(y[i], ==, 0.25f * (float)scale[i / 32] * (float)q5[i] - 0.5f * (float)min[i / 32]);
  kl_to_f32(KL_Q6_K, b6, y, 256);
  for (int i = 0; i < 256; i++) g_assert_cmpfloat(y[i], ==, 0.25f * (float)s6[i / 16] * (float)(q6[i] - 32));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dtype/f16", test_f16);
  g_test_add_func("/dtype/bf16", test_bf16);
  g_test_add_func("/dtype/sizes", test_sizes);
  g_test_add_func("/dtype/q8_0", test_q8_0);
  g_test_add_func("/dtype/k-quants", test_k_quants);
  return g_test_run();
}
