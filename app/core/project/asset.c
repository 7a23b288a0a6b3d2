/* Assets: rows, thumbnails, whether the files are there. */
#include "app/core/project/asset.h"

#include "app/core/project/project_internal.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

enum { A0, A_NAME, A_MISSING, A_THUMBNAIL, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(KlAsset, kl_asset, G_TYPE_OBJECT)

/* ---- reading ---- */

static const char select_all[] = "SELECT id, kind, name, path, sha256, width, height, rate_num, rate_den, "
                                 "frames, duration, has_audio, embedded, "
                                 "render, created, EXISTS (SELECT 1 FROM asset_thumbnail t WHERE t.asset = "
                                 "asset.id) FROM asset WHERE removed = 0 "
                                 "ORDER BY id DESC";

/* Where an embedded file is unpacked to. A new string. */
static char *cache_path(const char *sha256, const char *name) {
  const char *dot = strrchr(name, '.');
  g_autofree char *ext = dot && strlen(dot) < 8 && !strchr(dot, '/') ? g_strdup(dot) : g_strdup("");
  g_autofree char *file = g_strconcat(sha256, ext, NULL);
  return g_build_filename(g_get_user_cache_dir(), "kinoloom", "embedded", file, NULL);
}

static bool is_sum(const char *s) {
  return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static void fill(KlAsset *a, sqlite3_stmt *s, GPtrArray *changed) {
  KlProject *p = a->project;
  g_autofree char *name = kl_db_text(s, 2), *valid = g_utf8_make_valid(name, -1), *stored = kl_db_text(s, 3),
                  *sum = kl_db_text(s, 4);
  a->kind = (KlAssetKind)CLAMP(sqlite3_column_int(s, 1), KL_ASSET_VIDEO, KL_ASSET_AUDIO);
  if (kl_replace_text(&a->name, valid)) kl_changed(changed, a, props[A_NAME]);
  kl_replace_text(&a->sha256, is_sum(sum) ? sum : "");
  a->embedded = sqlite3_column_int64(s, 12);
  if (kl_replace_text(&a->stored, stored) || !a->path) {
    g_free(a->path);
    a->path = a->embedded ? cache_path(a->sha256, a->name) : kl_path_load(p->folder, stored);
    a->checked = false;
  }
  a->width = CLAMP(sqlite3_column_int(s, 5), 0, 1 << 20);
  a->height = CLAMP(sqlite3_column_int(s, 6), 0, 1 << 20);
  a->rate_num = CLAMP(sqlite3_column_int(s, 7), 0, G_MAXINT);
  a->rate_den = CLAMP(sqlite3_column_int(s, 8), 1, G_MAXINT);
  a->frames = CLAMP(sqlite3_column_int64(s, 9), 0, (gint64)1 << 40);
  double duration = sqlite3_column_double(s, 10);
  a->duration = duration >= 0 && duration < 1e9 ? duration : 0;
  a->has_audio = sqlite3_column_int(s, 11) != 0;
  a->render = sqlite3_column_int64(s, 13);
  a->created = sqlite3_column_int64(s, 14);
  bool has = sqlite3_column_int(s, 15) != 0;
  if (has && a->thumbnail_read && !a->thumbnail) {
    a->thumbnail_read = false;
    kl_changed(changed, a, props[A_THUMBNAIL]);
  }
}

bool kl_assets_read(KlProject *p, GPtrArray *changed) {
  g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_object_unref);
  g_autoptr(GHashTable) old = g_steal_pointer(&p->asset_by_id);
  p->asset_by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_object_unref);
  sqlite3_stmt *s = kl_db_query(p->db, NULL, select_all, "");
  while (s && sqlite3_step(s) == SQLITE_ROW) {
    gint64 id = sqlite3_column_int64(s, 0);
    KlAsset *a = g_hash_table_lookup(old, &id);
    if (a) {
      g_object_ref(a);
    } else {
      a = g_object_new(KL_TYPE_ASSET, NULL);
      a->project = p;
      a->id = id;
    }
    fill(a, s, changed);
    g_hash_table_insert(p->asset_by_id, &a->id, a);
    g_ptr_array_add(want, g_object_ref(a));
  }
  sqlite3_finalize(s);
  GHashTableIter it;
  gpointer a;
  for (g_hash_table_iter_init(&it, old); g_hash_table_iter_next(&it, NULL, &a);)
    if (!g_hash_table_contains(p->asset_by_id, &((KlAsset *)a)->id)) ((KlAsset *)a)->project = NULL;
  if (!kl_list_set(p, p->assets, want)) return false;
  kl_assets_check(p);
  return true;
}

/* ---- whether the files are there ---- */

typedef struct {
  KlAsset *asset;
  gint64 id;
  bool embedded, missing;
  char *path, *elsewhere; /* where it would be if project and media folder were renamed */
} Look;

typedef struct {
  char *project;
  GArray *looks; /* Look */
} Check;

static void look_clear(void *item) {
  Look *l = item;
  g_object_unref(l->asset);
  g_free(l->path);
  g_free(l->elsewhere);
}

static void check_free(void *item) {
  Check *c = item;
  g_array_unref(c->looks);
  g_free(c->project);
  g_free(c);
}

static bool unpack(const char *project, const Look *l) {
  g_autofree char *dir = g_path_get_dirname(l->path), *part = g_strconcat(l->path, ".part", NULL);
  if (g_mkdir_with_parents(dir, 0700)) return false;
  g_autoptr(KlDb) db = kl_db_open(project, &kl_project_schema, KL_DB_WAL | KL_DB_READABLE, NULL);
  if (!db) return false;
  sqlite3_stmt *s =
      kl_db_query(db, NULL, "SELECT bytes FROM embedded WHERE asset = ? ORDER BY part", "l", l->id);
  FILE *f = fopen(part, "wbe");
  bool ok = s && f, any = false;
  while (ok && sqlite3_step(s) == SQLITE_ROW) {
    size_t n = (size_t)sqlite3_column_bytes(s, 0);
    const void *data = sqlite3_column_blob(s, 0);
    ok = data && fwrite(data, 1, n, f) == n;
    any = true;
  }
  sqlite3_finalize(s);
  if (f && fclose(f)) ok = false;
  ok = ok && any && !g_rename(part, l->path);
  if (!ok) g_unlink(part);
  return ok;
}

static void look_at_files(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Check *c = data;
  for (guint i = 0; i < c->looks->len; i++) {
    Look *l = &g_array_index(c->looks, Look, i);
    l->missing = !g_file_test(l->path, G_FILE_TEST_IS_REGULAR);
    if (l->missing && l->embedded) l->missing = !unpack(c->project, l);
    if (l->missing && g_file_test(l->elsewhere, G_FILE_TEST_IS_REGULAR)) {
      l->missing = false;
      g_free(l->path);
      l->path = g_steal_pointer(&l->elsewhere);
    }
  }
  g_task_return_boolean(task, TRUE);
}

static void looked(GObject *source, GAsyncResult *r, gpointer user) {
  Check *c = g_task_get_task_data(G_TASK(r));
  for (guint i = 0; i < c->looks->len; i++) {
    Look *l = &g_array_index(c->looks, Look, i);
    if (!l->asset->project) continue;
    kl_replace_text(&l->asset->path, l->path);
    if (l->asset->missing == l->missing) continue;
    l->asset->missing = l->missing;
    g_object_notify_by_pspec(G_OBJECT(l->asset), props[A_MISSING]);
  }
}

void kl_assets_check(KlProject *p) {
  Check *c = g_new0(Check, 1);
  c->project = g_strdup(p->path);
  c->looks = g_array_new(FALSE, TRUE, sizeof(Look));
  g_array_set_clear_func(c->looks, look_clear);
  GHashTableIter it;
  gpointer row;
  for (g_hash_table_iter_init(&it, p->asset_by_id); g_hash_table_iter_next(&it, NULL, &row);) {
    KlAsset *a = row;
    if (a->checked) continue;
    a->checked = true;
    g_autofree char *base = g_path_get_basename(a->path);
    Look l = {g_object_ref(a),   a->id,
              a->embedded > 0,   false,
              g_strdup(a->path), g_build_filename(p->media_folder, base, NULL)};
    g_array_append_val(c->looks, l);
  }
  g_autoptr(GTask) task = g_task_new(p, NULL, looked, NULL);
  g_task_set_task_data(task, c, check_free);
  if (c->looks->len) g_task_run_in_thread(task, look_at_files);
}

void kl_project_look_again(KlProject *p) {
  GHashTableIter it;
  gpointer row;
  for (g_hash_table_iter_init(&it, p->asset_by_id); g_hash_table_iter_next(&it, NULL, &row);)
    ((KlAsset *)row)->checked = false;
  if (p->db) kl_assets_check(p);
}

/* ---- writing ---- */

gint64 kl_asset_insert(const KlDb *db, const char *folder, const char *name, const char *path,
                       const KlMediaFacts *f, gint64 embedded, gint64 render, gint64 removed,
                       GError **error) {
  g_autofree char *stored = kl_path_store(folder, path);
  if (!kl_db_run(
          db, error,
          "INSERT INTO asset (kind, name, path, sha256, width, height, rate_num, rate_den, frames, duration, "
          "has_audio, embedded, render, created, removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?)",
          "itttiiiildillll", (int)f->kind, name, stored, f->sha256, f->width, f->height, f->rate_num,
          f->rate_den, f->frames, f->duration, (int)f->has_audio, embedded, render, g_get_real_time(),
          removed))
    return 0;
  gint64 id = sqlite3_last_insert_rowid(db->handle);
  if (f->thumbnail &&
      !kl_db_run(db, error, "INSERT INTO asset_thumbnail VALUES (?, ?)", "lb", id, f->thumbnail))
    return 0;
  return id;
}

bool kl_project_remove_asset(KlProject *p, KlAsset *a, GError **error) {
  if (!kl_edit_open(p, _("Remove Media"), error)) return false;
  bool ok =
      kl_db_run(p->db, error, "DELETE FROM clip WHERE asset = ?", "l", a->id) &&
      kl_db_run(p->db, error, "UPDATE asset SET removed = ? WHERE id = ?", "ll", g_get_real_time(), a->id);
  return kl_edit_close(p, ok, error);
}

/* ---- the object ---- */

GListModel *kl_project_assets(KlProject *p) {
  return G_LIST_MODEL(p->assets);
}
KlAsset *kl_project_asset(KlProject *p, gint64 id) {
  return g_hash_table_lookup(p->asset_by_id, &id);
}
gint64 kl_asset_id(KlAsset *a) {
  return a->id;
}
KlAssetKind kl_asset_kind(KlAsset *a) {
  return a->kind;
}
const char *kl_asset_name(KlAsset *a) {
  return a->name;
}
const char *kl_asset_path(KlAsset *a) {
  return a->missing ? NULL : a->path;
}
const char *kl_asset_sha256(KlAsset *a) {
  return a->sha256;
}
void kl_asset_size(KlAsset *a, int *width, int *height) {
  *width = a->width;
  *height = a->height;
}
void kl_asset_rate(KlAsset *a, int *num, int *den) {
  *num = a->rate_num;
  *den = a->rate_den;
}
gint64 kl_asset_frames(KlAsset *a) {
  return a->frames;
}
double kl_asset_duration(KlAsset *a) {
  return a->duration;
}
bool kl_asset_has_audio(KlAsset *a) {
  return a->has_audio;
}
bool kl_asset_missing(KlAsset *a) {
  return a->missing;
}
gint64 kl_asset_render(KlAsset *a) {
  return a->render;
}

GBytes *kl_asset_thumbnail(KlAsset *a) {
  if (!a->thumbnail_read && a->project && a->project->db) {
    sqlite3_stmt *s =
        kl_db_query(a->project->db, NULL, "SELECT png FROM asset_thumbnail WHERE asset = ?", "l", a->id);
    if (s && sqlite3_step(s) == SQLITE_ROW) a->thumbnail = kl_db_blob(s, 0);
    sqlite3_finalize(s);
    a->thumbnail_read = true;
  }
  return a->thumbnail;
}

static void kl_asset_finalize(GObject *object) {
  KlAsset *a = KL_ASSET(object);
  g_free(a->name);
  g_free(a->stored);
  g_free(a->path);
  g_free(a->sha256);
  g_clear_pointer(&a->thumbnail, g_bytes_unref);
  G_OBJECT_CLASS(kl_asset_parent_class)->finalize(object);
}

static void kl_asset_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlAsset *a = KL_ASSET(object);
  switch (id) {
  case A_NAME:
    g_value_set_string(value, a->name);
    break;
  case A_MISSING:
    g_value_set_boolean(value, a->missing);
    break;
  case A_THUMBNAIL:
    g_value_set_boxed(value, kl_asset_thumbnail(a));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_asset_class_init(KlAssetClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  c->finalize = kl_asset_finalize;
  c->get_property = kl_asset_get_property;
  props[A_NAME] = g_param_spec_string("name", NULL, NULL, "", ro);
  props[A_MISSING] = g_param_spec_boolean("missing", NULL, NULL, FALSE, ro);
  props[A_THUMBNAIL] = g_param_spec_boxed("thumbnail", NULL, NULL, G_TYPE_BYTES, ro);
  g_object_class_install_properties(c, N_PROPS, props);
}

static void kl_asset_init(KlAsset *a) {
  a->rate_den = 1;
}
