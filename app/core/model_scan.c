/* Finds the parts of a model in a folder that was not written for us: the original Wan layout, diffusers,
 * ComfyUI's tree, or a folder in which somebody put the files together. Weights are recognised by their
 * tensors (headers only), names decide only between candidates. */
#include "app/core/model_catalogue.h"
#include "app/core/model_internal.h"

#include "engine/formats/weights.h"

#include <jansson.h>
#include <string.h>

#define MAX_ENTRIES 20000
#define MAX_DEPTH 4

typedef struct {
  KlModelPart part;
  bool causal;
  int rank; /* the lowest wins */
  char **files;
} Candidate;

typedef struct {
  GPtrArray *weights;   /* paths of *.safetensors, *.gguf */
  GPtrArray *tokenizer; /* tokenizer.json, spiece.model, *.model */
  GPtrArray *pickles;   /* *.pth, *.pt, *.bin, *.ckpt */
  GPtrArray *broken;    /* what could not be read, as text */
  int entries;          /* seen so far: a home folder is not walked to its end */
} Files;

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *dir, int depth, Files *f) {
  GDir *d = g_dir_open(dir, 0, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  const char *entry;
  if (!d) return;
  while ((entry = g_dir_read_name(d)))
    if (entry[0] != '.') g_ptr_array_add(names, g_strdup(entry));
  g_dir_close(d);
  g_ptr_array_sort(names, by_text);
  for (guint i = 0; i < names->len && f->entries < MAX_ENTRIES; i++) {
    const char *name = names->pdata[i];
    f->entries++;
    char *path = g_build_filename(dir, name, NULL);
    g_autofree char *lower = g_ascii_strdown(name, -1);
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
      if (depth < MAX_DEPTH) list(path, depth + 1, f);
    } else if (g_str_has_suffix(lower, ".safetensors") || g_str_has_suffix(lower, ".gguf")) {
      g_ptr_array_add(f->weights, g_steal_pointer(&path));
    } else if (!strcmp(lower, "tokenizer.json") || !strcmp(lower, "spiece.model") ||
               !strcmp(lower, "sentencepiece.bpe.model") || g_str_has_suffix(lower, ".spiece.model")) {
      g_ptr_array_add(f->tokenizer, g_steal_pointer(&path));
    } else if (g_str_has_suffix(lower, ".pth") || g_str_has_suffix(lower, ".pt") ||
               g_str_has_suffix(lower, ".bin") || g_str_has_suffix(lower, ".ckpt")) {
      g_ptr_array_add(f->pickles, g_steal_pointer(&path));
    }
    g_free(path);
  }
}

/* "…/model-00001-of-00003.safetensors" -> the length of the stem before "-00001-of-", 0: not a shard. */
static size_t shard_stem(const char *path) {
  const char *of = strstr(path, "-of-"), *next;
  while (of && (next = strstr(of + 1, "-of-"))) of = next;
  if (!of) return 0;
  const char *p = of;
  while (p > path && g_ascii_isdigit(p[-1])) p--;
  if (p == of || p == path || p[-1] != '-') return 0;
  return (size_t)(p - 1 - path);
}

static bool has(KlWeights *w, const char *name) {
  return kl_weights_find(w, name) != NULL;
}

/* What the tensors say; false: nothing we know. */
static bool classify(KlWeights *w, KlModelPart *part) {
  if (has(w, "patch_embedding.weight") && has(w, "blocks.0.self_attn.q.weight"))
    *part = KL_PART_TRANSFORMER;
  else if (has(w, "token_embedding.weight") && has(w, "blocks.0.attn.q.weight"))
    *part = KL_PART_TEXT_ENCODER;
  else if (has(w, "decoder.conv1.weight") || has(w, "decoder.middle.0.residual.2.weight"))
    *part = KL_PART_VAE;
  else if (has(w, "decoder.1.weight") && has(w, "encoder.0.weight"))
    *part = KL_PART_VAE; /* TAEHV */
  else
    return false;
  return true;
}

static bool mentions(const char *path, const char *const *words) {
  g_autofree char *lower = g_ascii_strdown(path, -1);
  for (; *words; words++)
    if (strstr(lower, *words)) return true;
  return false;
}

static int rank(const char *path, KlModelPart part) {
  static const char *const high_noise[] = {"low_noise", NULL}, *const lora[] = {"lora", NULL},
                           *const tiny[] = {"taew", "taehv", NULL},
                           *const fp8[] = {"fp8", "e4m3", "e5m2", NULL},
                           *const bf16[] = {"bf16", "fp16", NULL};
  g_autofree char *base = g_path_get_basename(path);
  int r = 10;
  if (mentions(base, lora)) r += 8;
  if (mentions(base, fp8)) r += 4;
  if (mentions(base, bf16)) r -= 1;
  if (part == KL_PART_TRANSFORMER && mentions(base, high_noise)) r += 1;
  if (part == KL_PART_VAE && mentions(base, tiny)) r += 2; /* the full autoencoder where there is a choice */
  return r;
}

static void candidate_free(void *p) {
  Candidate *c = p;
  g_strfreev(c->files);
  g_free(c);
}

static void consider(GPtrArray *paths, guint from, guint n, GPtrArray *out, GPtrArray *broken) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w = NULL;
  KlModelPart part;
  if (!kl_weights_open((const char *const *)paths->pdata + from, (int)n, &w, &err)) {
    g_ptr_array_add(broken, g_strdup(err.msg));
    return;
  }
  if (classify(w, &part)) {
    Candidate *c = g_new0(Candidate, 1);
    c->part = part;
    c->rank = rank(paths->pdata[from], part);
    c->causal = kl_weights_config_int(w, "chunk_frames", 0) > 0;
    c->files = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++) c->files[i] = g_canonicalize_filename(paths->pdata[from + i], NULL);
    g_ptr_array_add(out, c);
  }
  kl_weights_free(&w);
}

static GPtrArray *candidates(Files *f) {
  GPtrArray *out = g_ptr_array_new_with_free_func(candidate_free);
  for (guint i = 0, n; i < f->weights->len; i += n) {
    const char *path = f->weights->pdata[i];
    size_t stem = shard_stem(path);
    for (n = 1; stem && i + n < f->weights->len; n++) {
      const char *next = f->weights->pdata[i + n];
      if (shard_stem(next) != stem || strncmp(path, next, stem)) break;
    }
    consider(f->weights, i, n, out, f->broken);
  }
  return out;
}

/* The folder in which the other parts of a lone transformer file lie: ComfyUI keeps them beside its own
 * folder. */
static char *root_of(const char *file) {
  static const char *const shelves[] = {"diffusion_models", "unet", "transformer", "checkpoints", NULL};
  g_autofree char *dir = g_path_get_dirname(file);
  for (int up = 0; up < 3; up++) {
    g_autofree char *base = g_path_get_basename(dir);
    char *parent = g_path_get_dirname(dir);
    if (g_strv_contains(shelves, base)) return parent;
    if (up == 2) {
      g_free(parent);
      break;
    }
    g_free(dir);
    dir = parent;
  }
  return g_path_get_dirname(file);
}

static char *tidy_name(const char *path) {
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  g_autofree char *base = g_path_get_basename(full);
  char *dot = g_file_test(full, G_FILE_TEST_IS_DIR) ? NULL : strrchr(base, '.');
  if (dot && dot > base) *dot = 0;
  g_autofree char *valid = g_utf8_make_valid(base, -1);
  GString *s = g_string_new(NULL);
  for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (g_unichar_isalnum(c) || strchr("._+-", (int)(c < 128 ? c : 'x')))
      g_string_append_unichar(s, g_unichar_tolower(c));
    else if (s->len && s->str[s->len - 1] != '-')
      g_string_append_c(s, '-');
  }
  if (!s->len) g_string_assign(s, "model");
  return g_string_free(s, FALSE);
}

static void defaults_for(KlModel *m, bool causal, const char *const *transformer) {
  static const char *const distilled[] = {"self-forcing", "self_forcing", "selfforcing", "longlive", "causal",
                                          "dmd",          "distill",      "lightx2v",    "turbo",    NULL};
  static const char *const few[][2] = {
      {"steps", "4"}, {"guidance", "1"}, {"shift", "5"}, {"solver", "few-step"}, {"length", "81f"}};
  static const char *const full[][2] = {
      {"steps", "50"}, {"guidance", "5"}, {"shift", "5"}, {"solver", "unipc"}, {"length", "81f"}};
  bool quick = causal || mentions(transformer[0], distilled);
  for (size_t i = 0; i < G_N_ELEMENTS(few); i++)
    kl_job_set(m->defaults, (quick ? few : full)[i][0], (quick ? few : full)[i][1], NULL);
  m->family = g_strdup(causal ? "wan-causal" : "wan");
}

static const char *const looked_for[KL_PARTS] = {"a Wan transformer (*.safetensors, its shards, or *.gguf)",
                                                 "a UMT5 text encoder (*.safetensors or *.gguf)",
                                                 "tokenizer.json or spiece.model",
                                                 "a Wan VAE or TAEHV (*.safetensors or *.gguf)", NULL};

static bool choose(KlModel *m, GPtrArray *found, Files *f, const char *only, const char *const *given,
                   const char *shown, GError **error) {
  static const char *const text_pickle[] = {"umt5", "t5", NULL}, *const vae_pickle[] = {"vae", "tae", NULL};
  bool causal = false;
  for (int part = 0; part < KL_PARTS; part++) {
    Candidate *best = NULL;
    if (given && given[part]) {
      g_strfreev(m->parts[part]);
      m->parts[part] = g_new0(char *, 2);
      m->parts[part][0] = g_canonicalize_filename(given[part], NULL);
      continue;
    }
    if (part == KL_PART_UPSCALER) continue;
    if (part == KL_PART_TOKENIZER) {
      const char *pick = NULL;
      static const char *const umt5[] = {"umt5", "google", "tokenizer/", NULL};
      for (guint i = 0; i < f->tokenizer->len; i++)
        if (!pick || (mentions(f->tokenizer->pdata[i], umt5) && !mentions(pick, umt5)))
          pick = f->tokenizer->pdata[i];
      if (pick) {
        g_strfreev(m->parts[part]);
        m->parts[part] = g_new0(char *, 2);
        m->parts[part][0] = g_canonicalize_filename(pick, NULL);
        continue;
      }
    }
    if (part == KL_PART_TOKENIZER) {
      char *inside = kl_model_embedded_tokenizer(m->parts[KL_PART_TEXT_ENCODER][0]);
      if (inside) {
        g_strfreev(m->parts[part]);
        m->parts[part] = g_new0(char *, 2);
        m->parts[part][0] = inside;
        continue;
      }
    }
    for (guint i = 0; i < found->len; i++) {
      Candidate *c = found->pdata[i];
      if ((int)c->part != part) continue;
      if (part == KL_PART_TRANSFORMER && only && !g_strv_contains((const char *const *)c->files, only))
        continue;
      if (!best || c->rank < best->rank) best = c;
    }
    if (!best) {
      const char *why = NULL;
      for (guint i = 0; i < f->pickles->len; i++)
        if ((part == KL_PART_TEXT_ENCODER && mentions(f->pickles->pdata[i], text_pickle)) ||
            (part == KL_PART_VAE && mentions(f->pickles->pdata[i], vae_pickle)))
          why = f->pickles->pdata[i];
      g_autofree char *base = why ? g_filename_display_basename(why) : NULL;
      if (why)
        return kl_gfail(error, KL_ERROR_INPUT,
                        "%s: the %s is a Python pickle (%s), which may run code and is not read: get it as "
                        "safetensors or GGUF",
                        shown, kl_model_part_name(part), base);
      if (f->broken->len)
        return kl_gfail(error, KL_ERROR_INPUT, "%s: no %s: %s", shown, kl_model_part_name(part),
                        (char *)f->broken->pdata[0]);
      return kl_gfail(error, KL_ERROR_INPUT, "%s: no %s: looked for %s", shown, kl_model_part_name(part),
                      looked_for[part]);
    }
    g_strfreev(m->parts[part]);
    m->parts[part] = g_strdupv(best->files);
    if (part == KL_PART_TRANSFORMER) causal = best->causal;
  }
  defaults_for(m, causal, (const char *const *)m->parts[KL_PART_TRANSFORMER]);
  return true;
}

KlModel *kl_model_scan(const char *path, GError **error) {
  return kl_model_scan_with(path, NULL, error);
}

KlModel *kl_model_scan_with(const char *path, const char *const *given, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  bool dir = g_file_test(path, G_FILE_TEST_IS_DIR);
  g_autofree char *root = dir ? g_strdup(full) : root_of(full);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    kl_gfail(error, KL_ERROR_INPUT, "there is no model at %s", shown);
    return NULL;
  }
  Files f = {g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free),
             g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free), 0};
  list(root, 0, &f);
  g_autoptr(GPtrArray) found = candidates(&f);
  g_autoptr(KlModel) m = kl_model_new_("folder");
  m->folder = g_strdup(root);
  m->name = tidy_name(path);
  m->title = g_strdup(m->name);
  bool ok = true;
  if (!dir) { /* the file itself must be a transformer we can read, and its own error is the one to tell */
    KlErr err = KL_ERR_INIT;
    KlWeights *w = NULL;
    const char *one = full;
    ok = shard_stem(full) || kl_weights_open(&one, 1, &w, &err);
    if (!ok) kl_gerr_input(error, &err);
    kl_weights_free(&w);
  }
  ok = ok && choose(m, found, &f, dir ? NULL : full, given, shown, error);
  g_ptr_array_unref(f.weights);
  g_ptr_array_unref(f.tokenizer);
  g_ptr_array_unref(f.pickles);
  g_ptr_array_unref(f.broken);
  return ok ? g_steal_pointer(&m) : NULL;
}
