/* Which of the known words somebody may have meant. Pure functions. */
#pragma once

#include <stdbool.h>

/* Edits (insert, delete, replace, swap neighbours) between two UTF-8 texts, letters' case aside. */
int kl_edit_distance(const char *a, const char *b);
/* The candidate nearest to the word if it is near enough to be a slip (a third of its letters), else NULL. */
const char *kl_near(const char *word, const char *const *candidates);
/* Words of phrases ("a red heart", "grows bigger"): each once, in order; free with g_strfreev. */
char **kl_phrase_words(char *const *const *phrase_lists, int n);
