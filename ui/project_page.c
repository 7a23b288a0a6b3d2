#include "ui/project_page.h"

#include "app/core/play/film_source.h"
#include "ui/chunk_strip.h"
#include "ui/compare.h"
#include "ui/format.h"
#include "ui/generator_panel.h"
#include "ui/history_view.h"
#include "ui/i18n.h"
#include "ui/keys.h"
#include "ui/names.h"
#include "ui/preview.h"
#include "ui/queue_view.h"
#include "ui/reveal.h"
#include "ui/take.h"
#include "ui/timeline_view.h"
#include "ui/window.h"

struct _KlProjectPage {
  AdwBin parent;
  KlQueue *queue;
  KlProject *project;
  AdwWindowTitle *title;
  AdwFlap *generator_flap, *side_flap;
  KlGeneratorPanel *generator;
  KlPreview *preview;
  KlChunkStrip *chunks;
  KlTimelineView *timeline;
  KlQueueView *queue_view;
  KlHistoryView *history;
  GtkWidget *drop_hint;
  bool film; /* the preview shows the timeline */
};

G_DEFINE_FINAL_TYPE(KlProjectPage, kl_project_page, ADW_TYPE_BIN)

static KlRender *render_of(KlProjectPage *self, GVariant *id) {
  return self->project ? kl_project_render(self->project, g_variant_get_int64(id)) : NULL;
}

/* ---- the title ---- */

static void update_title(KlProjectPage *self) {
  if (!self->project) return;
  GListModel *tracks = kl_project_tracks(self->project);
  int clips = 0, num, den;
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(tracks, i);
    clips += (int)g_list_model_get_n_items(kl_track_clips(t));
  }
  kl_project_rate(self->project, &num, &den);
  g_autofree char *length = kl_seconds_text((double)kl_project_length(self->project) * den / num);
  g_autofree char *text =
      kl_project_read_only(self->project) ? g_strdup(_("read-only"))
      : clips == 0                        ? g_strdup("")
                   /* Translators: how many clips, and how long the film is: "3 clips · 42 s" */
                   : g_strdup_printf(ngettext("%d clip · %s", "%d clips · %s", (gulong)clips), clips, length);
  adw_window_title_set_title(self->title, kl_project_title(self->project));
  adw_window_title_set_subtitle(self->title, text);
}

/* ---- the render that is looked at ---- */

static void show_render(KlProjectPage *self, KlRender *render) {
  self->film = false;
  kl_preview_show_render(self->preview, render);
  kl_chunk_strip_set_render(self->chunks, render);
}

static bool idle(KlProjectPage *self) {
  KlRender *shown = kl_preview_render(self->preview);
  return !gtk_media_stream_get_playing(GTK_MEDIA_STREAM(kl_preview_movie(self->preview))) || !shown;
}

static void started(KlProjectPage *self, KlProject *project, KlRender *render) {
  if (project == self->project && idle(self)) show_render(self, render);
}

static void pictured(KlProjectPage *self, KlRender *render, gint64 frame, GBytes *rgb, int width,
                     int height) {
  kl_preview_show_pixels(self->preview, render, frame, rgb, width, height);
}

static void noted(KlProjectPage *self, KlRender *render, const char *text) {
  if (self->project && kl_project_render(self->project, kl_render_id(render)) == render)
    kl_window_toast(GTK_WIDGET(self), text);
}

static void finished(KlProjectPage *self, KlProject *project, KlRender *render) {
  if (project == self->project && kl_render_state(render) == KL_RENDER_FAILED)
    kl_window_toast(GTK_WIDGET(self), kl_render_error_text(render));
}

/* The queue offers it too, where it is seen. */
static void offer_to_resume(KlProjectPage *self) {
  if (adw_flap_get_reveal_flap(self->side_flap)) return;
  GListModel *pending = kl_project_pending(self->project);
  for (guint i = 0; i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    if (!kl_render_interrupted(r)) continue;
    g_autofree char *action = g_strdup_printf("project.resume(int64 %" G_GINT64_FORMAT ")", kl_render_id(r));
    kl_window_toast_action(GTK_WIDGET(self), _("A render was cut off when the program ended"), _("_Resume"),
                           action);
    return;
  }
}

/* The running render, else the newest one that can be looked at. */
static KlRender *first_to_show(KlProject *project) {
  GListModel *renders = kl_project_renders(project);
  KlRender *best = NULL;
  for (guint i = 0; i < g_list_model_get_n_items(renders); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(renders, i);
    if (kl_render_state(r) == KL_RENDER_RUNNING) return r;
    if (!best && (kl_render_asset(r) || kl_render_chunks_done(r) > 0)) best = r;
  }
  return best; /* the list keeps it */
}

/* ---- the timeline in the preview ---- */

static void show_film(KlProjectPage *self, gint64 at) {
  if (!self->project || !kl_project_length(self->project)) return;
  self->film = true;
  kl_chunk_strip_set_render(self->chunks, NULL);
  kl_preview_show_source(self->preview, kl_play_source_film, kl_timeline_of_project(self->project),
                         (GDestroyNotify)kl_timeline_unref, at, kl_project_title(self->project));
}

static void film_sought(KlProjectPage *self, gint64 frame) {
  if (self->film)
    kl_preview_seek(self->preview, frame);
  else
    show_film(self, frame);
}

static void film_changed(KlProjectPage *self) {
  if (!self->film || !self->project) return;
  if (kl_project_length(self->project))
    show_film(self, kl_preview_position(self->preview));
  else
    show_render(self, first_to_show(self->project)); /* its last clip is gone */
}

static void film_played(KlProjectPage *self) {
  if (self->film) {
    gtk_widget_activate_action(GTK_WIDGET(self->preview), "preview.play", NULL);
    return;
  }
  show_film(self, kl_timeline_view_get_position(self->timeline));
  if (self->film) kl_preview_play(self->preview);
}

static void preview_moved(KlProjectPage *self, gint64 frame) {
  if (self->film) kl_timeline_view_set_position(self->timeline, frame);
}

/* A chunk was picked. */
static void play_chunk(KlProjectPage *self, KlChunkRow *chunk) {
  gint64 first;
  int frames;
  kl_chunk_row_span(chunk, &first, &frames);
  g_autofree char *name = g_strdup_printf(_("Chunk %d"), kl_chunk_row_index(chunk) + 1);
  kl_preview_play_range(self->preview, first, first + frames - 1, name);
}

/* ---- what goes in and out ---- */

void kl_project_page_set_queue(KlProjectPage *self, KlQueue *queue) {
  self->queue = g_object_ref(queue);
  kl_generator_panel_set_queue(self->generator, queue);
  kl_queue_view_set_queue(self->queue_view, queue);
  g_signal_connect_object(queue, "started", G_CALLBACK(started), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "finished", G_CALLBACK(finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "preview", G_CALLBACK(pictured), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(queue, "note", G_CALLBACK(noted), self, G_CONNECT_SWAPPED);
}

void kl_project_page_set_project(KlProjectPage *self, KlProject *project) {
  if (project == self->project) return;
  if (self->project) g_signal_handlers_disconnect_by_data(self->project, self);
  g_set_object(&self->project, project);
  kl_generator_panel_set_project(self->generator, project);
  kl_preview_set_project(self->preview, project);
  kl_chunk_strip_set_project(self->chunks, project);
  kl_timeline_view_set_project(self->timeline, project);
  kl_queue_view_set_project(self->queue_view, project);
  kl_history_view_set_project(self->history, project);
  if (!project) return;
  g_signal_connect_swapped(project, "notify::title", G_CALLBACK(update_title), self);
  g_signal_connect_swapped(project, "timeline-changed", G_CALLBACK(update_title), self);
  update_title(self);
  show_render(self, first_to_show(project));
  offer_to_resume(self);
}

void kl_project_page_restore_job(KlProjectPage *self, const KlJobSpec *job) {
  adw_flap_set_reveal_flap(self->generator_flap, TRUE);
  kl_generator_panel_set_job(self->generator, job, false);
}

void kl_project_page_make(KlProjectPage *self, const KlJobSpec *job) {
  kl_generator_panel_set_job(self->generator, job, true);
}

void kl_project_page_toggle_generator(KlProjectPage *self) {
  adw_flap_set_reveal_flap(self->generator_flap, !adw_flap_get_reveal_flap(self->generator_flap));
}

void kl_project_page_toggle_side(KlProjectPage *self) {
  adw_flap_set_reveal_flap(self->side_flap, !adw_flap_get_reveal_flap(self->side_flap));
}

/* In a narrow window the columns lie over the middle: they wait until they are asked for. */
static void folded_changed(AdwFlap *flap) {
  adw_flap_set_reveal_flap(flap, !adw_flap_get_folded(flap));
}

/* ---- drops ---- */

static void taken(GObject *source, GAsyncResult *result, gpointer user) {
  g_autoptr(KlProjectPage) self = user;
  g_autoptr(KlJobSpec) job = NULL;
  g_autoptr(KlAsset) asset = NULL;
  g_autoptr(GError) error = NULL;
  if (!kl_take_finish(result, &job, &asset, &error)) {
    kl_window_toast(GTK_WIDGET(self), error->message);
    return;
  }
  if (KL_PROJECT(source) != self->project) return; /* another one is shown by now */
  if (job) {
    kl_project_page_restore_job(self, job);
    kl_window_toast(GTK_WIDGET(self), _("The settings that made it stand in the panel"));
    return;
  }
  g_autofree char *text = g_strdup_printf(_("“%s” is in the project"), kl_asset_name(asset));
  g_autofree char *action =
      g_strdup_printf("project.add-asset(int64 %" G_GINT64_FORMAT ")", kl_asset_id(asset));
  kl_window_toast_action(GTK_WIDGET(self), text, _("_Add to Timeline"), action);
  if (kl_asset_path(asset) && kl_asset_kind(asset) != KL_ASSET_AUDIO) {
    self->film = false;
    kl_chunk_strip_set_render(self->chunks, NULL);
    kl_preview_show_file(self->preview, kl_asset_path(asset), kl_asset_name(asset));
  }
}

static void take_file(KlProjectPage *self, GFile *file) {
  g_autofree char *path = g_file_get_path(file);
  if (path && g_str_has_suffix(path, ".kinoloom"))
    gtk_widget_activate_action(GTK_WIDGET(self), "app.open-path", "s", path);
  else
    kl_take_file_async(self->project, file, taken, g_object_ref(self));
}

static gboolean dropped(KlProjectPage *self, const GValue *value) {
  if (!self->project) return FALSE;
  if (G_VALUE_HOLDS(value, GDK_TYPE_FILE_LIST)) {
    GSList *files = g_value_get_boxed(value);
    for (GSList *l = files; l; l = l->next) take_file(self, l->data);
    return files != NULL;
  }
  kl_take_texture_async(self->project, g_value_get_object(value), taken, g_object_ref(self));
  return TRUE;
}

static GdkDragAction drag_entered(KlProjectPage *self) {
  gtk_widget_set_visible(self->drop_hint, TRUE);
  return GDK_ACTION_COPY;
}

static void drag_left(KlProjectPage *self) {
  gtk_widget_set_visible(self->drop_hint, FALSE);
}

/* Takes what comes from other programs; drags within this one go to the wells and the timeline. */
static gboolean drop_accepted(KlProjectPage *self, GdkDrop *drop) {
  return self->project && !gdk_drop_get_drag(drop);
}

static void add_drop_target(KlProjectPage *self) {
  GType types[] = {GDK_TYPE_FILE_LIST, GDK_TYPE_TEXTURE};
  GtkDropTarget *target = gtk_drop_target_new(G_TYPE_INVALID, GDK_ACTION_COPY);
  gtk_drop_target_set_gtypes(target, types, G_N_ELEMENTS(types));
  g_signal_connect_swapped(target, "accept", G_CALLBACK(drop_accepted), self);
  g_signal_connect_swapped(target, "enter", G_CALLBACK(drag_entered), self);
  g_signal_connect_swapped(target, "leave", G_CALLBACK(drag_left), self);
  g_signal_connect_swapped(target, "drop", G_CALLBACK(dropped), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(target));
}

static void files_chosen(GtkNativeDialog *chooser, int response, KlProjectPage *self) {
  if (response == GTK_RESPONSE_ACCEPT && self->project) {
    g_autoptr(GListModel) files = gtk_file_chooser_get_files(GTK_FILE_CHOOSER(chooser));
    for (guint i = 0; i < g_list_model_get_n_items(files); i++) {
      g_autoptr(GFile) file = g_list_model_get_item(files, i);
      take_file(self, file);
    }
  }
  g_object_unref(chooser);
}

/* ---- actions ---- */

static void open_files_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  GtkWindow *window = GTK_WINDOW(gtk_widget_get_root(widget));
  GtkFileChooserNative *chooser =
      gtk_file_chooser_native_new(_("Add Files"), window, GTK_FILE_CHOOSER_ACTION_OPEN, _("_Add"), NULL);
  gtk_file_chooser_set_select_multiple(GTK_FILE_CHOOSER(chooser), TRUE);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(chooser), TRUE);
  g_signal_connect_object(chooser, "response", G_CALLBACK(files_chosen), widget, 0);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

static void show_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlRender *r = render_of(self, parameter);
  if (r) show_render(self, r);
}

static void settings_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlRender *r = render_of(self, parameter);
  if (!r) return;
  if (g_str_equal(name, "project.copy-settings")) {
    g_autofree char *json = kl_job_serialise(kl_render_job(r), true);
    gdk_clipboard_set_text(gtk_widget_get_clipboard(widget), json);
    kl_window_toast(widget, _("The settings are on the clipboard, as a job file"));
  } else {
    kl_project_page_restore_job(self, kl_render_job(r));
    kl_window_toast(widget, _("The settings that made it stand in the panel"));
  }
}

static void reveal_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlRender *r = render_of(KL_PROJECT_PAGE(widget), parameter);
  if (r) kl_reveal_file(widget, kl_render_output(r));
}

static void delete_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlRender *r = render_of(self, parameter);
  g_autoptr(GError) error = NULL;
  if (!r) return;
  if (kl_preview_render(self->preview) == r) show_render(self, NULL);
  if (kl_project_remove_render(self->project, r, &error))
    kl_window_toast_action(widget, _("Result deleted"), _("_Undo"), "win.undo");
  else
    kl_window_toast(widget, error->message);
}

static void resume_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlRender *r = render_of(self, parameter);
  if (r) kl_queue_resume(self->queue, r);
}

static void timeline_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlRender *r = render_of(self, parameter);
  if (r && kl_render_asset(r)) kl_timeline_view_add_asset(self->timeline, kl_render_asset(r));
}

static void asset_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  KlAsset *asset = self->project ? kl_project_asset(self->project, g_variant_get_int64(parameter)) : NULL;
  if (asset) kl_timeline_view_add_asset(self->timeline, asset);
}

static void compare_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  gint64 a, b;
  g_variant_get(parameter, "(xx)", &a, &b);
  KlRender *left = self->project ? kl_project_render(self->project, a) : NULL;
  KlRender *right = self->project ? kl_project_render(self->project, b) : NULL;
  if (!left || !right) return;
  GtkWidget *window = kl_compare_new(left, right);
  gtk_window_set_transient_for(GTK_WINDOW(window), GTK_WINDOW(gtk_widget_get_root(widget)));
  gtk_window_present(GTK_WINDOW(window));
}

static void first_frame_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlProjectPage *self = KL_PROJECT_PAGE(widget);
  adw_flap_set_reveal_flap(self->generator_flap, TRUE);
  kl_generator_panel_set_image(self->generator, g_variant_get_string(parameter, NULL));
}

static gboolean preview_key(GtkWidget *page, GVariant *arguments, gpointer action) {
  return gtk_widget_activate_action(GTK_WIDGET(KL_PROJECT_PAGE(page)->preview), action, NULL);
}

/* Keys that no focused widget wanted go to the preview. */
static void add_preview_keys(KlProjectPage *self) {
  static const KlKey KEYS[] = {{"space", "preview.play"}, {"j", "preview.backward"}, {"k", "preview.stop"},
                               {"l", "preview.forward"},  {"r", "preview.loop"},     {"z", "preview.zoom"}};
  kl_add_keys(GTK_WIDGET(self), KEYS, G_N_ELEMENTS(KEYS), preview_key);
}

static void kl_project_page_dispose(GObject *object) {
  KlProjectPage *self = KL_PROJECT_PAGE(object);
  if (self->project) g_signal_handlers_disconnect_by_data(self->project, self);
  g_clear_object(&self->project);
  g_clear_object(&self->queue);
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
  gtk_widget_class_bind_template_child(widget, KlProjectPage, queue_view);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, history);
  gtk_widget_class_bind_template_child(widget, KlProjectPage, drop_hint);
  gtk_widget_class_install_action(widget, "project.open-files", NULL, open_files_action);
  gtk_widget_class_install_action(widget, "project.show-render", "x", show_action);
  gtk_widget_class_install_action(widget, "project.use-settings", "x", settings_action);
  gtk_widget_class_install_action(widget, "project.copy-settings", "x", settings_action);
  gtk_widget_class_install_action(widget, "project.reveal", "x", reveal_action);
  gtk_widget_class_install_action(widget, "project.delete-render", "x", delete_action);
  gtk_widget_class_install_action(widget, "project.resume", "x", resume_action);
  gtk_widget_class_install_action(widget, "project.to-timeline", "x", timeline_action);
  gtk_widget_class_install_action(widget, "project.add-asset", "x", asset_action);
  gtk_widget_class_install_action(widget, "project.compare", "(xx)", compare_action);
  gtk_widget_class_install_action(widget, "project.first-frame", "s", first_frame_action);
}

static void kl_project_page_init(KlProjectPage *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  g_signal_connect(self->generator_flap, "notify::folded", G_CALLBACK(folded_changed), NULL);
  g_signal_connect(self->side_flap, "notify::folded", G_CALLBACK(folded_changed), NULL);
  g_signal_connect_swapped(self->timeline, "seek", G_CALLBACK(film_sought), self);
  g_signal_connect_swapped(self->timeline, "changed", G_CALLBACK(film_changed), self);
  g_signal_connect_swapped(self->timeline, "play", G_CALLBACK(film_played), self);
  g_signal_connect_swapped(self->preview, "position", G_CALLBACK(preview_moved), self);
  g_signal_connect_swapped(self->chunks, "play", G_CALLBACK(play_chunk), self);
  g_signal_connect_swapped(self->chunks, "made", G_CALLBACK(show_render), self);
  add_drop_target(self);
  add_preview_keys(self);
}

GtkWidget *kl_project_page_new(void) {
  return g_object_new(KL_TYPE_PROJECT_PAGE, NULL);
}
