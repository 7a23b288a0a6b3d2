/* Noise schedules: NAME_steps_shift_sigmas and _timesteps. */
#include "engine/base/mem.h"
#include "engine/sampling/schedule.h"
#include "tests/golden/golden.h"

#include <stdio.h>
#include <string.h>

void golden_schedules(Golden *g) {
  KlWeights *cases;
  if (!golden_open(g, &cases, NULL)) return;
  KlSchedule *s = golden_alloc(1, sizeof *s);
  float *got = golden_alloc(KL_MAX_STEPS + 1, sizeof *got);
  for (size_t i = 0; i < kl_weights_count(cases); i++) {
    const char *name = kl_weights_name(cases, i);
    char solver[16], what[16];
    int steps;
    double shift;
    size_t n;
    KlSolver kind;
    KlErr err = KL_ERR_INIT;
    if (sscanf(name, "%15[^_]_%d_%lf_%15s", solver, &steps, &shift, what) != 4 ||
        !kl_solver_parse(solver, &kind)) {
      fprintf(stderr, "kl-golden: schedules: %s is no schedule\n", name);
      continue;
    }
    const float *want = golden_values(g, cases, name, false, &n);
    if (!want) continue;
    bool sigmas = !strcmp(what, "sigmas");
    if (!kl_schedule_init(s, kind, steps, shift, &err) ||
        (n != (size_t)steps + sigmas && !kl_fail(&err, KL_ERR_FORMAT, "has %zu values", n))) {
      golden_error(g, name, &err);
      continue;
    }
    for (size_t k = 0; k < n; k++) got[k] = (float)(sigmas ? s->sigma[k] : s->timestep[k]);
    golden_compare_within(g, name, got, want, n, 1e-5);
  }
  kl_free(&got);
  kl_free(&s);
  kl_weights_free(&cases);
}
