/* Pipelines: from a job's parameters to frames, one chunk at a time. This is what app/core drives; the same
 * four calls serve every way to generate: plan, open, next chunk, state.
 *
 * A chunk is the unit that can be finished, stored, shown, re-rolled and resumed. Its result is latents plus
 * frames that are handed out one by one while they are decoded. A run is reproducible: the same model,
 * parameters and chunk states give the same bits on one backend. One thread at a time. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"
#include "engine/base/progress.h"
#include "engine/graph/backend.h"
#include "engine/sampling/schedule.h"

#include <stddef.h>
#include <stdint.h>

/* Where the parts of a model lie. Paths are borrowed for the call. */
typedef struct {
  const char *const *transformer; /* files or shards */
  int transformer_files;
  const char *const *text_encoder;
  int text_encoder_files;
  const char *tokenizer;
  const char *const *vae;
  int vae_files;
  const char *upscaler; /* NULL: the model has none */
} KlModelFiles;

/* A prompt from a moment on. prompts[0].from_frame is 0; later ones ascend. */
typedef struct {
  int64_t from_frame; /* video frame */
  const char *text;   /* UTF-8 */
} KlPrompt;

/* A part of the picture with a prompt of its own beside the prompt of the whole (layout-guided
 * cross-attention, wan_dit.h), in every frame. Where regions lie over each other the later one is seen. */
typedef struct {
  float x, y, width, height; /* fractions of the picture: 0 <= x < x + width <= 1 */
  const char *text;          /* UTF-8 */
  double guidance;           /* inside it, in the first half of the steps; 0: the run's */
} KlRegion;

enum { KL_T2V_MOST_REGIONS = 64 };

/* The noise from a moment on: that of a latent frame comes from the seed that holds at its first video frame.
 */
typedef struct {
  int64_t from_frame; /* video frame, > 0 */
  uint64_t seed;
} KlSeed;

typedef struct {
  const KlPrompt *prompts;
  int n_prompts;
  const KlRegion *regions; /* or NULL */
  int n_regions;           /* 0..KL_T2V_MOST_REGIONS */
  const char *negative;    /* "" or NULL: the empty prompt */
  int width, height;       /* pixels; multiples of 16 (the model says: KlT2vPlan.size_multiple) */
  int64_t frames;          /* video frames, >= 1 */
  uint64_t seed;
  const KlSeed *seeds; /* later ones ascend; NULL: `seed` holds to the end */
  int n_seeds;
  int steps;       /* >= 1 */
  double guidance; /* 1: off (one branch) */
  double shift;
  KlSolver solver;
  int window_frames, sink_frames; /* latent frames; 0: the model's */
  int overlap_frames;       /* bidirectional checkpoints longer than clip_frames: overlap of windows in latent
                               frames */
  int clip_frames;          /* latent frames a window of a bidirectional checkpoint works on; 0: 21 */
  const float *first_frame; /* [height, width, 3] RGB 0..1, or NULL */
  size_t memory_budget;     /* bytes for the run on the device, 0: no limit of our own */
} KlT2vParams;

typedef struct {
  const char *family;                                /* "wan", "wan-causal" */
  int size_multiple;                                 /* width and height must be multiples of this */
  int64_t latent_frames, tokens_frame, tokens_chunk; /* tokens a latent frame, and a chunk with its window */
  int chunks, chunk_latents;                         /* latent frames a chunk */
  int channels, height, width;                       /* of latents */
  bool whole_clip; /* all chunks are sampled together, so none can be begun from another's end */
  int64_t frames;  /* frames that will come out */
  int enlarge;     /* times that the upscaler enlarges decoded frames along a side: 1, 2, 4 */
  int network_width, network_height; /* pixels before that */
  size_t weights_bytes, text_bytes, cache_bytes, workspace_bytes, vae_bytes, upscale_bytes,
      peak_bytes; /* peak_bytes: the highest sum at any phase */
  double flops_chunk, flops_total;
  double flops_decode;  /* of decoding and enlarging all frames, beside flops_total */
  bool tiled;           /* decoding needs tiles to stay in the budget */
  size_t preview_bytes; /* that previews while sampling may add to peak_bytes */
} KlT2vPlan;

typedef struct KlT2v KlT2v;

/* Reads the headers only. Checks every parameter against the model: KL_ERR_INVALID says which and what would
 * do; KL_ERR_OOM: does not fit memory_budget (message has both figures). */
bool kl_t2v_plan(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b, KlT2vPlan *out, KlErr *err);

/* Loads, encodes the prompts (then drops the text encoder), makes ready. p is copied. unknown_word is called
 * for each word of the prompts that the tokenizer does not know (NULL: not wanted). */
bool kl_t2v_open(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b,
                 void (*unknown_word)(void *user, const char *word), void *user, const KlCancel *cancel,
                 const KlProgressSink *progress, KlT2v **out, KlErr *err);
void kl_t2v_free(KlT2v **t);
const KlT2vPlan *kl_t2v_get_plan(const KlT2v *t);

/* From now on shows, after denoising steps, a frame of the estimate of the clean chunk: rgb [height, width,
 * 3] f32 0..1 at the network's size (not enlarged), borrowed for the call, in the sampling thread. At most
 * ten a second, and at most 5 % of the time is spent on them, loading of the decoder's weights included. What
 * is made does not change by it. Where a preview fails (no memory) there are no more of them. fn NULL: none
 * (the default). */
typedef void (*KlPreviewFn)(void *user, const float *rgb, int width, int height);
void kl_t2v_set_preview(KlT2v *t, KlPreviewFn fn, void *user);

typedef struct {
  int index;           /* chunk number from 0 */
  int64_t first_frame; /* video frame at which the chunk starts */
  int frames;          /* video frames in it */
  bool partial; /* only so far as one more denoising step of a clip that is sampled as a whole: nothing to
                   decode yet, but the state can be saved; call kl_t2v_sample again */
  int latent_frames, channels, height, width; /* of latents */
  const float *latents; /* [latent_frames, channels, height, width], owned by the run until the next call */
  double drift_mean,
      drift_var; /* against chunk 0: mean over channels of |mean - mean_0| / sd_0 and |ln(var / var_0)| */
} KlChunk;

/* Samples the next chunk. After the last: returns true with out->frames = 0 and out->partial = false.
 * KL_ERR_FORMAT: the model produced values that are not finite. */
bool kl_t2v_sample(KlT2v *t, KlChunk *out, const KlCancel *cancel, const KlProgressSink *progress,
                   KlErr *err);
/* Decodes the chunk just sampled (or given, kl_t2v_restore): frame is called in order with [height, width, 3]
 * f32 RGB 0..1 and may stop the decoding by returning false with *err set. */
bool kl_t2v_decode(KlT2v *t, bool (*frame)(void *user, int64_t index, const float *rgb, KlErr *err),
                   void *user, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err);

/* Seconds that enlarging frames has taken in this run so far. */
double kl_t2v_upscale_seconds(const KlT2v *t);

/* State after a chunk was sampled and decoded, as bytes: generator position, caches, decoder history. Only
 * the newest is needed to go on. kl_t2v_state_bytes may change from chunk to chunk. */
size_t kl_t2v_state_bytes(const KlT2v *t);
bool kl_t2v_save(const KlT2v *t, void *bytes, size_t n, KlErr *err);
/* In a freshly opened run with the same parameters: goes on after the chunk the state was saved at.
 * KL_ERR_FORMAT: not such a state. */
bool kl_t2v_load(KlT2v *t, const void *bytes, size_t n, KlErr *err);
/* In a freshly opened run: the next chunk's finished latents are given instead of sampled; decode follows as
 * usual. Call in order from chunk 0. rebuild: the caches are made again too, so that sampling can go on from
 * here (to branch); without it only decoding is possible (for another container) until kl_t2v_load. */
bool kl_t2v_replay(KlT2v *t, const float *latents, bool rebuild, KlChunk *out, const KlCancel *cancel,
                   KlErr *err);
