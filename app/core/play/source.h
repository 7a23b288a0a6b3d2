/* What a player plays: frames by number and, with them, sound by position. One comes from a file here; a
 * timeline (film_source.h) is another. Opened, used and freed off the main thread. */
#pragma once

#include "app/core/gerr.h"
#include "engine/base/cancel.h"

#define KL_PLAY_SAMPLE_RATE 48000 /* of all sound, two channels */

typedef struct {
  int width, height;    /* pixels */
  int fps_num, fps_den; /* exact; a still 0/1 */
  gint64 frames;        /* > 0; an estimate where the file does not say (`ends` then tells) */
  bool sound;
} KlPlayInfo;

typedef struct KlPlaySource KlPlaySource;
struct KlPlaySource {
  KlPlayInfo info;
  /* The frame `index`, 0 .. frames - 1, as [height, width, 3] in a new reference. Behind the real end it is
   * the last one, and info.frames is then what there really is. NULL: with an error, or there is none at all.
   * The player's video thread only. */
  GBytes *(*frame)(KlPlaySource *s, gint64 index, GError **error);
  /* n stereo samples from sample `first` on into out [n, 2], silence where there are none. The player's sound
   * thread only, at the same time as `frame`. NULL where there is no sound. */
  void (*sound)(KlPlaySource *s, gint64 first, int n, float *out);
  void (*free)(KlPlaySource *s);
};

/* A picture or video file, with its sound. The cancel token must outlive the source. KL_ERROR_INPUT,
 * KL_ERROR_FORMAT, KL_ERROR_UNSUPPORTED, KL_ERROR_CANCELLED. */
KlPlaySource *kl_play_source_file(const char *path, const KlCancel *cancel, GError **error);
void kl_play_source_free(KlPlaySource **s);
