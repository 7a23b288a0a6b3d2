#include "app/core/typeset/icons.h"

#include "app/core/near.h"

#include "typeset-resources.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/org/kinoloom/typeset/icons-infographic/"
#define THEME "/usr/share/icons/Adwaita/"

/* Other words for them. */
static const char *const also[][2] = {
    {"house", "home"},       {"water", "drop"},
    {"money", "coin"},       {"dollar", "coin"},
    {"energy", "bolt"},      {"electricity", "bolt"},
    {"power", "plug"},       {"time", "clock"},
    {"location", "pin"},     {"place", "pin"},
    {"world", "globe"},      {"earth", "globe"},
    {"idea", "bulb"},        {"light", "bulb"},
    {"user", "person"},      {"users", "people"},
    {"team", "people"},      {"family", "people"},
    {"love", "heart"},       {"health", "heart"},
    {"goal", "target"},      {"date", "calendar"},
    {"growth", "trend"},     {"graph", "chart"},
    {"settings", "gear"},    {"security", "shield"},
    {"email", "mail"},       {"message", "chat"},
    {"education", "school"}, {"university", "school"},
    {"science", "flask"},    {"plant", "leaf"},
    {"forest", "tree"},      {"nature", "leaf"},
    {"coffee", "cup"},       {"tea", "cup"},
    {"sleep", "bed"},        {"dog", "paw"},
    {"cat", "paw"},          {"pet", "paw"},
    {"bicycle", "bike"},     {"flight", "plane"},
    {"city", "building"},    {"office", "building"},
    {"industry", "factory"}, {"temperature", "thermometer"},
    {"snow", "snowflake"},   {"ocean", "wave"},
    {"sea", "wave"},         {"flame", "fire"},
    {"photo", "camera"},     {"image", "camera"},
    {"tool", "wrench"},      {"tools", "wrench"},
    {"yes", "check"},        {"no", "cross"},
    {"add", "plus"},         {"alert", "warning"},
    {"help", "question"},    {"award", "trophy"},
    {"meal", "food"},        {"restaurant", "food"},
    {"fruit", "apple"},      {"internet", "wifi"},
    {"voice", "microphone"}, {"mind", "brain"},
    {"laptop", "computer"},  {"piece", "puzzle"},
};

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *const *kl_icon_names(void) {
  static gsize once;
  static char **names;
  if (g_once_init_enter(&once)) {
    char **files =
        g_resource_enumerate_children(kl_typeset_get_resource(), FOLDER, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    GPtrArray *a = g_ptr_array_new();
    for (int i = 0; files && files[i]; i++) g_ptr_array_add(a, g_strndup(files[i], strcspn(files[i], ".")));
    g_strfreev(files);
    qsort(a->pdata, a->len, sizeof *a->pdata, by_name);
    g_ptr_array_add(a, NULL);
    names = (char **)g_ptr_array_free(a, FALSE);
    g_once_init_leave(&once, 1);
  }
  return (const char *const *)names;
}

static const char *own(const char *name) {
  g_autofree char *path = g_strconcat(FOLDER, name, ".svg", NULL);
  GBytes *b = g_resource_lookup_data(kl_typeset_get_resource(), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  if (!b) return NULL;
  const char *svg = g_bytes_get_data(b, NULL); /* in the program's image, zero-terminated */
  g_bytes_unref(b);
  return svg;
}

/* Symbolic icons are black shapes: made to follow the colour. Kept for the life of the program. */
static const char *themed(const char *name) {
  static GMutex mutex;
  static GHashTable *loaded;
  static const char *const contexts[] = {"actions", "categories", "devices", "emblems", "emotes",
                                         "legacy",  "mimetypes",  "places",  "status",  "ui"};
  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum(*p) && *p != '-') return NULL;
  g_mutex_lock(&mutex);
  if (!loaded) loaded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  char *svg = g_hash_table_lookup(loaded, name);
  for (gsize i = 0; !svg && i < G_N_ELEMENTS(contexts); i++) {
    g_autofree char *path = g_strdup_printf(THEME "symbolic/%s/%s-symbolic.svg", contexts[i], name);
    g_autofree char *text = NULL;
    gsize n;
    if (!g_file_get_contents(path, &text, &n, NULL) || !g_utf8_validate(text, (gssize)n, NULL)) continue;
    char *tag = strstr(text, "<svg");
    if (!tag) continue;
    svg = g_strconcat("<svg fill=\"currentColor\"", tag + 4, NULL);
    g_hash_table_insert(loaded, g_strdup(name), svg);
  }
  g_mutex_unlock(&mutex);
  return svg;
}

const char *kl_icon_svg(const char *name, const char **near) {
  g_autofree char *lower = g_ascii_strdown(name, -1);
  g_strdelimit(g_strstrip(lower), " _", '-');
  const char *svg = strchr(lower, '/') ? NULL : own(lower);
  for (gsize i = 0; !svg && i < G_N_ELEMENTS(also); i++)
    if (!strcmp(lower, also[i][0])) svg = own(also[i][1]);
  if (!svg) svg = themed(lower);
  if (near) *near = svg ? NULL : kl_near(lower, kl_icon_names());
  return svg;
}
