/* Output larger than what the network makes: sizes, resuming, cancelling, memory. What the upscaler computes
 * is pinned by tests/golden; KL_GOLDEN names that folder. Its upscaler enlarges 4 times, after 32x32 pixels.
 */
#include "engine/base/mem.h"
#include "engine/graph/backend.h"
#include "engine/models/upscaler.h"
#include "engine/pipelines/pipeline.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#define CHECK(call)                                                                                          \
  if (!(call)) g_error("%s: %s", #call, err.msg)

enum { FRAMES = 21 }; /* three chunks */

static const KlPrompt prompt[] = {{0, "aaa aa"}};

static KlModelFiles model(bool upscaler) {
  static const char *const names[] = {"wan_causal.weights.safetensors", "umt5.weights.safetensors",
                                      "tokenizer/spiece.model", "taehv.weights.safetensors",
                                      "upscaler.weights.safetensors"};
  static char text[5][512];
  static const char *path[5];
  for (int i = 0; i < 5; i++) {
    g_snprintf(text[i], sizeof text[i], "%s/%s", g_getenv("KL_GOLDEN"), names[i]);
    path[i] = text[i];
  }
  return (KlModelFiles){&path[0], 1, &path[1], 1, path[2], &path[3], 1, upscaler ? path[4] : NULL};
}

static KlT2vParams params(int width, int height) {
  return (KlT2vParams){.prompts = prompt,
                       .n_prompts = 1,
                       .width = width,
                       .height = height,
                       .frames = FRAMES,
                       .seed = 7,
                       .steps = 2,
                       .guidance = 3,
                       .shift = 3,
                       .solver = KL_SOLVER_EULER};
}

static KlBackend *backend(void) {
  KlBackend *b;
  KlErr err = KL_ERR_INIT;
  if (!kl_backend_open("cpu", 2, KL_F32, &b, &err)) g_error("%s", err.msg);
  return b;
}

/* All frames of a video, one after the other. */
typedef struct {
  size_t frame; /* elements */
  float *rgb;
  KlCancel *cancel_at_once;
} Video;

static bool take(void *user, int64_t index, const float *rgb, KlErr *err) {
  Video *v = user;
  (void)err;
  memcpy(v->rgb + (size_t)index * v->frame, rgb, v->frame * sizeof *rgb);
  if (v->cancel_at_once) kl_cancel(v->cancel_at_once);
  return true;
}

/* After the first chunk, if asked, everything is thrown away and a new run goes on from the stored state. */
static Video render(bool upscaler, int width, int height, bool interrupt) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlModelFiles m = model(upscaler);
  KlT2vParams p = params(width, height);
  Video v = {.frame = (size_t)width * (size_t)height * 3};
  v.rgb = g_new(float, v.frame *FRAMES);
  KlT2v *t;
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  for (KlChunk c;;) {
    CHECK(kl_t2v_sample(t, &c, NULL, NULL, &err));
    if (!c.frames) break;
    CHECK(kl_t2v_decode(t, take, &v, NULL, NULL, &err));
    if (!interrupt || c.index) continue;
    size_t n = kl_t2v_state_bytes(t);
    g_autofree char *state = g_malloc(n);
    CHECK(kl_t2v_save(t, state, n, &err));
    kl_t2v_free(&t);
    CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
    CHECK(kl_t2v_load(t, state, n, &err));
  }
  kl_t2v_free(&t);
  kl_backend_free(&b);
  return v;
}

static float *enlarged(const Video *plain, int side, size_t at) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlWeights *w;
  KlUpscaler *u;
  const char *path = model(true).upscaler;
  float *out = g_new(float, 16 * plain->frame);
  CHECK(kl_weights_open(&path, 1, &w, &err));
  CHECK(kl_upscaler_open(w, b, &u, &err));
  CHECK(kl_upscaler_run(u, plain->rgb + at * plain->frame, side, side, out, NULL, &err));
  kl_upscaler_free(&u);
  kl_weights_free(&w);
  kl_backend_free(&b);
  return out;
}

/* 128x128 is the plain 32x32 enlarged; 64x64 is that halved; 32x32 is the plain one. */
static void test_sizes(void) {
  Video plain = render(false, 32, 32, false), same = render(true, 32, 32, false),
        four = render(true, 128, 128, false), two = render(true, 64, 64, false);
  g_assert_cmpmem(plain.rgb, plain.frame * FRAMES * 4, same.rgb, same.frame * FRAMES * 4);
  for (size_t i = 0; i < FRAMES; i += 10) {
    g_autofree float *large = enlarged(&plain, 32, i);
    g_assert_cmpmem(large, four.frame * 4, four.rgb + i * four.frame, four.frame * 4);
    for (size_t y = 0; y < 64; y++)
      for (size_t x = 0; x < 64 * 3; x++) {
        const float *p = large + (2 * y * 128 + 2 * (x / 3)) * 3 + x % 3;
        float mean = (p[0] + p[3] + p[128 * 3] + p[129 * 3]) / 4;
        g_assert_cmpfloat(fabsf(mean - two.rgb[i * two.frame + y * 64 * 3 + x]), <, 1e-6f);
      }
  }
  g_free(plain.rgb);
  g_free(same.rgb);
  g_free(four.rgb);
  g_free(two.rgb);
}

static void test_resume(void) {
  Video whole = render(true, 64, 64, false), resumed = render(true, 64, 64, true);
  g_assert_cmpmem(whole.rgb, whole.frame * FRAMES * 4, resumed.rgb, resumed.frame * FRAMES * 4);
  g_free(whole.rgb);
  g_free(resumed.rgb);
}

static void test_plan(void) {
  static const struct {
    int width, height, enlarge, multiple;
  } cases[] = {{32, 32, 1, 16}, {64, 64, 2, 32}, {128, 128, 4, 64}, {64, 128, 4, 64}, {256, 256, 4, 64}};
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlModelFiles m = model(true);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    KlT2vPlan plan, more;
    KlT2vParams p = params(cases[i].width, cases[i].height);
    CHECK(kl_t2v_plan(&m, &p, b, &plan, &err));
    g_assert_cmpint(plan.enlarge, ==, cases[i].enlarge);
    g_assert_cmpint(plan.size_multiple, ==, cases[i].multiple);
    g_assert_cmpint(plan.network_width * plan.enlarge, ==, cases[i].width);
    g_assert_cmpint(plan.network_height * plan.enlarge, ==, cases[i].height);
    g_assert_true((plan.upscale_bytes > 0) == (plan.enlarge > 1));
    p.frames = 1000; /* a longer video takes no more memory */
    CHECK(kl_t2v_plan(&m, &p, b, &more, &err));
    g_assert_cmpuint(more.peak_bytes, ==, plan.peak_bytes);
    p.memory_budget = 1000;
    g_assert_false(kl_t2v_plan(&m, &p, b, &more, &err));
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    err = KL_ERR_INIT;
  }
  KlT2vPlan plan;
  KlT2vParams p = params(100, 128);
  g_assert_false(kl_t2v_plan(&m, &p, b, &plan, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  g_assert_nonnull(strstr(err.msg, "multiples of 64"));
  g_assert_nonnull(strstr(err.msg, "128x128"));
  kl_backend_free(&b);
}

/* Asked for while a frame is handed out: the next frame is not made. */
static void test_cancel(void) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlModelFiles m = model(true);
  KlT2vParams p = params(128, 128);
  KlCancel cancel = {0};
  Video v = {.frame = 128 * 128 * 3, .cancel_at_once = &cancel};
  KlT2v *t;
  KlChunk c;
  v.rgb = g_new0(float, v.frame *FRAMES);
  CHECK(kl_t2v_open(&m, &p, b, NULL, NULL, NULL, NULL, &t, &err));
  CHECK(kl_t2v_sample(t, &c, NULL, NULL, &err));
  g_assert_false(kl_t2v_decode(t, take, &v, &cancel, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  for (size_t i = v.frame; i < FRAMES * v.frame; i++) g_assert_true(v.rgb[i] == 0);
  kl_t2v_free(&t);
  kl_backend_free(&b);
  g_free(v.rgb);
}

/* Each failing allocation is an error, and nothing leaks (under ASan). */
static void test_no_memory(void) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlWeights *w;
  const char *path = model(true).upscaler;
  static float in[8 * 8 * 3], out[32 * 32 * 3];
  CHECK(kl_weights_open(&path, 1, &w, &err));
  for (long at = 1;; at++) {
    KlUpscaler *u = NULL;
    err = KL_ERR_INIT;
    kl_mem_fail_after(at);
    bool fine = kl_upscaler_open(w, b, &u, &err) && kl_upscaler_run(u, in, 8, 8, out, NULL, &err);
    kl_mem_fail_after(0);
    kl_upscaler_free(&u);
    kl_weights_unpack(w);
    kl_backend_trim(b);
    if (fine) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  }
  kl_weights_free(&w);
  kl_backend_free(&b);
}

/* Files that are no upscaler: none of the other networks' weights, by tensors nor by config. */
static void test_refuse(void) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = backend();
  KlWeights *w;
  KlUpscaler *u;
  KlModelFiles m = model(true);
  CHECK(kl_weights_open(m.vae, 1, &w, &err));
  g_assert_false(kl_upscaler_open(w, b, &u, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_UNSUPPORTED);
  g_assert_null(u);
  kl_weights_free(&w);
  kl_backend_free(&b);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/upscale/sizes", test_sizes);
  g_test_add_func("/upscale/resume", test_resume);
  g_test_add_func("/upscale/plan", test_plan);
  g_test_add_func("/upscale/cancel", test_cancel);
  g_test_add_func("/upscale/no-memory", test_no_memory);
  g_test_add_func("/upscale/refuse", test_refuse);
  return g_test_run();
}
