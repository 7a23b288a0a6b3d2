/* Every allocation of the model readers and the tokenizers fails once. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer_internal.h"
#include "engine/formats/weights_internal.h"
#include "tests/oom/oom.h"

#include <glib.h>
#include <string.h>

typedef struct {
  char *data;
  gsize n;
} File;

static File corpus(const char *name) {
  File f;
  char *path = g_build_filename(g_getenv("KL_CORPUS"), name, NULL);
  g_assert_true(g_file_get_contents(path, &f.data, &f.n, NULL));
  g_free(path);
  return f;
}

static bool model(void *ctx, KlErr *err) {
  File *f = ctx;
  const void *data = f->data;
  KlWeights *w;
  bool ok = kl_weights_open_memory(&data, &f->n, 1, &w, err);
  kl_weights_free(&w);
  return ok;
}

static bool random_weights(void *ctx, KlErr *err) {
  KlWeights *w;
  bool ok = kl_weights_new(&w, err);
  for (int i = 0; ok && i < 200; i++) {
    char name[16];
    g_snprintf(name, sizeof name, "w%d", i);
    ok = kl_weights_add_random(w, name, i % 2 ? KL_Q8_0 : KL_F16, 2, (int64_t[]){3, 64}, 0, 1, 1, err);
  }
  kl_weights_free(&w);
  return ok;
}

static bool tokenizer(void *ctx, KlErr *err) {
  File *f = ctx;
  KlTokenizer *t;
  bool ok = kl_tokenizer_open_memory(f->data, f->n, "t", &t, err);
  kl_tokenizer_free(&t);
  return ok;
}

static void ignore(void *user, const char *word) {}

static bool encode(void *ctx, KlErr *err) {
  KlTokens k = {0};
  bool ok = kl_tokenizer_encode(ctx, "A fox</s>, and  a b zz fox", true, &k, err);
  kl_tokens_free(&k);
  return ok && kl_tokenizer_unknown_words(ctx, "a fox (Qzz)", ignore, NULL, err);
}

static bool clean(void *ctx, KlErr *err) {
  char *s = kl_prompt_clean(" a &amp; b ", err);
  bool ok = s != NULL;
  kl_free(&s);
  return ok;
}

static void test_files(void) {
  static const char *const models[] = {"safetensors/valid", "safetensors/hf_t5", "safetensors/unaligned",
                                       "gguf/valid"};
  static const char *const tokenizers[] = {"tokenizer/spiece",     "tokenizer/spiece_bytes",
                                           "tokenizer/json",       "tokenizer/json_map",
                                           "tokenizer/json_split", "tokenizer/json_regex"};
  for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
    File f = corpus(models[i]);
    kl_oom_every(model, &f);
    g_free(f.data);
  }
  for (size_t i = 0; i < G_N_ELEMENTS(tokenizers); i++) {
    File f = corpus(tokenizers[i]);
    KlErr err = KL_ERR_INIT;
    KlTokenizer *t;
    kl_oom_every(tokenizer, &f);
    g_assert_true(kl_tokenizer_open_memory(f.data, f.n, "t", &t, &err));
    kl_oom_every(encode, t);
    kl_tokenizer_free(&t);
    g_free(f.data);
  }
}

static void test_memory(void) {
  kl_oom_every(random_weights, NULL);
  kl_oom_every(clean, NULL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/oom/files", test_files);
  g_test_add_func("/oom/memory", test_memory);
  return g_test_run();
}
