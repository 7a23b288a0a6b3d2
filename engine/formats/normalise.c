/* Text before tokens: SentencePiece's own normaliser, and the normalizers that a tokenizer.json may name. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/utf8.h"

#include <string.h>
#include <utf8proc.h>

static const char MARK[] = "\xE2\x96\x81"; /* U+2581 */

bool kl_is_space(uint32_t cp) {
  return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
         (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
         cp == 0x3000;
}

bool kl_is_punctuation(uint32_t cp) {
  if (cp < 128)
    return (cp >= '!' && cp <= '/') || (cp >= ':' && cp <= '@') || (cp >= '[' && cp <= '`') ||
           (cp >= '{' && cp <= '~');
  utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
  return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

/* ---- SentencePiece's character map ---- */

/* The blob: length of the double array in bytes (32 bits), the array, then the replacements, each ending in
 * zero. */
bool kl_charsmap_load(KlTokenizer *t, const uint8_t *blob, size_t n, const char *label, KlErr *err) {
  size_t trie =
      n >= 4 ? (size_t)blob[0] | (size_t)blob[1] << 8 | (size_t)blob[2] << 16 | (size_t)blob[3] << 24 : 0;
  if (n < 4 || trie % 4 || trie < 4 || trie >= n - 4 || blob[n - 1] != 0)
    return kl_fail(err, KL_ERR_FORMAT, "%s: the character map is damaged", label);
  size_t ntext = n - 4 - trie;
  uint32_t *unit = kl_arena_alloc(&t->arena, trie / 4, sizeof *unit);
  char *text = kl_arena_alloc(&t->arena, ntext, 1);
  if (!unit || !text) return kl_fail(err, KL_ERR_OOM, "no memory for the character map");
  for (size_t i = 0; i < trie / 4; i++) {
    const uint8_t *p = blob + 4 + 4 * i;
    unit[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  }
  memcpy(text, blob + 4 + trie, ntext);
  t->map = (KlCharsMap){.unit = unit, .nunit = trie / 4, .text = text, .ntext = ntext};
  return true;
}

/* A node of a double array (Yata, "darts-clone"): the low byte is its label, bit 8 says that a value hangs
 * below, the offset to its children lies above bit 10, in units of 256 when bit 9 is set. */
static uint32_t children(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The longest key that s begins with: its length and where its replacement lies. */
static size_t map_prefix(const KlCharsMap *m, const char *s, size_t n, size_t *value) {
  size_t best = 0;
  if (!m->nunit) return 0;
  uint32_t at = children(m->unit[0]);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    at ^= c;
    if (at >= m->nunit) break;
    uint32_t unit = m->unit[at];
    if ((unit & (1u << 31 | 0xFFu)) != c) break;
    at ^= children(unit);
    if (!(unit & 1u << 8)) continue;
    if (at >= m->nunit) break;
    uint32_t v = m->unit[at] & ~(1u << 31);
    if (v < m->ntext) {
      best = i + 1;
      *value = v;
    }
  }
  return best;
}

/* One step through the text: what the map makes of its beginning, or the character itself. */
static size_t map_next(const KlTokenizer *t, const char *s, size_t n, const char **out, size_t *nout) {
  size_t value = 0, used = kl_user_prefix(t, s, n);
  uint32_t cp;
  *out = s;
  *nout = used;
  if (used) return used;
  used = map_prefix(&t->map, s, n, &value);
  if (used) {
    *out = t->map.text + value;
    *nout = strlen(*out);
    return used;
  }
  used = (size_t)kl_utf8_next(s, n, &cp);
  if (!used) used = 1;
  *nout = used;
  return used;
}

bool kl_normalise_spiece(const KlTokenizer *t, const char *s, size_t n, KlText *out, KlErr *err) {
  const char *part, *mark = t->escape ? MARK : " ";
  size_t npart, nmark = strlen(mark), at = 0;
  if (t->squeeze)
    while (at < n) {
      size_t used = map_next(t, s + at, n - at, &part, &npart);
      if (npart != 1 || *part != ' ') break;
      at += used;
    }
  if (at >= n) return true;
  if (t->add_prefix && !t->suffix && !kl_text_add(out, mark, nmark, err)) return false;
  bool after_space = t->squeeze;
  while (at < n) {
    at += map_next(t, s + at, n - at, &part, &npart);
    while (after_space && npart && *part == ' ') part++, npart--;
    for (size_t i = 0; i < npart; i++)
      if (!(part[i] == ' ' ? kl_text_add(out, mark, nmark, err) : kl_text_add(out, part + i, 1, err)))
        return false;
    if (npart) after_space = part[npart - 1] == ' ';
    if (!t->squeeze) after_space = false;
  }
  if (t->squeeze)
    while (out->n >= nmark && !memcmp(out->p + out->n - nmark, mark, nmark)) out->n -= nmark;
  return !t->add_prefix || !t->suffix || kl_text_add(out, mark, nmark, err);
}

/* ---- the steps of a tokenizer.json ---- */

static bool by_map(const KlTokenizer *t, const KlText *in, KlText *out, KlErr *err) {
  const char *part;
  size_t npart;
  for (size_t at = 0; at < in->n;) {
    at += map_next(t, in->p + at, in->n - at, &part, &npart);
    if (!kl_text_add(out, part, npart, err)) return false;
  }
  return true;
}

static bool unicode_form(const KlText *in, utf8proc_option_t form, KlText *out, KlErr *err) {
  const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)in->p;
  utf8proc_option_t options = form | UTF8PROC_STABLE;
  utf8proc_ssize_t n = utf8proc_decompose(s, (utf8proc_ssize_t)in->n, NULL, 0, options);
  if (n < 0 || n > KL_NORMAL_MAX) return kl_fail(err, KL_ERR_INVALID, "the prompt cannot be normalised");
  utf8proc_int32_t *cp = kl_alloc((size_t)n + 1, sizeof *cp);
  if (!cp) return kl_fail(err, KL_ERR_OOM, "no memory for the prompt");
  n = utf8proc_decompose(s, (utf8proc_ssize_t)in->n, cp, n, options);
  bool ok = n >= 0;
  if (ok) n = utf8proc_reencode(cp, n, options); /* composes if asked, and writes UTF-8 over the buffer */
  ok = ok && n >= 0 ? kl_text_add(out, (const char *)cp, (size_t)n, err)
                    : kl_fail(err, KL_ERR_INVALID, "the prompt cannot be normalised");
  kl_free(&cp);
  return ok;
}

static bool lowercase(const KlText *in, KlText *out, KlErr *err) {
  uint32_t cp;
  char u[4];
  for (size_t at = 0; at < in->n;) {
    int len = kl_utf8_next(in->p + at, in->n - at, &cp);
    bool ok;
    if (!len)
      ok = kl_text_add(out, in->p + at, 1, err);
    else if (cp == 0x130)
      ok = kl_text_add(out, "i\xCC\x87", 3, err); /* the only one that becomes two characters */
    else
      ok = kl_text_add(out, u, (size_t)kl_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)cp), u), err);
    if (!ok) return false;
    at += len ? (size_t)len : 1;
  }
  return true;
}

static bool in_set(const KlPattern *p, uint32_t cp) {
  bool in = (p->white_space && kl_is_space(cp)) || (p->punctuation && kl_is_punctuation(cp));
  for (size_t i = 0; !in && i < p->nset; i++) in = p->set[i] == cp;
  return in != p->negate;
}

/* Bytes that the pattern matches at s; 0: no match. */
static size_t match(const KlPattern *p, const char *s, size_t n) {
  uint32_t cp;
  if (p->literal) return p->nliteral <= n && !memcmp(s, p->literal, p->nliteral) ? p->nliteral : 0;
  size_t at = 0;
  int count = 0;
  while (at < n && (!p->most || count < p->most)) {
    int len = kl_utf8_next(s + at, n - at, &cp);
    if (!len || !in_set(p, cp)) break;
    at += (size_t)len;
    count++;
  }
  return count >= p->least ? at : 0;
}

static bool replace(const KlStep *step, const KlText *in, KlText *out, KlErr *err) {
  for (size_t at = 0; at < in->n;) {
    size_t used = match(&step->pattern, in->p + at, in->n - at);
    uint32_t cp;
    int len = kl_utf8_next(in->p + at, in->n - at, &cp);
    size_t one = len ? (size_t)len : 1;
    if (!(used ? kl_text_add(out, step->text, step->ntext, err) : kl_text_add(out, in->p + at, one, err)))
      return false;
    at += used ? used : one;
  }
  return true;
}

static bool strip(const KlStep *step, const KlText *in, KlText *out, KlErr *err) {
  uint32_t cp;
  size_t begin = in->n, end = 0;
  for (size_t at = 0; at < in->n;) {
    int len = kl_utf8_next(in->p + at, in->n - at, &cp);
    if (!len || !kl_is_space(cp)) {
      if (begin == in->n) begin = at;
      end = at + (len ? (size_t)len : 1);
    }
    at += len ? (size_t)len : 1;
  }
  if (!step->left) begin = 0;
  if (!step->right) end = in->n;
  return begin >= end || kl_text_add(out, in->p + begin, end - begin, err);
}

static bool run(const KlTokenizer *t, const KlStep *step, const KlText *in, KlText *out, KlErr *err) {
  switch (step->kind) {
  case KL_STEP_CHARSMAP:
    return by_map(t, in, out, err);
  case KL_STEP_NFC:
    return unicode_form(in, UTF8PROC_COMPOSE, out, err);
  case KL_STEP_NFD:
    return unicode_form(in, UTF8PROC_DECOMPOSE, out, err);
  case KL_STEP_NFKC:
    return unicode_form(in, UTF8PROC_COMPOSE | UTF8PROC_COMPAT, out, err);
  case KL_STEP_NFKD:
    return unicode_form(in, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, out, err);
  case KL_STEP_LOWERCASE:
    return lowercase(in, out, err);
  case KL_STEP_REPLACE:
    return replace(step, in, out, err);
  case KL_STEP_STRIP:
    return strip(step, in, out, err);
  case KL_STEP_PREPEND:
    return !in->n || (kl_text_add(out, step->text, step->ntext, err) && kl_text_add(out, in->p, in->n, err));
  }
  return true;
}

bool kl_normalise_steps(const KlTokenizer *t, KlText *text, KlErr *err) {
  for (int i = 0; i < t->nsteps; i++) {
    KlText next = {0};
    bool ok = kl_text_add(&next, "", 0, err) && run(t, &t->step[i], text, &next, err);
    kl_free(&text->p);
    *text = next;
    if (!ok) return false;
  }
  return true;
}
