/* Models: recognising folders of other programs, import, verify, identity. The golden networks serve as
 * checkpoints. */
#include "app/core/model_catalogue.h"
#include "engine/base/log.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *root, *golden;

static void put(const char *folder, const char *name, const char *file) {
  g_autofree char *dir = g_build_filename(root, folder, NULL), *to = g_build_filename(dir, name, NULL);
  g_autofree char *from = file ? g_build_filename(golden, file, NULL) : NULL;
  g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
  if (from)
    g_assert_cmpint(symlink(from, to), ==, 0);
  else
    g_assert_true(g_file_set_contents(to, "pickle", -1, NULL));
}

static KlModel *find(const char *sub, GError **error) {
  g_autofree char *path = g_build_filename(root, sub, NULL);
  return kl_catalogue_find(path, error);
}

static void expect(const KlModel *m, KlModelPart part, const char *tail) {
  g_assert_cmpint(g_strv_length(m->parts[part]), ==, 1);
  if (!g_str_has_suffix(m->parts[part][0], tail)) g_error("%s is not %s", m->parts[part][0], tail);
}

#define T "wan_t2v.weights.safetensors"
#define E "umt5.weights.safetensors"
#define V "wan_vae.weights.safetensors"
#define K "tokenizer/spiece.model"

static void layouts(void) {
  put("wan", "diffusion_pytorch_model.safetensors", T);
  put("wan", "models_t5_umt5-xxl-enc-bf16.safetensors", E);
  put("wan/google/umt5-xxl", "spiece.model", K);
  put("wan", "Wan2.1_VAE.safetensors", V);
  put("wan", "models_clip.pth", NULL);
  g_autoptr(KlModel) a = find("wan", NULL);
  g_assert_nonnull(a);
  expect(a, KL_PART_TRANSFORMER, "diffusion_pytorch_model.safetensors");
  expect(a, KL_PART_TEXT_ENCODER, "enc-bf16.safetensors");
  expect(a, KL_PART_TOKENIZER, "umt5-xxl/spiece.model");
  expect(a, KL_PART_VAE, "Wan2.1_VAE.safetensors");
  g_assert_cmpstr(a->name, ==, "wan");
  g_assert_cmpint(a->defaults->steps, ==, 50);

  put("diffusers/transformer", "diffusion_pytorch_model.safetensors", "wan_causal.weights.safetensors");
  put("diffusers/text_encoder", "model.safetensors", E);
  put("diffusers/tokenizer", "spiece.model", K);
  put("diffusers/vae", "diffusion_pytorch_model.safetensors", V);
  g_autoptr(KlModel) b = find("diffusers", NULL);
  g_assert_nonnull(b);
  expect(b, KL_PART_TRANSFORMER, "transformer/diffusion_pytorch_model.safetensors");
  expect(b, KL_PART_VAE, "vae/diffusion_pytorch_model.safetensors");

  put("comfy/models/diffusion_models", "wan2.1_t2v_1.3B_bf16.safetensors", T);
  put("comfy/models/diffusion_models", "other.safetensors", "wan_vace.weights.safetensors");
  put("comfy/models/text_encoders", "umt5_xxl_fp16.safetensors", E);
  put("comfy/models/text_encoders", "spiece.model", K);
  put("comfy/models/vae", "wan_2.1_vae.safetensors", V);
  put("comfy/models/vae", "taew2_1.safetensors", "taehv.weights.safetensors");
  g_autoptr(KlModel) c = find("comfy/models/diffusion_models/wan2.1_t2v_1.3B_bf16.safetensors", NULL);
  g_assert_nonnull(c);
  expect(c, KL_PART_TRANSFORMER, "wan2.1_t2v_1.3B_bf16.safetensors");
  expect(c, KL_PART_VAE, "wan_2.1_vae.safetensors");
  g_assert_cmpstr(c->name, ==, "wan2.1_t2v_1.3b_bf16");
}

static void what_is_missing(void) {
  static const struct {
    const char *leave_out, *says;
  } cases[] = {{T, "no transformer"}, {E, "no text_encoder"}, {K, "no tokenizer"}, {V, "no vae"}};
  for (int i = 0; i < 4; i++) {
    g_autofree char *dir = g_strdup_printf("part%d", i);
    g_autoptr(GError) e = NULL;
    static const char *const files[][2] = {
        {"a.safetensors", T}, {"b.safetensors", E}, {"spiece.model", K}, {"c.safetensors", V}};
    for (int k = 0; k < 4; k++)
      if (strcmp(files[k][1], cases[i].leave_out)) put(dir, files[k][0], files[k][1]);
    KlModel *m = find(dir, &e);
    g_assert_null(m);
    g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
    if (!strstr(e->message, cases[i].says)) g_error("%s", e->message);
  }
  g_autoptr(GError) e = NULL;
  put("part1", "models_t5_umt5-xxl-enc-bf16.pth", NULL);
  g_assert_null(find("part1", &e));
  g_assert_nonnull(strstr(e->message, "pickle"));
}

static void imported(void) {
  g_autofree char *path = g_build_filename(root, "wan", NULL);
  KlImport how = {.name = "my-wan"};
  g_autoptr(GError) e = NULL;
  int checked = 0;
  g_autoptr(KlModel) m = kl_model_import(path, &how, &e);
  g_assert_no_error(e);
  g_assert_cmpint(m->recorded->len, ==, 4);
  g_assert_null(kl_model_import(path, &how, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_EXISTS);
  g_clear_error(&e);
  g_autoptr(KlModel) found = kl_catalogue_find("my-wan", &e);
  g_assert_no_error(e);
  g_assert_true(kl_model_verify(found, &checked, NULL, NULL, NULL, &e));
  g_assert_cmpint(checked, ==, 4);
  g_autofree char *one = kl_model_identity(found, NULL, NULL), *two = kl_model_identity(m, NULL, NULL),
                  *sum = kl_model_sha256_if_known(found);
  g_assert_cmpstr(one, ==, two);
  g_assert_cmpint(strlen(sum), ==, 64);
  how = (KlImport){.name = "copied", .copy = true};
  g_autoptr(KlModel) copied = kl_model_import(path, &how, &e);
  g_assert_no_error(e);
  g_assert_false(g_str_has_prefix(copied->parts[KL_PART_VAE][0], path));
  g_autofree char *three = kl_model_identity(copied, NULL, NULL);
  g_assert_cmpstr(one, ==, three);
  /* a byte changes: verify sees it */
  g_autofree char *data = NULL;
  size_t n;
  g_assert_true(g_file_get_contents(copied->parts[KL_PART_VAE][0], &data, &n, NULL));
  data[n - 1] ^= 1;
  g_assert_true(g_file_set_contents(copied->parts[KL_PART_VAE][0], data, (gssize)n, NULL));
  g_assert_false(kl_model_verify(copied, NULL, NULL, NULL, NULL, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_FORMAT);
  g_autofree char *four = kl_model_identity(copied, NULL, NULL);
  g_assert_cmpstr(four, !=, one);
  g_clear_error(&e);
  g_assert_null(kl_model_import(path, &(KlImport){.name = "a/b"}, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_USAGE);
}

static void not_finite(void) {
  g_autoptr(GError) e = NULL;
  g_autoptr(KlModel) m = kl_catalogue_find("copied", &e);
  g_autofree char *data = NULL;
  size_t n;
  g_assert_no_error(e);
  g_array_set_size(m->recorded, 0);
  g_assert_true(g_file_get_contents(m->parts[KL_PART_TRANSFORMER][0], &data, &n, NULL));
  memcpy(data + n - 4, "\0\0\300\177", 4); /* a NaN in the last tensor, if it is F32 */
  g_assert_true(g_file_set_contents(m->parts[KL_PART_TRANSFORMER][0], data, (gssize)n, NULL));
  g_assert_false(kl_model_verify(m, NULL, NULL, NULL, NULL, &e));
  g_assert_cmpint(kl_exit_code(e), ==, 3);
}

static char *write_text(const char *folder, const char *name, const char *text) {
  char *path = g_build_filename(root, folder, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

#define NAMED "{\"name\":\"n\",\"transformer\":\"t\",\"text_encoder\":\"e\",\"tokenizer\":\"k\",\"vae\":\"v\""

/* An upscaler is optional; words are an object or the name of a file, entries may have others that mean the
 * same. */
static void words(void) {
  g_autofree char *dir = g_build_filename(root, "said", NULL);
  g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
  g_autofree char *at =
      write_text("said", "model.json", NAMED ",\"upscaler\":\"u\",\"words\":\"words.json\"}");
  static const char text[] =
      "{\n  \"objects\": [\n    \"heart\",\n    [\n      \"moon\",\n      \"crescent moon\"\n    ]\n  ],\n"
      "  \"speeds\": [\n    \"slowly\"\n  ]\n}";
  g_autofree char *list = write_text("said", "words.json", text);
  g_autoptr(GError) e = NULL;
  g_autoptr(KlModel) m = kl_model_read(at, "folder", &e);
  g_assert_no_error(e);
  expect(m, KL_PART_UPSCALER, "/said/u");
  KlModelFiles files;
  kl_model_files(m, &files);
  g_assert_cmpstr(files.upscaler, ==, m->parts[KL_PART_UPSCALER][0]);
  guint n;
  const KlModelWord *w = kl_model_words(m, &n);
  static const KlModelWord want[] = {{"heart", KL_WORDS_OBJECTS, false},
                                     {"moon", KL_WORDS_OBJECTS, false},
                                     {"crescent moon", KL_WORDS_OBJECTS, true},
                                     {"slowly", KL_WORDS_SPEEDS, false}};
  g_assert_cmpuint(n, ==, G_N_ELEMENTS(want));
  for (guint i = 0; i < n; i++) {
    g_assert_cmpstr(w[i].text, ==, want[i].text);
    g_assert_true(w[i].group == want[i].group && w[i].other == want[i].other);
  }
  g_assert_cmpint(g_strv_length(m->words[KL_WORDS_OBJECTS]), ==, 2);
  g_autofree char *again = kl_model_words_text(m);
  g_assert_cmpstr(again, ==, text);

  static const char *const bad[] = {
      ",\"words\":\"none.json\"}",       ",\"words\":[]}",
      ",\"words\":{\"objects\":[[]]}}",  ",\"words\":{\"objects\":[\"\"]}}",
      ",\"words\":{\"sizes\":\"big\"}}", ",\"words\":{\"objects\":[[\"a\",1]]}}"};
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autofree char *json = g_strconcat(NAMED, bad[i], NULL), *path = write_text("said", "model.json", json);
    g_autoptr(GError) why = NULL;
    g_assert_null(kl_model_read(path, "folder", &why));
    g_assert_error(why, KL_ERROR, KL_ERROR_INPUT);
    g_assert_true(strstr(why->message, "words") || strstr(why->message, "phrases"));
  }
  g_autofree char *plain = write_text("said", "model.json", NAMED "}");
  g_autoptr(KlModel) free_text = kl_model_read(plain, "folder", &e);
  g_assert_no_error(e);
  kl_model_words(free_text, &n);
  g_assert_cmpuint(n, ==, 0);
  kl_model_files(free_text, &files);
  g_assert_null(files.upscaler);
}

static void listed(void) {
  g_autoptr(GPtrArray) all = kl_catalogue_list();
  g_autoptr(GError) e = NULL;
  g_assert_cmpint(all->len, ==, 2);
  g_assert_null(kl_catalogue_find("nonesuch", &e));
  g_assert_nonnull(strstr(e->message, "my-wan"));
}

static void removed(void) {
  g_autofree char *path = g_build_filename(root, "wan", NULL);
  KlImport how = {.name = "gone", .copy = true};
  g_autoptr(GError) e = NULL;
  g_autoptr(KlModel) m = kl_model_import(path, &how, &e), original = kl_catalogue_find(path, NULL);
  g_assert_no_error(e);
  g_assert_true(kl_model_remove(m, &e));
  g_assert_null(kl_catalogue_find("gone", NULL));
  g_assert_true(kl_model_restore("gone", &e));
  g_autoptr(KlModel) back = kl_catalogue_find("gone", &e);
  g_assert_no_error(e);
  g_assert_true(kl_model_verify(back, NULL, NULL, NULL, NULL, &e));
  g_assert_true(kl_model_remove(back, &e));
  kl_model_forget_removed();
  g_assert_false(kl_model_restore("gone", &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INPUT);
  g_clear_error(&e);
  g_assert_false(kl_model_remove(original, &e)); /* read in place: never */
  g_assert_error(e, KL_ERROR, KL_ERROR_INVALID);
  g_assert_true(g_file_test(original->parts[KL_PART_VAE][0], G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv) {
  root = g_dir_make_tmp("kl-models-XXXXXX", NULL);
  golden = g_strdup(g_getenv("KL_GOLDEN"));
  g_setenv("XDG_DATA_HOME", root, TRUE); /* before GLib looks */
  g_setenv("XDG_CACHE_HOME", root, TRUE);
  g_setenv("KINOLOOM_MODELS", "/nonexistent", TRUE);
  g_test_init(&argc, &argv, NULL);
  kl_log_level(KL_LOG_WARN);
  g_test_add_func("/core/models/layouts", layouts);
  g_test_add_func("/core/models/missing", what_is_missing);
  g_test_add_func("/core/models/import", imported);
  g_test_add_func("/core/models/removed", removed);
  g_test_add_func("/core/models/not-finite", not_finite);
  g_test_add_func("/core/models/list", listed);
  g_test_add_func("/core/models/words", words);
  int rc = g_test_run();
  g_autofree char *rm = g_strdup_printf("rm -rf '%s'", root);
  return g_spawn_command_line_sync(rm, NULL, NULL, NULL, NULL) ? rc : 1;
}
