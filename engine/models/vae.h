/* One interface for the autoencoders: Wan 2.1 VAE and TAEHV. Both stream in both directions: memory does not
 * grow with the number of frames.
 *
 * Latents on the host are [frames, channels, height, width] f32, normalised (about N(0, 1)), as the
 * transformer sees them. Frames are [frames, height, width, 3] f32 RGB in 0..1. Latent frame 0 stands for the
 * first video frame alone, latent frame i > 0 for four: frames 4i-3 .. 4i. One thread at a time. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/formats/weights.h"
#include "engine/graph/backend.h"

typedef struct KlVae KlVae;

typedef struct {
  const char *arch;    /* "wan-vae", "taehv" */
  int latent_channels; /* 16, 48, 32 ... */
  int stride_space;    /* pixels a latent, 8 or 16 */
  int stride_time;     /* 4 */
} KlVaeInfo;

/* Finds the architecture by its tensors. weights must outlive the VAE and stays the caller's. */
bool kl_vae_open(KlWeights *weights, KlBackend *b, KlVae **out, KlErr *err);
void kl_vae_free(KlVae **v);
const KlVaeInfo *kl_vae_info(const KlVae *v);

/* What decoding at a latent size takes, known without running it. */
typedef struct {
  int tiles;                   /* 1: the whole frame at once */
  int tile_height, tile_width; /* latents */
  size_t bytes;                /* highest memory: workspace, states and host copies, without weights */
  size_t workspace;            /* of which activations */
  size_t state;                /* bytes of one tile's memory of the past */
  bool spilled; /* only the tile at work is in memory, the others' states lie in a temporary file */
  double flops_first, flops_next; /* of the first push and of each later one, all tiles together */
} KlVaeDecodePlan;

/* height, width: of the latents. memory_budget: bytes without weights, 0 = no limit. Where the whole frame
 * does not fit, the fewest overlapping tiles whose workspace and states together fit are chosen; where the
 * states alone are too much, they are kept in a temporary file. KL_ERR_OOM (with both figures) if even the
 * smallest tile does not fit. */
bool kl_vae_decode_plan(KlVae *v, int height, int width, size_t memory_budget, KlVaeDecodePlan *out,
                        KlErr *err);
/* Highest memory (workspace + states, without weights) of decoding at this latent size, in bytes, untiled. */
bool kl_vae_decode_memory(KlVae *v, int height, int width, size_t *bytes, KlErr *err);

/* ---- decoding ---- */
typedef struct KlVaeDecoder KlVaeDecoder;

/* As planned by kl_vae_decode_plan. Weights are packed and states allocated by the first push (or load), so
 * that cancel reaches them. The temporary file, if any, has no name, lies in $TMPDIR or /var/tmp and goes
 * with the decoder. */
bool kl_vae_decoder_new(KlVae *v, int height, int width, size_t memory_budget, KlVaeDecoder **out,
                        KlErr *err);
void kl_vae_decoder_free(KlVaeDecoder **d);
const KlVaeDecodePlan *kl_vae_decoder_plan(const KlVaeDecoder *d);
/* Decodes the next latent frame [channels, height, width]. frames has room for 4 frames; *n is 1 for the
 * first call and 4 after. When it fails or is cancelled the states are half new: the decoder takes only a
 * load or a free then. */
bool kl_vae_decoder_push(KlVaeDecoder *d, const float *latent, float *frames, int *n, const KlCancel *cancel,
                         KlErr *err);
/* Decodes one latent frame as if a video began with it, into frame [height, width, 3]. The decoder's own
 * states are not touched: the next push gives the same bits with and without it. Takes one tile's state more.
 */
bool kl_vae_decoder_still(KlVaeDecoder *d, const float *latent, float *frame, const KlCancel *cancel,
                          KlErr *err);
/* The state between pushes as bytes: what kl_vae_decoder_load needs so that the next push gives the same
 * bits. */
size_t kl_vae_decoder_state_bytes(const KlVaeDecoder *d);
bool kl_vae_decoder_save(const KlVaeDecoder *d, void *bytes, KlErr *err);
bool kl_vae_decoder_load(KlVaeDecoder *d, const void *bytes, size_t n, KlErr *err);

/* ---- encoding ---- */
typedef struct KlVaeEncoder KlVaeEncoder;
/* height, width in pixels, multiples of stride_space. */
bool kl_vae_encoder_new(KlVae *v, int height, int width, KlVaeEncoder **out, KlErr *err);
void kl_vae_encoder_free(KlVaeEncoder **e);
/* The first call takes 1 frame, later ones 4; each gives one latent frame [channels, h, w].
 * TAEHV also takes 4 in the first call, which is its public files' own convention (latent i = frames 4i ..
 * 4i+3), and 1..4 in any: a group is completed by copies of its last frame. */
bool kl_vae_encoder_push(KlVaeEncoder *e, const float *frames, int n, float *latent, const KlCancel *cancel,
                         KlErr *err);
