#include "ui/settings.h"

static GSettingsSchema *schema(void) {
  static const char id[] = "org.kinoloom.Studio";
  GSettingsSchemaSource *system = g_settings_schema_source_get_default();
  GSettingsSchema *s = system ? g_settings_schema_source_lookup(system, id, TRUE) : NULL;
  g_autoptr(GError) error = NULL;
  if (s) return s;
  GSettingsSchemaSource *built =
      g_settings_schema_source_new_from_directory(KL_BUILT_SCHEMAS, system, FALSE, &error);
  if (built) s = g_settings_schema_source_lookup(built, id, FALSE);
  g_clear_pointer(&built, g_settings_schema_source_unref);
  if (!s)
    g_error("the settings schema %s is not installed%s%s", id, error ? ": " : "",
            error ? error->message : "");
  return s;
}

GSettings *kl_settings(void) {
  static GSettings *settings;
  if (!settings) {
    GSettingsSchema *s = schema();
    settings = g_settings_new_full(s, NULL, NULL);
    g_settings_schema_unref(s);
  }
  return settings;
}

static void fill(KlJobSpec *under, const char *key, char *text) {
  kl_job_set(under, key, text, NULL); /* a value that somebody wrote by hand and that is none stays open */
  g_free(text);
}

void kl_settings_fill_job(KlJobSpec *job) {
  GSettings *s = kl_settings();
  g_autoptr(KlJobSpec) under = kl_job_new();
  guint64 memory = g_settings_get_uint64(s, "memory");
  fill(under, "device", g_settings_get_string(s, "device"));
  fill(under, "threads", g_strdup_printf("%u", g_settings_get_uint(s, "threads")));
  fill(under, "provenance", g_strdup(g_settings_get_boolean(s, "provenance") ? "true" : "false"));
  if (memory) fill(under, "memory", g_strdup_printf("%" G_GUINT64_FORMAT, memory));
  kl_job_merge(job, under);
}

char *kl_settings_folder(const char *key) {
  char *path = g_settings_get_string(kl_settings(), key);
  if (!*path) g_clear_pointer(&path, g_free);
  return path;
}
