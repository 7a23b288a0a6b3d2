#include "engine/sampling/schedule.h"

#include <math.h>
#include <string.h>

static const char *const names[KL_SOLVERS] = {"euler", "unipc", "dpm++", "few-step"};

bool kl_solver_parse(const char *name, KlSolver *out) {
  for (int i = 0; i < KL_SOLVERS; i++)
    if (!strcmp(name, names[i])) return *out = (KlSolver)i, true;
  return false;
}

const char *kl_solver_name(KlSolver s) {
  return names[s];
}

bool kl_schedule_init(KlSchedule *s, KlSolver solver, int steps, double shift, KlErr *err) {
  if (steps < 1 || steps > KL_MAX_STEPS)
    return kl_fail(err, KL_ERR_INVALID, "steps must be 1 to %d", KL_MAX_STEPS);
  if (!(shift > 0) || !(shift <= 1000))
    return kl_fail(err, KL_ERR_INVALID, "shift must be above 0 and at most 1000");
  s->solver = solver;
  s->steps = steps;
  /* The reference's UniPC begins one training step below pure noise (0.999, rounded to f32). */
  double top = solver == KL_SOLVER_UNIPC ? (double)0.999f : 1;
  for (int i = 0; i < steps; i++) {
    double v =
        i * (-top / steps) + top; /* numpy's linspace to the last bit: it decides what truncation gives */
    s->sigma[i] = shift * v / (1 + (shift - 1) * v);
    double t = 1000 * s->sigma[i];
    bool whole = solver == KL_SOLVER_UNIPC || solver == KL_SOLVER_DPMPP;
    s->timestep[i] = whole ? floor(t) : t;
  }
  s->sigma[steps] = 0;
  return true;
}
