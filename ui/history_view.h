/* Every result of the project with the job that made it, newest first. One that is selected is shown
 * (project.show-render); two can be compared; the rest is in its menu (actions of project_page.h). */
#pragma once

#include "ui/types.h"

#define KL_TYPE_HISTORY_VIEW (kl_history_view_get_type())
G_DECLARE_FINAL_TYPE(KlHistoryView, kl_history_view, KL, HISTORY_VIEW, AdwBin)

/* The project to show; NULL: none. Takes a reference. */
void kl_history_view_set_project(KlHistoryView *self, KlProject *project);
