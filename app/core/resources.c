#include "app/core/resources.h"

#include "core-resources.h"

const char *kl_resource_text(const char *path) {
  char *full = g_strconcat("/org/kinoloom/core", path, NULL);
  GBytes *b = g_resource_lookup_data(kl_core_get_resource(), full, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  g_assert(b);
  const char *text =
      g_bytes_get_data(b, NULL); /* in the program's own image, followed by a zero (GLib's promise) */
  g_bytes_unref(b);
  g_free(full);
  return text;
}
