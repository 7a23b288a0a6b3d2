#include "ui/chunk_strip.h"

#include "ui/i18n.h"

struct _KlChunkStrip {
  AdwBin parent;
  KlProject *project;
};

G_DEFINE_FINAL_TYPE(KlChunkStrip, kl_chunk_strip, ADW_TYPE_BIN)

void kl_chunk_strip_set_project(KlChunkStrip *self, KlProject *project) {
  g_set_object(&self->project, project);
}

static void kl_chunk_strip_dispose(GObject *object) {
  KlChunkStrip *self = KL_CHUNK_STRIP(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_chunk_strip_parent_class)->dispose(object);
}

static void kl_chunk_strip_class_init(KlChunkStripClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_chunk_strip_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/chunk_strip.ui");
}

static void kl_chunk_strip_init(KlChunkStrip *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_chunk_strip_new(void) {
  return g_object_new(KL_TYPE_CHUNK_STRIP, NULL);
}
