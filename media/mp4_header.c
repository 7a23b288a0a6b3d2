/* What FFmpeg leaves out of the header of a fragmented MP4: the length (mvex/mehd), iTunes-style tags with
 * the job and the marker (moov/udta/meta/ilst, "----" items for our own keys) and the XMP packet (a top-level
 * uuid box, as Adobe's XMP specification part 3 says). Boxes: ISO/IEC 14496-12. */
#include "media/encode_internal.h"

#include "engine/base/mem.h"
#include "media/provenance.h"

#include <libavutil/mathematics.h>
#include <string.h>

static uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* The first box of that type in data[from..to); its offset, or SIZE_MAX. */
static size_t find_box(const KlBytes *b, size_t from, size_t to, const char *type) {
  while (from + 8 <= to) {
    uint32_t n = get32(b->data + from);
    if (n < 8 || n > to - from) break;
    if (!memcmp(b->data + from + 4, type, 4)) return from;
    from += n;
  }
  return SIZE_MAX;
}

/* Opens a box and gives its offset; close_box fills in the size. */
static bool open_box(KlBytes *b, const char *type, size_t *at, KlErr *err) {
  *at = b->n;
  return kl_bytes_be(b, 0, 4, err) && kl_bytes_add(b, type, 4, err);
}

static void close_box(KlBytes *b, size_t at) {
  put32(b->data + at, (uint32_t)(b->n - at));
}

/* data box: UTF-8 text. */
static bool add_data(KlBytes *b, const char *text, KlErr *err) {
  size_t at;
  if (!open_box(b, "data", &at, err) || !kl_bytes_be(b, 1, 4, err) || !kl_bytes_be(b, 0, 4, err) ||
      !kl_bytes_add(b, text, strlen(text), err))
    return false;
  close_box(b, at);
  return true;
}

/* A standard item (a four-character key) or one of our own (a name; a "----" item). Empty text: nothing. */
static bool add_item(KlBytes *b, const char *key, const char *text, KlErr *err) {
  size_t at, part;
  if (!text || !*text) return true;
  bool own = strlen(key) != 4;
  if (!open_box(b, own ? "----" : key, &at, err)) return false;
  if (own) {
    if (!open_box(b, "mean", &part, err) || !kl_bytes_be(b, 0, 4, err) ||
        !kl_bytes_add(b, "com.apple.iTunes", 16, err))
      return false;
    close_box(b, part);
    if (!open_box(b, "name", &part, err) || !kl_bytes_be(b, 0, 4, err) ||
        !kl_bytes_add(b, key, strlen(key), err))
      return false;
    close_box(b, part);
  }
  if (!add_data(b, text, err)) return false;
  close_box(b, at);
  return true;
}

static bool build_udta(KlBytes *b, const KlMediaTags *tags, KlErr *err) {
  static const uint8_t handler[] = {0,   0,   0,   33,  'h', 'd', 'l', 'r', 0, 0, 0, 0, 0, 0, 0, 0, 'm',
                                    'd', 'i', 'r', 'a', 'p', 'p', 'l', 0,   0, 0, 0, 0, 0, 0, 0, 0};
  size_t udta, meta, ilst;
  if (!open_box(b, "udta", &udta, err) || !open_box(b, "meta", &meta, err) || !kl_bytes_be(b, 0, 4, err) ||
      !kl_bytes_add(b, handler, sizeof handler, err) || !open_box(b, "ilst", &ilst, err) ||
      !add_item(b, "\xA9nam", tags->title, err) || !add_item(b, "\xA9too", "Kinoloom " KL_VERSION, err) ||
      !add_item(b,
                "\xA9"
                "cmt",
                tags->comment, err) ||
      !add_item(b, "kinoloom:job", tags->job_json, err) ||
      !add_item(b, "DigitalSourceType", tags->synthetic ? KL_DIGITAL_SOURCE_TYPE : NULL, err))
    return false;
  close_box(b, ilst);
  close_box(b, meta);
  close_box(b, udta);
  return true;
}

/* The movie's timescale, from moov/mvhd. */
static uint32_t movie_timescale(const KlBytes *b, size_t moov, size_t end) {
  size_t mvhd = find_box(b, moov + 8, end, "mvhd");
  if (mvhd == SIZE_MAX || get32(b->data + mvhd) < 32) return 0;
  return get32(b->data + mvhd + (b->data[mvhd + 8] == 1 ? 28 : 20));
}

/* Everything of the movie up to its mvex box, with an edit list in the second track. */
static bool copy_tracks(KlBytes *b, const KlBytes *header, size_t moov, size_t mvex, int padding,
                        KlErr *err) {
  size_t track = find_box(header, moov + 8, mvex, "trak"), at;
  if (track != SIZE_MAX) track = find_box(header, track + get32(header->data + track), mvex, "trak");
  if (!padding || track == SIZE_MAX) return kl_bytes_add(b, header->data, mvex, err);
  size_t after = track + 8 + get32(header->data + track + 8); /* tkhd comes first */
  if (!kl_bytes_add(b, header->data, after, err) || !open_box(b, "edts", &at, err) ||
      !kl_bytes_be(b, 28, 4, err) || !kl_bytes_add(b, "elst", 4, err) || !kl_bytes_be(b, 0, 4, err) ||
      !kl_bytes_be(b, 1, 4, err) || !kl_bytes_be(b, 0, 4, err) /* to the end */ ||
      !kl_bytes_be(b, (uint64_t)padding, 4, err) || !kl_bytes_be(b, 1u << 16, 4, err))
    return false;
  close_box(b, at);
  put32(b->data + track, get32(header->data + track) + (uint32_t)(b->n - at));
  return kl_bytes_add(b, header->data + after, mvex - after, err);
}

bool kl_mp4_header_complete(KlBytes *header, const KlEncodeSpec *spec, int padding, KlErr *err) {
  static const uint8_t xmp_uuid[16] = {0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8,
                                       0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC};
  KlBytes b = {0};
  char *xmp = NULL;
  bool ok = false;
  size_t moov = find_box(header, 0, header->n, "moov"), at;
  size_t end = moov == SIZE_MAX ? 0 : moov + get32(header->data + moov);
  size_t mvex = moov == SIZE_MAX ? SIZE_MAX : find_box(header, moov + 8, end, "mvex");
  if (mvex == SIZE_MAX || end != header->n) {
    kl_fail(err, KL_ERR_UNSUPPORTED, "this FFmpeg writes MP4 headers that we do not know");
    goto out;
  }
  if (!copy_tracks(&b, header, moov, mvex, padding, err)) goto out;
  size_t mvex_at = b.n;
  if (!kl_bytes_add(&b, header->data + mvex, 8, err)) goto out;
  if (spec->total_frames) {
    uint32_t scale = movie_timescale(header, moov, end);
    int64_t ticks = av_rescale(spec->total_frames, (int64_t)spec->fps_den * scale, spec->fps_num);
    if (!open_box(&b, "mehd", &at, err) || !kl_bytes_be(&b, 1u << 24, 4, err) ||
        !kl_bytes_be(&b, (uint64_t)ticks, 8, err))
      goto out;
    close_box(&b, at);
  }
  uint32_t mvex_size = get32(header->data + mvex);
  if (!kl_bytes_add(&b, header->data + mvex + 8, mvex_size - 8, err)) goto out;
  put32(b.data + mvex_at, (uint32_t)(b.n - mvex_at));
  size_t rest = mvex + mvex_size, udta = find_box(header, rest, end, "udta");
  if (udta != SIZE_MAX) end = udta; /* FFmpeg's, empty; the last box of the movie */
  if (!kl_bytes_add(&b, header->data + rest, end - rest, err) || !build_udta(&b, &spec->tags, err)) goto out;
  put32(b.data + moov, (uint32_t)(b.n - moov));
  if (spec->tags.synthetic) {
    xmp = kl_xmp_packet(&spec->tags);
    if (!xmp) {
      kl_fail_oom(err);
      goto out;
    }
    if (!open_box(&b, "uuid", &at, err) || !kl_bytes_add(&b, xmp_uuid, sizeof xmp_uuid, err) ||
        !kl_bytes_add(&b, xmp, strlen(xmp), err))
      goto out;
    close_box(&b, at);
  }
  kl_bytes_free(header);
  *header = b;
  b = (KlBytes){0};
  ok = true;
out:
  kl_bytes_free(&b);
  kl_free(&xmp);
  return ok;
}
