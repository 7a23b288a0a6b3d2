/* The render queue, on real projects and a pipeline that costs nothing (tests/cli/fake_t2v.c). */
#include "app/core/queue.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder; /* everything of a test lies here */

static void delete_all(const char *path) {
  GDir *dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    if (g_file_test(child, G_FILE_TEST_IS_DIR))
      delete_all(child);
    else
      g_unlink(child);
  }
  if (dir) g_dir_close(dir);
  g_rmdir(path);
}

/* What happened, as words in order: "start 1", "end 1 done". */
typedef struct {
  KlQueue *queue;
  KlProject *project;
  GString *log;
  KlRender *stop; /* acted on at its first picture; NULL: nobody */
  void (*act)(KlQueue *q, KlRender *r);
  int previews, frames;
} Stage;

static const char *state_name(KlRender *r) {
  static const char *const names[] = {"queued", "running", "paused", "done", "failed", "cancelled"};
  return names[kl_render_state(r)];
}

static void on_started(KlQueue *q, KlProject *p, KlRender *r, Stage *s) {
  g_assert_true(p == s->project);
  g_assert_cmpstr(state_name(r), ==, "running");
  g_string_append_printf(s->log, "start %d. ", (int)kl_render_id(r));
}

static void on_finished(KlQueue *q, KlProject *p, KlRender *r, Stage *s) {
  g_string_append_printf(s->log, "end %d %s. ", (int)kl_render_id(r), state_name(r));
}

static void on_interrupted(KlQueue *q, KlProject *p, KlRender *r, Stage *s) {
  g_string_append_printf(s->log, "interrupted %d. ", (int)kl_render_id(r));
}

static void on_preview(KlQueue *q, KlRender *r, gint64 frame, GBytes *rgb, int width, int height, Stage *s) {
  g_assert_cmpuint(g_bytes_get_size(rgb), ==, (gsize)width * (gsize)height * 3);
  g_assert_true(width == 32 && height == 32);
  *(frame < 0 ? &s->previews : &s->frames) += 1;
  if (s->stop != r) return;
  s->stop = NULL;
  s->act(q, r);
}

static Stage *stage_new(const char *name) {
  Stage *s = g_new0(Stage, 1);
  g_autoptr(GError) e = NULL;
  g_autofree char *path = g_build_filename(folder, name, NULL);
  s->queue = kl_queue_new();
  s->log = g_string_new(NULL);
  s->project =
      g_file_test(path, G_FILE_TEST_EXISTS) ? kl_project_open(path, &e) : kl_project_create(path, &e);
  g_assert_no_error(e);
  g_signal_connect(s->queue, "started", G_CALLBACK(on_started), s);
  g_signal_connect(s->queue, "finished", G_CALLBACK(on_finished), s);
  g_signal_connect(s->queue, "interrupted", G_CALLBACK(on_interrupted), s);
  g_signal_connect(s->queue, "preview", G_CALLBACK(on_preview), s);
  return s;
}

static void stage_free(Stage *s) {
  g_signal_handlers_disconnect_by_data(s->queue, s);
  g_object_unref(s->queue);
  kl_project_close(s->project);
  g_object_unref(s->project);
  g_string_free(s->log, TRUE);
  g_free(s);
}

static KlRender *add(Stage *s, const char *prompt, const char *seconds) {
  g_autoptr(KlJobSpec) j = kl_job_new();
  g_autoptr(GError) e = NULL;
  static const char *const set[][2] = {{"width", "32"}, {"height", "32"}, {"steps", "4"}, {"seed", "7"}};
  kl_job_set_prompt(j, (KlTime){false, 0}, prompt, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(set); i++) kl_job_set(j, set[i][0], set[i][1], NULL);
  kl_job_set(j, "length", seconds, NULL);
  KlRender *r = kl_project_add_render(s->project, j, NULL, 0, &e);
  g_assert_no_error(e);
  return r;
}

static bool active(Stage *s) {
  g_autoptr(KlRender) now = NULL;
  gboolean paused;
  g_object_get(s->queue, "running", &now, "paused", &paused, NULL);
  if (now) return true;
  GListModel *pending = kl_project_pending(s->project);
  for (guint i = 0; !paused && i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    if (kl_render_state(r) == KL_RENDER_QUEUED) return true;
  }
  return false;
}

static void run(Stage *s) {
  while (active(s)) g_main_context_iteration(NULL, TRUE);
}

static char *sum_of(KlRender *r) {
  g_autofree char *bytes = NULL;
  gsize n;
  g_autoptr(GError) e = NULL;
  g_file_get_contents(kl_render_output(r), &bytes, &n, &e);
  g_assert_no_error(e);
  return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)bytes, n);
}

static void order(void) {
  Stage *s = stage_new("order.kinoloom");
  g_autoptr(KlRender) a = add(s, "a", "1"), b = add(s, "b", "1"), c = add(s, "c", "1");
  g_assert_true(kl_project_move_render(s->project, c, 0, NULL));
  kl_queue_set_paused(s->queue, true);
  kl_queue_add_project(s->queue, s->project); /* what waits at the beginning is held back */
  kl_queue_resume(s->queue, a);
  kl_queue_resume(s->queue, b);
  kl_queue_resume(s->queue, c);
  while (g_main_context_iteration(NULL, FALSE)) {
  }
  g_assert_cmpstr(s->log->str, ==, "interrupted 3. interrupted 1. interrupted 2. ");
  g_string_truncate(s->log, 0);
  kl_queue_set_paused(s->queue, false);
  run(s);
  g_assert_cmpstr(s->log->str, ==, "start 3. end 3 done. start 1. end 1 done. start 2. end 2 done. ");
  g_autoptr(KlRender) d = add(s, "d", "1"); /* a new one begins by itself */
  run(s);
  g_assert_true(g_str_has_suffix(s->log->str, "start 4. end 4 done. "));
  g_assert_cmpint(s->previews, >, 0);
  stage_free(s);
}

/* Stopped at its first preview, long before it would have ended. */
static void cancelled(void) {
  Stage *s = stage_new("cancel.kinoloom");
  kl_queue_add_project(s->queue, s->project);
  g_setenv("KL_FAKE_MS", "25", TRUE);
  g_autoptr(KlRender) a = add(s, "a", "10m"), b = add(s, "b", "1");
  s->stop = a;
  s->act = kl_queue_cancel;
  run(s);
  g_unsetenv("KL_FAKE_MS");
  g_assert_cmpstr(s->log->str, ==, "start 1. end 1 cancelled. start 2. end 2 done. ");
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_pending(s->project)), ==, 0);
  stage_free(s);
}

static void pause_all(KlQueue *q, KlRender *r) {
  kl_queue_set_paused(q, true);
}

/* The same bytes, however it was stopped in between. */
static void paused(void) {
  Stage *s = stage_new("pause.kinoloom");
  kl_queue_add_project(s->queue, s->project);
  g_autoptr(KlRender) whole = add(s, "a", "3");
  run(s);
  g_autofree char *want = sum_of(whole);
  g_setenv("KL_FAKE_MS", "5", TRUE);
  for (int all = 0; all < 2; all++) {
    g_autoptr(KlRender) r = add(s, "a", "3");
    s->stop = r;
    s->act = all ? pause_all : kl_queue_pause;
    run(s);
    g_assert_cmpstr(state_name(r), ==, all ? "queued" : "paused");
    if (all)
      kl_queue_set_paused(s->queue, false);
    else
      kl_queue_resume(s->queue, r);
    run(s);
    g_autofree char *got = sum_of(r);
    g_assert_cmpstr(got, ==, want);
  }
  g_unsetenv("KL_FAKE_MS");
  stage_free(s);
}

static void left(GObject *source, GAsyncResult *result, gpointer user) {
  g_assert_true(g_task_propagate_boolean(G_TASK(result), NULL));
  *(bool *)user = true;
}

static void fail_if_called(KlQueue *q, KlRender *r) {
  g_assert_not_reached();
}

/* Closed while it runs, and opened again: it waits for a word, then ends as if nothing had been. */
static void closed(void) {
  Stage *s = stage_new("closed.kinoloom");
  bool gone = false;
  kl_queue_add_project(s->queue, s->project);
  g_setenv("KL_FAKE_MS", "5", TRUE);
  g_autoptr(KlRender) r = add(s, "a", "3"), waits = add(s, "b", "1");
  while (!s->previews) g_main_context_iteration(NULL, TRUE);
  kl_queue_remove_project(s->queue, s->project, left, &gone);
  while (!gone) g_main_context_iteration(NULL, TRUE);
  g_unsetenv("KL_FAKE_MS");
  g_assert_cmpstr(s->log->str, ==, "start 1. end 1 paused. ");
  g_assert_nonnull(kl_render_error_text(r));
  stage_free(s);

  s = stage_new("closed.kinoloom");
  kl_queue_add_project(s->queue, s->project);
  while (g_main_context_iteration(NULL, FALSE)) {
  }
  g_assert_cmpstr(s->log->str, ==, "interrupted 1. interrupted 2. ");
  g_autoptr(KlRender) one = g_list_model_get_item(kl_project_pending(s->project), 0);
  kl_queue_resume(s->queue, one);
  run(s);
  g_assert_true(g_str_has_suffix(s->log->str, "start 1. end 1 done. "));
  stage_free(s);
}

/* A process that died left it "running". */
static void crashed(void) {
  Stage *s = stage_new("crashed.kinoloom");
  g_autoptr(KlRender) r = add(s, "a", "1");
  g_assert_true(kl_render_set_state(r, KL_RENDER_RUNNING, NULL, NULL));
  stage_free(s);
  s = stage_new("crashed.kinoloom");
  s->act = fail_if_called;
  kl_queue_add_project(s->queue, s->project);
  while (g_main_context_iteration(NULL, FALSE)) {
  }
  g_assert_cmpstr(s->log->str, ==, "interrupted 1. ");
  g_autoptr(KlRender) again = g_list_model_get_item(kl_project_pending(s->project), 0);
  g_assert_cmpstr(state_name(again), ==, "paused");
  stage_free(s);
}

static void failed(void) {
  Stage *s = stage_new("failed.kinoloom");
  kl_queue_add_project(s->queue, s->project);
  g_setenv("KL_FAKE_NAN", "1", TRUE);
  g_autoptr(KlRender) r = add(s, "a", "3");
  run(s);
  g_unsetenv("KL_FAKE_NAN");
  g_assert_cmpstr(s->log->str, ==, "start 1. end 1 failed. ");
  g_assert_nonnull(strstr(kl_render_error_text(r), "not finite"));
  kl_queue_resume(s->queue, r); /* again */
  run(s);
  g_assert_cmpstr(state_name(r), ==, "done");
  stage_free(s);
}

/* ---- verdicts ---- */

typedef struct {
  GString *log;
  int left;
} Verdicts;

static void judged(GObject *source, GAsyncResult *result, gpointer user) {
  Verdicts *v = user;
  bool fits;
  double seconds;
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) e = NULL;
  g_autofree char *text = kl_queue_verdict_finish(KL_QUEUE(source), result, &fits, &seconds, &words, &e);
  g_assert_true(fits == (text != NULL) && fits == (e == NULL));
  if (g_error_matches(e, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_string_append(v->log, "superseded. ");
  else if (e)
    g_string_append_printf(v->log, "error %d. ", e->code);
  else
    g_string_append_printf(v->log, "%s, %u unknown. ", strstr(text, "Fits") ? "fits" : text,
                           g_strv_length(words));
  v->left--;
}

static void ask(KlQueue *q, Verdicts *v, const char *prompt, const char *width) {
  g_autoptr(KlJobSpec) j = kl_job_new();
  kl_job_set_prompt(j, (KlTime){false, 0}, prompt, NULL);
  kl_job_set(j, "width", width, NULL);
  v->left++;
  kl_queue_verdict_async(q, j, NULL, judged, v);
}

static void wait_for(Verdicts *v, const char *want) {
  while (v->left) g_main_context_iteration(NULL, TRUE);
  g_assert_cmpstr(v->log->str, ==, want);
  g_string_truncate(v->log, 0);
}

static void verdicts(void) {
  g_autoptr(KlQueue) q = kl_queue_new();
  Verdicts v = {g_string_new(NULL), 0};
  ask(q, &v, "a heart", "128");
  wait_for(&v, "fits, 0 unknown. ");
  ask(q, &v, "a zyzzyva", "128");
  wait_for(&v, "fits, 1 unknown. ");
  ask(q, &v, "a heart", "130"); /* no multiple of 16 */
  wait_for(&v, "error 7. ");
  g_setenv("KL_FAKE_NEED", "100000", TRUE);
  ask(q, &v, "a heart", "128");
  wait_for(&v, "error 1. ");
  g_unsetenv("KL_FAKE_NEED");
  for (int i = 0; i < 5; i++) ask(q, &v, "a heart", "128"); /* the first is at work, the last is waited for */
  wait_for(&v, "superseded. superseded. superseded. fits, 0 unknown. fits, 0 unknown. ");
  g_string_free(v.log, TRUE);
}

int main(int argc, char **argv) {
  folder = g_dir_make_tmp("kl-queue-XXXXXX", NULL);
  g_setenv("XDG_CACHE_HOME", folder, TRUE);
  g_setenv("XDG_STATE_HOME", folder, TRUE);
  g_setenv("XDG_DATA_HOME", folder, TRUE);
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/queue/order", order);
  g_test_add_func("/queue/cancel", cancelled);
  g_test_add_func("/queue/pause", paused);
  g_test_add_func("/queue/closed", closed);
  g_test_add_func("/queue/crashed", crashed);
  g_test_add_func("/queue/failed", failed);
  g_test_add_func("/queue/verdicts", verdicts);
  int rc = g_test_run();
  delete_all(folder);
  g_free(folder);
  return rc;
}
