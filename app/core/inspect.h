/* What is in a file, and what this machine can compute on: for `kinoloom probe`, `kinoloom devices` and the
 * studio. */
#pragma once

#include "app/core/gerr.h"
#include "engine/base/cancel.h"
#include "media/decode.h"

/* *job (NULL: not wanted): the job JSON inside, a new string, or NULL. KL_ERROR_INPUT, KL_ERROR_FORMAT. */
bool kl_inspect_media(const char *path, const KlCancel *cancel, KlMediaInfo *info, char **job,
                      GError **error);

/* The first frame of a picture or video as the engine will see it, at most `most` pixels wide or high (> 0):
 * [height, width, 3], 8 bits. info (may be NULL): of the file. KL_ERROR_INPUT, KL_ERROR_FORMAT. */
GBytes *kl_inspect_picture(const char *path, int most, int *width, int *height, KlMediaInfo *info,
                           const KlCancel *cancel, GError **error);

typedef struct {
  char *name; /* what --device takes */
  char *title;
  const char *arithmetic;                /* of matrix products: "bf16", "f32" */
  size_t memory_total, memory_available; /* bytes, 0: unknown */
} KlDevice;

/* All devices that open, the CPU first; KlDevice, owned by the array. Takes a moment where there is Vulkan.
 */
GPtrArray *kl_inspect_devices(void);
