#include "engine/base/mem.h"
#include "engine/models/wan_internal.h"

#include <math.h>

/* Pairs of the three axes: head_dim d splits into d - 4 (d/6) for time, 2 (d/6) each for height and width. */
bool kl_wan_rope(int head_dim, const int *frames, int n, int gh, int gw, float *out, KlErr *err) {
  int side = head_dim / 6, pairs[3] = {(head_dim - 4 * side) / 2, side, side};
  const int count[3] = {n, gh, gw};
  float *table[3] = {NULL, NULL, NULL};
  bool ok = false;
  for (int a = 0; a < 3; a++) {
    table[a] = kl_alloc((size_t)count[a] * (size_t)(2 * pairs[a]), sizeof(float));
    if (!table[a]) {
      kl_fail(err, KL_ERR_OOM, "no memory for the positions");
      goto out;
    }
    for (int i = 0; i < count[a]; i++)
      for (int p = 0; p < pairs[a]; p++) {
        double angle = (a == 0 ? frames[i] : i) * pow(10000, -(double)p / pairs[a]);
        float *to = table[a] + 2 * ((ptrdiff_t)i * pairs[a] + p);
        to[0] = (float)cos(angle);
        to[1] = (float)sin(angle);
      }
  }
  for (int f = 0; f < n; f++)
    for (int y = 0; y < gh; y++)
      for (int x = 0; x < gw; x++) {
        const int at[3] = {f, y, x};
        for (int a = 0; a < 3; a++) {
          const float *from = table[a] + 2 * (ptrdiff_t)at[a] * pairs[a];
          for (int i = 0; i < 2 * pairs[a]; i++) *out++ = from[i];
        }
      }
  ok = true;
out:
  for (int a = 0; a < 3; a++) kl_free(&table[a]);
  return ok;
}

void kl_wan_sinusoid(double t, int dim, float *out) {
  int half = dim / 2;
  for (int i = 0; i < half; i++) {
    double angle = t * pow(10000, -(double)i / half);
    out[i] = (float)cos(angle);
    out[half + i] = (float)sin(angle);
  }
}
