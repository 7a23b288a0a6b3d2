/* What the user wants to hold: whether it does, and whether it can. */
#include "app/core/gerr.h"
#include "app/core/layout/layout_internal.h"
#include "engine/base/rng.h"

#include <math.h>
#include <string.h>

#define SLACK 0.5 /* px */

/* ---- whether it holds ---- */

static bool third(double centre, double side, int which) {
  return centre >= side * which / 3 - SLACK && centre <= side * (which + 1) / 3 + SLACK;
}

static bool holds(KlRelationKind kind, KlBox a, const KlBox *b, int width, int height) {
  double cx = a.x + a.w / 2, cy = a.y + a.h / 2;
  switch (kind) {
  case KL_REL_LEFT:
    return b ? a.x + a.w <= b->x + SLACK : third(cx, width, 0);
  case KL_REL_RIGHT:
    return b ? a.x >= b->x + b->w - SLACK : third(cx, width, 2);
  case KL_REL_TOP:
    return b ? a.y + a.h <= b->y + SLACK : third(cy, height, 0);
  case KL_REL_BOTTOM:
    return b ? a.y >= b->y + b->h - SLACK : third(cy, height, 2);
  case KL_REL_CENTRE:
    if (!b) return third(cx, width, 1) && third(cy, height, 1);
    return cx >= b->x - SLACK && cx <= b->x + b->w + SLACK && cy >= b->y - SLACK && cy <= b->y + b->h + SLACK;
  default: {
    double ratio = a.w * a.h / (b->w * b->h);
    if (kind == KL_REL_SMALLER) return ratio <= 0.9 + 1e-6;
    if (kind == KL_REL_LARGER) return ratio >= 1 / 0.9 - 1e-6;
    return ratio > 0.9 && ratio < 1 / 0.9;
  }
  }
}

bool kl_relation_holds(const KlLayout *l, const KlRelation *r) {
  const KlElement *a = kl_layout_find(l, r->a), *b = kl_layout_find(l, r->b);
  return a && (b || !strcmp(r->b, "canvas")) &&
         holds(r->kind, a->box, b ? &b->box : NULL, l->width, l->height);
}

bool kl_constraints_hold(const KlLayout *l, const KlBrief *b) {
  for (guint i = 0; i < b->relations->len; i++)
    if (!kl_relation_holds(l, &g_array_index(b->relations, KlRelation, i))) return false;
  for (guint i = 0; i < b->fixed->len; i++) {
    const KlFixed *f = &g_array_index(b->fixed, KlFixed, i);
    const KlElement *e = kl_layout_find(l, f->id);
    if (!e || fabs(e->box.x - f->box.x) + fabs(e->box.y - f->box.y) + fabs(e->box.w - f->box.w) +
                      fabs(e->box.h - f->box.h) >
                  0.01)
      return false;
  }
  return true;
}

char *kl_relation_text(const KlRelation *r) {
  static const char *const words[KL_RELATIONS] = {"left of", "right of",     "above",       "below",
                                                  "inside",  "smaller than", "larger than", "as large as"};
  static const char *const parts[] = {"in the left third", "in the right third", "in the top third",
                                      "in the bottom third", "in the middle third"};
  if (!strcmp(r->b, "canvas")) return g_strdup_printf("%s is %s", r->a, parts[r->kind]);
  return g_strdup_printf("%s is %s %s", r->a, words[r->kind], r->b);
}

char *kl_fixed_text(const KlFixed *f) {
  return g_strdup_printf("%s is fixed at %g, %g, %g x %g", f->id, f->box.x, f->box.y, f->box.w, f->box.h);
}

/* ---- whether it can hold: necessary conditions ----
 *
 * On each axis the edges of all elements are variables and every constraint is a bound on a difference of
 * two: the set is impossible if their graph has a positive cycle (Bellman-Ford). So are the logarithms of
 * areas. What is not a difference (centres in a third) enters as what follows from it at the least width.
 * Never says of a possible set that it is not. */

typedef struct {
  int from, to;
  double d; /* x[to] - x[from] >= d */
} Bound;

typedef struct {
  const KlBrief *b;
  GPtrArray *names; /* constraints as text */
  GArray *fixed;    /* KlFixed (borrowed ids): fixed and kept boxes */
  double *least_w, *least_h;
} Wishes;

static int index_of(const KlBrief *b, const char *id) {
  for (guint i = 0; i < b->items->len; i++)
    if (!strcmp(((KlBriefItem *)b->items->pdata[i])->id, id)) return (int)i;
  return -1; /* the canvas */
}

static void bound(GArray *g, int from, int to, double d) {
  Bound e = {from, to, d};
  g_array_append_val(g, e);
}

/* Longest paths from node 0. false: a positive cycle. */
static bool longest(const GArray *g, int n, double *x) {
  for (int i = 0; i < n; i++) x[i] = i ? -INFINITY : 0;
  for (int turn = 0; turn <= n; turn++) {
    bool moved = false;
    for (guint k = 0; k < g->len; k++) {
      const Bound *e = &g_array_index(g, Bound, k);
      if (x[e->from] + e->d > x[e->to] + 0.25) {
        x[e->to] = x[e->from] + e->d;
        moved = true;
      }
    }
    if (!moved) return true;
  }
  return false;
}

/* Edges of item i on an axis: variables 1 + 2 i and 2 + 2 i; variable 0 is the canvas' origin. */
static int low(int i) {
  return i < 0 ? 0 : 1 + 2 * i;
}

static void bound_axis(const Wishes *w, guint64 use, GArray *g, bool y, double *least) {
  const KlBrief *b = w->b;
  double side = y ? b->height : b->width;
  int n = (int)b->items->len;
  for (int i = 0; i < n; i++) least[i] = (y ? w->least_h : w->least_w)[i];
  for (guint k = 0; k < w->fixed->len; k++) {
    const KlFixed *f = &g_array_index(w->fixed, KlFixed, k);
    int i = index_of(b, f->id);
    if (!(use >> (b->relations->len + k) & 1)) continue;
    double at = y ? f->box.y : f->box.x, size = y ? f->box.h : f->box.w;
    least[i] = size;
    bound(g, 0, low(i), at);
    bound(g, low(i), 0, -at);
    bound(g, low(i) + 1, low(i), -size);
  }
  for (int i = 0; i < n; i++) {
    bound(g, 0, low(i), 0);
    bound(g, low(i) + 1, 0, -side);
    bound(g, low(i), low(i) + 1, least[i]);
  }
  for (guint k = 0; k < b->relations->len; k++) {
    const KlRelation *r = &g_array_index(b->relations, KlRelation, k);
    int i = index_of(b, r->a), j = index_of(b, r->b);
    if (!(use >> k & 1)) continue;
    bool before = r->kind == (y ? KL_REL_TOP : KL_REL_LEFT),
         after = r->kind == (y ? KL_REL_BOTTOM : KL_REL_RIGHT);
    if (j >= 0 && before) bound(g, low(i) + 1, low(j), 0);
    if (j >= 0 && after) bound(g, low(j) + 1, low(i), 0);
    if (j >= 0 && r->kind == KL_REL_CENTRE) {
      bound(g, low(j), low(i) + 1, least[i] / 2);
      bound(g, low(i), low(j) + 1, least[i] / 2);
    }
    if (j >= 0 || !(before || after || r->kind == KL_REL_CENTRE)) continue;
    double from = before  ? 0
                  : after ? side * 2 / 3
                          : side / 3,
           to = before  ? side / 3
                : after ? side
                        : side * 2 / 3;
    bound(g, low(i), 0, least[i] / 2 - to);       /* its low edge is half its size before the third's end */
    bound(g, low(i) + 1, 0, -2 * to);             /* the other edge no more than as far behind it */
    bound(g, 0, low(i) + 1, from + least[i] / 2); /* and so from the other side */
    bound(g, 0, low(i), 2 * from - side);
  }
}

/* Lower and upper bounds of every variable. */
static bool span(const GArray *g, int vars, double *lower, double *upper) {
  if (!longest(g, vars, lower)) return false;
  g_autoptr(GArray) back = g_array_sized_new(FALSE, FALSE, sizeof(Bound), g->len);
  for (guint k = 0; k < g->len; k++) {
    const Bound *e = &g_array_index(g, Bound, k);
    bound(back, e->to, e->from, e->d);
  }
  if (!longest(back, vars, upper)) return false;
  for (int i = 0; i < vars; i++) upper[i] = -upper[i];
  return true;
}

static bool areas_possible(const Wishes *w, guint64 use, const double *most_w, const double *most_h,
                           const double *least_w, const double *least_h) {
  const KlBrief *b = w->b;
  int n = (int)b->items->len;
  g_autoptr(GArray) g = g_array_new(FALSE, FALSE, sizeof(Bound));
  g_autofree double *x = g_new(double, n + 1);
  double unit = 100; /* logarithms are of the order of the tolerance of `longest` otherwise */
  for (int i = 0; i < n; i++) {
    bound(g, 0, i + 1, unit * log(least_w[i] * least_h[i]));
    bound(g, i + 1, 0, -unit * log(most_w[i] * most_h[i]) - 0.5);
  }
  for (guint k = 0; k < b->relations->len; k++) {
    const KlRelation *r = &g_array_index(b->relations, KlRelation, k);
    int i = index_of(b, r->a) + 1, j = index_of(b, r->b) + 1;
    double d = -unit * log(0.9);
    if (!(use >> k & 1) || r->kind < KL_REL_SMALLER) continue;
    if (r->kind == KL_REL_SMALLER) bound(g, i, j, d);
    if (r->kind == KL_REL_LARGER) bound(g, j, i, d);
    if (r->kind == KL_REL_EQUAL) {
      bound(g, i, j, -d);
      bound(g, j, i, -d);
    }
  }
  return longest(g, n + 1, x);
}

static bool possible(const Wishes *w, guint64 use) {
  int n = (int)w->b->items->len, vars = 2 * n + 1;
  g_autofree double *buf = g_new0(double, (gsize)(2 * vars + 4 * n));
  double *lower = buf, *upper = buf + vars, *most[2] = {upper + vars, upper + vars + n};
  double *least[2] = {most[1] + n, most[1] + 2 * n};
  for (int y = 0; y < 2; y++) {
    g_autoptr(GArray) g = g_array_new(FALSE, FALSE, sizeof(Bound));
    bound_axis(w, use, g, y, least[y]);
    if (!span(g, vars, lower, upper)) return false;
    for (int i = 0; i < n; i++) most[y][i] = MAX(upper[low(i) + 1] - lower[low(i)], least[y][i]);
  }
  for (guint k = 0; k < w->fixed->len; k++) {
    const KlFixed *f = &g_array_index(w->fixed, KlFixed, k);
    int i = index_of(w->b, f->id);
    if (!(use >> (w->b->relations->len + k) & 1)) continue;
    most[0][i] = f->box.w;
    most[1][i] = f->box.h;
  }
  return areas_possible(w, use, most[0], most[1], least[0], least[1]);
}

/* ---- the smallest clash ---- */

/* Deletion filter: what can go without the clash going goes. `order` is a permutation. */
static guint64 irreducible(const Wishes *w, guint64 use, const guint *order, guint n) {
  for (guint k = 0; k < n; k++) {
    guint64 less = use & ~(G_GUINT64_CONSTANT(1) << order[k]);
    if (less != use && !possible(w, less)) use = less;
  }
  return use;
}

static guint count_bits(guint64 x) {
  guint n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

static guint64 smallest(const Wishes *w, guint64 all, guint n) {
  guint64 best = all;
  guint order[64];
  for (guint turn = 0; turn < 8;
       turn++) { /* forwards, backwards, and shuffled: the filter depends on the order */
    for (guint i = 0; i < n; i++) order[i] = turn == 1 ? n - 1 - i : i;
    for (guint i = n; turn > 1 && i > 1; i--) {
      guint j = (guint)(kl_randu(turn, 0, i) * i), t = order[i - 1];
      order[i - 1] = order[j];
      order[j] = t;
    }
    guint64 set = irreducible(w, all, order, n);
    if (count_bits(set) < count_bits(best)) best = set;
  }
  return best;
}

static void least_sizes(Wishes *w, KlType *t) {
  const KlBrief *b = w->b;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    double px = kl_layout_least_px(b, item->type);
    w->least_w[i] = w->least_h[i] = kl_element_is_text(item->type) ? px : 3 * px;
    if (!kl_element_is_text(item->type)) continue;
    w->least_w[i] = CLAMP(kl_type_measure(t, item, b->width, px, false).min_width * 0.9, px, b->width);
    w->least_h[i] = CLAMP(kl_type_measure(t, item, b->width, px, false).height * 0.9, px, b->height);
  }
}

bool kl_constraints_possible(const KlBrief *b, KlType *t, GError **error) {
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GArray) fixed = g_array_new(FALSE, FALSE, sizeof(KlFixed));
  g_autofree double *w = g_new0(double, b->items->len), *h = g_new0(double, b->items->len);
  Wishes all = {b, names, fixed, w, h};
  for (guint i = 0; i < b->relations->len; i++)
    g_ptr_array_add(names, kl_relation_text(&g_array_index(b->relations, KlRelation, i)));
  const GArray *lists[] = {b->fixed, b->given_use == KL_GIVEN_COMPLETE ? b->given : NULL};
  for (int k = 0; k < 2; k++)
    for (guint i = 0; lists[k] && i < lists[k]->len; i++) {
      KlFixed f = g_array_index(lists[k], KlFixed, i);
      if (isnan(f.box.x + f.box.y + f.box.w + f.box.h)) continue;
      g_array_append_val(fixed, f);
      g_ptr_array_add(names, kl_fixed_text(&f));
    }
  guint n = names->len;
  if (!n) return true;
  if (n > 64) return kl_gfail(error, KL_ERROR_INPUT, "%u constraints are more than can be kept (64)", n);
  least_sizes(&all, t);
  guint64 every = n == 64 ? ~G_GUINT64_CONSTANT(0) : (G_GUINT64_CONSTANT(1) << n) - 1;
  if (possible(&all, every)) return true;
  guint64 clash = smallest(&all, every, n);
  GString *s = g_string_new(NULL);
  for (guint i = 0; i < n; i++)
    if (clash >> i & 1) g_string_append_printf(s, "%s%s", s->len ? "; " : "", (char *)names->pdata[i]);
  bool one = count_bits(clash) == 1;
  kl_gfail(error, KL_ERROR_INPUT, "%s on this canvas: %s",
           one ? "this cannot hold" : "these cannot hold together", s->str);
  g_string_free(s, TRUE);
  return false;
}
