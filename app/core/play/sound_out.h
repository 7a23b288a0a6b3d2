/* Sound of a source to the speakers, through PulseAudio's (or PipeWire's) server, from a thread of its own.
 * Without a server it is silent and says so by its position. One thread at a time. */
#pragma once

#include "app/core/play/source.h"

typedef struct KlSoundOut KlSoundOut;

/* The source must outlive it and have sound. Connects when it is first started. */
KlSoundOut *kl_sound_out_new(KlPlaySource *source);
/* Plays from a sample on, after whatever it played before was thrown away. Returns at once. */
void kl_sound_out_start(KlSoundOut *o, gint64 sample);
void kl_sound_out_stop(KlSoundOut *o);
/* 0..1 */
void kl_sound_out_set_volume(KlSoundOut *o, double volume);
/* Seconds that were heard since start, 0 until the first sample is out; -1: there is no server. */
double kl_sound_out_position(KlSoundOut *o);
void kl_sound_out_free(KlSoundOut **o);
