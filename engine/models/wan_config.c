#include "engine/base/mem.h"
#include "engine/formats/json_scan.h"
#include "engine/models/wan_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CHANNELS = 1024, MOST_DIM = 65536 };

/* A matrix [n, k], k = -1: any, and its bias [n] where there is one. Names are PREFIX.weight and PREFIX.bias.
 */
__attribute__((format(printf, 6, 7))) static bool affine(KlWan *m, KlWanAffine *a, int64_t n, int64_t k,
                                                         KlErr *err, const char *fmt, ...) {
  char prefix[96], name[112];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(prefix, sizeof prefix, fmt, ap);
  va_end(ap);
  snprintf(name, sizeof name, "%s.weight", prefix);
  if (!(a->w = kl_weights_need(m->w, name, 2, (const int64_t[]){n, k}, err))) return false;
  snprintf(name, sizeof name, "%s.bias", prefix);
  a->b = kl_weights_find(m->w, name);
  return !a->b || kl_weights_need(m->w, name, 1, (const int64_t[]){n}, err);
}

static bool vector(KlWan *m, const KlTensor **t, KlErr *err, const char *name) {
  return (*t = kl_weights_need(m->w, name, 1, (const int64_t[]){m->c.dim}, err)) != NULL;
}

/* A convolution whose kernel is its stride: [dim, C, 1, 2, 2], in some files [dim, C * 4]. */
static bool patch(KlWan *m, KlWanAffine *a, int *channels, const char *name, KlErr *err) {
  int64_t area = m->c.patch_h * m->c.patch_w, n, k;
  a->w = kl_weights_findf(m->w, "%s.weight", name);
  a->b = kl_weights_findf(m->w, "%s.bias", name);
  if (!a->w || !a->b || a->w->ndim < 2)
    return kl_fail(err, KL_ERR_FORMAT, "tensor %s.weight or .bias is missing", name);
  n = a->w->shape[0];
  k = n > 0 ? kl_nelem(a->w) / n : 0;
  if (n < 8 || n > MOST_DIM || n % 8 || k < area || k % area || k / area > MOST_CHANNELS ||
      kl_nelem(a->b) != n || (m->c.dim && n != m->c.dim) ||
      (a->w->ndim == 5 &&
       (a->w->shape[2] != 1 || a->w->shape[3] != m->c.patch_h || a->w->shape[4] != m->c.patch_w)))
    return kl_fail(err, KL_ERR_UNSUPPORTED, "tensor %s.weight has a shape that no Wan model has", name);
  m->c.dim = (int)n;
  *channels = (int)(k / area);
  return true;
}

static bool attention(KlWan *m, KlWanAttention *a, const char *prefix, KlErr *err) {
  char name[96];
  int dim = m->c.dim;
  snprintf(name, sizeof name, "%s.norm_q.weight", prefix);
  if (!vector(m, &a->norm_q, err, name)) return false;
  snprintf(name, sizeof name, "%s.norm_k.weight", prefix);
  return vector(m, &a->norm_k, err, name) && affine(m, &a->q, dim, dim, err, "%s.q", prefix) &&
         affine(m, &a->k, dim, dim, err, "%s.k", prefix) && affine(m, &a->v, dim, dim, err, "%s.v", prefix) &&
         affine(m, &a->o, dim, dim, err, "%s.o", prefix);
}

/* Learnt modulation, whatever its type in the file, to f32 memory of the backend. */
static bool modulation(KlWan *m, int block, int lines, const char *name, KlErr *err) {
  const KlTensor *t = kl_weights_find(m->w, name);
  size_t n = (size_t)lines * (size_t)m->c.dim;
  if (!t || kl_nelem(t) != (int64_t)n || t->dtype == KL_I32)
    return kl_fail(err, KL_ERR_FORMAT, "tensor %s is missing or has the wrong size", name);
  float *f = kl_alloc(n, sizeof *f);
  if (!f) return kl_fail(err, KL_ERR_OOM, "no memory for the modulation");
  kl_to_f32(t->dtype, kl_data(t), f, n);
  size_t at = (size_t)block * 6 * (size_t)m->c.dim * sizeof *f;
  bool ok = kl_buffer_write(&m->modulation, at, f, n * sizeof *f, err);
  kl_free(&f);
  return ok;
}

static bool block(KlWan *m, int i, KlErr *err) {
  int n = i - m->c.layers, dim = m->c.dim;
  char p[48], name[96];
  KlWanBlock *b = &m->blocks[i];
  if (n < 0)
    snprintf(p, sizeof p, "blocks.%d", i);
  else
    snprintf(p, sizeof p, "vace_blocks.%d", n);
  snprintf(name, sizeof name, "%s.self_attn", p);
  if (!attention(m, &b->self, name, err)) return false;
  snprintf(name, sizeof name, "%s.cross_attn", p);
  if (!attention(m, &b->cross, name, err)) return false;
  snprintf(name, sizeof name, "%s.modulation", p);
  if (!modulation(m, i, 6, name, err)) return false;
  snprintf(name, sizeof name, "%s.norm3.weight", p);
  if (!vector(m, &b->norm3.w, err, name)) return false;
  snprintf(name, sizeof name, "%s.norm3.bias", p);
  if (!vector(m, &b->norm3.b, err, name)) return false;
  if (!affine(m, &b->ffn_up, m->c.ffn_dim, dim, err, "%s.ffn.0", p)) return false;
  if (!affine(m, &b->ffn_down, dim, m->c.ffn_dim, err, "%s.ffn.2", p)) return false;
  if (n < 0) return true;
  return (n > 0 || affine(m, &b->before, dim, dim, err, "%s.before_proj", p)) &&
         affine(m, &b->after, dim, dim, err, "%s.after_proj", p);
}

/* Consecutive blocks from 0. */
static int count(const KlWan *m, const char *prefix) {
  int n = 0;
  while (n < KL_WAN_MOST_LAYERS && kl_weights_findf(m->w, "%s.%d.ffn.0.weight", prefix, n)) n++;
  return n;
}

/* "vace_layers": [...] of the config; without it they are spread evenly from 0 (the public 1.3B: every
 * second). */
static bool vace_layers(KlWan *m, KlErr *err) {
  int step = (m->c.layers + m->vace_layers - 1) / m->vace_layers, got = 0;
  for (int i = 0; i < m->vace_layers; i++) m->vace_at[i] = i * step;
  const char *config = kl_weights_meta(m->w, "config");
  KlJson j;
  KlJsonStr key;
  kl_json_init(&j, config ? config : "{}", config ? strlen(config) : 2);
  if (!kl_json_enter(&j, '{')) return kl_fail(err, KL_ERR_FORMAT, "metadata config is no JSON object");
  while (kl_json_more(&j, '}') && kl_json_key(&j, &key)) {
    if (!kl_json_is(key, "vace_layers") || kl_json_peek(&j) != '[') {
      kl_json_skip(&j);
      continue;
    }
    int64_t at;
    kl_json_enter(&j, '[');
    while (kl_json_more(&j, ']') && kl_json_int(&j, &at)) {
      if (got < m->vace_layers && at >= 0 && at < m->c.layers) m->vace_at[got] = (int)at;
      got++;
    }
  }
  for (int i = 0; i < m->vace_layers; i++)
    if (m->vace_at[i] >= m->c.layers || (i && m->vace_at[i] <= m->vace_at[i - 1]) ||
        (got && got != m->vace_layers))
      return kl_fail(err, KL_ERR_FORMAT, "vace_layers do not fit the model");
  return true;
}

static bool within(int64_t x, int64_t lo, int64_t hi) {
  return x >= lo && x <= hi;
}

static bool config(KlWan *m, KlErr *err) {
  KlWanConfig *c = &m->c;
  char text[32];
  int64_t heads = kl_weights_config_int(m->w, "num_heads", c->dim / 128 > 0 ? c->dim / 128 : 1);
  int64_t text_len = kl_weights_config_int(m->w, "text_len", 512);
  int64_t chunk = kl_weights_config_int(m->w, "chunk_frames", 0),
          sink = kl_weights_config_int(m->w, "sink_frames", 3);
  int64_t window = kl_weights_config_int(m->w, "window_frames", 21);
  int64_t coordinates = kl_weights_config_int(m->w, "coordinate_channels", 0);
  int64_t first = kl_weights_config_int(m->w, "first_frame_channels", 0);
  double eps = kl_weights_config_num(m->w, "eps", 1e-6);
  if (!within(heads, 1, c->dim) || c->dim % heads || c->dim / heads % 2 || c->dim / heads < 6)
    return kl_fail(err, KL_ERR_FORMAT, "%d channels do not divide into %lld heads", c->dim, (long long)heads);
  if (!within(text_len, 1, 65536) || !(eps > 0 && eps < 1))
    return kl_fail(err, KL_ERR_FORMAT, "text_len or eps of the config is out of range");
  c->causal =
      chunk > 0 || (kl_weights_config_str(m->w, "kind", text, sizeof text) && !strcmp(text, "causal"));
  if (chunk == 0) chunk = 3;
  if (!within(chunk, 1, KL_WAN_MOST_CHUNK) || !within(sink, 0, 4096) || !within(window, sink + chunk, 4096))
    return kl_fail(err, KL_ERR_FORMAT,
                   "chunk_frames, window_frames and sink_frames of the config do not fit together");
  if ((coordinates || first) && ((coordinates && coordinates != 2) || (first && first != c->out_dim + 1) ||
                                 c->in_dim != c->out_dim + coordinates + first))
    return kl_fail(err, KL_ERR_FORMAT,
                   "coordinate and first-frame channels do not add up to the %d channels of the input",
                   c->in_dim);
  c->heads = (int)heads;
  c->text_len = (int)text_len;
  c->eps = (float)eps;
  c->chunk_frames = (int)chunk;
  c->window_frames = (int)window;
  c->sink_frames = (int)sink;
  c->relative_positions =
      kl_weights_config_str(m->w, "positions", text, sizeof text) && !strcmp(text, "relative");
  c->coordinate_channels = (int)coordinates;
  c->first_frame_channels = (int)first;
  return true;
}

bool kl_wan_load(KlWan *m, KlErr *err) {
  KlWanConfig *c = &m->c;
  c->patch_h = c->patch_w = 2;
  int area = c->patch_h * c->patch_w;
  if (!patch(m, &m->patch, &c->in_dim, "patch_embedding", err)) return false;
  if (kl_weights_find(m->w, "blocks.0.cross_attn.k_img.weight"))
    return kl_fail(err, KL_ERR_UNSUPPORTED,
                   "this image-to-video model needs a CLIP image encoder, which is not supported");
  const KlTensor *t = kl_weights_find(m->w, "head.head.weight");
  if (!t || t->ndim != 2 || t->shape[0] % area || !within(t->shape[0] / area, 1, c->in_dim))
    return kl_fail(err, KL_ERR_FORMAT, "tensor head.head.weight is missing or does not fit");
  c->out_dim = (int)(t->shape[0] / area);
  c->layers = count(m, "blocks");
  m->vace_layers = count(m, "vace_blocks");
  if (c->layers < 1 || m->vace_layers > c->layers)
    return kl_fail(err, KL_ERR_FORMAT, "%d blocks, %d VACE blocks", c->layers, m->vace_layers);
  int64_t any[2] = {-1, -1}, dim = c->dim;
  if (!(t = kl_weights_need(m->w, "blocks.0.ffn.0.weight", 2, any, err))) return false;
  c->ffn_dim = (int)t->shape[0];
  if (!(t = kl_weights_need(m->w, "text_embedding.0.weight", 2, any, err))) return false;
  c->text_dim = (int)t->shape[1];
  if (!(t = kl_weights_need(m->w, "time_embedding.0.weight", 2, any, err))) return false;
  c->freq_dim = (int)t->shape[1];
  if (!within(c->freq_dim, 2, MOST_DIM) || c->freq_dim % 2 || !within(c->ffn_dim, 1, 4 * MOST_DIM) ||
      !within(c->text_dim, 1, MOST_DIM))
    return kl_fail(err, KL_ERR_FORMAT, "sizes of the first layers are out of range");
  if (!config(m, err)) return false;
  if (!affine(m, &m->text[0], dim, c->text_dim, err, "text_embedding.0")) return false;
  if (!affine(m, &m->text[1], dim, dim, err, "text_embedding.2")) return false;
  if (!affine(m, &m->time[0], dim, c->freq_dim, err, "time_embedding.0")) return false;
  if (!affine(m, &m->time[1], dim, dim, err, "time_embedding.2")) return false;
  if (!affine(m, &m->time_projection, 6 * dim, dim, err, "time_projection.1")) return false;
  if (!affine(m, &m->head, area * c->out_dim, dim, err, "head.head")) return false;
  c->vace = m->vace_layers > 0;
  if (c->vace &&
      (!patch(m, &m->vace_patch, &m->vace_channels, "vace_patch_embedding", err) || !vace_layers(m, err)))
    return false;
  int blocks = c->layers + m->vace_layers;
  if (!(m->blocks = kl_calloc((size_t)blocks, sizeof *m->blocks)))
    return kl_fail(err, KL_ERR_OOM, "no memory for the model");
  size_t lines = (size_t)blocks * 6 + 2;
  if (!kl_buffer_new(m->b, lines * (size_t)dim * sizeof(float), &m->modulation, err)) return false;
  for (int i = 0; i < blocks; i++)
    if (!block(m, i, err)) return false;
  return modulation(m, blocks, 2, "head.modulation", err);
}
