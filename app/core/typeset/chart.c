#include "app/core/gerr.h"
#include "app/core/typeset/chart_internal.h"
#include "app/core/typeset/colour.h"
#include "app/core/typeset/numbers.h"

#include <math.h>

#define SHRINK 0.93
#define MOST_SLICES 8
#define ROOMY 24 /* label sizes that the side of a square of its area has */
#define GROW 1.5

KlChartInks kl_chart_inks(const KlPalette *p, guint32 ground) {
  KlChartInks k = {.ground = ground};
  double l = kl_rgb_luminance(ground);
  guint32 a = p->rgb[KL_COLOUR_ACCENT], b = p->rgb[KL_COLOUR_ACCENT2];
  kl_rgb_readable(p->rgb[KL_COLOUR_TEXT], l, l, KL_CONTRAST_LEAST, &k.text);
  kl_rgb_readable(p->rgb[KL_COLOUR_MUTED], l, l, KL_CONTRAST_LEAST, &k.muted);
  k.grid = kl_rgb_mix(ground, k.text, 0.14);
  /* areas need less contrast than words, but must be seen: at least 2:1 */
  kl_rgb_readable(a, l, l, 2, &k.series[0]);
  kl_rgb_readable(b, l, l, 2, &k.series[1]);
  guint32 more[] = {kl_rgb_mix(a, ground, 0.45),
                    kl_rgb_mix(b, ground, 0.45),
                    kl_rgb_mix(a, k.text, 0.45),
                    kl_rgb_mix(b, k.text, 0.45),
                    k.muted,
                    kl_rgb_mix(k.muted, ground, 0.5)};
  for (int i = 2; i < KL_CHART_COLOURS; i++) kl_rgb_readable(more[i - 2], l, l, 1.4, &k.series[i]);
  return k;
}

double chart_value(const Chart *k, guint row, guint series) {
  return k->c->values[(gsize)row * k->c->series + series];
}

char *chart_number(const Chart *k, double v) {
  return kl_value_text(v, k->decimals, k->highest, k->unit, k->language);
}

double chart_width(const Chart *k, KlVoice part, const char *text) {
  KlTextStyle s = kl_fonts_style(k->fonts, part, text, k->px);
  return kl_text_natural_width(&s, text);
}

KlText *chart_label(Chart *k, KlVoice part, const char *text, double x, double y, Anchor a, double width,
                    guint32 colour) {
  KlTextStyle s = kl_fonts_style(k->fonts, part, text, k->px);
  s.direction = k->rtl ? KL_DIRECTION_RTL : KL_DIRECTION_AUTO;
  KlText *probe = kl_text_new(&s, text, width);
  bool rtl = kl_text_is_rtl(probe);
  s.align = a == AT_CENTRE ? KL_TEXT_CENTRE : (a == AT_RIGHT) != rtl ? KL_TEXT_END : KL_TEXT_START;
  kl_text_free(probe);
  KlText *t = kl_text_new(&s, text, width);
  double w = width > 0 ? width : kl_text_box_width(t);
  kl_scene_text(k->g, t, a == AT_LEFT ? x : a == AT_RIGHT ? x - w : x - w / 2, y, w, colour);
  return t;
}

void chart_label_mid(Chart *k, KlVoice part, const char *text, double x, double y, Anchor a, guint32 colour) {
  KlText *t = chart_label(k, part, text, x, 0, a, 0, colour);
  KlShape *s = k->g->shapes->pdata[k->g->shapes->len - 1];
  if (kl_text_lines(t)) s->box.y = y + 0.36 * k->px - kl_text_line(t, 0).baseline;
}

bool chart_legend(Chart *k) {
  double dot = 0.32 * k->px, gap = 0.5 * k->px, between = 1.6 * k->px, x = 0, y = 0;
  guint n = MIN(k->c->series, KL_CHART_COLOURS);
  for (guint i = 0; i < n; i++) {
    double w = 2 * dot + gap + chart_width(k, KL_VOICE_LABEL, k->c->names[i]);
    if (w > k->box.w) return false;
    if (x > 0 && x + w > k->box.w) x = 0, y += 1.6 * k->px;
    double left = k->rtl ? k->box.x + k->box.w - x : k->box.x + x, mid = k->box.y + y + 0.5 * k->px;
    kl_scene_circle(k->g, k->rtl ? left - dot : left + dot, mid, dot, k->inks->series[i]);
    chart_label_mid(k, KL_VOICE_LABEL, k->c->names[i], k->rtl ? left - 2 * dot - gap : left + 2 * dot + gap,
                    mid, k->rtl ? AT_RIGHT : AT_LEFT, k->inks->text);
    x += w + between;
  }
  k->box.y += y + 2.1 * k->px;
  k->box.h -= y + 2.1 * k->px;
  return k->box.h > 0;
}

static const char *unit_of(const KlChart *c) {
  if (c->unit) return c->unit;
  return c->series == 1 && c->names && kl_is_unit(c->names[0]) ? c->names[0] : "";
}

static bool title(Chart *k) {
  const char *text = k->c->title;
  if (!text || !*text) return true;
  double px = k->px, plain = px;
  k->box.y += 0.35 * px; /* apart from the words above */
  k->box.h -= 0.35 * px;
  k->px = px * 1.14;
  KlText *t = chart_label(k, KL_VOICE_STRONG, text, k->rtl ? k->box.x + k->box.w : k->box.x, k->box.y,
                          k->rtl ? AT_RIGHT : AT_LEFT, k->box.w, k->inks->text);
  k->px = plain;
  double h = kl_text_box_height(t) + 0.9 * px;
  k->box.y += h;
  k->box.h -= h;
  return kl_text_fits(t, k->box.w, 0) && k->box.h > 2 * px;
}

static bool draw(Chart *k, KlChartKind kind) {
  if (!title(k)) return false;
  switch (kind) {
  case KL_CHART_LINE:
  case KL_CHART_AREA:
    return chart_lines(k);
  case KL_CHART_PIE:
    return chart_pie(k);
  case KL_CHART_TIMELINE:
    return chart_timeline(k);
  default:
    return chart_bars(k);
  }
}

/* What no size can help. */
static bool sound(const KlChart *c, const char *name, GError **error) {
  double sum = 0;
  if (c->kind == KL_CHART_TIMELINE) return true;
  for (gsize i = 0; i < (gsize)c->rows * c->series; i++) {
    if (isinf(c->values[i]))
      return kl_gfail(error, KL_ERROR_INPUT, "the chart \"%s\" has an infinite value", name);
    if (c->kind == KL_CHART_PIE && c->values[i] < 0)
      return kl_gfail(error, KL_ERROR_INPUT,
                      "the pie \"%s\" has a negative value (%g, \"%s\"): a bar chart shows it", name,
                      c->values[i], c->labels[i / c->series]);
    if (!isnan(c->values[i])) sum += c->values[i];
  }
  if (c->kind == KL_CHART_PIE && sum <= 0)
    return kl_gfail(error, KL_ERROR_INPUT, "the pie \"%s\" adds up to nothing", name);
  return true;
}

bool kl_chart_draw(const KlFonts *f, const KlChart *c, const KlChartInks *inks, bool rtl, KlBox box,
                   double px, double least_px, KlGroup *g, const char *name, GError **error) {
  guint before = g->shapes->len;
  if (!sound(c, name, error)) return false;
  KlChartKind kind =
      c->kind == KL_CHART_PIE && (c->rows > MOST_SLICES || c->series > 1) ? KL_CHART_BAR : c->kind;
  /* a chart that rules its page has larger labels */
  double grown = px * CLAMP(sqrt(box.w * box.h) / (ROOMY * px), 1, GROW);
  for (double size = grown; size >= MIN(least_px, px) * SHRINK; size *= SHRINK) {
    Chart k = {
        .fonts = f, .c = c, .inks = inks, .g = g, .box = box, .rtl = rtl, .language = kl_fonts_language(f)};
    k.px = size;
    k.unit = unit_of(c);
    for (gsize i = 0; c->values && i < (gsize)c->rows * c->series; i++)
      if (isfinite(c->values[i])) k.highest = MAX(k.highest, fabs(c->values[i]));
    if (c->values) k.decimals = kl_decimals(c->values, (gsize)c->rows * c->series);
    if (draw(&k, kind)) return true;
    g_ptr_array_set_size(g->shapes, (int)before);
  }
  return kl_gfail(error, KL_ERROR_INPUT,
                  "the chart \"%s\" does not fit its box of %.0fx%.0f pixels, even with labels of %.0f", name,
                  box.w, box.h, MIN(least_px, px));
}

char *kl_chart_alt(const KlChart *c, const char *language) {
  GString *s = g_string_new(c->title && *c->title ? c->title : kl_chart_kind_name(c->kind));
  int decimals = c->values ? kl_decimals(c->values, (gsize)c->rows * c->series) : 0;
  g_string_append(s, ": ");
  for (guint r = 0; r < c->rows && r < 60; r++) {
    if (r) g_string_append(s, "; ");
    g_string_append(s, c->labels[r]);
    if (c->texts) g_string_append_printf(s, " %s", c->texts[r]);
    for (guint i = 0; i < c->series; i++) {
      double v = c->values[(gsize)r * c->series + i];
      if (isnan(v)) continue;
      g_autofree char *n = kl_value_text(v, decimals, fabs(v), unit_of(c), language);
      g_string_append_printf(s, "%s %s%s%s", i ? "," : "", c->series > 1 ? c->names[i] : "",
                             c->series > 1 ? " " : "", n);
    }
  }
  return g_string_free(s, FALSE);
}
