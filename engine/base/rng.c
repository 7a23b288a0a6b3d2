#include "engine/base/rng.h"

#include <math.h>

void kl_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]) {
  uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int r = 0; r < 10; r++) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[0] = n0, c[1] = (uint32_t)b, c[2] = n2, c[3] = (uint32_t)a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

static void normal4(uint64_t seed, uint64_t stream, uint64_t block, float out[4]) {
  uint32_t u[4];
  kl_philox(seed, stream, block, u);
  for (int i = 0; i < 4; i += 2) {
    double a = ((double)u[i] + 1.0) * 0x1p-32; /* (0, 1] */
    double r = sqrt(-2.0 * log(a)), t = 6.283185307179586 * ((double)u[i + 1] * 0x1p-32);
    out[i] = (float)(r * cos(t));
    out[i + 1] = (float)(r * sin(t));
  }
}

void kl_randn(uint64_t seed, uint64_t stream, uint64_t first, float *out, size_t n) {
  float v[4];
  uint64_t have = UINT64_MAX;
  for (size_t i = 0; i < n; i++) {
    uint64_t at = first + i;
    if (at / 4 != have) normal4(seed, stream, have = at / 4, v);
    out[i] = v[at % 4];
  }
}

double kl_randu(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t u[4];
  kl_philox(seed, stream, index, u);
  return (double)(((uint64_t)u[0] << 21) ^ (u[1] >> 11)) * 0x1p-53;
}
