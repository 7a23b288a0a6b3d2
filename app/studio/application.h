/* The application: one process, its windows, and the actions "app.": quit, new, open, models, preferences,
 * about. Every action's keys are in the table of application.c. */
#pragma once

#include <adwaita.h>

#define KL_TYPE_APPLICATION (kl_application_get_type())
G_DECLARE_FINAL_TYPE(KlApplication, kl_application, KL, APPLICATION, AdwApplication)

KlApplication *kl_application_new(void);
