/* A layout: where each item of a brief stands. Proposed in several candidates, scored and ranked; read and
 * written as JSON, so that a hand-made one serves as well. No drawing here and no fonts: text is measured by
 * a function of the caller (app/core/typeset has one on Pango; kl_measure_rough needs no fonts).
 *
 * Candidates come from exemplars (resources/layouts) that are like the brief, by LayoutPrompter's
 * similarities (Lin et al. 2023): label multiset, size, boxes matched by the Hungarian method; then a
 * constrained search makes each box as large as its words need. Terms of the score:
 *
 * - alignment, 0 best: per element the least distance, among its left, x centre, right, top, y centre and
 *   bottom lines, to the like line of any other element, in shares of the canvas' side; mean of -log(1 - d)
 *   over the elements (LayoutGAN++, Kikuchi et al. 2021)
 * - overlap, 0 best: mean over the elements of the share of its area that others cover (LayoutGAN++); a
 *   picture that is the ground of the whole, and pairs that are to be centred on each other, do not count
 * - iou, 1 best: max IoU with the exemplars, that is the best, over exemplars of about this shape of canvas,
 *   of the mean IoU of same-typed boxes under the optimal assignment, what has no partner counting 0.
 *   LayoutPrompter's own ranker takes a likeness of boxes here and scales each term over the candidates;
 *   unscaled terms can be compared between runs
 * - total: 0.2 alignment + 0.2 overlap + 0.6 (1 - iou); the lower, the better
 *
 * Backgrounds and panels count in none of them. Exemplars run from left to right: a layout of a brief that
 * runs the other way is compared in the mirror.
 *
 * Lengths are canvas pixels. Deterministic: same brief, options and measure give the same layouts. Errors:
 * KL_ERROR_INPUT with a line that says what does not fit or which constraints clash, KL_ERROR_CANCELLED. */
#pragma once

#include "app/core/layout/brief.h"
#include "engine/base/cancel.h"

#define KL_LAYOUT_VERSION 1
#define KL_LAYOUT_MAX (1u << 20) /* bytes of a layout file */
#define KL_LAYOUT_ELEMENTS_MAX 400

/* start: left, or right in text that runs from right to left */
typedef enum { KL_ALIGN_START, KL_ALIGN_CENTRE, KL_ALIGN_END } KlAlign;

typedef struct {
  char *id; /* unique in the layout; an element that shows an item has the item's id */
  KlElementType type;
  char *item;     /* id of the brief's item that it shows; NULL: none (panel, plain background) */
  KlBox box;      /* text stands inside it with no further margin, except on a fill of its own (`pad`) */
  int z;          /* painted from low to high; 0 the background */
  double text_px; /* size of its main text: the words, a number's value, a chart's labels; 0: no text. Smaller
                     parts (a number's label, a quote's author) follow from it in typesetting */
  KlAlign align, valign; /* along the line, and top, middle, bottom */
  KlColour ink;          /* text, lines, icon; typesetting moves it until the contrast is 4.5:1 */
  KlColour fill;         /* of the box, KL_COLOUR_NONE: none */
  double radius;         /* of the corners of fill or picture */
  double pad;            /* between the box and its content, when filled */
  bool locked;           /* fixed by the user: searches leave it where it is */
} KlElement;

typedef struct {
  double alignment, overlap, iou, total; /* as above; NaN: not scored */
} KlScore;

typedef struct {
  int width, height;
  GPtrArray *elements; /* KlElement *, in reading order (panels and background first); owned */
  GArray *relations;   /* KlRelation, those that hold by the user's wish */
  char *exemplar;      /* which one it follows; "given", "model", NULL: not known */
  KlScore score;
} KlLayout;

KlLayout *kl_layout_new(int width, int height);
KlLayout *kl_layout_copy(const KlLayout *l);
void kl_layout_free(KlLayout *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLayout, kl_layout_free)
/* Appends one with the defaults of its type (colours, alignment); owned by the layout. item may be NULL. */
KlElement *kl_layout_add(KlLayout *l, const char *id, KlElementType type, const char *item, KlBox box);
/* Borrowed, NULL: none. */
KlElement *kl_layout_find(const KlLayout *l, const char *id);

/* ---- JSON ---- */
KlLayout *kl_layout_parse(const char *json, gsize n, const char *where, GError **error);
KlLayout *kl_layout_load(const char *path, GError **error);
/* Canonical: keys in fixed order, numbers rounded to 1/100 px, a last newline. */
char *kl_layout_serialise(const KlLayout *l);
/* That every element names an item of the brief with the same type, that no item is twice; items that it does
 * not show are named in *missing (NULL-terminated, g_strfreev; NULL: not wanted). */
bool kl_layout_check(const KlLayout *l, const KlBrief *b, char ***missing, GError **error);

/* ---- measuring ---- */
typedef struct {
  double height;    /* px that the item needs, all its parts (label, author, bullets) included */
  double min_width; /* px of its widest unbreakable piece: no narrower box can hold it */
  int lines;        /* of the main text; 0 for what has none */
} KlMeasured;
/* What `item` of the brief needs when set in a box `width` px wide with its main text at text_px. Called
 * often (some thousand times a brief, always from the calling thread): cache inside. Only for text types;
 * never fails. */
typedef void (*KlMeasureFn)(void *user, const KlBrief *b, const KlBriefItem *item, double width,
                            double text_px, KlMeasured *out);
typedef struct {
  KlMeasureFn measure;
  void *user;
} KlMeasure;
/* Without fonts: average advances by script. A little generous; for tests and for machines without fonts. */
KlMeasure kl_measure_rough(void);
/* The least size at which people read `type` on this canvas; no candidate goes below it. */
double kl_layout_least_px(const KlBrief *b, KlElementType type);

/* ---- candidates ---- */
typedef struct KlLayoutModel KlLayoutModel; /* ask.h */
typedef struct {
  int candidates;             /* wanted, 1 ... 64; 0: 12 */
  guint64 seed;               /* another seed, other variations */
  const KlMeasure *measure;   /* NULL: kl_measure_rough */
  const KlCancel *cancel;     /* NULL: none */
  const KlLayoutModel *model; /* asked for candidates too; NULL: none. If it fails, that is logged */
} KlLayoutOptions;

/* Ranked candidates, best first, KlLayout * owned by the array; at least one. The brief's relations and fixed
 * boxes hold exactly in each; a given layout is completed or refined as it says; a background picture is
 * looked at, and text goes to its calm places. Every box holds its words. NULL: error. */
GPtrArray *kl_layout_candidates(const KlBrief *b, const KlLayoutOptions *o, GError **error);
/* The scores of any layout of this brief. */
KlScore kl_layout_score(const KlLayout *l, const KlBrief *b);
/* Whether each text fits its box at its size; else the ids of those that do not (g_strfreev), NULL: all fit.
 */
char **kl_layout_overflow(const KlLayout *l, const KlBrief *b, const KlMeasure *m);
