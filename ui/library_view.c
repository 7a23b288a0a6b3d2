#include "ui/library_view.h"

#include "ui/i18n.h"

struct _KlLibraryView {
  AdwBin parent;
};

G_DEFINE_FINAL_TYPE(KlLibraryView, kl_library_view, ADW_TYPE_BIN)

static void kl_library_view_class_init(KlLibraryViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/library_view.ui");
}

static void kl_library_view_init(KlLibraryView *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_library_view_new(void) {
  return g_object_new(KL_TYPE_LIBRARY_VIEW, NULL);
}
