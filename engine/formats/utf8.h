/* UTF-8, one character at a time (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the character at s, of which n >= 1 bytes may be looked at. Returns its length in bytes; 0: invalid.
 */
static inline int kl_utf8_next(const char *s, size_t n, uint32_t *cp) {
  const unsigned char *p = (const unsigned char *)s;
  *cp = 0;
  if (p[0] < 0x80) {
    *cp = p[0];
    return 1;
  }
  int len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || n < (size_t)len) return 0;
  uint32_t c = p[0] & (0x7Fu >> len);
  for (int i = 1; i < len; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3Fu);
  }
  if ((len == 3 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) || (len == 4 && (c < 0x10000 || c > 0x10FFFF)))
    return 0;
  *cp = c;
  return len;
}

static inline bool kl_utf8_valid(const char *s, size_t n) {
  uint32_t cp;
  for (size_t i = 0; i < n;) {
    int len = kl_utf8_next(s + i, n - i, &cp);
    if (!len) return false;
    i += (size_t)len;
  }
  return true;
}

/* Writes cp (a valid scalar value) and returns the number of bytes, 1..4. */
static inline int kl_utf8_put(uint32_t cp, char out[4]) {
  if (cp < 0x80) {
    out[0] = (char)cp;
    return 1;
  }
  int len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
  for (int i = len - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3F));
  out[0] = (char)((0xF00u >> len & 0xFF) | cp);
  return len;
}
