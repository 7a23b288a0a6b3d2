/* All projects with thumbnails, the first page. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_LIBRARY_VIEW (kl_library_view_get_type())
G_DECLARE_FINAL_TYPE(KlLibraryView, kl_library_view, KL, LIBRARY_VIEW, AdwBin)

GtkWidget *kl_library_view_new(void);
