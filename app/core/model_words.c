/* What a model knows to say: groups of phrases, for lists, completion and the search for near words. */
#include "app/core/model_catalogue.h"
#include "app/core/model_internal.h"

#include <jansson.h>

const char *kl_model_words_name(KlModelWords group) {
  static const char *const names[KL_WORD_LISTS] = {"objects", "motions", "actions", "backdrops",
                                                   "sizes",   "speeds",  "colours"};
  return names[group];
}

const KlModelWord *kl_model_words(const KlModel *m, guint *n) {
  *n = m->vocabulary->len;
  return (const KlModelWord *)(void *)m->vocabulary->data;
}

static void word_clear(void *p) {
  KlModelWord *w = p;
  g_free((char *)w->text);
}

GArray *kl_model_vocabulary_new_(void) {
  GArray *a = g_array_new(FALSE, FALSE, sizeof(KlModelWord));
  g_array_set_clear_func(a, word_clear);
  return a;
}

static bool add(KlModel *m, KlModelWords group, const json_t *text, bool other) {
  const char *s = json_string_value(text);
  KlModelWord w = {s && *s ? g_strdup(s) : NULL, group, other};
  if (!w.text) return false;
  g_array_append_val(m->vocabulary, w);
  return true;
}

/* An entry is a phrase, or a list of one and others that mean the same. */
static bool read_group(KlModel *m, KlModelWords group, const json_t *list) {
  size_t i, k;
  json_t *entry, *form;
  if (!json_is_array(list)) return list == NULL;
  g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);
  json_array_foreach(list, i, entry) {
    if (!json_is_array(entry)) {
      if (!add(m, group, entry, false)) return false;
    } else if (!json_array_size(entry)) {
      return false;
    }
    json_array_foreach(entry, k, form) if (!add(m, group, form, k > 0)) return false;
    g_ptr_array_add(first,
                    g_strdup(json_string_value(json_is_array(entry) ? json_array_get(entry, 0) : entry)));
  }
  g_ptr_array_add(first, NULL);
  g_strfreev(m->words[group]);
  m->words[group] = (char **)g_ptr_array_steal(first, NULL);
  return true;
}

static bool read_groups(KlModel *m, const json_t *root, const char *shown, GError **error) {
  if (root && !json_is_object(root))
    return kl_gfail(error, KL_ERROR_INPUT, "%s: the words are not an object of lists", shown);
  for (int i = 0; i < KL_WORD_LISTS; i++)
    if (!read_group(m, (KlModelWords)i, json_object_get(root, kl_model_words_name((KlModelWords)i))))
      return kl_gfail(error, KL_ERROR_INPUT,
                      "%s: \"%s\" is not a list of phrases, or of lists of phrases that mean the same", shown,
                      kl_model_words_name((KlModelWords)i));
  return true;
}

bool kl_model_read_words_(KlModel *m, const json_t *value, const char *shown, GError **error) {
  json_error_t je;
  const char *name = json_string_value(value);
  if (!name) return read_groups(m, value, shown, error);
  g_autofree char *path = g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(m->folder, name, NULL);
  g_autofree char *file = g_filename_display_name(path);
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
  if (!root) return kl_gfail(error, KL_ERROR_INPUT, "cannot read the words in %s: %s", file, je.text);
  bool ok = read_groups(m, root, file, error);
  json_decref(root);
  return ok;
}

json_t *kl_model_words_json_(const KlModel *m) {
  guint n;
  const KlModelWord *w = kl_model_words(m, &n);
  json_t *root = json_object();
  for (guint i = 0; i < n;) {
    const char *group = kl_model_words_name(w[i].group);
    json_t *list = json_object_get(root, group), *entry = json_array();
    if (!list) json_object_set_new(root, group, list = json_array());
    do json_array_append_new(entry, json_string(w[i].text));
    while (++i < n && w[i].other);
    json_array_append(list, json_array_size(entry) == 1 ? json_array_get(entry, 0) : entry);
    json_decref(entry);
  }
  return root;
}

char *kl_model_words_text(const KlModel *m) {
  json_t *root = kl_model_words_json_(m);
  char *raw = json_dumps(root, JSON_INDENT(2)), *out = g_strdup(raw);
  free(raw);
  json_decref(root);
  return out;
}
