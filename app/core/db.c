#include "app/core/db.h"

#include "app/core/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file up to this size is checked whole when it is opened. */
#define CHECK_ALL_BYTES ((gint64)16 << 20)
/* Edits wait this long for another process; ours hold the file for a few milliseconds at a time. */
#define BUSY_US 500
#define BUSY_TRIES 2000

bool kl_db_fail(const KlDb *db, GError **error) {
  int base = sqlite3_errcode(db->handle) & 0xff;
  g_autofree char *shown = g_filename_display_name(db->path);
  const char *what = db->schema->what, *why = sqlite3_errmsg(db->handle);
  switch (base) {
  case SQLITE_READONLY:
    return kl_gfail(error, KL_ERROR_IO, "the %s %s is read-only", what, shown);
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
    return kl_gfail(error, KL_ERROR_IO, "cannot write the %s %s: %s", what, shown, why);
  case SQLITE_NOMEM:
    return kl_gfail(error, KL_ERROR_OOM, "out of memory");
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return kl_gfail(error, KL_ERROR_BUSY, "the %s %s is in use", what, shown);
  case SQLITE_CONSTRAINT:
    return kl_gfail(error, KL_ERROR_INVALID, "the %s does not take that: %s", what, why);
  case SQLITE_NOTADB:
    return kl_gfail(error, KL_ERROR_INPUT, "%s is not a %s of ours", shown, what);
  default:
    return kl_gfail(error, KL_ERROR_INPUT, "the %s %s is damaged: %s", what, shown, why);
  }
}

bool kl_db_exec(const KlDb *db, const char *sql, GError **error) {
  return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK || kl_db_fail(db, error);
}

static sqlite3_stmt *query(const KlDb *db, GError **error, const char *sql, const char *types, va_list ap) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) != SQLITE_OK) {
    kl_db_fail(db, error);
    return NULL;
  }
  g_assert(sqlite3_bind_parameter_count(s) == (int)strlen(types));
  for (int i = 1; *types; i++, types++) {
    switch (*types) {
    case 'i':
      sqlite3_bind_int(s, i, va_arg(ap, int));
      break;
    case 'l':
      sqlite3_bind_int64(s, i, va_arg(ap, gint64));
      break;
    case 'd':
      sqlite3_bind_double(s, i, va_arg(ap, double));
      break;
    case 't':
      sqlite3_bind_text(s, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
      break;
    case 'b': {
      GBytes *b = va_arg(ap, GBytes *);
      size_t n = 0;
      const void *data = b ? g_bytes_get_data(b, &n) : NULL;
      if (b) sqlite3_bind_blob64(s, i, data ? data : "", n, SQLITE_TRANSIENT);
      break;
    }
    default:
      g_assert_not_reached();
    }
  }
  return s;
}

sqlite3_stmt *kl_db_query(const KlDb *db, GError **error, const char *sql, const char *types, ...) {
  va_list ap;
  va_start(ap, types);
  sqlite3_stmt *s = query(db, error, sql, types, ap);
  va_end(ap);
  return s;
}

bool kl_db_run(const KlDb *db, GError **error, const char *sql, const char *types, ...) {
  va_list ap;
  va_start(ap, types);
  sqlite3_stmt *s = query(db, error, sql, types, ap);
  va_end(ap);
  if (!s) return false;
  bool ok = sqlite3_step(s) == SQLITE_DONE || kl_db_fail(db, error);
  sqlite3_finalize(s);
  return ok;
}

gint64 kl_db_number(const KlDb *db, gint64 otherwise, const char *sql, const char *types, ...) {
  va_list ap;
  va_start(ap, types);
  sqlite3_stmt *s = query(db, NULL, sql, types, ap);
  va_end(ap);
  gint64 v = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : otherwise;
  sqlite3_finalize(s);
  return v;
}

bool kl_db_step(const KlDb *db, sqlite3_stmt *s, GError **error) {
  int rc = sqlite3_step(s);
  if (rc == SQLITE_ROW) return true;
  return rc != SQLITE_DONE && kl_db_fail(db, error);
}

char *kl_db_text(sqlite3_stmt *s, int column) {
  const char *t = (const char *)sqlite3_column_text(s, column);
  return g_strdup(t ? t : "");
}

GBytes *kl_db_blob(sqlite3_stmt *s, int column) {
  const void *data = sqlite3_column_blob(s, column);
  int n = sqlite3_column_bytes(s, column);
  return data && n > 0 ? g_bytes_new(data, (gsize)n) : NULL;
}

bool kl_db_begin(const KlDb *db, GError **error) {
  return kl_db_exec(db, "BEGIN IMMEDIATE", error);
}

void kl_db_rollback(const KlDb *db) {
  if (!sqlite3_get_autocommit(db->handle)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool kl_db_commit(const KlDb *db, GError **error) {
  if (kl_db_exec(db, "COMMIT", error)) return true;
  kl_db_rollback(db);
  return false;
}

bool kl_db_end(const KlDb *db, bool ok, GError **error) {
  if (ok) return kl_db_commit(db, error);
  kl_db_rollback(db);
  return false;
}

/* ---- opening ---- */

void kl_db_close(KlDb *db) {
  if (!db) return;
  sqlite3_close_v2(db->handle);
  g_free(db->path);
  g_free(db);
}

/* Nothing in a file is trusted: no triggers, views or extensions, no other files, no writing to the schema.
 */
static void harden(sqlite3 *h) {
  static const int off[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                            SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                            SQLITE_DBCONFIG_DQS_DDL,        SQLITE_DBCONFIG_DQS_DML};
  for (size_t i = 0; i < G_N_ELEMENTS(off); i++) sqlite3_db_config(h, off[i], 0, (int *)NULL);
  sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
  sqlite3_limit(h, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_extended_result_codes(h, 1);
}

/* Ours leave the file alone for a moment every few milliseconds: whoever waits must be there in that moment.
 */
static int on_busy(void *user, int tries) {
  if (tries >= BUSY_TRIES) return 0;
  g_usleep(BUSY_US);
  return 1;
}

static KlDb *connect(const char *path, const KlSchema *schema, int how, bool immutable, GError **error) {
  g_autoptr(KlDb) db = g_new0(KlDb, 1);
  db->schema = schema;
  db->path = g_strdup(path);
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  g_autofree char *escaped = g_uri_escape_string(full, "/", FALSE);
  g_autofree char *uri = g_strconcat("file://", escaped, immutable ? "?immutable=1" : "", NULL);
  if (sqlite3_open_v2(uri, &db->handle, how | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
    if (!db->handle)
      kl_gfail(error, KL_ERROR_OOM, "out of memory");
    else
      kl_db_fail(db, error);
    return NULL;
  }
  harden(db->handle);
  sqlite3_busy_handler(db->handle, on_busy, NULL);
  /* Memory stays the same however large what is written: a small page cache that spills. */
  if (!kl_db_exec(db,
                  "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA secure_delete = OFF; "
                  "PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY",
                  error))
    return NULL;
  return g_steal_pointer(&db);
}

static bool migrate(const KlDb *db, int from, int to, GError **error) {
  for (int v = from; v < to; v++) {
    g_auto(GStrv) names = g_strsplit(db->schema->scripts[v], " ", -1);
    for (int i = 0; names[i]; i++) {
      g_autofree char *name = g_strdup_printf("/schema/%s.sql", names[i]);
      if (!kl_db_exec(db, kl_resource_text(name), error)) return false;
    }
  }
  g_autofree char *mark =
      g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", db->schema->application_id, to);
  return kl_db_exec(db, mark, error);
}

static char *describe_schema(const KlDb *db, GError **error) {
  g_autoptr(GString) text = g_string_new(NULL);
  sqlite3_stmt *s = kl_db_query(db, error,
                                "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema "
                                "ORDER BY type, name, tbl_name",
                                "");
  GError *e = NULL;
  while (s && kl_db_step(db, s, &e))
    for (int i = 0; i < 4; i++) {
      g_autofree char *t = kl_db_text(s, i);
      g_string_append_printf(text, "%s%c", t, i < 3 ? '|' : '\n');
    }
  sqlite3_finalize(s);
  if (e) g_propagate_error(error, e);
  return s && !e ? g_strdup(text->str) : NULL;
}

/* What a file of a version looks like, by making one in memory. */
static char *expected_schema(const KlSchema *schema, int version, GError **error) {
  KlDb db = {.schema = schema, .path = (char *)":memory:"};
  char *text = NULL;
  if (sqlite3_open(":memory:", &db.handle) != SQLITE_OK)
    kl_gfail(error, KL_ERROR_OOM, "out of memory");
  else if (migrate(&db, 0, version, error))
    text = describe_schema(&db, error);
  sqlite3_close(db.handle);
  return text;
}

static bool schema_ok(const KlDb *db, int version, GError **error) {
  static GMutex lock;
  static GHashTable *known; /* "project 1" -> text */
  g_autofree char *key = g_strdup_printf("%s %d", db->schema->what, version);
  g_mutex_lock(&lock);
  if (!known) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  const char *want = g_hash_table_lookup(known, key);
  if (!want) {
    char *made = expected_schema(db->schema, version, error);
    if (made) g_hash_table_insert(known, g_strdup(key), made);
    want = made;
  }
  g_mutex_unlock(&lock);
  g_autofree char *have = want ? describe_schema(db, error) : NULL;
  g_autofree char *shown = g_filename_display_name(db->path);
  if (!have) return false;
  return !strcmp(have, want) ||
         kl_gfail(error, KL_ERROR_INPUT, "the %s %s is damaged: its tables are not ours", db->schema->what,
                  shown);
}

static bool check(const KlDb *db, const char *pragma, GError **error) {
  g_autofree char *shown = g_filename_display_name(db->path), *why = NULL;
  sqlite3_stmt *s = kl_db_query(db, error, pragma, "");
  if (!s) return false;
  if (sqlite3_step(s) == SQLITE_ROW)
    why = kl_db_text(s, 0);
  else
    why = g_strdup(sqlite3_errmsg(db->handle));
  sqlite3_finalize(s);
  g_strdelimit(why, "\n", ' ');
  return !strcmp(why, "ok") ||
         kl_gfail(error, KL_ERROR_INPUT, "the %s %s is damaged: %.120s", db->schema->what, shown, why);
}

/* The bulk has sums of its own, or is looked at when it is used. */
static bool undamaged(const KlDb *db, GError **error) {
  static const char *const bulk[] = {"latents", "state", "embedded", "chunk", "asset_thumbnail"};
  gint64 bytes = kl_db_number(db, 0, "PRAGMA page_count", "") * kl_db_number(db, 0, "PRAGMA page_size", "");
  if (bytes <= CHECK_ALL_BYTES) return check(db, "PRAGMA quick_check(1)", error);
  bool ok = true;
  sqlite3_stmt *s = kl_db_query(db, error, "SELECT name FROM sqlite_schema WHERE type = 'table'", "");
  for (ok = s != NULL; ok && kl_db_step(db, s, NULL);) {
    g_autofree char *name = kl_db_text(s, 0);
    bool skip = false;
    for (size_t i = 0; i < G_N_ELEMENTS(bulk); i++) skip |= !strcmp(bulk[i], name);
    g_autofree char *sql =
        g_strdup_printf("PRAGMA quick_check('%s')", name); /* the schema is known to be ours */
    ok = skip || check(db, sql, error);
  }
  sqlite3_finalize(s);
  return ok;
}

/* Kind and version, before anything is written. */
static bool identify(const KlDb *db, int *version, GError **error) {
  g_autofree char *shown = g_filename_display_name(db->path);
  const KlSchema *want = db->schema;
  sqlite3_stmt *s = kl_db_query(db, NULL, "PRAGMA application_id", "");
  int rc = s ? sqlite3_step(s) : sqlite3_errcode(db->handle);
  gint64 id = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
  sqlite3_finalize(s);
  if (rc == SQLITE_ROW && id != want->application_id)
    return kl_gfail(error, KL_ERROR_INPUT, "%s is not a %s of ours", shown, want->what);
  if (rc != SQLITE_ROW) return kl_db_fail(db, error);
  gint64 v = kl_db_number(db, -1, "PRAGMA user_version", "");
  if (v > want->version)
    return kl_gfail(error, KL_ERROR_INPUT, "the %s %s was written by a newer Kinoloom (version %d)",
                    want->what, shown, (int)v);
  if (v < 1)
    return kl_gfail(error, KL_ERROR_INPUT, "the %s %s is damaged: it has no version", want->what, shown);
  *version = (int)v;
  return true;
}

/* A copy beside the file, whole before it has its name. */
static bool back_up(const KlDb *db, int version, GError **error) {
  g_autofree char *to = g_strdup_printf("%s.v%d", db->path, version), *part = g_strconcat(to, ".part", NULL);
  g_autofree char *shown = g_filename_display_name(to);
  sqlite3 *copy = NULL;
  bool ok = false;
  if (g_file_test(to, G_FILE_TEST_EXISTS)) return true; /* from a migration that was cut off */
  g_unlink(part);
  if (sqlite3_open(part, &copy) == SQLITE_OK) {
    sqlite3_backup *b = sqlite3_backup_init(copy, "main", db->handle, "main");
    ok = b && sqlite3_backup_step(b, -1) == SQLITE_DONE;
    ok = sqlite3_backup_finish(b) == SQLITE_OK && ok;
  }
  sqlite3_close(copy);
  if (ok && !g_rename(part, to)) return true;
  g_unlink(part);
  return kl_gfail(error, KL_ERROR_IO, "cannot write %s, the copy before the %s is brought up to date", shown,
                  db->schema->what);
}

static bool bring_up_to_date(const KlDb *db, int version, GError **error) {
  g_autofree char *shown = g_filename_display_name(db->path);
  if (version == db->schema->version) return true;
  if (db->read_only)
    return kl_gfail(error, KL_ERROR_IO,
                    "the %s %s is of an older version and cannot be brought up to date: its disk "
                    "is read-only",
                    db->schema->what, shown);
  if (!back_up(db, version, error) || !kl_db_begin(db, error)) return false;
  /* another process may have been first */
  bool mine = kl_db_number(db, -1, "PRAGMA user_version", "") == version;
  return kl_db_end(db, !mine || migrate(db, version, db->schema->version, error), error);
}

static bool set_modes(const KlDb *db, KlDbFlags flags, GError **error) {
  if (db->read_only) return true;
  g_autofree char *sql =
      g_strdup_printf("PRAGMA journal_mode = %s; PRAGMA synchronous = %s",
                      flags & KL_DB_WAL ? "WAL" : "DELETE", flags & KL_DB_FULL_SYNC ? "FULL" : "NORMAL");
  return kl_db_exec(db, sql, error);
}

/* Whether the connection can read at all: the first statement opens the log and takes the first lock. */
static bool readable(const KlDb *db) {
  return sqlite3_exec(db->handle, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK ||
         (sqlite3_errcode(db->handle) != SQLITE_CANTOPEN && sqlite3_errcode(db->handle) != SQLITE_READONLY);
}

static KlDb *connect_somehow(const char *path, const KlSchema *schema, KlDbFlags flags, GError **error) {
  g_autoptr(GError) e = NULL;
  g_autoptr(KlDb) db = connect(path, schema, SQLITE_OPEN_READWRITE, false, &e);
  if (db && !sqlite3_db_readonly(db->handle, "main") && readable(db)) return g_steal_pointer(&db);
  if (e && !g_error_matches(e, KL_ERROR, KL_ERROR_IO)) {
    g_propagate_error(error, g_steal_pointer(&e));
    return NULL;
  }
  if (!(flags & KL_DB_READABLE)) {
    g_autofree char *shown = g_filename_display_name(path);
    kl_gfail(error, KL_ERROR_IO, "cannot write the %s %s: %s", schema->what, shown,
             e ? e->message : "it is read-only");
    return NULL;
  }
  g_autofree char *log = g_strconcat(path, "-wal", NULL);
  struct stat st;
  bool waiting = !stat(log, &st) && st.st_size > 0;
  for (int immutable = 0; immutable < 2; immutable++) {
    g_clear_pointer(&db, kl_db_close);
    if (immutable && waiting) break; /* would leave out what stands in the log */
    db = connect(path, schema, SQLITE_OPEN_READONLY, immutable, NULL);
    if (db && readable(db)) {
      db->read_only = true;
      return g_steal_pointer(&db);
    }
  }
  g_autofree char *shown = g_filename_display_name(path);
  kl_gfail(error, KL_ERROR_IO, "cannot read the %s %s: %s", schema->what, shown,
           waiting ? "its last changes wait in a log beside it, and the disk is read-only"
                   : "the system does not allow it");
  return NULL;
}

KlDb *kl_db_open(const char *path, const KlSchema *schema, KlDbFlags flags, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  struct stat st;
  int version = 0;
  if (stat(path, &st)) {
    kl_gfail(error, KL_ERROR_INPUT, "cannot open the %s %s: %s", schema->what, shown, g_strerror(errno));
    return NULL;
  }
  if (!S_ISREG(st.st_mode)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s is not a %s of ours: it is not a file", shown, schema->what);
    return NULL;
  }
  g_autoptr(KlDb) db = connect_somehow(path, schema, flags, error);
  if (!db || !identify(db, &version, error) || !schema_ok(db, version, error)) return NULL;
  if (flags & KL_DB_CHECK && !undamaged(db, error)) return NULL;
  if (flags & KL_DB_LOOK) return g_steal_pointer(&db);
  if (!set_modes(db, flags, error) || !bring_up_to_date(db, version, error)) return NULL;
  return g_steal_pointer(&db);
}

/* ---- a new file ---- */

static void remove_with_logs(const char *path) {
  static const char *const tails[] = {"", "-journal", "-wal", "-shm"};
  for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
    g_autofree char *p = g_strconcat(path, tails[i], NULL);
    g_unlink(p);
  }
}

/* The folder's entry is on the disk. */
static void sync_folder(const char *path) {
  g_autofree char *dir = g_path_get_dirname(path);
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (fsync(fd))
    g_debug("fsync of %s: %s", dir, g_strerror(errno)); /* some file systems have no such thing */
  close(fd);
}

/* link(2) fails where something is already; file systems without hard links are asked first. */
static bool take_name(const char *from, const char *to) {
  if (!link(from, to)) {
    g_unlink(from);
    return true;
  }
  if (errno == EEXIST) return false;
  if (access(to, F_OK) == 0) {
    errno = EEXIST;
    return false;
  }
  return !g_rename(from, to);
}

bool kl_db_create(const char *path, const KlSchema *schema, KlDbFlags flags, KlDbFill fill, void *user,
                  GError **error) {
  g_autofree char *fresh = g_strdup_printf("%s.%d.new", path, (int)getpid());
  g_autofree char *shown = g_filename_display_name(path);
  if (g_file_test(path, G_FILE_TEST_EXISTS))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists already", shown);
  remove_with_logs(fresh);
  g_autoptr(GError) e = NULL;
  KlDb *db = connect(fresh, schema, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, false, &e);
  /* what is given back can be returned to the disk bit by bit */
  bool ok = db && kl_db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", &e) &&
            set_modes(db, flags | KL_DB_FULL_SYNC, &e) && kl_db_begin(db, &e) &&
            kl_db_end(db, migrate(db, 0, schema->version, &e) && fill(db, user, &e), &e);
  kl_db_close(db);
  if (!ok) {
    kl_gfail(error, e->code == KL_ERROR_OOM ? KL_ERROR_OOM : KL_ERROR_IO, "cannot make %s: %s", shown,
             e->message);
  } else if (!take_name(fresh, path)) {
    ok = errno == EEXIST ? kl_gfail(error, KL_ERROR_EXISTS, "%s exists already", shown)
                         : kl_gfail(error, KL_ERROR_IO, "cannot make %s: %s", shown, g_strerror(errno));
  } else {
    sync_folder(path);
  }
  if (!ok) remove_with_logs(fresh);
  return ok;
}
