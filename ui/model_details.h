/* A page about one model: where it comes from, its parts with sizes and sums, what it takes by default, what
 * it knows; with the buttons of the model manager (actions "models.verify", "models.remove"). */
#pragma once

#include "ui/model_list.h"
#include "ui/types.h"

/* A new widget; reads no file but their sizes. */
GtkWidget *kl_model_details_new(KlModelItem *item);
/* "Wan, 2.1 GB, Apache-2.0" for a row. A new string. */
char *kl_model_summary(KlModelItem *item);
