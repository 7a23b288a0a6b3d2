/* A pie (a ring, with its shares named beside it) and a timeline. */
#include "app/core/typeset/chart_internal.h"
#include "app/core/typeset/numbers.h"

#include <math.h>

#define ROW 1.75  /* of the list beside a ring, in label sizes */
#define RING 0.62 /* inner radius to outer */

static void ring(Chart *k, double cx, double cy, double radius, double sum) {
  double at = -G_PI / 2, gap = k->c->rows > 1 ? MAX(1.5, radius * 0.02) / radius : 0;
  guint biggest = 0;
  for (guint r = 0; r < k->c->rows; r++) {
    double v = chart_value(k, r, 0);
    if (isnan(v) || v <= 0) continue;
    double part = v / sum * 2 * G_PI, a = at + MIN(gap / 2, part / 3), b = at + part - MIN(gap / 2, part / 3);
    KlShape *s = kl_scene_path(k->g, k->inks->series[r % KL_CHART_COLOURS], 1, 0, 0);
    kl_path_arc(s, cx, cy, radius, a, b);
    kl_path_arc(s, cx, cy, radius * RING, b, a);
    kl_path_close(s);
    if (v > chart_value(k, biggest, 0) || isnan(chart_value(k, biggest, 0))) biggest = r;
    at += part;
  }
  /* the largest share in the middle */
  g_autofree char *n = kl_value_text(100 * chart_value(k, biggest, 0) / sum, 0, 100, "%", k->language);
  KlTextStyle t = kl_fonts_style(k->fonts, KL_VOICE_VALUE, n, radius * 0.36);
  t.align = KL_TEXT_CENTRE;
  KlText *text = kl_text_fit(&(KlTextStyle){.families = t.families,
                                            .weight = t.weight,
                                            .size = t.size,
                                            .size_min = 4,
                                            .tracking = t.tracking,
                                            .align = KL_TEXT_CENTRE,
                                            .max_lines = 1},
                             n, radius * RING * 1.6, 0, NULL);
  if (!text) return;
  KlTextLine line = kl_text_line(text, 0);
  kl_scene_text(k->g, text, cx - radius * RING * 0.8, cy + 0.36 * kl_text_size(text) - line.baseline,
                radius * RING * 1.6, k->inks->series[biggest % KL_CHART_COLOURS]);
}

bool chart_pie(Chart *k) {
  guint rows = k->c->rows;
  double px = k->px, sum = 0, widest = 0, number = 0, dot = 0.34 * px;
  for (guint r = 0; r < rows; r++)
    if (!isnan(chart_value(k, r, 0))) sum += chart_value(k, r, 0);
  g_auto(GStrv) shares = g_new0(char *, rows + 1);
  for (guint r = 0; r < rows; r++) {
    double v = chart_value(k, r, 0);
    shares[r] =
        isnan(v) ? g_strdup("–")
                 : kl_value_text(100 * v / sum, sum > 0 && 100 * v / sum < 1 && v > 0, 100, "%", k->language);
    widest = MAX(widest, chart_width(k, KL_VOICE_LABEL, k->c->labels[r]));
    number = MAX(number, chart_width(k, KL_VOICE_STRONG, shares[r]));
  }
  double list_w = 2 * dot + 0.6 * px + number + 0.7 * px + widest, list_h = rows * ROW * px;
  bool beside = k->box.w > k->box.h * 1.25;
  double d = beside ? MIN(k->box.h, k->box.w - list_w - 2 * px)
                    : MIN(MIN(k->box.w, k->box.h - list_h - 1.4 * px), k->box.w * 0.9);
  if (d < 5 * px || list_h > k->box.h || list_w > k->box.w) return false;
  double whole = beside ? d + 2 * px + list_w : 0, pad = beside ? (k->box.w - whole) / 2 : 0;
  pad = MIN(pad, 2 * px);
  double cx = beside ? (k->rtl ? k->box.x + k->box.w - pad - d / 2 : k->box.x + pad + d / 2)
                     : k->box.x + k->box.w / 2;
  double top = beside ? k->box.y + k->box.h / 2 - list_h / 2 : k->box.y + d + 1.4 * px;
  double cy = beside ? k->box.y + k->box.h / 2 : k->box.y + d / 2;
  double left = beside ? (k->rtl ? cx - d / 2 - 2 * px - list_w : cx + d / 2 + 2 * px)
                       : k->box.x + (k->box.w - list_w) / 2;
  ring(k, cx, cy, d / 2, sum);
  for (guint r = 0; r < rows; r++) {
    double mid = top + (r + 0.5) * ROW * px, edge = k->rtl ? left + list_w : left, sign = k->rtl ? -1 : 1;
    Anchor near = k->rtl ? AT_RIGHT : AT_LEFT, far = k->rtl ? AT_LEFT : AT_RIGHT;
    kl_scene_circle(k->g, edge + sign * dot, mid, dot, k->inks->series[r % KL_CHART_COLOURS]);
    edge += sign * (2 * dot + 0.6 * px);
    chart_label_mid(k, KL_VOICE_STRONG, shares[r], edge + sign * number, mid, far, k->inks->text);
    edge += sign * (number + 0.7 * px);
    chart_label_mid(k, KL_VOICE_LABEL, k->c->labels[r], edge, mid, near, k->inks->text);
  }
  return true;
}

/* ---- timeline ---- */

static double row_height(const Chart *k, guint r, double width) {
  KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_BODY, k->c->texts[r], k->px);
  return kl_text_height(&s, k->c->texts[r], width);
}

static bool down(Chart *k) {
  guint rows = k->c->rows;
  double px = k->px, dates = 0, need = 0, dot = 0.36 * px, rail = 2.4 * px;
  for (guint r = 0; r < rows; r++) dates = MAX(dates, chart_width(k, KL_VOICE_STRONG, k->c->labels[r]));
  double inset = 0.14 * px,
         room = k->box.h - 2 * inset; /* of the dots, above the first line and below the last */
  if (dates > 0.4 * k->box.w) return false;
  double width = k->box.w - dates - rail;
  g_autofree double *heights = g_new(double, rows);
  for (guint r = 0; r < rows; r++) {
    KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_BODY, k->c->texts[r], px);
    if (kl_text_word_width(&s, k->c->texts[r]) > width) return false;
    heights[r] = MAX(row_height(k, r, width), px);
    need += heights[r];
  }
  double gap = rows > 1 ? MIN((room - need) / (rows - 1), 3.2 * px) : 0, y = k->box.y + inset;
  if (need > room + 0.01 || (rows > 1 && gap < 0.6 * px)) return false;
  double sign = k->rtl ? -1 : 1, edge = k->rtl ? k->box.x + k->box.w : k->box.x;
  double x = edge + sign * (dates + rail / 2),
         line_end = y + need - heights[rows - 1] + gap * (rows - 1) + 0.4 * px;
  if (rows > 1) kl_scene_line(k->g, x, y + 0.4 * px, x, line_end, k->inks->grid, MAX(1.5, 0.12 * px));
  for (guint r = 0; r < rows; r++) {
    double mid = y + 0.4 * px;
    kl_scene_circle(k->g, x, mid, dot + 0.16 * px, k->inks->ground);
    kl_scene_circle(k->g, x, mid, dot, k->inks->series[0]);
    chart_label_mid(k, KL_VOICE_STRONG, k->c->labels[r], edge + sign * dates, mid,
                    k->rtl ? AT_LEFT : AT_RIGHT, k->inks->text);
    chart_label(k, KL_VOICE_BODY, k->c->texts[r], k->rtl ? x - rail / 2 : x + rail / 2, y,
                k->rtl ? AT_RIGHT : AT_LEFT, width, k->inks->text);
    y += heights[r] + gap;
  }
  return true;
}

static bool along(Chart *k) {
  guint rows = k->c->rows;
  double px = k->px, slot = k->box.w / rows, width = slot - 1.4 * px, most = 0, dot = 0.4 * px;
  for (guint r = 0; r < rows; r++) {
    KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_BODY, k->c->texts[r], px);
    if (kl_text_word_width(&s, k->c->texts[r]) > width ||
        chart_width(k, KL_VOICE_STRONG, k->c->labels[r]) > width)
      return false;
    most = MAX(most, row_height(k, r, width));
  }
  double head = 3.2 * px, y = k->box.y + MAX(0, (k->box.h - head - most) / 3);
  if (head + most > k->box.h) return false;
  double rail = y + 2.1 * px, from = k->box.x + dot, to = k->box.x + k->box.w;
  kl_scene_line(k->g, from, rail, to, rail, k->inks->grid, MAX(1.5, 0.12 * px));
  for (guint r = 0; r < rows; r++) {
    double left = k->rtl ? k->box.x + k->box.w - r * slot : k->box.x + r * slot, sign = k->rtl ? -1 : 1;
    Anchor a = k->rtl ? AT_RIGHT : AT_LEFT;
    kl_scene_circle(k->g, left + sign * dot, rail, dot, k->inks->series[0]);
    chart_label(k, KL_VOICE_STRONG, k->c->labels[r], left, y, a, 0, k->inks->text);
    chart_label(k, KL_VOICE_BODY, k->c->texts[r], left, y + head, a, width, k->inks->text);
  }
  return true;
}

bool chart_timeline(Chart *k) {
  guint before = k->g->shapes->len;
  bool wide = k->box.w > 2 * k->box.h;
  for (int i = 0; i < 2; i++) {
    if (wide == (i == 0) ? along(k) : down(k)) return true;
    g_ptr_array_set_size(k->g->shapes, (int)before);
  }
  return false;
}
