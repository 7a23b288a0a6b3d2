#include "app/core/typeset/scene.h"

#include <math.h>

static void shape_free(void *p) {
  KlShape *s = p;
  if (s->path) g_array_unref(s->path);
  kl_text_free(s->text);
  g_free(s);
}

static void group_free(void *p) {
  KlGroup *g = p;
  g_free(g->id);
  g_free(g->alt);
  g_ptr_array_unref(g->shapes);
  g_free(g);
}

KlScene *kl_scene_new(int width, int height) {
  KlScene *s = g_new0(KlScene, 1);
  s->width = width;
  s->height = height;
  s->groups = g_ptr_array_new_with_free_func(group_free);
  return s;
}

void kl_scene_free(KlScene *s) {
  if (!s) return;
  g_free(s->title);
  g_free(s->description);
  g_free(s->language);
  g_ptr_array_unref(s->groups);
  g_free(s);
}

KlGroup *kl_scene_group(KlScene *s, const char *id, KlElementType type, int order, KlBox box) {
  KlGroup *g = g_new0(KlGroup, 1);
  g->id = g_strdup(id);
  g->type = type;
  g->order = order;
  g->box = box;
  g->shapes = g_ptr_array_new_with_free_func(shape_free);
  g_ptr_array_add(s->groups, g);
  return g;
}

static KlShape *add(KlGroup *g, KlShapeKind kind) {
  KlShape *s = g_new0(KlShape, 1);
  s->kind = kind;
  g_ptr_array_add(g->shapes, s);
  return s;
}

/* ---- paths ---- */

static void reach(KlShape *s, double x, double y) {
  KlBox *b = &s->box;
  if (s->kind != KL_SHAPE_PATH) return;
  if (s->path->len == 0) {
    *b = (KlBox){x, y, 0, 0};
    return;
  }
  double x1 = MAX(b->x + b->w, x), y1 = MAX(b->y + b->h, y);
  b->x = MIN(b->x, x);
  b->y = MIN(b->y, y);
  b->w = x1 - b->x;
  b->h = y1 - b->y;
}

static void step(KlShape *s, KlPathStep p) {
  g_array_append_val(s->path, p);
}

void kl_path_move(KlShape *s, double x, double y) {
  reach(s, x, y);
  step(s, (KlPathStep){KL_PATH_MOVE, {x, y}});
}

void kl_path_line(KlShape *s, double x, double y) {
  reach(s, x, y);
  step(s, (KlPathStep){s->path->len ? KL_PATH_LINE : KL_PATH_MOVE, {x, y}});
}

void kl_path_curve(KlShape *s, double x1, double y1, double x2, double y2, double x, double y) {
  if (s->path->len) { /* the curve's middle: near enough to its furthest point for arcs of an eighth */
    const KlPathStep *p = &g_array_index(s->path, KlPathStep, s->path->len - 1);
    double x0 = p->x[p->op == KL_PATH_CURVE ? 4 : 0], y0 = p->x[p->op == KL_PATH_CURVE ? 5 : 1];
    reach(s, (x0 + 3 * x1 + 3 * x2 + x) / 8, (y0 + 3 * y1 + 3 * y2 + y) / 8);
  }
  reach(s, x, y);
  step(s, (KlPathStep){KL_PATH_CURVE, {x1, y1, x2, y2, x, y}});
}

void kl_path_arc(KlShape *s, double x, double y, double r, double a, double b) {
  int parts = MAX(1, (int)ceil(fabs(b - a) / (G_PI / 4) - 1e-9));
  double d = (b - a) / parts, k = 4.0 / 3 * tan(d / 4);
  kl_path_line(s, x + r * cos(a), y + r * sin(a));
  for (int i = 0; i < parts; i++) {
    double p = a + i * d, q = p + d;
    kl_path_curve(s, x + r * (cos(p) - k * sin(p)), y + r * (sin(p) + k * cos(p)),
                  x + r * (cos(q) + k * sin(q)), y + r * (sin(q) - k * cos(q)), x + r * cos(q),
                  y + r * sin(q));
  }
}

void kl_path_close(KlShape *s) {
  step(s, (KlPathStep){KL_PATH_CLOSE, {0}});
}

static void round_rect(KlShape *s, KlBox b, double r) {
  r = MIN(r, MIN(b.w, b.h) / 2);
  if (r <= 0) {
    kl_path_move(s, b.x, b.y);
    kl_path_line(s, b.x + b.w, b.y);
    kl_path_line(s, b.x + b.w, b.y + b.h);
    kl_path_line(s, b.x, b.y + b.h);
  } else {
    kl_path_arc(s, b.x + r, b.y + r, r, G_PI, 1.5 * G_PI);
    kl_path_arc(s, b.x + b.w - r, b.y + r, r, 1.5 * G_PI, 2 * G_PI);
    kl_path_arc(s, b.x + b.w - r, b.y + b.h - r, r, 0, 0.5 * G_PI);
    kl_path_arc(s, b.x + r, b.y + b.h - r, r, 0.5 * G_PI, G_PI);
  }
  kl_path_close(s);
}

KlShape *kl_scene_path(KlGroup *g, guint32 fill, double alpha, guint32 stroke, double width) {
  KlShape *s = add(g, KL_SHAPE_PATH);
  s->path = g_array_new(FALSE, FALSE, sizeof(KlPathStep));
  s->fill = fill;
  s->alpha = alpha;
  s->stroke = stroke;
  s->width = width;
  return s;
}

KlShape *kl_scene_rect(KlGroup *g, KlBox box, double radius, guint32 fill, double alpha) {
  KlShape *s = kl_scene_path(g, fill, alpha, 0, 0);
  round_rect(s, box, radius);
  return s;
}

KlShape *kl_scene_line(KlGroup *g, double x0, double y0, double x1, double y1, guint32 stroke, double width) {
  KlShape *s = kl_scene_path(g, 0, 0, stroke, width);
  kl_path_move(s, x0, y0);
  kl_path_line(s, x1, y1);
  return s;
}

KlShape *kl_scene_circle(KlGroup *g, double x, double y, double r, guint32 fill) {
  KlShape *s = kl_scene_path(g, fill, 1, 0, 0);
  kl_path_arc(s, x, y, r, 0, 2 * G_PI);
  kl_path_close(s);
  return s;
}

/* ---- the others ---- */

KlShape *kl_scene_text(KlGroup *g, KlText *text, double x, double y, double width, guint32 fill) {
  KlShape *s = add(g, KL_SHAPE_TEXT);
  s->text = text;
  s->box = (KlBox){x, y, width > 0 ? width : kl_text_box_width(text), kl_text_box_height(text)};
  s->fill = fill;
  s->alpha = 1;
  return s;
}

KlShape *kl_scene_image(KlGroup *g, KlBox box, double radius, const KlPixels *pixels, KlBox crop) {
  KlShape *s = add(g, KL_SHAPE_IMAGE);
  s->path = g_array_new(FALSE, FALSE, sizeof(KlPathStep));
  s->box = box;
  s->alpha = 1;
  s->pixels = pixels;
  s->crop = crop;
  round_rect(s, box, radius);
  return s;
}

KlShape *kl_scene_icon(KlGroup *g, KlBox box, const char *svg, guint32 stroke) {
  KlShape *s = add(g, KL_SHAPE_ICON);
  s->box = box;
  s->svg = svg;
  s->fill = stroke;
  s->alpha = 1;
  return s;
}

void kl_pixels_free(KlPixels *p) {
  if (!p) return;
  g_free(p->rgb);
  g_free(p);
}
