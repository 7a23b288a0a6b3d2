/* The trash of the desktop (freedesktop.org Trash specification 1.0), so that what is thrown away can be
 * brought back from here and from the file manager alike. */
#pragma once

#include "app/core/gerr.h"

/* Moves a file or folder. Where it is now, a new string; NULL: KL_ERROR_IO. */
char *kl_trash(const char *path, GError **error);
/* Brings it back to `path`, where nothing may be. KL_ERROR_EXISTS, KL_ERROR_IO. */
bool kl_untrash(const char *trashed, const char *path, GError **error);
