/* The left column: what is to be made next - prompt, inputs, settings, verdict, Generate. */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_GENERATOR_PANEL (kl_generator_panel_get_type())
G_DECLARE_FINAL_TYPE(KlGeneratorPanel, kl_generator_panel, KL, GENERATOR_PANEL, AdwBin)

GtkWidget *kl_generator_panel_new(void);
/* The project to show; NULL: none. Takes a reference. */
void kl_generator_panel_set_project(KlGeneratorPanel *self, KlProject *project);
/* The queue that runs the renders; set once, before a project. Takes a reference. */
void kl_generator_panel_set_queue(KlGeneratorPanel *self, KlQueue *queue);
