/* Text in boxes: what is said to fit does fit, by its own measures and by the pixels of its ink. */
#include "app/core/typeset/hyphens.h"
#include "app/core/typeset/text.h"

#include <glib.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

static const char *const words[] = {"a",
                                    "the",
                                    "river",
                                    "photosynthesis",
                                    "Straßenbahn",
                                    "hélas",
                                    "x",
                                    "WAVE",
                                    "数据",
                                    "城市交通",
                                    "かな",
                                    "한국어",
                                    "السلام",
                                    "مدينة",
                                    "שלום",
                                    "भारत",
                                    "ภาษาไทย",
                                    "👩‍🚀",
                                    "🎉",
                                    "2,400",
                                    "Ǻǘ̈",
                                    "jfgÅ",
                                    "—",
                                    "<b>&amp;",
                                    "\n",
                                    "\t\x01",
                                    "Donaudampfschifffahrtsgesellschaft",
                                    "https://example.org/a/very/long/path"};

static char *random_text(GRand *r, int most) {
  GString *s = g_string_new(NULL);
  int n = g_rand_int_range(r, 1, most + 1);
  for (int i = 0; i < n; i++) {
    if (i) g_string_append_c(s, ' ');
    g_string_append(s, words[g_rand_int_range(r, 0, G_N_ELEMENTS(words))]);
  }
  return g_string_free(s, FALSE);
}

/* Draws the text in a picture with a margin all around; ink in the margin has left the box. */
static bool ink_outside(const KlText *t, double width, double height) {
  int m = 40, w = (int)ceil(width) + 2 * m, h = (int)ceil(height) + 2 * m;
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
  cairo_t *c = cairo_create(s);
  bool out = false;
  for (size_t i = 0; i < kl_text_lines(t); i++) {
    KlTextLine l = kl_text_line(t, i);
    cairo_move_to(c, m + l.x, m + l.baseline);
    pango_cairo_show_layout_line(c, kl_text_pango_line(t, i));
  }
  cairo_surface_flush(s);
  const unsigned char *px = cairo_image_surface_get_data(s);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      if (px[y * cairo_image_surface_get_stride(s) + x * 4 + 3] > 40 &&
          (x < m - 1 || y < m - 1 || x > m + width + 1 || y > m + height + 1))
        out = true;
  cairo_destroy(c);
  cairo_surface_destroy(s);
  return out;
}

static void test_fit(void) {
  GRand *r = g_rand_new_with_seed(5);
  int fitted = 0;
  for (int i = 0; i < 90; i++) {
    g_autofree char *text = random_text(r, i % 3 ? 12 : 60);
    double w = g_rand_double_range(r, 30, 500), h = g_rand_double_range(r, 15, 400), needed = -1;
    KlTextStyle s = {.families = i % 2 ? "Noto Serif" : NULL,
                     .weight = i % 5 ? 400 : 700,
                     .italic = i % 7 == 0,
                     .size = g_rand_double_range(r, 14, 60),
                     .size_min = 10,
                     .align = (KlTextAlign)(i % 4),
                     .balance = i % 2,
                     .hyphenate = i % 3 == 0,
                     .spacing = i % 11 ? 0 : 0.8};
    KlText *t = kl_text_fit(&s, text, w, h, &needed);
    if (!t) {
      g_assert_cmpfloat(needed, >, 0);
      continue;
    }
    fitted++;
    g_assert_true(kl_text_fits(t, w, h));
    g_assert_cmpfloat(kl_text_size(t), <=, s.size);
    g_assert_cmpfloat(kl_text_size(t), >=, 10);
    if (ink_outside(t, w, h)) g_error("ink outside its %g x %g box: %s", w, h, text);
    kl_text_free(t);
  }
  g_assert_cmpint(fitted, >, 30);
  g_rand_free(r);
}

static void test_largest(void) {
  KlTextStyle s = {.size = 200, .size_min = 8};
  KlText *t = kl_text_fit(&s, "The largest size that fits", 300, 100, NULL);
  g_assert_nonnull(t);
  KlTextStyle more = {.size = kl_text_size(t) + 1};
  KlText *u = kl_text_new(&more, "The largest size that fits", 300);
  g_assert_false(kl_text_fits(u, 300, 100));
  kl_text_free(t);
  kl_text_free(u);
  s.size = 20;
  t = kl_text_fit(&s, "small", 300, 100, NULL);
  g_assert_cmpfloat(kl_text_size(t), ==, 20);
  kl_text_free(t);
}

static void test_scale(void) {
  KlTextStyle s = {.size = 20}, big = {.size = 50};
  const char *text =
      "The same lines at every scale: Väterchen, ﬁne AVATAR and 东京 🎉 and some more words to fill it";
  KlText *t = kl_text_new(&s, text, 200), *u = kl_text_new(&big, text, 500);
  g_assert_cmpuint(kl_text_lines(t), ==, kl_text_lines(u));
  for (size_t i = 0; i < kl_text_lines(t); i++)
    g_assert_cmpuint(kl_text_line(t, i).start, ==, kl_text_line(u, i).start);
  g_assert_cmpfloat(fabs(kl_text_box_height(u) - 2.5 * kl_text_box_height(t)), <, 1);
  kl_text_free(t);
  kl_text_free(u);
}

static void test_direction(void) {
  KlTextStyle s = {.size = 20};
  KlText *t = kl_text_new(&s, "مرحبا بالعالم", 300), *u = kl_text_new(&s, "Hello", 300);
  g_assert_true(kl_text_is_rtl(t));
  g_assert_false(kl_text_is_rtl(u));
  PangoRectangle ink;
  pango_layout_line_get_extents(kl_text_pango_line(t, 0), &ink, NULL);
  double right = kl_text_line(t, 0).x + (double)(ink.x + ink.width) / PANGO_SCALE;
  g_assert_cmpfloat(fabs(right - 300), <, 0.1);
  kl_text_free(t);
  kl_text_free(u);
}

static void test_shown(void) {
  KlTextStyle s = {.size = 20};
  KlText *t = kl_text_new(&s, "<b>bold</b> &lt; \x07 \xff end \n", 0);
  g_assert_cmpstr(kl_text_string(t), ==, "<b>bold</b> &lt; ␇ � end");
  kl_text_free(t);
  t = kl_text_new(&s, "", 0);
  g_assert_cmpfloat(kl_text_box_height(t), ==, 0);
  kl_text_free(t);
}

static void test_even(void) {
  KlTextStyle s = {.size = 40, .balance = true};
  KlText *t = kl_text_new(&s, "A heading that would leave one word alone", 640);
  g_assert_cmpuint(kl_text_lines(t), ==, 2);
  g_assert_cmpfloat(kl_text_line(t, 1).width, >, 0.6 * kl_text_line(t, 0).width);
  kl_text_free(t);
}

/* A long word in a narrow column is divided where its language does so. */
static void test_hyphens(void) {
  KlTextStyle s = {.size = 20, .hyphenate = true, .lang = "de"};
  g_autofree char *divided = kl_hyphenate("Verantwortungsbewusstsein", "de");
  if (!divided) {
    g_test_skip("no German hyphenation here");
    return;
  }
  g_assert_nonnull(strstr(divided, "Ver\u00adant"));
  KlText *t = kl_text_fit(&s, "Verantwortungsbewusstsein", 150, 0, NULL);
  g_assert_nonnull(t);
  g_assert_false(kl_text_broken(t));
  g_assert_cmpuint(kl_text_lines(t), >=, 2);
  g_assert_true(kl_text_fits(t, 150, 0));
  kl_text_free(t);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/text/fit", test_fit);
  g_test_add_func("/text/largest", test_largest);
  g_test_add_func("/text/scale", test_scale);
  g_test_add_func("/text/direction", test_direction);
  g_test_add_func("/text/shown", test_shown);
  g_test_add_func("/text/even", test_even);
  g_test_add_func("/text/hyphens", test_hyphens);
  return g_test_run();
}
