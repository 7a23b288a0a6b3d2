#include "app/core/play/film_source.h"

#include "app/core/film/compose.h"

#include <glib/gi18n.h>

typedef struct {
  KlPlaySource base;
  KlCompose *picture, *sound; /* one for each thread */
} FilmSource;

static GBytes *film_frame(KlPlaySource *s, gint64 index, GError **error) {
  FilmSource *f = (FilmSource *)s;
  gsize bytes = (gsize)s->info.width * (gsize)s->info.height * 3;
  guint8 *rgb = g_malloc(bytes);
  if (kl_compose_frame(f->picture, index, rgb, error)) return g_bytes_new_take(rgb, bytes);
  g_free(rgb);
  return NULL;
}

static void film_sound(KlPlaySource *s, gint64 first, int n, float *out) {
  FilmSource *f = (FilmSource *)s;
  if (!kl_compose_samples(f->sound, first, out, (gsize)n, NULL)) memset(out, 0, (gsize)n * 2 * sizeof *out);
}

static void film_free(KlPlaySource *s) {
  FilmSource *f = (FilmSource *)s;
  kl_compose_free(f->picture);
  kl_compose_free(f->sound);
  g_free(f);
}

KlPlaySource *kl_play_source_film(gpointer timeline, const KlCancel *cancel, GError **error) {
  KlComposeSetup how = KL_COMPOSE_SETUP_INIT;
  how.cancel = cancel;
  how.rate = KL_PLAY_SAMPLE_RATE;
  FilmSource *f = g_new0(FilmSource, 1);
  f->picture = kl_compose_new(timeline, &how);
  f->sound = kl_compose_new(timeline, &how);
  f->base.frame = film_frame;
  f->base.free = film_free;
  KlPlayInfo *i = &f->base.info;
  kl_compose_size(f->picture, &i->width, &i->height);
  kl_compose_rate(f->picture, &i->fps_num, &i->fps_den);
  i->frames = MAX(kl_compose_frames(f->picture), 1);
  i->sound = kl_compose_has_sound(f->picture);
  if (i->sound) f->base.sound = film_sound;
  if (i->width > 0 && i->height > 0) return &f->base;
  film_free(&f->base);
  kl_gfail(error, KL_ERROR_INVALID, _("There is no clip on the timeline yet"));
  return NULL;
}
