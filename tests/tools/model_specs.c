/* Names and shapes of the public networks. Sources: the checkpoints' own tensor lists; design/MODELS.md for
 * the sizes. */
#include "engine/base/mem.h"
#include "tests/tools/model_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHAPE(...)                                                                                           \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                             \
    __VA_ARGS__                                                                                              \
  }

static KlSpec *add(KlSpecs *s, int ndim, const int64_t *shape, const char *fmt, va_list ap) {
  if (s->failed || !kl_grow(&s->spec, &s->cap, s->n + 1, sizeof *s->spec)) {
    s->failed = true;
    return NULL;
  }
  KlSpec *t = &s->spec[s->n++];
  *t = (KlSpec){.type = KL_F32, .ndim = ndim};
  vsnprintf(t->name, sizeof t->name, fmt, ap);
  memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
  return t;
}

void kl_spec_matrix(KlSpecs *s, int ndim, const int64_t *shape, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  KlSpec *t = add(s, ndim, shape, fmt, ap);
  va_end(ap);
  if (!t) return;
  int64_t fan_in = 1;
  for (int i = 1; i < ndim; i++) fan_in *= shape[i];
  t->std = 1 / sqrtf((float)fan_in);
  bool blocks = kl_dtype_is_quantised(s->type);
  t->type = blocks && (ndim != 2 || shape[1] % (int64_t)kl_dtype_block(s->type)) ? KL_F16 : s->type;
}

void kl_spec_vector(KlSpecs *s, int ndim, const int64_t *shape, float mean, float std, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  KlSpec *t = add(s, ndim, shape, fmt, ap);
  va_end(ap);
  if (!t) return;
  t->mean = mean;
  t->std = std;
}

void kl_specs_free(KlSpecs *s) {
  kl_free(&s->spec);
  s->n = s->cap = 0;
}

/* ---- Wan transformer ---- */

static void linear(KlSpecs *s, int64_t out, int64_t in, const char *name) {
  kl_spec_matrix(s, SHAPE(out, in), "%s.weight", name);
  kl_spec_vector(s, SHAPE(out), 0, 0.02f, "%s.bias", name);
}

static void wan_attention(KlSpecs *s, int i, const char *name, int64_t dim) {
  char at[64];
  for (const char *p = "qkvo"; *p; p++) {
    snprintf(at, sizeof at, "blocks.%d.%s.%c", i, name, *p);
    linear(s, dim, dim, at);
  }
  kl_spec_vector(s, SHAPE(dim), 1, 0, "blocks.%d.%s.norm_q.weight", i, name);
  kl_spec_vector(s, SHAPE(dim), 1, 0, "blocks.%d.%s.norm_k.weight", i, name);
}

void kl_specs_wan(KlSpecs *s, KlScale scale) {
  int64_t dim = scale.tiny ? 256 : 1536, ffn = scale.tiny ? 512 : 8960, text = scale.tiny ? 128 : 4096;
  int layers = scale.layers ? scale.layers : scale.tiny ? 2 : 30;
  float small = 1 / sqrtf((float)dim);
  kl_spec_matrix(s, SHAPE(dim, 16, 1, 2, 2), "patch_embedding.weight");
  kl_spec_vector(s, SHAPE(dim), 0, 0.02f, "patch_embedding.bias");
  linear(s, dim, text, "text_embedding.0");
  linear(s, dim, dim, "text_embedding.2");
  linear(s, dim, 256, "time_embedding.0");
  linear(s, dim, dim, "time_embedding.2");
  linear(s, 6 * dim, dim, "time_projection.1");
  for (int i = 0; i < layers; i++) {
    char at[64];
    kl_spec_vector(s, SHAPE(1, 6, dim), 0, small, "blocks.%d.modulation", i);
    wan_attention(s, i, "self_attn", dim);
    kl_spec_vector(s, SHAPE(dim), 1, 0, "blocks.%d.norm3.weight", i);
    kl_spec_vector(s, SHAPE(dim), 0, 0.02f, "blocks.%d.norm3.bias", i);
    wan_attention(s, i, "cross_attn", dim);
    snprintf(at, sizeof at, "blocks.%d.ffn.0", i);
    linear(s, ffn, dim, at);
    snprintf(at, sizeof at, "blocks.%d.ffn.2", i);
    linear(s, dim, ffn, at);
  }
  kl_spec_vector(s, SHAPE(1, 2, dim), 0, small, "head.modulation");
  linear(s, 64, dim, "head.head");
}

/* ---- UMT5 ---- */

void kl_specs_umt5(KlSpecs *s, KlScale scale) {
  int64_t vocab = scale.tiny ? 1024 : 256384, dim = scale.tiny ? 128 : 4096, ffn = scale.tiny ? 256 : 10240;
  int64_t heads = scale.tiny ? 2 : 64;
  int layers = scale.layers ? scale.layers : scale.tiny ? 2 : 24;
  kl_spec_matrix(s, SHAPE(vocab, dim), "token_embedding.weight");
  if (!s->failed) s->spec[s->n - 1].std = 1; /* rows, not a product */
  for (int i = 0; i < layers; i++) {
    kl_spec_vector(s, SHAPE(dim), 1, 0, "blocks.%d.norm1.weight", i);
    for (const char *p = "qkv"; *p; p++)
      kl_spec_matrix(s, SHAPE(64 * heads, dim), "blocks.%d.attn.%c.weight", i, *p);
    kl_spec_matrix(s, SHAPE(dim, 64 * heads), "blocks.%d.attn.o.weight", i);
    kl_spec_vector(s, SHAPE(dim), 1, 0, "blocks.%d.norm2.weight", i);
    kl_spec_matrix(s, SHAPE(ffn, dim), "blocks.%d.ffn.gate.0.weight", i);
    kl_spec_matrix(s, SHAPE(ffn, dim), "blocks.%d.ffn.fc1.weight", i);
    kl_spec_matrix(s, SHAPE(dim, ffn), "blocks.%d.ffn.fc2.weight", i);
    kl_spec_vector(s, SHAPE(32, heads), 0, 0.5f, "blocks.%d.pos_embedding.embedding.weight", i);
  }
  kl_spec_vector(s, SHAPE(dim), 1, 0, "norm.weight");
}

/* ---- Wan VAE ---- */

static void conv3(KlSpecs *s, int64_t out, int64_t in, int64_t t, int64_t k, const char *name) {
  kl_spec_matrix(s, SHAPE(out, in, t, k, k), "%s.weight", name);
  kl_spec_vector(s, SHAPE(out), 0, 0.02f, "%s.bias", name);
}

static void conv2(KlSpecs *s, int64_t out, int64_t in, int64_t k, bool bias, const char *name) {
  kl_spec_matrix(s, SHAPE(out, in, k, k), "%s.weight", name);
  if (bias) kl_spec_vector(s, SHAPE(out), 0, 0.02f, "%s.bias", name);
}

static void residual(KlSpecs *s, int64_t in, int64_t out, const char *name) {
  char at[96];
  kl_spec_vector(s, SHAPE(in, 1, 1, 1), 1, 0, "%s.residual.0.gamma", name);
  snprintf(at, sizeof at, "%s.residual.2", name);
  conv3(s, out, in, 3, 3, at);
  kl_spec_vector(s, SHAPE(out, 1, 1, 1), 1, 0, "%s.residual.3.gamma", name);
  snprintf(at, sizeof at, "%s.residual.6", name);
  conv3(s, out, out, 3, 3, at);
  snprintf(at, sizeof at, "%s.shortcut", name);
  if (in != out) conv3(s, out, in, 1, 1, at);
}

static void middle(KlSpecs *s, int64_t c, const char *coder) {
  char at[96];
  snprintf(at, sizeof at, "%s.middle.0", coder);
  residual(s, c, c, at);
  kl_spec_vector(s, SHAPE(c, 1, 1), 1, 0, "%s.middle.1.norm.gamma", coder);
  snprintf(at, sizeof at, "%s.middle.1.to_qkv", coder);
  conv2(s, 3 * c, c, 1, true, at);
  snprintf(at, sizeof at, "%s.middle.1.proj", coder);
  conv2(s, c, c, 1, true, at);
  snprintf(at, sizeof at, "%s.middle.2", coder);
  residual(s, c, c, at);
}

static void head(KlSpecs *s, int64_t out, int64_t in, const char *coder) {
  char at[96];
  kl_spec_vector(s, SHAPE(in, 1, 1, 1), 1, 0, "%s.head.0.gamma", coder);
  snprintf(at, sizeof at, "%s.head.2", coder);
  conv3(s, out, in, 3, 3, at);
}

void kl_specs_vae(KlSpecs *s, KlScale scale) {
  int64_t d = scale.tiny ? 8 : 96;
  const int64_t down[] = {d, d, 2 * d, 4 * d, 4 * d}, up[] = {4 * d, 4 * d, 4 * d, 2 * d, d};
  char at[96], stage[64];
  int n = 0;
  conv3(s, d, 3, 3, 3, "encoder.conv1");
  for (int i = 0; i < 4; i++) {
    for (int r = 0; r < 2; r++) {
      snprintf(at, sizeof at, "encoder.downsamples.%d", n++);
      residual(s, r ? down[i + 1] : down[i], down[i + 1], at);
    }
    if (i == 3) break;
    snprintf(stage, sizeof stage, "encoder.downsamples.%d", n++);
    snprintf(at, sizeof at, "%s.resample.1", stage);
    conv2(s, down[i + 1], down[i + 1], 3, true, at);
    snprintf(at, sizeof at, "%s.time_conv", stage);
    if (i > 0) conv3(s, down[i + 1], down[i + 1], 3, 1, at);
  }
  middle(s, 4 * d, "encoder");
  head(s, 32, 4 * d, "encoder");
  conv3(s, 32, 32, 1, 1, "conv1");
  conv3(s, 16, 16, 1, 1, "conv2");
  conv3(s, 4 * d, 16, 3, 3, "decoder.conv1");
  middle(s, 4 * d, "decoder");
  n = 0;
  for (int i = 0; i < 4; i++) {
    int64_t in = i ? up[i] / 2 : up[i], out = up[i + 1]; /* each upsampler halves the channels */
    for (int r = 0; r < 3; r++, in = out) {
      snprintf(at, sizeof at, "decoder.upsamples.%d", n++);
      residual(s, in, out, at);
    }
    if (i == 3) break;
    snprintf(stage, sizeof stage, "decoder.upsamples.%d", n++);
    snprintf(at, sizeof at, "%s.resample.1", stage);
    conv2(s, out / 2, out, 3, true, at);
    snprintf(at, sizeof at, "%s.time_conv", stage);
    if (i < 2) conv3(s, 2 * out, out, 3, 1, at);
  }
  head(s, 3, d, "decoder");
}

/* ---- TAEHV ---- */

static void mem_block(KlSpecs *s, int64_t c, const char *coder, int i) {
  char at[96];
  for (int k = 0; k < 3; k++) {
    snprintf(at, sizeof at, "%s.%d.conv.%d", coder, i, 2 * k);
    conv2(s, c, k ? c : 2 * c, 3, true, at);
  }
}

void kl_specs_taew(KlSpecs *s, KlScale scale) {
  static const int64_t full[] = {256, 128, 64, 64}, tiny[] = {48, 32, 24, 16};
  const int64_t *w = scale.tiny ? tiny : full, e = scale.tiny ? 16 : 64;
  char at[96];
  int n = 0;
  conv2(s, e, 3, 3, true, "encoder.0");
  for (int i = 0; i < 3; i++) {
    kl_spec_matrix(s, SHAPE(e, i < 2 ? 2 * e : e, 1, 1), "encoder.%d.conv.weight", 5 * i + 2);
    snprintf(at, sizeof at, "encoder.%d", 5 * i + 3);
    conv2(s, e, e, 3, false, at);
    for (int b = 0; b < 3; b++) mem_block(s, e, "encoder", 5 * i + 4 + b);
  }
  conv2(s, 16, e, 3, true, "encoder.17");
  conv2(s, w[0], 16, 3, true, "decoder.1");
  for (int i = 0; i < 3; i++) {
    n = 6 * i + 3;
    for (int b = 0; b < 3; b++) mem_block(s, w[i], "decoder", n + b);
    kl_spec_matrix(s, SHAPE(i ? 2 * w[i] : w[i], w[i], 1, 1), "decoder.%d.conv.weight", n + 4);
    snprintf(at, sizeof at, "decoder.%d", n + 5);
    conv2(s, w[i + 1], w[i], 3, false, at);
  }
  conv2(s, 3, w[3], 3, true, "decoder.22");
}
