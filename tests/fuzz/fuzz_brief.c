/* A brief as JSON or Markdown: what is accepted can be written and read again, and the same comes out. */
#include "app/core/layout/brief.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static KlBrief *parse(const char *text, size_t size, bool json, GError **error) {
  return json ? kl_brief_parse_json(text, size, "input", NULL, error)
              : kl_brief_parse_markdown(text, size, "input", NULL, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (int json = 0; json < 2; json++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBrief) b = parse((const char *)data, size, json, &error);
    if (!b) {
      if (!error || !error->message[0]) abort();
      continue;
    }
    if (error) abort();
    g_autofree char *text = kl_brief_serialise(b);
    g_autoptr(KlBrief) again = parse(text, strlen(text), true, &error);
    if (!again) abort();
    g_autofree char *second = kl_brief_serialise(again);
    if (strcmp(text, second)) abort();
  }
  return 0;
}
