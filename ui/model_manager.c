#include "ui/model_manager.h"

#include "ui/i18n.h"
#include "ui/model_details.h"
#include "ui/model_list.h"
#include "ui/names.h"

#include <string.h>

#define POLL_MS 100

/* What a worker does for the window: finding out what a path is, importing it, verifying a model. */
typedef enum { WORK_LOOK, WORK_IMPORT, WORK_VERIFY } WorkKind;

typedef struct {
  WorkKind kind;
  char *path; /* LOOK, IMPORT */
  char *name; /* for people */
  bool copy, replace;
  KlModelItem *item; /* VERIFY */
  KlCancel cancel;
  _Atomic guint64 done, total; /* bytes */
  guint64 bytes;               /* LOOK: of the model that was found */
  int checked;                 /* VERIFY */
} Work;

struct _KlModelManager {
  AdwWindow parent;
  AdwToastOverlay *toasts;
  AdwLeaflet *pages;
  GtkWidget *list_page, *details_page, *import_button;
  AdwWindowTitle *details_title;
  AdwBin *details;
  GtkRevealer *work_revealer;
  GtkLabel *work_title;
  GtkProgressBar *work_bar;
  GtkListBox *built_in, *imported;
  KlModelItem *shown; /* in the details */
  Work *work;         /* owned by its task; NULL: idle */
  guint poll;
  char *removed; /* the folder's name of what was removed last */
};

G_DEFINE_FINAL_TYPE(KlModelManager, kl_model_manager, ADW_TYPE_WINDOW)

static void work_free(gpointer data) {
  Work *w = data;
  g_free(w->path);
  g_free(w->name);
  g_clear_object(&w->item);
  g_free(w);
}

static void say(KlModelManager *self, const char *text) {
  adw_toast_overlay_add_toast(self->toasts, adw_toast_new(text));
}

static void explain(KlModelManager *self, const char *heading, const char *body) {
  GtkWidget *d = adw_message_dialog_new(GTK_WINDOW(self), heading, NULL);
  adw_message_dialog_set_body(ADW_MESSAGE_DIALOG(d), body);
  adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(d), "close", _("_Close"));
  gtk_window_present(GTK_WINDOW(d));
}

/* ---- in the worker ---- */

static void metered(void *user, guint64 done, guint64 total) {
  Work *w = user;
  w->done = done;
  w->total = total;
}

static bool do_work(Work *w, GError **error) {
  if (w->kind == WORK_VERIFY)
    return kl_model_verify(kl_model_item_get(w->item), &w->checked, metered, w, &w->cancel, error);
  KlImport how = {.copy = w->copy, .replace = w->replace, .read = metered, .user = w, .cancel = &w->cancel};
  g_autoptr(KlModel) m =
      w->kind == WORK_LOOK ? kl_catalogue_find(w->path, error) : kl_model_import(w->path, &how, error);
  if (!m) return false;
  g_free(w->name);
  w->name = g_strdup(m->title && *m->title ? m->title : m->name);
  w->bytes = kl_model_bytes(m);
  return true;
}

static void work_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  GError *error = NULL;
  if (do_work(data, &error))
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

/* ---- around it ---- */

static void ask_how(KlModelManager *self, const Work *w);
static void ask_replace(KlModelManager *self, const Work *w, const char *why);

static void update_actions(KlModelManager *self) {
  GtkWidget *w = GTK_WIDGET(self);
  gtk_widget_action_set_enabled(w, "models.import", self->work == NULL);
  gtk_widget_action_set_enabled(w, "models.verify", self->work == NULL && self->shown);
  gtk_widget_action_set_enabled(w, "models.cancel", self->work != NULL);
  gtk_widget_set_sensitive(self->import_button, self->work == NULL);
}

static gboolean show_progress(gpointer user) {
  KlModelManager *self = user;
  guint64 done = self->work->done, total = self->work->total;
  if (total)
    gtk_progress_bar_set_fraction(self->work_bar, MIN(1.0, (double)done / (double)total));
  else
    gtk_progress_bar_pulse(self->work_bar);
  return G_SOURCE_CONTINUE;
}

static void verified(KlModelManager *self, const Work *w, const GError *error) {
  g_autofree char *text =
      w->checked
          ? g_strdup_printf(g_dngettext(NULL, "%d file is as it was recorded, and every weight is a number",
                                        "%d files are as they were recorded, and every weight is a number",
                                        (gulong)w->checked),
                            w->checked)
          : g_strdup(_("Every weight is a number. No sums were recorded to compare with"));
  if (error)
    explain(self, _("The Model is Damaged"), error->message);
  else
    say(self, text);
}

static void work_ended(GObject *source, GAsyncResult *result, gpointer user) {
  KlModelManager *self = KL_MODEL_MANAGER(source);
  Work *w = g_task_get_task_data(G_TASK(result));
  g_autoptr(GError) error = NULL;
  g_task_propagate_boolean(G_TASK(result), &error);
  self->work = NULL;
  g_clear_handle_id(&self->poll, g_source_remove);
  if (w->kind == WORK_IMPORT) kl_model_list_refresh();
  if (!gtk_widget_get_visible(GTK_WIDGET(self))) return; /* closed meanwhile */
  gtk_revealer_set_reveal_child(self->work_revealer, FALSE);
  update_actions(self);
  if (g_error_matches(error, KL_ERROR, KL_ERROR_CANCELLED)) {
    say(self, _("Cancelled"));
  } else if (w->kind == WORK_VERIFY) {
    verified(self, w, error);
  } else if (g_error_matches(error, KL_ERROR, KL_ERROR_EXISTS) && !w->replace) {
    ask_replace(self, w, error->message);
  } else if (error) {
    explain(self, w->kind == WORK_LOOK ? _("This is Not a Model") : _("The Model was Not Imported"),
            error->message);
  } else if (w->kind == WORK_LOOK) {
    ask_how(self, w);
  } else {
    g_autofree char *text = g_strdup_printf(_("“%s” is ready to use"), w->name);
    say(self, text);
  }
}

/* Takes the work. */
static void begin(KlModelManager *self, Work *w, const char *title) {
  g_autoptr(GTask) task = g_task_new(self, NULL, work_ended, NULL);
  g_task_set_task_data(task, w, work_free);
  self->work = w;
  gtk_label_set_label(self->work_title, title);
  gtk_progress_bar_set_fraction(self->work_bar, 0);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->work_bar), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  gtk_revealer_set_reveal_child(self->work_revealer, TRUE);
  self->poll = g_timeout_add(POLL_MS, show_progress, self);
  update_actions(self);
  g_task_run_in_thread(task, work_thread);
}

/* ---- importing ---- */

static Work *work_new(WorkKind kind, const char *path) {
  Work *w = g_new0(Work, 1);
  w->kind = kind;
  w->path = g_strdup(path);
  if (!path) return w;
  g_autofree char *base = g_path_get_basename(path);
  w->name = g_filename_display_name(base);
  return w;
}

static void import_now(KlModelManager *self, const char *path, const char *name, bool copy, bool replace) {
  Work *w = work_new(WORK_IMPORT, path);
  g_autofree char *title = g_strdup_printf(copy ? _("Copying “%s”") : _("Reading “%s”"), name);
  w->copy = copy;
  w->replace = replace;
  adw_leaflet_set_visible_child(self->pages, self->list_page);
  begin(self, w, title);
}

static void how_answered(AdwMessageDialog *d, const char *response, gpointer user) {
  KlModelManager *self = user;
  if (!strcmp(response, "cancel") || self->work) return;
  import_now(self, g_object_get_data(G_OBJECT(d), "path"), g_object_get_data(G_OBJECT(d), "name"),
             !strcmp(response, "copy"), g_object_get_data(G_OBJECT(d), "replace") != NULL);
}

static AdwMessageDialog *import_dialog(KlModelManager *self, const Work *w, const char *heading) {
  AdwMessageDialog *d = ADW_MESSAGE_DIALOG(adw_message_dialog_new(GTK_WINDOW(self), heading, NULL));
  g_object_set_data_full(G_OBJECT(d), "path", g_strdup(w->path), g_free);
  g_object_set_data_full(G_OBJECT(d), "name", g_strdup(w->name), g_free);
  adw_message_dialog_add_response(d, "cancel", _("_Cancel"));
  g_signal_connect_object(d, "response", G_CALLBACK(how_answered), self, 0);
  return d;
}

static void ask_how(KlModelManager *self, const Work *w) {
  g_autofree char *heading = g_strdup_printf(_("Import “%s”?"), w->name), *size = kl_bytes_text(w->bytes);
  AdwMessageDialog *d = import_dialog(self, w, heading);
  adw_message_dialog_format_body(
      d, _("Read in place, it takes no room and must stay where it is. A copy takes %s."), size);
  adw_message_dialog_add_response(d, "copy", _("C_opy"));
  adw_message_dialog_add_response(d, "place", _("Read in _Place"));
  adw_message_dialog_set_response_appearance(d, "place", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response(d, "place");
  gtk_window_present(GTK_WINDOW(d));
}

static void ask_replace(KlModelManager *self, const Work *w, const char *why) {
  g_autofree char *heading = g_strdup_printf(_("Replace “%s”?"), w->name);
  AdwMessageDialog *d = import_dialog(self, w, heading);
  adw_message_dialog_set_body(d, _("A model of this name was imported before."));
  adw_message_dialog_add_response(d, w->copy ? "copy" : "place", _("_Replace"));
  adw_message_dialog_set_response_appearance(d, w->copy ? "copy" : "place", ADW_RESPONSE_DESTRUCTIVE);
  g_object_set_data(G_OBJECT(d), "replace", d);
  gtk_window_present(GTK_WINDOW(d));
}

static void look_at(KlModelManager *self, GFile *file) {
  g_autofree char *path = file ? g_file_get_path(file) : NULL;
  if (!path) {
    say(self, _("It is not on this machine"));
    return;
  }
  Work *w = work_new(WORK_LOOK, path);
  g_autofree char *title = g_strdup_printf(_("Looking at “%s”"), w->name);
  begin(self, w, title);
}

static gboolean dropped(GtkDropTarget *target, const GValue *value, double x, double y, gpointer user) {
  KlModelManager *self = user;
  g_autoptr(GSList) files = gdk_file_list_get_files(g_value_get_boxed(value));
  if (!files || self->work) return FALSE;
  look_at(self, files->data);
  return TRUE;
}

static void file_chosen(GtkNativeDialog *dialog, int response, gpointer user) {
  g_autoptr(KlModelManager) self = user;
  if (response == GTK_RESPONSE_ACCEPT && !self->work) {
    g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog));
    look_at(self, file);
  }
  g_object_unref(dialog);
}

static void import_action(GtkWidget *widget, const char *name, GVariant *folder) {
  bool is_folder = g_variant_get_boolean(folder);
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new(
      is_folder ? _("Folder of a Model") : _("File of a Model"), GTK_WINDOW(widget),
      is_folder ? GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER : GTK_FILE_CHOOSER_ACTION_OPEN, _("_Import"), NULL);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(dialog), TRUE);
  g_signal_connect(dialog, "response", G_CALLBACK(file_chosen), g_object_ref(widget));
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(dialog));
}

/* ---- the other actions ---- */

static void cancel_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlModelManager *self = KL_MODEL_MANAGER(widget);
  if (self->work) kl_cancel(&self->work->cancel);
}

static void verify_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlModelManager *self = KL_MODEL_MANAGER(widget);
  if (!self->shown || self->work) return;
  Work *w = work_new(WORK_VERIFY, NULL);
  w->item = g_object_ref(self->shown);
  g_autofree char *title = g_strdup_printf(_("Verifying “%s”"), kl_model_item_title(self->shown));
  adw_leaflet_set_visible_child(self->pages, self->list_page);
  begin(self, w, title);
}

static void back_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlModelManager *self = KL_MODEL_MANAGER(widget);
  adw_leaflet_set_visible_child(self->pages, self->list_page);
}

static void remove_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlModelManager *self = KL_MODEL_MANAGER(widget);
  g_autoptr(GError) error = NULL;
  if (!self->shown) return;
  const KlModel *m = kl_model_item_get(self->shown);
  if (!kl_model_remove(m, &error)) {
    explain(self, _("The Model was Not Removed"), error->message);
    return;
  }
  g_autofree char *text = g_strdup_printf(_("“%s” removed"), kl_model_item_title(self->shown));
  g_free(self->removed);
  self->removed = g_path_get_basename(m->folder);
  AdwToast *toast = adw_toast_new(text);
  adw_toast_set_button_label(toast, _("_Undo"));
  adw_toast_set_action_name(toast, "models.undo");
  adw_toast_overlay_add_toast(self->toasts, toast);
  back_action(widget, NULL, NULL);
  kl_model_list_refresh();
}

static void undo_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlModelManager *self = KL_MODEL_MANAGER(widget);
  g_autoptr(GError) error = NULL;
  if (self->removed && !kl_model_restore(self->removed, &error)) say(self, error->message);
  g_clear_pointer(&self->removed, g_free);
  kl_model_list_refresh();
}

/* ---- the list ---- */

static void row_activated(AdwActionRow *row, gpointer user) {
  KlModelManager *self = user;
  KlModelItem *item = g_object_get_data(G_OBJECT(row), "item");
  g_set_object(&self->shown, item);
  adw_window_title_set_title(self->details_title, kl_model_item_title(item));
  adw_bin_set_child(self->details, kl_model_details_new(item));
  adw_leaflet_set_visible_child(self->pages, self->details_page);
  update_actions(self);
}

static void add_row(KlModelManager *self, KlModelItem *item) {
  const KlModel *m = kl_model_item_get(item);
  GtkWidget *row = adw_action_row_new();
  g_autofree char *title = g_markup_escape_text(kl_model_item_title(item), -1),
                  *about = kl_model_summary(item), *sub = g_markup_escape_text(about, -1);
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
  adw_action_row_set_subtitle(ADW_ACTION_ROW(row), sub);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), gtk_image_new_from_icon_name("go-next-symbolic"));
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
  g_object_set_data_full(G_OBJECT(row), "item", g_object_ref(item), g_object_unref);
  g_signal_connect(row, "activated", G_CALLBACK(row_activated), self);
  gtk_list_box_append(strcmp(m->origin, "built-in") ? self->imported : self->built_in, row);
}

static void clear(GtkListBox *list) {
  GtkListBoxRow *row;
  while ((row = gtk_list_box_get_row_at_index(list, 0))) gtk_list_box_remove(list, GTK_WIDGET(row));
}

static void fill(KlModelManager *self) {
  GListModel *list = kl_model_list();
  clear(self->built_in);
  clear(self->imported);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlModelItem) item = g_list_model_get_item(list, i);
    add_row(self, item);
  }
}

/* ---- the window ---- */

static void forget_removed(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  kl_model_forget_removed();
  g_task_return_boolean(task, TRUE);
}

/* What runs ends; what was removed is gone for good. */
static gboolean kl_model_manager_close_request(GtkWindow *window) {
  KlModelManager *self = KL_MODEL_MANAGER(window);
  if (self->work) kl_cancel(&self->work->cancel);
  if (self->removed) {
    g_autoptr(GTask) task = g_task_new(NULL, NULL, NULL, NULL);
    g_task_run_in_thread(task, forget_removed);
  }
  gtk_widget_set_visible(GTK_WIDGET(window), FALSE);
  return GTK_WINDOW_CLASS(kl_model_manager_parent_class)->close_request(window);
}

static void kl_model_manager_dispose(GObject *object) {
  KlModelManager *self = KL_MODEL_MANAGER(object);
  g_clear_handle_id(&self->poll, g_source_remove);
  g_clear_object(&self->shown);
  g_clear_pointer(&self->removed, g_free);
  G_OBJECT_CLASS(kl_model_manager_parent_class)->dispose(object);
}

static void kl_model_manager_class_init(KlModelManagerClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_model_manager_dispose;
  GTK_WINDOW_CLASS(klass)->close_request = kl_model_manager_close_request;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/model_manager.ui");
  gtk_widget_class_bind_template_child(widget, KlModelManager, toasts);
  gtk_widget_class_bind_template_child(widget, KlModelManager, pages);
  gtk_widget_class_bind_template_child(widget, KlModelManager, list_page);
  gtk_widget_class_bind_template_child(widget, KlModelManager, details_page);
  gtk_widget_class_bind_template_child(widget, KlModelManager, import_button);
  gtk_widget_class_bind_template_child(widget, KlModelManager, details_title);
  gtk_widget_class_bind_template_child(widget, KlModelManager, details);
  gtk_widget_class_bind_template_child(widget, KlModelManager, work_revealer);
  gtk_widget_class_bind_template_child(widget, KlModelManager, work_title);
  gtk_widget_class_bind_template_child(widget, KlModelManager, work_bar);
  gtk_widget_class_bind_template_child(widget, KlModelManager, built_in);
  gtk_widget_class_bind_template_child(widget, KlModelManager, imported);
  gtk_widget_class_install_action(widget, "models.import", "b", import_action);
  gtk_widget_class_install_action(widget, "models.cancel", NULL, cancel_action);
  gtk_widget_class_install_action(widget, "models.verify", NULL, verify_action);
  gtk_widget_class_install_action(widget, "models.remove", NULL, remove_action);
  gtk_widget_class_install_action(widget, "models.undo", NULL, undo_action);
  gtk_widget_class_install_action(widget, "models.back", NULL, back_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Left, GDK_ALT_MASK, "models.back", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_o, GDK_CONTROL_MASK, "models.import", "b", TRUE);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Escape, 0, "window.close", NULL);
}

static GtkWidget *nothing(void) {
  GtkWidget *label = gtk_label_new(_("Nothing yet"));
  gtk_widget_add_css_class(label, "dim-label");
  gtk_widget_add_css_class(label, "kl-words");
  return label;
}

static void kl_model_manager_init(KlModelManager *self) {
  GtkDropTarget *target = gtk_drop_target_new(GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  gtk_list_box_set_placeholder(self->imported, nothing());
  g_signal_connect(target, "drop", G_CALLBACK(dropped), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(target));
  g_signal_connect_object(kl_model_list(), "items-changed", G_CALLBACK(fill), self, G_CONNECT_SWAPPED);
  fill(self);
  update_actions(self);
}

GtkWidget *kl_model_manager_new(void) {
  return g_object_new(KL_TYPE_MODEL_MANAGER, NULL);
}
