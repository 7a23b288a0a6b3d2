/* Many plans are tried by estimates, the best are made with exact measures, and ranked. */
#include "app/core/gerr.h"
#include "app/core/layout/ask.h"
#include "app/core/layout/rooms.h"
#include "engine/base/log.h"
#include "engine/base/rng.h"

#include <math.h>
#include <string.h>

#define SHORT_LIST 16 /* exemplars whose plans are tried in a room */
#define VARIANTS 6    /* of each plan */
#define MENDED 24     /* layouts that are mended where constraints do not hold by themselves */

typedef struct {
  KlPlan plan;
  const KlExemplar *from;
  const KlPlaces *places;
  KlLayout *layout; /* by estimates; NULL once it was made exactly */
  double cost;
} Try;

typedef struct {
  const KlBrief *b;
  const KlLayoutOptions *o;
  KlType *t;
  GArray *places, *kept, *tries;
  GPtrArray *out;
} Search;

static void try_clear(void *p) {
  kl_layout_free(((Try *)p)->layout);
}

static bool stopped(const Search *s) {
  return s->o->cancel && kl_cancelled(s->o->cancel);
}

/* ---- which exemplars ---- */

/* The brief as labels with the sizes that its words ask for at the ideal size in a column of common width. */
static KlLabelled *wishes(const KlBrief *b, KlType *t, guint *n) {
  KlLabelled *all = g_new0(KlLabelled, b->items->len + 1);
  double s = kl_layout_ideal_px(b), column = MIN(b->width * 0.88, 30 * s);
  static const double ratio[KL_ELEMENT_TYPES] = {
      [KL_EL_TITLE] = 3,    [KL_EL_SUBTITLE] = 1.3, [KL_EL_HEADING] = 1.45, [KL_EL_BODY] = 1,
      [KL_EL_NUMBER] = 3.4, [KL_EL_LIST] = 1,       [KL_EL_QUOTE] = 1.4};
  *n = 0;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    double w = column, h = column / 1.5;
    if (item->type == KL_EL_BACKGROUND) continue;
    if (item->type == KL_EL_ICON) w = h = 3 * s;
    if (kl_element_is_text(item->type)) h = kl_type_measure(t, item, w, ratio[item->type] * s, false).height;
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

/* Boxes that the brief gives, as labels. */
static KlLabelled *given_labels(const KlBrief *b, guint *n) {
  const GArray *lists[] = {b->fixed, b->given};
  KlLabelled *all = g_new0(KlLabelled, b->fixed->len + b->given->len + 1);
  *n = 0;
  for (int k = 0; k < 2; k++)
    for (guint i = 0; i < lists[k]->len; i++) {
      const KlFixed *f = &g_array_index(lists[k], KlFixed, i);
      KlBox x = f->box;
      if (isnan(x.x + x.y + x.w + x.h)) continue;
      all[(*n)++] = (KlLabelled){kl_brief_item(b, f->id)->type,
                                 {x.x / b->width, x.y / b->height, x.w / b->width, x.h / b->height}};
    }
  return all;
}

/* LayoutPrompter's weights: half labels, half sizes; given boxes count as much as both. */
static GArray *alike(const KlBrief *b, KlType *t) {
  const GPtrArray *all = kl_exemplars();
  guint n, n_given;
  g_autofree KlLabelled *mine = wishes(b, t, &n), *boxes = given_labels(b, &n_given);
  GArray *out = g_array_new(FALSE, FALSE, sizeof(Likeness));
  double aspect = (double)b->width / b->height;
  for (guint i = 0; i < all->len; i++) {
    const KlExemplar *e = all->pdata[i];
    double like = 0.5 * kl_similar_labels(mine, n, e->boxes, e->n) +
                  0.5 * kl_similar_boxes(mine, n, e->boxes, e->n, true);
    if (n_given) like = 0.5 * like + 0.5 * kl_similar_boxes(boxes, n_given, e->boxes, e->n, false);
    like -= 0.35 * fabs(log(e->aspect / aspect)); /* of another shape of canvas only for want of better */
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
  if (r[4] < 0.2 && v.head == KL_HEAD_START) v.head = r[3] < 0.5 ? KL_HEAD_BAND : KL_HEAD_CENTRE;
  if (r[4] >= 0.2 && r[4] < 0.35 && v.body == KL_BODY_CARDS) v.cards = !v.cards;
  return v;
}

static bool same_structure(const KlPlan *a, const KlPlan *b) {
  return a->body == b->body && a->columns == b->columns && a->head == b->head && a->hero == b->hero &&
         a->inner == b->inner && a->cards == b->cards;
}

static bool same_plan(const KlPlan *a, const KlPlan *b) {
  return same_structure(a, b) && a->flip == b->flip && fabs(a->hero_share - b->hero_share) < 0.02 &&
         fabs(a->beside - b->beside) < 0.02 && fabs(a->title - b->title) < 0.15;
}

/* ---- one layout ---- */

/* What is fixed, in its place. */
static void add_kept(const Search *s, KlLayout *l) {
  for (guint i = 0; i < s->kept->len; i++) {
    const KlFixed *f = &g_array_index(s->kept, KlFixed, i);
    const KlBriefItem *item = kl_brief_item(s->b, f->id);
    KlElement *e = kl_layout_find(l, f->id);
    if (!e) e = kl_layout_add(l, item->id, item->type, item->id, f->box);
    e->box = f->box;
    e->locked = true;
    bool ground = f->box.w * f->box.h > 0.85 * l->width * l->height;
    e->z = item->type == KL_EL_BACKGROUND ? 0 : ground ? 1 : 4;
  }
}

static void add_all(KlLayout *to, const KlLayout *from) {
  for (guint i = 0; i < from->elements->len; i++) {
    const KlElement *e = from->elements->pdata[i];
    if (e->type == KL_EL_BACKGROUND) continue;
    g_autofree char *id = e->item ? g_strdup(e->id) : g_strconcat(e->id, "b", NULL);
    KlElement *n = kl_layout_add(to, id, e->type, e->item, e->box);
    char *own = n->id, *item = n->item;
    *n = *e;
    n->id = own;
    n->item = item;
  }
}

/* The plan in its places, with what is fixed. NULL: it does not suit. */
static KlLayout *make(const Search *s, const Try *t, bool exact, double *cost) {
  if (t->places->n == 1) {
    KlLayout *l = kl_plan_make(&t->plan, s->b, &t->places->room[0], s->t, exact, cost);
    if (l) add_kept(s, l);
    return l;
  }
  KlPlan head = {.body = KL_BODY_ROWS,
                 .columns = 1,
                 .head = t->plan.head == KL_HEAD_CENTRE ? KL_HEAD_CENTRE : KL_HEAD_START,
                 .title = t->plan.title,
                 .beside = 0.4,
                 .hero_share = 0.4};
  double other = 0;
  KlLayout *l = kl_plan_make(&head, s->b, &t->places->room[0], s->t, exact, cost);
  g_autoptr(KlLayout) rest =
      l ? kl_plan_make(&t->plan, s->b, &t->places->room[1], s->t, exact, &other) : NULL;
  if (!rest) {
    kl_layout_free(l);
    return NULL;
  }
  add_all(l, rest);
  add_kept(s, l);
  *cost = MAX(*cost, other);
  return l;
}

/* Kept text at the largest size that fits; false: some does not. */
static bool set_kept_text(const Search *s, KlLayout *l, GError **error) {
  for (guint i = 0; i < s->kept->len; i++) {
    const KlFixed *f = &g_array_index(s->kept, KlFixed, i);
    const KlBriefItem *item = kl_brief_item(s->b, f->id);
    KlElement *e = kl_layout_find(l, f->id);
    double px = kl_element_is_text(item->type) ? kl_largest_px(s->b, s->t, item, f->box, true) : 0;
    if (kl_element_is_text(item->type) && px <= 0)
      return kl_gfail(
          error, KL_ERROR_INPUT,
          "the words of %s do not fit the box it is fixed at (%g x %g): at the least legible size, %.1f px, "
          "they take %g px of height",
          f->id, f->box.w, f->box.h, kl_layout_least_px(s->b, item->type),
          ceil(kl_type_measure(s->t, item, f->box.w, kl_layout_least_px(s->b, item->type), true).height));
    if (e)
      e->text_px = px > 0 ? px : item->type == KL_EL_CHART ? kl_layout_ideal_px(s->b) * 0.82 : e->text_px;
  }
  return true;
}

/* Known coordinates of boxes that were given in part become wishes. */
static bool partial_wishes(const Search *s, KlLayout *l) {
  bool some = false;
  for (guint i = 0; s->b->given_use == KL_GIVEN_COMPLETE && i < s->b->given->len; i++) {
    const KlFixed *f = &g_array_index(s->b->given, KlFixed, i);
    KlElement *e = kl_layout_find(l, f->id);
    if (!e || e->locked) continue;
    double *to[] = {&e->box.x, &e->box.y, &e->box.w, &e->box.h},
           from[] = {f->box.x, f->box.y, f->box.w, f->box.h};
    for (int k = 0; k < 4; k++)
      if (!isnan(from[k])) {
        *to[k] = from[k];
        some = true;
      }
  }
  return some;
}

static void keep_relations(KlLayout *l, const KlBrief *b) {
  g_array_set_size(l->relations, 0);
  for (guint i = 0; i < b->relations->len; i++) {
    const KlRelation *r = &g_array_index(b->relations, KlRelation, i);
    KlRelation own = {r->kind, g_strdup(r->a), g_strdup(r->b)};
    g_array_append_val(l->relations, own);
  }
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

static bool like_one_before(const Search *s, const KlLayout *l, double limit) {
  for (guint k = 0; k < s->out->len; k++)
    if (sameness(l, s->out->pdata[k]) > limit) return true;
  return false;
}

static void take(Search *s, KlLayout *l, const char *after) {
  g_free(l->exemplar);
  l->exemplar = g_strdup(after);
  keep_relations(l, s->b);
  l->score = kl_layout_score(l, s->b);
  g_ptr_array_add(s->out, l);
}

/* ---- the search ---- */

static int by_cost(gconstpointer a, gconstpointer b) {
  const Try *x = a, *y = b;
  return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* What was given comes first: the others are there to compare. */
static int by_score(gconstpointer a, gconstpointer b) {
  const KlLayout *x = *(KlLayout *const *)a, *y = *(KlLayout *const *)b;
  int given = !strcmp(y->exemplar, "given") - !strcmp(x->exemplar, "given");
  if (given) return given;
  return x->score.total < y->score.total ? -1 : x->score.total > y->score.total;
}

static void try_plans(Search *s, const GArray *like, guint place) {
  const KlPlaces *places = &g_array_index(s->places, KlPlaces, place);
  guint used = 0, first = s->tries->len;
  for (guint i = 0; i < like->len && used < SHORT_LIST && !stopped(s); i++) {
    const Likeness *l = &g_array_index(like, Likeness, i);
    bool suits = false;
    for (guint k = 0; k < VARIANTS; k++) {
      Try one = {.plan = vary(&l->e->plan, s->o->seed, l->order, k), .from = l->e, .places = places};
      bool known = false;
      for (guint j = first; j < s->tries->len && !known; j++)
        known = same_plan(&one.plan, &g_array_index(s->tries, Try, j).plan);
      if (known) continue;
      one.layout = make(s, &one, false, &one.cost);
      if (!one.layout) {
        if (!suits) break; /* the plan does not suit: no variant of it will */
        continue;
      }
      suits = true;
      one.cost += 0.02 * used + places->cost; /* the more alike, the better */
      g_array_append_val(s->tries, one);
    }
    used += suits;
  }
}

static guint made_alike(const Search *s, guint i) {
  const Try *one = &g_array_index(s->tries, Try, i);
  guint n = 0;
  for (guint k = 0; k < i; k++) {
    const Try *other = &g_array_index(s->tries, Try, k);
    n += !other->layout && other->places == one->places && same_structure(&one->plan, &other->plan);
  }
  return n;
}

/* Layouts in which all holds as they come: first those that differ and cost little, then whatever there is.
 */
static void take_plain(Search *s, guint want) {
  static const struct {
    double same, cost; /* at most */
    guint alike;
  } passes[] = {{0.80, 0.25, 1}, {0.80, 0.5, 1}, {0.88, 0.4, 2}, {0.93, 0.7, 3}, {0.985, 9, 64}};
  for (gsize p = 0; p < G_N_ELEMENTS(passes); p++)
    for (guint i = 0; i < s->tries->len && s->out->len < want && !stopped(s); i++) {
      Try *one = &g_array_index(s->tries, Try, i);
      double cost;
      if (!one->layout || one->cost > g_array_index(s->tries, Try, 0).cost + passes[p].cost) continue;
      if (made_alike(s, i) >= passes[p].alike || like_one_before(s, one->layout, passes[p].same)) continue;
      if (!kl_constraints_hold(one->layout, s->b) || partial_wishes(s, one->layout)) continue;
      KlLayout *l = make(s, one, true, &cost);
      g_clear_pointer(&one->layout, kl_layout_free);
      if (l && set_kept_text(s, l, NULL) && kl_constraints_hold(l, s->b))
        take(s, l, one->from->name);
      else
        kl_layout_free(l);
    }
}

/* The others are mended: moved until the constraints hold. */
static void take_mended(Search *s, guint want) {
  guint mended = 0;
  for (guint i = 0; i < s->tries->len && s->out->len < want && mended < MENDED && !stopped(s); i++) {
    Try *one = &g_array_index(s->tries, Try, i);
    double cost;
    if (!one->layout || made_alike(s, i) >= 2) continue;
    KlLayout *l = make(s, one, true, &cost);
    g_clear_pointer(&one->layout, kl_layout_free);
    if (!l) continue;
    mended++;
    partial_wishes(s, l);
    if (set_kept_text(s, l, NULL) && kl_legalise(l, s->b, s->t) && set_kept_text(s, l, NULL) &&
        !like_one_before(s, l, 0.97))
      take(s, l, one->from->name);
    else
      kl_layout_free(l);
  }
}

/* Boxes from elsewhere, mended. What they do not place stands where the best plan has it. false: no use. */
static bool take_boxes(Search *s, const GArray *boxes, const char *after) {
  bool plan = s->tries->len && g_array_index(s->tries, Try, 0).layout;
  KlLayout *l = plan ? kl_layout_copy(g_array_index(s->tries, Try, 0).layout)
                     : kl_layout_new(s->b->width, s->b->height);
  if (!plan) kl_layout_add(l, "background", KL_EL_BACKGROUND, NULL, (KlBox){0, 0, l->width, l->height});
  for (guint k = 0; k < boxes->len; k++) {
    const KlFixed *f = &g_array_index(boxes, KlFixed, k);
    KlElement *e = kl_layout_find(l, f->id);
    const KlBriefItem *item = kl_brief_item(s->b, f->id);
    if (!e)
      e = kl_layout_add(l, f->id, item->type, item->id,
                        (KlBox){l->width / 4.0, l->height / 4.0, l->width / 2.0, l->height / 8.0});
    if (e->locked) continue;
    double *to[] = {&e->box.x, &e->box.y, &e->box.w, &e->box.h},
           from[] = {f->box.x, f->box.y, f->box.w, f->box.h};
    for (int c = 0; c < 4; c++)
      if (!isnan(from[c])) *to[c] = from[c];
  }
  bool all = true;
  for (guint k = 0; k < s->b->items->len; k++) {
    const KlBriefItem *item = s->b->items->pdata[k];
    all &= item->type == KL_EL_BACKGROUND || kl_layout_find(l, item->id);
  }
  if (all && kl_legalise(l, s->b, s->t) && set_kept_text(s, l, NULL)) {
    take(s, l, after);
    return true;
  }
  kl_layout_free(l);
  return false;
}

static void take_answers(Search *s, guint want) {
  g_autoptr(GError) e = NULL;
  guint used = 0;
  g_auto(GStrv) texts = kl_ask(s->o->model, s->b, (int)MIN(want, 8), s->o->seed, s->o->cancel, &e);
  for (char **t = texts; t && *t; t++) {
    g_autoptr(GArray) boxes = kl_ask_boxes(s->b, *t, strlen(*t));
    used += 2 * boxes->len >= s->b->items->len && take_boxes(s, boxes, "model");
  }
  if (!texts)
    kl_log(KL_LOG_WARN, "no layouts from the language model: %s", e->message);
  else if (!used)
    kl_log(KL_LOG_WARN, "no layouts from the language model: nothing in its answers could be used");
}

/* ---- why there is none ---- */

static bool refuse_words(const Search *s, GError **error) {
  const KlBrief *b = s->b;
  KlBox f = kl_canvas_frame(b);
  double height = 0, words = 0;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!kl_element_is_text(item->type)) {
      height += 6 * kl_layout_least_px(b, KL_EL_BODY);
      continue;
    }
    height += kl_type_measure(s->t, item, f.w, kl_layout_least_px(b, item->type), false).height * 1.15;
    const char *const *list =
        item->list ? (const char *const *)item->list : (const char *const[]){item->text, NULL};
    for (; *list; list++)
      for (const char *p = *list; *p; p = g_utf8_next_char(p))
        words += (p == *list || p[-1] == ' ' || p[-1] == '\n') || g_unichar_iswide(g_utf8_get_char(p));
  }
  double share = f.h / MAX(height, 1);
  if (share >= 1)
    return kl_gfail(error, KL_ERROR_INPUT,
                    "no layout was found for this brief on %d x %d pixels: try a larger canvas, fewer "
                    "things, or \"density\": \"dense\"",
                    b->width, b->height);
  return kl_gfail(error, KL_ERROR_INPUT,
                  "the words do not fit on %d x %d pixels at the least legible size (%.1f px): about %.0f of "
                  "%.0f would; shorten them or take a larger canvas",
                  b->width, b->height, kl_layout_least_px(b, KL_EL_BODY), floor(words * share), words);
}

static bool any_mended(const Search *s, const KlBrief *b) {
  for (guint i = 0; i < MIN(s->tries->len, 4); i++) {
    const Try *one = &g_array_index(s->tries, Try, i);
    double cost;
    g_autoptr(KlLayout) l = make(s, one, true, &cost);
    if (l && kl_legalise(l, b, s->t)) return true;
  }
  return false;
}

/* Names an irreducible set of relations that the search could not satisfy (deletion filter). */
static bool refuse_relations(const Search *s, GError **error) {
  KlBrief less = *s->b;
  g_autoptr(GArray) use = g_array_copy(s->b->relations); /* borrows the texts */
  g_array_set_clear_func(use, NULL);
  less.relations = use;
  for (guint i = use->len; i-- > 0 && !stopped(s);) {
    KlRelation r = g_array_index(use, KlRelation, i);
    g_array_remove_index(use, i);
    if (any_mended(s, &less)) g_array_insert_val(use, i, r);
  }
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < use->len; i++) {
    g_autofree char *one = kl_relation_text(&g_array_index(use, KlRelation, i));
    g_string_append_printf(text, "%s%s", text->len ? "; " : "", one);
  }
  if (use->len)
    kl_gfail(error, KL_ERROR_INPUT, "no layout was found in which %s: %s",
             use->len > 1 ? "these hold together" : "this holds", text->str);
  else
    refuse_words(s, error);
  g_string_free(text, TRUE);
  return false;
}

/* ---- */

static bool search(Search *s, guint want, GError **error) {
  g_autoptr(KlLayout) probe = kl_layout_new(s->b->width, s->b->height);
  if (!kl_constraints_possible(s->b, s->t, error) || !set_kept_text(s, probe, error)) return false;
  if (!(s->places = kl_places(s->b, s->o->cancel, error))) return false;
  g_autoptr(GArray) like = alike(s->b, s->t);
  for (guint i = 0; i < s->places->len && !stopped(s); i++) try_plans(s, like, i);
  g_array_sort(s->tries, by_cost);
  if (s->kept->len && s->kept->len == s->b->items->len) { /* all is fixed: there is one layout */
    KlLayout *l = kl_layout_new(s->b->width, s->b->height);
    kl_layout_add(l, "background", KL_EL_BACKGROUND, NULL, (KlBox){0, 0, l->width, l->height});
    add_kept(s, l);
    set_kept_text(s, l, NULL);
    take(s, l, "given");
  } else {
    if (s->b->given_use == KL_GIVEN_REFINE) take_boxes(s, s->b->given, "given");
    if (s->o->model) take_answers(s, want / 2);
    take_plain(s, want);
    if (s->out->len < want && (s->b->relations->len || s->b->given->len)) take_mended(s, want);
  }
  if (stopped(s)) return kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
  if (s->out->len) return true;
  return s->tries->len && s->b->relations->len ? refuse_relations(s, error) : refuse_words(s, error);
}

GPtrArray *kl_layout_candidates(const KlBrief *b, const KlLayoutOptions *given, GError **error) {
  static const KlLayoutOptions defaults = {0};
  const KlLayoutOptions *o = given ? given : &defaults;
  Search s = {.b = b, .o = o, .t = kl_type_new(b, o->measure), .kept = kl_kept_boxes(b)};
  s.tries = g_array_new(FALSE, TRUE, sizeof(Try));
  s.out = g_ptr_array_new_with_free_func((GDestroyNotify)kl_layout_free);
  g_array_set_clear_func(s.tries, try_clear);
  bool ok = search(&s, (guint)CLAMP(o->candidates ? o->candidates : 12, 1, 64), error);
  if (ok) g_ptr_array_sort(s.out, by_score);
  g_array_unref(s.tries);
  g_array_unref(s.kept);
  if (s.places) g_array_unref(s.places);
  kl_type_free(s.t);
  if (ok) return s.out;
  g_ptr_array_unref(s.out);
  return NULL;
}
