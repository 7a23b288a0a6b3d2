/* The window: the library of projects, and the open project over it; toasts. Its actions ("win."): library,
 * rename, undo, redo, export, toggle-generator, toggle-side, show-help-overlay. */
#pragma once

#include "app/core/project/library.h"
#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_WINDOW (kl_window_get_type())
G_DECLARE_FINAL_TYPE(KlWindow, kl_window, KL, WINDOW, AdwApplicationWindow)

/* Signal "left" (KlProject *): the window shows it no longer. */

GtkWidget *kl_window_new(GtkApplication *app, KlLibrary *library, KlQueue *queue);
/* Shows a project, or the library (NULL). Takes a reference. */
void kl_window_set_project(KlWindow *self, KlProject *project);
/* The project that is shown, NULL: the library. Borrowed. */
KlProject *kl_window_get_project(KlWindow *self);
/* Puts a job's settings into the generator panel and generates it at once; a project must be shown. */
void kl_window_make(KlWindow *self, const KlJobSpec *job);
/* A sentence for people that goes away by itself. Any widget inside the window may call it. */
void kl_window_toast(GtkWidget *inside, const char *text);
/* The same with a button: the detailed action name is activated on `inside` ("win.undo"). */
void kl_window_toast_action(GtkWidget *inside, const char *text, const char *button, const char *action);
