/* Two results side by side, played and scrubbed as one; what their settings do not have in common stands
 * below. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_COMPARE (kl_compare_get_type())
G_DECLARE_FINAL_TYPE(KlCompare, kl_compare, KL, COMPARE, AdwWindow)

GtkWidget *kl_compare_new(KlRender *left, KlRender *right);
