/* Frames to a video, animation or picture, written chunk by chunk so that a crash loses at most one chunk.
 *
 * The bytes of a chunk depend on nothing but (spec, chunk number, first frame, its frames): encoder and muxer
 * start afresh at every chunk, which is a closed group of pictures in a fragment (MP4), clusters (WebM,
 * Matroska) or images (GIF, APNG, PNG) of its own. Chunk 0 begins with the file's header. So a run that was
 * killed goes on by opening the same spec, a sink at the offset after the last whole chunk
 * (kl_file_sink_open), and kl_encoder_chunk_begin(e, next chunk, its first frame): the file ends up with the
 * bytes of an unbroken run. That holds for all containers, on the same machine and libraries; thread count is
 * part of the spec, never of the machine. Nothing seeks: every container but the PNG sequence can be written
 * to a pipe.
 *
 *   kl_encoder_check(&spec, err), kl_file_sink_open, kl_encoder_open(&spec, sink, cancel, &e, err)
 *   for each chunk:  kl_encoder_chunk_begin, kl_encoder_push_* for each frame, kl_encoder_chunk_end
 *                    kl_file_sink_sync, commit kl_file_sink_offset to the ledger
 *   kl_encoder_finish, kl_encoder_free
 *
 * After an error the encoder takes no more frames (every call gives an error): free it, and resume from the
 * ledger. An encoder is used by one thread at a time. Frames are sRGB/BT.709 R'G'B'. Video is stored as 8-bit
 * 4:2:0, BT.709 matrix, primaries and transfer, limited range, and tagged so. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"
#include "media/bounds.h"
#include "media/sink.h"
#include "media/tags.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
  KL_CONTAINER_NONE,
  KL_CONTAINER_MP4,          /* fragmented MP4: H.264, AV1, VP9, MPEG-4 */
  KL_CONTAINER_WEBM,         /* VP9, AV1 */
  KL_CONTAINER_MKV,          /* H.264, VP9, AV1, MPEG-4 */
  KL_CONTAINER_GIF,          /* loops for ever; one palette a chunk; times to 1/100 s without drift */
  KL_CONTAINER_APNG,         /* loops for ever; total_frames must be known */
  KL_CONTAINER_PNG,          /* one picture: exactly one frame */
  KL_CONTAINER_PNG_SEQUENCE, /* files, one a frame; the sink is not used */
} KlContainer;

typedef enum {
  KL_CODEC_AUTO, /* the first that this FFmpeg has: MP4, MKV: H.264, VP9, AV1, MPEG-4; WebM: VP9, AV1 */
  KL_CODEC_H264,
  KL_CODEC_VP9,
  KL_CODEC_AV1,
  KL_CODEC_MPEG4, /* part 2, the last resort */
  KL_CODEC_GIF,
  KL_CODEC_PNG,
} KlCodec;

/* Samples for the sound of a video, asked for in order, from 0 on, in the thread that pushes frames; a
 * resumed encoder asks from 0 again. */
typedef struct {
  int rate,
      channels; /* 48000 and 2; Opus takes 48000, 24000, 16000, 12000, 8000. channels 1 or 2; 0: silent */
  /* n samples a channel from `first` on into out [n, channels], -1..1; zeros where there is no more. */
  bool (*read)(void *user, int64_t first, float *out, size_t n, KlErr *err);
  void *user;
} KlSoundSource;

typedef struct {
  KlContainer container;
  KlCodec codec;
  int width, height;    /* 1..KL_MEDIA_MAX_EDGE, at most KL_MEDIA_MAX_PIXELS. An odd edge of a 4:2:0 video is
                           padded by repeating its last row or column, so the stored edge is one larger (browsers
                           play no other layout); pictures and animations keep the size */
  int fps_num, fps_den; /* frames a second, 30000/1001 for 29.97; both > 0, at most 1000 frames a second */
  int64_t total_frames; /* of the whole output; 0: unknown. With it, MP4 and WebM announce their length up
                           front */
  int crf;          /* quality, 0 (best) .. 51 (H.264), 63 (VP9, AV1), 31 (MPEG-4); -1: the codec's default */
  int threads;      /* of the encoder, 1..16; 0 = 4. Part of what the bytes depend on */
  KlMediaTags tags; /* copied */
  const char
      *pattern; /* PNG_SEQUENCE: a path with one %d or %05d (%% for a per cent sign), or a folder, which must
                   exist and gets %05d.png. Frame n has number n + 1. Copied; NULL otherwise */
  const char
      *audio_from; /* MP4, WebM, MKV: a file whose sound is carried over unaltered (packets copied, never
                      decoded), from its beginning to the end of the last frame; NULL: silent. Copied */
  KlSoundSource
      sound; /* MP4 (AAC), WebM, MKV (Opus): or sound of one's own, until the end of the last frame */
} KlEncodeSpec;

/* 4:2:0, crf and threads default, everything else zero: fill in container, size, rate. */
#define KL_ENCODE_SPEC_INIT ((KlEncodeSpec){.crf = -1})

/* What the name says: .mp4 .m4v .webm .mkv .gif .apng .png, a name with %d or %05d before .png, or an
 * existing folder (or a name that ends in '/'): PNG sequence. KL_CONTAINER_NONE for anything else, "-"
 * included. */
KlContainer kl_container_from_path(const char *path);
/* "mp4", "webm", "mkv", "gif", "apng", "png", "png-sequence"; parse takes the same, false if it is none of
 * them. */
const char *kl_container_name(KlContainer c);
bool kl_container_parse(const char *name, KlContainer *out);

/* "auto", "h264", "vp9", "av1", "mpeg4", "gif", "png". */
const char *kl_codec_name(KlCodec c);
bool kl_codec_parse(const char *name, KlCodec *out);
/* Whether this FFmpeg can encode it (KL_CODEC_AUTO: true). */
bool kl_codec_available(KlCodec c);
/* The video codecs that can be encoded here, best first; returns how many were stored (at most n). */
size_t kl_media_codecs(KlCodec *out, size_t n);
/* What KL_CODEC_AUTO means for the container here. UNSUPPORTED if nothing fits, or `codec` is absent or
 * foreign to the container; the message says what would do. */
bool kl_codec_resolve(KlContainer container, KlCodec codec, KlCodec *out, KlErr *err);

typedef struct KlEncoder KlEncoder;

/* Checks the spec and tries the encoder, writes nothing. The sink and the cancel token (NULL: never) must
 * outlive the encoder. Errors: INVALID (spec), UNSUPPORTED (codec absent from this build,
 * sound that the container cannot hold), OOM; for audio_from as kl_media_probe. */
bool kl_encoder_open(const KlEncodeSpec *spec, KlSink sink, const KlCancel *cancel, KlEncoder **out,
                     KlErr *err);

/* Whether kl_encoder_open would succeed, without a sink: to be called before an existing file is touched. */
bool kl_encoder_check(const KlEncodeSpec *spec, KlErr *err);

/* Begins chunk `chunk` (0, 1, ...), whose first frame is frame `first_frame` of the output. On a fresh
 * encoder any chunk may come first (resume); then they follow one another without gaps. */
bool kl_encoder_chunk_begin(KlEncoder *e, int64_t chunk, int64_t first_frame, KlErr *err);

/* One frame, [height, width, 3], interleaved, rows without gaps, borrowed for the call.
 * rgb8: 0..255. f32: 0..1, clamped, rounded as floor(255 x + 0.5); a value that is not finite is
 * KL_ERR_INVALID. Errors: CANCELLED, IO (from the sink), OOM, INVALID (more frames than total_frames, no
 * chunk open). */
bool kl_encoder_push_rgb8(KlEncoder *e, const uint8_t *rgb, KlErr *err);
bool kl_encoder_push_f32(KlEncoder *e, const float *rgb, KlErr *err);

/* Ends the chunk (at least one frame): all its bytes have gone to the sink. */
bool kl_encoder_chunk_end(KlEncoder *e, KlErr *err);

/* Writes what ends the file (GIF: one byte, APNG: IEND, the others: nothing). May be called on a fresh
 * encoder, when the last chunk was committed but the end was not. PNG sequence: nothing. */
bool kl_encoder_finish(KlEncoder *e, KlErr *err);

/* The codec in use, its FFmpeg encoder ("libx264"; "" for GIF and PNG), and the size that is stored. */
KlCodec kl_encoder_codec(const KlEncoder *e);
const char *kl_encoder_name(const KlEncoder *e);
void kl_encoder_size(const KlEncoder *e, int *width, int *height);

void kl_encoder_free(KlEncoder **e);
