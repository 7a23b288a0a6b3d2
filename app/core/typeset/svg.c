#include "app/core/typeset/svg.h"

#include "app/core/typeset/faces.h"
#include "app/core/typeset/metadata.h"

#include "media/png.h"

#include <math.h>
#include <pango/pango.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  GString *out;
  KlFaces *faces;
  int clips;
  GError **error;
} Svg;

static void text_to(GString *out, const char *text, gsize n) {
  g_autofree char *e = g_markup_escape_text(text, (gssize)n);
  g_string_append(out, e);
}

static void attribute(GString *out, const char *name, const char *text) {
  g_autofree char *e = g_markup_escape_text(text, -1);
  g_string_append_printf(out, " %s=\"%s\"", name, e);
}

/* A number without needless digits, whatever the locale. */
static const char *num(double v) {
  static char buffers[8][32];
  static int next;
  char *b = buffers[next++ & 7];
  g_ascii_formatd(b, 32, "%.2f", fabs(v) < 0.005 ? 0 : v);
  char *end = b + strlen(b);
  while (end[-1] == '0') *--end = 0;
  if (end[-1] == '.') *--end = 0;
  return b;
}

/* ---- paths ---- */

static void path_data(GString *out, const KlShape *s) {
  g_string_append(out, " d=\"");
  for (guint i = 0; i < s->path->len; i++) {
    const KlPathStep *p = &g_array_index(s->path, KlPathStep, i);
    switch (p->op) {
    case KL_PATH_MOVE:
      g_string_append_printf(out, "M%s %s", num(p->x[0]), num(p->x[1]));
      break;
    case KL_PATH_LINE:
      g_string_append_printf(out, "L%s %s", num(p->x[0]), num(p->x[1]));
      break;
    case KL_PATH_CURVE:
      g_string_append_printf(out, "C%s %s %s %s %s %s", num(p->x[0]), num(p->x[1]), num(p->x[2]),
                             num(p->x[3]), num(p->x[4]), num(p->x[5]));
      break;
    case KL_PATH_CLOSE:
      g_string_append_c(out, 'Z');
      break;
    }
  }
  g_string_append_c(out, '"');
}

static void path_to(Svg *w, const KlShape *s) {
  g_string_append(w->out, "<path");
  path_data(w->out, s);
  if (s->alpha > 0)
    g_string_append_printf(w->out, " fill=\"#%06x\"", (unsigned)s->fill);
  else
    g_string_append(w->out, " fill=\"none\"");
  if (s->alpha > 0 && s->alpha < 1) g_string_append_printf(w->out, " fill-opacity=\"%s\"", num(s->alpha));
  if (s->width > 0)
    g_string_append_printf(
        w->out, " stroke=\"#%06x\" stroke-width=\"%s\" stroke-linecap=\"round\" stroke-linejoin=\"round\"",
        (unsigned)s->stroke, num(s->width));
  g_string_append(w->out, "/>\n");
}

/* ---- text ---- */

/* The characters of one run: soft hyphens are gone, but for one at the end of the line, where it shows. */
static void run_text(GString *out, const char *text, gsize n, bool ends_line) {
  static const char soft[] = "\u00ad";
  GString *s = g_string_new(NULL);
  for (gsize i = 0; i < n;) {
    if (n - i >= 2 && !memcmp(text + i, soft, 2)) {
      if (ends_line && i + 2 == n) g_string_append_c(s, '-');
      i += 2;
    } else {
      g_string_append_c(s, text[i++]);
    }
  }
  if (ends_line)
    while (s->len && s->str[s->len - 1] == ' ') g_string_truncate(s, s->len - 1);
  text_to(out, s->str, s->len);
  g_string_free(s, TRUE);
}

static int by_offset(const void *a, const void *b) {
  const PangoItem *x = (*(PangoGlyphItem *const *)a)->item, *y = (*(PangoGlyphItem *const *)b)->item;
  return x->offset - y->offset;
}

static void font_to(Svg *w, PangoFont *font, const char *text, gsize n) {
  int face = kl_faces_use(w->faces, font, text, n);
  PangoFontDescription *d = pango_font_describe(font);
  g_autofree char *family =
      g_strdup_printf("k%d, '%s', sans-serif", face, pango_font_description_get_family(d));
  attribute(w->out, "font-family", family);
  g_string_append_printf(w->out, " font-weight=\"%d\"", (int)pango_font_description_get_weight(d));
  if (pango_font_description_get_style(d) != PANGO_STYLE_NORMAL)
    g_string_append(w->out, " font-style=\"italic\"");
  pango_font_description_free(d);
}

/* One line is one text element; its runs stand in it in reading order and the viewer turns them, as Pango
 * did. */
static void line_to(Svg *w, const KlShape *s, size_t index) {
  KlTextLine l = kl_text_line(s->text, index);
  PangoLayoutLine *line = kl_text_pango_line(s->text, index);
  const char *string = kl_text_string(s->text);
  PangoRectangle logical;
  GPtrArray *runs = g_ptr_array_new();
  for (GSList *i = line->runs; i; i = i->next) g_ptr_array_add(runs, i->data);
  qsort(runs->pdata, runs->len, sizeof *runs->pdata, by_offset);
  pango_layout_line_get_extents(line, NULL, &logical);
  double x = s->box.x + l.x + (l.rtl ? (double)(logical.x + logical.width) / PANGO_SCALE : 0);
  g_string_append_printf(w->out,
                         "<text xml:space=\"preserve\" x=\"%s\" y=\"%s\" font-size=\"%s\" fill=\"#%06x\"%s",
                         num(x), num(s->box.y + l.baseline), num(kl_text_size(s->text)), (unsigned)s->fill,
                         l.rtl ? " direction=\"rtl\"" : "");
  if (fabs(kl_text_tracking(s->text)) > 1e-6)
    g_string_append_printf(w->out, " letter-spacing=\"%s\"", num(kl_text_tracking(s->text)));
  g_string_append_c(w->out, '>');
  for (guint i = 0; i < runs->len;) {
    const PangoItem *item = ((PangoGlyphItem *)runs->pdata[i])->item;
    gsize from = (gsize)item->offset, to = from;
    PangoFont *font = item->analysis.font;
    for (; i < runs->len && ((PangoGlyphItem *)runs->pdata[i])->item->analysis.font == font; i++)
      to = (gsize)(((PangoGlyphItem *)runs->pdata[i])->item->offset +
                   ((PangoGlyphItem *)runs->pdata[i])->item->length);
    g_string_append(w->out, "<tspan");
    font_to(w, font, string + from, to - from);
    g_string_append_c(w->out, '>');
    run_text(w->out, string + from, to - from, i == runs->len);
    g_string_append(w->out, "</tspan>");
  }
  g_string_append(w->out, "</text>\n");
  g_ptr_array_unref(runs);
}

static void words_to(Svg *w, const KlShape *s) {
  bool heading = s->role && (!strcmp(s->role, "H1") || !strcmp(s->role, "H2"));
  bool entry = s->role && !strcmp(s->role, "LI");
  if (heading)
    g_string_append_printf(w->out, "<g role=\"heading\" aria-level=\"%c\">\n", s->role[1]);
  else
    g_string_append(w->out, entry ? "<g role=\"listitem\">\n" : "<g>\n");
  for (size_t i = 0; i < kl_text_lines(s->text); i++) line_to(w, s, i);
  g_string_append(w->out, "</g>\n");
}

/* ---- pictures and icons ---- */

static bool to_array(void *user, const void *data, size_t n, KlErr *err) {
  g_byte_array_append(user, data, (guint)n);
  return true;
}

static bool image_to(Svg *w, const KlShape *s) {
  const KlPixels *p = s->pixels;
  int x0 = CLAMP((int)floor(s->crop.x), 0, p->width - 1), y0 = CLAMP((int)floor(s->crop.y), 0, p->height - 1);
  int cw = CLAMP((int)lrint(s->crop.w), 1, p->width - x0),
      ch = CLAMP((int)lrint(s->crop.h), 1, p->height - y0);
  g_autofree guint8 *rgb = g_malloc((gsize)cw * (gsize)ch * 3);
  g_autoptr(GByteArray) png = g_byte_array_new();
  KlErr err = KL_ERR_INIT;
  for (int y = 0; y < ch; y++)
    memcpy(rgb + (gsize)y * (gsize)cw * 3, p->rgb + ((gsize)(y0 + y) * (gsize)p->width + (gsize)x0) * 3,
           (gsize)cw * 3);
  if (!kl_png_write((KlSink){to_array, png}, rgb, cw, ch, 3, NULL, &err)) return kl_gerr(w->error, &err);
  g_autofree char *base64 = g_base64_encode(png->data, png->len);
  g_string_append_printf(w->out, "<clipPath id=\"c%d\"><path", w->clips);
  path_data(w->out, s);
  g_string_append_printf(
      w->out,
      "/></clipPath>\n<image clip-path=\"url(#c%d)\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" "
      "preserveAspectRatio=\"none\" href=\"data:image/png;base64,%s\"/>\n",
      w->clips++, num(s->box.x), num(s->box.y), num(s->box.w), num(s->box.h), base64);
  return true;
}

static void icon_to(Svg *w, const KlShape *s) {
  const char *svg = strstr(s->svg, "<svg"), *width = svg ? strstr(svg, " width=\"") : NULL;
  double own = width ? g_ascii_strtod(width + 8, NULL) : 24;
  if (!svg) return;
  g_string_append_printf(w->out, "<g transform=\"translate(%s %s) scale(%s)\" color=\"#%06x\">\n%s</g>\n",
                         num(s->box.x), num(s->box.y), num(s->box.w / MAX(own, 1)), (unsigned)s->fill, svg);
}

/* ---- the document ---- */

static bool group_to(Svg *w, const KlGroup *g) {
  bool picture = g->type == KL_EL_PICTURE || g->type == KL_EL_CHART || g->type == KL_EL_ICON;
  bool decoration =
      g->type == KL_EL_PANEL || g->type == KL_EL_BACKGROUND || (g->type == KL_EL_ICON && !g->alt);
  g_string_append(w->out, "<g");
  attribute(w->out, "id", g->id);
  if (decoration)
    g_string_append(w->out, " aria-hidden=\"true\"");
  else if (g->alt)
    attribute(w->out, "aria-label", g->alt);
  if (!decoration)
    g_string_append_printf(w->out, " role=\"%s\"",
                           picture                 ? "img"
                           : g->type == KL_EL_LIST ? "list"
                                                   : "group");
  g_string_append(w->out, ">\n");
  if (g->alt && !decoration) {
    g_string_append(w->out, "<title>");
    text_to(w->out, g->alt, strlen(g->alt));
    g_string_append(w->out, "</title>\n");
  }
  for (guint i = 0; i < g->shapes->len; i++) {
    const KlShape *s = g->shapes->pdata[i];
    switch (s->kind) {
    case KL_SHAPE_PATH:
      path_to(w, s);
      break;
    case KL_SHAPE_TEXT:
      words_to(w, s);
      break;
    case KL_SHAPE_ICON:
      icon_to(w, s);
      break;
    case KL_SHAPE_IMAGE:
      if (!image_to(w, s)) return false;
      break;
    }
  }
  g_string_append(w->out, "</g>\n");
  return true;
}

char *kl_svg_write(const KlScene *s, double scale, const KlMediaTags *tags, GError **error) {
  Svg w = {.out = g_string_new(NULL), .faces = kl_faces_new(), .error = error};
  const char *title = s->title ? s->title : "", *desc = s->description ? s->description : "";
  GString *head =
      g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"");
  bool ok = true;
  g_string_append_printf(head, " width=\"%s\" height=\"%s\" viewBox=\"0 0 %d %d\"", num(s->width * scale),
                         num(s->height * scale), s->width, s->height);
  if (s->language) attribute(head, "xml:lang", s->language);
  g_string_append(head, " role=\"graphics-document\" aria-labelledby=\"title desc\">\n<title id=\"title\">");
  text_to(head, title, strlen(title));
  g_string_append(head, "</title>\n<desc id=\"desc\">");
  text_to(head, desc, strlen(desc));
  g_string_append(head, "</desc>\n");
  if (tags) {
    g_autofree char *xmp = kl_document_xmp(tags, false);
    g_string_append_printf(head, "<metadata>\n%s</metadata>\n", xmp);
  }
  for (guint i = 0; ok && i < s->groups->len; i++) ok = group_to(&w, s->groups->pdata[i]);
  g_autofree char *css = kl_faces_css(w.faces);
  g_string_append_printf(head, "<style>\n%s</style>\n", css);
  g_string_append_len(head, w.out->str, (gssize)w.out->len);
  g_string_append(head, "</svg>\n");
  g_string_free(w.out, TRUE);
  kl_faces_free(w.faces);
  return g_string_free(head, !ok);
}
