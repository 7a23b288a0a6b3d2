#include "engine/stream/drift.h"

#include <math.h>

void kl_latent_stats(const float *latents, int frames, int channels, int pixels, KlLatentStats *out) {
  out->channels = channels < KL_DRIFT_CHANNELS ? channels : KL_DRIFT_CHANNELS;
  double n = (double)frames * pixels;
  for (int c = 0; c < out->channels; c++) {
    double sum = 0, square = 0;
    for (int f = 0; f < frames; f++) {
      const float *x = latents + ((size_t)f * (size_t)channels + (size_t)c) * (size_t)pixels;
      for (int i = 0; i < pixels; i++) sum += (double)x[i], square += (double)x[i] * (double)x[i];
    }
    out->mean[c] = sum / n;
    double var = square / n - out->mean[c] * out->mean[c];
    out->var[c] = var > 0 ? var : 0;
  }
}

void kl_drift(const KlLatentStats *anchor, const KlLatentStats *now, double *mean_shift, double *var_shift) {
  double m = 0, v = 0;
  for (int c = 0; c < anchor->channels; c++) {
    double var0 = anchor->var[c] + 1e-6;
    m += fabs(now->mean[c] - anchor->mean[c]) / sqrt(var0);
    v += fabs(log((now->var[c] + 1e-6) / var0));
  }
  *mean_shift = anchor->channels ? m / anchor->channels : 0;
  *var_shift = anchor->channels ? v / anchor->channels : 0;
}

bool kl_all_finite(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return false;
  return true;
}
