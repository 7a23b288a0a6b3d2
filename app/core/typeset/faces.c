#include "app/core/typeset/faces.h"

#include <hb-subset.h>
#include <pango/pango.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
  hb_face_t *face; /* shared with Pango: the same pointer at every size */
  hb_set_t *chars;
  int weight;
  bool italic;
} Face;

struct KlFaces {
  GArray *faces;
};

static void face_clear(void *p) {
  Face *f = p;
  hb_face_destroy(f->face);
  hb_set_destroy(f->chars);
}

KlFaces *kl_faces_new(void) {
  KlFaces *f = g_new(KlFaces, 1);
  f->faces = g_array_new(FALSE, FALSE, sizeof(Face));
  g_array_set_clear_func(f->faces, face_clear);
  return f;
}

void kl_faces_free(KlFaces *f) {
  if (!f) return;
  g_array_unref(f->faces);
  g_free(f);
}

int kl_faces_use(KlFaces *f, void *pango_font, const char *text, gsize n) {
  hb_face_t *face = hb_font_get_face(pango_font_get_hb_font(pango_font));
  guint i = 0;
  while (i < f->faces->len && g_array_index(f->faces, Face, i).face != face) i++;
  if (i == f->faces->len) {
    PangoFontDescription *d = pango_font_describe(pango_font);
    Face new = {hb_face_reference(face), hb_set_create(), pango_font_description_get_weight(d),
                pango_font_description_get_style(d) != PANGO_STYLE_NORMAL};
    pango_font_description_free(d);
    g_array_append_val(f->faces, new);
  }
  for (const char *p = text; p < text + n; p = g_utf8_next_char(p))
    hb_set_add(g_array_index(f->faces, Face, i).chars, g_utf8_get_char(p));
  return (int)i;
}

/* The cut font; NULL where that is not possible. */
static hb_blob_t *cut(const Face *f) {
  hb_subset_input_t *in = hb_subset_input_create_or_fail();
  hb_blob_t *blob = NULL;
  if (!in) return NULL;
  hb_set_union(hb_subset_input_unicode_set(in), f->chars);
  hb_set_add(hb_subset_input_unicode_set(in), '-'); /* where words are hyphenated */
  hb_set_add(hb_subset_input_unicode_set(in), 0x2010);
  hb_face_t *small = hb_subset_or_fail(f->face, in);
  if (small) {
    blob = hb_face_reference_blob(small);
    hb_face_destroy(small);
  }
  hb_subset_input_destroy(in);
  if (blob && hb_blob_get_length(blob) > 0) return blob;
  hb_blob_destroy(blob);
  return NULL;
}

char *kl_faces_css(KlFaces *f) {
  GString *s = g_string_new(NULL);
  for (guint i = 0; i < f->faces->len; i++) {
    const Face *face = &g_array_index(f->faces, Face, i);
    hb_blob_t *blob = cut(face);
    if (!blob) continue;
    unsigned n;
    const char *data = hb_blob_get_data(blob, &n);
    bool cff = n > 4 && !memcmp(data, "OTTO", 4);
    g_autofree char *base64 = g_base64_encode((const guchar *)data, n);
    g_string_append_printf(s,
                           "@font-face { font-family: k%u; font-weight: %d; font-style: %s; "
                           "src: url(data:font/%s;base64,%s) format(\"%s\"); }\n",
                           i, face->weight, face->italic ? "italic" : "normal", cff ? "otf" : "ttf", base64,
                           cff ? "opentype" : "truetype");
    hb_blob_destroy(blob);
  }
  return g_string_free(s, FALSE);
}
