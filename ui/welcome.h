/* The first-run page: what this is, and three examples that run at once (app.example with the prompt). */
#pragma once

#include "ui/types.h"

#define KL_TYPE_WELCOME (kl_welcome_get_type())
G_DECLARE_FINAL_TYPE(KlWelcome, kl_welcome, KL, WELCOME, AdwBin)
