#include "ui/drop_well.h"

#include "app/core/inspect.h"
#include "ui/i18n.h"

#include <string.h>

enum { THUMBNAIL = 256 };

struct _KlDropWell {
  AdwBin parent;
  char *title, *folder, *path; /* path NULL: empty */
  GtkWidget *button, *clear;
  GtkStack *stack; /* "empty", "full" */
  GtkPicture *picture;
  GtkLabel *name;
  GCancellable *reading; /* NULL: nothing is being read */
};

G_DEFINE_FINAL_TYPE(KlDropWell, kl_drop_well, ADW_TYPE_BIN)

static guint changed_signal, refused_signal;

/* ---- what it shows ---- */

static void show(KlDropWell *self, GdkPaintable *picture) {
  g_autofree char *base = self->path ? g_path_get_basename(self->path) : NULL,
                  *shown = base ? g_filename_display_name(base) : NULL;
  g_autofree char *label =
      shown ? g_strdup_printf("%s: %s", self->title, shown) : g_strdup_printf(_("%s: empty"), self->title);
  gtk_picture_set_paintable(self->picture, picture);
  gtk_stack_set_visible_child_name(self->stack, self->path ? "full" : "empty");
  gtk_widget_set_visible(self->clear, self->path != NULL);
  gtk_widget_set_tooltip_text(self->button,
                              shown ? shown : _("Drop a picture here, paste one, or press to choose"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

/* ---- reading a file, in a worker ---- */

typedef struct {
  char *path;
  GBytes *rgb;
  int width, height;
} Read;

static void read_free(gpointer data) {
  Read *r = data;
  g_free(r->path);
  g_clear_pointer(&r->rgb, g_bytes_unref);
  g_free(r);
}

static void read_file(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Read *r = data;
  GError *error = NULL;
  r->rgb = kl_inspect_picture(r->path, THUMBNAIL, &r->width, &r->height, NULL, NULL, &error);
  if (r->rgb)
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

static void refuse(KlDropWell *self, const char *name, const char *why) {
  g_autofree char *text = g_strdup_printf(_("“%s” cannot be used: %s"), name, why);
  g_signal_emit(self, refused_signal, 0, text);
}

static void have_read(GObject *source, GAsyncResult *result, gpointer user) {
  KlDropWell *self = KL_DROP_WELL(source);
  Read *r = g_task_get_task_data(G_TASK(result));
  g_autoptr(GError) error = NULL;
  bool ok = g_task_propagate_boolean(G_TASK(result), &error);
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) return; /* another came after it */
  g_clear_object(&self->reading);
  if (!ok) {
    g_autofree char *base = g_path_get_basename(r->path), *shown = g_filename_display_name(base);
    refuse(self, shown, error->message);
    if (!g_strcmp0(self->path, r->path)) kl_drop_well_set_path(self, NULL);
    return;
  }
  g_autoptr(GdkTexture) texture =
      gdk_memory_texture_new(r->width, r->height, GDK_MEMORY_R8G8B8, r->rgb, (gsize)r->width * 3);
  bool same = !g_strcmp0(self->path, r->path);
  if (!same) {
    g_free(self->path);
    self->path = g_strdup(r->path);
  }
  show(self, GDK_PAINTABLE(texture));
  if (!same) g_signal_emit(self, changed_signal, 0);
}

static void read_path(KlDropWell *self, const char *path) {
  Read *r = g_new0(Read, 1);
  r->path = g_strdup(path);
  g_cancellable_cancel(self->reading);
  g_clear_object(&self->reading);
  self->reading = g_cancellable_new();
  g_autoptr(GTask) task = g_task_new(self, self->reading, have_read, NULL);
  g_task_set_task_data(task, r, read_free);
  g_task_run_in_thread(task, read_file);
}

const char *kl_drop_well_path(KlDropWell *self) {
  return self->path;
}

void kl_drop_well_set_path(KlDropWell *self, const char *path) {
  if (!g_strcmp0(path, self->path)) return;
  g_cancellable_cancel(self->reading);
  g_clear_object(&self->reading);
  g_free(self->path);
  self->path = g_strdup(path);
  show(self, NULL);
  if (path) read_path(self, path);
  g_signal_emit(self, changed_signal, 0);
}

void kl_drop_well_set_folder(KlDropWell *self, const char *folder) {
  g_free(self->folder);
  self->folder = g_strdup(folder);
}

/* ---- a picture without a file: written under the name of its content ---- */

typedef struct {
  GdkTexture *texture;
  char *folder, *path;
} Keep;

static void keep_free(gpointer data) {
  Keep *k = data;
  g_object_unref(k->texture);
  g_free(k->folder);
  g_free(k->path);
  g_free(k);
}

static void keep_texture(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Keep *k = data;
  g_autoptr(GBytes) png = gdk_texture_save_to_png_bytes(k->texture);
  g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, png),
                  *name = g_strdup_printf("input-%.16s.png", sum);
  GError *error = NULL;
  k->path = g_build_filename(k->folder, name, NULL);
  g_mkdir_with_parents(k->folder, 0755);
  if (g_file_test(k->path, G_FILE_TEST_EXISTS) ||
      g_file_set_contents(k->path, g_bytes_get_data(png, NULL), (gssize)g_bytes_get_size(png), &error))
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

static void have_kept(GObject *source, GAsyncResult *result, gpointer user) {
  Keep *k = g_task_get_task_data(G_TASK(result));
  g_autoptr(GError) error = NULL;
  if (g_task_propagate_boolean(G_TASK(result), &error))
    kl_drop_well_set_path(KL_DROP_WELL(source), k->path);
  else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    refuse(KL_DROP_WELL(source), _("The picture"), error->message);
}

void kl_drop_well_set_texture(KlDropWell *self, GdkTexture *texture) {
  if (!self->folder) {
    refuse(self, _("The picture"), _("there is no project to keep it in"));
    return;
  }
  Keep *k = g_new0(Keep, 1);
  k->texture = g_object_ref(texture);
  k->folder = g_strdup(self->folder);
  g_autoptr(GTask) task = g_task_new(self, NULL, have_kept, NULL);
  g_task_set_task_data(task, k, keep_free);
  g_task_run_in_thread(task, keep_texture);
}

/* ---- drop, paste, choose ---- */

static bool take_file(KlDropWell *self, GFile *file) {
  g_autofree char *path = file ? g_file_get_path(file) : NULL;
  if (path)
    read_path(self, path);
  else
    refuse(self, _("The file"), _("it is not on this machine"));
  return path != NULL;
}

static bool take_value(KlDropWell *self, const GValue *value) {
  if (G_VALUE_HOLDS(value, GDK_TYPE_TEXTURE)) {
    kl_drop_well_set_texture(self, g_value_get_object(value));
    return true;
  }
  if (G_VALUE_HOLDS(value, GDK_TYPE_FILE_LIST)) {
    g_autoptr(GSList) files = gdk_file_list_get_files(g_value_get_boxed(value));
    return files && take_file(self, files->data);
  }
  if (G_VALUE_HOLDS(value, KL_TYPE_ASSET)) {
    const char *path = kl_asset_path(g_value_get_object(value));
    if (path) read_path(self, path);
    return path != NULL;
  }
  return G_VALUE_HOLDS(value, G_TYPE_FILE) && take_file(self, g_value_get_object(value));
}

static gboolean dropped(GtkDropTarget *target, const GValue *value, double x, double y, gpointer user) {
  return take_value(user, value);
}

static void pasted(GObject *source, GAsyncResult *result, gpointer user) {
  g_autoptr(KlDropWell) self = user;
  g_autoptr(GError) error = NULL;
  const GValue *value = gdk_clipboard_read_value_finish(GDK_CLIPBOARD(source), result, &error);
  if (value)
    take_value(self, value);
  else
    refuse(self, _("What was copied"), error->message);
}

static void paste_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  GdkClipboard *clipboard = gtk_widget_get_clipboard(widget);
  GdkContentFormats *formats = gdk_clipboard_get_formats(clipboard);
  GType type =
      gdk_content_formats_contain_gtype(formats, GDK_TYPE_FILE_LIST) ? GDK_TYPE_FILE_LIST : GDK_TYPE_TEXTURE;
  gdk_clipboard_read_value_async(clipboard, type, G_PRIORITY_DEFAULT, NULL, pasted, g_object_ref(widget));
}

static void clear_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlDropWell *self = KL_DROP_WELL(widget);
  kl_drop_well_set_path(self, NULL);
  gtk_widget_grab_focus(self->button);
}

static void file_chosen(GtkNativeDialog *dialog, int response, gpointer user) {
  g_autoptr(KlDropWell) self = user;
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog));
    take_file(self, file);
  }
  g_object_unref(dialog);
}

static void choose(KlDropWell *self) {
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new(self->title, GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(self))),
                                  GTK_FILE_CHOOSER_ACTION_OPEN, _("_Use"), NULL);
  GtkFileFilter *filter = gtk_file_filter_new();
  gtk_file_filter_set_name(filter, _("Pictures and Videos"));
  gtk_file_filter_add_mime_type(filter, "image/*");
  gtk_file_filter_add_mime_type(filter, "video/*");
  gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(dialog), filter);
  g_object_unref(filter);
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(dialog), TRUE);
  g_signal_connect(dialog, "response", G_CALLBACK(file_chosen), g_object_ref(self));
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(dialog));
}

/* ---- the object ---- */

static void kl_drop_well_dispose(GObject *object) {
  KlDropWell *self = KL_DROP_WELL(object);
  g_cancellable_cancel(self->reading);
  g_clear_object(&self->reading);
  G_OBJECT_CLASS(kl_drop_well_parent_class)->dispose(object);
}

static void kl_drop_well_finalize(GObject *object) {
  KlDropWell *self = KL_DROP_WELL(object);
  g_free(self->title);
  g_free(self->folder);
  g_free(self->path);
  G_OBJECT_CLASS(kl_drop_well_parent_class)->finalize(object);
}

static void kl_drop_well_class_init(KlDropWellClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_drop_well_dispose;
  G_OBJECT_CLASS(klass)->finalize = kl_drop_well_finalize;
  changed_signal =
      g_signal_new("changed", KL_TYPE_DROP_WELL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  refused_signal = g_signal_new("refused", KL_TYPE_DROP_WELL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_install_action(widget, "well.paste", NULL, paste_action);
  gtk_widget_class_install_action(widget, "well.clear", NULL, clear_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_v, GDK_CONTROL_MASK, "well.paste", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Delete, 0, "well.clear", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_BackSpace, 0, "well.clear", NULL);
}

static GtkWidget *empty_page(KlDropWell *self) {
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6),
            *icon = gtk_image_new_from_icon_name("image-x-generic-symbolic");
  self->name = GTK_LABEL(gtk_label_new(NULL));
  gtk_label_set_wrap(self->name, TRUE);
  gtk_label_set_justify(self->name, GTK_JUSTIFY_CENTER);
  gtk_widget_add_css_class(GTK_WIDGET(self->name), "caption");
  gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
  gtk_box_append(GTK_BOX(box), icon);
  gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->name));
  return box;
}

static void kl_drop_well_init(KlDropWell *self) {
  GtkWidget *overlay = gtk_overlay_new(), *stack = gtk_stack_new(), *picture = gtk_picture_new();
  GType types[] = {KL_TYPE_ASSET, GDK_TYPE_FILE_LIST, GDK_TYPE_TEXTURE, G_TYPE_FILE};
  GtkDropTarget *target = gtk_drop_target_new(G_TYPE_INVALID, GDK_ACTION_COPY);
  self->stack = GTK_STACK(stack);
  self->picture = GTK_PICTURE(picture);
  gtk_picture_set_content_fit(self->picture, GTK_CONTENT_FIT_COVER);
  gtk_widget_set_overflow(picture, GTK_OVERFLOW_HIDDEN);
  gtk_widget_add_css_class(picture, "kl-well-picture");
  gtk_stack_add_named(self->stack, empty_page(self), "empty");
  gtk_stack_add_named(self->stack, picture, "full");
  self->button = gtk_button_new();
  gtk_button_set_child(GTK_BUTTON(self->button), stack);
  gtk_widget_set_size_request(self->button, 100, 76);
  gtk_widget_add_css_class(self->button, "kl-well");
  gtk_widget_set_overflow(self->button, GTK_OVERFLOW_HIDDEN);
  self->clear = gtk_button_new_from_icon_name("edit-clear-symbolic");
  gtk_actionable_set_action_name(GTK_ACTIONABLE(self->clear), "well.clear");
  gtk_widget_set_halign(self->clear, GTK_ALIGN_END);
  gtk_widget_set_valign(self->clear, GTK_ALIGN_START);
  gtk_widget_set_visible(self->clear, FALSE);
  gtk_widget_set_tooltip_text(self->clear, _("Remove"));
  gtk_widget_add_css_class(self->clear, "circular");
  gtk_widget_add_css_class(self->clear, "osd");
  gtk_widget_add_css_class(self->clear, "kl-well-clear");
  gtk_overlay_set_child(GTK_OVERLAY(overlay), self->button);
  gtk_overlay_add_overlay(GTK_OVERLAY(overlay), self->clear);
  adw_bin_set_child(ADW_BIN(self), overlay);
  gtk_drop_target_set_gtypes(target, types, G_N_ELEMENTS(types));
  g_signal_connect(target, "drop", G_CALLBACK(dropped), self);
  gtk_widget_add_controller(self->button, GTK_EVENT_CONTROLLER(target));
  g_signal_connect_swapped(self->button, "clicked", G_CALLBACK(choose), self);
}

GtkWidget *kl_drop_well_new(const char *title) {
  KlDropWell *self = g_object_new(KL_TYPE_DROP_WELL, NULL);
  self->title = g_strdup(title);
  gtk_label_set_label(self->name, title);
  show(self, NULL);
  return GTK_WIDGET(self);
}
