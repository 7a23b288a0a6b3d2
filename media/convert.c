#include "media/convert.h"

#include <math.h>

bool kl_f32_to_u8(const float *src, uint8_t *dst, size_t n) {
  float poison = 0; /* 0 * x is NaN for infinities and NaN, else 0 */
  for (size_t i = 0; i < n; i++) {
    float x = src[i];
    poison += 0.0f * x;
    x = x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
    dst[i] = (uint8_t)(int)(255.0f * x + 0.5f);
  }
  return poison == 0.0f;
}

/* BT.709 with 16 fractional bits. The luma row sums to 219/255, the chroma rows to 0, so that grey stays
 * grey. */
enum {
  YR = 11966,
  YG = 40254,
  YB = 4064, /* 219/255 * {0.2126, 0.7152, 0.0722} */
  UR = -6595,
  UG = -22189,
  UB = 28784, /* 224/255 * {-0.2126, -0.7152, 0.9278} / 1.8556 */
  VR = 28784,
  VG = -26145,
  VB = -2639, /* 224/255 * {0.7874, -0.7152, -0.0722} / 1.5748 */
};

static void luma_row(const uint8_t *rgb, int w, int stored, uint8_t *y) {
  for (int x = 0; x < w; x++) {
    const uint8_t *p = rgb + 3 * x;
    y[x] = (uint8_t)((YR * p[0] + YG * p[1] + YB * p[2] + (16 << 16) + (1 << 15)) >> 16);
  }
  if (stored > w) y[w] = y[w - 1];
}

void kl_rgb_to_yuv420(const uint8_t *rgb, int w, int h, uint8_t *y, int y_stride, uint8_t *cb, uint8_t *cr,
                      int c_stride) {
  int cw = (w + 1) / 2, ch = (h + 1) / 2;
  size_t row = (size_t)w * 3;
  for (int j = 0; j < 2 * ch; j++)
    luma_row(rgb + (size_t)(j < h ? j : h - 1) * row, w, 2 * cw, y + (ptrdiff_t)j * y_stride);
  for (int j = 0; j < ch; j++) {
    const uint8_t *top = rgb + (size_t)(2 * j) * row;
    const uint8_t *low = rgb + (size_t)(2 * j + 1 < h ? 2 * j + 1 : h - 1) * row;
    uint8_t *u = cb + (ptrdiff_t)j * c_stride, *v = cr + (ptrdiff_t)j * c_stride;
    for (int i = 0; i < cw; i++) {
      /* a sample lies on its left luma column: 1 2 1 across, 1 1 down, eighths */
      int c = 6 * i, l = i ? c - 3 : c, r = 2 * i + 1 < w ? c + 3 : c;
      int s[3];
      for (int k = 0; k < 3; k++)
        s[k] = top[l + k] + 2 * top[c + k] + top[r + k] + low[l + k] + 2 * low[c + k] + low[r + k];
      u[i] = (uint8_t)((UR * s[0] + UG * s[1] + UB * s[2] + (128 << 19) + (1 << 18)) >> 19);
      v[i] = (uint8_t)((VR * s[0] + VG * s[1] + VB * s[2] + (128 << 19) + (1 << 18)) >> 19);
    }
  }
}
