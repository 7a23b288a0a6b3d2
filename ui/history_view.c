#include "ui/history_view.h"

#include "ui/i18n.h"

struct _KlHistoryView {
  AdwBin parent;
  KlProject *project;
};

G_DEFINE_FINAL_TYPE(KlHistoryView, kl_history_view, ADW_TYPE_BIN)

void kl_history_view_set_project(KlHistoryView *self, KlProject *project) {
  g_set_object(&self->project, project);
}

static void kl_history_view_dispose(GObject *object) {
  KlHistoryView *self = KL_HISTORY_VIEW(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_history_view_parent_class)->dispose(object);
}

static void kl_history_view_class_init(KlHistoryViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_history_view_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/history_view.ui");
}

static void kl_history_view_init(KlHistoryView *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_history_view_new(void) {
  return g_object_new(KL_TYPE_HISTORY_VIEW, NULL);
}
