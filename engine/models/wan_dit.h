/* Wan 2.1 / 2.2 video transformer: text to video, VACE, chunk-causal with a rolling KV cache. Sizes come from
 * the tensors and the metadata "config". Source: MODELS of the design; Self-Forcing and LongLive for the
 * causal scheme.
 *
 * Latents on the host: [frames, channels, height, width] f32. One thread at a time. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/formats/weights.h"
#include "engine/graph/backend.h"

typedef struct {
  int dim, ffn_dim, heads, layers, freq_dim, text_dim, text_len;
  int in_dim, out_dim;  /* channels in and out; in_dim > out_dim: extra input channels follow */
  int patch_h, patch_w; /* 2, 2 (patch_t is 1) */
  bool vace;
  bool causal;       /* a chunk-causal checkpoint */
  int chunk_frames;  /* latent frames a chunk: 3 */
  int window_frames; /* keys in view, the current chunk included */
  int sink_frames;   /* of which the first never leave */
  bool
      relative_positions; /* window-relative RoPE: keys cached before RoPE, the sink just before the window */
  int coordinate_channels;  /* 0 or 2: y, x in -1..1 over the latent grid, straight after the latent channels
                             */
  int first_frame_channels; /* 0, or 1 + out_dim: a mask and the first frame's latent (image to video) */
  float eps;
} KlWanConfig;

typedef struct KlWan KlWan;

bool kl_wan_open(KlWeights *w, KlBackend *b, KlWan **out, KlErr *err);
void kl_wan_free(KlWan **m);
const KlWanConfig *kl_wan_config(const KlWan *m);
/* Bytes of the weights as the backend will hold them once packed; for the memory verdict. */
size_t kl_wan_packed_bytes(const KlWan *m);

/* Texts and streams belong to their model: free them before it.
 *
 * A prompt, ready: every layer's cross-attention keys and values, computed once. The zero rows up to text_len
 * are one key with bias ln(count). context [n, text_dim], 0 <= n <= text_len (more: the first text_len
 * count). */
typedef struct KlWanText KlWanText;
bool kl_wan_text_new(KlWan *m, const float *context, int n, KlWanText **out, const KlCancel *cancel,
                     KlErr *err);
void kl_wan_text_free(KlWanText **t);

/* A layout: one prompt for the whole picture and others for regions of it. Every token attends to the whole
 * prompt and to that of its topmost region, and the two are blended: KL_WAN_LAYOUT_RHO * whole + (1 -
 * KL_WAN_LAYOUT_RHO) * region. A token of no region attends to the whole prompt alone. Source: layout-guided
 * cross-attention (BizGen, 2025); the masks are block masks by label, so that what a token does not see is
 * not computed where a whole tile is of that kind. parts[0] is the whole prompt, the others the regions';
 * KlWanCondition.regions says which token belongs to which. 1 <= count <= KL_WAN_MOST_REGIONS + 1. */
#define KL_WAN_LAYOUT_RHO 0.2f
enum { KL_WAN_MOST_REGIONS = 64 };
typedef struct {
  const float *context; /* [n, text_dim] */
  int n;
} KlWanTextPart;
bool kl_wan_text_new_layout(KlWan *m, const KlWanTextPart *parts, int count, KlWanText **out,
                            const KlCancel *cancel, KlErr *err);

/* What stands beside the latent itself; zeroed = nothing. */
typedef struct {
  const float *
      first_frame; /* [out_dim, h, w] latent of the given first frame, for models with first_frame_channels */
  const float *image; /* [frames, in_dim - out_dim, h, w] extra channels of I2V checkpoints, or NULL: zeros */
  const float *vace_context; /* [frames, 96, h, w] */
  const float *vace_scale;   /* [vace layers], NULL: 1 */
  const int32_t *regions;    /* [h / patch_h, w / patch_w] part of the layout's text that each token of every
                                frame belongs to, 0: none; needed if a text is a layout, else not looked at */
  bool apart; /* with regions: each, and what is left, is a picture of its own on the one canvas. Coordinate
                 channels count inside its bounding box, and its tokens attend to their own kind only. For
                 models that have learnt to fill a whole picture with one thing */
} KlWanCondition;

/* Velocity of the whole clip at once (bidirectional attention). x [frames, out_dim, h, w]; timesteps [frames]
 * or, if one_timestep, [1]. texts: `branches` prompts (1, or 2 for classifier-free guidance; computed as one
 * batch) -> out[branches], each like x. h and w multiples of the patch. */
bool kl_wan_forward(KlWan *m, KlWanText *const *texts, int branches, const float *x, int frames, int h, int w,
                    const float *timesteps, bool one_timestep, const KlWanCondition *cond, float *const *out,
                    const KlCancel *cancel, KlErr *err);
/* Workspace and flops of one such call, without running it. parts: of the layout, 1 without one. */
bool kl_wan_forward_plan(KlWan *m, int branches, int parts, int frames, int h, int w, size_t *workspace,
                         double *flops, KlErr *err);

/* ---- chunk by chunk ---- */
typedef struct KlWanStream KlWanStream;

/* branches: as above, each has its own cache. window_frames, sink_frames: 0 = the config's;
 * sink_frames -1: none. */
bool kl_wan_stream_new(KlWan *m, int branches, int h, int w, int window_frames, int sink_frames,
                       bool relative, KlWanStream **out, KlErr *err);
void kl_wan_stream_free(KlWanStream **s);
int kl_wan_stream_frames(
    const KlWanStream *s); /* latent frames committed so far (position of the next chunk) */
size_t kl_wan_stream_bytes(const KlWanStream *s); /* cache memory: constant */
/* Velocity of a chunk that follows what is committed, all its frames at one timestep. Does not change the
 * cache. x [frames, out_dim, h, w], frames <= chunk_frames. */
bool kl_wan_stream_forward(KlWanStream *s, KlWanText *const *texts, const float *x, int frames,
                           float timestep, const KlWanCondition *cond, float *const *out,
                           const KlCancel *cancel, KlErr *err);
/* A commit that fails or is cancelled half way leaves the stream good for kl_wan_stream_load and freeing
 * only.
 *
 * One more pass of the finished chunk at timestep t (0) writes its keys and values; the window rolls.
 * In the golden scheme this equals a forward at t = 0 whose K/V are kept. */
bool kl_wan_stream_commit(KlWanStream *s, KlWanText *const *texts, const float *clean, int frames,
                          float timestep, const KlWanCondition *cond, const KlCancel *cancel, KlErr *err);
/* Prompt switch (KV recache): re-runs the clean latents of what is in the cache (sink, then recent; [n,
 * out_dim,h,w] in order, n = kl_wan_stream_cached) with new texts. */
int kl_wan_stream_cached(const KlWanStream *s);
bool kl_wan_stream_recache(KlWanStream *s, KlWanText *const *texts, const float *clean, float timestep,
                           const KlWanCondition *cond, const KlCancel *cancel, KlErr *err);
/* The cache as bytes, so that a resumed run continues bit for bit. */
size_t kl_wan_stream_state_bytes(const KlWanStream *s);
bool kl_wan_stream_save(const KlWanStream *s, void *bytes, KlErr *err);
bool kl_wan_stream_load(KlWanStream *s, const void *bytes, size_t n, KlErr *err);
