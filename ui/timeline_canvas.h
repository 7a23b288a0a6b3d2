/* The tracks of a project over time: ruler, heads of the tracks, clips, playhead. It scrolls by itself
 * (GtkScrollable); all edits go through timeline_edit.h.
 *
 * Signals: "seek" (gint64 frame): the person put the playhead there; "selection-changed"; "changed": clips
 * came, went or moved; "failed" (const
 * char
 * *): why an edit was not done, a sentence for people; "gain" (): the gain of the selection is to be asked
 * for. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_TIMELINE_CANVAS (kl_timeline_canvas_get_type())
G_DECLARE_FINAL_TYPE(KlTimelineCanvas, kl_timeline_canvas, KL, TIMELINE_CANVAS, GtkWidget)

void kl_timeline_canvas_set_project(KlTimelineCanvas *self, KlProject *project);

gint64 kl_timeline_canvas_get_position(KlTimelineCanvas *self);
/* follow: scroll so that it is seen. Emits nothing. */
void kl_timeline_canvas_set_position(KlTimelineCanvas *self, gint64 frame, bool follow);
void kl_timeline_canvas_zoom(KlTimelineCanvas *self, double factor);
/* All of it in view. */
void kl_timeline_canvas_zoom_fit(KlTimelineCanvas *self);
void kl_timeline_canvas_set_snap(KlTimelineCanvas *self, bool snap);

/* The selected clips in order of time; KlClip, borrowed ones in a new array. */
GPtrArray *kl_timeline_canvas_selected(KlTimelineCanvas *self);
void kl_timeline_canvas_select(KlTimelineCanvas *self, GPtrArray *clips);
/* For a menu: the clip at a point becomes the selection, if it is not part of it. */
void kl_timeline_canvas_select_at(KlTimelineCanvas *self, double x, double y);
void kl_timeline_canvas_select_all(KlTimelineCanvas *self);
/* Where the first selected clip is drawn, for a popover. */
bool kl_timeline_canvas_selected_area(KlTimelineCanvas *self, GdkRectangle *out);
/* The next (1) or previous (-1) edge of a clip from the playhead on; the playhead's own place at the ends. */
gint64 kl_timeline_canvas_next_edge(KlTimelineCanvas *self, int direction);
