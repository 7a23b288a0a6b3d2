/* Times, rates and the job: layers, JSON there and back, what is refused. */
#include "app/core/job_spec.h"
#include "app/core/near.h"
#include "engine/base/log.h"

#include <string.h>

static void times(void) {
  static const struct {
    const char *text;
    bool in_frames;
    gint64 value;
  } good[] = {{"6", 0, 6000000000},
              {"6s", 0, 6000000000},
              {"1.5", 0, 1500000000},
              {"500ms", 0, 500000000},
              {"2m", 0, 120000000000},
              {"1:30", 0, 90000000000},
              {"1:02:03.5", 0, 3723500000000},
              {"250f", 1, 250},
              {"0", 0, 0},
              {".5", 0, 500000000}};
  static const char *const bad[] = {"",     "s", "-1",          "1:90",  "1:2:3:4", "6x", "1e3",
                                    "1.5f", "f", "99999999999", "1001h", "nan",     "1:", "1.5:00"};
  for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
    KlTime t;
    g_assert_true(kl_time_parse(good[i].text, &t, NULL));
    g_assert_cmpint(t.in_frames, ==, good[i].in_frames);
    g_assert_cmpint(t.value, ==, good[i].value);
    g_autofree char *text = kl_time_text(t);
    KlTime again;
    g_assert_true(kl_time_parse(text, &again, NULL));
    g_assert_true(again.in_frames == t.in_frames && again.value == t.value);
  }
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    KlTime t;
    g_autoptr(GError) e = NULL;
    g_assert_false(kl_time_parse(bad[i], &t, &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_USAGE);
  }
  g_assert_cmpint(kl_time_frames((KlTime){false, 10000000000}, 30000, 1001), ==, 300);
  g_assert_cmpint(kl_time_frames((KlTime){false, 3600000 * G_GINT64_CONSTANT(1000000000)}, 1000, 1), ==,
                  3600000000);
}

static void rates(void) {
  static const struct {
    const char *text;
    int num, den;
  } good[] = {{"16", 16, 1},   {"29.97", 30000, 1001},      {"23.976", 24000, 1001}, {"59.94", 60000, 1001},
              {"12.5", 25, 2}, {"60000/2002", 30000, 1001}, {"25/1", 25, 1},         {"0.5", 1, 2}};
  static const char *const bad[] = {"",     "0",   "-3",  "1/0",   "0/1",
                                    "1001", "1e2", "16/", "1.5/2", "99999999999/3"};
  for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
    int num, den;
    g_assert_true(kl_rate_parse(good[i].text, &num, &den, NULL));
    g_assert_cmpint(num, ==, good[i].num);
    g_assert_cmpint(den, ==, good[i].den);
  }
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    int num, den;
    g_assert_false(kl_rate_parse(bad[i], &num, &den, NULL));
  }
}

static void bytes(void) {
  guint64 n;
  g_assert_true(kl_bytes_parse("4G", &n, NULL) && n == G_GUINT64_CONSTANT(4) << 30);
  g_assert_true(kl_bytes_parse("1.5GiB", &n, NULL) && n == G_GUINT64_CONSTANT(3) << 29);
  g_assert_true(kl_bytes_parse("512m", &n, NULL) && n == 512 << 20);
  g_assert_false(kl_bytes_parse("", &n, NULL) || kl_bytes_parse("0", &n, NULL) ||
                 kl_bytes_parse("G", &n, NULL) || kl_bytes_parse("4Gx", &n, NULL) ||
                 kl_bytes_parse("9999999999999T", &n, NULL));
}

static KlJobSpec *made(void) {
  KlJobSpec *j = kl_job_new();
  static const char *const f[][2] = {
      {"model", "toy"},       {"steps", "5"},   {"guidance", "3.5"}, {"seed", "9223372036854775807"},
      {"fps", "29.97"},       {"length", "10"}, {"width", "64"},     {"height", "48"},
      {"provenance", "false"}};
  for (size_t i = 0; i < G_N_ELEMENTS(f); i++) g_assert_true(kl_job_set(j, f[i][0], f[i][1], NULL));
  g_assert_true(kl_job_set_prompt(j, (KlTime){false, 6000000000}, "then \"this\" \xc3\xa9", NULL));
  g_assert_true(kl_job_set_prompt(j, (KlTime){true, 0}, "first", NULL));
  return j;
}

static void there_and_back(void) {
  g_autoptr(KlJobSpec) j = made();
  g_autoptr(KlJobSpec) d = kl_job_defaults();
  g_autofree char *a = kl_job_serialise(j, true), *what = NULL;
  g_autoptr(KlJobSpec) k = kl_job_parse(a, strlen(a), "test", NULL);
  g_assert_nonnull(k);
  g_autofree char *b = kl_job_serialise(k, true);
  g_assert_cmpstr(a, ==, b);
  kl_job_merge(j, d);
  g_assert_true(kl_job_resolve(j, NULL));
  g_assert_cmpint(j->frames, ==, 300);
  g_assert_cmpint(j->seed, ==, G_MAXINT64);
  g_assert_cmpstr(g_array_index(j->prompts, KlJobPrompt, 0).text, ==, "first");
  g_assert_cmpint(g_array_index(j->prompts, KlJobPrompt, 1).from_frame, ==, 180);
  g_assert_false(kl_job_differs(k, j, &what)); /* seconds and frames mean the same */
  g_assert_true(kl_job_set(k, "steps", "6", NULL));
  g_assert_true(kl_job_differs(k, j, &what));
  g_assert_nonnull(strstr(what, "steps"));
  g_autofree char *stored = kl_job_serialise(j, false);
  g_assert_null(strstr(stored, "threads"));
  g_autoptr(KlJobSpec) copy = kl_job_copy(j);
  g_autofree char *again = kl_job_serialise(copy, false);
  g_assert_cmpstr(stored, ==, again);
}

static void seeds(void) {
  g_autoptr(KlJobSpec) j = made();
  g_autofree char *what = NULL, *what2 = NULL;
  const KlTime six = {false, 6000000000}, eight = {false, 8000000000};
  g_assert_false(kl_job_set_seed(j, (KlTime){true, 0}, 5, NULL));
  g_assert_false(kl_job_set_seed(j, six, -1, NULL));
  g_assert_true(kl_job_set_seed(j, eight, 9, NULL));
  g_assert_true(kl_job_set_seed(j, six, 5, NULL));
  g_assert_true(kl_job_set_seed(j, six, 6, NULL)); /* the same moment: replaced */
  g_autofree char *json = kl_job_serialise(j, false);
  g_autoptr(KlJobSpec) k = kl_job_parse(json, strlen(json), "test", NULL);
  g_assert_nonnull(k);
  g_autofree char *again = kl_job_serialise(k, false);
  g_assert_cmpstr(json, ==, again);
  g_autoptr(KlJobSpec) d = kl_job_defaults();
  kl_job_merge(k, d);
  g_assert_true(kl_job_resolve(k, NULL));
  g_assert_cmpint(g_array_index(k->seeds, KlJobSeed, 0).seed, ==, 6);
  g_assert_cmpint(g_array_index(k->seeds, KlJobSeed, 0).from_frame, ==, 180);
  g_assert_cmpint(g_array_index(k->seeds, KlJobSeed, 1).from_frame, ==, 240);
  g_assert_false(kl_job_differs(j, k, &what)); /* in whatever order they were given */
  /* a branch: another seed and prompt from a moment on, the same before */
  g_autoptr(KlJobSpec) b = kl_job_copy(k);
  g_assert_true(kl_job_set_seed_from(b, (KlTime){true, 200}, 7, NULL));
  g_assert_true(kl_job_set_prompt_from(b, (KlTime){true, 200}, "third", NULL));
  g_assert_cmpuint(b->seeds->len, ==, 2);
  g_assert_cmpint(g_array_index(b->seeds, KlJobSeed, 1).seed, ==, 7);
  g_assert_true(kl_job_set(b, "length", "400f", NULL));
  g_assert_true(kl_job_same_before(b, k, 200, &what));
  g_assert_false(kl_job_same_before(b, k, 201, &what));
  g_assert_true(kl_job_set(b, "steps", "77", NULL));
  g_assert_false(kl_job_same_before(b, k, 200, &what2));
  g_assert_nonnull(strstr(what2, "steps"));
  /* outside of the video */
  g_assert_true(kl_job_set_seed(k, (KlTime){true, 300}, 1, NULL));
  g_assert_false(kl_job_resolve(k, NULL));
}

static void regions(void) {
  g_autoptr(KlJobSpec) j = made();
  static const char *const bad[] = {
      "",           "a bee",         "0,0,1: a bee",  "0,0,2,1: a bee", "0,0,1,1:  ",
      "0,0,0,1: a", "-0.1,0,1,1: a", "0,0,1,1,-3: a", "0,0,1,1,2,3: a"};
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) e = NULL;
    g_assert_false(kl_job_set(j, "regions", bad[i], &e));
    g_assert_error(e, KL_ERROR, KL_ERROR_USAGE);
  }
  g_assert_false(kl_job_has(j, "regions"));
  g_assert_true(kl_job_set(j, "regions", "0,0,.5,1: a bee: in the sun", NULL));
  g_assert_true(kl_job_set(j, "regions", " .5, 0.25,0.5,.75, 4.5:a rose", NULL));
  g_autofree char *json = kl_job_serialise(j, false), *what = NULL;
  g_autoptr(KlJobSpec) k = kl_job_parse(json, strlen(json), "test", NULL);
  g_assert_nonnull(k);
  const KlJobRegion *r = &g_array_index(k->regions, KlJobRegion, 1);
  g_assert_cmpstr(g_array_index(k->regions, KlJobRegion, 0).text, ==, "a bee: in the sun");
  g_assert_cmpfloat(r->y, ==, .25);
  g_assert_cmpfloat(r->guidance, ==, 4.5);
  g_autofree char *again = kl_job_serialise(k, false);
  g_assert_cmpstr(json, ==, again);
  g_assert_false(kl_job_differs(k, j, &what));
  g_autoptr(KlJobSpec) copy = kl_job_copy(j);
  g_assert_false(kl_job_differs(copy, j, &what));
  g_assert_true(kl_job_set(copy, "regions", "0,0,1,1: a sky", NULL));
  g_assert_true(kl_job_differs(copy, j, &what));
  g_assert_nonnull(strstr(what, "regions"));
}

static void layers(void) {
  g_autoptr(KlJobSpec) flags = kl_job_new();
  g_autoptr(KlJobSpec) file = made();
  g_autoptr(KlJobSpec) builtin = kl_job_defaults();
  g_assert_true(kl_job_set(flags, "steps", "9", NULL));
  kl_job_merge(flags, file);
  kl_job_merge(flags, builtin);
  g_assert_cmpint(flags->steps, ==, 9);
  g_assert_cmpfloat(flags->guidance, ==, 3.5);
  g_assert_cmpstr(flags->solver, ==, "unipc");
}

static void refused(void) {
  static const char *const bad[] = {"",
                                    "{",
                                    "[]",
                                    "{\"kinoloom_job\": 2}",
                                    "{\"kinoloom_job\": 1, \"steps\": 0}",
                                    "{\"kinoloom_job\": 1, \"width\": 1e9}",
                                    "{\"kinoloom_job\": 1, \"prompts\": {}}",
                                    "{\"kinoloom_job\": 1, \"provenance\": 1}",
                                    "{\"kinoloom_job\": 1, \"fps\": {}}",
                                    "{\"kinoloom_job\": 1, \"regions\": [{\"x\": 0}]}",
                                    "{\"kinoloom_job\": 1, \"regions\": {}}",
                                    "{\"kinoloom_job\": 1, \"seed\": -1}"};
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) e = NULL;
    KlJobSpec *j = kl_job_parse(bad[i], strlen(bad[i]), "test", &e);
    g_assert_null(j);
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    g_assert_true(g_str_has_prefix(e->message, "test"));
  }
}

static void exit_codes(void) {
  static const int table[][2] = {{KL_ERROR_OOM, 4},     {KL_ERROR_DEVICE_LOST, 5}, {KL_ERROR_IO, 1},
                                 {KL_ERROR_FORMAT, 3},  {KL_ERROR_UNSUPPORTED, 3}, {KL_ERROR_CANCELLED, 130},
                                 {KL_ERROR_INVALID, 2}, {KL_ERROR_USAGE, 2},       {KL_ERROR_INPUT, 3},
                                 {KL_ERROR_EXISTS, 1},  {KL_ERROR_BUSY, 1}};
  g_assert_cmpint(kl_exit_code(NULL), ==, 0);
  for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
    GError e = {KL_ERROR, table[i][0], (char *)""};
    g_assert_cmpint(kl_exit_code(&e), ==, table[i][1]);
  }
}

static void near_words(void) {
  static const char *const words[] = {"heart", "rocket", "star", NULL};
  g_assert_cmpint(kl_edit_distance("haert", "heart"), ==, 1);
  g_assert_cmpint(kl_edit_distance("", "abc"), ==, 3);
  g_assert_cmpint(kl_edit_distance("Grün", "grün"), ==, 0);
  g_assert_cmpstr(kl_near("haert", words), ==, "heart");
  g_assert_cmpstr(kl_near("zebra", words), ==, NULL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  kl_log_level(KL_LOG_WARN);
  g_test_add_func("/core/times", times);
  g_test_add_func("/core/rates", rates);
  g_test_add_func("/core/bytes", bytes);
  g_test_add_func("/core/job/seeds", seeds);
  g_test_add_func("/core/job/there-and-back", there_and_back);
  g_test_add_func("/core/job/layers", layers);
  g_test_add_func("/core/job/regions", regions);
  g_test_add_func("/core/job/refused", refused);
  g_test_add_func("/core/exit-codes", exit_codes);
  g_test_add_func("/core/near", near_words);
  return g_test_run();
}
