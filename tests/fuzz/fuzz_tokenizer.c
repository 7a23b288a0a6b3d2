/* spiece.model and tokenizer.json, and prompts: the file's own first bytes are one of them. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer_internal.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void ignore(void *user, const char *word) {
  *(size_t *)user += strlen(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char own[65] = "";
  memcpy(own, data, size < 64 ? size : 64);
  const char *const texts[] = {
      "A quick  fox, 12 \xEF\xAC\x81 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x9A\x80</s>ab \xCE\xA3", "", own};
  KlErr err = KL_ERR_INIT;
  char *clean = kl_prompt_clean(own, &err);
  kl_free(&clean);
  KlTokenizer *t;
  err = KL_ERR_INIT;
  if (!kl_tokenizer_open_memory(data, size, "fuzz", &t, &err)) {
    if (t || err.code == KL_ERR_NONE || !err.msg[0]) abort();
    return 0;
  }
  size_t vocab = kl_tokenizer_vocab(t), sum = 0;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    KlTokens k;
    err = KL_ERR_INIT;
    if (kl_tokenizer_encode(t, texts[i], true, &k, &err))
      for (size_t j = 0; j < k.n; j++)
        if (k.ids[j] < 0 || (size_t)k.ids[j] >= vocab) abort();
    kl_tokens_free(&k);
    kl_tokenizer_unknown_words(t, texts[i], ignore, &sum, &err);
  }
  if (vocab && !kl_tokenizer_piece(t, 0)) abort();
  kl_tokenizer_free(&t);
  return 0;
}
