#define _GNU_SOURCE
#include "engine/bench/random_models.h"

#include "engine/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- helpers: a name by printf, a convolution with its bias ---- */

typedef struct {
  KlTensorSink *sink;
  KlErr *err;
  bool ok; /* after the first failure nothing more is added */
} Out;

static void add(Out *o, float mean, float std, int ndim, const int64_t *shape, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
static void add(Out *o, float mean, float std, int ndim, const int64_t *shape, const char *fmt, ...) {
  char name[128];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  o->ok = o->ok && o->sink->add(o->sink, name, ndim, shape, mean, std, o->err);
}

/* Weights that keep the variance of what goes through; taps: kernel size over time (0: a 2-D kernel), space.
 */
static void conv(Out *o, const char *name, int64_t to, int64_t from, int64_t kt, int64_t k, bool bias) {
  float std = 1 / sqrtf((float)(from * (kt ? kt : 1) * k * k));
  if (kt)
    add(o, 0, std, 5, (const int64_t[]){to, from, kt, k, k}, "%s.weight", name);
  else
    add(o, 0, std, 4, (const int64_t[]){to, from, k, k}, "%s.weight", name);
  if (bias) add(o, 0, .02f, 1, &to, "%s.bias", name);
}

/* ---- Wan VAE ---- */

static void res_block(Out *o, const char *name, int64_t from, int64_t to) {
  char part[128];
#define PART(s) (snprintf(part, sizeof part, "%s." s, name), part)
  add(o, 1, .1f, 4, (const int64_t[]){from, 1, 1, 1}, "%s.residual.0.gamma", name);
  conv(o, PART("residual.2"), to, from, 3, 3, true);
  add(o, 1, .1f, 4, (const int64_t[]){to, 1, 1, 1}, "%s.residual.3.gamma", name);
  conv(o, PART("residual.6"), to, to, 3, 3, true);
  if (from != to) conv(o, PART("shortcut"), to, from, 1, 1, true);
}

static void middle(Out *o, const char *side, int64_t c) {
  char name[64], part[128];
  for (int i = 0; i < 3; i += 2) {
    snprintf(name, sizeof name, "%s.middle.%d", side, i);
    res_block(o, name, c, c);
  }
  snprintf(name, sizeof name, "%s.middle.1", side);
  add(o, 1, .1f, 3, (const int64_t[]){c, 1, 1}, "%s.norm.gamma", name);
  conv(o, PART("to_qkv"), 3 * c, c, 0, 1, true);
  conv(o, PART("proj"), c, c, 0, 1, true);
}

bool kl_random_wan_vae(KlTensorSink *s, int dim, bool encoder, KlErr *err) {
  Out o = {s, err, true};
  const int mult[4] = {1, 2, 4, 4};
  char name[64], part[128];
  int64_t c = dim;
  if (encoder) {
    conv(&o, "encoder.conv1", c, 3, 3, 3, true);
    for (int i = 0, n = 0; i < 4; i++) {
      for (int r = 0; r < 2; r++, c = (int64_t)dim * mult[i]) {
        snprintf(name, sizeof name, "encoder.downsamples.%d", n++);
        res_block(&o, name, c, (int64_t)dim * mult[i]);
      }
      if (i == 3) break;
      snprintf(name, sizeof name, "encoder.downsamples.%d", n++);
      conv(&o, PART("resample.1"), c, c, 0, 3, true);
      if (i > 0) {
        add(&o, 0, .5f / sqrtf((float)c), 5, (const int64_t[]){c, c, 3, 1, 1}, "%s.time_conv.weight", name);
        add(&o, 0, .02f, 1, &c, "%s.time_conv.bias", name);
      }
    }
    middle(&o, "encoder", c);
    add(&o, 1, .1f, 4, (const int64_t[]){c, 1, 1, 1}, "encoder.head.0.gamma");
    conv(&o, "encoder.head.2", 32, c, 3, 3, true);
    conv(&o, "conv1", 32, 32, 1, 1, true);
  }
  conv(&o, "conv2", 16, 16, 1, 1, true);
  c = (int64_t)dim * mult[3];
  conv(&o, "decoder.conv1", c, 16, 3, 3, true);
  middle(&o, "decoder", c);
  for (int i = 3, n = 0; i >= 0; i--) {
    for (int r = 0; r < 3; r++, c = (int64_t)dim * mult[i]) {
      snprintf(name, sizeof name, "decoder.upsamples.%d", n++);
      res_block(&o, name, c, (int64_t)dim * mult[i]);
    }
    if (i == 0) break;
    snprintf(name, sizeof name, "decoder.upsamples.%d", n++);
    conv(&o, PART("resample.1"), c / 2, c, 0, 3, true);
    if (i > 1) {
      int64_t twice = 2 * c;
      add(&o, 0, .5f / sqrtf((float)c), 5, (const int64_t[]){twice, c, 3, 1, 1}, "%s.time_conv.weight", name);
      add(&o, 0, .02f, 1, &twice, "%s.time_conv.bias", name);
    }
    c /= 2;
  }
  add(&o, 1, .1f, 4, (const int64_t[]){c, 1, 1, 1}, "decoder.head.0.gamma");
  conv(&o, "decoder.head.2", 3, c, 3, 3, true);
  return o.ok;
}
#undef PART

bool kl_fill_wan_vae(KlTensorSink *s, const void *size, KlErr *err) {
  const KlWanVaeSize *z = size;
  return kl_random_wan_vae(s, z->dim, z->encoder, err);
}

/* ---- TAEHV ---- */

static void mem_blocks(Out *o, const char *side, int *layer, int64_t c) {
  char name[64];
  for (int b = 0; b < 3; b++, ++*layer)
    for (int k = 0; k < 3; k++) {
      snprintf(name, sizeof name, "%s.%d.conv.%d", side, *layer, 2 * k);
      conv(o, name, c, k ? c : 2 * c, 0, 3, true);
    }
}

bool kl_random_taehv(KlTensorSink *s, const KlTaehvSize *z, KlErr *err) {
  Out o = {s, err, true};
  char name[64];
  int64_t w = z->encoder_width, rgb = 3 * z->patch * z->patch;
  int layer = 2;
  if (w) {
    conv(&o, "encoder.0", w, rgb, 0, 3, true);
    for (int i = 0; i < 3; i++) {
      snprintf(name, sizeof name, "encoder.%d.conv", layer++);
      conv(&o, name, w, i < 2 ? 2 * w : w, 0, 1, false);
      snprintf(name, sizeof name, "encoder.%d", layer++);
      conv(&o, name, w, w, 0, 3, false);
      mem_blocks(&o, "encoder", &layer, w);
    }
    snprintf(name, sizeof name, "encoder.%d", layer);
    conv(&o, name, z->latent_channels, w, 0, 3, true);
  }
  const int *d = z->decoder_widths;
  conv(&o, "decoder.1", d[0], z->latent_channels, 0, 3, true);
  layer = 3;
  for (int i = 0; i < 3; i++) {
    mem_blocks(&o, "decoder", &layer, d[i]);
    layer++;
    snprintf(name, sizeof name, "decoder.%d.conv", layer++);
    conv(&o, name, i ? 2 * d[i] : d[i], d[i], 0, 1, false);
    snprintf(name, sizeof name, "decoder.%d", layer++);
    conv(&o, name, d[i + 1], d[i], 0, 3, false);
  }
  conv(&o, "decoder.22", rgb, d[3], 0, 3, true);
  return o.ok;
}

bool kl_fill_taehv(KlTensorSink *s, const void *size, KlErr *err) {
  return kl_random_taehv(s, size, err);
}

/* ---- Wan transformer, UMT5 ---- */

static void matrix(Out *o, const char *name, int64_t to, int64_t from, bool bias) {
  add(o, 0, 1 / sqrtf((float)from), 2, (const int64_t[]){to, from}, "%s.weight", name);
  if (bias) add(o, 0, .02f, 1, &to, "%s.bias", name);
}

bool kl_random_wan(KlTensorSink *s, const KlWanSize *z, KlErr *err) {
  Out o = {s, err, true};
  char name[64];
  int64_t dim = z->dim;
  float small = 1 / sqrtf((float)dim);
  add(&o, 0, .125f, 5, (const int64_t[]){dim, 16, 1, 2, 2}, "patch_embedding.weight");
  add(&o, 0, .02f, 1, &dim, "patch_embedding.bias");
  matrix(&o, "text_embedding.0", dim, z->text_dim, true);
  matrix(&o, "text_embedding.2", dim, dim, true);
  matrix(&o, "time_embedding.0", dim, 256, true);
  matrix(&o, "time_embedding.2", dim, dim, true);
  matrix(&o, "time_projection.1", 6 * dim, dim, true);
  for (int i = 0; i < z->layers; i++) {
    add(&o, 0, small, 3, (const int64_t[]){1, 6, dim}, "blocks.%d.modulation", i);
    for (int a = 0; a < 2; a++) {
      const char *kind = a ? "cross_attn" : "self_attn";
      for (const char *p = "qkvo"; *p; p++) {
        snprintf(name, sizeof name, "blocks.%d.%s.%c", i, kind, *p);
        matrix(&o, name, dim, dim, true);
      }
      add(&o, 1, .1f, 1, &dim, "blocks.%d.%s.norm_q.weight", i, kind);
      add(&o, 1, .1f, 1, &dim, "blocks.%d.%s.norm_k.weight", i, kind);
    }
    add(&o, 1, .1f, 1, &dim, "blocks.%d.norm3.weight", i);
    add(&o, 0, .02f, 1, &dim, "blocks.%d.norm3.bias", i);
    snprintf(name, sizeof name, "blocks.%d.ffn.0", i);
    matrix(&o, name, z->ffn, dim, true);
    snprintf(name, sizeof name, "blocks.%d.ffn.2", i);
    matrix(&o, name, dim, z->ffn, true);
  }
  add(&o, 0, small, 3, (const int64_t[]){1, 2, dim}, "head.modulation");
  matrix(&o, "head.head", 64, dim, true);
  return o.ok;
}

bool kl_fill_wan(KlTensorSink *s, const void *size, KlErr *err) {
  return kl_random_wan(s, size, err);
}

bool kl_random_umt5(KlTensorSink *s, const KlUmt5Size *z, KlErr *err) {
  Out o = {s, err, true};
  char name[64];
  int64_t dim = z->dim;
  add(&o, 0, 1, 2, (const int64_t[]){z->vocab, dim}, "token_embedding.weight");
  for (int i = 0; i < z->layers; i++) {
    add(&o, 1, .1f, 1, &dim, "blocks.%d.norm1.weight", i);
    for (const char *p = "qkvo"; *p; p++) {
      snprintf(name, sizeof name, "blocks.%d.attn.%c", i, *p);
      matrix(&o, name, dim, dim, false);
    }
    add(&o, 0, .5f, 2, (const int64_t[]){32, z->heads}, "blocks.%d.pos_embedding.embedding.weight", i);
    add(&o, 1, .1f, 1, &dim, "blocks.%d.norm2.weight", i);
    for (int k = 0; k < 3; k++) {
      snprintf(name, sizeof name, "blocks.%d.ffn.%s", i, k == 0 ? "gate.0" : k == 1 ? "fc1" : "fc2");
      matrix(&o, name, k < 2 ? z->ffn : dim, k < 2 ? dim : z->ffn, false);
    }
  }
  add(&o, 1, .1f, 1, &dim, "norm.weight");
  return o.ok;
}

bool kl_fill_umt5(KlTensorSink *s, const void *size, KlErr *err) {
  return kl_random_umt5(s, size, err);
}

/* ---- sinks ---- */

typedef struct {
  KlTensorSink sink;
  KlDtype dtype;
  KlWeights *set;
} Memory;

static bool add_memory(KlTensorSink *s, const char *name, int ndim, const int64_t *shape, float mean,
                       float std, KlErr *err) {
  Memory *m = (Memory *)s;
  return kl_weights_add_random(m->set, name, m->dtype, ndim, shape, mean, std, 1, err);
}

bool kl_random_memory(KlFillFn fill, const void *size, KlDtype dtype, KlWeights **out, KlErr *err) {
  Memory m = {{add_memory}, dtype, NULL};
  *out = NULL;
  if (!kl_weights_new(&m.set, err)) return false;
  if (!fill(&m.sink, size, err)) {
    kl_weights_free(&m.set);
    return false;
  }
  *out = m.set;
  return true;
}

/* Two passes over the network: the header, then the values. */
typedef struct {
  KlTensorSink sink;
  KlDtype dtype;
  int fd;
  char *header;
  size_t len, cap, data;
} File;

static const char *type_name(KlDtype t) {
  return t == KL_F32 ? "F32" : t == KL_F16 ? "F16" : "BF16";
}

static bool text(File *f, KlErr *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool text(File *f, KlErr *err, const char *fmt, ...) {
  va_list ap;
  if (!kl_grow(&f->header, &f->cap, f->len + 256, 1))
    return kl_fail(err, KL_ERR_OOM, "no memory for a file's header");
  va_start(ap, fmt);
  f->len += (size_t)vsnprintf(f->header + f->len, 256, fmt, ap);
  va_end(ap);
  return true;
}

static bool add_header(KlTensorSink *s, const char *name, int ndim, const int64_t *shape, float mean,
                       float std, KlErr *err) {
  (void)mean, (void)std;
  File *f = (File *)s;
  size_t n = 1, bytes;
  if (!text(f, err, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", f->data ? "," : "", name, type_name(f->dtype)))
    return false;
  for (int i = 0; i < ndim; i++) {
    if (!text(f, err, i ? ",%lld" : "%lld", (long long)shape[i])) return false;
    n *= (size_t)shape[i];
  }
  if (!kl_dtype_bytes(f->dtype, n, &bytes)) return kl_fail(err, KL_ERR_INVALID, "%s is too large", name);
  f->data += bytes;
  return text(f, err, "],\"data_offsets\":[%zu,%zu]}", f->data - bytes, f->data);
}

static bool put(int fd, const void *data, size_t n, KlErr *err) {
  for (const char *p = data; n;) {
    ssize_t got = write(fd, p, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return kl_fail(err, KL_ERR_IO, "temporary file: %s", strerror(errno));
    p += got;
    n -= (size_t)got;
  }
  return true;
}

static bool add_values(KlTensorSink *s, const char *name, int ndim, const int64_t *shape, float mean,
                       float std, KlErr *err) {
  File *f = (File *)s;
  KlWeights *one = NULL;
  size_t bytes;
  bool ok =
      kl_weights_new(&one, err) && kl_weights_add_random(one, name, f->dtype, ndim, shape, mean, std, 1, err);
  if (ok) {
    const KlTensor *t = kl_weights_find(one, name);
    ok = kl_tensor_bytes(t, &bytes) && put(f->fd, kl_data(t), bytes, err);
  }
  kl_weights_free(&one);
  return ok;
}

bool kl_random_file(KlFillFn fill, const void *size, KlDtype dtype, KlWeights **out, KlErr *err) {
  *out = NULL;
  const char *dir = getenv("TMPDIR");
  char path[512], link[64];
  const char *open_as = link;
  File f = {.sink = {add_header}, .dtype = dtype, .fd = -1};
  bool ok = false;
  snprintf(path, sizeof path, "%s/kinoloom-XXXXXX", dir && *dir ? dir : "/var/tmp");
  if (!text(&f, err, "{") || !fill(&f.sink, size, err) || !text(&f, err, "}")) goto out;
  while (f.len % 8)
    if (!text(&f, err, " ")) goto out;
  if ((f.fd = mkostemp(path, O_CLOEXEC)) < 0) {
    kl_fail(err, KL_ERR_IO, "cannot create %s: %s", path, strerror(errno));
    goto out;
  }
  unlink(path);
  uint64_t len = f.len;
  f.sink.add = add_values;
  snprintf(link, sizeof link, "/proc/self/fd/%d", f.fd);
  ok = put(f.fd, &len, sizeof len, err) && put(f.fd, f.header, f.len, err) && fill(&f.sink, size, err) &&
       kl_weights_open(&open_as, 1, out, err);
out:
  if (f.fd >= 0) close(f.fd);
  kl_free(&f.header);
  return ok;
}
