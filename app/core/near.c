#include "app/core/near.h"

#include <glib.h>
#include <string.h>

#define MOST 64 /* letters that are compared */

int kl_edit_distance(const char *a, const char *b) {
  g_autofree char *fa = g_utf8_casefold(a, -1), *fb = g_utf8_casefold(b, -1);
  gunichar x[MOST], y[MOST];
  int d[3][MOST + 1], n = 0, m = 0;
  for (const char *p = fa; *p && n < MOST; p = g_utf8_next_char(p)) x[n++] = g_utf8_get_char(p);
  for (const char *p = fb; *p && m < MOST; p = g_utf8_next_char(p)) y[m++] = g_utf8_get_char(p);
  for (int j = 0; j <= m; j++) d[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *now = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= m; j++) {
      now[j] = MIN(MIN(up[j] + 1, now[j - 1] + 1), up[j - 1] + (x[i - 1] != y[j - 1]));
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
        now[j] = MIN(now[j], up2[j - 2] + 1);
    }
  }
  return d[n % 3][m];
}

const char *kl_near(const char *word, const char *const *candidates) {
  const char *best = NULL;
  int letters = (int)g_utf8_strlen(word, -1), least = MAX(1, letters / 3) + 1;
  for (; *candidates; candidates++) {
    int e = kl_edit_distance(word, *candidates);
    if (e < least) {
      least = e;
      best = *candidates;
    }
  }
  return best;
}

char **kl_phrase_words(char *const *const *phrase_lists, int n) {
  g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < n; i++)
    for (char *const *p = phrase_lists[i]; p && *p; p++) {
      g_auto(GStrv) words = g_strsplit_set(*p, " ,.;:", -1);
      for (char **w = words; *w; w++) {
        if (!**w || g_hash_table_contains(seen, *w)) continue;
        g_ptr_array_add(out, g_strdup(*w));
        g_hash_table_add(seen, out->pdata[out->len - 1]);
      }
    }
  g_ptr_array_add(out, NULL);
  return (char **)g_ptr_array_steal(out, NULL);
}
