#include "app/core/typeset/contrast.h"

#include "app/core/typeset/colour.h"
#include "app/core/typeset/paint.h"

#include <math.h>
#include <pango/pango.h>
#include <string.h>

#define PROBE 1600 /* pixels of the longer side at most */
#define GENTLE 7   /* of 20 steps towards black or white, before the palette is asked */

typedef struct {
  KlScene *scene;
  const KlPalette *palette;
  cairo_surface_t *surface;
  cairo_t *cairo;
  double scale, least;
  GArray *moving; /* KlBox: pictures of more than one frame */
} Probe;

typedef struct {
  double low, high; /* luminances behind a text */
} Behind;

static bool meets(KlBox a, KlBox b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static void look(const Probe *p, KlBox box, Behind *b) {
  int w = cairo_image_surface_get_width(p->surface), h = cairo_image_surface_get_height(p->surface);
  int x0 = CLAMP((int)floor(box.x * p->scale), 0, w - 1),
      x1 = CLAMP((int)ceil((box.x + box.w) * p->scale), x0 + 1, w);
  int y0 = CLAMP((int)floor(box.y * p->scale), 0, h - 1),
      y1 = CLAMP((int)ceil((box.y + box.h) * p->scale), y0 + 1, h);
  const guint8 *data = cairo_image_surface_get_data(p->surface);
  int stride = cairo_image_surface_get_stride(p->surface);
  guint32 last = 1u << 31; /* no colour */
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      guint32 v;
      memcpy(&v, data + (gsize)y * (gsize)stride + (gsize)x * 4, 4);
      if ((v & 0xFFFFFF) == last) continue;
      last = v & 0xFFFFFF;
      double l = kl_rgb_luminance(last);
      b->low = MIN(b->low, l);
      b->high = MAX(b->high, l);
    }
}

static Behind behind(const Probe *p, const KlShape *s) {
  Behind b = {1, 0};
  double em = kl_text_size(s->text);
  cairo_surface_flush(p->surface);
  for (size_t i = 0; i < kl_text_lines(s->text); i++) {
    KlTextLine l = kl_text_line(s->text, i);
    PangoRectangle ink;
    pango_layout_line_get_extents(kl_text_pango_line(s->text, i), &ink, NULL);
    look(
        p,
        (KlBox){s->box.x + l.x + (double)ink.x / PANGO_SCALE, s->box.y + l.baseline - 0.76 * em, l.width, em},
        &b);
  }
  return b;
}

static double contrast(guint32 rgb, Behind b) {
  double l = kl_rgb_luminance(rgb);
  if (b.high < b.low) return 21; /* no ink */
  if (l >= b.low && l <= b.high) return 1;
  return MIN(kl_luminance_contrast(l, b.low), kl_luminance_contrast(l, b.high));
}

/* A colour near the wanted one that can be read there. */
static bool choose(const Probe *p, guint32 wanted, Behind b, guint32 *out) {
  static const KlColour roles[] = {KL_COLOUR_TEXT, KL_COLOUR_BACKGROUND, KL_COLOUR_PANEL};
  *out = wanted;
  if (contrast(wanted, b) >= KL_CONTRAST_LEAST) return true;
  for (int i = 1; i <= GENTLE; i++)
    for (int white = 0; white < 2; white++) {
      *out = kl_rgb_mix(wanted, white ? 0xFFFFFF : 0, i / 20.0);
      if (contrast(*out, b) >= KL_CONTRAST_LEAST) return true;
    }
  for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
    *out = p->palette->rgb[roles[i]];
    if (contrast(*out, b) >= KL_CONTRAST_LEAST) return true;
  }
  return kl_rgb_readable(wanted, b.low, b.high, KL_CONTRAST_LEAST, out);
}

static bool over_motion(const Probe *p, KlBox box) {
  for (guint i = 0; i < p->moving->len; i++)
    if (meets(box, g_array_index(p->moving, KlBox, i))) return true;
  return false;
}

/* A panel behind the words from..., just opaque enough. */
static void put_panel(Probe *p, KlGroup *g, guint at, bool moving) {
  double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY, em = 0;
  for (guint i = at; i < g->shapes->len; i++) {
    const KlShape *s = g->shapes->pdata[i];
    if (s->kind == KL_SHAPE_IMAGE) continue;
    for (size_t k = 0; s->kind == KL_SHAPE_TEXT && k < kl_text_lines(s->text); k++) {
      KlTextLine l = kl_text_line(s->text, k);
      PangoRectangle ink;
      pango_layout_line_get_extents(kl_text_pango_line(s->text, k), &ink, NULL);
      double left = s->box.x + l.x + (double)ink.x / PANGO_SCALE;
      x0 = MIN(x0, left);
      x1 = MAX(x1, left + l.width);
    }
    if (s->kind != KL_SHAPE_TEXT) x0 = MIN(x0, s->box.x), x1 = MAX(x1, s->box.x + s->box.w);
    y0 = MIN(y0, s->box.y);
    y1 = MAX(y1, s->box.y + s->box.h);
    if (s->kind == KL_SHAPE_TEXT) em = MAX(em, kl_text_size(s->text));
  }
  const KlShape *first = g->shapes->pdata[at];
  double pad = CLAMP(em * 0.45, 6, 40);
  x0 = MAX(x0 - pad, 0), y0 = MAX(y0 - pad, 0);
  x1 = MIN(x1 + pad, p->scene->width), y1 = MIN(y1 + pad, p->scene->height);
  guint32 ground = p->palette->rgb[KL_COLOUR_BACKGROUND];
  if (kl_rgb_contrast(ground, first->fill) < KL_CONTRAST_LEAST) {
    guint32 ink = p->palette->rgb[KL_COLOUR_TEXT];
    if (kl_rgb_contrast(ink, first->fill) >= KL_CONTRAST_LEAST) ground = ink;
  }
  KlShape *panel = kl_scene_rect(g, (KlBox){x0, y0, x1 - x0, y1 - y0}, pad * 0.7, ground, 1);
  g_ptr_array_steal_index(g->shapes, g->shapes->len - 1);
  g_ptr_array_insert(g->shapes, (int)at, panel);
  /* as much of the picture as can be is left to be seen */
  double low = kl_rgb_luminance(kl_rgb_mix(0, ground, 0.8)),
         high = kl_rgb_luminance(kl_rgb_mix(0xFFFFFF, ground, 0.8));
  guint32 ink = kl_rgb_luminance(ground) > 0.18 ? 0 : 0xFFFFFF;
  panel->alpha = moving || contrast(ink, (Behind){low, high}) < 7 ? 0.94 : 0.86;
}

static void one_group(Probe *p, KlGroup *g) {
  bool panel = false;
  for (guint i = 0; i < g->shapes->len; i++) {
    KlShape *s = g->shapes->pdata[i];
    if (s->kind == KL_SHAPE_TEXT && kl_text_lines(s->text)) {
      Behind b = behind(p, s);
      guint32 colour;
      bool moving = !panel && over_motion(p, s->box);
      if ((!choose(p, s->fill, b, &colour) || moving) && !panel) {
        put_panel(p, g, i, moving);
        panel = true;
        i--; /* the panel is painted next, then this text is looked at again */
        continue;
      }
      s->fill = colour;
      p->least = MIN(p->least, contrast(colour, b));
    }
    kl_paint_shape(p->cairo, s, 0);
    if (s->kind == KL_SHAPE_IMAGE && s->pixels->frames > 1) g_array_append_val(p->moving, s->box);
  }
}

double kl_contrast_ensure(KlScene *s, const KlPalette *palette) {
  double scale = MIN(1, (double)PROBE / MAX(s->width, s->height));
  Probe p = {.scene = s, .palette = palette, .scale = scale, .least = 21};
  p.surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, MAX(1, (int)ceil(s->width * scale)),
                                         MAX(1, (int)ceil(s->height * scale)));
  p.cairo = cairo_create(p.surface);
  p.moving = g_array_new(FALSE, FALSE, sizeof(KlBox));
  cairo_scale(p.cairo, scale, scale);
  cairo_set_source_rgb(p.cairo, 1, 1, 1);
  cairo_paint(p.cairo);
  for (guint i = 0; i < s->groups->len; i++) one_group(&p, s->groups->pdata[i]);
  g_array_unref(p.moving);
  cairo_destroy(p.cairo);
  cairo_surface_destroy(p.surface);
  return p.least;
}
