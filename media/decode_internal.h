/* Inside the decoder. Private to media/. */
#pragma once

#include "media/bounds.h"
#include "media/decode.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <sys/stat.h>

/* Opens a plain file for reading without ever waiting (a named pipe is refused); -1 and *err otherwise. */
int kl_open_plain(const char *path, struct stat *st, KlErr *err);

/* A local file opened for FFmpeg through our own descriptor; nothing else can be opened from it. */
typedef struct {
  AVFormatContext *fmt;
  AVIOContext *io;
  int fd;
  const KlCancel *cancel;
} KlAvFile;

/* Opens and reads the headers. f must stay where it is until the close. */
bool kl_av_file_open(KlAvFile *f, const char *path, const KlCancel *cancel, KlErr *err);
void kl_av_file_close(KlAvFile *f);

/* How stored pixels become upright ones: p' = (a x + c y, b x + d y), moved into the positive quadrant. */
typedef struct {
  int8_t a, b, c, d;
} KlTurn;
#define KL_TURN_NONE ((KlTurn){1, 0, 0, 1})
/* Of a frame (Exif, frame side data) or else of its stream; frame may be NULL. */
KlTurn kl_turn_of(const AVStream *stream, const AVFrame *frame);
int kl_turn_degrees(KlTurn t); /* clockwise: 0, 90, 180, 270 */

/* The size of a picture with square pixels, upright. */
void kl_display_size(int width, int height, AVRational sar, KlTurn turn, int *out_width, int *out_height);

/* Converts frames to upright R'G'B' of one fixed size; all zero is ready for use. */
typedef struct {
  struct SwsContext *sws;
  int width, height; /* of the result; set before the first frame */
  KlTurn turn;
  uint8_t *flat; /* before turning */
  size_t flat_cap;
  uint8_t *rgb; /* turned; the result is here, or in flat where no turn was needed */
  size_t rgb_cap;
} KlToRgb;
bool kl_to_rgb(KlToRgb *c, const AVFrame *frame, KlErr *err);
void kl_to_rgb_free(KlToRgb *c);

/* Fills in what the headers say. */
void kl_info_from_headers(const AVFormatContext *fmt, int stream, KlMediaInfo *info);
static inline const uint8_t *kl_to_rgb_result(const KlToRgb *c) {
  return c->turn.a != 1 || c->turn.d != 1 ? c->rgb : c->flat;
}
