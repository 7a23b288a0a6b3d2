/* Noise schedules of flow matching: x_t = (1 - sigma) x0 + sigma eps, the model predicts v = eps - x0 at
 * timestep 1000 sigma. Shift k moves steps towards noise: sigma' = k sigma / (1 + (k - 1) sigma). */
#pragma once

#include "engine/base/err.h"

typedef enum {
  KL_SOLVER_EULER,    /* x += v (sigma_next - sigma) */
  KL_SOLVER_UNIPC,    /* UniPC, bh2, order 2 (Zhao et al. 2023) */
  KL_SOLVER_DPMPP,    /* DPM-Solver++ 2M (Lu et al. 2022) */
  KL_SOLVER_FEW_STEP, /* x0 estimate, then fresh noise to the next sigma: distilled checkpoints */
} KlSolver;

enum { KL_SOLVERS = 4, KL_MAX_STEPS = 1000 };

/* "euler", "unipc", "dpm++", "few-step". */
bool kl_solver_parse(const char *name, KlSolver *out);
const char *kl_solver_name(KlSolver s);

typedef struct {
  KlSolver solver;
  int steps;
  double sigma[KL_MAX_STEPS + 1]; /* descending, sigma[steps] = 0 */
  double timestep[KL_MAX_STEPS];  /* what the model is told; UniPC and DPM++ truncate to integers as the
                                     reference does */
} KlSchedule;

/* steps 1..1000, shift > 0 (1: none). KL_ERR_INVALID says which is out of range. */
bool kl_schedule_init(KlSchedule *s, KlSolver solver, int steps, double shift, KlErr *err);
