#include "app/core/typeset/pdf.h"

#include "app/core/typeset/metadata.h"
#include "app/core/typeset/paint.h"

#include <cairo-pdf.h>
#include <stdlib.h>
#include <string.h>

/* ---- Cairo's part ---- */

static cairo_status_t to_array(void *user, const unsigned char *data, unsigned n) {
  g_byte_array_append(user, data, n);
  return CAIRO_STATUS_SUCCESS;
}

static const char *figure_of(const KlGroup *g) {
  bool figure = g->type == KL_EL_CHART || g->type == KL_EL_PICTURE || (g->type == KL_EL_ICON && g->alt);
  return figure ? "Figure" : g->type == KL_EL_LIST ? "L" : NULL;
}

/* A paragraph; each line is marked by itself, or readers lose what is behind the first one's end. */
static void words(cairo_t *c, const KlShape *s, const char *role) {
  cairo_tag_begin(c, role, NULL);
  for (size_t i = 0; i < kl_text_lines(s->text); i++) {
    cairo_tag_begin(c, "Span", NULL);
    kl_paint_line(c, s, i);
    cairo_tag_end(c, "Span");
  }
  cairo_tag_end(c, role);
}

static void paint_tagged(cairo_t *c, const KlScene *s, GPtrArray *alts) {
  guint i = 0;
  /* what covers the page makes Cairo forget all before it, tags included: so it comes first, as decoration */
  for (; i < s->groups->len && ((KlGroup *)s->groups->pdata[i])->type == KL_EL_BACKGROUND; i++)
    kl_paint_group(c, s->groups->pdata[i], 0);
  cairo_tag_begin(c, "Document", NULL);
  for (; i < s->groups->len; i++) {
    const KlGroup *g = s->groups->pdata[i];
    const char *around = figure_of(g);
    if (around) cairo_tag_begin(c, around, NULL);
    if (around && *around == 'F') g_ptr_array_add(alts, g->alt ? g->alt : g->id);
    for (guint k = 0; k < g->shapes->len; k++) {
      const KlShape *shape = g->shapes->pdata[k];
      if (shape->kind == KL_SHAPE_TEXT && !(around && *around == 'F'))
        words(c, shape, shape->role ? shape->role : around ? "LI" : "P");
      else
        kl_paint_shape(c, shape, 0);
    }
    if (around) cairo_tag_end(c, around);
  }
  cairo_tag_end(c, "Document");
}

/* ---- what Cairo cannot say: an update at the end of the file, as the format provides ---- */

typedef struct {
  GByteArray *pdf;
  gsize xref;  /* of the first table */
  int objects; /* in it */
  int root, info;
  GArray *changed; /* Change */
} Update;

typedef struct {
  int number;
  gsize offset;
} Change;

static void append(Update *u, const char *text) {
  g_byte_array_append(u->pdf, (const guint8 *)text, (guint)strlen(text));
}

/* "(text)" of any text: UTF-16 in hexadecimal. */
static char *pdf_string(const char *text) {
  GString *s = g_string_new("<FEFF");
  for (const char *p = text; *p; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (c >= 0x10000)
      g_string_append_printf(s, "%04X%04X", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
    else
      g_string_append_printf(s, "%04X", c);
  }
  g_string_append_c(s, '>');
  return g_string_free(s, FALSE);
}

static int number_behind(const char *text, const char *key) {
  const char *p = strstr(text, key);
  return p ? (int)strtol(p + strlen(key), NULL, 10) : -1;
}

/* The bytes must be followed by a zero here and in object_of. */
static bool find_tables(Update *u) {
  const char *all = (const char *)u->pdf->data, *tail = all + u->pdf->len;
  while (tail > all && strncmp(tail, "startxref", 9)) tail--;
  u->xref = tail > all ? (gsize)strtoull(tail + 9, NULL, 10) : 0;
  bool ok = u->xref > 0 && u->xref < u->pdf->len && g_str_has_prefix(all + u->xref, "xref\n0 ");
  if (ok) {
    const char *trailer = strstr(all + u->xref, "trailer");
    u->objects = (int)strtol(all + u->xref + 7, NULL, 10);
    u->root = trailer ? number_behind(trailer, "/Root ") : -1;
    u->info = trailer ? number_behind(trailer, "/Info ") : -1;
    ok = u->root > 0 && u->info > 0;
  }
  return ok;
}

/* The object's text from behind "<<" to its "endobj"; NULL: not that kind. */
static char *object_of(const Update *u, int number, const char *kind) {
  const char *all = (const char *)u->pdf->data;
  const char *entry = strchr(all + u->xref + 7, '\n') + 1 + 20 * number;
  gsize at = (gsize)strtoull(entry, NULL, 10);
  g_autofree char *head = g_strdup_printf("%d 0 obj\n<< %s", number, kind);
  if (at + strlen(head) >= u->pdf->len || strncmp(all + at, head, strlen(head))) return NULL;
  const char *from = all + at + (strlen(head) - strlen(kind)), *to = strstr(from, "endobj");
  return to ? g_strndup(from, (gsize)(to - from)) : NULL;
}

static void begin_object(Update *u, int number) {
  Change c = {number, u->pdf->len};
  g_array_append_val(u->changed, c);
  g_autofree char *head = g_strdup_printf("%d 0 obj\n<< ", number);
  append(u, head);
}

static void finish(Update *u) {
  gsize table = u->pdf->len;
  append(u, "xref\n");
  for (guint i = 0; i < u->changed->len; i++) {
    const Change *c = &g_array_index(u->changed, Change, i);
    g_autofree char *line = g_strdup_printf("%d 1\n%010" G_GSIZE_FORMAT " 00000 n \n", c->number, c->offset);
    append(u, line);
  }
  g_autofree char *end =
      g_strdup_printf("trailer\n<< /Size %d\n   /Root %d 0 R\n   /Info %d 0 R\n   /Prev %" G_GSIZE_FORMAT
                      "\n>>\nstartxref\n%" G_GSIZE_FORMAT "\n%%%%EOF\n",
                      u->objects + 1, u->root, u->info, u->xref, table);
  append(u, end);
}

/* Figures get what they show, the catalogue its language and the metadata. */
static void enrich(GByteArray *pdf, const KlScene *s, GPtrArray *alts, const KlMediaTags *tags) {
  Update u = {.pdf = pdf, .changed = g_array_new(FALSE, FALSE, sizeof(Change))};
  GPtrArray *figures = g_ptr_array_new_with_free_func(g_free);
  g_autofree char *catalogue = NULL;
  g_autofree int *numbers = NULL;
  g_byte_array_append(pdf, (const guint8 *)"", 1); /* a zero, so that it can be searched */
  g_byte_array_set_size(pdf, pdf->len - 1);
  if (find_tables(&u)) catalogue = object_of(&u, u.root, "/Type /Catalog");
  if (catalogue) {
    numbers = g_new0(int, (gsize)u.objects);
    for (int i = 1; i < u.objects; i++) {
      char *o = object_of(&u, i, "/Type /StructElem\n   /S /Figure");
      if (!o) continue;
      numbers[figures->len] = i;
      g_ptr_array_add(figures, o);
    }
    for (guint figure = 0; figure < figures->len && figure < alts->len; figure++) {
      g_autofree char *alt = pdf_string(alts->pdata[figure]);
      begin_object(&u, numbers[figure]);
      append(&u, "/Alt ");
      append(&u, alt);
      append(&u, "\n   ");
      append(&u, figures->pdata[figure]);
      append(&u, "endobj\n");
    }
    begin_object(&u, u.root);
    if (s->language) {
      g_autofree char *language = pdf_string(s->language),
                      *entry = g_strdup_printf("/Lang %s\n   ", language);
      append(&u, entry);
    }
    if (tags) {
      g_autofree char *entry = g_strdup_printf("/Metadata %d 0 R\n   ", u.objects);
      append(&u, entry);
    }
    append(&u, "/ViewerPreferences << /DisplayDocTitle true >>\n   ");
    append(&u, catalogue);
    append(&u, "endobj\n");
    if (tags) {
      g_autofree char *xmp = kl_document_xmp(tags, true);
      g_autofree char *head = g_strdup_printf(
          "/Type /Metadata /Subtype /XML /Length %" G_GSIZE_FORMAT " >>\nstream\n", strlen(xmp));
      begin_object(&u, u.objects);
      append(&u, head);
      append(&u, xmp);
      append(&u, "\nendstream\nendobj\n");
    }
    finish(&u);
  }
  g_ptr_array_unref(figures);
  g_array_unref(u.changed);
}

GByteArray *kl_pdf_write(const KlScene *s, double scale, const KlMediaTags *tags, GError **error) {
  GByteArray *pdf = g_byte_array_new();
  GPtrArray *alts = g_ptr_array_new();
  double k = 0.75 * scale;
  cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(to_array, pdf, s->width * k, s->height * k);
  if (s->title) cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, s->title);
  if (s->description) cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, s->description);
  cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Kinoloom " KL_VERSION);
  cairo_t *c = cairo_create(surface);
  cairo_scale(c, k, k);
  paint_tagged(c, s, alts);
  cairo_show_page(c);
  cairo_surface_finish(surface);
  cairo_status_t status = cairo_status(c);
  if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(surface);
  cairo_destroy(c);
  cairo_surface_destroy(surface);
  if (status == CAIRO_STATUS_SUCCESS) {
    enrich(pdf, s, alts, tags);
  } else {
    kl_gfail(error, KL_ERROR_IO, "the PDF could not be written: %s", cairo_status_to_string(status));
    g_clear_pointer(&pdf, g_byte_array_unref);
  }
  g_ptr_array_unref(alts);
  return pdf;
}
