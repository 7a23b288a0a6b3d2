/* Sound carried from one file to another without decoding it. Private to media/. */
#pragma once

#include "media/decode_internal.h"

typedef struct KlAudioCopy KlAudioCopy;

/* The best sound of the file; time 0 is where its video begins (or the sound, without video). Errors as
 * kl_media_probe; UNSUPPORTED if there is no sound. */
bool kl_audio_copy_open(const char *path, const KlCancel *cancel, KlAudioCopy **out, KlErr *err);
void kl_audio_copy_free(KlAudioCopy **a);

/* Adds a stream for it to a muxer whose header is not yet written; UNSUPPORTED if the container cannot hold
 * it. */
bool kl_audio_copy_stream(KlAudioCopy *a, AVFormatContext *mux, const char *container, KlErr *err);

/* Passes all packets that begin before `until` (in units of `base`) and were not yet passed to the muxer; mux
 * NULL drops them. *r is the muxer's answer. A damaged source ends early. */
bool kl_audio_copy_until(KlAudioCopy *a, AVFormatContext *mux, int64_t until, AVRational base, int *r,
                         KlErr *err);
