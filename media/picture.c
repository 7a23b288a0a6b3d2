/* Pictures at the size that a model wants. */
#include "media/bounds.h"
#include "media/decode.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <math.h>
#include <string.h>

/* Weights of one axis: result i is the sum over taps t of weight[i * taps + t] * source[first[i] + t]. */
typedef struct {
  int taps;
  int *first;
  float *weight;
} Axis;

static void axis_free(Axis *a) {
  kl_free(&a->first);
  kl_free(&a->weight);
}

/* Keys' cubic, a = -1/2 (Catmull-Rom). */
static double cubic(double x) {
  x = fabs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

/* dst samples over source [from, from + span) of n samples. Shrinking averages areas, growing is bicubic. */
static bool axis_make(Axis *a, int n, double from, double span, int dst, KlErr *err) {
  double step = span / dst;
  bool shrink = step > 1;
  a->taps = shrink ? (int)ceil(step) + 2 : 4;
  if (a->taps > n) a->taps = n;
  a->first = kl_alloc((size_t)dst, sizeof *a->first);
  a->weight = kl_calloc((size_t)dst * (size_t)a->taps, sizeof *a->weight);
  if (!a->first || !a->weight) return kl_fail_oom(err);
  for (int i = 0; i < dst; i++) {
    double lo = from + i * step, hi = lo + step, centre = (lo + hi) / 2 - 0.5, sum = 0;
    int first = (int)floor(shrink ? lo : centre - 1);
    int last = (int)floor(shrink ? hi : centre + 2);
    int at = first < 0 ? 0 : first > n - a->taps ? n - a->taps : first;
    float *w = a->weight + (size_t)i * (size_t)a->taps;
    a->first[i] = at;
    for (int s = first; s <= last; s++) {
      double left = s > lo ? s : lo, right = s + 1 < hi ? s + 1 : hi;
      double v = shrink ? (right > left ? right - left : 0) : cubic(s - centre);
      int t = (s < 0 ? 0 : s >= n ? n - 1 : s) - at;
      if (t < 0) t = 0;
      if (t >= a->taps) t = a->taps - 1;
      w[t] += (float)v;
      sum += v;
    }
    for (int t = 0; t < a->taps; t++) w[t] = (float)(w[t] / sum);
  }
  return true;
}

static uint8_t to_byte(float v) {
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5f));
}

static void scale_into(const uint8_t *src, int sw, const Axis *ax, const Axis *ay, uint8_t *dst, int stride,
                       int w, int h, float *row) {
  for (int y = 0; y < h; y++) {
    memset(row, 0, (size_t)sw * 3 * sizeof *row);
    for (int t = 0; t < ay->taps; t++) {
      float k = ay->weight[(size_t)y * (size_t)ay->taps + (size_t)t];
      const uint8_t *s = src + (size_t)(ay->first[y] + t) * (size_t)sw * 3;
      if (k == 0) continue;
      for (int x = 0; x < sw * 3; x++) row[x] += k * s[x];
    }
    uint8_t *to = dst + (size_t)y * (size_t)stride;
    for (int x = 0; x < w; x++) {
      const float *wt = ax->weight + (size_t)x * (size_t)ax->taps, *s = row + 3 * (size_t)ax->first[x];
      float v[3] = {0};
      for (int t = 0; t < ax->taps; t++)
        for (int c = 0; c < 3; c++) v[c] += wt[t] * s[3 * t + c];
      for (int c = 0; c < 3; c++) to[3 * x + c] = to_byte(v[c]);
    }
  }
}

static bool size_ok(int w, int h) {
  return w >= 1 && h >= 1 && w <= KL_MEDIA_MAX_EDGE && h <= KL_MEDIA_MAX_EDGE &&
         (int64_t)w * h <= KL_MEDIA_MAX_PIXELS;
}

bool kl_picture_scale(const uint8_t *src, int sw, int sh, uint8_t *dst, int dw, int dh, KlFit fit,
                      KlErr *err) {
  if (!size_ok(sw, sh) || !size_ok(dw, dh))
    return kl_fail(err, KL_ERR_INVALID, "cannot scale %d x %d to %d x %d pixels", sw, sh, dw, dh);
  Axis ax = {0}, ay = {0};
  float *row = NULL;
  bool ok = false;
  double from_x = 0, from_y = 0, span_x = sw, span_y = sh;
  int x = 0, y = 0, w = dw, h = dh;
  if (fit == KL_FIT_COVER) {
    double scale = fmax((double)dw / sw, (double)dh / sh);
    span_x = fmin(dw / scale, sw);
    span_y = fmin(dh / scale, sh);
    from_x = (sw - span_x) / 2;
    from_y = (sh - span_y) / 2;
  } else if (fit == KL_FIT_CONTAIN) {
    double scale = fmin((double)dw / sw, (double)dh / sh);
    w = (int)fmin(dw, fmax(1, floor(sw * scale + 0.5)));
    h = (int)fmin(dh, fmax(1, floor(sh * scale + 0.5)));
    x = (dw - w) / 2;
    y = (dh - h) / 2;
    memset(dst, 0, (size_t)dw * (size_t)dh * 3);
  }
  row = kl_alloc((size_t)sw, 3 * sizeof *row);
  if (!row) {
    kl_fail_oom(err);
    goto out;
  }
  if (!axis_make(&ax, sw, from_x, span_x, w, err) || !axis_make(&ay, sh, from_y, span_y, h, err)) goto out;
  scale_into(src, sw, &ax, &ay, dst + 3 * ((size_t)y * (size_t)dw + (size_t)x), dw * 3, w, h, row);
  ok = true;
out:
  axis_free(&ax);
  axis_free(&ay);
  kl_free(&row);
  return ok;
}

bool kl_picture_load(const char *path, int width, int height, KlFit fit, const KlCancel *cancel,
                     KlPicture *out, KlErr *err) {
  KlDecoder *d = NULL;
  KlFrame f;
  bool ok = false;
  *out = (KlPicture){0};
  if (!kl_decoder_open(path, cancel, &d, err) || !kl_decoder_next(d, &f, err)) goto out;
  const KlMediaInfo *info = kl_decoder_info(d);
  bool own = width == 0 && height == 0;
  out->width = own ? info->width : width;
  out->height = own ? info->height : height;
  if (!size_ok(out->width, out->height)) {
    kl_fail(err, KL_ERR_INVALID, "no picture has %d x %d pixels", width, height);
    goto out;
  }
  size_t n = (size_t)out->width * (size_t)out->height * 3;
  out->rgb = kl_alloc(n, 1);
  if (!out->rgb) {
    kl_fail_oom(err);
    goto out;
  }
  if (own || (out->width == info->width && out->height == info->height))
    memcpy(out->rgb, f.rgb, n);
  else if (!kl_picture_scale(f.rgb, info->width, info->height, out->rgb, out->width, out->height, fit, err))
    goto out;
  ok = true;
out:
  if (!ok) kl_picture_free(out);
  kl_decoder_free(&d);
  return ok;
}

void kl_picture_free(KlPicture *p) {
  kl_free(&p->rgb);
  p->width = p->height = 0;
}
