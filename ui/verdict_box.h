/* What a render will take, said before it is asked for: fits or not, how long, or what is wrong. */
#pragma once

#include "app/core/queue.h"
#include "ui/types.h"

#define KL_TYPE_VERDICT_BOX (kl_verdict_box_get_type())
G_DECLARE_FINAL_TYPE(KlVerdictBox, kl_verdict_box, KL, VERDICT_BOX, AdwBin)

/* Signal "judged": words and text are those of the newest job. */

void kl_verdict_box_set_queue(KlVerdictBox *self, KlQueue *queue);
/* Asks for the verdict of a job; until it comes the old one stays, paler. Copied. */
void kl_verdict_box_ask(KlVerdictBox *self, const KlJobSpec *job);
/* Says something else instead: why nothing can be judged. */
void kl_verdict_box_say(KlVerdictBox *self, const char *text);
/* Words that the model does not know; NULL-terminated or NULL. Borrowed. */
const char *const *kl_verdict_box_unknown(KlVerdictBox *self);
