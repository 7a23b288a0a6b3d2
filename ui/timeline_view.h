/* Clips on video and audio tracks: trim, split, move, snap, crossfade, gain. Everything is an action
 * ("timeline.split" ...) with a key; the keys work while the focus is inside.
 *
 * Property "position" (gint64, frames of the project's rate): the playhead. Signals: "seek" (gint64 frame):
 * the person put it there, so a player should follow; "changed": the film is another one now, so that whoever
 * plays it takes a new kl_timeline_of_project; "play": the space bar. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_TIMELINE_VIEW (kl_timeline_view_get_type())
G_DECLARE_FINAL_TYPE(KlTimelineView, kl_timeline_view, KL, TIMELINE_VIEW, AdwBin)

GtkWidget *kl_timeline_view_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_timeline_view_set_project(KlTimelineView *self, KlProject *project);
/* While it plays: moves the playhead, scrolls after it, emits no "seek". */
void kl_timeline_view_set_position(KlTimelineView *self, gint64 frame);
gint64 kl_timeline_view_get_position(KlTimelineView *self);
/* Puts an asset at the playhead, as the history's "Add to Timeline" does. */
void kl_timeline_view_add_asset(KlTimelineView *self, KlAsset *asset);
