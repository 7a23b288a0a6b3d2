/* Inside of a project: the mirror of the file's rows, and how they are written. Main thread only, but where a
 * function says otherwise. */
#pragma once

#include "app/core/project/project.h"
#include "app/core/project/schema.h"

/* Rows that were added, but the adding is undone. */
#define KL_REMOVED_UNDONE G_MAXINT64

typedef enum {
  KL_ROWS_PROJECT = 1,
  KL_ROWS_SETTINGS = 2,
  KL_ROWS_ASSETS = 4,
  KL_ROWS_RENDERS = 8, /* and their chunks */
  KL_ROWS_TIMELINE = 16,
  KL_ROWS_UNDO = 32,
  KL_ROWS_ALL = 63
} KlRows;

/* The edit that is open. Its changes are recorded by SQLite's session extension and stand in the undo table
 * with every commit, of which there are several when the edit stays open over turns of the main loop. */
typedef struct {
  int depth;
  bool in_transaction, committed, merging;
  char *label, *merge;
  gint64 began, step; /* row in undo, 0: none yet */
  GBytes *base;       /* changes of the step that this edit is merged into */
  void *session;      /* sqlite3_session */
  guint commit_soon;
} KlEdit;

struct _KlProject {
  GObject parent;
  KlDb *db; /* NULL: closed */
  char *path, *folder, *media_folder, *title;
  bool read_only;
  int rate_num, rate_den, width, height; /* as stored: 0 where not decided */
  gint64 created;
  GHashTable *settings, *interrupted; /* ids of renders */
  GListStore *assets, *renders, *pending, *tracks;
  GHashTable *asset_by_id, *render_by_id, *track_by_id, *clip_by_id; /* gint64 -> object, owned */
  KlEdit edit;
  bool can_undo, can_redo;
  char *undo_label, *redo_label;
  guint dirty;     /* KlRows that were written to and not read again yet */
  guint64 reading; /* grows with each reading of rows: one that is overtaken stops */
  int data_version;
  guint poll, tidy_log, tidy;
  int log_pages;
  bool log_busy;
};

struct _KlAsset {
  GObject parent;
  KlProject *project; /* borrowed; NULL once the project is gone */
  gint64 id, frames, render, created;
  KlAssetKind kind;
  char *name, *stored, *path, *sha256;
  int width, height, rate_num, rate_den;
  double duration;
  bool has_audio, missing, checked;
  gint64 embedded;
  GBytes *thumbnail;
  bool thumbnail_read;
};

struct _KlChunkRow {
  GObject parent;
  KlRender *render; /* borrowed */
  int index, frames;
  gint64 first_frame;
  KlChunkState state;
  double drift_mean, drift_var;
  char *prompt;
  GBytes *thumbnail;
  bool thumbnail_read;
};

struct _KlRender {
  GObject parent;
  KlProject *project; /* borrowed */
  gint64 id, parent_id, created, asset;
  int from_chunk;
  KlRenderState state;
  char *job_text, *error_text, *stored, *output;
  KlJobSpec *job;
  double place, seconds;
  bool begun, interrupted;
  double fraction, eta;
  char *phase;
  bool chunks_old;
  gint64 changes; /* of its run, -1: not begun */
  int done;       /* chunks */
  GListStore *chunks;
};

struct _KlTrack {
  GObject parent;
  KlProject *project; /* borrowed */
  gint64 id;
  KlTrackKind kind;
  char *name;
  bool muted;
  GListStore *clips;
};

struct _KlClip {
  GObject parent;
  KlProject *project; /* borrowed */
  gint64 id, track, asset;
  KlClipPlace place;
};

/* ---- writing (edit.c) ---- */

/* Every change of the file goes between these two: a transaction, inside the open edit or as one called
 * `label`. close(ok = false) takes back what this call wrote. The rows are read again before it returns. */
bool kl_edit_open(KlProject *p, const char *label, GError **error);
bool kl_edit_close(KlProject *p, bool ok, GError **error);
/* The same for what is not undone. */
bool kl_write_open(KlProject *p, GError **error);
bool kl_write_close(KlProject *p, bool ok, GError **error);
/* Ends an edit and its timer when the project is closed. */
void kl_edit_abandon(KlProject *p);
/* Labels and the two flags from the table. */
void kl_undo_read(KlProject *p);
/* Drops steps beyond what is kept, and redo that a crash left behind. */
bool kl_undo_trim(KlDb *db, GError **error);

/* ---- reading (project.c and the module of each row) ---- */

/* Reads again what is marked dirty. */
void kl_project_read(KlProject *p);
bool kl_assets_read(KlProject *p, GPtrArray *changed);
bool kl_renders_read(KlProject *p, GPtrArray *changed);
bool kl_timeline_read(KlProject *p, GPtrArray *changed);
/* Makes the list hold `want` in its order, in one splice of what differs. */
void kl_list_replace(GListStore *list, GPtrArray *want);
/* The same; true if it is
 * still the newest reading afterwards. */
bool kl_list_set(KlProject *p, GListStore *list, GPtrArray *want);
/* Marks `pspec` changed on the object, to be told when all rows are read; each object once a reading. */
void kl_changed(GPtrArray *changed, gpointer object, GParamSpec *pspec);
bool kl_replace_text(char **at, const char *text);

/* Relative to the project's folder where the file lies inside. New strings. */
char *kl_path_store(const char *folder, const char *path);
char *kl_path_load(const char *folder, const char *stored);
/* PNG of the newest picture, NULL: none. A new reference. */
GBytes *kl_project_thumbnail_in(const KlDb *db);
/* The media folder of a project file. A new string. */
char *kl_project_media_of(const char *path);

/* Looks whether the assets' files are there, in a worker, and unpacks embedded ones into the cache. */
void kl_assets_check(KlProject *p);
/* At opening: renders that were running and are not any more become paused. */
bool kl_renders_recover(KlProject *p, GError **error);
