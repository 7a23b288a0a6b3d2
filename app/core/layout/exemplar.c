/* Exemplars, and how like one layout is to another. */
#include "app/core/layout/hungarian.h"
#include "app/core/layout/layout_internal.h"
#include "app/core/resources.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* ---- ours ---- */

static int choice(const json_t *o, const char *key, const char *const *names) {
  const char *s = json_string_value(json_object_get(o, key));
  int i = 0;
  while (names[i] && strcmp(names[i], s)) i++;
  g_assert(names[i]);
  return i;
}

static KlPlan plan_of(const json_t *o) {
  return (KlPlan){.body = (KlBodyForm)choice(o, "body", kl_plan_body_names()),
                  .columns = (int)json_integer_value(json_object_get(o, "columns")),
                  .head = (KlHeadForm)choice(o, "head", kl_plan_head_names()),
                  .hero = (KlHeroPlace)choice(o, "hero", kl_plan_hero_names()),
                  .inner = (KlInnerForm)choice(o, "inner", kl_plan_inner_names()),
                  .cards = json_is_true(json_object_get(o, "cards")),
                  .flip = json_is_true(json_object_get(o, "flip")),
                  .hero_share = json_number_value(json_object_get(o, "hero_share")),
                  .beside = json_number_value(json_object_get(o, "beside")),
                  .title = json_number_value(json_object_get(o, "title"))};
}

static void load(GPtrArray *all, const char *preset) {
  g_autofree char *path = g_strdup_printf("/layouts/%s.json", preset);
  json_t *root = json_loads(kl_resource_text(path), 0, NULL), *o, *box;
  double w = json_number_value(json_array_get(json_object_get(root, "canvas"), 0)),
         h = json_number_value(json_array_get(json_object_get(root, "canvas"), 1));
  size_t i, k;
  json_array_foreach(json_object_get(root, "exemplars"), i, o) {
    const json_t *boxes = json_object_get(o, "boxes");
    KlExemplar *e = g_new0(KlExemplar, 1);
    e->name = g_strdup(json_string_value(json_object_get(o, "name")));
    e->aspect = w / h;
    e->plan = plan_of(json_object_get(o, "plan"));
    e->n = (guint)json_array_size(boxes);
    e->boxes = g_new0(KlLabelled, e->n);
    json_array_foreach(boxes, k, box) {
      double d[4];
      for (size_t j = 0; j < 4; j++) d[j] = json_number_value(json_array_get(box, j + 1)) / (j % 2 ? h : w);
      int type = kl_element_type(json_string_value(json_array_get(box, 0)));
      g_assert(type >= 0);
      e->boxes[k] = (KlLabelled){(KlElementType)type, {d[0], d[1], d[2], d[3]}};
    }
    g_ptr_array_add(all, e);
  }
  json_decref(root);
}

const GPtrArray *kl_exemplars(void) {
  static GPtrArray *all;
  static gsize once;
  if (g_once_init_enter(&once)) {
    GPtrArray *list = g_ptr_array_new();
    for (const KlCanvasPreset *p = kl_canvas_presets(); p->name; p++) load(list, p->name);
    all = list;
    g_once_init_leave(&once, 1);
  }
  return all;
}

/* ---- likeness ---- */

double kl_similar_labels(const KlLabelled *a, guint na, const KlLabelled *b, guint nb) {
  guint x[KL_ELEMENT_TYPES] = {0}, y[KL_ELEMENT_TYPES] = {0}, common = 0;
  for (guint i = 0; i < na; i++) x[a[i].type]++;
  for (guint i = 0; i < nb; i++) y[b[i].type]++;
  for (int t = 0; t < KL_ELEMENT_TYPES; t++) common += MIN(x[t], y[t]);
  return na + nb ? 2.0 * common / (na + nb) : 0;
}

/* The best assignment's sum of gain(a, b) over same-labelled pairs. */
static double matched(const KlLabelled *a, guint na, const KlLabelled *b, guint nb,
                      double (*gain)(const KlBox *x, const KlBox *y)) {
  if (na > nb) {
    const KlLabelled *t = a;
    guint n = na;
    a = b;
    b = t;
    na = nb;
    nb = n;
  }
  if (!na) return 0;
  g_autofree double *cost = g_new(double, (gsize)na *nb);
  g_autofree guint *of_row = g_new(guint, na);
  for (guint i = 0; i < na; i++)
    for (guint j = 0; j < nb; j++)
      cost[(gsize)i * nb + j] = a[i].type == b[j].type ? -gain(&a[i].box, &b[j].box) : 0;
  return -kl_assign(cost, na, nb, of_row);
}

static double near_box(const KlBox *a, const KlBox *b) {
  double x = a->x - b->x, y = a->y - b->y, w = a->w - b->w, h = a->h - b->h;
  return pow(0.5, 2 * sqrt(x * x + y * y + w * w + h * h));
}

static double near_size(const KlBox *a, const KlBox *b) {
  double w = a->w - b->w, h = a->h - b->h;
  return pow(0.5, 2 * sqrt(w * w + h * h));
}

static double iou(const KlBox *a, const KlBox *b) {
  double w = MIN(a->x + a->w, b->x + b->w) - MAX(a->x, b->x),
         h = MIN(a->y + a->h, b->y + b->h) - MAX(a->y, b->y);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a->w * a->h + b->w * b->h - w * h);
}

double kl_similar_boxes(const KlLabelled *a, guint na, const KlLabelled *b, guint nb, bool sizes_only) {
  guint pairs = MIN(na, nb);
  return pairs ? matched(a, na, b, nb, sizes_only ? near_size : near_box) / pairs : 0;
}

double kl_mean_iou(const KlLabelled *a, guint na, const KlLabelled *b, guint nb) {
  guint most = MAX(na, nb);
  return most ? matched(a, na, b, nb, iou) / most : 0;
}
