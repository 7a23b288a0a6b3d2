/* Text measured without fonts, and what the engine must know of sizes. */
#include "app/core/layout/layout_internal.h"

#include <math.h>
#include <string.h>

/* Advance in ems: a little more than a common sans-serif has. */
static double advance(gunichar c) {
  if (c < 0x20 || g_unichar_iszerowidth(c)) return 0;
  if (g_unichar_iswide(c) || (c >= 0x1f000 && c < 0x20000)) return 1;
  if (c == ' ') return 0.28;
  if (strchr("iljtfI.,:;'|!()[]", (int)(c < 128 ? c : 'x'))) return 0.34;
  if (c == 'm' || c == 'w' || c == 'M' || c == 'W') return 0.88;
  if (g_unichar_isupper(c)) return 0.68;
  if (g_unichar_isdigit(c)) return 0.58;
  return 0.56;
}

typedef struct {
  double widest_word;
  int lines;
} Set;

/* Greedy line breaking at blanks, and between wide characters. `em` px a size. */
static Set set_text(const char *text, double width, double em) {
  Set s = {0, 1};
  double x = 0, word = 0;
  bool breakable = false;
  for (const char *p = text; *p; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    double a = advance(c) * em;
    bool wide = g_unichar_iswide(c);
    if (c == '\n' || c == ' ' || wide) {
      if (x + word > width && breakable && word > 0) {
        s.lines++;
        x = 0;
      }
      s.widest_word = MAX(s.widest_word, word);
      x += word;
      word = 0;
      breakable = x > 0;
    }
    if (c == '\n') {
      s.lines++;
      x = 0;
      breakable = false;
    } else if (c == ' ') {
      x += a;
    } else {
      word += a;
    }
  }
  if (x + word > width && breakable && word > 0) s.lines++;
  s.widest_word = MAX(s.widest_word, word);
  return s;
}

void kl_measure_estimate(const KlBrief *b, const KlBriefItem *item, double width, double text_px,
                         KlMeasured *out) {
  bool big = item->type == KL_EL_TITLE || item->type == KL_EL_HEADING || item->type == KL_EL_NUMBER;
  double spacing = item->type == KL_EL_NUMBER ? 1.05 : big ? 1.15 : 1.4, em = text_px * (big ? 1.06 : 1);
  *out = (KlMeasured){0};
  if (item->list) {
    double indent = 1.3 * text_px;
    for (char **e = item->list; *e; e++) {
      Set s = set_text(*e, width - indent, em);
      out->lines += s.lines;
      out->height += s.lines * spacing * text_px + (e > item->list ? 0.35 * text_px : 0);
      out->min_width = MAX(out->min_width, s.widest_word + indent);
    }
  } else if (item->text) {
    Set s = set_text(item->text, width, em);
    out->lines = s.lines;
    out->height = s.lines * spacing * text_px;
    out->min_width = s.widest_word;
  }
  if (item->label) {
    double px =
        item->type == KL_EL_NUMBER ? MAX(text_px * 0.3, kl_layout_least_px(b, KL_EL_NUMBER)) : text_px * 0.8;
    Set s = set_text(item->label, width, px);
    out->height += s.lines * 1.35 * px;
    out->min_width = MAX(out->min_width, s.widest_word);
  }
}

static void rough(void *user, const KlBrief *b, const KlBriefItem *item, double width, double text_px,
                  KlMeasured *out) {
  kl_measure_estimate(b, item, width, text_px, out);
}

KlMeasure kl_measure_rough(void) {
  return (KlMeasure){rough, NULL};
}

double kl_layout_least_px(const KlBrief *b, KlElementType type) {
  static const double share[] = {
      [KL_DENSITY_AIRY] = 1.0 / 52, [KL_DENSITY_NORMAL] = 1.0 / 58, [KL_DENSITY_DENSE] = 1.0 / 72};
  double side = MIN(MIN(b->width, b->height), 0.66 * MAX(b->width, b->height)),
         least = MAX(share[b->density] * side, 7);
  switch (type) {
  case KL_EL_TITLE:
    return least * 1.7;
  case KL_EL_NUMBER:
    return least * 1.6;
  case KL_EL_HEADING:
    return least * 1.15;
  default:
    return least;
  }
}
