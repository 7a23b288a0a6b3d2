/* Many plans are tried by estimates, the best are made with exact measures, and ranked. */
#include "app/core/gerr.h"
#include "app/core/layout/layout_internal.h"
#include "engine/base/rng.h"

#include <math.h>
#include <string.h>

#define SHORT_LIST 16 /* exemplars whose plans are tried */
#define VARIANTS 6    /* of each plan */

typedef struct {
  KlPlan plan;
  const KlExemplar *from;
  const KlFrame *frame;
  KlLayout *layout;
  double cost;
} Try;

static void try_clear(void *p) {
  kl_layout_free(((Try *)p)->layout);
}

/* ---- which exemplars ---- */

/* The brief as labels with the sizes that its words ask for at the ideal size in a column of common width. */
static KlLabelled *wishes(const KlBrief *b, KlType *t, guint *n) {
  KlLabelled *all = g_new0(KlLabelled, b->items->len + 1);
  double s = kl_layout_ideal_px(b), column = MIN(b->width * 0.88, 30 * s);
  *n = 0;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    double w = column, h = column / 1.5;
    if (item->type == KL_EL_BACKGROUND) continue;
    if (item->type == KL_EL_ICON) w = h = 3 * s;
    if (kl_element_is_text(item->type)) {
      double px = item->type == KL_EL_TITLE ? 3 * s : item->type == KL_EL_NUMBER ? 3.4 * s : item->type == KL_EL_HEADING ? 1.45 * s : s;
      h = kl_type_measure(t, item, w, px, false).height;
    }
    all[(*n)++] = (KlLabelled){item->type, {0, 0, w / b->width, MIN(h / b->height, 1)}};
  }
  return all;
}

typedef struct {
  const KlExemplar *e;
  double like;
  guint order;
} Likeness;

static int by_likeness(gconstpointer a, gconstpointer b) {
  const Likeness *x = a, *y = b;
  if (x->like != y->like) return x->like > y->like ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* Boxes that the brief gives, as labels; they weigh most where there are some. */
static KlLabelled *given(const KlBrief *b, guint *n) {
  const GArray *lists[] = {b->fixed, b->given};
  KlLabelled *all = g_new0(KlLabelled, b->fixed->len + b->given->len + 1);
  *n = 0;
  for (int k = 0; k < 2; k++)
    for (guint i = 0; i < lists[k]->len; i++) {
      const KlFixed *f = &g_array_index(lists[k], KlFixed, i);
      KlBox x = f->box;
      if (isnan(x.x + x.y + x.w + x.h)) continue;
      all[(*n)++] = (KlLabelled){kl_brief_item(b, f->id)->type, {x.x / b->width, x.y / b->height, x.w / b->width, x.h / b->height}};
    }
  return all;
}

static GArray *alike(const KlBrief *b, KlType *t) {
  const GPtrArray *all = kl_exemplars();
  guint n, n_given;
  g_autofree KlLabelled *mine = wishes(b, t, &n), *boxes = given(b, &n_given);
  GArray *out = g_array_new(FALSE, FALSE, sizeof(Likeness));
  double aspect = (double)b->width / b->height;
  for (guint i = 0; i < all->len; i++) {
    const KlExemplar *e = all->pdata[i];
    double like = 0.5 * kl_similar_labels(mine, n, e->boxes, e->n) + 0.5 * kl_similar_boxes(mine, n, e->boxes, e->n, true);
    if (n_given) like = 0.5 * like + 0.5 * kl_similar_boxes(boxes, n_given, e->boxes, e->n, false);
    like -= 0.35 * fabs(log(e->aspect / aspect));
    Likeness l = {e, like, i};
    g_array_append_val(out, l);
  }
  g_array_sort(out, by_likeness);
  return out;
}

/* ---- variants of a plan ---- */

static KlPlan vary(const KlPlan *p, guint64 seed, guint64 stream, guint k) {
  KlPlan v = *p;
  double r[5];
  for (guint i = 0; i < G_N_ELEMENTS(r); i++) r[i] = kl_randu(seed, stream, k * G_N_ELEMENTS(r) + i);
  if (k == 0) return v; /* as drawn */
  v.hero_share = CLAMP(v.hero_share * (0.8 + 0.4 * r[0]), 0.18, 0.68);
  v.beside = CLAMP(v.beside * (0.85 + 0.3 * r[1]), 0.2, 0.6);
  v.title = CLAMP(v.title * (0.85 + 0.35 * r[2]), 1.9, 5.5);
  if (r[3] < 0.25) v.flip = !v.flip;
  if (r[4] < 0.2 && v.head == KL_HEAD_START) v.head = KL_HEAD_BAND;
  else if (r[4] < 0.35 && v.body == KL_BODY_CARDS) v.cards = !v.cards;
  return v;
}

static bool same_plan(const KlPlan *a, const KlPlan *b) {
  return a->body == b->body && a->columns == b->columns && a->head == b->head && a->hero == b->hero && a->inner == b->inner &&
         a->cards == b->cards && a->flip == b->flip && fabs(a->hero_share - b->hero_share) < 0.02 &&
         fabs(a->beside - b->beside) < 0.02 && fabs(a->title - b->title) < 0.15;
}

static int by_cost(gconstpointer a, gconstpointer b) {
  const Try *x = a, *y = b;
  return x->cost < y->cost ? -1 : x->cost > y->cost;
}

static int by_score(gconstpointer a, gconstpointer b) {
  const KlLayout *x = *(KlLayout *const *)a, *y = *(KlLayout *const *)b;
  return x->score.total < y->score.total ? -1 : x->score.total > y->score.total;
}

/* The mean IoU of the same items in two layouts: 1, the same picture. */
static double sameness(const KlLayout *a, const KlLayout *b) {
  double sum = 0;
  guint n = 0;
  for (guint i = 0; i < a->elements->len; i++) {
    const KlElement *e = a->elements->pdata[i], *o = e->item ? kl_layout_find(b, e->id) : NULL;
    if (!e->item || e->type == KL_EL_BACKGROUND) continue;
    n++;
    if (!o) continue;
    double w = MIN(e->box.x + e->box.w, o->box.x + o->box.w) - MAX(e->box.x, o->box.x),
           h = MIN(e->box.y + e->box.h, o->box.y + o->box.h) - MAX(e->box.y, o->box.y);
    if (w > 0 && h > 0) sum += w * h / (e->box.w * e->box.h + o->box.w * o->box.h - w * h);
  }
  return n ? sum / n : 1;
}

/* ---- the search ---- */

static bool stopped(const KlLayoutOptions *o, GError **error) {
  return o->cancel && kl_cancelled(o->cancel) && !kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
}

static GArray *tries(const KlBrief *b, const KlLayoutOptions *o, KlType *t, const KlFrame *frame, GArray *like) {
  GArray *all = g_array_new(FALSE, TRUE, sizeof(Try));
  guint used = 0;
  g_array_set_clear_func(all, try_clear);
  for (guint i = 0; i < like->len && used < SHORT_LIST; i++) {
    const Likeness *l = &g_array_index(like, Likeness, i);
    bool suits = false;
    for (guint k = 0; k < VARIANTS; k++) {
      Try one = {.plan = vary(&l->e->plan, o->seed, l->order, k), .from = l->e, .frame = frame};
      bool known = false;
      for (guint j = 0; j < all->len && !known; j++) known = same_plan(&one.plan, &g_array_index(all, Try, j).plan);
      if (known) continue;
      one.layout = kl_plan_make(&one.plan, b, frame, t, false, &one.cost);
      if (!one.layout) {
        if (!suits) break; /* the plan does not suit: no variant of it will */
        continue;
      }
      suits = true;
      one.cost += 0.02 * used; /* the more alike, the better */
      g_array_append_val(all, one);
    }
    used += suits;
    if (o->cancel && kl_cancelled(o->cancel)) break;
  }
  g_array_sort(all, by_cost);
  return all;
}

GPtrArray *kl_layout_candidates(const KlBrief *b, const KlLayoutOptions *given_o, GError **error) {
  KlLayoutOptions o = given_o ? *given_o : (KlLayoutOptions){0};
  KlType *t = kl_type_new(b, o.measure);
  KlFrame frame = {.frame = kl_canvas_frame(b), .whole = true};
  guint want = (guint)CLAMP(o.candidates ? o.candidates : 12, 1, 64);
  GPtrArray *out = g_ptr_array_new_with_free_func((GDestroyNotify)kl_layout_free);
  g_autoptr(GArray) like = alike(b, t), all = tries(b, &o, t, &frame, like);
  for (double limit = 0.93; limit < 1.01 && out->len < want; limit += 0.06) { /* alike ones only if there are no others */
    for (guint i = 0; i < all->len && out->len < want; i++) {
      Try *one = &g_array_index(all, Try, i);
      if (!one->layout || stopped(&o, NULL)) continue;
      double most = 0, cost;
      for (guint k = 0; k < out->len; k++) most = MAX(most, sameness(one->layout, out->pdata[k]));
      if (most > limit) continue;
      KlLayout *l = kl_plan_make(&one->plan, b, one->frame, t, true, &cost);
      g_clear_pointer(&one->layout, kl_layout_free);
      if (!l) continue;
      l->exemplar = g_strdup(one->from->name);
      l->score = kl_layout_score(l, b);
      g_ptr_array_add(out, l);
    }
  }
  kl_type_free(t);
  if (stopped(&o, error)) {
    g_ptr_array_unref(out);
    return NULL;
  }
  if (!out->len) {
    kl_gfail(error, KL_ERROR_INPUT, "does not fit");
    g_ptr_array_unref(out);
    return NULL;
  }
  g_ptr_array_sort(out, by_score);
  return out;
}
