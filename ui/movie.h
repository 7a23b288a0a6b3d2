/* A picture that moves: a GtkMediaStream (and so a GdkPaintable) over a player of app/core/play. Shows what
 * the player gives, or pixels pushed in from elsewhere (a running render). */
#pragma once

#include "app/core/play/player.h"
#include "ui/types.h"

#define KL_TYPE_MOVIE (kl_movie_get_type())
G_DECLARE_FINAL_TYPE(KlMovie, kl_movie, KL, MOVIE, GtkMediaStream)

KlMovie *kl_movie_new(void);
/* Exact seeking, ranges, speed and loading go through the player. Borrowed. */
KlPlayer *kl_movie_player(KlMovie *m);
/* The picture shown now, NULL: none. Borrowed. */
GdkTexture *kl_movie_texture(KlMovie *m);
/* [height, width, 3], 8 bits. Stays until the player gives a frame. */
void kl_movie_show_pixels(KlMovie *m, GBytes *rgb, int width, int height);
/* No picture, nothing loaded. */
void kl_movie_clear(KlMovie *m);
