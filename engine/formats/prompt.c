/* Wan's prompt cleaning (its prompts were cleaned so in training): HTML entities decoded twice, white space
 * collapsed. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/utf8.h"

#include <ctype.h>
#include <string.h>

#include "engine/formats/entities.h"

enum { ENTITIES = sizeof entities / sizeof *entities, NAME_BYTES_MAX = 32 };

static int entity(const char *name, size_t n) {
  size_t lo = 0, hi = ENTITIES;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strncmp(entities[mid].name, name, n);
    if (!c && entities[mid].name[n]) c = 1;
    if (!c) return (int)mid;
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return -1;
}

/* &#123; and &#x7B; with HTML 5's repairs: what is no character becomes U+FFFD, 128..159 mean Windows-1252.
 */
static size_t numeric(const char *s, char *out, size_t *nout) {
  static const unsigned short windows[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                             0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                             0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                             0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  const char *p = s + 2; /* behind &# */
  bool hex = *p == 'x' || *p == 'X';
  p += hex;
  const char *digits = p;
  uint32_t v = 0;
  for (; hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p); p++)
    if (v <= 0x10FFFF)
      v = v * (hex ? 16 : 10) + (uint32_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 32) - 'a' + 10);
  if (p == digits) return 0;
  if (*p == ';') p++;
  if (v >= 0x80 && v < 0xA0)
    v = windows[v - 0x80];
  else if (v == 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000))
    v = 0xFFFD;
  bool gone = (v < 0x20 && v != '\t' && v != '\n' && v != '\f' && v != '\r') || v == 0x7F;
  *nout = gone ? 0 : (size_t)kl_utf8_put(v, out);
  return (size_t)(p - s);
}

/* s is at an '&'. Returns the bytes that the reference takes, 0: none is there. */
static size_t reference(const char *s, char *out, size_t *nout) {
  if (s[1] == '#') return numeric(s, out, nout);
  size_t n = 0;
  int e = -1;
  while (n < NAME_BYTES_MAX && isalnum((unsigned char)s[1 + n])) n++;
  if (n && s[1 + n] == ';' && (e = entity(s + 1, n)) >= 0) {
    *nout = (size_t)kl_utf8_put(entities[e].cp, out);
    return n + 2;
  }
  for (; n >= 2; n--) /* the longest beginning that may lack its semicolon */
    if ((e = entity(s + 1, n)) >= 0 && entities[e].bare) {
      *nout = (size_t)kl_utf8_put(entities[e].cp, out);
      return n + 1;
    }
  return 0;
}

/* In place: no reference is shorter than what it stands for. */
static void unescape(char *text) {
  char *o = text, u[4];
  for (const char *p = text; *p;) {
    size_t n = 0, used = *p == '&' ? reference(p, u, &n) : 0;
    if (used) {
      memcpy(o, u, n);
      o += n;
      p += used;
    } else {
      *o++ = *p++;
    }
  }
  *o = 0;
}

char *kl_prompt_clean(const char *text, KlErr *err) {
  size_t n = strlen(text);
  if (n > KL_TEXT_MAX) {
    kl_fail(err, KL_ERR_INVALID, "the prompt is longer than 1 MiB");
    return NULL;
  }
  if (!kl_utf8_valid(text, n)) {
    kl_fail(err, KL_ERR_INVALID, "the prompt is not valid UTF-8");
    return NULL;
  }
  char *clean = kl_strdup(text), *o = clean;
  if (!clean) {
    kl_fail(err, KL_ERR_OOM, "no memory for the prompt");
    return NULL;
  }
  unescape(clean);
  unescape(clean);
  n = strlen(clean);
  bool gap = false;
  uint32_t cp;
  for (size_t at = 0; at < n;) {
    int len = kl_utf8_next(clean + at, n - at, &cp);
    if (!len) len = 1; /* cannot happen: only whole characters were put in */
    if (kl_is_space(cp) || (cp >= 0x1C && cp <= 0x1F)) { /* Python counts the separators too */
      gap = o > clean;
    } else {
      if (gap) *o++ = ' ';
      gap = false;
      memmove(o, clean + at, (size_t)len);
      o += len;
    }
    at += (size_t)len;
  }
  *o = 0;
  return clean;
}
