/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
 * 3"). A value depends only on (seed, stream, index): same noise on every backend, thread count and after a
 * resume. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The four 32-bit outputs for key `seed` and counter {index low, index high, stream low, stream high}. */
void kl_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* Standard normal values number first .. first+n-1 of the stream (Box-Muller on f64, rounded to f32). */
void kl_randn(uint64_t seed, uint64_t stream, uint64_t first, float *out, size_t n);

/* A uniform value in [0, 1), number `index` of the stream. */
double kl_randu(uint64_t seed, uint64_t stream, uint64_t index);
