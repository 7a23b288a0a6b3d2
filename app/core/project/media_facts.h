/* What a project keeps of a media file: sum, size, rate, a thumbnail. Any thread. */
#pragma once

#include "app/core/gerr.h"
#include "app/core/project/project.h"
#include "engine/base/cancel.h"

/* Edges of thumbnails in pixels. */
enum { KL_ASSET_THUMB = 256, KL_CHUNK_THUMB = 160 };

typedef struct {
  KlAssetKind kind;
  char sha256[65];
  gint64 bytes, frames;
  int width, height, rate_num, rate_den;
  double duration;
  bool has_audio;
  GBytes *thumbnail; /* PNG; NULL: sound, or it cannot be decoded */
} KlMediaFacts;

/* Reads the whole file once for the sum. KL_ERROR_INPUT: no media file. KL_ERROR_CANCELLED. */
bool kl_media_facts(const char *path, const KlCancel *cancel, KlMediaFacts *out, GError **error);
void kl_media_facts_clear(KlMediaFacts *f);

/* PNG of [height, width, 3] 8-bit RGB, shrunk so that no edge is over `edge`. NULL: no memory. */
GBytes *kl_thumbnail(const guint8 *rgb, int width, int height, int edge);
/* The same of floats 0..1. */
GBytes *kl_thumbnail_f32(const float *rgb, int width, int height, int edge);
