/* What becomes of a file or a picture that somebody drops on a project: an output or a job file of ours gives
 * its job, any other medium an asset. Reading happens off the main thread. */
#pragma once

#include "ui/types.h"

void kl_take_file_async(KlProject *project, GFile *file, GAsyncReadyCallback done, gpointer user);
/* A picture without a file (from a browser, a frame of the preview): becomes a PNG in the project's media
 * folder and an asset. */
void kl_take_texture_async(KlProject *project, GdkTexture *texture, GAsyncReadyCallback done, gpointer user);
/* Of both. Exactly one of *job and *asset is set, new. KL_ERROR_INPUT and what kl_project_import_async says.
 */
bool kl_take_finish(GAsyncResult *result, KlJobSpec **job, KlAsset **asset, GError **error);
