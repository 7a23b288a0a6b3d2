/* The renders that run and wait, with progress, pause, cancel, and order by drag. */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_QUEUE_VIEW (kl_queue_view_get_type())
G_DECLARE_FINAL_TYPE(KlQueueView, kl_queue_view, KL, QUEUE_VIEW, AdwBin)

/* The project to show; NULL: none. Takes a reference. */
void kl_queue_view_set_project(KlQueueView *self, KlProject *project);
/* The queue that runs the renders; set once, before a project. Takes a reference. */
void kl_queue_view_set_queue(KlQueueView *self, KlQueue *queue);
