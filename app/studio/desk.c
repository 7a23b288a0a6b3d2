#include "app/studio/desk.h"

#include "app/core/model_catalogue.h"
#include "ui/i18n.h"
#include "ui/model_list.h"
#include "ui/settings.h"

#include <string.h>

typedef struct {
  GtkApplication *app;
  guint inhibited; /* cookie, 0: none */
} Desk;

static void follow_theme(GSettings *s, const char *key, gpointer user) {
  g_autofree char *theme = g_settings_get_string(s, "theme");
  adw_style_manager_set_color_scheme(adw_style_manager_get_default(),
                                     !strcmp(theme, "light")  ? ADW_COLOR_SCHEME_FORCE_LIGHT
                                     : !strcmp(theme, "dark") ? ADW_COLOR_SCHEME_FORCE_DARK
                                                              : ADW_COLOR_SCHEME_DEFAULT);
}

static void follow_models_folder(GSettings *s, const char *key, gpointer user) {
  g_autofree char *folder = kl_settings_folder("models-folder");
  kl_catalogue_set_user_folder(folder);
  if (key) kl_model_list_refresh(); /* NULL: at the start, it is read when it is first asked for */
}

static void running_changed(KlQueue *queue, GParamSpec *spec, gpointer user) {
  Desk *d = user;
  g_autoptr(KlRender) now = NULL;
  g_object_get(queue, "running", &now, NULL);
  if (now && !d->inhibited)
    d->inhibited = gtk_application_inhibit(d->app, gtk_application_get_active_window(d->app),
                                           GTK_APPLICATION_INHIBIT_SUSPEND, _("A render is running"));
  if (now || !d->inhibited) return;
  gtk_application_uninhibit(d->app, d->inhibited);
  d->inhibited = 0;
}

static bool looked_at(GtkApplication *app) {
  for (GList *l = gtk_application_get_windows(app); l; l = l->next)
    if (gtk_window_is_active(l->data)) return true;
  return false;
}

static void finished(KlQueue *queue, KlProject *project, KlRender *r, gpointer user) {
  Desk *d = user;
  KlRenderState state = kl_render_state(r);
  const KlJobSpec *job = kl_render_job(r);
  if (state != KL_RENDER_DONE && state != KL_RENDER_FAILED) return;
  if (looked_at(d->app) || !g_settings_get_boolean(kl_settings(), "notifications")) return;
  g_autoptr(GNotification) n =
      g_notification_new(state == KL_RENDER_DONE ? _("Render Finished") : _("Render Failed"));
  g_autofree char *id = g_strdup_printf("render-%" G_GINT64_FORMAT, kl_render_id(r));
  const char *prompt = job->prompts->len ? g_array_index(job->prompts, KlJobPrompt, 0).text : "";
  const char *why = kl_render_error_text(r);
  g_autofree char *body = why ? g_strdup_printf("%s\n%s", prompt, why) : g_strdup(prompt);
  g_notification_set_body(n, body);
  g_notification_set_default_action_and_target(n, "app.open-path", "s", kl_project_path(project));
  g_application_send_notification(G_APPLICATION(d->app), id, n);
}

static void forget_removed(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  kl_model_forget_removed();
  g_task_return_boolean(task, TRUE);
}

void kl_desk_attach(GtkApplication *app, KlQueue *queue) {
  GSettings *s = kl_settings();
  Desk *d = g_new0(Desk, 1);
  d->app = app;
  g_object_set_data_full(G_OBJECT(queue), "desk", d, g_free);
  g_signal_connect(s, "changed::theme", G_CALLBACK(follow_theme), NULL);
  g_signal_connect(s, "changed::models-folder", G_CALLBACK(follow_models_folder), NULL);
  follow_theme(s, "theme", NULL);
  follow_models_folder(s, NULL, NULL);
  g_signal_connect(queue, "notify::running", G_CALLBACK(running_changed), d);
  g_signal_connect(queue, "finished", G_CALLBACK(finished), d);
  g_autoptr(GTask) task = g_task_new(NULL, NULL, NULL, NULL); /* what a crash left */
  g_task_run_in_thread(task, forget_removed);
}
