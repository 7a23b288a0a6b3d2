/* One denoising run: keeps what multistep solvers remember and advances the latent. */
#pragma once

#include "engine/sampling/schedule.h"

#include <stddef.h>

typedef struct KlSolverRun KlSolverRun;

/* n: elements of the latent. The schedule must outlive the run. */
bool kl_solver_new(const KlSchedule *schedule, size_t n, KlSolverRun **out, KlErr *err);
void kl_solver_free(KlSolverRun **r);
/* Back to step 0, memory kept. */
void kl_solver_reset(KlSolverRun *r);
int kl_solver_step_index(const KlSolverRun *r);

/* x [n] at sigma[i] and the model's velocity v [n] there -> x at sigma[i+1]. noise [n]: fresh N(0, 1) for
 * KL_SOLVER_FEW_STEP while sigma[i+1] > 0, else not read. */
void kl_solver_step(KlSolverRun *r, float *x, const float *v, const float *noise);
/* The estimate of the clean latent after the last step taken, [n]; for previews. */
const float *kl_solver_x0(const KlSolverRun *r);

/* What the run remembers, as bytes: a stored step can be gone on from bit for bit. load: false if they do not
 * fit. */
size_t kl_solver_state_bytes(const KlSolverRun *r);
void kl_solver_save(const KlSolverRun *r, void *bytes);
bool kl_solver_load(KlSolverRun *r, const void *bytes, size_t n);

/* Classifier-free guidance: out = uncond + scale (cond - uncond). out may be cond or uncond. */
void kl_guide(const float *cond, const float *uncond, double scale, float *out, size_t n);
