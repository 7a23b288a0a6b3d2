/* kl-make-model: each type and network in its tiny size, read back; names and shapes against the reference
 * cases. */
#include "engine/formats/tokenizer.h"
#include "engine/formats/weights.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

static void make(const char *arch, const char *dir, const char *type) {
  const char *argv[] = {g_getenv("KL_MAKE_MODEL"), arch, dir, "--type", type, "--scale", "tiny", NULL};
  int status;
  g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                             &status, NULL));
  g_assert_cmpint(status, ==, 0);
}

static KlWeights *open_in(const char *dir, const char *name) {
  char *path = g_build_filename(dir, name, NULL);
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  kl_weights_open(&(const char *){path}, 1, &w, &err);
  g_assert_cmpstr(err.msg, ==, "");
  g_assert_true(kl_weights_check(w, &err));
  g_free(path);
  return w;
}

/* The tensors of the reference case are all there; where `sizes`, with its very shapes, else with as many
 * dimensions. */
static void like_golden(KlWeights *w, const char *name, bool sizes) {
  char *dir = g_build_filename(g_getenv("KL_GOLDEN"), name, NULL);
  if (g_file_test(dir, G_FILE_TEST_EXISTS)) {
    KlWeights *want = open_in(g_getenv("KL_GOLDEN"), name);
    if (sizes) g_assert_cmpuint(kl_weights_count(w), ==, kl_weights_count(want));
    for (size_t i = 0; i < kl_weights_count(want); i++) {
      if (strstr(kl_weights_name(want, i), "blocks.2.")) continue; /* the tiny ones have two layers */
      KlTensor *a = kl_weights_find(w, kl_weights_name(want, i)), *b = kl_weights_at(want, i);
      g_assert_nonnull(a);
      g_assert_cmpint(a->ndim, ==, b->ndim);
      if (sizes) g_assert_cmpmem(a->shape, sizeof a->shape, b->shape, sizeof b->shape);
    }
    kl_weights_free(&want);
  } else {
    g_test_message("%s is not here", name);
  }
  g_free(dir);
}

static void test_folder(gconstpointer data) {
  const char *type = data;
  bool q = !strcmp(type, "q8_0");
  char *dir = g_dir_make_tmp("kl-model-XXXXXX", NULL);
  make("wan2.1-t2v-1.3b", dir, type);
  KlWeights *w = open_in(dir, q ? "diffusion_pytorch_model.gguf" : "diffusion_pytorch_model.safetensors");
  KlTensor *t = kl_weights_find(w, "blocks.1.ffn.2.weight");
  g_assert_nonnull(t);
  g_assert_cmpstr(kl_dtype_name(t->dtype), ==, type);
  like_golden(w, "wan_t2v.weights.safetensors", false);
  kl_weights_free(&w);
  w = open_in(dir, q ? "models_t5_umt5-xxl-enc.gguf" : "models_t5_umt5-xxl-enc.safetensors");
  like_golden(w, "umt5.weights.safetensors", false);
  g_assert_nonnull(t = kl_weights_find(w, "token_embedding.weight"));
  int64_t vocab = t->shape[0];
  kl_weights_free(&w);
  w = open_in(dir, "Wan2.1_VAE.safetensors");
  like_golden(w, "wan_vae.weights.safetensors", true);
  kl_weights_free(&w);
  make("taew2_1", dir, type);
  w = open_in(dir, "taew2_1.safetensors");
  like_golden(w, "taehv.weights.safetensors", true);
  kl_weights_free(&w);

  char *path = g_build_filename(dir, "google", "umt5-xxl", "tokenizer.json", NULL);
  KlErr err = KL_ERR_INIT;
  KlTokenizer *tok;
  KlTokens k;
  g_assert_true(kl_tokenizer_open(path, &tok, &err));
  g_assert_true(kl_tokenizer_encode(tok, "a fox  runs \"slowly\" \\ through {42}", true, &k, &err));
  for (size_t i = 0; i < k.n; i++) g_assert_true(k.ids[i] != kl_tokenizer_unk(tok) && k.ids[i] < vocab);
  g_assert_cmpint(k.ids[k.n - 1], ==, 1);
  kl_tokens_free(&k);
  kl_tokenizer_free(&tok);
  g_free(path);
  char *rm = g_strdup_printf("rm -r '%s'", dir);
  g_assert_true(g_spawn_command_line_sync(rm, NULL, NULL, NULL, NULL));
  g_free(rm);
  g_free(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_data_func("/make-model/f16", "f16", test_folder);
  g_test_add_data_func("/make-model/bf16", "bf16", test_folder);
  g_test_add_data_func("/make-model/q8_0", "q8_0", test_folder);
  return g_test_run();
}
