/* The application: one process, its windows, the library, the queue, and the actions "app.": quit, new, open,
 * open-path (string), example (string: a prompt that is made at once), models, preferences, about. Every
 * action's keys are in the table of application.c.
 *
 * A project that is opened stays open as long as a window shows it or it has renders in the queue. */
#pragma once

#include <adwaita.h>

#define KL_TYPE_APPLICATION (kl_application_get_type())
G_DECLARE_FINAL_TYPE(KlApplication, kl_application, KL, APPLICATION, AdwApplication)

KlApplication *kl_application_new(void);
