#include "ui/export_dialog.h"

#include "app/core/film/export.h"
#include "ui/i18n.h"
#include "ui/names.h"
#include "ui/window.h"

#include <math.h>
#include <string.h>

struct _KlExportDialog {
  AdwWindow parent;
  KlProject *project;
  KlAsset *asset; /* NULL: the timeline */
  KlTimeline *timeline;
  double position;
  char *folder, *stem;  /* of the output that is proposed */
  char *chosen;         /* by the person, who was asked about overwriting; NULL: none */
  GCancellable *cancel; /* while it runs */
  GtkButton *cancel_button, *export_button;
  GtkStack *stack;
  AdwActionRow *file_row, *sound_row;
  AdwComboRow *format_row, *codec_row, *quality_row, *size_row, *fps_row;
  GtkSwitch *sound_switch, *provenance_switch;
  GtkLabel *estimate, *left, *notes;
  GtkProgressBar *progress;
  AdwStatusPage *failed_page;
  KlCodec codecs[8];
  GtkFileChooserNative *chooser;
};

G_DEFINE_FINAL_TYPE(KlExportDialog, kl_export_dialog, ADW_TYPE_WINDOW)

static const struct {
  KlContainer container;
  const char *title, *ending;
} FORMATS[] = {
    {KL_CONTAINER_MP4, N_("MP4"), ".mp4"},
    {KL_CONTAINER_WEBM, N_("WebM"), ".webm"},
    {KL_CONTAINER_MKV, N_("Matroska"), ".mkv"},
    {KL_CONTAINER_GIF, N_("Animated GIF"), ".gif"},
    {KL_CONTAINER_APNG, N_("Animated PNG"), ".apng"},
    {KL_CONTAINER_PNG_SEQUENCE, N_("Pictures, One a Frame"), "-%05d.png"},
    {KL_CONTAINER_PNG, N_("Picture at the Playhead"), ".png"},
};

static const int HEIGHTS[] = {0, 2160, 1440, 1080, 720, 480, 360, 240}; /* 0: as it is */
static const int RATES[][2] = {{0, 1},  {10, 1},       {25, 2}, {15, 1}, {24, 1},
                               {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60, 1}}; /* 0: as it is */
/* Best, high (the codec's default), good, small. */
static const int QUALITIES[4][4] = {{10, -1, 23, 29}, {14, -1, 32, 42}, {14, -1, 34, 44}, {1, -1, 6, 10}};

static guint format(KlExportDialog *self) {
  return MIN(adw_combo_row_get_selected(self->format_row), G_N_ELEMENTS(FORMATS) - 1);
}

static bool is_film(KlContainer c) {
  return c == KL_CONTAINER_MP4 || c == KL_CONTAINER_WEBM || c == KL_CONTAINER_MKV;
}

static char *proposed(KlExportDialog *self) {
  const char *ending = FORMATS[format(self)].ending;
  if (self->chosen) return g_strdup(self->chosen);
  g_autofree char *name = g_strconcat(self->stem, ending, NULL);
  return g_build_filename(self->folder, name, NULL);
}

static void fill_spec(KlExportDialog *self, KlExportSpec *s) {
  KlContainer c = FORMATS[format(self)].container;
  guint codec = adw_combo_row_get_selected(self->codec_row), rate = adw_combo_row_get_selected(self->fps_row),
        size = adw_combo_row_get_selected(self->size_row),
        quality = MIN(adw_combo_row_get_selected(self->quality_row), 3);
  *s = KL_EXPORT_SPEC_INIT;
  s->output = proposed(self);
  s->container = c;
  s->codec = codec < G_N_ELEMENTS(self->codecs) ? self->codecs[codec] : KL_CODEC_AUTO;
  s->height = size < G_N_ELEMENTS(HEIGHTS) ? HEIGHTS[size] : 0;
  if (rate > 0 && rate < G_N_ELEMENTS(RATES)) {
    s->fps_num = RATES[rate][0];
    s->fps_den = RATES[rate][1];
  }
  if (is_film(c)) s->crf = QUALITIES[CLAMP((int)s->codec - KL_CODEC_H264, 0, 3)][quality];
  if (c == KL_CONTAINER_PNG) s->from = self->position;
  s->silent = !gtk_switch_get_active(self->sound_switch);
  s->no_provenance = !gtk_switch_get_active(self->provenance_switch);
  s->overwrite = self->chosen != NULL;
}

/* ---- what the settings come to ---- */

static void update(KlExportDialog *self) {
  KlExportSpec s;
  KlExportPlan p;
  GError *e = NULL;
  KlContainer c = FORMATS[format(self)].container;
  if (!self->timeline) return;
  fill_spec(self, &s);
  g_autofree char *shown = g_filename_display_name(s.output);
  adw_action_row_set_subtitle(self->file_row, shown);
  gtk_widget_set_visible(GTK_WIDGET(self->quality_row), is_film(c));
  gtk_widget_set_visible(GTK_WIDGET(self->sound_row), is_film(c));
  gtk_widget_set_visible(GTK_WIDGET(self->fps_row), c != KL_CONTAINER_PNG);
  bool ok = kl_export_plan(self->timeline, &s, &p, &e);
  if (ok) {
    g_autofree char *length = kl_seconds_text(p.seconds), *bytes = kl_bytes_text((guint64)p.bytes);
    /* Translators: length, width, height, size of the file: "12 s · 1280 × 720 · about 8.1 MB" */
    g_autofree char *text =
        c == KL_CONTAINER_PNG
            ? g_strdup_printf(_("%d × %d · about %s"), p.width, p.height, bytes)
            : g_strdup_printf(_("%s · %d × %d · about %s"), length, p.width, p.height, bytes);
    gtk_label_set_text(self->estimate, text);
  } else {
    gtk_label_set_text(self->estimate, e->message);
    g_error_free(e);
  }
  gtk_widget_action_set_enabled(GTK_WIDGET(self), "export.start", ok);
  g_free(s.output);
}

static void set_choices(AdwComboRow *row, GtkStringList *list, guint selected) {
  adw_combo_row_set_model(row, G_LIST_MODEL(list));
  adw_combo_row_set_selected(row, selected);
  g_object_unref(list);
}

static void fill_codecs(KlExportDialog *self) {
  GtkStringList *list = gtk_string_list_new(NULL);
  gsize n = kl_export_codecs(FORMATS[format(self)].container, self->codecs, G_N_ELEMENTS(self->codecs));
  for (gsize i = 0; i < n; i++) gtk_string_list_append(list, kl_export_codec_title(self->codecs[i]));
  set_choices(self->codec_row, list, 0);
  gtk_widget_set_visible(GTK_WIDGET(self->codec_row), n > 1);
}

static void on_format(KlExportDialog *self) {
  g_clear_pointer(&self->chosen, g_free); /* another ending, another name */
  fill_codecs(self);
  update(self);
}

static void fill_choices(KlExportDialog *self) {
  GtkStringList *formats = gtk_string_list_new(NULL), *sizes = gtk_string_list_new(NULL),
                *rates = gtk_string_list_new(NULL), *qualities = gtk_string_list_new(NULL);
  const KlTimeline *t = self->timeline;
  for (gsize i = 0; i < G_N_ELEMENTS(FORMATS); i++) gtk_string_list_append(formats, _(FORMATS[i].title));
  for (gsize i = 0; i < G_N_ELEMENTS(HEIGHTS); i++) {
    int h = HEIGHTS[i] ? HEIGHTS[i] : t->height,
        w = HEIGHTS[i] ? MAX(2, 2 * (int)lround((double)h * t->width / t->height / 2)) : t->width;
    g_autofree char *text =
        HEIGHTS[i] ? g_strdup_printf("%d × %d", w, h) : g_strdup_printf(_("As It Is, %d × %d"), w, h);
    gtk_string_list_append(sizes, text);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(RATES); i++) {
    int num = RATES[i][0] ? RATES[i][0] : t->fps_num, den = RATES[i][0] ? RATES[i][1] : t->fps_den;
    g_autofree char *text = g_strdup_printf(RATES[i][0] ? "%.4g" : _("As It Is, %.4g"), (double)num / den);
    gtk_string_list_append(rates, text);
  }
  gtk_string_list_append(qualities, _("Best"));
  gtk_string_list_append(qualities, _("High"));
  gtk_string_list_append(qualities, _("Good"));
  gtk_string_list_append(qualities, _("Small File"));
  set_choices(self->format_row, formats, 0);
  set_choices(self->size_row, sizes, 0);
  set_choices(self->fps_row, rates, 0);
  set_choices(self->quality_row, qualities, 1);
  fill_codecs(self);
}

static void look_at(KlExportDialog *self, KlTimeline *t) {
  g_clear_pointer(&self->timeline, kl_timeline_unref);
  g_clear_pointer(&self->stem, g_free);
  self->timeline = t;
  if (!t) return;
  self->stem = g_strdup(t->title && *t->title ? t->title : _("Film"));
  char *dot = strrchr(self->stem, '.');
  if (self->asset && dot && dot > self->stem) *dot = 0;
  g_strdelimit(self->stem, "/%", '-');
  fill_choices(self);
  update(self);
}

void kl_export_dialog_set_project(KlExportDialog *self, KlProject *project) {
  g_set_object(&self->project, project);
  g_clear_object(&self->asset);
  look_at(self, project ? kl_timeline_of_project(project) : NULL);
}

void kl_export_dialog_set_asset(KlExportDialog *self, KlAsset *asset) {
  if (!self->project || !g_set_object(&self->asset, asset)) return;
  look_at(self, kl_timeline_of_asset(self->project, asset));
}

void kl_export_dialog_set_position(KlExportDialog *self, double seconds) {
  self->position = MAX(0, seconds);
  update(self);
}

/* ---- where to ---- */

static void on_chosen(GtkNativeDialog *chooser, int response, KlExportDialog *self) {
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr(GFile) f = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
    g_autofree char *path = f ? g_file_get_path(f) : NULL;
    if (path) {
      g_free(self->chosen);
      self->chosen = FORMATS[format(self)].container == KL_CONTAINER_PNG_SEQUENCE
                         ? g_strconcat(path, "/", NULL)
                         : g_steal_pointer(&path);
      update(self);
    }
  }
  g_clear_object(&self->chooser);
}

static void choose_action(GtkWidget *w, const char *name, GVariant *v) {
  KlExportDialog *self = KL_EXPORT_DIALOG(w);
  bool folder = FORMATS[format(self)].container == KL_CONTAINER_PNG_SEQUENCE;
  if (self->chooser) return;
  self->chooser = gtk_file_chooser_native_new(
      _("Export"), GTK_WINDOW(self),
      folder ? GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER : GTK_FILE_CHOOSER_ACTION_SAVE, _("_Choose"), NULL);
  g_autofree char *path = proposed(self), *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
  g_autoptr(GFile) at = g_file_new_for_path(dir);
  gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), at, NULL);
  if (!folder) gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(self->chooser), base);
  g_signal_connect(self->chooser, "response", G_CALLBACK(on_chosen), self);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* ---- the work ---- */

static void on_progress(double fraction, double eta_s, const char *note, gpointer user) {
  KlExportDialog *self = user;
  gtk_progress_bar_set_fraction(self->progress, CLAMP(fraction, 0, 1));
  if (note) {
    gtk_label_set_text(self->notes, note);
    gtk_widget_set_visible(GTK_WIDGET(self->notes), TRUE);
  }
  if (eta_s < 0) return;
  g_autofree char *time = kl_seconds_text(eta_s), *text = g_strdup_printf(_("%s left"), time);
  gtk_label_set_text(self->left, text);
}

static void on_shown(GObject *o, GAsyncResult *r, gpointer user) {
  g_autofree char *path = user;
  g_autoptr(GVariant) v = g_dbus_connection_call_finish(G_DBUS_CONNECTION(o), r, NULL);
  if (v) return;
  g_autofree char *folder = g_path_get_dirname(path); /* no file manager with that interface: the folder */
  g_autofree char *uri = g_filename_to_uri(folder, NULL, NULL);
  if (uri) g_app_info_launch_default_for_uri_async(uri, NULL, NULL, NULL, NULL);
}

static void show_in_files(GSimpleAction *a, GVariant *path, gpointer user) {
  GDBusConnection *bus = g_application_get_dbus_connection(g_application_get_default());
  g_autofree char *uri = g_filename_to_uri(g_variant_get_string(path, NULL), NULL, NULL);
  if (!bus || !uri) return;
  const char *uris[] = {uri, NULL};
  g_dbus_connection_call(bus, "org.freedesktop.FileManager1", "/org/freedesktop/FileManager1",
                         "org.freedesktop.FileManager1", "ShowItems", g_variant_new("(^ass)", uris, ""), NULL,
                         G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_shown, g_variant_dup_string(path, NULL));
}

/* Says it in the window behind, with a button that shows the file. */
static void say_done(KlExportDialog *self, const char *path) {
  static const GActionEntry entries[] = {{.name = "show", .activate = show_in_files, .parameter_type = "s"}};
  GtkWindow *parent = gtk_window_get_transient_for(GTK_WINDOW(self));
  if (!parent) return;
  g_autoptr(GSimpleActionGroup) group = g_simple_action_group_new();
  g_action_map_add_action_entries(G_ACTION_MAP(group), entries, G_N_ELEMENTS(entries), NULL);
  gtk_widget_insert_action_group(GTK_WIDGET(parent), "exported", G_ACTION_GROUP(group));
  g_autofree char *base = g_path_get_basename(path), *shown = g_filename_display_name(base),
                  *text = g_strdup_printf(_("Exported %s"), shown);
  g_autofree char *action = g_action_print_detailed_name("exported.show", g_variant_new_string(path));
  kl_window_toast_action(GTK_WIDGET(parent), text, _("Show in Files"), action);
}

static void on_done(GObject *o, GAsyncResult *r, gpointer user) {
  g_autoptr(KlExportDialog) self = user;
  KlExportResult result;
  GError *e = NULL;
  bool ok = kl_export_finish(r, &result, &e);
  g_clear_object(&self->cancel);
  gtk_widget_set_visible(GTK_WIDGET(self->export_button), TRUE);
  if (ok) {
    g_autofree char *path = proposed(self);
    say_done(self, path);
    gtk_window_destroy(GTK_WINDOW(self));
  } else if (e->code == KL_ERROR_CANCELLED) {
    gtk_stack_set_visible_child_name(self->stack, "settings");
  } else {
    adw_status_page_set_description(self->failed_page, e->message);
    gtk_stack_set_visible_child_name(self->stack, "failed");
  }
  g_clear_error(&e);
}

/* A name that is free, where the person has not chosen one. */
static void find_free_name(KlExportDialog *self) {
  g_autofree char *stem = g_strdup(self->stem);
  for (int i = 2; !self->chosen && i < 1000; i++) {
    g_autofree char *path = proposed(self);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) return;
    g_free(self->stem);
    self->stem = g_strdup_printf("%s %d", stem, i);
  }
}

static void start_action(GtkWidget *w, const char *name, GVariant *v) {
  KlExportDialog *self = KL_EXPORT_DIALOG(w);
  KlExportSpec s;
  if (self->cancel || !self->timeline) return;
  find_free_name(self);
  fill_spec(self, &s);
  self->cancel = g_cancellable_new();
  gtk_progress_bar_set_fraction(self->progress, 0);
  gtk_label_set_text(self->left, "");
  gtk_widget_set_visible(GTK_WIDGET(self->notes), FALSE);
  gtk_widget_set_visible(GTK_WIDGET(self->export_button), FALSE);
  gtk_stack_set_visible_child_name(self->stack, "progress");
  kl_export_async(self->timeline, &s, self->cancel, on_progress, on_done, g_object_ref(self));
  g_free(s.output);
}

static void cancel_action(GtkWidget *w, const char *name, GVariant *v) {
  KlExportDialog *self = KL_EXPORT_DIALOG(w);
  if (self->cancel)
    g_cancellable_cancel(self->cancel); /* the settings come back */
  else
    gtk_window_close(GTK_WINDOW(self));
}

static void back_action(GtkWidget *w, const char *name, GVariant *v) {
  gtk_stack_set_visible_child_name(KL_EXPORT_DIALOG(w)->stack, "settings");
}

static gboolean kl_export_dialog_close_request(GtkWindow *window) {
  KlExportDialog *self = KL_EXPORT_DIALOG(window);
  if (self->cancel) g_cancellable_cancel(self->cancel);
  return GTK_WINDOW_CLASS(kl_export_dialog_parent_class)->close_request(window);
}

static void kl_export_dialog_dispose(GObject *object) {
  KlExportDialog *self = KL_EXPORT_DIALOG(object);
  if (self->cancel) g_cancellable_cancel(self->cancel);
  g_clear_object(&self->chooser);
  g_clear_object(&self->project);
  g_clear_object(&self->asset);
  g_clear_pointer(&self->timeline, kl_timeline_unref);
  G_OBJECT_CLASS(kl_export_dialog_parent_class)->dispose(object);
}

static void kl_export_dialog_finalize(GObject *object) {
  KlExportDialog *self = KL_EXPORT_DIALOG(object);
  g_free(self->folder);
  g_free(self->stem);
  g_free(self->chosen);
  g_clear_object(&self->cancel);
  G_OBJECT_CLASS(kl_export_dialog_parent_class)->finalize(object);
}

static void kl_export_dialog_class_init(KlExportDialogClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_export_dialog_dispose;
  G_OBJECT_CLASS(klass)->finalize = kl_export_dialog_finalize;
  GTK_WINDOW_CLASS(klass)->close_request = kl_export_dialog_close_request;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/export_dialog.ui");
#define CHILD(name) gtk_widget_class_bind_template_child(widget, KlExportDialog, name)
  CHILD(cancel_button);
  CHILD(export_button);
  CHILD(stack);
  CHILD(file_row);
  CHILD(sound_row);
  CHILD(format_row);
  CHILD(codec_row);
  CHILD(quality_row);
  CHILD(size_row);
  CHILD(fps_row);
  CHILD(sound_switch);
  CHILD(provenance_switch);
  CHILD(estimate);
  CHILD(left);
  CHILD(notes);
  CHILD(progress);
  CHILD(failed_page);
#undef CHILD
  gtk_widget_class_install_action(widget, "export.choose", NULL, choose_action);
  gtk_widget_class_install_action(widget, "export.start", NULL, start_action);
  gtk_widget_class_install_action(widget, "export.cancel", NULL, cancel_action);
  gtk_widget_class_install_action(widget, "export.back", NULL, back_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Escape, 0, "export.cancel", NULL);
}

static void kl_export_dialog_init(KlExportDialog *self) {
  const char *videos = g_get_user_special_dir(G_USER_DIRECTORY_VIDEOS);
  self->folder = g_strdup(videos ? videos : g_get_home_dir());
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  gtk_window_set_default_widget(GTK_WINDOW(self), GTK_WIDGET(self->export_button));
  gtk_window_set_focus(GTK_WINDOW(self), GTK_WIDGET(self->export_button));
  g_signal_connect_swapped(self->format_row, "notify::selected", G_CALLBACK(on_format), self);
  GtkWidget *rows[] = {GTK_WIDGET(self->codec_row), GTK_WIDGET(self->quality_row), GTK_WIDGET(self->size_row),
                       GTK_WIDGET(self->fps_row)};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    g_signal_connect_swapped(rows[i], "notify::selected", G_CALLBACK(update), self);
  g_signal_connect_swapped(self->sound_switch, "notify::active", G_CALLBACK(update), self);
  g_signal_connect_swapped(self->provenance_switch, "notify::active", G_CALLBACK(update), self);
}

GtkWidget *kl_export_dialog_new(void) {
  return g_object_new(KL_TYPE_EXPORT_DIALOG, NULL);
}
