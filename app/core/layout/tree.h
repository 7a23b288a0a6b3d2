/* A design as a tree of rows and columns: widths go down, heights come up, what is left over is shared out.
 * Lengths are px of the canvas; those named _em are in sizes of running text, so that room grows with the
 * type. */
#pragma once

#include "app/core/layout/layout_internal.h"

typedef enum { KL_NODE_LEAF, KL_NODE_ROW, KL_NODE_COL } KlNodeKind;

typedef struct KlNode KlNode;
struct KlNode {
  KlNodeKind kind;
  GPtrArray *kids;         /* KlNode *, owned; NULL for a leaf */
  const KlBriefItem *item; /* of a leaf */
  double weight;           /* share of a row's width among its kids */
  double width_em;         /* > 0: as wide as this instead */
  double gap_em;           /* between kids */
  double pad_em;           /* inside, all around */
  KlColour fill;           /* a panel behind it, KL_COLOUR_NONE: none */
  double radius_em;
  double reach_em;                         /* how much further to the right its panel goes than its content */
  bool spread;                             /* room left over goes between the kids too */
  bool bleed_l, bleed_r, bleed_t, bleed_b; /* panel or picture reaches the canvas' edge there */
  KlAlign align, valign;                   /* of text along the line; of the content in a taller box */
  double lead_share; /* > 0: a leading picture, this share of the canvas' height if there is room */
  /* solved */
  double w, least_h, natural_h, most_h;
  KlBox box;
  int lines;
};

typedef struct {
  const KlBrief *b;
  KlType *type;
  bool exact;
  double s;                        /* size of running text */
  double px[KL_ELEMENT_TYPES];     /* sizes of all */
  double room;                     /* density: factor of gaps and pads */
  const KlBriefItem *alone;        /* all that is said besides title and pictures, NULL: there is more */
  bool title_small, word_too_wide; /* what could not be had */
  double limit[KL_ELEMENT_TYPES];  /* sizes that the last measuring asked for */
} KlSizes;

KlNode *kl_node_new(KlNodeKind kind, double gap_em);
KlNode *kl_node_leaf(const KlBriefItem *item);
/* Appends; returns the kid. */
KlNode *kl_node_add(KlNode *parent, KlNode *kid);
void kl_node_free(KlNode *n);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlNode, kl_node_free)

/* Sizes for running text at s, titles `title` times as large. */
void kl_sizes_set(KlSizes *z, double s, double title);
/* Measures the tree at the width. Sizes in z go down until every word fits its column and no title or number
 * runs over too many lines. */
void kl_tree_measure(KlNode *n, KlSizes *z, double width);
/* Height at which nothing is squeezed: pictures near their natural shape. */
double kl_tree_comfort(const KlNode *n);
/* Gives every node its box. */
void kl_tree_place(KlNode *n, const KlSizes *z, double x, double y, double h);
