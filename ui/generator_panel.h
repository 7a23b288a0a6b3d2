/* The left column: what is to be made next - prompt, inputs, settings, verdict, Generate. */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_GENERATOR_PANEL (kl_generator_panel_get_type())
G_DECLARE_FINAL_TYPE(KlGeneratorPanel, kl_generator_panel, KL, GENERATOR_PANEL, AdwBin)

/* The project to show; NULL: none. Takes a reference. */
void kl_generator_panel_set_project(KlGeneratorPanel *self, KlProject *project);
/* The queue that runs the renders; set once, before a project. Takes a reference. */
void kl_generator_panel_set_queue(KlGeneratorPanel *self, KlQueue *queue);
/* Shows the settings of a job, to make another like it (an output was dropped on the window, "use settings"
 * of the history, an example of the first-run page). generate: and press Generate at once. */
void kl_generator_panel_set_job(KlGeneratorPanel *self, const KlJobSpec *job, bool generate);
/* The first frame: a picture file. */
void kl_generator_panel_set_image(KlGeneratorPanel *self, const char *path);
