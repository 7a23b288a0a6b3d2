#include "ui/model_manager.h"

#include "ui/i18n.h"

struct _KlModelManager {
  AdwWindow parent;
};

G_DEFINE_FINAL_TYPE(KlModelManager, kl_model_manager, ADW_TYPE_WINDOW)

static void kl_model_manager_class_init(KlModelManagerClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/model_manager.ui");
}

static void kl_model_manager_init(KlModelManager *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_model_manager_new(void) {
  return g_object_new(KL_TYPE_MODEL_MANAGER, NULL);
}
