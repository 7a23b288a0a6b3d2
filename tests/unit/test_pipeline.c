/* engine/pipelines on the tiny networks of tests/golden: they make two whole models, a chunk-causal one with
 * TAEHV and a bidirectional one with the Wan VAE. KL_GOLDEN names that folder. */
#include "engine/base/mem.h"
#include "engine/pipelines/t2v.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static const char *folder;
static char path[5][512];
static const char *files[5];

/* 0: causal, 1: bidirectional */
static KlModelFiles model(int which) {
  const char *names[5] = {which ? "wan_t2v.weights.safetensors" : "wan_causal.weights.safetensors",
                          "umt5.weights.safetensors", "tokenizer/spiece.model",
                          which ? "wan_vae.weights.safetensors" : "taehv.weights.safetensors", ""};
  for (int i = 0; i < 4; i++) {
    g_snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    files[i] = path[i];
  }
  return (KlModelFiles){&files[0], 1, &files[1], 1, files[2], &files[3], 1, NULL};
}

static const KlPrompt one_prompt[] = {{0, "aaa aa"}};
static const KlPrompt two_prompts[] = {{0, "aaa aa"}, {20, "x x a"}};

static KlT2vParams params(int frames) {
  return (KlT2vParams){.prompts = one_prompt,
                       .n_prompts = 1,
                       .width = 64,
                       .height = 48,
                       .frames = frames,
                       .seed = 7,
                       .steps = 2,
                       .guidance = 3,
                       .shift = 3,
                       .solver = KL_SOLVER_EULER};
}

static KlBackend *backend(int threads) {
  KlBackend *b;
  KlErr err = KL_ERR_INIT;
  if (!kl_backend_open("cpu", threads, KL_F32, &b, &err)) g_error("%s", err.msg);
  return b;
}

typedef struct {
  int64_t next;
  GChecksum *sum;
  int most; /* stop after so many frames; -1: never */
  int previews;
} Frames;

static bool take(void *user, int64_t index, const float *rgb, KlErr *err) {
  Frames *f = user;
  g_assert_cmpint(index, ==, f->next);
  for (int i = 0; i < 64 * 48 * 3; i++) g_assert_true(rgb[i] >= 0 && rgb[i] <= 1);
  g_checksum_update(f->sum, (const guchar *)rgb, 64 * 48 * 3 * 4);
  f->next++;
  return f->most < 0 || --f->most > 0 || kl_fail(err, KL_ERR_IO, "disk full");
}

static void show(void *user, const float *rgb, int width, int height) {
  Frames *f = user;
  g_assert_true(width == 64 && height == 48);
  for (int i = 0; i < 64 * 48 * 3; i++) g_assert_true(rgb[i] >= 0 && rgb[i] <= 1);
  f->previews++;
}

/* As if sampling had begun long ago: the next preview is due. */
static void watch(KlT2v *t, Frames *f) {
  kl_t2v_set_preview(t, show, f);
  t->preview.began -= 1e6;
  t->preview.last = 0;
  t->preview.cost = 1e-6;
}

#define CHECK(call)                                                                                          \
  if (!(call)) g_error("%s: %s", #call, err.msg)

/* Runs to the end, with previews after each sampling if asked; after `stop_after` chunks (or steps of a whole
 * clip) everything is thrown away and a new run goes on from the stored state. Returns the hash of all
 * frames.
 */
static char *run_with(int which, KlT2vParams p, int threads, int stop_after, bool previews) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend(threads);
  KlModelFiles m = model(which);
  KlT2v *t;
  Frames f = {.sum = g_checksum_new(G_CHECKSUM_SHA256), .most = -1};
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  for (int round = 1;; round++) {
    KlChunk c;
    if (previews) watch(t, &f);
    CHECK(kl_t2v_sample(t, &c, NULL, NULL, &err));
    if (!c.frames && !c.partial) break;
    if (!c.partial) {
      g_assert_cmpint(c.first_frame, ==, f.next);
      CHECK(kl_t2v_decode(t, take, &f, NULL, NULL, &err));
      g_assert_cmpint(f.next, ==, c.first_frame + c.frames);
      g_assert_true(isfinite(c.drift_mean) && isfinite(c.drift_var));
    }
    if (round == stop_after) {
      size_t n = kl_t2v_state_bytes(t);
      char *state = kl_alloc(n, 1);
      CHECK(kl_t2v_save(t, state, n, &err));
      kl_t2v_free(&t);
      kl_backend_free(&b);
      b = backend(threads);
      CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
      KlErr refused = KL_ERR_INIT; /* a state cut short is refused and harms nothing */
      g_assert_false(kl_t2v_load(t, state, n / 2, &refused));
      g_assert_cmpint(refused.code, ==, KL_ERR_FORMAT);
      CHECK(kl_t2v_load(t, state, n, &err));
      kl_free(&state);
    }
  }
  g_assert_cmpint(f.next, ==, p.frames);
  g_assert_true(previews == (f.previews > 1));
  kl_t2v_free(&t);
  kl_backend_free(&b);
  char *hash = g_strdup(g_checksum_get_string(f.sum));
  g_checksum_free(f.sum);
  return hash;
}

static char *run(int which, KlT2vParams p, int threads, int stop_after) {
  return run_with(which, p, threads, stop_after, false);
}

static void test_previews(gconstpointer which) {
  int w = GPOINTER_TO_INT(which);
  KlT2vParams p = params(w ? 30 : 41);
  p.solver = w ? KL_SOLVER_UNIPC : KL_SOLVER_FEW_STEP;
  p.steps = 4;
  g_autofree char *plain = run(w, p, 2, 0), *watched = run_with(w, p, 2, 0, true),
                  *resumed = run_with(w, p, 2, 2, true);
  g_assert_cmpstr(plain, ==, watched);
  g_assert_cmpstr(plain, ==, resumed);
}

static void test_preview_share(void) {
  KlT2vPreview p = {.began = 100, .spent = 0.9, .last = 110, .cost = 0.1};
  g_assert_false(kl_t2v_preview_due(&p, 119)); /* with this one 1.0 of 19 s */
  g_assert_true(kl_t2v_preview_due(&p, 121));  /* ... of 21 s */
  p.last = 120.95;
  g_assert_false(kl_t2v_preview_due(&p, 121)); /* the last one is only just seen */
}

static void test_resume(gconstpointer which) {
  int w = GPOINTER_TO_INT(which);
  KlT2vParams p = params(w ? 30 : 41);
  p.solver = w ? KL_SOLVER_UNIPC : KL_SOLVER_FEW_STEP;
  p.steps = 3;
  if (w)
    p.clip_frames = 5, p.overlap_frames = 2;
  else
    p.prompts = two_prompts, p.n_prompts = 2; /* a prompt switch with its recache */
  char *whole = run(w, p, 2, 0);
  for (int after = 1; after < 4; after++) {
    char *resumed = run(w, p, 1 + after % 2, after); /* another thread count besides */
    g_assert_cmpstr(whole, ==, resumed);
    g_free(resumed);
  }
  p.seed++;
  char *other = run(w, p, 2, 0);
  g_assert_cmpstr(whole, !=, other);
  g_free(other);
  g_free(whole);
}

static void test_prompt_switch(void) {
  KlT2vParams p = params(33);
  char *one = run(0, p, 2, 0);
  p.prompts = two_prompts;
  p.n_prompts = 2;
  char *two = run(0, p, 2, 0);
  g_assert_cmpstr(one, !=, two);
  g_free(one);
  g_free(two);
}

/* Another seed from a frame on; one that is the same, or begins after the end, changes nothing. */
static void test_seeds(gconstpointer which) {
  int w = GPOINTER_TO_INT(which);
  KlT2vParams p = params(w ? 30 : 41);
  p.solver = KL_SOLVER_FEW_STEP; /* draws noise in every step */
  p.steps = 2;
  g_autofree char *plain = run(w, p, 2, 0);
  const KlSeed same[] = {{9, p.seed}}, other[] = {{9, p.seed + 1}}, late[] = {{1000, p.seed + 1}};
  p.n_seeds = 1;
  p.seeds = same;
  g_autofree char *unchanged = run(w, p, 2, 0);
  g_assert_cmpstr(unchanged, ==, plain);
  p.seeds = late; /* after the end */
  g_autofree char *never = run(w, p, 2, 0);
  g_assert_cmpstr(never, ==, plain);
  p.seeds = other;
  g_autofree char *turned = run(w, p, 2, 0), *resumed = run(w, p, 1, 2);
  g_assert_cmpstr(turned, !=, plain);
  g_assert_cmpstr(turned, ==, resumed);
}

/* Latents replayed without sampling give the same frames; with the caches made again, sampling goes on. */
/* 64x48 pixels are 2 x 1 tokens of both models' latents at least, so halves are told apart. */
static void test_regions(gconstpointer which) {
  int w = GPOINTER_TO_INT(which);
  static const KlRegion halves[] = {{0, 0, .5f, 1, "x x a", 0}, {.5f, 0, .5f, 1, "aa", 6}};
  static const KlRegion same[] = {{0, 0, .5f, 1, "x x a", 0}, {.5f, 0, .5f, 1, "aa", 0}};
  KlT2vParams p = params(w ? 30 : 41);
  p.solver = KL_SOLVER_EULER;
  p.steps = 3;
  p.guidance = 2;
  g_autofree char *plain = run(w, p, 2, 0);
  p.regions = halves;
  p.n_regions = 2;
  g_autofree char *whole = run(w, p, 2, 0), *resumed = run(w, p, 1, 2);
  p.regions = same;
  g_autofree char *weaker = run(w, p, 2, 0);
  g_assert_cmpstr(plain, !=, whole);
  g_assert_cmpstr(whole, ==, resumed);
  g_assert_cmpstr(whole, !=, weaker);
}

static void test_replay(void) {
  KlErr err = KL_ERR_INIT;
  KlT2vParams p = params(33);
  KlModelFiles m = model(0);
  KlBackend *b = backend(2);
  KlT2v *t, *r;
  Frames f = {.sum = g_checksum_new(G_CHECKSUM_SHA256), .most = -1},
         g = {.sum = g_checksum_new(G_CHECKSUM_SHA256), .most = -1};
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &r, &err));
  for (int i = 0; i < 3; i++) {
    KlChunk c, d;
    CHECK(kl_t2v_sample(t, &c, NULL, NULL, &err));
    if (!(i < 2 ? kl_t2v_replay(r, c.latents, true, &d, NULL, &err) : kl_t2v_sample(r, &d, NULL, NULL, &err)))
      g_error("%s", err.msg);
    g_assert_cmpint(c.frames, ==, d.frames);
    CHECK(kl_t2v_decode(t, take, &f, NULL, NULL, &err));
    CHECK(kl_t2v_decode(r, take, &g, NULL, NULL, &err));
  }
  g_assert_cmpstr(g_checksum_get_string(f.sum), ==, g_checksum_get_string(g.sum));
  g_checksum_free(f.sum);
  g_checksum_free(g.sum);
  kl_t2v_free(&t);
  kl_t2v_free(&r);
  kl_backend_free(&b);
}

static void count_words(void *user, const char *word) {
  g_string_append_printf(user, "%s ", word);
}

static void test_refusals(void) {
  static const KlSeed at_once[] = {{0, 1}};
  struct {
    const char *says;
    KlErrCode code;
    KlT2vParams p;
  } cases[] = {
      {"multiples of 16", KL_ERR_INVALID, params(9)},
      {"frames", KL_ERR_INVALID, params(0)},
      {"size", KL_ERR_INVALID, params(9)},
      {"steps", KL_ERR_INVALID, params(9)},
      {"guidance", KL_ERR_INVALID, params(9)},
      {"shift", KL_ERR_INVALID, params(9)},
      {"window", KL_ERR_INVALID, params(9)},
      {"budget", KL_ERR_OOM, params(9)},
      {"image", KL_ERR_UNSUPPORTED, params(9)},
      {"order of time", KL_ERR_INVALID, params(9)},
      {"frames", KL_ERR_INVALID, params(9)},
      {"prompt", KL_ERR_INVALID, params(9)},
      {"inside the picture", KL_ERR_INVALID, params(9)},
      {"covered", KL_ERR_INVALID, params(9)},
      {"guidance of region", KL_ERR_INVALID, params(9)},
      {"regions", KL_ERR_INVALID, params(9)},
      {"order of time", KL_ERR_INVALID, params(9)},
  };
  static const KlRegion outside[] = {{.5f, 0, .6f, 1, "a", 0}};
  static const KlRegion covered[] = {{0, 0, 1, 1, "a", 0}, {0, 0, 1, 1, "b", 0}};
  static const KlRegion wild[] = {{0, 0, 1, 1, "a", -2}};
  static const KlPrompt backwards[] = {{0, "a"}, {20, "b"}, {10, "c"}};
  static const float image[64 * 48 * 3];
  cases[0].p.width = 70;
  cases[2].p.height = -16;
  cases[3].p.steps = 0;
  cases[4].p.guidance = NAN;
  cases[5].p.shift = -1;
  cases[6].p.window_frames = 4;
  cases[7].p.memory_budget = 1000;
  cases[8].p.first_frame = image;
  cases[9].p.prompts = backwards;
  cases[9].p.n_prompts = 3;
  cases[10].p.frames = INT64_MAX;
  cases[11].p.n_prompts = 0;
  cases[16].p.seeds = at_once, cases[16].p.n_seeds = 1;
  cases[12].p.regions = outside, cases[12].p.n_regions = 1;
  cases[13].p.regions = covered, cases[13].p.n_regions = 2;
  cases[14].p.regions = wild, cases[14].p.n_regions = 1;
  cases[15].p.regions = covered, cases[15].p.n_regions = 1000;
  KlBackend *b = backend(1);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    KlErr err = KL_ERR_INIT, err2 = KL_ERR_INIT;
    KlModelFiles m = model(0);
    KlT2vPlan plan;
    KlT2v *t;
    g_assert_false(kl_t2v_plan(&m, &cases[i].p, b, &plan, &err));
    g_test_message("%s", err.msg);
    g_assert_cmpint(err.code, ==, cases[i].code);
    g_assert_nonnull(strstr(err.msg, cases[i].says));
    g_assert_false(kl_t2v_open(&m, &cases[i].p, b, NULL, NULL, NULL, NULL, &t, &err2));
    g_assert_null(t);
    g_assert_cmpint(err2.code, ==, cases[i].code);
  }
  /* Parts of different models do not go together. */
  KlErr err = KL_ERR_INIT;
  KlModelFiles m = model(0);
  m.text_encoder = m.vae;
  KlT2vParams p = params(9);
  KlT2v *t;
  g_assert_false(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  kl_backend_free(&b);
}

static void test_cancel_and_disk_full(void) {
  KlErr err = KL_ERR_INIT;
  KlT2vParams p = params(33);
  KlModelFiles m = model(0);
  KlBackend *b = backend(2);
  KlT2v *t;
  KlChunk c;
  KlCancel cancel = {0};
  GString *unknown = g_string_new("");
  static const KlPrompt odd[] = {{0, "a \xE2\x98\x83 x"}}; /* a snowman, which the tiny vocabulary lacks */
  p.prompts = odd;
  CHECK(kl_t2v_open(&m, &p, b, count_words, unknown, NULL, NULL, &t, &err));
  g_assert_cmpstr(unknown->str, ==, "\xE2\x98\x83 ");
  g_string_free(unknown, TRUE);
  kl_cancel(&cancel);
  g_assert_false(kl_t2v_sample(t, &c, &cancel, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  err.code = KL_ERR_NONE;
  CHECK(kl_t2v_sample(t, &c, NULL, NULL, &err)); /* and it can be asked again */
  Frames f = {.sum = g_checksum_new(G_CHECKSUM_SHA256), .most = 3};
  g_assert_false(kl_t2v_decode(t, take, &f, NULL, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  g_checksum_free(f.sum);
  kl_t2v_free(&t);
  kl_backend_free(&b);
}

/* The plan is a promise: the run's workspace never exceeds it, and it does not grow with the length. */
static void test_plan(void) {
  KlErr err = KL_ERR_INIT;
  KlModelFiles m = model(0);
  KlT2vPlan ten, hundred;
  KlT2vParams p = params(41);
  KlBackend *b = backend(1);
  CHECK(kl_t2v_plan(&m, &p, b, &ten, &err));
  p.frames = 4001;
  CHECK(kl_t2v_plan(&m, &p, b, &hundred, &err));
  g_assert_cmpuint(ten.peak_bytes, ==, hundred.peak_bytes);
  g_assert_cmpint(ten.chunks, ==, 4);
  g_assert_cmpint(ten.tokens_frame, ==, 4 * 3);
  g_assert_cmpfloat(hundred.flops_total, >, 80 * ten.flops_total);
  p.frames = 41;
  KlT2v *t;
  KlChunk c;
  Frames f = {.sum = g_checksum_new(G_CHECKSUM_SHA256), .most = -1};
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  while (kl_t2v_sample(t, &c, NULL, NULL, &err) && c.frames)
    CHECK(kl_t2v_decode(t, take, &f, NULL, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_NONE);
  g_assert_cmpuint(b->peak_workspace, <=, ten.peak_bytes);
  g_checksum_free(f.sum);
  kl_t2v_free(&t);
  kl_backend_free(&b);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  folder = g_getenv("KL_GOLDEN");
  g_test_add_data_func("/pipeline/resume/causal", GINT_TO_POINTER(0), test_resume);
  g_test_add_data_func("/pipeline/resume/clip", GINT_TO_POINTER(1), test_resume);
  g_test_add_data_func("/pipeline/regions/causal", GINT_TO_POINTER(0), test_regions);
  g_test_add_data_func("/pipeline/regions/clip", GINT_TO_POINTER(1), test_regions);
  g_test_add_data_func("/pipeline/seeds/causal", GINT_TO_POINTER(0), test_seeds);
  g_test_add_data_func("/pipeline/seeds/clip", GINT_TO_POINTER(1), test_seeds);
  g_test_add_data_func("/pipeline/preview/causal", GINT_TO_POINTER(0), test_previews);
  g_test_add_data_func("/pipeline/preview/clip", GINT_TO_POINTER(1), test_previews);
  g_test_add_func("/pipeline/preview/share", test_preview_share);
  g_test_add_func("/pipeline/prompt-switch", test_prompt_switch);
  g_test_add_func("/pipeline/replay", test_replay);
  g_test_add_func("/pipeline/refusals", test_refusals);
  g_test_add_func("/pipeline/cancel", test_cancel_and_disk_full);
  g_test_add_func("/pipeline/plan", test_plan);
  return g_test_run();
}
