/* What stands behind the generator panel. */
#include "app/core/draft.h"

#include <string.h>

static char *objects[] = {"heart", "soccer ball", "sailboat", "star", NULL},
            *motions[] = {"rises up", "moves left to right", "moves right to left", NULL},
            *backdrops[] = {"at night under the stars", "on a blue sky with clouds", NULL};
static char *const *lists[] = {objects, motions, backdrops};

static void completes(const char *before, const char *want, size_t want_from) {
  size_t from;
  g_auto(GStrv) got = kl_draft_complete(before, lists, 3, 3, &from);
  g_autofree char *all = g_strjoinv("|", got);
  g_assert_cmpstr(all, ==, want);
  if (*want) g_assert_cmpuint(from, ==, want_from);
}

static void completion(void) {
  completes("", "", 0);
  completes("a", "", 0);
  completes("a he", "heart", 2);
  completes("a HE", "heart", 2);
  completes("a heart", "", 0); /* it is whole */
  completes("a heart ri", "rises up|right", 8);
  completes("a heart moves", "moves left to right|moves right to left", 8);
  completes("a heart moves ri", "moves right to left", 8); /* the longest agreement */
  completes("a heart at night un", "at night under the stars", 8);
  completes("a heart, sk", "sky", 9); /* a word inside a phrase */
  completes("a s", "", 0);
  completes("a sa", "sailboat", 2);
  completes("the end. ", "", 0);
  completes("die Häs", "", 0);
}

static KlModel *model(void) {
  static char *none[] = {NULL};
  KlModel *m = g_new0(KlModel, 1);
  m->name = g_strdup("toy");
  m->defaults = kl_job_new();
  m->recorded = g_array_new(FALSE, FALSE, sizeof(KlModelFile));
  kl_job_set(m->defaults, "width", "128", NULL);
  kl_job_set(m->defaults, "height", "128", NULL);
  kl_job_set(m->defaults, "length", "5", NULL);
  kl_job_set(m->defaults, "guidance", "2.5", NULL);
  for (int i = 0; i < KL_WORD_LISTS; i++) m->words[i] = g_strdupv(none);
  return m;
}

static void defaults(void) {
  g_autoptr(KlModel) m = model();
  static const char *const want[][2] = {{"width", "128"}, {"guidance", "2.5"}, {"length", "5"},
                                        {"fps", "16"},    {"solver", "unipc"}, {"steps", "50"}};
  for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
    g_autofree char *text = kl_draft_default(m, want[i][0]);
    g_assert_cmpstr(text, ==, want[i][1]);
  }
  g_autofree char *bare = kl_draft_default(NULL, "width"), *none = kl_draft_default(m, "seed");
  g_assert_cmpstr(bare, ==, "832");
  g_assert_null(none);
}

static void sizes(void) {
  g_autoptr(KlModel) m = model();
  KlDraftSize s[KL_DRAFT_SIZES];
  int n = kl_draft_sizes(m, s);
  g_assert_cmpint(n, ==, 5); /* square is the model's own */
  for (int i = 0; i < n; i++) {
    g_assert_cmpint(s[i].width % 16 + s[i].height % 16, ==, 0);
    g_assert_cmpint(ABS(s[i].width * s[i].height - 128 * 128), <, 128 * 32);
  }
  g_assert_true(s[1].width > s[1].height && s[2].width == s[1].height && s[2].height == s[1].width);
  kl_job_set(m->defaults, "width", "832", NULL);
  kl_job_set(m->defaults, "height", "480", NULL);
  g_assert_cmpint(kl_draft_sizes(m, s), ==, KL_DRAFT_SIZES);
  kl_job_set(m->defaults, "width", "512", NULL); /* a model that enlarges four times */
  kl_job_set(m->defaults, "height", "512", NULL);
  m->size_multiple = 128;
  n = kl_draft_sizes(m, s);
  for (int i = 0; i < n; i++) {
    g_assert_cmpint(s[i].width % 128 + s[i].height % 128, ==, 0);
    g_assert_cmpint(s[i].width * s[i].height, <=, 512 * 512);
  }
  g_assert_true(s[1].width == 640 && s[1].height == 384 && s[3].width == 512 && s[3].height == 384);
}

/* A finished job gives back what was asked for, and only that. */
static void from_job(void) {
  g_autoptr(KlModel) m = model();
  g_autoptr(KlJobSpec) asked = kl_job_new(), builtin = kl_job_defaults();
  kl_job_set_prompt(asked, (KlTime){false, 0}, "a heart", NULL);
  kl_job_set_prompt(asked, (KlTime){false, 2000000000}, "a star", NULL);
  kl_job_set(asked, "model", "toy", NULL);
  kl_job_set(asked, "seed", "7", NULL);
  kl_job_set(asked, "steps", "8", NULL);
  kl_job_set(asked, "fps", "29.97", NULL);
  kl_job_set(asked, "image", "/a b/c.png", NULL);
  g_autoptr(KlJobSpec) run = kl_job_copy(asked);
  kl_job_set(run, "output", "/tmp/x.mp4", NULL);
  kl_job_set(run, "engine", "kinoloom 1", NULL);
  kl_job_merge(run, m->defaults);
  kl_job_merge(run, builtin);
  g_assert_true(kl_job_resolve(run, NULL));

  g_autoptr(KlJobSpec) back = kl_draft_from_job(run, m), all = kl_draft_from_job(run, NULL);
  static const char *const kept[] = {"model", "seed", "steps", "fps", "image"}, *const open[] = {
                                                                                    "width",    "length",
                                                                                    "guidance", "output",
                                                                                    "engine",   "device"};
  for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
    g_autofree char *a = kl_job_text(asked, kept[i]), *b = kl_job_text(back, kept[i]);
    g_assert_cmpstr(a, ==, b);
  }
  for (size_t i = 0; i < G_N_ELEMENTS(open); i++) g_assert_false(kl_job_has(back, open[i]));
  g_assert_cmpuint(back->prompts->len, ==, 2);
  g_assert_true(kl_job_has(all, "width") && !kl_job_has(all, "output"));
  kl_job_unset(back, "image");
  kl_job_unset(back, "prompts");
  g_assert_false(kl_job_has(back, "image") || back->image || back->prompts->len);
}

static void rates(void) {
  static const char *const same[] = {"16", "29.97", "23.976", "59.94", "119.88", "25/2", "15000/1001"};
  for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
    int num, den, n, d;
    g_assert_true(kl_rate_parse(same[i], &num, &den, NULL));
    g_autofree char *text = kl_rate_text(num, den);
    g_assert_cmpstr(text, ==, same[i]);
    g_assert_true(kl_rate_parse(text, &n, &d, NULL) && n == num && d == den);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/draft/completion", completion);
  g_test_add_func("/draft/defaults", defaults);
  g_test_add_func("/draft/sizes", sizes);
  g_test_add_func("/draft/from-job", from_job);
  g_test_add_func("/draft/rates", rates);
  return g_test_run();
}
