/* From a job to what will happen: model, device, memory verdict, time - before anything is loaded.
 * `--dry-run` prints it, the runner runs it, the studio shows it beside the Generate button. One thread at a
 * time. */
#pragma once

#include "app/core/job_spec.h"
#include "app/core/ledger.h"
#include "app/core/model_catalogue.h"
#include "media/encode.h"

typedef struct {
  KlJobSpec *job; /* merged and resolved: the job that will be stored in the output */
  KlModel *model;
  KlBackend *backend;
  char *device; /* backend, arithmetic, CPU level: on the same one the same bytes come out */
  KlT2vPlan t2v;
  KlT2vParams params; /* points into this plan */
  KlPrompt *prompts;
  KlSeed *seeds;
  KlRegion *regions;
  float *first_frame; /* kl_job_plan_load_image */
  KlContainer container;
  KlCodec codec;
  guint64 memory_budget;                 /* bytes, 0: none needed */
  guint64 untiled_bytes;                 /* what it would need without tiles; = t2v.peak_bytes if not tiled */
  size_t memory_total, memory_available; /* of the device, 0: unknown */
  double flops_per_second;               /* that the estimate is made with */
  bool measured;                         /* from renders on this machine, else a guess */
  double seconds;                        /* estimate of the whole */
} KlJobPlan;

/* A file name that was asked for now beats container and codec of an older job: call it on a job before the
 * flags' own container and codec are merged over it. */
void kl_job_name_decides(KlJobSpec *job, const char *output);

/* asked: the flags merged over the job file; it is copied. output: path or "-" (decides the container), NULL:
 * none yet. ledger: of an unfinished render that is to go on, or NULL: its job and decisions hold then.
 * KL_ERROR_USAGE, KL_ERROR_INVALID, KL_ERROR_INPUT, KL_ERROR_FORMAT, KL_ERROR_UNSUPPORTED,
 * KL_ERROR_DEVICE_LOST, KL_ERROR_OOM ("needs 7.1 GB, 6.0 GB are free"). */
KlJobPlan *kl_job_plan_new(const KlJobSpec *asked, const char *output, const KlLedgerJob *ledger,
                           GError **error);
void kl_job_plan_free(KlJobPlan *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlJobPlan, kl_job_plan_free)

/* "Fits: 0.6 GB of 22 GB · about 9 s · 16 chunks", translated if the program is. A new string. */
char *kl_job_plan_verdict(const KlJobPlan *p);

/* Calls `word` for each word of the prompts that the model's tokenizer does not know. False, silently, if it
 * cannot be read. */
bool kl_job_plan_unknown_words(const KlJobPlan *p, void (*word)(void *user, const char *word), void *user);

/* Reads --image, cut to the size; does nothing without one. */
bool kl_job_plan_load_image(KlJobPlan *p, const KlCancel *cancel, GError **error);

/* Speeds seen on this machine ($XDG_CACHE_HOME/kinoloom/speeds), in flops a second; 0: never seen. */
double kl_speed_recall(const char *device, const char *model);
void kl_speed_note(const char *device, const char *model, double flops_per_second);
