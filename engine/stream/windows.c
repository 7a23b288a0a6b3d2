#include "engine/stream/windows.h"

#include "engine/base/rng.h"

enum { STREAM = 0x57494e44 }; /* a Philox stream of its own */

KlWindows kl_windows(int64_t frames, int clip, int overlap) {
  KlWindows w = {.frames = frames, .clip = clip, .overlap = overlap, .count = 1};
  int hop = clip - overlap;
  if (frames > clip) w.count += (int)((frames - clip + hop - 1) / hop);
  return w;
}

int kl_window_length(const KlWindows *w) {
  return w->frames < w->clip ? (int)w->frames : w->clip;
}

int64_t kl_window_start(const KlWindows *w, int i) {
  int64_t at = (int64_t)i * (w->clip - w->overlap), last = w->frames - kl_window_length(w);
  return at < last ? at : last;
}

int64_t kl_window_cut(const KlWindows *w, int i, uint64_t seed, int step) {
  if (i == 0) return 0;
  int64_t start = kl_window_start(w, i), shared = kl_window_start(w, i - 1) + kl_window_length(w) - start;
  if (shared <= 1) return start;
  double u = kl_randu(seed, STREAM, (uint64_t)step << 32 | (uint64_t)i);
  return start + (int64_t)(u * (double)shared);
}
