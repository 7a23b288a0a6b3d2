/* Reads JSON (RFC 8259) front to back without building anything: a hostile header of 100 MB costs no memory,
 * where a document tree would cost gigabytes. Strict: UTF-8, no trailing commas, nesting up to KL_JSON_DEPTH.
 * After the first mistake `why` says what it is and every call returns false.
 *
 *   kl_json_enter(&j, '{'); while (kl_json_more(&j, '}')) { kl_json_key(&j, &key); ...exactly one value... }
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KL_JSON_DEPTH = 64 };

typedef struct {
  const char *p, *end;
  int depth;
  bool fresh;      /* just inside a bracket: no comma is due */
  const char *why; /* NULL: no mistake so far; static storage */
} KlJson;

/* A string as it stands between its quotes: escapes are checked but still there. */
typedef struct {
  const char *p;
  size_t n;
  bool escaped;
} KlJsonStr;

/* Does not own the text, which need not end in a zero. */
void kl_json_init(KlJson *j, const void *text, size_t n);
/* The first character of the coming value: { [ " t f n - 0..9; 0 at the end or after a mistake. */
char kl_json_peek(KlJson *j);
bool kl_json_enter(KlJson *j, char bracket);
/* Is there another member? False at the closing bracket, which it consumes, and after a mistake. */
bool kl_json_more(KlJson *j, char closing);
bool kl_json_key(KlJson *j, KlJsonStr *key);
bool kl_json_string(KlJson *j, KlJsonStr *s);
bool kl_json_number(KlJson *j, double *x);
/* A number without fraction and exponent that fits. */
bool kl_json_int(KlJson *j, int64_t *x);
bool kl_json_bool(KlJson *j, bool *x);
/* Any value. */
bool kl_json_skip(KlJson *j);
/* Nothing but white space is left, and there was no mistake. */
bool kl_json_done(KlJson *j);
bool kl_json_fail(KlJson *j, const char *why);

/* Resolves the escapes into out, which has s.n + 1 bytes, and ends it with a zero. Returns the length. */
size_t kl_json_text(KlJsonStr s, char *out);
bool kl_json_is(KlJsonStr s, const char *literal);
