#include "engine/models/vae_net.h"

#include "engine/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- building ---- */

const KlTensor *kl_vae_maybe(KlVaeBuild *b, const char *fmt, ...) {
  char name[128];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  return kl_weights_find(b->vae->weights, name);
}

const KlTensor *kl_vae_weight(KlVaeBuild *b, const char *fmt, ...) {
  char name[128];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  const KlTensor *t = kl_weights_find(b->vae->weights, name);
  if (!t) kl_fail(&b->g->err, KL_ERR_FORMAT, "%s: tensor %s is missing", b->vae->arch->name, name);
  return t;
}

KlTensor *kl_vae_slot(KlVaeBuild *b, const KlTensor *x, int64_t frames) {
  if (!x) return NULL;
  KlTensor *t =
      kl_state(b->g, b->state, b->used, x->dtype, KL_SHAPE(frames, x->shape[1], x->shape[2], x->shape[3]));
  size_t bytes;
  if (!t || !kl_tensor_bytes(t, &bytes)) return NULL;
  b->used += (bytes + KL_ALIGN - 1) / KL_ALIGN * KL_ALIGN;
  return t;
}

void kl_vae_remember(KlVaeBuild *b, KlTensor *slot, KlTensor *x) {
  if (!slot || !x) return;
  int64_t keep = slot->shape[0], got = x->shape[0];
  if (got >= keep) {
    kl_copy(b->g, kl_slice(b->g, x, 0, got - keep, keep), slot);
    return;
  }
  for (int64_t i = 0; i < keep - got; i++) /* one by one: source and destination never overlap */
    kl_copy(b->g, kl_slice(b->g, slot, 0, got + i, 1), kl_slice(b->g, slot, 0, i, 1));
  kl_copy(b->g, x, kl_slice(b->g, slot, 0, keep - got, got));
}

KlTensor *kl_vae_join(KlVaeBuild *b, KlTensor **parts, int n) {
  return n == 1 ? parts[0] : kl_concat(b->g, parts, n, 0);
}

/* ---- one streamed network ---- */

/* A stand-in while graphs are built and planned: large enough for any slot, with no memory behind it. */
static const KlBuffer unlimited = {.bytes = SIZE_MAX / 2};

static bool build(KlVaeNet *n, int which, bool decode, int height, int width, KlErr *err) {
  KlVae *v = n->vae;
  KlGraph *g = &n->graph[which];
  KlVaeBuild b = {.vae = v, .g = g, .state = &n->state, .dtype = v->backend->compute, .first = which == 0};
  if (!decode && v->arch->encode_f32) b.dtype = KL_F32;
  kl_graph_init(g);
  if (decode) {
    n->in[which] = kl_input(g, "latent", KL_F32, KL_SHAPE(1, height, width, v->info.latent_channels));
    n->out[which] = kl_output(g, v->arch->decode(&b, n->in[which]));
  } else {
    int s = v->info.stride_space, frames = which == 0 ? v->arch->first_frames : v->info.stride_time;
    n->in[which] =
        kl_input(g, "frames", KL_F32, KL_SHAPE(frames, (int64_t)height * s, (int64_t)width * s, 3));
    n->out[which] = kl_output(g, v->arch->encode(&b, n->in[which]));
  }
  if (!kl_graph_ok(g, err)) return false;
  /* What comes out goes into buffers of the promised size: a file with other shapes must not get there. */
  int64_t s = v->info.stride_space, channels = v->info.latent_channels;
  const KlTensor *out = n->out[which];
  bool fits = out && out->dtype == KL_F32 && out->ndim == 4 && kl_is_contiguous(out);
  if (fits && decode)
    fits = out->shape[0] == (which ? v->info.stride_time : 1) && out->shape[1] == height * s &&
           out->shape[2] == width * s && out->shape[3] == 3;
  else if (fits)
    fits =
        out->shape[0] == 1 && out->shape[1] == height && out->shape[2] == width && out->shape[3] >= channels;
  if (!fits)
    return kl_fail(err, KL_ERR_FORMAT, "%s: the sizes of its tensors do not make an autoencoder",
                   v->arch->name);
  if (which == 1 && b.used != n->state_bytes)
    return kl_fail(err, KL_ERR_INVALID, "%s: the two graphs disagree about the state", v->arch->name);
  n->state_bytes = b.used;
  return kl_plan_graph(g, v->backend, &n->plan[which], err);
}

bool kl_vae_net_plan(KlVaeNet *n, KlVae *v, bool decode, int height, int width, KlErr *err) {
  *n = (KlVaeNet){.vae = v, .state = unlimited};
  bool ok = build(n, 0, decode, height, width, err) && build(n, 1, decode, height, width, err);
  n->state = (KlBuffer){0};
  if (!ok) kl_vae_net_free(n);
  return ok;
}

bool kl_vae_net_prepare(KlVaeNet *n, const KlCancel *cancel, KlErr *err) {
  for (int i = 0; i < 2; i++)
    if (!n->exec[i] && !kl_exec_new(&n->graph[i], n->vae->backend, &n->exec[i], cancel, err)) return false;
  kl_weights_drop(n->vae->weights, NULL);
  return true;
}

bool kl_vae_net_run(KlVaeNet *n, int which, const float *in, float *out, const KlCancel *cancel, KlErr *err) {
  KlExec *e = n->exec[which];
  size_t in_bytes, out_bytes;
  if (!kl_tensor_bytes(n->in[which], &in_bytes) || !kl_tensor_bytes(n->out[which], &out_bytes))
    return kl_fail(err, KL_ERR_INVALID, "%s: bad size", n->vae->arch->name);
  return kl_exec_write(e, n->in[which], in, in_bytes, err) && kl_exec_run(e, cancel, err) &&
         kl_exec_read(e, n->out[which], out, out_bytes, err);
}

size_t kl_vae_net_workspace(const KlVaeNet *n) {
  return n->plan[0].workspace > n->plan[1].workspace ? n->plan[0].workspace : n->plan[1].workspace;
}

void kl_vae_net_free(KlVaeNet *n) {
  for (int i = 0; i < 2; i++) {
    kl_exec_free(&n->exec[i]);
    kl_graph_free(&n->graph[i]);
  }
  kl_buffer_free(&n->state);
  *n = (KlVaeNet){0};
}

/* ---- host layouts ---- */

void kl_vae_latent_in(const KlVae *v, const float *latent, size_t pixels, float *x) {
  size_t channels = (size_t)v->info.latent_channels;
  for (size_t c = 0; c < channels; c++)
    for (size_t i = 0; i < pixels; i++) x[i * channels + c] = latent[c * pixels + i] * v->std[c] + v->mean[c];
}

void kl_vae_latent_out(const KlVae *v, const float *x, size_t pixels, size_t x_channels, float *latent) {
  for (size_t c = 0; c < (size_t)v->info.latent_channels; c++)
    for (size_t i = 0; i < pixels; i++)
      latent[c * pixels + i] = (x[i * x_channels + c] - v->mean[c]) / v->std[c];
}
