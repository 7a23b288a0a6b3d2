#include "ui/frame_content.h"

#include <gtk/gtk.h>

struct _KlFrameContent {
  GdkContentProvider parent;
  GdkTexture *texture;
  char *name;
};

G_DEFINE_FINAL_TYPE(KlFrameContent, kl_frame_content, GDK_TYPE_CONTENT_PROVIDER)

#define URI_LIST "text/uri-list"

static char write_tag; /* its address marks the tasks that write a list of files */

static GdkContentFormats *frame_formats(GdkContentProvider *provider) {
  GdkContentFormatsBuilder *b = gdk_content_formats_builder_new();
  gdk_content_formats_builder_add_gtype(b, GDK_TYPE_TEXTURE);
  gdk_content_formats_builder_add_mime_type(b, URI_LIST);
  return gdk_content_formats_builder_free_to_formats(b); /* GTK itself makes pictures of the texture */
}

static gboolean frame_value(GdkContentProvider *provider, GValue *value, GError **error) {
  KlFrameContent *self = KL_FRAME_CONTENT(provider);
  if (!G_VALUE_HOLDS(value, GDK_TYPE_TEXTURE))
    return GDK_CONTENT_PROVIDER_CLASS(kl_frame_content_parent_class)->get_value(provider, value, error);
  g_value_set_object(value, self->texture);
  return TRUE;
}

typedef struct {
  GdkTexture *texture;
  char *name;
  GOutputStream *stream;
} Write;

static void write_free(gpointer data) {
  Write *w = data;
  g_object_unref(w->texture);
  g_object_unref(w->stream);
  g_free(w->name);
  g_free(w);
}

static void write_file(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Write *w = data;
  g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "kinoloom", "frames", NULL);
  g_autofree char *file = g_strconcat(w->name, ".png", NULL);
  g_autofree char *path = g_build_filename(folder, file, NULL);
  GError *error = NULL;
  g_mkdir_with_parents(folder, 0700);
  g_autoptr(GBytes) png = gdk_texture_save_to_png_bytes(w->texture);
  g_autofree char *uri = g_filename_to_uri(path, NULL, &error);
  g_autofree char *line = g_strconcat(uri ? uri : "", "\r\n", NULL);
  if (uri && g_file_set_contents(path, g_bytes_get_data(png, NULL), (gssize)g_bytes_get_size(png), &error) &&
      g_output_stream_write_all(w->stream, line, strlen(line), NULL, cancel, &error))
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

static void frame_write_async(GdkContentProvider *provider, const char *mime, GOutputStream *stream,
                              int priority, GCancellable *cancel, GAsyncReadyCallback done, gpointer user) {
  KlFrameContent *self = KL_FRAME_CONTENT(provider);
  if (strcmp(mime, URI_LIST) != 0) {
    GDK_CONTENT_PROVIDER_CLASS(kl_frame_content_parent_class)
        ->write_mime_type_async(provider, mime, stream, priority, cancel, done, user);
    return;
  }
  GTask *task = g_task_new(provider, cancel, done, user);
  g_task_set_source_tag(task, &write_tag);
  Write *w = g_new(Write, 1);
  *w = (Write){g_object_ref(self->texture), g_strdup(self->name), g_object_ref(stream)};
  g_task_set_task_data(task, w, write_free);
  g_task_run_in_thread(task, write_file);
  g_object_unref(task);
}

static gboolean frame_write_finish(GdkContentProvider *provider, GAsyncResult *result, GError **error) {
  if (G_IS_TASK(result) && g_task_get_source_tag(G_TASK(result)) == &write_tag)
    return g_task_propagate_boolean(G_TASK(result), error);
  return GDK_CONTENT_PROVIDER_CLASS(kl_frame_content_parent_class)
      ->write_mime_type_finish(provider, result, error);
}

static void kl_frame_content_finalize(GObject *object) {
  KlFrameContent *self = KL_FRAME_CONTENT(object);
  g_clear_object(&self->texture);
  g_free(self->name);
  G_OBJECT_CLASS(kl_frame_content_parent_class)->finalize(object);
}

static void kl_frame_content_class_init(KlFrameContentClass *klass) {
  GdkContentProviderClass *content = GDK_CONTENT_PROVIDER_CLASS(klass);
  G_OBJECT_CLASS(klass)->finalize = kl_frame_content_finalize;
  content->ref_formats = frame_formats;
  content->get_value = frame_value;
  content->write_mime_type_async = frame_write_async;
  content->write_mime_type_finish = frame_write_finish;
}

static void kl_frame_content_init(KlFrameContent *self) {}

GdkContentProvider *kl_frame_content_new(GdkTexture *texture, const char *name) {
  KlFrameContent *self = g_object_new(KL_TYPE_FRAME_CONTENT, NULL);
  self->texture = g_object_ref(texture);
  self->name = g_strdup(name);
  return GDK_CONTENT_PROVIDER(self);
}
