#include "ui/generator_panel.h"

#include "app/core/draft.h"
#include "ui/drop_well.h"
#include "ui/i18n.h"
#include "ui/job_fields.h"
#include "ui/model_list.h"
#include "ui/prompt_track.h"
#include "ui/settings.h"
#include "ui/verdict_box.h"
#include "ui/window.h"

#include <string.h>

#define SETTLE_MS 250 /* after the last change, before it is stored and judged */
#define SETTING "generator.job"

struct _KlGeneratorPanel {
  AdwBin parent;
  KlProject *project;
  KlQueue *queue;
  GtkToggleButton *video_mode, *picture_mode;
  KlPromptTrack *prompts;
  GtkBox *wells;
  KlDropWell *first_frame;
  KlJobFields *fields;
  KlVerdictBox *verdict;
  GSimpleActionGroup *actions;
  KlJobSpec *hidden; /* settings of a job that was taken over and that have no widget */
  KlJobSpec *before; /* what another job's settings replaced */
  guint settle;
  bool quiet, valid;
};

G_DEFINE_FINAL_TYPE(KlGeneratorPanel, kl_generator_panel, ADW_TYPE_BIN)

static bool still(KlGeneratorPanel *self) {
  return gtk_toggle_button_get_active(self->picture_mode);
}

/* What the panel shows as a job: only what is set. *valid: nothing typed is wrong. */
static KlJobSpec *draft(KlGeneratorPanel *self, bool *valid) {
  KlJobSpec *job = kl_job_new();
  const char *image = kl_drop_well_path(self->first_frame);
  bool words = kl_prompt_track_fill(self->prompts, job), numbers = kl_job_fields_fill(self->fields, job);
  *valid = words && numbers;
  kl_job_set(job, "task", "text-to-video", NULL);
  if (image) kl_job_set(job, "image", image, NULL);
  if (self->hidden) kl_job_merge(job, self->hidden);
  if (!kl_job_has(job, "seed")) kl_job_unset(job, "seeds"); /* they belong to the seed */
  return job;
}

static void hide_rest(KlGeneratorPanel *self, const KlJobSpec *job) {
  static const char *const keys[] = {"seeds", "overlap", "clip", "provenance"};
  size_t n;
  const KlJobField *f = kl_job_fields(&n);
  g_clear_pointer(&self->hidden, kl_job_free);
  self->hidden = kl_job_copy(job);
  for (size_t i = 0; i < n; i++) {
    bool keep = false;
    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) keep = keep || !strcmp(f[i].key, keys[k]);
    if (!keep) kl_job_unset(self->hidden, f[i].key);
  }
}

/* ---- storing and judging ---- */

static void enable(KlGeneratorPanel *self) {
  bool ready = self->project && !kl_project_read_only(self->project) && self->valid &&
               (!kl_prompt_track_empty(self->prompts) || kl_drop_well_path(self->first_frame));
  GAction *a = g_action_map_lookup_action(G_ACTION_MAP(self->actions), "generate");
  g_simple_action_set_enabled(G_SIMPLE_ACTION(a), ready);
}

static void judge(KlGeneratorPanel *self, KlJobSpec *job) {
  if (!self->valid) {
    kl_verdict_box_say(self->verdict, _("Something above is not a value yet"));
    return;
  }
  if (!job->prompts->len && !job->image) {
    kl_prompt_track_set_unknown(self->prompts, NULL);
    kl_verdict_box_say(self->verdict, still(self) ? _("Write what is to be seen in the picture")
                                                  : _("Write what is to be seen in the video"));
    return;
  }
  kl_settings_fill_job(job);
  kl_verdict_box_ask(self->verdict, job);
}

static void store(KlGeneratorPanel *self, const KlJobSpec *job) {
  g_autofree char *json = kl_job_serialise(job, true);
  if (!self->project || kl_project_read_only(self->project)) return;
  if (g_strcmp0(kl_project_setting(self->project, SETTING), json))
    kl_project_set_setting(self->project, SETTING, json, NULL); /* the next change tries again */
}

static void settle_now(KlGeneratorPanel *self) {
  g_autoptr(KlJobSpec) job = draft(self, &self->valid);
  g_clear_handle_id(&self->settle, g_source_remove);
  enable(self);
  store(self, job);
  judge(self, job);
}

static gboolean settled(gpointer user) {
  KlGeneratorPanel *self = user;
  self->settle = 0;
  settle_now(self);
  return G_SOURCE_REMOVE;
}

static void changed(KlGeneratorPanel *self) {
  if (self->quiet) return;
  g_clear_handle_id(&self->settle, g_source_remove);
  self->settle = g_timeout_add(SETTLE_MS, settled, self);
  enable(self);
}

static void judged(KlGeneratorPanel *self) {
  kl_prompt_track_set_unknown(self->prompts, kl_verdict_box_unknown(self->verdict));
}

/* ---- modes and models ---- */

static void mode_changed(KlGeneratorPanel *self) {
  kl_job_fields_set_still(self->fields, still(self));
  kl_prompt_track_set_timed(self->prompts, !still(self));
  changed(self);
}

static void model_changed(KlGeneratorPanel *self) {
  kl_prompt_track_set_model(self->prompts, kl_job_fields_model(self->fields));
  changed(self);
}

/* ---- other jobs' settings ---- */

static void show(KlGeneratorPanel *self, const KlJobSpec *job) {
  self->quiet = true;
  bool one = kl_job_has(job, "length") && job->length.in_frames && job->length.value == 1;
  gtk_toggle_button_set_active(one ? self->picture_mode : self->video_mode, TRUE);
  mode_changed(self);
  kl_job_fields_load(self->fields, job);
  kl_prompt_track_set_model(self->prompts, kl_job_fields_model(self->fields));
  kl_prompt_track_load(self->prompts, job);
  kl_drop_well_set_path(self->first_frame, job->image);
  hide_rest(self, job);
  self->quiet = false;
  settle_now(self);
}

static void generate(KlGeneratorPanel *self) {
  bool valid;
  g_autoptr(GError) error = NULL;
  g_autofree char *seed = kl_job_fields_take_seed(self->fields);
  g_autoptr(KlJobSpec) job = draft(self, &valid);
  if (!valid || !self->project) return;
  kl_job_set(job, "seed", seed, NULL);
  kl_settings_fill_job(job);
  g_autoptr(KlRender) r = kl_project_add_render(self->project, job, NULL, 0, &error);
  if (!r) kl_window_toast(GTK_WIDGET(self), error->message);
}

void kl_generator_panel_set_job(KlGeneratorPanel *self, const KlJobSpec *job, bool run) {
  bool valid;
  g_autoptr(KlJobSpec) now = draft(self, &valid);
  KlModelItem *item = kl_model_list_find(job->model);
  g_autoptr(KlJobSpec) next = kl_draft_from_job(job, item ? kl_model_item_get(item) : NULL);
  bool lost = now->prompts->len || now->image;
  show(self, next);
  g_clear_pointer(&self->before, kl_job_free);
  if (run) {
    generate(self);
  } else if (lost) {
    self->before = g_steal_pointer(&now);
    kl_window_toast_action(GTK_WIDGET(self), _("Settings taken over"), _("_Undo"), "generator.undo-settings");
  }
}

void kl_generator_panel_set_image(KlGeneratorPanel *self, const char *path) {
  kl_drop_well_set_path(self->first_frame, path);
}

void kl_generator_panel_set_project(KlGeneratorPanel *self, KlProject *project) {
  if (self->project && self->settle) settle_now(self);
  g_set_object(&self->project, project);
  g_clear_pointer(&self->before, kl_job_free);
  if (!project) return;
  const char *json = kl_project_setting(project, SETTING);
  g_autoptr(KlJobSpec) job = json ? kl_job_parse(json, strlen(json), "the project", NULL) : NULL;
  if (!job) job = kl_job_new();
  kl_drop_well_set_folder(self->first_frame, kl_project_media_folder(project));
  show(self, job);
}

void kl_generator_panel_set_queue(KlGeneratorPanel *self, KlQueue *queue) {
  g_set_object(&self->queue, queue);
  kl_verdict_box_set_queue(self->verdict, queue);
}

/* ---- dropping an output of ours ---- */

static void load_job(GTask *task, gpointer source, gpointer path, GCancellable *cancel) {
  GError *error = NULL;
  KlJobSpec *job = kl_job_load(path, &error);
  if (job)
    g_task_return_pointer(task, job, (GDestroyNotify)kl_job_free);
  else
    g_task_return_error(task, error);
}

static void have_job(GObject *source, GAsyncResult *result, gpointer user) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KlJobSpec) job = g_task_propagate_pointer(G_TASK(result), &error);
  if (job)
    kl_generator_panel_set_job(KL_GENERATOR_PANEL(source), job, false);
  else
    kl_window_toast(
        GTK_WIDGET(source),
        _("There are no settings in this file: it was made by another program, or without provenance"));
}

static void take_job_of(KlGeneratorPanel *self, const char *path) {
  g_autoptr(GTask) task = g_task_new(self, NULL, have_job, NULL);
  g_task_set_task_data(task, g_strdup(path), g_free);
  g_task_run_in_thread(task, load_job);
}

static gboolean dropped(GtkDropTarget *target, const GValue *value, double x, double y, gpointer user) {
  KlGeneratorPanel *self = user;
  if (G_VALUE_HOLDS(value, KL_TYPE_RENDER)) {
    kl_generator_panel_set_job(self, kl_render_job(g_value_get_object(value)), false);
    return TRUE;
  }
  if (G_VALUE_HOLDS(value, KL_TYPE_ASSET)) {
    const char *path = kl_asset_path(g_value_get_object(value));
    if (path) take_job_of(self, path);
    return path != NULL;
  }
  g_autoptr(GSList) files =
      G_VALUE_HOLDS(value, GDK_TYPE_FILE_LIST) ? gdk_file_list_get_files(g_value_get_boxed(value)) : NULL;
  g_autofree char *path = files ? g_file_get_path(files->data) : NULL;
  if (path) take_job_of(self, path);
  return path != NULL;
}

/* ---- actions ---- */

static void generate_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlGeneratorPanel *self = user;
  settle_now(self);
  if (g_action_get_enabled(G_ACTION(action))) generate(self);
}

static void undo_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  KlGeneratorPanel *self = user;
  g_autoptr(KlJobSpec) before = g_steal_pointer(&self->before);
  if (before) show(self, before);
}

static void focus_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  gtk_widget_grab_focus(GTK_WIDGET(KL_GENERATOR_PANEL(user)->prompts));
}

static void clear_action(GSimpleAction *action, GVariant *parameter, gpointer user) {
  g_autoptr(KlJobSpec) empty = kl_job_new();
  kl_generator_panel_set_job(user, empty, false);
}

static const GActionEntry ACTIONS[] = {{.name = "generate", .activate = generate_action},
                                       {.name = "undo-settings", .activate = undo_action},
                                       {.name = "prompt", .activate = focus_action},
                                       {.name = "clear", .activate = clear_action}};

/* The window has the actions too: toasts and shortcuts are outside of the panel. */
static void kl_generator_panel_root(GtkWidget *widget) {
  GTK_WIDGET_CLASS(kl_generator_panel_parent_class)->root(widget);
  gtk_widget_insert_action_group(GTK_WIDGET(gtk_widget_get_root(widget)), "generator",
                                 G_ACTION_GROUP(KL_GENERATOR_PANEL(widget)->actions));
}

static void kl_generator_panel_unroot(GtkWidget *widget) {
  gtk_widget_insert_action_group(GTK_WIDGET(gtk_widget_get_root(widget)), "generator", NULL);
  GTK_WIDGET_CLASS(kl_generator_panel_parent_class)->unroot(widget);
}

/* ---- the object ---- */

static void kl_generator_panel_dispose(GObject *object) {
  KlGeneratorPanel *self = KL_GENERATOR_PANEL(object);
  g_clear_handle_id(&self->settle, g_source_remove);
  g_clear_object(&self->project);
  g_clear_object(&self->queue);
  g_clear_object(&self->actions);
  g_clear_pointer(&self->hidden, kl_job_free);
  g_clear_pointer(&self->before, kl_job_free);
  G_OBJECT_CLASS(kl_generator_panel_parent_class)->dispose(object);
}

static void kl_generator_panel_class_init(KlGeneratorPanelClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_generator_panel_dispose;
  widget->root = kl_generator_panel_root;
  widget->unroot = kl_generator_panel_unroot;
  g_type_ensure(KL_TYPE_PROMPT_TRACK);
  g_type_ensure(KL_TYPE_JOB_FIELDS);
  g_type_ensure(KL_TYPE_VERDICT_BOX);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/generator_panel.ui");
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, video_mode);
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, picture_mode);
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, prompts);
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, wells);
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, fields);
  gtk_widget_class_bind_template_child(widget, KlGeneratorPanel, verdict);
}

static void refused(KlGeneratorPanel *self, const char *why) {
  kl_window_toast(GTK_WIDGET(self), why);
}

static void kl_generator_panel_init(KlGeneratorPanel *self) {
  GType types[] = {KL_TYPE_RENDER, KL_TYPE_ASSET, GDK_TYPE_FILE_LIST};
  GtkDropTarget *target = gtk_drop_target_new(G_TYPE_INVALID, GDK_ACTION_COPY);
  gtk_widget_init_template(GTK_WIDGET(self));
  self->actions = g_simple_action_group_new();
  g_action_map_add_action_entries(G_ACTION_MAP(self->actions), ACTIONS, G_N_ELEMENTS(ACTIONS), self);
  GtkWidget *well = kl_drop_well_new(_("First Frame"));
  self->first_frame = KL_DROP_WELL(well);
  gtk_box_append(self->wells, well);
  gtk_drop_target_set_gtypes(target, types, G_N_ELEMENTS(types));
  g_signal_connect(target, "drop", G_CALLBACK(dropped), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(target));
  g_signal_connect_swapped(self->prompts, "changed", G_CALLBACK(changed), self);
  g_signal_connect_swapped(self->fields, "changed", G_CALLBACK(changed), self);
  g_signal_connect_swapped(self->fields, "model", G_CALLBACK(model_changed), self);
  g_signal_connect_swapped(well, "changed", G_CALLBACK(changed), self);
  g_signal_connect_swapped(well, "refused", G_CALLBACK(refused), self);
  g_signal_connect_swapped(self->verdict, "judged", G_CALLBACK(judged), self);
  g_signal_connect_swapped(self->picture_mode, "toggled", G_CALLBACK(mode_changed), self);
  kl_prompt_track_set_model(self->prompts, kl_job_fields_model(self->fields));
  settle_now(self);
}
