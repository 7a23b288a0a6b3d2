/* The spatial upscaler: one frame. */
#include "engine/base/mem.h"
#include "engine/models/upscaler.h"
#include "tests/golden/golden.h"

void golden_upscaler(Golden *g) {
  KlWeights *cases, *weights;
  if (!golden_open(g, &cases, &weights)) return;
  KlErr err = KL_ERR_INIT;
  KlUpscaler *u = NULL;
  float *in = NULL, *out = NULL, *planes = NULL;
  size_t n = 0;
  const KlTensor *frame = kl_weights_find(cases, "frame");
  const float *want = golden_values(g, cases, "enlarged", false, &n);
  if (!want) goto out;
  if (!frame || frame->dtype != KL_F32 || frame->ndim != 4) {
    kl_fail(&err, KL_ERR_FORMAT, "frame is not [1, 3, height, width] of f32");
    goto fail;
  }
  if (!kl_upscaler_open(weights, g->backend, &u, &err)) goto fail;
  size_t h = (size_t)frame->shape[2], w = (size_t)frame->shape[3], s = (size_t)kl_upscaler_info(u)->scale;
  if (n != 3 * h * w * s * s) {
    kl_fail(&err, KL_ERR_FORMAT, "enlarged is not %zu times the frame", s);
    goto fail;
  }
  in = golden_alloc(3 * h * w, sizeof *in);
  out = golden_alloc(n, sizeof *out);
  planes = golden_alloc(n, sizeof *planes);
  const float *from = kl_data(frame);
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < h * w; i++) in[i * 3 + c] = from[c * h * w + i];
  if (!kl_upscaler_run(u, in, (int)h, (int)w, out, NULL, &err)) goto fail;
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < n / 3; i++) planes[c * (n / 3) + i] = out[i * 3 + c];
  golden_compare(g, "enlarged", planes, want, n);
  goto out;
fail:
  golden_error(g, "enlarged", &err);
out:
  kl_upscaler_free(&u);
  kl_free(&in);
  kl_free(&out);
  kl_free(&planes);
  kl_weights_free(&weights);
  kl_weights_free(&cases);
}
