#include "ui/project_page.h"

#include "ui/chunk_strip.h"
#include "ui/generator_panel.h"
#include "ui/history_view.h"
#include "ui/i18n.h"
#include "ui/preview.h"
#include "ui/queue_view.h"
#include "ui/timeline_view.h"

struct _KlProjectPage {
  AdwBin parent;
  KlProject *project;
  AdwWindowTitle *title;
  AdwFlap *generator_flap, *side_flap;
  KlGeneratorPanel *generator;
  KlPreview *preview;
  KlChunkStrip *chunks;
  KlTimelineView *timeline;
  KlQueueView *queue;
  KlHistoryView *history;
};

G_DEFINE_FINAL_TYPE(KlProjectPage, kl_project_page, ADW_TYPE_BIN)

void kl_project_page_set_project(KlProjectPage *self, KlProject *project) {
  if (!g_set_object(&self->project, project)) return;
  kl_generator_panel_set_project(self->generator, project);
  kl_preview_set_project(self->preview, project);
  kl_chunk_strip_set_project(self->chunks, project);
  kl_timeline_view_set_project(self->timeline, project);
  kl_queue_view_set_project(self->queue, project);
  kl_history_view_set_project(self->history, project);
}

void kl_project_page_toggle_generator(KlProjectPage *self) {
  adw_flap_set_reveal_flap(self->generator_flap, !adw_flap_get_reveal_flap(self->generator_flap));
}

void kl_project_page_toggle_side(KlProjectPage *self) {
  adw_flap_set_reveal_flap(self->side_flap, !adw_flap_get_reveal_flap(self->side_flap));
}

static void kl_project_page_dispose(GObject *object) {
  KlProjectPage *self = KL_PROJECT_PAGE(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_project_page_parent_class)->dispose(object);
}

static void kl_project_page_class_init(KlProjectPageClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_project_page_dispose;
  g_type_ensure(KL_TYPE_GENERATOR_PANEL);
  g_type_ensure(KL_TYPE_PREVIEW);
  g_type_ensure(KL_TYPE_CHUNK_STRIP);
  g_type_ensure(KL_TYPE_TIMELINE_VIEW);
  g_type_ensure(KL_TYPE_QUEUE_VIEW);
  g_type_ensure(KL_TYPE_HISTORY_VIEW);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/project_page.ui");
  gtk_widget_class_bind_template_child(widget, KlProjectPage, title);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, generator_flap);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, side_flap);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, generator);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, preview);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, chunks);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, timeline);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, queue);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, history);
}

static void kl_project_page_init(KlProjectPage *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_project_page_new(void) {
  return g_object_new(KL_TYPE_PROJECT_PAGE, NULL);
}
