#include "app/core/ledger.h"

#include "app/core/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 1263291463
#define VERSION 1
#define PART ((size_t)16 << 20)

struct KlLedger {
  sqlite3 *db;
  char *path, *lock_path;
  int lock;
  KlLedgerJob job;
  int chunks;
  sqlite3_stmt *row; /* keeps the latents of the last kl_ledger_chunk alive */
};

char *kl_ledger_path(const char *output) {
  g_autofree char *full = g_canonicalize_filename(output, NULL);
  g_autofree char *dir = g_path_get_dirname(full), *base = g_path_get_basename(full);
  char *real = realpath(dir, NULL); /* one file has one ledger, however it is spelt */
  g_autofree char *name = g_build_filename(real ? real : dir, base, NULL);
  free(real);
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
  g_autofree char *file = g_strdup_printf("%.32s.kinoloom", sum);
  return g_build_filename(g_get_user_state_dir(), "kinoloom", "renders", file, NULL);
}

/* The state is replaced by a chunk's worth at a time; a damaged page must not pass for a cache. */
static guint64 mix(const void *data, size_t n) {
  const guchar *p = data;
  guint64 h = G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) ^ n, w;
  for (; n >= 8; n -= 8, p += 8) {
    memcpy(&w, p, 8);
    h = (h ^ w) * G_GUINT64_CONSTANT(0xff51afd7ed558ccd);
    h ^= h >> 32;
  }
  for (; n; n--, p++) h = (h ^ *p) * G_GUINT64_CONSTANT(0xff51afd7ed558ccd);
  return h ^ h >> 29;
}

static bool sql_fail(const KlLedger *l, GError **error) {
  int rc = sqlite3_extended_errcode(l->db), base = rc & 0xff;
  g_autofree char *shown = g_filename_display_name(l->path);
  if (base == SQLITE_FULL || base == SQLITE_IOERR || base == SQLITE_CANTOPEN || base == SQLITE_READONLY ||
      base == SQLITE_PERM)
    return kl_gfail(error, KL_ERROR_IO, "cannot write the ledger %s: %s", shown, sqlite3_errmsg(l->db));
  if (base == SQLITE_NOMEM) return kl_gfail(error, KL_ERROR_OOM, "out of memory");
  if (base == SQLITE_BUSY || base == SQLITE_LOCKED)
    return kl_gfail(error, KL_ERROR_BUSY, "the ledger %s is in use", shown);
  return kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: %s", shown, sqlite3_errmsg(l->db));
}

static bool run(KlLedger *l, const char *sql, GError **error) {
  return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK || sql_fail(l, error);
}

static sqlite3_stmt *prepare(KlLedger *l, const char *sql, GError **error) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK) sql_fail(l, error);
  return s;
}

/* Runs a statement that gives no rows, and ends it. */
static bool finish(KlLedger *l, sqlite3_stmt *s, GError **error) {
  bool ok = sqlite3_step(s) == SQLITE_DONE || sql_fail(l, error);
  sqlite3_finalize(s);
  return ok;
}

static bool take_lock(KlLedger *l, GError **error) {
  g_autofree char *shown = g_filename_display_name(l->lock_path);
  for (int tries = 0; tries < 10; tries++) {
    struct stat a, b;
    l->lock = open(l->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->lock < 0) return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(errno));
    if (flock(l->lock, LOCK_EX | LOCK_NB)) {
      if (errno == EWOULDBLOCK)
        return kl_gfail(error, KL_ERROR_BUSY, "another process is rendering to this output");
      return kl_gfail(error, KL_ERROR_IO, "cannot lock %s: %s", shown, g_strerror(errno));
    }
    /* its last owner may have removed the file between our open and our lock */
    if (!fstat(l->lock, &a) && !stat(l->lock_path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
      return true;
    close(l->lock);
    l->lock = -1;
  }
  return kl_gfail(error, KL_ERROR_BUSY, "another process is rendering to this output");
}

static KlLedger *ledger_new(const char *path, GError **error) {
  KlLedger *l = g_new0(KlLedger, 1);
  l->path = g_strdup(path);
  l->lock_path = g_strconcat(path, ".lock", NULL);
  l->lock = -1;
  g_autofree char *dir = g_path_get_dirname(path), *shown = g_filename_display_name(dir);
  if (g_mkdir_with_parents(dir, 0700)) {
    kl_gfail(error, KL_ERROR_IO, "cannot make the ledger's folder %s: %s (--ledger FILE puts it elsewhere)",
             shown, g_strerror(errno));
  } else if (take_lock(l, error)) {
    return l;
  }
  kl_ledger_close(l);
  return NULL;
}

static bool connect(KlLedger *l, const char *path, int flags, GError **error) {
  if (sqlite3_open_v2(path, &l->db, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return l->db ? sql_fail(l, error) : kl_gfail(error, KL_ERROR_OOM, "out of memory");
  sqlite3_extended_result_codes(l->db, 1);
  sqlite3_busy_timeout(l->db, 1000);
  /* memory stays the same however large the state: a small page cache that spills */
  return run(l,
             "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA "
             "cache_size = -2048;",
             error);
}

static void remove_files(const char *path) {
  static const char *const tails[] = {"", "-journal", "-wal", "-shm"};
  for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
    g_autofree char *p = g_strconcat(path, tails[i], NULL);
    g_unlink(p);
  }
}

/* The folder's entries are on the disk. */
static void sync_folder(const char *path) {
  g_autofree char *dir = g_path_get_dirname(path);
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (fsync(fd))
    g_debug("fsync of %s: %s", dir, g_strerror(errno)); /* some file systems have no such thing */
  close(fd);
}

static bool write_job(KlLedger *l, const KlLedgerJob *job, GError **error) {
  if (!run(l, "BEGIN IMMEDIATE", error) || !run(l, kl_resource_text("/schema/ledger-1.sql"), error))
    return false;
  sqlite3_stmt *s = prepare(
      l, "INSERT INTO job VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
      error);
  if (!s) return false;
  const char *texts[] = {job->spec, job->model, job->identity, job->engine, job->device, job->output};
  for (int i = 0; i < 6; i++) sqlite3_bind_text(s, i + 1, texts[i], -1, SQLITE_STATIC);
  sqlite3_bind_int64(s, 7, (gint64)job->memory_budget);
  sqlite3_bind_int64(s, 8, job->frames);
  sqlite3_bind_int(s, 9, job->chunks);
  return finish(l, s, error) && run(l, "COMMIT", error);
}

KlLedger *kl_ledger_create(const char *path, const KlLedgerJob *job, GError **error) {
  g_autoptr(KlLedger) l = ledger_new(path, error);
  g_autofree char *fresh = g_strconcat(path, ".new", NULL), *shown = g_filename_display_name(path);
  if (!l) return NULL;
  remove_files(path);
  remove_files(fresh);
  /* made whole under another name, so that there is never half a ledger */
  if (!connect(l, fresh, SQLITE_OPEN_CREATE, error) || !write_job(l, job, error)) {
    remove_files(fresh);
    return NULL;
  }
  sqlite3_close(l->db);
  l->db = NULL;
  if (g_rename(fresh, path)) {
    kl_gfail(error, KL_ERROR_IO, "cannot write the ledger %s: %s", shown, g_strerror(errno));
    return NULL;
  }
  sync_folder(path);
  if (!connect(l, path, 0, error)) return NULL;
  l->job = (KlLedgerJob){g_strdup(job->spec),   g_strdup(job->model),  g_strdup(job->identity),
                         g_strdup(job->engine), g_strdup(job->device), g_strdup(job->output),
                         job->memory_budget,    job->frames,           job->chunks};
  return g_steal_pointer(&l);
}

static gint64 number(KlLedger *l, const char *sql, gint64 dflt) {
  sqlite3_stmt *s = prepare(l, sql, NULL);
  gint64 v = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : dflt;
  sqlite3_finalize(s);
  return v;
}

static bool check(KlLedger *l, GError **error) {
  g_autofree char *shown = g_filename_display_name(l->path);
  sqlite3_stmt *s = prepare(l, "PRAGMA integrity_check(1)", error);
  if (!s) return false;
  int rc = sqlite3_step(s);
  const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  bool ok = text && !strcmp(text, "ok");
  g_autofree char *why = text ? g_strdelimit(g_strdup(text), "\n", ' ') : g_strdup(sqlite3_errmsg(l->db));
  sqlite3_finalize(s);
  if (!ok) return kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: %.120s", shown, why);
  if (number(l, "PRAGMA application_id", 0) != APPLICATION_ID)
    return kl_gfail(error, KL_ERROR_INPUT, "%s is not a ledger of ours", shown);
  gint64 version = number(l, "PRAGMA user_version", 0);
  if (version > VERSION)
    return kl_gfail(error, KL_ERROR_INPUT, "the ledger %s was written by a newer Kinoloom (version %d)",
                    shown, (int)version);
  return true;
}

static bool read_job(KlLedger *l, GError **error) {
  sqlite3_stmt *s = prepare(
      l, "SELECT spec, model, identity, engine, device, output, memory_budget, frames, chunks FROM job",
      error);
  if (!s) return false;
  bool ok = sqlite3_step(s) == SQLITE_ROW;
  char **texts[] = {&l->job.spec,   &l->job.model,  &l->job.identity,
                    &l->job.engine, &l->job.device, &l->job.output};
  for (int i = 0; ok && i < 6; i++) {
    *texts[i] = g_strdup((const char *)sqlite3_column_text(s, i));
    ok = *texts[i] != NULL;
  }
  if (ok) {
    l->job.memory_budget = (guint64)sqlite3_column_int64(s, 6);
    l->job.frames = sqlite3_column_int64(s, 7);
    l->job.chunks = sqlite3_column_int(s, 8);
  }
  sqlite3_finalize(s);
  return ok || kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: no job in it", l->path);
}

KlLedger *kl_ledger_open(const char *path, GError **error) {
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    kl_gfail(error, KL_ERROR_INPUT, "there is no unfinished render of this output");
    return NULL;
  }
  g_autoptr(KlLedger) l = ledger_new(path, error);
  if (!l || !connect(l, path, 0, error) || !check(l, error) || !read_job(l, error)) return NULL;
  gint64 n = number(l, "SELECT count(*) FROM chunk", -1),
         last = number(l, "SELECT ifnull(max(idx), -1) FROM chunk", -2);
  if (n != last + 1 || n > l->job.chunks) {
    kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: chunks are missing", path);
    return NULL;
  }
  l->chunks = (int)n;
  return g_steal_pointer(&l);
}

void kl_ledger_close(KlLedger *l) {
  if (!l) return;
  sqlite3_finalize(l->row);
  sqlite3_close(l->db);
  if (l->lock >= 0) close(l->lock);
  char *texts[] = {l->job.spec,   l->job.model,  l->job.identity, l->job.engine,
                   l->job.device, l->job.output, l->path,         l->lock_path};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  g_free(l);
}

const KlLedgerJob *kl_ledger_job(const KlLedger *l) {
  return &l->job;
}
int kl_ledger_chunks(const KlLedger *l) {
  return l->chunks;
}

bool kl_ledger_begun(KlLedger *l) {
  return l->chunks > 0 || number(l, "SELECT count(*) FROM state", 0) > 0;
}

bool kl_ledger_chunk(KlLedger *l, int index, KlLedgerChunk *out, GError **error) {
  if (!l->row)
    l->row = prepare(l,
                     "SELECT first_frame, frames, latent_frames, channels, height, width, latents, prompt, "
                     "drift_mean, drift_var, offset, sha256, seconds FROM chunk WHERE idx = ?",
                     error);
  if (!l->row) return false;
  sqlite3_stmt *s = l->row;
  sqlite3_reset(s);
  sqlite3_bind_int(s, 1, index);
  if (sqlite3_step(s) != SQLITE_ROW) return sql_fail(l, error);
  *out = (KlLedgerChunk){
      .index = index,
      .first_frame = sqlite3_column_int64(s, 0),
      .frames = sqlite3_column_int(s, 1),
      .latent_frames = sqlite3_column_int(s, 2),
      .channels = sqlite3_column_int(s, 3),
      .height = sqlite3_column_int(s, 4),
      .width = sqlite3_column_int(s, 5),
      .latents = sqlite3_column_blob(s, 6),
      .prompt = (const char *)sqlite3_column_text(s, 7),
      .drift_mean = sqlite3_column_double(s, 8),
      .drift_var = sqlite3_column_double(s, 9),
      .offset = sqlite3_column_int64(s, 10),
      .seconds = sqlite3_column_double(s, 12),
  };
  const char *sum = (const char *)sqlite3_column_text(s, 11);
  gint64 want = (gint64)out->latent_frames * out->channels * out->height * out->width * 4;
  bool sane = out->latent_frames > 0 && out->channels > 0 && out->height > 0 && out->width > 0 &&
              out->frames > 0 && out->offset >= 0;
  if (!sane || !sum || strlen(sum) != 64 || !out->prompt || sqlite3_column_bytes(s, 6) != want)
    return kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: chunk %d", l->path, index);
  memcpy(out->sha256, sum, 65);
  return true;
}

static bool put_state(KlLedger *l, int after, const char *state, size_t bytes, GError **error) {
  guint64 sum = mix(state, bytes);
  /* part -1 holds length and sum */
  g_autofree char *head = g_strdup_printf("%zu %016" G_GINT64_MODIFIER "x", bytes, sum);
  for (gint64 part = -1; part < 0 || (size_t)part * PART < bytes; part++) {
    sqlite3_stmt *s = prepare(l, "INSERT INTO state VALUES (?, ?, ?)", error);
    if (!s) return false;
    sqlite3_bind_int(s, 1, after);
    sqlite3_bind_int64(s, 2, part);
    if (part < 0)
      sqlite3_bind_blob(s, 3, head, (int)strlen(head), SQLITE_STATIC);
    else
      sqlite3_bind_blob(s, 3, state + (size_t)part * PART, (int)MIN(PART, bytes - (size_t)part * PART),
                        SQLITE_STATIC);
    if (!finish(l, s, error)) return false;
  }
  return true;
}

static bool rollback(KlLedger *l) {
  if (!sqlite3_get_autocommit(l->db)) sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
  return false;
}

static bool commit(KlLedger *l, const KlLedgerChunk *c, const void *state, size_t bytes, GError **error) {
  sqlite3_stmt *s = prepare(l, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", error);
  if (!s) return false;
  const gint64 numbers[] = {c->index,    c->first_frame, c->frames, c->latent_frames,
                            c->channels, c->height,      c->width};
  for (int i = 0; i < 7; i++) sqlite3_bind_int64(s, i + 1, numbers[i]);
  sqlite3_bind_blob64(s, 8, c->latents,
                      (guint64)c->latent_frames * (guint64)c->channels * (guint64)c->height *
                          (guint64)c->width * 4,
                      SQLITE_STATIC);
  sqlite3_bind_text(s, 9, c->prompt, -1, SQLITE_STATIC);
  sqlite3_bind_double(s, 10, c->drift_mean);
  sqlite3_bind_double(s, 11, c->drift_var);
  sqlite3_bind_int64(s, 12, c->offset);
  sqlite3_bind_text(s, 13, c->sha256, -1, SQLITE_STATIC);
  sqlite3_bind_double(s, 14, c->seconds);
  return finish(l, s, error) && run(l, "DELETE FROM state", error) &&
         (!state || put_state(l, c->index + 1, state, bytes, error));
}

bool kl_ledger_commit(KlLedger *l, const KlLedgerChunk *c, const void *state, size_t bytes, GError **error) {
  g_return_val_if_fail(c->index == l->chunks, false);
  if (l->row) sqlite3_reset(l->row);
  if (!run(l, "BEGIN IMMEDIATE", error)) return false;
  if (!commit(l, c, state, bytes, error) || !run(l, "COMMIT", error)) return rollback(l);
  l->chunks++;
  return true;
}

bool kl_ledger_save(KlLedger *l, const void *state, size_t bytes, GError **error) {
  if (l->row) sqlite3_reset(l->row);
  if (!run(l, "BEGIN IMMEDIATE", error)) return false;
  if (!run(l, "DELETE FROM state", error) || !put_state(l, l->chunks, state, bytes, error) ||
      !run(l, "COMMIT", error))
    return rollback(l);
  return true;
}

bool kl_ledger_move(KlLedger *l, int index, gint64 offset, const char *sha256, GError **error) {
  if (l->row) sqlite3_reset(l->row);
  sqlite3_stmt *s = prepare(l, "UPDATE chunk SET offset = ?, sha256 = ? WHERE idx = ?", error);
  if (!s) return false;
  sqlite3_bind_int64(s, 1, offset);
  sqlite3_bind_text(s, 2, sha256, -1, SQLITE_STATIC);
  sqlite3_bind_int(s, 3, index);
  return finish(l, s, error);
}

bool kl_ledger_state(KlLedger *l, void **bytes, size_t *n, GError **error) {
  sqlite3_stmt *s = prepare(l, "SELECT part, bytes FROM state WHERE after = ? ORDER BY part", error);
  char *buf = NULL;
  size_t total = 0, at = 0;
  guint64 sum = 0;
  bool ok = true;
  *bytes = NULL;
  *n = 0;
  if (!s) return false;
  sqlite3_bind_int(s, 1, l->chunks);
  for (int rows = 0; ok && sqlite3_step(s) == SQLITE_ROW; rows++) {
    const void *blob = sqlite3_column_blob(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    if (rows == 0) {
      g_autofree char *head = g_strndup(blob ? blob : "", len);
      ok = sqlite3_column_int64(s, 0) == -1 && sscanf(head, "%zu %" G_GINT64_MODIFIER "x", &total, &sum) == 2;
      buf = ok ? g_try_malloc(MAX(total, 1)) : NULL;
      if (ok && !buf) {
        sqlite3_finalize(s);
        return kl_gfail(error, KL_ERROR_OOM, "out of memory for the state of the run");
      }
    } else if (len <= total - at && blob) {
      memcpy(buf + at, blob, len);
      at += len;
    } else {
      ok = false;
    }
  }
  sqlite3_finalize(s);
  if (buf && (!ok || at != total || mix(buf, total) != sum)) ok = false;
  if (!ok) {
    g_free(buf);
    return kl_gfail(error, KL_ERROR_INPUT, "the ledger %s is damaged: the state of the run", l->path);
  }
  *bytes = buf;
  *n = total;
  return true;
}

void kl_ledger_remove(KlLedger *l) {
  if (!l) return;
  sqlite3_finalize(l->row);
  l->row = NULL;
  sqlite3_close(l->db);
  l->db = NULL;
  remove_files(l->path);
  sync_folder(l->path);
  g_unlink(l->lock_path); /* while it is still ours */
  kl_ledger_close(l);
}
