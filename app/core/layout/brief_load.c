/* Briefs from files. */
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

char *kl_brief_read_file(const char *path, gsize most, gsize *n, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  bool std = !strcmp(path, "-");
  if (!std && g_file_test(path, G_FILE_TEST_IS_DIR)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s is a folder", shown);
    return NULL;
  }
  FILE *f = std ? stdin : fopen(path, "rbe");
  if (!f) {
    kl_gfail(error, KL_ERROR_INPUT, "cannot open %s: %s", shown, g_strerror(errno));
    return NULL;
  }
  char *text = g_malloc(most + 2);
  *n = fread(text, 1, most + 1, f);
  int failed = ferror(f) ? errno : 0;
  if (!std) fclose(f);
  if (!failed && *n <= most) {
    text[*n] = 0;
    return text;
  }
  if (failed)
    kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown, g_strerror(failed));
  else
    kl_gfail(error, KL_ERROR_INPUT, "%s is longer than it may be (%zu MiB)", shown, most >> 20);
  g_free(text);
  return NULL;
}

KlBrief *kl_brief_load(const char *path, GError **error) {
  gsize n;
  bool std = !strcmp(path, "-");
  g_autofree char *shown = std ? g_strdup("standard input") : g_filename_display_name(path);
  g_autofree char *text = kl_brief_read_file(path, KL_BRIEF_MAX, &n, error);
  g_autofree char *full = std ? NULL : g_canonicalize_filename(path, NULL);
  g_autofree char *folder = std ? g_get_current_dir() : g_path_get_dirname(full);
  if (!text) return NULL;
  gsize skip = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
  gsize blank = skip + strspn(text + skip, " \t\r\n");
  if (blank >= n) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: the brief is empty", shown);
    return NULL;
  }
  return (text[blank] == '{' ? kl_brief_parse_json : kl_brief_parse_markdown)(text + skip, n - skip, shown,
                                                                              folder, error);
}
