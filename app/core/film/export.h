/* A timeline, or one file, written as a video, an animation or pictures.
 *
 * The output grows under another name beside its own and gets its name when it is whole and on the disk, so
 * that a full disk, a cancel or a crash never leaves half a file; what is there is replaced only if asked. An
 * export that would equal one whole file, unaltered and in the same format, copies its bytes. */
#pragma once

#include "app/core/film/compose.h"
#include "app/core/job_runner.h"
#include "media/encode.h"

#include <gio/gio.h>

typedef struct {
  char *output;          /* path, a pattern or folder/ for a PNG sequence, "-": standard output */
  KlContainer container; /* NONE: by the output's name */
  KlCodec codec;
  int width, height;    /* 0: the timeline's; one of them 0: in proportion */
  KlFit fit;            /* of pictures of another shape: contain or cover */
  int fps_num, fps_den; /* 0: the timeline's */
  int crf;              /* -1: the codec's default */
  double from, seconds; /* the stretch of the timeline; seconds 0: to its end */
  bool silent;          /* no sound, even where there is some */
  bool no_provenance;   /* leave out the jobs and the mark of synthetic media */
  bool overwrite;
} KlExportSpec;
#define KL_EXPORT_SPEC_INIT ((KlExportSpec){.crf = -1, .fit = KL_FIT_CONTAIN})
KlExportSpec *kl_export_spec_copy(const KlExportSpec *s);
void kl_export_spec_free(KlExportSpec *s);

/* What a spec comes to; nothing is written. */
typedef struct {
  KlContainer container;
  KlCodec codec;
  int width, height, fps_num, fps_den;
  gint64 frames;
  double seconds;
  bool sound;
  gint64 bytes; /* a rough guess */
} KlExportPlan;
/* Quick. KL_ERROR_USAGE, KL_ERROR_UNSUPPORTED, KL_ERROR_INPUT (the timeline is empty there). */
bool kl_export_plan(const KlTimeline *t, const KlExportSpec *s, KlExportPlan *out, GError **error);

/* Tries the encoder; takes a moment. KL_ERROR_INVALID, KL_ERROR_UNSUPPORTED. */
bool kl_export_check(const KlExportPlan *p, const KlExportSpec *s, GError **error);

/* The codecs that this machine can write into the container, best first; how many were stored. */
gsize kl_export_codecs(KlContainer c, KlCodec *out, gsize n);
/* "H.264", for people. Static. */
const char *kl_export_codec_title(KlCodec c);

typedef struct {
  const KlCancel *cancel;
  void (*event)(void *user,
                const KlEvent *e); /* in the calling thread: KL_EVENT_PROGRESS, _NOTE; may be NULL */
  void *user;
} KlExportHow;

typedef struct {
  KlExportPlan plan;
  gint64 bytes; /* written; a PNG sequence: 0 */
  double took;  /* seconds */
  bool copied;  /* the bytes of a file, unaltered */
} KlExportResult;

/* Exports in the calling thread. Errors of the plan, KL_ERROR_EXISTS, KL_ERROR_IO, KL_ERROR_CANCELLED,
 * KL_ERROR_OOM. */
bool kl_export_run(KlTimeline *t, const KlExportSpec *s, const KlExportHow *how, KlExportResult *out,
                   GError **error);

/* The same in a worker thread. progress (may be NULL) is called in the main context: fraction 0..1, seconds
 * left (< 0: not known), a note for people or NULL. */
typedef void (*KlExportProgress)(double fraction, double eta_s, const char *note, gpointer user);
void kl_export_async(KlTimeline *t, const KlExportSpec *s, GCancellable *cancel, KlExportProgress progress,
                     GAsyncReadyCallback done, gpointer user);
bool kl_export_finish(GAsyncResult *r, KlExportResult *out, GError **error);
