#include "engine/formats/tokenizer.h"

#include "engine/base/mem.h"
#include "engine/formats/directory.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool kl_text_add(KlText *t, const char *s, size_t n, KlErr *err) {
  if (n > KL_NORMAL_MAX - t->n)
    return kl_fail(err, KL_ERR_INVALID, "the prompt is too long once it is normalised");
  if (!kl_grow(&t->p, &t->cap, t->n + n + 1, 1)) return kl_fail(err, KL_ERR_OOM, "no memory for the prompt");
  if (n) memcpy(t->p + t->n, s, n);
  t->n += n;
  t->p[t->n] = 0;
  return true;
}

bool kl_tokenizer_add_piece(KlTokenizer *t, const char *text, size_t n, double score, KlPieceType type,
                            const char *label, KlErr *err) {
  if (t->n >= KL_PIECES_MAX || n > KL_PIECE_BYTES_MAX)
    return kl_fail(err, KL_ERR_FORMAT, "%s: the vocabulary is too large, or one of its pieces", label);
  if (memchr(text, 0, n) || !kl_utf8_valid(text, n) || !isfinite(score))
    return kl_fail(err, KL_ERR_FORMAT, "%s: piece %zu of the vocabulary is not text with a score", label,
                   t->n);
  char *copy = kl_arena_strndup(&t->arena, text, n);
  if (!copy || !kl_grow(&t->piece, &t->cap, t->n + 1, sizeof *t->piece))
    return kl_fail(err, KL_ERR_OOM, "no memory for the vocabulary");
  t->piece[t->n++] = (KlPiece){.text = copy, .len = (uint32_t)n, .type = (uint8_t)type, .score = score};
  return true;
}

void kl_tokenizer_note_bytes(KlTokenizer *t) {
  static const char hex[] = "0123456789ABCDEF";
  for (uint32_t i = 0; i < t->n; i++) {
    const KlPiece *p = &t->piece[i];
    if (p->len != 6 || memcmp(p->text, "<0x", 3) || (t->spiece && p->type != KL_PIECE_BYTE)) continue;
    const char *hi = memchr(hex, p->text[3], 16), *lo = memchr(hex, p->text[4], 16);
    if (hi && lo) t->byte[16 * (hi - hex) + (lo - hex)] = (int32_t)i;
  }
}

bool kl_tokenizer_open_memory(const void *data, size_t size, const char *label, KlTokenizer **out,
                              KlErr *err) {
  const char *p = data, *end = p + size;
  bool ok = false;
  KlTokenizer *t = kl_calloc(1, sizeof *t);
  *out = NULL;
  if (!t) return kl_fail(err, KL_ERR_OOM, "no memory for the tokenizer");
  t->unk = t->eos = t->pad = -1;
  for (int i = 0; i < 256; i++) t->byte[i] = -1;
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  if (p < end && *p == '{') {
    if (!kl_tokenizer_read_json(t, data, size, label, err)) goto out;
  } else if (!kl_tokenizer_read_spiece(t, data, size, label, err)) {
    goto out;
  }
  if (t->unk < 0 || (size_t)t->unk >= t->n) {
    kl_fail(err, KL_ERR_UNSUPPORTED, "%s: the tokenizer has no token for what it does not know", label);
    goto out;
  }
  if (t->eos < 0 || (size_t)t->eos >= t->n) t->eos = -1;
  if (t->pad < 0 || (size_t)t->pad >= t->n) t->pad = -1;
  for (int i = 0; i < 256 && t->byte_fallback; i++) t->byte_fallback = t->byte[i] >= 0;
  if (!kl_unigram_prepare(t, err)) goto out;
  *out = t;
  t = NULL;
  ok = true;
out:
  kl_tokenizer_free(&t);
  return ok;
}

bool kl_tokenizer_open(const char *path, KlTokenizer **out, KlErr *err) {
  const char *slash = strrchr(path, '/');
  KlClip label = kl_clip(slash && slash[1] ? slash + 1 : path), where = kl_clip(path);
  struct stat st;
  void *map = MAP_FAILED;
  bool ok = false;
  *out = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return kl_fail(err, KL_ERR_IO, "cannot open %s: %s", where.text, strerror(errno));
  if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
    kl_fail(err, KL_ERR_IO, "%s is not a file", where.text);
  } else if (st.st_size == 0 || st.st_size > KL_TOKENIZER_BYTES_MAX) {
    kl_fail(err, KL_ERR_FORMAT, st.st_size ? "%s is too large for a tokenizer" : "%s: the file is empty",
            label.text);
  } else {
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
      kl_fail(err, KL_ERR_IO, "cannot map %s: %s", where.text, strerror(errno));
    else
      ok = kl_tokenizer_open_memory(map, (size_t)st.st_size, label.text, out, err);
  }
  if (map != MAP_FAILED) munmap(map, (size_t)st.st_size);
  close(fd);
  return ok;
}

void kl_tokenizer_free(KlTokenizer **pt) {
  KlTokenizer *t = *pt;
  if (!t) return;
  kl_free(&t->piece);
  kl_free(&t->sorted);
  kl_free(&t->added);
  kl_arena_free(&t->arena);
  kl_free(pt);
}

void kl_tokens_free(KlTokens *t) {
  kl_free(&t->ids);
  t->n = 0;
}

int32_t kl_tokenizer_pad(const KlTokenizer *t) {
  return t->pad;
}
int32_t kl_tokenizer_eos(const KlTokenizer *t) {
  return t->eos;
}
int32_t kl_tokenizer_unk(const KlTokenizer *t) {
  return t->unk;
}
size_t kl_tokenizer_vocab(const KlTokenizer *t) {
  return t->n;
}
const char *kl_tokenizer_piece(const KlTokenizer *t, int32_t id) {
  return id >= 0 && (size_t)id < t->n ? t->piece[id].text : NULL;
}

/* ---- encoding ---- */

static bool mark_at(const KlTokenizer *t, const KlText *x, size_t i) {
  size_t n = strlen(t->cut.mark);
  return n && x->n - i >= n && !memcmp(x->p + i, t->cut.mark, n);
}

/* Metaspace: spaces become the mark, one goes in front, and each mark begins a part. */
static bool metaspace(const KlTokenizer *t, const char *s, size_t n, bool first, KlTokens *out, size_t *cap,
                      KlErr *err) {
  KlText x = {0};
  bool ok = true;
  size_t mark = strlen(t->cut.mark);
  bool prefixed = n >= mark && !memcmp(s, t->cut.mark, mark);
  if (n && s[0] != ' ' && !prefixed && (t->cut.always || (t->cut.first && first)))
    ok = kl_text_add(&x, t->cut.mark, mark, err);
  for (size_t i = 0; ok && i < n; i++)
    ok = s[i] == ' ' ? kl_text_add(&x, t->cut.mark, mark, err) : kl_text_add(&x, s + i, 1, err);
  for (size_t at = 0; ok && at < x.n;) {
    size_t end = at + 1;
    while (end < x.n && !(t->cut.split && mark_at(t, &x, end))) end++;
    ok = kl_unigram(t, x.p + at, end - at, out, cap, err);
    at = end;
  }
  kl_free(&x.p);
  return ok;
}

/* Cuts normalised text at white space and punctuation where the file says so. */
static bool parts(const KlTokenizer *t, const char *s, size_t n, bool first, KlTokens *out, size_t *cap,
                  KlErr *err) {
  uint32_t cp;
  for (size_t at = 0; at < n;) {
    size_t end = at, gap = 0;
    while (end < n) {
      int len = kl_utf8_next(s + end, n - end, &cp);
      size_t step = len ? (size_t)len : 1;
      if (t->cut.white_space && len && kl_is_space(cp)) {
        gap = step;
        break;
      }
      if (t->cut.punctuation && len && kl_is_punctuation(cp)) {
        if (end == at) end += step; /* a part of its own */
        break;
      }
      end += step;
    }
    if (end > at) {
      bool ok = t->cut.on ? metaspace(t, s + at, end - at, first, out, cap, err)
                          : kl_unigram(t, s + at, end - at, out, cap, err);
      if (!ok) return false;
      first = false;
    }
    at = end + gap;
  }
  return true;
}

static bool section(const KlTokenizer *t, const char *s, size_t n, bool first, KlTokens *out, size_t *cap,
                    KlErr *err) {
  KlText x = {0};
  bool ok;
  if (t->spiece) {
    ok = kl_normalise_spiece(t, s, n, &x, err) && kl_unigram(t, x.p, x.n, out, cap, err);
  } else {
    ok = kl_text_add(&x, s, n, err) && kl_normalise_steps(t, &x, err) &&
         parts(t, x.p, x.n, first, out, cap, err);
  }
  kl_free(&x.p);
  return ok;
}

/* The longest added token that s begins with. */
static const KlAdded *added_at(const KlTokenizer *t, const char *s, size_t n) {
  const KlAdded *best = NULL;
  for (size_t i = 0; i < t->nadded; i++) {
    const KlAdded *a = &t->added[i];
    if (a->len <= n && a->text[0] == s[0] && !memcmp(a->text, s, a->len) && (!best || a->len > best->len))
      best = a;
  }
  return best;
}

bool kl_tokenizer_encode(const KlTokenizer *t, const char *text, bool add_eos, KlTokens *out, KlErr *err) {
  size_t n = strlen(text), cap = 0, from = 0;
  *out = (KlTokens){0};
  if (n > KL_TEXT_MAX) return kl_fail(err, KL_ERR_INVALID, "the prompt is longer than 1 MiB");
  if (!kl_utf8_valid(text, n)) return kl_fail(err, KL_ERR_INVALID, "the prompt is not valid UTF-8");
  bool ok = true;
  for (size_t i = 0; ok && t->nadded && i < n;) {
    const KlAdded *a = added_at(t, text + i, n - i);
    if (!a) {
      i++;
      continue;
    }
    if (i > from) ok = section(t, text + from, i - from, from == 0, out, &cap, err);
    if (ok && !kl_grow(&out->ids, &cap, out->n + 1, sizeof *out->ids))
      ok = kl_fail(err, KL_ERR_OOM, "no memory for the prompt's tokens");
    if (ok) out->ids[out->n++] = a->id;
    from = i += a->len;
  }
  if (ok && n > from) ok = section(t, text + from, n - from, from == 0, out, &cap, err);
  if (ok && add_eos && t->eos >= 0) {
    if (kl_grow(&out->ids, &cap, out->n + 1, sizeof *out->ids))
      out->ids[out->n++] = t->eos;
    else
      ok = kl_fail(err, KL_ERR_OOM, "no memory for the prompt's tokens");
  }
  if (!ok) kl_tokens_free(out);
  return ok;
}

/* ---- words that the vocabulary lacks ---- */

static bool word_unknown(const KlTokenizer *t, const char *word, bool *unknown, KlErr *err) {
  KlTokens k;
  *unknown = false;
  if (!kl_tokenizer_encode(t, word, false, &k, err)) return false;
  for (size_t i = 0; i < k.n; i++) *unknown |= k.ids[i] == t->unk;
  kl_tokens_free(&k);
  return true;
}

bool kl_tokenizer_unknown_words(const KlTokenizer *t, const char *text,
                                void (*fn)(void *user, const char *word), void *user, KlErr *err) {
  size_t n = strlen(text);
  if (n > KL_TEXT_MAX) return kl_fail(err, KL_ERR_INVALID, "the prompt is longer than 1 MiB");
  if (!kl_utf8_valid(text, n)) return kl_fail(err, KL_ERR_INVALID, "the prompt is not valid UTF-8");
  KlText word = {0};
  bool ok = true;
  uint32_t cp;
  for (size_t at = 0; ok && at < n;) {
    size_t begin = 0, end = 0; /* of the word inside its run: without the punctuation at its ends */
    size_t start = at;
    bool any = false;
    while (at < n) {
      int len = kl_utf8_next(text + at, n - at, &cp);
      if (kl_is_space(cp)) break;
      if (!kl_is_punctuation(cp)) {
        if (!any) begin = at;
        any = true;
        end = at + (size_t)len;
      }
      at += (size_t)len;
    }
    if (at == start) at += (size_t)kl_utf8_next(text + at, n - at, &cp);
    if (!any) continue;
    bool unknown;
    word.n = 0;
    ok = kl_text_add(&word, text + begin, end - begin, err) && word_unknown(t, word.p, &unknown, err);
    if (ok && unknown) fn(user, word.p);
  }
  kl_free(&word.p);
  return ok;
}
