/* Layouts: the model, and its JSON. */
#include "app/core/layout/layout.h"
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"
#include "app/core/near.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static void element_free(void *p) {
  KlElement *e = p;
  g_free(e->id);
  g_free(e->item);
  g_free(e);
}

static void relation_clear(void *p) {
  KlRelation *r = p;
  g_free(r->a);
  g_free(r->b);
}

KlLayout *kl_layout_new(int width, int height) {
  KlLayout *l = g_new0(KlLayout, 1);
  l->width = width;
  l->height = height;
  l->elements = g_ptr_array_new_with_free_func(element_free);
  l->relations = g_array_new(FALSE, TRUE, sizeof(KlRelation));
  g_array_set_clear_func(l->relations, relation_clear);
  l->score = (KlScore){NAN, NAN, NAN, NAN};
  return l;
}

void kl_layout_free(KlLayout *l) {
  if (!l) return;
  g_ptr_array_unref(l->elements);
  g_array_unref(l->relations);
  g_free(l->exemplar);
  g_free(l);
}

KlElement *kl_layout_add(KlLayout *l, const char *id, KlElementType type, const char *item, KlBox box) {
  static const KlColour inks[KL_ELEMENT_TYPES] = {
      KL_COLOUR_TEXT, KL_COLOUR_MUTED, KL_COLOUR_TEXT, KL_COLOUR_TEXT,   KL_COLOUR_ACCENT, KL_COLOUR_TEXT,
      KL_COLOUR_TEXT, KL_COLOUR_TEXT,  KL_COLOUR_TEXT, KL_COLOUR_ACCENT, KL_COLOUR_NONE,   KL_COLOUR_NONE};
  KlElement *e = g_new0(KlElement, 1);
  e->id = g_strdup(id);
  e->item = g_strdup(item);
  e->type = type;
  e->box = box;
  e->z = type == KL_EL_BACKGROUND ? 0 : type == KL_EL_PANEL ? 1 : 2;
  e->ink = inks[type];
  e->fill = type == KL_EL_BACKGROUND ? KL_COLOUR_BACKGROUND
            : type == KL_EL_PANEL    ? KL_COLOUR_PANEL
                                     : KL_COLOUR_NONE;
  g_ptr_array_add(l->elements, e);
  return e;
}

KlLayout *kl_layout_copy(const KlLayout *l) {
  KlLayout *c = kl_layout_new(l->width, l->height);
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    KlElement *to = kl_layout_add(c, e->id, e->type, e->item, e->box);
    char *id = to->id, *item = to->item;
    *to = *e;
    to->id = id;
    to->item = item;
  }
  for (guint i = 0; i < l->relations->len; i++) {
    const KlRelation *r = &g_array_index(l->relations, KlRelation, i);
    KlRelation own = {r->kind, g_strdup(r->a), g_strdup(r->b)};
    g_array_append_val(c->relations, own);
  }
  c->exemplar = g_strdup(l->exemplar);
  c->score = l->score;
  return c;
}

KlElement *kl_layout_find(const KlLayout *l, const char *id) {
  for (guint i = 0; i < l->elements->len; i++) {
    KlElement *e = l->elements->pdata[i];
    if (!strcmp(e->id, id)) return e;
  }
  return NULL;
}

/* ---- writing ---- */

static const char *const aligns[] = {"start", "centre", "end"}, *const valigns[] = {"top", "middle",
                                                                                    "bottom"};

static double px(double v) {
  double r = round(v * 100) / 100;
  return r == 0 ? 0 : r; /* no -0 */
}

static json_t *score_value(KlScore s) {
  return json_pack("{s:f, s:f, s:f, s:f}", "alignment", round(s.alignment * 1e6) / 1e6, "overlap",
                   round(s.overlap * 1e6) / 1e6, "iou", round(s.iou * 1e6) / 1e6, "total",
                   round(s.total * 1e6) / 1e6);
}

static json_t *layout_json(const KlLayout *l) {
  json_t *root =
      json_pack("{s:i, s:[i, i]}", "kinoloom_layout", KL_LAYOUT_VERSION, "canvas", l->width, l->height);
  json_t *elements = json_array(), *relations = json_array();
  if (l->exemplar) json_object_set_new(root, "exemplar", json_string(l->exemplar));
  if (isfinite(l->score.total)) json_object_set_new(root, "score", score_value(l->score));
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    json_t *o = json_pack("{s:s, s:s}", "id", e->id, "type", kl_element_name(e->type));
    if (e->item && strcmp(e->item, e->id)) json_object_set_new(o, "item", json_string(e->item));
    json_object_set_new(o, "box",
                        json_pack("[f, f, f, f]", px(e->box.x), px(e->box.y), px(e->box.w), px(e->box.h)));
    json_object_set_new(o, "z", json_integer(e->z));
    if (e->text_px > 0) json_object_set_new(o, "text_px", json_real(px(e->text_px)));
    if (e->align) json_object_set_new(o, "align", json_string(aligns[e->align]));
    if (e->valign) json_object_set_new(o, "valign", json_string(valigns[e->valign]));
    json_object_set_new(o, "ink", json_string(kl_colour_name(e->ink)));
    json_object_set_new(o, "fill", json_string(kl_colour_name(e->fill)));
    if (e->radius > 0) json_object_set_new(o, "radius", json_real(px(e->radius)));
    if (e->pad > 0) json_object_set_new(o, "pad", json_real(px(e->pad)));
    if (e->locked) json_object_set_new(o, "locked", json_true());
    json_array_append_new(elements, o);
  }
  for (guint i = 0; i < l->relations->len; i++) {
    const KlRelation *r = &g_array_index(l->relations, KlRelation, i);
    json_array_append_new(
        relations, json_pack("{s:s, s:s, s:s}", "a", r->a, "relation", kl_relation_name(r->kind), "b", r->b));
  }
  json_object_set_new(root, "elements", elements);
  if (json_array_size(relations))
    json_object_set_new(root, "relations", relations);
  else
    json_decref(relations);
  return root;
}

char *kl_layout_serialise(const KlLayout *l) {
  json_t *root = layout_json(l);
  char *raw = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12)), *out = g_strconcat(raw, "\n", NULL);
  free(raw);
  json_decref(root);
  return out;
}

/* ---- reading ---- */

static bool wrong(GError **error, const char *where, const char *id, const char *why) {
  return kl_gfail(error, KL_ERROR_INPUT, "%s: element \"%.60s\": %s", where, id, why);
}

static char *text_of(const json_t *o, const char *key) {
  const json_t *v = json_object_get(o, key);
  return json_is_string(v) ? kl_brief_clean(json_string_value(v), json_string_length(v), false) : NULL;
}

/* One of n names; absent: the default stays. */
static bool choice(const json_t *o, const char *key, const char *const *names, int n, int *out) {
  const json_t *v = json_object_get(o, key);
  if (!v) return true;
  for (int i = 0; i < n; i++)
    if (json_is_string(v) && !strcmp(names[i], json_string_value(v))) {
      *out = i;
      return true;
    }
  return false;
}

static bool number(const json_t *o, const char *key, double least, double most, double *out) {
  const json_t *v = json_object_get(o, key);
  if (!v) return true;
  if (!json_is_number(v)) return false;
  *out = px(json_number_value(v));
  return *out >= least && *out <= most;
}

static bool colour(const json_t *o, const char *key, KlColour *out) {
  const json_t *v = json_object_get(o, key);
  if (!v) return true;
  int role = json_is_string(v) ? kl_colour_role(json_string_value(v)) : -2;
  if (role < -1) return false;
  *out = (KlColour)role;
  return true;
}

static bool read_style(KlElement *e, const json_t *o, const char *where, GError **error) {
  int align = (int)e->align, valign = (int)e->valign;
  double z = e->z;
  if (!number(o, "text_px", 0, KL_CANVAS_MOST, &e->text_px))
    return wrong(error, where, e->id, "\"text_px\" is no size");
  if (!choice(o, "align", aligns, 3, &align))
    return wrong(error, where, e->id, "\"align\" is start, centre or end");
  if (!choice(o, "valign", valigns, 3, &valign))
    return wrong(error, where, e->id, "\"valign\" is top, middle or bottom");
  if (!colour(o, "ink", &e->ink) || !colour(o, "fill", &e->fill))
    return wrong(error, where, e->id, "a colour is none, background, panel, text, muted, accent or accent2");
  if (!number(o, "radius", 0, KL_CANVAS_MOST, &e->radius) || !number(o, "pad", 0, KL_CANVAS_MOST, &e->pad) ||
      !number(o, "z", -1000, 1000, &z))
    return wrong(error, where, e->id, "\"radius\", \"pad\" or \"z\" is out of range");
  e->align = (KlAlign)align;
  e->valign = (KlAlign)valign;
  e->z = (int)z;
  e->locked = json_is_true(json_object_get(o, "locked"));
  return true;
}

static bool read_element(KlLayout *l, const json_t *o, size_t i, const char *where, GError **error) {
  g_autofree char *id = text_of(o, "id"), *item = text_of(o, "item"), *type_name = text_of(o, "type");
  const json_t *box = json_object_get(o, "box");
  double d[4];
  if (!id) return kl_gfail(error, KL_ERROR_INPUT, "%s: element %zu has no \"id\"", where, i + 1);
  int type = type_name ? kl_element_type(type_name) : -1;
  if (type < 0) return wrong(error, where, id, "its \"type\" is none of title ... icon, panel, background");
  if (!strcmp(id, "canvas") || kl_layout_find(l, id)) return wrong(error, where, id, "the name is taken");
  for (size_t k = 0; k < 4; k++) {
    const json_t *n = json_array_get(box, k);
    d[k] = json_is_number(n) ? px(json_number_value(n)) : NAN;
    if (!isfinite(d[k]) || fabs(d[k]) > 4.0 * KL_CANVAS_MOST || (k > 1 && d[k] <= 0) ||
        json_array_size(box) != 4)
      return wrong(error, where, id, "\"box\" is not [x, y, width, height] in pixels");
  }
  bool shows = type != KL_EL_PANEL && type != KL_EL_BACKGROUND;
  KlElement *e = kl_layout_add(l, id, (KlElementType)type,
                               item    ? item
                               : shows ? id
                                       : NULL,
                               (KlBox){d[0], d[1], d[2], d[3]});
  return read_style(e, o, where, error);
}

static bool read_relations(KlLayout *l, const json_t *list, const char *where, GError **error) {
  size_t i;
  const json_t *o;
  json_array_foreach(list, i, o) {
    g_autofree char *a = text_of(o, "a"), *b = text_of(o, "b"), *name = text_of(o, "relation");
    int kind = name ? kl_relation_kind(name) : -1;
    if (!a || !b || kind < 0 || !kl_layout_find(l, a) || (strcmp(b, "canvas") && !kl_layout_find(l, b)))
      return kl_gfail(error, KL_ERROR_INPUT,
                      "%s: relation %zu is not {\"a\", \"relation\", \"b\"} of elements", where, i + 1);
    KlRelation r = {(KlRelationKind)kind, g_steal_pointer(&a), g_steal_pointer(&b)};
    g_array_append_val(l->relations, r);
  }
  return true;
}

static KlLayout *read_layout(const json_t *root, const char *where, GError **error) {
  const json_t *version = json_object_get(root, "kinoloom_layout"), *canvas = json_object_get(root, "canvas"),
               *o, *elements = json_object_get(root, "elements"), *score = json_object_get(root, "score");
  json_int_t w = json_integer_value(json_array_get(canvas, 0)),
             h = json_integer_value(json_array_get(canvas, 1));
  size_t i;
  bool ok = false;
  if (!json_is_integer(version) || json_integer_value(version) < 1)
    kl_gfail(error, KL_ERROR_INPUT, "%s: not a layout: it has no \"kinoloom_layout\": %d", where,
             KL_LAYOUT_VERSION);
  else if (json_integer_value(version) > KL_LAYOUT_VERSION)
    kl_gfail(error, KL_ERROR_INPUT,
             "%s: written by a newer Kinoloom (layout version %" JSON_INTEGER_FORMAT
             "; this one reads up to %d)",
             where, json_integer_value(version), KL_LAYOUT_VERSION);
  else if (w < KL_CANVAS_LEAST || h < KL_CANVAS_LEAST || w > KL_CANVAS_MOST || h > KL_CANVAS_MOST)
    kl_gfail(error, KL_ERROR_INPUT, "%s: \"canvas\" is not [width, height], each %d to %d", where,
             KL_CANVAS_LEAST, KL_CANVAS_MOST);
  else if (!json_is_array(elements) || json_array_size(elements) > KL_LAYOUT_ELEMENTS_MAX)
    kl_gfail(error, KL_ERROR_INPUT, "%s: \"elements\" is not a list of at most %d", where,
             KL_LAYOUT_ELEMENTS_MAX);
  else
    ok = true;
  if (!ok) return NULL;
  g_autoptr(KlLayout) l = kl_layout_new((int)w, (int)h);
  l->exemplar = text_of(root, "exemplar");
  if (json_is_object(score)) {
    double s[4] = {NAN, NAN, NAN, NAN};
    static const char *const keys[] = {"alignment", "overlap", "iou", "total"};
    for (int k = 0; k < 4; k++) {
      double v = json_number_value(json_object_get(score, keys[k]));
      s[k] = round(CLAMP(v, 0, 1e3) * 1e6) / 1e6;
    }
    l->score = (KlScore){s[0], s[1], s[2], s[3]};
  }
  json_array_foreach(elements, i, o) {
    if (!read_element(l, o, i, where, error)) return NULL;
  }
  return read_relations(l, json_object_get(root, "relations"), where, error) ? g_steal_pointer(&l) : NULL;
}

KlLayout *kl_layout_parse(const char *json, gsize n, const char *where, GError **error) {
  json_t *root = kl_brief_json(json, n, where, error);
  if (!root) return NULL;
  KlLayout *l = read_layout(root, where, error);
  json_decref(root);
  return l;
}

KlLayout *kl_layout_load(const char *path, GError **error) {
  gsize n;
  g_autofree char *shown = g_filename_display_name(path);
  g_autofree char *text = kl_brief_read_file(path, KL_LAYOUT_MAX, &n, error);
  return text ? kl_layout_parse(text, n, shown, error) : NULL;
}

bool kl_layout_check(const KlLayout *l, const KlBrief *b, char ***missing, GError **error) {
  g_autoptr(GStrvBuilder) lacks = g_strv_builder_new();
  g_autoptr(GHashTable) shown = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    const KlBriefItem *item = e->item ? kl_brief_item(b, e->item) : NULL;
    if (!e->item) continue;
    if (!item) {
      g_autoptr(GPtrArray) names = g_ptr_array_new();
      for (guint k = 0; k < b->items->len; k++)
        g_ptr_array_add(names, ((KlBriefItem *)b->items->pdata[k])->id);
      g_ptr_array_add(names, NULL);
      const char *near = kl_near(e->item, (const char *const *)names->pdata);
      return kl_gfail(error, KL_ERROR_INPUT,
                      "the layout shows \"%.60s\", which the brief does not have%s%s%s", e->item,
                      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (item->type != e->type)
      return kl_gfail(error, KL_ERROR_INPUT, "the layout shows \"%.60s\" as %s, but it is %s", e->item,
                      kl_element_name(e->type), kl_element_name(item->type));
    if (!g_hash_table_add(shown, e->item))
      return kl_gfail(error, KL_ERROR_INPUT, "the layout shows \"%.60s\" twice", e->item);
  }
  for (guint k = 0; k < b->items->len; k++) {
    const KlBriefItem *item = b->items->pdata[k];
    if (!g_hash_table_contains(shown, item->id)) g_strv_builder_add(lacks, item->id);
  }
  if (missing) *missing = g_strv_builder_end(lacks);
  return true;
}
