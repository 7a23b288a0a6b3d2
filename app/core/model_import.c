/* copy_file_range */
#define _GNU_SOURCE

/* Takes models in (an index; nothing is copied unless asked) and checks them. */
#include "app/core/model_catalogue.h"

#include "app/core/model_internal.h"
#include "engine/formats/tokenizer.h"
#include "engine/formats/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  void (*read)(void *user, guint64 done, guint64 total);
  void *user;
  guint64 done, total;
} Meter;

static void metered(void *user, guint64 bytes) {
  Meter *m = user;
  m->done += bytes;
  if (m->read) m->read(m->user, m->done, m->total);
}

static bool write_whole(const char *path, const char *text, GError **error) {
  g_autofree char *part = g_strconcat(path, ".part", NULL), *shown = g_filename_display_name(path);
  int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  size_t n = strlen(text), at = 0;
  bool ok = fd >= 0;
  while (ok && at < n) {
    ssize_t w = write(fd, text + at, n - at);
    if (w < 0 && errno == EINTR) continue;
    ok = w > 0;
    if (ok) at += (size_t)w;
  }
  ok = ok && !fsync(fd);
  int e = errno;
  if (fd >= 0) close(fd);
  if (ok && !g_rename(part, path)) return true;
  if (ok) e = errno;
  g_unlink(part);
  return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(e));
}

static bool copy_file(const char *from, const char *to, const KlCancel *cancel, GError **error) {
  g_autofree char *part = g_strconcat(to, ".part", NULL), *shown = g_filename_display_name(to);
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644),
      e = 0;
  struct stat st;
  bool ok = in >= 0 && out >= 0 && !fstat(in, &st);
  for (off_t left = ok ? st.st_size : 0; ok && left > 0;) {
    ssize_t n =
        kl_cancelled(cancel) ? -1 : copy_file_range(in, NULL, out, NULL, (size_t)MIN(left, 16 << 20), 0);
    if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS) && !kl_cancelled(cancel)) {
      char buf[65536];
      n = read(in, buf, sizeof buf);
      if (n > 0 && write(out, buf, (size_t)n) != n) n = -1;
    }
    ok = n > 0;
    if (ok) left -= n;
  }
  ok = ok && !fsync(out);
  if (!ok) e = errno;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  if (ok && !g_rename(part, to)) return true;
  g_unlink(part);
  if (kl_cancelled(cancel)) return kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
  return kl_gfail(error, KL_ERROR_IO, "cannot copy to %s: %s", shown, g_strerror(e ? e : errno));
}

/* One string, or a list of them. */
static json_t *paths_value(char **paths) {
  if (g_strv_length(paths) == 1) return json_string(paths[0]);
  json_t *a = json_array();
  for (; *paths; paths++) json_array_append_new(a, json_string(*paths));
  return a;
}

static json_t *strings_value(char **s) {
  json_t *a = json_array();
  for (; *s; s++) json_array_append_new(a, json_string(*s));
  return a;
}

static bool add_sums(const KlModel *m, const KlImport *how, json_t *root, GError **error) {
  Meter meter = {how->read, how->user, 0, kl_model_bytes(m)};
  json_t *list = json_array();
  json_object_set_new(root, "files", list);
  for (int part = 0; part < KL_PARTS; part++)
    for (char **p = m->parts[part]; *p; p++) {
      struct stat st;
      g_autofree char *sum = kl_file_sha256(*p, true, metered, &meter, how->cancel, error);
      if (!sum) return false;
      if (stat(*p, &st)) st.st_size = 0;
      json_array_append_new(
          list, json_pack("{s:s, s:I, s:s}", "path", *p, "size", (json_int_t)st.st_size, "sha256", sum));
    }
  return true;
}

static char *index_text(const KlModel *m, const KlImport *how, GError **error) {
  json_t *root =
      json_pack("{s:i, s:s, s:s, s:s}", "format", 1, "name", m->name, "title", m->title, "family", m->family);
  char *out = NULL;
  g_autofree char *defaults = kl_job_serialise(m->defaults, false);
  json_t *d = json_loads(defaults, 0, NULL);
  if (m->license) json_object_set_new(root, "license", json_string(m->license));
  for (int i = 0; i < KL_PARTS; i++)
    if (m->parts[i][0] && json_object_set_new(root, kl_model_part_name(i), paths_value(m->parts[i]))) {
      kl_gfail(error, KL_ERROR_INPUT, "a file name of the model is not valid UTF-8");
      goto out;
    }
  if (m->size_multiple) json_object_set_new(root, "size_multiple", json_integer(m->size_multiple));
  json_object_del(d, "kinoloom_job");
  json_object_set(root, "defaults", d);
  json_object_set_new(root, "words", kl_model_words_json_(m));
  json_object_set_new(root, "examples", strings_value(m->examples));
  if (add_sums(m, how, root, error)) {
    char *raw = json_dumps(root, JSON_INDENT(2));
    out = g_strconcat(raw, "\n", NULL);
    free(raw);
  }
out:
  json_decref(d);
  json_decref(root);
  return out;
}

static bool copy_parts(KlModel *m, int from, int to_part, const char *dir, const KlImport *how,
                       GError **error) {
  for (int part = from; part < to_part; part++)
    for (char **p = m->parts[part]; *p; p++) {
      g_autofree char *base = g_path_get_basename(*p);
      g_autofree char *name = g_str_has_prefix(base, kl_model_part_name(part))
                                  ? g_strdup(base)
                                  : g_strconcat(kl_model_part_name(part), "-", base, NULL);
      char *to = g_build_filename(dir, name, NULL);
      if (!copy_file(*p, to, how->cancel, error)) {
        g_free(to);
        return false;
      }
      g_free(*p);
      *p = to;
    }
  return true;
}

KlModel *kl_model_import(const char *path, const KlImport *how, GError **error) {
  g_autofree char *inside = g_build_filename(path, "model.json", NULL), *user = kl_catalogue_user_folder();
  g_autoptr(KlModel) m = g_file_test(inside, G_FILE_TEST_IS_REGULAR)
                             ? kl_model_read(inside, "folder", error)
                             : kl_model_scan_with(path, how->part, error);
  if (!m) return NULL;
  if (how->name) {
    if (!*how->name || strchr(how->name, '/') || how->name[0] == '.' ||
        !g_utf8_validate(how->name, -1, NULL)) {
      kl_gfail(error, KL_ERROR_USAGE, "'%.60s' cannot be a model's name",
               g_utf8_validate(how->name, -1, NULL) ? how->name : "?");
      return NULL;
    }
    g_free(m->name);
    m->name = g_strdup(how->name);
  }
  g_autofree char *dir = g_build_filename(user, m->name, NULL),
                  *file = g_build_filename(dir, "model.json", NULL), *shown = g_filename_display_name(dir);
  if (g_file_test(file, G_FILE_TEST_EXISTS) && !how->replace) {
    kl_gfail(error, KL_ERROR_EXISTS,
             "a model '%s' is imported already: -y replaces its index, --name gives another name", m->name);
    return NULL;
  }
  if (g_mkdir_with_parents(dir, 0755)) {
    kl_gfail(error, KL_ERROR_IO, "cannot make the folder %s: %s", shown, g_strerror(errno));
    return NULL;
  }
  g_autofree char *cache = kl_model_embedded_folder();
  if (how->copy ? !copy_parts(m, 0, KL_PARTS, dir, how, error)
                : g_str_has_prefix(m->parts[KL_PART_TOKENIZER][0], cache) && /* a cache may be emptied */
                      !copy_parts(m, KL_PART_TOKENIZER, KL_PART_TOKENIZER + 1, dir, how, error))
    return NULL;
  g_autofree char *text = index_text(m, how, error);
  if (!text || !write_whole(file, text, error)) {
    g_rmdir(dir); /* only if nothing is in it */
    return NULL;
  }
  return kl_model_read(file, "imported", error);
}

/* ---- removing ---- */

#define ASIDE ".removed-"

static char *aside_path(const char *name) {
  g_autofree char *user = kl_catalogue_user_folder(), *entry = g_strconcat(ASIDE, name, NULL);
  return g_build_filename(user, entry, NULL);
}

/* A folder of ours holds files only. */
static void delete_folder(const char *path) {
  GDir *dir = g_dir_open(path, 0, NULL);
  const char *entry;
  while (dir && (entry = g_dir_read_name(dir))) {
    g_autofree char *file = g_build_filename(path, entry, NULL);
    g_unlink(file);
  }
  if (dir) g_dir_close(dir);
  g_rmdir(path);
}

static bool move_folder(const char *from, const char *to, GError **error) {
  g_autofree char *shown = g_filename_display_name(from);
  if (!g_rename(from, to)) return true;
  return kl_gfail(error, KL_ERROR_IO, "cannot move %s: %s", shown, g_strerror(errno));
}

bool kl_model_remove(const KlModel *m, GError **error) {
  g_autofree char *folder = kl_catalogue_user_folder(), *user = g_canonicalize_filename(folder, NULL),
                  *parent = g_path_get_dirname(m->folder), *name = g_path_get_basename(m->folder),
                  *aside = aside_path(name);
  if (strcmp(m->origin, "imported") || strcmp(parent, user))
    return kl_gfail(error, KL_ERROR_INVALID, "the model '%s' was not imported", m->name);
  delete_folder(aside);
  return move_folder(m->folder, aside, error);
}

bool kl_model_restore(const char *name, GError **error) {
  g_autofree char *user = kl_catalogue_user_folder(), *aside = aside_path(name),
                  *dir = g_build_filename(user, name, NULL);
  if (!g_file_test(aside, G_FILE_TEST_IS_DIR))
    return kl_gfail(error, KL_ERROR_INPUT, "no removed model '%s' is there any more", name);
  if (g_file_test(dir, G_FILE_TEST_EXISTS))
    return kl_gfail(error, KL_ERROR_EXISTS, "there is another model '%s' now", name);
  return move_folder(aside, dir, error);
}

void kl_model_forget_removed(void) {
  g_autofree char *user = kl_catalogue_user_folder();
  g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
  GDir *dir = g_dir_open(user, 0, NULL);
  const char *entry;
  while (dir && (entry = g_dir_read_name(dir)))
    if (g_str_has_prefix(entry, ASIDE)) g_ptr_array_add(gone, g_build_filename(user, entry, NULL));
  if (dir) g_dir_close(dir);
  for (guint i = 0; i < gone->len; i++) delete_folder(gone->pdata[i]);
}

/* ---- verifying ---- */

static bool check_weights(char **files, const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w = NULL;
  bool ok = kl_weights_open((const char *const *)files, (int)g_strv_length(files), &w, &err) &&
            kl_weights_check(w, &err);
  kl_weights_free(&w);
  if (kl_cancelled(cancel)) return kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
  return ok || kl_gerr_input(error, &err);
}

static bool check_recorded(const KlModel *m, int *checked, Meter *meter, const KlCancel *cancel,
                           GError **error) {
  for (guint i = 0; i < m->recorded->len; i++) {
    const KlModelFile *f = &g_array_index(m->recorded, KlModelFile, i);
    g_autofree char *shown = g_filename_display_name(f->path);
    struct stat st;
    if (stat(f->path, &st))
      return kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown, g_strerror(errno));
    if ((guint64)st.st_size != f->size)
      return kl_gfail(error, KL_ERROR_FORMAT,
                      "%s has %" G_GINT64_FORMAT " bytes; %" G_GUINT64_FORMAT " were recorded", shown,
                      (gint64)st.st_size, f->size);
    if (!f->sha256) continue;
    g_autofree char *sum = kl_file_sha256(f->path, false, metered, meter, cancel, error);
    if (!sum) return false;
    if (strcmp(sum, f->sha256))
      return kl_gfail(error, KL_ERROR_FORMAT, "%s is not the file that was recorded: its SHA-256 is %s",
                      shown, sum);
    ++*checked;
  }
  return true;
}

bool kl_model_verify(const KlModel *m, int *checked, void (*read)(void *user, guint64 done, guint64 total),
                     void *user, const KlCancel *cancel, GError **error) {
  int n = 0;
  Meter meter = {read, user, 0, kl_model_bytes(m)};
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t = NULL;
  if (!check_recorded(m, &n, &meter, cancel, error)) return false;
  if (checked) *checked = n;
  if (!kl_tokenizer_open(m->parts[KL_PART_TOKENIZER][0], &t, &err)) return kl_gerr_input(error, &err);
  kl_tokenizer_free(&t);
  for (int part = 0; part < KL_PARTS; part++)
    if (part != KL_PART_TOKENIZER && m->parts[part][0] && !check_weights(m->parts[part], cancel, error))
      return false;
  return true;
}
