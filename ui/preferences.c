#include "ui/preferences.h"

#include "app/core/inspect.h"
#include "ui/i18n.h"
#include "ui/names.h"
#include "ui/settings.h"

#include <math.h>
#include <string.h>

#define GIB ((guint64)1 << 30)

struct _KlPreferences {
  AdwPreferencesWindow parent;
  AdwComboRow *device, *theme;
  GtkSpinButton *threads, *memory;
  GtkSwitch *provenance, *notifications;
  AdwActionRow *projects_row, *models_row;
  GPtrArray *devices; /* KlDevice; NULL until they are known */
  GCancellable *closed;
};

G_DEFINE_FINAL_TYPE(KlPreferences, kl_preferences, ADW_TYPE_PREFERENCES_WINDOW)

/* ---- devices, found in a worker: opening Vulkan takes a moment ---- */

static void find_devices(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  g_task_return_pointer(task, kl_inspect_devices(), (GDestroyNotify)g_ptr_array_unref);
}

static void device_chosen(KlPreferences *self) {
  guint i = adw_combo_row_get_selected(self->device);
  if (i < self->devices->len)
    g_settings_set_string(kl_settings(), "device", ((KlDevice *)self->devices->pdata[i])->name);
}

static void have_devices(GObject *source, GAsyncResult *result, gpointer user) {
  KlPreferences *self = KL_PREFERENCES(source);
  GPtrArray *devices = g_task_propagate_pointer(G_TASK(result), NULL);
  if (!devices) return; /* closed meanwhile */
  g_autoptr(GtkStringList) names = gtk_string_list_new(NULL);
  g_autofree char *now = g_settings_get_string(kl_settings(), "device");
  guint chosen = 0;
  self->devices = devices;
  for (guint i = 0; i < self->devices->len; i++) {
    const KlDevice *d = self->devices->pdata[i];
    g_autofree char *memory = kl_bytes_text(d->memory_total);
    g_autofree char *text =
        d->memory_total ? g_strdup_printf("%s (%s)", d->title, memory) : g_strdup(d->title);
    gtk_string_list_append(names, text);
    if (!strcmp(d->name, now)) chosen = i;
  }
  adw_combo_row_set_model(self->device, G_LIST_MODEL(names));
  adw_combo_row_set_selected(self->device, chosen);
  g_signal_connect_swapped(self->device, "notify::selected", G_CALLBACK(device_chosen), self);
  gtk_widget_set_sensitive(GTK_WIDGET(self->device), TRUE);
}

/* ---- numbers whose zero is a word ---- */

static gboolean show_threads(GtkSpinButton *spin, gpointer user) {
  int n = gtk_spin_button_get_value_as_int(spin);
  if (n) return FALSE;
  gtk_editable_set_text(GTK_EDITABLE(spin), C_("threads", "All"));
  return TRUE;
}

static gboolean show_memory(GtkSpinButton *spin, gpointer user) {
  int n = gtk_spin_button_get_value_as_int(spin);
  g_autofree char *text =
      n ? g_strdup_printf(C_("gibibytes", "%d GiB"), n) : g_strdup(C_("memory", "What is free"));
  gtk_editable_set_text(GTK_EDITABLE(spin), text);
  return TRUE;
}

/* A word that is no number means zero. */
static int read_number(GtkSpinButton *spin, double *value, gpointer user) {
  *value = g_strtod(gtk_editable_get_text(GTK_EDITABLE(spin)), NULL);
  return TRUE;
}

static gboolean memory_to_spin(GValue *value, GVariant *bytes, gpointer user) {
  g_value_set_double(value, ceil((double)g_variant_get_uint64(bytes) / (double)GIB));
  return TRUE;
}

static GVariant *memory_from_spin(const GValue *value, const GVariantType *type, gpointer user) {
  return g_variant_new_uint64((guint64)g_value_get_double(value) * GIB);
}

/* ---- folders ---- */

typedef struct {
  AdwActionRow *row;
  const char *key, *usual; /* usual: below the person's data folder */
  GtkWidget *reset;
} Folder;

static void show_folder(Folder *f) {
  g_autofree char *chosen = kl_settings_folder(f->key),
                  *usual = g_build_filename(g_get_user_data_dir(), "kinoloom", f->usual, NULL);
  g_autofree char *shown = g_filename_display_name(chosen ? chosen : usual);
  adw_action_row_set_subtitle(f->row, shown);
  gtk_widget_set_visible(f->reset, chosen != NULL);
}

static void folder_chosen(GtkNativeDialog *dialog, int response, gpointer user) {
  Folder *f = user;
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog));
    g_autofree char *path = g_file_get_path(file);
    if (path) g_settings_set_string(kl_settings(), f->key, path);
  }
  show_folder(f);
  g_object_unref(dialog);
}

static void choose_folder(GtkButton *button, gpointer user) {
  Folder *f = user;
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new(adw_preferences_row_get_title(ADW_PREFERENCES_ROW(f->row)),
                                  GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(f->row))),
                                  GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _("_Choose"), NULL);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(dialog), TRUE);
  g_signal_connect(dialog, "response", G_CALLBACK(folder_chosen), f);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(dialog));
}

static void reset_folder(GtkButton *button, gpointer user) {
  Folder *f = user;
  g_settings_reset(kl_settings(), f->key);
  show_folder(f);
}

static GtkWidget *icon_button(const char *icon, const char *what, GCallback clicked, gpointer user) {
  GtkWidget *b = gtk_button_new_from_icon_name(icon);
  gtk_widget_set_valign(b, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text(b, what);
  gtk_widget_add_css_class(b, "flat");
  g_signal_connect(b, "clicked", clicked, user);
  return b;
}

static void add_folder(AdwActionRow *row, const char *key, const char *usual) {
  Folder *f = g_new0(Folder, 1);
  GtkWidget *choose = icon_button("folder-open-symbolic", _("Choose a Folder"), G_CALLBACK(choose_folder), f);
  *f = (Folder){row, key, usual,
                icon_button("edit-undo-symbolic", _("Use the Usual Folder"), G_CALLBACK(reset_folder), f)};
  adw_action_row_add_suffix(row, f->reset);
  adw_action_row_add_suffix(row, choose);
  adw_action_row_set_activatable_widget(row, choose);
  g_object_set_data_full(G_OBJECT(row), "folder", f, g_free);
  show_folder(f);
}

/* ---- the window ---- */

static void kl_preferences_dispose(GObject *object) {
  KlPreferences *self = KL_PREFERENCES(object);
  g_cancellable_cancel(self->closed);
  g_clear_object(&self->closed);
  g_clear_pointer(&self->devices, g_ptr_array_unref);
  G_OBJECT_CLASS(kl_preferences_parent_class)->dispose(object);
}

static void kl_preferences_class_init(KlPreferencesClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_preferences_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/preferences.ui");
  gtk_widget_class_bind_template_child(widget, KlPreferences, device);
  gtk_widget_class_bind_template_child(widget, KlPreferences, theme);
  gtk_widget_class_bind_template_child(widget, KlPreferences, threads);
  gtk_widget_class_bind_template_child(widget, KlPreferences, memory);
  gtk_widget_class_bind_template_child(widget, KlPreferences, provenance);
  gtk_widget_class_bind_template_child(widget, KlPreferences, notifications);
  gtk_widget_class_bind_template_child(widget, KlPreferences, projects_row);
  gtk_widget_class_bind_template_child(widget, KlPreferences, models_row);
}

static gboolean theme_to_row(GValue *value, GVariant *nick, gpointer user) {
  const char *s = g_variant_get_string(nick, NULL);
  g_value_set_uint(value, !strcmp(s, "light") ? 1 : !strcmp(s, "dark") ? 2 : 0);
  return TRUE;
}

static GVariant *theme_from_row(const GValue *value, const GVariantType *type, gpointer user) {
  static const char *const nicks[] = {"system", "light", "dark"};
  return g_variant_new_string(nicks[MIN(g_value_get_uint(value), 2)]);
}

static void kl_preferences_init(KlPreferences *self) {
  GSettings *s = kl_settings();
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  g_signal_connect(self->threads, "output", G_CALLBACK(show_threads), NULL);
  g_signal_connect(self->memory, "output", G_CALLBACK(show_memory), NULL);
  g_signal_connect(self->threads, "input", G_CALLBACK(read_number), NULL);
  g_signal_connect(self->memory, "input", G_CALLBACK(read_number), NULL);
  g_settings_bind(s, "threads", self->threads, "value", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind_with_mapping(s, "memory", self->memory, "value", G_SETTINGS_BIND_DEFAULT, memory_to_spin,
                               memory_from_spin, NULL, NULL);
  g_settings_bind(s, "provenance", self->provenance, "active", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind(s, "notifications", self->notifications, "active", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind_with_mapping(s, "theme", self->theme, "selected", G_SETTINGS_BIND_DEFAULT, theme_to_row,
                               theme_from_row, NULL, NULL);
  add_folder(self->projects_row, "projects-folder", "projects");
  add_folder(self->models_row, "models-folder", "models");
  self->closed = g_cancellable_new();
  g_autoptr(GTask) task = g_task_new(self, self->closed, have_devices, NULL);
  g_task_run_in_thread(task, find_devices);
}

GtkWidget *kl_preferences_new(void) {
  return g_object_new(KL_TYPE_PREFERENCES, NULL);
}
