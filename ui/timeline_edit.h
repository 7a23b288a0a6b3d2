/* Edits of the timeline, each one step of undo. False: nothing was changed, and the error says why in a
 * sentence for people. */
#pragma once

#include "ui/types.h"

typedef struct {
  KlClip *clip;   /* borrowed */
  KlTrack *track; /* borrowed */
  KlClipPlace place;
} KlMove;

/* Puts clips to new places, all at once: where the beginning of one then lies over the end of another, they
 * are crossed. moves: KlMove; may be changed. merge as in kl_project_begin. */
bool kl_edit_move(KlProject *p, GArray *moves, const char *label, const char *merge, GError **error);
/* Cuts those of the clips that the frame is in. */
bool kl_edit_split(KlProject *p, GPtrArray *clips, gint64 frame, GError **error);
bool kl_edit_remove(KlProject *p, GPtrArray *clips, bool close_gaps, GError **error);
/* Crosses a clip with the one it touches before it, or fades it in where none does; without a fade if it has
 * one. What is needed is taken from beyond the cut, or what follows moves closer. */
bool kl_edit_crossfade(KlProject *p, KlClip *c, GError **error);
/* Moves the beginning or the end of a clip to a frame, as far as its file reaches. */
bool kl_edit_trim(KlProject *p, KlClip *c, bool beginning, gint64 frame, GError **error);
/* An asset on a track of its kind: the given one if it fits, else the first that does, or a new one. What
 * lies there makes room. The clip, a new reference. */
KlClip *kl_edit_add(KlProject *p, KlAsset *a, KlTrack *t, gint64 start, GError **error);

/* The first frame that its file still has before `in`, and how many it has behind: in frames of the project;
 * stills have no end. */
gint64 kl_edit_room_before(KlProject *p, KlClip *c);
gint64 kl_edit_room_behind(KlProject *p, KlClip *c);
double kl_edit_rate(KlProject *p);
/* "Video 2": its name, or kind and number. A new string. */
char *kl_edit_track_title(KlProject *p, KlTrack *t);
