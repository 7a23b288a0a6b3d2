/* A layout as JSON: what is accepted can be written and read again, checked, measured and scored. */
#include "app/core/layout/layout.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char json[] = "{\"kinoloom_brief\": 1, \"title\": \"a\", \"body\": \"some words\"}";
  g_autoptr(GError) error = NULL;
  g_autoptr(KlLayout) l = kl_layout_parse((const char *)data, size, "input", &error);
  if (!l) {
    if (!error || !error->message[0]) abort();
    return 0;
  }
  g_autofree char *text = kl_layout_serialise(l);
  g_autoptr(KlLayout) again = kl_layout_parse(text, strlen(text), "again", &error);
  if (!again) abort();
  g_autofree char *second = kl_layout_serialise(again);
  if (strcmp(text, second)) abort();
  g_autoptr(KlBrief) b = kl_brief_parse_json(json, strlen(json), "brief", NULL, NULL);
  g_auto(GStrv) missing = NULL;
  if (kl_layout_check(l, b, &missing, NULL)) {
    g_strfreev(kl_layout_overflow(l, b, NULL));
    if (!(kl_layout_score(l, b).total >= 0)) abort();
  }
  return 0;
}
