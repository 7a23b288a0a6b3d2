/* Sums of model files, and the memory of them. */
#include "app/core/model_catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1u << 20)
#define WHOLE (64u << 20) /* files up to this are read whole for the identity */
#define SAMPLES 256
#define SAMPLE 4096u

static bool open_file(const char *path, int *fd, struct stat *st, GError **error) {
  *fd = open(path, O_RDONLY | O_CLOEXEC);
  if (*fd >= 0 && !fstat(*fd, st) && S_ISREG(st->st_mode)) return true;
  int e = *fd < 0 ? errno : EINVAL;
  if (*fd >= 0) close(*fd);
  g_autofree char *shown = g_filename_display_name(path);
  return kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown,
                  e == EINVAL ? "not a file" : g_strerror(e));
}

/* n bytes at offset into the sum. */
static bool digest(int fd, gint64 offset, guint64 n, GChecksum *sum, guchar *buf, const KlCancel *cancel) {
  while (n > 0) {
    ssize_t got = pread(fd, buf, (size_t)MIN(n, BLOCK), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || kl_cancelled(cancel)) return false;
    g_checksum_update(sum, buf, got);
    offset += got;
    n -= (guint64)got;
  }
  return true;
}

static bool stopped(const char *path, const KlCancel *cancel, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  if (kl_cancelled(cancel)) return kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
  return kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: it is shorter than it was, or damaged", shown);
}

char *kl_model_identity(const KlModel *m, const KlCancel *cancel, GError **error) {
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  guchar *buf = g_malloc(BLOCK);
  char *out = NULL;
  for (int part = 0; part < KL_PARTS; part++)
    for (char **p = m->parts[part]; *p; p++) {
      int fd = -1;
      struct stat st;
      if (!open_file(*p, &fd, &st, error)) goto out;
      guint64 size = (guint64)st.st_size;
      g_autofree char *head = g_strdup_printf("%d %" G_GUINT64_FORMAT "\n", part, size);
      g_checksum_update(sum, (const guchar *)head, -1);
      bool ok;
      if (size <= WHOLE) {
        ok = digest(fd, 0, size, sum, buf, cancel);
      } else {
        ok = digest(fd, 0, BLOCK, sum, buf, cancel);
        for (int i = 0; ok && i < SAMPLES; i++)
          ok = digest(fd, (gint64)((size - SAMPLE) / SAMPLES * (guint64)i), SAMPLE, sum, buf, cancel);
        ok = ok && digest(fd, (gint64)(size - 65536), 65536, sum, buf, cancel);
      }
      close(fd);
      if (!ok) {
        stopped(*p, cancel, error);
        goto out;
      }
    }
  out = g_strdup(g_checksum_get_string(sum));
out:
  g_free(buf);
  g_checksum_free(sum);
  return out;
}

/* ---- the cache: a key file, group = path, "size mtime_ns sum" ---- */

static char *cache_path(void) {
  return g_build_filename(g_get_user_cache_dir(), "kinoloom", "sums", NULL);
}

static char *stamp(const struct stat *st) {
  return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", (gint64)st->st_size,
                         (gint64)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* Keys of a GKeyFile may not hold any character, so a path is kept as its own sum. */
static char *cache_key(const char *path) {
  return g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);
}

static char *cached(const char *path, const struct stat *st) {
  g_autofree char *file = cache_path(), *key = cache_key(path), *now = stamp(st);
  g_autoptr(GKeyFile) kf = g_key_file_new();
  if (!g_key_file_load_from_file(kf, file, G_KEY_FILE_NONE, NULL)) return NULL;
  g_autofree char *then = g_key_file_get_string(kf, key, "stamp", NULL);
  g_autofree char *sum = g_key_file_get_string(kf, key, "sha256", NULL);
  return then && sum && !strcmp(then, now) && strlen(sum) == 64 ? g_steal_pointer(&sum) : NULL;
}

/* Failure only costs time later. */
static void remember(const char *path, const struct stat *st, const char *sum) {
  g_autofree char *file = cache_path(), *key = cache_key(path), *now = stamp(st),
                  *dir = g_path_get_dirname(file);
  g_autoptr(GKeyFile) kf = g_key_file_new();
  g_key_file_load_from_file(kf, file, G_KEY_FILE_NONE, NULL);
  g_key_file_set_string(kf, key, "stamp", now);
  g_key_file_set_string(kf, key, "sha256", sum);
  if (!g_mkdir_with_parents(dir, 0755)) g_key_file_save_to_file(kf, file, NULL);
}

char *kl_file_sha256(const char *path, bool use_cache, void (*read)(void *user, guint64 bytes), void *user,
                     const KlCancel *cancel, GError **error) {
  int fd = -1;
  struct stat st, after;
  if (!open_file(path, &fd, &st, error)) return NULL;
  char *out = use_cache ? cached(path, &st) : NULL;
  if (out) {
    close(fd);
    if (read) read(user, (guint64)st.st_size);
    return out;
  }
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  guchar *buf = g_malloc(BLOCK);
  bool ok = true;
  for (gint64 at = 0; ok && at < st.st_size; at += BLOCK) {
    guint64 n = (guint64)MIN((gint64)BLOCK, st.st_size - at);
    ok = digest(fd, at, n, sum, buf, cancel);
    if (ok && read) read(user, n);
  }
  if (ok) {
    out = g_strdup(g_checksum_get_string(sum));
    if (!fstat(fd, &after) && after.st_size == st.st_size && after.st_mtim.tv_sec == st.st_mtim.tv_sec &&
        after.st_mtim.tv_nsec == st.st_mtim.tv_nsec)
      remember(path, &st, out);
  } else {
    stopped(path, cancel, error);
  }
  g_free(buf);
  g_checksum_free(sum);
  close(fd);
  return out;
}

char *kl_model_sha256_if_known(const KlModel *m) {
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  bool ok = true;
  for (int part = 0; ok && part < KL_PARTS; part++)
    for (char **p = m->parts[part]; ok && *p; p++) {
      struct stat st;
      ok = !stat(*p, &st);
      g_autofree char *one = !ok                   ? NULL
                             : st.st_size <= WHOLE ? kl_file_sha256(*p, true, NULL, NULL, NULL, NULL)
                                                   : cached(*p, &st);
      ok = one != NULL;
      if (ok) g_checksum_update(sum, (const guchar *)one, -1);
    }
  char *out = ok ? g_strdup(g_checksum_get_string(sum)) : NULL;
  g_checksum_free(sum);
  return out;
}
