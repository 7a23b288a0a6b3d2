#include "app/core/play/source.h"

#include "media/audio.h"
#include "media/decode.h"

#include <math.h>

#define CACHE_BYTES (48u << 20)
#define CACHE_SLOTS 256 /* at most this many frames */
#define STEP_BACK 12    /* frames that a step backwards decodes before the one asked for */

typedef struct {
  gint64 index;
  GBytes *rgb;
} Slot;

typedef struct {
  KlPlaySource base;
  KlDecoder *decoder;
  KlSound *sound; /* NULL: none */
  gint64 last;    /* the frame that was decoded last */
  gint64 heard;   /* the sample that comes next */
  Slot slot[CACHE_SLOTS];
  int slots, oldest; /* a ring */
} FileSource;

static GBytes *recall(FileSource *f, gint64 index) {
  for (int i = 0; i < f->slots; i++)
    if (f->slot[i].rgb && f->slot[i].index == index) return g_bytes_ref(f->slot[i].rgb);
  return NULL;
}

static void keep(FileSource *f, gint64 index, GBytes *rgb) {
  Slot *s = &f->slot[f->oldest];
  if (s->rgb) g_bytes_unref(s->rgb);
  *s = (Slot){index, g_bytes_ref(rgb)};
  f->oldest = (f->oldest + 1) % f->slots;
}

static GBytes *decode(FileSource *f, gint64 index, GError **error) {
  KlErr err = {0};
  KlFrame frame;
  if (!kl_decoder_at_frame(f->decoder, index, &frame, &err)) {
    kl_gerr(error, &err);
    return NULL;
  }
  if (!frame.rgb) return NULL;
  f->last = index;
  if (frame.index < index) f->base.info.frames = MAX(frame.index + 1, 1); /* there are fewer than was said */
  GBytes *rgb = g_bytes_new(frame.rgb, (size_t)f->base.info.width * (size_t)f->base.info.height * 3);
  keep(f, index, rgb);
  return rgb;
}

static GBytes *file_frame(KlPlaySource *s, gint64 index, GError **error) {
  FileSource *f = (FileSource *)s;
  GBytes *rgb = recall(f, index);
  if (rgb) return rgb;
  if (index < f->last && index > f->last - 2 * STEP_BACK) /* backwards: those before it come next */
    for (gint64 i = MAX(0, index - STEP_BACK); i < index; i++) {
      rgb = recall(f, i);
      if (!rgb) rgb = decode(f, i, NULL);
      g_clear_pointer(&rgb, g_bytes_unref);
    }
  return decode(f, index, error);
}

static void file_sound(KlPlaySource *s, gint64 first, int n, float *out) {
  FileSource *f = (FileSource *)s;
  KlErr err = {0};
  size_t got;
  memset(out, 0, (size_t)n * 2 * sizeof *out);
  if (first != f->heard && !kl_sound_seek(f->sound, first, &err)) return;
  f->heard = kl_sound_read(f->sound, out, (size_t)n, &got, &err) ? first + n : -1;
}

static void file_free(KlPlaySource *s) {
  FileSource *f = (FileSource *)s;
  for (int i = 0; i < CACHE_SLOTS; i++)
    if (f->slot[i].rgb) g_bytes_unref(f->slot[i].rgb);
  kl_decoder_free(&f->decoder);
  kl_sound_free(&f->sound);
  g_free(f);
}

KlPlaySource *kl_play_source_file(const char *path, const KlCancel *cancel, GError **error) {
  KlErr err = {0};
  KlDecoder *d = NULL;
  if (!kl_decoder_open(path, cancel, &d, &err)) {
    kl_gerr_input(error, &err);
    return NULL;
  }
  const KlMediaInfo *m = kl_decoder_info(d);
  FileSource *f = g_new0(FileSource, 1);
  bool timed = !m->still && m->fps_num > 0 && m->fps_den > 0;
  double estimate = timed ? m->duration * m->fps_num / m->fps_den : 1;
  f->decoder = d;
  f->last = -1;
  f->base.frame = file_frame;
  f->base.free = file_free;
  f->base.info = (KlPlayInfo){.width = m->width, .height = m->height, .fps_den = 1, .frames = 1};
  if (timed) {
    f->base.info.fps_num = m->fps_num;
    f->base.info.fps_den = m->fps_den;
    f->base.info.frames = m->frames > 0 ? m->frames : MAX(1, (gint64)llround(estimate));
  }
  /* Sound that cannot be played is no reason to show nothing. */
  if (timed && m->has_audio && kl_sound_open(path, KL_PLAY_SAMPLE_RATE, 2, cancel, &f->sound, &err)) {
    f->base.info.sound = true;
    f->base.sound = file_sound;
  }
  size_t bytes = (size_t)m->width * (size_t)m->height * 3;
  f->slots = (int)CLAMP(CACHE_BYTES / MAX(bytes, 1), STEP_BACK + 2, CACHE_SLOTS);
  return &f->base;
}

void kl_play_source_free(KlPlaySource **s) {
  if (*s) (*s)->free(*s);
  *s = NULL;
}
