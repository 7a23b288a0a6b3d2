/* The picture: plays a result, scrubs it by frame, shows the frames of a running render. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_PREVIEW (kl_preview_get_type())
G_DECLARE_FINAL_TYPE(KlPreview, kl_preview, KL, PREVIEW, AdwBin)

GtkWidget *kl_preview_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_preview_set_project(KlPreview *self, KlProject *project);
