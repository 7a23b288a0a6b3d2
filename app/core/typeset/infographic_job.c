/* An infographic as a job: what its outputs carry, and what makes them again. */
#include "app/core/ledger.h"
#include "app/core/typeset/infographic.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "kinoloom_infographic"

/* Text of ours, so it parses. */
static json_t *embedded(char *text) {
  json_t *o = json_loads(text, 0, NULL);
  g_free(text);
  return o ? o : json_null();
}

char *kl_infographic_job(const KlInfographicOptions *o) {
  json_t *root = json_pack("{s:i, s:s, s:I}", KEY, KL_INFOGRAPHIC_VERSION, "engine", "Kinoloom " KL_VERSION,
                           "seed", (json_int_t)(o->seed & G_MAXINT64));
  if (o->scale > 0 && o->scale != 1) json_object_set_new(root, "scale", json_real(o->scale));
  if (o->seconds > 0) json_object_set_new(root, "seconds", json_real(o->seconds));
  if (o->fps_num > 0) {
    g_autofree char *fps = g_strdup_printf("%d/%d", o->fps_num, o->fps_den);
    json_object_set_new(root, "fps", json_string(fps));
  }
  if (o->model) json_object_set_new(root, "model", json_string(o->model));
  json_object_set_new(root, "brief", embedded(kl_brief_serialise(o->brief)));
  json_object_set_new(root, "layout", embedded(kl_layout_serialise(o->layout)));
  char *raw = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12)), *out = g_strdup(raw);
  free(raw);
  json_decref(root);
  return out;
}

static bool take_settings(const json_t *root, KlInfographicOptions *s) {
  double scale = json_number_value(json_object_get(root, "scale"));
  double seconds = json_number_value(json_object_get(root, "seconds"));
  const char *fps = json_string_value(json_object_get(root, "fps"));
  s->seed = (guint64)json_integer_value(json_object_get(root, "seed"));
  if (scale > 0) s->scale = scale;
  if (seconds > 0) s->seconds = seconds;
  return !fps || (sscanf(fps, "%9d/%9d", &s->fps_num, &s->fps_den) == 2 && s->fps_num > 0 && s->fps_den > 0);
}

bool kl_infographic_parse(const char *json, const char *where, KlBrief **brief, KlLayout **layout,
                          KlInfographicOptions *settings, GError **error) {
  json_error_t at;
  json_t *root = json_loads(json, 0, &at);
  const json_t *version = json_object_get(root, KEY);
  bool ok = false;
  if (!root) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: the job inside is damaged: %s", where, at.text);
  } else if (!json_is_integer(version)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: the job inside is not that of an infographic", where);
  } else if (json_integer_value(version) > KL_INFOGRAPHIC_VERSION) {
    kl_gfail(error, KL_ERROR_INPUT,
             "%s was made by a newer Kinoloom (job version %" JSON_INTEGER_FORMAT ", this one knows %d)",
             where, json_integer_value(version), KL_INFOGRAPHIC_VERSION);
  } else if (settings && !take_settings(root, settings)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: the job inside has a bad frame rate", where);
  } else {
    char *b = json_dumps(json_object_get(root, "brief"), JSON_ENCODE_ANY);
    char *l = json_dumps(json_object_get(root, "layout"), JSON_ENCODE_ANY);
    ok = true;
    if (brief) ok = b && (*brief = kl_brief_parse_json(b, strlen(b), where, "/", error));
    if (ok && layout) ok = l && (*layout = kl_layout_parse(l, strlen(l), where, error));
    if (!ok && error && !*error) kl_gfail(error, KL_ERROR_INPUT, "%s: the job inside has no brief", where);
    free(b);
    free(l);
  }
  json_decref(root);
  return ok;
}

guint64 kl_infographic_seed(const char *output, bool resume) {
  g_autofree char *path = kl_ledger_path(output);
  g_autoptr(KlLedger) ledger =
      resume && g_file_test(path, G_FILE_TEST_EXISTS) ? kl_ledger_open(path, NULL) : NULL;
  KlInfographicOptions then = {0};
  if (ledger && kl_infographic_parse(kl_ledger_job(ledger)->spec, "the ledger", NULL, NULL, &then, NULL))
    return then.seed;
  return g_random_int(); /* 32 bits: easy to say and to type */
}

bool kl_infographic_generates(const KlBrief *b, const KlLayout *l) {
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    const KlBriefItem *it = e->item ? kl_brief_item(b, e->item) : NULL;
    if (it && (e->type == KL_EL_PICTURE || e->type == KL_EL_BACKGROUND) && !it->image && it->text &&
        *it->text)
      return true;
  }
  return false;
}
