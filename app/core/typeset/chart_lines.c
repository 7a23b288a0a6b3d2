#include "app/core/typeset/chart_internal.h"
#include "app/core/typeset/numbers.h"

#include <math.h>

typedef struct {
  double left, right, top, bottom; /* of the plot */
  double low, high;
} Plot;

static double px_of(const Plot *p, const Chart *k, guint row) {
  return k->c->rows < 2 ? (p->left + p->right) / 2 : p->left + (p->right - p->left) * row / (k->c->rows - 1);
}

static double py_of(const Plot *p, double v) {
  return p->bottom - (v - p->low) / (p->high - p->low) * (p->bottom - p->top);
}

static void range_of(const Chart *k, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (gsize i = 0; i < (gsize)k->c->rows * k->c->series; i++)
    if (!isnan(k->c->values[i])) {
      *low = MIN(*low, k->c->values[i]);
      *high = MAX(*high, k->c->values[i]);
    }
  /* an area begins at zero; a line may leave it out when it is far away */
  if (k->c->kind == KL_CHART_AREA || (*low > 0 && *low < 0.45 * *high)) *low = MIN(*low, 0);
  if (k->c->kind == KL_CHART_AREA) *high = MAX(*high, 0);
  if (*low == *high) {
    double some = MAX(fabs(*low) * 0.5, 1);
    *low -= *low > 0 && *low < some ? *low : some;
    *high += some;
  }
}

static void stretch(Chart *k, const Plot *p, guint series, guint from, guint to, guint32 colour) {
  if (k->c->kind == KL_CHART_AREA && to > from) {
    double base = py_of(p, CLAMP(0, p->low, p->high));
    KlShape *a = kl_scene_path(k->g, colour, k->c->series > 1 ? 0.16 : 0.22, 0, 0);
    kl_path_move(a, px_of(p, k, from), base);
    for (guint r = from; r <= to; r++) kl_path_line(a, px_of(p, k, r), py_of(p, chart_value(k, r, series)));
    kl_path_line(a, px_of(p, k, to), base);
    kl_path_close(a);
  }
  if (to > from) {
    KlShape *l = kl_scene_path(k->g, 0, 0, colour, MAX(1.5, k->px * 0.17));
    for (guint r = from; r <= to; r++) kl_path_line(l, px_of(p, k, r), py_of(p, chart_value(k, r, series)));
  }
  for (guint r = from; r <= to; r++) /* few points are marked, and one that stands alone must be */
    if (k->c->rows <= 12 || to == from) {
      double x = px_of(p, k, r), y = py_of(p, chart_value(k, r, series)), size = k->px * 0.26;
      kl_scene_circle(k->g, x, y, size + k->px * 0.1, k->inks->ground);
      kl_scene_circle(k->g, x, y, size, colour);
    }
}

/* The stretches without a gap in them. */
static void series_line(Chart *k, const Plot *p, guint series) {
  guint from = 0;
  for (guint r = 0; r <= k->c->rows; r++)
    if (r == k->c->rows || isnan(chart_value(k, r, series))) {
      if (r > from) stretch(k, p, series, from, r - 1, k->inks->series[series % KL_CHART_COLOURS]);
      from = r + 1;
    }
}

static int last_value(const Chart *k, guint series) {
  for (int r = (int)k->c->rows - 1; r >= 0; r--)
    if (!isnan(chart_value(k, (guint)r, series))) return r;
  return -1;
}

static char *end_label(const Chart *k, guint series) {
  int last = last_value(k, series);
  if (last < 0) return NULL;
  g_autofree char *n = chart_number(k, chart_value(k, (guint)last, series));
  const char *name = k->c->names && k->c->series > 1 ? k->c->names[series] : "";
  return *name ? g_strconcat(name, "  ", n, NULL) : g_steal_pointer(&n);
}

/* Names and last values at the ends of the lines, moved apart where they would touch. */
static bool end_labels(Chart *k, const Plot *p) {
  guint n = k->c->series;
  double pitch = 1.35 * k->px, y[KL_CHART_COLOURS];
  guint order[KL_CHART_COLOURS], count = 0;
  for (guint i = 0; i < n; i++) {
    int last = last_value(k, i);
    if (last < 0) continue;
    double at = py_of(p, chart_value(k, (guint)last, i));
    guint j = count++;
    while (j > 0 && y[j - 1] > at) y[j] = y[j - 1], order[j] = order[j - 1], j--;
    y[j] = at;
    order[j] = i;
  }
  double top = p->top - 0.5 * k->px, bottom = p->bottom + 0.5 * k->px;
  if ((count - 1) * pitch > bottom - top) return false;
  for (guint j = 0; j < count; j++) y[j] = MAX(y[j], j ? y[j - 1] + pitch : top);
  for (guint j = count; j-- > 0;) y[j] = MIN(y[j], j + 1 < count ? y[j + 1] - pitch : bottom);
  for (guint j = 0; j < count; j++) {
    g_autofree char *text = end_label(k, order[j]);
    chart_label_mid(k, KL_VOICE_STRONG, text, p->right + 0.75 * k->px, y[j], AT_LEFT,
                    n > 1 ? k->inks->series[order[j]] : k->inks->text);
  }
  return true;
}

/* Labels of the rows that have room; the last one is kept, for that is where the eye goes. */
static bool row_labels(Chart *k, const Plot *p, double y) {
  double least = k->box.x, most = k->box.x + k->box.w, from = -INFINITY, to = INFINITY;
  guint rows = k->c->rows, stride = 1;
  for (guint r = 0; r < rows; r++) {
    double w = chart_width(k, KL_VOICE_LABEL, k->c->labels[r]);
    double slot = rows > 1 ? (p->right - p->left) / (rows - 1) : p->right - p->left;
    if (w > most - least) return false;
    stride = MAX(stride, (guint)ceil((w + 1.1 * k->px) / MAX(slot, 1e-3)));
  }
  for (guint r = 0; r < rows; r++) {
    bool last = r == rows - 1;
    if (!last && (r % stride || rows - 1 - r < stride)) continue;
    double w = chart_width(k, KL_VOICE_LABEL, k->c->labels[r]);
    double mid = CLAMP(px_of(p, k, r), least + w / 2, most - w / 2);
    if (mid - w / 2 < from + 0.4 * k->px || mid + w / 2 > to) continue;
    chart_label(k, KL_VOICE_LABEL, k->c->labels[r], mid, y, AT_CENTRE, 0, k->inks->muted);
    from = mid + w / 2;
  }
  return true;
}

bool chart_lines(Chart *k) {
  double px = k->px, low, high, first, step, axis = 0, end = 0;
  if (k->c->series > KL_CHART_COLOURS) return false;
  range_of(k, &low, &high);
  int ticks = kl_ticks(low, high, k->box.h > 16 * px ? 5 : 3, &first, &step);
  int decimals = k->decimals; /* marks are rounder than data */
  double marks[2] = {step, first};
  k->decimals = kl_decimals(marks, 2);
  for (int i = 0; i < ticks; i++) {
    g_autofree char *n = chart_number(k, first + i * step);
    axis = MAX(axis, chart_width(k, KL_VOICE_LABEL, n) + 0.8 * px);
  }
  Plot p = {.left = k->box.x + axis,
            .top = k->box.y + 0.5 * px,
            .bottom = k->box.y + k->box.h - 1.9 * px,
            .low = first,
            .high = first + (ticks - 1) * step};
  if (p.bottom - p.top < 4 * px) return false;
  int own = k->decimals;
  k->decimals = decimals;
  for (guint i = 0; i < k->c->series; i++) {
    g_autofree char *text = end_label(k, i);
    if (text) end = MAX(end, chart_width(k, KL_VOICE_STRONG, text) + 0.9 * px);
  }
  p.right = k->box.x + k->box.w - MAX(end, 0.5 * px);
  if (p.right - p.left < 6 * px) return false;
  k->decimals = own;
  for (int i = 0; i < ticks; i++) {
    double v = first + i * step, y = py_of(&p, v);
    g_autofree char *n = chart_number(k, fabs(v) < step * 1e-6 ? 0 : v);
    bool zero = fabs(v) < step * 1e-6;
    kl_scene_line(k->g, p.left, y, p.right, y, zero ? k->inks->muted : k->inks->grid,
                  MAX(1, px * (zero ? 0.09 : 0.06)));
    chart_label_mid(k, KL_VOICE_LABEL, n, p.left - 0.8 * px, y, AT_RIGHT, k->inks->muted);
  }
  k->decimals = decimals;
  for (guint i = 0; i < k->c->series; i++) series_line(k, &p, i);
  return end_labels(k, &p) && row_labels(k, &p, p.bottom + 0.75 * px);
}
