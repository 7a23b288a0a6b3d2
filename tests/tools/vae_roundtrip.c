/* Frames through the encoder and back through the decoder, to measure an autoencoder as the program runs it.
 *
 *   kl-vae-roundtrip VAE.safetensors WIDTH HEIGHT < rgb24 > rgb24
 *
 * Standard input holds 4n + 1 frames of 8-bit RGB; as many come out. f32 on the CPU. */
#include "engine/base/mem.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/models/vae.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  KlBackend *backend;
  KlWeights *weights;
  KlVae *vae;
  KlVaeEncoder *encoder;
  KlVaeDecoder *decoder;
  unsigned char *bytes;
  float *rgb, *latent;
} Run;

static bool run(Run *r, const char *path, int width, int height, KlErr *err) {
  if (!kl_cpu_backend_new(0, KL_F32, &r->backend, err) ||
      !kl_weights_open((const char *const[]){path}, 1, &r->weights, err) ||
      !kl_vae_open(r->weights, r->backend, &r->vae, err) ||
      !kl_vae_encoder_new(r->vae, height, width, &r->encoder, err))
    return false;
  const KlVaeInfo *info = kl_vae_info(r->vae);
  int h = height / info->stride_space, w = width / info->stride_space, got;
  size_t frame = (size_t)width * (size_t)height * 3;
  r->bytes = kl_alloc(4 * frame, 1);
  r->rgb = kl_alloc(4 * frame, sizeof *r->rgb);
  r->latent = kl_alloc((size_t)info->latent_channels * (size_t)h * (size_t)w, sizeof *r->latent);
  if (!r->bytes || !r->rgb || !r->latent) return kl_fail(err, KL_ERR_OOM, "no memory for the frames");
  if (!kl_vae_decoder_new(r->vae, h, w, 0, &r->decoder, err)) return false;
  for (size_t want = 1, n; (n = fread(r->bytes, frame, want, stdin)) > 0; want = 4) {
    if (n != want) return kl_fail(err, KL_ERR_INVALID, "the number of frames is not 4n + 1");
    for (size_t i = 0; i < n * frame; i++) r->rgb[i] = (float)r->bytes[i] / 255;
    if (!kl_vae_encoder_push(r->encoder, r->rgb, (int)n, r->latent, NULL, err) ||
        !kl_vae_decoder_push(r->decoder, r->latent, r->rgb, &got, NULL, err))
      return false;
    for (size_t i = 0; i < n * frame; i++) r->bytes[i] = (unsigned char)(r->rgb[i] * 255 + .5f);
    if ((size_t)got != n || fwrite(r->bytes, frame, n, stdout) != n)
      return kl_fail(err, KL_ERR_IO, "cannot write the frames");
  }
  return true;
}

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
    fprintf(stderr, "usage: kl-vae-roundtrip VAE.safetensors WIDTH HEIGHT < rgb24 > rgb24\n");
    return 2;
  }
  Run r = {0};
  KlErr err = KL_ERR_INIT;
  bool ok = run(&r, argv[1], atoi(argv[2]), atoi(argv[3]), &err);
  if (!ok) fprintf(stderr, "kl-vae-roundtrip: %s\n", err.msg);
  kl_vae_decoder_free(&r.decoder);
  kl_vae_encoder_free(&r.encoder);
  kl_vae_free(&r.vae);
  kl_weights_free(&r.weights);
  kl_backend_free(&r.backend);
  kl_free(&r.bytes);
  kl_free(&r.rgb);
  kl_free(&r.latent);
  return !ok;
}
