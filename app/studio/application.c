#include "app/studio/application.h"

#include "app/studio/desk.h"
#include "app/studio/projects.h"
#include "ui/i18n.h"
#include "ui/model_manager.h"
#include "ui/preferences.h"
#include "ui/resources.h"
#include "ui/window.h"

struct _KlApplication {
  AdwApplication parent;
  KlLibrary *library;
  KlQueue *queue;
  KlProjects *projects;
  gint64 began; /* monotonic microseconds */
  bool leaving; /* quits as soon as every project is closed */
};

G_DEFINE_FINAL_TYPE(KlApplication, kl_application, ADW_TYPE_APPLICATION)

static const struct {
  const char *action, *keys[3];
} SHORTCUTS[] = {
    {"app.quit", {"<Control>q"}},
    {"app.new", {"<Control>n"}},
    {"app.open", {"<Control>o"}},
    {"app.models", {"<Control>m"}},
    {"app.preferences", {"<Control>comma"}},
    {"win.show-help-overlay", {"<Control>question", "<Control>slash"}},
    {"win.library", {"<Alt>Left", "<Control>l"}},
    {"win.rename", {"<Control><Shift>r"}},
    {"win.undo", {"<Control>z"}},
    {"win.redo", {"<Control><Shift>z", "<Control>y"}},
    {"win.export", {"<Control>e"}},
    {"generator.generate", {"<Control>Return", "<Control>KP_Enter"}},
    {"generator.prompt", {"<Control>p"}},
    {"queue.pause-all", {"<Control><Shift>p"}},
    {"win.toggle-generator", {"F9"}},
    {"win.toggle-side", {"<Shift>F9"}},
    {"project.open-files", {"<Control>i"}},
    {"window.close", {"<Control>w"}},
};

/* ---- windows ---- */

static void window_left(KlApplication *self, KlProject *project) {
  kl_projects_hide(self->projects, project);
}

static KlWindow *new_window(KlApplication *self) {
  GtkWidget *w = kl_window_new(GTK_APPLICATION(self), self->library, self->queue);
  g_signal_connect_object(w, "left", G_CALLBACK(window_left), self, G_CONNECT_SWAPPED);
  return KL_WINDOW(w);
}

static KlWindow *front_window(KlApplication *self) {
  for (GList *l = gtk_application_get_windows(GTK_APPLICATION(self)); l; l = l->next)
    if (KL_IS_WINDOW(l->data)) return l->data;
  return new_window(self);
}

/* A window that shows the library, so that a project does not push another one away. */
static KlWindow *free_window(KlApplication *self) {
  KlWindow *front = front_window(self);
  return kl_window_get_project(front) ? new_window(self) : front;
}

static KlWindow *window_of(KlApplication *self, KlProject *project) {
  for (GList *l = gtk_application_get_windows(GTK_APPLICATION(self)); l; l = l->next)
    if (KL_IS_WINDOW(l->data) && kl_window_get_project(l->data) == project) return l->data;
  return NULL;
}

static void complain(KlApplication *self, const GError *error) {
  KlWindow *w = front_window(self);
  gtk_window_present(GTK_WINDOW(w));
  kl_window_toast(GTK_WIDGET(w), error->message);
}

static KlWindow *show_project(KlApplication *self, KlProject *project) {
  KlWindow *w = window_of(self, project);
  if (w) {
    kl_projects_hide(self->projects, project); /* it was shown already */
  } else {
    w = free_window(self);
    kl_library_note(self->library, project);
    kl_window_set_project(w, project);
  }
  gtk_window_present(GTK_WINDOW(w));
  return w;
}

static void open_path(KlApplication *self, const char *path) {
  g_autoptr(GError) error = NULL;
  KlProject *project = kl_projects_open(self->projects, path, &error);
  if (project)
    show_project(self, project);
  else
    complain(self, error);
}

static KlWindow *new_project(KlApplication *self, const char *title) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KlProject) project = kl_library_create(self->library, title, &error);
  if (!project) {
    complain(self, error);
    return NULL;
  }
  kl_projects_add(self->projects, project);
  return show_project(self, project);
}

static void present_over(KlApplication *self, GtkWidget *dialog) {
  gtk_window_set_transient_for(GTK_WINDOW(dialog), GTK_WINDOW(front_window(self)));
  gtk_window_present(GTK_WINDOW(dialog));
}

/* ---- actions ---- */

static void all_closed(gpointer user) {
  g_application_release(G_APPLICATION(user));
  g_application_quit(G_APPLICATION(user));
}

/* Windows go at once; the running render stops at a place from where it goes on. */
static void leave(KlApplication *self) {
  if (self->leaving) return;
  self->leaving = true;
  g_application_hold(G_APPLICATION(self));
  GList *windows = g_list_copy(gtk_application_get_windows(GTK_APPLICATION(self)));
  for (GList *l = windows; l; l = l->next)
    if (KL_IS_WINDOW(l->data)) gtk_window_destroy(l->data);
  g_list_free(windows);
  kl_projects_close_all(self->projects, all_closed, self);
}

static void quit_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  leave(user);
}

static void new_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  new_project(user, _("New Project"));
}

static void chosen(GtkNativeDialog *chooser, int response, gpointer user) {
  KlApplication *self = user;
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
    g_autofree char *path = g_file_get_path(file);
    if (path) open_path(self, path);
  }
  g_object_unref(chooser);
}

static void open_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlApplication *self = user;
  GtkFileChooserNative *chooser =
      gtk_file_chooser_native_new(_("Open Project"), GTK_WINDOW(front_window(self)),
                                  GTK_FILE_CHOOSER_ACTION_OPEN, _("_Open"), _("_Cancel"));
  g_autoptr(GtkFileFilter) filter = gtk_file_filter_new();
  gtk_file_filter_set_name(filter, _("Kinoloom projects"));
  gtk_file_filter_add_pattern(filter, "*.kinoloom");
  gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(chooser), filter);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(chooser), TRUE);
  g_signal_connect_object(chooser, "response", G_CALLBACK(chosen), self, 0);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

static void open_path_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  open_path(user, g_variant_get_string(parameter, NULL));
}

static void example_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  g_autoptr(KlJobSpec) job = kl_job_new();
  g_autoptr(GError) error = NULL;
  KlWindow *w = new_project(user, _("First Steps"));
  if (!w) return;
  if (kl_job_set_prompt(job, (KlTime){0}, g_variant_get_string(parameter, NULL), &error))
    kl_window_make(w, job);
  else
    kl_window_toast(GTK_WIDGET(w), error->message);
}

static void models_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  present_over(user, kl_model_manager_new());
}

static void preferences_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  present_over(user, kl_preferences_new());
}

static void about_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  adw_show_about_window(GTK_WINDOW(front_window(user)), "application-name", "Kinoloom", "application-icon",
                        "org.kinoloom.Studio", "version", KL_VERSION, "developer-name",
                        _("The Kinoloom authors"), "license-type", GTK_LICENSE_APACHE_2_0, "comments",
                        _("Makes videos from words on your own machine. Nothing is sent anywhere."),
                        "translator-credits",
                        /* Translators: your names, a line each */
                        _("translator-credits"), NULL);
}

static const GActionEntry ACTIONS[] = {
    {.name = "quit", .activate = quit_action},
    {.name = "new", .activate = new_action},
    {.name = "open", .activate = open_action},
    {.name = "open-path", .activate = open_path_action, .parameter_type = "s"},
    {.name = "example", .activate = example_action, .parameter_type = "s"},
    {.name = "models", .activate = models_action},
    {.name = "preferences", .activate = preferences_action},
    {.name = "about", .activate = about_action},
};

/* ---- the life of it ---- */

static void kl_application_startup(GApplication *app) {
  KlApplication *self = KL_APPLICATION(app);
  kl_ui_resources_register();
  G_APPLICATION_CLASS(kl_application_parent_class)->startup(app);
  g_action_map_add_action_entries(G_ACTION_MAP(app), ACTIONS, G_N_ELEMENTS(ACTIONS), app);
  for (size_t i = 0; i < G_N_ELEMENTS(SHORTCUTS); i++)
    gtk_application_set_accels_for_action(GTK_APPLICATION(app), SHORTCUTS[i].action, SHORTCUTS[i].keys);
  gtk_window_set_default_icon_name("org.kinoloom.Studio");
  self->library = kl_library_new();
  self->queue = kl_queue_new();
  self->projects = kl_projects_new(self->queue);
  kl_desk_attach(GTK_APPLICATION(app), self->queue);
}

/* The window is seen; what it shows besides may come now. */
static void first_frame(GdkFrameClock *clock, KlApplication *self) {
  g_signal_handlers_disconnect_by_data(clock, self);
  g_debug("first frame after %d ms", (int)((g_get_monotonic_time() - self->began) / 1000));
  kl_library_refresh(self->library);
}

static void kl_application_activate(GApplication *app) {
  KlApplication *self = KL_APPLICATION(app);
  bool first = !gtk_application_get_windows(GTK_APPLICATION(app));
  GtkWidget *w = GTK_WIDGET(front_window(self));
  gtk_window_present(GTK_WINDOW(w));
  if (first)
    g_signal_connect_object(gtk_widget_get_frame_clock(w), "after-paint", G_CALLBACK(first_frame), self, 0);
}

/* Projects; what is none says so in a toast. */
static void kl_application_open(GApplication *app, GFile **files, int n, const char *hint) {
  for (int i = 0; i < n; i++) {
    g_autofree char *path = g_file_get_path(files[i]);
    if (path) open_path(KL_APPLICATION(app), path);
  }
}

/* The last window was closed: what runs is stopped before the process ends. */
static void kl_application_window_removed(GtkApplication *app, GtkWindow *window) {
  GTK_APPLICATION_CLASS(kl_application_parent_class)->window_removed(app, window);
  for (GList *l = gtk_application_get_windows(app); l; l = l->next)
    if (KL_IS_WINDOW(l->data)) return;
  leave(KL_APPLICATION(app));
}

static void kl_application_shutdown(GApplication *app) {
  KlApplication *self = KL_APPLICATION(app);
  if (self->projects) kl_projects_free(self->projects);
  self->projects = NULL;
  g_clear_object(&self->queue);
  g_clear_object(&self->library);
  G_APPLICATION_CLASS(kl_application_parent_class)->shutdown(app);
}

static void kl_application_class_init(KlApplicationClass *klass) {
  GApplicationClass *app = G_APPLICATION_CLASS(klass);
  app->startup = kl_application_startup;
  app->activate = kl_application_activate;
  app->open = kl_application_open;
  app->shutdown = kl_application_shutdown;
  GTK_APPLICATION_CLASS(klass)->window_removed = kl_application_window_removed;
}

static void kl_application_init(KlApplication *self) {
  self->began = g_get_monotonic_time();
}

KlApplication *kl_application_new(void) {
  return g_object_new(KL_TYPE_APPLICATION, "application-id", "org.kinoloom.Studio", "resource-base-path",
                      "/org/kinoloom/Studio", "flags", G_APPLICATION_HANDLES_OPEN, NULL);
}
