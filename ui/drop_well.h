/* A place for an input: a picture (or the first frame of a video), later a video or a sound. Takes files from
 * the file manager, pictures from a browser, frames from the preview, what was copied (Ctrl+V), or a file
 * that is chosen by pressing it; Delete empties it. What is no file yet is written into a folder first. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_DROP_WELL (kl_drop_well_get_type())
G_DECLARE_FINAL_TYPE(KlDropWell, kl_drop_well, KL, DROP_WELL, AdwBin)

/* Signals: "changed" (the path is another one), "refused" (const char *why: for people; nothing was changed).
 */
GtkWidget *kl_drop_well_new(const char *title);
/* Where pictures without a file are kept; made when needed. Copied; NULL: they are refused. */
void kl_drop_well_set_folder(KlDropWell *self, const char *folder);
/* NULL: empty. Borrowed until the next change. */
const char *kl_drop_well_path(KlDropWell *self);
/* Takes a file at once; its picture follows. One that cannot be read is refused, and the well is then as
 * before. NULL empties it. */
void kl_drop_well_set_path(KlDropWell *self, const char *path);
void kl_drop_well_set_texture(KlDropWell *self, GdkTexture *texture);
