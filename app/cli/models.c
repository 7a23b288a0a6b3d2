/* models list, show, import, verify. */
#include "app/cli/cli.h"
#include "app/core/model_catalogue.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  bool json, words, copy, yes, help, quiet;
  KlImport import;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"json", 0, NULL, NULL, "print JSON (list, show)", NULL},
    {"words", 0, NULL, NULL, "the words that the model knows, a line each with those that mean the same\n(show; also as --json)", NULL},
    {"name", 0, "NAME", NULL, "how the model is to be called (import)", NULL},
    {"copy", 0, NULL, NULL, "copy the files into the user's folder instead of naming them (import)", NULL},
    {"transformer", 0, "FILE", NULL, "take this file for the part (import)", NULL},
    {"text-encoder", 0, "FILE", NULL, "the same", NULL},
    {"tokenizer", 0, "FILE", NULL, "the same: tokenizer.json or spiece.model", NULL},
    {"vae", 0, "FILE", NULL, "the same", NULL},
    {"upscaler", 0, "FILE", NULL, "a network that enlarges the decoded frames (import)", NULL},
    {"yes", 'y', NULL, NULL, "replace an imported model of that name (import)", NULL},
    {"quiet", 'q', NULL, NULL, "say nothing but errors", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  const char *n = o->name;
  if (!strcmp(n, "json"))
    a->json = true;
  else if (!strcmp(n, "words"))
    a->words = true;
  else if (!strcmp(n, "copy"))
    a->copy = true;
  else if (!strcmp(n, "yes"))
    a->yes = true;
  else if (!strcmp(n, "quiet"))
    a->quiet = true;
  else if (!strcmp(n, "help"))
    a->help = true;
  else if (!strcmp(n, "name"))
    a->import.name = value;
  else if (!strcmp(n, "transformer"))
    a->import.part[KL_PART_TRANSFORMER] = value;
  else if (!strcmp(n, "text-encoder"))
    a->import.part[KL_PART_TEXT_ENCODER] = value;
  else if (!strcmp(n, "tokenizer"))
    a->import.part[KL_PART_TOKENIZER] = value;
  else if (!strcmp(n, "vae"))
    a->import.part[KL_PART_VAE] = value;
  else if (!strcmp(n, "upscaler"))
    a->import.part[KL_PART_UPSCALER] = value;
  return true;
}

static json_t *strings(char **s) {
  json_t *a = json_array();
  for (; *s; s++) json_array_append_new(a, json_string(*s));
  return a;
}

static json_t *model_json(const KlModel *m) {
  g_autofree char *defaults = kl_job_serialise(m->defaults, false), *sum = kl_model_sha256_if_known(m);
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "name", m->name, "title", m->title, "family", m->family,
                "origin", m->origin, "folder", m->folder, "bytes", (json_int_t)kl_model_bytes(m));
  json_t *d = json_loads(defaults, 0, NULL), *words = json_object();
  json_object_set_new(o, "license", m->license ? json_string(m->license) : json_null());
  json_object_set_new(o, "sha256", sum ? json_string(sum) : json_null());
  for (int i = 0; i < KL_PARTS; i++)
    if (m->parts[i][0]) json_object_set_new(o, kl_model_part_name(i), strings(m->parts[i]));
  json_object_del(d, "kinoloom_job");
  json_object_set_new(o, "defaults", d);
  for (int i = 0; i < KL_WORD_LISTS; i++)
    json_object_set_new(words, kl_model_words_name(i), strings(m->words[i]));
  json_object_set_new(o, "words", words);
  json_object_set_new(o, "examples", strings(m->examples));
  return o;
}

static bool list(const Asked *a, GPtrArray *words, GError **error) {
  g_autoptr(GPtrArray) all = kl_catalogue_list();
  json_t *out = json_array();
  if (words->len > 1) return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is too much", (char *)words->pdata[1]);
  for (guint i = 0; i < all->len; i++) {
    const KlModel *m = all->pdata[i];
    guint64 bytes = kl_model_bytes(m);
    g_autofree char *size = bytes ? kl_bytes_text(bytes) : g_strdup("incomplete");
    if (a->json)
      json_array_append_new(out, model_json(m));
    else
      printf("%-24s %-10s %-9s %-12s %s\n", m->name, size, m->origin, m->license ? m->license : "-",
             m->title);
  }
  if (a->json)
    cli_print_json(json_incref(out));
  else if (!all->len)
    cli_note("no model is installed: `kinoloom models import PATH` takes one in");
  json_decref(out);
  return true;
}

static void show_text(const KlModel *m) {
  guint64 bytes = kl_model_bytes(m);
  g_autofree char *size = kl_bytes_text(bytes), *sum = kl_model_sha256_if_known(m),
                  *defaults = kl_job_serialise(m->defaults, false);
  printf("name          %s\ntitle         %s\nfamily        %s\nlicense       %s\norigin        %s\nfolder   "
         "     %s\n",
         m->name, m->title, m->family, m->license ? m->license : "not said", m->origin, m->folder);
  for (int i = 0; i < KL_PARTS; i++)
    for (char **p = m->parts[i]; *p; p++)
      printf("%-13s %s%s\n", p == m->parts[i] ? kl_model_part_name(i) : "", *p,
             g_file_test(*p, G_FILE_TEST_EXISTS) ? "" : " (missing)");
  if (bytes) printf("size          %s\n", size);
  if (sum) printf("sha256        %s\n", sum);
  printf("defaults      %s\n", defaults);
  for (int i = 0; i < KL_WORD_LISTS; i++)
    if (m->words[i][0]) printf("%-13s %u\n", kl_model_words_name(i), g_strv_length(m->words[i]));
  for (char **p = m->examples; *p; p++) printf("%-13s %s\n", p == m->examples ? "examples" : "", *p);
}

/* A line a phrase, with those that mean the same behind it. */
static void show_words(const KlModel *m, bool json) {
  guint n;
  const KlModelWord *w = kl_model_words(m, &n);
  if (json) {
    g_autofree char *text = kl_model_words_text(m);
    puts(text);
    return;
  }
  for (guint i = 0; i < n; i++) {
    bool first = i == 0 || w[i].group != w[i - 1].group, last = i + 1 == n || !w[i + 1].other;
    if (first) printf("%s%s:\n", i ? "\n" : "", kl_model_words_name(w[i].group));
    printf("%s%s%s", w[i].other ? ", " : "  ", w[i].text, last ? "\n" : "");
  }
  if (!n) cli_note("%s has no list of words: it was trained on free text", m->name);
}

static bool show(const Asked *a, GPtrArray *words, GError **error) {
  if (words->len > 2) return kl_gfail(error, KL_ERROR_USAGE, "one model at a time");
  g_autoptr(KlModel) m = kl_catalogue_find(words->len > 1 ? words->pdata[1] : NULL, error);
  if (!m) return false;
  if (a->words) {
    show_words(m, a->json);
  } else if (a->json) {
    cli_print_json(model_json(m));
  } else {
    show_text(m);
  }
  return true;
}

static void on_read(void *user, guint64 done, guint64 total) {
  g_autofree char *text =
      g_strdup_printf("%s %3d%%", (const char *)user, total ? (int)(100 * done / total) : 0);
  cli_bar(text);
}

static bool import(Asked *a, GPtrArray *words, GError **error) {
  if (words->len != 2)
    return kl_gfail(error, KL_ERROR_USAGE,
                    words->len < 2 ? "import what? Name a folder or a transformer file"
                                   : "one model at a time");
  a->import.copy = a->copy;
  a->import.replace = a->yes;
  a->import.read = on_read;
  a->import.user = (void *)"reading";
  a->import.cancel = &cli_cancel;
  g_autoptr(KlModel) m = kl_model_import(words->pdata[1], &a->import, error);
  cli_bar(NULL);
  if (!m) return false;
  cli_note("%s is imported%s", m->name, a->copy ? "" : "; its files stay where they are");
  puts(m->name);
  return true;
}

static bool verify(const Asked *a, GPtrArray *words, GError **error) {
  int checked = 0;
  if (words->len > 2) return kl_gfail(error, KL_ERROR_USAGE, "one model at a time");
  g_autoptr(KlModel) m = kl_catalogue_find(words->len > 1 ? words->pdata[1] : NULL, error);
  if (!m || !kl_model_verify(m, &checked, on_read, (void *)"checking", &cli_cancel, error)) {
    cli_bar(NULL);
    return false;
  }
  cli_bar(NULL);
  if (checked)
    printf("%s: sound; %d file%s as recorded, every weight finite\n", m->name, checked,
           checked == 1 ? "" : "s");
  else
    printf("%s: sound; every weight finite (no sums are recorded)\n", m->name);
  return true;
}

static void print_help(void) {
  puts("Usage: kinoloom models list [--json]\n"
       "       kinoloom models show [NAME|PATH] [--words] [--json]\n"
       "       kinoloom models import PATH [--name NAME] [--copy]\n"
       "       kinoloom models verify [NAME|PATH]\n"
       "A model is a transformer, a text encoder, a tokenizer and an autoencoder: a folder in the original "
       "Wan, the\n"
       "diffusers or the ComfyUI layout, or a transformer file with the others near it. safetensors and GGUF "
       "are read\n"
       "where they lie; import writes an index with sums and copies nothing unless asked.\n\nOptions:");
  cli_print_options(options);
  puts("\nExamples:\n"
       "  kinoloom models show starter-video --words\n"
       "  kinoloom models import ~/ComfyUI/models/diffusion_models/wan2.1_t2v_1.3B_bf16.safetensors --name "
       "wan-1.3b\n"
       "  kinoloom models verify wan-1.3b");
}

int cli_models(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {0};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  cli_out_init(a.quiet, CLI_PROGRESS_AUTO);
  if (ok && a.help) {
    print_help();
    return 0;
  }
  const char *what = words->len ? words->pdata[0] : "";
  if (!ok) return cli_error(e, "kinoloom models --help");
  if (!strcmp(what, "list"))
    ok = list(&a, words, &e);
  else if (!strcmp(what, "show"))
    ok = show(&a, words, &e);
  else if (!strcmp(what, "import"))
    ok = import(&a, words, &e);
  else if (!strcmp(what, "verify"))
    ok = verify(&a, words, &e);
  else
    ok = kl_gfail(
        &e, KL_ERROR_USAGE,
        *what ? "'%.60s' is none of list, show, import, verify" : "list, show, import or verify?%.0s", what);
  ok = ok && cli_flush(&e);
  return ok ? 0 : cli_error(e, "kinoloom models --help");
}
