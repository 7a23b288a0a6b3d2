/* What a brief is made of, and the checks that both readers share. */
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"
#include "app/core/near.h"
#include "app/core/resources.h"
#include "media/decode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static int name_index(const char *const *names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return i;
  return -1;
}

static const char *const element_names[KL_ELEMENT_TYPES] = {"title",   "subtitle", "heading", "body",
                                                            "number",  "list",     "quote",   "chart",
                                                            "picture", "icon",     "panel",   "background"};

const char *kl_element_name(KlElementType type) {
  return element_names[type];
}

int kl_element_type(const char *name) {
  return name_index(element_names, KL_ELEMENT_TYPES, name);
}

bool kl_element_is_text(KlElementType type) {
  return type <= KL_EL_QUOTE;
}

static const char *const relation_names[KL_RELATIONS] = {"left",   "right",   "top",    "bottom",
                                                         "centre", "smaller", "larger", "equal"};

const char *kl_relation_name(KlRelationKind kind) {
  return relation_names[kind];
}

int kl_relation_kind(const char *name) {
  return name_index(relation_names, KL_RELATIONS, strcmp(name, "center") ? name : "centre");
}

static const char *const colour_names[KL_COLOURS + 1] = {"none",  "background", "panel",  "text",
                                                         "muted", "accent",     "accent2"};

const char *kl_colour_name(KlColour role) {
  return colour_names[role + 1];
}

int kl_colour_role(const char *name) {
  return name_index(colour_names, KL_COLOURS + 1, name) - 1;
}

static const KlCanvasPreset presets[] = {{"infographic", 896, 2240, "Infographic"},
                                         {"slide", 1536, 864, "Slide"},
                                         {"square", 1080, 1080, "Square"},
                                         {"story", 1080, 1920, "Story"},
                                         {"a4", 1240, 1754, "A4"},
                                         {NULL, 0, 0, NULL}};

const KlCanvasPreset *kl_canvas_presets(void) {
  return presets;
}

/* background, panel, text, muted, accent, accent2 */
static const struct {
  const char *name;
  KlPalette colours;
} palettes[] = {
    {"paper", {{0xfaf7f2, 0xffffff, 0x22252b, 0x5f646d, 0xc03a4d, 0x2e6f95}}},
    {"ocean", {{0xf2f8fb, 0xffffff, 0x0f2a3d, 0x567184, 0x0077b6, 0xf08a24}}},
    {"forest", {{0xf4f7f1, 0xffffff, 0x1d2b20, 0x5d6f60, 0x2d7a46, 0xd98e04}}},
    {"sunset", {{0xfff6ef, 0xffffff, 0x33202a, 0x75606a, 0xc2451d, 0x7b4b94}}},
    {"berry", {{0xfbf5fa, 0xffffff, 0x2b1b33, 0x74627d, 0x9b2c7f, 0x2a7f8e}}},
    {"mono", {{0xffffff, 0xf2f2f2, 0x111111, 0x666666, 0x111111, 0x888888}}},
    {"ink", {{0x14171f, 0x20242f, 0xf3f4f7, 0xa3aab8, 0xffb454, 0x5ccfe6}}},
    {"midnight", {{0x0b1d3a, 0x142b52, 0xf4f7ff, 0xa9b8d6, 0x4cc9f0, 0xffd166}}},
    {"clay", {{0xf7efe7, 0xfffaf5, 0x2e2019, 0x6f5c50, 0xa84a24, 0x3e6c5f}}},
    {"mint", {{0xeef8f4, 0xffffff, 0x12312a, 0x4d6b62, 0x0a7a5f, 0xd9534f}}},
    {"plum", {{0x241a2e, 0x33263f, 0xf7f2fa, 0xbfb0cc, 0xf29ac2, 0xffd37a}}},
    {"blueprint", {{0x123a7a, 0x1d4a92, 0xf5f8ff, 0xbccbe8, 0xffd43b, 0x7fe0d0}}},
};

const char *const *kl_palette_names(void) {
  static const char *names[G_N_ELEMENTS(palettes) + 1];
  for (gsize i = 0; i < G_N_ELEMENTS(palettes); i++) names[i] = palettes[i].name;
  return names;
}

bool kl_palette_named(const char *name, KlPalette *out) {
  for (gsize i = 0; i < G_N_ELEMENTS(palettes); i++)
    if (!strcmp(palettes[i].name, name)) {
      *out = palettes[i].colours;
      return true;
    }
  return false;
}

/* ---- life ---- */

static void item_free(void *p) {
  KlBriefItem *i = p;
  g_free(i->id);
  g_free(i->text);
  g_free(i->label);
  g_free(i->alt);
  g_strfreev(i->list);
  g_free(i->image);
  kl_chart_free(i->chart);
  g_free(i);
}

static void section_clear(void *p) {
  g_free(((KlBriefSection *)p)->id);
}

static void relation_clear(void *p) {
  KlRelation *r = p;
  g_free(r->a);
  g_free(r->b);
}

static void fixed_clear(void *p) {
  g_free(((KlFixed *)p)->id);
}

static GArray *array_new(gsize size, GDestroyNotify clear) {
  GArray *a = g_array_new(FALSE, TRUE, (guint)size);
  g_array_set_clear_func(a, clear);
  return a;
}

void kl_brief_reader_init(KlBriefReader *r, const char *where, const char *folder) {
  KlBrief *b = g_new0(KlBrief, 1);
  b->width = presets[0].width;
  b->height = presets[0].height;
  b->preset = g_strdup(presets[0].name);
  b->palette_name = g_strdup(palettes[0].name);
  b->palette = palettes[0].colours;
  b->density = KL_DENSITY_NORMAL;
  b->items = g_ptr_array_new_with_free_func(item_free);
  b->sections = array_new(sizeof(KlBriefSection), section_clear);
  b->relations = array_new(sizeof(KlRelation), relation_clear);
  b->fixed = array_new(sizeof(KlFixed), fixed_clear);
  b->given = array_new(sizeof(KlFixed), fixed_clear);
  b->notes = g_ptr_array_new_with_free_func(g_free);
  *r = (KlBriefReader){.b = b, .where = where, .folder = folder};
}

void kl_brief_free(KlBrief *b) {
  if (!b) return;
  g_free(b->preset);
  g_free(b->palette_name);
  g_free(b->font_heading);
  g_free(b->font_body);
  g_free(b->language);
  g_ptr_array_unref(b->items);
  g_array_unref(b->sections);
  g_array_unref(b->relations);
  g_array_unref(b->fixed);
  g_array_unref(b->given);
  g_ptr_array_unref(b->notes);
  g_free(b);
}

const KlBriefItem *kl_brief_item(const KlBrief *b, const char *id) {
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!strcmp(item->id, id)) return item;
  }
  return NULL;
}

const char *kl_brief_schema(void) {
  return kl_resource_text("/schema/brief.schema.json");
}

/* ---- building ---- */

bool kl_brief_wrong(const KlBriefReader *r, GError **error, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  g_autofree char *why = g_strdup_vprintf(fmt, ap);
  va_end(ap);
  return kl_gfail(error, KL_ERROR_INPUT, "%s: %s", r->where, why);
}

void kl_brief_note(KlBrief *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  g_ptr_array_add(b->notes, g_strdup_vprintf(fmt, ap));
  va_end(ap);
}

void kl_brief_section(KlBriefReader *r, const char *id) {
  KlBriefSection s = {.first = r->b->items->len};
  s.id = id ? g_strdup(id) : g_strdup_printf("s%u", r->b->sections->len + 1);
  g_array_append_val(r->b->sections, s);
}

KlBriefItem *kl_brief_add(KlBriefReader *r, KlElementType type, const char *id) {
  bool whole =
      type == KL_EL_TITLE || type == KL_EL_SUBTITLE || type == KL_EL_BACKGROUND || !r->b->sections->len;
  KlBriefItem *item = g_new0(KlBriefItem, 1);
  item->type = type;
  item->section = whole ? -1 : (int)r->b->sections->len - 1;
  if (id) {
    item->id = g_strdup(id);
  } else {
    KlBriefSection *s =
        whole ? NULL : &g_array_index(r->b->sections, KlBriefSection, r->b->sections->len - 1);
    g_autofree char *stem =
        whole ? g_strdup(element_names[type]) : g_strdup_printf("%s.%s", s->id, element_names[type]);
    item->id = g_strdup(stem);
    for (int n = 2; kl_brief_item(r->b, item->id); n++) {
      g_free(item->id);
      item->id = g_strdup_printf("%s%d", stem, n);
    }
  }
  g_ptr_array_add(r->b->items, item);
  if (!whole) g_array_index(r->b->sections, KlBriefSection, item->section).count++;
  return item;
}

bool kl_brief_room(const KlBriefReader *r, GError **error) {
  if (r->b->items->len <= KL_BRIEF_ITEMS_MAX && r->b->sections->len <= KL_BRIEF_ITEMS_MAX) return true;
  return kl_brief_wrong(r, error, "more than %d things are more than one canvas can hold",
                        KL_BRIEF_ITEMS_MAX);
}

char *kl_brief_file(const KlBriefReader *r, const char *name, GError **error) {
  if (r->folder) return g_canonicalize_filename(name, r->folder);
  kl_brief_wrong(r, error, "names the file %.200s, but files are not read here", name);
  return NULL;
}

void kl_brief_drop_last(KlBriefReader *r) {
  const KlBriefItem *item = r->b->items->pdata[r->b->items->len - 1];
  if (item->section >= 0) g_array_index(r->b->sections, KlBriefSection, item->section).count--;
  g_ptr_array_set_size(r->b->items, (int)r->b->items->len - 1);
}

char *kl_brief_csv_file(const KlBriefReader *r, const char *id, const char *name, GError **error) {
  gsize n;
  const char *end;
  g_autofree char *path = kl_brief_file(r, name, error);
  g_autofree char *raw = path ? kl_brief_read_file(path, KL_BRIEF_MAX, &n, error) : NULL;
  if (!raw) {
    g_prefix_error(error, "%s: ", id);
    return NULL;
  }
  gsize skip = g_str_has_prefix(raw, "\xef\xbb\xbf") ? 3 : 0;
  if (!g_utf8_validate(raw, (gssize)n, &end)) {
    kl_brief_wrong(r, error, "%s: %s is not valid UTF-8 (byte %zu)", id, path, (size_t)(end - raw) + 1);
    return NULL;
  }
  char *text = kl_brief_clean(raw + skip, n - skip, true);
  return text ? text : g_strdup("");
}

bool kl_brief_image(KlBriefReader *r, KlBriefItem *item, const char *name, GError **error) {
  KlMediaInfo info;
  KlErr err = KL_ERR_INIT;
  g_autofree char *path = kl_brief_file(r, name, error);
  if (!path) return false;
  if (!kl_media_probe(path, NULL, &info, &err)) return kl_brief_wrong(r, error, "%s: %s", item->id, err.msg);
  if (!info.has_video) return kl_brief_wrong(r, error, "%s: %s has no picture in it", item->id, path);
  item->image = g_steal_pointer(&path);
  item->image_w = info.width;
  item->image_h = info.height;
  if (info.width < 16 || info.height < 16)
    kl_brief_note(r->b,
                  "%s: the picture is %d x %d pixels, too small to be seen well; its colours fill the box",
                  item->id, info.width, info.height);
  return true;
}

bool kl_brief_set_canvas(KlBrief *b, const char *text, GError **error) {
  int w = 0, h = 0, end = 0;
  const char *preset = NULL, *names[G_N_ELEMENTS(presets)];
  for (gsize i = 0; i < G_N_ELEMENTS(presets); i++) {
    names[i] = presets[i].name;
    if (names[i] && !strcmp(names[i], text)) {
      preset = names[i];
      w = presets[i].width;
      h = presets[i].height;
    }
  }
  if (!preset && (strlen(text) > 11 || sscanf(text, "%5dx%5d%n", &w, &h, &end) != 2 || text[end])) {
    const char *near = kl_near(text, names);
    return kl_gfail(error, KL_ERROR_USAGE,
                    "'%.60s' is neither WIDTHxHEIGHT nor one of infographic, slide, square, story, a4%s%s%s",
                    text, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  }
  if (w < KL_CANVAS_LEAST || h < KL_CANVAS_LEAST || w > KL_CANVAS_MOST || h > KL_CANVAS_MOST)
    return kl_gfail(error, KL_ERROR_USAGE, "%dx%d: each side is %d to %d pixels", w, h, KL_CANVAS_LEAST,
                    KL_CANVAS_MOST);
  double sx = (double)w / b->width, sy = (double)h / b->height;
  GArray *boxes[] = {b->fixed, b->given};
  for (int k = 0; k < 2; k++)
    for (guint i = 0; i < boxes[k]->len; i++) {
      KlBox *box = &g_array_index(boxes[k], KlFixed, i).box;
      *box = (KlBox){box->x * sx, box->y * sy, box->w * sx, box->h * sy};
    }
  b->width = w;
  b->height = h;
  g_free(b->preset);
  b->preset = g_strdup(preset);
  return true;
}

bool kl_brief_setting(KlBriefReader *r, const char *key, const char *value, GError **error) {
  KlBrief *b = r->b;
  g_autofree char *text = kl_brief_clean(value, strlen(value), false);
  if (!text) return kl_brief_wrong(r, error, "\"%s\" is empty", key);
  if (!strcmp(key, "canvas")) {
    g_autoptr(GError) e = NULL;
    return kl_brief_set_canvas(b, text, &e) || kl_brief_wrong(r, error, "\"canvas\": %s", e->message);
  }
  if (!strcmp(key, "palette")) {
    if (!kl_palette_named(text, &b->palette)) {
      g_autofree char *list = g_strjoinv(", ", (char **)kl_palette_names());
      return kl_brief_wrong(r, error, "\"palette\": '%.60s' is none of %s", text, list);
    }
    g_free(b->palette_name);
    b->palette_name = g_steal_pointer(&text);
  } else if (!strcmp(key, "font_heading") || !strcmp(key, "font_body")) {
    char **to = key[5] == 'h' ? &b->font_heading : &b->font_body;
    g_free(*to);
    *to = g_steal_pointer(&text);
  } else if (!strcmp(key, "density")) {
    static const char *const names[] = {"airy", "normal", "dense"};
    int i = name_index(names, 3, text);
    if (i < 0) return kl_brief_wrong(r, error, "\"density\": '%.60s' is none of airy, normal, dense", text);
    b->density = (KlDensity)i;
  } else if (!strcmp(key, "language")) {
    g_free(b->language);
    b->language = g_steal_pointer(&text);
  } else if (!strcmp(key, "direction")) {
    static const char *const names[] = {"auto", "ltr", "rtl"};
    int i = name_index(names, 3, text);
    if (i < 0) return kl_brief_wrong(r, error, "\"direction\": '%.60s' is none of auto, ltr, rtl", text);
    b->direction = (KlDirection)i;
  }
  return true;
}

/* ---- the last checks ---- */

static const char *words_of(const KlBriefItem *i) {
  return i->list ? i->list[0] : i->text ? i->text : i->label ? i->label : i->chart ? i->chart->labels[0] : "";
}

static void settle_direction(KlBrief *b) {
  if (b->direction == KL_DIR_AUTO && b->language) {
    static const char *const rtl[] = {"ar", "he", "fa", "ur", "yi", "ps", "sd", "ug", "dv", NULL};
    g_autofree char *lang = g_ascii_strdown(b->language, (gssize)strcspn(b->language, "-_"));
    b->direction = g_strv_contains(rtl, lang) ? KL_DIR_RTL : KL_DIR_AUTO;
  }
  for (guint i = 0; i < b->items->len && b->direction == KL_DIR_AUTO; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    int rtl = kl_element_is_text(item->type) ? kl_text_rtl(words_of(item)) : -1;
    if (rtl >= 0) b->direction = rtl ? KL_DIR_RTL : KL_DIR_LTR;
  }
  if (b->direction == KL_DIR_AUTO) b->direction = KL_DIR_LTR;
  for (guint i = 0; i < b->items->len; i++) {
    KlBriefItem *item = b->items->pdata[i];
    int rtl = kl_text_rtl(words_of(item));
    item->rtl = rtl < 0 ? b->direction == KL_DIR_RTL : rtl;
  }
}

static bool known(const KlBriefReader *r, const char *id, bool canvas, GError **error) {
  if ((canvas && !strcmp(id, "canvas")) || kl_brief_item(r->b, id)) return true;
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (guint i = 0; i < r->b->items->len; i++)
    g_ptr_array_add(names, ((const KlBriefItem *)r->b->items->pdata[i])->id);
  g_ptr_array_add(names, NULL);
  const char *near = kl_near(id, (const char *const *)names->pdata);
  return kl_brief_wrong(r, error, "there is no \"%.60s\" in it%s%s%s", id, near ? "; did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "");
}

static bool check(KlBriefReader *r, GError **error) {
  KlBrief *b = r->b;
  if (!b->items->len || (b->items->len == 1 && ((KlBriefItem *)b->items->pdata[0])->type == KL_EL_BACKGROUND))
    return kl_brief_wrong(r, error, "the brief is empty: it has neither a title nor anything to show");
  if (!kl_brief_room(r, error)) return false;
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    if (!strcmp(item->id, "canvas") || kl_brief_item(b, item->id) != item)
      return kl_brief_wrong(r, error, "\"%.60s\" is the name of two things", item->id);
  }
  for (guint i = 0; i < b->relations->len; i++) {
    const KlRelation *rel = &g_array_index(b->relations, KlRelation, i);
    if (!known(r, rel->a, false, error) || !known(r, rel->b, true, error)) return false;
    if (!strcmp(rel->a, rel->b)) return kl_brief_wrong(r, error, "\"%.60s\" cannot relate to itself", rel->a);
    if (rel->kind >= KL_REL_SMALLER && !strcmp(rel->b, "canvas"))
      return kl_brief_wrong(
          r, error, "\"%.60s\": sizes are compared with another element, not with the canvas", rel->a);
  }
  GArray *boxes[] = {b->fixed, b->given};
  for (int k = 0; k < 2; k++)
    for (guint i = 0; i < boxes[k]->len; i++) {
      const KlFixed *f = &g_array_index(boxes[k], KlFixed, i);
      if (!known(r, f->id, false, error)) return false;
      for (guint j = 0; j < i; j++)
        if (!strcmp(f->id, g_array_index(boxes[k], KlFixed, j).id))
          return kl_brief_wrong(r, error, "\"%.60s\" has two boxes", f->id);
      if (k == 0 &&
          (f->box.x < 0 || f->box.y < 0 || f->box.x + f->box.w > b->width || f->box.y + f->box.h > b->height))
        return kl_brief_wrong(r, error, "the fixed box of \"%.60s\" is not inside the canvas (%d x %d)",
                              f->id, b->width, b->height);
    }
  return true;
}

KlBrief *kl_brief_finish(KlBriefReader *r, bool ok, GError **error) {
  for (guint i = 0; ok && i < r->b->items->len; i++) {
    KlBriefItem *item = r->b->items->pdata[i];
    if (item->type == KL_EL_CHART) ok = kl_chart_settle(r, item, error);
  }
  ok = ok && check(r, error);
  if (ok) {
    settle_direction(r->b);
    return g_steal_pointer(&r->b);
  }
  kl_brief_free(g_steal_pointer(&r->b));
  return NULL;
}
