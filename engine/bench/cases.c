#include "engine/bench/cases.h"

#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/bench/random_models.h"
#include "engine/graph/exec.h"
#include "engine/models/umt5.h"
#include "engine/models/vae.h"
#include "engine/models/wan_dit.h"

#include <math.h>
#include <time.h>

static double clock_s(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void kl_bench_start(KlBenchWork *w) {
  w->seconds -= clock_s(CLOCK_MONOTONIC);
  w->cpu_seconds -= clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

void kl_bench_stop(KlBenchWork *w, double flops) {
  w->seconds += clock_s(CLOCK_MONOTONIC);
  w->cpu_seconds += clock_s(CLOCK_PROCESS_CPUTIME_ID);
  w->flops += flops;
}

static float *values(size_t n, uint64_t stream, KlErr *err) {
  float *x = kl_alloc(n, sizeof *x);
  if (x)
    kl_randn(1, stream, 0, x, n);
  else
    kl_fail(err, KL_ERR_OOM, "no memory for the benchmark");
  return x;
}

static KlDtype stored(const KlBenchWork *w) {
  return w->backend->compute == KL_BF16 ? KL_BF16 : KL_F16;
}

/* ---- a step of the transformer: one pass, 512 text tokens, of Wan 2.1 T2V-1.3B ---- */

static bool wan(KlBenchWork *w, int frames, int height, int width, KlErr *err) {
  static const KlWanSize size = {1536, 8960, 12, 30, 4096};
  enum { TOKENS = 512 };
  KlWeights *weights = NULL;
  KlWan *m = NULL;
  KlWanText *text = NULL;
  size_t n = (size_t)frames * 16 * (size_t)(height * width), workspace;
  float *context = values((size_t)TOKENS * 4096, 1, err), *x = values(n, 2, err), *out = values(n, 3, err);
  float timestep = 500;
  double flops;
  bool ok = context && x && out && kl_random_file(kl_fill_wan, &size, stored(w), &weights, err) &&
            kl_wan_open(weights, w->backend, &m, err) &&
            kl_wan_text_new(m, context, TOKENS, &text, NULL, err) &&
            kl_wan_forward_plan(m, 1, 1, frames, height, width, &workspace, &flops, err);
  KlWanCondition none = {0};
  /* The first pass, of the smallest clip, packs the weights. */
  ok = ok && kl_wan_forward(m, &text, 1, x, 1, 2, 2, &timestep, true, &none, &out, NULL, err);
  if (ok) {
    kl_bench_start(w);
    ok = kl_wan_forward(m, &text, 1, x, frames, height, width, &timestep, true, &none, &out, NULL, err);
    kl_bench_stop(w, flops);
  }
  kl_wan_text_free(&text);
  kl_wan_free(&m);
  kl_weights_free(&weights);
  kl_free(&context);
  kl_free(&x);
  kl_free(&out);
  return ok;
}

bool kl_bench_wan_1280(KlBenchWork *w, KlErr *err) {
  return wan(w, 5, 32, 32, err);
}
bool kl_bench_wan_8190(KlBenchWork *w, KlErr *err) {
  return wan(w, 21, 30, 52, err);
}

/* ---- UMT5-XXL, 40 tokens: one layer's weights, passed through 24 times, packed each time as the encoder
 * does ---- */

bool kl_bench_umt5(KlBenchWork *w, KlErr *err) {
  static const KlUmt5Size size = {1024, 4096, 10240, 64, 1};
  enum { TOKENS = 40, LAYERS = 24 };
  KlWeights *weights = NULL;
  KlUmt5 *m = NULL;
  int32_t ids[TOKENS];
  float *out = values((size_t)TOKENS * 4096, 1, err);
  for (int i = 0; i < TOKENS; i++) ids[i] = i * 7;
  bool ok = out && kl_random_file(kl_fill_umt5, &size, stored(w), &weights, err) &&
            kl_umt5_open(weights, w->backend, &m, err) && kl_umt5_encode(m, ids, 1, false, out, NULL, err);
  double flops = 2.0 * TOKENS * (4.0 * 4096 * 4096 + 3.0 * 4096 * 10240) + 4.0 * TOKENS * TOKENS * 4096;
  kl_bench_start(w);
  for (int i = 0; ok && i < LAYERS; i++) ok = kl_umt5_encode(m, ids, TOKENS, false, out, NULL, err);
  kl_bench_stop(w, LAYERS * flops);
  kl_umt5_free(&m);
  kl_weights_free(&weights);
  kl_free(&out);
  return ok;
}

/* ---- autoencoders: 17 frames of 256x256 ---- */

static bool decode(KlBenchWork *w, KlFillFn fill, const void *size, KlErr *err) {
  enum { SIDE = 32, LATENTS = 5 };
  KlWeights *weights = NULL;
  KlVae *v = NULL;
  KlVaeDecoder *d = NULL;
  float *z = NULL, *rgb = NULL;
  bool ok = kl_random_file(fill, size, stored(w), &weights, err) && kl_vae_open(weights, w->backend, &v, err);
  size_t latent = ok ? (size_t)kl_vae_info(v)->latent_channels * SIDE * SIDE : 0;
  ok = ok && (z = values(LATENTS * latent, 1, err)) &&
       (rgb = values((size_t)4 * SIDE * SIDE * 64 * 3, 2, err));
  for (int round = 0; ok && round < 2; round++) { /* the first packs the weights */
    if (!(ok = kl_vae_decoder_new(v, SIDE, SIDE, 0, &d, err))) break;
    const KlVaeDecodePlan *p = kl_vae_decoder_plan(d);
    double flops = p->flops_first + (LATENTS - 1) * p->flops_next;
    int n;
    if (round) kl_bench_start(w);
    for (int i = 0; ok && i < (round ? LATENTS : 1); i++)
      ok = kl_vae_decoder_push(d, z + (size_t)i * latent, rgb, &n, NULL, err);
    if (round) kl_bench_stop(w, flops);
    kl_vae_decoder_free(&d);
  }
  kl_vae_free(&v);
  kl_weights_free(&weights);
  kl_free(&z);
  kl_free(&rgb);
  return ok;
}

bool kl_bench_wan_vae(KlBenchWork *w, KlErr *err) {
  static const KlWanVaeSize size = {96, true};
  return decode(w, kl_fill_wan_vae, &size, err);
}

bool kl_bench_taehv(KlBenchWork *w, KlErr *err) {
  static const KlTaehvSize size = {16, 1, 64, {256, 128, 64, 64}};
  return decode(w, kl_fill_taehv, &size, err);
}

/* ---- self-attention of one layer: 12 heads of 128, 8190 tokens ---- */

bool kl_bench_attention(KlBenchWork *w, KlErr *err) {
  enum { TOKENS = 8190, HEADS = 12, DIM = 128 };
  KlGraph g;
  KlExec *e = NULL;
  KlTensor *in[3];
  size_t n = (size_t)TOKENS * HEADS * DIM;
  float *x = values(n, 1, err);
  uint16_t *half = kl_alloc(n, sizeof *half);
  kl_graph_init(&g);
  KlDtype type = w->backend->compute;
  for (int i = 0; i < 3; i++) in[i] = kl_input(&g, "qkv", type, KL_SHAPE(TOKENS, HEADS, DIM));
  KlAttention a = {.q = in[0], .segments = 1, .scale = 1 / sqrtf(DIM)};
  a.segment[0] = (KlAttnSegment){.k = in[1], .v = in[2]};
  kl_output(&g, kl_attention(&g, &a));
  bool ok = x && half && kl_graph_ok(&g, err) && kl_exec_new(&g, w->backend, &e, NULL, err);
  if (ok) kl_from_f32(KL_BF16, x, half, n);
  for (int i = 0; ok && i < 3; i++)
    ok = type == KL_BF16 ? kl_exec_write(e, in[i], half, n * 2, err) : kl_exec_write(e, in[i], x, n * 4, err);
  for (int round = 0; ok && round < 3; round++) { /* the first warms up */
    if (round) kl_bench_start(w);
    ok = kl_exec_run(e, NULL, err);
    if (round) kl_bench_stop(w, kl_exec_plan(e)->flops);
  }
  kl_exec_free(&e);
  kl_graph_free(&g);
  kl_free(&x);
  kl_free(&half);
  return ok;
}
