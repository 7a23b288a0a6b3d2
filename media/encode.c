/* The encoder's state machine; the writers do the containers. */
#include "media/encode_internal.h"

#include "engine/base/mem.h"
#include "media/convert.h"

#include <string.h>

bool kl_fail_oom(KlErr *err) {
  return kl_fail(err, KL_ERR_OOM, "out of memory");
}

bool kl_bytes_add(KlBytes *b, const void *data, size_t n, KlErr *err) {
  size_t need;
  if (!kl_size_add(b->n, n, &need) || !kl_grow(&b->data, &b->cap, need, 1)) return kl_fail_oom(err);
  if (n) memcpy(b->data + b->n, data, n);
  b->n = need;
  return true;
}

bool kl_bytes_be(KlBytes *b, uint64_t v, int bytes, KlErr *err) {
  uint8_t be[8];
  for (int i = 0; i < bytes; i++) be[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
  return kl_bytes_add(b, be, (size_t)bytes, err);
}

void kl_bytes_free(KlBytes *b) {
  kl_free(&b->data);
  b->n = b->cap = 0;
}

static bool bytes_write(void *user, const void *data, size_t n, KlErr *err) {
  return kl_bytes_add(user, data, n, err);
}

KlSink kl_bytes_sink(KlBytes *b) {
  return (KlSink){.write = bytes_write, .user = b};
}

KlRect kl_changed_rect(const uint8_t *a, const uint8_t *b, int w, int h) {
  size_t row = (size_t)w * 3;
  int top = 0, bottom = h - 1, left = w, right = -1;
  while (top < h && !memcmp(a + (size_t)top * row, b + (size_t)top * row, row)) top++;
  if (top == h) return (KlRect){0, 0, 1, 1};
  while (!memcmp(a + (size_t)bottom * row, b + (size_t)bottom * row, row)) bottom--;
  for (int y = top; y <= bottom; y++) {
    const uint8_t *p = a + (size_t)y * row, *q = b + (size_t)y * row;
    int x = 0;
    while (x < left && !memcmp(p + 3 * x, q + 3 * x, 3)) x++;
    if (x < left) left = x;
    for (x = w - 1; x > right && !memcmp(p + 3 * x, q + 3 * x, 3);) x--;
    if (x > right) right = x;
  }
  return (KlRect){left, top, right - left + 1, bottom - top + 1};
}

static bool check_spec(const KlEncodeSpec *s, KlErr *err) {
  if (s->width < 1 || s->height < 1 || s->width > KL_MEDIA_MAX_EDGE || s->height > KL_MEDIA_MAX_EDGE ||
      (int64_t)s->width * s->height > KL_MEDIA_MAX_PIXELS)
    return kl_fail(err, KL_ERR_INVALID,
                   "a picture of %d x %d pixels cannot be written (1 to %d an edge, %d million in all)",
                   s->width, s->height, KL_MEDIA_MAX_EDGE, KL_MEDIA_MAX_PIXELS / 1000000);
  if (s->fps_num <= 0 || s->fps_den <= 0 || s->fps_num / s->fps_den > 1000)
    return kl_fail(err, KL_ERR_INVALID, "%d/%d is not a frame rate (more than 0, at most 1000)", s->fps_num,
                   s->fps_den);
  if (s->total_frames < 0 || s->total_frames > INT64_C(1) << 32)
    return kl_fail(err, KL_ERR_INVALID, "bad number of frames");
  if (s->threads < 0 || s->threads > 16)
    return kl_fail(err, KL_ERR_INVALID, "encoder threads must be 1 to 16, not %d", s->threads);
  if (s->sound.channels < 0 || s->sound.channels > 2 || (s->sound.channels && s->audio_from) ||
      (s->sound.channels && (s->sound.rate < 8000 || s->sound.rate > 96000)))
    return kl_fail(err, KL_ERR_INVALID,
                   "sound has one source, and 1 or 2 channels of 8000 to 96000 samples a second");
  if (s->tags.job_json && strlen(s->tags.job_json) > KL_JOB_MAX)
    return kl_fail(err, KL_ERR_INVALID, "the job is too long to be stored in the output (over %u MiB)",
                   KL_JOB_MAX >> 20);
  return true;
}

static bool check_crf(const KlEncoder *e, KlErr *err) {
  int most = e->codec == KL_CODEC_H264 ? 51 : e->codec == KL_CODEC_MPEG4 ? 31 : 63;
  if (e->spec.crf >= -1 && e->spec.crf <= most) return true;
  return kl_fail(err, KL_ERR_INVALID, "quality (crf) must be 0 (best) to %d for %s, not %d", most,
                 kl_codec_name(e->codec), e->spec.crf);
}

static bool copy_string(const char **s, KlErr *err) {
  if (!*s) return true;
  *s = kl_strdup(*s);
  return *s || kl_fail_oom(err);
}

bool kl_encoder_open(const KlEncodeSpec *spec, KlSink sink, const KlCancel *cancel, KlEncoder **out,
                     KlErr *err) {
  *out = NULL;
  kl_av_init();
  KlCodec codec;
  if (!check_spec(spec, err) || !kl_codec_resolve(spec->container, spec->codec, &codec, err)) return false;
  KlEncoder *e = kl_calloc(1, sizeof *e);
  if (!e) return kl_fail_oom(err);
  bool ok = false;
  e->spec = *spec;
  e->spec.tags = (KlMediaTags){.synthetic = spec->tags.synthetic};
  e->spec.pattern = e->spec.audio_from = NULL;
  e->sink = sink;
  e->cancel = cancel;
  e->codec = codec;
  e->encoder_name = kl_codec_encoder(codec);
  e->stored_width = spec->width;
  e->stored_height = spec->height;
  if (!e->spec.threads) e->spec.threads = 4;
  switch (spec->container) {
  case KL_CONTAINER_GIF:
    e->writer = &kl_writer_gif;
    break;
  case KL_CONTAINER_APNG:
    e->writer = &kl_writer_apng;
    break;
  case KL_CONTAINER_PNG:
    e->writer = &kl_writer_png;
    break;
  case KL_CONTAINER_PNG_SEQUENCE:
    e->writer = &kl_writer_png_sequence;
    break;
  default:
    e->writer = &kl_writer_av;
    break;
  }
#define COPY(field)                                                                                          \
  e->spec.field = spec->field;                                                                               \
  if (!copy_string(&e->spec.field, err)) goto out
  COPY(tags.title);
  COPY(tags.comment);
  COPY(tags.job_json);
  COPY(pattern);
  COPY(audio_from);
#undef COPY
  if ((spec->audio_from || spec->sound.channels) && e->writer != &kl_writer_av) {
    kl_fail(err, KL_ERR_INVALID, "%s files cannot hold sound", kl_container_name(spec->container));
    goto out;
  }
  if (!check_crf(e, err) || !e->writer->open(e, err)) goto out;
  ok = true;
out:
  if (ok)
    *out = e;
  else
    kl_encoder_free(&e);
  return ok;
}

bool kl_encoder_check(const KlEncodeSpec *spec, KlErr *err) {
  KlEncoder *e;
  bool ok = kl_encoder_open(spec, (KlSink){0}, NULL, &e, err);
  kl_encoder_free(&e);
  return ok;
}

/* Breaks the encoder when a step failed. */
static bool done(KlEncoder *e, bool ok, int state) {
  e->state = ok ? state : KL_ENC_BROKEN;
  return ok;
}

bool kl_encoder_chunk_begin(KlEncoder *e, int64_t chunk, int64_t first_frame, KlErr *err) {
  if (e->state != KL_ENC_FRESH && e->state != KL_ENC_BETWEEN)
    return kl_fail(err, KL_ERR_INVALID, "the encoder cannot begin a chunk now");
  if (chunk < 0 || chunk > INT32_MAX - 1 || first_frame < 0 || (chunk == 0) != (first_frame == 0) ||
      (e->state == KL_ENC_BETWEEN && (chunk != e->chunk + 1 || first_frame != e->next)))
    return kl_fail(err, KL_ERR_INVALID, "chunk %lld cannot begin with frame %lld here", (long long)chunk,
                   (long long)first_frame);
  if (kl_cancelled(e->cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
  e->chunk = chunk;
  e->first = e->next = first_frame;
  return done(e, e->writer->begin(e, chunk, first_frame, err), KL_ENC_IN_CHUNK);
}

bool kl_encoder_push_rgb8(KlEncoder *e, const uint8_t *rgb, KlErr *err) {
  if (e->state != KL_ENC_IN_CHUNK) return kl_fail(err, KL_ERR_INVALID, "the encoder takes no frame now");
  if (e->spec.total_frames && e->next >= e->spec.total_frames)
    return kl_fail(err, KL_ERR_INVALID, "more than the announced %lld frames",
                   (long long)e->spec.total_frames);
  bool ok = !kl_cancelled(e->cancel) || kl_fail(err, KL_ERR_CANCELLED, "cancelled");
  ok = ok && e->writer->frame(e, rgb, e->next, err);
  e->next++;
  return done(e, ok, KL_ENC_IN_CHUNK);
}

bool kl_encoder_push_f32(KlEncoder *e, const float *rgb, KlErr *err) {
  size_t n = (size_t)e->spec.width * (size_t)e->spec.height * 3;
  if (!e->rgb && !(e->rgb = kl_alloc(n, 1))) return done(e, kl_fail_oom(err), KL_ENC_BROKEN);
  if (!kl_f32_to_u8(rgb, e->rgb, n))
    return done(
        e, kl_fail(err, KL_ERR_INVALID, "frame %lld has values that are not finite", (long long)e->next), 0);
  return kl_encoder_push_rgb8(e, e->rgb, err);
}

bool kl_encoder_chunk_end(KlEncoder *e, KlErr *err) {
  if (e->state != KL_ENC_IN_CHUNK || e->next == e->first)
    return kl_fail(err, KL_ERR_INVALID, "no chunk with frames to end");
  return done(e, e->writer->end(e, err), KL_ENC_BETWEEN);
}

bool kl_encoder_finish(KlEncoder *e, KlErr *err) {
  if (e->state != KL_ENC_FRESH && e->state != KL_ENC_BETWEEN)
    return kl_fail(err, KL_ERR_INVALID, "the encoder cannot finish now");
  return done(e, e->writer->finish(e, err), KL_ENC_FINISHED);
}

KlCodec kl_encoder_codec(const KlEncoder *e) {
  return e->codec;
}

const char *kl_encoder_name(const KlEncoder *e) {
  return e->encoder_name ? e->encoder_name : "";
}

void kl_encoder_size(const KlEncoder *e, int *width, int *height) {
  *width = e->stored_width;
  *height = e->stored_height;
}

static void free_string(const char **s) {
  char *p = (char *)*s;
  kl_free(&p);
  *s = NULL;
}

void kl_encoder_free(KlEncoder **pe) {
  KlEncoder *e = *pe;
  if (!e) return;
  if (e->writer) e->writer->free(e);
  free_string(&e->spec.tags.title);
  free_string(&e->spec.tags.comment);
  free_string(&e->spec.tags.job_json);
  free_string(&e->spec.pattern);
  free_string(&e->spec.audio_from);
  kl_free(&e->rgb);
  kl_free(pe);
}
