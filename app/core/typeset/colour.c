#include "app/core/typeset/colour.h"

#include <math.h>

static double channel(guint32 rgb, int shift) {
  return ((rgb >> shift) & 255) / 255.0;
}

guint32 kl_rgb_mix(guint32 a, guint32 b, double t) {
  guint32 out = 0;
  for (int s = 0; s <= 16; s += 8)
    out |= (guint32)lrint(255 * (channel(a, s) * (1 - t) + channel(b, s) * t)) << s;
  return out;
}

static double linear(double v) {
  return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

double kl_rgb_luminance(guint32 rgb) {
  return 0.2126 * linear(channel(rgb, 16)) + 0.7152 * linear(channel(rgb, 8)) +
         0.0722 * linear(channel(rgb, 0));
}

double kl_luminance_contrast(double a, double b) {
  return (MAX(a, b) + 0.05) / (MIN(a, b) + 0.05);
}

double kl_rgb_contrast(guint32 a, guint32 b) {
  return kl_luminance_contrast(kl_rgb_luminance(a), kl_rgb_luminance(b));
}

/* Against a range of luminances: 1 if it lies inside. */
static double worst(guint32 rgb, double lowest, double highest) {
  double l = kl_rgb_luminance(rgb);
  if (l >= lowest && l <= highest) return 1;
  return MIN(kl_luminance_contrast(l, lowest), kl_luminance_contrast(l, highest));
}

bool kl_rgb_readable(guint32 rgb, double lowest, double highest, double least, guint32 *out) {
  for (int step = 0; step <= 20; step++) /* the smallest change, in either direction, wins */
    for (int white = 0; white < 2; white++) {
      *out = kl_rgb_mix(rgb, white ? 0xFFFFFF : 0, step / 20.0);
      if (worst(*out, lowest, highest) >= least) return true;
    }
  *out = worst(0, lowest, highest) > worst(0xFFFFFF, lowest, highest) ? 0 : 0xFFFFFF;
  return false;
}
