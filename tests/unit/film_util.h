/* Films for the tests of app/core/film: videos whose every frame tells its number, tones, timelines of them.
 */
#pragma once

#include "app/core/film/compose.h"
#include "media/png.h"
#include "tests/unit/media_util.h"

enum { FILM_W = 32, FILM_H = 24, FILM_RATE = 48000 };

/* Frame n of file f is one grey, of its own. */
static inline guint8 film_grey(int f, gint64 n) {
  return (guint8)(20 + (n * 3 + f * 90) % 220);
}

typedef struct {
  double hertz, loud;
} FilmTone;

static inline bool film_tone(void *user, int64_t first, float *out, size_t n, KlErr *err) {
  const FilmTone *t = user;
  for (size_t i = 0; i < n; i++)
    out[2 * i] = out[2 * i + 1] =
        (float)(t->loud * sin(2 * G_PI * t->hertz * (double)(first + (int64_t)i) / FILM_RATE));
  return true;
}

/* A video (MKV, best quality) of `frames` greys, with a tone beside it if hertz > 0. */
static inline char *film_video(const char *dir, int f, int num, int den, int frames, double hertz) {
  KlErr err = KL_ERR_INIT;
  char *path = g_strdup_printf("%s/film%d.mkv", dir, f);
  FilmTone tone = {hertz, 0.5};
  KlEncodeSpec s = KL_ENCODE_SPEC_INIT;
  s.container = KL_CONTAINER_MKV;
  s.width = FILM_W;
  s.height = FILM_H;
  s.fps_num = num;
  s.fps_den = den;
  s.crf = 1;
  s.total_frames = frames;
  if (hertz > 0)
    s.sound = (KlSoundSource){.rate = FILM_RATE, .channels = 2, .read = film_tone, .user = &tone};
  KlFileSink *file;
  KlEncoder *e;
  guint8 rgb[FILM_W * FILM_H * 3];
  must(kl_file_sink_open(path, 0, &file, &err));
  must(kl_encoder_open(&s, kl_file_sink(file), NULL, &e, &err));
  must(kl_encoder_chunk_begin(e, 0, 0, &err));
  for (int n = 0; n < frames; n++) {
    memset(rgb, film_grey(f, n), sizeof rgb);
    must(kl_encoder_push_rgb8(e, rgb, &err));
  }
  must(kl_encoder_chunk_end(e, &err));
  must(kl_encoder_finish(e, &err));
  kl_encoder_free(&e);
  must(kl_file_sink_close(&file, &err));
  return path;
}

/* Adds a file, as its headers say it is. */
static inline guint film_source(KlTimeline *t, const char *path) {
  KlErr err = KL_ERR_INIT;
  KlMediaInfo i;
  must(kl_media_probe(path, NULL, &i, &err));
  KlTimelineSource s = {.name = (char *)"a file",
                        .path = (char *)path,
                        .kind = !i.has_video ? KL_ASSET_AUDIO
                                : i.still    ? KL_ASSET_IMAGE
                                             : KL_ASSET_VIDEO,
                        .width = i.width,
                        .height = i.height,
                        .fps_num = i.fps_num,
                        .fps_den = i.fps_den,
                        .duration = i.duration,
                        .has_audio = i.has_audio};
  return kl_timeline_add_source(t, &s);
}

static inline void film_clip(KlTimeline *t, KlTimelineTrack *k, guint source, gint64 start, gint64 length,
                             double in, gint64 fade, double level) {
  KlTimelineClip c = {source, start, length, fade, in, level};
  kl_timeline_add_clip(t, k, &c);
}
