#include "app/core/typeset/chart_internal.h"
#include "app/core/typeset/numbers.h"

#include <math.h>

typedef struct {
  double low, high; /* of the values, with zero */
  double widest_label, longest_word, widest_number;
} Extent;

static Extent extent_of(const Chart *k) {
  Extent e = {0};
  for (guint r = 0; r < k->c->rows; r++) {
    KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_LABEL, k->c->labels[r], k->px);
    e.widest_label = MAX(e.widest_label, kl_text_natural_width(&s, k->c->labels[r]));
    e.longest_word = MAX(e.longest_word, kl_text_word_width(&s, k->c->labels[r]));
    for (guint i = 0; i < k->c->series; i++) {
      double v = chart_value(k, r, i);
      if (isnan(v)) continue;
      g_autofree char *n = chart_number(k, v);
      e.low = MIN(e.low, v);
      e.high = MAX(e.high, v);
      e.widest_number = MAX(e.widest_number, chart_width(k, KL_VOICE_STRONG, n));
    }
  }
  if (e.low == e.high) e.high = e.low + 1;
  return e;
}

/* ---- lying bars ---- */

/* A bar from the zero line, its far corners round. */
static void bar_across(Chart *k, double zero, double end, double y, double thick, guint32 colour) {
  double x = MIN(zero, end), w = MAX(fabs(end - zero), 1.5);
  kl_scene_rect(k->g, (KlBox){x, y, w, thick}, MIN(thick * 0.22, 0.35 * k->px), colour, 1);
}

static bool lying(Chart *k, const Extent *e) {
  guint rows = k->c->rows, series = k->c->series;
  double px = k->px, gap = 0.6 * px, number = e->widest_number + gap;
  bool above =
      e->widest_label > 0.4 * k->box.w || (e->widest_label > 0.3 * k->box.w && k->box.h / rows > 3.2 * px);
  double column = above ? 0 : e->widest_label + 0.9 * px, line = above ? 1.5 * px : 0;
  double least = line + series * 0.9 * px + 0.6 * px,
         pitch = MIN(k->box.h / rows, line + series * 2.1 * px + 1.5 * px);
  double room = k->box.w - column - number - (e->low < 0 ? number : 0);
  if (pitch < least || room < 3 * px) return false;
  double thick = MIN((pitch - line - 0.6 * px) / series, 1.7 * px), unit = room / (e->high - e->low);
  double zero = column + (e->low < 0 ? number - e->low * unit : 0);
  for (guint r = 0; r < rows; r++) {
    double y = k->box.y + r * pitch + (rows > 1 ? 0 : (k->box.h - pitch) / 2);
    double bars = above ? y + line : y + (pitch - series * thick) / 2;
    double at = k->rtl ? k->box.x + k->box.w : k->box.x;
    if (above) {
      KlText *t = chart_label(k, KL_VOICE_LABEL, k->c->labels[r], at, y, k->rtl ? AT_RIGHT : AT_LEFT,
                              k->box.w, k->inks->text);
      if (kl_text_lines(t) != 1 || !kl_text_fits(t, k->box.w, 0)) return false;
    } else {
      chart_label_mid(k, KL_VOICE_LABEL, k->c->labels[r], at, bars + series * thick / 2,
                      k->rtl ? AT_RIGHT : AT_LEFT, k->inks->text);
    }
    for (guint i = 0; i < series; i++) {
      double v = chart_value(k, r, i), mid = bars + (i + 0.5) * thick;
      if (isnan(v)) continue;
      g_autofree char *n = chart_number(k, v);
      double z = k->rtl ? k->box.x + k->box.w - zero : k->box.x + zero, end = z + (k->rtl ? -v : v) * unit;
      bool leftwards = (v < 0) != k->rtl;
      bar_across(k, z, end, bars + i * thick + (series > 1 ? 0.06 * thick : 0),
                 thick * (series > 1 ? 0.88 : 1), k->inks->series[i % KL_CHART_COLOURS]);
      chart_label_mid(k, KL_VOICE_STRONG, n, end + (leftwards ? -gap * 0.8 : gap * 0.8), mid,
                      leftwards ? AT_RIGHT : AT_LEFT, k->inks->text);
    }
  }
  return true;
}

/* ---- standing bars ---- */

static void bar_up(Chart *k, double x, double zero, double end, double wide, guint32 colour) {
  double y = MIN(zero, end), h = MAX(fabs(end - zero), 1.5), r = MIN(MIN(wide * 0.18, 0.4 * k->px), h);
  KlShape *s = kl_scene_path(k->g, colour, 1, 0, 0);
  if (end <= zero) { /* round at the end, square on the line */
    kl_path_move(s, x, y + h);
    kl_path_arc(s, x + r, y + r, r, G_PI, 1.5 * G_PI);
    kl_path_arc(s, x + wide - r, y + r, r, 1.5 * G_PI, 2 * G_PI);
    kl_path_line(s, x + wide, y + h);
  } else {
    kl_path_move(s, x + wide, y);
    kl_path_arc(s, x + wide - r, y + h - r, r, 0, 0.5 * G_PI);
    kl_path_arc(s, x + r, y + h - r, r, 0.5 * G_PI, G_PI);
    kl_path_line(s, x, y);
  }
  kl_path_close(s);
}

/* Labels under their bars, wrapped into their slots; every n-th where they are too many. Their height, < 0:
 * they do not fit. */
static double foot(Chart *k, double slot, double left, double y, bool draw) {
  guint rows = k->c->rows, stride = 1;
  double most = 0;
  for (guint r = 0; r < rows; r++) {
    KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_LABEL, k->c->labels[r], k->px);
    double w =
        rows > 14 ? kl_text_natural_width(&s, k->c->labels[r]) : kl_text_word_width(&s, k->c->labels[r]);
    if (w > slot - 0.5 * k->px) stride = MAX(stride, (guint)ceil((w + 0.8 * k->px) / slot));
  }
  if (stride > 1 && rows <= 14) return -1;
  double taken = -INFINITY;
  for (guint r = 0; r < rows; r += stride) {
    KlTextStyle s = kl_fonts_style(k->fonts, KL_VOICE_LABEL, k->c->labels[r], k->px);
    double width = stride * slot - 0.5 * k->px, mid = left + (r + 0.5) * slot;
    KlText *t = kl_text_new(&s, k->c->labels[r], width);
    double half = kl_text_box_width(t) / 2;
    most = MAX(most, kl_text_box_height(t));
    bool three = kl_text_lines(t) > 3;
    kl_text_free(t);
    if (three) return -1;
    if (stride > 1) mid = CLAMP(mid, left + half, left + rows * slot - half);
    if (mid - half < taken + 0.4 * k->px) continue; /* one that was moved in from the edge */
    taken = mid + half;
    if (draw) chart_label(k, KL_VOICE_LABEL, k->c->labels[r], mid, y, AT_CENTRE, width, k->inks->text);
  }
  return most;
}

static bool standing(Chart *k, const Extent *e) {
  guint rows = k->c->rows, series = k->c->series;
  double px = k->px, left = k->box.x, width = k->box.w, axis = 0;
  double slot = width / rows, wide = MIN(slot * (rows > 20 ? 0.8 : 0.66), 5.5 * px * series);
  bool direct = e->widest_number <= (series > 1 ? wide / series : slot) - 0.2 * px;
  double first = 0, step = 0;
  int ticks = 0;
  double low = e->low, high = e->high, head = direct ? 1.5 * px : 0.4 * px,
         bottom = direct && low < 0 ? 1.5 * px : 0;
  if (!direct) { /* an axis instead of values at every bar */
    ticks = kl_ticks(low, high, 4, &first, &step);
    low = first;
    high = first + (ticks - 1) * step;
    for (int i = 0; i < ticks; i++) {
      g_autofree char *n = chart_number(k, first + i * step);
      axis = MAX(axis, chart_width(k, KL_VOICE_LABEL, n) + 0.7 * px);
    }
    left += axis;
    width -= axis;
    slot = width / rows;
    wide = MIN(slot * (rows > 20 ? 0.8 : 0.66), 5.5 * px * series);
  }
  if (slot < 2 || wide / series < 1) return false;
  double under = foot(k, slot, left, 0, false);
  double plot = k->box.h - under - 0.55 * px - head - bottom;
  if (under < 0 || plot < 4 * px) return false;
  double top = k->box.y + head, unit = plot / (high - low), zero = top + high * unit;
  for (int i = 0; i < ticks; i++) {
    double v = first + i * step, y = zero - v * unit;
    g_autofree char *n = chart_number(k, fabs(v) < step * 1e-6 ? 0 : v);
    kl_scene_line(k->g, left, y, left + width, y, k->inks->grid, MAX(1, px * 0.06));
    chart_label_mid(k, KL_VOICE_LABEL, n, left - 0.7 * px, y, AT_RIGHT, k->inks->muted);
  }
  for (guint r = 0; r < rows; r++)
    for (guint i = 0; i < series; i++) {
      double v = chart_value(k, r, i), each = wide / series,
             x = left + (r + 0.5) * slot - wide / 2 + i * each;
      if (isnan(v)) continue;
      double end = zero - v * unit;
      bar_up(k, x, zero, end, each * (series > 1 ? 0.9 : 1), k->inks->series[i % KL_CHART_COLOURS]);
      g_autofree char *n = direct ? chart_number(k, v) : NULL;
      if (direct)
        chart_label_mid(k, KL_VOICE_STRONG, n, x + each * (series > 1 ? 0.45 : 0.5),
                        v < 0 ? end + 0.85 * px : end - 0.8 * px, AT_CENTRE, k->inks->text);
    }
  kl_scene_line(k->g, left, zero, left + width, zero, k->inks->muted, MAX(1, px * 0.09));
  foot(k, slot, left, top + plot + bottom + 0.55 * px, true);
  return true;
}

bool chart_bars(Chart *k) {
  if (k->c->series > KL_CHART_COLOURS) return false;
  if (k->c->series > 1 && !chart_legend(k)) return false;
  Extent e = extent_of(k);
  guint before = k->g->shapes->len;
  double slot = k->box.w / k->c->rows;
  bool tall = k->box.h > 0.85 * k->box.w && k->c->rows >= 3 && k->c->rows * k->c->series <= 16;
  bool lie_first = tall || (k->c->rows <= 14 && e.longest_word > slot - 0.5 * k->px) ||
                   (k->c->rows <= 2 && k->box.w > 1.6 * k->box.h);
  for (int i = 0; i < 2; i++) {
    if (lie_first == (i == 0) ? lying(k, &e) : standing(k, &e)) return true;
    g_ptr_array_set_size(k->g->shapes, (int)before);
  }
  return false;
}
