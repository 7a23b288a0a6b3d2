/* The words of one item in their place: a number with its label, a list with its bullets, a quote with its
 * author. All parts grow and shrink with one size, so a block at twice the size in twice the width is twice
 * as high. */
#pragma once

#include "app/core/typeset/fonts.h"
#include "app/core/typeset/scene.h"

typedef struct {
  guint32 ink, text, muted, accent; /* ink: of the main words */
} KlInks;

typedef struct {
  const KlFonts *fonts;
  const KlBriefItem *item; /* of a text type */
  KlAlign align;
  double width, px;
  double least; /* px of the smallest running text, for labels */
  bool reflow;  /* words may be hyphenated, or broken where nothing else helps */
} KlBlock;

typedef struct {
  double height, min_width; /* min_width: only with measure */
  int lines;                /* of the main text */
  bool fits;                /* no part is wider than the block */
} KlBlockSize;

/* Size only; `least` asks for min_width as well. */
KlBlockSize kl_block_size(const KlBlock *b, bool least);
/* Shapes into the group, the block's top left corner at x, y. */
void kl_block_draw(const KlBlock *b, KlGroup *g, double x, double y, const KlInks *inks);

/* The largest px between b->px and least_px at which it fits in `height`; sets b->px and b->reflow. False: it
 * does not; *needed is its height at least_px. */
bool kl_block_fit(KlBlock *b, double least_px, double height, double *needed);

/* For the layout engine (layout.h): measures by the fonts of the brief. */
typedef struct KlBlockMeasure KlBlockMeasure;
KlBlockMeasure *kl_block_measure_new(const KlBrief *b);
void kl_block_measure_free(KlBlockMeasure *m);
KlMeasure kl_block_measure(KlBlockMeasure *m);
