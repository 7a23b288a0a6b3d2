/* A render in the queue: its words, how far it is, and what can be done with it. Keys on the row: Space
 * pauses or goes on, Delete cancels, Alt+Up and Alt+Down move it. */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_QUEUE_ROW (kl_queue_row_get_type())
G_DECLARE_FINAL_TYPE(KlQueueRow, kl_queue_row, KL, QUEUE_ROW, GtkListBoxRow)

/* Signals: "cancelled" (after the person cancelled it), "dismissed" (a failed one is not to be shown any
 * more), "moved" (int by), "placed" (KlRender *: it was dropped here). Takes references. */
GtkWidget *kl_queue_row_new(KlQueue *queue, KlRender *render);
KlRender *kl_queue_row_render(KlQueueRow *self);
/* A frame of it, while it runs. */
void kl_queue_row_set_picture(KlQueueRow *self, GdkPaintable *picture);
