/* A brief as JSON, there and back. */
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static char *clean(const json_t *v, bool lines) {
  return json_is_string(v) ? kl_brief_clean(json_string_value(v), json_string_length(v), lines) : NULL;
}

/* The text under the key; absent or null: NULL; of another kind: an error. */
static bool text_at(KlBriefReader *r, const json_t *o, const char *key, bool lines, char **out,
                    GError **error) {
  const json_t *v = json_object_get(o, key);
  if (!v || json_is_null(v)) return true;
  if (!json_is_string(v)) return kl_brief_wrong(r, error, "\"%s\" is not a text", key);
  g_free(*out);
  *out = clean(v, lines);
  return true;
}

/* Warns of keys outside the list ("a|b|c"). */
static void unknown_keys(KlBriefReader *r, const json_t *o, const char *in, const char *known) {
  const char *key;
  json_t *v;
  g_auto(GStrv) list = g_strsplit(known, "|", -1);
  json_object_foreach((json_t *)o, key, v) {
    g_autofree char *shown = kl_brief_clean(key, strlen(key), false);
    if (!g_strv_contains((const char *const *)list, key))
      kl_brief_note(r->b, "%s: \"%.60s\" is not known to this version and is left out", in,
                    shown ? shown : "");
  }
}

/* ---- items ---- */

static bool read_list(KlBriefReader *r, KlBriefItem *item, const json_t *v, GError **error) {
  const json_t *entries = json_is_object(v) ? json_object_get(v, "entries") : v, *e;
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();
  size_t i;
  guint n = 0;
  if (json_is_object(v)) {
    unknown_keys(r, v, item->id, "id|entries|ordered");
    item->ordered = json_is_true(json_object_get(v, "ordered"));
  }
  if (!json_is_array(entries)) return kl_brief_wrong(r, error, "%s is not a list of texts", item->id);
  json_array_foreach(entries, i, e) {
    if (!json_is_string(e)) return kl_brief_wrong(r, error, "%s is not a list of texts", item->id);
    g_autofree char *text = clean(e, false);
    if (text) {
      g_strv_builder_add(list, text);
      n++;
    }
  }
  if (n > 1000) return kl_brief_wrong(r, error, "%s has more entries than a canvas can hold", item->id);
  if (n) item->list = g_strv_builder_end(list);
  return true;
}

static bool read_values(KlBriefReader *r, KlChart *c, const json_t *labels, const json_t *series,
                        const char *id, GError **error) {
  const json_t *e, *v;
  size_t i, k;
  c->rows = (guint)json_array_size(labels);
  c->series = (guint)json_array_size(series);
  if (!c->rows || !c->series || (guint64)c->rows * c->series > KL_CHART_CELLS_MAX)
    return kl_brief_wrong(r, error, "%s: %u x %u values: at least one of each, at most %d in all", id,
                          c->rows, c->series, KL_CHART_CELLS_MAX);
  c->labels = g_new0(char *, c->rows + 1);
  c->names = g_new0(char *, c->series + 1);
  c->values = g_new0(double, (gsize)c->rows * c->series);
  json_array_foreach(labels, i, e) {
    char *text = clean(e, false);
    if (!json_is_string(e)) return kl_brief_wrong(r, error, "%s: \"labels\" is not a list of texts", id);
    c->labels[i] = text ? text : g_strdup("");
  }
  json_array_foreach(series, k, e) {
    const json_t *values = json_object_get(e, "values");
    char *name = clean(json_object_get(e, "name"), false);
    c->names[k] = name ? name : g_strdup("");
    if (json_array_size(values) != c->rows)
      return kl_brief_wrong(r, error, "%s: series %zu has %zu values for %u labels", id, k + 1,
                            json_array_size(values), c->rows);
    json_array_foreach(values, i, v) {
      double x = json_is_number(v) ? json_number_value(v) : NAN;
      if (!json_is_number(v) && !json_is_null(v))
        kl_brief_note(r->b, "%s: value %zu of series %zu is not a number and is left out", id, i + 1, k + 1);
      c->values[i * c->series + k] = x;
    }
  }
  return true;
}

static bool read_events(KlBriefReader *r, KlChart *c, const json_t *events, const char *id, GError **error) {
  const json_t *e;
  size_t i;
  c->kind = KL_CHART_TIMELINE;
  c->rows = (guint)json_array_size(events);
  if (!c->rows || c->rows > 1000) return kl_brief_wrong(r, error, "%s: 1 to 1000 \"events\"", id);
  c->labels = g_new0(char *, c->rows + 1);
  c->texts = g_new0(char *, c->rows + 1);
  c->names = g_new0(char *, 1);
  json_array_foreach(events, i, e) {
    char *when = clean(json_object_get(e, "when"), false), *what = clean(json_object_get(e, "what"), false);
    c->labels[i] = when ? when : g_strdup("");
    c->texts[i] = what ? what : g_strdup("");
    if (!json_is_string(json_object_get(e, "when")))
      return kl_brief_wrong(r, error, "%s: event %zu has no \"when\"", id, i + 1);
  }
  return true;
}

static bool read_chart_data(KlBriefReader *r, KlBriefItem *item, const json_t *v, KlChartKind kind,
                            GError **error) {
  const json_t *csv = json_object_get(v, "csv"), *file = json_object_get(v, "file"),
               *events = json_object_get(v, "events"), *labels = json_object_get(v, "labels"),
               *series = json_object_get(v, "series");
  if (json_is_string(csv)) {
    g_autofree char *text = clean(csv, true);
    item->chart = kl_chart_from_csv(r, item->id, kind, text ? text : "", error);
    return item->chart != NULL;
  }
  if (json_is_string(file)) {
    g_autofree char *text = kl_brief_csv_file(r, item->id, json_string_value(file), error);
    item->chart = text ? kl_chart_from_csv(r, item->id, kind, text, error) : NULL;
    return item->chart != NULL;
  }
  item->chart = g_new0(KlChart, 1);
  item->chart->kind = kind;
  if (json_is_array(events)) return read_events(r, item->chart, events, item->id, error);
  if (!json_is_array(labels) || !json_is_array(series))
    return kl_brief_wrong(
        r, error, "%s has no data: \"csv\", \"file\", \"events\", or \"labels\" with \"series\"", item->id);
  if (kind == KL_CHART_TIMELINE) return kl_brief_wrong(r, error, "%s: a timeline wants \"events\"", item->id);
  return read_values(r, item->chart, labels, series, item->id, error);
}

static bool read_chart(KlBriefReader *r, KlBriefItem *item, const json_t *v, GError **error) {
  const json_t *kind = json_object_get(v, "kind");
  KlChartKind k = KL_CHART_AUTO;
  if (!json_is_object(v)) return kl_brief_wrong(r, error, "%s is not an object", item->id);
  unknown_keys(r, v, item->id, "id|kind|title|unit|alt|csv|file|events|labels|series");
  if (kind) {
    int i = json_is_string(kind) ? kl_chart_kind(json_string_value(kind)) : -1;
    if (i < 0)
      return kl_brief_wrong(r, error, "%s: the kind of chart is none of auto, bar, line, area, pie, timeline",
                            item->id);
    k = (KlChartKind)i;
  }
  if (!read_chart_data(r, item, v, k, error)) return false;
  return text_at(r, v, "title", false, &item->chart->title, error) &&
         text_at(r, v, "unit", false, &item->chart->unit, error) &&
         text_at(r, v, "alt", false, &item->alt, error);
}

static bool read_picture(KlBriefReader *r, KlBriefItem *item, const json_t *v, GError **error) {
  if (json_is_string(v)) {
    item->text = clean(v, false);
    return item->text || kl_brief_wrong(r, error, "%s: the prompt is empty", item->id);
  }
  if (!json_is_object(v)) return kl_brief_wrong(r, error, "%s is neither a prompt nor an object", item->id);
  const json_t *image = json_object_get(v, "image");
  unknown_keys(r, v, item->id, "id|prompt|image|caption|alt");
  if (!text_at(r, v, "prompt", false, &item->text, error) ||
      !text_at(r, v, "caption", false, &item->label, error) ||
      !text_at(r, v, "alt", false, &item->alt, error))
    return false;
  if (json_is_string(image) && *json_string_value(image) &&
      !kl_brief_image(r, item, json_string_value(image), error))
    return false;
  return item->text || item->image ||
         kl_brief_wrong(r, error, "%s has neither a \"prompt\" nor an \"image\"", item->id);
}

/* A text item: a string, or an object with its text under `key`. */
static bool read_words(KlBriefReader *r, KlBriefItem *item, const json_t *v, const char *key,
                       const char *label, GError **error) {
  bool lines = item->type == KL_EL_BODY || item->type == KL_EL_QUOTE || item->type == KL_EL_TITLE;
  if (json_is_number(v)) {
    item->text = kl_number_text(json_number_value(v));
    return true;
  }
  if (json_is_string(v)) {
    item->text = clean(v, lines);
    return true;
  }
  if (!json_is_object(v)) return kl_brief_wrong(r, error, "%s is not a text", item->id);
  g_autofree char *keys = g_strconcat("id|alt|", key, label ? "|" : "", label, NULL);
  unknown_keys(r, v, item->id, keys);
  const json_t *value = json_object_get(v, key);
  if (json_is_number(value))
    item->text = kl_number_text(json_number_value(value));
  else if (!text_at(r, v, key, lines, &item->text, error))
    return false;
  if (label && !text_at(r, v, label, false, &item->label, error)) return false;
  return text_at(r, v, "alt", false, &item->alt, error);
}

static bool read_item(KlBriefReader *r, KlElementType type, const json_t *v, GError **error) {
  g_autofree char *id = clean(json_object_get(v, "id"), false);
  if (!kl_brief_room(r, error)) return false;
  KlBriefItem *item = kl_brief_add(r, type, id);
  bool ok;
  switch (type) {
  case KL_EL_LIST:
    ok = read_list(r, item, v, error);
    break;
  case KL_EL_CHART:
    ok = read_chart(r, item, v, error);
    break;
  case KL_EL_PICTURE:
  case KL_EL_BACKGROUND:
    ok = read_picture(r, item, v, error);
    break;
  case KL_EL_NUMBER:
    ok = read_words(r, item, v, "value", "label", error);
    break;
  case KL_EL_QUOTE:
    ok = read_words(r, item, v, "text", "by", error);
    break;
  case KL_EL_ICON:
    ok = read_words(r, item, v, "name", NULL, error);
    break;
  default:
    ok = read_words(r, item, v, "text", NULL, error);
  }
  if (ok && !item->text && !item->list && !item->chart && !item->image) {
    kl_brief_note(r->b, "%s is empty and is left out", item->id);
    kl_brief_drop_last(r);
  }
  return ok;
}

/* One value, or several in an array (a list's own value is an array). */
static bool read_items(KlBriefReader *r, KlElementType type, const json_t *v, GError **error) {
  size_t i;
  const json_t *e;
  if (json_is_null(v) || (json_is_array(v) && !json_array_size(v))) return true;
  if (!json_is_array(v) || (type == KL_EL_LIST && json_is_string(json_array_get(v, 0))))
    return read_item(r, type, v, error);
  if (json_array_size(v) > KL_BRIEF_ITEMS_MAX)
    return kl_brief_wrong(r, error, "\"%s\" has more than %d entries", kl_element_name(type),
                          KL_BRIEF_ITEMS_MAX);
  json_array_foreach(v, i, e) {
    if (!read_item(r, type, e, error)) return false;
  }
  return true;
}

/* Keys that are content, in the order of the file. Others go to `other`, which may be NULL. */
static bool read_content(KlBriefReader *r, const json_t *o, const char *in, const char *but, GError **error) {
  const char *key;
  json_t *v, *e;
  size_t i;
  g_auto(GStrv) others = g_strsplit(but, "|", -1);
  json_object_foreach((json_t *)o, key, v) {
    int type = kl_element_type(key);
    if (g_strv_contains((const char *const *)others, key)) continue;
    if (type > KL_EL_SUBTITLE && type <= KL_EL_ICON) {
      if (!read_items(r, (KlElementType)type, v, error)) return false;
    } else if (!strcmp(key, "content")) {
      if (!json_is_array(v) || json_array_size(v) > KL_BRIEF_ITEMS_MAX)
        return kl_brief_wrong(r, error, "%s: \"content\" is not a list of at most %d things", in,
                              KL_BRIEF_ITEMS_MAX);
      json_array_foreach(v, i, e) {
        if (!json_is_object(e) || json_object_get(e, "content"))
          return kl_brief_wrong(r, error, "%s: \"content\" is a list of objects like {\"body\": \"...\"}",
                                in);
        if (!read_content(r, e, in, "", error)) return false;
      }
    } else {
      g_autofree char *shown = kl_brief_clean(key, strlen(key), false);
      kl_brief_note(r->b, "%s: \"%.60s\" is not known to this version and is left out", in,
                    shown ? shown : "");
    }
  }
  return true;
}

static bool read_sections(KlBriefReader *r, const json_t *sections, GError **error) {
  size_t i;
  const json_t *s;
  if (!sections || json_is_null(sections)) return true;
  if (!json_is_array(sections) || json_array_size(sections) > KL_BRIEF_ITEMS_MAX)
    return kl_brief_wrong(r, error, "\"sections\" is not a list of at most %d sections", KL_BRIEF_ITEMS_MAX);
  json_array_foreach(sections, i, s) {
    if (!json_is_object(s)) return kl_brief_wrong(r, error, "section %zu is not an object", i + 1);
    g_autofree char *id = clean(json_object_get(s, "id"), false);
    kl_brief_section(r, id);
    g_autofree char *in = g_strdup(g_array_index(r->b->sections, KlBriefSection, i).id);
    if (!read_content(r, s, in, "id", error)) return false;
  }
  return true;
}

/* ---- settings ---- */

static bool read_palette(KlBriefReader *r, const json_t *v, GError **error) {
  const char *key;
  json_t *colour;
  if (json_is_string(v)) return kl_brief_setting(r, "palette", json_string_value(v), error);
  if (!json_is_object(v))
    return kl_brief_wrong(r, error, "\"palette\" is neither a name nor an object of colours");
  const json_t *base = json_object_get(v, "base");
  if (json_is_string(base) && !kl_brief_setting(r, "palette", json_string_value(base), error)) return false;
  g_clear_pointer(&r->b->palette_name, g_free);
  json_object_foreach((json_t *)v, key, colour) {
    int role = kl_colour_role(key);
    const char *s = json_string_value(colour);
    guint rgb;
    int end = 0;
    if (!strcmp(key, "base")) continue;
    if (role < 0)
      return kl_brief_wrong(r, error,
                            "\"palette\": '%.60s' is none of background, panel, text, muted, accent, "
                            "accent2",
                            key);
    if (!s || strlen(s) != 7 || sscanf(s, "#%6x%n", &rgb, &end) != 1 || end != 7 ||
        strspn(s + 1, "0123456789abcdefABCDEF") != 6)
      return kl_brief_wrong(r, error, "\"palette\": the colour of %s is not like \"#2e6f95\"", key);
    r->b->palette.rgb[role] = rgb;
  }
  return true;
}

static bool read_settings(KlBriefReader *r, const json_t *root, GError **error) {
  static const char *const keys[] = {"density", "language", "direction"};
  const json_t *canvas = json_object_get(root, "canvas"), *palette = json_object_get(root, "palette"),
               *fonts = json_object_get(root, "fonts");
  if (canvas && !json_is_null(canvas)) {
    g_autofree char *size = NULL;
    if (json_is_string(canvas)) {
      size = g_strdup(json_string_value(canvas));
    } else if (json_is_integer(json_object_get(canvas, "width")) &&
               json_is_integer(json_object_get(canvas, "height"))) {
      json_int_t w = json_integer_value(json_object_get(canvas, "width")),
                 h = json_integer_value(json_object_get(canvas, "height"));
      size = g_strdup_printf("%dx%d", (int)CLAMP(w, 0, 99999), (int)CLAMP(h, 0, 99999));
    } else {
      return kl_brief_wrong(r, error, "\"canvas\" is neither a name nor {\"width\", \"height\"} in pixels");
    }
    if (!kl_brief_setting(r, "canvas", size, error)) return false;
  }
  if (palette && !json_is_null(palette) && !read_palette(r, palette, error)) return false;
  for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
    const json_t *v = json_object_get(root, keys[i]);
    if (!v || json_is_null(v)) continue;
    if (!json_is_string(v)) return kl_brief_wrong(r, error, "\"%s\" is not a text", keys[i]);
    if (!kl_brief_setting(r, keys[i], json_string_value(v), error)) return false;
  }
  if (fonts && !json_is_null(fonts)) {
    if (!json_is_object(fonts)) return kl_brief_wrong(r, error, "\"fonts\" is not {\"heading\", \"body\"}");
    unknown_keys(r, fonts, "fonts", "heading|body");
    if (!text_at(r, fonts, "heading", false, &r->b->font_heading, error) ||
        !text_at(r, fonts, "body", false, &r->b->font_body, error))
      return false;
  }
  return true;
}

/* ---- constraints and a given layout ---- */

/* Four numbers; null (where `holes`): NaN. */
static bool read_box(KlBriefReader *r, const json_t *v, const char *id, bool holes, KlBox *out,
                     GError **error) {
  double d[4];
  for (size_t i = 0; i < 4; i++) {
    const json_t *n = json_array_get(v, i);
    d[i] = json_is_number(n) ? json_number_value(n) : NAN;
    bool hole = holes && (json_is_null(n) || !v);
    if ((!json_is_number(n) && !hole) || fabs(d[i]) > 1e6 || (i > 1 && d[i] <= 0) ||
        (v && json_array_size(v) != 4))
      return kl_brief_wrong(r, error, "the box of \"%.60s\" is not [x, y, width, height] in pixels", id);
  }
  *out = (KlBox){d[0], d[1], d[2], d[3]};
  return true;
}

static bool read_constraints(KlBriefReader *r, const json_t *list, GError **error) {
  size_t i;
  const json_t *c;
  if (!list || json_is_null(list)) return true;
  if (!json_is_array(list) || json_array_size(list) > 1000)
    return kl_brief_wrong(r, error, "\"constraints\" is not a list of at most 1000");
  json_array_foreach(list, i, c) {
    g_autofree char *fix = clean(json_object_get(c, "fix"), false),
                    *a = clean(json_object_get(c, "a"), false), *b = clean(json_object_get(c, "b"), false),
                    *name = clean(json_object_get(c, "relation"), false);
    if (fix) {
      KlFixed f = {.id = fix};
      if (!read_box(r, json_object_get(c, "box"), fix, false, &f.box, error)) return false;
      f.id = g_steal_pointer(&fix);
      g_array_append_val(r->b->fixed, f);
    } else if (a && b && name) {
      int kind = kl_relation_kind(name);
      if (kind < 0)
        return kl_brief_wrong(
            r, error,
            "constraint %zu: '%.60s' is none of left, right, top, bottom, centre, smaller, larger, "
            "equal",
            i + 1, name);
      KlRelation rel = {(KlRelationKind)kind, g_steal_pointer(&a), g_steal_pointer(&b)};
      g_array_append_val(r->b->relations, rel);
    } else {
      return kl_brief_wrong(
          r, error, "constraint %zu is neither {\"a\", \"relation\", \"b\"} nor {\"fix\", \"box\"}", i + 1);
    }
  }
  return true;
}

static bool read_given(KlBriefReader *r, const json_t *given, GError **error) {
  size_t i;
  const json_t *e, *elements = json_object_get(given, "elements");
  g_autofree char *use = clean(json_object_get(given, "use"), false);
  if (!given || json_is_null(given)) return true;
  if (!json_is_array(elements) || json_array_size(elements) > KL_BRIEF_ITEMS_MAX || !use ||
      (strcmp(use, "complete") && strcmp(use, "refine")))
    return kl_brief_wrong(
        r, error,
        "\"layout\" is not {\"use\": \"complete\" or \"refine\", \"elements\": [{\"id\", \"box\"}]}");
  r->b->given_use = *use == 'c' ? KL_GIVEN_COMPLETE : KL_GIVEN_REFINE;
  json_array_foreach(elements, i, e) {
    KlFixed f = {.id = clean(json_object_get(e, "id"), false)};
    if (!f.id) return kl_brief_wrong(r, error, "element %zu of \"layout\" has no \"id\"", i + 1);
    if (!read_box(r, json_object_get(e, "box"), f.id, true, &f.box, error)) {
      g_free(f.id);
      return false;
    }
    g_array_append_val(r->b->given, f);
  }
  return true;
}

/* ---- the whole ---- */

static bool read_root(KlBriefReader *r, const json_t *root, GError **error) {
  const json_t *version = json_object_get(root, "kinoloom_brief"), *v;
  if (!json_is_integer(version))
    return kl_brief_wrong(r, error, "not a brief: it has no \"kinoloom_brief\": %d", KL_BRIEF_VERSION);
  if (json_integer_value(version) > KL_BRIEF_VERSION)
    return kl_brief_wrong(r, error,
                          "written for a newer Kinoloom (brief version %" JSON_INTEGER_FORMAT
                          "; this one reads up to %d)",
                          json_integer_value(version), KL_BRIEF_VERSION);
  if (json_integer_value(version) < 1)
    return kl_brief_wrong(r, error, "not a brief: version %" JSON_INTEGER_FORMAT,
                          json_integer_value(version));
  if (!read_settings(r, root, error)) return false;
  if ((v = json_object_get(root, "title")) && !read_items(r, KL_EL_TITLE, v, error)) return false;
  if ((v = json_object_get(root, "subtitle")) && !read_items(r, KL_EL_SUBTITLE, v, error)) return false;
  if (!read_content(
          r, root, "the brief",
          "kinoloom_brief|title|subtitle|sections|background|canvas|palette|fonts|density|language|direction|"
          "constraints|layout",
          error))
    return false;
  if (!read_sections(r, json_object_get(root, "sections"), error)) return false;
  if ((v = json_object_get(root, "background")) && !json_is_null(v) &&
      !read_item(r, KL_EL_BACKGROUND, v, error))
    return false;
  return read_constraints(r, json_object_get(root, "constraints"), error) &&
         read_given(r, json_object_get(root, "layout"), error);
}

json_t *kl_brief_json(const char *json, gsize n, const char *where, GError **error) {
  json_error_t je;
  const char *end;
  if (!g_utf8_validate(json, (gssize)n, &end)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: not valid UTF-8 (byte %zu)", where, (size_t)(end - json) + 1);
    return NULL;
  }
  json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
  if (!root) kl_gfail(error, KL_ERROR_INPUT, "%s: line %d: %s", where, je.line, je.text);
  return root;
}

KlBrief *kl_brief_parse_json(const char *json, gsize n, const char *where, const char *folder,
                             GError **error) {
  KlBriefReader r;
  json_t *root = kl_brief_json(json, n, where, error);
  if (!root) return NULL;
  kl_brief_reader_init(&r, where, folder);
  bool ok = json_is_object(root) ? read_root(&r, root, error)
                                 : kl_brief_wrong(&r, error, "not a brief: not a JSON object");
  json_decref(root);
  return kl_brief_finish(&r, ok, error);
}

/* ---- writing ---- */

static void put_text(json_t *o, const char *key, const char *text) {
  if (text) json_object_set_new(o, key, json_string(text));
}

static json_t *chart_value(const KlChart *c) {
  json_t *o = json_pack("{s:s}", "kind", kl_chart_kind_name(c->kind));
  put_text(o, "title", c->title);
  put_text(o, "unit", c->unit);
  if (c->kind == KL_CHART_TIMELINE) {
    json_t *events = json_array();
    for (guint i = 0; i < c->rows; i++)
      json_array_append_new(events, json_pack("{s:s, s:s}", "when", c->labels[i], "what", c->texts[i]));
    json_object_set_new(o, "events", events);
    return o;
  }
  json_t *labels = json_array(), *series = json_array();
  for (guint i = 0; i < c->rows; i++) json_array_append_new(labels, json_string(c->labels[i]));
  for (guint k = 0; k < c->series; k++) {
    json_t *values = json_array();
    for (guint i = 0; i < c->rows; i++) {
      double v = c->values[i * c->series + k];
      json_array_append_new(values, isfinite(v) ? json_real(v) : json_null());
    }
    json_array_append_new(series, json_pack("{s:s, s:o}", "name", c->names[k], "values", values));
  }
  json_object_set_new(o, "labels", labels);
  json_object_set_new(o, "series", series);
  return o;
}

static json_t *item_value(const KlBriefItem *i) {
  json_t *o = i->chart ? chart_value(i->chart) : json_object();
  static const char *const text_keys[KL_ELEMENT_TYPES] = {[KL_EL_NUMBER] = "value",
                                                          [KL_EL_PICTURE] = "prompt",
                                                          [KL_EL_BACKGROUND] = "prompt",
                                                          [KL_EL_ICON] = "name"};
  static const char *const label_keys[KL_ELEMENT_TYPES] = {[KL_EL_NUMBER] = "label",
                                                           [KL_EL_QUOTE] = "by",
                                                           [KL_EL_PICTURE] = "caption",
                                                           [KL_EL_BACKGROUND] = "caption"};
  put_text(o, "id", i->id);
  put_text(o, text_keys[i->type] ? text_keys[i->type] : "text", i->text);
  if (label_keys[i->type]) put_text(o, label_keys[i->type], i->label);
  if (i->image) {
    g_autofree char *shown = g_utf8_make_valid(i->image, -1);
    put_text(o, "image", shown);
  }
  if (i->type != KL_EL_LIST) put_text(o, "alt", i->alt);
  if (i->list) {
    json_t *list = json_array();
    for (char **e = i->list; *e; e++) json_array_append_new(list, json_string(*e));
    json_object_set_new(o, "entries", list);
    if (i->ordered) json_object_set_new(o, "ordered", json_true());
  }
  return o;
}

static json_t *number_value(double v) {
  return isfinite(v) ? json_real(v) : json_null();
}

static json_t *box_value(KlBox b) {
  return json_pack("[o, o, o, o]", number_value(b.x), number_value(b.y), number_value(b.w),
                   number_value(b.h));
}

static void put_settings(json_t *root, const KlBrief *b) {
  static const char *const densities[] = {"airy", "normal", "dense"};
  if (b->preset)
    put_text(root, "canvas", b->preset);
  else
    json_object_set_new(root, "canvas", json_pack("{s:i, s:i}", "width", b->width, "height", b->height));
  if (b->palette_name) {
    put_text(root, "palette", b->palette_name);
  } else {
    json_t *p = json_object();
    for (int i = 0; i < KL_COLOURS; i++) {
      char text[8];
      g_snprintf(text, sizeof text, "#%06x", b->palette.rgb[i] & 0xffffff);
      put_text(p, kl_colour_name((KlColour)i), text);
    }
    json_object_set_new(root, "palette", p);
  }
  if (b->font_heading || b->font_body) {
    json_t *f = json_object();
    put_text(f, "heading", b->font_heading);
    put_text(f, "body", b->font_body);
    json_object_set_new(root, "fonts", f);
  }
  put_text(root, "density", densities[b->density]);
  put_text(root, "language", b->language);
  put_text(root, "direction", b->direction == KL_DIR_RTL ? "rtl" : "ltr");
}

/* Takes the list; an empty one is left out. */
static void put_list(json_t *o, const char *key, json_t *list) {
  if (json_array_size(list))
    json_object_set_new(o, key, list);
  else
    json_decref(list);
}

static void put_constraints(json_t *root, const KlBrief *b) {
  json_t *list = json_array();
  for (guint i = 0; i < b->relations->len; i++) {
    const KlRelation *r = &g_array_index(b->relations, KlRelation, i);
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s}", "a", r->a, "relation", kl_relation_name(r->kind), "b", r->b));
  }
  for (guint i = 0; i < b->fixed->len; i++) {
    const KlFixed *f = &g_array_index(b->fixed, KlFixed, i);
    json_array_append_new(list, json_pack("{s:s, s:o}", "fix", f->id, "box", box_value(f->box)));
  }
  put_list(root, "constraints", list);
  if (b->given_use == KL_GIVEN_NONE) return;
  json_t *elements = json_array();
  for (guint i = 0; i < b->given->len; i++) {
    const KlFixed *f = &g_array_index(b->given, KlFixed, i);
    json_array_append_new(elements, json_pack("{s:s, s:o}", "id", f->id, "box", box_value(f->box)));
  }
  json_object_set_new(root, "layout",
                      json_pack("{s:s, s:o}", "use",
                                b->given_use == KL_GIVEN_COMPLETE ? "complete" : "refine", "elements",
                                elements));
}

char *kl_brief_serialise(const KlBrief *b) {
  json_t *root = json_pack("{s:i}", "kinoloom_brief", KL_BRIEF_VERSION), *whole = json_array(),
         *sections = json_array();
  json_t *titles = json_array(), *subtitles = json_array();
  put_settings(root, b);
  for (guint s = 0; s < b->sections->len; s++)
    json_array_append_new(sections, json_pack("{s:s, s:[]}", "id",
                                              g_array_index(b->sections, KlBriefSection, s).id, "content"));
  json_t *background = NULL;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    json_t *v = item_value(item);
    if (item->type == KL_EL_TITLE)
      json_array_append_new(titles, v);
    else if (item->type == KL_EL_SUBTITLE)
      json_array_append_new(subtitles, v);
    else if (item->type == KL_EL_BACKGROUND)
      background = v;
    else
      json_array_append_new(item->section < 0
                                ? whole
                                : json_object_get(json_array_get(sections, (size_t)item->section), "content"),
                            json_pack("{s:o}", kl_element_name(item->type), v));
  }
  put_list(root, "title", titles);
  put_list(root, "subtitle", subtitles);
  put_list(root, "content", whole);
  put_list(root, "sections", sections);
  if (background) json_object_set_new(root, "background", background);
  put_constraints(root, b);
  char *raw = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *out = g_strconcat(raw, "\n", NULL);
  free(raw);
  json_decref(root);
  return out;
}
