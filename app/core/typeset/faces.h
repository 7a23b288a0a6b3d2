/* The fonts of a document, each cut down to the characters that it shows, for embedding. */
#pragma once

#include <glib.h>

typedef struct KlFaces KlFaces;

KlFaces *kl_faces_new(void);
void kl_faces_free(KlFaces *f);
/* Notes that n bytes of UTF-8 are set in the PangoFont; returns the face's number, counted from 0. */
int kl_faces_use(KlFaces *f, void *pango_font, const char *text, gsize n);
/* @font-face rules, one a face: the family "kNUMBER", its weight and style, and the font as a data address. A
 * face that cannot be cut (a bitmap font) is left out: the viewer's own is named behind it. A new string. */
char *kl_faces_css(KlFaces *f);
