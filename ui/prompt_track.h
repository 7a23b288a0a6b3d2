/* All words of a job: the prompt, prompts that take over later, what is not to be seen; with the model's
 * examples while it is empty and a gentle word about what the model does not know. */
#pragma once

#include "app/core/model_catalogue.h"
#include "ui/types.h"

#define KL_TYPE_PROMPT_TRACK (kl_prompt_track_get_type())
G_DECLARE_FINAL_TYPE(KlPromptTrack, kl_prompt_track, KL, PROMPT_TRACK, GtkBox)

/* Signal "changed". */

/* NULL: none. Copied. */
void kl_prompt_track_set_model(KlPromptTrack *self, const KlModel *model);
/* Whether prompts may change over time (a video). */
void kl_prompt_track_set_timed(KlPromptTrack *self, bool timed);
/* Puts prompts and negative into a job that has neither. False: a time is not valid. */
bool kl_prompt_track_fill(KlPromptTrack *self, KlJobSpec *job);
void kl_prompt_track_load(KlPromptTrack *self, const KlJobSpec *job);
/* Words of the prompts that the model does not know; NULL-terminated or NULL. */
void kl_prompt_track_set_unknown(KlPromptTrack *self, const char *const *words);
bool kl_prompt_track_empty(KlPromptTrack *self);
