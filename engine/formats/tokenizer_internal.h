/* The inside of KlTokenizer: what the two readers (tokenizer_spiece.c, tokenizer_json.c) fill in, and the
 * normaliser and the Viterbi search use. */
#pragma once

#include "engine/base/arena.h"
#include "engine/formats/tokenizer.h"

#include <stdbool.h>

enum {
  KL_TEXT_MAX = 1024 * 1024,        /* bytes of a prompt */
  KL_NORMAL_MAX = 16 * 1024 * 1024, /* bytes of a prompt once normalised: a file must not make it explode */
  KL_PIECES_MAX = 1000 * 1000,
  KL_PIECE_BYTES_MAX = 1024,
  KL_TOKENIZER_BYTES_MAX = 256 * 1024 * 1024,
};

typedef enum {
  KL_PIECE_NORMAL = 1,
  KL_PIECE_UNKNOWN,
  KL_PIECE_CONTROL,
  KL_PIECE_USER,
  KL_PIECE_UNUSED,
  KL_PIECE_BYTE
} KlPieceType; /* the numbers of SentencePiece's file format */

typedef struct {
  const char *text; /* ends in a zero, which does not count */
  uint32_t len;
  uint8_t type;
  double score;
} KlPiece;

/* Text that grows; kl_text_add fails (no memory, or over KL_NORMAL_MAX bytes) with err set. */
typedef struct {
  char *p;
  size_t n, cap;
} KlText;
bool kl_text_add(KlText *t, const char *s, size_t n, KlErr *err);

typedef enum {
  KL_STEP_CHARSMAP, /* SentencePiece's precompiled character map */
  KL_STEP_NFC,
  KL_STEP_NFD,
  KL_STEP_NFKC,
  KL_STEP_NFKD,
  KL_STEP_LOWERCASE,
  KL_STEP_REPLACE, /* every match of `pattern` becomes `text` */
  KL_STEP_STRIP,   /* white space at the ends named by left, right */
  KL_STEP_PREPEND, /* `text` in front, unless there is nothing */
} KlStepKind;

/* What a Replace step looks for: a literal, or a run of `least` or more characters of a set. */
typedef struct {
  const char *literal; /* NULL: a set */
  size_t nliteral;
  uint32_t *set; /* characters */
  size_t nset;
  bool white_space, punctuation; /* members of the set too */
  bool negate;
  int least, most; /* most 0: no limit */
} KlPattern;

typedef struct {
  KlStepKind kind;
  KlPattern pattern;
  const char *text;
  size_t ntext;
  bool left, right;
} KlStep;

enum { KL_STEPS_MAX = 16 };

typedef struct {
  const uint32_t *unit; /* Darts double array, little endian as in the file (host order after loading) */
  size_t nunit;
  const char *text; /* replacements, each ends in a zero */
  size_t ntext;
} KlCharsMap;

/* How the text falls into parts that are searched one by one (tokenizer.json). */
typedef struct {
  bool on;            /* Metaspace named at all */
  bool split;         /* parts begin at each metaspace */
  bool always, first; /* a metaspace goes in front of every part, of the first one */
  char mark[8];       /* the metaspace, usually U+2581 */
  bool white_space;   /* cut at white space before */
  bool punctuation;   /* cut around each punctuation character before */
} KlSplit;

typedef struct {
  const char *text;
  size_t len;
  int32_t id;
} KlAdded;

struct KlTokenizer {
  KlArena arena;
  KlPiece *piece;
  size_t n, cap;
  uint32_t *sorted; /* piece numbers in the order of their text; only those that the search may use */
  size_t nsorted;
  uint32_t bucket[257]; /* where the pieces with a first byte >= i begin in sorted */
  double min_score, max_score;
  int32_t pad, eos, unk;
  int32_t byte[256]; /* pieces of single bytes */
  bool byte_fallback;
  bool has_user;

  bool spiece; /* SentencePiece's own normaliser and arithmetic; else the steps and splits below */
  bool add_prefix, squeeze, escape, suffix;
  KlCharsMap map;
  KlStep step[KL_STEPS_MAX];
  int nsteps;
  KlSplit cut;
  KlAdded *added;
  size_t nadded, added_cap;
};

/* As kl_tokenizer_open for a file in memory; label names it in messages. */
bool kl_tokenizer_open_memory(const void *data, size_t size, const char *label, KlTokenizer **out,
                              KlErr *err);
bool kl_tokenizer_read_spiece(KlTokenizer *t, const uint8_t *data, size_t size, const char *label,
                              KlErr *err);
bool kl_tokenizer_read_json(KlTokenizer *t, const char *data, size_t size, const char *label, KlErr *err);

/* For the readers. text: n bytes, copied; must be UTF-8 unless the piece is a byte. */
bool kl_tokenizer_add_piece(KlTokenizer *t, const char *text, size_t n, double score, KlPieceType type,
                            const char *label, KlErr *err);
/* Fills in byte[] from the pieces spelt <0x00> to <0xFF> (of a SentencePiece model: of type BYTE). */
void kl_tokenizer_note_bytes(KlTokenizer *t);
/* Copies SentencePiece's precompiled map; checks what can be checked at once. */
bool kl_charsmap_load(KlTokenizer *t, const uint8_t *blob, size_t n, const char *label, KlErr *err);

/* SentencePiece's normaliser with the options of the file. */
bool kl_normalise_spiece(const KlTokenizer *t, const char *s, size_t n, KlText *out, KlErr *err);
/* All steps in turn: *text is replaced. */
bool kl_normalise_steps(const KlTokenizer *t, KlText *text, KlErr *err);
/* The longest piece of type USER that s begins with; 0: none. */
size_t kl_user_prefix(const KlTokenizer *t, const char *s, size_t n);
bool kl_is_space(uint32_t cp);       /* Unicode White_Space, as Python's and Rust's */
bool kl_is_punctuation(uint32_t cp); /* general category P*, and ASCII's symbols */

/* Best segmentation of n bytes; ids are appended. */
bool kl_unigram(const KlTokenizer *t, const char *s, size_t n, KlTokens *out, size_t *cap, KlErr *err);
bool kl_unigram_prepare(KlTokenizer *t, KlErr *err);
