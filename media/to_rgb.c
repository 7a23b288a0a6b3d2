/* Decoded frames to upright R'G'B' with square pixels. */
#include "media/decode_internal.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static KlTurn from_matrix(const uint8_t *data, size_t n) {
  int32_t m[9];
  if (n < sizeof m) return KL_TURN_NONE;
  memcpy(m, data, sizeof m);
  double a = m[0], b = m[1], c = m[3], d = m[4];
  /* the nearest of the eight ways to lay a picture; anything oblique is left as it is */
  bool straight = fabs(a) + fabs(d) > 8 * (fabs(b) + fabs(c)),
       across = fabs(b) + fabs(c) > 8 * (fabs(a) + fabs(d));
  if (straight) return (KlTurn){a < 0 ? -1 : 1, 0, 0, d < 0 ? -1 : 1};
  if (across) return (KlTurn){0, b < 0 ? -1 : 1, c < 0 ? -1 : 1, 0};
  return KL_TURN_NONE;
}

/* Exif 2.3, tag 0x0112. */
static KlTurn from_exif(int orientation) {
  static const KlTurn turns[9] = {{1, 0, 0, 1}, {1, 0, 0, 1},  {-1, 0, 0, 1},  {-1, 0, 0, -1}, {1, 0, 0, -1},
                                  {0, 1, 1, 0}, {0, 1, -1, 0}, {0, -1, -1, 0}, {0, -1, 1, 0}};
  return orientation >= 1 && orientation <= 8 ? turns[orientation] : KL_TURN_NONE;
}

KlTurn kl_turn_of(const AVStream *stream, const AVFrame *frame) {
  if (frame) {
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    if (side) return from_matrix(side->data, side->size);
    const AVDictionaryEntry *tag = av_dict_get(frame->metadata, "Orientation", NULL, 0);
    if (tag) return from_exif(atoi(tag->value));
  }
  size_t n = 0;
  const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &n);
  return data ? from_matrix(data, n) : KL_TURN_NONE;
}

int kl_turn_degrees(KlTurn t) {
  if (t.b) return t.b > 0 ? 90 : 270;
  return t.d > 0 ? 0 : 180;
}

void kl_display_size(int width, int height, AVRational sar, KlTurn turn, int *out_width, int *out_height) {
  int64_t w = width, h = height;
  if (sar.num > 0 && sar.den > 0 && sar.num != sar.den) {
    w = av_rescale(w, sar.num, sar.den);
    if (w < 1 || w > KL_MEDIA_MAX_EDGE || w * h > KL_MEDIA_MAX_PIXELS) w = width; /* nonsense: as stored */
  }
  *out_width = (int)(turn.b ? h : w);
  *out_height = (int)(turn.b ? w : h);
}

static bool has_alpha(enum AVPixelFormat format) {
  const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
  return format == AV_PIX_FMT_PAL8 || (d && d->flags & AV_PIX_FMT_FLAG_ALPHA);
}

static int matrix_of(const AVFrame *f) {
  switch (f->colorspace) {
  case AVCOL_SPC_BT709:
    return SWS_CS_ITU709;
  case AVCOL_SPC_FCC:
    return SWS_CS_FCC;
  case AVCOL_SPC_SMPTE240M:
    return SWS_CS_SMPTE240M;
  case AVCOL_SPC_BT2020_NCL:
  case AVCOL_SPC_BT2020_CL:
    return SWS_CS_BT2020;
  case AVCOL_SPC_BT470BG:
  case AVCOL_SPC_SMPTE170M:
    return SWS_CS_ITU601;
  default:
    break;
  }
  bool jpeg = f->format == AV_PIX_FMT_YUVJ420P || f->format == AV_PIX_FMT_YUVJ422P ||
              f->format == AV_PIX_FMT_YUVJ444P;
  return !jpeg && f->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

static bool prepare(KlToRgb *c, const AVFrame *f, int w, int h, enum AVPixelFormat to, KlErr *err) {
  c->sws = sws_getCachedContext(c->sws, f->width, f->height, f->format, w, h, to,
                                SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                                NULL, NULL, NULL);
  if (!c->sws) return kl_fail(err, KL_ERR_UNSUPPORTED, "cannot convert this kind of pixel");
  bool full = f->color_range == AVCOL_RANGE_JPEG;
  const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
  if (d && !strncmp(d->name, "yuvj", 4)) full = true;
  /* the same matrix both ways: where RGB goes to RGB by way of Y'CbCr, it must come back */
  const int *matrix = sws_getCoefficients(matrix_of(f));
  sws_setColorspaceDetails(c->sws, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
  return true;
}

/* [h, w, 4] with straight alpha over white, to [h, w, 3] in the same memory. */
static void over_white(uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int a = p[4 * i + 3];
    for (int k = 0; k < 3; k++)
      p[3 * i + (size_t)k] = (uint8_t)((p[4 * i + (size_t)k] * a + 255 * (255 - a) + 127) / 255);
  }
}

static void turn_rgb(KlTurn t, const uint8_t *src, int w, int h, uint8_t *dst) {
  int dw = t.b ? h : w;
  int ox = t.a + t.c < 0 ? (t.b ? h : w) - 1 : 0, oy = t.b + t.d < 0 ? (t.b ? w : h) - 1 : 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int to_x = t.a * x + t.c * y + ox, to_y = t.b * x + t.d * y + oy;
      memcpy(dst + 3 * ((size_t)to_y * (size_t)dw + (size_t)to_x),
             src + 3 * ((size_t)y * (size_t)w + (size_t)x), 3);
    }
}

bool kl_to_rgb(KlToRgb *c, const AVFrame *f, KlErr *err) {
  int w = c->turn.b ? c->height : c->width, h = c->turn.b ? c->width : c->height;
  bool alpha = has_alpha(f->format), turned = c->turn.a != 1 || c->turn.d != 1;
  size_t n = (size_t)w * (size_t)h;
  if (f->width < 1 || f->height < 1 || f->width > KL_MEDIA_MAX_EDGE || f->height > KL_MEDIA_MAX_EDGE)
    return kl_fail(err, KL_ERR_FORMAT, "a frame of %d x %d pixels", f->width, f->height);
  if (!kl_grow(&c->flat, &c->flat_cap, n * (alpha ? 4 : 3) + 64, 1) ||
      (turned && !kl_grow(&c->rgb, &c->rgb_cap, n * 3, 1)))
    return kl_fail_oom(err);
  if (!prepare(c, f, w, h, alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, err)) return false;
  uint8_t *to[4] = {c->flat};
  int strides[4] = {w * (alpha ? 4 : 3)};
  if (sws_scale(c->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, to, strides) != h)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "cannot convert this kind of pixel");
  if (alpha) over_white(c->flat, n);
  if (turned) turn_rgb(c->turn, c->flat, w, h, c->rgb);
  return true;
}

void kl_to_rgb_free(KlToRgb *c) {
  sws_freeContext(c->sws);
  c->sws = NULL;
  kl_free(&c->flat);
  kl_free(&c->rgb);
}
