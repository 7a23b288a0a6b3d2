#include "ui/window.h"

#include "ui/export_dialog.h"
#include "ui/i18n.h"
#include "ui/library_view.h"
#include "ui/project_page.h"

struct _KlWindow {
  AdwApplicationWindow parent;
  KlProject *project;
  KlProjectPage *page; /* NULL until a project is opened */
  AdwToastOverlay *toasts;
  AdwLeaflet *pages;
  KlLibraryView *library;
};

G_DEFINE_FINAL_TYPE(KlWindow, kl_window, ADW_TYPE_APPLICATION_WINDOW)

static void update_actions(KlWindow *self) {
  GtkWidget *widget = GTK_WIDGET(self);
  bool shown = self->page && adw_leaflet_get_visible_child(self->pages) == GTK_WIDGET(self->page);
  gtk_widget_action_set_enabled(widget, "win.library", shown);
  gtk_widget_action_set_enabled(widget, "win.toggle-generator", shown);
  gtk_widget_action_set_enabled(widget, "win.toggle-side", shown);
  gtk_widget_action_set_enabled(widget, "win.export", shown && self->project);
  gtk_widget_action_set_enabled(widget, "win.undo", false);
  gtk_widget_action_set_enabled(widget, "win.redo", false);
}

void kl_window_set_project(KlWindow *self, KlProject *project) {
  g_set_object(&self->project, project);
  if (!self->page) {
    self->page = KL_PROJECT_PAGE(kl_project_page_new());
    adw_leaflet_append(self->pages, GTK_WIDGET(self->page));
  }
  kl_project_page_set_project(self->page, project);
  adw_leaflet_set_visible_child(self->pages, GTK_WIDGET(self->page));
  update_actions(self);
}

KlProject *kl_window_get_project(KlWindow *self) {
  return self->project;
}

void kl_window_show_library(KlWindow *self) {
  adw_leaflet_set_visible_child(self->pages, GTK_WIDGET(self->library));
  update_actions(self);
}

static KlWindow *window_of(GtkWidget *inside) {
  return KL_WINDOW(gtk_widget_get_ancestor(inside, KL_TYPE_WINDOW));
}

void kl_window_toast(GtkWidget *inside, const char *text) {
  kl_window_toast_action(inside, text, NULL, NULL);
}

void kl_window_toast_action(GtkWidget *inside, const char *text, const char *button, const char *action) {
  KlWindow *self = window_of(inside);
  if (!self) return;
  AdwToast *toast = adw_toast_new(text);
  if (button) {
    adw_toast_set_button_label(toast, button);
    adw_toast_set_detailed_action_name(toast, action);
  }
  adw_toast_overlay_add_toast(self->toasts, toast);
}

static void library_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  kl_window_show_library(KL_WINDOW(widget));
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

static void kl_window_dispose(GObject *object) {
  KlWindow *self = KL_WINDOW(object);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_window_parent_class)->dispose(object);
}

static void kl_window_class_init(KlWindowClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_window_dispose;
  g_type_ensure(KL_TYPE_LIBRARY_VIEW);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/window.ui");
  gtk_widget_class_bind_template_child(widget, KlWindow, toasts);
  gtk_widget_class_bind_template_child(widget, KlWindow, pages);
  gtk_widget_class_bind_template_child(widget, KlWindow, library);
  gtk_widget_class_install_action(widget, "win.library", NULL, library_action);
  gtk_widget_class_install_action(widget, "win.export", NULL, export_action);
  gtk_widget_class_install_action(widget, "win.toggle-generator", NULL, generator_action);
  gtk_widget_class_install_action(widget, "win.toggle-side", NULL, side_action);
}

static void kl_window_init(KlWindow *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  update_actions(self);
}

GtkWidget *kl_window_new(GtkApplication *app) {
  return g_object_new(KL_TYPE_WINDOW, "application", app, NULL);
}
