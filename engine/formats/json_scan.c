#include "engine/formats/json_scan.h"

#include "engine/formats/utf8.h"

#include <math.h>
#include <string.h>

bool kl_json_fail(KlJson *j, const char *why) {
  if (!j->why) j->why = why;
  j->p = j->end;
  return false;
}

void kl_json_init(KlJson *j, const void *text, size_t n) {
  const char *p = text;
  *j = (KlJson){.p = p, .end = p + n};
}

static void space(KlJson *j) {
  while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r')) j->p++;
}

char kl_json_peek(KlJson *j) {
  space(j);
  return j->p < j->end ? *j->p : 0;
}

static bool take(KlJson *j, char c, const char *why) {
  if (kl_json_peek(j) != c || j->p >= j->end) return kl_json_fail(j, why);
  j->p++;
  return true;
}

bool kl_json_enter(KlJson *j, char bracket) {
  if (!take(j, bracket, bracket == '{' ? "an object is expected" : "an array is expected")) return false;
  if (++j->depth > KL_JSON_DEPTH) return kl_json_fail(j, "nested too deeply");
  j->fresh = true;
  return true;
}

bool kl_json_more(KlJson *j, char closing) {
  if (j->why) return false;
  char c = kl_json_peek(j);
  if (c == closing && c) {
    j->p++;
    j->depth--;
    j->fresh = false;
    return false;
  }
  if (!j->fresh && !take(j, ',', "a comma or a closing bracket is expected")) return false;
  j->fresh = false;
  return true;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static int hex4(const char *p) {
  int v = 0;
  for (int i = 0; i < 4; i++) {
    int d = is_digit(p[i])               ? p[i] - '0'
            : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
            : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10
                                         : -1;
    if (d < 0) return -1;
    v = v << 4 | d;
  }
  return v;
}

/* p is at the 'u' of an escape. Returns the bytes used from there (5 or 11), 0: malformed or a lone
 * surrogate. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *cp) {
  if (end - p < 5) return 0;
  int a = hex4(p + 1);
  if (a < 0 || (a >= 0xDC00 && a < 0xE000)) return 0;
  *cp = (uint32_t)a;
  if (a < 0xD800 || a >= 0xE000) return 5;
  if (end - p < 11 || p[5] != '\\' || p[6] != 'u') return 0;
  int b = hex4(p + 7);
  if (b < 0xDC00 || b > 0xDFFF) return 0;
  *cp = 0x10000u + ((uint32_t)(a - 0xD800) << 10) + (uint32_t)(b - 0xDC00);
  return 11;
}

bool kl_json_string(KlJson *j, KlJsonStr *s) {
  if (!take(j, '"', "a string is expected")) return false;
  *s = (KlJsonStr){.p = j->p};
  const char *p = j->p;
  uint32_t cp;
  while (p < j->end && *p != '"') {
    unsigned char c = (unsigned char)*p;
    if (c < 0x20) return kl_json_fail(j, "a control character in a string");
    if (c == '\\') {
      s->escaped = true;
      if (++p >= j->end) break;
      size_t used = *p == 'u' ? unicode_escape(p, j->end, &cp) : strchr("\"\\/bfnrt", *p) && *p ? 1 : 0;
      if (!used) return kl_json_fail(j, "a bad escape in a string");
      p += used;
    } else {
      int n = kl_utf8_next(p, (size_t)(j->end - p), &cp);
      if (!n) return kl_json_fail(j, "a string is not UTF-8");
      p += n;
    }
  }
  if (p >= j->end) return kl_json_fail(j, "a string does not end");
  s->n = (size_t)(p - s->p);
  j->p = p + 1;
  return true;
}

bool kl_json_key(KlJson *j, KlJsonStr *key) {
  return kl_json_string(j, key) && take(j, ':', "a colon is expected");
}

/* The extent of a number by JSON's grammar, 0: none. */
static size_t number_length(const char *p, const char *end, bool *integer) {
  const char *s = p;
  *integer = true;
  if (p < end && *p == '-') p++;
  if (p >= end || !is_digit(*p)) return 0;
  if (*p == '0')
    p++;
  else
    while (p < end && is_digit(*p)) p++;
  if (p < end && *p == '.') {
    *integer = false;
    if (++p >= end || !is_digit(*p)) return 0;
    while (p < end && is_digit(*p)) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    *integer = false;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (p >= end || !is_digit(*p)) return 0;
    while (p < end && is_digit(*p)) p++;
  }
  return (size_t)(p - s);
}

bool kl_json_int(KlJson *j, int64_t *x) {
  kl_json_peek(j);
  bool integer;
  size_t n = number_length(j->p, j->end, &integer);
  if (!n || !integer) return kl_json_fail(j, "a whole number is expected");
  bool negative = *j->p == '-';
  int64_t v = 0;
  for (size_t i = negative; i < n; i++) {
    int d = j->p[i] - '0';
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -d : d, &v))
      return kl_json_fail(j, "a number is too large");
  }
  j->p += n;
  *x = v;
  return true;
}

/* Not strtod: that one obeys the locale's decimal point. Up to 19 digits are kept, exact enough for a double.
 */
bool kl_json_number(KlJson *j, double *x) {
  kl_json_peek(j);
  bool integer;
  size_t n = number_length(j->p, j->end, &integer);
  if (!n) return kl_json_fail(j, "a number is expected");
  const char *p = j->p, *end = p + n;
  bool negative = *p == '-', fraction = false;
  uint64_t digits = 0;
  long scale = 0, exponent = 0;
  for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    if (digits < 1000000000000000000u) {
      digits = digits * 10 + (uint64_t)(*p - '0');
      scale -= fraction;
    } else {
      scale += !fraction;
    }
  }
  if (p < end) {
    p++;
    bool down = *p == '-';
    if (*p == '-' || *p == '+') p++;
    for (; p < end; p++)
      if (exponent < 100000) exponent = exponent * 10 + (*p - '0');
    if (down) exponent = -exponent;
  }
  exponent += scale;
  if (exponent > 5000) exponent = 5000;
  if (exponent < -5000) exponent = -5000;
  long double v = (long double)digits;
  if (digits) v = exponent < 0 ? v / powl(10, (long double)-exponent) : v * powl(10, (long double)exponent);
  *x = (double)(negative ? -v : v);
  if (!isfinite(*x)) return kl_json_fail(j, "a number is too large");
  j->p += n;
  return true;
}

static bool word(KlJson *j, const char *w) {
  size_t n = strlen(w);
  if ((size_t)(j->end - j->p) < n || memcmp(j->p, w, n)) return false;
  j->p += n;
  return true;
}

bool kl_json_bool(KlJson *j, bool *x) {
  kl_json_peek(j);
  if (word(j, "true")) return *x = true;
  *x = false;
  return word(j, "false") || kl_json_fail(j, "true or false is expected");
}

bool kl_json_skip(KlJson *j) {
  KlJsonStr s;
  double x;
  char c = kl_json_peek(j);
  if (c == '"') return kl_json_string(j, &s);
  if (c == '-' || is_digit(c)) {
    bool integer;
    size_t n = number_length(j->p, j->end, &integer);
    if (!n) return kl_json_number(j, &x);
    j->p += n;
    return true;
  }
  if (c == '{' || c == '[') {
    char closing = c == '{' ? '}' : ']';
    kl_json_enter(j, c);
    while (kl_json_more(j, closing)) {
      if (c == '{') kl_json_key(j, &s);
      kl_json_skip(j); /* as deep as KL_JSON_DEPTH at most */
    }
    return !j->why;
  }
  return word(j, "true") || word(j, "false") || word(j, "null") || kl_json_fail(j, "a value is expected");
}

bool kl_json_done(KlJson *j) {
  kl_json_peek(j);
  return !j->why && j->p == j->end ? true : kl_json_fail(j, "something follows the end");
}

size_t kl_json_text(KlJsonStr s, char *out) {
  char *o = out;
  for (const char *p = s.p, *end = s.p + s.n; p < end;) {
    if (*p != '\\') {
      *o++ = *p++;
      continue;
    }
    p++;
    uint32_t cp = 0;
    switch (*p) {
    case 'b':
      *o++ = '\b', p++;
      break;
    case 'f':
      *o++ = '\f', p++;
      break;
    case 'n':
      *o++ = '\n', p++;
      break;
    case 'r':
      *o++ = '\r', p++;
      break;
    case 't':
      *o++ = '\t', p++;
      break;
    case 'u':
      p += unicode_escape(p, end, &cp);
      o += kl_utf8_put(cp, o); /* at most 3 bytes for 6, 4 for 12 */
      break;
    default:
      *o++ = *p++;
      break;
    }
  }
  *o = 0;
  return (size_t)(o - out);
}

bool kl_json_is(KlJsonStr s, const char *literal) {
  char text[128];
  if (s.n >= sizeof text) return false;
  size_t n = kl_json_text(s, text);
  return n == strlen(literal) && !memcmp(text, literal, n);
}
