#include "app/core/typeset/hyphens.h"

#include <glib.h>

#ifdef KL_HYPHEN
#include <hyphen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/usr/share/hyphen/"
#define SHORTEST 6 /* letters of a word that is divided */
#define SOFT "\u00ad"

/* "en-GB": that one, then any of the language; kept for the life of the program. */
static HyphenDict *dictionary(const char *language) {
  static GHashTable *loaded;
  g_autofree char *name = g_strdup(language);
  for (char *p = name; *p; p++)
    if (!g_ascii_isalnum(*p)) *p = '_';
  if (!loaded) loaded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  gpointer known;
  if (g_hash_table_lookup_extended(loaded, name, NULL, &known)) return known;
  const char *region = !strncmp(name, "en", 2) ? "en_US" : NULL;
  g_autofree char *head = g_strndup(name, strcspn(name, "_")), *upper = g_ascii_strup(head, -1),
                  *twice = g_strconcat(head, "_", upper, NULL);
  const char *tries[] = {name, head, region ? region : twice};
  HyphenDict *d = NULL;
  for (gsize i = 0; !d && i < G_N_ELEMENTS(tries); i++) {
    g_autofree char *path = g_strconcat(FOLDER "hyph_", tries[i], ".dic", NULL);
    if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) d = hnj_hyphen_load(path);
  }
  g_hash_table_insert(loaded, g_steal_pointer(&name), d);
  return d;
}

/* One word; left as it is where the dictionary is in an encoding that it does not fit. */
static void word_to(GString *out, HyphenDict *d, const char *word, gsize n) {
  g_autofree char *own = g_strndup(word, n), *lower = g_utf8_strdown(own, -1);
  bool ascii = g_str_is_ascii(own);
  gsize letters = (gsize)g_utf8_strlen(own, -1);
  if (letters < SHORTEST || strlen(lower) != n || (!d->utf8 && !ascii)) {
    g_string_append_len(out, word, (gssize)n);
    return;
  }
  g_autofree char *marks = g_malloc0(n + 8);
  char **rep = NULL;
  int *pos = NULL, *cut = NULL;
  bool ok = hnj_hyphen_hyphenate2(d, lower, (int)n, marks, NULL, &rep, &pos, &cut) == 0;
  gsize seen = 0;
  for (const char *p = word; p < word + n; seen++) {
    const char *next = g_utf8_next_char(p);
    g_string_append_len(out, p, next - p);
    /* marks are one a letter; a division that changes letters is left out */
    if (ok && seen + 1 < letters && (marks[seen] & 1) && !(rep && rep[seen])) g_string_append(out, SOFT);
    p = next;
  }
  for (gsize i = 0; rep && i < n; i++) free(rep[i]);
  free(rep);
  free(pos);
  free(cut);
}

char *kl_hyphenate(const char *text, const char *language) {
  static GMutex mutex;
  if (!language || !*language) return NULL;
  g_mutex_lock(&mutex);
  HyphenDict *d = dictionary(language);
  GString *out = d ? g_string_new(NULL) : NULL;
  for (const char *p = text; d && *p;) {
    const char *from = p;
    while (*p && g_unichar_isalpha(g_utf8_get_char(p))) p = g_utf8_next_char(p);
    if (p > from) word_to(out, d, from, (gsize)(p - from));
    if (!*p) break;
    const char *next = g_utf8_next_char(p);
    g_string_append_len(out, p, next - p);
    p = next;
  }
  g_mutex_unlock(&mutex);
  return out ? g_string_free(out, FALSE) : NULL;
}
#else
char *kl_hyphenate(const char *text, const char *language) {
  return NULL;
}
#endif
