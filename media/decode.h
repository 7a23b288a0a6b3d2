/* Pictures and videos as inputs: probe, decode frame by frame, scale for conditioning.
 *
 * Any format that the system's FFmpeg reads, from a local file only: the file is opened here and nothing that
 * it names (playlists, network addresses, other files) is ever followed. Files are untrusted: size limits
 * hold, damage gives KL_ERR_FORMAT. Frames come as 8-bit R'G'B' (BT.709/sRGB assumed; YUV matrix and range as
 * tagged, or by FFmpeg's and players' habit: BT.709 from 720 rows up, else BT.601), turned upright (display
 * matrix, Exif), pixels made square, transparent parts over white. Cancel is polled between packets and while
 * reading. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  char container[32]; /* FFmpeg's short name, the first one: "mov", "matroska", "png_pipe" */
  char codec[32];     /* of the video stream: "h264", "png"; "" without video */
  bool has_video;
  bool still;           /* one picture, without time */
  int width, height;    /* as the frames come: upright, square pixels; 0 without video */
  int rotation;         /* clockwise quarter turns that were needed: 0, 90, 180, 270 degrees */
  int fps_num, fps_den; /* exact rate; 0/1 for a still or when unknown */
  int64_t frames;       /* -1: the file does not say; then an estimate is duration * rate */
  double duration;      /* seconds; 0 for a still, -1: unknown */
  char pixel_format[32];
  char primaries[24], transfer[24], matrix[24], range[16]; /* FFmpeg's names, "unknown" where untagged */
  bool has_audio;
  char audio_codec[32];
  int sample_rate, channels;
  bool has_job;   /* a Kinoloom job is inside: media/provenance.h reads it */
  bool synthetic; /* carries the IPTC marker */
} KlMediaInfo;

/* Reads headers, not frames: fast. Errors: IO (no such file, a folder), FORMAT (not a media file, over the
 * size limits), UNSUPPORTED (no decoder), CANCELLED, OOM. A file with sound only succeeds, has_video false.
 */
bool kl_media_probe(const char *path, const KlCancel *cancel, KlMediaInfo *info, KlErr *err);

typedef struct KlDecoder KlDecoder;

/* Opens the first picture or the best video stream of the file. The cancel token must outlive the decoder.
 * Errors as kl_media_probe; UNSUPPORTED when there is no video in the file. One thread at a time. */
bool kl_decoder_open(const char *path, const KlCancel *cancel, KlDecoder **out, KlErr *err);
const KlMediaInfo *kl_decoder_info(const KlDecoder *d);

/* A frame, borrowed until the next call on the decoder. */
typedef struct {
  const uint8_t *rgb; /* [height, width, 3], rows without gaps, size as in KlMediaInfo */
  int64_t index;      /* counted from 0; after a seek, from time and rate */
  double time;        /* seconds from the beginning */
} KlFrame;

/* The next frame in order of display. At the end *frame is all zero (rgb NULL) and true is returned. A
 * truncated video ends early without an error if it gave at least one frame; damaged packets are skipped. */
bool kl_decoder_next(KlDecoder *d, KlFrame *frame, KlErr *err);

/* Frames come scaled to width x height (bicubic, proportions as given) from the next one on. INVALID. */
bool kl_decoder_set_size(KlDecoder *d, int width, int height, KlErr *err);

/* Makes kl_decoder_next give the frame at `seconds` (the last one that begins at or before it), exactly, also
 * in files without an index, with pictures stored out of order, or with time stamps rounded to milliseconds.
 */
bool kl_decoder_seek(KlDecoder *d, double seconds, KlErr *err);
/* The same for frame n, counted from 0 at the rate of KlMediaInfo. */
bool kl_decoder_seek_frame(KlDecoder *d, int64_t n, KlErr *err);

/* The frame that is shown at `seconds`, or frame n: for players and timelines. Goes on from the last one
 * where that is nearer than a jump, gives the same one again (index and time tell) while it lasts, and the
 * last one behind the end. All of a file in order costs no more than kl_decoder_next. */
bool kl_decoder_at(KlDecoder *d, double seconds, KlFrame *frame, KlErr *err);
bool kl_decoder_at_frame(KlDecoder *d, int64_t n, KlFrame *frame, KlErr *err);
void kl_decoder_free(KlDecoder **d);

typedef enum {
  KL_FIT_STRETCH, /* to the size, proportions lost */
  KL_FIT_COVER,   /* fills the size, the centre is kept, the rest cut off */
  KL_FIT_CONTAIN, /* all of it inside the size, the border black */
} KlFit;

/* A picture in memory, [height, width, 3]. */
typedef struct {
  int width, height;
  uint8_t *rgb;
} KlPicture;

/* The first frame of a picture or video, at its own size (width and height 0), or scaled to width x height.
 * The caller frees with kl_picture_free. Errors as kl_decoder_open. */
bool kl_picture_load(const char *path, int width, int height, KlFit fit, const KlCancel *cancel,
                     KlPicture *out, KlErr *err);
/* Scales [sh, sw, 3] to [dh, dw, 3]: area-averaging when it shrinks, bicubic when it grows. Deterministic. */
bool kl_picture_scale(const uint8_t *src, int sw, int sh, uint8_t *dst, int dw, int dh, KlFit fit,
                      KlErr *err);
void kl_picture_free(KlPicture *p);
