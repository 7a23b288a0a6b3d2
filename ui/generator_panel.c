#include "ui/generator_panel.h"

#include "ui/i18n.h"

struct _KlGeneratorPanel {
  AdwBin parent;
  KlProject *project;
  KlQueue *queue;
  KlJobSpec *job;
};

G_DEFINE_FINAL_TYPE(KlGeneratorPanel, kl_generator_panel, ADW_TYPE_BIN)

void kl_generator_panel_set_project(KlGeneratorPanel *self, KlProject *project) {
  g_set_object(&self->project, project);
}

void kl_generator_panel_set_queue(KlGeneratorPanel *self, KlQueue *queue) {
  g_set_object(&self->queue, queue);
}

void kl_generator_panel_set_job(KlGeneratorPanel *self, const KlJobSpec *job, bool generate) {
  g_clear_pointer(&self->job, kl_job_free);
  self->job = kl_job_copy(job);
}

void kl_generator_panel_set_image(KlGeneratorPanel *self, const char *path) {
  if (!self->job) self->job = kl_job_new();
  kl_job_set(self->job, "image", path, NULL);
}

static void kl_generator_panel_dispose(GObject *object) {
  KlGeneratorPanel *self = KL_GENERATOR_PANEL(object);
  g_clear_object(&self->project);
  g_clear_object(&self->queue);
  g_clear_pointer(&self->job, kl_job_free);
  G_OBJECT_CLASS(kl_generator_panel_parent_class)->dispose(object);
}

static void kl_generator_panel_class_init(KlGeneratorPanelClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_generator_panel_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/generator_panel.ui");
}

static void kl_generator_panel_init(KlGeneratorPanel *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_generator_panel_new(void) {
  return g_object_new(KL_TYPE_GENERATOR_PANEL, NULL);
}
