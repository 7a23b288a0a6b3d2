/* engine/models, the autoencoders: streaming, saving, tiles, memory, cancelling, refusals. What they compute
 * is pinned by tests/golden; here small random networks are compared with themselves. */
#define _GNU_SOURCE
#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/bench/random_models.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/models/vae_net.h"
#include "tests/unit/formats_writer.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static const KlWanVaeSize small_wan = {8, true};
static const KlTaehvSize small_taehv = {16, 1, 16, {32, 24, 16, 16}},
                         small_patched = {32, 2, 16, {32, 24, 16, 16}};

typedef struct {
  KlBackend *backend;
  KlWeights *weights;
  KlVae *vae;
} Net;

static void ok(bool fine, const KlErr *err) {
  if (!fine) g_error("%s: %s", kl_err_name(err->code), err->msg);
}

static Net net_new_as(KlFillFn fill, const void *size, KlDtype compute) {
  Net n = {0};
  KlErr err = KL_ERR_INIT;
  ok(kl_cpu_backend_new(2, compute, &n.backend, &err), &err);
  ok(kl_random_memory(fill, size, KL_F16, &n.weights, &err), &err);
  ok(kl_vae_open(n.weights, n.backend, &n.vae, &err), &err);
  n.vae->unclamped = true;
  return n;
}

static Net net_new(KlFillFn fill, const void *size) {
  return net_new_as(fill, size, KL_F32);
}

/* TAEHV whose decoder enlarges by pixel shuffle, or claims to do so by `how` (seven letters). */
static bool net_open_shuffle(const char *how, KlDtype compute, Net *n, KlErr *err) {
  char *path = g_build_filename(g_getenv("KL_GOLDEN"), "taehv_shuffle.weights.safetensors", NULL), *bytes;
  gsize size;
  g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
  char *at = memmem(bytes, size, "\"shuffle", 8);
  g_assert_true(at && strlen(how) == 7);
  memcpy(at + 1, how, 7);
  GByteArray *file = g_byte_array_new_take((guint8 *)bytes, size);
  char *copy = write_temp(file, ".safetensors");
  *n = (Net){0};
  bool fine = kl_cpu_backend_new(2, compute, &n->backend, err) &&
              kl_weights_open((const char *const[]){copy}, 1, &n->weights, err) &&
              kl_vae_open(n->weights, n->backend, &n->vae, err);
  g_unlink(copy);
  g_free(copy);
  g_byte_array_free(file, TRUE);
  g_free(path);
  return fine;
}

static void net_free(Net *n) {
  kl_vae_free(&n->vae);
  kl_weights_free(&n->weights);
  kl_backend_free(&n->backend);
}

static size_t latent_size(const Net *n, int h, int w) {
  return (size_t)kl_vae_info(n->vae)->latent_channels * (size_t)(h * w);
}

static size_t frame_size(const Net *n, int h, int w) {
  int s = kl_vae_info(n->vae)->stride_space;
  return (size_t)(3 * h * w * s * s);
}

static float *latents(const Net *n, int t, int h, int w) {
  float *z = kl_alloc((size_t)t * latent_size(n, h, w), sizeof *z);
  kl_randn(3, 0, 0, z, (size_t)t * latent_size(n, h, w));
  return z;
}

/* Pushes latents from..to-1; frames is where frame 0 of the clip lies. */
static void push(const Net *n, KlVaeDecoder *d, const float *z, int from, int to, int h, int w,
                 float *frames) {
  KlErr err = KL_ERR_INIT;
  for (int i = from; i < to; i++) {
    int got = 0;
    size_t at = i ? (size_t)(4 * i - 3) : 0;
    ok(kl_vae_decoder_push(d, z + (size_t)i * latent_size(n, h, w), frames + at * frame_size(n, h, w), &got,
                           NULL, &err),
       &err);
    g_assert_cmpint(got, ==, i ? 4 : 1);
  }
}

static KlVaeDecoder *decoder(const Net *n, int h, int w, size_t budget) {
  KlErr err = KL_ERR_INIT;
  KlVaeDecoder *d = NULL;
  ok(kl_vae_decoder_new(n->vae, h, w, budget, &d, &err), &err);
  return d;
}

static double error_of(const float *a, const float *b, size_t n) {
  double diff = 0, norm = 0;
  for (size_t i = 0; i < n; i++) {
    g_assert_true(isfinite(a[i]));
    diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    norm += (double)b[i] * b[i];
  }
  return sqrt(diff / norm);
}

/* ---- saving ---- */

/* spill: with a budget that sends the states to a file. */
static void saves_net(Net n, bool spill) {
  enum { H = 17, W = 10, T = 4 };
  size_t budget = 0;
  if (spill) {
    KlVaeDecodePlan p = {0};
    KlErr err = KL_ERR_INIT;
    ok(kl_vae_decode_memory(n.vae, H, W, &budget, &err), &err);
    for (size_t step = budget / 10; !p.spilled;) {
      budget -= step;
      ok(kl_vae_decode_plan(n.vae, H, W, budget, &p, &err), &err);
    }
  }
  size_t frame = frame_size(&n, H, W);
  float *z = latents(&n, T, H, W), *a = kl_alloc(13 * frame, sizeof *a), *b = kl_alloc(13 * frame, sizeof *b),
        *still = kl_alloc(frame, sizeof *still);
  KlVaeDecoder *d = decoder(&n, H, W, budget);
  push(&n, d, z, 0, T, H, W, a);
  kl_vae_decoder_free(&d);
  for (int cut = 0; cut <= T; cut++) { /* before the first push, after it, later, at the end */
    KlErr err = KL_ERR_INIT;
    d = decoder(&n, H, W, budget);
    push(&n, d, z, 0, cut, H, W, b);
    size_t bytes = kl_vae_decoder_state_bytes(d);
    char *saved = kl_alloc(bytes, 1);
    ok(kl_vae_decoder_save(d, saved, &err), &err);
    kl_vae_decoder_free(&d);
    d = decoder(&n, H, W, budget);
    push(&n, d, z, 0, cut == 2 ? 1 : 0, H, W, b); /* what it did before does not matter */
    ok(kl_vae_decoder_load(d, saved, bytes, &err), &err);
    ok(kl_vae_decoder_still(d, z, still, NULL, &err), &err); /* a look at latent 0 harms nothing */
    g_assert_cmpmem(a, frame * sizeof *a, still, frame * sizeof *still);
    push(&n, d, z, cut, T, H, W, b);
    g_assert_cmpmem(a, 13 * frame * sizeof *a, b, 13 * frame * sizeof *b);

    g_assert_false(kl_vae_decoder_load(d, saved, bytes - 1, &err));
    g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
    saved[0] ^= 1;
    err = KL_ERR_INIT;
    g_assert_false(kl_vae_decoder_load(d, saved, bytes, &err));
    g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
    kl_free(&saved);
    kl_vae_decoder_free(&d);
  }
  kl_free(&z);
  kl_free(&a);
  kl_free(&b);
  kl_free(&still);
  net_free(&n);
}

static void saves(KlFillFn fill, const void *size, KlDtype compute, bool spill) {
  saves_net(net_new_as(fill, size, compute), spill);
}

static void test_save_wan(void) {
  saves(kl_fill_wan_vae, &small_wan, KL_F32, false);
  saves(kl_fill_wan_vae, &small_wan, KL_BF16, false);
}
static void test_save_taehv(void) {
  saves(kl_fill_taehv, &small_taehv, KL_BF16, false);
}

static void test_save_shuffle(void) {
  Net n;
  KlErr err = KL_ERR_INIT;
  ok(net_open_shuffle("shuffle", KL_BF16, &n, &err), &err);
  saves_net(n, false);
}

/* ---- tiles ---- */

static void tiles(KlFillFn fill, const void *size, double limit) {
  enum { H = 33, W = 26, T = 2 };
  Net n = net_new(fill, size);
  KlErr err = KL_ERR_INIT;
  size_t frame = frame_size(&n, H, W), whole;
  float *z = latents(&n, T, H, W), *a = kl_alloc(5 * frame, sizeof *a), *b = kl_alloc(5 * frame, sizeof *b);
  ok(kl_vae_decode_memory(n.vae, H, W, &whole, &err), &err);
  KlVaeDecoder *d = decoder(&n, H, W, whole);
  g_assert_cmpint(kl_vae_decoder_plan(d)->tiles, ==, 1);
  push(&n, d, z, 0, T, H, W, a);
  kl_vae_decoder_free(&d);
  bool spilled = false;
  for (int percent = 90; percent >= 30; percent -= 30) {
    size_t budget = whole / 100 * (size_t)percent;
    d = decoder(&n, H, W, budget);
    const KlVaeDecodePlan *p = kl_vae_decoder_plan(d);
    g_assert_cmpint(p->tiles, >, 1);
    g_assert_cmpuint(p->bytes, <=, budget);
    spilled |= p->spilled;
    push(&n, d, z, 0, T, H, W, b);
    double e = error_of(b, a, 5 * frame);
    g_test_message("%d %%: %d tiles of %dx%d%s, %zu of %zu KB, error %.3g", percent, p->tiles, p->tile_height,
                   p->tile_width, p->spilled ? " in a file" : "", p->bytes >> 10, whole >> 10, e);
    g_assert_cmpfloat(e, <, limit);
    kl_vae_decoder_free(&d);
  }
  g_assert_true(spilled);
  err = KL_ERR_INIT;
  g_assert_false(kl_vae_decoder_new(n.vae, H, W, 100000, &d, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  g_assert_nonnull(strstr(err.msg, "MB are allowed"));
  kl_free(&z);
  kl_free(&a);
  kl_free(&b);
  net_free(&n);
}

static void test_tiles_wan(void) {
  tiles(kl_fill_wan_vae, &small_wan, .25);
}
static void test_tiles_taehv(void) {
  tiles(kl_fill_taehv, &small_taehv, .25);
}

/* A constant picture has no seams: the blending weights sum to one everywhere. */
static void test_blend(void) {
  enum { H = 29, W = 21 };
  Net n = net_new(kl_fill_taehv, &small_taehv);
  KlTensor *w = kl_weights_find(n.weights, "decoder.22.weight"),
           *bias = kl_weights_find(n.weights, "decoder.22.bias");
  uint16_t half[3] = {0x3400, 0x3800, 0x3A00}; /* .25, .5, .75 */
  memset(kl_data(w), 0, (size_t)kl_nelem(w) * 2);
  memcpy(kl_data(bias), half, sizeof half);
  float *z = latents(&n, 1, H, W), *rgb = kl_alloc(frame_size(&n, H, W), sizeof *rgb);
  size_t whole;
  KlErr err = KL_ERR_INIT;
  ok(kl_vae_decode_memory(n.vae, H, W, &whole, &err), &err);
  KlVaeDecoder *d = decoder(&n, H, W, whole / 2);
  push(&n, d, z, 0, 1, H, W, rgb);
  for (size_t i = 0; i < frame_size(&n, H, W); i++)
    g_assert_cmpfloat(fabsf(rgb[i] - .25f * (float)(i % 3 + 1)), <, 1e-6f);
  kl_vae_decoder_free(&d);
  kl_free(&z);
  kl_free(&rgb);
  net_free(&n);
}

static void test_spill_saves(void) {
  saves(kl_fill_taehv, &small_taehv, KL_F32, true);
}

/* ---- memory ---- */

static void test_memory(void) {
  enum { H = 16, W = 16 };
  Net n = net_new(kl_fill_wan_vae, &small_wan);
  float *z = latents(&n, 1, H, W), *rgb = kl_alloc(4 * frame_size(&n, H, W), sizeof *rgb);
  KlVaeDecoder *d = decoder(&n, H, W, 0);
  KlErr err = KL_ERR_INIT;
  size_t early = 0, state = kl_vae_decoder_state_bytes(d);
  for (int i = 0; i < 12; i++) {
    int got;
    ok(kl_vae_decoder_push(d, z, rgb, &got, NULL, &err), &err);
    if (i == 2) early = kl_mem_rss();
  }
#ifdef __SANITIZE_ADDRESS__ /* which keeps freed memory for a while */
  early = SIZE_MAX / 2;
#endif
  g_assert_cmpuint(kl_mem_rss(), <=, early + (512 << 10));
  g_assert_cmpuint(kl_vae_decoder_state_bytes(d), ==, state);
  g_assert_cmpuint(n.backend->peak_workspace, <=, kl_vae_decoder_plan(d)->workspace);
  kl_vae_decoder_free(&d);
  kl_free(&z);
  kl_free(&rgb);
  net_free(&n);
}

/* Every failing allocation is an error, never a crash, and nothing leaks (under ASan). */
static void test_no_memory(void) {
  Net n = net_new(kl_fill_taehv, &small_patched);
  float *z = latents(&n, 1, 4, 5), *rgb = kl_alloc(4 * frame_size(&n, 4, 5), sizeof *rgb);
  for (long at = 1;; at = at < 40 ? at + 1 : at + 23) {
    KlErr err = KL_ERR_INIT;
    KlVaeDecoder *d = NULL;
    int got;
    kl_mem_fail_after(at);
    bool fine =
        kl_vae_decoder_new(n.vae, 4, 5, 0, &d, &err) && kl_vae_decoder_push(d, z, rgb, &got, NULL, &err);
    kl_mem_fail_after(0);
    kl_vae_decoder_free(&d);
    kl_weights_unpack(n.weights);
    kl_backend_trim(n.backend);
    if (fine) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  }
  kl_free(&z);
  kl_free(&rgb);
  net_free(&n);
}

/* ---- encoding ---- */

static void encodes(KlFillFn fill, const void *size) {
  Net n = net_new(fill, size);
  KlErr err = KL_ERR_INIT;
  int s = kl_vae_info(n.vae)->stride_space, h = 3 * s, w = 2 * s;
  size_t frame = (size_t)(3 * h * w), latent = latent_size(&n, 3, 2);
  float *video = kl_alloc(9 * frame, sizeof *video), *a = kl_alloc(3 * latent, sizeof *a),
        *b = kl_alloc(latent, sizeof *b);
  for (size_t i = 0; i < 9 * frame; i++) video[i] = (float)kl_randu(5, 0, i);
  KlVaeEncoder *e = NULL;
  ok(kl_vae_encoder_new(n.vae, h, w, &e, &err), &err);
  for (int i = 0; i < 3; i++)
    ok(kl_vae_encoder_push(e, video + (i ? (size_t)(4 * i - 3) : 0) * frame, i ? 4 : 1,
                           a + (size_t)i * latent, NULL, &err),
       &err);
  g_assert_false(kl_vae_encoder_push(e, video, 5, b, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  kl_vae_encoder_free(&e);
  /* The first latent depends on the first frame alone, later ones on what came before. */
  ok(kl_vae_encoder_new(n.vae, h, w, &e, &err), &err);
  ok(kl_vae_encoder_push(e, video, 1, b, NULL, &err), &err);
  g_assert_cmpmem(a, latent * sizeof *a, b, latent * sizeof *b);
  ok(kl_vae_encoder_push(e, video + 5 * frame, 4, b, NULL, &err), &err);
  g_assert_cmpfloat(error_of(b, a + 2 * latent, latent), >, 1e-4);
  kl_vae_encoder_free(&e);
  err = KL_ERR_INIT;
  g_assert_false(kl_vae_encoder_new(n.vae, h + 1, w, &e, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  kl_free(&video);
  kl_free(&a);
  kl_free(&b);
  net_free(&n);
}

static void test_encode(void) {
  encodes(kl_fill_wan_vae, &small_wan);
  encodes(kl_fill_taehv, &small_taehv);
  encodes(kl_fill_taehv, &small_patched);
}

/* ---- cancelling and refusals ---- */

static void test_cancel(void) {
  enum { H = 8, W = 8 };
  Net n = net_new(kl_fill_wan_vae, &small_wan);
  size_t frame = frame_size(&n, H, W);
  float *z = latents(&n, 2, H, W), *a = kl_alloc(5 * frame, sizeof *a), *b = kl_alloc(5 * frame, sizeof *b);
  KlVaeDecoder *d = decoder(&n, H, W, 0);
  push(&n, d, z, 0, 1, H, W, a);
  size_t bytes = kl_vae_decoder_state_bytes(d);
  char *saved = kl_alloc(bytes, 1);
  KlErr err = KL_ERR_INIT;
  ok(kl_vae_decoder_save(d, saved, &err), &err);
  push(&n, d, z, 1, 2, H, W, a);
  ok(kl_vae_decoder_load(d, saved, bytes, &err), &err);

  KlCancel cancel = {0};
  int got;
  kl_cancel(&cancel);
  g_assert_false(kl_vae_decoder_push(d, z + latent_size(&n, H, W), b + frame, &got, &cancel, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  err = KL_ERR_INIT;
  g_assert_false(kl_vae_decoder_push(d, z, b, &got, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  g_assert_false(kl_vae_decoder_save(d, saved, NULL));
  ok(kl_vae_decoder_load(d, saved, bytes, &err), &err);
  push(&n, d, z, 1, 2, H, W, b);
  g_assert_cmpmem(a + frame, 4 * frame * sizeof *a, b + frame, 4 * frame * sizeof *b);
  kl_vae_decoder_free(&d);
  kl_free(&saved);
  kl_free(&z);
  kl_free(&a);
  kl_free(&b);
  net_free(&n);
}

/* A set with one tensor (victim ends in a dot: all that begin so) left out or of another shape is refused
 * with its name. */
typedef struct {
  KlTensorSink sink;
  KlWeights *set;
  const char *victim;
  bool odd; /* else missing */
} Spoiler;

static bool spoil(KlTensorSink *s, const char *name, int ndim, const int64_t *shape, float mean, float std,
                  KlErr *err) {
  Spoiler *p = (Spoiler *)s;
  int64_t other[KL_MAX_DIMS];
  memcpy(other, shape, (size_t)ndim * sizeof *shape);
  size_t n = strlen(p->victim);
  if (p->victim[n - 1] == '.' ? !strncmp(name, p->victim, n) : !strcmp(name, p->victim)) {
    if (!p->odd) return true;
    other[0]++;
  }
  return kl_weights_add_random(p->set, name, KL_F16, ndim, other, mean, std, 1, err);
}

static void refused(KlFillFn fill, const void *size, const char *victim, bool odd) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = NULL;
  KlVae *v = NULL;
  KlVaeDecoder *d = NULL;
  KlVaeEncoder *e = NULL;
  Spoiler s = {{spoil}, NULL, victim, odd};
  ok(kl_cpu_backend_new(1, KL_F32, &b, &err), &err);
  ok(kl_weights_new(&s.set, &err), &err);
  ok(fill(&s.sink, size, &err), &err);
  bool fine = kl_vae_open(s.set, b, &v, &err) && kl_vae_decoder_new(v, 4, 4, 0, &d, &err) &&
              kl_vae_encoder_new(v, 32, 32, &e, &err);
  g_assert_false(fine);
  g_test_message("%s", err.msg);
  g_assert_true(err.code == KL_ERR_FORMAT || err.code == KL_ERR_INVALID || err.code == KL_ERR_UNSUPPORTED);
  kl_vae_encoder_free(&e);
  kl_vae_decoder_free(&d);
  kl_vae_free(&v);
  kl_weights_free(&s.set);
  kl_backend_free(&b);
}

static void test_refuse(void) {
  static const char *const wan[] = {"conv2.weight",
                                    "decoder.conv1.bias",
                                    "decoder.upsamples.3.time_conv.weight",
                                    "decoder.middle.1.to_qkv.weight",
                                    "decoder.head.2.weight",
                                    "encoder.conv1.weight",
                                    "decoder.upsamples.4.residual.3.gamma",
                                    "decoder.head.2.",
                                    "encoder.downsamples.5.time_conv.bias"};
  static const char *const tiny[] = {
      "decoder.1.weight",      "decoder.7.conv.weight", "decoder.13.conv.weight", "decoder.22.weight",
      "decoder.9.conv.2.bias", "decoder.22.",           "encoder.2.conv.weight"};
  for (int odd = 0; odd < 2; odd++) {
    for (size_t i = 0; i < G_N_ELEMENTS(wan); i++) refused(kl_fill_wan_vae, &small_wan, wan[i], odd);
    for (size_t i = 0; i < G_N_ELEMENTS(tiny); i++) refused(kl_fill_taehv, &small_taehv, tiny[i], odd);
  }
}

static void test_refuse_upsampling(void) {
  Net n;
  KlErr err = KL_ERR_INIT;
  g_assert_false(net_open_shuffle("deconv2", KL_F32, &n, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_UNSUPPORTED);
  g_assert_nonnull(strstr(err.msg, "\"deconv2\""));
  net_free(&n);
  /* Said wrongly, the tensors do not fit: also a refusal. */
  err = KL_ERR_INIT;
  ok(net_open_shuffle("nearest", KL_F32, &n, &err), &err);
  KlVaeDecoder *d = NULL;
  g_assert_false(kl_vae_decoder_new(n.vae, 4, 4, 0, &d, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  net_free(&n);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/vae/save/wan", test_save_wan);
  g_test_add_func("/vae/save/taehv", test_save_taehv);
  g_test_add_func("/vae/save/shuffle", test_save_shuffle);
  g_test_add_func("/vae/save/spilled", test_spill_saves);
  g_test_add_func("/vae/tiles/wan", test_tiles_wan);
  g_test_add_func("/vae/tiles/taehv", test_tiles_taehv);
  g_test_add_func("/vae/tiles/blend", test_blend);
  g_test_add_func("/vae/memory", test_memory);
  g_test_add_func("/vae/no-memory", test_no_memory);
  g_test_add_func("/vae/encode", test_encode);
  g_test_add_func("/vae/cancel", test_cancel);
  g_test_add_func("/vae/refuse", test_refuse);
  g_test_add_func("/vae/refuse/upsampling", test_refuse_upsampling);
  return g_test_run();
}
