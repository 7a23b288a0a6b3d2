/* Output sizes of a model with an upscaler: the network makes the frame at the full, half or quarter size,
 * whichever is the largest that has no more pixels than it was trained for, and the frames it decodes are
 * enlarged by so much. */
#include "engine/base/mem.h"
#include "engine/pipelines/t2v.h"

#include <time.h>

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool kl_t2v_open_upscaler(KlT2v *t, const char *path, KlErr *err) {
  t->enlarge = 1;
  t->out_width = t->p.width, t->out_height = t->p.height;
  if (!path) return true;
  if (!kl_weights_open(&path, 1, &t->upscaler_weights, err) ||
      !kl_upscaler_open(t->upscaler_weights, t->backend, &t->upscaler, err))
    return false;
  const KlUpscalerInfo *u = kl_upscaler_info(t->upscaler);
  double most = (double)u->size * u->size, pixels = (double)t->p.width * t->p.height;
  while (t->enlarge < u->scale && pixels / (t->enlarge * t->enlarge) > most) t->enlarge *= 2;
  t->plan.size_multiple *= t->enlarge;
  return true;
}

/* [height, width, 3] in place to a size n times smaller, each pixel the mean of n x n. */
static void shrink(float *rgb, size_t height, size_t width, size_t n) {
  float *to = rgb;
  for (size_t y = 0; y < height / n; y++)
    for (size_t x = 0; x < width / n; x++) {
      float sum[3] = {0};
      for (size_t i = 0; i < n * n; i++) {
        const float *p = rgb + ((y * n + i / n) * width + x * n + i % n) * 3;
        for (int c = 0; c < 3; c++) sum[c] += p[c];
      }
      for (int c = 0; c < 3; c++) *to++ = sum[c] / (float)(n * n);
    }
}

void kl_t2v_shrink_first_frame(KlT2v *t) {
  if (t->enlarge > 1)
    shrink((float *)t->p.first_frame, (size_t)t->out_height, (size_t)t->out_width, (size_t)t->enlarge);
}

const float *kl_t2v_enlarge(KlT2v *t, const float *rgb, const KlCancel *cancel, KlErr *err) {
  if (t->enlarge == 1) return rgb;
  int scale = kl_upscaler_info(t->upscaler)->scale, h = t->p.height, w = t->p.width;
  size_t height = (size_t)(h * scale), width = (size_t)(w * scale);
  if (!t->large && !(t->large = kl_alloc(height * width * 3, sizeof *t->large))) {
    kl_fail(err, KL_ERR_OOM, "no memory for the enlarged frame");
    return NULL;
  }
  double began = now_s();
  if (!kl_upscaler_run(t->upscaler, rgb, h, w, t->large, cancel, err)) return NULL;
  if (scale > t->enlarge) shrink(t->large, height, width, (size_t)(scale / t->enlarge));
  t->enlarge_seconds += now_s() - began;
  return t->large;
}

double kl_t2v_upscale_seconds(const KlT2v *t) {
  return t->enlarge_seconds;
}

void kl_t2v_free_upscaler(KlT2v *t) {
  kl_upscaler_free(&t->upscaler);
  kl_weights_free(&t->upscaler_weights);
  kl_free(&t->large);
}
