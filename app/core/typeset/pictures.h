/* The pixels of pictures: read from files, or made by a provider. Which one is the caller's choice: the
 * default renders each prompt by itself through the built-in or any other model; an engine that paints all
 * regions of a canvas in one generation takes its place without any change here. */
#pragma once

#include "app/core/gerr.h"
#include "app/core/typeset/scene.h"
#include "engine/base/cancel.h"

/* One picture that is wanted. Strings are borrowed. */
typedef struct {
  const char *id;      /* of the layout's element */
  const char *prompt;  /* NULL: only a file */
  const char *subject; /* path of an image that shows the subject, NULL: none */
  KlBox box;           /* where it will stand, canvas pixels */
} KlPictureAsk;

typedef struct {
  int width, height;  /* of the canvas */
  const char *prompt; /* what the whole is about, for engines that want a global prompt */
  const KlPictureAsk *asks;
  gsize count;
  int frames; /* 1: stills */
  int fps_num, fps_den;
  guint64 seed;
} KlPictureRequest;

typedef struct {
  void *user;
  const KlCancel *cancel;
  /* Frame `index` (0, 1 ... frames - 1) of asks[ask]: [height, width, 3] 0..1, borrowed. The size is the
   * provider's choice, the same for all frames of a picture; the proportions should be near the box's. Asks
   * may come in any order, the frames of one in theirs. False: stop, *error is set. */
  bool (*frame)(void *user, gsize ask, int index, const float *rgb, int width, int height, GError **error);
  /* 0..1 of all the work; may be NULL. */
  void (*progress)(void *user, double done);
} KlPictureSink;

typedef struct {
  void *user;
  /* Makes every frame of every ask. KL_ERROR_CANCELLED, or what went wrong. */
  bool (*make)(void *user, const KlPictureRequest *r, const KlPictureSink *to, GError **error);
  /* Bytes and seconds that the request will take, for --dry-run; may be NULL. */
  bool (*plan)(void *user, const KlPictureRequest *r, guint64 *bytes, double *seconds, GError **error);
} KlPictureProvider;

/* The part of a picture that fills width x height best: as large as can be, moved to where most is to be
 * seen. In the picture's pixels. */
KlBox kl_picture_crop(const KlPixels *p, double width, double height);
/* Reads an image file, no larger than a box of width x height pixels needs. KL_ERROR_INPUT. */
KlPixels *kl_picture_read(const char *path, int image_w, int image_h, double width, double height,
                          const KlCancel *cancel, GError **error);
