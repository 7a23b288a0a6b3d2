/* Previews while sampling: the frame in the middle of the clean estimate, decoded as if a video began with
 * it, on a state of its own. */
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/pipelines/t2v.h"

#include <time.h>

#define SHARE (1.0 / 20) /* of the time */
#define EVERY 0.1        /* seconds between two */

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void kl_t2v_set_preview(KlT2v *t, KlPreviewFn fn, void *user) {
  t->preview.fn = fn;
  t->preview.user = user;
  t->preview.began = now_s();
}

bool kl_t2v_preview_due(const KlT2vPreview *p, double now) {
  return now - p->last >= EVERY && p->spent + p->cost <= SHARE * (now - p->began);
}

/* What the first one will take, by the work of a step against the work of decoding a frame. */
static double first_cost(KlT2v *t, double now) {
  double step = t->plan.flops_total / ((double)t->plan.chunks * t->schedule.steps);
  int steps = kl_solver_step_index(t->solver);
  return step > 0 && steps > 0
             ? kl_vae_decoder_plan(t->decoder)->flops_first / step * (now - t->preview.began) / steps
             : 0;
}

static bool make(KlT2v *t, const float *latent, const KlCancel *cancel, KlErr *err) {
  KlT2vPreview *p = &t->preview;
  size_t n = (size_t)t->p.width * (size_t)t->p.height * 3;
  if (!p->rgb && !(p->rgb = kl_alloc(n, sizeof *p->rgb)))
    return kl_fail(err, KL_ERR_OOM, "no memory for the preview");
  if (!kl_vae_decoder_still(t->decoder, latent, p->rgb, cancel, err)) return false;
  if (kl_all_finite(p->rgb, n)) p->fn(p->user, p->rgb, t->p.width, t->p.height);
  return true;
}

void kl_t2v_preview_step(KlT2v *t, const float *x0, int frames, const KlCancel *cancel) {
  KlT2vPreview *p = &t->preview;
  KlErr err = KL_ERR_INIT;
  if (!p->fn) return;
  bool ok = kl_t2v_need_decoder(t, &err);
  double now = now_s();
  if (ok && p->cost <= 0) p->cost = first_cost(t, now);
  if (ok && !kl_t2v_preview_due(p, now)) return;
  ok = ok && make(t, x0 + (size_t)(frames / 2) * t->frame_elems, cancel, &err);
  p->last = now_s();
  p->cost = p->last - now;
  p->spent += p->cost;
  if (ok || err.code == KL_ERR_CANCELLED) return;
  kl_log(KL_LOG_INFO, "no previews: %s", err.msg);
  p->fn = NULL;
}
