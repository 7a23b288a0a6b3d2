#include "ui/timeline_view.h"

#include "ui/i18n.h"

struct _KlTimelineView {
  AdwBin parent;
  KlProject *project;
};

G_DEFINE_FINAL_TYPE(KlTimelineView, kl_timeline_view, ADW_TYPE_BIN)

void kl_timeline_view_set_project(KlTimelineView *self, KlProject *project) {
  g_set_object(&self->project, project);
}

static void kl_timeline_view_dispose(GObject *object) {
  KlTimelineView *self = KL_TIMELINE_VIEW(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_timeline_view_parent_class)->dispose(object);
}

static void kl_timeline_view_class_init(KlTimelineViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_timeline_view_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/timeline_view.ui");
}

static void kl_timeline_view_init(KlTimelineView *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_timeline_view_new(void) {
  return g_object_new(KL_TYPE_TIMELINE_VIEW, NULL);
}
