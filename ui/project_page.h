/* A project: generator, preview and chunks, timeline, queue and history side by side, and what goes between
 * them. Takes files and pictures that are dropped on it. Its actions ("project."): show-render (int64 id),
 * use-settings, copy-settings, reveal, delete-render, to-timeline, resume (each int64 id), compare (two ids),
 * open-files, add-asset (int64 id), first-frame (string: a path). */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_PROJECT_PAGE (kl_project_page_get_type())
G_DECLARE_FINAL_TYPE(KlProjectPage, kl_project_page, KL, PROJECT_PAGE, AdwBin)

GtkWidget *kl_project_page_new(void);
/* The queue that runs the renders; set once, before a project. Takes a reference. */
void kl_project_page_set_queue(KlProjectPage *self, KlQueue *queue);
/* The project to show; NULL: none. Takes a reference. */
void kl_project_page_set_project(KlProjectPage *self, KlProject *project);
/* Puts a job's settings into the generator panel. */
void kl_project_page_restore_job(KlProjectPage *self, const KlJobSpec *job);
/* The same, and generates it at once. */
void kl_project_page_make(KlProjectPage *self, const KlJobSpec *job);
/* Shows or hides the left column (generator) and the right one (queue and history). */
void kl_project_page_toggle_generator(KlProjectPage *self);
void kl_project_page_toggle_side(KlProjectPage *self);
