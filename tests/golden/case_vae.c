/* The autoencoders: Wan 2.1 VAE and TAEHV, pushed latent frame by latent frame, resp. frame by frame. */
#include "engine/base/mem.h"
#include "engine/models/vae_net.h"
#include "tests/golden/golden.h"

typedef struct {
  Golden *g;
  KlWeights *cases, *weights;
  KlVae *vae;
} Case;

static bool open_case(Case *c, Golden *g) {
  *c = (Case){.g = g};
  if (!golden_open(g, &c->cases, &c->weights)) return false;
  KlErr err = KL_ERR_INIT;
  if (kl_vae_open(c->weights, g->backend, &c->vae, &err)) return true;
  golden_error(g, "weights", &err);
  return false;
}

static void close_case(Case *c) {
  kl_vae_free(&c->vae);
  kl_weights_free(&c->weights);
  kl_weights_free(&c->cases);
}

static const KlTensor *tensor(Case *c, const char *name) {
  const KlTensor *t = kl_weights_find(c->cases, name);
  KlErr err = KL_ERR_INIT;
  if (t && t->ndim == 4 && t->dtype == KL_F32) return t;
  kl_fail(&err, KL_ERR_FORMAT, "not in the case file with 4 dimensions of f32");
  golden_error(c->g, name, &err);
  return NULL;
}

/* z [t, c, h, w] -> frames [1 + 4 (t - 1), 3, H, W], values scaled. */
static float *decode(Case *c, const float *z, size_t t, size_t h, size_t w, float scale, float shift,
                     KlErr *err) {
  const KlVaeInfo *info = kl_vae_info(c->vae);
  size_t s = (size_t)info->stride_space, px = h * w * s * s, frames = 1 + 4 * (t - 1), at = 0;
  size_t latent = (size_t)info->latent_channels * h * w;
  float *rgb = golden_alloc(frames * px * 3, sizeof *rgb), *out = golden_alloc(frames * px * 3, sizeof *out);
  KlVaeDecoder *d = NULL;
  bool ok = kl_vae_decoder_new(c->vae, (int)h, (int)w, 0, &d, err);
  for (size_t i = 0; ok && i < t; i++) {
    int n;
    ok = kl_vae_decoder_push(d, z + i * latent, rgb + at * px * 3, &n, NULL, err);
    if (ok) at += (size_t)n;
  }
  kl_vae_decoder_free(&d);
  for (size_t f = 0; f < frames; f++)
    for (size_t k = 0; k < 3; k++)
      for (size_t i = 0; i < px; i++) out[(f * 3 + k) * px + i] = rgb[(f * px + i) * 3 + k] * scale + shift;
  kl_free(&rgb);
  if (!ok) kl_free(&out);
  return out;
}

/* Frames [frames, 3, H, W], `head` of them first, then fours -> [latents, c, h, w]. */
static float *encode(Case *c, const float *video, size_t frames, size_t head, size_t height, size_t width,
                     float scale, float shift, KlErr *err) {
  const KlVaeInfo *info = kl_vae_info(c->vae);
  size_t px = height * width, s = (size_t)info->stride_space,
         latent = px / s / s * (size_t)info->latent_channels;
  float *rgb = golden_alloc(4 * px * 3, sizeof *rgb),
        *out = golden_alloc((1 + (frames + 2) / 4) * latent, sizeof *out);
  KlVaeEncoder *e = NULL;
  bool ok = kl_vae_encoder_new(c->vae, (int)height, (int)width, &e, err);
  for (size_t at = 0, take = head, i = 0; ok && at < frames; at += take, take = 4, i++) {
    for (size_t f = 0; f < take; f++)
      for (size_t k = 0; k < 3; k++)
        for (size_t p = 0; p < px; p++)
          rgb[(f * px + p) * 3 + k] = video[((at + f) * 3 + k) * px + p] * scale + shift;
    ok = kl_vae_encoder_push(e, rgb, (int)take, out + i * latent, NULL, err);
  }
  kl_vae_encoder_free(&e);
  kl_free(&rgb);
  if (!ok) kl_free(&out);
  return out;
}

/* All tensors of this case have their channels first: [16, t, h, w], [3, frames, H, W] in -1..1. */
void golden_wan_vae(Golden *g) {
  Case c;
  KlErr err = KL_ERR_INIT;
  if (!open_case(&c, g)) goto out;
  c.vae->unclamped = true; /* the reference leaves values beyond -1..1 */
  const KlTensor *z = tensor(&c, "z"), *decoded = tensor(&c, "decoded"), *video = tensor(&c, "video");
  const KlTensor *encoded = tensor(&c, "encoded"), *first = tensor(&c, "encoded_first_frame");
  if (!z || !decoded || !video || !encoded || !first) goto out;
  size_t t = (size_t)z->shape[1], h = (size_t)z->shape[2], w = (size_t)z->shape[3], latents = 16 * t * h * w;
  size_t frames = (size_t)decoded->shape[1], px = 64 * h * w;
  float *a = golden_alloc(latents, sizeof *a), *b = golden_alloc(3 * frames * px, sizeof *b);
  golden_swap(kl_data(z), 16, t, h * w, a);
  float *out = decode(&c, a, t, h, w, 2, -1, &err);
  if (out) {
    golden_swap(out, frames, 3, px, b);
    golden_compare(g, "decoded", b, kl_data(decoded), 3 * frames * px);
  } else
    golden_error(g, "decoded", &err);
  kl_free(&out);
  golden_swap(kl_data(video), 3, frames, px, b);
  out = encode(&c, b, frames, 1, 8 * h, 8 * w, .5f, .5f, &err);
  if (out) {
    golden_swap(out, t, 16, h * w, a);
    golden_compare(g, "encoded", a, kl_data(encoded), latents);
    golden_compare(g, "encoded_first_frame", out, kl_data(first), latents / t);
  } else
    golden_error(g, "encoded", &err);
  kl_free(&out);
  kl_free(&a);
  kl_free(&b);
out:
  close_case(&c);
}

/* Frames first. The public files' convention: the encoder takes 4 frames from the start. */
void golden_taehv(Golden *g) {
  Case c;
  KlErr err = KL_ERR_INIT;
  if (!open_case(&c, g)) goto out;
  const KlTensor *z = tensor(&c, "z"), *decoded = tensor(&c, "decoded"), *video = tensor(&c, "video");
  const KlTensor *encoded = tensor(&c, "encoded");
  if (!z || !decoded || !video || !encoded) goto out;
  float *out =
      decode(&c, kl_data(z), (size_t)z->shape[0], (size_t)z->shape[2], (size_t)z->shape[3], 1, 0, &err);
  if (out)
    golden_compare(g, "decoded", out, kl_data(decoded), (size_t)kl_nelem(decoded));
  else
    golden_error(g, "decoded", &err);
  kl_free(&out);
  out = encode(&c, kl_data(video), (size_t)video->shape[0], 4, (size_t)video->shape[2],
               (size_t)video->shape[3], 1, 0, &err);
  if (out)
    golden_compare(g, "encoded", out, kl_data(encoded), (size_t)kl_nelem(encoded));
  else
    golden_error(g, "encoded", &err);
  kl_free(&out);
out:
  close_case(&c);
}
