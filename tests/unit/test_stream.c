/* engine/stream and engine/sampling: chunk arithmetic, windows, drift, schedules, solvers on a known flow. */
#include "engine/base/mem.h"
#include "engine/sampling/solver.h"
#include "engine/stream/chunks.h"
#include "engine/stream/drift.h"
#include "engine/stream/windows.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static void test_chunks(void) {
  g_assert_cmpint(kl_latent_frames(1), ==, 1);
  g_assert_cmpint(kl_latent_frames(2), ==, 2);
  g_assert_cmpint(kl_latent_frames(17), ==, 5);
  g_assert_cmpint(kl_latent_frames(81), ==, 21);
  for (int64_t frames = 1; frames < 300; frames += 1 + frames / 20)
    for (int chunk = 1; chunk < 8; chunk++) {
      int64_t at = 0, latent = 0, n = kl_chunk_count(frames, chunk);
      for (int64_t i = 0; i < n; i++) {
        KlSpan s = kl_chunk_span(frames, chunk, i);
        g_assert_cmpint(s.first_frame, ==, at);
        g_assert_cmpint(s.first_latent, ==, latent);
        g_assert_cmpint(s.frames, >, 0);
        g_assert_cmpint(s.latents, <=, chunk);
        at += s.frames;
        latent += s.latents;
      }
      g_assert_cmpint(at, ==, frames);
      g_assert_cmpint(kl_chunk_span(frames, chunk, n).latents, ==, 0);
    }
}

static void test_windows(void) {
  for (int64_t frames = 1; frames < 120; frames++)
    for (int overlap = 0; overlap < 7; overlap++) {
      KlWindows w = kl_windows(frames, 9, overlap);
      int length = kl_window_length(&w);
      int64_t covered = 0;
      for (int i = 0; i < w.count; i++) {
        int64_t start = kl_window_start(&w, i);
        g_assert_cmpint(start, <=, covered); /* no gap */
        g_assert_cmpint(start + length, >, covered);
        covered = start + length;
        for (int step = 0; step < 5; step++) {
          int64_t cut = kl_window_cut(&w, i, 3, step);
          g_assert_cmpint(cut, >=, start);
          g_assert_cmpint(cut, <, start + length);
          if (i > 0) g_assert_cmpint(cut, <=, kl_window_start(&w, i - 1) + length);
        }
      }
      g_assert_cmpint(covered, ==, frames);
    }
}

static void test_drift(void) {
  float a[2 * 3 * 50], b[2 * 3 * 50];
  for (int i = 0; i < 300; i++) a[i] = (float)sin(i), b[i] = 2 * a[i] + 0.5f;
  KlLatentStats sa, sb;
  double m, v;
  kl_latent_stats(a, 2, 3, 50, &sa);
  kl_latent_stats(b, 2, 3, 50, &sb);
  kl_drift(&sa, &sa, &m, &v);
  g_assert_cmpfloat(m, ==, 0);
  g_assert_cmpfloat(v, ==, 0);
  kl_drift(&sa, &sb, &m, &v);
  g_assert_cmpfloat_with_epsilon(v, log(4), 0.01);
  g_assert_cmpfloat(m, >, 0.4);
  g_assert_true(kl_all_finite(a, 300));
  a[299] = NAN;
  g_assert_false(kl_all_finite(a, 300));
}

/* Where every sample comes from one point the velocity is exact, v = (x - x0) / sigma, and any solver lands
 * on it. For a Gaussian of variance c^2 the flow is known: x(s) = x(1) sqrt((1-s)^2 c^2 + s^2) from s = 1. */
static double gaussian_error(KlSolver solver, int steps) {
  KlSchedule sc;
  KlSolverRun *run;
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_schedule_init(&sc, solver, steps, 3, &err));
  g_assert_true(kl_solver_new(&sc, 1, &run, &err));
  double c = 0.7, s0 = sc.sigma[0], norm = sqrt((1 - s0) * (1 - s0) * c * c + s0 * s0);
  float x = (float)norm, v, noise = 0;
  for (int i = 0; i < steps; i++) {
    double s = sc.sigma[i], var = (1 - s) * (1 - s) * c * c + s * s;
    double x0 = (1 - s) * c * c / var * (double)x, eps = s / var * (double)x;
    v = (float)(eps - x0);
    kl_solver_step(run, &x, &v, &noise);
  }
  kl_solver_free(&run);
  return fabs((double)x - c);
}

static void test_solvers(void) {
  g_assert_cmpfloat(gaussian_error(KL_SOLVER_EULER, 50), <, 0.04);
  g_assert_cmpfloat(gaussian_error(KL_SOLVER_UNIPC, 20), <, 0.004);
  g_assert_cmpfloat(gaussian_error(KL_SOLVER_DPMPP, 20), <, 0.01);
  /* Higher order pays. */
  g_assert_cmpfloat(gaussian_error(KL_SOLVER_UNIPC, 20), <, gaussian_error(KL_SOLVER_EULER, 20) / 4);
  g_assert_cmpfloat(gaussian_error(KL_SOLVER_DPMPP, 20), <, gaussian_error(KL_SOLVER_EULER, 20));
}

static void test_solver_state(void) {
  for (int solver = 0; solver < KL_SOLVERS; solver++) {
    KlSchedule sc;
    KlSolverRun *a, *b;
    KlErr err = KL_ERR_INIT;
    g_assert_true(kl_schedule_init(&sc, (KlSolver)solver, 6, 5, &err));
    g_assert_true(kl_solver_new(&sc, 4, &a, &err) && kl_solver_new(&sc, 4, &b, &err));
    float x[4] = {1, -2, 0.5f, 3}, y[4], noise[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    for (int i = 0; i < 6; i++) {
      float v[4];
      for (int k = 0; k < 4; k++) v[k] = (float)sin((double)x[k] + i);
      memcpy(y, x, sizeof x);
      char *state = kl_alloc(kl_solver_state_bytes(a), 1);
      kl_solver_save(a, state);
      g_assert_true(kl_solver_load(b, state, kl_solver_state_bytes(a)));
      g_assert_false(kl_solver_load(b, state, kl_solver_state_bytes(a) - 1));
      kl_free(&state);
      kl_solver_step(a, x, v, noise);
      kl_solver_step(b, y, v, noise);
      g_assert_cmpmem(x, sizeof x, y, sizeof y);
    }
    kl_solver_free(&a);
    kl_solver_free(&b);
  }
}

static void test_schedule_refusals(void) {
  KlSchedule sc;
  KlSolver solver;
  g_assert_false(kl_schedule_init(&sc, KL_SOLVER_EULER, 0, 1, NULL));
  g_assert_false(kl_schedule_init(&sc, KL_SOLVER_EULER, 1001, 1, NULL));
  g_assert_false(kl_schedule_init(&sc, KL_SOLVER_EULER, 10, 0, NULL));
  g_assert_false(kl_schedule_init(&sc, KL_SOLVER_EULER, 10, NAN, NULL));
  g_assert_true(kl_solver_parse("dpm++", &solver));
  g_assert_cmpint(solver, ==, KL_SOLVER_DPMPP);
  g_assert_false(kl_solver_parse("dpm", &solver));
  /* Four distilled steps at shift 5: the schedule of Self-Forcing. */
  g_assert_true(kl_schedule_init(&sc, KL_SOLVER_FEW_STEP, 4, 5, NULL));
  double want[4] = {1000, 937.5, 2500.0 / 3, 625};
  for (int i = 0; i < 4; i++) g_assert_cmpfloat_with_epsilon(sc.timestep[i], want[i], 1e-9);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stream/chunks", test_chunks);
  g_test_add_func("/stream/windows", test_windows);
  g_test_add_func("/stream/drift", test_drift);
  g_test_add_func("/sampling/solvers", test_solvers);
  g_test_add_func("/sampling/state", test_solver_state);
  g_test_add_func("/sampling/schedule", test_schedule_refusals);
  return g_test_run();
}
