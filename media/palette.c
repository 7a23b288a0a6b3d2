/* Palettes for GIF: median cut over a histogram of 5 bits a channel (Heckbert 1982, with the box of the
 * largest total variance split at its mean, as Wu 1991 does), then an ordered dither, which stands still from
 * frame to frame. A picture with at most 255 colours keeps them exactly. Integer sums, fixed order:
 * deterministic. */
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELLS (1 << 15)
#define MOST 255 /* index 255 is left for "transparent" */

typedef struct {
  uint32_t n, sum[3];
} Cell; /* up to 2^27 pixels of 255: sums need 64 bits only in boxes; a cell's sum is kept as offsets below 8
         */

typedef struct {
  int lo[3], hi[3]; /* cells, inclusive */
  double weight, mean[3], var[3];
} Box;

struct KlPalette {
  uint8_t colour[256][3];
  int size;
  int dither; /* in 1/32 of a level at full swing */
  bool exact;
  uint32_t sorted[MOST]; /* exact: the colours as 0xRRGGBB, ascending, at their indices */
  Cell cell[CELLS];
  int16_t nearest[1 << 18]; /* 6 bits a channel; -1: not looked up yet */
};

bool kl_palette_new(KlPalette **out, KlErr *err) {
  *out = kl_calloc(1, sizeof **out);
  return *out || kl_fail_oom(err);
}

void kl_palette_free(KlPalette **p) {
  kl_free(p);
}
const uint8_t *kl_palette_colours(const KlPalette *p) {
  return p->colour[0];
}

/* Position of c in the sorted list, or where it belongs as ~position. */
static int find(const uint32_t *sorted, int n, uint32_t c) {
  int lo = 0, hi = n;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (sorted[mid] < c)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < n && sorted[lo] == c ? lo : ~lo;
}

static uint32_t pack(const uint8_t *p) {
  return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static bool choose_exact(KlPalette *p, const uint8_t *rgb, size_t n) {
  uint32_t last = UINT32_MAX;
  int size = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t c = pack(rgb + 3 * i);
    if (c == last) continue;
    last = c;
    int at = find(p->sorted, size, c);
    if (at >= 0) continue;
    if (size == MOST) return false;
    at = ~at;
    memmove(p->sorted + at + 1, p->sorted + at, (size_t)(size - at) * sizeof *p->sorted);
    p->sorted[at] = c;
    size++;
  }
  for (int i = 0; i < size; i++)
    for (int k = 0; k < 3; k++) p->colour[i][k] = (uint8_t)(p->sorted[i] >> (16 - 8 * k));
  p->size = size;
  return true;
}

/* Weight, mean and variance (sum of squares about the mean, of cell means) of a box. */
static void measure(const KlPalette *p, Box *b) {
  double w = 0, s[3] = {0}, q[3] = {0};
  for (int r = b->lo[0]; r <= b->hi[0]; r++)
    for (int g = b->lo[1]; g <= b->hi[1]; g++)
      for (int bl = b->lo[2]; bl <= b->hi[2]; bl++) {
        const Cell *c = &p->cell[r << 10 | g << 5 | bl];
        if (!c->n) continue;
        const int at[3] = {r, g, bl};
        for (int k = 0; k < 3; k++) {
          double m = 8.0 * at[k] + (double)c->sum[k] / c->n;
          s[k] += m * c->n;
          q[k] += m * m * c->n;
        }
        w += c->n;
      }
  b->weight = w;
  for (int k = 0; k < 3; k++) {
    b->mean[k] = w > 0 ? s[k] / w : 0;
    b->var[k] = w > 0 ? q[k] - s[k] * b->mean[k] : 0;
  }
}

/* Splits b at its mean along its widest axis into b and *other; false if that axis has one cell. */
static bool split(const KlPalette *p, Box *b, Box *other) {
  int axis = -1;
  for (int k = 0; k < 3; k++)
    if (b->lo[k] < b->hi[k] && (axis < 0 || b->var[k] > b->var[axis])) axis = k;
  if (axis < 0) return false;
  int at = (int)(b->mean[axis] / 8.0);
  if (at >= b->hi[axis]) at = b->hi[axis] - 1;
  if (at < b->lo[axis]) at = b->lo[axis];
  *other = *b;
  b->hi[axis] = at;
  other->lo[axis] = at + 1;
  measure(p, b);
  measure(p, other);
  return true;
}

bool kl_palette_choose(KlPalette *p, const uint8_t *rgb, size_t n, KlErr *err) {
  memset(p->nearest, 0xFF, sizeof p->nearest);
  memset(p->colour, 0, sizeof p->colour);
  p->exact = choose_exact(p, rgb, n);
  if (p->exact) return true;
  memset(p->cell, 0, sizeof p->cell);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *q = rgb + 3 * i;
    Cell *c = &p->cell[(q[0] >> 3) << 10 | (q[1] >> 3) << 5 | q[2] >> 3];
    c->n++;
    for (int k = 0; k < 3; k++) c->sum[k] += q[k] & 7;
  }
  Box *box = kl_calloc(MOST, sizeof *box);
  if (!box) return kl_fail_oom(err);
  box[0] = (Box){.lo = {0, 0, 0}, .hi = {31, 31, 31}};
  measure(p, &box[0]);
  int boxes = 1;
  while (boxes < MOST) {
    int best = -1;
    double most = 0;
    for (int i = 0; i < boxes; i++) {
      double v = box[i].var[0] + box[i].var[1] + box[i].var[2];
      if (v > most) {
        most = v;
        best = i;
      }
    }
    if (best < 0) break;
    if (split(p, &box[best], &box[boxes]))
      boxes++;
    else
      box[best].var[0] = box[best].var[1] = box[best].var[2] = 0; /* one cell: as fine as it gets */
  }
  p->size = 0;
  double spread = 0; /* within the boxes (and, below, within a cell of 8 levels): how coarse the palette is,
                        and so how much dither hides it */
  for (int i = 0; i < boxes; i++) {
    spread += box[i].var[0] + box[i].var[1] + box[i].var[2];
    if (box[i].weight <= 0) continue;
    for (int k = 0; k < 3; k++) p->colour[p->size][k] = (uint8_t)(int)(box[i].mean[k] + 0.5);
    p->size++;
  }
  p->dither = (int)fmin(8 * 32, 48 * sqrt(64.0 / 12 + fmax(0, spread) / (3.0 * (double)n)));
  kl_free(&box);
  return true;
}

static int nearest(KlPalette *p, int r, int g, int b) {
  int16_t *known = &p->nearest[(r >> 2) << 12 | (g >> 2) << 6 | b >> 2];
  if (*known >= 0) return *known;
  int best = 0, least = INT32_MAX;
  r = (r & ~3) + 2;
  g = (g & ~3) + 2;
  b = (b & ~3) + 2;
  for (int i = 0; i < p->size; i++) {
    int dr = r - p->colour[i][0], dg = g - p->colour[i][1], db = b - p->colour[i][2];
    int d = 3 * dr * dr + 6 * dg * dg + db * db; /* roughly how much the eye sees of each */
    if (d < least) {
      least = d;
      best = i;
    }
  }
  *known = (int16_t)best;
  return best;
}

static int clamp255(int v) {
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

double kl_palette_map(KlPalette *p, const uint8_t *rgb, int w, int h, uint8_t *index) {
  static const uint8_t bayer[8][8] = {{0, 32, 8, 40, 2, 34, 10, 42},  {48, 16, 56, 24, 50, 18, 58, 26},
                                      {12, 44, 4, 36, 14, 46, 6, 38}, {60, 28, 52, 20, 62, 30, 54, 22},
                                      {3, 35, 11, 43, 1, 33, 9, 41},  {51, 19, 59, 27, 49, 17, 57, 25},
                                      {15, 47, 7, 39, 13, 45, 5, 37}, {63, 31, 55, 23, 61, 29, 53, 21}};
  uint64_t error = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      size_t i = (size_t)y * (size_t)w + (size_t)x;
      const uint8_t *q = rgb + 3 * i;
      int found = p->exact ? find(p->sorted, p->size, pack(q)) : -1;
      if (found < 0) {
        int d = p->exact ? 0 : (bayer[y & 7][x & 7] - 32) * p->dither / (32 * 32);
        found = nearest(p, clamp255(q[0] + d), clamp255(q[1] + d), clamp255(q[2] + d));
      }
      index[i] = (uint8_t)found;
      for (int k = 0; k < 3; k++) {
        int e = q[k] - p->colour[found][k];
        error += (uint64_t)(e * e);
      }
    }
  return (double)error / (3.0 * w * h);
}
