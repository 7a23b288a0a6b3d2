/* spiece.model: a protocol buffer (sentencepiece_model.proto in the SentencePiece repository), read by hand.
 * ModelProto: 1 pieces {1 text, 2 score, 3 type}, 2 trainer {3 model_type, 24 whitespace as suffix, 35
 * byte_fallback, 40..43 unk, bos, eos, pad ids}, 3 normaliser {2 character map, 3 dummy prefix, 4 squeeze
 * spaces, 5 escape spaces}. */
#include "engine/base/mem.h"
#include "engine/formats/directory.h"
#include "engine/formats/tokenizer_internal.h"

#include <math.h>
#include <string.h>

typedef struct {
  const uint8_t *p, *end;
} Bytes;

typedef struct {
  uint32_t number, wire;
  uint64_t value; /* wire types 0, 1, 5 */
  Bytes bytes;    /* wire type 2 */
} Field;

static bool varint(Bytes *b, uint64_t *v) {
  *v = 0;
  for (int shift = 0; shift < 64 && b->p < b->end; shift += 7) {
    uint8_t c = *b->p++;
    *v |= (uint64_t)(c & 0x7F) << shift;
    if (c < 0x80) return true;
  }
  return false;
}

/* The next field: 1; the end: 0; malformed: -1. */
static int next(Bytes *b, Field *f) {
  uint64_t key, n;
  if (b->p >= b->end) return 0;
  if (!varint(b, &key) || key >> 3 > UINT32_MAX || key >> 3 == 0) return -1;
  *f = (Field){.number = (uint32_t)(key >> 3), .wire = (uint32_t)(key & 7)};
  size_t left = (size_t)(b->end - b->p), fixed = f->wire == 1 ? 8 : 4;
  switch (f->wire) {
  case 0:
    return varint(b, &f->value) ? 1 : -1;
  case 1:
  case 5:
    if (left < fixed) return -1;
    for (size_t i = 0; i < fixed; i++) f->value |= (uint64_t)b->p[i] << (8 * i);
    b->p += fixed;
    return 1;
  case 2:
    if (!varint(b, &n) || n > (size_t)(b->end - b->p)) return -1;
    f->bytes = (Bytes){b->p, b->p + n};
    b->p += n;
    return 1;
  default:
    return -1;
  }
}

static float as_float(const Field *f) {
  uint32_t u = (uint32_t)f->value;
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static bool malformed(const char *label, KlErr *err) {
  return kl_fail(err, KL_ERR_FORMAT, "%s: neither a tokenizer.json nor a SentencePiece model, or damaged",
                 label);
}

static bool piece(KlTokenizer *t, Bytes b, const char *label, KlErr *err) {
  Field f;
  Bytes text = {0};
  float score = 0;
  uint64_t type = KL_PIECE_NORMAL;
  int r;
  while ((r = next(&b, &f)) == 1) {
    if (f.number == 1 && f.wire == 2) text = f.bytes;
    if (f.number == 2 && f.wire == 5) score = as_float(&f);
    if (f.number == 3 && f.wire == 0) type = f.value;
  }
  if (r < 0 || !text.p || type < KL_PIECE_NORMAL || type > KL_PIECE_BYTE || !isfinite(score))
    return malformed(label, err);
  return kl_tokenizer_add_piece(t, (const char *)text.p, (size_t)(text.end - text.p), (double)score,
                                (KlPieceType)type, label, err);
}

static bool trainer(KlTokenizer *t, Bytes b, const char *label, KlErr *err) {
  static const char *const kinds[] = {"?", "unigram", "BPE", "word", "character"};
  Field f;
  int r;
  while ((r = next(&b, &f)) == 1) {
    if (f.wire != 0) continue;
    int32_t id = (int32_t)f.value; /* -1 (none) is stored as a 64-bit number */
    switch (f.number) {
    case 3:
      if (f.value != 1)
        return kl_fail(err, KL_ERR_UNSUPPORTED, "%s is a %s tokenizer; only unigram models are read", label,
                       kinds[f.value <= 4 ? f.value : 0]);
      break;
    case 24:
      t->suffix = f.value;
      break;
    case 35:
      t->byte_fallback = f.value;
      break;
    case 40:
      t->unk = id;
      break;
    case 42:
      t->eos = id;
      break;
    case 43:
      t->pad = id;
      break;
    default:
      break;
    }
  }
  return r == 0 || malformed(label, err);
}

static bool normaliser(KlTokenizer *t, Bytes b, const char *label, KlErr *err) {
  Field f;
  int r;
  while ((r = next(&b, &f)) == 1) {
    if (f.number == 2 && f.wire == 2) {
      if (f.bytes.p != f.bytes.end &&
          !kl_charsmap_load(t, f.bytes.p, (size_t)(f.bytes.end - f.bytes.p), label, err))
        return false;
    } else if (f.wire == 0) {
      if (f.number == 3) t->add_prefix = f.value;
      if (f.number == 4) t->squeeze = f.value;
      if (f.number == 5) t->escape = f.value;
    }
  }
  return r == 0 || malformed(label, err);
}

bool kl_tokenizer_read_spiece(KlTokenizer *t, const uint8_t *data, size_t size, const char *label,
                              KlErr *err) {
  Bytes b = {data, data + size};
  Field f;
  int r;
  t->spiece = t->add_prefix = t->squeeze = t->escape = true;
  t->unk = 0, t->eos = 2, t->pad = -1; /* the format's defaults */
  while ((r = next(&b, &f)) == 1) {
    if (f.wire != 2) continue;
    if (f.number == 1 && !piece(t, f.bytes, label, err)) return false;
    if (f.number == 2 && !trainer(t, f.bytes, label, err)) return false;
    if (f.number == 3 && !normaliser(t, f.bytes, label, err)) return false;
  }
  if (r < 0 || !t->n) return malformed(label, err);
  kl_tokenizer_note_bytes(t);
  return true;
}
