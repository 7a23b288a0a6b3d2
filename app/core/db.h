/* SQLite as our files use it: a file that opens is whole, ours, and of this version. Used by the project and
 * the ledger, never from above app/core. One thread at a time per KlDb. */
#pragma once

#include "app/core/gerr.h"

#include <sqlite3.h>

/* A kind of file. Scripts are names in the resource folder schema/, without ".sql"; scripts[v] are those that
 * bring version v to v + 1, separated by spaces; a new file runs all of them from 0, so that a migrated file
 * and a new one have the same schema to the letter. A script that was released is never edited again. */
typedef struct {
  const char *what; /* "project": for messages */
  int application_id;
  int version;
  const char *const *scripts; /* [version] */
} KlSchema;

typedef struct {
  sqlite3 *handle;
  const KlSchema *schema;
  char *path;     /* as given */
  bool read_only; /* the disk does not let us write */
} KlDb;

typedef enum {
  KL_DB_CHECK = 1,     /* look for damage: all of a small file, what is not bulk of a large one */
  KL_DB_READABLE = 2,  /* a disk that cannot be written gives read_only instead of KL_ERROR_IO */
  KL_DB_WAL = 4,       /* write-ahead log; else a rollback journal */
  KL_DB_FULL_SYNC = 8, /* a commit is on the disk when it returns */
  KL_DB_LOOK = 16,     /* an older version stays as it is: the caller reads what any version has */
} KlDbFlags;

/* Writes the first rows, in the transaction that makes the file. */
typedef bool (*KlDbFill)(const KlDb *db, void *user, GError **error);
/* A new file, made whole under another name first. KL_ERROR_EXISTS, KL_ERROR_IO. */
bool kl_db_create(const char *path, const KlSchema *schema, KlDbFlags flags, KlDbFill fill, void *user,
                  GError **error);
/* Refuses what is absent, damaged, of another kind, or newer than we know, without having written to it
 * (KL_ERROR_INPUT). An older one is copied to PATH.vN and brought to our version. Nothing in the file can
 * run: a schema that is not ours to the letter is refused. */
KlDb *kl_db_open(const char *path, const KlSchema *schema, KlDbFlags flags, GError **error);
void kl_db_close(KlDb *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlDb, kl_db_close)

/* Sets *error from the last failure of the connection: KL_ERROR_IO (disk), KL_ERROR_OOM, KL_ERROR_BUSY,
 * KL_ERROR_INPUT (damaged). Returns false. */
bool kl_db_fail(const KlDb *db, GError **error);
bool kl_db_exec(const KlDb *db, const char *sql, GError **error);
/* A statement with its values: `types` has a letter for each: i int, l gint64, d double, t text or NULL, b
 * GBytes or NULL. NULL: failed. Finalize it. */
sqlite3_stmt *kl_db_query(const KlDb *db, GError **error, const char *sql, const char *types, ...);
/* One that gives no rows. */
bool kl_db_run(const KlDb *db, GError **error, const char *sql, const char *types, ...);
/* The first column of the first row. */
gint64 kl_db_number(const KlDb *db, gint64 otherwise, const char *sql, const char *types, ...);
/* The next row; false at the end, and on failure with *error set. */
bool kl_db_step(const KlDb *db, sqlite3_stmt *s, GError **error);

/* Columns as new values. Text with NULs or NULL gives "". */
char *kl_db_text(sqlite3_stmt *s, int column);
GBytes *kl_db_blob(sqlite3_stmt *s, int column); /* NULL where it is NULL or empty */

bool kl_db_begin(const KlDb *db, GError **error);
bool kl_db_commit(const KlDb *db, GError **error); /* rolls back when it fails */
void kl_db_rollback(const KlDb *db);
/* Commits when ok, else rolls back. Returns whether it is committed. */
bool kl_db_end(const KlDb *db, bool ok, GError **error);
