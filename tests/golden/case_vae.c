/* The autoencoders against the reference implementations: shared/golden's wan_vae and taehv. */
#include "tests/golden/golden.h"

#include "engine/base/mem.h"
#include "engine/models/vae_net.h"

#include <stdio.h>

typedef struct {
  KlGolden *g;
  KlWeights *weights, *data;
  KlVae *vae;
} Case;

static bool case_open(Case *c, KlGolden *g, const char *name, KlErr *err) {
  *c = (Case){.g = g};
  char weights[512], data[512];
  snprintf(weights, sizeof weights, "%s/%s.weights.safetensors", g->dir, name);
  snprintf(data, sizeof data, "%s/%s.case.safetensors", g->dir, name);
  if (!kl_weights_open((const char *const[]){weights}, 1, &c->weights, err) ||
      !kl_weights_open((const char *const[]){data}, 1, &c->data, err) ||
      !kl_vae_open(c->weights, g->backend, &c->vae, err))
    return false;
  c->vae->unclamped = true;
  return true;
}

static void case_close(Case *c) {
  kl_vae_free(&c->vae);
  kl_weights_free(&c->data);
  kl_weights_free(&c->weights);
}

/* [A, B, N] to [B, A, N]: the reference keeps channels first, vae.h frames. */
static void swap_outer(const float *x, size_t a, size_t b, size_t n, float *y) {
  for (size_t i = 0; i < a; i++)
    for (size_t j = 0; j < b; j++)
      for (size_t k = 0; k < n; k++) y[(j * a + i) * n + k] = x[(i * b + j) * n + k];
}

/* Frames [n, H*W, 3] in 0..1 to [n, 3, H*W] times scale plus shift. */
static void planar(const float *rgb, size_t frames, size_t px, float scale, float shift, float *y) {
  for (size_t f = 0; f < frames; f++)
    for (size_t c = 0; c < 3; c++)
      for (size_t i = 0; i < px; i++) y[(f * 3 + c) * px + i] = rgb[(f * px + i) * 3 + c] * scale + shift;
}

/* Decodes z [t, c, h, w]; returns [frames, 3, H, W] scaled, or NULL. Freed by the caller. */
static float *decode_all(Case *c, const float *z, int t, int h, int w, float scale, float shift, KlErr *err) {
  const KlVaeInfo *info = kl_vae_info(c->vae);
  size_t s = (size_t)info->stride_space, px = (size_t)h * (size_t)w * s * s,
         frames = (size_t)(1 + 4 * (t - 1));
  size_t latent = (size_t)info->latent_channels * (size_t)h * (size_t)w, at = 0;
  float *rgb = kl_alloc(frames * px * 3, sizeof *rgb), *out = kl_alloc(frames * px * 3, sizeof *out);
  KlVaeDecoder *d = NULL;
  bool ok = rgb && out && kl_vae_decoder_new(c->vae, h, w, 0, &d, err);
  for (int i = 0, n; ok && i < t; i++) {
    ok = kl_vae_decoder_push(d, z + (size_t)i * latent, rgb + at * px * 3, &n, NULL, err);
    if (ok) at += (size_t)n;
  }
  if (ok) planar(rgb, frames, px, scale, shift, out);
  kl_vae_decoder_free(&d);
  kl_free(&rgb);
  if (!ok) kl_free(&out);
  return out;
}

/* Encodes video [frames, H, W, 3] in 0..1, `head` frames first, then fours; returns [latents, c, h, w]. */
static float *encode_all(Case *c, const float *rgb, int frames, int head, int height, int width, KlErr *err) {
  const KlVaeInfo *info = kl_vae_info(c->vae);
  size_t px = (size_t)height * (size_t)width, s = (size_t)info->stride_space;
  size_t latent = px / s / s * (size_t)info->latent_channels, n = (size_t)(1 + (frames - head + 3) / 4);
  float *out = kl_alloc(n * latent, sizeof *out), *to = out;
  KlVaeEncoder *e = NULL;
  bool ok = out && kl_vae_encoder_new(c->vae, height, width, &e, err);
  for (int f = 0, take = head; ok && f < frames; f += take, take = 4, to += latent)
    ok = kl_vae_encoder_push(e, rgb + (size_t)f * px * 3, take, to, NULL, err);
  kl_vae_encoder_free(&e);
  if (!ok) kl_free(&out);
  return out;
}

static bool wan_vae(KlGolden *g, KlErr *err) {
  Case c;
  float *z = NULL, *out = NULL, *back = NULL, *rgb = NULL;
  bool ok = false;
  if (!case_open(&c, g, "wan_vae", err)) goto out;
  const KlTensor *tz = kl_weights_find(c.data, "z"), *td = kl_weights_find(c.data, "decoded");
  const KlTensor *tv = kl_weights_find(c.data, "video"), *te = kl_weights_find(c.data, "encoded");
  const KlTensor *t1 = kl_weights_find(c.data, "encoded_first_frame");
  if (!tz || !td || !tv || !te || !t1) {
    kl_fail(err, KL_ERR_FORMAT, "wan_vae.case lacks a tensor");
    goto out;
  }
  size_t t = (size_t)tz->shape[1], h = (size_t)tz->shape[2], w = (size_t)tz->shape[3];
  size_t frames = (size_t)td->shape[1], px = (size_t)(td->shape[2] * td->shape[3]);
  if (!(z = kl_alloc(16 * t * h * w, sizeof *z)) || !(back = kl_alloc(3 * frames * px, sizeof *back)) ||
      !(rgb = kl_alloc(3 * frames * px, sizeof *rgb)))
    goto out;
  swap_outer(kl_data(tz), 16, t, h * w, z);
  if (!(out = decode_all(&c, z, (int)t, (int)h, (int)w, 2, -1, err))) goto out;
  swap_outer(out, frames, 3, px, back);
  kl_golden_compare(g, "wan_vae", "decoded", back, kl_data(td), 3 * frames * px);
  kl_free(&out);

  const float *video = kl_data(tv); /* [3, frames, px] in -1..1 to [frames, px, 3] in 0..1 */
  for (size_t f = 0; f < frames; f++)
    for (size_t i = 0; i < px; i++)
      for (size_t k = 0; k < 3; k++) rgb[(f * px + i) * 3 + k] = video[(k * frames + f) * px + i] * .5f + .5f;
  if (!(out = encode_all(&c, rgb, (int)frames, 1, (int)tv->shape[2], (int)tv->shape[3], err))) goto out;
  swap_outer(out, t, 16, h * w, z);
  kl_golden_compare(g, "wan_vae", "encoded", z, kl_data(te), 16 * t * h * w);
  kl_golden_compare(g, "wan_vae", "encoded_first_frame", out, kl_data(t1), 16 * h * w);
  ok = true;
out:
  kl_free(&z);
  kl_free(&out);
  kl_free(&back);
  kl_free(&rgb);
  case_close(&c);
  return ok;
}

static bool taehv(KlGolden *g, KlErr *err) {
  Case c;
  float *out = NULL, *rgb = NULL;
  bool ok = false;
  if (!case_open(&c, g, "taehv", err)) goto out;
  c.vae->unclamped = false; /* the reference clamps here */
  const KlTensor *tz = kl_weights_find(c.data, "z"), *td = kl_weights_find(c.data, "decoded");
  const KlTensor *tv = kl_weights_find(c.data, "video"), *te = kl_weights_find(c.data, "encoded");
  if (!tz || !td || !tv || !te) {
    kl_fail(err, KL_ERR_FORMAT, "taehv.case lacks a tensor");
    goto out;
  }
  if (!(out =
            decode_all(&c, kl_data(tz), (int)tz->shape[0], (int)tz->shape[2], (int)tz->shape[3], 1, 0, err)))
    goto out;
  kl_golden_compare(g, "taehv", "decoded", out, kl_data(td), (size_t)kl_nelem(td));
  kl_free(&out);
  size_t frames = (size_t)tv->shape[0], px = (size_t)(tv->shape[2] * tv->shape[3]);
  if (!(rgb = kl_alloc(frames * px * 3, sizeof *rgb))) goto out;
  const float *video = kl_data(tv);
  for (size_t f = 0; f < frames; f++)
    for (size_t i = 0; i < px; i++)
      for (size_t k = 0; k < 3; k++) rgb[(f * px + i) * 3 + k] = video[(f * 3 + k) * px + i];
  if (!(out = encode_all(&c, rgb, (int)frames, 4, (int)tv->shape[2], (int)tv->shape[3], err))) goto out;
  kl_golden_compare(g, "taehv", "encoded", out, kl_data(te), (size_t)kl_nelem(te));
  ok = true;
out:
  kl_free(&out);
  kl_free(&rgb);
  case_close(&c);
  return ok;
}

bool kl_golden_vae(KlGolden *g, KlErr *err) {
  return wan_vae(g, err) && taehv(g, err);
}
