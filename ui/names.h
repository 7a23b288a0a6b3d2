/* Names for screen readers. */
#pragma once

#include <gtk/gtk.h>

/* Every button at or below `root` that shows only an icon is called by its tooltip; GTK 4.8 would call it
 * "GtkImage". For what is there now: call it again for rows that are made later. */
void kl_name_buttons(GtkWidget *root);
