/* Prompts for a language model, and boxes out of what it says. */
#include "app/core/layout/ask.h"
#include "app/core/gerr.h"
#include "app/core/layout/layout_internal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXEMPLARS 4

/* ---- the prompt ---- */

static bool asked_for(const KlBriefItem *i) {
  return i->type != KL_EL_BACKGROUND;
}

static void add_div(GString *s, const char *type, int index, double l, double t, double w, double h) {
  g_string_append_printf(s,
                         "<div class=\"%s\" style=\"index: %d; left: %.0fpx; top: %.0fpx; width: %.0fpx; "
                         "height: %.0fpx\"></div>\n",
                         type, index, l, t, w, h);
}

static void add_exemplar(GString *s, const KlExemplar *e, int width, int height) {
  g_string_append(s, "\nElement Type Constraint: ");
  for (guint i = 0; i < e->n; i++)
    g_string_append_printf(s, "%s%s %u", i ? " | " : "", kl_element_name(e->boxes[i].type), i);
  g_string_append_printf(s,
                         "\n<html>\n<body>\n<div class=\"canvas\" style=\"left: 0px; top: 0px; width: %dpx; "
                         "height: %dpx\"></div>\n",
                         width, height);
  for (guint i = 0; i < e->n; i++) {
    KlBox b = e->boxes[i].box;
    add_div(s, kl_element_name(e->boxes[i].type), (int)i, b.x * width, b.y * height, b.w * width,
            b.h * height);
  }
  g_string_append(s, "</body>\n</html>\n");
}

/* "title 0", as the labels above call it. */
static char *end_name(const KlBrief *b, const char *id) {
  guint k = 0;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!strcmp(item->id, id)) return g_strdup_printf("%s %u", kl_element_name(item->type), k);
    k += asked_for(item);
  }
  return g_strdup("canvas");
}

char *kl_ask_prompt(const KlBrief *b) {
  GString *s = g_string_new(NULL);
  const GPtrArray *all = kl_exemplars();
  g_autofree KlLabelled *mine = g_new0(KlLabelled, b->items->len + 1);
  bool used[512] = {false};
  guint n = 0;
  g_string_printf(s,
                  "Please generate a layout based on the given information. You need to ensure that the "
                  "generated layout looks "
                  "realistic, with elements well aligned and avoiding unnecessary overlap.\n"
                  "Task Description: generation conditioned on given element types\n"
                  "Layout Domain: %s layout\nCanvas Size: canvas width is %dpx, canvas height is %dpx\n",
                  b->preset ? b->preset : "poster", b->width, b->height);
  for (guint i = 0; i < b->items->len; i++)
    if (asked_for(b->items->pdata[i])) mine[n++].type = ((KlBriefItem *)b->items->pdata[i])->type;
  for (int k = 0; k < EXEMPLARS; k++) { /* those most alike, the best of them last, next to the question */
    int best = -1;
    double most = -1;
    for (guint i = 0; i < MIN(all->len, G_N_ELEMENTS(used)); i++) {
      const KlExemplar *e = all->pdata[i];
      double like =
          kl_similar_labels(mine, n, e->boxes, e->n) - 0.3 * fabs(log(e->aspect * b->height / b->width));
      if (!used[i] && (best < 0 || like > most)) {
        best = (int)i;
        most = like;
      }
    }
    used[best] = true;
  }
  for (guint i = 0; i < MIN(all->len, G_N_ELEMENTS(used)); i++)
    if (used[i]) add_exemplar(s, all->pdata[i], b->width, b->height);
  g_string_append(s, "\nElement Type Constraint: ");
  for (guint i = 0, k = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!asked_for(item)) continue;
    g_string_append_printf(s, "%s%s %u", k ? " | " : "", kl_element_name(item->type), k);
    k++;
  }
  for (guint i = 0; i < b->relations->len; i++) {
    const KlRelation *r = &g_array_index(b->relations, KlRelation, i);
    g_autofree char *a = end_name(b, r->a), *c = end_name(b, r->b);
    g_string_append_printf(s, "%s%s %s %s", i ? " | " : "\nElement Relationship Constraint: ", a,
                           kl_relation_name(r->kind), c);
  }
  g_string_append_c(s, '\n');
  return g_string_free(s, FALSE);
}

/* ---- the answer ---- */

/* The number behind "key:" within [p, end). */
static bool value(const char *p, const char *end, const char *key, double *out) {
  gsize n = strlen(key);
  for (; p + n < end; p++) {
    if (strncmp(p, key, n) || g_ascii_isalpha(p[-1])) continue;
    const char *q = p + n;
    while (q < end && *q == ' ') q++;
    if (q >= end || *q != ':') continue;
    q++;
    while (q < end && *q == ' ') q++;
    char text[24], *stop;
    gsize len = MIN((gsize)(end - q), sizeof text - 1);
    memcpy(text, q, len);
    text[len] = 0;
    double v = g_ascii_strtod(text, &stop);
    if (stop == text || !isfinite(v) || fabs(v) > 1e6) return false;
    *out = v;
    return true;
  }
  return false;
}

static const KlBriefItem *item_of(const KlBrief *b, const char *type, double index, bool indexed,
                                  guint8 *taken) {
  guint k = 0;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!asked_for(item)) continue;
    bool it = indexed ? k == index : !taken[i];
    k++;
    if (!it || strcmp(kl_element_name(item->type), type) || taken[i]) continue;
    taken[i] = 1;
    return item;
  }
  return NULL;
}

GArray *kl_ask_boxes(const KlBrief *b, const char *answer, gsize n) {
  GArray *out = g_array_new(FALSE, FALSE, sizeof(KlFixed));
  g_autofree char *text = g_strndup(answer, n); /* ends at a NUL, if there is one inside */
  g_autofree guint8 *taken = g_new0(guint8, b->items->len + 1);
  guint seen = 0;
  for (const char *p = strstr(text, "<div"); p && seen < 4 * KL_BRIEF_ITEMS_MAX;
       p = strstr(p + 4, "<div"), seen++) {
    const char *end = strchr(p, '>'), *class = strstr(p, "class");
    double l, t, w, h, index = -1;
    char type[16] = "";
    if (!end) break;
    if (!class || class > end) continue;
    class += strcspn(class, "\"'>");
    if (*class == '>' || !*class) continue;
    gsize len = strcspn(class + 1, "\"'> ");
    if (len >= sizeof type) continue;
    memcpy(type, class + 1, len);
    bool indexed = value(p + 4, end, "index", &index);
    if (!value(p + 4, end, "left", &l) || !value(p + 4, end, "top", &t) || !value(p + 4, end, "width", &w) ||
        !value(p + 4, end, "height", &h))
      continue;
    const KlBriefItem *item = w > 0 && h > 0 ? item_of(b, type, index, indexed, taken) : NULL;
    if (!item) continue;
    KlFixed f = {item->id, {CLAMP(l, 0, b->width - 8), CLAMP(t, 0, b->height - 8), 0, 0}};
    f.box.w = CLAMP(w, 8, b->width - f.box.x);
    f.box.h = CLAMP(h, 8, b->height - f.box.y);
    g_array_append_val(out, f);
  }
  return out;
}

char **kl_ask_choices(const char *json, gsize n) {
  json_t *root = json_loadb(json, n, JSON_ALLOW_NUL, NULL), *choice;
  const json_t *choices = json_object_get(root, "choices");
  g_autoptr(GStrvBuilder) out = g_strv_builder_new();
  size_t i;
  guint found = 0;
  json_array_foreach(choices, i, choice) {
    const json_t *message = json_object_get(choice, "message"),
                 *content = json_object_get(message ? message : choice, message ? "content" : "text");
    if (!json_is_string(content) || i >= 64) continue;
    g_strv_builder_add(out, json_string_value(content));
    found++;
  }
  json_decref(root);
  return found ? g_strv_builder_end(out) : NULL;
}
