/* app/core/film: what an export writes, and what it never leaves behind. */
#include "app/core/film/export.h"
#include "tests/unit/film_util.h"

#include <signal.h>
#include <sys/resource.h>

static const char job_a[] = "{\"kinoloom_job\":1,\"prompt\":\"a red heart\",\"seed\":7}",
                  job_b[] = "{\"kinoloom_job\":1,\"prompt\":\"a rocket\",\"seed\":8}";

static int files_in(const char *dir) {
  GDir *d = g_dir_open(dir, 0, NULL);
  int n = 0;
  while (g_dir_read_name(d)) n++;
  g_dir_close(d);
  return n;
}

static bool run(KlTimeline *t, KlExportSpec *s, const char *dir, const char *name, KlExportResult *r,
                GError **e) {
  KlExportHow how = {0};
  g_free(s->output);
  s->output = g_build_filename(dir, name, NULL);
  return kl_export_run(t, s, &how, r, e);
}

/* Two clips of two files, crossed, with their jobs. */
static KlTimeline *film(const char *a, const char *b) {
  KlTimeline *t = kl_timeline_new(16, 1, FILM_W, FILM_H);
  KlTimelineTrack *k = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  guint sa = film_source(t, a), sb = film_source(t, b);
  ((KlTimelineSource *)t->sources->pdata[sa])->job = g_strdup(job_a);
  ((KlTimelineSource *)t->sources->pdata[sa])->synthetic = true;
  ((KlTimelineSource *)t->sources->pdata[sb])->job = g_strdup(job_b);
  film_clip(t, k, sa, 0, 20, 0, 0, 1);
  film_clip(t, k, sb, 16, 16, 0, 4, 1);
  t->title = g_strdup("Film");
  return t;
}

static void formats(void) {
  static const struct {
    const char *name, *audio;
    double fps;
    int frames, tolerance;
  } cases[] = {{"a.mp4", "aac", 16, 32, 4},  {"b.webm", "opus", 16, 32, 4}, {"c.mkv", "opus", 25, 50, 4},
               {"d.gif", NULL, 10, 20, 1},   {"e.apng", NULL, 16, 32, 1},   {"f.png", NULL, 0, 1, 1},
               {"g%03d.png", NULL, 0, 32, 1}};
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 300), *b = film_video(dir, 1, 16, 1, 48, 0);
  g_autoptr(KlTimeline) t = film(a, b);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    GError *e = NULL;
    KlErr err = KL_ERR_INIT;
    KlExportSpec s = KL_EXPORT_SPEC_INIT;
    KlExportResult r;
    KlMediaInfo info;
    if (cases[i].fps == 25 || cases[i].fps == 10) {
      s.fps_num = (int)cases[i].fps;
      s.fps_den = 1;
    }
    g_assert_true(run(t, &s, dir, cases[i].name, &r, &e));
    g_assert_no_error(e);
    g_assert_cmpint((int)r.plan.frames, ==, cases[i].frames);
    g_autofree char *path = i == 6 ? g_build_filename(dir, "g017.png", NULL) : g_strdup(s.output);
    must(kl_media_probe(path, NULL, &info, &err));
    g_assert_cmpint(info.width, ==, FILM_W);
    g_assert_cmpint(info.has_audio, ==, cases[i].audio != NULL);
    if (cases[i].audio) g_assert_cmpstr(info.audio_codec, ==, cases[i].audio);
    if (cases[i].audio) g_assert_cmpfloat(fabs(info.duration - 2), <, 0.06);
    g_assert_true(info.has_job && info.synthetic);
    g_autoptr(KlJobSpec) job = kl_job_load(path, &e);
    g_assert_no_error(e);
    g_assert_cmpstr(g_array_index(job->prompts, KlJobPrompt, 0).text, ==, "a red heart");
    char *json = NULL;
    must(kl_media_read_job(path, &json, NULL, &err));
    g_assert_nonnull(strstr(json, "\"film\"") && strstr(json, "a rocket") ? json : NULL);
    kl_free(&json);
    KlDecoder *d;
    KlFrame f;
    must(kl_decoder_open(path, NULL, &d, &err));
    if (cases[i].fps == 16) {
      must(kl_decoder_at_frame(d, 9, &f, &err));
      g_assert_cmpint(ABS((int)f.rgb[400] - film_grey(0, 9)), <=, cases[i].tolerance);
      must(kl_decoder_at_frame(d, 31, &f, &err));
      g_assert_cmpint(ABS((int)f.rgb[400] - film_grey(1, 15)), <=, cases[i].tolerance);
    }
    kl_decoder_free(&d);
    g_free(s.output);
  }
  g_assert_cmpint(files_in(dir), ==, 2 + 6 + 32); /* no leftovers */
  g_free(a);
  g_free(b);
  remove_dir(dir);
}

static void never_overwrites(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 0), *old = g_build_filename(dir, "x.mp4", NULL),
       *text = NULL;
  g_autoptr(KlTimeline) t = film(a, a);
  KlExportSpec s = KL_EXPORT_SPEC_INIT;
  KlExportResult r;
  GError *e = NULL;
  g_assert_true(g_file_set_contents(old, "mine", -1, NULL));
  g_assert_false(run(t, &s, dir, "x.mp4", &r, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_EXISTS);
  g_clear_error(&e);
  g_assert_true(g_file_get_contents(old, &text, NULL, NULL));
  g_assert_cmpstr(text, ==, "mine");
  s.overwrite = true;
  g_assert_true(run(t, &s, dir, "x.mp4", &r, &e));
  g_assert_cmpint((int)r.bytes, >, 500);
  g_assert_cmpint(files_in(dir), ==, 2);
  g_free(text);
  g_free(old);
  g_free(s.output);
  g_free(a);
  remove_dir(dir);
}

static void whole_file(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 300), *x, *y;
  gsize nx, ny;
  GError *e = NULL;
  g_autoptr(KlTimeline) t = kl_timeline_of_file(a, NULL, &e);
  g_assert_no_error(e);
  KlExportSpec s = KL_EXPORT_SPEC_INIT;
  KlExportResult r;
  g_assert_true(run(t, &s, dir, "same.mkv", &r, &e));
  g_assert_true(r.copied);
  g_assert_true(g_file_get_contents(a, &x, &nx, NULL) && g_file_get_contents(s.output, &y, &ny, NULL));
  g_assert_cmpmem(x, nx, y, ny);
  s.crf = 30;
  g_assert_true(run(t, &s, dir, "smaller.mkv", &r, &e));
  g_assert_false(r.copied);
  s.crf = -1;
  s.silent = true;
  g_assert_true(run(t, &s, dir, "silent.mkv", &r, &e));
  g_assert_false(r.copied);
  s.silent = false;
  s.seconds = 1;
  g_assert_true(run(t, &s, dir, "part.mkv", &r, &e));
  g_assert_false(r.copied);
  g_assert_cmpint((int)r.plan.frames, ==, 16);
  g_free(x);
  g_free(y);
  g_free(s.output);
  g_free(a);
  remove_dir(dir);
}

typedef struct {
  KlCancel cancel;
  int events;
} Stop;

static void stop_at_third(void *user, const KlEvent *ev) {
  Stop *s = user;
  if (ev->frames_done >= 3) kl_cancel(&s->cancel);
  s->events++;
}

/* Cancelled, or the disk is full: nothing under the name, nothing beside it. */
static void nothing_half(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 300);
  g_autoptr(KlTimeline) t = kl_timeline_new(16, 1, 640, 480);
  film_clip(t, kl_timeline_add_track(t, KL_TRACK_VIDEO, false), film_source(t, a), 0, 20000, 0, 0, 1);
  KlExportSpec s = KL_EXPORT_SPEC_INIT;
  KlExportResult r;
  GError *e = NULL;
  Stop stop = {0};
  KlExportHow how = {.cancel = &stop.cancel, .event = stop_at_third, .user = &stop};
  s.output = g_build_filename(dir, "long.mp4", NULL);
  g_assert_false(kl_export_run(t, &s, &how, &r, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_CANCELLED);
  g_clear_error(&e);
  g_assert_cmpint(stop.events, >, 0);
  g_assert_cmpint(files_in(dir), ==, 1);
  g_free(s.output);
  s.output = g_strdup("/dev/full");
  s.container = KL_CONTAINER_WEBM;
  KlExportHow plain = {0};
  g_assert_false(kl_export_run(t, &s, &plain, &r, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  g_clear_error(&e);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit was, small = {0};
  g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &was), ==, 0);
  small = was;
  small.rlim_cur = 8192;
  s.container = KL_CONTAINER_GIF;
  s.seconds = 3;
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
  bool ok = run(t, &s, dir, "full.gif", &r, &e);
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &was), ==, 0);
  g_assert_false(ok);
  g_assert_error(e, KL_ERROR, KL_ERROR_IO);
  g_clear_error(&e);
  g_assert_cmpint(files_in(dir), ==, 1);
  g_free(s.output);
  g_free(a);
  remove_dir(dir);
}

static void plans(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 0);
  g_autoptr(KlTimeline) t = film(a, a);
  g_autoptr(KlTimeline) none = kl_timeline_new(16, 1, 64, 64);
  KlExportSpec s = KL_EXPORT_SPEC_INIT;
  KlExportPlan p;
  GError *e = NULL;
#define PLAN(change, code)                                                                                   \
  s = KL_EXPORT_SPEC_INIT;                                                                                   \
  s.output = (char *)"x.mp4";                                                                                \
  change;                                                                                                    \
  g_assert_false(kl_export_plan(t, &s, &p, &e) && kl_export_check(&p, &s, &e));                              \
  g_assert_error(e, KL_ERROR, code);                                                                         \
  g_clear_error(&e)
  PLAN(s.output = (char *)"x.xyz", KL_ERROR_USAGE);
  PLAN(s.from = 9, KL_ERROR_INPUT);
  PLAN(s.from = -1, KL_ERROR_USAGE);
  PLAN(s.output = (char *)"x.webm"; s.codec = KL_CODEC_H264, KL_ERROR_UNSUPPORTED);
  PLAN(s.crf = 60, KL_ERROR_INVALID);
  PLAN(s.width = 20000, KL_ERROR_INVALID);
  s = KL_EXPORT_SPEC_INIT;
  s.output = (char *)"x.mp4";
  g_assert_false(kl_export_plan(none, &s, &p, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_clear_error(&e);
  s.height = 2 * FILM_H;
  s.from = 1;
  s.fps_num = 30000;
  s.fps_den = 1001;
  g_assert_true(kl_export_plan(t, &s, &p, &e));
  g_assert_cmpint(p.width, ==, 2 * FILM_W);
  g_assert_cmpint((int)p.frames, ==, 30);
  g_assert_false(p.sound);
  g_free(a);
  remove_dir(dir);
}

typedef struct {
  GMainLoop *loop;
  int said;
  bool ok;
  GThread *main;
} Later;

static void on_progress(double fraction, double eta_s, const char *note, gpointer user) {
  Later *l = user;
  g_assert_true(g_thread_self() == l->main);
  g_assert_cmpfloat(fraction, >=, 0);
  l->said++;
}

static void on_done(GObject *o, GAsyncResult *r, gpointer user) {
  Later *l = user;
  GError *e = NULL;
  KlExportResult result;
  l->ok = kl_export_finish(r, &result, &e);
  g_assert_true(l->ok || g_error_matches(e, KL_ERROR, KL_ERROR_CANCELLED));
  g_clear_error(&e);
  g_main_loop_quit(l->loop);
}

static void in_a_worker(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 0);
  g_autoptr(KlTimeline) t = film(a, a);
  for (int stop = 0; stop < 2; stop++) {
    Later l = {.loop = g_main_loop_new(NULL, FALSE), .main = g_thread_self()};
    KlExportSpec s = KL_EXPORT_SPEC_INIT;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    s.output = g_build_filename(dir, stop ? "n.mp4" : "y.mp4", NULL);
    kl_export_async(t, &s, cancel, on_progress, on_done, &l);
    if (stop) g_cancellable_cancel(cancel);
    g_main_loop_run(l.loop);
    g_assert_true(l.ok == !stop);
    g_assert_true(g_file_test(s.output, G_FILE_TEST_EXISTS) == !stop);
    if (!stop) g_assert_cmpint(l.said, >, 0);
    g_main_loop_unref(l.loop);
    g_free(s.output);
  }
  g_free(a);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/export/formats", formats);
  g_test_add_func("/export/never-overwrites", never_overwrites);
  g_test_add_func("/export/whole-file", whole_file);
  g_test_add_func("/export/nothing-half", nothing_half);
  g_test_add_func("/export/plans", plans);
  g_test_add_func("/export/in-a-worker", in_a_worker);
  return g_test_run();
}
