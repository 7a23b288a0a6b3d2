/* Golden cases: networks against outputs of the public reference implementations (shared/golden, its README).
 *
 * A case opens NAME.weights.safetensors and NAME.case.safetensors of `dir`, runs on `backend` and hands each
 * output to kl_golden_compare; it returns false only where it could not run at all. */
#pragma once

#include "engine/base/err.h"
#include "engine/graph/backend.h"

typedef struct {
  const char *dir;
  KlBackend *backend;
  double limit; /* allowed ||out - ref|| / ||ref||: 1e-4 for f32, 2e-2 for bf16 */
  int compared, failed;
} KlGolden;

/* Prints "CASE OUTPUT error E limit L ok|FAILED" and counts. Non-finite values fail. */
void kl_golden_compare(KlGolden *g, const char *name, const char *output, const float *out, const float *ref,
                       size_t n);

bool kl_golden_vae(KlGolden *g, KlErr *err);
