/* What is drawn, as a list: groups (one an element of the layout) of shapes, in the order of painting. Made
 * by compose.h; painted by paint.h on Cairo (PNG, PDF, frames of video) and written by svg.h. Lengths are
 * canvas pixels, colours 0xRRGGBB. A scene belongs to one thread, the one whose KlTexts it holds. */
#pragma once

#include "app/core/layout/layout.h"
#include "app/core/typeset/text.h"

typedef enum { KL_SHAPE_PATH, KL_SHAPE_TEXT, KL_SHAPE_IMAGE, KL_SHAPE_ICON } KlShapeKind;

/* Frames of a picture at the size they were made in. */
typedef struct {
  int width, height, frames;
  guint8 *rgb; /* [frames, height, width, 3], owned */
} KlPixels;

typedef enum { KL_PATH_MOVE, KL_PATH_LINE, KL_PATH_CURVE, KL_PATH_CLOSE } KlPathOp;
typedef struct {
  KlPathOp op;
  double x[6]; /* MOVE, LINE: x y; CURVE: two control points, then the end */
} KlPathStep;

typedef struct {
  KlShapeKind kind;
  KlBox box;              /* image, icon: where; text: its corner and size; path: its bounds */
  guint32 fill;           /* path, text, icon (the stroke of its lines) */
  double alpha;           /* of fill, 0: not filled */
  guint32 stroke;         /* path */
  double width;           /* of the stroke, 0: none */
  double dash;            /* 0: solid */
  GArray *path;           /* KlPathStep; for an image: what it is clipped to */
  KlText *text;           /* owned */
  const char *role;       /* of a text in the document: "P", "LI" ...; NULL: by its group */
  const KlPixels *pixels; /* borrowed */
  KlBox crop;             /* image: the part of the picture that is shown, in its pixels */
  const char *svg;        /* icon: its file's text, borrowed */
} KlShape;

typedef struct {
  char *id;
  KlElementType type;
  int order; /* position in reading order */
  KlBox box;
  char *alt; /* what it shows, for those who cannot see it; NULL: its text says it, or it is decoration */
  GPtrArray *shapes; /* KlShape * */
} KlGroup;

typedef struct {
  int width, height;
  char *title, *description, *language; /* UTF-8; NULL: not known */
  bool rtl;
  GPtrArray *groups; /* KlGroup *, in the order of painting */
} KlScene;

KlScene *kl_scene_new(int width, int height);
void kl_scene_free(KlScene *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlScene, kl_scene_free)

KlGroup *kl_scene_group(KlScene *s, const char *id, KlElementType type, int order, KlBox box);

/* Each appends a shape to the group and returns it, owned by the group. */
KlShape *kl_scene_rect(KlGroup *g, KlBox box, double radius, guint32 fill, double alpha);
KlShape *kl_scene_line(KlGroup *g, double x0, double y0, double x1, double y1, guint32 stroke, double width);
KlShape *kl_scene_circle(KlGroup *g, double x, double y, double r, guint32 fill);
/* An empty path; the steps below add to it. */
KlShape *kl_scene_path(KlGroup *g, guint32 fill, double alpha, guint32 stroke, double width);
void kl_path_move(KlShape *s, double x, double y);
void kl_path_line(KlShape *s, double x, double y);
void kl_path_curve(KlShape *s, double x1, double y1, double x2, double y2, double x, double y);
/* Part of a circle from angle a to b (radians, clockwise from three o'clock), joined by a line to what is
 * there; b < a runs backwards. */
void kl_path_arc(KlShape *s, double x, double y, double r, double a, double b);
void kl_path_close(KlShape *s);
/* Takes the text; x, y is the top left corner of its box, `width` the width that it was set in. */
KlShape *kl_scene_text(KlGroup *g, KlText *text, double x, double y, double width, guint32 fill);
KlShape *kl_scene_image(KlGroup *g, KlBox box, double radius, const KlPixels *pixels, KlBox crop);
KlShape *kl_scene_icon(KlGroup *g, KlBox box, const char *svg, guint32 stroke);

void kl_pixels_free(KlPixels *p);
