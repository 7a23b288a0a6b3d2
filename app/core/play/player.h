/* Plays a source: exact frames at exact times, with sound where the machine has some. All methods return at
 * once; decoding happens in threads of the player's own and what came of it arrives as signals on the main
 * context. The newest request wins: frames that come too late are never shown. Main thread only.
 *
 * Signals:
 *   "opened" (): the info is there; the first frame follows
 *   "frame" (gint64 index, GBytes *rgb): [height, width, 3], the frame to show now
 *   "ended" (): played to the end (not when looping); it stands on the last frame
 *   "failed" (const char *text): a sentence for people; nothing more will come
 * Properties: "playing" (boolean, read-only). */
#pragma once

#include "app/core/play/source.h"

#include <glib-object.h>

#define KL_TYPE_PLAYER kl_player_get_type()
G_DECLARE_FINAL_TYPE(KlPlayer, kl_player, KL, PLAYER, GObject)

/* Opens a source in the player's thread; data is freed with `data_free` when it is opened or given up. */
typedef KlPlaySource *(*KlPlayOpen)(gpointer data, const KlCancel *cancel, GError **error);

KlPlayer *kl_player_new(void);
/* Replaces what is played; stands on frame `at`, paused. */
void kl_player_load(KlPlayer *p, KlPlayOpen open, gpointer data, GDestroyNotify data_free, gint64 at);
void kl_player_load_file(KlPlayer *p, const char *path, gint64 at);
/* The same file grew or was changed: opens it again and stays on its frame, playing if it did. */
void kl_player_reload(KlPlayer *p);
/* Nothing is played; decoders and caches are let go. */
void kl_player_unload(KlPlayer *p);

/* NULL until "opened". Borrowed until the next load. */
const KlPlayInfo *kl_player_info(KlPlayer *p);
/* The frame shown last, or asked for. */
gint64 kl_player_position(KlPlayer *p);
bool kl_player_playing(KlPlayer *p);

void kl_player_seek(KlPlayer *p, gint64 frame);
/* From where it stands, from the beginning of the range where it stands at its end. */
void kl_player_play(KlPlayer *p);
void kl_player_pause(KlPlayer *p);
/* 1: as it is, 2 twice as fast, -1 backwards. Sound only at 1. Not 0. */
void kl_player_set_speed(KlPlayer *p, double speed);
double kl_player_speed(KlPlayer *p);
void kl_player_set_loop(KlPlayer *p, bool loop);
/* Plays (and loops) only first .. last; last < 0: everything. */
void kl_player_set_range(KlPlayer *p, gint64 first, gint64 last);
/* 0..1; muted 0. */
void kl_player_set_volume(KlPlayer *p, double volume);
