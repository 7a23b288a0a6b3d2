/* What draws the eye in a picture. Spectral residual: the log spectrum less its own mean over a small
 * neighbourhood, with the old phase, back in space, is bright where the picture is unlike its surroundings
 * (Hou and Zhang, CVPR 2007). It misses large even objects' insides, which do not matter here, and texture,
 * which does: words on texture are hard to read. So local contrast is added. */
#include "app/core/gerr.h"
#include "app/core/layout/layout_internal.h"
#include "media/decode.h"

#include <math.h>
#include <string.h>

#define N KL_SALIENCY

typedef struct {
  double re, im;
} Complex;

/* Fast Fourier transform of N values at a stride, in place; sign -1 forward, +1 back (unscaled). */
static void fft(Complex *x, int stride, int sign) {
  for (int i = 1, j = 0; i < N; i++) {
    int bit = N >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      Complex t = x[i * stride];
      x[i * stride] = x[j * stride];
      x[j * stride] = t;
    }
  }
  for (int len = 2; len <= N; len <<= 1)
    for (int i = 0; i < N; i += len)
      for (int k = 0; k < len / 2; k++) {
        double a = sign * 2 * G_PI * k / len, c = cos(a), s = sin(a);
        Complex *p = &x[(i + k) * stride], *q = &x[(i + k + len / 2) * stride];
        Complex v = {q->re * c - q->im * s, q->re * s + q->im * c};
        *q = (Complex){p->re - v.re, p->im - v.im};
        *p = (Complex){p->re + v.re, p->im + v.im};
      }
}

static void fft2(Complex *x, int sign) {
  for (int i = 0; i < N; i++) fft(x + i * N, 1, sign);
  for (int i = 0; i < N; i++) fft(x + i, N, sign);
}

/* 3 x 3 mean; at the edges of what there is, or around (a spectrum has no edges). */
static void smooth(const double *in, double *out, bool around) {
  for (int y = 0; y < N; y++)
    for (int x = 0; x < N; x++) {
      double sum = 0;
      int n = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
          int u = x + dx, v = y + dy;
          if (around) {
            u = (u + N) % N;
            v = (v + N) % N;
          }
          if (u < 0 || v < 0 || u >= N || v >= N) continue;
          sum += in[v * N + u];
          n++;
        }
      out[y * N + x] = sum / n;
    }
}

static void scale_to_one(double *v) {
  double most = 0;
  for (int i = 0; i < N * N; i++) most = MAX(most, v[i]);
  for (int i = 0; i < N * N && most > 1e-12; i++) v[i] /= most;
}

static void residual(const double *grey, double *out) {
  g_autofree Complex *f = g_new(Complex, N * N);
  g_autofree double *log_a = g_new(double, N *N), *mean = g_new(double, N *N);
  for (int i = 0; i < N * N; i++) f[i] = (Complex){grey[i], 0};
  fft2(f, -1);
  for (int i = 0; i < N * N; i++) log_a[i] = log(hypot(f[i].re, f[i].im) + 1e-3);
  smooth(log_a, mean, true);
  for (int i = 0; i < N * N; i++) {
    double a = hypot(f[i].re, f[i].im) + 1e-3, r = exp(log_a[i] - mean[i]) / a;
    f[i].re *= r;
    f[i].im *= r;
  }
  fft2(f, 1);
  for (int i = 0; i < N * N; i++) out[i] = f[i].re * f[i].re + f[i].im * f[i].im;
  for (int turn = 0; turn < 3; turn++) {
    smooth(out, mean, false);
    memcpy(out, mean, sizeof(double) * N * N);
  }
}

void kl_saliency_rgb(const guint8 *rgb, int w, int h, float *map) {
  g_autofree double *grey = g_new0(double, N *N), *square = g_new0(double, N *N), *out = g_new(double, N *N),
                    *rough = g_new(double, N *N), *even = g_new(double, N *N);
  double low = 1, high = 0;
  for (int y = 0; y < N; y++)
    for (int x = 0; x < N; x++) { /* mean and variance of the pixels of a cell */
      int x0 = x * w / N, x1 = MAX((x + 1) * w / N, x0 + 1), y0 = y * h / N,
          y1 = MAX((y + 1) * h / N, y0 + 1);
      double sum = 0, sum2 = 0, n = 0;
      for (int v = y0; v < MIN(y1, h); v++)
        for (int u = x0; u < MIN(x1, w); u++) {
          const guint8 *p = rgb + ((gsize)v * w + u) * 3;
          double g = (0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]) / 255;
          sum += g;
          sum2 += g * g;
          n++;
        }
      grey[y * N + x] = sum / n;
      square[y * N + x] = sqrt(MAX(sum2 / n - sum * sum / n / n, 0));
      low = MIN(low, sum / n);
      high = MAX(high, sum / n);
    }
  if (high - low < 1e-3) { /* an even picture is calm all over */
    for (int i = 0; i < N * N; i++) map[i] = 0;
    return;
  }
  residual(grey, out);
  scale_to_one(out);
  smooth(grey, even, false);
  for (int i = 0; i < N * N; i++) rough[i] = square[i] + fabs(grey[i] - even[i]);
  smooth(rough, even, false);
  for (int i = 0; i < N * N; i++)
    even[i] = MIN(even[i] / 0.15, 1); /* contrast is absolute: a calm picture stays calm */
  for (int i = 0; i < N * N; i++)
    map[i] = (float)(0.5 * MIN(out[i], 1) * MIN((high - low) / 0.2, 1) + 0.5 * even[i]);
}

bool kl_saliency_file(const char *path, double aspect, const KlCancel *cancel, float *map, GError **error) {
  KlPicture p;
  int w = aspect > 1 ? 4 * N : MAX((int)(4 * N * aspect), N),
      h = aspect > 1 ? MAX((int)(4 * N / aspect), N) : 4 * N;
  KlErr err = KL_ERR_INIT;
  if (!kl_picture_load(path, w, h, KL_FIT_COVER, cancel, &p, &err)) return kl_gerr_input(error, &err);
  kl_saliency_rgb(p.rgb, p.width, p.height, map);
  kl_picture_free(&p);
  return true;
}

double kl_saliency_mean(const float *map, KlBox box) {
  double sum = 0;
  int x0 = CLAMP((int)floor(box.x * N), 0, N - 1), x1 = CLAMP((int)ceil((box.x + box.w) * N), x0 + 1, N),
      y0 = CLAMP((int)floor(box.y * N), 0, N - 1), y1 = CLAMP((int)ceil((box.y + box.h) * N), y0 + 1, N);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) sum += map[y * N + x];
  return sum / ((x1 - x0) * (y1 - y0));
}
