/* The built-in model as it is sampled: text, one velocity, two chunks with guidance, a given first frame, and
 * the autoencoder both ways. The case file is written by resources/models/train/export.py from the exported
 * weights; those lie in the folder of the model (KL_STARTER, by default the source tree's). */
#include "engine/base/mem.h"
#include "engine/models/umt5.h"
#include "engine/models/vae.h"
#include "engine/models/wan_dit.h"
#include "engine/sampling/solver.h"
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  Golden *g;
  KlWeights *cases, *net, *encoder;
  KlUmt5 *umt5;
  KlWan *m;
  KlWanText *text[2]; /* the prompt, the empty prompt */
  int h, w, k;        /* latent size, frames a chunk */
  size_t chunk;       /* values of a chunk */
  KlSchedule schedule;
  double guidance;
  float *room; /* [4][chunk]: x and two velocities */
} Case;

static bool open_part(const char *file, KlWeights **out, KlErr *err) {
  char path[4096];
  const char *p = path, *folder = getenv("KL_STARTER");
  snprintf(path, sizeof path, "%s/%s", folder ? folder : KL_STARTER, file);
  return kl_weights_open(&p, 1, out, err);
}

/* Rows of the text encoder to a text of the transformer; compared where the case has them. */
static bool encode(Case *c, const int32_t *ids, int n, const char *compare, KlWanText **out, KlErr *err) {
  size_t values = (size_t)n * (size_t)kl_umt5_dim(c->umt5), have;
  float *rows = golden_alloc(values, sizeof *rows);
  bool ok = kl_umt5_encode(c->umt5, ids, n, true, rows, NULL, err);
  const float *want = ok && compare ? golden_values(c->g, c->cases, compare, true, &have) : NULL;
  if (want && have == values) golden_compare(c->g, compare, rows, want, values);
  ok = ok && kl_wan_text_new(c->m, rows, n, out, NULL, err);
  kl_free(&rows);
  return ok;
}

static bool open_case(Case *c, Golden *g, KlErr *err) {
  *c = (Case){.g = g};
  if (!golden_open(g, &c->cases, NULL)) return false;
  if (!open_part("transformer.safetensors", &c->net, err) ||
      !open_part("text_encoder.safetensors", &c->encoder, err) ||
      !kl_umt5_open(c->encoder, g->backend, &c->umt5, err) || !kl_wan_open(c->net, g->backend, &c->m, err))
    return false;
  const KlTensor *ids = kl_weights_find(c->cases, "ids"), *noise = kl_weights_find(c->cases, "noise");
  const KlWanConfig *config = kl_wan_config(c->m);
  if (!ids || ids->dtype != KL_I32 || kl_nelem(ids) < 1 || !noise || noise->ndim != 4 ||
      noise->dtype != KL_F32 || noise->shape[1] != config->out_dim || noise->shape[0] % config->chunk_frames)
    return kl_fail(err, KL_ERR_FORMAT, "ids or noise do not fit the model");
  const int32_t *id = kl_data(ids);
  int n = (int)kl_nelem(ids);
  if (!encode(c, id, n, "text", &c->text[0], err) || !encode(c, id + n - 1, 1, NULL, &c->text[1], err))
    return false;
  c->h = (int)noise->shape[2];
  c->w = (int)noise->shape[3];
  c->k = config->chunk_frames;
  c->chunk = (size_t)(c->k * config->out_dim * c->h * c->w);
  c->room = golden_alloc(4 * c->chunk, sizeof *c->room);
  c->guidance = kl_weights_config_num(c->cases, "guidance", 1);
  return kl_schedule_init(&c->schedule, KL_SOLVER_EULER, (int)kl_weights_config_int(c->cases, "steps", 0),
                          kl_weights_config_num(c->cases, "shift", 1), err);
}

static void close_case(Case *c) {
  for (int i = 0; i < 2; i++) kl_wan_text_free(&c->text[i]);
  kl_wan_free(&c->m);
  kl_umt5_free(&c->umt5);
  kl_weights_free(&c->encoder);
  kl_weights_free(&c->net);
  kl_weights_free(&c->cases);
  kl_free(&c->room);
}

static bool velocity(Case *c, const float *noise, KlErr *err) {
  size_t n;
  float *out = c->room;
  const float *want = golden_values(c->g, c->cases, "velocity_first_step", true, &n);
  KlWanStream *s = NULL;
  if (!want || n != c->chunk) return true;
  bool ok = kl_wan_stream_new(c->m, 1, c->h, c->w, 0, 0, kl_wan_config(c->m)->relative_positions, &s, err) &&
            kl_wan_stream_forward(s, c->text, noise, c->k, 1000, NULL, &out, NULL, err);
  if (ok) golden_compare(c->g, "velocity_first_step", out, want, n);
  kl_wan_stream_free(&s);
  return ok;
}

/* Chunk after chunk with guidance, both branches at once, to the tensor NAME of the case. */
static bool sample(Case *c, const char *name, const float *noise, const KlWanCondition *cond, KlErr *err) {
  size_t n;
  const float *want = golden_values(c->g, c->cases, name, true, &n);
  if (!want || n % c->chunk) return true;
  KlWanStream *s = NULL;
  KlSolverRun *run = NULL;
  float *done = golden_alloc(n, sizeof *done), *v[2] = {c->room, c->room + c->chunk};
  bool ok = kl_solver_new(&c->schedule, c->chunk, &run, err) &&
            kl_wan_stream_new(c->m, 2, c->h, c->w, 0, 0, kl_wan_config(c->m)->relative_positions, &s, err);
  for (size_t at = 0; ok && at < n; at += c->chunk) {
    float *x = done + at;
    memcpy(x, noise + at, c->chunk * sizeof *x);
    kl_solver_reset(run);
    for (int i = 0; ok && i < c->schedule.steps; i++) {
      ok = kl_wan_stream_forward(s, c->text, x, c->k, (float)c->schedule.timestep[i], cond, v, NULL, err);
      if (!ok) break;
      kl_guide(v[0], v[1], c->guidance, v[0], c->chunk);
      kl_solver_step(run, x, v[0], NULL);
    }
    ok = ok && kl_wan_stream_commit(s, c->text, x, c->k, 0, cond, NULL, err);
  }
  if (ok) golden_compare(c->g, name, done, want, n);
  kl_wan_stream_free(&s);
  kl_solver_free(&run);
  kl_free(&done);
  return ok;
}

/* The case's latents to its frames [n, 3, h, w] in 0..1. */
static bool decode(Case *c, KlVae *v, KlErr *err) {
  const KlTensor *frames = kl_weights_find(c->cases, "frames"), *z = kl_weights_find(c->cases, "latents");
  if (!frames || frames->ndim != 4 || !z || z->ndim != 4) return true;
  size_t latent = (size_t)(kl_nelem(z) / z->shape[0]), px = (size_t)(frames->shape[2] * frames->shape[3]),
         at = 0;
  size_t total = (size_t)frames->shape[0];
  KlVaeDecoder *d = NULL;
  float *got = golden_alloc(total * 3 * px, sizeof *got), *rgb = golden_alloc(4 * 3 * px, sizeof *rgb);
  bool ok = kl_vae_decoder_new(v, (int)z->shape[2], (int)z->shape[3], 0, &d, err);
  for (int64_t i = 0; ok && i < z->shape[0]; i++) {
    int n = 0;
    ok = kl_vae_decoder_push(d, (const float *)kl_data(z) + (size_t)i * latent, rgb, &n, NULL, err);
    for (int f = 0; ok && f < n && at < total; f++, at++)
      golden_swap(rgb + (size_t)f * px * 3, px, 3, 1, got + at * px * 3);
  }
  if (ok) golden_compare(c->g, "frames", got, kl_data(frames), total * 3 * px);
  kl_vae_decoder_free(&d);
  kl_free(&got);
  kl_free(&rgb);
  return ok;
}

static bool encode_frames(Case *c, KlVae *v, KlErr *err) {
  const KlTensor *frames = kl_weights_find(c->cases, "frames"), *z = kl_weights_find(c->cases, "encoded");
  if (!frames || frames->ndim != 4 || !z || z->ndim != 4 || z->shape[0] != 1 + (frames->shape[0] - 1) / 4)
    return true;
  size_t latent = (size_t)(kl_nelem(z) / z->shape[0]), px = (size_t)(frames->shape[2] * frames->shape[3]);
  KlVaeEncoder *e = NULL;
  float *got = golden_alloc((size_t)kl_nelem(z), sizeof *got), *rgb = golden_alloc(4 * 3 * px, sizeof *rgb);
  const float *from = kl_data(frames);
  bool ok = kl_vae_encoder_new(v, (int)frames->shape[2], (int)frames->shape[3], &e, err);
  for (int64_t i = 0; ok && i < z->shape[0]; i++) {
    int n = i ? 4 : 1;
    for (int f = 0; f < n; f++, from += 3 * px) golden_swap(from, 3, px, 1, rgb + (size_t)f * px * 3);
    ok = kl_vae_encoder_push(e, rgb, n, got + (size_t)i * latent, NULL, err);
  }
  if (ok) golden_compare(c->g, "encoded", got, kl_data(z), (size_t)kl_nelem(z));
  kl_vae_encoder_free(&e);
  kl_free(&got);
  kl_free(&rgb);
  return ok;
}

static void autoencoder(Case *c, KlErr *err) {
  KlWeights *w = NULL;
  KlVae *v = NULL;
  if (open_part("vae.safetensors", &w, err) && kl_vae_open(w, c->g->backend, &v, err) && decode(c, v, err))
    encode_frames(c, v, err);
  kl_vae_free(&v);
  kl_weights_free(&w);
}

void golden_starter(Golden *g) {
  Case c;
  KlErr err = KL_ERR_INIT;
  bool ok = open_case(&c, g, &err);
  const float *noise = ok ? golden_values(g, c.cases, "noise", false, NULL) : NULL;
  if (noise && velocity(&c, noise, &err) && sample(&c, "latents", noise, NULL, &err)) {
    KlWanCondition cond = {.first_frame = golden_values(g, c.cases, "first_frame_latent", true, NULL)};
    if (cond.first_frame) sample(&c, "latents_given_first_frame", noise, &cond, &err);
  }
  if (noise && !err.code) autoencoder(&c, &err);
  if (err.code) golden_error(g, "run", &err);
  close_case(&c);
}
