/* The file and its object: opening, closing, settings, reading again what others wrote. */
#include "app/core/project/project_internal.h"
#include "app/core/project/store.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 500
/* The log is brought into the file (in a worker) when it is this long, or when nothing was written for a
 * while. */
#define LOG_PAGES 4000
#define LOG_IDLE_S 5
#define TIDY_AFTER_S 30

static const char *const scripts[] = {"run-1 project-001"};
const KlSchema kl_project_schema = {"project", 0x4b4c504a /* "KLPJ" */, G_N_ELEMENTS(scripts), scripts};

enum { P0, P_TITLE, P_READ_ONLY, P_CAN_UNDO, P_CAN_REDO, P_UNDO_LABEL, P_REDO_LABEL, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(KlProject, kl_project, G_TYPE_OBJECT)

/* ---- small things ---- */

bool kl_replace_text(char **at, const char *text) {
  if (!g_strcmp0(*at, text)) return false;
  g_free(*at);
  *at = g_strdup(text);
  return true;
}

void kl_changed(GPtrArray *changed, gpointer object, GParamSpec *pspec) {
  if (!g_ptr_array_find(changed, object, NULL)) {
    g_object_freeze_notify(object);
    g_ptr_array_add(changed, g_object_ref(object));
  }
  g_object_notify_by_pspec(object, pspec);
}

void kl_list_replace(GListStore *list, GPtrArray *want) {
  guint n = g_list_model_get_n_items(G_LIST_MODEL(list)), head = 0, tail = 0;
  while (head < n && head < want->len) {
    g_autoptr(GObject) o = g_list_model_get_item(G_LIST_MODEL(list), head);
    if (o != want->pdata[head]) break;
    head++;
  }
  while (tail < n - head && tail < want->len - head) {
    g_autoptr(GObject) o = g_list_model_get_item(G_LIST_MODEL(list), n - 1 - tail);
    if (o != want->pdata[want->len - 1 - tail]) break;
    tail++;
  }
  if (n - head - tail || want->len - head - tail)
    g_list_store_splice(list, head, n - head - tail, want->pdata + head, want->len - head - tail);
}

bool kl_list_set(KlProject *p, GListStore *list, GPtrArray *want) {
  guint64 reading = p->reading;
  kl_list_replace(list, want);
  return p->reading == reading;
}

char *kl_project_media_of(const char *path) {
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  if (g_str_has_suffix(full, ".kinoloom")) full[strlen(full) - strlen(".kinoloom")] = 0;
  return g_strconcat(full, " media", NULL);
}

char *kl_path_store(const char *folder, const char *path) {
  g_autofree char *full = g_canonicalize_filename(path, folder);
  size_t n = strlen(folder);
  if (!strncmp(full, folder, n) && full[n] == '/') return g_strdup(full + n + 1);
  return g_steal_pointer(&full);
}

char *kl_path_load(const char *folder, const char *stored) {
  return g_canonicalize_filename(stored, folder);
}

/* ---- reading ---- */

static bool read_head(KlProject *p, GPtrArray *changed) {
  sqlite3_stmt *s =
      kl_db_query(p->db, NULL, "SELECT title, rate_num, rate_den, width, height, created FROM project", "");
  if (s && sqlite3_step(s) == SQLITE_ROW) {
    g_autofree char *title = kl_db_text(s, 0), *valid = g_utf8_make_valid(title, -1);
    if (kl_replace_text(&p->title, valid)) kl_changed(changed, p, props[P_TITLE]);
    p->rate_num = CLAMP(sqlite3_column_int(s, 1), 0, 1000000000);
    p->rate_den = CLAMP(sqlite3_column_int(s, 2), 1, 1000000);
    p->width = CLAMP(sqlite3_column_int(s, 3), 0, 16384);
    p->height = CLAMP(sqlite3_column_int(s, 4), 0, 16384);
    p->created = sqlite3_column_int64(s, 5);
  }
  sqlite3_finalize(s);
  return true;
}

static bool read_settings(KlProject *p) {
  sqlite3_stmt *s = kl_db_query(p->db, NULL, "SELECT key, value FROM setting", "");
  g_hash_table_remove_all(p->settings);
  while (s && sqlite3_step(s) == SQLITE_ROW) {
    char *key = kl_db_text(s, 0);
    g_hash_table_replace(p->settings, key, kl_db_text(s, 1));
  }
  sqlite3_finalize(s);
  return true;
}

void kl_project_read(KlProject *p) {
  if (!p->db || !p->dirty) return;
  g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_object_unref);
  g_autoptr(KlProject) alive = g_object_ref(p);
  guint dirty = p->dirty;
  bool timeline = dirty & (KL_ROWS_TIMELINE | KL_ROWS_ASSETS | KL_ROWS_PROJECT);
  p->dirty = 0;
  p->reading++;
  bool go = true;
  if (dirty & KL_ROWS_PROJECT) go = read_head(p, changed);
  if (dirty & KL_ROWS_SETTINGS) go = read_settings(p);
  if (go && dirty & KL_ROWS_ASSETS) go = kl_assets_read(p, changed);
  if (go && dirty & KL_ROWS_RENDERS) go = kl_renders_read(p, changed);
  if (go && dirty & KL_ROWS_TIMELINE) go = kl_timeline_read(p, changed);
  for (guint i = 0; i < changed->len; i++) g_object_thaw_notify(changed->pdata[i]);
  if (go && p->db && dirty & KL_ROWS_UNDO) kl_undo_read(p);
  if (timeline) g_signal_emit_by_name(p, "timeline-changed");
}

/* SQLite tells of every row that this connection writes. */
static void on_row(void *user, int op, const char *db, const char *table, sqlite3_int64 id) {
  static const struct {
    const char *table;
    KlRows rows;
  } of[] = {{"project", KL_ROWS_PROJECT},       {"setting", KL_ROWS_SETTINGS}, {"asset", KL_ROWS_ASSETS},
            {"render", KL_ROWS_RENDERS},        {"run", KL_ROWS_RENDERS},      {"chunk", KL_ROWS_RENDERS},
            {"track", KL_ROWS_TIMELINE},        {"clip", KL_ROWS_TIMELINE},    {"undo", KL_ROWS_UNDO},
            {"asset_thumbnail", KL_ROWS_ASSETS}};
  for (size_t i = 0; i < G_N_ELEMENTS(of); i++)
    if (!strcmp(of[i].table, table)) ((KlProject *)user)->dirty |= of[i].rows;
}

void kl_project_refresh(KlProject *p) {
  if (!p->db || p->edit.in_transaction) return;
  int version = (int)kl_db_number(p->db, p->data_version, "PRAGMA data_version", "");
  if (version == p->data_version) return;
  p->data_version = version;
  p->dirty |= KL_ROWS_ALL;
  kl_project_read(p);
}

static gboolean on_poll(gpointer user) {
  kl_project_refresh(user);
  return G_SOURCE_CONTINUE;
}

/* ---- the log ---- */

static void tidy_log(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  sqlite3 *h = NULL;
  if (sqlite3_open_v2(data, &h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
    sqlite3_wal_checkpoint_v2(h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  sqlite3_close(h);
  g_task_return_boolean(task, TRUE);
}

static void log_tidied(GObject *source, GAsyncResult *r, gpointer user) {
  KL_PROJECT(source)->log_busy = false;
}

static gboolean on_log_idle(gpointer user) {
  KlProject *p = user;
  p->tidy_log = 0;
  if (!p->db || p->log_busy) return G_SOURCE_REMOVE;
  p->log_busy = true;
  g_autoptr(GTask) task = g_task_new(p, NULL, log_tidied, NULL);
  g_task_set_task_data(task, g_strdup(p->path), g_free);
  g_task_run_in_thread(task, tidy_log);
  return G_SOURCE_REMOVE;
}

/* The copying and its fsync would stall the main thread. */
static int on_log(void *user, sqlite3 *h, const char *name, int pages) {
  KlProject *p = user;
  if (p->tidy_log) g_source_remove(p->tidy_log);
  p->tidy_log =
      pages >= LOG_PAGES ? g_idle_add(on_log_idle, p) : g_timeout_add_seconds(LOG_IDLE_S, on_log_idle, p);
  return SQLITE_OK;
}

/* ---- tidying ---- */

static void tidy(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  g_autoptr(GError) error = NULL;
  if (!kl_store_tidy(data, &error)) g_debug("%s", error->message); /* the next time */
  g_task_return_boolean(task, TRUE);
}

static gboolean on_tidy(gpointer user) {
  KlProject *p = user;
  p->tidy = 0;
  g_autoptr(GTask) task = g_task_new(p, NULL, NULL, NULL);
  g_task_set_task_data(task, g_strdup(p->path), g_free);
  g_task_run_in_thread(task, tidy);
  return G_SOURCE_REMOVE;
}

/* ---- opening and closing ---- */

static bool first_rows(const KlDb *db, void *title, GError **error) {
  return kl_db_run(db, error, "INSERT INTO project VALUES (1, ?, 0, 1, 0, 0, ?)", "tl", (const char *)title,
                   g_get_real_time()) &&
         kl_db_run(db, error,
                   "INSERT INTO track (kind, place, name, muted) VALUES (?, 0, '', 0), (?, 0, '', 0)", "ii",
                   KL_TRACK_VIDEO, KL_TRACK_AUDIO);
}

KlProject *kl_project_create(const char *path, GError **error) {
  g_autofree char *dir = g_path_get_dirname(path), *shown = g_filename_display_name(dir);
  if (g_mkdir_with_parents(dir, 0755)) {
    kl_gfail(error, KL_ERROR_IO, "cannot make the folder %s: %s", shown, g_strerror(errno));
    return NULL;
  }
  g_autofree char *name = g_path_get_basename(path);
  if (g_str_has_suffix(name, ".kinoloom")) name[strlen(name) - strlen(".kinoloom")] = 0;
  g_autofree char *title = g_filename_display_name(name);
  if (!kl_db_create(path, &kl_project_schema, KL_DB_WAL, first_rows, title, error)) return NULL;
  return kl_project_open(path, error);
}

/* What a crash may have left, and rows that must be there. */
static bool mend(KlProject *p, GError **error) {
  if (p->read_only) return true;
  if (!kl_db_begin(p->db, error)) return false;
  bool ok = kl_undo_trim(p->db, error) && kl_renders_recover(p, error);
  return kl_db_end(p->db, ok, error);
}

KlProject *kl_project_open(const char *path, GError **error) {
  g_autoptr(KlProject) p = g_object_new(KL_TYPE_PROJECT, NULL);
  p->path = g_canonicalize_filename(path, NULL);
  p->folder = g_path_get_dirname(p->path);
  p->media_folder = kl_project_media_of(p->path);
  p->db = kl_db_open(p->path, &kl_project_schema, KL_DB_WAL | KL_DB_CHECK | KL_DB_READABLE, error);
  if (!p->db) return NULL;
  if (kl_db_number(p->db, 0, "SELECT count(*) FROM project", "") != 1) {
    g_autofree char *shown = g_filename_display_name(p->path);
    kl_gfail(error, KL_ERROR_INPUT, "the project %s is damaged: it is empty", shown);
    return NULL;
  }
  p->read_only = p->db->read_only;
  if (!mend(p, error)) return NULL;
  if (!p->read_only) {
    sqlite3_update_hook(p->db->handle, on_row, p);
    sqlite3_wal_hook(p->db->handle, on_log, p);
  }
  p->data_version = (int)kl_db_number(p->db, 0, "PRAGMA data_version", "");
  p->dirty = KL_ROWS_ALL;
  kl_project_read(p);
  kl_assets_check(p);
  p->poll = g_timeout_add(POLL_MS, on_poll, p);
  if (!p->read_only) p->tidy = g_timeout_add_seconds(TIDY_AFTER_S, on_tidy, p);
  return g_steal_pointer(&p);
}

void kl_project_close(KlProject *p) {
  if (!p->db) return;
  kl_edit_abandon(p);
  if (p->poll) g_source_remove(p->poll);
  if (p->tidy_log) g_source_remove(p->tidy_log);
  if (p->tidy) g_source_remove(p->tidy);
  p->poll = p->tidy_log = p->tidy = 0;
  g_clear_pointer(&p->db, kl_db_close); /* the last one to close brings the log into the file */
}

static void kl_project_dispose(GObject *object) {
  KlProject *p = KL_PROJECT(object);
  kl_project_close(p);
  G_OBJECT_CLASS(kl_project_parent_class)->dispose(object);
}

static void kl_project_finalize(GObject *object) {
  KlProject *p = KL_PROJECT(object);
  GHashTable *tables[] = {p->settings,     p->interrupted, p->asset_by_id,
                          p->render_by_id, p->track_by_id, p->clip_by_id};
  GListStore *lists[] = {p->assets, p->renders, p->pending, p->tracks};
  char *texts[] = {p->path, p->folder, p->media_folder, p->title, p->undo_label, p->redo_label};
  GHashTableIter it;
  gpointer row;
  /* rows that somebody still holds must not reach back */
  g_hash_table_iter_init(&it, p->asset_by_id);
  while (g_hash_table_iter_next(&it, NULL, &row)) ((KlAsset *)row)->project = NULL;
  g_hash_table_iter_init(&it, p->render_by_id);
  while (g_hash_table_iter_next(&it, NULL, &row)) ((KlRender *)row)->project = NULL;
  g_hash_table_iter_init(&it, p->track_by_id);
  while (g_hash_table_iter_next(&it, NULL, &row)) ((KlTrack *)row)->project = NULL;
  g_hash_table_iter_init(&it, p->clip_by_id);
  while (g_hash_table_iter_next(&it, NULL, &row)) ((KlClip *)row)->project = NULL;
  for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) g_object_unref(lists[i]);
  for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) g_hash_table_unref(tables[i]);
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  G_OBJECT_CLASS(kl_project_parent_class)->finalize(object);
}

static void kl_project_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlProject *p = KL_PROJECT(object);
  switch (id) {
  case P_TITLE:
    g_value_set_string(value, p->title);
    break;
  case P_READ_ONLY:
    g_value_set_boolean(value, p->read_only);
    break;
  case P_CAN_UNDO:
    g_value_set_boolean(value, p->can_undo);
    break;
  case P_CAN_REDO:
    g_value_set_boolean(value, p->can_redo);
    break;
  case P_UNDO_LABEL:
    g_value_set_string(value, p->undo_label);
    break;
  case P_REDO_LABEL:
    g_value_set_string(value, p->redo_label);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_project_class_init(KlProjectClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  c->dispose = kl_project_dispose;
  c->finalize = kl_project_finalize;
  c->get_property = kl_project_get_property;
  GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  props[P_TITLE] = g_param_spec_string("title", NULL, NULL, "", ro);
  props[P_READ_ONLY] = g_param_spec_boolean("read-only", NULL, NULL, FALSE, ro);
  props[P_CAN_UNDO] = g_param_spec_boolean("can-undo", NULL, NULL, FALSE, ro);
  props[P_CAN_REDO] = g_param_spec_boolean("can-redo", NULL, NULL, FALSE, ro);
  props[P_UNDO_LABEL] = g_param_spec_string("undo-label", NULL, NULL, NULL, ro);
  props[P_REDO_LABEL] = g_param_spec_string("redo-label", NULL, NULL, NULL, ro);
  g_object_class_install_properties(c, N_PROPS, props);
  g_signal_new("timeline-changed", KL_TYPE_PROJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void kl_project_init(KlProject *p) {
  p->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  p->interrupted = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  p->assets = g_list_store_new(KL_TYPE_ASSET);
  p->renders = g_list_store_new(KL_TYPE_RENDER);
  p->pending = g_list_store_new(KL_TYPE_RENDER);
  p->tracks = g_list_store_new(KL_TYPE_TRACK);
  GHashTable **tables[] = {&p->asset_by_id, &p->render_by_id, &p->track_by_id, &p->clip_by_id};
  for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
    *tables[i] = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_object_unref);
  p->rate_den = 1;
}

/* ---- what is said of it ---- */

const char *kl_project_path(KlProject *p) {
  return p->path;
}
const char *kl_project_title(KlProject *p) {
  return p->title;
}
bool kl_project_read_only(KlProject *p) {
  return p->read_only;
}

bool kl_project_set_title(KlProject *p, const char *title, GError **error) {
  if (!kl_edit_open(p, _("Rename Project"), error)) return false;
  return kl_edit_close(p, kl_db_run(p->db, error, "UPDATE project SET title = ?", "t", title), error);
}

const char *kl_project_media_folder(KlProject *p) {
  if (!p->read_only) g_mkdir_with_parents(p->media_folder, 0755); /* who writes into it hears what is wrong */
  return p->media_folder;
}

GBytes *kl_project_thumbnail(KlProject *p) {
  return p->db ? kl_project_thumbnail_in(p->db) : NULL;
}

GBytes *kl_project_thumbnail_in(const KlDb *db) {
  static const char *const sql[] = {
      "SELECT png FROM asset_thumbnail JOIN asset ON asset.id = asset_thumbnail.asset WHERE removed = 0 "
      "ORDER BY asset.id DESC LIMIT 1",
      "SELECT thumbnail FROM chunk JOIN render ON render.id = chunk.render WHERE removed = 0 AND thumbnail "
      "NOT NULL "
      "ORDER BY render.id DESC, idx DESC LIMIT 1"};
  GBytes *png = NULL;
  for (size_t i = 0; !png && i < G_N_ELEMENTS(sql); i++) {
    sqlite3_stmt *s = kl_db_query(db, NULL, sql[i], "");
    if (s && sqlite3_step(s) == SQLITE_ROW) png = kl_db_blob(s, 0);
    sqlite3_finalize(s);
  }
  return png;
}

const char *kl_project_setting(KlProject *p, const char *key) {
  return g_hash_table_lookup(p->settings, key);
}

bool kl_project_set_setting(KlProject *p, const char *key, const char *value, GError **error) {
  if (!g_strcmp0(kl_project_setting(p, key), value)) return true;
  if (!kl_write_open(p, error)) return false;
  bool ok =
      value ? kl_db_run(
                  p->db, error,
                  "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                  "tt", key, value)
            : kl_db_run(p->db, error, "DELETE FROM setting WHERE key = ?", "t", key);
  return kl_write_close(p, ok, error);
}
