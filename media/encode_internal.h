/* Inside the encoder: the state that all writers share, and what a writer is. Private to media/. */
#pragma once

#include "media/encode.h"

/* A writer turns the frames of a chunk into bytes of one container. begin .. end runs once a chunk and keeps
 * nothing from one chunk to the next; `index` counts frames of the whole output. finish writes the file's
 * end. */
typedef struct {
  bool (*open)(KlEncoder *e, KlErr *err); /* checks, tries; allocates e->impl */
  bool (*begin)(KlEncoder *e, int64_t chunk, int64_t first, KlErr *err);
  bool (*frame)(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err);
  bool (*end)(KlEncoder *e, KlErr *err);
  bool (*finish)(KlEncoder *e, KlErr *err);
  void (*free)(KlEncoder *e); /* e->impl may be half built or NULL */
} KlWriter;

extern const KlWriter kl_writer_av, kl_writer_gif, kl_writer_apng, kl_writer_png, kl_writer_png_sequence;

struct KlEncoder {
  const KlWriter *writer;
  void *impl;
  KlEncodeSpec spec; /* strings are copies */
  KlSink sink;
  const KlCancel *cancel;
  KlCodec codec;
  const char *encoder_name;
  int stored_width, stored_height;
  enum { KL_ENC_FRESH, KL_ENC_BETWEEN, KL_ENC_IN_CHUNK, KL_ENC_FINISHED, KL_ENC_BROKEN } state;
  int64_t chunk, first, next; /* of the open or last chunk; number of the next frame */
  uint8_t *rgb;               /* scratch for f32 frames; made at first use */
};

/* kl_fail for "out of memory". */
bool kl_fail_oom(KlErr *err);

/* Bytes to the sink. */
static inline bool kl_emit(KlEncoder *e, const void *data, size_t n, KlErr *err) {
  return n == 0 || e->sink.write(e->sink.user, data, n, err);
}

/* FFmpeg's encoder for the codec, NULL if there is none. */
const char *kl_codec_encoder(KlCodec c);

/* The file name of a picture of a sequence; false if the pattern is bad or the name too long. */
bool kl_pattern_expand(const char *pattern, int64_t number, char *out, size_t size);

/* A growing byte buffer; all zero is empty. A failed append keeps what was there. */
typedef struct {
  uint8_t *data;
  size_t n, cap;
} KlBytes;
bool kl_bytes_add(KlBytes *b, const void *data, size_t n, KlErr *err);
bool kl_bytes_be(KlBytes *b, uint64_t v, int bytes, KlErr *err); /* big-endian */
void kl_bytes_free(KlBytes *b);
/* A sink that appends to the buffer. */
KlSink kl_bytes_sink(KlBytes *b);

/* The smallest rectangle in which two [h, w, 3] pictures differ; a single pixel if they are the same. */
typedef struct {
  int x, y, w, h;
} KlRect;
KlRect kl_changed_rect(const uint8_t *a, const uint8_t *b, int w, int h);

/* Inserts into the header of a fragmented MP4 (ftyp + moov): the length, the tags, the XMP box, and an edit
 * list that skips the first `padding` samples of the second track (0: none). */
bool kl_mp4_header_complete(KlBytes *header, const KlEncodeSpec *spec, int padding, KlErr *err);

/* A PNG from rows that lie `stride` bytes apart (kl_png_write without its checks). */
bool kl_png_write_rows(KlSink sink, const uint8_t *pixels, size_t stride, int width, int height, int channels,
                       const KlMediaTags *tags, KlErr *err);

/* Makes the entry of `path` in its folder durable, as far as the file system lets us. */
void kl_sync_folder(const char *path);

/* A palette picture maker for GIF; see palette.c. */
typedef struct KlPalette KlPalette;
bool kl_palette_new(KlPalette **out, KlErr *err);
void kl_palette_free(KlPalette **p);
/* Chooses at most 255 colours for a [n, 3] picture. */
bool kl_palette_choose(KlPalette *p, const uint8_t *rgb, size_t n, KlErr *err);
/* [h, w, 3] to indices, dithered unless the palette has every colour; returns the mean squared error a
 * channel. */
double kl_palette_map(KlPalette *p, const uint8_t *rgb, int w, int h, uint8_t *index);
const uint8_t *kl_palette_colours(const KlPalette *p); /* [256, 3] */

/* Sends FFmpeg's messages to kl_log as debug lines, once a process. */
void kl_av_init(void);
