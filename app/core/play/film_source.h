/* A timeline as something to play. */
#pragma once

#include "app/core/film/timeline.h"
#include "app/core/play/source.h"

/* A KlPlayOpen; timeline: a KlTimeline (kl_player_load takes kl_timeline_unref for it). KL_ERROR_INVALID: it
 * has no size yet. */
KlPlaySource *kl_play_source_film(gpointer timeline, const KlCancel *cancel, GError **error);
