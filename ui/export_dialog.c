#include "ui/export_dialog.h"

#include "ui/i18n.h"

struct _KlExportDialog {
  AdwWindow parent;
  KlProject *project;
};

G_DEFINE_FINAL_TYPE(KlExportDialog, kl_export_dialog, ADW_TYPE_WINDOW)

void kl_export_dialog_set_project(KlExportDialog *self, KlProject *project) {
  g_set_object(&self->project, project);
}

static void kl_export_dialog_dispose(GObject *object) {
  KlExportDialog *self = KL_EXPORT_DIALOG(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_export_dialog_parent_class)->dispose(object);
}

static void kl_export_dialog_class_init(KlExportDialogClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_export_dialog_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/export_dialog.ui");
}

static void kl_export_dialog_init(KlExportDialog *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_export_dialog_new(void) {
  return g_object_new(KL_TYPE_EXPORT_DIALOG, NULL);
}
