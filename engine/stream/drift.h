/* The drift watch: how far a chunk's latents have moved, channel by channel, from the first chunk's
 * statistics. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { KL_DRIFT_CHANNELS = 128 };

typedef struct {
  int channels;
  double mean[KL_DRIFT_CHANNELS], var[KL_DRIFT_CHANNELS];
} KlLatentStats;

/* latents [frames, channels, pixels], channels <= KL_DRIFT_CHANNELS (more are left out). */
void kl_latent_stats(const float *latents, int frames, int channels, int pixels, KlLatentStats *out);
/* Mean over channels of |mean - mean0| / sd0 and of |ln(var / var0)|: 0 is no drift. */
void kl_drift(const KlLatentStats *anchor, const KlLatentStats *now, double *mean_shift, double *var_shift);
/* False if any value is NaN or infinite. */
bool kl_all_finite(const float *x, size_t n);
