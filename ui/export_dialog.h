/* Format, size, rate and quality of the timeline's export, and its progress. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_EXPORT_DIALOG (kl_export_dialog_get_type())
G_DECLARE_FINAL_TYPE(KlExportDialog, kl_export_dialog, KL, EXPORT_DIALOG, AdwWindow)

GtkWidget *kl_export_dialog_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_export_dialog_set_project(KlExportDialog *self, KlProject *project);
