/* The one description of a job, for the command and the studio: what is to be made, from which model, with
 * which settings. It is JSON on disk ("kinoloom_job": 1; schema in resources/schema/job.schema.json) and is
 * stored inside every output.
 *
 * A spec knows which fields were given. Layers are merged from the strongest down: flags, job file, model
 * defaults, built-in defaults; kl_job_merge fills only what is still open. Not thread-safe; a spec belongs to
 * its creator. */
#pragma once

#include "app/core/job_time.h"

#define KL_JOB_VERSION 1
#define KL_JOB_MAX_FRAMES G_GINT64_CONSTANT(10000000)

typedef struct {
  KlTime at;
  gint64 from_frame; /* after kl_job_resolve */
  char *text;
} KlJobPrompt;

typedef struct {
  KlTime at;
  gint64 from_frame; /* after kl_job_resolve */
  gint64 seed;
} KlJobSeed;

typedef struct {
  double x, y, width, height; /* fractions of the picture */
  char *text;
  double guidance; /* in the first half of the steps; 0: the job's */
} KlJobRegion;

typedef struct {
  char *task;         /* "text-to-video" */
  char *model;        /* a name of the catalogue, or a path */
  char *model_sha256; /* of the files it was made with, where known; says, does not choose */
  char *engine;       /* the program that wrote the job */
  GArray *prompts;    /* KlJobPrompt, the first at 0 */
  char *negative;
  char *image; /* the first frame */
  gint64 width, height;
  int fps_num, fps_den;
  KlTime length;
  gint64 frames;   /* after kl_job_resolve */
  gint64 seed;     /* 0 .. 2^63 - 1 */
  GArray *regions; /* KlJobRegion: parts of the picture with prompts of their own; the later one is on top */
  GArray *seeds;   /* KlJobSeed: other noise from a moment on, later than 0 */
  gint64 steps;
  double guidance, shift;
  char *solver;
  gint64 window, sink, overlap, clip; /* latent frames; 0: the model's */
  char *precision;                    /* "auto", "f32", "bf16" */
  char *container;                    /* "auto", "mp4", ... */
  char *codec;                        /* "auto", "h264", ... */
  gint64 crf;                         /* -1: the codec's default */
  bool provenance;
  /* where and how to run; not part of what is made, so not stored in outputs */
  char *output, *device;
  gint64 threads; /* 0: all */
  guint64 memory; /* 0: what the device has */
  guint64 given;  /* bit per field of the table */
} KlJobSpec;

typedef enum {
  KL_JOB_TEXT,
  KL_JOB_INT,
  KL_JOB_NUMBER,
  KL_JOB_BOOL,
  KL_JOB_RATE,
  KL_JOB_BYTES,
  KL_JOB_TIME,
  KL_JOB_PROMPTS,
  KL_JOB_SEEDS,
  KL_JOB_REGIONS
} KlJobKind;

typedef struct {
  const char *key; /* in JSON; the flag is "--" key (see app/cli) */
  KlJobKind kind;
  size_t offset;
  double least, most;
  const char *choices; /* "euler|unipc|...", NULL: free */
  bool local;          /* not stored in outputs */
} KlJobField;

/* The table of fields; *n is their number. */
const KlJobField *kl_job_fields(size_t *n);

KlJobSpec *kl_job_new(void);
KlJobSpec *kl_job_copy(const KlJobSpec *j);
void kl_job_free(KlJobSpec *j);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlJobSpec, kl_job_free)

bool kl_job_has(const KlJobSpec *j, const char *key);
/* What kl_job_set would take to give the field's value; NULL: it is open. Not for prompts and seeds. A new
 * string. */
char *kl_job_text(const KlJobSpec *j, const char *key);
/* Sets a field from text as a person writes it ("8", "30000/1001", "4G"). KL_ERROR_USAGE says what would do.
 */
bool kl_job_set(KlJobSpec *j, const char *key, const char *text, GError **error);
/* Replaces or adds the prompt that holds from a time on. Text must be UTF-8 and not empty. KL_ERROR_USAGE. */
bool kl_job_set_prompt(KlJobSpec *j, KlTime at, const char *text, GError **error);

/* Replaces or adds the seed that holds from a time > 0 on. KL_ERROR_USAGE. */
bool kl_job_set_seed(KlJobSpec *j, KlTime at, gint64 seed, GError **error);
/* The same, and the later ones go: from `at` on, it holds to the end. `at` 0: the seed or prompt of the
 * whole. */
bool kl_job_set_prompt_from(KlJobSpec *j, KlTime at, const char *text, GError **error);
bool kl_job_set_seed_from(KlJobSpec *j, KlTime at, gint64 seed, GError **error);
/* Leaves a field open again. */
void kl_job_unset(KlJobSpec *j, const char *key);

/* Reads a job; `where` names the source in messages. Unknown keys are warned of (kl_log), a newer version is
 * refused, as is anything that is not a job. KL_ERROR_INPUT. */
KlJobSpec *kl_job_parse(const char *json, size_t n, const char *where, GError **error);
/* A job file, or an output of ours with the job inside (decided by content). KL_ERROR_INPUT. */
KlJobSpec *kl_job_load(const char *path, GError **error);
/* Reads an object of fields without the envelope (a model's defaults). object: json_t of jansson. */
bool kl_job_parse_fields(KlJobSpec *j, const void *object, const char *where, GError **error);
/* Canonical JSON of the given fields: the same spec gives the same bytes. all: with the local fields (job
 * files), indented; otherwise one line for outputs and ledgers. A new string. */
char *kl_job_serialise(const KlJobSpec *j, bool all);

/* Takes from `under` every field that `j` leaves open. */
void kl_job_merge(KlJobSpec *j, const KlJobSpec *under);
/* The built-in defaults, weakest of all. */
KlJobSpec *kl_job_defaults(void);
/* After the merges: prompts and length become frames, and the whole is checked for what needs no model. */
bool kl_job_resolve(KlJobSpec *j, GError **error);
/* Whether a field given in `asked` contradicts the resolved `j`; then *what is a new string: steps "8", it
 * was "16". Local fields do not count. */
bool kl_job_differs(const KlJobSpec *asked, const KlJobSpec *j, char **what);

/* Whether what is seen before `frame` is made in the same way by both; else *what is a new string. b is
 * resolved. Length, the file's format, and where and how it runs do not count. */
bool kl_job_same_before(const KlJobSpec *a, const KlJobSpec *b, gint64 frame, char **what);

/* ---- regions (job_regions.c); lists of KlJobRegion that own their texts ---- */
GArray *kl_job_regions_new(void);
void kl_job_regions_copy(GArray *to, const GArray *from);
/* Appends a copy, or one as a person writes it: "0,0,0.5,1: a bee". KL_ERROR_USAGE. */
bool kl_job_add_region(KlJobSpec *j, const KlJobRegion *r, GError **error);
bool kl_job_regions_add(GArray *regions, const KlJobRegion *r, GError **error);
bool kl_job_regions_parse(GArray *regions, const char *text, GError **error);
/* As text, for comparison and messages. A new string. */
char *kl_job_regions_text(const GArray *regions);

/* The JSON schema of a job, static. */
const char *kl_job_schema(void);
/* "a-rocket-rises-up-at-night": a file name for the prompt, without extension. A new string. */
char *kl_job_slug(const KlJobSpec *j);
