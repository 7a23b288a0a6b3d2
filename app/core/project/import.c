/* Taking a file into the project: looked at in a worker, written on the main thread. */
#include "app/core/project/asset.h"
#include "app/core/project/project_internal.h"

#include <glib/gi18n.h>
#include <string.h>

#define EMBED_MAX ((gint64)64 << 20)
#define PART ((gsize)1 << 20)

typedef struct {
  char *project, *folder, *path, *name;
  bool embed;
  KlCancel cancel;
  gint64 id;  /* of the row */
  bool fresh; /* it was made for this import */
} Import;

static void import_free(void *item) {
  Import *i = item;
  char *texts[] = {i->project, i->folder, i->path, i->name};
  for (size_t k = 0; k < G_N_ELEMENTS(texts); k++) g_free(texts[k]);
  g_free(i);
}

static void on_cancelled(GCancellable *c, gpointer user) {
  kl_cancel(user);
}

/* The bytes go in piece by piece, so that nobody waits long for the file. */
static bool put_bytes(const KlDb *db, gint64 id, const char *text, gsize n, GError **error) {
  bool ok = true;
  gint64 part = 0;
  for (gsize at = 0; ok && at < n; at += PART) {
    g_autoptr(GBytes) piece = g_bytes_new_static(text + at, MIN(PART, n - at));
    ok = kl_db_run(db, error, "INSERT INTO embedded VALUES (?, ?, ?)", "llb", id, part++, piece);
  }
  return ok;
}

/* The row is made as one whose adding is undone; that it is added is the edit, on the main thread. */
static bool put(Import *i, const KlMediaFacts *f, GError **error) {
  g_autofree char *text = NULL;
  gsize n = 0;
  if (i->embed && f->bytes > EMBED_MAX)
    return kl_gfail(error, KL_ERROR_INVALID, "only files of up to 64 MiB can be put into the project itself");
  if (i->embed && !g_file_get_contents(i->path, &text, &n, NULL))
    return kl_gfail(error, KL_ERROR_INPUT, "cannot read %s", i->name);
  g_autoptr(KlDb) db = kl_db_open(i->project, &kl_project_schema, KL_DB_WAL, error);
  if (!db) return false;
  i->id = kl_db_number(
      db, 0,
      "SELECT id FROM asset WHERE sha256 = ? AND removed = 0 AND (embedded > 0) = ? ORDER BY id LIMIT 1",
      "ti", f->sha256, (int)(n > 0));
  if (i->id) return true;
  i->fresh = true;
  if (!kl_db_begin(db, error)) return false;
  i->id = kl_asset_insert(db, i->folder, i->name, i->path, f, (gint64)n, 0, KL_REMOVED_UNDONE, error);
  return kl_db_end(db, i->id != 0, error) && put_bytes(db, i->id, text, n, error);
}

static void look_at(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Import *i = data;
  KlMediaFacts facts;
  GError *error = NULL;
  gulong handler = cancel ? g_cancellable_connect(cancel, G_CALLBACK(on_cancelled), &i->cancel, NULL) : 0;
  bool ok = kl_media_facts(i->path, &i->cancel, &facts, &error) && put(i, &facts, &error);
  g_cancellable_disconnect(cancel, handler);
  kl_media_facts_clear(&facts);
  if (ok)
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

/* The same file, taken in by another import while this one was looking; 0: none. */
static gint64 twin(KlProject *p, gint64 id) {
  return kl_db_number(
      p->db, 0,
      "SELECT a.id FROM asset a JOIN asset b ON a.sha256 = b.sha256 AND (a.embedded > 0) = (b.embedded > 0) "
      "WHERE b.id = ? AND a.removed = 0 ORDER BY a.id LIMIT 1",
      "l", id);
}

static KlAsset *add(KlProject *p, const Import *i, GError **error) {
  kl_project_refresh(p);
  gint64 have = i->fresh && p->db ? twin(p, i->id) : 0;
  if (i->fresh && !have) {
    if (!kl_edit_open(p, _("Add Media"), error)) return NULL;
    bool ok = kl_db_run(p->db, error, "UPDATE asset SET removed = 0 WHERE id = ?", "l", i->id);
    if (!kl_edit_close(p, ok, error)) return NULL;
  }
  KlAsset *a = kl_project_asset(p, have ? have : i->id);
  if (!a) kl_gfail(error, KL_ERROR_IO, "the project is closed");
  return a ? g_object_ref(a) : NULL;
}

static void looked(GObject *source, GAsyncResult *r, gpointer user) {
  g_autoptr(GTask) outer = user;
  Import *i = g_task_get_task_data(G_TASK(r));
  GError *error = NULL;
  KlAsset *a = g_task_propagate_boolean(G_TASK(r), &error) ? add(KL_PROJECT(source), i, &error) : NULL;
  if (a)
    g_task_return_pointer(outer, a, g_object_unref);
  else
    g_task_return_error(outer, error);
}

void kl_project_import_async(KlProject *p, GFile *file, bool embed, GCancellable *cancel,
                             GAsyncReadyCallback done, gpointer user) {
  g_autoptr(GTask) outer = g_task_new(p, cancel, done, user);
  g_autofree char *base = g_file_get_basename(file), *uri = g_file_get_uri(file),
                  *path = g_file_get_path(file);
  g_autofree char *shown = g_filename_display_name(p->path);
  if (!path) {
    g_task_return_new_error(outer, KL_ERROR, KL_ERROR_INPUT, "%s is not a file on this machine", uri);
    return;
  }
  if (!p->db || p->read_only) {
    g_task_return_new_error(outer, KL_ERROR, KL_ERROR_IO, "the project %s is read-only", shown);
    return;
  }
  Import *i = g_new0(Import, 1);
  i->project = g_strdup(p->path);
  i->folder = g_strdup(p->folder);
  i->path = g_steal_pointer(&path);
  i->name = g_filename_display_name(base ? base : "");
  i->embed = embed;
  g_autoptr(GTask) inner = g_task_new(p, cancel, looked, g_object_ref(outer));
  g_task_set_task_data(inner, i, import_free);
  g_task_set_check_cancellable(inner, FALSE); /* the worker still uses what it was given */
  g_task_run_in_thread(inner, look_at);
}

KlAsset *kl_project_import_finish(KlProject *p, GAsyncResult *r, GError **error) {
  return g_task_propagate_pointer(G_TASK(r), error);
}
