/* The Wan 2.1 video autoencoder ("Wan: open and advanced large-scale video generative models", 2025,
 * section 4.1): causal 3-D convolutions that keep their last two input frames, so that clips of any length
 * pass through constant memory.
 *
 * Everything at and above the resolution where time is already fully expanded runs one frame at a time:
 * causal layers do not care, and the activations of the large layers are a quarter in size.
 *
 * Each layer's kind is read from the tensors present, so `dim`, `dim_mult` and `num_res_blocks` need no
 * metadata. */
#include "engine/models/vae_net.h"

#include <math.h>
#include <stdio.h>

static const float latent_mean[16] = {-.7571f, -.7089f, -.9113f, .1075f,  -.1745f, .9653f,  -.1517f, 1.5508f,
                                      .4134f,  -.0715f, .5517f,  -.3632f, -.1922f, -.9497f, .2503f,  -.2921f};
static const float latent_std[16] = {2.8184f, 1.4541f, 2.3275f, 2.6558f, 1.2196f, 1.7708f, 2.6052f, 2.0743f,
                                     3.2687f, 2.1526f, 2.8652f, 1.5579f, 1.6382f, 1.1253f, 2.8251f, 1.9160f};

/* ---- blocks ---- */

/* RMS_norm of the reference: the vector over channels scaled to length sqrt(C), times gamma. */
static KlTensor *norm(KlVaeBuild *b, KlTensor *x, const char *name, KlActivation act) {
  const KlTensor *gamma = kl_vae_weight(b, "%s.gamma", name);
  return kl_norm(b->g, x, KL_NORM_L2, 1e-12f, gamma, NULL, NULL, NULL, act, b->dtype);
}

/* Causal in time, zero padding in space that keeps the size. */
static KlTensor *causal_conv(KlVaeBuild *b, KlTensor *x, const char *name, KlTensor *residual) {
  const KlTensor *w = kl_vae_weight(b, "%s.weight", name), *bias = kl_vae_weight(b, "%s.bias", name);
  if (!x || !w || !bias) return NULL;
  if (w->ndim != 5 || w->shape[2] != 3 || w->shape[3] != w->shape[4] || w->shape[3] % 2 == 0) {
    kl_fail(&b->g->err, KL_ERR_FORMAT, "wan-vae: %s has an unexpected shape", name);
    return NULL;
  }
  int pad = (int)w->shape[3] / 2;
  KlTensor *past = kl_vae_slot(b, x, 2);
  KlTensor *y = kl_conv(b->g, x, w, bias, past, residual,
                        &(KlConvParams){.stride_t = 1,
                                        .stride_h = 1,
                                        .stride_w = 1,
                                        .pad_top = pad,
                                        .pad_bottom = pad,
                                        .pad_left = pad,
                                        .pad_right = pad});
  kl_vae_remember(b, past, x);
  return y;
}

/* x' + conv(silu(norm(conv(silu(norm(x)))))), x' = x or a 1x1x1 convolution of it. */
static KlTensor *res_block(KlVaeBuild *b, KlTensor *x, const char *name) {
  char part[128];
#define PART(s) (snprintf(part, sizeof part, "%s." s, name), part)
  KlTensor *y = norm(b, x, PART("residual.0"), KL_ACT_SILU);
  y = causal_conv(b, y, PART("residual.2"), NULL);
  y = norm(b, y, PART("residual.3"), KL_ACT_SILU);
  const KlTensor *w = kl_vae_maybe(b, "%s.shortcut.weight", name);
  if (w) x = kl_linear(b->g, x, w, kl_vae_weight(b, "%s.shortcut.bias", name), KL_ACT_NONE, b->dtype);
  return causal_conv(b, y, PART("residual.6"), x);
}

/* Single-head self-attention over the pixels of each frame. */
static KlTensor *attention_block(KlVaeBuild *b, KlTensor *x, const char *name) {
  char part[128];
  KlGraph *g = b->g;
  KlTensor *y = norm(b, x, PART("norm"), KL_ACT_NONE);
  y = kl_linear(g, y, kl_vae_weight(b, "%s.to_qkv.weight", name), kl_vae_weight(b, "%s.to_qkv.bias", name),
                KL_ACT_NONE, b->dtype);
  if (!x || !y || kl_cols(y) != 3 * kl_cols(x)) {
    kl_fail(&g->err, KL_ERR_FORMAT, "wan-vae: %s.to_qkv has an unexpected shape", name);
    return NULL;
  }
  int64_t frames = x->shape[0], pixels = x->shape[1] * x->shape[2], c = x->shape[3];
  KlTensor *seen[8];
  if (frames > 8) return NULL;
  for (int64_t f = 0; f < frames; f++) {
    KlTensor *qkv = kl_reshape(g, kl_slice(g, y, 0, f, 1), KL_SHAPE(pixels, 3, c));
    KlAttention a = {.q = kl_slice(g, qkv, 1, 0, 1), .segments = 1, .scale = 1 / sqrtf((float)c)};
    a.segment[0] = (KlAttnSegment){.k = kl_slice(g, qkv, 1, 1, 1), .v = kl_slice(g, qkv, 1, 2, 1)};
    seen[f] = kl_reshape(g, kl_attention(g, &a), KL_SHAPE(1, x->shape[1], x->shape[2], c));
  }
  y = kl_linear(g, kl_vae_join(b, seen, (int)frames), kl_vae_weight(b, "%s.proj.weight", name),
                kl_vae_weight(b, "%s.proj.bias", name), KL_ACT_NONE, b->dtype);
  return kl_add(g, x, y);
}
#undef PART

static KlTensor *middle(KlVaeBuild *b, KlTensor *x, const char *side) {
  char name[64];
  snprintf(name, sizeof name, "%s.middle.0", side);
  x = res_block(b, x, name);
  snprintf(name, sizeof name, "%s.middle.1", side);
  x = attention_block(b, x, name);
  snprintf(name, sizeof name, "%s.middle.2", side);
  return res_block(b, x, name);
}

static KlTensor *head(KlVaeBuild *b, KlTensor *x, const char *side) {
  char name[64];
  snprintf(name, sizeof name, "%s.head.0", side);
  x = norm(b, x, name, KL_ACT_SILU);
  snprintf(name, sizeof name, "%s.head.2", side);
  return causal_conv(b, x, name, NULL);
}

/* ---- the decoder ---- */

/* Doubles the frames: 2C channels become two frames of C. The very first frame stays alone and leaves no
 * trace. */
static KlTensor *time_up(KlVaeBuild *b, KlTensor *x, const char *name) {
  KlGraph *g = b->g;
  const KlTensor *w = kl_vae_weight(b, "%s.time_conv.weight", name),
                 *bias = kl_vae_weight(b, "%s.time_conv.bias", name);
  KlTensor *past = kl_vae_slot(b, x, 2);
  if (b->first || !x) return x;
  KlTensor *y =
      kl_conv(g, x, w, bias, past, NULL, &(KlConvParams){.stride_t = 1, .stride_h = 1, .stride_w = 1});
  kl_vae_remember(b, past, x);
  int64_t t = x->shape[0], h = x->shape[1], wd = x->shape[2], c = x->shape[3];
  if (t == 0 || !y || y->shape[3] != 2 * c) {
    kl_fail(&g->err, KL_ERR_FORMAT, "wan-vae: %s.time_conv has an unexpected shape", name);
    return NULL;
  }
  y = kl_permute(g, kl_reshape(g, y, KL_SHAPE(t, h * wd, 2, c)), (const int[]){0, 2, 1, 3});
  return kl_reshape(g, y, KL_SHAPE(2 * t, h, wd, c));
}

/* Nearest neighbour x2, then 3x3. */
static KlTensor *space_up(KlVaeBuild *b, KlTensor *x, const char *name) {
  const KlConvParams same = {.stride_t = 1,
                             .stride_h = 1,
                             .stride_w = 1,
                             .pad_top = 1,
                             .pad_bottom = 1,
                             .pad_left = 1,
                             .pad_right = 1};
  return kl_conv(b->g, kl_upsample(b->g, x, 2, 2), kl_vae_weight(b, "%s.resample.1.weight", name),
                 kl_vae_weight(b, "%s.resample.1.bias", name), NULL, NULL, &same);
}

/* "decoder.upsamples.N" or "encoder.downsamples.N" */
typedef struct {
  char name[48];
  bool res, resample, time;
} Layer;

static bool layer_at(KlVaeBuild *b, const char *list, int i, Layer *out) {
  snprintf(out->name, sizeof out->name, "%s.%d", list, i);
  out->res = kl_vae_maybe(b, "%s.residual.2.weight", out->name) != NULL;
  out->resample = kl_vae_maybe(b, "%s.resample.1.weight", out->name) != NULL;
  out->time = kl_vae_maybe(b, "%s.time_conv.weight", out->name) != NULL;
  return out->res || out->resample;
}

/* The number of layers, and which is the first / last that changes the frame rate (-1: none). */
static int layers_of(KlVaeBuild *b, const char *list, int *first_time, int *last_time) {
  Layer l;
  int n = 0;
  *first_time = *last_time = -1;
  for (; n < 256 && layer_at(b, list, n, &l); n++)
    if (l.time) {
      if (*first_time < 0) *first_time = n;
      *last_time = n;
    }
  return n;
}

static KlTensor *decode(KlVaeBuild *b, KlTensor *z) {
  KlGraph *g = b->g;
  int first_time, last_time, n = layers_of(b, "decoder.upsamples", &first_time, &last_time);
  KlTensor *x = kl_linear(g, z, kl_vae_weight(b, "conv2.weight"), kl_vae_weight(b, "conv2.bias"), KL_ACT_NONE,
                          b->dtype);
  x = causal_conv(b, x, "decoder.conv1", NULL);
  x = middle(b, x, "decoder");
  Layer l;
  for (int i = 0; i <= last_time; i++) {
    layer_at(b, "decoder.upsamples", i, &l);
    if (l.res) x = res_block(b, x, l.name);
    if (l.time) x = time_up(b, x, l.name);
    if (l.resample && i < last_time) x = space_up(b, x, l.name);
  }
  /* All frames are there: from here on one at a time, each using the same slots again. */
  KlTensor *out[8];
  int64_t frames = x ? x->shape[0] : 0;
  size_t mark = b->used;
  if (frames > 8) return NULL;
  for (int64_t f = 0; f < frames; f++) {
    KlTensor *y = kl_slice(g, x, 0, f, 1);
    b->used = mark;
    for (int i = last_time < 0 ? 0 : last_time; i < n; i++) {
      layer_at(b, "decoder.upsamples", i, &l);
      if (l.res) y = res_block(b, y, l.name);
      if (l.resample) y = space_up(b, y, l.name);
    }
    y = kl_cast(g, head(b, y, "decoder"), KL_F32);
    bool clamp = !b->vae->unclamped;
    out[f] = kl_affine(g, y, (KlAffineParams){.5f, .5f, clamp ? 0 : -INFINITY, clamp ? 1 : INFINITY});
  }
  return frames ? kl_vae_join(b, out, (int)frames) : NULL;
}

/* ---- the encoder ---- */

/* 3x3 with stride 2; the zero padding is on the right and at the bottom only. */
static KlTensor *space_down(KlVaeBuild *b, KlTensor *x, const char *name) {
  return kl_conv(
      b->g, x, kl_vae_weight(b, "%s.resample.1.weight", name), kl_vae_weight(b, "%s.resample.1.bias", name),
      NULL, NULL,
      &(KlConvParams){.stride_t = 1, .stride_h = 2, .stride_w = 2, .pad_bottom = 1, .pad_right = 1});
}

/* Halves the frames: each result sees two new frames and the one before. The very first frame passes as it
 * is. */
static KlTensor *time_down(KlVaeBuild *b, KlTensor *x, const char *name) {
  const KlTensor *w = kl_vae_weight(b, "%s.time_conv.weight", name),
                 *bias = kl_vae_weight(b, "%s.time_conv.bias", name);
  KlTensor *past = kl_vae_slot(b, x, 1), *y = x;
  if (!b->first)
    y = kl_conv(b->g, kl_concat(b->g, (KlTensor *[]){past, x}, 2, 0), w, bias, NULL, NULL,
                &(KlConvParams){.stride_t = 2, .stride_h = 1, .stride_w = 1});
  kl_vae_remember(b, past, x);
  return y;
}

static KlTensor *encode(KlVaeBuild *b, KlTensor *video) {
  KlGraph *g = b->g;
  int first_time, last_time, n = layers_of(b, "encoder.downsamples", &first_time, &last_time);
  int split = first_time < 0 ? n : first_time; /* up to this layer's spatial half: one frame at a time */
  Layer l;
  KlTensor *part[8], *x;
  int64_t frames = video ? video->shape[0] : 0;
  size_t mark = b->used;
  if (frames < 1 || frames > 8) return NULL;
  for (int64_t f = 0; f < frames; f++) {
    b->used = mark;
    x = kl_cast(g, kl_affine(g, kl_slice(g, video, 0, f, 1), (KlAffineParams){2, -1, -INFINITY, INFINITY}),
                b->dtype);
    x = causal_conv(b, x, "encoder.conv1", NULL);
    for (int i = 0; i <= split && layer_at(b, "encoder.downsamples", i, &l); i++) {
      if (l.res) x = res_block(b, x, l.name);
      if (l.resample) x = space_down(b, x, l.name);
    }
    part[f] = x;
  }
  x = kl_vae_join(b, part, (int)frames);
  for (int i = split; i < n; i++) {
    layer_at(b, "encoder.downsamples", i, &l);
    if (l.res) x = res_block(b, x, l.name);
    if (l.resample && i > split) x = space_down(b, x, l.name);
    if (l.time) x = time_down(b, x, l.name);
  }
  x = middle(b, x, "encoder");
  x = head(b, x, "encoder");
  return kl_linear(g, x, kl_vae_weight(b, "conv1.weight"), kl_vae_weight(b, "conv1.bias"), KL_ACT_NONE,
                   KL_F32);
}

/* ---- opening ---- */

static bool probe(const KlWeights *w) {
  return kl_weights_find(w, "decoder.middle.0.residual.2.weight") && kl_weights_find(w, "conv2.weight");
}

static bool open_vae(KlVae *v, KlErr *err) {
  KlGraph g;
  KlVaeBuild b = {.vae = v, .g = &g};
  kl_graph_init(&g);
  Layer l;
  int ups = 0, times = 0;
  for (int i = 0; i < 256 && layer_at(&b, "decoder.upsamples", i, &l); i++)
    ups += l.resample, times += l.time;
  kl_graph_free(&g);
  if (!kl_weights_need(v->weights, "conv2.weight", 5, (const int64_t[]){16, 16, 1, 1, 1}, err)) return false;
  if (ups != 3 || times != 2)
    return kl_fail(err, KL_ERR_UNSUPPORTED,
                   "wan-vae: %d spatial and %d temporal doublings, 3 and 2 are known", ups, times);
  v->info = (KlVaeInfo){.arch = "wan-vae", .latent_channels = 16, .stride_space = 8, .stride_time = 4};
  v->has_encoder =
      kl_weights_find(v->weights, "encoder.conv1.weight") && kl_weights_find(v->weights, "conv1.weight");
  for (int c = 0; c < 16; c++) v->mean[c] = latent_mean[c], v->std[c] = latent_std[c];
  return true;
}

const KlVaeArch kl_vae_wan = {.name = "wan-vae",
                              .probe = probe,
                              .open = open_vae,
                              .decode = decode,
                              .encode = encode,
                              .first_frames = 1};
