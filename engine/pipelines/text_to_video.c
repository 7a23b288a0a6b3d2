#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/formats/tokenizer.h"
#include "engine/models/umt5.h"
#include "engine/pipelines/t2v.h"

#include <math.h>
#include <string.h>

enum {
  CLIP_CHUNK = 6,          /* latent frames that a whole clip is decoded and stored by */
  MOST_FRAMES = 100000000, /* 72 days at 16 fps: beyond it a length is a slip of the keyboard */
  MOST_PIXELS = 8192,      /* a side */
  KEEP_TEXT = 512 << 20,   /* text encoders up to this size are not dropped layer by layer */
};

/* ---- checking and planning ---- */

static bool check_params(const KlT2vParams *p, KlErr *err) {
  if (p->width < 1 || p->height < 1 || p->width > MOST_PIXELS || p->height > MOST_PIXELS)
    return kl_fail(err, KL_ERR_INVALID, "size must be 1x1 to %dx%d, not %dx%d", MOST_PIXELS, MOST_PIXELS,
                   p->width, p->height);
  if (p->frames < 1 || p->frames > MOST_FRAMES)
    return kl_fail(err, KL_ERR_INVALID, "frames must be 1 to %d, not %lld", MOST_FRAMES,
                   (long long)p->frames);
  if (!isfinite(p->guidance) || p->guidance < 0 || p->guidance > 100)
    return kl_fail(err, KL_ERR_INVALID, "guidance must be 0 to 100");
  if (p->n_prompts < 1) return kl_fail(err, KL_ERR_INVALID, "a prompt is needed");
  for (int i = 1; i < p->n_prompts; i++)
    if (p->prompts[i].from_frame <= p->prompts[i - 1].from_frame)
      return kl_fail(err, KL_ERR_INVALID, "prompt switches must come in the order of time");
  if (!kl_t2v_check_regions(p, err)) return false;
  for (int i = 0; i < p->n_seeds; i++)
    if (p->seeds[i].from_frame <= (i ? p->seeds[i - 1].from_frame : 0))
      return kl_fail(err, KL_ERR_INVALID, "seeds must come in the order of time");
  if (p->window_frames < 0 || p->sink_frames < 0 || p->overlap_frames < 0 || p->clip_frames < 0)
    return kl_fail(err, KL_ERR_INVALID, "window, sink, clip and overlap must not be negative");
  return true;
}

static bool check_size(const KlT2v *t, KlErr *err) {
  int m = t->plan.size_multiple, w = t->p.width, h = t->p.height;
  if (w % m == 0 && h % m == 0) return true;
  int up_w = (w + m / 2) / m * m, up_h = (h + m / 2) / m * m;
  return kl_fail(err, KL_ERR_INVALID,
                 "width and height must be multiples of %d for this model: try %dx%d instead of %dx%d", m,
                 up_w ? up_w : m, up_h ? up_h : m, w, h);
}

/* Defaults that depend on the model. */
static bool settle_streaming(KlT2v *t, KlErr *err) {
  KlT2vParams *p = &t->p;
  if (t->config.causal) {
    t->chunk_latents = t->config.chunk_frames;
    if (!p->window_frames) p->window_frames = t->config.window_frames;
    if (!p->sink_frames) p->sink_frames = t->config.sink_frames;
    if (p->window_frames < p->sink_frames + t->chunk_latents)
      return kl_fail(err, KL_ERR_INVALID, "the window (%d) must hold the sink (%d) and a chunk (%d)",
                     p->window_frames, p->sink_frames, t->chunk_latents);
    return true;
  }
  t->chunk_latents = CLIP_CHUNK;
  if (!p->clip_frames) p->clip_frames = KL_T2V_CLIP_FRAMES;
  if (!p->overlap_frames) p->overlap_frames = p->clip_frames / 3;
  if (p->overlap_frames >= p->clip_frames)
    return kl_fail(err, KL_ERR_INVALID, "the overlap (%d) must be smaller than the clip (%d)",
                   p->overlap_frames, p->clip_frames);
  return true;
}

static double giga(size_t bytes) {
  return (double)bytes / 1e9;
}

static bool measure(KlT2v *t, size_t text_bytes, KlErr *err) {
  const KlWanConfig *c = &t->config;
  KlT2vPlan *plan = &t->plan;
  int grid = (t->height / c->patch_h) * (t->width / c->patch_w);
  plan->family = c->causal ? "wan-causal" : "wan";
  plan->frames = t->p.frames;
  plan->latent_frames = kl_latent_frames(t->p.frames);
  plan->chunk_latents = t->chunk_latents;
  plan->channels = c->out_dim;
  plan->height = t->height;
  plan->width = t->width;
  plan->whole_clip = !c->causal;
  plan->chunks = (int)kl_chunk_count(t->p.frames, t->chunk_latents);
  plan->tokens_frame = grid;
  plan->text_bytes = text_bytes;
  plan->weights_bytes = kl_wan_packed_bytes(t->wan);
  int frames = (int)(plan->latent_frames < t->chunk_latents ? plan->latent_frames : t->chunk_latents);
  double windows = 1, flops;
  if (!c->causal) {
    KlWindows w = kl_windows(plan->latent_frames, t->p.clip_frames, t->p.overlap_frames);
    frames = kl_window_length(&w);
    windows = w.count;
  }
  if (!kl_wan_forward_plan(t->wan, t->branches, t->p.n_regions + 1, frames, t->height, t->width,
                           &plan->workspace_bytes, &flops, err))
    return false;
  plan->tokens_chunk = (int64_t)grid * (c->causal ? t->p.window_frames : frames);
  if (c->causal) {
    /* Keys of the window that the chunk attends to besides its own. */
    double seen = (double)(plan->tokens_chunk - (int64_t)frames * grid);
    flops += 4.0 * seen * (double)frames * grid * c->dim * c->layers * t->branches;
    size_t element = t->backend->compute == KL_BF16 ? 2 : 4;
    plan->cache_bytes =
        element * 2 * (size_t)c->dim * (size_t)c->layers * (size_t)t->branches * (size_t)plan->tokens_chunk;
    plan->flops_chunk = flops * (t->schedule.steps + 1);
    plan->flops_total = plan->flops_chunk * plan->chunks;
  } else {
    plan->flops_total = flops * windows * t->schedule.steps;
    plan->flops_chunk = plan->flops_total / plan->chunks;
  }
  size_t vae_weights = kl_weights_bytes(t->vae_weights);
  size_t sampling = plan->weights_bytes + plan->cache_bytes;
  /* A whole clip gives its transformer back before decoding; a stream holds both, and they share the
   * workspace. */
  double enlarge = 0; /* operations a frame */
  if (t->enlarge > 1 &&
      !kl_upscaler_plan(t->upscaler, t->p.height, t->p.width, &plan->upscale_bytes, &enlarge, err))
    return false;
  size_t beside = (c->causal ? sampling : 0) + vae_weights + plan->upscale_bytes, budget = t->p.memory_budget;
  KlVaeDecodePlan decode;
  t->vae_budget = budget > beside ? budget - beside : 0;
  if (!kl_vae_decode_plan(t->vae, t->height, t->width, t->vae_budget, &decode, err)) return false;
  size_t vae_run = decode.bytes;
  plan->flops_decode = decode.flops_first + (double)(plan->latent_frames - 1) * decode.flops_next +
                       (double)plan->frames * enlarge;
  plan->preview_bytes = decode.state + (size_t)t->p.height * (size_t)t->p.width * 3 * sizeof(float) +
                        (c->causal ? 0 : vae_weights + decode.bytes);
  plan->tiled = decode.tiles > 1;
  plan->vae_bytes = vae_weights + vae_run;
  size_t peak = sampling + plan->workspace_bytes + (c->causal ? vae_weights : 0);
  if (text_bytes > peak) peak = text_bytes;
  if (beside + vae_run > peak) peak = beside + vae_run;
  plan->peak_bytes = peak;
  if (budget && peak > budget)
    return kl_fail(err, KL_ERR_OOM, "needs %.2f GB, the budget is %.2f GB: try a smaller size%s", giga(peak),
                   giga(budget), c->causal ? " or a smaller window" : " or a shorter clip");
  return true;
}

/* Opens the mapped files of transformer and VAE (no weight is read yet) and fills the plan. */
static bool inspect(KlT2v *t, const KlModelFiles *f, KlErr *err) {
  if (!check_params(&t->p, err) || !kl_schedule_init(&t->schedule, t->p.solver, t->p.steps, t->p.shift, err))
    return false;
  KlWeights *text = NULL;
  if (!kl_weights_open(f->text_encoder, f->text_encoder_files, &text, err)) return false;
  /* Layer by layer: about a layer in its stored and its packed form (UMT5-XXL has 24). */
  size_t text_bytes = kl_weights_bytes(text);
  text_bytes = text_bytes <= KEEP_TEXT ? 2 * text_bytes : text_bytes / 8;
  kl_weights_free(&text);
  if (!kl_weights_open(f->transformer, f->transformer_files, &t->wan_weights, err) ||
      !kl_weights_open(f->vae, f->vae_files, &t->vae_weights, err) ||
      !kl_wan_open(t->wan_weights, t->backend, &t->wan, err) ||
      !kl_vae_open(t->vae_weights, t->backend, &t->vae, err))
    return false;
  t->config = *kl_wan_config(t->wan);
  t->vae_info = *kl_vae_info(t->vae);
  if (t->vae_info.latent_channels != t->config.out_dim)
    return kl_fail(err, KL_ERR_FORMAT,
                   "transformer and VAE do not belong together: %d and %d latent channels", t->config.out_dim,
                   t->vae_info.latent_channels);
  t->plan.size_multiple = t->vae_info.stride_space * t->config.patch_h;
  if (!kl_t2v_open_upscaler(t, f->upscaler, err) || !check_size(t, err) || !settle_streaming(t, err))
    return false;
  if (t->p.first_frame && !t->config.first_frame_channels)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "this model cannot start from an image");
  t->plan.enlarge = t->enlarge;
  t->plan.network_width = t->p.width = t->out_width / t->enlarge;
  t->plan.network_height = t->p.height = t->out_height / t->enlarge;
  t->height = t->p.height / t->vae_info.stride_space;
  t->width = t->p.width / t->vae_info.stride_space;
  t->frame_elems = (size_t)t->config.out_dim * (size_t)t->height * (size_t)t->width;
  t->branches = t->p.guidance == 1 ? 1 : 2;
  for (int i = 0; i < t->p.n_regions; i++)
    if (t->p.regions[i].guidance > 0 && t->p.regions[i].guidance != 1) t->branches = 2;
  return kl_t2v_place_regions(t, err) && measure(t, text_bytes, err);
}

bool kl_t2v_plan(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b, KlT2vPlan *out, KlErr *err) {
  KlT2v *t = kl_calloc(1, sizeof *t);
  if (!t) return kl_fail(err, KL_ERR_OOM, "no memory");
  t->p = *p;
  t->backend = b;
  bool ok = inspect(t, files, err);
  *out = t->plan;
  t->p.prompts = NULL; /* borrowed here */
  t->p.negative = NULL;
  t->p.first_frame = NULL;
  t->p.regions = NULL;
  t->p.seeds = NULL;
  t->p.n_prompts = t->p.n_regions = 0;
  kl_t2v_free(&t);
  return ok;
}

/* ---- opening ---- */

static bool own_params(KlT2v *t, const KlT2vParams *p) {
  t->p = *p;
  t->p.prompts = NULL;
  t->p.negative = NULL;
  t->p.first_frame = NULL;
  t->p.regions = NULL;
  t->p.seeds = NULL;
  t->p.n_seeds = p->n_seeds > 0 ? p->n_seeds : 0;
  KlPrompt *prompts = kl_calloc((size_t)(p->n_prompts > 0 ? p->n_prompts : 0), sizeof *prompts);
  t->p.prompts = prompts;
  char *negative = kl_strdup(p->negative ? p->negative : "");
  t->p.negative = negative;
  KlSeed *seeds = kl_calloc((size_t)t->p.n_seeds, sizeof *seeds);
  t->p.seeds = seeds;
  if (!prompts || !negative || !seeds) return false;
  if (t->p.n_seeds) memcpy(seeds, p->seeds, (size_t)t->p.n_seeds * sizeof *seeds);
  for (int i = 0; i < p->n_prompts; i++) {
    prompts[i] =
        (KlPrompt){p->prompts[i].from_frame, kl_strdup(p->prompts[i].text ? p->prompts[i].text : "")};
    if (!prompts[i].text) return false;
  }
  if (p->n_regions > 0) {
    KlRegion *regions = kl_calloc((size_t)p->n_regions, sizeof *regions);
    t->p.regions = regions;
    if (!regions) return false;
    for (int i = 0; i < p->n_regions; i++) {
      regions[i] = p->regions[i];
      if (!(regions[i].text = kl_strdup(p->regions[i].text ? p->regions[i].text : ""))) {
        t->p.n_regions = i; /* the others are not ours */
        return false;
      }
    }
  }
  if (p->first_frame && p->width > 0 && p->height > 0 && p->width <= MOST_PIXELS &&
      p->height <= MOST_PIXELS) {
    size_t n = (size_t)p->width * (size_t)p->height * 3;
    float *copy = kl_alloc(n, sizeof *copy);
    t->p.first_frame = copy;
    if (!copy) return false;
    memcpy(copy, p->first_frame, n * sizeof *copy);
  }
  return true;
}

typedef struct {
  float *rows;
  int n;
} Context;

static bool encode_prompt(KlTokenizer *tok, KlUmt5 *enc, bool keep, const char *text, int most, Context *out,
                          const KlCancel *cancel, KlErr *err) {
  bool ok = false;
  KlTokens tokens = {0};
  char *clean = kl_prompt_clean(text, err);
  if (!clean || !kl_tokenizer_encode(tok, clean, true, &tokens, err)) goto out;
  out->n = (int)(tokens.n < (size_t)most ? tokens.n : (size_t)most);
  if (tokens.n > (size_t)most) {
    kl_log(KL_LOG_WARN, "the prompt has %zu tokens; the model reads the first %d", tokens.n, most);
    tokens.ids[most - 1] = kl_tokenizer_eos(tok);
  }
  out->rows = kl_alloc((size_t)out->n * (size_t)kl_umt5_dim(enc), sizeof *out->rows);
  if (!out->rows)
    kl_fail(err, KL_ERR_OOM, "no memory for the prompt");
  else
    ok = kl_umt5_encode(enc, tokens.ids, out->n, keep, out->rows, cancel, err);
out:
  kl_tokens_free(&tokens);
  kl_free(&clean);
  return ok;
}

/* contexts: one a prompt, one a region, then the negative's. The text encoder is gone when this returns. */
static bool encode_prompts(KlT2v *t, const KlModelFiles *f, void (*unknown)(void *, const char *), void *user,
                           Context *contexts, const KlCancel *cancel, const KlProgressSink *progress,
                           KlErr *err) {
  bool ok = false;
  KlWeights *w = NULL;
  KlTokenizer *tok = NULL;
  KlUmt5 *enc = NULL;
  if (!kl_tokenizer_open(f->tokenizer, &tok, err) ||
      !kl_weights_open(f->text_encoder, f->text_encoder_files, &w, err) ||
      !kl_umt5_open(w, t->backend, &enc, err))
    goto out;
  if (kl_umt5_dim(enc) != t->config.text_dim) {
    kl_fail(err, KL_ERR_FORMAT,
            "transformer and text encoder do not belong together: %d and %d text channels",
            t->config.text_dim, kl_umt5_dim(enc));
    goto out;
  }
  bool keep = kl_weights_bytes(w) <= KEEP_TEXT;
  int prompts = t->p.n_prompts, all = prompts + t->p.n_regions;
  for (int i = 0; i < all + (t->branches == 2); i++) {
    const char *text = i < prompts ? t->p.prompts[i].text
                       : i < all   ? t->p.regions[i - prompts].text
                                   : t->p.negative;
    kl_progress(progress, (KlProgress){KL_PHASE_TEXT, 0, t->plan.chunks, i, all + 1});
    if (unknown && !kl_tokenizer_unknown_words(tok, text, unknown, user, err)) goto out;
    if (!encode_prompt(tok, enc, keep, text, t->config.text_len, &contexts[i], cancel, err)) goto out;
  }
  ok = true;
out:
  kl_umt5_free(&enc);
  kl_weights_free(&w);
  kl_tokenizer_free(&tok);
  kl_backend_trim(t->backend);
  return ok;
}

static bool make_texts(KlT2v *t, const Context *contexts, const KlCancel *cancel, KlErr *err) {
  t->texts = kl_calloc((size_t)t->p.n_prompts, sizeof(KlWanText *));
  if (!t->texts) return kl_fail(err, KL_ERR_OOM, "no memory for the prompts");
  KlWanTextPart parts[KL_T2V_MOST_REGIONS + 1];
  int prompts = t->p.n_prompts, regions = t->p.n_regions;
  for (int i = 0; i < regions; i++)
    parts[i + 1] = (KlWanTextPart){contexts[prompts + i].rows, contexts[prompts + i].n};
  for (int i = 0; i < prompts; i++) {
    parts[0] = (KlWanTextPart){contexts[i].rows, contexts[i].n};
    if (!kl_wan_text_new_layout(t->wan, parts, regions + 1, &t->texts[i], cancel, err)) return false;
  }
  const Context *negative = &contexts[prompts + regions];
  return t->branches == 1 || kl_wan_text_new(t->wan, negative->rows, negative->n, &t->negative, cancel, err);
}

static bool encode_first_frame(KlT2v *t, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err) {
  if (!t->p.first_frame) return true;
  kl_progress(progress, (KlProgress){KL_PHASE_IMAGE, 0, t->plan.chunks, 0, 1});
  KlVaeEncoder *e = NULL;
  t->first_latent = kl_alloc(t->frame_elems, sizeof(float));
  if (!t->first_latent) return kl_fail(err, KL_ERR_OOM, "no memory for the first frame");
  kl_t2v_shrink_first_frame(t);
  bool ok = kl_vae_encoder_new(t->vae, t->p.height, t->p.width, &e, err) &&
            kl_vae_encoder_push(e, t->p.first_frame, 1, t->first_latent, cancel, err);
  kl_vae_encoder_free(&e);
  return ok;
}

static bool make_buffers(KlT2v *t, KlErr *err) {
  size_t chunk = (size_t)t->chunk_latents * t->frame_elems, n = chunk, noise = chunk;
  if (!t->config.causal) {
    n = (size_t)t->plan.latent_frames * t->frame_elems;
    noise = (size_t)t->p.clip_frames * t->frame_elems * 2;
    t->whole = kl_alloc(n, sizeof(float));
  }
  t->latents = kl_alloc(chunk, sizeof(float));
  t->noise = kl_alloc(noise, sizeof(float));
  t->velocity[0] = kl_alloc(n, sizeof(float));
  t->velocity[1] = kl_alloc(n, sizeof(float));
  if (!t->latents || !t->noise || !t->velocity[0] || !t->velocity[1] || (!t->config.causal && !t->whole))
    return kl_fail(err, KL_ERR_OOM, "no memory for the latents");
  return kl_solver_new(&t->schedule, n, &t->solver, err);
}

bool kl_t2v_open(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b,
                 void (*unknown)(void *, const char *), void *user, const KlCancel *cancel,
                 const KlProgressSink *progress, KlT2v **out, KlErr *err) {
  *out = NULL;
  if (!kl_t2v_check_regions(p, err)) return false;
  KlT2v *t = kl_calloc(1, sizeof *t);
  Context *contexts = NULL;
  int n = (p->n_prompts > 0 ? p->n_prompts : 0) + (p->n_regions > 0 ? p->n_regions : 0);
  bool ok = false;
  if (!t || !own_params(t, p) || !(contexts = kl_calloc((size_t)n + 1, sizeof *contexts))) {
    kl_fail(err, KL_ERR_OOM, "no memory for the job");
    goto out;
  }
  t->backend = b;
  t->can_sample = true;
  if (!inspect(t, files, err)) goto out;
  if (!encode_prompts(t, files, unknown, user, contexts, cancel, progress, err)) goto out;
  kl_progress(progress, (KlProgress){KL_PHASE_LOAD, 0, t->plan.chunks, 0, 1});
  if (!make_texts(t, contexts, cancel, err) || !encode_first_frame(t, cancel, progress, err) ||
      !make_buffers(t, err))
    goto out;
  if (t->config.causal && !kl_wan_stream_new(t->wan, t->branches, t->height, t->width, t->p.window_frames,
                                             t->p.sink_frames, t->config.relative_positions, &t->stream, err))
    goto out;
  *out = t;
  ok = true;
out:
  for (int i = 0; contexts && i <= n; i++) kl_free(&contexts[i].rows);
  kl_free(&contexts);
  if (!ok) kl_t2v_free(&t);
  return ok;
}

static void free_transformer(KlT2v *t) {
  for (int i = 0; t->texts && i < t->p.n_prompts; i++) kl_wan_text_free(&t->texts[i]);
  kl_free(&t->texts);
  kl_wan_text_free(&t->negative);
  kl_wan_stream_free(&t->stream);
  kl_wan_free(&t->wan);
  kl_weights_free(&t->wan_weights);
}

void kl_t2v_free(KlT2v **pt) {
  KlT2v *t = *pt;
  if (!t) return;
  free_transformer(t);
  kl_vae_decoder_free(&t->decoder);
  kl_t2v_free_upscaler(t);
  kl_vae_free(&t->vae);
  kl_weights_free(&t->vae_weights);
  kl_solver_free(&t->solver);
  for (int i = 0; t->p.prompts && i < t->p.n_prompts; i++) kl_free_(&((KlPrompt *)t->p.prompts)[i].text);
  for (int i = 0; t->p.regions && i < t->p.n_regions; i++) kl_free_(&((KlRegion *)t->p.regions)[i].text);
  kl_free_(&t->p.prompts);
  kl_free_(&t->p.regions);
  kl_free_(&t->p.negative);
  kl_free_(&t->p.seeds);
  kl_free_(&t->p.first_frame);
  kl_free(&t->first_latent);
  kl_free(&t->region_of);
  kl_free(&t->velocity[0]);
  kl_free(&t->velocity[1]);
  kl_free(&t->noise);
  kl_free(&t->latents);
  kl_free(&t->cached);
  kl_free(&t->whole);
  kl_free(&t->preview.rgb);
  kl_free(pt);
}

const KlT2vPlan *kl_t2v_get_plan(const KlT2v *t) {
  return &t->plan;
}

/* ---- chunk by chunk ---- */

/* Takes the finished latents of the present span into the books and describes them. */
static void finish_chunk(KlT2v *t, KlChunk *out) {
  KlLatentStats now;
  kl_latent_stats(t->latents, (int)t->span.latents, t->config.out_dim, t->height * t->width, &now);
  if (t->next == 0) t->anchor = now;
  *out = (KlChunk){.index = t->next,
                   .first_frame = t->span.first_frame,
                   .frames = (int)t->span.frames,
                   .latent_frames = (int)t->span.latents,
                   .channels = t->config.out_dim,
                   .height = t->height,
                   .width = t->width,
                   .latents = t->latents};
  kl_drift(&t->anchor, &now, &out->drift_mean, &out->drift_var);
  t->next++;
  t->has_chunk = true;
}

/* What was packed need not stay mapped. */
static void drop_mapped(KlT2v *t) {
  if (!t->weights_dropped && t->wan_weights) kl_weights_drop(t->wan_weights, NULL);
  t->weights_dropped = true;
}

bool kl_t2v_sample(KlT2v *t, KlChunk *out, const KlCancel *cancel, const KlProgressSink *progress,
                   KlErr *err) {
  *out = (KlChunk){.index = t->next};
  if (!t->can_sample)
    return kl_fail(err, KL_ERR_INVALID, "the run was replayed without its caches; it can only decode");
  t->span = kl_chunk_span(t->p.frames, t->chunk_latents, t->next);
  if (t->span.latents == 0) return true;
  if (t->config.causal) {
    if (!kl_t2v_sample_causal(t, cancel, progress, err)) return false;
    drop_mapped(t);
  } else {
    if (!t->whole_done) {
      if (!kl_t2v_sample_clip(t, cancel, progress, err)) return false;
      drop_mapped(t);
      if (!t->whole_done) {
        out->partial = true;
        return true;
      }
    }
    if (t->wan) {
      free_transformer(t);
      kl_backend_trim(t->backend);
    }
    memcpy(t->latents, t->whole + (size_t)t->span.first_latent * t->frame_elems,
           (size_t)t->span.latents * t->frame_elems * sizeof(float));
  }
  finish_chunk(t, out);
  return true;
}

bool kl_t2v_replay(KlT2v *t, const float *latents, bool rebuild, KlChunk *out, const KlCancel *cancel,
                   KlErr *err) {
  *out = (KlChunk){.index = t->next};
  t->span = kl_chunk_span(t->p.frames, t->chunk_latents, t->next);
  if (t->span.latents == 0)
    return kl_fail(err, KL_ERR_INVALID, "there is no chunk %d in this job", t->next + 1);
  size_t n = (size_t)t->span.latents * t->frame_elems;
  if (!kl_all_finite(latents, n)) return kl_fail(err, KL_ERR_FORMAT, "the stored latents are not finite");
  memcpy(t->latents, latents, n * sizeof *latents);
  if (t->config.causal && rebuild) {
    t->prompt_now = kl_t2v_prompt_at(t, t->span.first_frame);
    if (!kl_t2v_commit_causal(t, cancel, err)) return false;
  } else if (!t->config.causal) {
    memcpy(t->whole + (size_t)t->span.first_latent * t->frame_elems, latents, n * sizeof *latents);
  } else {
    t->can_sample = false;
  }
  finish_chunk(t, out);
  return true;
}

bool kl_t2v_need_decoder(KlT2v *t, KlErr *err) {
  return t->decoder || kl_vae_decoder_new(t->vae, t->height, t->width, t->vae_budget, &t->decoder, err);
}

bool kl_t2v_decode(KlT2v *t, bool (*frame)(void *, int64_t, const float *, KlErr *), void *user,
                   const KlCancel *cancel, const KlProgressSink *progress, KlErr *err) {
  if (!t->has_chunk) return kl_fail(err, KL_ERR_INVALID, "no chunk to decode");
  size_t pixels = (size_t)t->p.width * (size_t)t->p.height * 3;
  float *rgb = kl_alloc(4 * pixels, sizeof *rgb);
  if (!rgb) return kl_fail(err, KL_ERR_OOM, "no memory for the frames");
  bool ok = kl_t2v_need_decoder(t, err);
  int64_t done = 0;
  for (int i = 0; ok && i < t->span.latents; i++) {
    int n = 0;
    kl_progress(progress,
                (KlProgress){KL_PHASE_DECODE, t->next - 1, t->plan.chunks, i, (int)t->span.latents});
    ok = kl_vae_decoder_push(t->decoder, t->latents + (size_t)i * t->frame_elems, rgb, &n, cancel, err);
    if (ok && !kl_all_finite(rgb, (size_t)n * pixels))
      ok = kl_fail(err, KL_ERR_FORMAT, "the decoder produced values that are not finite (chunk %d)", t->next);
    for (int k = 0; ok && k < n && done < t->span.frames; k++, done++) {
      const float *out = kl_t2v_enlarge(t, rgb + (size_t)k * pixels, cancel, err);
      ok = out && frame(user, t->span.first_frame + done, out, err);
    }
  }
  if (ok && t->next == 1) {
    kl_weights_drop(t->vae_weights, NULL);
    if (t->upscaler_weights) kl_weights_drop(t->upscaler_weights, NULL);
  }
  if (ok) t->has_chunk = false;
  kl_free(&rgb);
  return ok;
}
