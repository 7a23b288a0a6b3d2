/* Icons by name: our own line drawings (resources/icons-infographic), then the symbolic ones of the desktop's
 * Adwaita theme where that is installed. */
#pragma once

#include <glib.h>

/* The SVG, drawn in currentColor; lives as long as the program. NULL: no such icon, and then *near (may be
 * NULL) is the name that was perhaps meant, or NULL. */
const char *kl_icon_svg(const char *name, const char **near);
/* Our own names, sorted, NULL-terminated; static. */
const char *const *kl_icon_names(void);
