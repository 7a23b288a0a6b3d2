/* One render of the queue at work: a thread that runs kl_store_render, and what it says, brought to the main
 * context at most ten times a second. Used by the queue only; main thread. */
#pragma once

#include "app/core/project/store.h"

#include <gio/gio.h>

typedef struct KlQueueRun KlQueueRun;

/* In the main context. What has piled up since the last time comes together; after `done` nothing comes. */
typedef struct {
  void (*progress)(void *user, double fraction, double eta_s, const char *phase); /* phase: for people */
  void (*frame)(void *user, gint64 index, GBytes *rgb8, int width, int height);   /* index -1: a preview */
  void (*word)(void *user, const char *word);
  void (*note)(void *user, const char *text);
  void (*done)(void *user, const GError *error); /* NULL: it is finished; frees the run afterwards */
} KlQueueRunEvents;

/* Starts at once in the caller's main context. events must stay. */
KlQueueRun *kl_queue_run_start(const char *path, gint64 render, const KlQueueRunEvents *events, void *user);
/* Ends with KL_ERROR_CANCELLED within 200 ms, or with done where that was nearer. */
void kl_queue_run_cancel(KlQueueRun *r);
/* Waits for the thread; no event comes any more. For the end of the program only. */
void kl_queue_run_abandon(KlQueueRun *r);
