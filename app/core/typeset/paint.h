/* A scene on Cairo. */
#pragma once

#include "app/core/typeset/scene.h"

#include <cairo.h>

/* One shape; frame: of moving pictures, counted from 0 (they stay at their last). */
void kl_paint_shape(cairo_t *c, const KlShape *s, int frame);
/* One line of a text. */
void kl_paint_line(cairo_t *c, const KlShape *s, size_t line);
void kl_paint_group(cairo_t *c, const KlGroup *g, int frame);
/* All of it, `scale` pixels a canvas pixel. */
void kl_paint_scene(cairo_t *c, const KlScene *s, double scale, int frame);
/* [height, width, 3] of a Cairo RGB24 or ARGB32 picture over white; rgb has room for it. */
void kl_paint_to_rgb(cairo_surface_t *s, guint8 *rgb);
