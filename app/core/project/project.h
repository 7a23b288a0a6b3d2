/* A project: one SQLite file (*.kinoloom) that holds everything a person made and how - assets, renders (jobs
 * with their chunks), tracks, clips, settings, and the history of edits, which undo goes back through even
 * after a restart.
 *
 * A KlProject lives on the main thread. Its rows are GObjects in GListModels, so that a widget binds to them
 * and never sees SQL; a row that changes emits "notify" for what changed. Setters change the file at once,
 * inside the open edit or as an edit of their own. Rows are read from memory, thumbnails when first asked
 * for. Renders in progress are written by the queue's thread through a connection of its own (store.h).
 *
 * The file: WAL, foreign keys, application_id, numbered migrations with a backup before each, integrity check
 * on open. Two processes on one file are safe: what the other one wrote arrives as ordinary notifications
 * (within a second), edits wait for each other. On a read-only disk it opens read-only; every edit then fails
 * with KL_ERROR_IO. All times are microseconds since 1970 (g_get_real_time). */
#pragma once

#include "app/core/gerr.h"
#include "app/core/job_spec.h"

#include <gio/gio.h>

#define KL_TYPE_PROJECT kl_project_get_type()
G_DECLARE_FINAL_TYPE(KlProject, kl_project, KL, PROJECT, GObject)
#define KL_TYPE_ASSET kl_asset_get_type()
G_DECLARE_FINAL_TYPE(KlAsset, kl_asset, KL, ASSET, GObject)
#define KL_TYPE_RENDER kl_render_get_type()
G_DECLARE_FINAL_TYPE(KlRender, kl_render, KL, RENDER, GObject)
#define KL_TYPE_CHUNK_ROW kl_chunk_row_get_type()
G_DECLARE_FINAL_TYPE(KlChunkRow, kl_chunk_row, KL, CHUNK_ROW, GObject)
#define KL_TYPE_TRACK kl_track_get_type()
G_DECLARE_FINAL_TYPE(KlTrack, kl_track, KL, TRACK, GObject)
#define KL_TYPE_CLIP kl_clip_get_type()
G_DECLARE_FINAL_TYPE(KlClip, kl_clip, KL, CLIP, GObject)

/* ---- the file ---- */

/* A new project at `path`, which must not exist; the folder is made. KL_ERROR_EXISTS, KL_ERROR_IO. */
KlProject *kl_project_create(const char *path, GError **error);
/* KL_ERROR_INPUT: absent, not a project, damaged, or from a newer version (then nothing is written to it). */
KlProject *kl_project_open(const char *path, GError **error);
/* Ends all work on the file; the object then only answers from memory. An open edit is kept. Called by
 * dispose too. The last process to close brings the log into the file, so that it can be copied and moved as
 * one. */
void kl_project_close(KlProject *p);
/* Reads at once what others wrote (the render worker, another process); a timer calls it twice a second. The
 * queue calls it when a chunk is finished. */
void kl_project_refresh(KlProject *p);
const char *kl_project_path(KlProject *p);
/* Properties "title" (string), "read-only", "can-undo", "can-redo" (boolean), "undo-label", "redo-label"
 * (string, already translated by whoever began the edit). Signal "timeline-changed": something that the
 * timeline shows or plays is another (tracks, clips, their assets, rate, size); once for any number of
 * changes. */
const char *kl_project_title(KlProject *p);
bool kl_project_set_title(KlProject *p, const char *title, GError **error);
bool kl_project_read_only(KlProject *p);
/* Where outputs of this project go: a folder beside the file, made when first needed. Owned by p. */
const char *kl_project_media_folder(KlProject *p);
/* PNG of the newest picture of the project, for the library; NULL: none yet. A new reference. */
GBytes *kl_project_thumbnail(KlProject *p);

/* ---- edits and undo ---- */

/* Everything between begin and end is one step of undo, called `label` ("Move Clip"). Edits nest; the
 * outermost counts. end(keep = false) takes everything back. An edit that changed nothing leaves no step.
 * Steps with the same non-NULL `merge` and label within a second of each other become one (dragging a
 * slider). An edit may stay open over turns of the main loop (dragging a clip); the file is free for others
 * meanwhile, and a crash leaves what was done so far as a step of its own. While one is open, undo and redo
 * do nothing. */
void kl_project_begin(KlProject *p, const char *label, const char *merge);
bool kl_project_end(KlProject *p, bool keep, GError **error);
/* False without an error: nothing to undo. A render that has begun is never taken out by undo of its adding;
 * such steps are passed over. The newest 500 steps are kept. */
bool kl_project_undo(KlProject *p, GError **error);
bool kl_project_redo(KlProject *p, GError **error);

/* ---- settings: the generator panel's state, window layout ... Not undone. NULL value: removed ---- */
const char *kl_project_setting(KlProject *p, const char *key);
bool kl_project_set_setting(KlProject *p, const char *key, const char *value, GError **error);

/* ---- assets: pictures, videos and sounds, referenced by path and hash, or embedded ---- */

typedef enum { KL_ASSET_VIDEO, KL_ASSET_IMAGE, KL_ASSET_AUDIO } KlAssetKind;

/* GListModel of KlAsset, newest first. Borrowed. */
GListModel *kl_project_assets(KlProject *p);
KlAsset *kl_project_asset(KlProject *p, gint64 id);
/* Probes and hashes in a worker thread, then adds it; the same file twice gives the same asset. embed: the
 * bytes go into the project (at most 64 MiB, KL_ERROR_INVALID). KL_ERROR_INPUT, KL_ERROR_FORMAT,
 * KL_ERROR_UNSUPPORTED. */
void kl_project_import_async(KlProject *p, GFile *file, bool embed, GCancellable *cancel,
                             GAsyncReadyCallback done, gpointer user);
KlAsset *kl_project_import_finish(KlProject *p, GAsyncResult *r, GError **error);
/* Its clips go with it; files are left alone. */
bool kl_project_remove_asset(KlProject *p, KlAsset *a, GError **error);
/* Looks again which assets' files are there, in a worker (the window got the focus, a disk was mounted). */
void kl_project_look_again(KlProject *p);

/* Properties "name", "missing", "thumbnail" notify. */

gint64 kl_asset_id(KlAsset *a);
KlAssetKind kl_asset_kind(KlAsset *a);
const char *kl_asset_name(KlAsset *a);
/* A file that can be opened: where it was, or in the cache when embedded; NULL: it is missing ("missing"
 * property). */
const char *kl_asset_path(KlAsset *a);
const char *kl_asset_sha256(KlAsset *a);
/* Pixels, 0 for sound. */
void kl_asset_size(KlAsset *a, int *width, int *height);
/* Exact rate; 0/1 for stills and sound. */
void kl_asset_rate(KlAsset *a, int *num, int *den);
/* Frames; stills 1; sound 0. */
gint64 kl_asset_frames(KlAsset *a);
/* Seconds; stills 0. */
double kl_asset_duration(KlAsset *a);
bool kl_asset_has_audio(KlAsset *a);
bool kl_asset_missing(KlAsset *a);
/* The render that made it, 0: came from outside. */
gint64 kl_asset_render(KlAsset *a);
/* PNG, at most 256 px; NULL: not made yet ("thumbnail" property notifies). Borrowed. */
GBytes *kl_asset_thumbnail(KlAsset *a);

/* ---- renders: jobs in the queue and in the history ---- */

typedef enum {
  KL_RENDER_QUEUED,
  KL_RENDER_RUNNING,
  KL_RENDER_PAUSED, /* by the user, or found running after a crash: resumable */
  KL_RENDER_DONE,
  KL_RENDER_FAILED, /* resumable where chunks are there */
  KL_RENDER_CANCELLED
} KlRenderState;

/* Properties "state" and "chunks-done" (int), "job" (its JSON), "error-text", "asset", "seconds", and the
 * progress below notify. GListModel of KlRender, newest first: the history. Borrowed. */
GListModel *kl_project_renders(KlProject *p);
/* GListModel of the ones that are queued, running or paused, in the order they will run. Borrowed. */
GListModel *kl_project_pending(KlProject *p);
KlRender *kl_project_render(KlProject *p, gint64 id);
/* Appends a job to the queue (an undoable edit: undo takes a job that has not begun out again). The spec is
 * copied, its output is a fresh name in the media folder. parent and from_chunk: of a re-roll or branch,
 * whose chunks before from_chunk are taken over unchanged; NULL and 0 for a new one. What is seen before that
 * chunk must be asked for as in the parent (kl_render_job_from makes such a job). A new reference.
 * KL_ERROR_IO, KL_ERROR_INVALID. */
KlRender *kl_project_add_render(KlProject *p, const KlJobSpec *job, KlRender *parent, int from_chunk,
                                GError **error);
/* Moves a pending render to a place in the queue, 0 first. */
bool kl_project_move_render(KlProject *p, KlRender *r, guint place, GError **error);
/* Out of the history (undoable); its files go only when the project is closed without undo. */
bool kl_project_remove_render(KlProject *p, KlRender *r, GError **error);
/* The job of a re-roll or branch at a chunk: that of r with another seed (< 0: the same) and another prompt
 * (NULL: the same) from the chunk's first frame to the end. The noise of a latent frame comes from the seed
 * that holds at its first video frame ("seeds" in the job), so that the headless command makes the same bytes
 * from the finished job alone. A new job. KL_ERROR_INVALID: there are not that many finished chunks. */
KlJobSpec *kl_render_job_from(KlRender *r, int chunk, gint64 seed, const char *prompt, GError **error);
/* By the queue, for renders that are not at work (kl_store_render writes the state of one that is, and makes
 * the asset): state, and what came of it (`error_text` NULL or for people). Not an undo step. */
bool kl_render_set_state(KlRender *r, KlRenderState state, const char *error_text, GError **error);

gint64 kl_render_id(KlRender *r);
KlRenderState kl_render_state(KlRender *r);
/* As asked; once it has begun, with the model's defaults and the seed that were taken. There is a prompt, if
 * only "". */
const KlJobSpec *kl_render_job(KlRender *r);
const char *kl_render_error_text(KlRender *r);
/* Where its video is or will be; absolute. */
const char *kl_render_output(KlRender *r);
/* 0: none. */
gint64 kl_render_parent(KlRender *r);
int kl_render_from_chunk(KlRender *r);
gint64 kl_render_created(KlRender *r);
double kl_render_seconds(KlRender *r); /* that it took so far */
int kl_render_chunks_done(KlRender *r);
/* Was running when the program died: paused now, and found so when the project was opened. */
bool kl_render_interrupted(KlRender *r);
/* NULL until DONE. */
KlAsset *kl_render_asset(KlRender *r);
/* Properties "fraction" (0..1), "eta" (seconds, < 0: not known) and "phase" (string) change while it runs;
 * set by the queue, never stored. */
void kl_render_set_progress(KlRender *r, double fraction, double eta_s, const char *phase);
double kl_render_fraction(KlRender *r);
double kl_render_eta(KlRender *r);
const char *kl_render_phase(KlRender *r);

/* GListModel of KlChunkRow in order; grows while the render runs. As soon as the job is planned, all chunks
 * are there, the later ones waiting. Borrowed. */
GListModel *kl_render_chunks(KlRender *r);
/* Properties "state", "drift-mean", "drift-variance", "prompt", "thumbnail" notify. */
typedef enum { KL_CHUNK_WAITING, KL_CHUNK_RUNNING, KL_CHUNK_DONE } KlChunkState;
int kl_chunk_row_index(KlChunkRow *c);
KlChunkState kl_chunk_row_state(KlChunkRow *c);
void kl_chunk_row_span(KlChunkRow *c, gint64 *first_frame, int *frames);
/* Mean and variance drift of the latents against the first chunk; 0 until done. */
void kl_chunk_row_drift(KlChunkRow *c, double *mean, double *variance);
const char *kl_chunk_row_prompt(KlChunkRow *c);
GBytes *kl_chunk_row_thumbnail(KlChunkRow *c); /* PNG, NULL until done; borrowed */

/* ---- timeline: positions and lengths are frames of the project's rate ---- */

void kl_project_rate(KlProject *p, int *num, int *den); /* default 16/1: the first clip decides */
/* Clips stay where they are in time. */
bool kl_project_set_rate(KlProject *p, int num, int den, GError **error);
/* The size of the finished video in pixels: as set, else that of the first clip; 0 x 0: there is none yet. */
void kl_project_frame_size(KlProject *p, int *width, int *height);
/* 0 x 0: as the first clip. */
bool kl_project_set_frame_size(KlProject *p, int width, int height, GError **error);

typedef enum { KL_TRACK_VIDEO, KL_TRACK_AUDIO } KlTrackKind;
/* GListModel of KlTrack, from the top of the picture down, video before audio; a new project has one of each.
 */
GListModel *kl_project_tracks(KlProject *p);
/* On top of the other pictures, below the other sounds. A new reference. */
KlTrack *kl_project_add_track(KlProject *p, KlTrackKind kind, GError **error);
bool kl_project_remove_track(KlProject *p, KlTrack *t, GError **error);
/* The end of the last clip, in frames. */
gint64 kl_project_length(KlProject *p);

gint64 kl_track_id(KlTrack *t);
KlTrackKind kl_track_kind(KlTrack *t);
/* "": it was given none. */
const char *kl_track_name(KlTrack *t);
bool kl_track_set_name(KlTrack *t, const char *name, GError **error);
bool kl_track_muted(KlTrack *t); /* audio: silent; video: not shown */
bool kl_track_set_muted(KlTrack *t, bool muted, GError **error);
/* GListModel of KlClip in order of start. Borrowed. */
GListModel *kl_track_clips(KlTrack *t);

/* A stretch of an asset on a track. Clips of a track do not overlap, but for a crossfade: `fade` frames at
 * the beginning of a clip during which it blends in over the end of the one before. So a crossfade is made by
 * moving the start back over the end of the clip before, with at least that many frames of fade; it is stored
 * as long as the two really lie over one another, 0 where they do not. Properties of KlClip: "start",
 * "length", "in", "fade", "gain-db" notify. */
typedef struct {
  gint64 start;   /* on the timeline */
  gint64 length;  /* frames of the project's rate, > 0 */
  double in;      /* seconds into the asset where it begins; a still is any length long */
  gint64 fade;    /* crossfade from the clip before, frames; <= both lengths */
  double gain_db; /* of its sound, -60 (silent) .. +12 */
} KlClipPlace;

/* length 0: all of the asset (a still: 5 seconds). Where it would overlap, the later clips make room and one
 * that lies across is cut in two (insert), or what lies under it is trimmed (overwrite). A new reference. */
KlClip *kl_project_add_clip(KlProject *p, KlTrack *t, KlAsset *a, const KlClipPlace *place, bool insert,
                            GError **error);
bool kl_project_remove_clip(KlProject *p, KlClip *c, bool close_gap, GError **error);
/* Moves and trims in one: the new place, on the same (NULL) or another track of its kind. KL_ERROR_INVALID:
 * it would lie over another clip, or outside its asset; nothing is changed then. */
bool kl_clip_place(KlClip *c, KlTrack *t, const KlClipPlace *place, GError **error);
/* Cuts in two at a frame of the timeline strictly inside it. The second half, a new reference. */
KlClip *kl_clip_split(KlClip *c, gint64 at, GError **error);

gint64 kl_clip_id(KlClip *c);
KlTrack *kl_clip_track(KlClip *c);
KlAsset *kl_clip_asset(KlClip *c);
const KlClipPlace *kl_clip_where(KlClip *c);
