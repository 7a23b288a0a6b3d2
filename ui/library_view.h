/* All projects with their pictures, the first page; without any, examples that run at once. Opening goes
 * through the application's actions: app.new, app.open-path (string), app.example (string: a prompt). Its own
 * ("library."): open, rename, trash, untrash, reveal, search. */
#pragma once

#include "app/core/project/library.h"
#include "ui/types.h"

#define KL_TYPE_LIBRARY_VIEW (kl_library_view_get_type())
G_DECLARE_FINAL_TYPE(KlLibraryView, kl_library_view, KL, LIBRARY_VIEW, AdwBin)

/* Set once. Takes a reference. */
void kl_library_view_set_library(KlLibraryView *self, KlLibrary *library);
