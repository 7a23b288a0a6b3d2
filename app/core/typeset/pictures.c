#include "app/core/typeset/pictures.h"

#include "media/decode.h"

#include <math.h>
#include <stdlib.h>

#define GRID 48 /* cells along the longer side, for looking at it */

typedef struct {
  int w, h;
  double *seen; /* how much each cell draws the eye */
} Look;

static const guint8 *pixel(const KlPixels *p, double x, double y) {
  int px = CLAMP((int)x, 0, p->width - 1), py = CLAMP((int)y, 0, p->height - 1);
  return p->rgb + ((gsize)py * (gsize)p->width + (gsize)px) * 3;
}

/* What differs from the border's colour, and where neighbours differ. */
static Look look_at(const KlPixels *p) {
  double k = (double)GRID / MAX(p->width, p->height);
  Look l = {.w = MAX(1, (int)lrint(p->width * k)), .h = MAX(1, (int)lrint(p->height * k))};
  double border[3] = {0};
  int n = 0;
  l.seen = g_new0(double, (gsize)l.w *(gsize)l.h);
  double sx = (double)p->width / l.w, sy = (double)p->height / l.h;
  for (int y = 0; y < l.h; y++)
    for (int x = 0; x < l.w; x++)
      if (x == 0 || y == 0 || x == l.w - 1 || y == l.h - 1) {
        const guint8 *c = pixel(p, (x + 0.5) * sx, (y + 0.5) * sy);
        for (int i = 0; i < 3; i++) border[i] += c[i];
        n++;
      }
  for (int y = 0; y < l.h; y++)
    for (int x = 0; x < l.w; x++) {
      const guint8 *c = pixel(p, (x + 0.5) * sx, (y + 0.5) * sy),
                   *d = pixel(p, (x + 1.5) * sx, (y + 1.5) * sy);
      double far = 0, edge = 0;
      for (int i = 0; i < 3; i++) {
        far += fabs(c[i] - border[i] / n);
        edge += abs(c[i] - d[i]);
      }
      l.seen[y * l.w + x] = far * far / 255 + edge;
    }
  return l;
}

/* Start of the window of `window` out of n cells that holds the most of `sums`, the middle winning ties. */
static double best_start(const double *sums, int n, double window) {
  double most = -1, best = (n - window) / 2, total = 0;
  for (int i = 0; i < n; i++) total += sums[i];
  for (int s = 0; s <= 32; s++) {
    double start = (n - window) * s / 32, in = 0;
    for (int i = 0; i < n; i++) in += sums[i] * CLAMP(MIN(i + 1, start + window) - MAX(i, start), 0, 1);
    in -= total * 0.08 * fabs(start - (n - window) / 2) / MAX(n - window, 1e-9);
    if (in > most) most = in, best = start;
  }
  return best;
}

KlBox kl_picture_crop(const KlPixels *p, double width, double height) {
  double k = MIN(p->width / width, p->height / height);
  KlBox c = {0, 0, MIN(width * k, p->width), MIN(height * k, p->height)};
  c.w = MAX(c.w, 1);
  c.h = MAX(c.h, 1);
  Look l = look_at(p);
  g_autofree double *sums = g_new0(double, (gsize)MAX(l.w, l.h));
  bool across = p->width - c.w > p->height - c.h;
  for (int y = 0; y < l.h; y++)
    for (int x = 0; x < l.w; x++) sums[across ? x : y] += l.seen[y * l.w + x];
  if (across && p->width > c.w) c.x = best_start(sums, l.w, c.w * l.w / p->width) * p->width / l.w;
  if (!across && p->height > c.h) c.y = best_start(sums, l.h, c.h * l.h / p->height) * p->height / l.h;
  g_free(l.seen);
  return c;
}

KlPixels *kl_picture_read(const char *path, int image_w, int image_h, double width, double height,
                          const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlPicture picture = {0};
  double k = image_w > 0 && image_h > 0 ? MIN(1, MAX(width / image_w, height / image_h)) : 1;
  int w = k < 1 ? MAX(1, (int)lrint(image_w * k)) : 0, h = k < 1 ? MAX(1, (int)lrint(image_h * k)) : 0;
  if (!kl_picture_load(path, w, h, KL_FIT_STRETCH, cancel, &picture, &err)) {
    kl_gerr_input(error, &err);
    return NULL;
  }
  KlPixels *p = g_new(KlPixels, 1);
  gsize n = (gsize)picture.width * (gsize)picture.height * 3;
  *p = (KlPixels){picture.width, picture.height, 1, g_memdup2(picture.rgb, n)};
  kl_picture_free(&picture);
  return p;
}
