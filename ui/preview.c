#include "ui/preview.h"

#include "ui/i18n.h"

struct _KlPreview {
  AdwBin parent;
  KlProject *project;
};

G_DEFINE_FINAL_TYPE(KlPreview, kl_preview, ADW_TYPE_BIN)

void kl_preview_set_project(KlPreview *self, KlProject *project) {
  g_set_object(&self->project, project);
}

static void kl_preview_dispose(GObject *object) {
  KlPreview *self = KL_PREVIEW(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_preview_parent_class)->dispose(object);
}

static void kl_preview_class_init(KlPreviewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_preview_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/preview.ui");
}

static void kl_preview_init(KlPreview *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_preview_new(void) {
  return g_object_new(KL_TYPE_PREVIEW, NULL);
}
