/* What a clip looks like on a timeline: a strip of small pictures and the outline of its sound. Made in
 * worker threads. */
#pragma once

#include "app/core/gerr.h"
#include "engine/base/cancel.h"

#define KL_STRIP_PEAKS 100 /* a second */

typedef struct {
  int count, width, height; /* of the pictures */
  double every;             /* seconds from one to the next; a still has one picture */
  guint8 *rgb;              /* [count, height, width, 3] */
  gsize n_peaks;
  guint8 *peaks; /* loudest sample of each 1/100 s, 0..255; NULL: no sound */
} KlStrip;

/* At most `most` pictures, `height` pixels high. KL_ERROR_INPUT, KL_ERROR_CANCELLED. */
KlStrip *kl_strip_new(const char *path, int height, int most, const KlCancel *cancel, GError **error);
void kl_strip_free(KlStrip *s);
