#include "app/core/typeset/text.h"

#include "app/core/typeset/hyphens.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#define ASCENT 0.76
#define DESCENT 0.24
#define SPACING 1.3
#define CLEARANCE 0.04 /* ems between the ink of two lines, at least */
#define SLACK 0.01     /* pixels that rounding may cost */
#define LONE 0.3       /* of the width: a last line that is shorter looks forgotten */
#define NARROWEST 0.78 /* of the width, that a column may become for it */
#define SIZES 12       /* halvings of the range of sizes */

typedef struct {
  PangoLayoutLine *line; /* of `layout` */
  KlTextLine at;
  double top, bottom; /* ink above and below the baseline, >= 0 where it is there */
} Line;

struct KlText {
  PangoLayout *layout;
  char *string;
  double size, tracking, width, height, box; /* box: the width it was set in, 0 none */
  bool rtl, broken;
  GArray *lines; /* Line */
};

/* ---- what a thread needs ---- */

static void context_free(void *p) {
  g_object_unref(p);
}
static GPrivate context_key = G_PRIVATE_INIT(context_free);

static PangoContext *context(void) {
  PangoContext *c = g_private_get(&context_key);
  if (c) return c;
  c = pango_font_map_create_context(pango_cairo_font_map_get_default());
  cairo_font_options_t *o = cairo_font_options_create();
  cairo_font_options_set_antialias(o, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(o, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(o, CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(c, o);
  cairo_font_options_destroy(o);
  pango_context_set_round_glyph_positions(c, FALSE);
  g_private_set(&context_key, c);
  return c;
}

/* ---- the string ---- */

static char *shown(const char *text) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  GString *s = g_string_new(NULL);
  for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (c == '\r' && p[1] == '\n') continue;
    if (c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85) c = '\n';
    if (c == '\t') c = ' ';
    if (c < 0x20 && c != '\n') c += 0x2400;
    if (c == 0x7F) c = 0x2421;
    if (c > 0x7F && c < 0xA0) c = 0xFFFD;
    g_string_append_unichar(s, c);
  }
  while (s->len && g_ascii_isspace(s->str[s->len - 1])) g_string_truncate(s, s->len - 1);
  return g_string_free(s, FALSE);
}

/* ---- a Pango layout ---- */

static PangoLayout *layout_new(const KlTextStyle *s, const char *string, double size) {
  PangoContext *c = context();
  PangoLayout *l = pango_layout_new(c);
  PangoFontDescription *d = pango_font_description_new();
  PangoAttrList *attrs = pango_attr_list_new();
  pango_font_description_set_family(d, s->families && *s->families ? s->families : "sans-serif");
  pango_font_description_set_weight(d, (PangoWeight)(s->weight ? s->weight : 400));
  pango_font_description_set_style(d, s->italic ? PANGO_STYLE_ITALIC : PANGO_STYLE_NORMAL);
  pango_font_description_set_absolute_size(d, size * PANGO_SCALE);
  pango_layout_set_font_description(l, d);
  pango_font_description_free(d);
  if (s->tracking != 0)
    pango_attr_list_insert(attrs,
                           pango_attr_letter_spacing_new((int)lrint(s->tracking * size * PANGO_SCALE)));
  if (s->lang && *s->lang)
    pango_attr_list_insert(attrs, pango_attr_language_new(pango_language_from_string(s->lang)));
  pango_layout_set_attributes(l, attrs);
  pango_attr_list_unref(attrs);
  pango_layout_set_auto_dir(l, s->direction == KL_DIRECTION_AUTO);
  if (s->direction != KL_DIRECTION_AUTO) {
    pango_context_set_base_dir(c,
                               s->direction == KL_DIRECTION_RTL ? PANGO_DIRECTION_RTL : PANGO_DIRECTION_LTR);
    pango_layout_context_changed(l);
  }
  pango_layout_set_justify(l, s->align == KL_TEXT_JUSTIFY);
  pango_layout_set_text(l, string, -1);
  return l;
}

static void wrap_at(PangoLayout *l, double width, bool anywhere) {
  pango_layout_set_wrap(l, anywhere ? PANGO_WRAP_WORD_CHAR : PANGO_WRAP_WORD);
  pango_layout_set_width(l, width > 0 ? (int)floor(width * PANGO_SCALE) : -1);
}

static double widest_ink(PangoLayout *l) {
  double most = 0;
  for (GSList *i = pango_layout_get_lines_readonly(l); i; i = i->next) {
    PangoRectangle ink;
    pango_layout_line_get_extents(i->data, &ink, NULL);
    most = MAX(most, (double)ink.width / PANGO_SCALE);
  }
  return most;
}

/* Ink may be wider than the advances that lines are broken by (italics, swashes): then they are broken a
 * little earlier. */
static void break_lines(PangoLayout *l, double width, bool anywhere) {
  double wrap = width;
  wrap_at(l, wrap, anywhere);
  for (int i = 0; width > 0 && i < 4; i++) {
    double over = widest_ink(l) - width;
    if (over <= SLACK || over > width / 4) return;
    wrap_at(l, wrap -= over, anywhere);
  }
}

static double last_width(PangoLayout *l) {
  PangoRectangle ink;
  pango_layout_line_get_extents(pango_layout_get_line_readonly(l, pango_layout_get_line_count(l) - 1), &ink,
                                NULL);
  return (double)ink.width / PANGO_SCALE;
}

/* Narrows the column as long as that costs no line: until the lines are alike (balance), or until the last
 * one is more than a lone word. */
static void even_lines(PangoLayout *l, double width, bool balance, bool anywhere) {
  int lines = pango_layout_get_line_count(l);
  double low = width * 0.45, high = width;
  if (lines < 2 || width <= 0 || strchr(pango_layout_get_text(l), '\n')) return;
  if (!balance) {
    double best = 0, least = width;
    for (double w = width; w > width * NARROWEST && best < width * LONE; w -= width * 0.02) {
      wrap_at(l, w, anywhere);
      if (pango_layout_get_line_count(l) > lines || widest_ink(l) > width + SLACK) break;
      if (last_width(l) > best) best = last_width(l), least = w;
    }
    if (least < width)
      wrap_at(l, least, anywhere);
    else
      break_lines(l, width, anywhere);
    return;
  }
  for (int i = 0; i < 9; i++) {
    double w = (low + high) / 2;
    wrap_at(l, w, anywhere);
    if (pango_layout_get_line_count(l) > lines || widest_ink(l) > w + SLACK)
      low = w;
    else
      high = w;
  }
  wrap_at(l, high, anywhere);
}

/* ---- lines in their places ---- */

static void place(KlText *t, const KlTextStyle *s) {
  double pitch = (s->spacing > 0 ? s->spacing : SPACING) * t->size, y = 0, before = 0;
  g_array_set_size(t->lines, 0);
  t->width = 0;
  for (GSList *i = *t->string ? pango_layout_get_lines_readonly(t->layout) : NULL; i; i = i->next) {
    PangoLayoutLine *line = i->data;
    PangoRectangle ink;
    Line n = {.line = line};
    pango_layout_line_get_extents(line, &ink, NULL);
    n.top = MAX(0, -(double)ink.y / PANGO_SCALE);
    n.bottom = MAX(0, (double)(ink.y + ink.height) / PANGO_SCALE);
    if (t->lines->len == 0)
      y = MAX(ASCENT * t->size, n.top);
    else
      y += MAX(pitch, before + n.top + CLEARANCE * t->size);
    before = n.bottom;
    n.at = (KlTextLine){.x = -(double)ink.x / PANGO_SCALE,
                        .baseline = y,
                        .width = (double)ink.width / PANGO_SCALE,
                        .start = (size_t)line->start_index,
                        .length = (size_t)line->length,
                        .rtl = line->resolved_dir == PANGO_DIRECTION_RTL};
    t->width = MAX(t->width, n.at.width);
    g_array_append_val(t->lines, n);
  }
  t->height = t->lines->len ? y + MAX(DESCENT * t->size, before) : 0;
  if (t->lines->len) t->rtl = g_array_index(t->lines, Line, 0).at.rtl;
  double box = t->box > 0 ? t->box : t->width;
  for (guint i = 0; i < t->lines->len; i++) {
    Line *n = &g_array_index(t->lines, Line, i);
    bool right = s->align == KL_TEXT_END ? !n->at.rtl : s->align != KL_TEXT_CENTRE && n->at.rtl;
    double gap = box - n->at.width;
    n->at.x += s->align == KL_TEXT_CENTRE ? gap / 2 : right ? gap : 0;
  }
}

static KlText *set(const KlTextStyle *s, const char *string, double size, double width, bool anywhere) {
  KlText *t = g_new0(KlText, 1);
  t->string = g_strdup(string);
  t->size = size;
  t->tracking = s->tracking * size;
  t->box = width;
  t->broken = anywhere;
  t->lines = g_array_new(FALSE, FALSE, sizeof(Line));
  t->layout = layout_new(s, string, size);
  break_lines(t->layout, width, anywhere);
  even_lines(t->layout, width, s->balance, anywhere);
  place(t, s);
  return t;
}

KlText *kl_text_new(const KlTextStyle *s, const char *text, double width) {
  g_autofree char *string = shown(text);
  return set(s, string, s->size, width, false);
}

void kl_text_free(KlText *t) {
  if (!t) return;
  g_object_unref(t->layout);
  g_array_unref(t->lines);
  g_free(t->string);
  g_free(t);
}

bool kl_text_fits(const KlText *t, double width, double height) {
  return (width <= 0 || t->width <= width + 2 * SLACK) && (height <= 0 || t->height <= height + SLACK);
}

static bool good(const KlText *t, const KlTextStyle *s, double width, double height) {
  return kl_text_fits(t, width, height) && (s->max_lines <= 0 || (int)t->lines->len <= s->max_lines);
}

KlText *kl_text_fit(const KlTextStyle *s, const char *text, double width, double height, double *needed) {
  g_autofree char *string = shown(text);
  double least = s->size_min > 0 ? MIN(s->size_min, s->size) : s->size, low = least, high = s->size;
  KlText *t = set(s, string, s->size, width, false), *best = NULL;
  if (good(t, s, width, height)) return t;
  kl_text_free(t);
  if (least < s->size) {
    best = set(s, string, least, width, false);
    if (!good(best, s, width, height)) g_clear_pointer(&best, kl_text_free);
  }
  for (int i = 0; best && i < SIZES && high - low > 0.2; i++) {
    double size = (low + high) / 2;
    t = set(s, string, size, width, false);
    if (good(t, s, width, height)) {
      kl_text_free(best);
      best = t;
      low = size;
    } else {
      kl_text_free(t);
      high = size;
    }
  }
  if (best) return best;
  g_autofree char *divided = s->hyphenate ? kl_hyphenate(string, s->lang) : NULL;
  if (divided) {
    t = set(s, divided, least, width, false);
    if (good(t, s, width, height)) return t;
    kl_text_free(t);
  }
  t = set(s, divided ? divided : string, least, width, true);
  if (good(t, s, width, height)) return t;
  if (needed) *needed = t->height;
  kl_text_free(t);
  return NULL;
}

/* ---- measures ---- */

/* Heights that were asked for before, a table a thread: the layout engine asks for the same ones again. */
static GPrivate heights_key = G_PRIVATE_INIT((GDestroyNotify)g_hash_table_unref);
#define MOST_HEIGHTS 20000

double kl_text_height(const KlTextStyle *s, const char *text, double width) {
  GHashTable *known = g_private_get(&heights_key);
  if (!known || g_hash_table_size(known) > MOST_HEIGHTS) {
    known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_private_replace(&heights_key, known);
  }
  g_autofree char *key =
      g_strdup_printf("%s|%d|%d|%g|%g|%g|%d|%s|%d%d%d|%.3f|%s", s->families ? s->families : "", s->weight,
                      s->italic, s->size, s->spacing, s->tracking, s->align, s->lang ? s->lang : "",
                      s->hyphenate, s->balance, s->direction, width, text);
  double *found = g_hash_table_lookup(known, key);
  if (found) return *found;
  KlText *t = kl_text_new(s, text, width);
  double *h = g_new(double, 1);
  *h = t->height;
  kl_text_free(t);
  g_hash_table_insert(known, g_steal_pointer(&key), h);
  return *h;
}

double kl_text_natural_width(const KlTextStyle *s, const char *text) {
  KlText *t = kl_text_new(s, text, 0);
  double w = t->width;
  kl_text_free(t);
  return w;
}

double kl_text_word_width(const KlTextStyle *s, const char *text) {
  g_autofree char *string = shown(text);
  PangoLayout *l = layout_new(s, string, s->size);
  wrap_at(l, 1, false);
  double w = widest_ink(l);
  g_object_unref(l);
  return w;
}

double kl_text_size(const KlText *t) {
  return t->size;
}
double kl_text_tracking(const KlText *t) {
  return t->tracking;
}
double kl_text_box_height(const KlText *t) {
  return t->height;
}
double kl_text_box_width(const KlText *t) {
  return t->width;
}
bool kl_text_is_rtl(const KlText *t) {
  return t->rtl;
}
bool kl_text_broken(const KlText *t) {
  return t->broken;
}
const char *kl_text_string(const KlText *t) {
  return t->string;
}
size_t kl_text_lines(const KlText *t) {
  return t->lines->len;
}
KlTextLine kl_text_line(const KlText *t, size_t i) {
  return g_array_index(t->lines, Line, i).at;
}
void *kl_text_pango_line(const KlText *t, size_t i) {
  return g_array_index(t->lines, Line, i).line;
}

bool kl_font_exists(const char *family) {
  PangoFontFamily **families;
  int n;
  bool found = false;
  pango_font_map_list_families(pango_context_get_font_map(context()), &families, &n);
  for (int i = 0; i < n && !found; i++)
    found = !g_ascii_strcasecmp(pango_font_family_get_name(families[i]), family);
  g_free(families);
  return found;
}
