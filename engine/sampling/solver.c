#include "engine/sampling/solver.h"

#include "engine/base/mem.h"

#include <math.h>
#include <string.h>

struct KlSolverRun {
  const KlSchedule *schedule;
  size_t n;
  int step;
  int order;          /* UniPC: order of the predictor that made the present x */
  float *x0, *before; /* estimates of the clean latent: this step's and the last one's */
  float *last; /* UniPC, [2 n]: the sample that the last predictor started from, and the estimate before m0 */
};

bool kl_solver_new(const KlSchedule *schedule, size_t n, KlSolverRun **out, KlErr *err) {
  KlSolverRun *r = kl_calloc(1, sizeof *r);
  *out = r;
  if (r)
    *r = (KlSolverRun){.schedule = schedule,
                       .n = n,
                       .x0 = kl_calloc(n, 4),
                       .before = kl_calloc(n, 4),
                       .last = kl_calloc(n, 8)};
  if (r && r->x0 && r->before && r->last) return true;
  kl_solver_free(out);
  return kl_fail(err, KL_ERR_OOM, "no memory for the solver");
}

void kl_solver_free(KlSolverRun **r) {
  if (!*r) return;
  kl_free(&(*r)->x0);
  kl_free(&(*r)->before);
  kl_free(&(*r)->last);
  kl_free(r);
}

void kl_solver_reset(KlSolverRun *r) {
  r->step = r->order = 0;
}
int kl_solver_step_index(const KlSolverRun *r) {
  return r->step;
}
const float *kl_solver_x0(const KlSolverRun *r) {
  return r->x0;
}

/* Half the log signal-to-noise ratio; +-infinity at the ends. */
static double lambda(double sigma) {
  return log(1 - sigma) - log(sigma);
}

/* x = a x + b m + c p */
static void combine(float *x, size_t n, double a, double b, const float *m, double c, const float *p) {
  for (size_t i = 0; i < n; i++) x[i] = (float)(a * (double)x[i] + b * (double)m[i] + c * (double)p[i]);
}

static void few_step(KlSolverRun *r, float *x, const float *noise, double next) {
  if (next <= 0)
    memcpy(x, r->x0, r->n * sizeof *x);
  else
    for (size_t i = 0; i < r->n; i++) x[i] = (float)((1 - next) * (double)r->x0[i] + next * (double)noise[i]);
}

static void dpmpp(KlSolverRun *r, float *x, double s, double next) {
  const KlSchedule *sc = r->schedule;
  double h = lambda(next) - lambda(s), phi = -expm1(-h); /* 1 - exp(-h); 1 at the ends */
  double k = (1 - next) * phi, slope = 0;
  if (r->step > 0 && next > 0) slope = 0.5 * h / (lambda(s) - lambda(sc->sigma[r->step - 1]));
  /* D1 = (m0 - m1) / r0, weighted by one half; the first step and the last are of first order. */
  combine(x, r->n, next / s, k * (1 + slope), r->x0, -k * slope, r->before);
}

/* The UniC corrector: improves x at sigma s, reached by the last predictor, with the model's output there. */
static void unipc_correct(KlSolverRun *r, float *x, double s) {
  const double *sigma = r->schedule->sigma;
  double s0 = sigma[r->step - 1], h = lambda(s) - lambda(s0), hh = -h, phi = expm1(hh), k = (1 - s) * phi;
  double past = 0, now = 0.5; /* weights of (m1 - m0)/rk and of (m_t - m0) */
  double rk = 1;
  if (r->order == 2) {
    rk = (lambda(sigma[r->step - 2]) - lambda(s0)) / h;
    double p1 = phi / hh - 1, b0 = p1 / phi, p2 = p1 / hh - 0.5, b1 = 2 * p2 / phi;
    /* [1 1; rk 1] [past now] = [b0 b1] */
    past = (b0 - b1) / (1 - rk);
    now = b0 - past;
  }
  /* x0 is the output now, before the one of the last step (m0), and behind `last` stands the one before it
   * (m1). */
  const float *m0 = r->before, *m1 = r->last + r->n, *mt = r->x0;
  for (size_t i = 0; i < r->n; i++) {
    double d = past ? past * ((double)m1[i] - (double)m0[i]) / rk : 0;
    x[i] = (float)(s / s0 * (double)r->last[i] - k * (double)m0[i] -
                   k * (d + now * ((double)mt[i] - (double)m0[i])));
  }
}

static void unipc_predict(KlSolverRun *r, float *x, double s, double next, int order) {
  double h = lambda(next) - lambda(s), phi = expm1(-h), k = (1 - next) * phi;
  double w = 0; /* 0.5 / rk on (m1 - m0) */
  if (order == 2) w = 0.5 * h / (lambda(r->schedule->sigma[r->step - 1]) - lambda(s));
  combine(x, r->n, next / s, -k * (1 - w), r->x0, -k * w, r->before);
}

static void unipc(KlSolverRun *r, float *x, double s, double next) {
  if (r->step > 0) unipc_correct(r, x, s);
  int order = r->step == 0 || r->step == r->schedule->steps - 1 ? 1 : 2;
  memcpy(r->last, x, r->n * sizeof *x);
  memcpy(r->last + r->n, r->before, r->n * sizeof *x);
  unipc_predict(r, x, s, next, order);
  r->order = order;
}

void kl_solver_step(KlSolverRun *r, float *x, const float *v, const float *noise) {
  const KlSchedule *sc = r->schedule;
  double s = sc->sigma[r->step], next = sc->sigma[r->step + 1];
  float *swap = r->before;
  r->before = r->x0;
  r->x0 = swap;
  for (size_t i = 0; i < r->n; i++) r->x0[i] = (float)((double)x[i] - s * (double)v[i]);
  switch (sc->solver) {
  case KL_SOLVER_EULER:
    for (size_t i = 0; i < r->n; i++) x[i] = (float)((double)x[i] + (double)v[i] * (next - s));
    break;
  case KL_SOLVER_FEW_STEP:
    few_step(r, x, noise, next);
    break;
  case KL_SOLVER_DPMPP:
    dpmpp(r, x, s, next);
    break;
  case KL_SOLVER_UNIPC:
    unipc(r, x, s, next);
    break;
  }
  r->step++;
}

size_t kl_solver_state_bytes(const KlSolverRun *r) {
  return 2 * sizeof(int) + 4 * r->n * sizeof(float);
}

void kl_solver_save(const KlSolverRun *r, void *bytes) {
  char *to = bytes;
  int position[2] = {r->step, r->order};
  size_t n = r->n * sizeof(float);
  memcpy(to, position, sizeof position);
  memcpy(to + sizeof position, r->x0, n);
  memcpy(to + sizeof position + n, r->before, n);
  memcpy(to + sizeof position + 2 * n, r->last, 2 * n);
}

bool kl_solver_load(KlSolverRun *r, const void *bytes, size_t size) {
  const char *from = bytes;
  int position[2];
  size_t n = r->n * sizeof(float);
  if (size != kl_solver_state_bytes(r)) return false;
  memcpy(position, from, sizeof position);
  if (position[0] < 0 || position[0] >= r->schedule->steps || position[1] < 0 || position[1] > 2)
    return false;
  r->step = position[0];
  r->order = position[1];
  memcpy(r->x0, from + sizeof position, n);
  memcpy(r->before, from + sizeof position + n, n);
  memcpy(r->last, from + sizeof position + 2 * n, 2 * n);
  return true;
}

void kl_guide(const float *cond, const float *uncond, double scale, float *out, size_t n) {
  for (size_t i = 0; i < n; i++)
    out[i] = (float)((double)uncond[i] + scale * ((double)cond[i] - (double)uncond[i]));
}
