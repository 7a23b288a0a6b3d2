/* GIF89a (W3C copy of CompuServe's specification, 1990). A palette is chosen from the first picture of a
 * chunk and kept until it serves badly; pictures after the first carry the changed rectangle, unchanged
 * pixels transparent. Times are rounded from the exact rate, frame by frame, so they never drift. */
#include "media/encode_internal.h"

#include "engine/base/mem.h"
#include "media/provenance.h"

#include <libavutil/mathematics.h>
#include <string.h>

#define TRANSPARENT 255

typedef struct {
  KlPalette *palette;
  uint8_t *index;  /* [height, width] of the picture at work */
  uint8_t *canvas; /* [height, width, 3], what the viewer sees */
  uint8_t *next;   /* the same after this picture */
  uint16_t *lzw;   /* [4096, 256]: code of string + byte; 0: none */
  bool first;
  double error; /* of the palette when it was chosen */
  KlBytes out;
} Gif;

static bool le16(KlBytes *b, int v, KlErr *err) {
  uint8_t p[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
  return kl_bytes_add(b, p, 2, err);
}

/* Data in sub-blocks of at most 255 bytes, and the block that ends them. */
static bool sub_blocks(KlBytes *b, const void *data, size_t n, KlErr *err) {
  const uint8_t *p = data;
  while (n > 0) {
    uint8_t k = n < 255 ? (uint8_t)n : 255;
    if (!kl_bytes_add(b, &k, 1, err) || !kl_bytes_add(b, p, k, err)) return false;
    p += k;
    n -= k;
  }
  return kl_bytes_add(b, "", 1, err);
}

static bool application(KlBytes *b, const char id[static 12], const void *data, size_t n, KlErr *err) {
  return kl_bytes_add(b, "\x21\xFF\x0B", 3, err) && kl_bytes_add(b, id, 11, err) &&
         sub_blocks(b, data, n, err);
}

/* XMP goes in as it is, without sub-blocks: a trailer of 258 bytes leads any reader to the end (XMP part 3).
 */
static bool xmp_block(KlBytes *b, const KlMediaTags *tags, KlErr *err) {
  uint8_t trailer[258] = {1};
  for (int i = 0; i < 256; i++) trailer[1 + i] = (uint8_t)(255 - i);
  char *xmp = kl_xmp_packet(tags);
  if (!xmp) return kl_fail_oom(err);
  bool ok = kl_bytes_add(b, "\x21\xFF\x0BXMP DataXMP", 14, err) && kl_bytes_add(b, xmp, strlen(xmp), err) &&
            kl_bytes_add(b, trailer, sizeof trailer, err);
  kl_free(&xmp);
  return ok;
}

static bool header(KlEncoder *e, KlBytes *b, KlErr *err) {
  const KlMediaTags *t = &e->spec.tags;
  return kl_bytes_add(b, "GIF89a", 6, err) && le16(b, e->spec.width, err) && le16(b, e->spec.height, err) &&
         kl_bytes_add(b, "\x70\0\0", 3, err) && application(b, "NETSCAPE2.0", "\1\0\0", 3, err) &&
         (!t->comment || !*t->comment ||
          (kl_bytes_add(b, "\x21\xFE", 2, err) && sub_blocks(b, t->comment, strlen(t->comment), err))) &&
         (!t->job_json || !*t->job_json ||
          application(b, "KINOLOOMJOB", t->job_json, strlen(t->job_json), err)) &&
         (!t->synthetic || xmp_block(b, t, err));
}

/* Variable-length-code LZW, 8 bits a pixel. */
static bool lzw(Gif *g, const uint8_t *px, int stride, KlRect r, KlErr *err) {
  enum { CLEAR = 256, END = 257 };
  KlBytes packed = {0};
  uint32_t acc = 0;
  int bits = 0, width = 9, next = 258;
  bool ok = false;
#define PUT(code)                                                                                            \
  do {                                                                                                       \
    acc |= (uint32_t)(code) << bits;                                                                         \
    for (bits += width; bits >= 8; bits -= 8, acc >>= 8) {                                                   \
      uint8_t byte = (uint8_t)acc;                                                                           \
      if (!kl_bytes_add(&packed, &byte, 1, err)) goto out;                                                   \
    }                                                                                                        \
  } while (0)
  memset(g->lzw, 0, 4096 * 256 * sizeof *g->lzw);
  PUT(CLEAR);
  int string = -1;
  for (int y = r.y; y < r.y + r.h; y++)
    for (int x = r.x; x < r.x + r.w; x++) {
      uint8_t c = px[(size_t)y * (size_t)stride + (size_t)x];
      if (string < 0) {
        string = c;
        continue;
      }
      uint16_t *slot = &g->lzw[string * 256 + c];
      if (*slot) {
        string = *slot;
        continue;
      }
      PUT(string);
      if (next < 4096) {
        *slot = (uint16_t)next;
        if (next == 1 << width) width++;
        next++;
      } else {
        PUT(CLEAR);
        memset(g->lzw, 0, 4096 * 256 * sizeof *g->lzw);
        width = 9;
        next = 258;
      }
      string = c;
    }
  PUT(string);
  if (next == 1 << width && width < 12) width++; /* the reader has added one more by now */
  PUT(END);
  if (bits > 0) {
    uint8_t byte = (uint8_t)acc;
    if (!kl_bytes_add(&packed, &byte, 1, err)) goto out;
  }
#undef PUT
  ok = kl_bytes_add(&g->out, "\x08", 1, err) && sub_blocks(&g->out, packed.data, packed.n, err);
out:
  kl_bytes_free(&packed);
  return ok;
}

static bool gif_open(KlEncoder *e, KlErr *err) {
  size_t n = (size_t)e->spec.width * (size_t)e->spec.height;
  if ((int64_t)e->spec.fps_num > (int64_t)50 * e->spec.fps_den)
    return kl_fail(err, KL_ERR_INVALID,
                   "a GIF shows at most 50 frames a second, not %.4g; choose a lower rate",
                   (double)e->spec.fps_num / e->spec.fps_den);
  Gif *g = e->impl = kl_calloc(1, sizeof *g);
  if (!g) return kl_fail_oom(err);
  g->index = kl_alloc(n, 1);
  g->canvas = kl_alloc(n, 3);
  g->next = kl_alloc(n, 3);
  g->lzw = kl_alloc(4096 * 256, sizeof *g->lzw);
  if (!g->index || !g->canvas || !g->next || !g->lzw) return kl_fail_oom(err);
  return kl_palette_new(&g->palette, err);
}

static bool gif_begin(KlEncoder *e, int64_t chunk, int64_t first, KlErr *err) {
  Gif *g = e->impl;
  g->first = true;
  g->out.n = 0;
  return chunk > 0 || (header(e, &g->out, err) && kl_emit(e, g->out.data, g->out.n, err));
}

static int64_t centiseconds(const KlEncodeSpec *s, int64_t frame) {
  return av_rescale(frame, 100 * (int64_t)s->fps_den, s->fps_num); /* to the nearest */
}

static bool gif_frame(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err) {
  Gif *g = e->impl;
  int w = e->spec.width, h = e->spec.height;
  size_t n = (size_t)w * (size_t)h;
  double error = g->first ? 0 : kl_palette_map(g->palette, rgb, w, h, g->index);
  if (g->first || error > 1.5 * g->error + 2.0) {
    if (!kl_palette_choose(g->palette, rgb, n, err)) return false;
    g->error = kl_palette_map(g->palette, rgb, w, h, g->index);
  }
  const uint8_t *colours = kl_palette_colours(g->palette);
  for (size_t i = 0; i < n; i++) memcpy(g->next + 3 * i, colours + 3 * g->index[i], 3);
  KlRect r = {0, 0, w, h};
  if (!g->first) {
    r = kl_changed_rect(g->canvas, g->next, w, h);
    for (size_t i = 0; i < n; i++)
      if (!memcmp(g->canvas + 3 * i, g->next + 3 * i, 3)) g->index[i] = TRANSPARENT;
  }
  int64_t delay = centiseconds(&e->spec, index + 1) - centiseconds(&e->spec, index);
  if (delay > 65535) delay = 65535;
  g->out.n = 0;
  bool ok = kl_bytes_add(&g->out, g->first ? "\x21\xF9\x04\x04" : "\x21\xF9\x04\x05", 4, err) &&
            le16(&g->out, (int)delay, err) && kl_bytes_add(&g->out, "\xFF\0\x2C", 3, err) &&
            le16(&g->out, r.x, err) && le16(&g->out, r.y, err) && le16(&g->out, r.w, err) &&
            le16(&g->out, r.h, err) && kl_bytes_add(&g->out, "\x87", 1, err) &&
            kl_bytes_add(&g->out, colours, 768, err) && lzw(g, g->index, w, r, err) &&
            kl_emit(e, g->out.data, g->out.n, err);
  uint8_t *swap = g->canvas;
  g->canvas = g->next;
  g->next = swap;
  g->first = false;
  return ok;
}

static bool gif_end(KlEncoder *e, KlErr *err) {
  return true;
}

static bool gif_finish(KlEncoder *e, KlErr *err) {
  return kl_emit(e, ";", 1, err);
}

static void gif_free(KlEncoder *e) {
  Gif *g = e->impl;
  if (!g) return;
  kl_palette_free(&g->palette);
  kl_free(&g->index);
  kl_free(&g->canvas);
  kl_free(&g->next);
  kl_free(&g->lzw);
  kl_bytes_free(&g->out);
  kl_free(&e->impl);
}

const KlWriter kl_writer_gif = {gif_open, gif_begin, gif_frame, gif_end, gif_finish, gif_free};
