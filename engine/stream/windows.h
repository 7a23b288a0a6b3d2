/* Overlapped windows with randomized blending (StreamingT2V, Henschel et al. 2024): a bidirectional model
 * that sees `clip` latent frames makes a longer video. All windows are denoised in every step; in the overlap
 * of two neighbours the later one takes over at a random frame, drawn anew each step, so that no seam stays
 * in one place. */
#pragma once

#include <stdint.h>

typedef struct {
  int64_t frames; /* of the whole latent */
  int clip, overlap;
  int count; /* windows */
} KlWindows;

/* clip >= 1, 0 <= overlap < clip. frames <= clip gives one window of `frames`. */
KlWindows kl_windows(int64_t frames, int clip, int overlap);
/* First frame of window i; every window has the same length min(clip, frames), the last one is moved back to
 * end with the latent. */
int64_t kl_window_start(const KlWindows *w, int i);
int kl_window_length(const KlWindows *w);
/* From which frame of the whole latent window i > 0 overrides its predecessor in this step: a draw from the
 * overlap of the two (Philox of seed, step, window). Window 0 begins at 0. */
int64_t kl_window_cut(const KlWindows *w, int i, uint64_t seed, int step);
