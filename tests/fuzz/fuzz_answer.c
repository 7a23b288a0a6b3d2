/* What a language model's server sends back: an HTTP answer, a chat completion in it, boxes in that. */
#include "app/core/layout/ask.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void boxes(const KlBrief *b, const char *text, size_t n) {
  g_autoptr(GArray) all = kl_ask_boxes(b, text, n);
  for (guint i = 0; i < all->len; i++) {
    const KlFixed *f = &g_array_index(all, KlFixed, i);
    KlBox x = f->box;
    if (!(x.x >= 0 && x.y >= 0 && x.w > 0 && x.h > 0 && x.x + x.w <= b->width && x.y + x.h <= b->height))
      abort();
    if (!kl_brief_item(b, f->id)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char json[] =
      "{\"kinoloom_brief\": 1, \"title\": \"a\", \"body\": [\"b\", \"c\"], \"background\": \"d\"}";
  g_autoptr(KlBrief) b = kl_brief_parse_json(json, strlen(json), "brief", NULL, NULL);
  g_autoptr(GError) error = NULL;
  gsize n = 0;
  g_autofree char *body = kl_ask_body((const char *)data, size, &n, &error);
  if (!body && !error) abort();
  g_auto(GStrv) choices = kl_ask_choices(body ? body : (const char *)data, body ? n : size);
  for (char **c = choices; c && *c; c++) boxes(b, *c, strlen(*c));
  boxes(b, (const char *)data, size);
  return 0;
}
