/* Layouts: matching, scores, exemplars, candidates and each kind of constraint, what clashes, refinement,
 * calm places. */
#include "app/core/gerr.h"
#include "app/core/layout/ask.h"
#include "app/core/layout/hungarian.h"
#include "app/core/layout/layout_internal.h"
#include "engine/base/log.h"
#include "engine/base/rng.h"
#include "media/png.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static KlBrief *brief(const char *text) {
  g_autoptr(GError) e = NULL;
  KlBrief *b = kl_brief_parse_json(text, strlen(text), "test", "/", &e);
  g_assert_no_error(e);
  return b;
}

#define SECTIONS                                                                                             \
  "\"sections\": [{\"heading\": \"Decide once\", \"body\": \"Write decisions down where everybody finds "    \
  "them.\"},"                                                                                                \
  " {\"heading\": \"Ship daily\", \"body\": \"Small changes are easy to review and easy to take back.\"},"   \
  " {\"heading\": \"Measure little\", \"number\": {\"value\": \"1\", \"label\": \"number to look at each "   \
  "week\"}}]"
#define HEAD                                                                                                 \
  "{\"kinoloom_brief\": 1, \"title\": \"Three ways to be fast\", \"subtitle\": \"Lessons\", \"picture\": "   \
  "\"a team\", "

static GPtrArray *candidates(const KlBrief *b, int n, guint64 seed) {
  g_autoptr(GError) e = NULL;
  KlLayoutOptions o = {.candidates = n, .seed = seed};
  GPtrArray *all = kl_layout_candidates(b, &o, &e);
  g_assert_no_error(e);
  return all;
}

static const KlBox *box(const KlLayout *l, const char *id) {
  const KlElement *e = kl_layout_find(l, id);
  g_assert_nonnull(e);
  return &e->box;
}

/* ---- matching ---- */

static double least_by_hand(const double *cost, guint rows, guint columns, guint row, guint used) {
  if (row == rows) return 0;
  double best = INFINITY;
  for (guint j = 0; j < columns; j++)
    if (!(used >> j & 1))
      best = MIN(best, cost[row * columns + j] + least_by_hand(cost, rows, columns, row + 1, used | 1u << j));
  return best;
}

static void hungarian(void) {
  for (guint turn = 0; turn < 200; turn++) {
    guint rows = 1 + turn % 5, columns = rows + turn / 5 % 3, of_row[8], used = 0;
    double cost[64], sum = 0;
    for (guint i = 0; i < rows * columns; i++) cost[i] = floor(20 * kl_randu(turn, 1, i)) - 8;
    double got = kl_assign(cost, rows, columns, of_row);
    for (guint i = 0; i < rows; i++) {
      g_assert_cmpuint(of_row[i], <, columns);
      g_assert_false(used >> of_row[i] & 1);
      used |= 1u << of_row[i];
      sum += cost[i * columns + of_row[i]];
    }
    g_assert_cmpfloat_with_epsilon(got, sum, 1e-9);
    g_assert_cmpfloat_with_epsilon(got, least_by_hand(cost, rows, columns, 0, 0), 1e-9);
  }
  g_assert_true(kl_assign(NULL, 0, 0, NULL) == 0);
}

static void likeness(void) {
  KlLabelled a[] = {
      {KL_EL_TITLE, {0, 0, 1, 0.2}}, {KL_EL_BODY, {0, 0.3, 0.5, 0.5}}, {KL_EL_BODY, {0.5, 0.3, 0.5, 0.5}}};
  KlLabelled b[] = {
      {KL_EL_BODY, {0.5, 0.3, 0.5, 0.5}}, {KL_EL_TITLE, {0, 0, 1, 0.1}}, {KL_EL_PICTURE, {0, 0.5, 1, 0.5}}};
  g_assert_cmpfloat_with_epsilon(kl_similar_labels(a, 3, b, 3), 2.0 * 2 / 6, 1e-9);
  g_assert_cmpfloat_with_epsilon(kl_similar_labels(a, 3, a, 3), 1, 1e-9);
  g_assert_cmpfloat_with_epsilon(kl_similar_boxes(a, 3, a, 3, false), 1, 1e-9);
  g_assert_cmpfloat_with_epsilon(kl_similar_boxes(a, 3, b, 3, false), (1 + pow(0.5, 0.2)) / 3, 1e-9);
  g_assert_cmpfloat_with_epsilon(kl_similar_boxes(a, 2, a + 2, 1, true), 1, 1e-9); /* same size elsewhere */
  g_assert_cmpfloat_with_epsilon(kl_mean_iou(a, 3, a, 3), 1, 1e-9);
  g_assert_cmpfloat_with_epsilon(kl_mean_iou(a, 3, b, 3), (0.5 + 1) / 3,
                                 1e-9); /* the title by half, a body wholly */
  g_assert_cmpfloat_with_epsilon(kl_mean_iou(a, 3, b, 3), kl_mean_iou(b, 3, a, 3), 1e-12);
  g_assert_true(kl_mean_iou(a, 0, b, 0) == 0 && kl_mean_iou(a, 3, b, 0) == 0);
}

static void scores(void) {
  KlLabelled lined[] = {{KL_EL_TITLE, {0.1, 0.1, 0.8, 0.1}}, {KL_EL_BODY, {0.1, 0.3, 0.5, 0.3}}};
  KlLabelled off[] = {{KL_EL_TITLE, {0.1, 0.1, 0.8, 0.1}}, {KL_EL_BODY, {0.13, 0.3, 0.5, 0.3}}};
  g_assert_cmpfloat_with_epsilon(kl_score_alignment(lined, 2), 0, 1e-12);
  g_assert_cmpfloat_with_epsilon(kl_score_alignment(off, 2), -log(0.97), 1e-9);
  g_assert_true(kl_score_alignment(lined, 1) == 0 && kl_score_alignment(lined, 0) == 0);
  g_autoptr(KlLayout) l = kl_layout_new(100, 100);
  kl_layout_add(l, "a", KL_EL_TITLE, "a", (KlBox){0, 0, 40, 10});
  kl_layout_add(l, "b", KL_EL_BODY, "b", (KlBox){20, 0, 20, 20});
  kl_layout_add(l, "p", KL_EL_PANEL, NULL, (KlBox){0, 0, 100, 100});
  g_assert_cmpfloat_with_epsilon(kl_score_overlap(l), (0.5 + 0.5) / 2, 1e-9);
  KlRelation r = {KL_REL_CENTRE, g_strdup("a"), g_strdup("b")};
  g_array_append_val(l->relations, r);
  g_assert_true(kl_score_overlap(l) == 0); /* meant */
}

/* ---- exemplars ---- */

static void exemplars(void) {
  const GPtrArray *all = kl_exemplars();
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  guint per[5] = {0};
  g_assert_cmpuint(all->len, >=, 60);
  for (guint i = 0; i < all->len; i++) {
    const KlExemplar *e = all->pdata[i];
    g_assert_true(g_hash_table_add(names, e->name));
    for (int k = 0; k < 5; k++) per[k] += g_str_has_prefix(e->name, kl_canvas_presets()[k].name);
    for (guint k = 0; k < e->n; k++) {
      KlBox x = e->boxes[k].box;
      if (x.w <= 0 || x.h <= 0 || x.x < -1e-6 || x.y < -1e-6 || x.x + x.w > 1.001 || x.y + x.h > 1.001)
        g_error("%s: a %s at %g %g %g %g", e->name, kl_element_name(e->boxes[k].type), x.x, x.y, x.w, x.h);
      for (guint j = 0; j < k; j++) { /* only a picture that is the ground may lie under others */
        KlBox y = e->boxes[j].box;
        double w = MIN(x.x + x.w, y.x + y.w) - MAX(x.x, y.x), h = MIN(x.y + x.h, y.y + y.h) - MAX(x.y, y.y);
        bool ground = y.w * y.h > 0.9;
        if (w > 0.003 && h > 0.003 && !ground)
          g_error("%s: %s and %s overlap", e->name, kl_element_name(e->boxes[k].type),
                  kl_element_name(e->boxes[j].type));
      }
    }
  }
  for (int k = 0; k < 5; k++) g_assert_cmpuint(per[k], >=, 12);
}

/* ---- candidates ---- */

static void sound(const KlLayout *l, const KlBrief *b) {
  g_auto(GStrv) missing = NULL;
  g_autoptr(GError) e = NULL;
  KlMeasure m = kl_measure_rough();
  g_assert_true(kl_layout_check(l, b, &missing, &e));
  g_assert_no_error(e);
  g_assert_cmpuint(g_strv_length(missing), ==, 0);
  g_auto(GStrv) over = kl_layout_overflow(l, b, &m);
  if (over) g_error("%s: %s does not fit", l->exemplar, over[0]);
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *x = l->elements->pdata[i];
    if (x->box.x < -0.6 || x->box.y < -0.6 || x->box.x + x->box.w > l->width + 0.6 ||
        x->box.y + x->box.h > l->height + 0.6)
      g_error("%s: %s leaves the canvas: %g %g %g %g", l->exemplar, x->id, x->box.x, x->box.y, x->box.w,
              x->box.h);
    if (kl_element_is_text(x->type) && x->text_px < kl_layout_least_px(b, x->type) - 0.26)
      g_error("%s: %s is set at %g", l->exemplar, x->id, x->text_px);
  }
  if (kl_score_overlap(l) > 1e-3) g_error("%s: overlap %g", l->exemplar, kl_score_overlap(l));
}

static const char *const briefs[] = {
    HEAD SECTIONS "}",
    HEAD "\"canvas\": \"slide\", " SECTIONS "}",
    HEAD "\"canvas\": \"square\", " SECTIONS "}",
    HEAD "\"canvas\": \"story\", " SECTIONS "}",
    HEAD "\"canvas\": \"a4\", \"density\": \"airy\", " SECTIONS "}",
    HEAD "\"canvas\": \"1600x400\", " SECTIONS "}",
    "{\"kinoloom_brief\": 1, \"canvas\": \"square\", \"title\": \"On patience\", \"quote\": {\"text\": "
    "\"Adopt the pace of nature.\", \"by\": \"Emerson\"}}",
    "{\"kinoloom_brief\": 1, \"canvas\": \"story\", \"title\": \"\u0627\u0644\u0645\u0627\u0621 \u0641\u064a "
    "\u062d\u064a\u0627\u062a\u0646\u0627\", \"list\": [\"\u0648\u0627\u062d\u062f\", "
    "\"\u0627\u062b\u0646\u0627\u0646\"]}",
    "{\"kinoloom_brief\": 1, \"canvas\": \"slide\", \"title\": \"\u6c34\u7684\u65c5\u7a0b\", \"body\": "
    "\"\u6c34\u4ece\u9ad8\u5c71\u6d41\u5411\u5927\u6d77\uff0c\u518d\u56de\u5230\u5929\u7a7a\u3002\", "
    "\"chart\": {\"csv\": \"a,1\\nb,2\"}}",
    "{\"kinoloom_brief\": 1, \"title\": \"Only a title\"}",
    "{\"kinoloom_brief\": 1, \"body\": \"No title at all.\"}",
};

static void proposed(void) {
  for (gsize i = 0; i < G_N_ELEMENTS(briefs); i++) {
    g_autoptr(KlBrief) b = brief(briefs[i]);
    g_autoptr(GPtrArray) all = candidates(b, 12, 0), again = candidates(b, 12, 0);
    g_assert_cmpuint(all->len, >=, i < 6 ? 10 : 1);
    g_assert_cmpuint(again->len, ==, all->len);
    for (guint k = 0; k < all->len; k++) {
      const KlLayout *l = all->pdata[k];
      g_autofree char *text = kl_layout_serialise(l), *other = kl_layout_serialise(again->pdata[k]);
      g_assert_cmpstr(text, ==, other); /* same seed, same candidates */
      sound(l, b);
      g_assert_cmpfloat_with_epsilon(
          l->score.total, 0.2 * l->score.alignment + 0.2 * l->score.overlap + 0.6 * (1 - l->score.iou), 1e-9);
      if (k) g_assert_cmpfloat(((KlLayout *)all->pdata[k - 1])->score.total, <=, l->score.total);
      g_autoptr(GError) e = NULL;
      g_autoptr(KlLayout) back = kl_layout_parse(text, strlen(text), "again", &e);
      g_assert_no_error(e);
      g_autofree char *third = kl_layout_serialise(back);
      g_assert_cmpstr(text, ==, third);
    }
  }
  g_autoptr(KlBrief) b = brief(briefs[1]);
  g_autoptr(GPtrArray) a = candidates(b, 12, 1), c = candidates(b, 12, 2), few = candidates(b, 3, 0);
  GString *x = g_string_new(NULL), *y = g_string_new(NULL);
  for (guint k = 0; k < 12; k++) {
    g_autofree char *p = kl_layout_serialise(a->pdata[k]), *q = kl_layout_serialise(c->pdata[k]);
    g_string_append(x, p);
    g_string_append(y, q);
  }
  g_assert_cmpstr(x->str, !=, y->str); /* another seed, other variations */
  g_string_free(x, TRUE);
  g_string_free(y, TRUE);
  g_assert_cmpuint(few->len, ==, 3);
}

static void reading_direction(void) {
  g_autoptr(KlBrief) b =
      brief(HEAD "\"canvas\": \"slide\", \"direction\": \"rtl\", \"icon\": \"sun\", " SECTIONS "}"),
                     o = brief(HEAD "\"canvas\": \"slide\", \"icon\": \"sun\", " SECTIONS "}");
  g_autoptr(GPtrArray) rtl = candidates(b, 4, 0), ltr = candidates(o, 4, 0);
  for (guint k = 0; k < 4; k++) {
    const KlBox *x = box(rtl->pdata[k], "s1.heading"), *y = box(ltr->pdata[k], "s1.heading");
    g_assert_cmpfloat_with_epsilon(b->width - x->x - x->w, y->x, 0.01); /* mirrored */
  }
}

/* ---- constraints ---- */

static void each_relation(void) {
  static const char *const ends[][2] = {
      {"title", "picture"}, {"s1.body", "s2.body"}, {"s3.number", "canvas"}, {"picture", "s2.heading"}};
  for (int kind = 0; kind < KL_RELATIONS; kind++)
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
      bool canvas = !strcmp(ends[i][1], "canvas");
      if (canvas && kind >= KL_REL_SMALLER) continue;
      g_autofree char *text =
          g_strdup_printf(HEAD "\"canvas\": \"square\", " SECTIONS
                               ", \"constraints\": [{\"a\": \"%s\", \"relation\": \"%s\", \"b\": \"%s\"}]}",
                          ends[i][0], kl_relation_name((KlRelationKind)kind), ends[i][1]);
      g_autoptr(KlBrief) b = brief(text);
      g_autoptr(GPtrArray) all = candidates(b, 4, 0);
      for (guint k = 0; k < all->len; k++) {
        const KlLayout *l = all->pdata[k];
        if (!kl_relation_holds(l, &g_array_index(b->relations, KlRelation, 0)))
          g_error("%s in %s", text, l->exemplar);
        g_assert_cmpuint(l->relations->len, ==, 1);
        sound(l, b);
      }
    }
}

static void fixed_parts(void) {
  g_autoptr(KlBrief) b =
      brief(HEAD "\"canvas\": \"slide\", " SECTIONS
                 ", \"constraints\": [{\"fix\": \"picture\", \"box\": [900, 200, 500, 500]},"
                 " {\"fix\": \"title\", \"box\": [60, 40, 700, 160]}]}");
  g_autoptr(GPtrArray) all = candidates(b, 8, 0);
  for (guint k = 0; k < all->len; k++) {
    const KlLayout *l = all->pdata[k];
    const KlElement *e = kl_layout_find(l, "picture");
    g_assert_true(e->locked && e->box.x == 900 && e->box.y == 200 && e->box.w == 500 && e->box.h == 500);
    g_assert_true(box(l, "title")->w == 700);
    g_assert_true(kl_constraints_hold(l, b));
    sound(l, b);
  }
}

static void completion(void) {
  g_autoptr(KlBrief) b =
      brief(HEAD "\"canvas\": \"a4\", " SECTIONS ", \"layout\": {\"use\": \"complete\", \"elements\": ["
                 "{\"id\": \"title\", \"box\": [100, 100, 600, 220]}, {\"id\": \"picture\", \"box\": [740, "
                 "100, 420, 620]},"
                 "{\"id\": \"s3.number\", \"box\": [120, null, null, null]}]}}");
  g_autoptr(GPtrArray) all = candidates(b, 8, 0);
  for (guint k = 0; k < all->len; k++) {
    const KlLayout *l = all->pdata[k];
    g_assert_true(box(l, "title")->x == 100 && box(l, "picture")->h == 620);
    sound(l, b);
  }
}

static void refinement(void) {
  g_autoptr(KlBrief) b =
      brief("{\"kinoloom_brief\": 1, \"canvas\": \"square\", \"title\": \"Rough to fine\", \"subtitle\": \"a "
            "sketch by hand\", \"picture\": \"a sketch\","
            " \"body\": \"Write decisions down where everybody finds them.\", \"list\": [\"one thing\", "
            "\"another thing\"],"
            " \"layout\": {\"use\": \"refine\", \"elements\": [{\"id\": \"title\", \"box\": [70, 50, 700, "
            "120]}, {\"id\": \"subtitle\", \"box\": [88, 160, 500, 60]},"
            " {\"id\": \"picture\", \"box\": [60, 260, 470, 430]}, {\"id\": \"body\", \"box\": [520, 270, "
            "500, 200]}, {\"id\": \"list\", \"box\": [545, 450, 480, 200]}]}}");
  g_autoptr(GPtrArray) all = candidates(b, 4, 0);
  const KlLayout *l = all->pdata[0];
  g_assert_cmpstr(l->exemplar, ==, "given");
  sound(l, b);
  g_assert_cmpfloat(l->score.alignment, <, 0.004);
  g_assert_cmpfloat_with_epsilon(box(l, "title")->x, box(l, "subtitle")->x,
                                 0.6); /* what nearly agreed agrees */
  g_assert_cmpfloat_with_epsilon(box(l, "title")->x, box(l, "picture")->x, 0.6);
  for (guint i = 0; i < b->given->len; i++) { /* nothing went far */
    const KlFixed *f = &g_array_index(b->given, KlFixed, i);
    const KlBox *x = box(l, f->id);
    g_assert_cmpfloat(fabs(x->x - f->box.x), <, 130);
    g_assert_cmpfloat(fabs(x->y - f->box.y), <, 130);
  }
  g_assert_cmpfloat(box(l, "title")->y + box(l, "title")->h, <=,
                    box(l, "subtitle")->y + 0.4); /* the order of reading stays */
  g_assert_cmpfloat(box(l, "body")->y + box(l, "body")->h, <=, box(l, "list")->y + 0.4);
  g_assert_cmpfloat(box(l, "picture")->x + box(l, "picture")->w, <=, box(l, "body")->x + 0.4);
}

static void clashes(void) {
  static const struct {
    const char *constraints;
    const char *in[3], *out; /* what the line must name, and must not */
  } all[] = {
      {"{\"a\": \"title\", \"relation\": \"top\", \"b\": \"canvas\"}, {\"a\": \"title\", \"relation\": "
       "\"left\", \"b\": \"s1.body\"},"
       "{\"a\": \"s2.body\", \"relation\": \"left\", \"b\": \"title\"}, {\"a\": \"s1.body\", \"relation\": "
       "\"left\", \"b\": \"s2.body\"}",
       {"title is left of s1.body", "s2.body is left of title", "s1.body is left of s2.body"},
       "top third"},
      {"{\"a\": \"s1.body\", \"relation\": \"larger\", \"b\": \"s2.body\"}, {\"a\": \"s1.body\", "
       "\"relation\": \"equal\", \"b\": \"s2.body\"},"
       "{\"a\": \"title\", \"relation\": \"top\", \"b\": \"s1.body\"}",
       {"s1.body is larger than s2.body", "s1.body is as large as s2.body", NULL},
       "title"},
      {"{\"a\": \"title\", \"relation\": \"top\", \"b\": \"canvas\"}, {\"fix\": \"title\", \"box\": [60, "
       "700, 600, 200]}",
       {"top third", "fixed at 60, 700", NULL},
       "s1"},
      {"{\"a\": \"s1.body\", \"relation\": \"left\", \"b\": \"picture\"}, {\"fix\": \"picture\", \"box\": "
       "[10, 100, 400, 400]},"
       "{\"a\": \"s2.body\", \"relation\": \"right\", \"b\": \"picture\"}",
       {"s1.body is left of picture", "picture is fixed", NULL},
       "s2"},
      {"{\"a\": \"title\", \"relation\": \"left\", \"b\": \"canvas\"}, {\"a\": \"title\", \"relation\": "
       "\"right\", \"b\": \"canvas\"}",
       {"left third", "right third", NULL},
       "s1"},
      {"{\"fix\": \"title\", \"box\": [0, 0, 30, 9]}", {"title", "do not fit the box", NULL}, "s1"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
    g_autofree char *text = g_strdup_printf(
        HEAD "\"canvas\": \"square\", " SECTIONS ", \"constraints\": [%s]}", all[i].constraints);
    g_autoptr(KlBrief) b = brief(text);
    g_autoptr(GError) e = NULL;
    g_assert_null(kl_layout_candidates(b, NULL, &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    for (int k = 0; k < 3 && all[i].in[k]; k++)
      if (!strstr(e->message, all[i].in[k])) g_error("%zu says: %s", i, e->message);
    if (strstr(e->message, all[i].out)) g_error("%zu says: %s", i, e->message);
  }
}

static void too_much(void) {
  GString *s =
      g_string_new("{\"kinoloom_brief\": 1, \"canvas\": \"square\", \"title\": \"Too much\", \"body\": \"");
  for (int i = 0; i < 10000; i++) g_string_append(s, "lorem ");
  g_string_append(s, "\"}");
  g_autoptr(KlBrief) b = brief(s->str);
  g_autoptr(GError) e = NULL;
  g_assert_null(kl_layout_candidates(b, NULL, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_assert_nonnull(strstr(e->message, "of 10002 would"));
  g_string_free(s, TRUE);
  KlCancel stop = {0};
  kl_cancel(&stop);
  g_autoptr(KlBrief) small = brief(briefs[0]);
  KlLayoutOptions o = {.cancel = &stop};
  g_clear_error(&e);
  g_assert_null(kl_layout_candidates(small, &o, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_CANCELLED);
}

/* ---- files of layouts ---- */

static void layout_files(void) {
  static const struct {
    const char *text, *word;
  } bad[] = {
      {"{}", "kinoloom_layout"},
      {"{\"kinoloom_layout\": 2}", "newer"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [1, 2], \"elements\": []}", "canvas"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [100, 100], \"elements\": [{}]}", "id"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [100, 100], \"elements\": [{\"id\": \"a\", \"type\": "
       "\"video\"}]}",
       "type"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [100, 100], \"elements\": [{\"id\": \"a\", \"type\": \"body\", "
       "\"box\": [0, 0, -1, 4]}]}",
       "box"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [100, 100], \"elements\": [{\"id\": \"a\", \"type\": \"body\", "
       "\"box\": [0, 0, 1, 4], \"ink\": \"pink\"}]}",
       "colour"},
      {"{\"kinoloom_layout\": 1, \"canvas\": [100, 100], \"elements\": [{\"id\": \"a\", \"type\": \"body\", "
       "\"box\": [0, 0, 1, 4]}, {\"id\": \"a\", \"type\": \"body\", \"box\": [0, 0, 1, 4]}]}",
       "taken"}};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) e = NULL;
    g_assert_null(kl_layout_parse(bad[i].text, strlen(bad[i].text), "test", &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    if (!strstr(e->message, bad[i].word)) g_error("%s\nsays %s", bad[i].text, e->message);
  }
  g_autoptr(KlBrief) b = brief(briefs[0]);
  g_autoptr(KlLayout) l = kl_layout_new(100, 100);
  g_autoptr(GError) e = NULL;
  g_auto(GStrv) missing = NULL;
  kl_layout_add(l, "title", KL_EL_TITLE, "title", (KlBox){0, 0, 50, 50});
  g_assert_true(kl_layout_check(l, b, &missing, NULL));
  g_assert_cmpuint(g_strv_length(missing), ==, b->items->len - 1);
  kl_layout_add(l, "x", KL_EL_BODY, "s1.bod", (KlBox){0, 0, 50, 50});
  g_assert_false(kl_layout_check(l, b, NULL, &e));
  g_assert_nonnull(strstr(e->message, "did you mean \"s1.body\""));
}

/* ---- calm places ---- */

static void calm(void) {
  enum { W = 256, H = 256 };
  g_autofree guint8 *rgb = g_malloc(W * H * 3);
  float map[KL_SALIENCY * KL_SALIENCY];
  for (int y = 0; y < H; y++) /* the right half is noise, the left one even */
    for (int x = 0; x < W; x++)
      for (int c = 0; c < 3; c++)
        rgb[(y * W + x) * 3 + c] = (guint8)(x < W / 2 ? 120 : 255 * kl_randu(1, (guint64)y, (guint64)x));
  kl_saliency_rgb(rgb, W, H, map);
  double left = kl_saliency_mean(map, (KlBox){0, 0, 0.45, 1}),
         right = kl_saliency_mean(map, (KlBox){0.55, 0, 0.45, 1});
  g_assert_cmpfloat(left, <, 0.2);
  g_assert_cmpfloat(right, >, 2.5 * left);
  memset(rgb, 90, W * H * 3);
  for (int y = 150; y < 190; y++)
    for (int x = 30; x < 70; x++) rgb[(y * W + x) * 3] = rgb[(y * W + x) * 3 + 1] = 250;
  kl_saliency_rgb(rgb, W, H, map); /* a bright square draws the eye */
  g_assert_cmpfloat(kl_saliency_mean(map, (KlBox){0.1, 0.57, 0.2, 0.2}), >,
                    4 * kl_saliency_mean(map, (KlBox){0.5, 0.1, 0.4, 0.3}));

  g_autofree char *folder = g_dir_make_tmp("kinoloom-calm-XXXXXX", NULL),
                  *path = g_build_filename(folder, "b.png", NULL);
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      for (int c = 0; c < 3; c++)
        rgb[(y * W + x) * 3 + c] = (guint8)(x < W / 2 ? 120 : 255 * kl_randu(1, (guint64)y, (guint64)x));
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_png_write_file(path, rgb, W, H, 3, NULL, &err));
  g_autofree char *text =
      g_strdup_printf("{\"kinoloom_brief\": 1, \"canvas\": \"slide\", \"title\": \"Calm\", \"body\": \"These "
                      "words go to the left.\", \"background\": {\"image\": \"%s\"}}",
                      path);
  g_autoptr(KlBrief) b = brief(text);
  g_autoptr(GPtrArray) all = candidates(b, 3, 0);
  for (guint k = 0; k < all->len; k++) {
    g_assert_cmpfloat(box(all->pdata[k], "body")->x + box(all->pdata[k], "body")->w, <, 0.6 * b->width);
    g_assert_cmpint(kl_layout_find(all->pdata[k], "background")->type, ==, KL_EL_BACKGROUND);
  }
  g_remove(path);
  g_rmdir(folder);
}

/* ---- a language model's answers ---- */

static void answers(void) {
  g_autoptr(KlBrief) b = brief(HEAD "\"canvas\": \"square\", " SECTIONS "}");
  static const char text[] =
      "Sure!\n<html><body>\n<div class=\"canvas\" style=\"left: 0px; top: 0px; width: 1080px; height: "
      "1080px\"></div>\n"
      "<div class=\"title\" style=\"index: 0; left: 60px; top: 50px; width: 900px; height: 150px\"></div>\n"
      "<div class=\"title\" style=\"index: 0; left: 1px; top: 1px; width: 9px; height: 9px\"></div>\n"
      "<div class='body' style='left:60px;top:-50px;width:9e9px;height:150px'></div>\n"
      "<div class='body' style='left:60px;top:400.5px;width:99999px;height:150px'></div>\n"
      "<div class=\"video\" style=\"left: 1px; top: 1px; width: 9px; height: 9px\"></div>\n"
      "<div class=\"heading\" style=\"left: nanpx; top: 1px; width: 9px; height: 9px\"></div>\n<div";
  g_autoptr(GArray) boxes = kl_ask_boxes(b, text, strlen(text));
  g_assert_cmpuint(boxes->len, ==, 2);
  g_assert_cmpstr(g_array_index(boxes, KlFixed, 0).id, ==, "title");
  const KlFixed *f = &g_array_index(boxes, KlFixed, 1);
  g_assert_cmpstr(f->id, ==, "s1.body");
  g_assert_true(f->box.y == 400.5 && f->box.x + f->box.w == 1080); /* clamped to the canvas */
  g_autofree char *prompt = kl_ask_prompt(b);
  g_assert_nonnull(strstr(prompt, "title 0 | subtitle 1 | picture 2 | heading 3 | body 4"));
  g_assert_nonnull(strstr(prompt, "canvas width is 1080px"));
  gsize n;
  g_autoptr(GError) e = NULL;
  static const char chunked[] =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
  g_autofree char *body = kl_ask_body(chunked, strlen(chunked), &n, &e);
  g_assert_no_error(e);
  g_assert_cmpmem(body, n, "abcde", 5);
  static const char *const bad[] = {"",
                                    "HTTP/1.1 200 OK\r\n",
                                    "HTTP/1.1 404 Not Found\r\n\r\n",
                                    "SSH-2.0\r\n\r\n........",
                                    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc",
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_clear_error(&e);
    g_assert_null(kl_ask_body(bad[i], strlen(bad[i]), &n, &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  }
  static const char *const addresses[] = {"",
                                          "127.0.0.1:80",
                                          "ftp://127.0.0.1",
                                          "http://",
                                          "http://u:p@127.0.0.1/",
                                          "http://127.0.0.1/?a=b",
                                          "http://192.0.2.1/v1"};
  for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++) {
    KlLayoutModel m = {.address = addresses[i]};
    g_clear_error(&e);
    g_assert_false(kl_ask_check(&m, &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_USAGE);
  }
  KlLayoutModel here = {.address = "http://[::1]:9/v1"},
                there = {.address = "https://192.0.2.1/v1", .anywhere = true};
  g_assert_true(kl_ask_check(&here, NULL) && kl_ask_check(&there, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  kl_log_level(KL_LOG_WARN);
  g_test_add_func("/layout/hungarian", hungarian);
  g_test_add_func("/layout/likeness", likeness);
  g_test_add_func("/layout/scores", scores);
  g_test_add_func("/layout/exemplars", exemplars);
  g_test_add_func("/layout/candidates", proposed);
  g_test_add_func("/layout/reading-direction", reading_direction);
  g_test_add_func("/layout/each-relation", each_relation);
  g_test_add_func("/layout/fixed", fixed_parts);
  g_test_add_func("/layout/completion", completion);
  g_test_add_func("/layout/refinement", refinement);
  g_test_add_func("/layout/clashes", clashes);
  g_test_add_func("/layout/too-much", too_much);
  g_test_add_func("/layout/files", layout_files);
  g_test_add_func("/layout/calm", calm);
  g_test_add_func("/layout/answers", answers);
  return g_test_run();
}
