/* Inside of the autoencoders: what the architectures give, and how one streamed network is built, run and
 * kept.
 *
 * An architecture builds graphs from three moves: find a weight, convolve, remember. Memory between pushes
 * lies in one state buffer a network; each causal layer takes its slot of it in building order, so the
 * first-push graph and the steady graph of one network must take the same slots in the same order, also where
 * the first push does not use one. */
#pragma once

#include "engine/graph/exec.h"
#include "engine/models/vae.h"

enum { KL_VAE_CHANNELS = 64 }; /* most latent channels of any autoencoder here */

/* One graph while it is built. */
typedef struct {
  KlVae *vae;
  KlGraph *g;
  KlBuffer *state; /* slots are cut from here */
  size_t used;     /* bytes of it given out so far */
  KlDtype dtype;   /* of activations */
  bool first;      /* the graph of the first push: nothing is remembered yet */
} KlVaeBuild;

typedef struct {
  const char *name;
  bool (*probe)(const KlWeights *w);
  /* Fills info, has_encoder, mean and std from the tensors. */
  bool (*open)(KlVae *v, KlErr *err);
  /* x [1, h, w, channels] f32 -> frames [n, H, W, 3] f32 in 0..1 (clamped unless v->unclamped). n: 1 first,
   * then 4. */
  KlTensor *(*decode)(KlVaeBuild *b, KlTensor *x);
  /* x [encoder_frames, H, W, 3] f32 in 0..1 -> latent [1, h, w, >= channels] f32, of which the first channels
   * count. */
  KlTensor *(*encode)(KlVaeBuild *b, KlTensor *x);
  int first_frames;     /* frames that the encoder's first graph takes: 1, or 4 when it wants copies */
  bool encode_f32;      /* the encoder is small and its rounding would be the latent's for good */
  bool pads_any_number; /* the first push may bring 4 frames, any later one 1..4 (padded with copies of its
                           last) */
} KlVaeArch;

extern const KlVaeArch kl_vae_wan, kl_vae_taehv;

struct KlVae {
  KlWeights *weights;
  KlBackend *backend;
  const KlVaeArch *arch;
  KlVaeInfo info;
  bool has_encoder;
  bool shuffle;                                      /* TAEHV: upsampling by pixel shuffle */
  bool unclamped;                                    /* for tests: hand out values beyond 0..1 as they are */
  float mean[KL_VAE_CHANNELS], std[KL_VAE_CHANNELS]; /* the network's latent = normalised * std + mean */
};

/* ---- building ---- */

/* A weight by its printf name; a missing one is the graph's first error, and NULL. */
const KlTensor *kl_vae_weight(KlVaeBuild *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const KlTensor *kl_vae_maybe(KlVaeBuild *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next slot of the state: `frames` frames like those of x, zero before the first push. */
KlTensor *kl_vae_slot(KlVaeBuild *b, const KlTensor *x, int64_t frames);
/* Keeps the last frames of [slot, x] in the slot. Everything that reads the old contents must be built
 * before. */
void kl_vae_remember(KlVaeBuild *b, KlTensor *slot, KlTensor *x);
/* Joins up to 8 groups of frames. */
KlTensor *kl_vae_join(KlVaeBuild *b, KlTensor **parts, int n);

/* ---- one streamed network ---- */

typedef struct {
  KlVae *vae;
  KlGraph graph[2]; /* [0] first push, [1] later ones */
  KlTensor *in[2], *out[2];
  KlExec *exec[2];
  KlPlan plan[2];
  KlBuffer state; /* what the graphs work on; empty until kl_vae_net_state is called */
  size_t state_bytes;
} KlVaeNet;

/* Builds and plans both graphs; allocates no activations. height, width: of the latents. */
bool kl_vae_net_plan(KlVaeNet *n, KlVae *v, bool decode, int height, int width, KlErr *err);
/* Packs the weights of the first push's graph and the steady one, then lets the stored ones go. */
bool kl_vae_net_prepare(KlVaeNet *n, const KlCancel *cancel, KlErr *err);
/* Runs graph `which` on n->state: `in` and `out` in the layout of its input and output tensors. */
bool kl_vae_net_run(KlVaeNet *n, int which, const float *in, float *out, const KlCancel *cancel, KlErr *err);
size_t kl_vae_net_workspace(const KlVaeNet *n);
/* Also frees n->state. */
void kl_vae_net_free(KlVaeNet *n);

/* Host layouts: [channels, pixels] f32 to and from [pixels, channels of the network], normalised or not. */
void kl_vae_latent_in(const KlVae *v, const float *latent, size_t pixels, float *x);
void kl_vae_latent_out(const KlVae *v, const float *x, size_t pixels, size_t x_channels, float *latent);
