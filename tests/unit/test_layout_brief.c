/* Briefs: both forms, what becomes of odd text and odd data, what is refused, and that writing gives back the
 * same. */
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"
#include "media/png.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static KlBrief *json(const char *text) {
  g_autoptr(GError) e = NULL;
  KlBrief *b = kl_brief_parse_json(text, strlen(text), "test", NULL, &e);
  g_assert_no_error(e);
  return b;
}

static KlBrief *markdown(const char *text) {
  g_autoptr(GError) e = NULL;
  KlBrief *b = kl_brief_parse_markdown(text, strlen(text), "test", NULL, &e);
  g_assert_no_error(e);
  return b;
}

static const KlBriefItem *item(const KlBrief *b, const char *id) {
  const KlBriefItem *i = kl_brief_item(b, id);
  if (!i) g_test_message("no item %s", id);
  g_assert_nonnull(i);
  return i;
}

static void same_again(const KlBrief *b) {
  g_autofree char *text = kl_brief_serialise(b);
  g_autoptr(KlBrief) again = json(text);
  g_autofree char *second = kl_brief_serialise(again);
  g_assert_cmpstr(text, ==, second);
}

static const char full[] =
    "{\"kinoloom_brief\": 1, \"canvas\": \"slide\", \"palette\": {\"base\": \"ocean\", \"accent\": "
    "\"#FF0080\"},"
    " \"fonts\": {\"heading\": \"Inter\"}, \"density\": \"dense\", \"language\": \"en\","
    " \"title\": \"One\", \"subtitle\": {\"id\": \"under\", \"text\": \"Two\"}, \"picture\": \"a fox\","
    " \"sections\": [{\"id\": \"first\", \"heading\": \"H\", \"body\": [\"a\", \"b\"], \"number\": "
    "{\"value\": 42, \"label\": \"of all\"}},"
    "  {\"icon\": \"sun\", \"list\": [\"x\", \"y\"], \"quote\": {\"text\": \"Q\", \"by\": \"W\"},"
    "   \"chart\": {\"labels\": [\"a\", \"b\", \"c\"], \"series\": [{\"name\": \"n\", \"values\": [1, null, "
    "2.5]}]}},"
    "  {\"content\": [{\"body\": \"one\"}, {\"number\": \"7\"}, {\"body\": \"two\"}]}],"
    " \"background\": \"mist\","
    " \"constraints\": [{\"a\": \"title\", \"relation\": \"top\", \"b\": \"canvas\"}, {\"fix\": \"picture\", "
    "\"box\": [0, 0, 100, 90.5]}],"
    " \"layout\": {\"use\": \"complete\", \"elements\": [{\"id\": \"under\", \"box\": [1, 2, null, 4]}]}}";

static void json_form(void) {
  g_autoptr(KlBrief) b = json(full);
  g_assert_cmpint(b->width, ==, 1536);
  g_assert_cmpstr(b->preset, ==, "slide");
  g_assert_null(b->palette_name);
  g_assert_cmphex(b->palette.rgb[KL_COLOUR_ACCENT], ==, 0xff0080);
  g_assert_cmpstr(b->font_heading, ==, "Inter");
  g_assert_cmpint(b->density, ==, KL_DENSITY_DENSE);
  g_assert_cmpstr(item(b, "under")->text, ==, "Two");
  g_assert_cmpint(item(b, "under")->type, ==, KL_EL_SUBTITLE);
  g_assert_cmpint(item(b, "picture")->section, ==, -1);
  g_assert_cmpstr(item(b, "first.body2")->text, ==, "b");
  g_assert_cmpstr(item(b, "first.number")->text, ==, "42");
  g_assert_cmpstr(item(b, "first.number")->label, ==, "of all");
  g_assert_cmpstr(item(b, "s2.list")->list[1], ==, "y");
  g_assert_cmpstr(item(b, "s2.quote")->label, ==, "W");
  g_assert_true(isnan(item(b, "s2.chart")->chart->values[1]) && item(b, "s2.chart")->chart->values[2] == 2.5);
  g_assert_cmpint(item(b, "s3.number")->section, ==, 2);
  /* the order of the file is the order of reading, the background behind all */
  const char *const order[] = {"title",       "under",        "picture",   "first.heading", "first.body",
                               "first.body2", "first.number", "s2.icon",   "s2.list",       "s2.quote",
                               "s2.chart",    "s3.body",      "s3.number", "s3.body2",      "background"};
  g_assert_cmpuint(b->items->len, ==, G_N_ELEMENTS(order));
  for (guint i = 0; i < b->items->len; i++)
    g_assert_cmpstr(((KlBriefItem *)b->items->pdata[i])->id, ==, order[i]);
  const KlBriefSection *s = &g_array_index(b->sections, KlBriefSection, 2);
  g_assert_cmpuint(s->first, ==, 11);
  g_assert_cmpuint(s->count, ==, 3);
  g_assert_cmpuint(b->relations->len, ==, 1);
  g_assert_true(g_array_index(b->fixed, KlFixed, 0).box.h == 90.5);
  g_assert_true(isnan(g_array_index(b->given, KlFixed, 0).box.w) &&
                g_array_index(b->given, KlFixed, 0).box.h == 4);
  same_again(b);
}

static void markdown_form(void) {
  g_autoptr(KlBrief) b =
      markdown("---\r\ncanvas: 800x600\r\npalette: ink\r\nbackground: soft fog\r\n---\r\n"
               "# A *fine* title\n\nWhat it is\nabout\n\n![a fox in snow]()\n\n"
               "## First\nSome **bold** words and <b>HTML</b> & [a link](http://x.y), 3 * 4 * 5.\n\nSecond "
               "paragraph.\n"
               "- one\n  goes on\n- two\n\n1. a\n2. b\n\n> To be\n> or not\n> -- Hamlet\n\n"
               "## Second\n:sun:\n**42 %** of all\n\n```chart pie Shares\na,60\nb,40\n```\n\n"
               "| year | cars |\n|---|---|\n| 2001 | 5 |\n| 2002 | 7 |\n");
  g_assert_cmpint(b->width, ==, 800);
  g_assert_cmpstr(b->palette_name, ==, "ink");
  g_assert_cmpstr(item(b, "title")->text, ==, "A fine title");
  g_assert_cmpstr(item(b, "subtitle")->text, ==, "What it is about");
  g_assert_cmpstr(item(b, "picture")->text, ==, "a fox in snow");
  g_assert_cmpstr(item(b, "s1.body")->text, ==, "Some bold words and <b>HTML</b> & a link, 3 * 4 * 5.");
  g_assert_cmpstr(item(b, "s1.body2")->text, ==, "Second paragraph.");
  g_assert_cmpstr(item(b, "s1.list")->list[0], ==, "one goes on");
  g_assert_cmpuint(g_strv_length(item(b, "s1.list")->list), ==, 2);
  g_assert_true(item(b, "s1.list2")->ordered && !item(b, "s1.list")->ordered);
  g_assert_cmpstr(item(b, "s1.quote")->text, ==, "To be or not");
  g_assert_cmpstr(item(b, "s1.quote")->label, ==, "Hamlet");
  g_assert_cmpstr(item(b, "s2.icon")->text, ==, "sun");
  g_assert_cmpstr(item(b, "s2.number")->text, ==, "42 %");
  g_assert_cmpstr(item(b, "s2.number")->label, ==, "of all");
  g_assert_cmpint(item(b, "s2.chart")->chart->kind, ==, KL_CHART_PIE);
  g_assert_cmpstr(item(b, "s2.chart")->chart->title, ==, "Shares");
  g_assert_cmpstr(item(b, "s2.chart2")->chart->names[0], ==, "cars");
  g_assert_cmpstr(item(b, "background")->text, ==, "soft fog");
  same_again(b);
}

static void text_as_text(void) {
  g_autoptr(KlBrief) b = json("{\"kinoloom_brief\": 1, \"title\": \"<b>a</b>\\u0007\\u0000\\u007f\\u0085 \\t "
                              "b\", \"body\": \" x\\r\\ny\\u2028z \"}");
  g_assert_cmpstr(item(b, "title")->text, ==, "<b>a</b>\u2407\u2400\u2421\ufffd   b");
  g_assert_cmpstr(item(b, "body")->text, ==, "x\ny\nz");
  same_again(b);
}

static void directions(void) {
  static const struct {
    const char *text;
    KlDirection direction;
  } all[] = {{"{\"kinoloom_brief\": 1, \"title\": \"\u05e9\u05dc\u05d5\u05dd\"}", KL_DIR_RTL},
             {"{\"kinoloom_brief\": 1, \"title\": \"1. \u0627\u0644\u0645\u0627\u0621\"}", KL_DIR_RTL},
             {"{\"kinoloom_brief\": 1, \"title\": \"\u6c34\", \"body\": \"\u05e9\"}", KL_DIR_LTR},
             {"{\"kinoloom_brief\": 1, \"title\": \"abc\", \"language\": \"fa-IR\"}", KL_DIR_RTL},
             {"{\"kinoloom_brief\": 1, \"title\": \"\u05e9\", \"direction\": \"ltr\"}", KL_DIR_LTR}};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
    g_autoptr(KlBrief) b = json(all[i].text);
    g_assert_cmpint(b->direction, ==, all[i].direction);
  }
  g_autoptr(KlBrief) mixed = json("{\"kinoloom_brief\": 1, \"title\": \"abc\", \"body\": \"\u05e9\"}");
  g_assert_true(!item(mixed, "title")->rtl && item(mixed, "body")->rtl);
}

static KlChart *csv(KlBriefReader *r, const char *text, KlChartKind kind) {
  g_autoptr(GError) e = NULL;
  KlChart *c = kl_chart_from_csv(r, "c", kind, text, &e);
  g_assert_no_error(e);
  return c;
}

static void charts(void) {
  KlBriefReader r;
  kl_brief_reader_init(&r, "test", NULL);
  KlChart *c = csv(&r, "year;a;\"b \"\"c\"\"\"\n2001;1,5;x\n\n2002; 2 ;\"3\"\n", KL_CHART_BAR);
  g_assert_cmpuint(c->rows, ==, 2);
  g_assert_cmpuint(c->series, ==, 2);
  g_assert_cmpstr(c->names[1], ==, "b \"c\"");
  g_assert_true(isnan(c->values[0]) && isnan(c->values[1]) && c->values[2] == 2 && c->values[3] == 3);
  g_assert_cmpuint(r.b->notes->len, ==, 1); /* "1,5" and "x" are no numbers */
  kl_chart_free(c);
  c = csv(&r, "a,\"1,234,567\"\nb,-7\nc,42 %\n", KL_CHART_AUTO);
  g_assert_true(c->values[0] == 1234567 && c->values[1] == -7 && c->values[2] == 42);
  g_assert_cmpstr(c->unit, ==, "%");
  kl_chart_free(c);
  c = csv(&r, "1969,Moon\n1981,Shuttle\n", KL_CHART_AUTO);
  g_assert_cmpint(c->kind, ==, KL_CHART_TIMELINE);
  g_assert_cmpstr(c->texts[1], ==, "Shuttle");
  kl_chart_free(c);
  g_assert_null(kl_chart_from_csv(&r, "c", KL_CHART_BAR, "just one column\n", NULL));
  kl_brief_free(r.b);

  static const struct {
    const char *data;
    KlChartKind kind;
  } kinds[] = {{"2001,1\\n2002,2\\n2003,3\\n2004,5", KL_CHART_LINE},
               {"a,60\\nb,40", KL_CHART_PIE},
               {"a,6\\nb,4", KL_CHART_BAR}};
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autofree char *text =
        g_strdup_printf("{\"kinoloom_brief\": 1, \"chart\": {\"csv\": \"%s\"}}", kinds[i].data);
    g_autoptr(KlBrief) b = json(text);
    g_assert_cmpint(item(b, "chart")->chart->kind, ==, kinds[i].kind);
  }
  g_autoptr(KlBrief) one =
      json("{\"kinoloom_brief\": 1, \"chart\": {\"csv\": \"sales,12\\nother,nan\", \"unit\": \"t\"}}");
  g_assert_cmpint(item(one, "chart")->type, ==, KL_EL_NUMBER); /* one value is a big number */
  g_assert_cmpstr(item(one, "chart")->text, ==, "12 t");
  g_assert_cmpstr(item(one, "chart")->label, ==, "sales");
  g_assert_cmpuint(one->notes->len, ==, 2);
  same_again(one);
  g_autoptr(KlBrief) pie =
      json("{\"kinoloom_brief\": 1, \"chart\": {\"kind\": \"pie\", \"csv\": \"a,-1\\nb,2\"}}");
  g_assert_cmpint(item(pie, "chart")->chart->kind, ==, KL_CHART_BAR);
  g_assert_cmpuint(pie->notes->len, ==, 1);
}

static void refused(void) {
  static const struct {
    const char *text, *word;
  } bad[] = {
      {"", "line 1"},
      {"{", "line 1"},
      {"[]", "not a JSON object"},
      {"{}", "kinoloom_brief"},
      {"{\"kinoloom_brief\": 2, \"title\": \"x\"}", "newer Kinoloom"},
      {"{\"kinoloom_brief\": 0}", "version 0"},
      {"{\"kinoloom_brief\": 1}", "empty"},
      {"{\"kinoloom_brief\": 1, \"title\": \"\\u2028\"}", "empty"},
      {"{\"kinoloom_brief\": 1, \"background\": \"fog\"}", "empty"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"canvas\": \"sqare\"}", "did you mean square"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"canvas\": {\"width\": 1, \"height\": 100}}",
       "64 to 16384"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"canvas\": {\"width\": 99999999999, \"height\": 100}}",
       "64 to 16384"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"palette\": \"loud\"}", "paper, ocean"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"palette\": {\"accent\": \"red\"}}", "#2e6f95"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"density\": \"tight\"}", "airy"},
      {"{\"kinoloom_brief\": 1, \"title\": {\"id\": \"canvas\", \"text\": \"x\"}}", "two things"},
      {"{\"kinoloom_brief\": 1, \"title\": {\"id\": \"a\", \"text\": \"x\"}, \"body\": {\"id\": \"a\", "
       "\"text\": \"y\"}}",
       "two things"},
      {"{\"kinoloom_brief\": 1, \"list\": [1]}", "list"},
      {"{\"kinoloom_brief\": 1, \"picture\": {}}", "neither"},
      {"{\"kinoloom_brief\": 1, \"picture\": {\"image\": \"/x.png\"}}", "files are not read here"},
      {"{\"kinoloom_brief\": 1, \"chart\": {\"csv\": \"a,nan\\nb,inf\"}}", "nothing to draw"},
      {"{\"kinoloom_brief\": 1, \"chart\": {\"kind\": \"donut\", \"csv\": \"a,1\"}}", "bar, line"},
      {"{\"kinoloom_brief\": 1, \"chart\": {}}", "no data"},
      {"{\"kinoloom_brief\": 1, \"chart\": {\"labels\": [\"a\"], \"series\": [{\"values\": [1, 2]}]}}",
       "2 values for 1"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"constraints\": [{\"a\": \"titel\", \"relation\": "
       "\"top\", \"b\": \"canvas\"}]}",
       "did you mean \"title\""},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"constraints\": [{\"a\": \"title\", \"relation\": "
       "\"over\", \"b\": \"canvas\"}]}",
       "left, right"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"constraints\": [{\"a\": \"title\", \"relation\": "
       "\"larger\", \"b\": \"canvas\"}]}",
       "not with the canvas"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"constraints\": [{\"fix\": \"title\", \"box\": [0, 0, "
       "10000, 5]}]}",
       "inside the canvas"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"constraints\": [{\"fix\": \"title\", \"box\": [0, 0, 0, "
       "5]}]}",
       "[x, y, width"},
      {"{\"kinoloom_brief\": 1, \"title\": \"x\", \"layout\": {\"use\": \"guess\", \"elements\": []}}",
       "complete"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) e = NULL;
    g_autoptr(KlBrief) b = kl_brief_parse_json(bad[i].text, strlen(bad[i].text), "test", NULL, &e);
    if (b) g_error("%s is taken", bad[i].text);
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    if (!strstr(e->message, bad[i].word)) g_error("%s\nsays %s", bad[i].text, e->message);
  }
  GString *many = g_string_new(NULL);
  for (int i = 0; i < 200000; i++) g_string_append(many, "## a\n");
  g_autoptr(GError) e = NULL;
  g_assert_null(kl_brief_parse_markdown(many->str, many->len, "test", NULL, &e));
  g_assert_nonnull(strstr(e->message, "more than 200"));
  g_clear_error(&e);
  g_string_free(many, TRUE);
  g_assert_null(kl_brief_parse_markdown("\n \n", 3, "test", NULL, &e));
  g_assert_nonnull(strstr(e->message, "empty"));
  g_clear_error(&e);
  g_assert_null(kl_brief_parse_markdown("# \xff", 3, "test", NULL, &e));
  g_assert_nonnull(strstr(e->message, "UTF-8"));
}

static void png(const char *folder, const char *name, int w, int h) {
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autofree guint8 *rgb = g_malloc0((gsize)w * h * 3);
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_png_write_file(path, rgb, w, h, 3, NULL, &err));
}

static void files(void) {
  g_autofree char *folder = g_dir_make_tmp("kinoloom-brief-XXXXXX", NULL),
                  *brief = g_build_filename(folder, "b.md", NULL),
                  *data = g_build_filename(folder, "d.csv", NULL);
  g_autoptr(GError) e = NULL;
  png(folder, "dot.png", 1, 1);
  png(folder, "ok.png", 40, 30);
  g_file_set_contents(data,
                      "\xef\xbb\xbf"
                      "a,1\nb,2\n",
                      -1, NULL);
  g_file_set_contents(brief, "# T\n\n![a fox](ok.png)\n\n![](dot.png)\n\n```chart\nfile: d.csv\n```\n", -1,
                      NULL);
  g_autoptr(KlBrief) b = kl_brief_load(brief, &e);
  g_assert_no_error(e);
  g_assert_true(g_path_is_absolute(item(b, "picture")->image));
  g_assert_cmpint(item(b, "picture")->image_w, ==, 40);
  g_assert_cmpstr(item(b, "chart")->chart->labels[0], ==, "a"); /* no byte order mark */
  g_assert_cmpuint(b->notes->len, ==, 1);                       /* 1 x 1 is too small to be seen */
  static const char *const bad[] = {"![a](missing.png)", "![a](d.csv)", "```chart\nfile: missing.csv\n```",
                                    "![a](.)"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_file_set_contents(brief, bad[i], -1, NULL);
    g_assert_null(kl_brief_load(brief, &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    g_assert_null(strchr(e->message, '\n'));
    g_clear_error(&e);
  }
  g_file_set_contents(brief, "", -1, NULL);
  g_assert_null(kl_brief_load(brief, &e));
  g_assert_nonnull(strstr(e->message, "empty"));
  g_clear_error(&e);
  g_assert_null(kl_brief_load(folder, &e));
  g_assert_nonnull(strstr(e->message, "folder"));
  for (gsize i = 0; i < 4; i++) {
    static const char *const names[] = {"b.md", "d.csv", "dot.png", "ok.png"};
    g_autofree char *path = g_build_filename(folder, names[i], NULL);
    g_remove(path);
  }
  g_rmdir(folder);
}

static void canvases(void) {
  g_autoptr(KlBrief) b = json(full);
  g_assert_true(kl_brief_set_canvas(b, "768x432", NULL));
  g_assert_true(g_array_index(b->fixed, KlFixed, 0).box.w == 50); /* boxes scale along */
  g_assert_null(b->preset);
  g_assert_true(kl_brief_set_canvas(b, "a4", NULL) && b->height == 1754);
  static const char *const bad[] = {"", "x", "10x10", "100x", "100x100x", "99999x100", "a3", "1e3x100"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) e = NULL;
    g_assert_false(kl_brief_set_canvas(b, bad[i], &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_USAGE);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/brief/json", json_form);
  g_test_add_func("/brief/markdown", markdown_form);
  g_test_add_func("/brief/text-as-text", text_as_text);
  g_test_add_func("/brief/directions", directions);
  g_test_add_func("/brief/charts", charts);
  g_test_add_func("/brief/refused", refused);
  g_test_add_func("/brief/files", files);
  g_test_add_func("/brief/canvases", canvases);
  return g_test_run();
}
