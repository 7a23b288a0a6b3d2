#include "app/core/layout/tree.h"

#include <math.h>
#include <string.h>

KlNode *kl_node_new(KlNodeKind kind, double gap_em) {
  KlNode *n = g_new0(KlNode, 1);
  n->kind = kind;
  n->gap_em = gap_em;
  n->weight = 1;
  n->fill = KL_COLOUR_NONE;
  if (kind != KL_NODE_LEAF) n->kids = g_ptr_array_new_with_free_func((GDestroyNotify)kl_node_free);
  return n;
}

KlNode *kl_node_leaf(const KlBriefItem *item) {
  KlNode *n = kl_node_new(KL_NODE_LEAF, 0);
  n->item = item;
  return n;
}

KlNode *kl_node_add(KlNode *parent, KlNode *kid) {
  g_ptr_array_add(parent->kids, kid);
  return kid;
}

void kl_node_free(KlNode *n) {
  if (!n) return;
  if (n->kids) g_ptr_array_unref(n->kids);
  g_free(n);
}

static KlNode *kid_of(const KlNode *n, guint i) {
  return n->kids->pdata[i];
}

/* ---- sizes ---- */

static double quarter(double px) {
  return floor(px * 4) / 4;
}

void kl_sizes_set(KlSizes *z, double s, double title) {
  static const double ratio[KL_ELEMENT_TYPES] = {
      [KL_EL_SUBTITLE] = 1.3, [KL_EL_HEADING] = 1.45, [KL_EL_BODY] = 1,
      [KL_EL_NUMBER] = 3.4,   [KL_EL_LIST] = 1,       [KL_EL_QUOTE] = 1.4,
      [KL_EL_CHART] = 0.82,   [KL_EL_ICON] = 1,       [KL_EL_PICTURE] = 0.82};
  double side = MIN(z->b->width, z->b->height);
  /* what stands alone is the message; the title then only names it */
  static const double louder[KL_ELEMENT_TYPES] = {
      [KL_EL_BODY] = 1.3, [KL_EL_NUMBER] = 2, [KL_EL_LIST] = 1.4, [KL_EL_QUOTE] = 1.9};
  bool named = z->alone && (z->alone->type == KL_EL_NUMBER || z->alone->type == KL_EL_QUOTE);
  z->s = s;
  z->title_small = z->word_too_wide = false;
  for (int i = 0; i < KL_ELEMENT_TYPES; i++) {
    double r = i == KL_EL_TITLE ? named ? 0.65 * title : title : ratio[i];
    if (z->alone && (int)z->alone->type == i && louder[i] > 0) r *= louder[i];
    z->px[i] = quarter(MAX(r * s, kl_layout_least_px(z->b, (KlElementType)i)));
  }
  z->px[KL_EL_TITLE] = quarter(MIN(z->px[KL_EL_TITLE], side / 6));
  z->px[KL_EL_NUMBER] = quarter(MIN(z->px[KL_EL_NUMBER], side / 3.5));
}

/* ---- heights ---- */

static void set_heights(KlNode *n, double least, double natural, double most) {
  n->least_h = least;
  n->natural_h = MAX(natural, least);
  n->most_h = MAX(most, n->natural_h);
}

static void measure_picture(KlNode *n, const KlSizes *z) {
  double natural = 1.5, narrow = 0.8, wide = 2.5; /* width / height */
  const KlBriefItem *i = n->item;
  if (i->image && i->image_w >= 16 && i->image_h >= 16) { /* a given picture is cut only a little */
    double a = CLAMP((double)i->image_w / i->image_h, 0.4, 4);
    natural = i->text ? sqrt(a * 1.5) : a;
    narrow = natural * 0.7;
    wide = natural * 1.5;
  }
  if (n->lead_share > 0) {
    double h = n->lead_share * z->b->height;
    set_heights(n, 0.6 * h, h, 1.4 * h);
  } else {
    set_heights(n, MAX(n->w / wide, 4 * z->s), n->w / natural, n->w / narrow);
  }
}

static void measure_chart(KlNode *n, const KlSizes *z) {
  const KlChart *c = n->item->chart;
  double s = MAX(z->s, 1), head = c->title ? 1.6 * s : 0;
  if (c->kind == KL_CHART_TIMELINE) {
    bool across = n->w / c->rows >= 7 * s && c->rows <= 8;
    double row = across ? 0 : c->rows * 2.6 * s;
    set_heights(n, head + (across ? 7 * s : row), head + (across ? 9 * s : 1.25 * row),
                head + (across ? 12 * s : 1.7 * row));
  } else if (c->kind == KL_CHART_PIE) {
    set_heights(n, MAX(n->w / 2.4, 8 * s), n->w / 1.5 + head, n->w / 1.0 + head);
  } else {
    set_heights(n, MAX(n->w / 3.0, 8 * s), n->w / 1.8 + head, n->w / 1.15 + head);
  }
}

static void ask(KlSizes *z, KlElementType type, double px) {
  z->limit[type] = MIN(z->limit[type], px);
}

static void measure_text(KlNode *n, KlSizes *z) {
  static const int lines_most[KL_ELEMENT_TYPES] = {
      [KL_EL_TITLE] = 3, [KL_EL_SUBTITLE] = 4, [KL_EL_HEADING] = 3, [KL_EL_NUMBER] = 1};
  KlElementType type = n->item->type;
  double px = z->px[type], least = kl_layout_least_px(z->b, type);
  KlMeasured m = kl_type_measure(z->type, n->item, n->w, px, z->exact);
  if (m.min_width > n->w + 0.01) {
    if (px > least)
      ask(z, type, MAX(px * n->w / m.min_width - 0.25, least));
    else
      z->word_too_wide = true;
  } else if (lines_most[type] && m.lines > lines_most[type]) {
    if (px > least)
      ask(z, type, MAX(px * 0.94 - 0.25, least));
    else if (type == KL_EL_TITLE)
      z->title_small = true;
    else if (type == KL_EL_NUMBER)
      z->word_too_wide = true;
  }
  double h = ceil(m.height + 0.5);
  n->lines = m.lines;
  set_heights(n, h, h, h);
}

static void measure_leaf(KlNode *n, KlSizes *z) {
  switch (n->item->type) {
  case KL_EL_PICTURE:
    measure_picture(n, z);
    break;
  case KL_EL_CHART:
    measure_chart(n, z);
    break;
  case KL_EL_ICON:
    set_heights(n, n->w, n->w, n->w);
    break;
  default:
    measure_text(n, z);
  }
}

static bool is_visual(const KlNode *n) {
  if (n->kind == KL_NODE_LEAF) return n->most_h > n->natural_h;
  for (guint i = 0; i < n->kids->len; i++)
    if (!is_visual(kid_of(n, i))) return false;
  return n->kids->len > 0;
}

static void measure(KlNode *n, KlSizes *z, double width);

static void measure_row(KlNode *n, KlSizes *z, double width) {
  double weights = 0, free_w = width - n->gap_em * z->s * z->room * (n->kids->len - 1);
  double least = 0, text = 0, visual = 0, most = 0;
  for (guint i = 0; i < n->kids->len; i++) {
    const KlNode *k = kid_of(n, i);
    if (k->width_em > 0)
      free_w -= k->width_em * z->s;
    else
      weights += k->weight;
  }
  for (guint i = 0; i < n->kids->len; i++) {
    KlNode *k = kid_of(n, i);
    measure(k, z, k->width_em > 0 ? k->width_em * z->s : MAX(free_w * k->weight / weights, 1));
    least = MAX(least, k->least_h);
    most = MAX(most, k->most_h);
    if (is_visual(k))
      visual = MAX(visual, k->natural_h);
    else
      text = MAX(text, k->natural_h);
  }
  /* beside words, a picture is as high as they are, within its shape */
  set_heights(n, least, text > 0 ? MAX(text, MIN(visual, MAX(0.8 * visual, text))) : visual, most);
}

static void measure_col(KlNode *n, KlSizes *z, double width) {
  double gaps = n->kids->len ? n->gap_em * z->s * z->room * (n->kids->len - 1) : 0, least = gaps,
         natural = gaps, most = gaps;
  for (guint i = 0; i < n->kids->len; i++) {
    KlNode *k = kid_of(n, i);
    double w = k->kind == KL_NODE_LEAF && k->width_em > 0 ? MIN(k->width_em * z->s, width) : width;
    if (k->kind == KL_NODE_LEAF && (k->bleed_l || k->bleed_r)) w = z->b->width;
    measure(k, z, w);
    least += k->least_h;
    natural += k->natural_h;
    most += k->most_h;
  }
  set_heights(n, least, natural, most);
}

static void measure(KlNode *n, KlSizes *z, double width) {
  double pad = n->pad_em * z->s * z->room;
  n->w = width;
  if (n->kind == KL_NODE_LEAF) {
    measure_leaf(n, z);
    return;
  }
  double inner = MAX(width - 2 * pad, 1);
  (n->kind == KL_NODE_ROW ? measure_row : measure_col)(n, z, inner);
  n->least_h += 2 * pad;
  n->natural_h += 2 * pad;
  n->most_h += 2 * pad;
  if (n->radius_em > 0) n->most_h = MAX(n->most_h, 1.2 * n->natural_h); /* a card may be a little roomy */
}

void kl_tree_measure(KlNode *n, KlSizes *z, double width) {
  for (int turn = 0; turn < 24; turn++) {
    bool again = false;
    for (int i = 0; i < KL_ELEMENT_TYPES; i++) z->limit[i] = INFINITY;
    z->title_small = z->word_too_wide = false;
    measure(n, z, width);
    for (int i = 0; i < KL_ELEMENT_TYPES; i++)
      if (z->limit[i] < z->px[i]) {
        z->px[i] = MAX(quarter(z->limit[i]), kl_layout_least_px(z->b, (KlElementType)i));
        again = true;
      }
    if (!again) return;
  }
}

double kl_tree_comfort(const KlNode *n) {
  return n->least_h + 0.6 * (n->natural_h - n->least_h);
}

/* ---- places ---- */

/* Room for kids: natural heights, squeezed or grown within their limits so that they fill `room`. */
static void share_out(const KlNode *n, double room, double *h) {
  double natural = 0, slack = 0;
  guint count = n->kids->len;
  for (guint i = 0; i < count; i++) {
    h[i] = kid_of(n, i)->natural_h;
    natural += h[i];
  }
  if (room < natural) {
    for (guint i = 0; i < count; i++) slack += h[i] - kid_of(n, i)->least_h;
    double f = slack > 0 ? MIN((natural - room) / slack, 1) : 0;
    for (guint i = 0; i < count; i++) h[i] -= f * (h[i] - kid_of(n, i)->least_h);
    return;
  }
  double left = room - natural;
  for (int turn = 0; turn < 8 && left > 0.01; turn++) {
    double growing = 0, given = 0;
    for (guint i = 0; i < count; i++)
      if (kid_of(n, i)->most_h > h[i] + 0.01) growing += kid_of(n, i)->natural_h;
    if (growing <= 0) break;
    for (guint i = 0; i < count; i++) {
      const KlNode *k = kid_of(n, i);
      if (k->most_h <= h[i] + 0.01) continue;
      double more = MIN(left * k->natural_h / growing, k->most_h - h[i]);
      h[i] += more;
      given += more;
    }
    left -= given;
  }
}

static double offset(KlAlign valign, double room) {
  return room <= 0 ? 0 : valign == KL_ALIGN_START ? 0 : valign == KL_ALIGN_CENTRE ? room / 2 : room;
}

static void place_col(KlNode *n, const KlSizes *z, KlBox in) {
  guint count = n->kids->len;
  double gap = n->gap_em * z->s * z->room, sum = 0, h[KL_BRIEF_ITEMS_MAX + 8];
  if (!count) return;
  share_out(n, in.h - gap * (count - 1), h);
  for (guint i = 0; i < count; i++) sum += h[i];
  double left = in.h - sum - gap * (count - 1);
  if (n->spread && count > 1 && left > 0) {
    double more = MIN(left / (count - 1), 1.6 * gap);
    gap += more;
    left -= more * (count - 1);
  }
  double y = in.y + offset(n->valign, left);
  for (guint i = 0; i < count; i++) {
    KlNode *k = kid_of(n, i);
    double x = in.x;
    if (k->kind == KL_NODE_LEAF && k->w < in.w - 0.5)
      x += k->align == KL_ALIGN_CENTRE ? (in.w - k->w) / 2 : 0;
    kl_tree_place(k, z, x, y, h[i]);
    y += h[i] + gap;
  }
}

static void place_row(KlNode *n, const KlSizes *z, KlBox in) {
  double x = in.x, gap = n->gap_em * z->s * z->room;
  for (guint i = 0; i < n->kids->len; i++) {
    KlNode *k = kid_of(n, i);
    bool fills = k->kind != KL_NODE_LEAF && (k->fill != KL_COLOUR_NONE || k->spread || is_visual(k));
    double h =
        fills ? in.h
              : MIN(in.h, k->kind == KL_NODE_LEAF || !is_visual(k) ? MAX(k->natural_h, MIN(in.h, k->most_h))
                                                                   : k->most_h);
    kl_tree_place(k, z, x, in.y + offset(k->valign, in.h - h), h);
    x += k->w + gap;
  }
}

void kl_tree_place(KlNode *n, const KlSizes *z, double x, double y, double h) {
  double pad = n->pad_em * z->s * z->room;
  n->box = (KlBox){x, y, n->w, h};
  KlBox in = {x + pad, y + pad, n->w - 2 * pad, h - 2 * pad};
  if (n->kind == KL_NODE_COL) place_col(n, z, in);
  if (n->kind == KL_NODE_ROW) place_row(n, z, in);
  KlBox *b = &n->box;
  double right = n->bleed_r ? z->b->width : b->x + b->w + n->reach_em * z->s * z->room,
         bottom = n->bleed_b ? z->b->height : b->y + b->h;
  if (n->bleed_l) b->x = 0;
  if (n->bleed_t) b->y = 0;
  b->w = right - b->x;
  b->h = bottom - b->y;
}
