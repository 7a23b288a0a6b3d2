#include "app/core/project/store.h"

#include "app/core/job_output.h"
#include "app/core/project/asset.h"
#include "app/core/project/project_internal.h"
#include "app/core/project/render_row.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what is there ---- */

static const char *const state_names[] = {"queued", "running", "paused", "done", "failed", "cancelled"};

const char *kl_render_state_name(KlRenderState s) {
  return state_names[CLAMP((int)s, 0, (int)G_N_ELEMENTS(state_names) - 1)];
}

bool kl_store_is_project(const char *path) {
  char head[72];
  FILE *f = fopen(path, "rbe");
  bool ok = f && fread(head, 1, sizeof head, f) == sizeof head && !memcmp(head, "SQLite format 3", 16) &&
            !memcmp(head + 68, "KLPJ", 4);
  if (f) fclose(f);
  return ok;
}

static void job_free(void *item) {
  KlStoreJob *j = item;
  char *texts[] = {j->prompt, j->output, j->error_text};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  g_free(j);
}

static char *valid_text(sqlite3_stmt *s, int column) {
  g_autofree char *raw = kl_db_text(s, column);
  return g_utf8_make_valid(raw, -1);
}

static KlStoreJob *read_store_job(sqlite3_stmt *s, const char *folder) {
  KlStoreJob *j = g_new0(KlStoreJob, 1);
  g_autofree char *text = kl_db_text(s, 1), *stored = kl_db_text(s, 2);
  g_autoptr(KlJobSpec) spec = kl_job_parse(text, strlen(text), "the project", NULL);
  j->id = sqlite3_column_int64(s, 0);
  j->prompt = g_strdup(spec && spec->prompts->len ? g_array_index(spec->prompts, KlJobPrompt, 0).text : "");
  j->output = kl_path_load(folder, stored);
  j->state = (KlRenderState)CLAMP(sqlite3_column_int(s, 3), KL_RENDER_QUEUED, KL_RENDER_CANCELLED);
  if (sqlite3_column_type(s, 4) != SQLITE_NULL) j->error_text = valid_text(s, 4);
  j->chunks_done = sqlite3_column_int(s, 5);
  j->chunks = sqlite3_column_int(s, 6);
  return j;
}

bool kl_store_info(const char *path, KlStoreInfo *out, GError **error) {
  *out = (KlStoreInfo){.jobs = g_ptr_array_new_with_free_func(job_free)};
  g_autoptr(KlDb) db =
      kl_db_open(path, &kl_project_schema, KL_DB_WAL | KL_DB_CHECK | KL_DB_READABLE | KL_DB_LOOK, error);
  if (!db) return false;
  g_autofree char *full = g_canonicalize_filename(path, NULL), *folder = g_path_get_dirname(full);
  sqlite3_stmt *s = kl_db_query(db, error, "SELECT title, created, rate_num, rate_den FROM project", "");
  double rate = 16;
  if (s && sqlite3_step(s) == SQLITE_ROW) {
    out->title = valid_text(s, 0);
    out->created = sqlite3_column_int64(s, 1);
    int num = sqlite3_column_int(s, 2), den = sqlite3_column_int(s, 3);
    if (num > 0 && den > 0) rate = (double)num / den;
  }
  sqlite3_finalize(s);
  if (!out->title) return kl_gfail(error, KL_ERROR_INPUT, "the project %s is damaged: it is empty", full);
  out->version = (int)kl_db_number(db, 0, "PRAGMA user_version", "");
  out->read_only = db->read_only;
  out->bytes = kl_db_number(db, 0, "PRAGMA page_count", "") * kl_db_number(db, 0, "PRAGMA page_size", "");
  out->assets = (int)kl_db_number(db, 0, "SELECT count(*) FROM asset WHERE removed = 0", "");
  out->tracks = (int)kl_db_number(db, 0, "SELECT count(*) FROM track", "");
  out->clips = (int)kl_db_number(db, 0, "SELECT count(*) FROM clip", "");
  out->seconds = (double)kl_db_number(db, 0, "SELECT ifnull(max(start + length), 0) FROM clip", "") / rate;
  s = kl_db_query(
      db, error,
      "SELECT id, job, render.output, render.state, error, (SELECT count(*) FROM chunk WHERE chunk.render = "
      "render.id), ifnull(run.chunks, 0) FROM render LEFT JOIN run ON run.render = render.id WHERE removed = "
      "0 "
      "ORDER BY id",
      "");
  while (s && sqlite3_step(s) == SQLITE_ROW) g_ptr_array_add(out->jobs, read_store_job(s, folder));
  sqlite3_finalize(s);
  return true;
}

void kl_store_info_clear(KlStoreInfo *i) {
  g_clear_pointer(&i->title, g_free);
  g_clear_pointer(&i->jobs, g_ptr_array_unref);
}

/* ---- a render ---- */

typedef struct {
  const char *path;
  char *folder, *output, *text;
  gint64 id, parent, asset;
  int from_chunk;
  KlRenderState state;
  KlJobSpec *job;
  KlDb *db;
  const KlStoreRun *how;
} Work;

static void work_clear(Work *w) {
  g_free(w->folder);
  g_free(w->output);
  g_free(w->text);
  kl_job_free(w->job);
  kl_db_close(w->db);
}

static bool find(Work *w, GError **error) {
  g_autofree char *full = g_canonicalize_filename(w->path, NULL), *shown = g_filename_display_name(w->path);
  w->folder = g_path_get_dirname(full);
  sqlite3_stmt *s =
      kl_db_query(w->db, error,
                  "SELECT job, output, parent, from_chunk, state, ifnull(asset, 0) FROM render WHERE id = ? "
                  "AND removed = 0",
                  "l", w->id);
  if (!s) return false;
  bool found = sqlite3_step(s) == SQLITE_ROW;
  if (found) {
    g_autofree char *stored = kl_db_text(s, 1);
    w->text = kl_db_text(s, 0);
    w->output = kl_path_load(w->folder, stored);
    w->parent = sqlite3_column_int64(s, 2);
    w->from_chunk = sqlite3_column_int(s, 3);
    w->state = (KlRenderState)sqlite3_column_int(s, 4);
    w->asset = sqlite3_column_int64(s, 5);
  }
  sqlite3_finalize(s);
  if (!found)
    return kl_gfail(error, KL_ERROR_INPUT, "there is no job %" G_GINT64_FORMAT " in the project %s", w->id,
                    shown);
  w->job = kl_job_parse(w->text, strlen(w->text), shown, error);
  return w->job != NULL;
}

KlJobSpec *kl_store_job(const char *path, gint64 id, char **output, GError **error) {
  Work w = {.path = path, .id = id};
  KlJobSpec *job = NULL;
  w.db = kl_db_open(path, &kl_project_schema, KL_DB_WAL | KL_DB_READABLE, error);
  if (w.db && find(&w, error)) {
    job = g_steal_pointer(&w.job);
    if (output) *output = g_steal_pointer(&w.output);
  }
  work_clear(&w);
  return job;
}

static bool mark(Work *w, KlRenderState state, const char *text, GError **error) {
  return kl_db_begin(w->db, error) &&
         kl_db_end(w->db, kl_render_row_state(w->db, w->id, state, text, error), error);
}

/* From then on the job says what it is made with. */
static void on_event(void *user, const KlEvent *e) {
  Work *w = user;
  if (e->kind == KL_EVENT_PLAN) {
    g_autoptr(KlJobSpec) copy = kl_job_copy(e->plan->job);
    kl_job_unset(copy, "output");
    g_autofree char *text = kl_job_serialise(copy, true);
    g_autoptr(GError) error = NULL;
    if (strcmp(text, w->text) &&
        !kl_db_run(w->db, &error, "UPDATE render SET job = ? WHERE id = ?", "tl", text, w->id))
      g_warning("%s", error->message);
  }
  if (w->how->event) w->how->event(w->how->user, e);
}

static void on_frame(void *user, gint64 index, const float *rgb, int width, int height) {
  const KlStoreRun *how = ((Work *)user)->how;
  how->frame(how->user, index, rgb, width, height);
}

static void on_preview(void *user, const float *rgb, int width, int height) {
  const KlStoreRun *how = ((Work *)user)->how;
  how->preview(how->user, rgb, width, height);
}

static bool is_sequence(const Work *w) {
  return kl_container_from_path(w->output) == KL_CONTAINER_PNG_SEQUENCE;
}

/* Done, and the file is still the one that was made. */
static bool finished(Work *w, KlRunResult *out) {
  if (w->state != KL_RENDER_DONE || !kl_job_output_exists(w->output)) return false;
  if (w->asset && !is_sequence(w)) {
    g_autofree char *sum = kl_file_sha256(w->output, false, NULL, NULL, w->how->cancel, NULL);
    if (!sum || kl_db_number(w->db, 0, "SELECT sha256 = ? FROM asset WHERE id = ?", "tl", sum, w->asset) != 1)
      return false;
  }
  out->already_finished = true;
  out->job = kl_job_copy(w->job);
  out->drift = g_array_new(FALSE, FALSE, 2 * sizeof(double));
  return true;
}

/* The row of what was made. A sequence of pictures is not one file, so it is none. */
static bool make_asset(Work *w, double seconds, GError **error) {
  KlMediaFacts facts = {0};
  g_autofree char *base = g_path_get_basename(w->output), *name = g_filename_display_name(base);
  if (!is_sequence(w) && !kl_media_facts(w->output, w->how->cancel, &facts, error)) return false;
  bool ok = kl_db_begin(w->db, error);
  if (ok) {
    gint64 now = w->asset;
    if (now && !is_sequence(w))
      ok = kl_db_run(w->db, error, "UPDATE asset SET sha256 = ? WHERE id = ?", "tl", facts.sha256, now);
    else if (!is_sequence(w))
      ok = (now = kl_asset_insert(w->db, w->folder, name, w->output, &facts, 0, w->id, 0, error)) != 0;
    ok = ok &&
         kl_db_run(w->db, error, "UPDATE render SET asset = nullif(?, 0), seconds = seconds + ? WHERE id = ?",
                   "ldl", now, seconds, w->id) &&
         kl_render_row_state(w->db, w->id, KL_RENDER_DONE, NULL, error);
    ok = kl_db_end(w->db, ok, error);
  }
  kl_media_facts_clear(&facts);
  return ok;
}

static bool render(Work *w, KlRunResult *out, GError **error) {
  g_autofree char *dir = g_path_get_dirname(w->output), *shown = g_filename_display_name(dir);
  if (g_mkdir_with_parents(dir, 0755))
    return kl_gfail(error, KL_ERROR_IO, "cannot make the folder %s: %s", shown, g_strerror(errno));
  g_autoptr(KlJobSpec) asked = w->how->local ? kl_job_copy(w->how->local) : kl_job_new();
  kl_job_merge(asked, w->job);
  KlRunOptions run = {.output = w->output,
                      .ledger = w->path,
                      .render = w->id,
                      .parent = w->parent,
                      .from_chunk = w->from_chunk,
                      .overwrite = w->how->overwrite,
                      .cancel = w->how->cancel,
                      .event = on_event,
                      .frame = w->how->frame ? on_frame : NULL,
                      .preview = w->how->preview ? on_preview : NULL,
                      .user = w};
  return kl_job_run(asked, &run, out, error);
}

bool kl_store_render(const char *path, gint64 id, const KlStoreRun *how, KlRunResult *out, GError **error) {
  Work w = {.path = path, .id = id, .how = how};
  GError *e = NULL;
  int lock = -1;
  *out = (KlRunResult){.resumed_from = -1};
  bool ok = (w.db = kl_db_open(path, &kl_project_schema, KL_DB_WAL | KL_DB_FULL_SYNC, &e)) && find(&w, &e) &&
            (lock = kl_render_lock(path, id, &e)) >= 0;
  if (ok && !finished(&w, out)) {
    ok = mark(&w, KL_RENDER_RUNNING, NULL, &e);
    if (ok) {
      ok = render(&w, out, &e) && make_asset(&w, out->seconds, &e);
      bool stopped = g_error_matches(e, KL_ERROR, KL_ERROR_CANCELLED);
      if (!ok) mark(&w, stopped ? KL_RENDER_PAUSED : KL_RENDER_FAILED, stopped ? NULL : e->message, NULL);
    }
  }
  if (ok && !out->output) out->output = g_strdup(w.output);
  if (lock >= 0) kl_render_unlock(path, id, lock);
  work_clear(&w);
  if (e) g_propagate_error(error, e);
  return ok;
}
