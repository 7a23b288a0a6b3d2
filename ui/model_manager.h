/* The models of this machine: list, import, verify, details, delete. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_MODEL_MANAGER (kl_model_manager_get_type())
G_DECLARE_FINAL_TYPE(KlModelManager, kl_model_manager, KL, MODEL_MANAGER, AdwWindow)

GtkWidget *kl_model_manager_new(void);
