/* From a rough layout to one that keeps the rules, moved as little as can be.
 *
 * On each axis positions are the least-squares solution under linear inequalities (Hildreth's row-action
 * method): who is left of whom, thirds of the canvas, and for every pair that would overlap one of the four
 * ways to part it, the one of least travel first. Ways that strain the system most are swapped; when that
 * does not help, sizes shrink. */
#include "app/core/layout/layout_internal.h"

#include <math.h>
#include <string.h>

#define TURNS 60 /* of separating, a size */
#define SWEEPS 400
#define SHRINKS 14

typedef struct {
  KlElement *e;
  const KlBriefItem *item;
  bool fixed;
  KlBox want; /* where it was */
  double least_w, least_h;
  int line[2]; /* group of elements that share their low edge on the axis, -1: none */
} Part;

typedef struct {
  int a, b; /* x[b] - x[a] >= d; -1: the canvas' origin, which stays */
  double d;
  bool equal; /* == d */
  int pair;   /* index of the separation that it serves, -1: none */
  double force;
} Rule;

typedef struct {
  int a, b, way; /* 0: a left of b, 1: right, 2: above, 3: below */
  int tried;     /* bits of ways that strained */
} Pair;

typedef struct {
  KlLayout *l;
  const KlBrief *b;
  KlType *t;
  Part *p;
  int n;
  GArray *pairs;
  double gap, margin;
} Legal;

static double *at(Part *p, int axis) {
  return axis ? &p->e->box.y : &p->e->box.x;
}

static double size(const Part *p, int axis) {
  return axis ? p->e->box.h : p->e->box.w;
}

static void rule(GArray *rules, int a, int b, double d, int pair, bool equal) {
  Rule r = {a, b, d, equal, pair, 0};
  g_array_append_val(rules, r);
}

static int part_of(const Legal *g, const char *id) {
  for (int i = 0; i < g->n; i++)
    if (!strcmp(g->p[i].e->id, id)) return i;
  return -1;
}

/* ---- rules of one axis ---- */

static void add_relations(Legal *g, GArray *rules, int axis) {
  double side = axis ? g->l->height : g->l->width;
  for (guint k = 0; k < g->b->relations->len; k++) {
    const KlRelation *r = &g_array_index(g->b->relations, KlRelation, k);
    int a = part_of(g, r->a), b = part_of(g, r->b);
    bool before = r->kind == (axis ? KL_REL_TOP : KL_REL_LEFT),
         after = r->kind == (axis ? KL_REL_BOTTOM : KL_REL_RIGHT);
    if (a < 0 || (!before && !after && r->kind != KL_REL_CENTRE)) continue;
    double half = size(&g->p[a], axis) / 2;
    if (b >= 0 && before) rule(rules, a, b, size(&g->p[a], axis) + g->gap / 2, -1, false);
    if (b >= 0 && after) rule(rules, b, a, size(&g->p[b], axis) + g->gap / 2, -1, false);
    if (b >= 0 && r->kind == KL_REL_CENTRE) {
      rule(rules, b, a, -half, -1, false);
      rule(rules, a, b, half - size(&g->p[b], axis), -1, false);
    }
    if (b >= 0) continue;
    double from = before  ? 0
                  : after ? side * 2 / 3
                          : side / 3,
           to = before  ? side / 3
                : after ? side
                        : side * 2 / 3;
    rule(rules, -1, a, from - half, -1, false);
    rule(rules, a, -1, half - to, -1, false);
  }
}

static void add_rules(Legal *g, GArray *rules, int axis) {
  double side = axis ? g->l->height : g->l->width;
  for (int i = 0; i < g->n; i++) {
    const Part *p = &g->p[i];
    if (p->fixed) continue;
    bool touches = p->e->type == KL_EL_PICTURE; /* pictures may go to the edge */
    double m = touches ? 0 : g->margin;
    rule(rules, -1, i, m, -1, false);
    rule(rules, i, -1, size(p, axis) - side + m, -1, false);
    for (int j = 0; j < i; j++)
      if (p->line[axis] >= 0 && p->line[axis] == g->p[j].line[axis]) {
        rule(rules, j, i, 0, -1, true);
        break;
      }
  }
  add_relations(g, rules, axis);
  for (guint k = 0; k < g->pairs->len; k++) {
    const Pair *q = &g_array_index(g->pairs, Pair, k);
    if (q->way / 2 != axis) continue;
    int first = q->way % 2 ? q->b : q->a, second = q->way % 2 ? q->a : q->b;
    rule(rules, first, second, size(&g->p[first], axis) + g->gap, (int)k, false);
  }
}

/* Nearest positions to those wanted; the worst violation that is left. */
static double solve(Legal *g, GArray *rules, int axis) {
  for (int i = 0; i < g->n; i++)
    if (!g->p[i].fixed) *at(&g->p[i], axis) = axis ? g->p[i].want.y : g->p[i].want.x;
  double worst = 0;
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    worst = 0;
    for (guint k = 0; k < rules->len; k++) {
      Rule *r = &g_array_index(rules, Rule, k);
      double a_moves = r->a >= 0 && !g->p[r->a].fixed, b_moves = r->b >= 0 && !g->p[r->b].fixed,
             give = a_moves + b_moves;
      double xa = r->a >= 0 ? *at(&g->p[r->a], axis) : 0, xb = r->b >= 0 ? *at(&g->p[r->b], axis) : 0;
      double lack = r->d - (xb - xa);
      worst = MAX(worst, r->equal ? fabs(lack) : lack);
      if (give == 0) continue;
      double force = r->force + lack / give;
      if (!r->equal) force = MAX(force, 0);
      double step = force - r->force;
      r->force = force;
      if (a_moves > 0) *at(&g->p[r->a], axis) -= step;
      if (b_moves > 0) *at(&g->p[r->b], axis) += step;
    }
    if (worst < 0.05) break;
  }
  return worst;
}

/* ---- overlaps ---- */

static bool may_overlap(const Legal *g, int i, int j) {
  const char *a = g->p[i].e->id, *b = g->p[j].e->id;
  if (g->p[i].fixed && g->p[j].fixed) return true;
  for (guint k = 0; k < g->b->relations->len; k++) {
    const KlRelation *r = &g_array_index(g->b->relations, KlRelation, k);
    if (r->kind == KL_REL_CENTRE &&
        ((!strcmp(r->a, a) && !strcmp(r->b, b)) || (!strcmp(r->a, b) && !strcmp(r->b, a))))
      return true;
  }
  return false;
}

/* Travel that each way of parting a and b needs, from where they were wanted. */
static int best_way(const Legal *g, int a, int b, int without) {
  KlBox x = g->p[a].want, y = g->p[b].want;
  x.w = g->p[a].e->box.w;
  x.h = g->p[a].e->box.h;
  y.w = g->p[b].e->box.w;
  y.h = g->p[b].e->box.h;
  double travel[4] = {x.x + x.w - y.x, y.x + y.w - x.x, x.y + x.h - y.y, y.y + y.h - x.y};
  int best = -1;
  for (int way = 0; way < 4; way++)
    if (!(without >> way & 1) && (best < 0 || travel[way] < travel[best])) best = way;
  return best;
}

static bool apart(const KlBox *a, const KlBox *b) {
  return a->x + a->w <= b->x + 0.3 || b->x + b->w <= a->x + 0.3 || a->y + a->h <= b->y + 0.3 ||
         b->y + b->h <= a->y + 0.3;
}

static bool add_overlaps(Legal *g) {
  bool some = false;
  for (int i = 0; i < g->n; i++)
    for (int j = 0; j < i; j++) {
      bool known = false;
      if (apart(&g->p[i].e->box, &g->p[j].e->box) || may_overlap(g, i, j)) continue;
      some = true;
      for (guint k = 0; k < g->pairs->len && !known; k++) {
        const Pair *q = &g_array_index(g->pairs, Pair, k);
        known = q->a == j && q->b == i;
      }
      if (known) continue;
      Pair q = {j, i, best_way(g, j, i, 0), 0};
      g_array_append_val(g->pairs, q);
    }
  return some;
}

/* The separation under the greatest force takes another way. false: all have been tried. */
static bool swap_strained(Legal *g, const GArray *rules) {
  double most = 0;
  int which = -1;
  for (guint k = 0; k < rules->len; k++) {
    const Rule *r = &g_array_index(rules, Rule, k);
    if (r->pair < 0 || r->force <= most) continue;
    if (g_array_index(g->pairs, Pair, r->pair).tried == 15) continue;
    most = r->force;
    which = r->pair;
  }
  if (which < 0) return false;
  Pair *q = &g_array_index(g->pairs, Pair, which);
  q->tried |= 1 << q->way;
  int way = best_way(g, q->a, q->b, q->tried);
  if (way < 0) {
    q->tried = 15;
    return true;
  }
  q->way = way;
  return true;
}

static bool separate(Legal *g) {
  g_array_set_size(g->pairs, 0);
  for (int turn = 0; turn < TURNS; turn++) {
    bool tight = false;
    for (int axis = 0; axis < 2; axis++) {
      g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(Rule));
      add_rules(g, rules, axis);
      if (solve(g, rules, axis) < 0.3) continue;
      if (!swap_strained(g, rules)) return false;
      tight = true;
      break;
    }
    if (!tight && !add_overlaps(g)) return true;
  }
  return false;
}

/* ---- sizes ---- */

static double limit_px(const KlBrief *b, KlElementType type) {
  static const double times[KL_ELEMENT_TYPES] = {
      [KL_EL_TITLE] = 5,  [KL_EL_SUBTITLE] = 1.9, [KL_EL_HEADING] = 2, [KL_EL_BODY] = 1.5,
      [KL_EL_NUMBER] = 8, [KL_EL_LIST] = 1.6,     [KL_EL_QUOTE] = 3};
  return times[type] * kl_layout_ideal_px(b);
}

double kl_largest_px(const KlBrief *b, KlType *t, const KlBriefItem *item, KlBox box, bool exact) {
  double low = kl_layout_least_px(b, item->type), high = MAX(limit_px(b, item->type), low);
  for (int i = -1; i < 12; i++) {
    double px = i < 0 ? low : floor((low + high) * 2) / 4;
    KlMeasured m = kl_type_measure(t, item, box.w, px, exact);
    bool fits = m.height <= box.h + 0.01 && m.min_width <= box.w + 0.01;
    if (i < 0 && !fits) return 0;
    if (i < 0) continue;
    if (fits)
      low = px;
    else
      high = px;
  }
  return floor(low * 4) / 4;
}

bool kl_refit_text(KlLayout *l, const KlBrief *b, KlType *t, bool exact) {
  double px[KL_ELEMENT_TYPES];
  bool all = true;
  for (int i = 0; i < KL_ELEMENT_TYPES; i++) px[i] = INFINITY;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    const KlBriefItem *item = e->item ? kl_brief_item(b, e->item) : NULL;
    if (!item || !kl_element_is_text(item->type)) continue;
    KlBox inner = {0, 0, e->box.w - 2 * e->pad, e->box.h - 2 * e->pad};
    double own = kl_largest_px(b, t, item, inner, exact);
    all &= own > 0;
    px[item->type] = MIN(px[item->type], MAX(own, kl_layout_least_px(b, item->type)));
  }
  px[KL_EL_CHART] = px[KL_EL_PICTURE] =
      MAX(kl_layout_least_px(b, KL_EL_CHART),
          MIN(kl_layout_ideal_px(b), isfinite(px[KL_EL_BODY]) ? px[KL_EL_BODY] : INFINITY) * 0.82);
  for (guint i = 0; i < l->elements->len; i++) {
    KlElement *e = l->elements->pdata[i];
    if (e->item && isfinite(px[e->type])) e->text_px = px[e->type];
  }
  return all;
}

/* Text boxes as high as their words at least, at the element's own size. */
static void grow_to_words(Legal *g) {
  for (int i = 0; i < g->n; i++) {
    Part *p = &g->p[i];
    if (p->fixed || !p->item || !kl_element_is_text(p->item->type)) continue;
    KlMeasured m = kl_type_measure(g->t, p->item, p->e->box.w, p->e->text_px, true);
    if (m.min_width > p->e->box.w) {
      p->e->box.w = MIN(ceil(m.min_width + 0.5), g->l->width - 2 * g->margin);
      m = kl_type_measure(g->t, p->item, p->e->box.w, p->e->text_px, true);
    }
    p->least_h = ceil(m.height + 0.5);
    p->e->box.h = MAX(p->e->box.h, p->least_h);
  }
}

/* Everything a little smaller. false: nothing can be. */
static bool shrink(Legal *g) {
  bool some = false;
  for (int i = 0; i < g->n; i++) {
    Part *p = &g->p[i];
    if (p->fixed) continue;
    if (p->item && kl_element_is_text(p->item->type)) {
      double least = kl_layout_least_px(g->b, p->item->type);
      if (p->e->text_px > least || p->e->box.h > p->least_h + 1) some = true;
      p->e->text_px = MAX(floor(p->e->text_px * 0.92 * 4) / 4, least);
      KlMeasured m = kl_type_measure(g->t, p->item, p->e->box.w, p->e->text_px, true);
      p->least_h = ceil(m.height + 0.5);
      p->e->box.h = p->least_h;
      double w = p->e->box.w * 0.95;
      if (m.min_width < w && m.lines < 2) p->e->box.w = w;
    } else if (p->e->box.w > p->least_w * 1.02 || p->e->box.h > p->least_h * 1.02) {
      p->e->box.w = MAX(p->e->box.w * 0.88, MIN(p->least_w, p->e->box.w));
      p->e->box.h = MAX(p->e->box.h * 0.88, MIN(p->least_h, p->e->box.h));
      some = true;
    }
  }
  return some;
}

/* Areas as the relations want them: the larger gives way, pictures before words. */
static bool set_areas(Legal *g) {
  for (int turn = 0; turn < 40; turn++) {
    bool all = true;
    for (guint k = 0; k < g->b->relations->len; k++) {
      const KlRelation *r = &g_array_index(g->b->relations, KlRelation, k);
      int a = part_of(g, r->a), b = part_of(g, r->b);
      if (r->kind < KL_REL_SMALLER || a < 0 || b < 0) continue;
      double ratio = g->p[a].e->box.w * g->p[a].e->box.h / (g->p[b].e->box.w * g->p[b].e->box.h);
      double want = r->kind == KL_REL_SMALLER  ? MIN(ratio, 0.88)
                    : r->kind == KL_REL_LARGER ? MAX(ratio, 1 / 0.88)
                                               : CLAMP(ratio, 0.95, 1.05);
      if (fabs(want - ratio) < 1e-9) continue;
      all = false;
      bool down_a = want < ratio;
      int small = down_a ? a : b, large = down_a ? b : a;
      double f = sqrt(down_a ? ratio / want : want / ratio);
      Part *s = &g->p[small], *w = &g->p[large];
      bool s_text = s->item && kl_element_is_text(s->item->type);
      if (!s->fixed && !s_text && s->e->box.w / f > s->least_w && s->e->box.h / f > s->least_h) {
        s->e->box.w /= f;
        s->e->box.h /= f;
      } else if (!w->fixed) { /* a text box may be larger than its words */
        double most_w = g->l->width - 2 * g->margin;
        double nw = MIN(w->e->box.w * f, most_w);
        w->e->box.h = MIN(w->e->box.h * f * f * w->e->box.w / nw, g->l->height - 2 * g->margin);
        w->e->box.w = nw;
      } else if (s_text && !s->fixed) {
        s->e->box.w = MAX(s->e->box.w / f, s->least_w);
      } else {
        return false;
      }
    }
    if (all) return true;
  }
  return false;
}

/* ---- lines ---- */

typedef struct {
  double x;
  int part;
} Edge;

static int by_x(gconstpointer a, gconstpointer b) {
  const Edge *p = a, *q = b;
  return p->x != q->x ? (p->x < q->x ? -1 : 1) : p->part - q->part;
}

/* Low edges that nearly agree become one line; where the far edges nearly agree too, so do the sizes. */
static void line_up(Legal *g, int axis) {
  double side = axis ? g->l->height : g->l->width,
         near = 0.026 * (axis ? MIN(side, 1.5 * g->l->width) : side);
  g_autofree Edge *edge = g_new(Edge, g->n);
  for (int i = 0; i < g->n; i++) edge[i] = (Edge){axis ? g->p[i].want.y : g->p[i].want.x, i};
  qsort(edge, (size_t)g->n, sizeof *edge, by_x);
  for (int i = 0, next; i < g->n; i = next) {
    double sum = edge[i].x, anchor = NAN;
    for (next = i + 1; next < g->n && edge[next].x - edge[i].x <= near; next++) sum += edge[next].x;
    double line = sum / (next - i);
    for (int k = i; k < next; k++)
      if (g->p[edge[k].part].fixed) anchor = edge[k].x;
    if (isfinite(anchor)) line = anchor;
    if (fabs(line - g->margin) <= near && !isfinite(anchor)) line = g->margin;
    for (int k = i; k < next; k++) {
      Part *p = &g->p[edge[k].part];
      if (p->fixed) continue;
      double moved = line - edge[k].x;
      *(axis ? &p->want.y : &p->want.x) = line;
      if (!axis) p->e->box.w = MAX(p->e->box.w - moved, p->least_w); /* the far edge stays */
      if (next - i > 1) p->line[axis] = i;
    }
  }
  if (axis) return;
  for (int i = 0; i < g->n; i++) edge[i] = (Edge){g->p[i].want.x + g->p[i].e->box.w, i};
  qsort(edge, (size_t)g->n, sizeof *edge, by_x);
  for (int i = 0, next; i < g->n; i = next) { /* far edges on the x axis */
    double sum = edge[i].x;
    for (next = i + 1; next < g->n && edge[next].x - edge[i].x <= near; next++) sum += edge[next].x;
    double line = sum / (next - i);
    if (fabs(line - (side - g->margin)) <= near) line = side - g->margin;
    for (int k = i; k < next; k++) {
      Part *p = &g->p[edge[k].part];
      if (!p->fixed && line - p->want.x > p->least_w) p->e->box.w = line - p->want.x;
    }
  }
}

/* ---- the whole ---- */

static void drop_panels(KlLayout *l) {
  for (guint i = l->elements->len; i-- > 0;)
    if (((KlElement *)l->elements->pdata[i])->type == KL_EL_PANEL) g_ptr_array_remove_index(l->elements, i);
}

static void gather(Legal *g) {
  double least = kl_layout_least_px(g->b, KL_EL_BODY);
  g->p = g_new0(Part, g->l->elements->len + 1);
  for (guint i = 0; i < g->l->elements->len; i++) {
    KlElement *e = g->l->elements->pdata[i];
    if (e->type == KL_EL_BACKGROUND || e->type == KL_EL_PANEL) continue;
    if (!e->locked && e->type == KL_EL_PICTURE && e->box.w * e->box.h > 0.9 * g->l->width * g->l->height)
      continue;
    Part *p = &g->p[g->n++];
    *p = (Part){.e = e,
                .item = e->item ? kl_brief_item(g->b, e->item) : NULL,
                .fixed = e->locked,
                .want = e->box,
                .line = {-1, -1}};
    bool text = p->item && kl_element_is_text(p->item->type);
    p->least_w =
        text ? kl_type_measure(g->t, p->item, g->l->width, kl_layout_least_px(g->b, e->type), true).min_width
             : 4 * least;
    p->least_h = text ? kl_layout_least_px(g->b, e->type) : 4 * least;
    if (e->type == KL_EL_ICON) p->least_w = p->least_h = 1.5 * least;
    if (e->box.w < p->least_w && !p->fixed) e->box.w = p->least_w;
    if (e->box.h < p->least_h && !p->fixed) e->box.h = p->least_h;
    if (e->box.w > g->l->width && !p->fixed) e->box.w = g->l->width - 2 * g->margin;
    if (e->box.h > g->l->height && !p->fixed) e->box.h = g->l->height - 2 * g->margin;
  }
}

bool kl_legalise(KlLayout *l, const KlBrief *b, KlType *t) {
  KlBox frame = kl_canvas_frame(b);
  Legal g = {.l = l, .b = b, .t = t, .margin = frame.x, .gap = 0.45 * kl_layout_ideal_px(b)};
  bool done = false;
  drop_panels(l);
  for (guint i = 0; i < l->elements->len; i++) { /* nothing stands on a panel any more */
    KlElement *e = l->elements->pdata[i];
    if (kl_element_is_text(e->type) && e->ink == KL_COLOUR_BACKGROUND)
      e->ink = e->type == KL_EL_SUBTITLE ? KL_COLOUR_MUTED : KL_COLOUR_TEXT;
  }
  gather(&g);
  g.pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
  line_up(&g, 0);
  kl_refit_text(l, b, t, true);
  grow_to_words(&g);
  line_up(&g, 1);
  for (int turn = 0; turn < SHRINKS && !done; turn++) {
    if (set_areas(&g)) {
      grow_to_words(&g);
      done = separate(&g) && kl_constraints_hold(l, b);
    }
    if (done) break;
    if (turn == 2) /* lines are the first to be given up */
      for (int i = 0; i < g.n; i++) g.p[i].line[0] = g.p[i].line[1] = -1;
    if (!shrink(&g)) break;
  }
  g_array_unref(g.pairs);
  g_free(g.p);
  return done && kl_refit_text(l, b, t, true);
}
