/* Inside of the text-to-video pipeline: one run. text_to_video.c opens and decodes, t2v_sample.c samples
 * (chunk-causal and whole clips), t2v_state.c stores and restores. */
#pragma once

#include "engine/models/upscaler.h"
#include "engine/models/vae.h"
#include "engine/models/wan_dit.h"
#include "engine/pipelines/pipeline.h"
#include "engine/sampling/solver.h"
#include "engine/stream/chunks.h"
#include "engine/stream/drift.h"
#include "engine/stream/windows.h"

/* Previews while sampling (t2v_preview.c); times in seconds. */
typedef struct {
  KlPreviewFn fn;
  void *user;
  float *rgb;
  double began, spent, last; /* when sampling began; what previews took; when the last one was shown */
  double cost;               /* of the next one, as far as known */
} KlT2vPreview;

enum { KL_T2V_CLIP_FRAMES = 21 }; /* what bidirectional Wan checkpoints were trained on: 81 video frames */

struct KlT2v {
  KlT2vParams p; /* own copies of everything it points to; width and height become the network's */
  KlT2vPlan plan;
  KlBackend *backend;
  KlWeights *wan_weights, *vae_weights;
  KlWan *wan;
  KlVae *vae;
  KlVaeInfo vae_info;
  KlWanConfig config;
  KlVaeDecoder *decoder;

  /* t2v_upscale.c */
  KlWeights *upscaler_weights;
  KlUpscaler *upscaler; /* NULL: the model has none */
  int enlarge;          /* times: 1, 2 or 4 */
  int out_width, out_height;
  double enlarge_seconds;
  float *large; /* a frame of scale times the network's size */

  int height, width;            /* of latents */
  size_t frame_elems;           /* elements of one latent frame */
  int chunk_latents;            /* latent frames a chunk */
  size_t vae_budget;            /* bytes for decoding, 0: no limit */
  int branches;                 /* 2: with guidance */
  KlWanText **texts, *negative; /* one for each prompt */
  int32_t *region_of;  /* [tokens of a frame]: 1 + the topmost region, 0: none; NULL without regions */
  float *first_latent; /* the given first frame, encoded; NULL: none */

  KlSchedule schedule;
  KlSolverRun *solver;
  float *velocity[2], *noise;

  /* Position. `span` and `latents` are of the chunk sampled last; `next` is the one to sample. */
  int next;
  bool has_chunk, weights_dropped, can_sample;
  KlSpan span;
  float *latents;
  KlLatentStats anchor;

  /* chunk-causal */
  KlWanStream *stream;
  int prompt_now;
  float *cached; /* clean latents of the frames in the cache, in its order */
  int n_cached, cap_cached;

  /* whole clips */
  float *whole; /* [all latent frames] */
  bool whole_done;

  KlT2vPreview preview;
};

void kl_t2v_prompt_texts(KlT2v *t, int prompt, KlWanText *texts[2]);
bool kl_t2v_sample_causal(KlT2v *t, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err);
/* One denoising step of the whole latent; sets whole_done after the last. */
bool kl_t2v_sample_clip(KlT2v *t, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err);
/* Writes a finished chunk into the cache (causal) and takes it into the books. */
bool kl_t2v_commit_causal(KlT2v *t, const KlCancel *cancel, KlErr *err);
/* Makes the decoder on first need (a clip gives back its transformer first). */
bool kl_t2v_need_decoder(KlT2v *t, KlErr *err);
/* Whether a preview may be made now: at most ten a second, and, with this one, at most a twentieth of the
 * time since sampling began. */
bool kl_t2v_preview_due(const KlT2vPreview *p, double now);
/* After a step that is not the last: shows a frame of x0 [frames, ...], if one is wanted and due. */
void kl_t2v_preview_step(KlT2v *t, const float *x0, int frames, const KlCancel *cancel);

/* ---- t2v_regions.c ---- */
bool kl_t2v_check_regions(const KlT2vParams *p, KlErr *err);
/* Which token sees which region. KL_ERR_INVALID: a region is smaller than a token, or wholly covered. */
bool kl_t2v_place_regions(KlT2v *t, KlErr *err);
/* Classifier-free guidance of `frames` latent frames at a step, stronger or weaker inside regions. out may be
 * cond. */
void kl_t2v_guide(const KlT2v *t, int step, const float *cond, const float *uncond, int frames, float *out);
/* What stands beside the latent of a chunk. */
KlWanCondition kl_t2v_condition(const KlT2v *t);

/* Opens the model's upscaler (path NULL: none) and settles how much it enlarges at the size asked for;
 * plan.size_multiple becomes that of the output. */
bool kl_t2v_open_upscaler(KlT2v *t, const char *path, KlErr *err);
/* The given first frame from the output's to the network's size, in place. */
void kl_t2v_shrink_first_frame(KlT2v *t);
/* A decoded frame at the output's size, borrowed until the next call; NULL and *err when it fails. */
const float *kl_t2v_enlarge(KlT2v *t, const float *rgb, const KlCancel *cancel, KlErr *err);
void kl_t2v_free_upscaler(KlT2v *t);
/* The prompt in force at a video frame. */
int kl_t2v_prompt_at(const KlT2v *t, int64_t frame);
