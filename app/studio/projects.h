/* The projects that are open in this process: one object a file, kept while a window shows it or the queue
 * works for it. Main thread only. */
#pragma once

#include "app/core/project/project.h"
#include "app/core/queue.h"

typedef struct KlProjects KlProjects;

KlProjects *kl_projects_new(KlQueue *queue);
void kl_projects_free(KlProjects *s);
/* The open project of that file, or opens it. Borrowed; counts as shown until kl_projects_hide. */
KlProject *kl_projects_open(KlProjects *s, const char *path, GError **error);
/* Takes a project that was just created, as shown. */
void kl_projects_add(KlProjects *s, KlProject *project);
/* One window less shows it: it is closed when nothing waits in its queue, now or later. */
void kl_projects_hide(KlProjects *s, KlProject *project);
/* Pauses all that runs and closes everything; `done` is called when that is so. */
void kl_projects_close_all(KlProjects *s, void (*done)(gpointer user), gpointer user);
