/* Inside of layout.h: exemplars, plans, trees, constraints. */
#pragma once

#include "app/core/layout/layout.h"

/* ---- measuring (type.c) ---- */

/* The caller's measure behind a quick estimate that is calibrated by it: the search runs on estimates, what
 * it returns is measured. */
typedef struct KlType KlType;
KlType *kl_type_new(const KlBrief *b, const KlMeasure *m);
void kl_type_free(KlType *t);
/* exact: by the caller's measure (remembered); else the estimate. */
KlMeasured kl_type_measure(KlType *t, const KlBriefItem *item, double width, double px, bool exact);
/* The estimate without calibration. */
void kl_measure_estimate(const KlBrief *b, const KlBriefItem *item, double width, double text_px,
                         KlMeasured *out);
/* The size at which running text is set where there is room. */
double kl_layout_ideal_px(const KlBrief *b);

/* ---- plans (plan.c): how a design is made, free of its content ---- */
typedef enum {
  KL_BODY_ROWS,
  KL_BODY_ZIGZAG,
  KL_BODY_CARDS,
  KL_BODY_FEATURE,
  KL_BODY_COLUMNS,
  KL_BODIES
} KlBodyForm;
typedef enum { KL_HEAD_START, KL_HEAD_CENTRE, KL_HEAD_BAND, KL_HEAD_SIDE, KL_HEADS } KlHeadForm;
typedef enum {
  KL_HERO_NONE,
  KL_HERO_TOP,
  KL_HERO_BELOW,
  KL_HERO_LEFT,
  KL_HERO_RIGHT,
  KL_HERO_BOTTOM,
  KL_HERO_FULL,
  KL_HEROES
} KlHeroPlace;
typedef enum { KL_INNER_STACK, KL_INNER_BESIDE, KL_INNERS } KlInnerForm;

typedef struct {
  KlBodyForm body;
  int columns; /* of cards, 1 ... 4 */
  KlHeadForm head;
  KlHeroPlace hero;
  KlInnerForm inner; /* of a section */
  bool cards;        /* sections stand on panels */
  bool flip;         /* what stands beside stands on the other side */
  double hero_share; /* of the canvas' side, 0.2 ... 0.7 */
  double beside;     /* the visual's share of a section's width, 0.2 ... 0.6 */
  double title;      /* title's size in sizes of running text, 1.8 ... 6 */
} KlPlan;

const char *const *kl_plan_body_names(void);
const char *const *kl_plan_head_names(void);
const char *const *kl_plan_hero_names(void);
const char *const *kl_plan_inner_names(void);

/* ---- exemplars (exemplar.c) ---- */
typedef struct {
  KlElementType type;
  KlBox box; /* shares of the canvas */
} KlLabelled;

typedef struct {
  char *name;    /* "slide/columns-3" */
  double aspect; /* width / height of its canvas */
  KlPlan plan;
  KlLabelled *boxes;
  guint n;
} KlExemplar;

/* All of the program's own, in the order of the files; static. Thread-safe. */
const GPtrArray *kl_exemplars(void);
/* LayoutPrompter's similarities (Lin et al. 2023, its selection.py): labels: twice the common multiset over
 * both counts; boxes: mean of 0.5^(2 d) over matched same-labelled boxes, d Euclidean in (x, y, w, h) or,
 * sizes only, (w, h). */
double kl_similar_labels(const KlLabelled *a, guint na, const KlLabelled *b, guint nb);
double kl_similar_boxes(const KlLabelled *a, guint na, const KlLabelled *b, guint nb, bool sizes_only);
/* Mean IoU of same-labelled boxes under the best assignment; what has no partner counts 0. */
double kl_mean_iou(const KlLabelled *a, guint na, const KlLabelled *b, guint nb);
/* The scored elements of a layout in shares of the canvas; free with g_free. */
KlLabelled *kl_labelled(const KlLayout *l, guint *n);
double kl_score_alignment(const KlLabelled *e, guint n);
double kl_score_overlap(const KlLayout *l);

/* ---- a plan made true for a brief (tree.c, build.c) ---- */
typedef struct {
  KlBox frame;         /* where content may stand */
  bool whole;          /* the frame is the canvas but for its margins: parts may bleed to the edges */
  bool panel;          /* a panel under the content (over a busy background) */
  GHashTable *without; /* ids that are placed elsewhere (set of char *), NULL: none */
} KlRoom;

/* The layout, or NULL where the plan does not suit the brief or its words do not fit. *cost gets the design's
 * own cost: 0 best; small type, unused room, long lines, odd pictures, ragged rows. exact: measured; else by
 * estimates. */
KlLayout *kl_plan_make(const KlPlan *p, const KlBrief *b, const KlRoom *f, KlType *t, bool exact,
                       double *cost);
/* The canvas without its margins. */
KlBox kl_canvas_frame(const KlBrief *b);

/* ---- constraints (constraint.c) ---- */
/* Whether the layout keeps relation r / all of the brief's; tolerance 0.5 px. */
bool kl_relation_holds(const KlLayout *l, const KlRelation *r);
bool kl_constraints_hold(const KlLayout *l, const KlBrief *b);
/* What clashes in every layout, as an irreducible set in words: KL_ERROR_INPUT; true: nothing is known to. */
bool kl_constraints_possible(const KlBrief *b, KlType *t, GError **error);
/* In words: "title is left of s1.body", for messages. */
char *kl_relation_text(const KlRelation *r);
char *kl_fixed_text(const KlFixed *f);

/* ---- moving boxes (legalise.c) ---- */
/* The nearest layout in which nothing overlaps that should not, locked elements stay, the brief's relations
 * hold, edges line up and all text fits: boxes are moved, then shrunk. false: none was found. */
bool kl_legalise(KlLayout *l, const KlBrief *b, KlType *t);
/* The largest size at which the item fits the box, 0: none that can be read. */
double kl_largest_px(const KlBrief *b, KlType *t, const KlBriefItem *item, KlBox box, bool exact);
/* Sets text_px of all text to the largest that fits its box, equal among equals; false: something does not
 * fit. */
bool kl_refit_text(KlLayout *l, const KlBrief *b, KlType *t, bool exact);

/* ---- backgrounds (saliency.c) ---- */
#define KL_SALIENCY 64 /* edges of the map */
/* How much each place of the picture draws the eye, [64][64], 0 ... 1: spectral residual (Hou and Zhang 2007)
 * and contours, mean of both. A file is seen as a canvas of that width / height shows it, covering it. */
bool kl_saliency_file(const char *path, double aspect, const KlCancel *cancel, float *map, GError **error);
/* The same of pixels [h, w, 3], both at least 1. */
void kl_saliency_rgb(const guint8 *rgb, int w, int h, float *map);
/* Mean over a box in shares of the canvas. */
double kl_saliency_mean(const float *map, KlBox box);
