/* From a brief and its layout to a scene. */
#pragma once

#include "app/core/gerr.h"
#include "app/core/typeset/scene.h"

/* pictures: element id -> KlPixels *, borrowed, must outlive the scene; an element that is not in it is drawn
 * as an empty frame. notes (may be NULL): gathers lines for people (char *). Every text fits its box, else it
 * is set smaller (not below what can be read), else it is an error that names the element: KL_ERROR_INPUT. */
KlScene *kl_compose(const KlBrief *b, const KlLayout *l, GHashTable *pictures, GPtrArray *notes,
                    GError **error);
