/* The chunks of the shown render under the preview: picture, state, drift. A click plays one; its menu and
 * its keys make another version of it. Its actions ("chunk."), on the chunk that has the focus or the menu:
 * play, re-roll, branch, prompt. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_CHUNK_STRIP (kl_chunk_strip_get_type())
G_DECLARE_FINAL_TYPE(KlChunkStrip, kl_chunk_strip, KL, CHUNK_STRIP, AdwBin)

/* Signals:
 *   "play" (KlChunkRow *): is to be looked at
 *   "made" (KlRender *): a re-roll or a new prompt was queued and takes the place of what is shown */

/* The project to show; NULL: none. Takes a reference. */
void kl_chunk_strip_set_project(KlChunkStrip *self, KlProject *project);
/* The render whose chunks are shown; NULL: none, the strip hides. Takes a reference. */
void kl_chunk_strip_set_render(KlChunkStrip *self, KlRender *render);
