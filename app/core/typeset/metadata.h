/* What SVG and PDF say about themselves: XMP with title, maker, the mark of synthetic media, and the job. */
#pragma once

#include "app/core/gerr.h"
#include "media/tags.h"

/* The packet; wrapped: with its <?xpacket?> head and tail (PDF), else the element alone (SVG). A new string.
 */
char *kl_document_xmp(const KlMediaTags *tags, bool wrapped);
/* The job in an SVG or PDF of ours, or in any other output (media/provenance.h). A new string, NULL without
 * an error: there is none. KL_ERROR_INPUT. */
char *kl_document_job(const char *path, GError **error);
