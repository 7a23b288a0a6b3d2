/* The chunks of the shown render under the preview: picture, state, drift; re-roll, branch, new prompt. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_CHUNK_STRIP (kl_chunk_strip_get_type())
G_DECLARE_FINAL_TYPE(KlChunkStrip, kl_chunk_strip, KL, CHUNK_STRIP, AdwBin)

GtkWidget *kl_chunk_strip_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_chunk_strip_set_project(KlChunkStrip *self, KlProject *project);
