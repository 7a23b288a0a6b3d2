/* Taking away what nothing can bring back. */
#include "app/core/project/project_internal.h"
#include "app/core/project/store.h"

#include <glib/gstdio.h>
#include <string.h>

#define DAY ((gint64)24 * 3600 * G_USEC_PER_SEC)
#define KEEP_HISTORY (30 * DAY)
#define KEEP_CACHE (30 * DAY)
/* Something is being added through the state of "added, but undone" right now. */
#define YOUNG ((gint64)3600 * G_USEC_PER_SEC)
#define PAUSE_US 2000
#define PAGES 128
/* Free pages that stay in the file: the next chunks use them again. */
#define KEEP_FREE 1024

/* Removed before the oldest step that is left; or undone, and nothing is left to redo. */
#define GONE                                                                                                 \
  "((removed > 0 AND removed < 9223372036854775807 AND removed < (SELECT ifnull(min(began), "                \
  "9223372036854775807) "                                                                                    \
  "FROM undo)) OR (removed = 9223372036854775807 AND created < ?1 AND NOT EXISTS (SELECT 1 FROM undo WHERE " \
  "undone = "                                                                                                \
  "1)))"

/* Repeats a statement that changes a little at a time until it changes nothing. */
static bool piecemeal(const KlDb *db, const char *sql, GError **error) {
  for (;;) {
    int before = sqlite3_total_changes(db->handle);
    if (!kl_db_run(db, error, sql, "")) return false;
    if (sqlite3_total_changes(db->handle) == before) return true;
    g_usleep(PAUSE_US);
  }
}

static bool drop_assets(const KlDb *db, gint64 now, GError **error) {
  return kl_db_run(db, error, "DELETE FROM asset WHERE " GONE " AND id NOT IN (SELECT asset FROM clip)", "l",
                   now - YOUNG);
}

/* The video of a render that is gone, if it is ours and nothing shows it. */
static void trash_output(const KlDb *db, const char *folder, const char *media, const char *stored) {
  g_autofree char *path = kl_path_load(folder, stored), *prefix = g_strconcat(media, "/", NULL);
  if (!g_str_has_prefix(path, prefix) ||
      kl_db_number(db, 1, "SELECT count(*) FROM asset WHERE path = ? AND removed = 0", "t", stored))
    return;
  g_autoptr(GFile) file = g_file_new_for_path(path);
  g_file_trash(file, NULL, NULL); /* where there is no trash, it stays */
}

static bool drop_renders(const KlDb *db, const char *folder, const char *media, gint64 now, GError **error) {
  for (;;) {
    sqlite3_stmt *s = kl_db_query(db, error,
                                  "SELECT id, output FROM render WHERE " GONE
                                  " AND state <> ?2 AND id NOT IN (SELECT parent "
                                  "FROM render WHERE removed = 0 AND state <> ?3) LIMIT 1",
                                  "lii", now - YOUNG, KL_RENDER_RUNNING, KL_RENDER_DONE);
    if (!s) return false;
    if (sqlite3_step(s) != SQLITE_ROW) {
      sqlite3_finalize(s);
      return true;
    }
    gint64 id = sqlite3_column_int64(s, 0);
    g_autofree char *stored = kl_db_text(s, 1);
    sqlite3_finalize(s);
    if (!kl_db_begin(db, error)) return false;
    bool ok = kl_db_run(db, error, "DELETE FROM run WHERE render = ?", "l", id) &&
              kl_db_run(db, error, "DELETE FROM render WHERE id = ?", "l", id);
    if (!kl_db_end(db, ok, error)) return false;
    trash_output(db, folder, media, stored);
    g_usleep(PAUSE_US);
  }
}

static bool give_pages_back(const KlDb *db, GError **error) {
  for (;;) {
    gint64 free_pages = kl_db_number(db, 0, "PRAGMA freelist_count", "");
    g_autofree char *sql = g_strdup_printf("PRAGMA incremental_vacuum(%d)", PAGES);
    if (free_pages <= KEEP_FREE + PAGES) return true;
    if (!kl_db_exec(db, sql, error)) return false;
    if (kl_db_number(db, 0, "PRAGMA freelist_count", "") >= free_pages) return true;
    g_usleep(PAUSE_US);
  }
}

/* Embedded files that were unpacked long ago; they are unpacked again when needed. */
static void clear_cache(gint64 now) {
  g_autofree char *dir = g_build_filename(g_get_user_cache_dir(), "kinoloom", "embedded", NULL);
  g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
  for (const char *name; d && (name = g_dir_read_name(d));) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    GStatBuf st;
    if (!g_stat(path, &st) && MAX(st.st_mtime, st.st_atime) < (now - KEEP_CACHE) / G_USEC_PER_SEC)
      g_unlink(path);
  }
}

bool kl_store_tidy(const char *path, GError **error) {
  g_autofree char *full = g_canonicalize_filename(path, NULL), *folder = g_path_get_dirname(full),
                  *media = kl_project_media_of(full);
  gint64 now = g_get_real_time();
  g_autoptr(KlDb) db = kl_db_open(full, &kl_project_schema, KL_DB_WAL, error);
  clear_cache(now);
  return db && kl_db_run(db, error, "DELETE FROM undo WHERE ended < ?", "l", now - KEEP_HISTORY) &&
         drop_renders(db, folder, media, now, error) && drop_assets(db, now, error) &&
         piecemeal(db,
                   "DELETE FROM latents WHERE rowid IN (SELECT rowid FROM latents WHERE id NOT IN (SELECT "
                   "latents FROM "
                   "chunk) AND id NOT IN (SELECT staged FROM run) LIMIT 2)",
                   error) &&
         give_pages_back(db, error);
}
