/* PNG stills with the job inside: iTXt "kinoloom:job" (the JSON) and "XML:com.adobe.xmp" (IPTC digital source
 * type), tEXt/iTXt Title, Comment, Software. 8 bits, sRGB. Files are untrusted when read. Thread-safe. */
#pragma once

#include "engine/base/err.h"
#include "media/sink.h"
#include "media/tags.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int width, height;
  int channels;    /* 3: RGB, 4: RGBA with straight alpha */
  uint8_t *pixels; /* [height, width, channels], rows without gaps; owned */
  char *job_json;  /* NULL: none; owned */
  bool synthetic;
} KlPng;

/* Writes a PNG; tags may be NULL. pixels [height, width, channels], channels 3 or 4, edges 1..16384.
 * To a file: into PATH.part first, then renamed, so that PATH is whole or untouched. */
bool kl_png_write(KlSink sink, const uint8_t *pixels, int width, int height, int channels,
                  const KlMediaTags *tags, KlErr *err);
bool kl_png_write_file(const char *path, const uint8_t *pixels, int width, int height, int channels,
                       const KlMediaTags *tags, KlErr *err);

/* Reads any PNG (grey, palette, 16 bit, interlaced are converted) as RGB, or RGBA where it has transparency.
 * Errors: IO, FORMAT (not a PNG, damaged, an edge over 16384 pixels), OOM. Free with kl_png_free. */
bool kl_png_read(const char *path, KlPng *out, KlErr *err);
bool kl_png_read_memory(const void *data, size_t n, KlPng *out, KlErr *err);
void kl_png_free(KlPng *png);
