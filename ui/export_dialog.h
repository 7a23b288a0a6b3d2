/* Format, size, rate and quality of the timeline's export; then its progress. The work is done in a worker on
 * a copy of the timeline, so the project may be edited on meanwhile. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_EXPORT_DIALOG (kl_export_dialog_get_type())
G_DECLARE_FINAL_TYPE(KlExportDialog, kl_export_dialog, KL, EXPORT_DIALOG, AdwWindow)

GtkWidget *kl_export_dialog_new(void);
/* The project whose timeline is exported; NULL: none. Takes a reference. */
void kl_export_dialog_set_project(KlExportDialog *self, KlProject *project);
/* One asset instead of the timeline. */
void kl_export_dialog_set_asset(KlExportDialog *self, KlAsset *asset);
/* Where the playhead stands, for "one picture": seconds. */
void kl_export_dialog_set_position(KlExportDialog *self, double seconds);
