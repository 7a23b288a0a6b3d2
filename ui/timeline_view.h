/* Clips on video and audio tracks: trim, split, move, snap, crossfade, gain. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_TIMELINE_VIEW (kl_timeline_view_get_type())
G_DECLARE_FINAL_TYPE(KlTimelineView, kl_timeline_view, KL, TIMELINE_VIEW, AdwBin)

GtkWidget *kl_timeline_view_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_timeline_view_set_project(KlTimelineView *self, KlProject *project);
