/* A small picture of a fixed shape: fills it, with round corners; an icon where there is none yet. */
#pragma once

#include <gtk/gtk.h>

#define KL_TYPE_THUMBNAIL (kl_thumbnail_get_type())
G_DECLARE_FINAL_TYPE(KlThumbnail, kl_thumbnail, KL, THUMBNAIL, GtkWidget)

/* ratio: width by height. width: in pixels, or 0: as wide as there is room. */
GtkWidget *kl_thumbnail_new(double ratio, int width);
/* PNG or any picture that GDK knows, unpacked off the main thread; NULL: none. */
void kl_thumbnail_set_bytes(KlThumbnail *self, GBytes *bytes);
