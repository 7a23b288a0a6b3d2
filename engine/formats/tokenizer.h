/* SentencePiece unigram tokenizers, from `tokenizer.json` (Hugging Face) or `spiece.model` (the original).
 * Normalise (the character map of the model file, or the normalizers named in the JSON), metaspace, Viterbi.
 */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct KlTokenizer KlTokenizer;

/* Reads by content. KL_ERR_IO, KL_ERR_FORMAT, KL_ERR_UNSUPPORTED (another model type, an unknown normalizer).
 */
bool kl_tokenizer_open(const char *path, KlTokenizer **out, KlErr *err);
void kl_tokenizer_free(KlTokenizer **t);

typedef struct {
  int32_t *ids;
  size_t n;
} KlTokens; /* freed by kl_tokens_free */

/* text: UTF-8 (KL_ERR_INVALID if not), any length up to 1 MiB. add_eos appends eos. No padding, no
 * truncation. */
bool kl_tokenizer_encode(const KlTokenizer *t, const char *text, bool add_eos, KlTokens *out, KlErr *err);
void kl_tokens_free(KlTokens *t);

/* Ids below kl_tokenizer_vocab; pad and eos are -1 where the file has none, unk always is one. */
int32_t kl_tokenizer_pad(const KlTokenizer *t);
int32_t kl_tokenizer_eos(const KlTokenizer *t);
int32_t kl_tokenizer_unk(const KlTokenizer *t);
size_t kl_tokenizer_vocab(const KlTokenizer *t);
const char *kl_tokenizer_piece(const KlTokenizer *t, int32_t id); /* NULL: out of range */

/* Calls fn for each word of the text (split at white space, as the user wrote it, punctuation at its ends cut
 * off) that contains an unknown token. */
bool kl_tokenizer_unknown_words(const KlTokenizer *t, const char *text,
                                void (*fn)(void *user, const char *word), void *user, KlErr *err);
/* Wan's prompt cleaning: HTML entities decoded twice, white space collapsed, ends stripped. The result is for
 * kl_free; NULL: no memory. Invalid UTF-8 is KL_ERR_INVALID. */
char *kl_prompt_clean(const char *text, KlErr *err);
