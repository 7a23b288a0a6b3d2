/* A project: generator, preview and chunks, timeline, queue and history side by side. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_PROJECT_PAGE (kl_project_page_get_type())
G_DECLARE_FINAL_TYPE(KlProjectPage, kl_project_page, KL, PROJECT_PAGE, AdwBin)

GtkWidget *kl_project_page_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_project_page_set_project(KlProjectPage *self, KlProject *project);
/* Shows or hides the left column (generator) and the right one (queue and history). */
void kl_project_page_toggle_generator(KlProjectPage *self);
void kl_project_page_toggle_side(KlProjectPage *self);
