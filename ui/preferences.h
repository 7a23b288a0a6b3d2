/* Device, threads, memory budget, folders, theme. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_PREFERENCES (kl_preferences_get_type())
G_DECLARE_FINAL_TYPE(KlPreferences, kl_preferences, KL, PREFERENCES, AdwPreferencesWindow)

GtkWidget *kl_preferences_new(void);
