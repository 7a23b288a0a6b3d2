/* The terms by which candidates are ranked; layout.h says what they mean. */
#include "app/core/layout/layout_internal.h"

#include <math.h>
#include <string.h>

static bool counts(const KlElement *e) {
  return e->type != KL_EL_PANEL && e->type != KL_EL_BACKGROUND;
}

KlLabelled *kl_labelled(const KlLayout *l, guint *n) {
  KlLabelled *all = g_new0(KlLabelled, l->elements->len + 1);
  *n = 0;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    if (counts(e))
      all[(*n)++] = (KlLabelled){
          e->type, {e->box.x / l->width, e->box.y / l->height, e->box.w / l->width, e->box.h / l->height}};
  }
  return all;
}

double kl_score_alignment(const KlLabelled *e, guint n) {
  double sum = 0;
  for (guint i = 0; i < n; i++) {
    double least = 1;
    for (guint j = 0; j < n; j++) {
      if (i == j) continue;
      const KlBox *a = &e[i].box, *b = &e[j].box;
      double d[] = {a->x - b->x, a->x + a->w / 2 - b->x - b->w / 2, a->x + a->w - b->x - b->w,
                    a->y - b->y, a->y + a->h / 2 - b->y - b->h / 2, a->y + a->h - b->y - b->h};
      for (gsize k = 0; k < G_N_ELEMENTS(d); k++) least = MIN(least, fabs(d[k]));
    }
    if (least < 1) sum -= log(1 - least);
  }
  return n ? sum / n : 0;
}

/* A picture that is the ground of the whole, or an element that the user centred on another: meant to be
 * under it. */
static bool meant(const KlLayout *l, const KlElement *a, const KlElement *b) {
  const KlElement *low = a->z < b->z ? a : b;
  if (low->type == KL_EL_PICTURE && low->box.w * low->box.h > 0.9 * l->width * l->height) return true;
  for (guint i = 0; i < l->relations->len; i++) {
    const KlRelation *r = &g_array_index(l->relations, KlRelation, i);
    if (r->kind == KL_REL_CENTRE &&
        ((!strcmp(r->a, a->id) && !strcmp(r->b, b->id)) || (!strcmp(r->a, b->id) && !strcmp(r->b, a->id))))
      return true;
  }
  return false;
}

double kl_score_overlap(const KlLayout *l) {
  double sum = 0;
  guint n = 0;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *a = l->elements->pdata[i];
    if (!counts(a)) continue;
    n++;
    for (guint j = 0; j < l->elements->len; j++) {
      const KlElement *b = l->elements->pdata[j];
      if (i == j || !counts(b) || meant(l, a, b)) continue;
      double w = MIN(a->box.x + a->box.w, b->box.x + b->box.w) - MAX(a->box.x, b->box.x),
             h = MIN(a->box.y + a->box.h, b->box.y + b->box.h) - MAX(a->box.y, b->box.y);
      if (w > 0.01 && h > 0.01) sum += w * h / (a->box.w * a->box.h);
    }
  }
  return n ? sum / n : 0;
}

KlScore kl_layout_score(const KlLayout *l, const KlBrief *b) {
  const GPtrArray *all = kl_exemplars();
  guint n;
  g_autofree KlLabelled *mine = kl_labelled(l, &n);
  KlScore s = {.alignment = kl_score_alignment(mine, n), .overlap = kl_score_overlap(l)};
  double aspect = (double)l->width / l->height;
  for (guint i = 0; i < n && b->direction == KL_DIR_RTL; i++) /* exemplars run from left to right */
    mine[i].box.x = 1 - mine[i].box.x - mine[i].box.w;
  for (guint i = 0; i < all->len; i++) {
    const KlExemplar *e = all->pdata[i];
    if (fabs(log(e->aspect / aspect)) < 0.7) s.iou = MAX(s.iou, kl_mean_iou(mine, n, e->boxes, e->n));
  }
  s.total = 0.2 * s.alignment + 0.2 * s.overlap + 0.6 * (1 - s.iou);
  return s;
}

char **kl_layout_overflow(const KlLayout *l, const KlBrief *b, const KlMeasure *measure) {
  g_autoptr(GStrvBuilder) out = g_strv_builder_new();
  KlMeasure m = measure ? *measure : kl_measure_rough();
  guint n = 0;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    const KlBriefItem *item = e->item ? kl_brief_item(b, e->item) : NULL;
    KlMeasured need;
    if (!item || !kl_element_is_text(item->type)) continue;
    double px = e->text_px > 0 ? e->text_px : kl_layout_least_px(b, item->type);
    m.measure(m.user, b, item, e->box.w - 2 * e->pad, px, &need);
    if (need.height <= e->box.h - 2 * e->pad + 0.5 && need.min_width <= e->box.w - 2 * e->pad + 0.5) continue;
    g_strv_builder_add(out, e->id);
    n++;
  }
  return n ? g_strv_builder_end(out) : NULL;
}
