/* The ledger: what is committed comes back, what is damaged is said, one owner at a time. */
#include "app/core/ledger.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const KlLedgerJob job = {(char *)"{}",
                                (char *)"toy",
                                (char *)"id",
                                (char *)"0.1",
                                (char *)"cpu",
                                (char *)"/x/out.mp4",
                                1 << 28,
                                41,
                                4,
                                3};

static char *fresh(void) {
  g_autofree char *dir = g_dir_make_tmp("kl-ledger-XXXXXX", NULL);
  return g_build_filename(dir, "a.kinoloom", NULL);
}

static void tidy(const char *path) {
  static const char *const tails[] = {"", ".lock", "-journal", ".new"};
  for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
    g_autofree char *p = g_strconcat(path, tails[i], NULL);
    g_unlink(p);
  }
  g_autofree char *dir = g_path_get_dirname(path);
  g_rmdir(dir);
}

static void add(KlLedger *l, int index, size_t state_bytes) {
  float latents[3 * 4 * 2 * 2];
  for (size_t i = 0; i < G_N_ELEMENTS(latents); i++) latents[i] = (float)index + (float)i;
  KlLedgerChunk c = {index, index * 12,         12, 3,   4,   2, 2, latents, "a prompt", 0.5 * index,
                     0.25,  1000 * (index + 1), "", 1.5, NULL};
  memset(c.sha256, 'a' + index, 64);
  g_autofree char *state = g_malloc(MAX(state_bytes, 1));
  memset(state, index, state_bytes);
  g_assert_true(kl_ledger_commit(l, &c, state_bytes ? state : NULL, state_bytes, NULL));
}

static void there_and_back(void) {
  g_autofree char *path = fresh();
  void *state;
  size_t n;
  KlLedger *l = kl_ledger_create(path, &job, NULL);
  g_assert_nonnull(l);
  g_assert_false(kl_ledger_begun(l));
  add(l, 0, 100);
  add(l, 1, (40 << 20) + 3); /* more than one part */
  kl_ledger_close(l);
  l = kl_ledger_open(path, NULL);
  g_assert_nonnull(l);
  g_assert_cmpint(kl_ledger_chunks(l), ==, 2);
  g_assert_cmpstr(kl_ledger_job(l)->output, ==, "/x/out.mp4");
  KlLedgerChunk c;
  g_assert_true(kl_ledger_chunk(l, 1, &c, NULL));
  g_assert_cmpint(c.offset, ==, 2000);
  g_assert_cmpfloat(c.latents[5], ==, 6);
  g_assert_cmpstr(c.prompt, ==, "a prompt");
  g_assert_true(kl_ledger_state(l, &state, &n, NULL));
  g_assert_cmpint(n, ==, (40 << 20) + 3);
  for (size_t i = 0; i < n; i++) g_assert_true(((char *)state)[i] == 1);
  g_free(state);
  add(l, 2, 0); /* no state: the older one must not be taken for the newest */
  g_assert_true(kl_ledger_state(l, &state, &n, NULL));
  g_assert_null(state);
  g_assert_true(kl_ledger_save(l, "step", 4, NULL));
  g_assert_true(kl_ledger_state(l, &state, &n, NULL));
  g_assert_cmpmem(state, n, "step", 4);
  g_free(state);
  char sum[65] = {0};
  memset(sum, 'f', 64);
  g_assert_true(kl_ledger_move(l, 0, 77, sum, NULL));
  g_assert_true(kl_ledger_chunk(l, 0, &c, NULL));
  g_assert_cmpint(c.offset, ==, 77);
  kl_ledger_remove(l);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  tidy(path);
}

static void one_owner(void) {
  g_autofree char *path = fresh();
  g_autoptr(GError) e = NULL;
  KlLedger *l = kl_ledger_create(path, &job, NULL);
  g_assert_null(kl_ledger_open(path, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_BUSY);
  g_clear_error(&e);
  g_assert_null(kl_ledger_create(path, &job, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_BUSY);
  kl_ledger_close(l);
  l = kl_ledger_open(path, NULL);
  g_assert_nonnull(l);
  kl_ledger_remove(l);
  tidy(path);
}

/* Cut and overwritten at many places: an error or the truth, never a crash, and the file is left as it is. */
static void damage(void) {
  g_autofree char *path = fresh(), *data = NULL;
  size_t n;
  KlLedger *l = kl_ledger_create(path, &job, NULL);
  for (int i = 0; i < 4; i++) add(l, i, 5000);
  kl_ledger_close(l);
  g_assert_true(g_file_get_contents(path, &data, &n, NULL));
  for (int turn = 0; turn < 60; turn++) {
    g_autoptr(GError) e = NULL;
    g_autofree char *bad = g_memdup2(data, n);
    size_t at = (size_t)turn * n / 60, len = turn % 2 ? n : at;
    if (turn % 2) memset(bad + at, 0x5a, MIN(200, n - at));
    g_assert_true(g_file_set_contents(path, bad, (gssize)len, NULL));
    l = kl_ledger_open(path, &e);
    for (int i = 0; l && !e && i < kl_ledger_chunks(l); i++) {
      KlLedgerChunk c;
      if (!kl_ledger_chunk(l, i, &c, &e)) break;
    }
    void *state = NULL;
    size_t bytes = 0;
    if (l && !e && kl_ledger_state(l, &state, &bytes, &e))
      for (size_t i = 0; i < bytes; i++) g_assert_true(((char *)state)[i] == 3);
    g_free(state);
    if (e) g_assert_cmpint(kl_exit_code(e), ==, 3);
    if (turn % 2 == 0) g_assert_nonnull(e);
    kl_ledger_close(l);
    g_autofree char *after = NULL;
    size_t m;
    g_assert_true(g_file_get_contents(path, &after, &m, NULL));
    g_assert_cmpmem(after, m, bad, len);
  }
  tidy(path);
}

static void foreign(void) {
  g_autofree char *path = fresh();
  g_autoptr(GError) e = NULL;
  g_assert_null(kl_ledger_open(path, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_clear_error(&e);
  g_assert_null(kl_ledger_create("/proc/none/a.kinoloom", &job, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  tidy(path);
}

static void one_name(void) {
  g_autofree char *a = kl_ledger_path("x.mp4"), *b = kl_ledger_path("./y/../x.mp4"),
                  *cwd = g_get_current_dir();
  g_autofree char *full = g_build_filename(cwd, "x.mp4", NULL), *c = kl_ledger_path(full);
  g_assert_cmpstr(a, ==, b);
  g_assert_cmpstr(a, ==, c);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/core/ledger/there-and-back", there_and_back);
  g_test_add_func("/core/ledger/one-owner", one_owner);
  g_test_add_func("/core/ledger/damage", damage);
  g_test_add_func("/core/ledger/foreign", foreign);
  g_test_add_func("/core/ledger/one-name", one_name);
  return g_test_run();
}
