#include "app/cli/cli.h"
#include "app/core/near.h"

#include <stdio.h>
#include <string.h>

static const CliOption *by_name(const CliOption *table, const char *name, size_t n) {
  for (const CliOption *o = table; o->name; o++)
    if (strlen(o->name) == n && !strncmp(o->name, name, n)) return o;
  return NULL;
}

static bool unknown(const CliOption *table, const char *arg, size_t n, GError **error) {
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  g_autofree char *given = g_strndup(arg, n), *shown = g_utf8_make_valid(given, -1);
  for (const CliOption *o = table; o->name; o++) g_ptr_array_add(names, (void *)o->name);
  g_ptr_array_add(names, NULL);
  const char *near = kl_near(shown + 2, (const char *const *)names->pdata);
  if (near) return kl_gfail(error, KL_ERROR_USAGE, "unknown option %.60s; did you mean --%s?", shown, near);
  return kl_gfail(error, KL_ERROR_USAGE, "unknown option %.60s", shown);
}

/* Puts the option in front of what is wrong with its value. */
static bool called(CliOn on, void *user, const CliOption *o, const char *v, const char *v2, GError **error) {
  GError *e = NULL;
  if (on(user, o, v, v2, &e)) return true;
  if (e->code == KL_ERROR_USAGE && o->value) g_prefix_error(&e, "--%s: ", o->name);
  g_propagate_error(error, e);
  return false;
}

static bool take(char ***argv, const CliOption *o, const char *joined, CliOn on, void *user, GError **error) {
  const char *v[2] = {NULL, NULL};
  int want = !o->value ? 0 : o->value2 ? 2 : 1, have = 0;
  if (joined) {
    if (want == 0) return kl_gfail(error, KL_ERROR_USAGE, "--%s takes no value", o->name);
    v[have++] = joined;
  }
  while (have < want) {
    if (!(*argv)[1])
      return kl_gfail(error, KL_ERROR_USAGE, "--%s needs %s%s%s", o->name, o->value, o->value2 ? " and " : "",
                      o->value2 ? o->value2 : "");
    v[have++] = *++*argv;
  }
  return called(on, user, o, v[0], v[1], error);
}

bool cli_parse(char **argv, const CliOption *table, CliOn on, void *user, GPtrArray *words, GError **error) {
  for (; *argv; argv++) {
    const char *a = *argv;
    if (!strcmp(a, "--")) {
      while (*++argv) g_ptr_array_add(words, *argv);
      return true;
    }
    if (a[0] != '-' || !a[1]) {
      g_ptr_array_add(words, (void *)a);
      continue;
    }
    if (a[1] == '-') {
      const char *eq = strchr(a, '=');
      size_t n = eq ? (size_t)(eq - a) : strlen(a);
      const CliOption *o = by_name(table, a + 2, n - 2);
      if (!o) return unknown(table, a, n, error);
      if (!take(&argv, o, eq ? eq + 1 : NULL, on, user, error)) return false;
      continue;
    }
    for (const char *p = a + 1; *p; p++) {
      const CliOption *o = table;
      while (o->name && o->letter != *p) o++;
      if (!o->name)
        return kl_gfail(error, KL_ERROR_USAGE, "unknown option -%c", g_ascii_isprint(*p) ? *p : '?');
      bool rest = o->value && p[1];
      if (!take(&argv, o, rest ? p + 1 : NULL, on, user, error)) return false;
      if (o->value) break;
    }
  }
  return true;
}

bool cli_whole(const char *text, gint64 least, gint64 most, gint64 *out, GError **error) {
  if (g_ascii_string_to_signed(text, 10, least, most, out, NULL)) return true;
  if (most == G_MAXINT64)
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a whole number from %" G_GINT64_FORMAT " on", text,
                    least);
  return kl_gfail(error, KL_ERROR_USAGE,
                  "'%.60s' is not a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, text, least,
                  most);
}

void cli_print_options(const CliOption *table) {
  for (const CliOption *o = table; o->name; o++) {
    char left[80];
    if (!o->help) continue;
    g_snprintf(left, sizeof left, "  %c%c%s --%s%s%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
               o->letter ? "," : " ", o->name, o->value ? " " : "", o->value ? o->value : "",
               o->value2 ? " " : "", o->value2 ? o->value2 : "");
    g_auto(GStrv) lines = g_strsplit(o->help, "\n", -1);
    for (int i = 0; lines[i]; i++) {
      if (i == 0 && strlen(left) > 29)
        printf("%s\n%30s%s\n", left, "", lines[i]);
      else
        printf("%-30s%s\n", i == 0 ? left : "", lines[i]);
    }
  }
}
