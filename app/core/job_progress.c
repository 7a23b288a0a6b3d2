#include "app/core/job_progress.h"

#include "engine/base/mem.h"

void kl_job_progress_init(KlJobProgress *p, const KlRunOptions *how) {
  *p = (KlJobProgress){.how = how, .began = g_get_monotonic_time(), .now = {.eta_s = -1}};
}

void kl_job_progress_work(KlJobProgress *p, int done, int chunks) {
  p->work_began = g_get_monotonic_time();
  p->now.chunks = chunks;
  p->work_from = p->now.fraction = chunks > 0 ? (double)done / chunks : 0;
}

/* Shares of sampling in a chunk, and in a clip that is sampled as a whole: only the ETA depends on them. */
static double fraction(const KlJobProgress *p) {
  const KlEvent *e = &p->now;
  double step = e->steps > 0 ? (double)e->step / e->steps : 0, chunks = e->chunks > 0 ? e->chunks : 1;
  switch (e->phase) {
  case KL_PHASE_SAMPLE:
    return p->whole_clip ? 0.85 * step : (e->chunk + 0.7 * step) / chunks;
  case KL_PHASE_DECODE:
    return p->whole_clip ? 0.85 + 0.15 * (e->chunk + step) / chunks : (e->chunk + 0.7 + 0.3 * step) / chunks;
  default:
    return e->fraction;
  }
}

void kl_job_progress_send(KlJobProgress *p, KlEventKind kind, const char *text) {
  gint64 now = g_get_monotonic_time();
  KlEvent *e = &p->now;
  if (kind == KL_EVENT_PROGRESS || kind == KL_EVENT_CHUNK) {
    p->last = now;
    e->elapsed_s = (double)(now - p->began) / 1e6;
    e->peak_bytes = kl_mem_peak_rss();
    double done = e->fraction - p->work_from;
    e->eta_s =
        p->work_began && done > 0.002 ? (double)(now - p->work_began) / 1e6 * (1 - e->fraction) / done : -1;
  }
  if (!p->how->event) return;
  e->kind = kind;
  e->text = text;
  p->how->event(p->how->user, e);
}

static void heard(void *user, const KlProgress *k) {
  KlJobProgress *p = user;
  KlEvent *e = &p->now;
  bool turned = e->phase != k->phase;
  e->phase = k->phase;
  e->chunk = k->chunk;
  if (k->chunks > 0) e->chunks = k->chunks;
  e->step = k->step;
  e->steps = k->steps;
  if (p->work_began) e->fraction = MAX(e->fraction, fraction(p));
  if (!turned && g_get_monotonic_time() - p->last < 100000 && p->last) return;
  if (turned && p->last && g_get_monotonic_time() - p->last < 50000) return;
  kl_job_progress_send(p, KL_EVENT_PROGRESS, NULL);
}

KlProgressSink kl_job_progress_sink(KlJobProgress *p) {
  return (KlProgressSink){heard, p};
}
