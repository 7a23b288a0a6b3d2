/* A single frame for the clipboard and for drags: as a texture inside the program, as a picture for others,
 * as a PNG file for file managers (written when it is asked for, off the main thread, in the user's cache).
 */
#pragma once

#include <gdk/gdk.h>

#define KL_TYPE_FRAME_CONTENT (kl_frame_content_get_type())
G_DECLARE_FINAL_TYPE(KlFrameContent, kl_frame_content, KL, FRAME_CONTENT, GdkContentProvider)

/* `name` is what the file will be called, without extension. */
GdkContentProvider *kl_frame_content_new(GdkTexture *texture, const char *name);
