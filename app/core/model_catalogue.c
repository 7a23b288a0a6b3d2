#include "app/core/model_catalogue.h"

#include "app/core/model_internal.h"
#include "engine/base/log.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

const char *kl_model_part_name(KlModelPart part) {
  static const char *const names[KL_PARTS] = {"transformer", "text_encoder", "tokenizer", "vae", "upscaler"};
  return names[part];
}

static void file_clear(void *p) {
  KlModelFile *f = p;
  g_free(f->path);
  g_free(f->sha256);
}

void kl_model_free(KlModel *m) {
  if (!m) return;
  g_free(m->name);
  g_free(m->title);
  g_free(m->license);
  g_free(m->family);
  g_free(m->folder);
  for (int i = 0; i < KL_PARTS; i++) g_strfreev(m->parts[i]);
  for (int i = 0; i < KL_WORD_LISTS; i++) g_strfreev(m->words[i]);
  if (m->vocabulary) g_array_unref(m->vocabulary);
  g_strfreev(m->examples);
  kl_job_free(m->defaults);
  if (m->recorded) g_array_unref(m->recorded);
  g_free(m);
}

KlModel *kl_model_new_(const char *origin) {
  KlModel *m = g_new0(KlModel, 1);
  m->origin = origin;
  m->defaults = kl_job_new();
  m->recorded = g_array_new(FALSE, TRUE, sizeof(KlModelFile));
  g_array_set_clear_func(m->recorded, file_clear);
  for (int i = 0; i < KL_PARTS; i++) m->parts[i] = g_new0(char *, 1);
  for (int i = 0; i < KL_WORD_LISTS; i++) m->words[i] = g_new0(char *, 1);
  m->vocabulary = kl_model_vocabulary_new_();
  m->examples = g_new0(char *, 1);
  return m;
}

/* A string or a list of strings; with `folder`, relative ones become absolute. NULL: something else is there.
 */
static char **strings(const json_t *v, const char *folder) {
  g_autoptr(GPtrArray) a = g_ptr_array_new_with_free_func(g_free);
  size_t i, n = json_is_array(v) ? json_array_size(v) : v ? 1 : 0;
  for (i = 0; i < n; i++) {
    const char *s = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
    if (!s) return NULL;
    g_ptr_array_add(a, folder && !g_path_is_absolute(s) ? g_build_filename(folder, s, NULL) : g_strdup(s));
  }
  g_ptr_array_add(a, NULL);
  return (char **)g_ptr_array_steal(a, NULL);
}

static bool take_strings(char ***out, const json_t *root, const char *key, const char *folder,
                         const char *shown, GError **error) {
  char **s = strings(json_object_get(root, key), folder);
  if (!s)
    return kl_gfail(error, KL_ERROR_INPUT, "%s: \"%s\" is neither a text nor a list of texts", shown, key);
  g_strfreev(*out);
  *out = s;
  return true;
}

static bool read_recorded(KlModel *m, const json_t *list, const char *shown, GError **error) {
  size_t i;
  json_t *item;
  if (!list) return true;
  json_array_foreach(list, i, item) {
    const char *path = json_string_value(json_object_get(item, "path")),
               *sum = json_string_value(json_object_get(item, "sha256"));
    const json_t *size = json_object_get(item, "size");
    if (!path || !json_is_integer(size) || json_integer_value(size) < 0 || (sum && strlen(sum) != 64))
      return kl_gfail(error, KL_ERROR_INPUT,
                      "%s: entry %zu of \"files\" is not {\"path\", \"size\", \"sha256\"}", shown, i);
    KlModelFile f = {g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(m->folder, path, NULL),
                     (guint64)json_integer_value(size), g_strdup(sum)};
    g_array_append_val(m->recorded, f);
  }
  return true;
}

static bool read_fields(KlModel *m, const json_t *root, const char *shown, GError **error) {
  const json_t *defaults = json_object_get(root, "defaults"), *format = json_object_get(root, "format");
  const char *name = json_string_value(json_object_get(root, "name")),
             *title = json_string_value(json_object_get(root, "title"));
  const char *family = json_string_value(json_object_get(root, "family"));
  if (!json_is_object(root) || !name || !*name)
    return kl_gfail(error, KL_ERROR_INPUT, "%s is not a model: it has no \"name\"", shown);
  if (strchr(name, '/')) return kl_gfail(error, KL_ERROR_INPUT, "%s: a model's name has no '/'", shown);
  if (json_is_integer(format) && json_integer_value(format) > 1)
    return kl_gfail(error, KL_ERROR_INPUT, "%s was written by a newer Kinoloom (format %d)", shown,
                    (int)json_integer_value(format));
  const json_t *multiple = json_object_get(root, "size_multiple");
  if (multiple) m->size_multiple = (int)CLAMP(json_integer_value(multiple), 1, 4096);
  m->name = g_strdup(name);
  m->title = g_strdup(title ? title : name);
  m->family = g_strdup(family ? family : "wan");
  m->license = g_strdup(json_string_value(json_object_get(root, "license")));
  for (int i = 0; i < KL_PARTS; i++) {
    if (!take_strings(&m->parts[i], root, kl_model_part_name(i), m->folder, shown, error)) return false;
    if (!m->parts[i][0] && i != KL_PART_UPSCALER)
      return kl_gfail(error, KL_ERROR_INPUT, "%s: it has no \"%s\"", shown, kl_model_part_name(i));
  }
  if (!kl_model_read_words_(m, json_object_get(root, "words"), shown, error)) return false;
  if (!take_strings(&m->examples, root, "examples", NULL, shown, error)) return false;
  if (defaults && !kl_job_parse_fields(m->defaults, defaults, shown, error)) return false;
  return read_recorded(m, json_object_get(root, "files"), shown, error);
}

KlModel *kl_model_read(const char *path, const char *origin, GError **error) {
  json_error_t je;
  g_autofree char *shown = g_filename_display_name(path);
  g_autoptr(KlModel) m = kl_model_new_(origin);
  g_autofree char *dir = g_path_get_dirname(path);
  m->folder = g_canonicalize_filename(dir, NULL);
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
  if (!root) {
    if (je.line < 0)
      kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown, je.text);
    else
      kl_gfail(error, KL_ERROR_INPUT, "%s is not a model: line %d: %s", shown, je.line, je.text);
    return NULL;
  }
  bool ok = read_fields(m, root, shown, error);
  json_decref(root);
  return ok ? g_steal_pointer(&m) : NULL;
}

G_LOCK_DEFINE_STATIC(user_folder);
static char *user_folder; /* NULL: the usual one */

void kl_catalogue_set_user_folder(const char *path) {
  G_LOCK(user_folder);
  g_free(user_folder);
  user_folder = g_strdup(path);
  G_UNLOCK(user_folder);
}

char *kl_catalogue_user_folder(void) {
  G_LOCK(user_folder);
  char *chosen = g_strdup(user_folder);
  G_UNLOCK(user_folder);
  return chosen ? chosen : g_build_filename(g_get_user_data_dir(), "kinoloom", "models", NULL);
}

/* Folders that hold models, the strongest first. */
static GPtrArray *shelves(GPtrArray *origins) {
  GPtrArray *a = g_ptr_array_new_with_free_func(g_free);
  const char *env = g_getenv("KINOLOOM_MODELS");
  if (env && *env) {
    g_auto(GStrv) list = g_strsplit(env, ":", -1);
    for (char **p = list; *p; p++) {
      if (!**p) continue;
      g_ptr_array_add(a, g_strdup(*p));
      g_ptr_array_add(origins, "built-in");
    }
  }
  g_ptr_array_add(a, kl_catalogue_user_folder());
  g_ptr_array_add(origins, "imported");
  if (env && *env) return a; /* instead of the built-in places */
  g_ptr_array_add(a, g_build_filename(KL_DATADIR, "kinoloom", "models", NULL));
  g_ptr_array_add(origins, "built-in");
  g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL); /* a prefix that was moved */
  if (exe) {
    g_autofree char *bin = g_path_get_dirname(exe), *prefix = g_path_get_dirname(bin);
    g_ptr_array_add(a, g_build_filename(prefix, "share", "kinoloom", "models", NULL));
    g_ptr_array_add(origins, "built-in");
  }
  g_ptr_array_add(a, g_strdup(KL_SOURCE_MODELS));
  g_ptr_array_add(origins, "built-in");
  return a;
}

static int by_name(const void *a, const void *b) {
  const KlModel *x = *(KlModel *const *)a, *y = *(KlModel *const *)b;
  bool bx = !strcmp(x->origin, "built-in"), by = !strcmp(y->origin, "built-in");
  return bx != by ? (bx ? -1 : 1) : strcmp(x->name, y->name);
}

GPtrArray *kl_catalogue_list(void) {
  GPtrArray *out = g_ptr_array_new_with_free_func((GDestroyNotify)kl_model_free);
  g_autoptr(GPtrArray) origins = g_ptr_array_new();
  g_autoptr(GPtrArray) dirs = shelves(origins);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < dirs->len; i++) {
    GDir *dir = g_dir_open(dirs->pdata[i], 0, NULL);
    const char *entry;
    while (dir && (entry = g_dir_read_name(dir))) {
      g_autofree char *path = g_build_filename(dirs->pdata[i], entry, "model.json", NULL);
      g_autoptr(GError) e = NULL;
      if (entry[0] == '.' || !g_file_test(path, G_FILE_TEST_IS_REGULAR)) continue;
      KlModel *m = kl_model_read(path, origins->pdata[i], &e);
      if (!m)
        kl_log(KL_LOG_WARN, "%s", e->message);
      else if (!g_hash_table_add(seen, g_strdup(m->name)))
        kl_model_free(m);
      else
        g_ptr_array_add(out, m);
    }
    if (dir) g_dir_close(dir);
  }
  g_ptr_array_sort(out, by_name);
  return out;
}

static KlModel *find_path(const char *path, GError **error) {
  g_autofree char *inside = g_build_filename(path, "model.json", NULL);
  g_autofree char *base = g_path_get_basename(path);
  if (g_file_test(inside, G_FILE_TEST_IS_REGULAR)) return kl_model_read(inside, "folder", error);
  if (!strcmp(base, "model.json")) return kl_model_read(path, "folder", error);
  return kl_model_scan(path, error);
}

KlModel *kl_catalogue_find(const char *want, GError **error) {
  bool any = !want || !*want;
  if (!any && strchr(want, '/')) return find_path(want, error);
  g_autoptr(GPtrArray) all = kl_catalogue_list();
  g_autoptr(GString) names = g_string_new(NULL);
  for (guint i = 0; i < all->len; i++) {
    KlModel *m = all->pdata[i];
    if (any || !strcmp(m->name, want)) return g_ptr_array_steal_index(all, i);
    g_string_append_printf(names, "%s%s", i ? ", " : "", m->name);
  }
  if (!any && g_file_test(want, G_FILE_TEST_EXISTS)) return find_path(want, error);
  if (any)
    kl_gfail(error, KL_ERROR_INPUT, "no model is installed: `kinoloom models import PATH` takes one in");
  else if (!all->len)
    kl_gfail(error, KL_ERROR_INPUT,
             "there is no model '%.80s', nor any other: `kinoloom models import PATH` takes one in", want);
  else
    kl_gfail(error, KL_ERROR_INPUT, "there is no model '%.80s'; there is: %s", want, names->str);
  return NULL;
}

void kl_model_files(const KlModel *m, KlModelFiles *out) {
  *out = (KlModelFiles){
      .transformer = (const char *const *)m->parts[KL_PART_TRANSFORMER],
      .transformer_files = (int)g_strv_length(m->parts[KL_PART_TRANSFORMER]),
      .text_encoder = (const char *const *)m->parts[KL_PART_TEXT_ENCODER],
      .text_encoder_files = (int)g_strv_length(m->parts[KL_PART_TEXT_ENCODER]),
      .tokenizer = m->parts[KL_PART_TOKENIZER][0],
      .vae = (const char *const *)m->parts[KL_PART_VAE],
      .vae_files = (int)g_strv_length(m->parts[KL_PART_VAE]),
      .upscaler = m->parts[KL_PART_UPSCALER][0],
  };
}

guint64 kl_model_bytes(const KlModel *m) {
  guint64 total = 0;
  for (int i = 0; i < KL_PARTS; i++)
    for (char **p = m->parts[i]; *p; p++) {
      struct stat st;
      if (stat(*p, &st)) return 0;
      total += (guint64)st.st_size;
    }
  return total;
}
