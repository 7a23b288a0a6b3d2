#include "ui/queue_view.h"

#include "ui/i18n.h"

struct _KlQueueView {
  AdwBin parent;
  KlProject *project;
  KlQueue *queue;
};

G_DEFINE_FINAL_TYPE(KlQueueView, kl_queue_view, ADW_TYPE_BIN)

void kl_queue_view_set_project(KlQueueView *self, KlProject *project) {
  g_set_object(&self->project, project);
}

void kl_queue_view_set_queue(KlQueueView *self, KlQueue *queue) {
  g_set_object(&self->queue, queue);
}

static void kl_queue_view_dispose(GObject *object) {
  KlQueueView *self = KL_QUEUE_VIEW(object);
  g_clear_object(&self->project);
  g_clear_object(&self->queue);
  G_OBJECT_CLASS(kl_queue_view_parent_class)->dispose(object);
}

static void kl_queue_view_class_init(KlQueueViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_queue_view_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/queue_view.ui");
}

static void kl_queue_view_init(KlQueueView *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_queue_view_new(void) {
  return g_object_new(KL_TYPE_QUEUE_VIEW, NULL);
}
