#include "app/core/typeset/frames.h"

#include "app/core/typeset/paint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN 0.2  /* seconds until the first element enters */
#define ENTER 0.6  /* that one takes */
#define NEXT 0.28  /* between two */
#define RISE 0.022 /* of the canvas' longer side that it comes from below */
#define SHARE 0.55 /* of the time, at most, until all are there */

struct KlFrames {
  const KlScene *scene;
  double scale, fps, picture_fps;
  gint64 count;
  int width, height;
  double *begins; /* a group: when it enters; < 0: it was always there */
  guint baked;    /* groups that are in `base` for good */
  gint64 last;    /* frame that was drawn last, -1: none */
  cairo_surface_t *base, *frame;
  guint8 *rgb;
};

static bool at_once(const KlGroup *g) {
  return g->type == KL_EL_BACKGROUND;
}

static bool moves(const KlGroup *g) {
  for (guint i = 0; i < g->shapes->len; i++) {
    const KlShape *s = g->shapes->pdata[i];
    if (s->kind == KL_SHAPE_IMAGE && s->pixels->frames > 1) return true;
  }
  return false;
}

static double natural(const KlScene *s, double *next) {
  guint n = 0;
  for (guint i = 0; i < s->groups->len; i++) n += !at_once(s->groups->pdata[i]);
  *next = NEXT;
  return BEGIN + ENTER + (n ? (n - 1) * NEXT : 0);
}

static int by_order(const void *a, const void *b) {
  return (*(KlGroup *const *)a)->order - (*(KlGroup *const *)b)->order;
}

/* Elements enter in reading order; a panel with the first element that stands on it. */
static void set_times(KlFrames *f, double seconds) {
  const KlScene *s = f->scene;
  guint n = s->groups->len, turn = 0;
  double next, all = natural(s, &next), squeeze = MIN(1, seconds * SHARE / all);
  g_autofree KlGroup **order = g_memdup2(s->groups->pdata, n * sizeof(KlGroup *));
  qsort(order, n, sizeof *order, by_order);
  f->begins = g_new(double, n);
  for (guint i = 0; i < n; i++) f->begins[i] = at_once(s->groups->pdata[i]) ? -1 : 0;
  for (guint k = 0; k < n; k++) {
    if (at_once(order[k]) || order[k]->type == KL_EL_PANEL) continue;
    for (guint i = 0; i < n; i++)
      if (s->groups->pdata[i] == order[k]) f->begins[i] = (BEGIN + turn * next) * squeeze;
    turn++;
  }
  for (guint i = 0; i < n; i++) {
    const KlGroup *panel = s->groups->pdata[i];
    if (panel->type != KL_EL_PANEL) continue;
    f->begins[i] = BEGIN * squeeze;
    double first = INFINITY;
    for (guint k = 0; k < n; k++) {
      const KlGroup *g = s->groups->pdata[k];
      double x = g->box.x + g->box.w / 2, y = g->box.y + g->box.h / 2;
      bool on = g->type != KL_EL_PANEL && !at_once(g) && x > panel->box.x &&
                x < panel->box.x + panel->box.w && y > panel->box.y && y < panel->box.y + panel->box.h;
      if (on) first = MIN(first, f->begins[k]);
    }
    if (isfinite(first)) f->begins[i] = MAX(0, first - 0.1 * squeeze);
  }
}

static cairo_surface_t *blank(const KlFrames *f) {
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, f->width, f->height);
  cairo_t *c = cairo_create(s);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_destroy(c);
  return s;
}

KlFrames *kl_frames_new(const KlScene *s, double scale, double seconds, double fps, double picture_fps) {
  KlFrames *f = g_new0(KlFrames, 1);
  *f = (KlFrames){.scene = s, .scale = scale, .fps = fps, .picture_fps = picture_fps, .last = -1};
  f->count = MAX(1, llround(seconds * fps));
  f->width = MAX(1, (int)lrint(s->width * scale));
  f->height = MAX(1, (int)lrint(s->height * scale));
  f->rgb = g_malloc((gsize)f->width * (gsize)f->height * 3);
  f->base = blank(f);
  f->frame = blank(f);
  set_times(f, seconds);
  return f;
}

void kl_frames_free(KlFrames *f) {
  if (!f) return;
  cairo_surface_destroy(f->base);
  cairo_surface_destroy(f->frame);
  g_free(f->begins);
  g_free(f->rgb);
  g_free(f);
}

gint64 kl_frames_count(const KlFrames *f) {
  return f->count;
}

void kl_frames_size(const KlFrames *f, int *width, int *height) {
  *width = f->width;
  *height = f->height;
}

/* Frame of a moving picture: forth and back, so that there is no jump. */
static int picture_frame(const KlFrames *f, const KlGroup *g, double time) {
  int most = 1;
  for (guint i = 0; i < g->shapes->len; i++) {
    const KlShape *s = g->shapes->pdata[i];
    if (s->kind == KL_SHAPE_IMAGE) most = MAX(most, s->pixels->frames);
  }
  if (most == 1) return 0;
  int at = (int)(time * f->picture_fps) % (2 * most - 2);
  return at < most ? at : 2 * most - 2 - at;
}

static void paint_at(const KlFrames *f, cairo_t *c, guint i, double time) {
  const KlGroup *g = f->scene->groups->pdata[i];
  double done = f->begins[i] < 0 ? 1 : CLAMP((time - f->begins[i]) / ENTER, 0, 1),
         eased = 1 - pow(1 - done, 3);
  if (done <= 0) return;
  cairo_save(c);
  cairo_scale(c, f->scale, f->scale);
  if (done < 1) {
    cairo_rectangle(c, g->box.x - g->box.w * 0.1 - 8, g->box.y - g->box.h * 0.1 - 8, g->box.w * 1.2 + 16,
                    g->box.h * 1.2 + 16 + MAX(f->scene->width, f->scene->height) * RISE);
    cairo_clip(c);
    cairo_push_group(c);
    cairo_translate(c, 0, (1 - eased) * RISE * MAX(f->scene->width, f->scene->height));
  }
  kl_paint_group(c, g, picture_frame(f, g, time));
  if (done < 1) {
    cairo_pop_group_to_source(c);
    cairo_paint_with_alpha(c, eased);
  }
  cairo_restore(c);
}

static void copy(cairo_surface_t *from, cairo_surface_t *to) {
  cairo_surface_flush(from);
  memcpy(cairo_image_surface_get_data(to), cairo_image_surface_get_data(from),
         (gsize)cairo_image_surface_get_stride(from) * (gsize)cairo_image_surface_get_height(from));
  cairo_surface_mark_dirty(to);
}

const guint8 *kl_frames_draw(KlFrames *f, gint64 index) {
  double time = (double)index / f->fps;
  guint n = f->scene->groups->len;
  if (index < f->last) { /* back in time: what is baked may not be there yet */
    cairo_surface_destroy(f->base);
    f->base = blank(f);
    f->baked = 0;
  }
  cairo_t *base = cairo_create(f->base);
  while (f->baked < n && !moves(f->scene->groups->pdata[f->baked]) &&
         (f->begins[f->baked] < 0 || time >= f->begins[f->baked] + ENTER))
    paint_at(f, base, f->baked++, time);
  cairo_destroy(base);
  copy(f->base, f->frame);
  cairo_t *c = cairo_create(f->frame);
  for (guint i = f->baked; i < n; i++) paint_at(f, c, i, time);
  cairo_destroy(c);
  kl_paint_to_rgb(f->frame, f->rgb);
  f->last = index;
  return f->rgb;
}
