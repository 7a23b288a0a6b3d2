/* Text as it will be shown: what a terminal or a text layout could trip over is made visible. */
#include "app/core/layout/brief_internal.h"

#include <string.h>

char *kl_brief_clean(const char *text, gsize n, bool lines) {
  GString *s = g_string_sized_new(n);
  for (const char *p = text, *end = text + n; p < end; p = g_utf8_next_char(p)) {
    gunichar c = *p ? g_utf8_get_char(p) : 0;
    if (c == '\r') {
      if (p + 1 < end && p[1] == '\n') continue;
      c = '\n';
    }
    if (c == 0x2028 || c == 0x2029) c = '\n';
    if (c == '\t' || (c == '\n' && !lines)) c = ' ';
    if (c < 0x20 && c != '\n')
      c += 0x2400;
    else if (c == 0x7f)
      c = 0x2421;
    else if ((c >= 0x80 && c < 0xa0) || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
      c = 0xfffd;
    g_string_append_unichar(s, c);
  }
  char *out = g_strstrip(g_string_free(s, FALSE));
  if (*out) return out;
  g_free(out);
  return NULL;
}

static bool rtl_letter(gunichar c) {
  return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) || (c >= 0xfe70 && c <= 0xfeff) ||
         (c >= 0x10800 && c <= 0x10fff) || (c >= 0x1e800 && c <= 0x1efff);
}

int kl_text_rtl(const char *text) {
  for (const char *p = text ? text : ""; *p; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (g_unichar_isalpha(c)) return rtl_letter(c);
  }
  return -1;
}
