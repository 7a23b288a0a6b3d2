#include "ui/window.h"

#include "ui/ask_text.h"
#include "ui/export_dialog.h"
#include "ui/i18n.h"
#include "ui/library_view.h"
#include "ui/project_page.h"

struct _KlWindow {
  AdwApplicationWindow parent;
  KlLibrary *library;
  KlQueue *queue;
  KlProject *project;  /* NULL: the library is shown */
  KlProjectPage *page; /* NULL until a project is opened */
  AdwToastOverlay *toasts;
  AdwLeaflet *pages;
  KlLibraryView *library_view;
};

G_DEFINE_FINAL_TYPE(KlWindow, kl_window, ADW_TYPE_APPLICATION_WINDOW)

enum { LEFT, SIGNALS };
static guint signals[SIGNALS];

static bool can(KlWindow *self, const char *property) {
  gboolean value = FALSE;
  if (self->project) g_object_get(self->project, property, &value, NULL);
  return value;
}

static void update(KlWindow *self) {
  GtkWidget *widget = GTK_WIDGET(self);
  const char *actions[] = {"win.library", "win.toggle-generator", "win.toggle-side", "win.export"};
  for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
    gtk_widget_action_set_enabled(widget, actions[i], self->project != NULL);
  gtk_widget_action_set_enabled(widget, "win.rename", self->project && !can(self, "read-only"));
  gtk_widget_action_set_enabled(widget, "win.undo", can(self, "can-undo"));
  gtk_widget_action_set_enabled(widget, "win.redo", can(self, "can-redo"));
  g_autofree char *title =
      self->project ? g_strdup_printf(_("%s – Kinoloom"), kl_project_title(self->project)) : NULL;
  gtk_window_set_title(GTK_WINDOW(self), title ? title : _("Kinoloom"));
}

static void leave_project(KlWindow *self) {
  if (!self->project) return;
  g_autoptr(KlProject) left = g_steal_pointer(&self->project);
  g_signal_handlers_disconnect_by_data(left, self);
  kl_project_page_set_project(self->page, NULL);
  g_signal_emit(self, signals[LEFT], 0, left);
}

void kl_window_set_project(KlWindow *self, KlProject *project) {
  if (project == self->project) return;
  leave_project(self);
  if (project) {
    self->project = g_object_ref(project);
    if (!self->page) {
      self->page = KL_PROJECT_PAGE(kl_project_page_new());
      kl_project_page_set_queue(self->page, self->queue);
      adw_leaflet_append(self->pages, GTK_WIDGET(self->page));
    }
    const char *watched[] = {"notify::title", "notify::can-undo", "notify::can-redo", "notify::read-only"};
    for (size_t i = 0; i < G_N_ELEMENTS(watched); i++)
      g_signal_connect_swapped(project, watched[i], G_CALLBACK(update), self);
    kl_project_page_set_project(self->page, project);
    adw_leaflet_set_visible_child(self->pages, GTK_WIDGET(self->page));
    if (kl_project_read_only(project))
      kl_window_toast(GTK_WIDGET(self),
                      _("This project is on a disk that cannot be written: nothing is saved"));
  } else {
    adw_leaflet_set_visible_child(self->pages, GTK_WIDGET(self->library_view));
    kl_library_refresh(self->library);
  }
  update(self);
}

KlProject *kl_window_get_project(KlWindow *self) {
  return self->project;
}

void kl_window_make(KlWindow *self, const KlJobSpec *job) {
  if (self->project) kl_project_page_make(self->page, job);
}

/* ---- toasts ---- */

void kl_window_toast(GtkWidget *inside, const char *text) {
  kl_window_toast_action(inside, text, NULL, NULL);
}

typedef struct {
  GtkWidget *inside;
  char *action; /* detailed */
} ToastAction;

static void toast_action_free(gpointer data, GClosure *closure) {
  ToastAction *a = data;
  g_object_unref(a->inside);
  g_free(a->action);
  g_free(a);
}

static void toast_clicked(AdwToast *toast, ToastAction *a) {
  g_autofree char *name = NULL;
  g_autoptr(GVariant) target = NULL;
  if (g_action_parse_detailed_name(a->action, &name, &target, NULL))
    gtk_widget_activate_action_variant(a->inside, name, target);
}

void kl_window_toast_action(GtkWidget *inside, const char *text, const char *button, const char *action) {
  KlWindow *self = KL_WINDOW(gtk_widget_get_ancestor(inside, KL_TYPE_WINDOW));
  if (!self) return;
  g_autofree char *markup = g_markup_escape_text(text, -1);
  AdwToast *toast = adw_toast_new(markup);
  if (button) {
    ToastAction *a = g_new(ToastAction, 1);
    *a = (ToastAction){g_object_ref(inside), g_strdup(action)};
    adw_toast_set_button_label(toast, button);
    g_signal_connect_data(toast, "button-clicked", G_CALLBACK(toast_clicked), a, toast_action_free, 0);
  }
  adw_toast_overlay_add_toast(self->toasts, toast);
}

/* ---- actions ---- */

static void library_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  kl_window_set_project(KL_WINDOW(widget), NULL);
}

static void retitled(GtkWidget *widget, const char *text, gpointer project) {
  g_autoptr(GError) error = NULL;
  if (!kl_project_set_title(project, text, &error)) kl_window_toast(widget, error->message);
}

static void rename_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlWindow *self = KL_WINDOW(widget);
  kl_ask_text(widget, _("Rename Project"), NULL, _("_Rename"), kl_project_title(self->project), retitled,
              self->project);
}

static void history_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlWindow *self = KL_WINDOW(widget);
  g_autoptr(GError) error = NULL;
  bool undo = g_str_equal(name, "win.undo");
  g_autofree char *label = NULL;
  g_object_get(self->project, undo ? "undo-label" : "redo-label", &label, NULL);
  if (undo ? !kl_project_undo(self->project, &error) : !kl_project_redo(self->project, &error)) {
    if (error) kl_window_toast(widget, error->message);
    return;
  }
  if (!label || !*label) return;
  g_autofree char *text = g_strdup_printf(undo ? _("Undone: %s") : _("Done again: %s"), label);
  kl_window_toast(widget, text);
}

static void export_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlWindow *self = KL_WINDOW(widget);
  GtkWidget *dialog = kl_export_dialog_new();
  kl_export_dialog_set_project(KL_EXPORT_DIALOG(dialog), self->project);
  gtk_window_set_transient_for(GTK_WINDOW(dialog), GTK_WINDOW(self));
  gtk_window_present(GTK_WINDOW(dialog));
}

static void generator_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  kl_project_page_toggle_generator(KL_WINDOW(widget)->page);
}

static void side_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  kl_project_page_toggle_side(KL_WINDOW(widget)->page);
}

static gboolean kl_window_close_request(GtkWindow *window) {
  leave_project(KL_WINDOW(window));
  return GTK_WINDOW_CLASS(kl_window_parent_class)->close_request(window);
}

static void kl_window_dispose(GObject *object) {
  KlWindow *self = KL_WINDOW(object);
  leave_project(self);
  g_clear_object(&self->library);
  g_clear_object(&self->queue);
  G_OBJECT_CLASS(kl_window_parent_class)->dispose(object);
}

static void kl_window_class_init(KlWindowClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_window_dispose;
  GTK_WINDOW_CLASS(klass)->close_request = kl_window_close_request;
  signals[LEFT] = g_signal_new("left", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 1, KL_TYPE_PROJECT);
  g_type_ensure(KL_TYPE_LIBRARY_VIEW);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/window.ui");
  gtk_widget_class_bind_template_child(widget, KlWindow, toasts);
  gtk_widget_class_bind_template_child(widget, KlWindow, pages);
  gtk_widget_class_bind_template_child(widget, KlWindow, library_view);
  gtk_widget_class_install_action(widget, "win.library", NULL, library_action);
  gtk_widget_class_install_action(widget, "win.rename", NULL, rename_action);
  gtk_widget_class_install_action(widget, "win.undo", NULL, history_action);
  gtk_widget_class_install_action(widget, "win.redo", NULL, history_action);
  gtk_widget_class_install_action(widget, "win.export", NULL, export_action);
  gtk_widget_class_install_action(widget, "win.toggle-generator", NULL, generator_action);
  gtk_widget_class_install_action(widget, "win.toggle-side", NULL, side_action);
}

static void kl_window_init(KlWindow *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  update(self);
}

GtkWidget *kl_window_new(GtkApplication *app, KlLibrary *library, KlQueue *queue) {
  KlWindow *self = g_object_new(KL_TYPE_WINDOW, "application", app, NULL);
  self->library = g_object_ref(library);
  self->queue = g_object_ref(queue);
  kl_library_view_set_library(self->library_view, library);
  return GTK_WIDGET(self);
}
