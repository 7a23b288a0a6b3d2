/* Unigram segmentation. Source: Kudo 2018, "Subword regularization", section 3.1, with the conventions of the
 * SentencePiece library: an unknown character costs the lowest score less 10, pieces that the user defined
 * win, runs of unknown characters are one token, or their bytes where the model has byte pieces. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/utf8.h"

#include <stdlib.h>
#include <string.h>

static const double UNKNOWN_PENALTY = 10;

typedef struct {
  const char *text;
  uint32_t len, id;
} Key;

static int by_text(const void *a, const void *b) {
  const Key *x = a, *y = b;
  int c = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
  if (c) return c;
  if (x->len != y->len) return x->len < y->len ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

bool kl_unigram_prepare(KlTokenizer *t, KlErr *err) {
  Key *key = kl_alloc(t->n, sizeof *key);
  t->sorted = kl_alloc(t->n, sizeof *t->sorted);
  if (!key || !t->sorted) {
    kl_free(&key);
    return kl_fail(err, KL_ERR_OOM, "no memory for the tokenizer");
  }
  size_t n = 0;
  bool scored = false;
  for (uint32_t i = 0; i < t->n; i++) {
    const KlPiece *p = &t->piece[i];
    if (p->type == KL_PIECE_NORMAL) {
      if (!scored || p->score < t->min_score) t->min_score = p->score;
      if (!scored || p->score > t->max_score) t->max_score = p->score;
      scored = true;
    }
    if (p->type == KL_PIECE_USER) t->has_user = true;
    if ((p->type == KL_PIECE_NORMAL || p->type == KL_PIECE_USER) && p->len)
      key[n++] = (Key){.text = p->text, .len = p->len, .id = i};
  }
  qsort(key, n, sizeof *key, by_text);
  for (size_t i = 0; i < n; i++) t->sorted[i] = key[i].id;
  t->nsorted = n;
  for (size_t b = 0, i = 0; b <= 256; b++) {
    while (i < n && (unsigned char)key[i].text[0] < b) i++;
    t->bucket[b] = (uint32_t)i;
  }
  kl_free(&key);
  return true;
}

/* The pieces that a text begins with, shortest first: the sorted range whose texts agree so far, narrowed
 * byte by byte. */
typedef struct {
  const KlTokenizer *t;
  size_t lo, hi, depth;
} Walk;

static Walk walk_begin(const KlTokenizer *t, const char *s) {
  unsigned char b = (unsigned char)s[0];
  return (Walk){.t = t, .lo = t->bucket[b], .hi = t->bucket[b + 1], .depth = 1};
}

static int byte_at(const KlTokenizer *t, size_t i, size_t depth) {
  const KlPiece *p = &t->piece[t->sorted[i]];
  return depth < p->len ? (unsigned char)p->text[depth] : -1;
}

static size_t lower(const Walk *w, int byte) {
  size_t lo = w->lo, hi = w->hi;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (byte_at(w->t, mid, w->depth) < byte)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* The next piece that is a prefix of s[0..n), or -1. */
static int32_t walk_next(Walk *w, const char *s, size_t n) {
  while (w->lo < w->hi) {
    int32_t found = -1;
    while (w->lo < w->hi && byte_at(w->t, w->lo, w->depth) < 0) found = (int32_t)w->t->sorted[w->lo++];
    if (w->lo < w->hi && w->depth < n) {
      int b = (unsigned char)s[w->depth];
      w->lo = lower(w, b);
      w->hi = lower(w, b + 1);
      w->depth++;
    } else {
      w->hi = w->lo;
    }
    if (found >= 0) return found;
  }
  return -1;
}

size_t kl_user_prefix(const KlTokenizer *t, const char *s, size_t n) {
  size_t best = 0;
  if (!t->has_user || !n) return 0;
  Walk w = walk_begin(t, s);
  for (int32_t id; (id = walk_next(&w, s, n)) >= 0;)
    if (t->piece[id].type == KL_PIECE_USER) best = t->piece[id].len;
  return best;
}

typedef struct {
  double score;
  uint32_t from;
  int32_t id; /* -1: not reached */
} Node;

static bool push(KlTokens *out, size_t *cap, int32_t id, KlErr *err) {
  if (!kl_grow(&out->ids, cap, out->n + 1, sizeof *out->ids))
    return kl_fail(err, KL_ERR_OOM, "no memory for the prompt's tokens");
  out->ids[out->n++] = id;
  return true;
}

/* node[i]: the best way to reach byte i. */
static void search(const KlTokenizer *t, const char *s, size_t n, Node *node) {
  double unknown = t->min_score - UNKNOWN_PENALTY;
  uint32_t cp;
  for (size_t i = 0; i <= n; i++) node[i].id = -1;
  node[0] = (Node){.score = 0, .id = t->unk};
  for (size_t i = 0; i < n;) {
    size_t width = (size_t)kl_utf8_next(s + i, n - i, &cp);
    if (!width) width = 1; /* only a map with broken text gets here */
    bool single = false;
    Walk w = walk_begin(t, s + i);
    for (int32_t id; (id = walk_next(&w, s + i, n - i)) >= 0;) {
      const KlPiece *p = &t->piece[id];
      double score = p->type == KL_PIECE_USER ? (double)p->len * t->max_score - 0.1 : p->score;
      score += node[i].score;
      Node *to = &node[i + p->len];
      /* SentencePiece keeps sums as float and compares before it rounds */
      if (to->id < 0 || score > to->score)
        *to = (Node){.score = t->spiece ? (double)(float)score : score, .from = (uint32_t)i, .id = id};
      single |= p->len == width;
    }
    if (!single) {
      double score = node[i].score + unknown;
      if (t->spiece) score = (double)(float)score;
      Node *to = &node[i + width];
      if (to->id < 0 || score > to->score) *to = (Node){.score = score, .from = (uint32_t)i, .id = t->unk};
    }
    for (i += width; i < n && node[i].id < 0;) i++; /* to the next place that can be reached */
  }
}

bool kl_unigram(const KlTokenizer *t, const char *s, size_t n, KlTokens *out, size_t *cap, KlErr *err) {
  if (!n) return true;
  Node *node = kl_alloc(n + 1, sizeof *node);
  if (!node) return kl_fail(err, KL_ERR_OOM, "no memory for the prompt's tokens");
  search(t, s, n, node);
  for (uint32_t at = (uint32_t)n, next = 0;;) { /* turn the chain round: from becomes to */
    uint32_t from = node[at].from;
    node[at].from = next;
    next = at;
    if (!at) break;
    at = from;
  }
  bool ok = true, unknown = false;
  for (uint32_t at = 0; ok && at < n;) {
    uint32_t to = node[at].from;
    int32_t id = node[to].id;
    bool was_unknown = unknown;
    unknown = id == t->unk;
    if (unknown && t->byte_fallback)
      for (; ok && at < to; at++) ok = push(out, cap, t->byte[(unsigned char)s[at]], err);
    else if (!unknown || !was_unknown)
      ok = push(out, cap, id, err);
    at = to;
  }
  kl_free(&node);
  return ok;
}
