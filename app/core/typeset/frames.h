/* A scene in time: its elements enter in turn, its pictures move. */
#pragma once

#include "app/core/typeset/scene.h"

typedef struct KlFrames KlFrames;

/* Frames of `seconds` at `fps` a second, scale pixels a canvas pixel; pictures play at picture_fps and go
 * back and forth. The scene is borrowed. */
KlFrames *kl_frames_new(const KlScene *s, double scale, double seconds, double fps, double picture_fps);
void kl_frames_free(KlFrames *f);
gint64 kl_frames_count(const KlFrames *f);
void kl_frames_size(const KlFrames *f, int *width, int *height);
/* [height, width, 3], borrowed until the next call; quick when asked for in order, any order will do. */
const guint8 *kl_frames_draw(KlFrames *f, gint64 index);
