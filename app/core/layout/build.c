/* A plan made true for a brief: the tree is built, type is set as large as there is room for, boxes are read
 * off. */
#include "app/core/layout/tree.h"

#include <math.h>
#include <string.h>

typedef struct {
  const KlPlan *p; /* banded only where the title is on top */
  const KlBrief *b;
  const KlRoom *f;
  KlSizes z;
  KlNode *root;
  const KlBriefItem *hero;
  KlBox hero_box; /* where it stands beside or behind the tree; w = 0: it is in the tree, or there is none */
  KlBox tree_box;
  guint sections; /* that have something to show here */
  bool centred;   /* short texts in narrow columns stand in the middle: all or none */
  double cost;
} Make;

static double margin_of(const KlBrief *b) {
  static const double share[] = {
      [KL_DENSITY_AIRY] = 0.08, [KL_DENSITY_NORMAL] = 0.062, [KL_DENSITY_DENSE] = 0.045};
  return round(share[b->density] * MIN(b->width, b->height));
}

KlBox kl_canvas_frame(const KlBrief *b) {
  double m = margin_of(b);
  return (KlBox){m, m, b->width - 2 * m, b->height - 2 * m};
}

static bool wanted(const Make *m, const KlBriefItem *i) {
  return i != m->hero && i->type != KL_EL_BACKGROUND &&
         !(m->f->without && g_hash_table_contains(m->f->without, i->id));
}

static bool is_visual(const KlBriefItem *i) {
  return i->type == KL_EL_PICTURE || i->type == KL_EL_CHART;
}

/* ---- sections ---- */

/* Items one below the other; neighbouring numbers stand in a row. */
static KlNode *stack(const Make *m, const KlBriefItem *const *items, guint n, guint across) {
  KlNode *col = kl_node_new(KL_NODE_COL, 0.75);
  for (guint i = 0; i < n;) {
    guint run = 1;
    while (items[i]->type == KL_EL_NUMBER && i + run < n && items[i + run]->type == KL_EL_NUMBER &&
           run < across)
      run++;
    if (run == 1) {
      KlNode *leaf = kl_node_add(col, kl_node_leaf(items[i]));
      if (items[i]->type == KL_EL_ICON) leaf->width_em = 2.8;
    } else {
      KlNode *row = kl_node_add(col, kl_node_new(KL_NODE_ROW, 1.2));
      for (guint k = 0; k < run; k++) kl_node_add(row, kl_node_leaf(items[i + k]));
    }
    i += run;
  }
  return col;
}

static void centre(KlNode *n) {
  n->align = KL_ALIGN_CENTRE;
  for (guint i = 0; n->kids && i < n->kids->len; i++) centre(n->kids->pdata[i]);
}

/* The section's node, NULL if there is nothing of it to show. `narrow`: it stands in a column of several. */
static KlNode *section(const Make *m, const KlBriefSection *s, bool flip, bool narrow) {
  const KlBriefItem *seen[KL_BRIEF_ITEMS_MAX], *words[KL_BRIEF_ITEMS_MAX], *icon = NULL;
  guint n_seen = 0, n_words = 0, numbers = 0;
  for (guint i = 0; i < s->count; i++) {
    const KlBriefItem *item = m->b->items->pdata[s->first + i];
    if (!wanted(m, item)) continue;
    if (item->type == KL_EL_PICTURE || (item->type == KL_EL_CHART && m->p->inner == KL_INNER_BESIDE))
      seen[n_seen++] = item;
    else if (item->type == KL_EL_ICON && !icon)
      icon = item;
    else
      words[n_words++] = item;
    numbers += item->type == KL_EL_NUMBER;
  }
  if (!n_seen && !n_words && !icon) return NULL;
  bool beside = m->p->inner == KL_INNER_BESIDE;
  if (beside && !n_seen && !icon && numbers && numbers < n_words && numbers <= 2 &&
      !narrow) { /* big numbers stand beside */
    guint kept = 0;
    for (guint i = 0; i < n_words; i++) {
      if (words[i]->type == KL_EL_NUMBER)
        seen[n_seen++] = words[i];
      else
        words[kept++] = words[i];
    }
    n_words = kept;
  }
  KlNode *text = n_words ? stack(m, words, n_words, narrow ? 2 : 4) : NULL, *whole = NULL;
  if (text && n_words > 1 && words[0]->type == KL_EL_HEADING) text->gap_em = 0.6;
  if (icon && text && (beside || !narrow)) {
    KlNode *row = kl_node_new(KL_NODE_ROW, 1.0), *leaf = kl_node_add(row, kl_node_leaf(icon));
    leaf->width_em = 3.2;
    text->valign = KL_ALIGN_CENTRE;
    kl_node_add(row, text);
    text = row;
  } else if (icon) {
    KlNode *col = kl_node_new(KL_NODE_COL, 0.8);
    kl_node_add(col, kl_node_leaf(icon))->width_em = narrow ? 3.2 : 2.8;
    if (text) kl_node_add(col, text);
    text = col;
  }
  bool little =
      n_words == 1 && words[0]->type == KL_EL_HEADING; /* a heading alone stands above, not beside */
  if (n_seen && text && beside && !narrow && little && !icon) {
    whole = text;
    for (guint i = 0; i < n_seen; i++) kl_node_add(whole, kl_node_leaf(seen[i]));
  } else if (n_seen && text && beside && !narrow) {
    KlNode *v = stack(m, seen, n_seen, 1);
    whole = kl_node_new(KL_NODE_ROW, 1.8);
    bool figure = seen[0]->type == KL_EL_NUMBER;
    v->weight = figure ? MIN(m->p->beside, 0.34) : m->p->beside;
    text->weight = 1 - v->weight;
    text->valign = v->valign = KL_ALIGN_CENTRE;
    kl_node_add(whole, flip ? text : v);
    kl_node_add(whole, flip ? v : text);
  } else if (n_seen) {
    whole = stack(m, seen, n_seen, 1);
    whole->gap_em = 0.9;
    if (text) kl_node_add(whole, text);
  } else {
    whole = text;
  }
  if (m->centred && narrow) centre(whole);
  if (m->p->cards) {
    KlNode *card = kl_node_new(KL_NODE_COL, 0);
    card->fill = KL_COLOUR_PANEL;
    card->pad_em = narrow ? 1.1 : 1.4;
    card->radius_em = 0.7;
    if (whole->align == KL_ALIGN_CENTRE) card->valign = KL_ALIGN_CENTRE;
    kl_node_add(card, whole);
    whole = card;
  }
  return whole;
}

static bool all_short(const Make *m) {
  for (guint i = 0; i < m->b->sections->len; i++) {
    const KlBriefSection *s = &g_array_index(m->b->sections, KlBriefSection, i);
    glong chars = 0;
    for (guint k = 0; k < s->count; k++) {
      const KlBriefItem *item = m->b->items->pdata[s->first + k];
      if (item->list || item->type == KL_EL_CHART) return false;
      chars += item->text && !is_visual(item) ? g_utf8_strlen(item->text, -1) : 0;
    }
    if (chars > 110) return false;
  }
  return true;
}

/* Sections as nodes. */
static GPtrArray *sections(const Make *m, bool narrow) {
  GPtrArray *all = g_ptr_array_new();
  for (guint i = 0; i < m->b->sections->len; i++) {
    bool flip = m->p->flip ^ (m->p->body == KL_BODY_ZIGZAG && all->len % 2);
    KlNode *n = section(m, &g_array_index(m->b->sections, KlBriefSection, i), flip, narrow);
    if (n) g_ptr_array_add(all, n);
  }
  return all;
}

static double section_gap(const Make *m) {
  return m->p->cards ? 1.1 : 2.4;
}

static void add_grid(Make *m, KlNode *col, GPtrArray *all, guint from, guint k) {
  guint n = all->len - from, rows = (n + k - 1) / k;
  for (guint r = 0; r < rows; r++) {
    guint first = from + r * n / rows, end = from + (r + 1) * n / rows; /* 5 in rows of 3: 2 and 3 */
    KlNode *row = kl_node_add(col, kl_node_new(KL_NODE_ROW, m->p->cards ? 1.1 : 2.0));
    for (guint i = first; i < end; i++) kl_node_add(row, all->pdata[i]);
    if (end - first == 1 && rows > 1) m->cost += 0.05;
  }
  if (n % k) m->cost += 0.12;
}

/* Columns filled one after the other, as even as the sections allow. */
static void add_columns(Make *m, KlNode *col, GPtrArray *all, guint k, double width) {
  KlNode *row = kl_node_add(col, kl_node_new(KL_NODE_ROW, 2.0));
  double each = (width - (k - 1) * 2.0 * m->z.s) / k, total = 0, sum = 0;
  g_autofree double *h = g_new(double, all->len);
  for (guint i = 0; i < all->len; i++) {
    kl_tree_measure(all->pdata[i], &m->z, each);
    h[i] = ((KlNode *)all->pdata[i])->natural_h + section_gap(m) * m->z.s;
    total += h[i];
  }
  guint i = 0;
  for (guint c = 0; c < k; c++) {
    KlNode *part = kl_node_add(row, kl_node_new(KL_NODE_COL, section_gap(m)));
    part->spread = true;
    guint left = k - c - 1;
    while (i < all->len && all->len - i > left) {
      bool more = !part->kids->len || !left ||
                  fabs(sum + h[i] - total * (c + 1) / k) < fabs(sum - total * (c + 1) / k);
      if (!more) break;
      sum += h[i];
      kl_node_add(part, all->pdata[i++]);
    }
  }
}

static void drop_nodes(GPtrArray *all, guint from) {
  for (guint i = from; i < all->len; i++) kl_node_free(all->pdata[i]);
}

/* The sections, arranged. NULL: the plan does not suit them. */
static KlNode *body(Make *m, double width) {
  const KlPlan *p = m->p;
  guint k = (guint)p->columns, most = 0;
  for (guint i = 0; i < m->b->sections->len; i++)
    most += g_array_index(m->b->sections, KlBriefSection, i).count > 0;
  bool grid = p->body == KL_BODY_CARDS || p->body == KL_BODY_COLUMNS;
  bool narrow = (grid && k > 1) || (p->body == KL_BODY_FEATURE && k > 1);
  g_autoptr(GPtrArray) all = sections(m, narrow);
  m->sections = all->len;
  KlNode *col = kl_node_new(KL_NODE_COL, section_gap(m));
  col->spread = true;
  bool suits = true;
  if (grid) suits = all->len >= MAX(k, 2u);
  if (p->body == KL_BODY_COLUMNS)
    suits &= all->len == k || all->len >= 2 * k; /* else one column is half empty */
  if (p->body == KL_BODY_FEATURE) suits = all->len >= k + 1 && k > 1;
  if (p->body == KL_BODY_ZIGZAG) {
    guint visual = 0;
    for (guint i = 0; i < m->b->items->len; i++) {
      const KlBriefItem *item = m->b->items->pdata[i];
      visual += item->section >= 0 && is_visual(item) && wanted(m, item);
    }
    suits = all->len >= 2 && visual * 2 > all->len;
  }
  if (!suits) {
    drop_nodes(all, 0);
    kl_node_free(col);
    return NULL;
  }
  if (p->body == KL_BODY_CARDS) {
    add_grid(m, col, all, 0, k);
  } else if (p->body == KL_BODY_COLUMNS) {
    add_columns(m, col, all, k, width);
  } else if (p->body == KL_BODY_FEATURE) {
    kl_node_free(all->pdata[0]); /* the first again, wide */
    all->pdata[0] = section(m, &g_array_index(m->b->sections, KlBriefSection, 0), p->flip, false);
    if (!all->pdata[0]) {
      drop_nodes(all, 1);
      kl_node_free(col);
      return NULL;
    }
    kl_node_add(col, all->pdata[0]);
    add_grid(m, col, all, 1, k);
  } else {
    for (guint i = 0; i < all->len; i++) kl_node_add(col, all->pdata[i]);
  }
  return col;
}

/* ---- the whole ---- */

static KlNode *header(const Make *m) {
  KlNode *col = kl_node_new(KL_NODE_COL, 0.7);
  for (guint i = 0; i < m->b->items->len; i++) {
    const KlBriefItem *item = m->b->items->pdata[i];
    if (!wanted(m, item) || item->section >= 0) continue;
    if (item->type == KL_EL_TITLE || item->type == KL_EL_SUBTITLE) kl_node_add(col, kl_node_leaf(item));
    if (item->type == KL_EL_ICON) kl_node_add(col, kl_node_leaf(item))->width_em = 3.6;
  }
  if (m->p->head == KL_HEAD_CENTRE) centre(col);
  if (col->kids->len) return col;
  kl_node_free(col);
  return NULL;
}

/* What belongs to the whole, but is neither title nor hero. Beside each other, where sections are, pictures
 * and charts stand on one side and words on the other. */
static KlNode *lead(const Make *m) {
  const KlBriefItem *items[KL_BRIEF_ITEMS_MAX], *seen[KL_BRIEF_ITEMS_MAX], *words[KL_BRIEF_ITEMS_MAX];
  guint n = 0, n_seen = 0, n_words = 0, across = m->b->width > 1.2 * m->b->height ? 5 : 3;
  for (guint i = 0; i < m->b->items->len; i++) {
    const KlBriefItem *item = m->b->items->pdata[i];
    if (item->section >= 0 || !wanted(m, item) || item->type <= KL_EL_SUBTITLE || item->type == KL_EL_ICON)
      continue;
    items[n++] = item;
    if (is_visual(item))
      seen[n_seen++] = item;
    else
      words[n_words++] = item;
  }
  if (!n) return NULL;
  if (m->p->inner == KL_INNER_BESIDE && n_seen == 1 && n_words) {
    KlNode *row = kl_node_new(KL_NODE_ROW, 2.0), *v = stack(m, seen, 1, 1),
           *text = stack(m, words, n_words, 2);
    v->weight = MAX(m->p->beside, 0.5);
    text->weight = 1 - v->weight;
    text->gap_em = 1.2;
    text->valign = v->valign = KL_ALIGN_CENTRE;
    kl_node_add(row, m->p->flip ? text : v);
    kl_node_add(row, m->p->flip ? v : text);
    return row;
  }
  KlNode *col = stack(m, items, n, across);
  col->gap_em = 1.2;
  col->spread = true;
  return col;
}

static const KlBriefItem *hero_of(const Make *m) {
  const KlBriefItem *only = NULL;
  guint visual = 0;
  for (guint i = 0; i < m->b->items->len; i++) {
    const KlBriefItem *item = m->b->items->pdata[i];
    if (!wanted(m, item)) continue;
    if (item->type == KL_EL_PICTURE && item->section < 0) return item;
    if (is_visual(item)) {
      visual++;
      only = item;
    }
  }
  /* the only picture of the only section will do as well */
  return visual == 1 && only->type == KL_EL_PICTURE && m->b->sections->len <= 1 ? only : NULL;
}

/* Takes room for a hero that stands beside the tree, at the canvas' edge. */
static void place_hero(Make *m) {
  KlBox f = m->f->frame;
  double gap = 0.9 * margin_of(m->b), share = m->p->hero_share;
  switch (m->p->hero) {
  case KL_HERO_LEFT:
  case KL_HERO_RIGHT: {
    double w = round(m->f->whole ? share * m->b->width : share * f.w);
    bool left = m->p->hero == KL_HERO_LEFT;
    KlBox box = m->f->whole ? (KlBox){left ? 0 : m->b->width - w, 0, w, m->b->height}
                            : (KlBox){left ? f.x : f.x + f.w - w, f.y, w, f.h};
    double x = left ? box.x + w + gap : f.x, right = left ? f.x + f.w : box.x - gap;
    m->hero_box = box;
    m->tree_box = (KlBox){x, f.y, right - x, f.h};
    return;
  }
  case KL_HERO_FULL:
    m->hero_box = (KlBox){0, 0, m->b->width, m->b->height};
    m->tree_box = f;
    return;
  default:
    m->tree_box = f;
  }
}

static KlNode *hero_node(const Make *m) {
  KlNode *n = kl_node_leaf(m->hero);
  n->lead_share = m->p->hero_share * (m->f->whole ? 1 : m->f->frame.h / m->b->height);
  if (m->f->whole && m->p->hero != KL_HERO_BELOW) {
    n->bleed_l = n->bleed_r = true;
    n->bleed_t = m->p->hero == KL_HERO_TOP;
    n->bleed_b = m->p->hero == KL_HERO_BOTTOM;
  }
  return n;
}

/* Title on a band of the accent's colour, out to the edges. */
static KlNode *banded(const Make *m, KlNode *head) {
  head->fill = KL_COLOUR_ACCENT;
  if (m->f->whole && m->tree_box.x <= m->f->frame.x + 1 && m->tree_box.w >= m->f->frame.w - 1) {
    head->bleed_l = head->bleed_r = head->bleed_t = true;
    KlNode *foot = kl_node_new(KL_NODE_COL, 0);
    foot->pad_em = 0.55;
    head->gap_em = 0.6;
    kl_node_add(head, foot);
  } else {
    head->pad_em = 1.2;
    head->radius_em = 0.7;
  }
  return head;
}

static bool build(Make *m) {
  const KlPlan *p = m->p;
  double width = m->tree_box.w;
  g_autoptr(KlNode) head = header(m), above = lead(m);
  KlNode *main = body(m, width), *root;
  if (!main) return false;
  g_autoptr(KlNode) rest = main;
  bool some = main->kids->len > 0;
  if (p->head == KL_HEAD_SIDE) { /* title and what belongs to the whole beside the sections */
    if (!head || (!some && !above)) return false;
    root = kl_node_new(KL_NODE_ROW, m->f->whole ? 3.4 : 2.4);
    KlNode *side = kl_node_add(root, kl_node_new(KL_NODE_COL, 1.6)), *pane;
    side->weight = 0.36;
    side->fill = KL_COLOUR_ACCENT;
    side->bleed_l = side->bleed_t = side->bleed_b = m->f->whole;
    side->pad_em = m->f->whole ? 0 : 1.2;
    side->reach_em = m->f->whole ? 1.7 : 0;
    kl_node_add(side, g_steal_pointer(&head));
    if (m->hero && m->hero_box.w <= 0) {
      KlNode *h = kl_node_add(side, hero_node(m));
      h->bleed_l = h->bleed_r = h->bleed_t = h->bleed_b = false;
    }
    pane = kl_node_add(root, kl_node_new(KL_NODE_COL, 2.0));
    pane->weight = 0.64;
    pane->spread = true;
    pane->valign = KL_ALIGN_CENTRE;
    if (above) kl_node_add(pane, g_steal_pointer(&above));
    if (some) kl_node_add(pane, g_steal_pointer(&rest));
  } else {
    root = kl_node_new(KL_NODE_COL, 2.2);
    root->spread = true;
    bool inside = m->hero && m->hero_box.w <= 0;
    if (inside && p->hero == KL_HERO_TOP) kl_node_add(root, hero_node(m));
    if (head)
      kl_node_add(root, p->head == KL_HEAD_BAND ? banded(m, g_steal_pointer(&head)) : g_steal_pointer(&head));
    if (inside && p->hero == KL_HERO_BELOW) kl_node_add(root, hero_node(m));
    if (above) kl_node_add(root, g_steal_pointer(&above));
    if (some) kl_node_add(root, g_steal_pointer(&rest));
    if (inside && p->hero == KL_HERO_BOTTOM) kl_node_add(root, hero_node(m));
    if ((!some && m->f->whole) || m->hero_box.w > 0) root->valign = KL_ALIGN_CENTRE;
  }
  m->root = root;
  return root->kids->len > 0;
}

/* ---- fitting ---- */

static const KlBriefItem *alone(const Make *m) {
  const KlBriefItem *only = NULL;
  for (guint i = 0; i < m->b->items->len; i++) {
    const KlBriefItem *item = m->b->items->pdata[i];
    if (!wanted(m, item) || item->type == KL_EL_TITLE || item->type == KL_EL_SUBTITLE ||
        item->type == KL_EL_PICTURE)
      continue;
    if (only) return NULL;
    only = item;
  }
  return only;
}

static KlNode *node_of(KlNode *n, KlElementType type) {
  if (n->kind == KL_NODE_LEAF) return n->item->type == type ? n : NULL;
  KlNode *t = NULL;
  for (guint i = 0; i < n->kids->len && !t; i++) t = node_of(n->kids->pdata[i], type);
  return t;
}

/* A title that needs a line less at a size hardly smaller is set at that size: no lone word in its last line.
 */
static void tidy(Make *m, KlElementType type, double least_em) {
  KlNode *t = node_of(m->root, type);
  double px = m->z.px[type], least = MAX(kl_layout_least_px(m->b, type), least_em * m->z.s);
  if (!t || t->lines < 2) return;
  for (double f = 0.97; f > 0.74; f -= 0.03) {
    double smaller = floor(px * f * 4) / 4;
    KlMeasured k = kl_type_measure(m->z.type, t->item, t->w, smaller, m->z.exact);
    if (smaller < least) return;
    if (k.lines >= t->lines) continue;
    m->z.px[type] = smaller;
    kl_tree_measure(m->root, &m->z, m->tree_box.w);
    return;
  }
}

static bool fits(Make *m, double s, double height, bool squeezed) {
  kl_sizes_set(&m->z, s, m->p->title);
  kl_tree_measure(m->root, &m->z, m->tree_box.w);
  return (squeezed ? m->root->least_h : kl_tree_comfort(m->root)) <= height;
}

/* The largest size of running text, up to `most`, at which all fits. 0: none. */
static double largest(Make *m, double least, double most, double height, bool squeezed) {
  if (!fits(m, least, height, squeezed)) return 0;
  if (fits(m, most, height, squeezed)) return most;
  double low = least, high = most;
  for (int i = 0; i < 9 && high - low > 0.2; i++) {
    double mid = (low + high) / 2;
    if (fits(m, mid, height, squeezed))
      low = mid;
    else
      high = mid;
  }
  return low;
}

static bool fit(Make *m) {
  double height = m->tree_box.h, least = kl_layout_least_px(m->b, KL_EL_BODY),
         ideal = kl_layout_ideal_px(m->b);
  bool exact = m->z.exact;
  m->z.exact = false;
  double s = largest(m, least, ideal, height, false);
  if (s <= 0) s = largest(m, least, ideal, height, true);
  if (s >= ideal &&
      m->root->natural_h < height) { /* room is left: larger type, much larger if nothing else can grow */
    double most = (m->root->most_h < height * 0.97 ? 1.75 : 1.22) * ideal;
    s = MAX(s, largest(m, ideal, most, height, false));
  }
  if (s <= 0) s = least;
  m->z.exact = exact;
  for (int turn = 0; turn < 40; turn++) {
    if (fits(m, s, height, true)) {
      tidy(m, KL_EL_TITLE, 1.9);
      tidy(m, KL_EL_SUBTITLE, 1);
      return true;
    }
    if (s <= least) return false;
    s = MAX(least, MIN(s * 0.975, s - 0.25));
  }
  return false;
}

/* ---- reading off ---- */

static void emit(const Make *m, KlLayout *l, const KlNode *n, KlColour on, int *panels) {
  if (n->fill != KL_COLOUR_NONE) {
    g_autofree char *id = g_strdup_printf("panel%d", ++*panels);
    KlElement *e = kl_layout_add(l, id, KL_EL_PANEL, NULL, n->box);
    e->fill = n->fill;
    bool bleeds = n->bleed_l || n->bleed_r || n->bleed_t || n->bleed_b;
    e->radius = bleeds ? 0 : round(n->radius_em * m->z.s);
    on = n->fill;
  }
  for (guint i = 0; n->kids && i < n->kids->len; i++) emit(m, l, n->kids->pdata[i], on, panels);
  if (n->kind != KL_NODE_LEAF) return;
  const KlBriefItem *item = n->item;
  KlElement *e = kl_layout_add(l, item->id, item->type, item->id, n->box);
  bool words = kl_element_is_text(item->type) || item->type == KL_EL_CHART ||
               (item->type == KL_EL_PICTURE && item->label);
  e->text_px = words ? m->z.px[item->type] : 0;
  e->align = n->align;
  if (on == KL_COLOUR_ACCENT) e->ink = KL_COLOUR_BACKGROUND;
  if (item->type == KL_EL_PICTURE && !n->bleed_l && !n->bleed_r) e->radius = round(0.5 * m->z.s);
}

static int by_item(gconstpointer a, gconstpointer b, gpointer brief) {
  const KlElement *x = *(KlElement *const *)a, *y = *(KlElement *const *)b;
  guint i = G_MAXUINT, k = G_MAXUINT;
  if (!x->item || !y->item) return !x->item && !y->item ? 0 : x->item ? 1 : -1;
  for (guint n = 0; n < ((const KlBrief *)brief)->items->len; n++) {
    const KlBriefItem *item = ((const KlBrief *)brief)->items->pdata[n];
    if (!strcmp(item->id, x->item)) i = n;
    if (!strcmp(item->id, y->item)) k = n;
  }
  bool bx = x->type == KL_EL_BACKGROUND, by = y->type == KL_EL_BACKGROUND;
  if (bx != by) return bx ? -1 : 1;
  return i < k ? -1 : i > k;
}

static KlLayout *read_off(Make *m) {
  const KlBrief *b = m->b;
  KlLayout *l = kl_layout_new(b->width, b->height);
  const KlBriefItem *background = NULL;
  int panels = 0;
  for (guint i = 0; i < b->items->len; i++)
    if (((KlBriefItem *)b->items->pdata[i])->type == KL_EL_BACKGROUND) background = b->items->pdata[i];
  kl_layout_add(l, background ? background->id : "background", KL_EL_BACKGROUND,
                background ? background->id : NULL, (KlBox){0, 0, b->width, b->height});
  if (m->f->panel || (m->hero && m->p->hero == KL_HERO_FULL)) { /* words do not stand on a busy picture */
    double pad = margin_of(b) * 0.55;
    KlBox t = m->root->box;
    double top = INFINITY, bottom = 0;
    for (guint i = 0; i < m->root->kids->len; i++) {
      const KlNode *k = m->root->kids->pdata[i];
      top = MIN(top, k->box.y);
      bottom = MAX(bottom, k->box.y + k->box.h);
    }
    KlElement *e = kl_layout_add(l, "panel0", KL_EL_PANEL, NULL,
                                 (KlBox){t.x - pad, top - pad, t.w + 2 * pad, bottom - top + 2 * pad});
    e->radius = round(0.7 * m->z.s);
    e->z = 2;
  }
  emit(m, l, m->root, KL_COLOUR_BACKGROUND, &panels);
  if (m->hero && m->hero_box.w > 0) {
    KlElement *e = kl_layout_add(l, m->hero->id, m->hero->type, m->hero->id, m->hero_box);
    e->text_px = m->hero->label ? m->z.px[KL_EL_PICTURE] : 0;
  }
  g_ptr_array_sort_with_data(l->elements, by_item, (gpointer)b);
  for (guint i = 0; i < l->elements->len; i++) {
    KlElement *e = l->elements->pdata[i];
    bool full = m->hero && m->p->hero == KL_HERO_FULL;
    if (e->type != KL_EL_BACKGROUND && e->type != KL_EL_PANEL)
      e->z = full && e->item && !strcmp(e->item, m->hero->id) ? 1 : 4;
    if (e->type == KL_EL_PANEL && strcmp(e->id, "panel0")) e->z = 3;
    if (b->direction == KL_DIR_RTL) e->box.x = b->width - e->box.x - e->box.w;
  }
  return l;
}

/* ---- what a designer would say ---- */

static double line_cost(const Make *m, const KlNode *n) {
  double chars = n->w / (0.52 * m->z.px[n->item->type]),
         many = g_utf8_strlen(n->item->text ? n->item->text : "", -1);
  if (n->item->list)
    for (char **e = n->item->list; *e; e++) many = MAX(many, g_utf8_strlen(*e, -1));
  if ((n->item->type != KL_EL_BODY && !n->item->list) || many < 60)
    return many > chars && chars < 22 ? (22 - chars) / 60 : 0;
  return chars > 80 ? MIN((chars - 80) / 80, 0.4) : chars < 22 ? (22 - chars) / 40 : 0;
}

static void judge(const Make *m, const KlNode *n, double *cost, double *filled) {
  for (guint i = 0; n->kids && i < n->kids->len; i++) judge(m, n->kids->pdata[i], cost, filled);
  if (n->kind == KL_NODE_LEAF) {
    KlBox x = n->box;
    *filled += x.w * x.h;
    if (n->item->type == KL_EL_PICTURE) {
      double a = x.w / MAX(x.h, 1);
      *cost += 0.1 * MAX(0, fabs(log(a / 1.4)) - 0.65);
    }
    *cost += 0.5 * line_cost(m, n);
    return;
  }
  if (n->kind == KL_NODE_ROW && n->kids->len > 1) { /* columns that end at different heights */
    double most = 0, sum = 0;
    for (guint i = 0; i < n->kids->len; i++) {
      const KlNode *k = n->kids->pdata[i];
      double h = MIN(k->most_h, n->box.h);
      if (k->fill != KL_COLOUR_NONE) h = MIN(k->natural_h, n->box.h);
      most = MAX(most, h);
      sum += h;
    }
    *cost += 0.5 * (1 - sum / (most * n->kids->len)) * n->box.h / m->tree_box.h;
  }
}

static double design_cost(const Make *m) {
  double ideal = kl_layout_ideal_px(m->b), s = m->z.s, cost = m->cost, filled = 0, top = INFINITY, bottom = 0;
  judge(m, m->root, &cost, &filled);
  for (guint i = 0; i < m->root->kids->len; i++) {
    const KlNode *k = m->root->kids->pdata[i];
    top = MIN(top, k->box.y);
    bottom = MAX(bottom, k->box.y + k->box.h);
  }
  cost += s < ideal ? 1.2 * (ideal - s) / ideal : 0.25 * (s - ideal) / ideal;
  cost += 0.8 * MAX(0, 1 - (bottom - top) / m->tree_box.h - 0.04);
  cost += 0.5 * m->z.word_too_wide + 0.3 * m->z.title_small;
  bool numbers = false;
  for (guint i = 0; i < m->b->items->len; i++)
    numbers |= ((KlBriefItem *)m->b->items->pdata[i])->type == KL_EL_NUMBER;
  if (numbers) cost += 0.25 * MAX(0, 2.6 - m->z.px[KL_EL_NUMBER] / s); /* big numbers are big */
  double title = m->z.px[KL_EL_TITLE] / s;
  if (title < 2) cost += 0.3 * (2 - title);
  return cost;
}

KlLayout *kl_plan_make(const KlPlan *p, const KlBrief *b, const KlRoom *f, KlType *t, bool exact,
                       double *cost) {
  static const double room[] = {[KL_DENSITY_AIRY] = 1.25, [KL_DENSITY_NORMAL] = 1, [KL_DENSITY_DENSE] = 0.7};
  Make m = {.p = p, .b = b, .f = f, .z = {.b = b, .type = t, .exact = exact, .room = room[b->density]}};
  KlLayout *l = NULL;
  KlPlan own = *p;
  if (own.head == KL_HEAD_BAND && own.hero != KL_HERO_NONE && own.hero != KL_HERO_BELOW)
    own.head = KL_HEAD_START;
  m.p = p = &own;
  m.hero = hero_of(&m);
  if ((m.hero != NULL) != (p->hero != KL_HERO_NONE)) return NULL;
  place_hero(&m);
  if (p->hero == KL_HERO_FULL) { /* words on a picture: a panel in its lower or upper part */
    KlBox full = m.tree_box;
    double h = full.h * (1 - p->hero_share);
    m.tree_box = (KlBox){full.x, p->flip ? full.y : full.y + full.h - h, full.w, h};
    double pad = margin_of(b) * 0.55;
    m.tree_box.x += pad;
    m.tree_box.w -= 2 * pad;
    m.tree_box.y += pad;
    m.tree_box.h -= 2 * pad;
  }
  m.z.alone = alone(&m);
  m.centred = p->head == KL_HEAD_CENTRE && all_short(&m);
  kl_sizes_set(&m.z, kl_layout_ideal_px(b), p->title);
  m.z.exact = false;
  bool ok = m.tree_box.w > 40 && m.tree_box.h > 40 && build(&m);
  m.z.exact = exact;
  if (ok && fit(&m)) {
    kl_tree_place(m.root, &m.z, m.tree_box.x, m.tree_box.y, m.tree_box.h);
    l = read_off(&m);
    *cost = design_cost(&m);
  }
  kl_node_free(m.root);
  return l;
}
