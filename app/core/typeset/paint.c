#include "app/core/typeset/paint.h"

#include <librsvg/rsvg.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

static void set_colour(cairo_t *c, guint32 rgb, double alpha) {
  cairo_set_source_rgba(c, ((rgb >> 16) & 255) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0,
                        alpha);
}

static void trace(cairo_t *c, const KlShape *s) {
  cairo_new_path(c);
  for (guint i = 0; i < s->path->len; i++) {
    const KlPathStep *p = &g_array_index(s->path, KlPathStep, i);
    switch (p->op) {
    case KL_PATH_MOVE:
      cairo_move_to(c, p->x[0], p->x[1]);
      break;
    case KL_PATH_LINE:
      cairo_line_to(c, p->x[0], p->x[1]);
      break;
    case KL_PATH_CURVE:
      cairo_curve_to(c, p->x[0], p->x[1], p->x[2], p->x[3], p->x[4], p->x[5]);
      break;
    case KL_PATH_CLOSE:
      cairo_close_path(c);
      break;
    }
  }
}

static void paint_path(cairo_t *c, const KlShape *s) {
  trace(c, s);
  if (s->alpha > 0) {
    set_colour(c, s->fill, s->alpha);
    cairo_fill_preserve(c);
  }
  if (s->width > 0) {
    set_colour(c, s->stroke, 1);
    cairo_set_line_width(c, s->width);
    cairo_set_line_cap(c, s->dash > 0 ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(c, &s->dash, s->dash > 0, 0);
    cairo_stroke_preserve(c);
  }
  cairo_new_path(c);
}

void kl_paint_line(cairo_t *c, const KlShape *s, size_t line) {
  KlTextLine l = kl_text_line(s->text, line);
  set_colour(c, s->fill, s->alpha);
  cairo_move_to(c, s->box.x + l.x, s->box.y + l.baseline);
  pango_cairo_show_layout_line(c, kl_text_pango_line(s->text, line));
  cairo_new_path(c);
}

static void paint_text(cairo_t *c, const KlShape *s) {
  for (size_t i = 0; i < kl_text_lines(s->text); i++) kl_paint_line(c, s, i);
}

/* The cropped part of one frame as a Cairo picture. */
static cairo_surface_t *frame_surface(const KlShape *s, int frame) {
  const KlPixels *p = s->pixels;
  int x0 = CLAMP((int)floor(s->crop.x), 0, p->width - 1), y0 = CLAMP((int)floor(s->crop.y), 0, p->height - 1);
  int w = CLAMP((int)lrint(s->crop.w), 1, p->width - x0), h = CLAMP((int)lrint(s->crop.h), 1, p->height - y0);
  cairo_surface_t *out = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
  guint8 *to = cairo_image_surface_get_data(out);
  int stride = cairo_image_surface_get_stride(out);
  const guint8 *from =
      p->rgb + (gsize)CLAMP(frame, 0, p->frames - 1) * (gsize)p->width * (gsize)p->height * 3;
  if (!to) return out;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      const guint8 *q = from + ((gsize)(y0 + y) * (gsize)p->width + (gsize)(x0 + x)) * 3;
      guint32 v = ((guint32)q[0] << 16) | ((guint32)q[1] << 8) | q[2];
      memcpy(to + (gsize)y * (gsize)stride + (gsize)x * 4, &v, 4);
    }
  cairo_surface_mark_dirty(out);
  return out;
}

static void paint_image(cairo_t *c, const KlShape *s, int frame) {
  cairo_surface_t *picture = frame_surface(s, frame);
  int w = cairo_image_surface_get_width(picture), h = cairo_image_surface_get_height(picture);
  cairo_save(c);
  trace(c, s);
  cairo_clip(c);
  cairo_translate(c, s->box.x, s->box.y);
  cairo_scale(c, s->box.w / MAX(w, 1), s->box.h / MAX(h, 1));
  cairo_set_source_surface(c, picture, 0, 0);
  cairo_pattern_set_extend(cairo_get_source(c), CAIRO_EXTEND_PAD);
  cairo_pattern_set_filter(cairo_get_source(c), CAIRO_FILTER_GOOD);
  cairo_paint(c);
  cairo_restore(c);
  cairo_surface_destroy(picture);
}

static void paint_icon(cairo_t *c, const KlShape *s) {
  g_autofree char *style = g_strdup_printf("svg { color: #%06x; }", (unsigned)s->fill);
  RsvgHandle *handle = rsvg_handle_new_from_data((const guint8 *)s->svg, strlen(s->svg), NULL);
  RsvgRectangle at = {s->box.x, s->box.y, s->box.w, s->box.h};
  if (!handle) return;
  rsvg_handle_set_stylesheet(handle, (const guint8 *)style, strlen(style), NULL);
  rsvg_handle_render_document(handle, c, &at, NULL);
  g_object_unref(handle);
}

void kl_paint_shape(cairo_t *c, const KlShape *s, int frame) {
  switch (s->kind) {
  case KL_SHAPE_PATH:
    paint_path(c, s);
    break;
  case KL_SHAPE_TEXT:
    paint_text(c, s);
    break;
  case KL_SHAPE_IMAGE:
    paint_image(c, s, frame);
    break;
  case KL_SHAPE_ICON:
    paint_icon(c, s);
    break;
  }
}

void kl_paint_group(cairo_t *c, const KlGroup *g, int frame) {
  for (guint i = 0; i < g->shapes->len; i++) kl_paint_shape(c, g->shapes->pdata[i], frame);
}

void kl_paint_scene(cairo_t *c, const KlScene *s, double scale, int frame) {
  cairo_save(c);
  cairo_scale(c, scale, scale);
  for (guint i = 0; i < s->groups->len; i++) kl_paint_group(c, s->groups->pdata[i], frame);
  cairo_restore(c);
}

void kl_paint_to_rgb(cairo_surface_t *s, guint8 *rgb) {
  int w = cairo_image_surface_get_width(s), h = cairo_image_surface_get_height(s);
  int stride = cairo_image_surface_get_stride(s);
  bool alpha = cairo_image_surface_get_format(s) == CAIRO_FORMAT_ARGB32;
  cairo_surface_flush(s);
  const guint8 *data = cairo_image_surface_get_data(s);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      guint32 v;
      memcpy(&v, data + (gsize)y * (gsize)stride + (gsize)x * 4, 4);
      guint8 under = alpha ? (guint8)(255 - (v >> 24)) : 0;
      *rgb++ = (guint8)(((v >> 16) & 255) + under);
      *rgb++ = (guint8)(((v >> 8) & 255) + under);
      *rgb++ = (guint8)((v & 255) + under);
    }
}
