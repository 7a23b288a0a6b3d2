#include "ui/queue_view.h"

#include "ui/i18n.h"
#include "ui/queue_row.h"
#include "ui/window.h"

struct _KlQueueView {
  AdwBin parent;
  KlProject *project;
  KlQueue *queue;
  GListStore *failed;        /* of this session, until they are dismissed or tried again */
  GtkFlattenListModel *both; /* pending, then failed; NULL without a project */
  GSimpleActionGroup *actions;
  KlRender *cancelled; /* the last one, for undo */
  bool not_now;        /* the interrupted ones were seen */
  GtkStack *stack;
  GtkListBox *list;
  GtkRevealer *offer;
  GtkLabel *offer_text;
  GtkWidget *paused_text, *pause;
};

G_DEFINE_FINAL_TYPE(KlQueueView, kl_queue_view, ADW_TYPE_BIN)

/* ---- renders that were cut off ---- */

static GPtrArray *interrupted(KlQueueView *self) {
  GPtrArray *out = g_ptr_array_new_with_free_func(g_object_unref);
  GListModel *pending = self->project ? kl_project_pending(self->project) : NULL;
  for (guint i = 0; pending && i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    if (kl_render_state(r) == KL_RENDER_PAUSED && kl_render_error_text(r))
      g_ptr_array_add(out, g_steal_pointer(&r));
  }
  return out;
}

static void update_offer(KlQueueView *self) {
  g_autoptr(GPtrArray) list = interrupted(self);
  if (list->len) {
    g_autofree char *text =
        g_strdup_printf(g_dngettext(NULL, "%u render was not finished when the program ended",
                                    "%u renders were not finished when the program ended", list->len),
                        list->len);
    gtk_label_set_label(self->offer_text, text);
  }
  gtk_revealer_set_reveal_child(self->offer, list->len > 0 && !self->not_now);
}

static void resume_interrupted(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlQueueView *self = user;
  g_autoptr(GPtrArray) list = interrupted(self);
  for (guint i = 0; i < list->len; i++) kl_queue_resume(self->queue, list->pdata[i]);
  update_offer(self);
}

static void dismiss_interrupted(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlQueueView *self = user;
  self->not_now = true;
  update_offer(self);
}

/* ---- rows ---- */

static void forget_failed(KlQueueView *self, KlRender *r) {
  guint at;
  if (g_list_store_find(self->failed, r, &at)) g_list_store_remove(self->failed, at);
}

static void row_cancelled(KlQueueRow *row, gpointer user) {
  KlQueueView *self = user;
  g_set_object(&self->cancelled, kl_queue_row_render(row));
  kl_window_toast_action(GTK_WIDGET(self), _("Render cancelled"), _("_Undo"), "queue.undo-cancel");
}

static void row_dismissed(KlQueueRow *row, gpointer user) {
  forget_failed(user, kl_queue_row_render(row));
}

static void move_to(KlQueueView *self, KlRender *r, int place) {
  g_autoptr(GError) error = NULL;
  int n = (int)g_list_model_get_n_items(kl_project_pending(self->project));
  if (place < 0 || place >= n) return;
  if (!kl_project_move_render(self->project, r, (guint)place, &error)) {
    if (error) kl_window_toast(GTK_WIDGET(self), error->message);
    return;
  }
  GtkListBoxRow *row = gtk_list_box_get_row_at_index(self->list, place);
  if (row) gtk_widget_grab_focus(GTK_WIDGET(row));
}

static void row_moved(KlQueueRow *row, int by, gpointer user) {
  move_to(user, kl_queue_row_render(row), gtk_list_box_row_get_index(GTK_LIST_BOX_ROW(row)) + by);
}

static void row_placed(KlQueueRow *row, KlRender *r, gpointer user) {
  move_to(user, r, gtk_list_box_row_get_index(GTK_LIST_BOX_ROW(row)));
}

static GtkWidget *make_row(gpointer item, gpointer user) {
  KlQueueView *self = user;
  GtkWidget *row = kl_queue_row_new(self->queue, item);
  g_signal_connect(row, "cancelled", G_CALLBACK(row_cancelled), self);
  g_signal_connect(row, "dismissed", G_CALLBACK(row_dismissed), self);
  g_signal_connect(row, "moved", G_CALLBACK(row_moved), self);
  g_signal_connect(row, "placed", G_CALLBACK(row_placed), self);
  return row;
}

static void items_changed(KlQueueView *self) {
  bool any = self->both && g_list_model_get_n_items(G_LIST_MODEL(self->both));
  gtk_stack_set_visible_child_name(self->stack, any ? "list" : "empty");
  update_offer(self);
}

void kl_queue_view_set_project(KlQueueView *self, KlProject *project) {
  if (!g_set_object(&self->project, project)) return;
  gtk_list_box_bind_model(self->list, NULL, NULL, NULL, NULL);
  g_clear_object(&self->both);
  g_clear_object(&self->cancelled);
  g_list_store_remove_all(self->failed);
  self->not_now = false;
  if (project) {
    GListStore *lists = g_list_store_new(G_TYPE_LIST_MODEL);
    g_list_store_append(lists, kl_project_pending(project));
    g_list_store_append(lists, self->failed);
    self->both = gtk_flatten_list_model_new(G_LIST_MODEL(lists));
    g_signal_connect_object(self->both, "items-changed", G_CALLBACK(items_changed), self, G_CONNECT_SWAPPED);
    gtk_list_box_bind_model(self->list, G_LIST_MODEL(self->both), make_row, self, NULL);
  }
  items_changed(self);
}

/* ---- the queue ---- */

static void started(KlQueueView *self, KlProject *p, KlRender *r) {
  forget_failed(self, r);
  update_offer(self);
}

static void finished(KlQueueView *self, KlProject *p, KlRender *r) {
  if (p == self->project && kl_render_state(r) == KL_RENDER_FAILED &&
      !g_list_store_find(self->failed, r, NULL))
    g_list_store_append(self->failed, r);
  update_offer(self);
}

static void preview(KlQueueView *self, KlRender *r, gint64 frame, GBytes *rgb, int width, int height) {
  GtkListBoxRow *row;
  for (int i = 0; (row = gtk_list_box_get_row_at_index(self->list, i)); i++) {
    if (kl_queue_row_render(KL_QUEUE_ROW(row)) != r) continue;
    g_autoptr(GdkTexture) t = gdk_memory_texture_new(width, height, GDK_MEMORY_R8G8B8, rgb, (gsize)width * 3);
    kl_queue_row_set_picture(KL_QUEUE_ROW(row), GDK_PAINTABLE(t));
  }
}

static void paused_changed(KlQueueView *self) {
  gboolean paused;
  g_object_get(self->queue, "paused", &paused, NULL);
  gtk_widget_set_visible(self->paused_text, paused);
  gtk_button_set_icon_name(GTK_BUTTON(self->pause),
                           paused ? "media-playback-start-symbolic" : "media-playback-pause-symbolic");
  gtk_widget_set_tooltip_text(self->pause, paused ? _("Let the Queue Go On") : _("Pause the Whole Queue"));
  GAction *a = g_action_map_lookup_action(G_ACTION_MAP(self->actions), "pause-all");
  g_simple_action_set_state(G_SIMPLE_ACTION(a), g_variant_new_boolean(paused));
}

void kl_queue_view_set_queue(KlQueueView *self, KlQueue *queue) {
  if (!g_set_object(&self->queue, queue) || !queue) return;
  g_signal_connect_object(queue, "started", G_CALLBACK(started), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "finished", G_CALLBACK(finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "preview", G_CALLBACK(preview), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "notify::paused", G_CALLBACK(paused_changed), self, G_CONNECT_SWAPPED);
  paused_changed(self);
}

/* ---- actions ---- */

static void pause_all(GSimpleAction *action, GVariant *state, gpointer user) {
  KlQueueView *self = user;
  if (self->queue) kl_queue_set_paused(self->queue, g_variant_get_boolean(state));
}

static void undo_cancel(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlQueueView *self = user;
  if (self->cancelled) kl_queue_resume(self->queue, self->cancelled);
  g_clear_object(&self->cancelled);
}

static const GActionEntry ACTIONS[] = {
    {.name = "pause-all", .state = "false", .change_state = pause_all},
    {.name = "undo-cancel", .activate = undo_cancel},
    {.name = "resume-interrupted", .activate = resume_interrupted},
    {.name = "dismiss-interrupted", .activate = dismiss_interrupted},
};

/* The window has the actions too: toasts and shortcuts are outside of the view. */
static void kl_queue_view_root(GtkWidget *widget) {
  GTK_WIDGET_CLASS(kl_queue_view_parent_class)->root(widget);
  gtk_widget_insert_action_group(GTK_WIDGET(gtk_widget_get_root(widget)), "queue",
                                 G_ACTION_GROUP(KL_QUEUE_VIEW(widget)->actions));
}

static void kl_queue_view_unroot(GtkWidget *widget) {
  gtk_widget_insert_action_group(GTK_WIDGET(gtk_widget_get_root(widget)), "queue", NULL);
  GTK_WIDGET_CLASS(kl_queue_view_parent_class)->unroot(widget);
}

/* ---- the object ---- */

static void kl_queue_view_dispose(GObject *object) {
  KlQueueView *self = KL_QUEUE_VIEW(object);
  if (self->project) kl_queue_view_set_project(self, NULL);
  g_clear_object(&self->queue);
  g_clear_object(&self->failed);
  g_clear_object(&self->actions);
  g_clear_object(&self->cancelled);
  G_OBJECT_CLASS(kl_queue_view_parent_class)->dispose(object);
}

static void kl_queue_view_class_init(KlQueueViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_queue_view_dispose;
  widget->root = kl_queue_view_root;
  widget->unroot = kl_queue_view_unroot;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/queue_view.ui");
  gtk_widget_class_bind_template_child(widget, KlQueueView, stack);
  gtk_widget_class_bind_template_child(widget, KlQueueView, list);
  gtk_widget_class_bind_template_child(widget, KlQueueView, offer);
  gtk_widget_class_bind_template_child(widget, KlQueueView, offer_text);
  gtk_widget_class_bind_template_child(widget, KlQueueView, paused_text);
  gtk_widget_class_bind_template_child(widget, KlQueueView, pause);
}

static void kl_queue_view_init(KlQueueView *self) {
  self->failed = g_list_store_new(KL_TYPE_RENDER);
  self->actions = g_simple_action_group_new();
  g_action_map_add_action_entries(G_ACTION_MAP(self->actions), ACTIONS, G_N_ELEMENTS(ACTIONS), self);
  gtk_widget_init_template(GTK_WIDGET(self));
}
