/* A prompt: text over several lines that offers what the model knows while one types, and marks what it does
 * not know. */
#pragma once

#include "app/core/model_catalogue.h"
#include "ui/types.h"

#define KL_TYPE_PROMPT_VIEW (kl_prompt_view_get_type())
G_DECLARE_FINAL_TYPE(KlPromptView, kl_prompt_view, KL, PROMPT_VIEW, AdwBin)

/* Signal "changed": another text. Properties "placeholder" and "label" (for screen readers), strings, at
 * construction. */
GtkWidget *kl_prompt_view_new(const char *label, const char *placeholder);
/* A new string. */
char *kl_prompt_view_text(KlPromptView *self);
void kl_prompt_view_set_text(KlPromptView *self, const char *text);
/* Puts text where the cursor is, as words of their own. */
void kl_prompt_view_insert(KlPromptView *self, const char *text);
/* Puts `by` where `word` stands, everywhere. */
void kl_prompt_view_replace(KlPromptView *self, const char *word, const char *by);
/* What is offered; NULL-terminated lists, copied. */
void kl_prompt_view_set_words(KlPromptView *self, char *const *const words[KL_WORD_LISTS]);
/* Underlines these words; NULL: none. */
void kl_prompt_view_mark(KlPromptView *self, const char *const *words);
