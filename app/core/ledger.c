#include "app/core/ledger.h"

#include "app/core/lock.h"
#include "app/core/project/schema.h"
#include "engine/stream/chunks.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* What is written at a time in a project. */
#define PART ((size_t)256 << 10)
/* The log begins again from its start after so many pages, which costs an fsync while others wait: seldom,
 * then. */
#define LOG_SIZE "PRAGMA wal_autocheckpoint = 4000"
/* Between the pieces the file is left to those who wait for it, as long as it was held. */
#define PAUSE_LEAST 1000
#define PAUSE_MOST 20000

static const char *const scripts[] = {"ledger-1", "ledger-2a run-1 ledger-2b"};
static const KlSchema ledger_schema = {"ledger", 0x4b4c4c47 /* "KLLG" */, G_N_ELEMENTS(scripts), scripts};

struct KlLedger {
  KlDb *db;
  gint64 render;
  bool in_project, has_run;
  char *path, *lock_path; /* NULL in a project */
  int lock;
  KlLedgerJob job;
  int chunks;
  gint64 held_since;      /* monotonic */
  gint64 state;           /* id of the one that holds, 0: none */
  char *latents, *prompt; /* of the chunk that was read last */
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

static bool damaged(const KlLedger *l, const char *what, GError **error) {
  g_autofree char *shown = g_filename_display_name(l->path);
  return kl_gfail(error, KL_ERROR_INPUT, "the %s %s is damaged: %s", l->in_project ? "project" : "ledger",
                  shown, what);
}

/* ---- opening ---- */

static KlLedger *ledger_new(const char *path, GError **error) {
  KlLedger *l = g_new0(KlLedger, 1);
  l->render = 1;
  l->path = g_strdup(path);
  l->lock_path = g_strconcat(path, ".lock", NULL);
  l->lock = -1;
  g_autofree char *dir = g_path_get_dirname(path), *shown = g_filename_display_name(dir);
  if (g_mkdir_with_parents(dir, 0700))
    kl_gfail(error, KL_ERROR_IO, "cannot make the ledger's folder %s: %s (--ledger FILE puts it elsewhere)",
             shown, g_strerror(errno));
  else
    l->lock = kl_lock_take(l->lock_path, "another process is rendering to this output", error);
  if (l->lock >= 0) return l;
  kl_ledger_close(l);
  return NULL;
}

static void remove_files(const char *path) {
  static const char *const tails[] = {"", "-journal", ".v1"};
  for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
    g_autofree char *p = g_strconcat(path, tails[i], NULL);
    g_unlink(p);
  }
}

static bool write_job(KlLedger *l, const KlLedgerJob *j, GError **error) {
  return kl_db_run(
      l->db, error,
      "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), 0, "
      "0, 0)",
      "lttttttllii", l->render, j->spec, j->model, j->identity, j->engine, j->device, j->output,
      (gint64)j->memory_budget, j->frames, j->chunks, j->chunk_latents);
}

static void take_job(KlLedger *l, const KlLedgerJob *j) {
  l->job = (KlLedgerJob){g_strdup(j->spec),   g_strdup(j->model),  g_strdup(j->identity), g_strdup(j->engine),
                         g_strdup(j->device), g_strdup(j->output), j->memory_budget,      j->frames,
                         j->chunks,           j->chunk_latents};
  l->has_run = true;
}

static void forget_job(KlLedger *l) {
  char *texts[] = {l->job.spec, l->job.model, l->job.identity, l->job.engine, l->job.device, l->job.output};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  l->job = (KlLedgerJob){0};
  l->has_run = false;
  l->chunks = 0;
  l->state = 0;
}

static bool first_rows(const KlDb *db, void *job, GError **error) {
  KlLedger l = {.db = (KlDb *)db, .render = 1};
  return write_job(&l, job, error);
}

KlLedger *kl_ledger_create(const char *path, const KlLedgerJob *job, GError **error) {
  g_autoptr(KlLedger) l = ledger_new(path, error);
  if (!l) return NULL;
  remove_files(path);
  if (!kl_db_create(path, &ledger_schema, KL_DB_FULL_SYNC, first_rows, (void *)job, error) ||
      !(l->db = kl_db_open(path, &ledger_schema, KL_DB_FULL_SYNC, error)))
    return NULL;
  take_job(l, job);
  return g_steal_pointer(&l);
}

/* The run, if there is one; *found. */
static bool read_job(KlLedger *l, GError **error) {
  sqlite3_stmt *s =
      kl_db_query(l->db, error,
                  "SELECT spec, model, identity, engine, device, output, memory_budget, frames, chunks, "
                  "chunk_latents, state FROM run WHERE render = ?",
                  "l", l->render);
  if (!s) return false;
  if (sqlite3_step(s) == SQLITE_ROW) {
    char **texts[] = {&l->job.spec,   &l->job.model,  &l->job.identity,
                      &l->job.engine, &l->job.device, &l->job.output};
    for (int i = 0; i < 6; i++) *texts[i] = kl_db_text(s, i);
    l->job.memory_budget = (guint64)sqlite3_column_int64(s, 6);
    l->job.frames = sqlite3_column_int64(s, 7);
    l->job.chunks = sqlite3_column_int(s, 8);
    l->job.chunk_latents = sqlite3_column_int(s, 9);
    l->state = sqlite3_column_int64(s, 10);
    l->has_run = true;
  }
  sqlite3_finalize(s);
  gint64 n = kl_db_number(l->db, -1, "SELECT count(*) FROM chunk WHERE render = ?", "l", l->render),
         last = kl_db_number(l->db, -2, "SELECT ifnull(max(idx), -1) FROM chunk WHERE render = ?", "l",
                             l->render);
  if (n != last + 1 || n > l->job.chunks) return damaged(l, "chunks are missing", error);
  l->chunks = (int)n;
  return true;
}

KlLedger *kl_ledger_open(const char *path, GError **error) {
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    kl_gfail(error, KL_ERROR_INPUT, "there is no unfinished render of this output");
    return NULL;
  }
  g_autoptr(KlLedger) l = ledger_new(path, error);
  if (!l || !(l->db = kl_db_open(path, &ledger_schema, KL_DB_CHECK | KL_DB_FULL_SYNC, error)) ||
      !read_job(l, error))
    return NULL;
  if (!l->has_run) {
    damaged(l, "no job in it", error);
    return NULL;
  }
  return g_steal_pointer(&l);
}

KlLedger *kl_ledger_in_project(const char *project, gint64 render, GError **error) {
  g_autoptr(KlLedger) l = g_new0(KlLedger, 1);
  l->render = render;
  l->in_project = true;
  l->lock = -1;
  l->path = g_strdup(project);
  if (!(l->db = kl_db_open(project, &kl_project_schema, KL_DB_WAL | KL_DB_FULL_SYNC, error)) ||
      !kl_db_exec(l->db, LOG_SIZE, error) || !read_job(l, error))
    return NULL;
  return g_steal_pointer(&l);
}

void kl_ledger_close(KlLedger *l) {
  if (!l) return;
  kl_db_close(l->db);
  if (l->lock_path) kl_lock_drop(l->lock_path, l->lock);
  forget_job(l);
  g_free(l->latents);
  g_free(l->prompt);
  g_free(l->path);
  g_free(l->lock_path);
  g_free(l);
}

bool kl_ledger_has_run(const KlLedger *l) {
  return l->has_run;
}

const KlLedgerJob *kl_ledger_job(const KlLedger *l) {
  return l->has_run ? &l->job : NULL;
}
int kl_ledger_chunks(const KlLedger *l) {
  return l->chunks;
}

bool kl_ledger_begun(KlLedger *l) {
  return l->chunks > 0 || l->state > 0;
}

/* ---- reading ---- */

/* Parts in a row, `want` bytes of them, into l->latents. */
static bool read_latents(KlLedger *l, gint64 id, guint64 want, GError **error) {
  guint64 at = 0;
  g_autoptr(GError) e = NULL;
  char *buf = g_try_realloc(l->latents, want);
  if (!buf) return kl_gfail(error, KL_ERROR_OOM, "out of memory for the latents");
  l->latents = buf;
  sqlite3_stmt *s =
      kl_db_query(l->db, error, "SELECT bytes FROM latents WHERE id = ? ORDER BY part", "l", id);
  if (!s) return false;
  while (kl_db_step(l->db, s, &e)) {
    guint64 n = (guint64)sqlite3_column_bytes(s, 0);
    const void *blob = sqlite3_column_blob(s, 0);
    if (!blob || n > want - at) break;
    memcpy(buf + at, blob, n);
    at += n;
  }
  sqlite3_finalize(s);
  if (e) {
    g_propagate_error(error, g_steal_pointer(&e));
    return false;
  }
  return at == want || damaged(l, "latents of a chunk", error);
}

bool kl_ledger_chunk(KlLedger *l, int index, KlLedgerChunk *out, GError **error) {
  sqlite3_stmt *s =
      kl_db_query(l->db, error,
                  "SELECT first_frame, frames, latent_frames, channels, height, width, latents, prompt, "
                  "drift_mean, drift_var, offset, sha256, seconds FROM chunk WHERE render = ? AND idx = ?",
                  "li", l->render, index);
  if (!s) return false;
  if (sqlite3_step(s) != SQLITE_ROW) {
    sqlite3_finalize(s);
    return damaged(l, "a chunk is missing", error);
  }
  *out = (KlLedgerChunk){
      .index = index,
      .first_frame = sqlite3_column_int64(s, 0),
      .frames = sqlite3_column_int(s, 1),
      .latent_frames = sqlite3_column_int(s, 2),
      .channels = sqlite3_column_int(s, 3),
      .height = sqlite3_column_int(s, 4),
      .width = sqlite3_column_int(s, 5),
      .drift_mean = sqlite3_column_double(s, 8),
      .drift_var = sqlite3_column_double(s, 9),
      .offset = sqlite3_column_int64(s, 10),
      .seconds = sqlite3_column_double(s, 12),
  };
  gint64 id = sqlite3_column_int64(s, 6);
  g_autofree char *sum = kl_db_text(s, 11);
  g_free(l->prompt);
  out->prompt = l->prompt = kl_db_text(s, 7);
  sqlite3_finalize(s);
  bool sane = out->latent_frames > 0 && out->channels > 0 && out->height > 0 && out->width > 0 &&
              out->frames > 0 && out->offset >= 0 && out->latent_frames <= 1 << 20 &&
              out->channels <= 1 << 12 && out->height <= 1 << 14 && out->width <= 1 << 14 &&
              strlen(sum) == 64;
  if (!sane) return damaged(l, "a chunk", error);
  memcpy(out->sha256, sum, 65);
  guint64 want =
      (guint64)out->latent_frames * (guint64)out->channels * (guint64)out->height * (guint64)out->width;
  if (want > (guint64)1 << 32) return damaged(l, "a chunk", error);
  if (!read_latents(l, id, want * sizeof(float), error)) return false;
  out->latents = (const float *)(const void *)l->latents;
  return true;
}

bool kl_ledger_state(KlLedger *l, void **bytes, size_t *n, GError **error) {
  char *buf = NULL;
  size_t total = 0, at = 0;
  guint64 sum = 0;
  bool ok = true;
  *bytes = NULL;
  *n = 0;
  if (!l->state) return true;
  sqlite3_stmt *s =
      kl_db_query(l->db, error, "SELECT part, bytes FROM state WHERE render = ? AND id = ? ORDER BY part",
                  "ll", l->render, l->state);
  if (!s) return false;
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
  if (!buf || at != total || mix(buf, total) != sum) ok = false;
  if (!ok) {
    g_free(buf);
    return damaged(l, "the state of the run", error);
  }
  *bytes = buf;
  *n = total;
  return true;
}

/* ---- writing ---- */

static bool hold(KlLedger *l, GError **error) {
  if (!kl_db_begin(l->db, error)) return false;
  l->held_since = g_get_monotonic_time();
  return true;
}

/* In a project, lets others write between two pieces. The pieces are not on the disk by themselves. */
static bool breathe(KlLedger *l, GError **error) {
  if (!l->in_project) return true;
  if (!kl_db_commit(l->db, error)) return false;
  g_usleep((gulong)CLAMP(g_get_monotonic_time() - l->held_since, PAUSE_LEAST, PAUSE_MOST));
  return hold(l, error);
}

/* Brings what was written to the log onto the disk without holding the file, so that the commit that follows
 * is short. */
static void sync_log(KlLedger *l) {
  sqlite3_file *log = NULL;
  if (sqlite3_file_control(l->db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || !log ||
      !log->pMethods)
    return;
  if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK)
    g_debug("the log of %s was not synced", l->path);
}

static bool synchronous(KlLedger *l, bool full, GError **error) {
  return !l->in_project ||
         kl_db_exec(l->db, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error);
}

/* Latents that no chunk speaks of yet; *id. Those that a crash left behind in this render go. */
static bool stage_latents(KlLedger *l, const KlLedgerChunk *c, gint64 *id, GError **error) {
  guint64 n = (guint64)c->latent_frames * (guint64)c->channels * (guint64)c->height * (guint64)c->width *
              sizeof(float);
  const char *data = (const char *)c->latents;
  if (!kl_db_run(l->db, error,
                 "DELETE FROM latents WHERE id = (SELECT staged FROM run WHERE render = ?1) AND id NOT IN "
                 "(SELECT latents "
                 "FROM chunk)",
                 "l", l->render))
    return false;
  *id = kl_db_number(l->db, 0, "SELECT ifnull(max(id), 0) + 1 FROM latents", "");
  if (!kl_db_run(l->db, error, "UPDATE run SET staged = ? WHERE render = ?", "ll", *id, l->render))
    return false;
  gint64 part = 0;
  for (guint64 at = 0; at < n; at += PART, part++) {
    g_autoptr(GBytes) piece = g_bytes_new_static(data + at, MIN(PART, n - at));
    if (!kl_db_run(l->db, error, "INSERT INTO latents VALUES (?, ?, ?)", "llb", *id, part, piece) ||
        !breathe(l, error))
      return false;
  }
  return true;
}

/* Removes states but `keep`, piece by piece. */
static bool drop_states(KlLedger *l, gint64 keep, GError **error) {
  for (;;) {
    int before = sqlite3_total_changes(l->db->handle);
    if (!kl_db_run(
            l->db, error,
            "DELETE FROM state WHERE rowid IN (SELECT rowid FROM state WHERE render = ? AND id <> ? LIMIT ?)",
            "lli", l->render, keep, l->in_project ? 1 : 1 << 20))
      return false;
    if (sqlite3_total_changes(l->db->handle) == before) return true;
    if (!breathe(l, error)) return false;
  }
}

static bool stage_state(KlLedger *l, const char *state, size_t bytes, gint64 *id, GError **error) {
  g_autofree char *head = g_strdup_printf("%zu %016" G_GINT64_MODIFIER "x", bytes, mix(state, bytes));
  g_autoptr(GBytes) first = g_bytes_new_static(head, strlen(head));
  if (!drop_states(l, l->state, error)) return false;
  *id = l->state + 1;
  if (!kl_db_run(l->db, error, "INSERT INTO state VALUES (?, ?, -1, ?)", "llb", l->render, *id, first))
    return false;
  gint64 part = 0;
  for (size_t at = 0; at < bytes; at += PART, part++) {
    g_autoptr(GBytes) piece = g_bytes_new_static(state + at, MIN(PART, bytes - at));
    if (!kl_db_run(l->db, error, "INSERT INTO state VALUES (?, ?, ?, ?)", "lllb", l->render, *id, part,
                   piece) ||
        !breathe(l, error))
      return false;
  }
  return true;
}

static bool put_chunk(KlLedger *l, const KlLedgerChunk *c, gint64 latents, GError **error) {
  return kl_db_run(l->db, error, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "liliiiiiltddltdb", l->render, c->index, c->first_frame, c->frames, c->latent_frames,
                   c->channels, c->height, c->width, latents, c->prompt, c->drift_mean, c->drift_var,
                   c->offset, c->sha256, c->seconds, c->thumbnail);
}

/* Bulk first; then, in one transaction that is on the disk when it returns, that it holds. c NULL: a state
 * only. */
static bool commit(KlLedger *l, const KlLedgerChunk *c, const void *state, size_t bytes, GError **error) {
  gint64 latents = 0, id = 0, was = l->state;
  bool ok = synchronous(l, false, error) && hold(l, error);
  if (!ok) return false;
  ok = (!c || stage_latents(l, c, &latents, error)) && (!state || stage_state(l, state, bytes, &id, error));
  if (ok && l->in_project) {
    ok = kl_db_commit(l->db, error);
    if (ok) sync_log(l);
    ok = ok && synchronous(l, true, error) && kl_db_begin(l->db, error);
  }
  ok = ok && (!c || put_chunk(l, c, latents, error)) &&
       kl_db_run(l->db, error, "UPDATE run SET state = ?, staged = 0, changes = changes + 1 WHERE render = ?",
                 "ll", id, l->render);
  if (ok && !l->in_project) ok = drop_states(l, id, error);
  if (!kl_db_end(l->db, ok, error)) return false;
  l->state = id;
  if (c) l->chunks++;
  if (!l->in_project || !was) return true;
  /* the older state: if this is cut off, the next commit does it */
  if (synchronous(l, false, NULL) && hold(l, NULL)) kl_db_end(l->db, drop_states(l, id, NULL), NULL);
  return true;
}

bool kl_ledger_commit(KlLedger *l, const KlLedgerChunk *c, const void *state, size_t bytes, GError **error) {
  g_return_val_if_fail(c->index == l->chunks, false);
  return commit(l, c, state, bytes, error);
}

bool kl_ledger_save(KlLedger *l, const void *state, size_t bytes, GError **error) {
  return commit(l, NULL, state, bytes, error);
}

bool kl_ledger_move(KlLedger *l, int index, gint64 offset, const char *sha256, GError **error) {
  return kl_db_run(l->db, error, "UPDATE chunk SET offset = ?, sha256 = ? WHERE render = ? AND idx = ?",
                   "ltli", offset, sha256, l->render, index);
}

/* ---- in a project ---- */

/* How many leading chunks of the parent are those of this job too. */
static int fitting(KlLedger *l, const KlLedgerJob *job, gint64 parent, int from_chunk) {
  sqlite3_stmt *s = kl_db_query(
      l->db, NULL, "SELECT idx, first_frame, frames, latent_frames FROM chunk WHERE render = ? ORDER BY idx",
      "l", parent);
  int n = 0;
  while (s && n < from_chunk && sqlite3_step(s) == SQLITE_ROW) {
    KlSpan span = kl_chunk_span(job->frames, job->chunk_latents, n);
    if (sqlite3_column_int(s, 0) != n || sqlite3_column_int64(s, 1) != span.first_frame ||
        sqlite3_column_int64(s, 2) != span.frames || sqlite3_column_int64(s, 3) != span.latents)
      break;
    n++;
  }
  sqlite3_finalize(s);
  return n;
}

static bool inherit(KlLedger *l, const KlLedgerJob *job, gint64 parent, int from_chunk, GError **error) {
  gint64 same =
      kl_db_number(l->db, -1, "SELECT identity = ? FROM run WHERE render = ?", "tl", job->identity, parent);
  if (same != 1)
    return kl_gfail(error, KL_ERROR_INPUT,
                    same < 0
                        ? "the render that this one branches from has nothing to give"
                        : "the render that this one branches from was made with another model or picture");
  int n = fitting(l, job, parent, from_chunk);
  return kl_db_run(
      l->db, error,
      "INSERT INTO chunk SELECT ?, idx, first_frame, frames, latent_frames, channels, height, width, "
      "latents, prompt, drift_mean, drift_var, 0, sha256, seconds, thumbnail FROM chunk WHERE render = ? AND "
      "idx < ?",
      "lli", l->render, parent, n);
}

bool kl_ledger_begin(KlLedger *l, const KlLedgerJob *job, gint64 parent, int from_chunk, GError **error) {
  if (!kl_db_begin(l->db, error)) return false;
  bool ok = kl_db_run(l->db, error, "DELETE FROM run WHERE render = ?", "l", l->render) &&
            write_job(l, job, error) &&
            (!parent || from_chunk <= 0 || inherit(l, job, parent, from_chunk, error));
  if (!kl_db_end(l->db, ok, error)) return false;
  forget_job(l);
  return read_job(l, error);
}

bool kl_ledger_finish(KlLedger *l, GError **error) {
  if (!kl_db_run(l->db, error, "UPDATE run SET state = 0, changes = changes + 1 WHERE render = ?", "l",
                 l->render))
    return false;
  l->state = 0;
  return synchronous(l, false, error) && hold(l, error) && kl_db_end(l->db, drop_states(l, 0, error), error);
}

void kl_ledger_remove(KlLedger *l) {
  if (!l) return;
  if (l->in_project) {
    kl_db_run(l->db, NULL, "DELETE FROM run WHERE render = ?", "l", l->render);
  } else {
    g_clear_pointer(&l->db, kl_db_close);
    remove_files(l->path);
  }
  kl_ledger_close(l);
}
