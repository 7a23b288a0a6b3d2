#include "ui/queue_row.h"

#include "ui/i18n.h"
#include "ui/names.h"

struct _KlQueueRow {
  GtkListBoxRow parent;
  KlQueue *queue;
  KlRender *render;
  GtkPicture *picture;
  GtkStack *image; /* "icon", "picture" */
  GtkImage *icon;
  GtkLabel *title, *status;
  GtkProgressBar *bar;
  GtkButton *toggle, *cancel;
};

G_DEFINE_FINAL_TYPE(KlQueueRow, kl_queue_row, GTK_TYPE_LIST_BOX_ROW)

enum { CANCELLED, DISMISSED, MOVED, PLACED, SIGNALS };
static guint signals[SIGNALS];

KlRender *kl_queue_row_render(KlQueueRow *self) {
  return self->render;
}

void kl_queue_row_set_picture(KlQueueRow *self, GdkPaintable *picture) {
  gtk_picture_set_paintable(self->picture, picture);
  gtk_stack_set_visible_child_name(self->image, picture ? "picture" : "icon");
}

/* The last chunk that is there gives the picture until frames come. */
static void show_thumbnail(KlQueueRow *self) {
  GListModel *chunks = kl_render_chunks(self->render);
  if (gtk_picture_get_paintable(self->picture)) return;
  for (guint i = g_list_model_get_n_items(chunks); i > 0; i--) {
    g_autoptr(KlChunkRow) c = g_list_model_get_item(chunks, i - 1);
    GBytes *png = kl_chunk_row_thumbnail(c);
    g_autoptr(GdkTexture) t = png ? gdk_texture_new_from_bytes(png, NULL) : NULL;
    if (!t) continue;
    kl_queue_row_set_picture(self, GDK_PAINTABLE(t));
    return;
  }
}

/* ---- what it says ---- */

/* "Chunk 5 of 16", or what is being done where there is one chunk only. A new string. */
static char *place_text(KlRender *r) {
  GListModel *chunks = kl_render_chunks(r);
  const char *phase = kl_render_phase(r);
  guint n = g_list_model_get_n_items(chunks);
  for (guint i = 0; n > 1 && i < n; i++) {
    g_autoptr(KlChunkRow) c = g_list_model_get_item(chunks, i);
    if (kl_chunk_row_state(c) == KL_CHUNK_RUNNING) return g_strdup_printf(_("Chunk %u of %u"), i + 1, n);
  }
  return g_strdup(phase && *phase ? phase : _("Starting"));
}

static char *running_text(KlRender *r) {
  double eta = kl_render_eta(r);
  g_autofree char *place = place_text(r), *left = eta >= 0 ? kl_seconds_text(eta) : NULL;
  if (!left) return g_steal_pointer(&place);
  return g_strdup_printf(C_("progress", "%s · %s left"), place, left);
}

static char *status_text(KlRender *r) {
  const char *why = kl_render_error_text(r);
  switch (kl_render_state(r)) {
  case KL_RENDER_RUNNING:
    return running_text(r);
  case KL_RENDER_QUEUED:
    return g_strdup(_("Waiting"));
  case KL_RENDER_PAUSED:
    return g_strdup(why && *why ? why : _("Paused"));
  case KL_RENDER_FAILED:
    return g_strdup(why && *why ? why : _("Failed"));
  case KL_RENDER_CANCELLED:
    return g_strdup(_("Cancelled"));
  default:
    return g_strdup(_("Done"));
  }
}

static void set_button(GtkButton *b, const char *icon, const char *what) {
  gtk_button_set_icon_name(b, icon);
  gtk_widget_set_tooltip_text(GTK_WIDGET(b), what);
  gtk_accessible_update_property(GTK_ACCESSIBLE(b), GTK_ACCESSIBLE_PROPERTY_LABEL, what, -1);
}

static void show(KlQueueRow *self) {
  KlRenderState state = kl_render_state(self->render);
  bool running = state == KL_RENDER_RUNNING, failed = state == KL_RENDER_FAILED;
  double fraction = kl_render_fraction(self->render);
  g_autofree char *status = status_text(self->render);
  gtk_label_set_label(self->status, status);
  gtk_label_set_wrap(self->status, failed); /* an error is read, progress is glanced at */
  gtk_label_set_lines(self->status, failed ? 4 : -1);
  gtk_widget_set_tooltip_text(GTK_WIDGET(self->status), status);
  gtk_widget_set_visible(GTK_WIDGET(self->bar), running || (state == KL_RENDER_PAUSED && fraction > 0));
  gtk_progress_bar_set_fraction(self->bar, CLAMP(fraction, 0, 1));
  if (failed)
    gtk_widget_add_css_class(GTK_WIDGET(self->status), "error");
  else
    gtk_widget_remove_css_class(GTK_WIDGET(self->status), "error");
  if (running || state == KL_RENDER_QUEUED)
    set_button(self->toggle, "media-playback-pause-symbolic", _("Pause"));
  else if (failed)
    set_button(self->toggle, "view-refresh-symbolic", _("Try Again"));
  else
    set_button(self->toggle, "media-playback-start-symbolic", _("Go On"));
  set_button(self->cancel, "window-close-symbolic", failed ? _("Dismiss") : _("Cancel"));
  g_autofree char *label = g_strdup_printf("%s, %s", gtk_label_get_label(self->title), status);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  if (!running) show_thumbnail(self);
}

/* ---- what can be done ---- */

static void toggle_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlQueueRow *self = KL_QUEUE_ROW(widget);
  KlRenderState s = kl_render_state(self->render);
  if (s == KL_RENDER_RUNNING || s == KL_RENDER_QUEUED)
    kl_queue_pause(self->queue, self->render);
  else
    kl_queue_resume(self->queue, self->render);
}

static void cancel_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlQueueRow *self = KL_QUEUE_ROW(widget);
  g_autoptr(KlQueueRow) keep = g_object_ref(self);
  if (kl_render_state(self->render) == KL_RENDER_FAILED) {
    g_signal_emit(self, signals[DISMISSED], 0);
    return;
  }
  kl_queue_cancel(self->queue, self->render);
  g_signal_emit(self, signals[CANCELLED], 0);
}

static void move_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  g_signal_emit(widget, signals[MOVED], 0, g_variant_get_int32(parameter));
}

/* ---- by drag: onto another row, or onto the panel to take its settings ---- */

static GdkContentProvider *prepare_drag(GtkDragSource *source, double x, double y, gpointer user) {
  return gdk_content_provider_new_typed(KL_TYPE_RENDER, KL_QUEUE_ROW(user)->render);
}

static void drag_begins(GtkDragSource *source, GdkDrag *drag, gpointer user) {
  g_autoptr(GdkPaintable) icon = gtk_widget_paintable_new(user);
  gtk_drag_source_set_icon(source, icon, 12, 12);
}

static gboolean dropped(GtkDropTarget *target, const GValue *value, double x, double y, gpointer user) {
  g_signal_emit(user, signals[PLACED], 0, g_value_get_object(value));
  return TRUE;
}

/* ---- the object ---- */

static void kl_queue_row_dispose(GObject *object) {
  KlQueueRow *self = KL_QUEUE_ROW(object);
  g_clear_object(&self->queue);
  g_clear_object(&self->render);
  G_OBJECT_CLASS(kl_queue_row_parent_class)->dispose(object);
}

static void kl_queue_row_class_init(KlQueueRowClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  GType me = KL_TYPE_QUEUE_ROW;
  G_OBJECT_CLASS(klass)->dispose = kl_queue_row_dispose;
  signals[CANCELLED] = g_signal_new("cancelled", me, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[DISMISSED] = g_signal_new("dismissed", me, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[MOVED] =
      g_signal_new("moved", me, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
  signals[PLACED] =
      g_signal_new("placed", me, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, KL_TYPE_RENDER);
  gtk_widget_class_install_action(widget, "render.toggle", NULL, toggle_action);
  gtk_widget_class_install_action(widget, "render.cancel", NULL, cancel_action);
  gtk_widget_class_install_action(widget, "render.move", "i", move_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_space, 0, "render.toggle", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Delete, 0, "render.cancel", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Up, GDK_ALT_MASK, "render.move", "i", -1);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Down, GDK_ALT_MASK, "render.move", "i", 1);
}

static GtkLabel *line(GtkWidget *box, const char *css) {
  GtkWidget *label = gtk_label_new(NULL);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class(label, css);
  gtk_box_append(GTK_BOX(box), label);
  return GTK_LABEL(label);
}

static GtkButton *button(GtkWidget *box, const char *action) {
  GtkWidget *b = gtk_button_new();
  gtk_actionable_set_action_name(GTK_ACTIONABLE(b), action);
  gtk_widget_set_valign(b, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class(b, "flat");
  gtk_widget_add_css_class(b, "circular");
  gtk_box_append(GTK_BOX(box), b);
  return GTK_BUTTON(b);
}

static void kl_queue_row_init(KlQueueRow *self) {
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 9),
            *middle = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3), *stack = gtk_stack_new(),
            *picture = gtk_picture_new(), *icon = gtk_image_new_from_icon_name("video-x-generic-symbolic"),
            *bar = gtk_progress_bar_new();
  self->image = GTK_STACK(stack);
  self->picture = GTK_PICTURE(picture);
  self->icon = GTK_IMAGE(icon);
  self->bar = GTK_PROGRESS_BAR(bar);
  gtk_picture_set_content_fit(self->picture, GTK_CONTENT_FIT_COVER);
  gtk_stack_add_named(self->image, icon, "icon");
  gtk_stack_add_named(self->image, picture, "picture");
  gtk_widget_set_size_request(stack, 52, 52);
  gtk_widget_set_valign(stack, GTK_ALIGN_CENTER);
  gtk_widget_set_overflow(stack, GTK_OVERFLOW_HIDDEN);
  gtk_widget_add_css_class(stack, "kl-thumbnail");
  gtk_box_append(GTK_BOX(box), stack);
  gtk_widget_set_hexpand(middle, TRUE);
  gtk_widget_set_valign(middle, GTK_ALIGN_CENTER);
  self->title = line(middle, "kl-queue-title");
  self->status = line(middle, "caption");
  gtk_widget_add_css_class(GTK_WIDGET(self->status), "dim-label");
  gtk_label_set_wrap_mode(self->status, PANGO_WRAP_WORD_CHAR);
  gtk_box_append(GTK_BOX(middle), bar);
  gtk_box_append(GTK_BOX(box), middle);
  self->toggle = button(box, "render.toggle");
  self->cancel = button(box, "render.cancel");
  gtk_widget_add_css_class(box, "kl-queue-row");
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(self), box);
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(self), FALSE);
  gtk_accessible_update_property(GTK_ACCESSIBLE(bar), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Progress"), -1);

  GtkDragSource *drag = gtk_drag_source_new();
  gtk_drag_source_set_actions(drag, GDK_ACTION_COPY | GDK_ACTION_MOVE);
  g_signal_connect(drag, "prepare", G_CALLBACK(prepare_drag), self);
  g_signal_connect(drag, "drag-begin", G_CALLBACK(drag_begins), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(drag));
  GtkDropTarget *drop = gtk_drop_target_new(KL_TYPE_RENDER, GDK_ACTION_MOVE);
  g_signal_connect(drop, "drop", G_CALLBACK(dropped), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(drop));
}

GtkWidget *kl_queue_row_new(KlQueue *queue, KlRender *render) {
  KlQueueRow *self = g_object_new(KL_TYPE_QUEUE_ROW, NULL);
  const KlJobSpec *job = kl_render_job(render);
  const char *prompt = job->prompts->len ? g_array_index(job->prompts, KlJobPrompt, 0).text : "";
  self->queue = g_object_ref(queue);
  self->render = g_object_ref(render);
  g_autofree char *title = g_strdup(*prompt ? prompt : _("Without words"));
  g_strdelimit(title, "\n\r\t", ' ');
  gtk_label_set_label(self->title, title);
  gtk_widget_set_tooltip_text(GTK_WIDGET(self->title), title);
  g_signal_connect_object(render, "notify", G_CALLBACK(show), self, G_CONNECT_SWAPPED);
  show(self);
  return GTK_WIDGET(self);
}
