#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/pipelines/t2v.h"

#include <string.h>

/* Streams of the counter-based generator. Position in a stream is the element of the whole video's latent, so
 * that a chunk's noise depends on nothing before it. */
enum { NOISE = 0, RENOISE = 1 };

int kl_t2v_prompt_at(const KlT2v *t, int64_t frame) {
  int at = 0;
  while (at + 1 < t->p.n_prompts && t->p.prompts[at + 1].from_frame <= frame) at++;
  return at;
}

static uint64_t seed_at(const KlT2v *t, int64_t frame) {
  uint64_t seed = t->p.seed;
  for (int i = 0; i < t->p.n_seeds && t->p.seeds[i].from_frame <= frame; i++) seed = t->p.seeds[i].seed;
  return seed;
}

/* Noise of latent frames first .. first + frames - 1. */
static void fill_noise(const KlT2v *t, uint64_t stream, int64_t first, int64_t frames, float *out) {
  for (int64_t i = 0, n; i < frames; i += n) {
    uint64_t seed = seed_at(t, kl_video_frame(first + i));
    for (n = 1; i + n < frames && seed_at(t, kl_video_frame(first + i + n)) == seed; n++) continue;
    kl_randn(seed, stream, (uint64_t)(first + i) * t->frame_elems, out + (size_t)i * t->frame_elems,
             (size_t)n * t->frame_elems);
  }
}

void kl_t2v_prompt_texts(KlT2v *t, int prompt, KlWanText *texts[2]) {
  texts[0] = t->texts[prompt];
  texts[1] = t->negative;
}

static bool values_ok(const KlT2v *t, const float *x, size_t n, int step, KlErr *err) {
  if (kl_all_finite(x, n)) return true;
  return kl_fail(err, KL_ERR_FORMAT, "the model produced values that are not finite (chunk %d, step %d)",
                 t->next + 1, step + 1);
}

bool kl_t2v_commit_causal(KlT2v *t, const KlCancel *cancel, KlErr *err) {
  KlWanText *texts[2];
  kl_t2v_prompt_texts(t, t->prompt_now, texts);
  KlWanCondition cond = kl_t2v_condition(t);
  if (!kl_wan_stream_commit(t->stream, texts, t->latents, (int)t->span.latents, 0, &cond, cancel, err))
    return false;
  /* The cache's clean latents in its own order: the sink, then the recent ones. */
  int have = t->n_cached + (int)t->span.latents, keep = kl_wan_stream_cached(t->stream);
  float *all = kl_alloc((size_t)have * t->frame_elems, sizeof *all);
  if (!all) return kl_fail(err, KL_ERR_OOM, "no memory for the window's latents");
  size_t bytes = t->frame_elems * sizeof *all;
  if (t->n_cached) memcpy(all, t->cached, (size_t)t->n_cached * bytes);
  memcpy(all + (size_t)t->n_cached * t->frame_elems, t->latents, (size_t)t->span.latents * bytes);
  int sink = t->p.sink_frames < keep ? t->p.sink_frames : keep, gone = have - keep;
  if (gone > 0)
    memmove(all + (size_t)sink * t->frame_elems, all + (size_t)(sink + gone) * t->frame_elems,
            (size_t)(keep - sink) * bytes);
  kl_free(&t->cached);
  t->cached = all;
  t->n_cached = keep;
  return true;
}

bool kl_t2v_sample_causal(KlT2v *t, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err) {
  KlWanText *texts[2];
  KlWanCondition cond = kl_t2v_condition(t);
  int prompt = kl_t2v_prompt_at(t, t->span.first_frame), frames = (int)t->span.latents;
  size_t n = (size_t)frames * t->frame_elems;
  kl_t2v_prompt_texts(t, prompt, texts);
  if (prompt != t->prompt_now && t->n_cached &&
      !kl_wan_stream_recache(t->stream, texts, t->cached, 0, &cond, cancel, err))
    return false;
  t->prompt_now = prompt;

  kl_solver_reset(t->solver);
  fill_noise(t, NOISE, t->span.first_latent, frames, t->latents);
  for (int i = 0; i < t->schedule.steps; i++) {
    kl_progress(progress, (KlProgress){KL_PHASE_SAMPLE, t->next, t->plan.chunks, i, t->schedule.steps});
    if (!kl_wan_stream_forward(t->stream, texts, t->latents, frames, (float)t->schedule.timestep[i], &cond,
                               t->velocity, cancel, err))
      return false;
    if (t->branches == 2) kl_t2v_guide(t, i, t->velocity[0], t->velocity[1], frames, t->velocity[0]);
    if (!values_ok(t, t->velocity[0], n, i, err)) return false;
    if (t->p.solver == KL_SOLVER_FEW_STEP)
      fill_noise(t, RENOISE + (uint64_t)i, t->span.first_latent, frames, t->noise);
    kl_solver_step(t->solver, t->latents, t->velocity[0], t->noise);
    if (i + 1 < t->schedule.steps) kl_t2v_preview_step(t, kl_solver_x0(t->solver), frames, cancel);
  }
  if (t->first_latent && t->span.first_latent == 0) /* the given frame stays as it was given */
    memcpy(t->latents, t->first_latent, t->frame_elems * sizeof *t->latents);
  return kl_t2v_commit_causal(t, cancel, err);
}

bool kl_t2v_sample_clip(KlT2v *t, const KlCancel *cancel, const KlProgressSink *progress, KlErr *err) {
  int64_t all = t->plan.latent_frames;
  KlWindows w = kl_windows(all, t->p.clip_frames, t->p.overlap_frames);
  int length = kl_window_length(&w), step = kl_solver_step_index(t->solver);
  size_t e = t->frame_elems, n = (size_t)all * e;
  float timestep = (float)t->schedule.timestep[step];
  if (step == 0) fill_noise(t, NOISE, 0, all, t->whole);
  kl_progress(progress, (KlProgress){KL_PHASE_SAMPLE, 0, t->plan.chunks, step, t->schedule.steps});
  for (int i = 0; i < w.count; i++) {
    int64_t start = kl_window_start(&w, i), cut = kl_window_cut(&w, i, t->p.seed, step);
    KlWanText *texts[2];
    KlWanCondition cond = kl_t2v_condition(t);
    kl_t2v_prompt_texts(t, kl_t2v_prompt_at(t, kl_video_frame(start)), texts);
    float *out[2] = {t->noise, t->noise + (size_t)length * e};
    if (!kl_wan_forward(t->wan, texts, t->branches, t->whole + (size_t)start * e, length, t->height, t->width,
                        &timestep, true, &cond, out, cancel, err))
      return false;
    if (t->branches == 2) kl_t2v_guide(t, step, out[0], out[1], length, out[0]);
    /* The later window overrides from the cut on. */
    memcpy(t->velocity[0] + (size_t)cut * e, out[0] + (size_t)(cut - start) * e,
           (size_t)(start + length - cut) * e * sizeof(float));
  }
  if (!values_ok(t, t->velocity[0], n, step, err)) return false;
  if (t->p.solver == KL_SOLVER_FEW_STEP) fill_noise(t, RENOISE + (uint64_t)step, 0, all, t->velocity[1]);
  kl_solver_step(t->solver, t->whole, t->velocity[0], t->velocity[1]);
  t->whole_done = step + 1 == t->schedule.steps;
  if (!t->whole_done) kl_t2v_preview_step(t, kl_solver_x0(t->solver), (int)all, cancel);
  return true;
}
