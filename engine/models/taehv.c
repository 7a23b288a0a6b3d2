/* TAEHV, the tiny video autoencoder (Bohan, "TAEHV", github.com/madebyollin/taehv): 2-D convolutions and
 * blocks that look one frame back. It streams with one past frame a block. Widths and the patch size come
 * from the tensors.
 *
 * The decoder makes four frames of each latent and the first three of a clip are dropped, so the first push
 * gives one frame. The encoder works on groups of four; the first frame stands for a group of four copies of
 * itself, which makes latent i the frames 4i-3 .. 4i (see vae.h for the other convention).
 *
 * Config key "upsampling" of the weights says how a decoder's stage enlarges the frame by two:
 *   "nearest" (the published files, and without the key): copies of each cell, then a 3x3 convolution;
 *   "shuffle": the 3x3 convolution before it, to four times the channels, which are the four parts of each
 *   cell (Shi et al., "Real-time single image and video super-resolution", 2016). A quarter of the work. */
#include "engine/models/vae_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STAGES = 3, BLOCKS = 3 };

static KlTensor *conv(KlVaeBuild *b, KlTensor *x, const char *name, bool bias, int stride, KlTensor *residual,
                      KlActivation act) {
  return kl_conv(b->g, x, kl_vae_weight(b, "%s.weight", name),
                 bias ? kl_vae_weight(b, "%s.bias", name) : NULL, NULL, residual,
                 &(KlConvParams){.stride_t = 1,
                                 .stride_h = stride,
                                 .stride_w = stride,
                                 .pad_top = 1,
                                 .pad_bottom = 1,
                                 .pad_left = 1,
                                 .pad_right = 1,
                                 .act = act});
}

/* relu(conv relu conv relu conv [x, past] + skip(x)); past is this block's input one frame ago. */
static KlTensor *mem_block(KlVaeBuild *b, KlTensor *x, const char *side, int layer) {
  KlGraph *g = b->g;
  char name[64];
  KlTensor *slot = kl_vae_slot(b, x, 1), *past = slot;
  if (!x || !slot) return NULL;
  if (x->shape[0] > 1) past = kl_concat(g, (KlTensor *[]){slot, kl_slice(g, x, 0, 0, x->shape[0] - 1)}, 2, 0);
  KlTensor *y = kl_concat(g, (KlTensor *[]){x, past}, 2, 3);
  kl_vae_remember(b, slot, x);
  snprintf(name, sizeof name, "%s.%d.conv.0", side, layer);
  y = conv(b, y, name, true, 1, NULL, KL_ACT_RELU);
  snprintf(name, sizeof name, "%s.%d.conv.2", side, layer);
  y = conv(b, y, name, true, 1, NULL, KL_ACT_RELU);
  const KlTensor *skip = kl_vae_maybe(b, "%s.%d.skip.weight", side, layer);
  if (skip) x = kl_linear(g, x, skip, NULL, KL_ACT_NONE, b->dtype);
  snprintf(name, sizeof name, "%s.%d.conv.4", side, layer);
  return conv(b, y, name, true, 1, x, KL_ACT_RELU);
}

/* A 1x1 convolution to n*C channels, which are n frames. */
static KlTensor *time_grow(KlVaeBuild *b, KlTensor *x, int layer) {
  KlGraph *g = b->g;
  const KlTensor *w = kl_vae_weight(b, "decoder.%d.conv.weight", layer);
  if (!x || !w) return NULL;
  int64_t t = x->shape[0], h = x->shape[1], wd = x->shape[2], c = x->shape[3], n = c ? w->shape[0] / c : 0;
  KlTensor *y = kl_linear(g, x, w, NULL, KL_ACT_NONE, b->dtype);
  if (n <= 1) return y;
  y = kl_permute(g, kl_reshape(g, y, KL_SHAPE(t, h * wd, n, c)), (const int[]){0, 2, 1, 3});
  return kl_reshape(g, y, KL_SHAPE(t * n, h, wd, c));
}

/* [t, h, w, c p p] -> [t, h p, w p, c]: channel (c, i, j) of a cell is channel c of the cell's part (i, j).
 */
static KlTensor *pixel_shuffle(KlGraph *g, KlTensor *x, int64_t p) {
  if (!x || p == 1) return x;
  int64_t t = x->shape[0], h = x->shape[1], w = x->shape[2], c = x->shape[3] / (p * p);
  x = kl_permute(g, kl_reshape(g, x, KL_SHAPE(t * h, w, c, p, p)), (const int[]){0, 3, 1, 4, 2});
  return kl_reshape(g, x, KL_SHAPE(t, h * p, w * p, c));
}

/* The end of a stage: frames twice as large, with the next stage's channels. */
static KlTensor *enlarge(KlVaeBuild *b, KlTensor *x, int layer, KlActivation act) {
  char name[32];
  snprintf(name, sizeof name, "decoder.%d", layer);
  if (b->vae->shuffle) return pixel_shuffle(b->g, conv(b, x, name, false, 1, NULL, act), 2);
  return conv(b, kl_upsample(b->g, x, 2, 2), name, false, 1, NULL, act);
}

static KlTensor *decode(KlVaeBuild *b, KlTensor *z) {
  KlGraph *g = b->g;
  char name[32];
  KlTensor *x = kl_cast(g, kl_activation(g, z, KL_ACT_TANH3), b->dtype);
  x = conv(b, x, "decoder.1", true, 1, NULL, KL_ACT_RELU);
  int layer = 3;
  for (int s = 0; s < STAGES; s++) {
    for (int i = 0; i < BLOCKS; i++) x = mem_block(b, x, "decoder", layer++);
    /* In the paper's order the frame is enlarged before the 1x1 convolution; on equal neighbours it is the
     * same. */
    layer++;
    x = time_grow(b, x, layer++);
    if (s + 1 == STAGES) break;
    x = enlarge(b, x, layer++, KL_ACT_NONE);
  }
  /* Nothing looks back any more: one frame at a time. */
  KlTensor *out[8];
  int64_t frames = x ? x->shape[0] : 0, begin = b->first ? frames - 1 : 0, p = b->vae->info.stride_space / 8;
  if (frames < 1 || frames > 8) return NULL;
  bool clamp = !b->vae->unclamped;
  for (int64_t f = begin; f < frames; f++) {
    KlTensor *y = kl_cast(g, enlarge(b, kl_slice(g, x, 0, f, 1), layer, KL_ACT_RELU), KL_F32);
    snprintf(name, sizeof name, "decoder.%d", layer + 2);
    y = conv(b, y, name, true, 1, NULL, KL_ACT_NONE); /* in f32: bf16 pixels would show as bands */
    y = kl_affine(g, y, (KlAffineParams){1, 0, clamp ? 0 : -INFINITY, clamp ? 1 : INFINITY});
    out[f - begin] = pixel_shuffle(g, y, p);
  }
  return kl_vae_join(b, out, (int)(frames - begin));
}

/* n frames side by side as channels, then a 1x1 convolution. */
static KlTensor *time_pool(KlVaeBuild *b, KlTensor *x, int layer) {
  KlGraph *g = b->g;
  const KlTensor *w = kl_vae_weight(b, "encoder.%d.conv.weight", layer);
  if (!x || !w || w->ndim < 2) return NULL;
  int64_t t = x->shape[0], h = x->shape[1], wd = x->shape[2], c = x->shape[3], n = c ? w->shape[1] / c : 0;
  if (n > 1 && t % n == 0) {
    x = kl_permute(g, kl_reshape(g, x, KL_SHAPE(t / n, n, h * wd, c)), (const int[]){0, 2, 1, 3});
    x = kl_reshape(g, x, KL_SHAPE(t / n, h, wd, n * c));
  }
  return kl_linear(g, x, w, NULL, KL_ACT_NONE, b->dtype);
}

static KlTensor *encode(KlVaeBuild *b, KlTensor *video) {
  KlGraph *g = b->g;
  char name[32];
  int64_t p = b->vae->info.stride_space / 8;
  KlTensor *x = video;
  if (p > 1 && x) { /* pixel unshuffle */
    int64_t t = x->shape[0], h = x->shape[1] / p, w = x->shape[2] / p;
    x = kl_reshape(g, x, KL_SHAPE(t * h, p, w, p, 3));
    x = kl_permute(g, x, (const int[]){0, 2, 4, 1, 3});
    x = kl_reshape(g, x, KL_SHAPE(t, h, w, 3 * p * p));
  }
  x = conv(b, kl_cast(g, x, b->dtype), "encoder.0", true, 1, NULL, KL_ACT_RELU);
  int layer = 2;
  for (int s = 0; s < STAGES; s++) {
    x = time_pool(b, x, layer++);
    snprintf(name, sizeof name, "encoder.%d", layer++);
    x = conv(b, x, name, false, 2, NULL, KL_ACT_NONE);
    for (int i = 0; i < BLOCKS; i++) x = mem_block(b, x, "encoder", layer++);
  }
  snprintf(name, sizeof name, "encoder.%d", layer);
  return kl_cast(g, conv(b, x, name, true, 1, NULL, KL_ACT_NONE), KL_F32);
}

/* ---- opening ---- */

static bool probe(const KlWeights *w) {
  return kl_weights_find(w, "decoder.1.weight") && kl_weights_find(w, "decoder.3.conv.0.weight");
}

static bool open_vae(KlVae *v, KlErr *err) {
  const KlTensor *in =
      kl_weights_need(v->weights, "decoder.1.weight", 4, (const int64_t[]){-1, -1, 3, 3}, err);
  const KlTensor *out =
      kl_weights_need(v->weights, "decoder.22.weight", 4, (const int64_t[]){-1, -1, 3, 3}, err);
  if (!in || !out) return false;
  if (in->shape[1] < 1 || in->shape[1] > KL_VAE_CHANNELS || (out->shape[0] != 3 && out->shape[0] != 12))
    return kl_fail(err, KL_ERR_UNSUPPORTED, "taehv: %lld latent channels, %lld channels out",
                   (long long)in->shape[1], (long long)out->shape[0]);
  int64_t growth = 1;
  for (int s = 0; s < STAGES; s++) {
    char name[32];
    snprintf(name, sizeof name, "decoder.%d.conv.weight", 7 + 6 * s);
    const KlTensor *w = kl_weights_need(v->weights, name, 4, (const int64_t[]){-1, -1, 1, 1}, err);
    if (!w) return false;
    if (w->shape[1] < 1 || (w->shape[0] != w->shape[1] && w->shape[0] != 2 * w->shape[1]))
      return kl_fail(err, KL_ERR_FORMAT, "taehv: %s has an unexpected shape", name);
    growth *= w->shape[0] / w->shape[1];
  }
  if (growth != 4)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "taehv: %lld frames a latent, 4 is known", (long long)growth);
  char how[32] = "nearest";
  kl_weights_config_str(v->weights, "upsampling", how, sizeof how);
  v->shuffle = !strcmp(how, "shuffle");
  if (!v->shuffle && strcmp(how, "nearest"))
    return kl_fail(err, KL_ERR_UNSUPPORTED,
                   "taehv: upsampling \"%s\" is not known, \"nearest\" and \"shuffle\" are", how);
  v->info = (KlVaeInfo){.arch = "taehv",
                        .latent_channels = (int)in->shape[1],
                        .stride_space = out->shape[0] == 3 ? 8 : 16,
                        .stride_time = 4};
  v->has_encoder = kl_weights_find(v->weights, "encoder.0.weight") != NULL;
  for (int c = 0; c < v->info.latent_channels; c++) v->mean[c] = 0, v->std[c] = 1;
  return true;
}

const KlVaeArch kl_vae_taehv = {.name = "taehv",
                                .probe = probe,
                                .open = open_vae,
                                .decode = decode,
                                .encode = encode,

                                .first_frames = 4,
                                .encode_f32 = true,
                                .pads_any_number = true};
