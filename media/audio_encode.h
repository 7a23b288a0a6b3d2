/* Sound from the caller's samples, encoded beside the video. Private to media/.
 *
 * One encoder runs from sample 0 to the end, whatever the chunks: joined pieces of AAC or Opus would click. A
 * resumed file therefore encodes the sound again from its start (a small part of what the pictures cost) and
 * drops what is in the file already; so the bytes are those of an unbroken run. */
#pragma once

#include "media/encode_internal.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

typedef struct KlAudioEncode KlAudioEncode;

/* AAC for MP4, Opus for WebM and Matroska. UNSUPPORTED: this FFmpeg lacks the encoder. */
bool kl_audio_encode_open(const KlSoundSource *source, KlContainer container, const KlCancel *cancel,
                          KlAudioEncode **out, KlErr *err);
void kl_audio_encode_free(KlAudioEncode **a);

/* Adds a stream for it to a muxer whose header is not yet written. */
bool kl_audio_encode_stream(KlAudioEncode *a, AVFormatContext *mux, KlErr *err);
/* Samples before the first that is to be heard; the container's header must tell. */
int kl_audio_encode_padding(const KlAudioEncode *a);

/* As kl_audio_copy_until. */
bool kl_audio_encode_until(KlAudioEncode *a, AVFormatContext *mux, int64_t until, AVRational base, int *r,
                           KlErr *err);
