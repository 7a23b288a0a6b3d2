/* Reading what files say about themselves. Private to media/. */
#pragma once

#include "media/encode_internal.h"
#include "media/png.h"
#include "media/provenance.h"

/* At most KL_JOB_MAX bytes of UTF-8 without zero bytes, not empty: fit to be handed on as a job. */
bool kl_job_text_ok(const char *text, size_t n);

/* The first `most` bytes of a file (fewer if it is shorter; over 1 GiB in all is KL_ERR_FORMAT). */
bool kl_read_head(const char *path, size_t most, KlBytes *out, KlErr *err);

/* A PNG from memory; pixels false: size, job and marker only, from the chunks before the picture. */
bool kl_png_read_part(const void *data, size_t n, bool pixels, KlPng *out, KlErr *err);

/* The tags of a GIF (the blocks before the first picture). *json may become NULL. */
bool kl_gif_read_tags(const uint8_t *data, size_t n, char **json, bool *synthetic, KlErr *err);

/* From FFmpeg's dictionary (AVDictionary *) of container tags. */
struct AVDictionary;
bool kl_tags_from_dict(const struct AVDictionary *dict, char **json, bool *synthetic, KlErr *err);
