#include "engine/base/mem.h"
#include "engine/models/vae_net.h"

static const KlVaeArch *const archs[] = {&kl_vae_wan, &kl_vae_taehv};

bool kl_vae_open(KlWeights *weights, KlBackend *b, KlVae **out, KlErr *err) {
  *out = NULL;
  KlVae *v = kl_calloc(1, sizeof *v);
  if (!v) return kl_fail(err, KL_ERR_OOM, "no memory for the autoencoder");
  *v = (KlVae){.weights = weights, .backend = b};
  for (size_t i = 0; i < sizeof archs / sizeof *archs && !v->arch; i++)
    if (archs[i]->probe(weights)) v->arch = archs[i];
  if (!v->arch) {
    kl_fail(err, KL_ERR_UNSUPPORTED, "no autoencoder that we know: neither the Wan 2.1 VAE nor TAEHV");
    goto fail;
  }
  if (!v->arch->open(v, err)) goto fail;
  *out = v;
  return true;
fail:
  kl_free(&v);
  return false;
}

void kl_vae_free(KlVae **v) {
  kl_free(v);
}

const KlVaeInfo *kl_vae_info(const KlVae *v) {
  return &v->info;
}

/* ---- encoding (decoding: vae_decoder.c) ---- */

struct KlVaeEncoder {
  KlVae *vae;
  KlVaeNet net;
  int height, width; /* latents */
  int64_t pushes;
  bool broken;
  float *in, *out;
};

bool kl_vae_encoder_new(KlVae *v, int height, int width, KlVaeEncoder **out, KlErr *err) {
  *out = NULL;
  int s = v->info.stride_space;
  if (!v->has_encoder) return kl_fail(err, KL_ERR_UNSUPPORTED, "this %s file has no encoder", v->info.arch);
  if (height < s || width < s || height % s || width % s)
    return kl_fail(err, KL_ERR_INVALID, "%dx%d pixels: not a multiple of %d", width, height, s);
  KlVaeEncoder *e = kl_calloc(1, sizeof *e);
  if (!e) return kl_fail(err, KL_ERR_OOM, "no memory for the autoencoder");
  *e = (KlVaeEncoder){.vae = v, .height = height / s, .width = width / s};
  if (!kl_vae_net_plan(&e->net, v, false, e->height, e->width, err)) goto fail;
  e->in = kl_alloc((size_t)kl_nelem(e->net.in[1]), sizeof *e->in);
  e->out = kl_alloc((size_t)kl_nelem(e->net.out[1]), sizeof *e->out);
  if (!e->in || !e->out) {
    kl_fail(err, KL_ERR_OOM, "no memory for the autoencoder");
    goto fail;
  }
  *out = e;
  return true;
fail:
  kl_vae_encoder_free(&e);
  return false;
}

void kl_vae_encoder_free(KlVaeEncoder **e) {
  if (!*e) return;
  kl_vae_net_free(&(*e)->net);
  kl_free(&(*e)->in);
  kl_free(&(*e)->out);
  kl_free(e);
}

bool kl_vae_encoder_push(KlVaeEncoder *e, const float *frames, int n, float *latent, const KlCancel *cancel,
                         KlErr *err) {
  KlVae *v = e->vae;
  KlVaeNet *net = &e->net;
  int which = e->pushes > 0, want = (int)net->in[which]->shape[0];
  if (e->broken) return kl_fail(err, KL_ERR_INVALID, "the encoder failed before");
  if (n < 1 || n > want || (n < want && !v->arch->pads_any_number))
    return kl_fail(err, KL_ERR_INVALID, "%s takes %d frames here, not %d", v->info.arch, want, n);
  size_t frame = (size_t)kl_nelem(net->in[which]) / (size_t)want,
         pixels = (size_t)e->height * (size_t)e->width;
  if (!net->state.backend && (!kl_vae_net_prepare(net, cancel, err) ||
                              !kl_buffer_new(v->backend, net->state_bytes, &net->state, err)))
    return false;
  e->broken = true;
  for (int f = 0; f < want; f++)
    for (size_t i = 0; i < frame; i++)
      e->in[(size_t)f * frame + i] = frames[(size_t)(f < n ? f : n - 1) * frame + i];
  if (!kl_vae_net_run(net, which, e->in, e->out, cancel, err)) return false;
  kl_vae_latent_out(v, e->out, pixels, (size_t)kl_cols(net->out[which]), latent);
  e->pushes++;
  e->broken = false;
  return true;
}
