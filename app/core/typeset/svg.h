/* A scene as SVG: text as text in its own embedded fonts, pictures inside, titles, descriptions and reading
 * order for screen readers, the job in its metadata. */
#pragma once

#include "app/core/gerr.h"
#include "app/core/typeset/scene.h"
#include "media/tags.h"

/* The whole document, a new string. scale: of width and height, the coordinates stay. tags may be NULL. NULL:
 * a picture could not be written (KL_ERROR_OOM). */
char *kl_svg_write(const KlScene *s, double scale, const KlMediaTags *tags, GError **error);
