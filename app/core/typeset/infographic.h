/* A brief and its layout to a finished file: pictures made, scene composed, written as SVG, PDF, PNG, or as a
 * video or animation whose elements enter in turn. In the calling thread; cancel is polled throughout.
 *
 * Video is written chunk by chunk with a ledger, as every render: after a crash or an interruption resume
 * goes on, pictures included, and the file ends up with the bytes of an unbroken run. Documents and stills
 * appear whole or not at all. The output carries brief and layout, so it can be made again or edited. */
#pragma once

#include "app/core/job_runner.h"
#include "app/core/layout/layout.h"
#include "app/core/typeset/pictures.h"

#define KL_INFOGRAPHIC_VERSION 1

typedef enum { KL_FORMAT_NONE, KL_FORMAT_SVG, KL_FORMAT_PDF, KL_FORMAT_VIDEO } KlInfographicFormat;

typedef struct {
  const KlBrief *brief;
  const KlLayout *layout;
  const char *output;    /* a path; "-": standard output, without a ledger */
  const char *container; /* "svg", "pdf", or one of media/encode.h; NULL: the output's name decides */
  const char *codec;     /* of a video; NULL: auto */
  gint64 crf;            /* -1: the codec's default */
  double scale;          /* pixels a canvas pixel, 0: 1 */
  double seconds;        /* of a video; 0: until all has entered, and three more */
  int fps_num, fps_den;  /* 0: 24 */
  guint64 seed;          /* of the pictures */
  bool overwrite, resume, provenance;
  const KlPictureProvider *pictures; /* NULL: prompts stay empty frames */
  const char *model;                 /* that makes them, as it is named in the output; NULL: not said */
  const KlCancel *cancel;
  void (*event)(void *user, const KlEvent *e); /* PROGRESS, CHUNK and NOTE; may be NULL */
  void *user;
} KlInfographicOptions;

typedef struct {
  int width, height;                               /* of the output, pixels */
  guint elements, texts, charts, generated, given; /* pictures: made, and read from files */
  gint64 frames;                                   /* 1: not a video */
  int fps_num, fps_den;
  const char *format; /* "svg", "pdf", "png", "mp4" ... */
  guint64 peak_bytes;
  double seconds; /* estimate of the whole */
} KlInfographicPlan;

typedef struct {
  char *output;
  gint64 bytes, frames;
  int resumed_from; /* chunks that were there, -1: not resumed */
  bool already_finished;
  double seconds;
  guint64 peak_bytes;
} KlInfographicResult;

/* What will be made; nothing is written, no picture made. Errors as of the run, so far as they can be known.
 */
bool kl_infographic_plan(const KlInfographicOptions *o, KlInfographicPlan *out, GError **error);
/* KL_ERROR_USAGE (format, sizes), KL_ERROR_INPUT (what does not fit, and where), KL_ERROR_EXISTS,
 * KL_ERROR_BUSY, KL_ERROR_IO, KL_ERROR_CANCELLED, and those of the provider. */
bool kl_infographic_run(const KlInfographicOptions *o, KlInfographicResult *out, GError **error);
void kl_infographic_result_clear(KlInfographicResult *r);

/* A new seed for the pictures; to resume: that of the unfinished render of the output, if there is one. */
guint64 kl_infographic_seed(const char *output, bool resume);
/* Whether any picture is to be made by a model. */
bool kl_infographic_generates(const KlBrief *b, const KlLayout *l);

/* Everything the bytes depend on, as JSON in one line: what outputs carry. A new string. */
char *kl_infographic_job(const KlInfographicOptions *o);
/* Brief, layout and settings (any may be NULL) inside such a job, owned by the caller. KL_ERROR_INPUT. */
bool kl_infographic_parse(const char *json, const char *where, KlBrief **brief, KlLayout **layout,
                          KlInfographicOptions *settings, GError **error);
