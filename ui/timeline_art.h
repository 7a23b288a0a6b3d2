/* Pictures and outlines of clips, made in a worker thread, one file at a time, and kept while the program
 * runs. Main thread only. */
#pragma once

#include "ui/types.h"

typedef struct {
  GPtrArray *pictures; /* GdkTexture */
  double every;        /* seconds from one to the next */
  double aspect;       /* width over height */
  guint8 *peaks;       /* 0..255, 100 a second; NULL: no sound */
  gsize n_peaks;
} KlArt;

/* NULL until it is there; then `redraw` is queued for a draw. Borrowed. */
const KlArt *kl_art_of(const char *path, GtkWidget *redraw);
