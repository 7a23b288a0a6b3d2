/* What our outputs say about themselves, written and read back. */
#pragma once

#include "engine/base/err.h"
#include "media/tags.h"

#include <stddef.h>

/* The job JSON inside a file of ours: MP4, WebM, MKV, GIF, PNG, APNG. *json is the caller's (kl_free); NULL,
 * and true returned, when the file is sound but carries none. *synthetic (may be NULL): the IPTC marker is
 * there. Reads only the head of a file. The JSON is as untrusted as the file: UTF-8 is checked and the length
 * limited to KL_JOB_MAX, the syntax is not looked at. Errors: IO, FORMAT (not a media file), OOM. */
bool kl_media_read_job(const char *path, char **json, bool *synthetic, KlErr *err);

/* The XMP packet for the tags: marker, title, creator tool. A new string (kl_free), NULL when out of memory.
 */
char *kl_xmp_packet(const KlMediaTags *tags);
