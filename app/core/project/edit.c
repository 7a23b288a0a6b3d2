/* Edits, undo, redo. SQLite's session extension records what an edit changes in the tables that are edited,
 * so that no setter has to know about undo; the changesets lie in the table `undo`. */
#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include "app/core/project/project_internal.h"

#include <glib/gi18n.h>
#include <string.h>

#define MERGE_WITHIN G_USEC_PER_SEC
#define KEEP_STEPS 500

static const char *const edited[] = {"project", "asset", "render", "track", "clip"};

static bool is_edited(const char *table) {
  for (size_t i = 0; i < G_N_ELEMENTS(edited); i++)
    if (!strcmp(edited[i], table)) return true;
  return false;
}

/* ---- changesets ---- */

static bool changes_fail(int rc, GError **error) {
  if (rc == SQLITE_NOMEM) return kl_gfail(error, KL_ERROR_OOM, "out of memory");
  return kl_gfail(error, KL_ERROR_INPUT, "the history of edits is damaged");
}

/* NULL without an error: nothing was changed. */
static GBytes *take(int n, void *data) {
  GBytes *b = n > 0 ? g_bytes_new(data, (gsize)n) : NULL;
  sqlite3_free(data);
  return b;
}

static bool joined(GBytes *first, GBytes *second, GBytes **out, GError **error) {
  int n = 0;
  void *data = NULL;
  gsize a = 0, b = 0;
  const void *x = first ? g_bytes_get_data(first, &a) : NULL,
             *y = second ? g_bytes_get_data(second, &b) : NULL;
  *out = NULL;
  if (!first || !second) {
    if (first || second) *out = g_bytes_ref(first ? first : second);
    return true;
  }
  int rc = sqlite3changeset_concat((int)a, (void *)x, (int)b, (void *)y, &n, &data);
  if (rc != SQLITE_OK) return changes_fail(rc, error);
  *out = take(n, data);
  return true;
}

static int wanted(void *user, const char *table) {
  return is_edited(table);
}

/* What the row has become since then stays: a render that has begun is not taken out again. */
static int conflict(void *user, int kind, sqlite3_changeset_iter *it) {
  (*(int *)user)++;
  return kind == SQLITE_CHANGESET_FOREIGN_KEY ? SQLITE_CHANGESET_ABORT : SQLITE_CHANGESET_OMIT;
}

/* *effect: whether anything was left to change. */
static bool apply(KlDb *db, GBytes *changes, bool inverse, bool *effect, GError **error) {
  gsize size;
  const void *data = g_bytes_get_data(changes, &size);
  int n = (int)size, omitted = 0, before = sqlite3_total_changes(db->handle);
  void *turned = NULL;
  int rc = inverse ? sqlite3changeset_invert((int)size, data, &n, &turned) : SQLITE_OK;
  if (rc == SQLITE_OK)
    rc = sqlite3changeset_apply(db->handle, n, turned ? turned : (void *)data, wanted, conflict, &omitted);
  sqlite3_free(turned);
  if (effect) *effect = sqlite3_total_changes(db->handle) != before;
  if (rc == SQLITE_OK) return true;
  if (rc == SQLITE_CORRUPT || rc == SQLITE_ABORT || rc == SQLITE_SCHEMA || rc == SQLITE_NOMEM)
    return changes_fail(rc, error);
  return kl_db_fail(db, error);
}

/* ---- the edit that is open ---- */

static bool writable(KlProject *p, GError **error) {
  g_autofree char *shown = g_filename_display_name(p->path);
  if (!p->db) return kl_gfail(error, KL_ERROR_IO, "the project is closed");
  return !p->read_only || kl_gfail(error, KL_ERROR_IO, "the project %s is read-only", shown);
}

static bool record(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  sqlite3_session *s = NULL;
  if (e->session) return true;
  int rc = sqlite3session_create(p->db->handle, "main", &s);
  for (size_t i = 0; rc == SQLITE_OK && i < G_N_ELEMENTS(edited); i++)
    rc = sqlite3session_attach(s, edited[i]);
  if (rc != SQLITE_OK) {
    if (s) sqlite3session_delete(s);
    return kl_db_fail(p->db, error);
  }
  e->session = s;
  return true;
}

/* The newest step, if this edit goes on with it. */
static bool find_mergeable(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  if (!e->merge || p->can_redo) return true;
  sqlite3_stmt *s =
      kl_db_query(p->db, error,
                  "SELECT id, changes FROM undo WHERE id = (SELECT max(id) FROM undo) AND undone = 0 AND "
                  "merge = ? AND label = ? AND ended >= ?",
                  "ttl", e->merge, e->label, e->began - MERGE_WITHIN);
  if (!s) return false;
  if (sqlite3_step(s) == SQLITE_ROW) {
    e->step = sqlite3_column_int64(s, 0);
    e->base = kl_db_blob(s, 1);
    e->merging = true;
  }
  sqlite3_finalize(s);
  return true;
}

/* Puts what is recorded so far into the undo table. */
static bool write_step(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  int n = 0;
  void *data = NULL;
  if (!e->session) return true;
  int rc = sqlite3session_changeset(e->session, &n, &data);
  if (rc != SQLITE_OK) return changes_fail(rc, error);
  g_autoptr(GBytes) own = take(n, data);
  g_autoptr(GBytes) all = NULL;
  if (!e->step && !own) return true;
  if (!joined(e->base, own, &all, error)) return false;
  gint64 now = g_get_real_time();
  if (!all) { /* moved there and back */
    if (!e->step) return true;
    gint64 step = e->step;
    e->step = 0;
    g_clear_pointer(&e->base, g_bytes_unref);
    return kl_db_run(p->db, error, "DELETE FROM undo WHERE id = ?", "l", step);
  }
  if (e->step)
    return kl_db_run(p->db, error, "UPDATE undo SET changes = ?, ended = ? WHERE id = ?", "bll", all, now,
                     e->step);
  if (!kl_db_run(p->db, error, "DELETE FROM undo WHERE undone = 1", "") ||
      !kl_db_run(p->db, error,
                 "INSERT INTO undo (label, merge, began, ended, undone, changes) VALUES (?, ?, ?, ?, 0, ?)",
                 "ttllb", e->label, e->merge, e->began, now, all))
    return false;
  e->step = sqlite3_last_insert_rowid(p->db->handle);
  return kl_undo_trim(p->db, error);
}

static bool commit(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  if (!e->in_transaction) return true;
  e->in_transaction = false;
  bool ok = write_step(p, error);
  if (!kl_db_end(p->db, ok, error)) return false;
  e->committed = true;
  return true;
}

/* An edit that stays open (a drag) must not keep others from writing. */
static gboolean on_commit_soon(gpointer user) {
  KlProject *p = user;
  g_autoptr(GError) error = NULL;
  p->edit.commit_soon = 0;
  if (!commit(p, &error)) {
    g_warning("%s", error->message);
    p->dirty = KL_ROWS_ALL; /* as the file has it */
  }
  kl_project_read(p);
  return G_SOURCE_REMOVE;
}

static bool transaction(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  if (e->in_transaction) return true;
  if (!kl_db_begin(p->db, error)) return false;
  e->in_transaction = true;
  if (!e->commit_soon) e->commit_soon = g_idle_add_full(G_PRIORITY_HIGH, on_commit_soon, p, NULL);
  return true;
}

static void clear(KlProject *p) {
  KlEdit *e = &p->edit;
  if (e->session) sqlite3session_delete(e->session);
  if (e->commit_soon) g_source_remove(e->commit_soon);
  g_free(e->label);
  g_free(e->merge);
  g_clear_pointer(&e->base, g_bytes_unref);
  *e = (KlEdit){0};
}

void kl_project_begin(KlProject *p, const char *label, const char *merge) {
  KlEdit *e = &p->edit;
  if (e->depth++) return;
  e->label = g_strdup(label ? label : "");
  e->merge = g_strdup(merge);
  e->began = g_get_real_time();
}

/* Back to before the edit. */
static bool take_back(KlProject *p, GError **error) {
  KlEdit *e = &p->edit;
  int n = 0;
  void *data = NULL;
  if (!e->session) return true;
  if (!e->committed) { /* nothing of it is in the file yet */
    e->in_transaction = false;
    kl_db_rollback(p->db);
    p->dirty = KL_ROWS_ALL;
    return true;
  }
  if (!transaction(p, error)) return false;
  int rc = sqlite3session_changeset(e->session, &n, &data);
  if (rc != SQLITE_OK) return changes_fail(rc, error);
  g_autoptr(GBytes) own = take(n, data);
  sqlite3session_enable(e->session, 0);
  bool ok = !own || apply(p->db, own, true, NULL, error);
  if (ok && e->merging && e->step)
    ok = kl_db_run(p->db, error, "UPDATE undo SET changes = ? WHERE id = ?", "bl", e->base, e->step);
  else if (ok && e->step)
    ok = kl_db_run(p->db, error, "DELETE FROM undo WHERE id = ?", "l", e->step);
  e->in_transaction = false;
  return kl_db_end(p->db, ok, error);
}

bool kl_project_end(KlProject *p, bool keep, GError **error) {
  KlEdit *e = &p->edit;
  bool ok = true;
  if (!p->db && !e->depth) return true; /* closed meanwhile, which kept it */
  g_return_val_if_fail(e->depth > 0, false);
  if (--e->depth) return true;
  if (p->db) ok = keep ? commit(p, error) : take_back(p, error);
  if (!ok) p->dirty = KL_ROWS_ALL;
  clear(p);
  kl_project_read(p);
  return ok;
}

void kl_edit_abandon(KlProject *p) {
  g_autoptr(GError) error = NULL;
  if (p->edit.depth && !commit(p, &error)) g_warning("%s", error->message);
  clear(p);
}

static bool open_call(KlProject *p, const char *label, bool recorded, GError **error) {
  if (!writable(p, error)) return false;
  kl_project_begin(p, label, NULL);
  if (transaction(p, error) && (!recorded || (p->edit.session || find_mergeable(p, error))) &&
      (!recorded || record(p, error)) && kl_db_exec(p->db, "SAVEPOINT call", error)) {
    if (p->edit.session) sqlite3session_enable(p->edit.session, recorded);
    return true;
  }
  kl_project_end(p, true, NULL);
  return false;
}

static bool close_call(KlProject *p, bool ok, GError **error) {
  if (!ok) p->dirty = KL_ROWS_ALL;
  if (!ok) sqlite3_exec(p->db->handle, "ROLLBACK TO call", NULL, NULL, NULL);
  ok = kl_db_exec(p->db, "RELEASE call", ok ? error : NULL) && ok;
  if (p->edit.session) sqlite3session_enable(p->edit.session, 1);
  if (p->edit.depth > 1) kl_project_read(p);
  return kl_project_end(p, true, ok ? error : NULL) && ok;
}

bool kl_edit_open(KlProject *p, const char *label, GError **error) {
  return open_call(p, label, true, error);
}

bool kl_edit_close(KlProject *p, bool ok, GError **error) {
  return close_call(p, ok, error);
}

bool kl_write_open(KlProject *p, GError **error) {
  return open_call(p, NULL, false, error);
}

bool kl_write_close(KlProject *p, bool ok, GError **error) {
  return close_call(p, ok, error);
}

/* ---- undo and redo ---- */

/* One step; *effect false: everything in it has been overtaken. */
static bool step(KlProject *p, bool undo, bool *found, bool *effect, GError **error) {
  *found = *effect = false;
  if (!kl_db_begin(p->db, error)) return false;
  sqlite3_stmt *s =
      kl_db_query(p->db, error,
                  undo ? "SELECT id, changes FROM undo WHERE undone = 0 ORDER BY id DESC LIMIT 1"
                       : "SELECT id, changes FROM undo WHERE undone = 1 ORDER BY id LIMIT 1",
                  "");
  gint64 id = 0;
  g_autoptr(GBytes) changes = NULL;
  g_autoptr(GError) e = NULL;
  if (s && sqlite3_step(s) == SQLITE_ROW) {
    *found = true;
    id = sqlite3_column_int64(s, 0);
    changes = kl_db_blob(s, 1);
  }
  sqlite3_finalize(s);
  bool ok = s != NULL;
  if (ok && *found && changes && !apply(p->db, changes, undo, effect, &e)) {
    /* a step that cannot be taken must not stand in the way of the others for ever */
    kl_db_rollback(p->db);
    kl_db_run(p->db, NULL, "DELETE FROM undo WHERE id = ?", "l", id);
    g_propagate_error(error, g_steal_pointer(&e));
    return false;
  }
  ok = ok &&
       (!*found || kl_db_run(p->db, error, "UPDATE undo SET undone = ? WHERE id = ?", "il", (int)undo, id));
  return kl_db_end(p->db, ok, error);
}

static bool walk(KlProject *p, bool undo, GError **error) {
  bool found = true, effect = false, ok = true;
  if (!writable(p, error) || p->edit.depth) return false;
  while (ok && found && !effect) ok = step(p, undo, &found, &effect, error);
  if (!ok) p->dirty = KL_ROWS_ALL;
  kl_project_read(p);
  return ok && effect;
}

bool kl_project_undo(KlProject *p, GError **error) {
  return walk(p, true, error);
}

bool kl_project_redo(KlProject *p, GError **error) {
  return walk(p, false, error);
}

void kl_undo_read(KlProject *p) {
  static const char *const sql[] = {"SELECT label FROM undo WHERE undone = 0 ORDER BY id DESC LIMIT 1",
                                    "SELECT label FROM undo WHERE undone = 1 ORDER BY id LIMIT 1"};
  bool *can[] = {&p->can_undo, &p->can_redo};
  char **label[] = {&p->undo_label, &p->redo_label};
  static const char *const names[][2] = {{"can-undo", "undo-label"}, {"can-redo", "redo-label"}};
  for (int i = 0; i < 2; i++) {
    g_autofree char *text = NULL;
    sqlite3_stmt *s = kl_db_query(p->db, NULL, sql[i], "");
    if (s && sqlite3_step(s) == SQLITE_ROW) text = kl_db_text(s, 0);
    sqlite3_finalize(s);
    bool now = text && !p->read_only, other = now != *can[i];
    *can[i] = now;
    if (kl_replace_text(label[i], text)) g_object_notify(G_OBJECT(p), names[i][1]);
    if (other) g_object_notify(G_OBJECT(p), names[i][0]);
  }
}

bool kl_undo_trim(KlDb *db, GError **error) {
  return kl_db_run(db, error,
                   "DELETE FROM undo WHERE undone = 1 AND id < (SELECT ifnull(max(id), 0) FROM undo WHERE "
                   "undone = 0)",
                   "") &&
         kl_db_run(db, error,
                   "DELETE FROM undo WHERE id <= (SELECT id FROM undo ORDER BY id DESC LIMIT 1 OFFSET ?)",
                   "i", KEEP_STEPS);
}
