#include "ui/verdict_box.h"

#include "ui/i18n.h"

struct _KlVerdictBox {
  AdwBin parent;
  KlQueue *queue;
  GtkWidget *box;
  GtkImage *icon;
  GtkLabel *text;
  GCancellable *asking; /* NULL: nothing is being judged */
  char **unknown;
};

G_DEFINE_FINAL_TYPE(KlVerdictBox, kl_verdict_box, ADW_TYPE_BIN)

static guint judged_signal;

/* kind: a style class - "success", "warning", "error" - or NULL. */
static void show(KlVerdictBox *self, const char *kind, const char *icon, const char *text) {
  static const char *const kinds[] = {"success", "warning", "error", "kl-stale"};
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) gtk_widget_remove_css_class(self->box, kinds[i]);
  if (kind) gtk_widget_add_css_class(self->box, kind);
  gtk_image_set_from_icon_name(self->icon, icon);
  gtk_label_set_label(self->text, text);
}

static void judged(GObject *source, GAsyncResult *result, gpointer user) {
  g_autoptr(KlVerdictBox) self = user;
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) unknown = NULL;
  bool fits;
  double seconds;
  g_autofree char *text =
      kl_queue_verdict_finish(KL_QUEUE(source), result, &fits, &seconds, &unknown, &error);
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) return; /* a newer one is on its way */
  g_clear_object(&self->asking);
  g_strfreev(self->unknown);
  self->unknown = g_steal_pointer(&unknown);
  if (text)
    show(self, "success", "emblem-ok-symbolic", text);
  else
    show(self, g_error_matches(error, KL_ERROR, KL_ERROR_OOM) ? "warning" : "error",
         "dialog-warning-symbolic", error->message);
  g_signal_emit(self, judged_signal, 0);
}

static void forget(KlVerdictBox *self) {
  g_cancellable_cancel(self->asking);
  g_clear_object(&self->asking);
}

void kl_verdict_box_set_queue(KlVerdictBox *self, KlQueue *queue) {
  g_set_object(&self->queue, queue);
}

void kl_verdict_box_ask(KlVerdictBox *self, const KlJobSpec *job) {
  if (!self->queue) return;
  forget(self);
  self->asking = g_cancellable_new();
  gtk_widget_add_css_class(self->box, "kl-stale");
  kl_queue_verdict_async(self->queue, job, self->asking, judged, g_object_ref(self));
}

void kl_verdict_box_say(KlVerdictBox *self, const char *text) {
  forget(self);
  show(self, NULL, "dialog-information-symbolic", text);
}

const char *const *kl_verdict_box_unknown(KlVerdictBox *self) {
  return (const char *const *)self->unknown;
}

static void kl_verdict_box_dispose(GObject *object) {
  KlVerdictBox *self = KL_VERDICT_BOX(object);
  forget(self);
  g_clear_object(&self->queue);
  g_clear_pointer(&self->unknown, g_strfreev);
  G_OBJECT_CLASS(kl_verdict_box_parent_class)->dispose(object);
}

static void kl_verdict_box_class_init(KlVerdictBoxClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = kl_verdict_box_dispose;
  gtk_widget_class_set_accessible_role(GTK_WIDGET_CLASS(klass), GTK_ACCESSIBLE_ROLE_STATUS);
  judged_signal =
      g_signal_new("judged", KL_TYPE_VERDICT_BOX, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void kl_verdict_box_init(KlVerdictBox *self) {
  GtkWidget *icon = gtk_image_new(), *text = gtk_label_new(NULL);
  self->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
  self->icon = GTK_IMAGE(icon);
  self->text = GTK_LABEL(text);
  gtk_label_set_wrap(self->text, TRUE);
  gtk_label_set_wrap_mode(self->text, PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign(self->text, 0);
  gtk_widget_set_hexpand(text, TRUE);
  gtk_widget_set_valign(icon, GTK_ALIGN_CENTER);
  gtk_box_append(GTK_BOX(self->box), icon);
  gtk_box_append(GTK_BOX(self->box), text);
  gtk_widget_add_css_class(self->box, "kl-verdict");
  adw_bin_set_child(ADW_BIN(self), self->box);
  gtk_accessible_update_property(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_PROPERTY_LABEL, "", -1);
}
