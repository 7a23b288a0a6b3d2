/* All that a model knows, in a popover with a search: things, motions, places ... */
#pragma once

#include "app/core/model_catalogue.h"
#include "ui/types.h"

#define KL_TYPE_WORD_LIST (kl_word_list_get_type())
G_DECLARE_FINAL_TYPE(KlWordList, kl_word_list, KL, WORD_LIST, GtkPopover)

/* Signal "chosen" (const char *phrase). */
GtkWidget *kl_word_list_new(void);
/* "Things", "Motions": what a group of words is called; translated, static. */
const char *kl_word_group_title(KlModelWords group);
/* Copied; NULL: none. */
void kl_word_list_set_words(KlWordList *self, char *const *const words[KL_WORD_LISTS]);
