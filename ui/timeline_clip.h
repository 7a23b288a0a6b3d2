/* One clip on the timeline: its name, pictures and the outline of its sound. The canvas gives it its place.
 */
#pragma once

#include "ui/types.h"

#define KL_TYPE_CLIP_VIEW (kl_clip_view_get_type())
G_DECLARE_FINAL_TYPE(KlClipView, kl_clip_view, KL, CLIP_VIEW, GtkWidget)

GtkWidget *kl_clip_view_new(KlProject *project, KlClip *clip);
KlClip *kl_clip_view_get_clip(KlClipView *self);
/* Where it is, or is to be while it is dragged. */
const KlClipPlace *kl_clip_view_get_place(KlClipView *self);
/* NULL: as the project has it. allowed: it could stay there. */
void kl_clip_view_set_dragged(KlClipView *self, const KlClipPlace *place, bool allowed);
void kl_clip_view_set_selected(KlClipView *self, bool selected);
/* Pixels a frame of the project. */
void kl_clip_view_set_scale(KlClipView *self, double scale);

/* "0:04.5": minutes and seconds, tenths where they matter, hours from one on. A new string. */
char *kl_clock_text(double seconds, bool tenths);
