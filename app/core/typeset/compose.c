#include "app/core/typeset/compose.h"

#include "app/core/typeset/block.h"
#include "app/core/typeset/chart.h"
#include "app/core/typeset/colour.h"
#include "app/core/typeset/contrast.h"
#include "app/core/typeset/icons.h"
#include "app/core/typeset/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 0.7 /* of the least size, where a hand-made layout leaves no other way */
#define LOST 0.55    /* share of a picture that may be cut off before it is shown whole instead */

typedef struct {
  const KlBrief *brief;
  const KlLayout *layout;
  GHashTable *pictures;
  GPtrArray *notes;
  KlFonts *fonts;
  KlScene *scene;
} Compose;

static guint32 colour(const Compose *c, KlColour role, KlColour instead) {
  return c->brief->palette.rgb[role == KL_COLOUR_NONE ? instead : role];
}

static KlBox inner(const KlElement *e) {
  double pad = e->fill != KL_COLOUR_NONE ? MIN(e->pad, MIN(e->box.w, e->box.h) / 3) : 0;
  return (KlBox){e->box.x + pad, e->box.y + pad, e->box.w - 2 * pad, e->box.h - 2 * pad};
}

/* The colour that an element stands on: of its own fill, or of the topmost filled one under its middle. */
static guint32 ground_of(const Compose *c, const KlElement *e) {
  double x = e->box.x + e->box.w / 2, y = e->box.y + e->box.h / 2;
  guint32 ground = c->brief->palette.rgb[KL_COLOUR_BACKGROUND];
  int z = G_MININT;
  if (e->fill != KL_COLOUR_NONE) return c->brief->palette.rgb[e->fill];
  for (guint i = 0; i < c->layout->elements->len; i++) {
    const KlElement *o = c->layout->elements->pdata[i];
    if (o == e || o->fill == KL_COLOUR_NONE || o->z > e->z || o->z < z) continue;
    if (x < o->box.x || y < o->box.y || x > o->box.x + o->box.w || y > o->box.y + o->box.h) continue;
    ground = c->brief->palette.rgb[o->fill];
    z = o->z;
  }
  return ground;
}

static double shift(KlAlign a, double room) {
  return a == KL_ALIGN_CENTRE ? room / 2 : a == KL_ALIGN_END ? room : 0;
}

/* ---- one of each ---- */

static bool words(Compose *c, const KlElement *e, const KlBriefItem *item, KlGroup *g, GError **error) {
  KlBox in = inner(e);
  guint32 ground = ground_of(c, e), text = c->brief->palette.rgb[KL_COLOUR_TEXT];
  double least = kl_layout_least_px(c->brief, e->type), needed = 0,
         wanted = e->text_px > 0 ? e->text_px : least;
  KlBlock b = {.fonts = c->fonts,
               .item = item,
               .align = e->align,
               .width = in.w,
               .px = wanted,
               .least = kl_layout_least_px(c->brief, KL_EL_BODY)};
  if (kl_rgb_contrast(text, ground) < KL_CONTRAST_LEAST) text = c->brief->palette.rgb[KL_COLOUR_BACKGROUND];
  if (!kl_block_fit(&b, MIN(least, wanted) * SMALLEST, in.h, &needed))
    return kl_gfail(
        error, KL_ERROR_INPUT,
        "the words of \"%s\" do not fit their box of %.0fx%.0f pixels: at %.0f, the smallest that can be "
        "read, they need %.0f in height",
        e->id, in.w, in.h, b.px, needed);
  if (b.px < least * 0.98 && c->notes)
    g_ptr_array_add(c->notes, g_strdup_printf("\"%s\" is set at %.0f pixels, which is small on this canvas",
                                              e->id, b.px));
  KlInks inks = {.ink = colour(c, e->ink, KL_COLOUR_TEXT),
                 .text = text,
                 .muted = c->brief->palette.rgb[KL_COLOUR_MUTED],
                 .accent = c->brief->palette.rgb[KL_COLOUR_ACCENT]};
  if (kl_rgb_contrast(inks.accent, ground) < 2) inks.accent = inks.ink;
  double room = in.h - kl_block_size(&b, false).height;
  kl_block_draw(&b, g, in.x, in.y + shift(e->valign, MAX(room, 0)), &inks);
  return true;
}

static bool chart(Compose *c, const KlElement *e, const KlBriefItem *item, KlGroup *g, GError **error) {
  double least = kl_layout_least_px(c->brief, KL_EL_BODY), px = e->text_px > 0 ? e->text_px : least;
  KlChartInks inks = kl_chart_inks(&c->brief->palette, ground_of(c, e));
  g->alt = item->alt ? g_strdup(item->alt) : kl_chart_alt(item->chart, kl_fonts_language(c->fonts));
  return kl_chart_draw(c->fonts, item->chart, &inks, item->rtl, inner(e), px, MIN(least, px) * SMALLEST, g,
                       e->id, error);
}

static bool icon(Compose *c, const KlElement *e, const KlBriefItem *item, KlGroup *g, GError **error) {
  const char *near, *svg = kl_icon_svg(item->text, &near);
  KlBox in = inner(e);
  if (!svg)
    return kl_gfail(error, KL_ERROR_INPUT, "there is no icon \"%.60s\"%s%s%s", item->text,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  double side = MIN(in.w, in.h), ground = kl_rgb_luminance(ground_of(c, e));
  guint32 ink = colour(c, e->ink, KL_COLOUR_ACCENT);
  kl_rgb_readable(ink, ground, ground, 3, &ink);
  bool end = c->brief->direction == KL_DIR_RTL ? e->align == KL_ALIGN_START : e->align == KL_ALIGN_END;
  double x = e->align == KL_ALIGN_CENTRE ? (in.w - side) / 2 : end ? in.w - side : 0;
  kl_scene_icon(g, (KlBox){in.x + x, in.y + shift(e->valign, in.h - side), side, side}, svg, ink);
  g->alt = g_strdup(item->alt);
  return true;
}

/* The picture in its box: cut to it, or whole on its own border's colour where too much would be lost. */
static void image(KlGroup *g, KlBox box, double radius, const KlPixels *p, bool given) {
  KlBox crop = kl_picture_crop(p, box.w, box.h);
  double kept = crop.w * crop.h / ((double)p->width * p->height);
  if (!given || kept >= 1 - LOST) {
    kl_scene_image(g, box, radius, p, crop);
    return;
  }
  double k = MIN(box.w / p->width, box.h / p->height), w = p->width * k, h = p->height * k;
  guint32 border = ((guint32)p->rgb[0] << 16) | ((guint32)p->rgb[1] << 8) | p->rgb[2];
  kl_scene_rect(g, box, radius, border, 1);
  kl_scene_image(g, (KlBox){box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h}, 0, p,
                 (KlBox){0, 0, p->width, p->height});
}

static bool picture(Compose *c, const KlElement *e, const KlBriefItem *item, KlGroup *g, GError **error) {
  KlBox box = inner(e);
  const KlPixels *p = c->pictures ? g_hash_table_lookup(c->pictures, e->id) : NULL;
  if (item->label && *item->label && e->type == KL_EL_PICTURE) {
    double px = kl_layout_least_px(c->brief, KL_EL_BODY) * 0.95;
    KlTextStyle s = kl_fonts_style(c->fonts, KL_VOICE_LABEL, item->label, px);
    s.size_min = px * SMALLEST;
    s.direction = item->rtl ? KL_DIRECTION_RTL : KL_DIRECTION_LTR;
    s.align = e->align == KL_ALIGN_CENTRE ? KL_TEXT_CENTRE
              : e->align == KL_ALIGN_END  ? KL_TEXT_END
                                          : KL_TEXT_START;
    KlText *t = kl_text_fit(&s, item->label, box.w, box.h * 0.4, NULL);
    if (!t) return kl_gfail(error, KL_ERROR_INPUT, "the caption of \"%s\" does not fit under it", e->id);
    double h = kl_text_box_height(t), gap = 0.55 * px;
    kl_scene_text(g, t, box.x, box.y + box.h - h, box.w, c->brief->palette.rgb[KL_COLOUR_MUTED]);
    box.h -= h + gap;
  }
  if (p)
    image(g, box, e->radius, p, item->image && !*(item->text ? item->text : ""));
  else
    kl_scene_rect(g, box, e->radius,
                  kl_rgb_mix(ground_of(c, e), c->brief->palette.rgb[KL_COLOUR_MUTED], 0.25), 1);
  g->alt = g_strdup(item->alt ? item->alt : item->label && *item->label ? item->label : item->text);
  return true;
}

static bool element(Compose *c, const KlElement *e, int order, GError **error) {
  const KlBriefItem *item = e->item ? kl_brief_item(c->brief, e->item) : NULL;
  KlGroup *g = kl_scene_group(c->scene, e->id, e->type, order, e->box);
  bool ground = e->type == KL_EL_BACKGROUND;
  KlBox box = ground ? (KlBox){0, 0, c->layout->width, c->layout->height} : e->box;
  if (ground || e->fill != KL_COLOUR_NONE)
    kl_scene_rect(g, box, ground ? 0 : e->radius, colour(c, e->fill, KL_COLOUR_BACKGROUND), 1);
  if (!item) return true;
  if (kl_element_is_text(e->type)) return words(c, e, item, g, error);
  if (e->type == KL_EL_CHART) return chart(c, e, item, g, error);
  if (e->type == KL_EL_ICON) return icon(c, e, item, g, error);
  return picture(c, e, item, g, error);
}

/* ---- all ---- */

typedef struct {
  const KlElement *e;
  int order;
} Ordered;

static int by_z(const void *a, const void *b) {
  const Ordered *x = a, *y = b;
  return x->e->z != y->e->z ? (x->e->z < y->e->z ? -1 : 1) : x->order - y->order;
}

static char *words_of(const KlBrief *b, KlElementType type) {
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *it = b->items->pdata[i];
    if (it->type == type && it->text && *it->text) return g_strdup(it->text);
  }
  return NULL;
}

KlScene *kl_compose(const KlBrief *b, const KlLayout *l, GHashTable *pictures, GPtrArray *notes,
                    GError **error) {
  Compose c = {.brief = b, .layout = l, .pictures = pictures, .notes = notes};
  guint n = l->elements->len;
  g_autofree Ordered *order = g_new(Ordered, n + 1);
  bool ok = true;
  c.scene = kl_scene_new(l->width, l->height);
  c.fonts = kl_fonts_new(b, notes);
  c.scene->title = words_of(b, KL_EL_TITLE);
  c.scene->description = words_of(b, KL_EL_SUBTITLE);
  c.scene->language = g_strdup(kl_fonts_language(c.fonts));
  c.scene->rtl = b->direction == KL_DIR_RTL;
  for (guint i = 0; i < n; i++) order[i] = (Ordered){l->elements->pdata[i], (int)i};
  qsort(order, n, sizeof *order, by_z);
  KlBox all = {0, 0, l->width, l->height};
  if (!n || order[0].e->type != KL_EL_BACKGROUND) {
    KlGroup *g = kl_scene_group(c.scene, "background", KL_EL_BACKGROUND, -1, all);
    kl_scene_rect(g, all, 0, b->palette.rgb[KL_COLOUR_BACKGROUND], 1);
  }
  for (guint i = 0; ok && i < n; i++) ok = element(&c, order[i].e, order[i].order, error);
  kl_fonts_free(c.fonts);
  if (ok) {
    kl_contrast_ensure(c.scene, &b->palette);
    return c.scene;
  }
  kl_scene_free(c.scene);
  return NULL;
}
