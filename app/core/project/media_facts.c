#include "app/core/project/media_facts.h"

#include "app/core/inspect.h"
#include "app/core/model_catalogue.h"
#include "media/decode.h"
#include "media/png.h"

#include <glib/gstdio.h>
#include <math.h>

static bool append(void *user, const void *data, size_t n, KlErr *err) {
  g_byte_array_append(user, data, (guint)n);
  return true;
}

GBytes *kl_thumbnail(const guint8 *rgb, int width, int height, int edge) {
  double k = MIN(1.0, (double)edge / MAX(width, height));
  int w = MAX(1, (int)lround(width * k)), h = MAX(1, (int)lround(height * k));
  g_autofree guint8 *small = g_try_malloc((size_t)w * (size_t)h * 3);
  KlErr err = KL_ERR_INIT;
  if (!small || !kl_picture_scale(rgb, width, height, small, w, h, KL_FIT_STRETCH, &err)) return NULL;
  GByteArray *png = g_byte_array_new();
  bool ok = kl_png_write((KlSink){append, png}, small, w, h, 3, NULL, &err);
  GBytes *bytes = g_byte_array_free_to_bytes(png);
  if (!ok) g_clear_pointer(&bytes, g_bytes_unref);
  return bytes;
}

GBytes *kl_thumbnail_f32(const float *rgb, int width, int height, int edge) {
  size_t n = (size_t)width * (size_t)height * 3;
  g_autofree guint8 *bytes = g_try_malloc(n);
  if (!bytes) return NULL;
  for (size_t i = 0; i < n; i++) bytes[i] = (guint8)(CLAMP(rgb[i], 0.0f, 1.0f) * 255.0f + 0.5f);
  return kl_thumbnail(bytes, width, height, edge);
}

/* A frame from inside says more than the first one, which is often black or still noise. */
static GBytes *thumbnail_of(const char *path, const KlMediaInfo *info, const KlCancel *cancel) {
  KlDecoder *d = NULL;
  KlErr err = KL_ERR_INIT;
  KlFrame frame = {0};
  GBytes *png = NULL;
  if (kl_decoder_open(path, cancel, &d, &err)) {
    if (!info->still && info->duration > 0)
      kl_decoder_seek(d, info->duration / 2, NULL); /* else the first one */
    if (kl_decoder_next(d, &frame, &err) && frame.rgb)
      png = kl_thumbnail(frame.rgb, kl_decoder_info(d)->width, kl_decoder_info(d)->height, KL_ASSET_THUMB);
  }
  kl_decoder_free(&d);
  return png;
}

bool kl_media_facts(const char *path, const KlCancel *cancel, KlMediaFacts *out, GError **error) {
  KlMediaInfo info;
  GStatBuf st;
  *out = (KlMediaFacts){0};
  if (!kl_inspect_media(path, cancel, &info, NULL, error)) return false;
  g_autofree char *sum = kl_file_sha256(path, false, NULL, NULL, cancel, error);
  if (!sum) return false;
  g_strlcpy(out->sha256, sum, sizeof out->sha256);
  out->bytes = g_stat(path, &st) ? 0 : st.st_size;
  out->kind = !info.has_video ? KL_ASSET_AUDIO : info.still ? KL_ASSET_IMAGE : KL_ASSET_VIDEO;
  out->width = info.width;
  out->height = info.height;
  out->has_audio = info.has_audio;
  out->rate_den = 1;
  if (out->kind == KL_ASSET_IMAGE) {
    out->frames = 1;
  } else {
    out->duration = MAX(info.duration, 0);
  }
  if (out->kind == KL_ASSET_VIDEO) {
    bool rate = info.fps_num > 0 && info.fps_den > 0;
    out->rate_num = rate ? info.fps_num : 25;
    out->rate_den = rate ? info.fps_den : 1;
    double fps = (double)out->rate_num / out->rate_den;
    out->frames = info.frames > 0 ? info.frames : MAX(1, llround(out->duration * fps));
    if (out->duration <= 0) out->duration = (double)out->frames / fps;
  }
  if (info.has_video) out->thumbnail = thumbnail_of(path, &info, cancel);
  return true;
}

void kl_media_facts_clear(KlMediaFacts *f) {
  g_clear_pointer(&f->thumbnail, g_bytes_unref);
}
