/* Where words may be divided, by the dictionaries of the system (libhyphen). */
#pragma once

/* The text with U+00AD wherever a word of the language ("de", "en-GB") may be divided. A new string; NULL: no
 * dictionary, or the program was built without libhyphen. Thread-safe. */
char *kl_hyphenate(const char *text, const char *language);
