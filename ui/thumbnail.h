/* A small picture of a fixed shape: fills it, with round corners; an icon where there is none yet. */
#pragma once

#include <gtk/gtk.h>

#define KL_TYPE_THUMBNAIL (kl_thumbnail_get_type())
G_DECLARE_FINAL_TYPE(KlThumbnail, kl_thumbnail, KL, THUMBNAIL, GtkWidget)

/* Width by height. */
GtkWidget *kl_thumbnail_new(double ratio);
/* PNG or any picture that GDK knows, unpacked off the main thread; NULL: none. */
void kl_thumbnail_set_bytes(KlThumbnail *self, GBytes *bytes);
