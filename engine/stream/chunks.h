/* How a video falls into latents and chunks. Latent frame 0 is video frame 0 alone; latent frame i > 0 stands
 * for video frames 4i-3 .. 4i. */
#pragma once

#include <stdint.h>

/* Latent frames that hold n >= 1 video frames: 1 + ceil((n - 1) / 4). */
int64_t kl_latent_frames(int64_t frames);
/* The first video frame of a latent frame: 0, 1, 5, 9, ... */
int64_t kl_video_frame(int64_t latent_frame);

typedef struct {
  int64_t first_latent, latents; /* latents = 0: past the end */
  int64_t first_frame, frames;   /* video frames, cut to the asked length */
} KlSpan;

/* Chunk `index` of a video of `frames` video frames, `chunk` latent frames a chunk. */
KlSpan kl_chunk_span(int64_t frames, int chunk, int64_t index);
int64_t kl_chunk_count(int64_t frames, int chunk);
