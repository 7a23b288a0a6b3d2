#include "engine/stream/chunks.h"

int64_t kl_latent_frames(int64_t frames) {
  return 1 + (frames - 1 + 3) / 4;
}

int64_t kl_video_frame(int64_t latent_frame) {
  return latent_frame == 0 ? 0 : 4 * latent_frame - 3;
}

KlSpan kl_chunk_span(int64_t frames, int chunk, int64_t index) {
  int64_t all = kl_latent_frames(frames);
  KlSpan s = {.first_latent = index * chunk};
  if (s.first_latent >= all) return (KlSpan){.first_latent = all, .first_frame = frames};
  s.latents = all - s.first_latent < chunk ? all - s.first_latent : chunk;
  s.first_frame = kl_video_frame(s.first_latent);
  int64_t end = kl_video_frame(s.first_latent + s.latents);
  s.frames = (end < frames ? end : frames) - s.first_frame;
  return s;
}

int64_t kl_chunk_count(int64_t frames, int chunk) {
  return (kl_latent_frames(frames) + chunk - 1) / chunk;
}
