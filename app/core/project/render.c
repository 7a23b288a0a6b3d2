/* Renders: the queue and the history. */
#include "app/core/lock.h"
#include "app/core/project/project_internal.h"
#include "app/core/project/render_row.h"
#include "media/encode.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

enum {
  R0,
  R_STATE,
  R_JOB,
  R_ERROR_TEXT,
  R_ASSET,
  R_SECONDS,
  R_CHUNKS_DONE,
  R_FRACTION,
  R_ETA,
  R_PHASE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(KlRender, kl_render, G_TYPE_OBJECT)

/* ---- reading ---- */

static const char select_all[] =
    "SELECT render.id, job, parent, from_chunk, render.output, place, render.state, error, asset, seconds, "
    "created, begun, "
    "ifnull(run.changes, -1) "
    "FROM render LEFT JOIN run ON run.render = render.id WHERE removed = 0 ORDER BY render.id DESC";

static bool is_pending(const KlRender *r) {
  return r->state == KL_RENDER_QUEUED || r->state == KL_RENDER_RUNNING || r->state == KL_RENDER_PAUSED;
}

static int by_place(const void *a, const void *b) {
  const KlRender *x = *(KlRender *const *)a, *y = *(KlRender *const *)b;
  if (x->place != y->place) return x->place < y->place ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static void fill(KlRender *r, sqlite3_stmt *s, GPtrArray *changed) {
  g_autofree char *job = kl_db_text(s, 1), *output = kl_db_text(s, 4), *error = NULL;
  if (sqlite3_column_type(s, 7) != SQLITE_NULL) {
    g_autofree char *raw = kl_db_text(s, 7);
    error = g_utf8_make_valid(raw, -1);
  }
  if (kl_replace_text(&r->job_text, job)) {
    KlJobSpec *spec = kl_job_parse(job, strlen(job), "the project", NULL);
    kl_job_free(r->job);
    r->job = spec ? spec : kl_job_new();
    if (!r->job->prompts->len) kl_job_set_prompt(r->job, (KlTime){true, 0}, "", NULL);
    kl_changed(changed, r, props[R_JOB]);
  }
  r->parent_id = sqlite3_column_int64(s, 2);
  r->from_chunk = CLAMP(sqlite3_column_int(s, 3), 0, G_MAXINT);
  if (kl_replace_text(&r->stored, output)) {
    g_free(r->output);
    r->output = kl_path_load(r->project->folder, output);
  }
  double place = sqlite3_column_double(s, 5), seconds = sqlite3_column_double(s, 9);
  r->place = isfinite(place) ? place : 0;
  KlRenderState state = (KlRenderState)CLAMP(sqlite3_column_int(s, 6), KL_RENDER_QUEUED, KL_RENDER_CANCELLED);
  gint64 asset = sqlite3_column_int64(s, 8), changes = sqlite3_column_int64(s, 12);
  bool turned = state != r->state;
  r->state = state;
  if (kl_replace_text(&r->error_text, error)) kl_changed(changed, r, props[R_ERROR_TEXT]);
  if (asset != r->asset) {
    r->asset = asset;
    kl_changed(changed, r, props[R_ASSET]);
  }
  if (seconds != r->seconds) {
    r->seconds = seconds;
    kl_changed(changed, r, props[R_SECONDS]);
  }
  r->created = sqlite3_column_int64(s, 10);
  r->begun = sqlite3_column_int(s, 11) == 1;
  r->chunks_old |= turned || changes != r->changes;
  if (changes != r->changes) {
    int done =
        (int)kl_db_number(r->project->db, 0, "SELECT count(*) FROM chunk WHERE render = ?", "l", r->id);
    if (done != r->done) kl_changed(changed, r, props[R_CHUNKS_DONE]);
    r->done = done;
    r->changes = changes;
  }
  if (turned) kl_changed(changed, r, props[R_STATE]);
}

bool kl_renders_read(KlProject *p, GPtrArray *changed) {
  g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_object_unref), pending = g_ptr_array_new();
  g_autoptr(GHashTable) old = g_steal_pointer(&p->render_by_id);
  p->render_by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_object_unref);
  sqlite3_stmt *s = kl_db_query(p->db, NULL, select_all, "");
  while (s && sqlite3_step(s) == SQLITE_ROW) {
    gint64 id = sqlite3_column_int64(s, 0);
    KlRender *r = g_hash_table_lookup(old, &id);
    if (r) {
      g_object_ref(r);
    } else {
      r = g_object_new(KL_TYPE_RENDER, NULL);
      r->project = p;
      r->id = id;
    }
    g_hash_table_insert(p->render_by_id, &r->id, r);
    fill(r, s, changed);
    g_ptr_array_add(want, g_object_ref(r));
    if (is_pending(r)) g_ptr_array_add(pending, r);
  }
  sqlite3_finalize(s);
  GHashTableIter it;
  gpointer r;
  for (g_hash_table_iter_init(&it, old); g_hash_table_iter_next(&it, NULL, &r);)
    if (!g_hash_table_contains(p->render_by_id, &((KlRender *)r)->id)) ((KlRender *)r)->project = NULL;
  g_ptr_array_sort(pending, by_place);
  bool go = kl_list_set(p, p->renders, want) && kl_list_set(p, p->pending, pending);
  for (guint i = 0; go && i < want->len; i++) {
    KlRender *o = want->pdata[i];
    if (o->chunks && o->chunks_old) go = kl_chunks_read(o, changed);
  }
  return go;
}

/* ---- writing ---- */

/* A name in the media folder that nothing has yet. A new string. */
static char *output_name(KlProject *p, const KlJobSpec *job, gint64 id) {
  g_autofree char *slug = kl_job_slug(job);
  bool still = kl_job_has(job, "length") && job->length.in_frames && job->length.value == 1;
  const char *ext = still ? "png" : "mp4";
  bool sequence = false;
  if (kl_job_has(job, "container") && strcmp(job->container, "auto")) {
    sequence = !strcmp(job->container, "png-sequence");
    ext = job->container;
  }
  for (int n = 1;; n++) {
    g_autofree char *tail = n > 1 ? g_strdup_printf("-%d", n) : g_strdup("");
    g_autofree char *name = sequence ? g_strdup_printf("%s-%03d%s", slug, (int)id, tail)
                                     : g_strdup_printf("%s-%03d%s.%s", slug, (int)id, tail, ext);
    char *path = g_build_filename(p->media_folder, name, sequence ? "frame-%05d.png" : NULL, NULL);
    g_autofree char *at = g_build_filename(p->media_folder, name, NULL);
    if (!g_file_test(at, G_FILE_TEST_EXISTS)) return path;
    g_free(path);
  }
}

/* What is before `chunk` must be the same, or the parent's chunks would not fit. */
static bool parent_fits(KlRender *parent, int chunk, const KlJobSpec *job, GError **error) {
  g_autofree char *what = NULL;
  if (chunk < 0 || chunk > parent->done)
    return kl_gfail(error, KL_ERROR_INVALID, "only %d chunks of that render are finished", parent->done);
  if (!chunk) return true;
  gint64 frame = kl_render_chunk_frame(parent, chunk);
  if (kl_job_same_before(job, parent->job, frame, &what)) return true;
  return kl_gfail(error, KL_ERROR_INVALID, "a branch changes only what comes after: %s", what);
}

static gint64 insert(KlProject *p, const KlJobSpec *job, KlRender *parent, int from_chunk, GError **error) {
  g_autofree char *text = kl_job_serialise(job, true);
  double place = 1;
  sqlite3_stmt *s = kl_db_query(p->db, error, "SELECT ifnull(max(place), 0) + 1 FROM render", "");
  if (!s) return 0;
  if (sqlite3_step(s) == SQLITE_ROW) place = sqlite3_column_double(s, 0);
  sqlite3_finalize(s);
  if (!kl_db_run(p->db, error,
                 "INSERT INTO render (job, parent, from_chunk, output, place, state, seconds, created, "
                 "begun, removed) "
                 "VALUES (?, ?, ?, '', ?, ?, 0, ?, NULL, ?)",
                 "tlidill", text, parent ? parent->id : (gint64)0, from_chunk, place, KL_RENDER_QUEUED,
                 g_get_real_time(), KL_REMOVED_UNDONE))
    return 0;
  gint64 id = sqlite3_last_insert_rowid(p->db->handle);
  g_autofree char *output = output_name(p, job, id), *stored = kl_path_store(p->folder, output);
  return kl_db_run(p->db, error, "UPDATE render SET output = ? WHERE id = ?", "tl", stored, id) ? id : 0;
}

KlRender *kl_project_add_render(KlProject *p, const KlJobSpec *job, KlRender *parent, int from_chunk,
                                GError **error) {
  g_autoptr(KlJobSpec) copy = kl_job_copy(job);
  kl_job_unset(copy, "output"); /* it goes into the media folder */
  if (parent && !parent_fits(parent, from_chunk, copy, error)) return NULL;
  kl_project_begin(p, _("Generate"), NULL);
  gint64 id = 0;
  bool ok = kl_write_open(p, error);
  if (ok) {
    id = insert(p, copy, parent, from_chunk, error);
    ok = kl_write_close(p, id != 0, error);
  }
  if (ok && (ok = kl_edit_open(p, NULL, error)))
    ok = kl_edit_close(
        p, kl_db_run(p->db, error, "UPDATE render SET removed = 0, begun = 0 WHERE id = ?", "l", id), error);
  ok = kl_project_end(p, true, ok ? error : NULL) && ok;
  KlRender *r = ok ? kl_project_render(p, id) : NULL;
  return r ? g_object_ref(r) : NULL;
}

bool kl_project_move_render(KlProject *p, KlRender *r, guint place, GError **error) {
  GListModel *list = G_LIST_MODEL(p->pending);
  g_autoptr(GPtrArray) others = g_ptr_array_new();
  guint was = G_MAXUINT;
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlRender) o = g_list_model_get_item(list, i);
    if (o == r)
      was = i;
    else
      g_ptr_array_add(others, o);
  }
  place = MIN(place, others->len);
  if (was == G_MAXUINT) return kl_gfail(error, KL_ERROR_INVALID, "that render is not in the queue");
  if (was == place) return true;
  double before = place > 0 ? ((KlRender *)others->pdata[place - 1])->place : 0,
         after = place < others->len ? ((KlRender *)others->pdata[place])->place : before + 2,
         middle = place > 0 ? (before + after) / 2 : after - 1;
  if (!kl_edit_open(p, _("Reorder Queue"), error)) return false;
  return kl_edit_close(
      p, kl_db_run(p->db, error, "UPDATE render SET place = ? WHERE id = ?", "dl", middle, r->id), error);
}

bool kl_project_remove_render(KlProject *p, KlRender *r, GError **error) {
  if (r->state == KL_RENDER_RUNNING)
    return kl_gfail(error, KL_ERROR_BUSY, "the render is running: stop it first");
  if (!kl_edit_open(p, _("Remove Result"), error)) return false;
  return kl_edit_close(
      p,
      kl_db_run(p->db, error, "UPDATE render SET removed = ? WHERE id = ?", "ll", g_get_real_time(), r->id),
      error);
}

bool kl_render_row_state(const KlDb *db, gint64 id, KlRenderState state, const char *error_text,
                         GError **error) {
  return kl_db_run(db, error,
                   "UPDATE render SET state = ?, error = ?, begun = max(ifnull(begun, 0), ?) WHERE id = ?",
                   "itil", (int)state, error_text, (int)(state != KL_RENDER_QUEUED), id);
}

bool kl_render_set_state(KlRender *r, KlRenderState state, const char *error_text, GError **error) {
  if (!r->project) return kl_gfail(error, KL_ERROR_IO, "the project is closed");
  KlProject *p = r->project;
  if (!kl_write_open(p, error)) return false;
  return kl_write_close(p, kl_render_row_state(p->db, r->id, state, error_text, error), error);
}

static char *lock_path(const char *project, gint64 id) {
  return g_strdup_printf("%s-%" G_GINT64_FORMAT ".lock", project, id);
}

int kl_render_lock(const char *project, gint64 id, GError **error) {
  g_autofree char *path = lock_path(project, id);
  return kl_lock_take(path, "another process is rendering this job", error);
}

void kl_render_unlock(const char *project, gint64 id, int lock) {
  g_autofree char *path = lock_path(project, id);
  kl_lock_drop(path, lock);
}

bool kl_renders_recover(KlProject *p, GError **error) {
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
  sqlite3_stmt *s = kl_db_query(p->db, error, "SELECT id FROM render WHERE state = ? AND removed = 0", "i",
                                KL_RENDER_RUNNING);
  if (!s) return false;
  while (sqlite3_step(s) == SQLITE_ROW) {
    gint64 id = sqlite3_column_int64(s, 0);
    g_array_append_val(ids, id);
  }
  sqlite3_finalize(s);
  bool ok = true;
  for (guint i = 0; ok && i < ids->len; i++) {
    gint64 id = g_array_index(ids, gint64, i);
    int lock = kl_render_lock(p->path, id, NULL);
    if (lock < 0) continue; /* another process is at it */
    ok = kl_render_row_state(p->db, id, KL_RENDER_PAUSED, NULL, error);
    kl_render_unlock(p->path, id, lock);
    if (ok) {
      gint64 *key = g_new(gint64, 1);
      *key = id;
      g_hash_table_add(p->interrupted, key);
    }
  }
  return ok;
}

/* ---- the object ---- */

GListModel *kl_project_renders(KlProject *p) {
  return G_LIST_MODEL(p->renders);
}
GListModel *kl_project_pending(KlProject *p) {
  return G_LIST_MODEL(p->pending);
}
KlRender *kl_project_render(KlProject *p, gint64 id) {
  return g_hash_table_lookup(p->render_by_id, &id);
}
gint64 kl_render_id(KlRender *r) {
  return r->id;
}
KlRenderState kl_render_state(KlRender *r) {
  return r->state;
}
const KlJobSpec *kl_render_job(KlRender *r) {
  return r->job;
}
const char *kl_render_error_text(KlRender *r) {
  return r->error_text;
}
const char *kl_render_output(KlRender *r) {
  return r->output;
}
gint64 kl_render_parent(KlRender *r) {
  return r->parent_id;
}
int kl_render_from_chunk(KlRender *r) {
  return r->from_chunk;
}
gint64 kl_render_created(KlRender *r) {
  return r->created;
}
double kl_render_seconds(KlRender *r) {
  return r->seconds;
}
int kl_render_chunks_done(KlRender *r) {
  return r->done;
}
bool kl_render_interrupted(KlRender *r) {
  return r->project && r->state == KL_RENDER_PAUSED && g_hash_table_contains(r->project->interrupted, &r->id);
}
KlAsset *kl_render_asset(KlRender *r) {
  return r->project && r->asset ? kl_project_asset(r->project, r->asset) : NULL;
}
double kl_render_fraction(KlRender *r) {
  return r->fraction;
}
double kl_render_eta(KlRender *r) {
  return r->eta;
}
const char *kl_render_phase(KlRender *r) {
  return r->phase;
}

void kl_render_set_progress(KlRender *r, double fraction, double eta_s, const char *phase) {
  g_object_freeze_notify(G_OBJECT(r));
  if (fraction != r->fraction) g_object_notify_by_pspec(G_OBJECT(r), props[R_FRACTION]);
  if (eta_s != r->eta) g_object_notify_by_pspec(G_OBJECT(r), props[R_ETA]);
  r->fraction = fraction;
  r->eta = eta_s;
  if (kl_replace_text(&r->phase, phase)) g_object_notify_by_pspec(G_OBJECT(r), props[R_PHASE]);
  g_object_thaw_notify(G_OBJECT(r));
}

KlJobSpec *kl_render_job_from(KlRender *r, int chunk, gint64 seed, const char *prompt, GError **error) {
  g_autoptr(KlJobSpec) j = kl_job_copy(r->job);
  KlTime at = {true, kl_render_chunk_frame(r, chunk)};
  g_autoptr(GError) e = NULL;
  if (chunk < 0 || chunk > r->done) {
    kl_gfail(error, KL_ERROR_INVALID, "only %d chunks of that render are finished", r->done);
    return NULL;
  }
  if ((seed >= 0 && !kl_job_set_seed_from(j, at, seed, &e)) ||
      (prompt && !kl_job_set_prompt_from(j, at, prompt, &e))) {
    kl_gfail(error, KL_ERROR_INVALID, "%s", e->message);
    return NULL;
  }
  return g_steal_pointer(&j);
}

static void kl_render_finalize(GObject *object) {
  KlRender *r = KL_RENDER(object);
  char *texts[] = {r->job_text, r->error_text, r->stored, r->output, r->phase};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  kl_job_free(r->job);
  kl_chunks_forget(r);
  G_OBJECT_CLASS(kl_render_parent_class)->finalize(object);
}

static void kl_render_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlRender *r = KL_RENDER(object);
  switch (id) {
  case R_STATE:
    g_value_set_int(value, (int)r->state);
    break;
  case R_JOB:
    g_value_set_string(value, r->job_text);
    break;
  case R_ERROR_TEXT:
    g_value_set_string(value, r->error_text);
    break;
  case R_ASSET:
    g_value_set_object(value, kl_render_asset(r));
    break;
  case R_SECONDS:
    g_value_set_double(value, r->seconds);
    break;
  case R_CHUNKS_DONE:
    g_value_set_int(value, r->done);
    break;
  case R_FRACTION:
    g_value_set_double(value, r->fraction);
    break;
  case R_ETA:
    g_value_set_double(value, r->eta);
    break;
  case R_PHASE:
    g_value_set_string(value, r->phase);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_render_class_init(KlRenderClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  c->finalize = kl_render_finalize;
  c->get_property = kl_render_get_property;
  props[R_STATE] =
      g_param_spec_int("state", NULL, NULL, KL_RENDER_QUEUED, KL_RENDER_CANCELLED, KL_RENDER_QUEUED, ro);
  props[R_JOB] = g_param_spec_string("job", NULL, NULL, NULL, ro);
  props[R_ERROR_TEXT] = g_param_spec_string("error-text", NULL, NULL, NULL, ro);
  props[R_ASSET] = g_param_spec_object("asset", NULL, NULL, KL_TYPE_ASSET, ro);
  props[R_SECONDS] = g_param_spec_double("seconds", NULL, NULL, 0, G_MAXDOUBLE, 0, ro);
  props[R_CHUNKS_DONE] = g_param_spec_int("chunks-done", NULL, NULL, 0, G_MAXINT, 0, ro);
  props[R_FRACTION] = g_param_spec_double("fraction", NULL, NULL, 0, 1, 0, ro);
  props[R_ETA] = g_param_spec_double("eta", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, -1, ro);
  props[R_PHASE] = g_param_spec_string("phase", NULL, NULL, NULL, ro);
  g_object_class_install_properties(c, N_PROPS, props);
}

static void kl_render_init(KlRender *r) {
  r->eta = -1;
  r->changes = -1;
}
