/* PNG, PNG sequences and APNG (the APNG 1.0 specification, now part of PNG's third edition). In an APNG,
 * frame n has the sequence numbers 2n - 1 (fcTL) and 2n (fdAT), so a chunk needs to know nothing of the
 * frames before. Only the changed rectangle is stored, and a chunk's first frame whole. */
#include "media/encode_internal.h"

#include "engine/base/mem.h"
#include "media/png.h"

#include <libavutil/crc.h>
#include <limits.h>
#include <string.h>

typedef struct {
  uint8_t *previous; /* [height, width, 3] */
  bool first;
  int delay_num, delay_den;
  KlBytes png, data, out;
} Apng;

static uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A PNG chunk of n bytes. */
static bool add_chunk(KlBytes *b, const char *type, const void *data, size_t n, KlErr *err) {
  size_t at = b->n;
  if (!kl_bytes_be(b, n, 4, err) || !kl_bytes_add(b, type, 4, err) || !kl_bytes_add(b, data, n, err))
    return false;
  uint32_t crc = ~av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, b->data + at + 4, n + 4);
  return kl_bytes_be(b, crc, 4, err);
}

/* Keeps num/den below 65536 each, as close as that allows. */
static void delay_of(int num, int den, int *out_num, int *out_den) {
  while (num > 65535 || den > 65535) {
    num = (num + 1) / 2;
    den = (den + 1) / 2;
  }
  *out_num = num;
  *out_den = den;
}

static int gcd(int a, int b) {
  while (b) {
    int t = a % b;
    a = b;
    b = t;
  }
  return a;
}

static bool apng_open(KlEncoder *e, KlErr *err) {
  if (e->spec.total_frames < 1 || e->spec.total_frames > INT32_MAX / 2)
    return kl_fail(err, KL_ERR_INVALID, "an APNG needs its number of frames up front");
  Apng *a = e->impl = kl_calloc(1, sizeof *a);
  if (!a) return kl_fail_oom(err);
  int g = gcd(e->spec.fps_num, e->spec.fps_den);
  delay_of(e->spec.fps_den / g, e->spec.fps_num / g, &a->delay_num, &a->delay_den);
  a->previous = kl_alloc((size_t)e->spec.width * (size_t)e->spec.height, 3);
  return a->previous || kl_fail_oom(err);
}

static bool apng_begin(KlEncoder *e, int64_t chunk, int64_t first, KlErr *err) {
  ((Apng *)e->impl)->first = true;
  return true;
}

static bool frame_control(Apng *a, int64_t index, KlRect r, KlErr *err) {
  KlBytes b = {0};
  bool ok = kl_bytes_be(&b, index ? (uint64_t)(2 * index - 1) : 0, 4, err) &&
            kl_bytes_be(&b, (uint64_t)r.w, 4, err) && kl_bytes_be(&b, (uint64_t)r.h, 4, err) &&
            kl_bytes_be(&b, (uint64_t)r.x, 4, err) && kl_bytes_be(&b, (uint64_t)r.y, 4, err) &&
            kl_bytes_be(&b, (uint64_t)a->delay_num, 2, err) &&
            kl_bytes_be(&b, (uint64_t)a->delay_den, 2, err) &&
            kl_bytes_be(&b, 0, 2, err) /* leave it there, replace what was */ &&
            add_chunk(&a->out, "fcTL", b.data, b.n, err);
  kl_bytes_free(&b);
  return ok;
}

static bool apng_frame(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err) {
  Apng *a = e->impl;
  size_t row = (size_t)e->spec.width * 3;
  KlRect r = {0, 0, e->spec.width, e->spec.height};
  if (!a->first) r = kl_changed_rect(a->previous, rgb, e->spec.width, e->spec.height);
  a->png.n = a->data.n = a->out.n = 0;
  if (!kl_png_write_rows(kl_bytes_sink(&a->png), rgb + (size_t)r.y * row + (size_t)r.x * 3, row, r.w, r.h, 3,
                         index == 0 ? &e->spec.tags : NULL, err))
    return false;
  if (index > 0 && !kl_bytes_be(&a->data, (uint64_t)(2 * index), 4, err)) return false;
  if (index == 0 && !kl_bytes_add(&a->out, a->png.data, 8, err)) return false; /* the signature */
  for (size_t at = 8; at + 12 <= a->png.n;) {                                  /* our own, well-formed PNG */
    size_t n = get32(a->png.data + at);
    const uint8_t *type = a->png.data + at + 4;
    if (!memcmp(type, "IDAT", 4)) {
      if (!kl_bytes_add(&a->data, type + 4, n, err)) return false;
    } else if (index == 0 && memcmp(type, "IEND", 4) != 0) {
      if (!kl_bytes_add(&a->out, a->png.data + at, n + 12, err)) return false;
      if (!memcmp(type, "IHDR", 4)) {
        uint8_t actl[8] = {0};
        for (int i = 0; i < 4; i++) actl[i] = (uint8_t)(e->spec.total_frames >> (24 - 8 * i));
        if (!add_chunk(&a->out, "acTL", actl, sizeof actl, err)) return false;
      }
    }
    at += n + 12;
  }
  if (!frame_control(a, index, r, err) ||
      !add_chunk(&a->out, index ? "fdAT" : "IDAT", a->data.data, a->data.n, err) ||
      !kl_emit(e, a->out.data, a->out.n, err))
    return false;
  memcpy(a->previous, rgb, row * (size_t)e->spec.height);
  a->first = false;
  return true;
}

static bool nothing(KlEncoder *e, KlErr *err) {
  return true;
}

static bool apng_finish(KlEncoder *e, KlErr *err) {
  Apng *a = e->impl;
  a->out.n = 0;
  return add_chunk(&a->out, "IEND", NULL, 0, err) && kl_emit(e, a->out.data, a->out.n, err);
}

static void apng_free(KlEncoder *e) {
  Apng *a = e->impl;
  if (!a) return;
  kl_free(&a->previous);
  kl_bytes_free(&a->png);
  kl_bytes_free(&a->data);
  kl_bytes_free(&a->out);
  kl_free(&e->impl);
}

const KlWriter kl_writer_apng = {apng_open, apng_begin, apng_frame, nothing, apng_finish, apng_free};

static bool png_open(KlEncoder *e, KlErr *err) {
  if (e->spec.total_frames > 1)
    return kl_fail(err, KL_ERR_INVALID, "a PNG holds one frame, not %lld; name a folder or frame-%%05d.png",
                   (long long)e->spec.total_frames);
  e->spec.total_frames = 1;
  return true;
}

static bool png_begin(KlEncoder *e, int64_t chunk, int64_t first, KlErr *err) {
  return true;
}

static bool png_frame(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err) {
  return kl_png_write(e->sink, rgb, e->spec.width, e->spec.height, 3, &e->spec.tags, err);
}

static void png_free(KlEncoder *e) {}

const KlWriter kl_writer_png = {png_open, png_begin, png_frame, nothing, nothing, png_free};

static bool sequence_open(KlEncoder *e, KlErr *err) {
  char path[PATH_MAX];
  if (!e->spec.pattern || !kl_pattern_expand(e->spec.pattern, 1, path, sizeof path))
    return kl_fail(err, KL_ERR_INVALID,
                   "a PNG sequence needs a folder or a name with one %%05d in it, not %s",
                   e->spec.pattern ? e->spec.pattern : "nothing");
  return true;
}

static bool sequence_frame(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err) {
  char path[PATH_MAX];
  if (!kl_pattern_expand(e->spec.pattern, index + 1, path, sizeof path))
    return kl_fail(err, KL_ERR_INVALID, "the name of picture %lld is too long", (long long)index + 1);
  return kl_png_write_file(path, rgb, e->spec.width, e->spec.height, 3, &e->spec.tags, err);
}

const KlWriter kl_writer_png_sequence = {sequence_open, png_begin, sequence_frame,
                                         nothing,       nothing,   png_free};
