#include "app/core/play/source.h"

#include "media/decode.h"

#include <math.h>

#define CACHE_BYTES (48u << 20)
#define CACHE_SLOTS 256 /* at most this many frames */
#define RUN 48          /* frames that are sooner decoded through than sought over */
#define STEP_BACK 12    /* frames that a step backwards decodes before the one asked for */

typedef struct {
  gint64 index;
  GBytes *rgb;
} Slot;

typedef struct {
  KlPlaySource base;
  KlDecoder *decoder;
  gint64 next; /* the frame that the decoder gives next, if `known` */
  bool known, still;
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

/* Decodes on until `index`, keeping what it meets. */
static GBytes *read_to(FileSource *f, gint64 index, GError **error) {
  size_t bytes = (size_t)f->base.info.width * (size_t)f->base.info.height * 3;
  GBytes *at = NULL;
  for (;;) {
    KlFrame frame;
    KlErr err = {0};
    if (!kl_decoder_next(f->decoder, &frame, &err)) {
      f->known = false;
      g_clear_pointer(&at, g_bytes_unref);
      kl_gerr(error, &err);
      return NULL;
    }
    if (!frame.rgb) { /* the end: the last frame stands for what is missing */
      f->known = false;
      if (at) f->base.info.frames = f->next;
      return at;
    }
    g_clear_pointer(&at, g_bytes_unref);
    at = g_bytes_new(frame.rgb, bytes);
    keep(f, frame.index, at);
    f->next = frame.index + 1;
    f->known = true;
    if (frame.index >= index) return at;
  }
}

static GBytes *file_frame(KlPlaySource *s, gint64 index, GError **error) {
  FileSource *f = (FileSource *)s;
  if (f->still) index = 0;
  GBytes *rgb = recall(f, index);
  if (rgb) return rgb;
  if (!f->known || index < f->next || index > f->next + RUN) {
    gint64 from = f->known && index < f->next ? MAX(0, index - STEP_BACK) : index;
    KlErr err = {0};
    double rate = s->info.fps_num > 0 ? (double)s->info.fps_num / s->info.fps_den : 1;
    if (!kl_decoder_seek(f->decoder, ((double)from + 0.25) / rate, &err)) {
      f->known = false;
      kl_gerr(error, &err);
      return NULL;
    }
  }
  return read_to(f, index, error);
}

static void file_free(KlPlaySource *s) {
  FileSource *f = (FileSource *)s;
  for (int i = 0; i < CACHE_SLOTS; i++)
    if (f->slot[i].rgb) g_bytes_unref(f->slot[i].rgb);
  kl_decoder_free(&f->decoder);
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
  f->base = (KlPlaySource){.info = {.width = m->width,
                                    .height = m->height,
                                    .fps_num = timed ? m->fps_num : 0,
                                    .fps_den = timed ? m->fps_den : 1,
                                    .frames = !timed          ? 1
                                              : m->frames > 0 ? m->frames
                                                              : MAX(1, (gint64)llround(estimate))},
                           .frame = file_frame,
                           .free = file_free};
  f->decoder = d;
  f->still = !timed;
  f->known = true; /* it stands before frame 0 */
  size_t bytes = (size_t)m->width * (size_t)m->height * 3;
  f->slots = (int)CLAMP(CACHE_BYTES / MAX(bytes, 1), STEP_BACK + 2, CACHE_SLOTS);
  return &f->base;
}

void kl_play_source_free(KlPlaySource **s) {
  if (*s) (*s)->free(*s);
  *s = NULL;
}
