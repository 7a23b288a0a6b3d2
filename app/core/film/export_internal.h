/* Inside the export. Private to app/core/film. */
#pragma once

#include "app/core/film/export.h"

#define KL_EXPORT_RATE 48000 /* samples a second */

/* What the encoder is told; its sound is silence until the caller puts a source there. */
void kl_export_encode_spec(const KlExportPlan *p, const KlExportSpec *s, KlEncodeSpec *e);

/* The file that the export would equal, picture for picture and sample for sample; NULL: none. Borrowed. */
const char *kl_export_whole_file(const KlTimeline *t, const KlExportSpec *s, const KlExportPlan *p,
                                 const KlCancel *cancel);

/* What the file says of itself: the job of the first clip that has one, and under "film" every clip with its
 * own. A new string, NULL: none of them has a job. *synthetic: one of them was generated. */
char *kl_export_jobs(const KlTimeline *t, const KlExportPlan *p, bool *synthetic);
