/* A scene as a tagged PDF: one page, text as text in embedded fonts, headings, lists and figures in reading
 * order, figures with what they show, title and language, the job in its metadata. */
#pragma once

#include "app/core/gerr.h"
#include "app/core/typeset/scene.h"
#include "media/tags.h"

/* The whole document; a canvas pixel is 3/4 point times scale. NULL: KL_ERROR_IO. */
GByteArray *kl_pdf_write(const KlScene *s, double scale, const KlMediaTags *tags, GError **error);
