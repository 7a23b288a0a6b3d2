#include "app/core/project/library.h"

#include "app/core/project/project_internal.h"
#include "app/core/project/trash.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define RECENT "projects"
#define MOST_RECENT 500
#define SETTLE_MS 200

struct _KlLibraryItem {
  GObject parent;
  char *path, *title, *problem;
  gint64 used;
  GBytes *thumbnail;
};

struct _KlLibrary {
  GObject parent;
  GListStore *items;
  char *folder;
  GFileMonitor *monitor;
  guint settling;
  bool loaded, busy, again;
  char *trashed, *trashed_media, *trashed_path; /* the last one thrown away */
};

G_DEFINE_FINAL_TYPE(KlLibrary, kl_library, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE(KlLibraryItem, kl_library_item, G_TYPE_OBJECT)

enum { P0, P_LOADED, N_PROPS };
static GParamSpec *props[N_PROPS];
enum { I0, I_TITLE, I_THUMBNAIL, N_ITEM_PROPS };
static GParamSpec *item_props[N_ITEM_PROPS];

/* ---- the recent list: a key file, path -> when it was used ---- */

static char *recent_path(void) {
  return g_build_filename(g_get_user_state_dir(), "kinoloom", "recent", NULL);
}

static GKeyFile *recent_read(void) {
  g_autofree char *path = recent_path();
  GKeyFile *kf = g_key_file_new();
  g_key_file_load_from_file(kf, path, G_KEY_FILE_NONE, NULL);
  return kf;
}

/* Keys of a key file are not paths: they are escaped as in an address. */
static void recent_note(const char *path, gint64 used) {
  g_autoptr(GKeyFile) kf = recent_read();
  g_autofree char *key = g_uri_escape_string(path, NULL, FALSE), *file = recent_path(),
                  *dir = g_path_get_dirname(file);
  g_autoptr(GError) error = NULL;
  if (used)
    g_key_file_set_int64(kf, RECENT, key, used);
  else
    g_key_file_remove_key(kf, RECENT, key, NULL);
  if (g_mkdir_with_parents(dir, 0700) || !g_key_file_save_to_file(kf, file, &error))
    g_debug("the recent list: %s", error ? error->message : g_strerror(errno));
}

/* ---- looking, in a worker ---- */

typedef struct {
  char *path, *title, *problem;
  gint64 used;
  GBytes *thumbnail;
} Found;

static void found_free(void *item) {
  Found *f = item;
  g_free(f->path);
  g_free(f->title);
  g_free(f->problem);
  g_clear_pointer(&f->thumbnail, g_bytes_unref);
  g_free(f);
}

static Found *look(const char *path, gint64 used) {
  struct stat st;
  if (stat(path, &st) || !S_ISREG(st.st_mode)) return NULL;
  Found *f = g_new0(Found, 1);
  g_autoptr(GError) error = NULL;
  f->path = g_strdup(path);
  f->used = MAX(used, (gint64)st.st_mtime * G_USEC_PER_SEC);
  g_autoptr(KlDb) db = kl_db_open(path, &kl_project_schema, KL_DB_WAL | KL_DB_READABLE | KL_DB_LOOK, &error);
  if (db) {
    sqlite3_stmt *s = kl_db_query(db, &error, "SELECT title FROM project", "");
    if (s && sqlite3_step(s) == SQLITE_ROW) {
      g_autofree char *raw = kl_db_text(s, 0);
      f->title = g_utf8_make_valid(raw, -1);
    }
    sqlite3_finalize(s);
    f->thumbnail = kl_project_thumbnail_in(db);
  }
  if (!f->title) {
    f->title = g_filename_display_basename(path);
    f->problem = g_strdup(error ? error->message : "");
  }
  return f;
}

static int last_used_first(const void *a, const void *b) {
  const Found *x = *(Found *const *)a, *y = *(Found *const *)b;
  if (x->used != y->used) return x->used > y->used ? -1 : 1;
  return strcmp(x->path, y->path);
}

static void look_around(GTask *task, gpointer source, gpointer folder, GCancellable *cancel) {
  GPtrArray *all = g_ptr_array_new_with_free_func(found_free);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GKeyFile) kf = recent_read();
  gsize n = 0;
  g_auto(GStrv) keys = g_key_file_get_keys(kf, RECENT, &n, NULL);
  for (gsize i = 0; i < MIN(n, MOST_RECENT); i++) {
    char *path = g_uri_unescape_string(keys[i], NULL);
    Found *f = path && g_hash_table_add(seen, path)
                   ? look(path, g_key_file_get_int64(kf, RECENT, keys[i], NULL))
                   : NULL;
    if (f) g_ptr_array_add(all, f);
  }
  g_autoptr(GDir) d = g_dir_open(folder, 0, NULL);
  for (const char *name; d && (name = g_dir_read_name(d));) {
    char *path = g_build_filename(folder, name, NULL);
    bool ours = g_str_has_suffix(name, ".kinoloom") && !g_hash_table_contains(seen, path);
    Found *f = ours ? look(path, 0) : NULL;
    if (f) g_ptr_array_add(all, f);
    g_free(path);
  }
  g_ptr_array_sort(all, last_used_first);
  g_task_return_pointer(task, all, (GDestroyNotify)g_ptr_array_unref);
}

static bool same_bytes(GBytes *a, GBytes *b) {
  return a == b || (a && b && g_bytes_equal(a, b));
}

static KlLibraryItem *item_of(KlLibrary *l, const Found *f) {
  KlLibraryItem *i = NULL;
  for (guint k = 0; !i && k < g_list_model_get_n_items(G_LIST_MODEL(l->items)); k++) {
    g_autoptr(KlLibraryItem) o = g_list_model_get_item(G_LIST_MODEL(l->items), k);
    if (!strcmp(o->path, f->path)) i = g_steal_pointer(&o);
  }
  if (!i) i = g_object_new(KL_TYPE_LIBRARY_ITEM, NULL);
  kl_replace_text(&i->path, f->path);
  kl_replace_text(&i->problem, f->problem);
  i->used = f->used;
  if (kl_replace_text(&i->title, f->title)) g_object_notify_by_pspec(G_OBJECT(i), item_props[I_TITLE]);
  if (!same_bytes(i->thumbnail, f->thumbnail)) {
    g_clear_pointer(&i->thumbnail, g_bytes_unref);
    i->thumbnail = f->thumbnail ? g_bytes_ref(f->thumbnail) : NULL;
    g_object_notify_by_pspec(G_OBJECT(i), item_props[I_THUMBNAIL]);
  }
  return i;
}

static void looked(GObject *source, GAsyncResult *r, gpointer user) {
  KlLibrary *l = KL_LIBRARY(source);
  g_autoptr(GPtrArray) all = g_task_propagate_pointer(G_TASK(r), NULL);
  g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_object_unref);
  for (guint i = 0; l->items && i < all->len; i++) g_ptr_array_add(want, item_of(l, all->pdata[i]));
  l->busy = false;
  if (!l->items) return; /* nobody looks any more */
  kl_list_replace(l->items, want);
  if (!l->loaded) {
    l->loaded = true;
    g_object_notify_by_pspec(G_OBJECT(l), props[P_LOADED]);
  }
  if (l->again) kl_library_refresh(l);
}

void kl_library_refresh(KlLibrary *l) {
  l->again = l->busy;
  if (l->busy) return;
  l->busy = true;
  g_autoptr(GTask) task = g_task_new(l, NULL, looked, NULL);
  g_task_set_task_data(task, g_strdup(l->folder), g_free);
  g_task_run_in_thread(task, look_around);
}

/* ---- changes ---- */

static gboolean on_settled(gpointer user) {
  KlLibrary *l = user;
  l->settling = 0;
  kl_library_refresh(l);
  return G_SOURCE_REMOVE;
}

static void on_changed(GFileMonitor *m, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user) {
  KlLibrary *l = user;
  g_autofree char *name = g_file_get_basename(file), *name2 = other ? g_file_get_basename(other) : NULL;
  if (!g_str_has_suffix(name, ".kinoloom") && !(name2 && g_str_has_suffix(name2, ".kinoloom"))) return;
  if (l->settling) return;
  l->settling = g_timeout_add(SETTLE_MS, on_settled, l);
}

/* A file name for a title: what no file system dislikes. A new string. */
static char *name_of(const char *title) {
  g_autoptr(GString) s = g_string_new(NULL);
  g_autofree char *valid = g_utf8_make_valid(title, -1);
  for (const char *p = g_strstrip(valid); *p && s->len < 100; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (g_unichar_iscntrl(c) || (c < 128 && strchr("/\\:*?\"<>|", (char)c)))
      g_string_append_c(s, '-');
    else if (!(c == '.' && !s->len))
      g_string_append_unichar(s, c);
  }
  if (!s->len) g_string_assign(s, "Project");
  return g_strdup(s->str);
}

/* In `folder`, a project of that title for which neither file nor media folder is there. A new string. */
static char *fresh_path(const char *folder, const char *title) {
  g_autofree char *name = name_of(title);
  for (int n = 1;; n++) {
    g_autofree char *file =
        n > 1 ? g_strdup_printf("%s %d.kinoloom", name, n) : g_strconcat(name, ".kinoloom", NULL);
    char *path = g_build_filename(folder, file, NULL);
    g_autofree char *media = kl_project_media_of(path);
    if (!g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(media, G_FILE_TEST_EXISTS)) return path;
    g_free(path);
  }
}

KlProject *kl_library_create(KlLibrary *l, const char *title, GError **error) {
  g_autofree char *path = fresh_path(l->folder, title);
  g_autoptr(KlProject) p = kl_project_create(path, error);
  if (!p) return NULL;
  if (g_strcmp0(kl_project_title(p), title) && *title) {
    g_autoptr(KlDb) db = kl_db_open(path, &kl_project_schema, KL_DB_WAL, NULL);
    if (db && kl_db_run(db, NULL, "UPDATE project SET title = ?", "t", title))
      kl_project_refresh(p); /* no edit that undo would take back */
  }
  kl_library_note(l, p);
  return g_steal_pointer(&p);
}

void kl_library_note(KlLibrary *l, KlProject *p) {
  recent_note(kl_project_path(p), g_get_real_time());
  kl_library_refresh(l);
}

/* Nobody has it open, and its log is in the file. Our own worker may be looking at it, for a moment. */
static bool at_rest(const char *path, GError **error) {
  g_autofree char *log = g_strconcat(path, "-wal", NULL), *shown = g_filename_display_name(path);
  for (int tries = 0; tries < 20; tries++) {
    KlDb *db = kl_db_open(path, &kl_project_schema, KL_DB_WAL, error);
    if (!db) return false;
    kl_db_close(db); /* the last one to close takes the log away */
    if (!g_file_test(log, G_FILE_TEST_EXISTS)) return true;
    g_usleep(10000);
  }
  return kl_gfail(error, KL_ERROR_BUSY, "the project %s is open", shown);
}

static bool move(const char *from, const char *to, GError **error) {
  g_autofree char *shown = g_filename_display_name(from);
  if (!g_file_test(from, G_FILE_TEST_EXISTS) || !g_rename(from, to)) return true;
  return kl_gfail(error, KL_ERROR_IO, "cannot rename %s: %s", shown, g_strerror(errno));
}

bool kl_library_rename(KlLibrary *l, KlLibraryItem *i, const char *title, GError **error) {
  g_autofree char *folder = g_path_get_dirname(i->path), *name = name_of(title),
                  *file = g_strconcat(name, ".kinoloom", NULL), *same = g_build_filename(folder, file, NULL);
  g_autofree char *to = strcmp(same, i->path) ? fresh_path(folder, title) : g_strdup(i->path);
  g_autofree char *media = kl_project_media_of(i->path), *new_media = kl_project_media_of(to);
  if (!at_rest(i->path, error)) return false;
  g_autoptr(KlDb) db = kl_db_open(i->path, &kl_project_schema, KL_DB_WAL | KL_DB_FULL_SYNC, error);
  /* what lies in the media folder is known by its path beside the project */
  g_autofree char *was = g_path_get_basename(media), *now = g_path_get_basename(new_media);
  g_autofree char *old_prefix = g_strconcat(was, "/", NULL), *new_prefix = g_strconcat(now, "/", NULL);
  static const char *const moved[] = {
      "UPDATE asset SET path = ?1 || substr(path, length(?2) + 1) WHERE substr(path, 1, "
      "length(?2)) = ?2",
      "UPDATE render SET output = ?1 || substr(output, length(?2) + 1) WHERE substr(output, "
      "1, length(?2)) = ?2"};
  if (!db || !kl_db_begin(db, error)) return false;
  bool ok = kl_db_run(db, error, "UPDATE project SET title = ?", "t", title);
  for (size_t k = 0; ok && k < G_N_ELEMENTS(moved); k++)
    ok = kl_db_run(db, error, moved[k], "tt", new_prefix, old_prefix);
  if (!kl_db_end(db, ok, error)) return false;
  g_clear_pointer(&db, kl_db_close);
  if (strcmp(to, i->path)) {
    if (!move(media, new_media, error)) return false;
    if (!move(i->path, to, error)) {
      move(new_media, media, NULL);
      return false;
    }
    recent_note(i->path, 0);
    recent_note(to, i->used);
    kl_replace_text(&i->path, to);
  }
  if (kl_replace_text(&i->title, title)) g_object_notify_by_pspec(G_OBJECT(i), item_props[I_TITLE]);
  kl_library_refresh(l);
  return true;
}

/* ---- the trash ---- */

bool kl_library_trash(KlLibrary *l, KlLibraryItem *i, GError **error) {
  g_autofree char *media = kl_project_media_of(i->path);
  if (!i->problem && !at_rest(i->path, error)) return false;
  g_autofree char *trashed = kl_trash(i->path, error);
  if (!trashed) return false;
  kl_replace_text(&l->trashed, trashed);
  kl_replace_text(&l->trashed_path, i->path);
  g_clear_pointer(&l->trashed_media, g_free);
  if (g_file_test(media, G_FILE_TEST_IS_DIR) && !(l->trashed_media = kl_trash(media, error))) {
    kl_untrash(trashed, i->path, NULL);
    g_clear_pointer(&l->trashed, g_free);
    return false;
  }
  guint at;
  if (g_list_store_find(l->items, i, &at)) g_list_store_remove(l->items, at);
  kl_library_refresh(l);
  return true;
}

bool kl_library_untrash(KlLibrary *l, GError **error) {
  if (!l->trashed) return kl_gfail(error, KL_ERROR_INVALID, "there is nothing to bring back");
  g_autofree char *media = kl_project_media_of(l->trashed_path);
  if (l->trashed_media && !kl_untrash(l->trashed_media, media, error)) return false;
  g_clear_pointer(&l->trashed_media, g_free);
  if (!kl_untrash(l->trashed, l->trashed_path, error)) return false;
  recent_note(l->trashed_path, g_get_real_time());
  g_clear_pointer(&l->trashed, g_free);
  kl_library_refresh(l);
  return true;
}

/* ---- objects ---- */

KlLibrary *kl_library_new(void) {
  return g_object_new(KL_TYPE_LIBRARY, NULL);
}

GListModel *kl_library_items(KlLibrary *l) {
  return G_LIST_MODEL(l->items);
}
const char *kl_library_item_path(KlLibraryItem *i) {
  return i->path;
}
const char *kl_library_item_title(KlLibraryItem *i) {
  return i->title;
}
gint64 kl_library_item_used(KlLibraryItem *i) {
  return i->used;
}
GBytes *kl_library_item_thumbnail(KlLibraryItem *i) {
  return i->thumbnail;
}
const char *kl_library_item_problem(KlLibraryItem *i) {
  return i->problem;
}

static void kl_library_dispose(GObject *object) {
  KlLibrary *l = KL_LIBRARY(object);
  if (l->settling) g_source_remove(l->settling);
  l->settling = 0;
  if (l->monitor) g_signal_handlers_disconnect_by_data(l->monitor, l);
  g_clear_object(&l->monitor);
  g_clear_object(&l->items);
  G_OBJECT_CLASS(kl_library_parent_class)->dispose(object);
}

static void kl_library_finalize(GObject *object) {
  KlLibrary *l = KL_LIBRARY(object);
  char *texts[] = {l->folder, l->trashed, l->trashed_media, l->trashed_path};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) g_free(texts[i]);
  G_OBJECT_CLASS(kl_library_parent_class)->finalize(object);
}

static void kl_library_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  if (id == P_LOADED)
    g_value_set_boolean(value, KL_LIBRARY(object)->loaded);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static const GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

static void kl_library_class_init(KlLibraryClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  c->dispose = kl_library_dispose;
  c->finalize = kl_library_finalize;
  c->get_property = kl_library_get_property;
  props[P_LOADED] = g_param_spec_boolean("loaded", NULL, NULL, FALSE, ro);
  g_object_class_install_properties(c, N_PROPS, props);
}

static void kl_library_init(KlLibrary *l) {
  l->items = g_list_store_new(KL_TYPE_LIBRARY_ITEM);
  l->folder = g_build_filename(g_get_user_data_dir(), "kinoloom", "projects", NULL);
  g_mkdir_with_parents(l->folder, 0755); /* so that it can be watched; who writes there hears what is wrong */
  g_autoptr(GFile) file = g_file_new_for_path(l->folder);
  l->monitor = g_file_monitor_directory(file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (l->monitor) g_signal_connect(l->monitor, "changed", G_CALLBACK(on_changed), l);
}

static void kl_library_item_finalize(GObject *object) {
  KlLibraryItem *i = KL_LIBRARY_ITEM(object);
  char *texts[] = {i->path, i->title, i->problem};
  for (size_t k = 0; k < G_N_ELEMENTS(texts); k++) g_free(texts[k]);
  g_clear_pointer(&i->thumbnail, g_bytes_unref);
  G_OBJECT_CLASS(kl_library_item_parent_class)->finalize(object);
}

static void kl_library_item_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlLibraryItem *i = KL_LIBRARY_ITEM(object);
  if (id == I_TITLE)
    g_value_set_string(value, i->title);
  else if (id == I_THUMBNAIL)
    g_value_set_boxed(value, i->thumbnail);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void kl_library_item_class_init(KlLibraryItemClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  c->finalize = kl_library_item_finalize;
  c->get_property = kl_library_item_get_property;
  item_props[I_TITLE] = g_param_spec_string("title", NULL, NULL, "", ro);
  item_props[I_THUMBNAIL] = g_param_spec_boxed("thumbnail", NULL, NULL, G_TYPE_BYTES, ro);
  g_object_class_install_properties(c, N_ITEM_PROPS, item_props);
}

static void kl_library_item_init(KlLibraryItem *i) {
  i->title = g_strdup("");
}
