/* The file behind a project: old, newer, damaged, foreign and read-only ones, two processes, crashes,
 * tidying, the library. */
#include "app/core/ledger.h"
#include "app/core/project/library.h"
#include "app/core/project/schema.h"
#include "app/core/project/store.h"
#include "app/core/resources.h"
#include "tests/unit/project_kit.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  char *folder, *path;
} Fix;

static void set_up(Fix *f, gconstpointer user) {
  f->folder = kit_folder();
  f->path = g_build_filename(f->folder, "a.kinoloom", NULL);
}

static void tear_down(Fix *f, gconstpointer user) {
  while (g_main_context_iteration(NULL, FALSE)) continue;
  kit_tidy(f->folder);
  g_free(f->folder);
  g_free(f->path);
}

static void raw_sql(const char *path, const char *sql) {
  sqlite3 *db;
  char *why = NULL;
  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) g_error("%s: %s", sql, why);
  sqlite3_close(db);
}

static gint64 raw_number(const char *path, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *s;
  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &s, NULL), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_step(s), ==, SQLITE_ROW);
  gint64 v = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  sqlite3_close(db);
  return v;
}

static KlProject *made(const char *path) {
  g_autoptr(GError) e = NULL;
  KlProject *p = kl_project_create(path, &e);
  g_assert_no_error(e);
  return p;
}

static void close_project(KlProject *p) {
  kl_project_close(p);
  g_object_unref(p);
}

/* ---- versions ---- */

/* A ledger as version 1 wrote it, with one chunk and a state. */
static void an_old_ledger_goes_on(Fix *f, gconstpointer user) {
  raw_sql(f->path, kl_resource_text("/schema/ledger-1.sql"));
  raw_sql(f->path,
          "INSERT INTO job VALUES (1, '{}', 'toy', 'id', '0.1', 'cpu', '/x/o.mp4', 5, 41, 4, 'then');"
          "INSERT INTO chunk VALUES (0, 0, 9, 1, 1, 1, 2, x'0000803f00000040', 'a cat', 0.5, 0.25, 100, "
          "hex(zeroblob(32)), 1.5);");
  g_autoptr(GError) e = NULL;
  g_autoptr(KlLedger) l = kl_ledger_open(f->path, &e);
  g_assert_no_error(e);
  KlLedgerChunk c;
  g_assert_cmpint(kl_ledger_chunks(l), ==, 1);
  g_assert_cmpstr(kl_ledger_job(l)->output, ==, "/x/o.mp4");
  g_assert_cmpint(kl_ledger_job(l)->chunks, ==, 4);
  g_assert_true(kl_ledger_chunk(l, 0, &c, &e));
  g_assert_cmpstr(c.prompt, ==, "a cat");
  g_assert_cmpfloat(c.latents[1], ==, 2);
  g_assert_cmpint(c.offset, ==, 100);
  /* the copy from before is one of version 1 */
  g_autofree char *copy = g_strconcat(f->path, ".v1", NULL);
  g_assert_cmpint(raw_number(copy, "SELECT count(*) FROM job"), ==, 1);
  g_assert_cmpint(raw_number(copy, "PRAGMA user_version"), ==, 1);
  g_assert_cmpint(raw_number(f->path, "PRAGMA user_version"), ==, 2);
}

/* The file as it is, bytes and all. */
static void refused(const char *path, const char *word) {
  g_autofree char *before = NULL, *after = NULL;
  gsize n, m;
  g_autoptr(GError) e = NULL;
  g_assert_true(g_file_get_contents(path, &before, &n, NULL));
  g_assert_null(kl_project_open(path, &e));
  g_assert_nonnull(e);
  g_assert_cmpint(kl_exit_code(e), ==, 3);
  if (word && !strstr(e->message, word)) g_error("'%s' is not in '%s'", word, e->message);
  g_assert_true(g_file_get_contents(path, &after, &m, NULL));
  g_assert_cmpmem(before, n, after, m);
}

static void not_ours(Fix *f, gconstpointer user) {
  g_autoptr(GError) e = NULL;
  g_assert_null(kl_project_open(f->path, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_clear_error(&e);
  g_assert_null(kl_project_open(f->folder, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  static const struct {
    const char *sql, *word;
  } bad[] = {
      {"PRAGMA user_version = 99", "newer Kinoloom"},
      {"PRAGMA application_id = 5", "not a project of ours"},
      {"PRAGMA user_version = 0", "no version"},
      {"CREATE TRIGGER t AFTER UPDATE ON project BEGIN DELETE FROM asset; END", "not ours"},
      {"CREATE VIEW v AS SELECT 1", "not ours"},
      {"CREATE TABLE more (x)", "not ours"},
      {"DROP TABLE asset_thumbnail", "not ours"},
      {"DELETE FROM project", "empty"},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_unlink(f->path);
    close_project(made(f->path));
    raw_sql(f->path, bad[i].sql);
    if (strcmp(bad[i].word, "empty")) refused(f->path, bad[i].word);
    g_assert_null(kl_project_open(f->path, NULL));
  }
  g_unlink(f->path);
  g_assert_true(g_file_set_contents(f->path, "", 0, NULL));
  refused(f->path, "not a project");
  g_assert_true(g_file_set_contents(f->path, "this is a text and no project at all", -1, NULL));
  refused(f->path, "not a project");
}

/* Cut and overwritten at many places: an error or a project, never a crash. */
static void damage(Fix *f, gconstpointer user) {
  KlProject *p = made(f->path);
  g_autoptr(KlJobSpec) job = kit_job("a red heart");
  for (int i = 0; i < 6; i++) {
    KlRender *r = kl_project_add_render(p, job, NULL, 0, NULL);
    g_object_unref(r);
  }
  close_project(p);
  g_autofree char *data = NULL;
  gsize n;
  int opened = 0;
  g_assert_true(g_file_get_contents(f->path, &data, &n, NULL));
  for (int turn = 0; turn < 80; turn++) {
    g_autofree char *bad = g_memdup2(data, n);
    gsize at = (gsize)turn * n / 80, len = turn % 2 ? n : at;
    if (turn % 2) memset(bad + at, 0x5a, MIN(60, n - at));
    g_assert_true(g_file_set_contents(f->path, bad, (gssize)len, NULL));
    g_autoptr(GError) e = NULL;
    p = kl_project_open(f->path, &e);
    if (!p) {
      g_assert_cmpint(kl_exit_code(e), ==, 3);
      continue;
    }
    opened++;
    g_free(kit_dump(p));
    while (kl_project_undo(p, NULL)) continue;
    while (kl_project_redo(p, NULL)) continue;
    close_project(p);
  }
  g_assert_cmpint(opened, <, 60);
}

/* ---- a disk that cannot be written ---- */

static void look_read_only(const char *path) {
  g_autoptr(GError) e = NULL;
  KlProject *p = kl_project_open(path, &e);
  if (!p) g_error("%s", e->message);
  g_assert_true(kl_project_read_only(p));
  g_assert_cmpstr(kl_project_title(p), ==, "kept");
  g_assert_false(kl_project_set_title(p, "other", &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  g_assert_nonnull(strstr(e->message, "read-only"));
  g_clear_error(&e);
  g_assert_false(kl_project_undo(p, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  g_clear_error(&e);
  KlStoreRun how = {0};
  KlRunResult out;
  g_assert_false(kl_store_render(path, 1, &how, &out, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  g_clear_error(&e);
  kl_run_result_clear(&out);
  KlStoreInfo info;
  g_assert_true(kl_store_info(path, &info, NULL));
  g_assert_true(info.read_only);
  kl_store_info_clear(&info);
  close_project(p);
}

static void read_only(Fix *f, gconstpointer user) {
  KlProject *p = made(f->path);
  g_assert_true(kl_project_set_title(p, "kept", NULL));
  close_project(p);
  g_assert_cmpint(g_chmod(f->path, 0444), ==, 0);
  g_assert_cmpint(g_chmod(f->folder, 0555), ==, 0);
  pid_t child = fork();
  if (!child) { /* permissions do not bind root */
    if (getuid() == 0 && (setgid(65534) || setuid(65534))) _exit(2);
    look_read_only(f->path);
    _exit(0);
  }
  int status;
  g_assert_cmpint(waitpid(child, &status, 0), ==, child);
  g_assert_cmpint(g_chmod(f->folder, 0755), ==, 0);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

/* ---- two processes, and none ---- */

static void write_many(const char *path, const char *prefix, int n) {
  g_autoptr(GError) e = NULL;
  KlProject *p = kl_project_open(path, &e);
  if (!p) g_error("%s", e->message);
  for (int i = 0; i < n; i++) {
    g_autofree char *key = g_strdup_printf("%s%d", prefix, i);
    if (!kl_project_set_setting(p, key, "x", &e)) g_error("%s", e->message);
    if (i % 5 == 0 && !kl_project_set_title(p, key, &e)) g_error("%s", e->message);
  }
  close_project(p);
}

static void two_writers(Fix *f, gconstpointer user) {
  close_project(made(f->path));
  pid_t child = fork();
  if (!child) {
    write_many(f->path, "child", 100);
    _exit(0);
  }
  write_many(f->path, "parent", 100);
  int status;
  g_assert_cmpint(waitpid(child, &status, 0), ==, child);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  g_assert_cmpint(raw_number(f->path, "SELECT count(*) FROM setting"), ==, 200);
}

/* SIGKILL while it edits, again and again: it opens, and undo leads back to the beginning. */
static void killed(Fix *f, gconstpointer user) {
  KlProject *p = made(f->path);
  g_autofree char *first = kit_dump(p);
  close_project(p);
  g_autoptr(GRand) r = g_rand_new_with_seed(5);
  for (int turn = 0; turn < 12; turn++) {
    pid_t child = fork();
    if (!child) {
      KlProject *c = kl_project_open(f->path, NULL);
      g_autoptr(KlJobSpec) job = kit_job("a cat");
      for (int i = 0; c; i++) {
        g_autofree char *title = g_strdup_printf("title %d", i);
        kl_project_begin(c, "Both", NULL);
        kl_project_set_title(c, title, NULL);
        if (i % 3 == 0)
          while (g_main_context_iteration(NULL, FALSE)) continue;
        KlTrack *t = kl_project_add_track(c, KL_TRACK_AUDIO, NULL);
        g_clear_object(&t);
        kl_project_end(c, i % 4 != 0, NULL);
        if (i % 5 == 4) kl_project_undo(c, NULL);
        KlRender *made_render = kl_project_add_render(c, job, NULL, 0, NULL);
        g_clear_object(&made_render);
      }
      _exit(1);
    }
    g_usleep((gulong)g_rand_int_range(r, 20000, 120000));
    kill(child, SIGKILL);
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status));
    g_autoptr(GError) e = NULL;
    p = kl_project_open(f->path, &e);
    g_assert_no_error(e);
    while (kl_project_undo(p, NULL)) continue;
    g_autofree char *now = kit_dump(p);
    g_assert_cmpstr(now, ==, first);
    close_project(p);
  }
}

/* ---- tidying ---- */

static void tidying(Fix *f, gconstpointer user) {
  KlProject *p = made(f->path);
  g_autoptr(KlJobSpec) job = kit_job("a cat");
  g_autoptr(KlRender) gone = kl_project_add_render(p, job, NULL, 0, NULL),
                      kept = kl_project_add_render(p, job, NULL, 0, NULL);
  g_autofree char *output = g_strdup(kl_render_output(gone));
  g_assert_true(kl_render_set_state(gone, KL_RENDER_DONE, NULL, NULL));
  g_assert_true(kl_project_remove_render(p, gone, NULL));
  raw_sql(
      f->path,
      "INSERT INTO run VALUES (1, '{}', 'm', 'i', 'e', 'd', '', 0, 9, 1, 3, 't', 0, 0, 0), (2, '{}', 'm', "
      "'i', "
      "'e', 'd', '', 0, 9, 1, 3, 't', 0, 4, 0);"
      "INSERT INTO chunk VALUES (1, 0, 0, 9, 3, 1, 1, 1, 1, '', 0, 0, 0, '', 0, NULL), (2, 0, 0, 9, 3, 1, 1, "
      "1, 2, "
      "'', 0, 0, 0, '', 0, NULL);"
      "INSERT INTO latents VALUES (1, 0, zeroblob(12000000)), (2, 0, x'00'), (3, 0, x'00'), (4, 0, x'00')");
  g_autoptr(GError) e = NULL;
  kl_project_media_folder(p);
  g_assert_true(g_file_set_contents(output, "video", -1, NULL));
  /* undo can still bring it back */
  g_assert_true(kl_store_tidy(f->path, &e));
  g_assert_no_error(e);
  g_assert_cmpint(raw_number(f->path, "SELECT count(*) FROM render"), ==, 2);
  /* latents that nobody speaks of go, those that are being written stay */
  g_assert_cmpint(raw_number(f->path, "SELECT group_concat(id, '') FROM latents"), ==, 124);
  gint64 pages = raw_number(f->path, "PRAGMA page_count");
  raw_sql(f->path, "UPDATE undo SET ended = 0");
  g_assert_true(kl_store_tidy(f->path, &e));
  g_assert_cmpint(raw_number(f->path, "SELECT group_concat(id) FROM render"), ==, 2);
  g_assert_cmpint(raw_number(f->path, "SELECT group_concat(render) FROM chunk"), ==, 2);
  g_assert_cmpint(raw_number(f->path, "SELECT group_concat(id, '') FROM latents"), ==, 24);
  g_assert_cmpint(raw_number(f->path, "PRAGMA page_count"), <, pages / 2);
  kl_project_refresh(p);
  g_autoptr(KlRender) first = g_list_model_get_item(kl_project_renders(p), 0);
  g_assert_true(first == kept);
  close_project(p);
}

/* ---- the library ---- */

static void settle(KlLibrary *l, guint n) {
  kl_library_refresh(l);
  for (int i = 0; i < 1000; i++) {
    gboolean loaded;
    g_object_get(l, "loaded", &loaded, NULL);
    if (loaded && g_list_model_get_n_items(kl_library_items(l)) == n) return;
    g_main_context_iteration(NULL, FALSE);
    g_usleep(5000);
  }
  g_assert_cmpuint(g_list_model_get_n_items(kl_library_items(l)), ==, n);
}

static void library(Fix *f, gconstpointer user) {
  g_autoptr(KlLibrary) l = kl_library_new();
  g_autoptr(GError) e = NULL;
  settle(l, 0);
  KlProject *a = kl_library_create(l, "A/B: film?", &e);
  g_assert_no_error(e);
  g_assert_cmpstr(kl_project_title(a), ==, "A/B: film?");
  g_assert_true(g_str_has_suffix(kl_project_path(a), "/kinoloom/projects/A-B- film-.kinoloom"));
  g_assert_false(kl_project_undo(a, NULL));
  g_autofree char *inside = g_build_filename(kl_project_media_folder(a), "x.png", NULL);
  g_autofree char *picture = kit_picture(f->folder, "x.png", 64, 64, 9);
  g_assert_cmpint(g_rename(picture, inside), ==, 0);
  KlAsset *asset = kit_import(a, inside, false, &e);
  g_assert_no_error(e);
  gint64 id = kl_asset_id(asset);
  g_object_unref(asset);
  KlProject *b = kl_library_create(l, "A/B: film?", &e);
  g_assert_cmpstr(kl_project_path(a), !=, kl_project_path(b));
  close_project(b);
  KlProject *c = made(f->path); /* somewhere else */
  kl_library_note(l, c);
  close_project(c);
  settle(l, 3);
  KlLibraryItem *first = g_list_model_get_item(kl_library_items(l), 0);
  g_assert_cmpstr(kl_library_item_path(first), ==, f->path);
  g_object_unref(first);
  g_autoptr(KlLibraryItem) item = NULL;
  for (guint i = 0; i < 3; i++) {
    g_autoptr(KlLibraryItem) o = g_list_model_get_item(kl_library_items(l), i);
    if (!strcmp(kl_library_item_path(o), kl_project_path(a))) item = g_object_ref(o);
  }
  g_assert_nonnull(kl_library_item_thumbnail(item));
  g_assert_false(kl_library_rename(l, item, "New", &e)); /* it is open */
  g_assert_error(e, KL_ERROR, KL_ERROR_BUSY);
  g_clear_error(&e);
  close_project(a);
  g_assert_true(kl_library_rename(l, item, "New", &e));
  g_assert_true(g_str_has_suffix(kl_library_item_path(item), "/New.kinoloom"));
  g_assert_false(g_file_test(inside, G_FILE_TEST_EXISTS));
  a = kl_project_open(kl_library_item_path(item), &e);
  g_assert_no_error(e);
  g_assert_cmpstr(kl_project_title(a), ==, "New");
  g_assert_true(g_file_test(kl_asset_path(kl_project_asset(a, id)), G_FILE_TEST_EXISTS));
  close_project(a);
  settle(l, 3);
  /* to the trash and back */
  g_autofree char *path = g_strdup(kl_library_item_path(item));
  g_assert_true(kl_library_trash(l, item, &e));
  g_assert_no_error(e);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  settle(l, 2);
  g_assert_true(kl_library_untrash(l, &e));
  g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
  settle(l, 3);
  g_assert_false(kl_library_untrash(l, NULL));
  a = kl_project_open(path, &e);
  g_assert_true(g_file_test(kl_asset_path(kl_project_asset(a, id)), G_FILE_TEST_EXISTS));
  close_project(a);
  /* a broken one is shown with what is wrong */
  g_assert_true(g_file_set_contents(path, "no", -1, NULL));
  kl_library_refresh(l);
  const char *problem = NULL;
  for (int t = 0; !problem && t < 1000; t++) {
    g_main_context_iteration(NULL, FALSE);
    g_usleep(5000);
    for (guint i = 0; i < g_list_model_get_n_items(kl_library_items(l)); i++) {
      g_autoptr(KlLibraryItem) o = g_list_model_get_item(kl_library_items(l), i);
      if (!strcmp(kl_library_item_path(o), path)) problem = kl_library_item_problem(o);
    }
  }
  g_assert_nonnull(problem);
}

#define ADD(name, fn) g_test_add("/core/store/" name, Fix, NULL, set_up, fn, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD("an-old-ledger-goes-on", an_old_ledger_goes_on);
  ADD("not-ours", not_ours);
  ADD("damage", damage);
  ADD("read-only", read_only);
  ADD("two-writers", two_writers);
  ADD("killed", killed);
  ADD("tidying", tidying);
  ADD("library", library);
  return g_test_run();
}
