#include "app/core/project/trash.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The trash for files of a disk: in the home folder if it is the same disk, else at its top. A new string. */
static char *trash_of(const char *path) {
  struct stat file, other;
  g_autofree char *home = g_build_filename(g_get_user_data_dir(), "Trash", NULL);
  g_mkdir_with_parents(home, 0700);
  if (lstat(path, &file)) return NULL;
  if (!stat(home, &other) && other.st_dev == file.st_dev) return g_steal_pointer(&home);
  g_autofree char *top = g_path_get_dirname(path);
  while (strcmp(top, "/")) {
    g_autofree char *up = g_path_get_dirname(top);
    if (stat(up, &other) || other.st_dev != file.st_dev) break;
    g_free(top);
    top = g_steal_pointer(&up);
  }
  return g_strdup_printf("%s/.Trash-%d", strcmp(top, "/") ? top : "", (int)getuid());
}

static bool write_info(const char *info, const char *path) {
  g_autoptr(GDateTime) now = g_date_time_new_now_local();
  g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE),
                  *date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
  g_autofree char *text = g_strdup_printf("[Trash Info]\nPath=%s\nDeletionDate=%s\n", escaped, date);
  return g_file_set_contents(info, text, -1, NULL);
}

char *kl_trash(const char *path, GError **error) {
  g_autofree char *full = g_canonicalize_filename(path, NULL), *trash = trash_of(full),
                  *shown = g_filename_display_name(full);
  g_autofree char *base = g_path_get_basename(full);
  if (!trash) {
    kl_gfail(error, KL_ERROR_IO, "cannot throw %s away: %s", shown, g_strerror(errno));
    return NULL;
  }
  g_autofree char *files = g_build_filename(trash, "files", NULL),
                  *infos = g_build_filename(trash, "info", NULL);
  if (g_mkdir_with_parents(files, 0700) || g_mkdir_with_parents(infos, 0700)) {
    kl_gfail(error, KL_ERROR_IO, "cannot throw %s away: %s", shown, g_strerror(errno));
    return NULL;
  }
  for (int n = 1;; n++) {
    g_autofree char *name = n > 1 ? g_strdup_printf("%s.%d", base, n) : g_strdup(base);
    g_autofree char *file_name = g_strconcat(name, ".trashinfo", NULL),
                    *info = g_build_filename(infos, file_name, NULL);
    char *to = g_build_filename(files, name, NULL);
    if (g_file_test(info, G_FILE_TEST_EXISTS) || g_file_test(to, G_FILE_TEST_EXISTS)) {
      g_free(to);
      continue;
    }
    if (write_info(info, full) && !g_rename(full, to)) return to;
    kl_gfail(error, KL_ERROR_IO, "cannot throw %s away: %s", shown, g_strerror(errno));
    g_unlink(info);
    g_free(to);
    return NULL;
  }
}

bool kl_untrash(const char *trashed, const char *path, GError **error) {
  g_autofree char *shown = g_filename_display_name(path), *files = g_path_get_dirname(trashed),
                  *trash = g_path_get_dirname(files), *base = g_path_get_basename(trashed),
                  *name = g_strconcat(base, ".trashinfo", NULL),
                  *info = g_build_filename(trash, "info", name, NULL);
  if (g_file_test(path, G_FILE_TEST_EXISTS))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s is there already", shown);
  if (g_rename(trashed, path))
    return kl_gfail(error, KL_ERROR_IO, "cannot bring %s back: %s", shown, g_strerror(errno));
  g_unlink(info);
  return true;
}
