/* A job as JSON. */
#include "app/core/job_spec.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "media/provenance.h"

#include <jansson.h>
#include <string.h>

static bool wrong(GError **error, const char *where, const char *key, const char *why) {
  return kl_gfail(error, KL_ERROR_INPUT, "%s: \"%s\": %s", where, key, why);
}

/* A scalar of JSON as the text that a flag would have. */
static char *scalar_text(const json_t *v) {
  char buf[G_ASCII_DTOSTR_BUF_SIZE];
  if (json_is_string(v))
    return strlen(json_string_value(v)) == json_string_length(v) ? g_strdup(json_string_value(v)) : NULL;
  if (json_is_integer(v)) return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
  if (json_is_real(v)) return g_strdup(g_ascii_formatd(buf, sizeof buf, "%.12g", json_real_value(v)));
  if (json_is_boolean(v)) return g_strdup(json_is_true(v) ? "true" : "false");
  return NULL;
}

static bool set(KlJobSpec *j, const char *field, const char *key, const json_t *v, const char *suffix,
                const char *where, GError **error) {
  g_autofree char *bare = scalar_text(v);
  g_autoptr(GError) e = NULL;
  if (!bare) return wrong(error, where, key, "not a value that fits");
  g_autofree char *text = g_strconcat(bare, suffix, NULL);
  if (kl_job_set(j, field, text, &e)) return true;
  return wrong(error, where, key, e->message);
}

static bool set_prompts(KlJobSpec *j, const json_t *v, const char *where, GError **error) {
  size_t i;
  json_t *item;
  if (!json_is_array(v) || json_array_size(v) > 10000)
    return wrong(error, where, "prompts", "not a list of {\"at\", \"text\"}");
  json_array_foreach(v, i, item) {
    const json_t *text = json_object_get(item, "text"), *at = json_object_get(item, "at");
    g_autoptr(GError) e = NULL;
    KlTime t = {true, 0};
    g_autofree char *s = at ? scalar_text(at) : g_strdup("0f");
    g_autofree char *words = text ? scalar_text(text) : NULL;
    if (!s || !words || !json_is_string(text))
      return wrong(error, where, "prompts", "not a list of {\"at\", \"text\"}");
    if (!kl_time_parse(s, &t, &e) || !kl_job_set_prompt(j, t, words, &e))
      return wrong(error, where, "prompts", e->message);
  }
  return true;
}

static bool set_seeds(KlJobSpec *j, const json_t *v, const char *where, GError **error) {
  size_t i;
  json_t *item;
  if (!json_is_array(v) || json_array_size(v) > 10000)
    return wrong(error, where, "seeds", "not a list of {\"at\", \"seed\"}");
  json_array_foreach(v, i, item) {
    const json_t *seed = json_object_get(item, "seed"), *at = json_object_get(item, "at");
    g_autoptr(GError) e = NULL;
    KlTime t;
    g_autofree char *s = at ? scalar_text(at) : NULL;
    if (!s || !json_is_integer(seed)) return wrong(error, where, "seeds", "not a list of {\"at\", \"seed\"}");
    if (!kl_time_parse(s, &t, &e) || !kl_job_set_seed(j, t, json_integer_value(seed), &e))
      return wrong(error, where, "seeds", e->message);
  }
  return true;
}

static bool set_regions(KlJobSpec *j, const json_t *v, const char *where, GError **error) {
  size_t i;
  json_t *item;
  if (!json_is_array(v)) return wrong(error, where, "regions", "not a list");
  json_array_foreach(v, i, item) {
    KlJobRegion r = {0};
    const char *text = NULL;
    g_autoptr(GError) e = NULL;
    if (json_unpack(item, "{s:F, s:F, s:F, s:F, s:s, s?F}", "x", &r.x, "y", &r.y, "width", &r.width, "height",
                    &r.height, "prompt", &text, "guidance", &r.guidance))
      return wrong(error, where, "regions",
                   "not a list of {\"x\", \"y\", \"width\", \"height\", \"prompt\"}");
    r.text = (char *)text;
    if (!kl_job_add_region(j, &r, &e)) return wrong(error, where, "regions", e->message);
  }
  return true;
}

bool kl_job_parse_fields(KlJobSpec *j, const void *object, const char *where, GError **error) {
  const char *key;
  json_t *v;
  size_t n;
  const KlJobField *f = kl_job_fields(&n);
  json_object_foreach((json_t *)object, key, v) {
    bool ok, known = false;
    /* "film" is what an export says of all its clips; the job around it is the first one's */
    if (!strcmp(key, "kinoloom_job") || !strcmp(key, "film") || json_is_null(v)) continue;
    if (!strcmp(key, "prompts"))
      ok = set_prompts(j, v, where, error);
    else if (!strcmp(key, "seeds"))
      ok = set_seeds(j, v, where, error);
    else if (!strcmp(key, "regions"))
      ok = set_regions(j, v, where, error);
    else if (!strcmp(key, "prompt"))
      ok = json_is_string(v) ? set(j, "prompts", key, v, "", where, error)
                             : wrong(error, where, key, "not a text");
    else if (!strcmp(key, "frames"))
      ok = set(j, "length", key, v, "f", where, error);
    else if (!strcmp(key, "seconds"))
      ok = set(j, "length", key, v, "", where, error);
    else {
      for (size_t i = 0; i < n; i++) known |= !strcmp(f[i].key, key) && f[i].kind != KL_JOB_TIME;
      if (!known) {
        kl_log(KL_LOG_WARN, "%s: \"%s\" is not known to this version and is left out", where, key);
        continue;
      }
      ok = set(j, key, key, v, "", where, error);
    }
    if (!ok) return false;
  }
  if (json_object_get(object, "frames") && json_object_get(object, "seconds"))
    return wrong(error, where, "frames", "given together with \"seconds\": one of them is enough");
  return true;
}

KlJobSpec *kl_job_parse(const char *json, size_t n, const char *where, GError **error) {
  json_error_t je;
  g_autoptr(KlJobSpec) j = kl_job_new();
  const char *end;
  if (!g_utf8_validate(json, (gssize)n, &end)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s is not a job: it is not valid UTF-8 (byte %zu)", where,
             (size_t)(end - json) + 1);
    return NULL;
  }
  json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, &je);
  bool ok = false;
  if (!root) {
    kl_gfail(error, KL_ERROR_INPUT, "%s is not a job: line %d: %s", where, je.line, je.text);
    return NULL;
  }
  const json_t *version = json_object_get(root, "kinoloom_job");
  if (!json_is_integer(version))
    kl_gfail(error, KL_ERROR_INPUT, "%s is not a job: it has no \"kinoloom_job\": %d", where, KL_JOB_VERSION);
  else if (json_integer_value(version) > KL_JOB_VERSION)
    kl_gfail(error, KL_ERROR_INPUT,
             "%s was written by a newer Kinoloom (job version %" JSON_INTEGER_FORMAT
             "; this one reads up to %d)",
             where, json_integer_value(version), KL_JOB_VERSION);
  else if (json_integer_value(version) < 1)
    kl_gfail(error, KL_ERROR_INPUT, "%s is not a job: version %" JSON_INTEGER_FORMAT, where,
             json_integer_value(version));
  else
    ok = kl_job_parse_fields(j, root, where, error);
  json_decref(root);
  return ok ? g_steal_pointer(&j) : NULL;
}

KlJobSpec *kl_job_load(const char *path, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  g_autoptr(GError) e = NULL;
  char head[64] = {0};
  size_t got;
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s is a folder, not a job", shown);
    return NULL;
  }
  FILE *f = fopen(path, "rbe");
  if (!f) {
    kl_gfail(error, KL_ERROR_INPUT, "cannot open %s: %s", shown, g_strerror(errno));
    return NULL;
  }
  got = fread(head, 1, sizeof head - 1, f);
  size_t skip = !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
  size_t blank = skip + strspn(head + skip, " \t\r\n");
  if (blank == got || head[blank] == '{' || head[blank] == '[') { /* JSON */
    char *text = g_malloc(KL_JOB_MAX + 1);
    rewind(f);
    size_t n = fread(text, 1, KL_JOB_MAX + 1, f);
    fclose(f);
    KlJobSpec *j = NULL;
    if (n > KL_JOB_MAX)
      kl_gfail(error, KL_ERROR_INPUT, "%s is longer than a job may be (4 MiB)", shown);
    else if (n <= skip)
      kl_gfail(error, KL_ERROR_INPUT, "%s is empty", shown);
    else
      j = kl_job_parse(text + skip, n - skip, shown, error);
    g_free(text);
    return j;
  }
  fclose(f);
  char *json = NULL;
  KlErr err = KL_ERR_INIT;
  KlJobSpec *j = NULL;
  if (!kl_media_read_job(path, &json, NULL, &err))
    kl_gfail(error, KL_ERROR_INPUT, "%s is neither a job nor a video of ours: %s", shown, err.msg);
  else if (!json)
    kl_gfail(error, KL_ERROR_INPUT, "%s has no Kinoloom job inside", shown);
  else
    j = kl_job_parse(json, strlen(json), shown, error);
  kl_free(&json);
  return j;
}

static json_t *rate_value(const KlJobSpec *j) {
  char text[32];
  g_snprintf(text, sizeof text, "%d/%d", j->fps_num, j->fps_den);
  return json_string(text);
}

static json_t *prompts_value(const KlJobSpec *j) {
  json_t *list = json_array();
  for (guint i = 0; i < j->prompts->len; i++) {
    const KlJobPrompt *p = &g_array_index(j->prompts, KlJobPrompt, i);
    g_autofree char *at = kl_time_text(p->at);
    json_array_append_new(list, json_pack("{s:s, s:s}", "at", at, "text", p->text));
  }
  return list;
}

static json_t *seeds_value(const KlJobSpec *j) {
  json_t *list = json_array();
  for (guint i = 0; i < j->seeds->len; i++) {
    const KlJobSeed *s = &g_array_index(j->seeds, KlJobSeed, i);
    g_autofree char *at = kl_time_text(s->at);
    json_array_append_new(list, json_pack("{s:s, s:I}", "at", at, "seed", (json_int_t)s->seed));
  }
  return list;
}

static json_t *regions_value(const KlJobSpec *j) {
  json_t *list = json_array();
  for (guint i = 0; i < j->regions->len; i++) {
    const KlJobRegion *r = &g_array_index(j->regions, KlJobRegion, i);
    json_t *item = json_pack("{s:f, s:f, s:f, s:f, s:s}", "x", r->x, "y", r->y, "width", r->width, "height",
                             r->height, "prompt", r->text);
    if (r->guidance > 0) json_object_set_new(item, "guidance", json_real(r->guidance));
    json_array_append_new(list, item);
  }
  return list;
}

char *kl_job_serialise(const KlJobSpec *j, bool all) {
  size_t n;
  const KlJobField *f = kl_job_fields(&n);
  json_t *root = json_pack("{s:i}", "kinoloom_job", KL_JOB_VERSION);
  for (size_t i = 0; i < n; i++) {
    const void *p = (const char *)j + f[i].offset;
    const char *key = f[i].key;
    json_t *v = NULL;
    if (!(j->given >> i & 1) || (f[i].local && !all)) continue;
    switch (f[i].kind) {
    case KL_JOB_TEXT: {
      g_autofree char *shown = g_utf8_make_valid(*(char *const *)p, -1);
      v = json_string(shown);
      break;
    }
    case KL_JOB_INT:
    case KL_JOB_BYTES:
      v = json_integer(*(const gint64 *)p);
      break;
    case KL_JOB_NUMBER:
      v = json_real(*(const double *)p);
      break;
    case KL_JOB_BOOL:
      v = json_boolean(*(const bool *)p);
      break;
    case KL_JOB_RATE:
      v = rate_value(j);
      break;
    case KL_JOB_TIME:
      key = j->length.in_frames ? "frames" : "seconds";
      v = j->length.in_frames ? json_integer(j->length.value) : json_real((double)j->length.value / 1e9);
      break;
    case KL_JOB_PROMPTS:
      if (j->prompts->len == 1 && g_array_index(j->prompts, KlJobPrompt, 0).at.value == 0) {
        key = "prompt";
        v = json_string(g_array_index(j->prompts, KlJobPrompt, 0).text);
      } else {
        v = prompts_value(j);
      }
      break;
    case KL_JOB_SEEDS:
      v = seeds_value(j);
      break;
    case KL_JOB_REGIONS:
      v = regions_value(j);
      break;
    }
    json_object_set_new(root, key, v);
  }
  char *raw = json_dumps(root, JSON_REAL_PRECISION(12) | (all ? JSON_INDENT(2) : JSON_COMPACT));
  char *out = g_strdup(raw);
  free(raw);
  json_decref(root);
  return out;
}
