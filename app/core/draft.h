/* The logic behind the generator panel, without a display: which settings a person has made, what the others
 * would be, which sizes suit a model, how a prompt may go on. Pure functions. */
#pragma once

#include "app/core/model_catalogue.h"

/* What an open field means with this model (NULL: none chosen), as kl_job_text; NULL: nothing is said of it.
 * A new string. */
char *kl_draft_default(const KlModel *m, const char *key);

/* The settings of a job that was run, to make another like it: what the run noted in it (engine, sums, place
 * and device) is left out, as is what the model would do anyway (m NULL: nothing). A new spec. */
KlJobSpec *kl_draft_from_job(const KlJobSpec *job, const KlModel *m);

/* Sizes of about as many pixels as the model's own, multiples of what the model says: [0] is the model's own.
 */
typedef struct {
  const char *shape; /* for people, translated: "Square", "Wide 16:9" */
  int width, height;
} KlDraftSize;
enum { KL_DRAFT_SIZES = 6 };
/* Fills out; returns how many. */
int kl_draft_sizes(const KlModel *m, KlDraftSize out[KL_DRAFT_SIZES]);

/* How a prompt may go on: phrases of the lists (NULL-terminated, n of them) that begin with its last words,
 * and single words of them that begin with its last word, at most `most`; the longest agreement only. before:
 * the text before the cursor. *from: byte in it that the phrase goes from, to replace what is there. Free
 * with g_strfreev; empty: nothing fits. */
char **kl_draft_complete(const char *before, char *const *const *lists, int n, guint most, size_t *from);
