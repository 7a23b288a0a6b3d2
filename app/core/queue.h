/* The render queue of the studio: one worker thread that runs the pending renders of all open projects, one
 * at a time, and reports on the main context. Survives restarts because the queue is in the projects: a
 * render found "running" when a project is opened was cut off by a crash; it becomes paused and
 * "interrupted" is emitted so that the window can offer to resume it. Main thread only. */
#pragma once

#include "app/core/project/project.h"

#define KL_TYPE_QUEUE kl_queue_get_type()
G_DECLARE_FINAL_TYPE(KlQueue, kl_queue, KL, QUEUE, GObject)

/* Signals:
 *   "interrupted" (KlProject *, KlRender *): was running when the program died
 *   "started", "finished" (KlProject *, KlRender *): finished in any state
 *   "preview" (KlRender *, gint64 frame, GBytes *rgb8, int width, int height): a decoded frame
 *       [height, width, 3], at most 10 a second; while sampling, frame is -1: the estimate of the clean
 *       picture after a step
 *   "word" (KlRender *, const char *word): unknown to the model
 *   "note" (KlRender *, const char *text): a sentence for people
 * Properties: "running" (KlRender or NULL), "paused" (bool). */
KlQueue *kl_queue_new(void);
void kl_queue_add_project(KlQueue *q, KlProject *p);
/* Its running render is paused at the next chunk's end or at once if `now`; returns when it has stopped. */
void kl_queue_remove_project(KlQueue *q, KlProject *p, GAsyncReadyCallback done, gpointer user);
/* Runs the next pending one if nothing runs; called by itself whenever the projects change. */
void kl_queue_set_paused(KlQueue *q, bool paused);
/* Stops the one render: at most 200 ms. Paused goes on from its last chunk, cancelled leaves the queue (its
 * finished chunks stay and can be resumed from the history). */
void kl_queue_pause(KlQueue *q, KlRender *r);
void kl_queue_cancel(KlQueue *q, KlRender *r);
void kl_queue_resume(KlQueue *q, KlRender *r);

/* The verdict of --dry-run for a job that is being edited, computed in a worker thread, newest request wins:
 * text for people ("Needs 1.2 GB of 15 GB; about 40 s"), fits false where it will not. */
void kl_queue_verdict_async(KlQueue *q, const KlJobSpec *job, GCancellable *cancel, GAsyncReadyCallback done,
                            gpointer user);
/* A new string; *fits, *seconds (estimate, < 0 unknown), *unknown_words (NULL-terminated, freed with
 * g_strfreev; may be NULL). An error of planning (bad input, won't fit) comes as *error. */
char *kl_queue_verdict_finish(KlQueue *q, GAsyncResult *r, bool *fits, double *seconds, char ***unknown_words,
                              GError **error);
