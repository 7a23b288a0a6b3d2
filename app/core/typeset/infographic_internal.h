/* What the files of infographic*.c share. */
#pragma once

#include "app/core/typeset/infographic.h"
#include "media/encode.h"
#include "media/tags.h"

typedef struct {
  const KlInfographicOptions *o;
  KlInfographicResult *result;
  KlInfographicFormat format;
  KlContainer container; /* VIDEO: a still is a PNG */
  double scale, seconds;
  int fps_num, fps_den;
  GHashTable *pictures; /* element id -> KlPixels, owned */
  GPtrArray *ids;       /* of the generated ones, in order */
  char *job, *title, *comment;
  KlEvent now;
  gint64 began, told;
  double from, share; /* of the whole, that the phase at work is */
} Infographic;

/* "mp4" moves, "png" does not. */
bool infographic_moves(const Infographic *r);
void infographic_tags(const Infographic *r, KlMediaTags *out);
void infographic_tell(Infographic *r, KlEventKind kind, const char *text);
/* Progress of the phase at work, thinned. */
void infographic_progress(Infographic *r, double done);
/* All pictures, in r->pictures. */
bool infographic_pictures(Infographic *r, GError **error);
/* Video and animation: with ledger, resumed where it stands. */
bool infographic_video(Infographic *r, GError **error);
/* Composes, tells the notes. */
KlScene *infographic_scene(Infographic *r, GError **error);
