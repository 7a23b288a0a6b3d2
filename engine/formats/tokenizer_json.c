/* tokenizer.json of the Hugging Face tokenizers library, as far as unigram models use it: model,
 * added_tokens, normalizer, pre_tokenizer, post_processor. Anything that would change the tokens and is not
 * known is refused. */
#include "engine/base/mem.h"
#include "engine/formats/directory.h"
#include "engine/formats/json_scan.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/utf8.h"

#include <stdio.h>
#include <string.h>

enum { SET_MAX = 4096, ADDED_MAX = 4096 };

typedef struct {
  KlTokenizer *t;
  const char *label;
  KlErr *err;
} Reader;

static bool bad(Reader *r, const KlJson *j) {
  return kl_fail(r->err, KL_ERR_FORMAT, "%s: %s", r->label,
                 j->why ? j->why : "not what a tokenizer.json holds");
}

static bool unsupported(Reader *r, const char *what, const char *name) {
  return kl_fail(r->err, KL_ERR_UNSUPPORTED, "%s: %s \"%s\" is not known", r->label, what,
                 kl_clip(name).text);
}

/* A cursor at the value of `key` in the object at `at`, which stays where it is. */
static bool field(KlJson at, const char *key, KlJson *value) {
  KlJsonStr name;
  kl_json_enter(&at, '{');
  while (kl_json_more(&at, '}')) {
    if (!kl_json_key(&at, &name)) return false;
    if (kl_json_is(name, key)) {
      *value = at;
      return true;
    }
    kl_json_skip(&at);
  }
  return false;
}

/* A string member, resolved into the arena. NULL: absent or no memory (then err is set). */
static const char *text_field(Reader *r, KlJson at, const char *key, size_t *n) {
  KlJson v;
  KlJsonStr s;
  if (!field(at, key, &v) || !kl_json_string(&v, &s)) return NULL;
  char *text = kl_arena_alloc(&r->t->arena, s.n + 1, 1);
  if (!text) {
    kl_fail(r->err, KL_ERR_OOM, "no memory for the tokenizer");
    return NULL;
  }
  *n = kl_json_text(s, text);
  return text;
}

static bool type_of(KlJson at, char *out, size_t n) {
  KlJson v;
  KlJsonStr s;
  out[0] = 0;
  if (!field(at, "type", &v) || !kl_json_string(&v, &s) || s.n >= n) return false;
  kl_json_text(s, out);
  return true;
}

static bool flag(KlJson at, const char *key, bool dflt) {
  KlJson v;
  bool x;
  return field(at, key, &v) && kl_json_bool(&v, &x) ? x : dflt;
}

static bool is_null(KlJson at) {
  return kl_json_peek(&at) == 'n';
}

/* ---- normalizer ---- */

static size_t base64(const char *s, size_t n, uint8_t *out) {
  size_t m = 0;
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    int v = c >= 'A' && c <= 'Z'   ? c - 'A'
            : c >= 'a' && c <= 'z' ? c - 'a' + 26
            : c >= '0' && c <= '9' ? c - '0' + 52
            : c == '+'             ? 62
            : c == '/'             ? 63
                                   : -1;
    if (v < 0) break; /* '=', the end; damage shows in the map's own checks */
    bits = bits << 6 | (uint32_t)v;
    if ((have += 6) >= 8) out[m++] = (uint8_t)(bits >> (have -= 8));
  }
  return m;
}

static bool charsmap(Reader *r, KlJson at) {
  size_t n = 0;
  const char *text = text_field(r, at, "precompiled_charsmap", &n);
  if (!text) return r->err->code != KL_ERR_NONE ? false : bad(r, &at);
  uint8_t *blob = kl_alloc(n / 4 * 3 + 3, 1);
  if (!blob) return kl_fail(r->err, KL_ERR_OOM, "no memory for the tokenizer");
  bool ok = kl_charsmap_load(r->t, blob, base64(text, n, blob), r->label, r->err);
  kl_free(&blob);
  return ok;
}

static bool set_add(KlPattern *p, uint32_t first, uint32_t last) {
  if (last < first || last - first >= SET_MAX - p->nset) return false;
  for (uint32_t c = first; c <= last; c++) p->set[p->nset++] = c;
  return true;
}

static bool set_class(KlPattern *p, const char *s, size_t n, size_t *at) {
  uint32_t cp, last;
  if (*at < n && s[*at] == '^') p->negate = true, ++*at;
  while (*at < n && s[*at] != ']') {
    if (s[*at] == '\\' && *at + 1 < n) {
      ++*at;
      if (s[*at] == 's') {
        p->white_space = true;
        ++*at;
        continue;
      }
      if (strchr("wdSWDpPbBnrtxu", s[*at])) return false;
    }
    *at += (size_t)kl_utf8_next(s + *at, n - *at, &cp);
    last = cp;
    if (*at + 1 < n && s[*at] == '-' && s[*at + 1] != ']') {
      ++*at;
      *at += (size_t)kl_utf8_next(s + *at, n - *at, &last);
    }
    if (!set_add(p, cp, last)) return false;
  }
  if (*at >= n) return false;
  ++*at;
  return true;
}

/* A small part of regular expressions: a literal, or one character or class with a quantifier. */
static bool regex(Reader *r, KlPattern *p, const char *s, size_t n) {
  size_t at = 0, plain = 0;
  uint32_t cp;
  while (plain < n && !strchr("\\[](){}+*?.^$|", s[plain])) plain++;
  if (plain == n && n) {
    p->literal = s;
    p->nliteral = n;
    return true;
  }
  p->set = kl_arena_alloc(&r->t->arena, SET_MAX, sizeof *p->set);
  if (!p->set) return kl_fail(r->err, KL_ERR_OOM, "no memory for the tokenizer");
  bool ok = n > 0;
  if (ok && s[0] == '[') {
    at = 1;
    ok = set_class(p, s, n, &at);
  } else if (n > 4 && !memcmp(s, "\\p{P}", 5)) {
    p->punctuation = true;
    at = 5;
  } else if (n > 1 && s[0] == '\\') {
    if (s[1] == 's')
      p->white_space = true;
    else
      ok = !strchr("wdSWDpPbBnrtxuAzZ0123456789", s[1]) &&
           set_add(p, (unsigned char)s[1], (unsigned char)s[1]);
    at = 2;
  } else if (ok) {
    ok = !strchr("](){}+*?.^$|", s[0]);
    at = (size_t)kl_utf8_next(s, n, &cp);
    ok = ok && set_add(p, cp, cp);
  }
  p->least = p->most = 1;
  if (ok && at < n) {
    char tail[32] = "";
    int least = 0, most = 0, used = 0;
    if (n - at < sizeof tail) memcpy(tail, s + at, n - at);
    if (!strcmp(tail, "+"))
      p->most = 0;
    else if (sscanf(tail, "{%4d,}%n", &least, &used) == 1 && used && !tail[used] && least > 0)
      p->least = least, p->most = 0;
    else if (used = 0, sscanf(tail, "{%4d,%4d}%n", &least, &most, &used) == 2 && used && !tail[used] &&
                           least > 0 && most >= least)
      p->least = least, p->most = most;
    else
      ok = false;
  }
  return ok || unsupported(r, "the regular expression", s);
}

static bool replacement(Reader *r, KlJson at, KlStep *step) {
  KlJson pattern, v;
  size_t n = 0;
  step->text = text_field(r, at, "content", &step->ntext);
  if (!step->text || !field(at, "pattern", &pattern)) return bad(r, &at);
  if (field(pattern, "String", &v)) {
    step->pattern.literal = text_field(r, pattern, "String", &step->pattern.nliteral);
    return step->pattern.literal ? true : bad(r, &at);
  }
  const char *s = text_field(r, pattern, "Regex", &n);
  return s ? regex(r, &step->pattern, s, n) : bad(r, &at);
}

static bool normalizer(Reader *r, KlJson at) {
  static const struct {
    const char *name;
    KlStepKind kind;
  } kinds[] = {
      {"Precompiled", KL_STEP_CHARSMAP},
      {"NFC", KL_STEP_NFC},
      {"NFD", KL_STEP_NFD},
      {"NFKC", KL_STEP_NFKC},
      {"NFKD", KL_STEP_NFKD},
      {"Lowercase", KL_STEP_LOWERCASE},
      {"Replace", KL_STEP_REPLACE},
      {"Strip", KL_STEP_STRIP},
      {"Prepend", KL_STEP_PREPEND},
  };
  KlTokenizer *t = r->t;
  char type[32];
  if (is_null(at)) return true;
  if (!type_of(at, type, sizeof type)) return bad(r, &at);
  if (!strcmp(type, "Sequence")) {
    KlJson list;
    if (!field(at, "normalizers", &list)) return bad(r, &at);
    kl_json_enter(&list, '[');
    while (kl_json_more(&list, ']')) {
      if (!normalizer(r, list)) return false;
      kl_json_skip(&list);
    }
    return list.why ? bad(r, &list) : true;
  }
  size_t k = 0;
  while (k < sizeof kinds / sizeof *kinds && strcmp(type, kinds[k].name)) k++;
  if (k == sizeof kinds / sizeof *kinds) return unsupported(r, "the normalizer", type);
  if (t->nsteps == KL_STEPS_MAX)
    return kl_fail(r->err, KL_ERR_UNSUPPORTED, "%s: too many normalizers", r->label);
  KlStep *step = &t->step[t->nsteps++];
  *step = (KlStep){.kind = kinds[k].kind, .text = ""};
  switch (step->kind) {
  case KL_STEP_CHARSMAP:
    if (t->map.unit) return kl_fail(r->err, KL_ERR_UNSUPPORTED, "%s: two character maps", r->label);
    return charsmap(r, at);
  case KL_STEP_REPLACE:
    return replacement(r, at, step);
  case KL_STEP_STRIP:
    step->left = flag(at, "strip_left", true);
    step->right = flag(at, "strip_right", true);
    return true;
  case KL_STEP_PREPEND:
    step->text = text_field(r, at, "prepend", &step->ntext);
    return step->text ? true : bad(r, &at);
  default:
    return true;
  }
}

/* ---- pre_tokenizer ---- */

static bool pre_tokenizer(Reader *r, KlJson at) {
  KlSplit *c = &r->t->cut;
  char type[32];
  size_t n = 0;
  if (is_null(at)) return true;
  if (!type_of(at, type, sizeof type)) return bad(r, &at);
  if (!strcmp(type, "Sequence")) {
    KlJson list;
    if (!field(at, "pretokenizers", &list)) return bad(r, &at);
    kl_json_enter(&list, '[');
    while (kl_json_more(&list, ']')) {
      if (!pre_tokenizer(r, list)) return false;
      kl_json_skip(&list);
    }
    return list.why ? bad(r, &list) : true;
  }
  if (c->on) return unsupported(r, "what follows Metaspace,", type);
  if (!strcmp(type, "WhitespaceSplit")) {
    c->white_space = true;
  } else if (!strcmp(type, "Punctuation")) {
    const char *behavior = text_field(r, at, "behavior", &n);
    if (behavior && strcmp(behavior, "Isolated"))
      return unsupported(r, "the treatment of punctuation", behavior);
    c->punctuation = true;
  } else if (!strcmp(type, "Metaspace")) {
    const char *mark = text_field(r, at, "replacement", &n),
               *scheme = text_field(r, at, "prepend_scheme", &n);
    if (!mark) mark = "\xE2\x96\x81";
    if (!*mark || strlen(mark) >= sizeof c->mark) return bad(r, &at);
    memcpy(c->mark, mark, strlen(mark) + 1);
    c->on = true;
    c->split = flag(at, "split", true);
    if (scheme)
      c->always = !strcmp(scheme, "always"), c->first = !strcmp(scheme, "first");
    else
      c->always = flag(at, "add_prefix_space", true);
  } else {
    return unsupported(r, "the pre_tokenizer", type);
  }
  return r->err->code == KL_ERR_NONE;
}

/* ---- model, tokens ---- */

static bool vocabulary(Reader *r, KlJson at) {
  KlText text = {0};
  KlJsonStr s;
  double score;
  bool ok = true;
  kl_json_enter(&at, '[');
  while (ok && kl_json_more(&at, ']')) {
    kl_json_enter(&at, '[');
    if (!kl_json_more(&at, ']') || !kl_json_string(&at, &s) || !kl_json_more(&at, ']') ||
        !kl_json_number(&at, &score) || kl_json_more(&at, ']'))
      break;
    if (at.why) break;
    if (!kl_grow(&text.p, &text.cap, s.n + 1, 1))
      ok = kl_fail(r->err, KL_ERR_OOM, "no memory for the vocabulary");
    else
      ok = kl_tokenizer_add_piece(r->t, text.p, kl_json_text(s, text.p), score, KL_PIECE_NORMAL, r->label,
                                  r->err);
  }
  kl_free(&text.p);
  if (!ok) return false;
  return !at.why && kl_json_peek(&at) != '"' && r->t->n ? true : bad(r, &at);
}

static bool model(Reader *r, KlJson at) {
  KlTokenizer *t = r->t;
  KlJson v;
  int64_t unk;
  char type[32];
  if (type_of(at, type, sizeof type) && strcmp(type, "Unigram"))
    return kl_fail(r->err, KL_ERR_UNSUPPORTED, "%s is a %s tokenizer; only unigram models are read", r->label,
                   kl_clip(type).text);
  if (!field(at, "vocab", &v)) return bad(r, &at);
  if (!vocabulary(r, v)) return false;
  if (field(at, "unk_id", &v) && kl_json_int(&v, &unk) && unk >= 0 && (uint64_t)unk < t->n)
    t->unk = (int32_t)unk;
  t->byte_fallback = flag(at, "byte_fallback", false);
  return true;
}

/* The last piece spelt so; -1: none. Linear: called a few times while opening. */
static int32_t find(const KlTokenizer *t, const char *text) {
  size_t n = strlen(text);
  for (size_t i = t->n; i-- > 0;)
    if (t->piece[i].len == n && !memcmp(t->piece[i].text, text, n)) return (int32_t)i;
  return -1;
}

/* An added token may stand behind the model's own vocabulary: ids up to it become pieces that no text turns
 * into. */
static bool extend(Reader *r, int64_t id, const char *text, size_t n) {
  KlTokenizer *t = r->t;
  if (id - (int64_t)t->n > ADDED_MAX)
    return kl_fail(r->err, KL_ERR_FORMAT, "%s: token \"%s\" lies far outside the vocabulary", r->label,
                   kl_clip(text).text);
  while ((int64_t)t->n <= id) {
    bool last = (int64_t)t->n == id;
    if (!kl_tokenizer_add_piece(t, last ? text : "", last ? n : 0, 0, KL_PIECE_CONTROL, r->label, r->err))
      return false;
  }
  return true;
}

static bool added_tokens(Reader *r, KlJson at) {
  KlTokenizer *t = r->t;
  kl_json_enter(&at, '[');
  while (kl_json_more(&at, ']')) {
    KlJson v;
    int64_t id;
    size_t n = 0;
    const char *text = text_field(r, at, "content", &n);
    if (!text || !field(at, "id", &v) || !kl_json_int(&v, &id) || id < 0 || id > INT32_MAX)
      return bad(r, &at);
    if (t->nadded == ADDED_MAX) return kl_fail(r->err, KL_ERR_FORMAT, "%s: too many added tokens", r->label);
    if (!kl_grow(&t->added, &t->added_cap, t->nadded + 1, sizeof *t->added))
      return kl_fail(r->err, KL_ERR_OOM, "no memory for the vocabulary");
    if (!extend(r, id, text, n)) return false;
    if (n) t->added[t->nadded++] = (KlAdded){.text = text, .len = n, .id = (int32_t)id};
    kl_json_skip(&at);
  }
  return at.why ? bad(r, &at) : true;
}

/* TemplateProcessing's "single": the special token that stands after the text. Others add nothing at the end.
 */
static bool post_processor(Reader *r, KlJson at) {
  KlJson list, v;
  char type[32];
  bool after = false;
  size_t n = 0;
  if (is_null(at) || !type_of(at, type, sizeof type) || strcmp(type, "TemplateProcessing") ||
      !field(at, "single", &list))
    return true;
  kl_json_enter(&list, '[');
  while (kl_json_more(&list, ']')) {
    if (field(list, "Sequence", &v)) after = true;
    if (after && field(list, "SpecialToken", &v)) {
      const char *text = text_field(r, v, "id", &n);
      if (!text) return bad(r, &v);
      r->t->eos = find(r->t, text);
      for (size_t i = 0; i < r->t->nadded; i++)
        if (!strcmp(r->t->added[i].text, text)) r->t->eos = r->t->added[i].id;
    }
    kl_json_skip(&list);
  }
  return list.why ? bad(r, &list) : true;
}

bool kl_tokenizer_read_json(KlTokenizer *t, const char *data, size_t size, const char *label, KlErr *err) {
  enum { MODEL, ADDED, NORMALIZER, PRE, POST, PADDING, SECTIONS };
  static const char *const names[] = {"model",         "added_tokens",   "normalizer",
                                      "pre_tokenizer", "post_processor", "padding"};
  KlErr inner = KL_ERR_INIT;
  Reader r = {.t = t, .label = label, .err = &inner};
  KlJson j, at[SECTIONS], v;
  bool has[SECTIONS] = {0};
  KlJsonStr key;
  int64_t pad;
  kl_json_init(&j, data, size);
  kl_json_enter(&j, '{');
  while (kl_json_more(&j, '}')) { /* one pass finds the sections and proves the whole well-formed */
    if (!kl_json_key(&j, &key)) break;
    kl_json_peek(&j);
    for (int i = 0; i < SECTIONS; i++)
      if (kl_json_is(key, names[i]) && !has[i]) at[i] = j, has[i] = true;
    kl_json_skip(&j);
  }
  if (!kl_json_done(&j)) return kl_fail(err, KL_ERR_FORMAT, "%s: %s", label, j.why);
  if (!has[MODEL]) return kl_fail(err, KL_ERR_FORMAT, "%s: no model inside: not a tokenizer.json", label);
  bool ok = model(&r, at[MODEL]) && (!has[ADDED] || added_tokens(&r, at[ADDED])) &&
            (!has[NORMALIZER] || normalizer(&r, at[NORMALIZER])) &&
            (!has[PRE] || pre_tokenizer(&r, at[PRE])) && (!has[POST] || post_processor(&r, at[POST])) &&
            inner.code == KL_ERR_NONE;
  if (!ok) return kl_fail(err, inner.code ? inner.code : KL_ERR_FORMAT, "%s", inner.msg);
  if (has[PADDING] && !is_null(at[PADDING]) && field(at[PADDING], "pad_id", &v) && kl_json_int(&v, &pad) &&
      pad >= 0 && pad <= INT32_MAX)
    t->pad = (int32_t)pad;
  if (t->eos < 0) t->eos = find(t, "</s>");
  if (t->pad < 0) t->pad = find(t, "<pad>");
  if (t->byte_fallback) kl_tokenizer_note_bytes(t);
  return true;
}
