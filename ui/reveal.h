/* Shows a file in the system's file manager. */
#pragma once

#include <gtk/gtk.h>

/* Returns at once; where no file manager answers, the folder is opened. */
void kl_reveal_file(GtkWidget *inside, const char *path);
