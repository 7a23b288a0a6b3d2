/* Charts, colours, composing: nothing leaves its box, nothing touches, every word can be read. */
#include "app/core/gerr.h"
#include "app/core/typeset/block.h"
#include "app/core/typeset/chart.h"
#include "app/core/typeset/colour.h"
#include "app/core/typeset/compose.h"
#include "app/core/typeset/contrast.h"
#include "app/core/typeset/frames.h"
#include "app/core/typeset/icons.h"
#include "app/core/typeset/numbers.h"
#include "app/core/typeset/paint.h"
#include "app/core/typeset/pictures.h"

#include <glib.h>
#include <math.h>
#include <pango/pango.h>
#include <string.h>

/* ---- numbers ---- */

static void test_ticks(void) {
  GRand *r = g_rand_new_with_seed(1);
  for (int i = 0; i < 2000; i++) {
    double low = g_rand_double_range(r, -1, 1) * pow(10, g_rand_int_range(r, -4, 8));
    double high = low + pow(10, g_rand_double_range(r, -4, 8)), first, step;
    if (high - low < fabs(low) * 1e-6) continue;
    int n = kl_ticks(low, high, 4, &first, &step);
    double lead = step / pow(10, floor(log10(step) + 1e-9));
    g_assert_cmpint(n, >=, 2);
    g_assert_cmpint(n, <=, 7);
    g_assert_cmpfloat(first, <=, low + 0.061 * step);
    g_assert_cmpfloat(first + (n - 1) * step, >=, high - 0.061 * step);
    g_assert_true(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6);
  }
  g_rand_free(r);
}

static void is_text(char *got, const char *wanted) {
  g_assert_cmpstr(got, ==, wanted);
  g_free(got);
}

static void test_values(void) {
  is_text(kl_value_text(1234567, 0, 1234567, "", NULL), "1.2\u00a0M");
  is_text(kl_value_text(12345, 0, 12345, "", NULL), "12,345");
  is_text(kl_value_text(12345.5, 1, 12345, "kg", "de"), "12.345,5\u00a0kg");
  is_text(kl_value_text(2016, 0, 2016, "", "de"), "2016");
  is_text(kl_value_text(-3.5, 1, 4, "$", NULL), "\u2212$3.5");
  is_text(kl_value_text(42, 0, 42, "%", NULL), "42%");
  is_text(kl_value_text(42, 0, 42, "%", "fr"), "42\u00a0%");
  is_text(kl_value_text(-0.001, 1, 1, "", NULL), "0.0");
  double values[] = {1, 2.5, NAN, 3.25};
  g_assert_cmpint(kl_decimals(values, 2), ==, 1);
  g_assert_cmpint(kl_decimals(values, 4), ==, 2);
}

/* ---- colours ---- */

static void test_contrast_ratio(void) {
  guint32 out;
  g_assert_cmpfloat(fabs(kl_rgb_contrast(0, 0xFFFFFF) - 21), <, 1e-9);
  g_assert_cmpfloat(fabs(kl_rgb_contrast(0x777777, 0xFFFFFF) - 4.478), <, 1e-3);
  double white = kl_rgb_luminance(0xFFFFFF);
  g_assert_true(kl_rgb_readable(0xFFAA00, white, white, 4.5, &out));
  g_assert_cmpfloat(kl_rgb_contrast(out, 0xFFFFFF), >=, 4.5);
  g_assert_false(kl_rgb_readable(0x808080, 0, 1, 4.5, &out));
}

static KlBrief *brief_of(const char *markdown) {
  GError *e = NULL;
  KlBrief *b = kl_brief_parse_markdown(markdown, strlen(markdown), "test", NULL, &e);
  g_assert_no_error(e);
  return b;
}

static KlPixels *noise(int w, int h, guint32 seed, int low, int high) {
  GRand *r = g_rand_new_with_seed(seed);
  KlPixels *p = g_new(KlPixels, 1);
  *p = (KlPixels){w, h, 1, g_malloc((gsize)w * (gsize)h * 3)};
  for (int i = 0; i < w * h * 3; i++) p->rgb[i] = (guint8)g_rand_int_range(r, low, high);
  g_rand_free(r);
  return p;
}

/* The least contrast of any text to the pixels that lie in its lines' boxes, painted without any text. */
static double measured(const KlScene *s) {
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, s->width, s->height);
  cairo_t *c = cairo_create(surface);
  g_autofree guint8 *rgb = g_malloc((gsize)s->width * (gsize)s->height * 3);
  double least = 21;
  for (guint i = 0; i < s->groups->len; i++) {
    const KlGroup *g = s->groups->pdata[i];
    for (guint k = 0; k < g->shapes->len; k++) {
      const KlShape *shape = g->shapes->pdata[k];
      if (shape->kind != KL_SHAPE_TEXT) kl_paint_shape(c, shape, 0);
      if (shape->kind != KL_SHAPE_TEXT) continue;
      kl_paint_to_rgb(surface, rgb);
      for (size_t n = 0; n < kl_text_lines(shape->text); n++) {
        KlTextLine l = kl_text_line(shape->text, n);
        PangoRectangle ink;
        pango_layout_line_get_extents(kl_text_pango_line(shape->text, n), &ink, NULL);
        int x0 = (int)ceil(shape->box.x + l.x + (double)ink.x / PANGO_SCALE), x1 = (int)(x0 + l.width) - 1;
        int y1 = (int)(shape->box.y + l.baseline), y0 = (int)(y1 - 0.6 * kl_text_size(shape->text));
        for (int y = MAX(y0, 0); y < MIN(y1, s->height); y++)
          for (int x = MAX(x0, 0); x < MIN(x1, s->width); x++) {
            const guint8 *p = rgb + ((gsize)y * (gsize)s->width + (gsize)x) * 3;
            guint32 v = ((guint32)p[0] << 16) | ((guint32)p[1] << 8) | p[2];
            least = MIN(least, kl_rgb_contrast(v, shape->fill));
          }
      }
    }
  }
  cairo_destroy(c);
  cairo_surface_destroy(surface);
  return least;
}

static KlScene *over_picture(const KlBrief *b, KlPixels *p) {
  g_autoptr(KlLayout) l = kl_layout_new(600, 400);
  g_autoptr(GHashTable) pictures = g_hash_table_new(g_str_hash, g_str_equal);
  GError *e = NULL;
  kl_layout_add(l, "background", KL_EL_BACKGROUND, "background", (KlBox){0, 0, 600, 400});
  KlElement *t = kl_layout_add(l, "title", KL_EL_TITLE, "title", (KlBox){30, 40, 500, 120});
  t->text_px = 40;
  KlElement *q = kl_layout_add(l, "subtitle", KL_EL_SUBTITLE, "subtitle", (KlBox){30, 200, 400, 100});
  q->text_px = 22;
  q->ink = KL_COLOUR_MUTED;
  g_hash_table_insert(pictures, (char *)"background", p);
  KlScene *s = kl_compose(b, l, pictures, NULL, &e);
  g_assert_no_error(e);
  return s;
}

static void test_contrast(void) {
  const char *const settings[] = {"paper", "ink", "sunset"};
  const int ranges[][2] = {{0, 256}, {0, 60}, {200, 256}, {90, 140}, {120, 121}};
  for (gsize i = 0; i < G_N_ELEMENTS(settings); i++)
    for (gsize k = 0; k < G_N_ELEMENTS(ranges); k++) {
      g_autofree char *text = g_strdup_printf(
          "---\ncanvas: 600x400\npalette: %s\nbackground: a field\n---\n# Words over a picture\n\n"
          "that must be read whatever it shows\n",
          settings[i]);
      g_autoptr(KlBrief) b = brief_of(text);
      KlPixels *p = noise(150, 100, (guint32)k, ranges[k][0], ranges[k][1]);
      KlScene *s = over_picture(b, p);
      g_assert_cmpfloat(measured(s), >=, 4.45); /* the probe's rounding */
      kl_scene_free(s);
      kl_pixels_free(p);
    }
}

static void test_contrast_moving(void) {
  g_autoptr(KlBrief) b =
      brief_of("---\ncanvas: 600x400\nbackground: a field\n---\n# Words over a video\n\nof any brightness\n");
  KlPixels *dark = noise(60, 40, 1, 0, 20);
  dark->frames = 2; /* then it is white */
  dark->rgb = g_realloc(dark->rgb, 60 * 40 * 3 * 2);
  memset(dark->rgb + 60 * 40 * 3, 255, 60 * 40 * 3);
  KlScene *s = over_picture(b, dark);
  for (int frame = 0; frame < 2; frame++) {
    KlPixels one = {60, 40, 1, dark->rgb + frame * 60 * 40 * 3};
    for (guint i = 0; i < s->groups->len; i++) {
      KlGroup *g = s->groups->pdata[i];
      for (guint k = 0; k < g->shapes->len; k++) {
        KlShape *shape = g->shapes->pdata[k];
        if (shape->kind == KL_SHAPE_IMAGE) shape->pixels = &one;
      }
    }
    g_assert_cmpfloat(measured(s), >=, 4.45);
  }
  kl_scene_free(s);
  kl_pixels_free(dark);
}

/* ---- charts ---- */

static KlBox ink_of(const KlShape *s) {
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (size_t n = 0; n < kl_text_lines(s->text); n++) {
    KlTextLine l = kl_text_line(s->text, n);
    PangoRectangle ink;
    pango_layout_line_get_extents(kl_text_pango_line(s->text, n), &ink, NULL);
    double x = s->box.x + l.x + (double)ink.x / PANGO_SCALE,
           y = s->box.y + l.baseline + (double)ink.y / PANGO_SCALE;
    x0 = MIN(x0, x);
    x1 = MAX(x1, x + (double)ink.width / PANGO_SCALE);
    y0 = MIN(y0, y);
    y1 = MAX(y1, y + (double)ink.height / PANGO_SCALE);
  }
  return (KlBox){x0, y0, x1 - x0, y1 - y0};
}

static void check_chart(const KlGroup *g, KlBox box, const char *what) {
  for (guint i = 0; i < g->shapes->len; i++) {
    const KlShape *s = g->shapes->pdata[i];
    KlBox b = s->kind == KL_SHAPE_TEXT ? ink_of(s) : s->box;
    if (s->kind == KL_SHAPE_TEXT && !kl_text_lines(s->text)) continue;
    if (b.x < box.x - 3 || b.y < box.y - 3 || b.x + b.w > box.x + box.w + 3 || b.y + b.h > box.y + box.h + 3)
      g_error("%s: shape %u at %g,%g %gx%g leaves %gx%g", what, i, b.x - box.x, b.y - box.y, b.w, b.h, box.w,
              box.h);
    for (guint k = 0; s->kind == KL_SHAPE_TEXT && k < i; k++) {
      const KlShape *o = g->shapes->pdata[k];
      if (o->kind != KL_SHAPE_TEXT || !kl_text_lines(o->text)) continue;
      KlBox c = ink_of(o);
      if (b.x < c.x + c.w && c.x < b.x + b.w && b.y < c.y + c.h && c.y < b.y + b.h)
        g_error("%s: \"%s\" touches \"%s\"", what, kl_text_string(s->text), kl_text_string(o->text));
    }
  }
}

static void test_charts(void) {
  static const char *const names[] = {"A",         "Asphalt in the sun", "2023", "Donaudampfschifffahrt",
                                      "الاستحمام", "骑自行车上班的人",   "Q1",   "Family and friends",
                                      "December"};
  GRand *r = g_rand_new_with_seed(9);
  g_autoptr(KlBrief) b = brief_of("# Chart\n");
  KlFonts *f = kl_fonts_new(b, NULL);
  KlScene *s = kl_scene_new(1000, 1000);
  KlChartInks inks = kl_chart_inks(&b->palette, 0xFFFFFF);
  int drawn = 0;
  for (int i = 0; i < 160; i++) {
    guint rows = (guint)g_rand_int_range(r, 1, i % 5 ? 9 : 60),
          series = i % 3 ? 1 : (guint)g_rand_int_range(r, 1, 4);
    KlChart c = {.kind = (KlChartKind)g_rand_int_range(r, KL_CHART_BAR, KL_CHART_TIMELINE + 1),
                 .rows = rows,
                 .series = series};
    if (c.kind == KL_CHART_TIMELINE) c.series = 0;
    c.title = i % 2 ? (char *)"What it is about" : NULL;
    c.labels = g_new0(char *, rows + 1);
    c.texts = c.kind == KL_CHART_TIMELINE ? g_new0(char *, rows + 1) : NULL;
    c.names = g_new0(char *, series + 1);
    c.values = g_new(double, rows *series + 1);
    for (guint k = 0; k < rows; k++) c.labels[k] = (char *)names[g_rand_int_range(r, 0, G_N_ELEMENTS(names))];
    for (guint k = 0; c.texts && k < rows; k++)
      c.texts[k] = (char *)"Something happened here that took some words";
    for (guint k = 0; k < series; k++) c.names[k] = (char *)names[k];
    double scale = pow(10, g_rand_int_range(r, -2, 8)), least = c.kind == KL_CHART_PIE || i % 4 ? 0 : -1;
    for (guint k = 0; k < rows * series; k++)
      c.values[k] = k && g_rand_int_range(r, 0, 12) == 0 ? NAN : g_rand_double_range(r, least, 1) * scale;
    KlBox box = {g_rand_double_range(r, 0, 100), 50, g_rand_double_range(r, 150, 800),
                 g_rand_double_range(r, 120, 700)};
    KlGroup *g = kl_scene_group(s, "chart", KL_EL_CHART, i, box);
    GError *e = NULL;
    g_autofree char *what = g_strdup_printf("chart %d, kind %d, %u rows of %u", i, c.kind, rows, series);
    if (kl_chart_draw(f, &c, &inks, i % 6 == 0, box, 20, 12, g, "chart", &e)) {
      drawn++;
      check_chart(g, box, what);
    } else {
      g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
      g_clear_error(&e);
      g_assert_cmpuint(g->shapes->len, ==, 0);
    }
    g_free(c.labels);
    g_free(c.texts);
    g_free(c.names);
    g_free(c.values);
  }
  g_assert_cmpint(drawn, >, 80);
  kl_scene_free(s);
  kl_fonts_free(f);
  g_rand_free(r);
}

static void test_chart_refused(void) {
  g_autoptr(KlBrief) b = brief_of("# T\n\n```chart pie\nwhat,n\na,3\nb,-1\n```\n");
  g_autoptr(KlLayout) l = kl_layout_new(400, 400);
  GError *e = NULL;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *it = b->items->pdata[i];
    if (it->type == KL_EL_CHART) it->chart->kind = KL_CHART_PIE; /* reading makes bars of it */
    if (it->type == KL_EL_CHART) kl_layout_add(l, it->id, KL_EL_CHART, it->id, (KlBox){0, 0, 400, 400});
  }
  g_assert_cmpuint(l->elements->len, ==, 1);
  g_assert_null(kl_compose(b, l, NULL, NULL, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_assert_nonnull(strstr(e->message, "negative"));
  g_clear_error(&e);
}

/* ---- words in their boxes ---- */

static void test_overflow(void) {
  GString *s = g_string_new("# T\n\n");
  for (int i = 0; i < 3000; i++) g_string_append(s, "word ");
  g_autoptr(KlBrief) b = brief_of(s->str);
  g_autoptr(KlLayout) l = kl_layout_new(500, 500);
  GError *e = NULL;
  g_string_free(s, TRUE);
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *it = b->items->pdata[i];
    if (it->type != KL_EL_TITLE)
      kl_layout_add(l, it->id, it->type, it->id, (KlBox){0, 0, 500, 500})->text_px = 20;
  }
  g_assert_null(kl_compose(b, l, NULL, NULL, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_assert_nonnull(strstr(e->message, "do not fit"));
  g_clear_error(&e);
}

static void test_measure(void) {
  g_autoptr(KlBrief) b =
      brief_of("# A title of some words\n\nand below it a subtitle that runs over more than one line\n\n"
               "## Section\n\n**42 %** of everything\n\n- one entry\n- another entry, somewhat longer\n\n> "
               "words\n> -- who\n");
  KlBlockMeasure *m = kl_block_measure_new(b);
  KlMeasure measure = kl_block_measure(m);
  KlFonts *f = kl_fonts_new(b, NULL);
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *it = b->items->pdata[i];
    if (!kl_element_is_text(it->type)) continue;
    for (double width = 180; width < 700; width *= 1.37)
      for (double px = 14; px < 60; px *= 1.31) {
        KlMeasured got;
        measure.measure(measure.user, b, it, width, px, &got);
        KlBlock block = {
            .fonts = f, .item = it, .width = width, .px = px, .least = kl_layout_least_px(b, KL_EL_BODY)};
        KlBlockSize is = kl_block_size(&block, true);
        if (got.min_width > width) continue;
        double needed;
        g_assert_cmpfloat(fabs(got.min_width - is.min_width), <, 1 + 0.01 * is.min_width);
        g_assert_true(kl_block_fit(&block, px * 0.9, got.height + 0.5, &needed));
      }
  }
  kl_fonts_free(f);
  kl_block_measure_free(m);
}

/* ---- pictures and icons ---- */

static void test_crop(void) {
  KlPixels *p = noise(200, 100, 3, 100, 101);
  for (int y = 30; y < 70; y++) /* something bright on the right */
    memset(p->rgb + (y * 200 + 150) * 3, 255, 40 * 3);
  KlBox c = kl_picture_crop(p, 50, 50);
  g_assert_cmpfloat(fabs(c.w - 100), <, 1e-6);
  g_assert_cmpfloat(fabs(c.h - 100), <, 1e-6);
  g_assert_cmpfloat(c.x, <=, 150.1);
  g_assert_cmpfloat(c.x + c.w, >=, 189.9);
  kl_pixels_free(p);
  p = noise(1, 1, 3, 7, 8);
  c = kl_picture_crop(p, 300, 20);
  g_assert_cmpfloat(c.w, ==, 1);
  g_assert_cmpfloat(c.h, ==, 1);
  kl_pixels_free(p);
}

static void test_icons(void) {
  const char *near;
  int n = 0;
  for (const char *const *name = kl_icon_names(); *name; name++, n++)
    g_assert_nonnull(kl_icon_svg(*name, NULL));
  g_assert_cmpint(n, >=, 40);
  g_assert_true(kl_icon_svg("Water", NULL) == kl_icon_svg("drop", NULL));
  g_assert_null(kl_icon_svg("thermometr", &near));
  g_assert_cmpstr(near, ==, "thermometer");
  g_assert_null(kl_icon_svg("../../../etc/passwd", &near));
}

/* ---- frames ---- */

static void test_frames(void) {
  g_autoptr(KlBrief) b = brief_of("---\ncanvas: 200x200\n---\n# Enter\n");
  g_autoptr(KlLayout) l = kl_layout_new(200, 200);
  GError *e = NULL;
  kl_layout_add(l, "title", KL_EL_TITLE, "title", (KlBox){20, 20, 160, 80})->text_px = 30;
  KlScene *s = kl_compose(b, l, NULL, NULL, &e);
  g_assert_no_error(e);
  KlFrames *f = kl_frames_new(s, 0.5, 2, 10, 16);
  int w, h;
  kl_frames_size(f, &w, &h);
  g_assert_cmpint(w, ==, 100);
  g_assert_cmpint((int)kl_frames_count(f), ==, 20);
  gsize n = (gsize)w * (gsize)h * 3;
  g_autofree guint8 *first = g_memdup2(kl_frames_draw(f, 0), n), *last = g_memdup2(kl_frames_draw(f, 19), n);
  g_assert_cmpint(memcmp(first, last, n), !=, 0);
  g_assert_cmpint(memcmp(first, kl_frames_draw(f, 0), n), ==, 0); /* any order gives the same */
  g_assert_cmpint(memcmp(last, kl_frames_draw(f, 19), n), ==, 0);
  for (gsize i = 0; i < n; i += 3) g_assert_cmpint(first[i], ==, first[0]); /* nothing has entered yet */
  kl_frames_free(f);
  kl_scene_free(s);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/typeset/ticks", test_ticks);
  g_test_add_func("/typeset/values", test_values);
  g_test_add_func("/typeset/contrast-ratio", test_contrast_ratio);
  g_test_add_func("/typeset/contrast", test_contrast);
  g_test_add_func("/typeset/contrast-moving", test_contrast_moving);
  g_test_add_func("/typeset/charts", test_charts);
  g_test_add_func("/typeset/chart-refused", test_chart_refused);
  g_test_add_func("/typeset/overflow", test_overflow);
  g_test_add_func("/typeset/measure", test_measure);
  g_test_add_func("/typeset/crop", test_crop);
  g_test_add_func("/typeset/icons", test_icons);
  g_test_add_func("/typeset/frames", test_frames);
  return g_test_run();
}
