/* Progress of a job, reported by the worker that does it. The callback runs on the worker thread and must
 * return quickly; app/core thins the stream for people and programs. */
#pragma once

#include <stddef.h>

typedef enum {
  KL_PHASE_LOAD,   /* reading and packing weights */
  KL_PHASE_TEXT,   /* encoding the prompt */
  KL_PHASE_IMAGE,  /* encoding the first frame */
  KL_PHASE_SAMPLE, /* denoising */
  KL_PHASE_DECODE, /* latents to frames */
  KL_PHASE_MUX,    /* frames to the file */
} KlPhase;

typedef struct {
  KlPhase phase;
  int chunk, chunks; /* chunk at work, counted from 0, and how many in all (0: unknown) */
  int step, steps;   /* position inside the phase, 0..steps */
} KlProgress;

typedef struct {
  void (*fn)(void *user, const KlProgress *p); /* NULL: nobody listens */
  void *user;
} KlProgressSink;

static inline void kl_progress(const KlProgressSink *s, KlProgress p) {
  if (s && s->fn) s->fn(s->user, &p);
}

/* "load", "text", "image", "sample", "decode", "mux". */
const char *kl_phase_name(KlPhase phase);
