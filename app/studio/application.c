#include "app/studio/application.h"

#include "ui/i18n.h"
#include "ui/model_manager.h"
#include "ui/preferences.h"
#include "ui/resources.h"
#include "ui/window.h"

struct _KlApplication {
  AdwApplication parent;
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
    {"win.undo", {"<Control>z"}},
    {"win.redo", {"<Control><Shift>z", "<Control>y"}},
    {"win.export", {"<Control>e"}},
    {"win.toggle-generator", {"F9"}},
    {"win.toggle-side", {"<Shift>F9"}},
    {"window.close", {"<Control>w"}},
};

static GtkWindow *front_window(KlApplication *self) {
  GtkWindow *w = gtk_application_get_active_window(GTK_APPLICATION(self));
  return w ? w : GTK_WINDOW(kl_window_new(GTK_APPLICATION(self)));
}

static void present_over(KlApplication *self, GtkWidget *dialog) {
  gtk_window_set_transient_for(GTK_WINDOW(dialog), front_window(self));
  gtk_window_present(GTK_WINDOW(dialog));
}

static void quit_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  g_application_quit(G_APPLICATION(user));
}

static void new_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  GtkWindow *w = front_window(user);
  if (KL_IS_WINDOW(w)) kl_window_set_project(KL_WINDOW(w), NULL);
  gtk_window_present(w);
}

static void open_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  GtkWindow *w = front_window(user);
  gtk_window_present(w);
  if (KL_IS_WINDOW(w)) kl_window_show_library(KL_WINDOW(w));
}

static void models_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  present_over(user, kl_model_manager_new());
}

static void preferences_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  present_over(user, kl_preferences_new());
}

static void about_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  adw_show_about_window(front_window(user), "application-name", "Kinoloom", "application-icon",
                        "org.kinoloom.Studio", "version", KL_VERSION, "developer-name",
                        _("The Kinoloom authors"), "license-type", GTK_LICENSE_APACHE_2_0, "comments",
                        _("Makes videos from words on your own machine. Nothing leaves it."), NULL);
}

static const GActionEntry ACTIONS[] = {
    {.name = "quit", .activate = quit_action},
    {.name = "new", .activate = new_action},
    {.name = "open", .activate = open_action},
    {.name = "models", .activate = models_action},
    {.name = "preferences", .activate = preferences_action},
    {.name = "about", .activate = about_action},
};

static void kl_application_startup(GApplication *app) {
  kl_ui_resources_register();
  G_APPLICATION_CLASS(kl_application_parent_class)->startup(app);
  g_action_map_add_action_entries(G_ACTION_MAP(app), ACTIONS, G_N_ELEMENTS(ACTIONS), app);
  for (size_t i = 0; i < G_N_ELEMENTS(SHORTCUTS); i++)
    gtk_application_set_accels_for_action(GTK_APPLICATION(app), SHORTCUTS[i].action, SHORTCUTS[i].keys);
  gtk_window_set_default_icon_name("org.kinoloom.Studio");
}

static void kl_application_activate(GApplication *app) {
  gtk_window_present(front_window(KL_APPLICATION(app)));
}

static void kl_application_class_init(KlApplicationClass *klass) {
  G_APPLICATION_CLASS(klass)->startup = kl_application_startup;
  G_APPLICATION_CLASS(klass)->activate = kl_application_activate;
}

static void kl_application_init(KlApplication *self) {}

KlApplication *kl_application_new(void) {
  return g_object_new(KL_TYPE_APPLICATION, "application-id", "org.kinoloom.Studio", "resource-base-path",
                      "/org/kinoloom/Studio", NULL);
}
