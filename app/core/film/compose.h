/* A timeline as a source of frames and samples, for the player and for export. Both answer for any place, in
 * any order; going on from the last one is cheapest. Memory does not grow with the length: a few decoders are
 * kept open, the longest unused is closed.
 *
 * Pictures: 8-bit R'G'B', each clip scaled into the frame with its proportions kept. Crossfades are mixed in
 * linear light, as two films in one projector. The frame of a clip at time t is the one its file shows at
 * t - start + in, in exact fractions of both rates. Sound: 2 channels at the wanted rate; crossfades of equal
 * power, cuts with a ramp of 3 ms unless the clips are one piece of their file, and a soft limit above -1 dB.
 * A file that is missing or damaged gives a striped picture and silence, and is told of once.
 *
 * One thread at a time; each thread makes one of its own from the same timeline. */
#pragma once

#include "app/core/film/timeline.h"
#include "media/decode.h"

typedef struct {
  int width, height;                          /* 0: the timeline's */
  KlFit fit;                                  /* KL_FIT_CONTAIN or KL_FIT_COVER */
  int fps_num, fps_den;                       /* of the frames that are asked for; 0: the timeline's */
  int rate;                                   /* samples a second; 0: 48000 */
  const KlCancel *cancel;                     /* NULL: never; must outlive the KlCompose */
  void (*note)(void *user, const char *text); /* a sentence for people, in the calling thread; may be NULL */
  void *user;
} KlComposeSetup;
#define KL_COMPOSE_SETUP_INIT ((KlComposeSetup){.fit = KL_FIT_CONTAIN})

typedef struct KlCompose KlCompose;

/* Takes a reference on t. Opens nothing yet. */
KlCompose *kl_compose_new(KlTimeline *t, const KlComposeSetup *how);
void kl_compose_free(KlCompose *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCompose, kl_compose_free)

void kl_compose_size(const KlCompose *c, int *width, int *height);
void kl_compose_rate(const KlCompose *c, int *fps_num, int *fps_den);
/* How many frames, at the wanted rate, and samples it is long. */
gint64 kl_compose_frames(const KlCompose *c);
gint64 kl_compose_length(const KlCompose *c);
bool kl_compose_has_sound(const KlCompose *c);

/* Frame n into rgb [height, width, 3]; black where nothing is. KL_ERROR_CANCELLED, KL_ERROR_OOM. */
bool kl_compose_frame(KlCompose *c, gint64 n, guint8 *rgb, GError **error);
/* n samples from `first` on into out [n, 2], -1..1. The same errors. */
bool kl_compose_samples(KlCompose *c, gint64 first, float *out, gsize n, GError **error);
