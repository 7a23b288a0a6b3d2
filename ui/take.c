#include "ui/take.h"

#include "ui/i18n.h"

typedef struct {
  GFile *file;
  GdkTexture *texture; /* NULL: a file */
  char *folder;        /* for the texture */
  KlJobSpec *job;
  KlAsset *asset;
} Take;

static void take_free(gpointer data) {
  Take *t = data;
  g_clear_object(&t->file);
  g_clear_object(&t->texture);
  g_clear_object(&t->asset);
  g_clear_pointer(&t->job, kl_job_free);
  g_free(t->folder);
  g_free(t);
}

static void imported(GObject *project, GAsyncResult *result, gpointer user) {
  g_autoptr(GTask) task = user;
  Take *t = g_task_get_task_data(task);
  GError *error = NULL;
  KlAsset *asset = kl_project_import_finish(KL_PROJECT(project), result, &error);
  if (!asset) {
    g_task_return_error(task, error);
    return;
  }
  t->asset = asset;
  g_task_return_boolean(task, TRUE);
}

/* The reading is over: a job is the answer, anything else is imported. */
static void was_read(GObject *project, GAsyncResult *result, gpointer user) {
  g_autoptr(GTask) task = user;
  Take *t = g_task_get_task_data(task);
  GError *error = NULL;
  if (!g_task_propagate_boolean(G_TASK(result), &error))
    g_task_return_error(task, error);
  else if (t->job)
    g_task_return_boolean(task, TRUE);
  else
    kl_project_import_async(KL_PROJECT(project), t->file, false, NULL, imported, g_object_ref(task));
}

static void read_job(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Take *t = data;
  g_autofree char *path = g_file_get_path(t->file);
  GError *error = NULL;
  if (path) t->job = kl_job_load(path, &error);
  if (error && g_str_has_suffix(path, ".json")) { /* meant as a job */
    g_task_return_error(task, error);
    return;
  }
  g_clear_error(&error);
  g_task_return_boolean(task, TRUE);
}

static void write_picture(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Take *t = data;
  GError *error = NULL;
  g_autoptr(GBytes) png = gdk_texture_save_to_png_bytes(t->texture);
  g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, png);
  g_autofree char *name = g_strdup_printf("picture-%.12s.png", sum);
  g_autofree char *path = g_build_filename(t->folder, name, NULL);
  gsize n;
  const char *bytes = g_bytes_get_data(png, &n);
  if (g_mkdir_with_parents(t->folder, 0755) != 0 ||
      !g_file_set_contents_full(path, bytes, (gssize)n, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error)) {
    if (!error) error = g_error_new(KL_ERROR, KL_ERROR_IO, _("%s cannot be made"), t->folder);
    g_task_return_error(task, error);
    return;
  }
  t->file = g_file_new_for_path(path);
  g_task_return_boolean(task, TRUE);
}

static void begin(KlProject *project, Take *t, GTaskThreadFunc work, GAsyncReadyCallback done,
                  gpointer user) {
  GTask *task = g_task_new(project, NULL, done, user);
  g_task_set_task_data(task, t, take_free);
  g_autoptr(GTask) reading = g_task_new(project, NULL, was_read, task); /* takes task */
  g_task_set_task_data(reading, t, NULL);
  g_task_run_in_thread(reading, work);
}

void kl_take_file_async(KlProject *project, GFile *file, GAsyncReadyCallback done, gpointer user) {
  Take *t = g_new0(Take, 1);
  t->file = g_object_ref(file);
  begin(project, t, read_job, done, user);
}

void kl_take_texture_async(KlProject *project, GdkTexture *texture, GAsyncReadyCallback done, gpointer user) {
  Take *t = g_new0(Take, 1);
  t->texture = g_object_ref(texture);
  t->folder = g_strdup(kl_project_media_folder(project));
  begin(project, t, write_picture, done, user);
}

bool kl_take_finish(GAsyncResult *result, KlJobSpec **job, KlAsset **asset, GError **error) {
  Take *t = g_task_get_task_data(G_TASK(result));
  *job = NULL;
  *asset = NULL;
  if (!g_task_propagate_boolean(G_TASK(result), error)) return false;
  *job = g_steal_pointer(&t->job);
  *asset = g_steal_pointer(&t->asset);
  return true;
}
