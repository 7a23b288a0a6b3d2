#include "app/core/film/strip.h"
#include "media/audio.h"
#include "media/decode.h"

#include <math.h>
#include <string.h>

#define LEAST 0.5             /* seconds between pictures */
#define RATE 8000             /* samples a second, enough for an outline */
#define LONGEST (6 * 60 * 60) /* seconds of sound that are outlined */

static bool pictures(KlStrip *s, const char *path, const KlMediaInfo *info, int height, int most,
                     const KlCancel *cancel, KlErr *err) {
  KlDecoder *d = NULL;
  KlFrame f;
  bool ok = false;
  double length = info->still ? 0 : MAX(info->duration, 0);
  if (!kl_decoder_open(path, cancel, &d, err)) return false;
  const KlMediaInfo *seen = kl_decoder_info(d);
  s->height = height;
  s->width = CLAMP((int)lround((double)height * seen->width / seen->height), 1, 8 * height);
  s->every = MAX(LEAST, length / most);
  s->count = info->still ? 1 : CLAMP((int)ceil(length / s->every), 1, most);
  gsize each = (gsize)s->width * (gsize)height * 3;
  s->rgb = g_malloc0(each * (gsize)s->count);
  if (!kl_decoder_set_size(d, s->width, height, err)) goto out;
  for (int i = 0; i < s->count; i++) {
    if (!kl_decoder_at(d, i * s->every, &f, err)) goto out;
    if (f.rgb) memcpy(s->rgb + each * (gsize)i, f.rgb, each);
  }
  ok = true;
out:
  kl_decoder_free(&d);
  return ok;
}

static bool outline(KlStrip *s, const char *path, const KlCancel *cancel, KlErr *err) {
  enum { EACH = RATE / KL_STRIP_PEAKS };
  KlSound *sound = NULL;
  float x[EACH];
  size_t got = EACH;
  if (!kl_sound_open(path, RATE, 1, cancel, &sound, err)) return false;
  g_autoptr(GByteArray) peaks = g_byte_array_new();
  bool ok = true;
  while (ok && got == EACH && peaks->len < LONGEST * KL_STRIP_PEAKS) {
    ok = kl_sound_read(sound, x, EACH, &got, err);
    float most = 0;
    for (size_t i = 0; ok && i < got; i++) most = MAX(most, fabsf(x[i]));
    guint8 v = (guint8)(255 * MIN(1, most));
    if (ok && got) g_byte_array_append(peaks, &v, 1);
  }
  s->n_peaks = peaks->len;
  s->peaks = g_byte_array_free(g_steal_pointer(&peaks), FALSE);
  kl_sound_free(&sound);
  return ok;
}

KlStrip *kl_strip_new(const char *path, int height, int most, const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlMediaInfo info;
  KlStrip *s = g_new0(KlStrip, 1);
  if (kl_media_probe(path, cancel, &info, &err) &&
      (!info.has_video || pictures(s, path, &info, height, most, cancel, &err)) &&
      (!info.has_audio || outline(s, path, cancel, &err)))
    return s;
  kl_gerr_input(error, &err);
  kl_strip_free(s);
  return NULL;
}

void kl_strip_free(KlStrip *s) {
  if (!s) return;
  g_free(s->rgb);
  g_free(s->peaks);
  g_free(s);
}
