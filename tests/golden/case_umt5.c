/* UMT5: the rows of the valid tokens. */
#include "engine/base/mem.h"
#include "engine/models/umt5.h"
#include "tests/golden/golden.h"

void golden_umt5(Golden *g) {
  KlWeights *cases, *weights;
  if (!golden_open(g, &cases, &weights)) return;
  KlErr err = KL_ERR_INIT;
  KlUmt5 *m = NULL;
  float *got = NULL;
  const KlTensor *ids = kl_weights_find(cases, "ids"), *mask = kl_weights_find(cases, "mask");
  size_t n = 0;
  const float *want = golden_values(g, cases, "out", false, &n);
  if (!want) goto out;
  if (!ids || ids->dtype != KL_I32 || (mask && mask->dtype != KL_I32)) {
    kl_fail(&err, KL_ERR_FORMAT, "ids or mask are not i32");
    goto fail;
  }
  int valid = 0;
  const int32_t *m0 = mask ? kl_data(mask) : NULL;
  for (int64_t i = 0; i < kl_nelem(ids); i++) valid += m0 ? m0[i] != 0 : 1;
  if (!kl_umt5_open(weights, g->backend, &m, &err)) goto fail;
  if (n != (size_t)valid * (size_t)kl_umt5_dim(m)) {
    kl_fail(&err, KL_ERR_FORMAT, "out has not a row for each of %d tokens", valid);
    goto fail;
  }
  got = golden_alloc(n, sizeof *got);
  if (!kl_umt5_encode(m, kl_data(ids), valid, true, got, NULL, &err)) goto fail;
  golden_compare(g, "out", got, want, n);
  goto out;
fail:
  golden_error(g, "out", &err);
out:
  kl_free(&got);
  kl_umt5_free(&m);
  kl_weights_free(&weights);
  kl_weights_free(&cases);
}
