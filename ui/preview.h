/* The picture: plays a result or the timeline, scrubs it by frame, shows the frames of a running render as
 * they come. Its actions ("preview."): play, loop, step (frames), jump (seconds), begin, end, backward,
 * forward, stop (J, L, K), zoom, mute, live, copy. */
#pragma once

#include "ui/movie.h"

#define KL_TYPE_PREVIEW (kl_preview_get_type())
G_DECLARE_FINAL_TYPE(KlPreview, kl_preview, KL, PREVIEW, AdwBin)

/* Signal "position" (gint64 frame): the frame on show changed. */

/* The project to show; NULL: none. Takes a reference. */
void kl_preview_set_project(KlPreview *self, KlProject *project);

/* Plays what the render has made so far, and goes on as more comes; while it runs, its newest picture is
 * shown until the user plays or scrubs. NULL: nothing. */
void kl_preview_show_render(KlPreview *self, KlRender *render);
KlRender *kl_preview_render(KlPreview *self); /* borrowed; NULL: something else is shown */
void kl_preview_show_file(KlPreview *self, const char *path, const char *name);
/* Anything else with frames (a timeline); as kl_player_load, standing on frame `at`. */
void kl_preview_show_source(KlPreview *self, KlPlayOpen open, gpointer data, GDestroyNotify data_free,
                            gint64 at, const char *name);
/* A picture of the running render, [height, width, 3]; frame < 0: an estimate while sampling. Nothing happens
 * if another render is shown, or the user plays. */
void kl_preview_show_pixels(KlPreview *self, KlRender *render, gint64 frame, GBytes *rgb, int width,
                            int height);
/* Plays frames first .. last over and over; `name` ("Chunk 3") stands beside it with a button to end that. */
void kl_preview_play_range(KlPreview *self, gint64 first, gint64 last, const char *name);
/* Now, or as soon as what was asked for is open. */
void kl_preview_play(KlPreview *self);
void kl_preview_seek(KlPreview *self, gint64 frame);
gint64 kl_preview_position(KlPreview *self);
/* Borrowed. */
KlMovie *kl_preview_movie(KlPreview *self);
