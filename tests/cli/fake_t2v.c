/* A pipeline that costs nothing, for tests of the runner and the command: deterministic, with a state that
 * everything depends on, so that a resume that forgets something gives other bytes. The environment makes it
 * misbehave: KL_FAKE_MS=N      each of a chunk's steps takes N milliseconds KL_FAKE_CLIP=1    sampled as a
 * whole clip, step by step KL_FAKE_STATE=N   the state has N MiB more KL_FAKE_NAN=N     chunk N gives values
 * that are not finite KL_FAKE_BLACK=1   all frames are black KL_FAKE_NEED=N    the plan needs N MiB, half of
 * it with tiles */
#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/pipelines/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK_LATENTS = 3, CHANNELS = 4, STRIDE = 8 };

typedef struct {
  uint64_t chain; /* of all latents so far */
  float history;  /* of the decoder */
  int next, step;
} State;

struct KlT2v {
  KlT2vPlan plan;
  State s;
  uint64_t seed, start;    /* start: of the chain */
  KlSeed *seeds, *prompts; /* from a frame on; prompts as sums of their text */
  int n_seeds, n_prompts;
  int width, height, steps, h, w;
  size_t n; /* values in the chunk at hand */
  KlChunk chunk;
  float *latents;
  int extra_mib;
  bool clip, can_sample;
  KlPreviewFn preview;
  void *preview_user;
};

static long env(const char *name, long dflt) {
  const char *s = getenv(name);
  return s ? strtol(s, NULL, 10) : dflt;
}

static uint64_t mix(uint64_t h, const void *p, size_t n) {
  const unsigned char *c = p;
  while (n--) h = (h ^ *c++) * 0x100000001b3u;
  return h;
}

static int64_t latent_frames(int64_t frames) {
  return (frames + 2) / 4 + 1;
}

static bool plan(const KlT2vParams *p, KlT2vPlan *out, KlErr *err) {
  long need = env("KL_FAKE_NEED", 1);
  *out = (KlT2vPlan){
      .family = "fake", .size_multiple = 16, .frames = p->frames, .tokens_frame = 16, .tokens_chunk = 48};
  if (p->width % 16 || p->height % 16)
    return kl_fail(err, KL_ERR_INVALID, "width and height must be multiples of 16, not %dx%d", p->width,
                   p->height);
  out->latent_frames = latent_frames(p->frames);
  out->chunk_latents = CHUNK_LATENTS;
  out->channels = CHANNELS;
  out->height = p->height / STRIDE;
  out->width = p->width / STRIDE;
  out->whole_clip = env("KL_FAKE_CLIP", 0);
  out->chunks = (int)((out->latent_frames + CHUNK_LATENTS - 1) / CHUNK_LATENTS);
  out->weights_bytes = 1000;
  out->flops_total = 1e6 * out->chunks;
  out->peak_bytes = (size_t)need << 20;
  if (p->memory_budget && out->peak_bytes > p->memory_budget) {
    out->tiled = true;
    out->peak_bytes /= 2;
    if (out->peak_bytes > p->memory_budget)
      return kl_fail(err, KL_ERR_OOM, "does not fit: try a smaller size");
  }
  return true;
}

bool kl_t2v_plan(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b, KlT2vPlan *out, KlErr *err) {
  return plan(p, out, err);
}

bool kl_t2v_open(const KlModelFiles *files, const KlT2vParams *p, KlBackend *b,
                 void (*unknown_word)(void *user, const char *word), void *user, const KlCancel *cancel,
                 const KlProgressSink *progress, KlT2v **out, KlErr *err) {
  KlT2v *t = kl_calloc(1, sizeof *t);
  *out = NULL;
  if (!t) return kl_fail(err, KL_ERR_OOM, "no memory");
  if (!plan(p, &t->plan, err)) {
    kl_free(&t);
    return false;
  }
  t->seed = p->seed;
  t->n_seeds = p->n_seeds;
  t->seeds = kl_calloc((size_t)p->n_seeds, sizeof *t->seeds);
  if (p->n_seeds) memcpy(t->seeds, p->seeds, (size_t)p->n_seeds * sizeof *t->seeds);
  t->width = p->width;
  t->height = p->height;
  t->steps = p->steps;
  t->w = p->width / STRIDE;
  t->h = p->height / STRIDE;
  t->clip = env("KL_FAKE_CLIP", 0);
  t->extra_mib = (int)env("KL_FAKE_STATE", 0);
  t->can_sample = true;
  t->start = 1;
  t->n_prompts = p->n_prompts;
  t->prompts = kl_calloc((size_t)p->n_prompts, sizeof *t->prompts);
  for (int i = 0; i < p->n_prompts; i++) {
    if (unknown_word && strstr(p->prompts[i].text, "haert")) unknown_word(user, "haert");
    t->prompts[i] =
        (KlSeed){p->prompts[i].from_frame, mix(1, p->prompts[i].text, strlen(p->prompts[i].text))};
  }
  if (p->first_frame)
    t->start = mix(t->start, p->first_frame, sizeof(float) * 3 * (size_t)p->width * (size_t)p->height);
  t->s.chain = t->start;
  t->latents = kl_alloc((size_t)CHUNK_LATENTS * CHANNELS * (size_t)t->h * (size_t)t->w, sizeof(float));
  kl_progress(progress, (KlProgress){KL_PHASE_LOAD, 0, t->plan.chunks, 0, 1});
  *out = t;
  return t->latents || kl_fail(err, KL_ERR_OOM, "no memory");
}

void kl_t2v_free(KlT2v **t) {
  if (*t) kl_free(&(*t)->latents);
  if (*t) kl_free(&(*t)->seeds);
  if (*t) kl_free(&(*t)->prompts);
  kl_free(t);
}

const KlT2vPlan *kl_t2v_get_plan(const KlT2v *t) {
  return &t->plan;
}

void kl_t2v_set_preview(KlT2v *t, KlPreviewFn fn, void *user) {
  t->preview = fn;
  t->preview_user = user;
}

/* A grey picture, brighter with every step. */
static bool show(KlT2v *t, int step, KlErr *err) {
  size_t n = (size_t)t->width * (size_t)t->height * 3;
  if (!t->preview) return true;
  float *rgb = kl_alloc(n, sizeof *rgb);
  if (!rgb) return kl_fail(err, KL_ERR_OOM, "no memory");
  for (size_t i = 0; i < n; i++) rgb[i] = (float)(step + 1) / (float)(t->steps + 1);
  t->preview(t->preview_user, rgb, t->width, t->height);
  kl_free(&rgb);
  return true;
}

/* What holds at a frame. */
static uint64_t at_frame(const KlSeed *list, int n, uint64_t before, int64_t frame) {
  for (int i = 0; i < n && list[i].from_frame <= frame; i++) before = list[i].seed;
  return before;
}

/* Shape of chunk t->s.next, without its latents. */
static void describe(KlT2v *t) {
  int64_t first_latent = (int64_t)t->s.next * CHUNK_LATENTS, left = t->plan.latent_frames - first_latent;
  int latents = (int)(left < CHUNK_LATENTS ? left : CHUNK_LATENTS);
  int64_t first = first_latent ? 4 * first_latent - 3 : 0, end = 4 * (first_latent + latents) - 3;
  if (end > t->plan.frames) end = t->plan.frames;
  t->n = (size_t)latents * CHANNELS * (size_t)t->h * (size_t)t->w;
  t->chunk = (KlChunk){.index = t->s.next,
                       .first_frame = first,
                       .frames = (int)(end - first),
                       .latent_frames = latents,
                       .channels = CHANNELS,
                       .height = t->h,
                       .width = t->w,
                       .latents = t->latents,
                       .drift_mean = 0.01 * t->s.next,
                       .drift_var = 0.02 * t->s.next};
}

static bool pause_ms(long ms, const KlCancel *cancel, KlErr *err) {
  for (; ms > 0 && !kl_cancelled(cancel); ms -= 5) nanosleep(&(struct timespec){0, 5000000}, NULL);
  return !kl_cancelled(cancel) || kl_fail(err, KL_ERR_CANCELLED, "interrupted");
}

static void take(KlT2v *t, KlChunk *out) {
  t->s.chain = mix(t->s.chain, t->latents, t->n * sizeof(float));
  t->s.next++;
  *out = t->chunk;
}

bool kl_t2v_sample(KlT2v *t, KlChunk *out, const KlCancel *cancel, const KlProgressSink *progress,
                   KlErr *err) {
  *out = (KlChunk){.index = t->s.next};
  if (!t->can_sample) return kl_fail(err, KL_ERR_INVALID, "the run can only decode");
  if (t->s.next >= t->plan.chunks) return true;
  if (t->clip && t->s.step < t->steps) {
    kl_progress(progress, (KlProgress){KL_PHASE_SAMPLE, 0, t->plan.chunks, t->s.step, t->steps});
    if (!pause_ms(env("KL_FAKE_MS", 0), cancel, err)) return false;
    t->s.chain = mix(t->s.chain, &t->s.step, sizeof t->s.step);
    t->s.step++;
    out->partial = true;
    return true;
  }
  describe(t);
  for (int i = 0; !t->clip && i < t->steps; i++) {
    kl_progress(progress, (KlProgress){KL_PHASE_SAMPLE, t->s.next, t->plan.chunks, i, t->steps});
    if (!pause_ms(env("KL_FAKE_MS", 0), cancel, err) || !show(t, i, err)) return false;
  }
  uint64_t prompt = at_frame(t->prompts, t->n_prompts, 0, t->chunk.first_frame);
  kl_randn(at_frame(t->seeds, t->n_seeds, t->seed, t->chunk.first_frame), t->s.chain ^ prompt, 0, t->latents,
           t->n);
  if (env("KL_FAKE_NAN", -1) == t->s.next)
    return kl_fail(err, KL_ERR_FORMAT, "the model produced values that are not finite (chunk %d)",
                   t->s.next + 1);
  take(t, out);
  return true;
}

bool kl_t2v_decode(KlT2v *t, bool (*frame)(void *user, int64_t index, const float *rgb, KlErr *err),
                   void *user, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err) {
  size_t n = (size_t)t->width * (size_t)t->height * 3;
  float *rgb = kl_alloc(n, sizeof *rgb);
  bool ok = rgb || kl_fail(err, KL_ERR_OOM, "no memory"), black = env("KL_FAKE_BLACK", 0);
  for (int f = 0; ok && f < t->chunk.frames; f++) {
    kl_progress(progress, (KlProgress){KL_PHASE_DECODE, t->chunk.index, t->plan.chunks, f, t->chunk.frames});
    t->s.history = 0.5f * t->s.history + t->latents[(size_t)f % t->n];
    for (size_t i = 0; i < n; i++)
      rgb[i] = black
                   ? 0
                   : 0.5f + 0.2f * sinf(t->s.history * (float)(i % 97) * 0.05f + t->latents[(i / 48) % t->n]);
    ok = pause_ms(0, cancel, err) && frame(user, t->chunk.first_frame + f, rgb, err);
  }
  kl_free(&rgb);
  return ok;
}

double kl_t2v_upscale_seconds(const KlT2v *t) {
  return 0;
}

size_t kl_t2v_state_bytes(const KlT2v *t) {
  return sizeof(State) + ((size_t)t->extra_mib << 20);
}

bool kl_t2v_save(const KlT2v *t, void *bytes, size_t n, KlErr *err) {
  memset(bytes, t->s.next, n);
  memcpy(bytes, &t->s, sizeof t->s);
  return true;
}

bool kl_t2v_load(KlT2v *t, const void *bytes, size_t n, KlErr *err) {
  if (n != kl_t2v_state_bytes(t)) return kl_fail(err, KL_ERR_FORMAT, "not such a state");
  memcpy(&t->s, bytes, sizeof t->s);
  t->can_sample = true;
  return true;
}

bool kl_t2v_replay(KlT2v *t, const float *latents, bool rebuild, KlChunk *out, const KlCancel *cancel,
                   KlErr *err) {
  if (t->s.next >= t->plan.chunks) return kl_fail(err, KL_ERR_INVALID, "there is no such chunk");
  describe(t);
  memcpy(t->latents, latents, t->n * sizeof(float));
  t->can_sample = rebuild;
  take(t, out);
  return pause_ms(0, cancel, err);
}

/* ---- a device ---- */

static void device_free(KlBackend *b) {
  kl_free(&b);
}

static void device_memory(const KlBackend *b, size_t *total, size_t *available) {
  *total = (size_t)8 << 30;
  *available = (size_t)6 << 30;
}

bool kl_backend_open(const char *device, int threads, KlDtype compute, KlBackend **out, KlErr *err) {
  static const KlBackendOps ops = {.free = device_free, .memory = device_memory};
  *out = NULL;
  if (!strncmp(device, "vulkan", 6)) return kl_fail(err, KL_ERR_DEVICE_LOST, "no Vulkan device");
  if (strcmp(device, "cpu")) return kl_fail(err, KL_ERR_INVALID, "no device \"%.40s\"", device);
  KlBackend *b = kl_calloc(1, sizeof *b);
  if (!b) return kl_fail(err, KL_ERR_OOM, "no memory");
  b->ops = &ops;
  b->compute = compute;
  strcpy(b->name, "cpu");
  strcpy(b->title, "fake");
  *out = b;
  return true;
}
