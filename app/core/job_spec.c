/* Fields, layers and checks of a job. job_json.c reads and writes it. */
#include "app/core/job_spec.h"

#include "app/core/resources.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define F(member) offsetof(KlJobSpec, member)
/* The order is the order in files. */
static const KlJobField fields[] = {
    {"task", KL_JOB_TEXT, F(task), 0, 0, "text-to-video", false},
    {"model", KL_JOB_TEXT, F(model), 0, 0, NULL, false},
    {"model_sha256", KL_JOB_TEXT, F(model_sha256), 0, 0, NULL, false},
    {"engine", KL_JOB_TEXT, F(engine), 0, 0, NULL, false},
    {"prompts", KL_JOB_PROMPTS, F(prompts), 0, 0, NULL, false},
    {"regions", KL_JOB_REGIONS, F(regions), 0, 0, NULL, false},
    {"negative", KL_JOB_TEXT, F(negative), 0, 0, NULL, false},
    {"image", KL_JOB_TEXT, F(image), 0, 0, NULL, false},
    {"width", KL_JOB_INT, F(width), 16, 16384, NULL, false},
    {"height", KL_JOB_INT, F(height), 16, 16384, NULL, false},
    {"fps", KL_JOB_RATE, F(fps_num), 0, 0, NULL, false},
    {"length", KL_JOB_TIME, F(length), 0, 0, NULL, false},
    {"seed", KL_JOB_INT, F(seed), 0, 9223372036854775807.0, NULL, false},
    {"seeds", KL_JOB_SEEDS, F(seeds), 0, 0, NULL, false},
    {"steps", KL_JOB_INT, F(steps), 1, 1000, NULL, false},
    {"guidance", KL_JOB_NUMBER, F(guidance), 0, 100, NULL, false},
    {"shift", KL_JOB_NUMBER, F(shift), 0.01, 100, NULL, false},
    {"solver", KL_JOB_TEXT, F(solver), 0, 0, "euler|unipc|dpm++|few-step", false},
    {"window", KL_JOB_INT, F(window), 0, 10000, NULL, false},
    {"sink", KL_JOB_INT, F(sink), 0, 10000, NULL, false},
    {"overlap", KL_JOB_INT, F(overlap), 0, 10000, NULL, false},
    {"clip", KL_JOB_INT, F(clip), 0, 10000, NULL, false},
    {"precision", KL_JOB_TEXT, F(precision), 0, 0, "auto|f32|bf16", false},
    {"container", KL_JOB_TEXT, F(container), 0, 0, "auto|mp4|webm|mkv|gif|apng|png|png-sequence", false},
    {"codec", KL_JOB_TEXT, F(codec), 0, 0, "auto|h264|vp9|av1|mpeg4|gif|png", false},
    {"crf", KL_JOB_INT, F(crf), -1, 63, NULL, false},
    {"provenance", KL_JOB_BOOL, F(provenance), 0, 0, NULL, false},
    {"output", KL_JOB_TEXT, F(output), 0, 0, NULL, true},
    {"device", KL_JOB_TEXT, F(device), 0, 0, NULL, true},
    {"threads", KL_JOB_INT, F(threads), 0, 256, NULL, true},
    {"memory", KL_JOB_BYTES, F(memory), 0, 0, NULL, true},
};
#undef F

const KlJobField *kl_job_fields(size_t *n) {
  *n = G_N_ELEMENTS(fields);
  return fields;
}

static int field_index(const char *key) {
  for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
    if (!strcmp(fields[i].key, key)) return (int)i;
  return -1;
}

static void *at(const KlJobSpec *j, const KlJobField *f) {
  return (char *)j + f->offset;
}

static void prompt_clear(void *p) {
  g_free(((KlJobPrompt *)p)->text);
}

static GArray *prompts_new(void) {
  GArray *a = g_array_new(FALSE, TRUE, sizeof(KlJobPrompt));
  g_array_set_clear_func(a, prompt_clear);
  return a;
}

KlJobSpec *kl_job_new(void) {
  KlJobSpec *j = g_new0(KlJobSpec, 1);
  j->prompts = prompts_new();
  j->seeds = g_array_new(FALSE, TRUE, sizeof(KlJobSeed));
  j->regions = kl_job_regions_new();
  j->crf = -1;
  return j;
}

void kl_job_free(KlJobSpec *j) {
  if (!j) return;
  for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
    if (fields[i].kind == KL_JOB_TEXT) g_free(*(char **)at(j, &fields[i]));
  g_array_unref(j->prompts);
  g_array_unref(j->seeds);
  g_array_unref(j->regions);
  g_free(j);
}

KlJobSpec *kl_job_copy(const KlJobSpec *j) {
  KlJobSpec *c = kl_job_new();
  kl_job_merge(c, j);
  c->frames = j->frames;
  for (guint i = 0; i < j->prompts->len; i++)
    g_array_index(c->prompts, KlJobPrompt, i).from_frame =
        g_array_index(j->prompts, KlJobPrompt, i).from_frame;
  for (guint i = 0; i < j->seeds->len; i++)
    g_array_index(c->seeds, KlJobSeed, i).from_frame = g_array_index(j->seeds, KlJobSeed, i).from_frame;
  return c;
}

bool kl_job_has(const KlJobSpec *j, const char *key) {
  int i = field_index(key);
  return i >= 0 && (j->given >> i & 1);
}

static bool choice_ok(const char *choices, const char *text) {
  g_auto(GStrv) list = g_strsplit(choices, "|", -1);
  return g_strv_contains((const char *const *)list, text);
}

static bool set_integer(const KlJobField *f, gint64 *out, const char *text, GError **error) {
  char *end = NULL;
  guint64 magnitude;
  bool negative = text[0] == '-';
  const char *digits = text + negative;
  magnitude = g_ascii_isdigit(*digits) ? g_ascii_strtoull(digits, &end, 10) : 0;
  if (!end || *end) return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a whole number", text);
  if (magnitude > G_MAXINT64 || (negative && -(double)magnitude < f->least) ||
      (!negative && ((double)magnitude < f->least || (double)magnitude > f->most)))
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is out of range: %.0f to %.0f", text, f->least, f->most);
  *out = negative ? -(gint64)magnitude : (gint64)magnitude;
  return true;
}

static bool set_number(const KlJobField *f, double *out, const char *text, GError **error) {
  char *end = NULL;
  double v = g_ascii_strtod(text, &end);
  if (end == text || *end || !isfinite(v))
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a number", text);
  if (v < f->least || v > f->most)
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is out of range: %g to %g", text, f->least, f->most);
  *out = v;
  return true;
}

static bool utf8_ok(const char *text, GError **error) {
  const char *end;
  if (g_utf8_validate(text, -1, &end)) return true;
  return kl_gfail(error, KL_ERROR_USAGE, "the text is not valid UTF-8 (byte %zu)", (size_t)(end - text) + 1);
}

bool kl_job_set(KlJobSpec *j, const char *key, const char *text, GError **error) {
  int i = field_index(key);
  bool ok = false;
  if (i < 0) return kl_gfail(error, KL_ERROR_USAGE, "there is no setting '%s'", key);
  const KlJobField *f = &fields[i];
  switch (f->kind) {
  case KL_JOB_TEXT: {
    bool path = !strcmp(key, "output") || !strcmp(key, "model") ||
                !strcmp(key, "image"); /* bytes, as the system has them */
    if (!path && !utf8_ok(text, error)) return false;
    if (f->choices && !choice_ok(f->choices, text)) {
      g_auto(GStrv) parts = g_strsplit(f->choices, "|", -1);
      g_autofree char *list = g_strjoinv(", ", parts);
      return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is none of %s", text, list);
    }
    if (path && !*text) return kl_gfail(error, KL_ERROR_USAGE, "the name is empty");
    g_free(*(char **)at(j, f));
    /* what names a file means the same from wherever the job is run again */
    bool file = !strcmp(key, "image") || (!strcmp(key, "model") && strchr(text, '/'));
    *(char **)at(j, f) = file ? g_canonicalize_filename(text, NULL) : g_strdup(text);
    ok = true;
    break;
  }
  case KL_JOB_INT:
    ok = set_integer(f, at(j, f), text, error);
    break;
  case KL_JOB_NUMBER:
    ok = set_number(f, at(j, f), text, error);
    break;
  case KL_JOB_BOOL:
    ok = !strcmp(text, "true") || !strcmp(text, "false");
    if (!ok) return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is neither true nor false", text);
    *(bool *)at(j, f) = text[0] == 't';
    break;
  case KL_JOB_RATE:
    ok = kl_rate_parse(text, &j->fps_num, &j->fps_den, error);
    break;
  case KL_JOB_BYTES:
    ok = kl_bytes_parse(text, at(j, f), error);
    break;
  case KL_JOB_TIME:
    ok = kl_time_parse(text, at(j, f), error);
    break;
  case KL_JOB_PROMPTS:
    return kl_job_set_prompt(j, (KlTime){true, 0}, text, error);
  case KL_JOB_SEEDS:
    return kl_gfail(error, KL_ERROR_USAGE, "seeds are a list of {\"at\", \"seed\"}");
  case KL_JOB_REGIONS:
    ok = kl_job_regions_parse(j->regions, text, error);
    break;
  }
  if (ok) j->given |= G_GUINT64_CONSTANT(1) << i;
  return ok;
}

void kl_job_unset(KlJobSpec *j, const char *key) {
  int i = field_index(key);
  if (i < 0) return;
  j->given &= ~(G_GUINT64_CONSTANT(1) << i);
  if (fields[i].kind == KL_JOB_TEXT) g_clear_pointer((char **)at(j, &fields[i]), g_free);
  if (fields[i].kind == KL_JOB_PROMPTS) g_array_set_size(j->prompts, 0);
  if (fields[i].kind == KL_JOB_SEEDS) g_array_set_size(j->seeds, 0);
}

bool kl_job_set_prompt(KlJobSpec *j, KlTime when, const char *text, GError **error) {
  if (!utf8_ok(text, error)) return false;
  if (strlen(text) > (1u << 20)) return kl_gfail(error, KL_ERROR_USAGE, "the prompt is longer than 1 MiB");
  KlJobPrompt p = {when, 0, g_strdup(text)};
  for (guint i = 0; i < j->prompts->len; i++) {
    KlJobPrompt *q = &g_array_index(j->prompts, KlJobPrompt, i);
    if ((q->at.value == 0 && when.value == 0) ||
        (q->at.in_frames == when.in_frames && q->at.value == when.value)) {
      g_free(q->text);
      *q = p;
      goto out;
    }
  }
  g_array_append_val(j->prompts, p);
out:
  j->given |= G_GUINT64_CONSTANT(1) << field_index("prompts");
  return true;
}

bool kl_job_add_region(KlJobSpec *j, const KlJobRegion *r, GError **error) {
  if (!kl_job_regions_add(j->regions, r, error)) return false;
  j->given |= G_GUINT64_CONSTANT(1) << field_index("regions");
  return true;
}

static gint64 frame_of(const KlJobSpec *j, KlTime t) {
  return kl_time_frames(t, j->fps_num, MAX(j->fps_den, 1));
}

bool kl_job_set_seed(KlJobSpec *j, KlTime when, gint64 seed, GError **error) {
  KlJobSeed s = {when, 0, seed};
  if (when.value <= 0) return kl_gfail(error, KL_ERROR_USAGE, "another seed begins after the start");
  if (seed < 0) return kl_gfail(error, KL_ERROR_USAGE, "a seed is not negative");
  for (guint i = 0; i < j->seeds->len; i++) {
    KlJobSeed *q = &g_array_index(j->seeds, KlJobSeed, i);
    if (q->at.in_frames == when.in_frames && q->at.value == when.value) {
      *q = s;
      return true;
    }
  }
  g_array_append_val(j->seeds, s);
  j->given |= G_GUINT64_CONSTANT(1) << field_index("seeds");
  return true;
}

bool kl_job_set_seed_from(KlJobSpec *j, KlTime when, gint64 seed, GError **error) {
  gint64 frame = frame_of(j, when);
  for (guint i = j->seeds->len; i-- > 0;)
    if (frame_of(j, g_array_index(j->seeds, KlJobSeed, i).at) >= frame) g_array_remove_index(j->seeds, i);
  if (!j->seeds->len) kl_job_unset(j, "seeds");
  if (frame > 0) return kl_job_set_seed(j, when, seed, error);
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, seed);
  return kl_job_set(j, "seed", text, error);
}

bool kl_job_set_prompt_from(KlJobSpec *j, KlTime when, const char *text, GError **error) {
  gint64 frame = frame_of(j, when);
  for (guint i = j->prompts->len; i-- > 0;)
    if (frame_of(j, g_array_index(j->prompts, KlJobPrompt, i).at) >= frame)
      g_array_remove_index(j->prompts, i);
  return kl_job_set_prompt(j, when, text, error);
}

void kl_job_merge(KlJobSpec *j, const KlJobSpec *under) {
  guint64 take = under->given & ~j->given;
  for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
    const KlJobField *f = &fields[i];
    if (!(take >> i & 1)) continue;
    switch (f->kind) {
    case KL_JOB_TEXT:
      g_free(*(char **)at(j, f));
      *(char **)at(j, f) = g_strdup(*(char **)at(under, f));
      break;
    case KL_JOB_INT:
    case KL_JOB_BYTES:
      *(gint64 *)at(j, f) = *(const gint64 *)at(under, f);
      break;
    case KL_JOB_NUMBER:
      *(double *)at(j, f) = *(const double *)at(under, f);
      break;
    case KL_JOB_BOOL:
      *(bool *)at(j, f) = *(const bool *)at(under, f);
      break;
    case KL_JOB_RATE:
      j->fps_num = under->fps_num;
      j->fps_den = under->fps_den;
      break;
    case KL_JOB_TIME:
      *(KlTime *)at(j, f) = *(const KlTime *)at(under, f);
      break;
    case KL_JOB_PROMPTS:
      g_array_set_size(j->prompts, 0);
      for (guint k = 0; k < under->prompts->len; k++) {
        KlJobPrompt p = g_array_index(under->prompts, KlJobPrompt, k);
        p.text = g_strdup(p.text);
        g_array_append_val(j->prompts, p);
      }
      break;
    case KL_JOB_SEEDS:
      g_array_set_size(j->seeds, 0);
      g_array_append_vals(j->seeds, under->seeds->data, under->seeds->len);
      break;
    case KL_JOB_REGIONS:
      kl_job_regions_copy(j->regions, under->regions);
      break;
    }
  }
  j->given |= take;
}

KlJobSpec *kl_job_defaults(void) {
  static const char *const d[][2] = {{"task", "text-to-video"}, {"negative", ""},  {"width", "832"},
                                     {"height", "480"},         {"fps", "16"},     {"length", "81f"},
                                     {"steps", "50"},           {"guidance", "5"}, {"shift", "5"},
                                     {"solver", "unipc"},       {"window", "0"},   {"sink", "0"},
                                     {"overlap", "0"},          {"clip", "0"},     {"precision", "auto"},
                                     {"container", "auto"},     {"codec", "auto"}, {"crf", "-1"},
                                     {"provenance", "true"},    {"threads", "0"},  {"device", "cpu"}};
  KlJobSpec *j = kl_job_new();
  for (size_t i = 0; i < G_N_ELEMENTS(d); i++)
    if (!kl_job_set(j, d[i][0], d[i][1], NULL)) g_assert_not_reached();
  return j;
}

static int by_frame(const void *a, const void *b) {
  gint64 x = ((const KlJobPrompt *)a)->from_frame, y = ((const KlJobPrompt *)b)->from_frame;
  return (x > y) - (x < y);
}

static int seed_by_frame(const void *a, const void *b) {
  gint64 x = ((const KlJobSeed *)a)->from_frame, y = ((const KlJobSeed *)b)->from_frame;
  return (x > y) - (x < y);
}

static bool resolve_seeds(KlJobSpec *j, GError **error) {
  for (guint i = 0; i < j->seeds->len; i++) {
    KlJobSeed *s = &g_array_index(j->seeds, KlJobSeed, i);
    s->from_frame = kl_time_frames(s->at, j->fps_num, j->fps_den);
    s->at = (KlTime){true, s->from_frame};
    if (s->from_frame < 1 || s->from_frame >= j->frames)
      return kl_gfail(error, KL_ERROR_USAGE, "a seed begins outside of the video");
  }
  g_array_sort(j->seeds, seed_by_frame);
  for (guint i = 1; i < j->seeds->len; i++)
    if (g_array_index(j->seeds, KlJobSeed, i).from_frame ==
        g_array_index(j->seeds, KlJobSeed, i - 1).from_frame)
      return kl_gfail(error, KL_ERROR_USAGE, "two seeds begin at the same frame");
  return true;
}

bool kl_job_resolve(KlJobSpec *j, GError **error) {
  j->frames = kl_time_frames(j->length, j->fps_num, j->fps_den);
  if (j->frames < 1)
    return kl_gfail(error, KL_ERROR_USAGE, "the length is less than one frame: give --seconds or --frames");
  if (j->frames > KL_JOB_MAX_FRAMES)
    return kl_gfail(error, KL_ERROR_USAGE,
                    "%" G_GINT64_FORMAT " frames are too many: at most %" G_GINT64_FORMAT, j->frames,
                    KL_JOB_MAX_FRAMES);
  for (guint i = 0; i < j->prompts->len; i++) {
    KlJobPrompt *p = &g_array_index(j->prompts, KlJobPrompt, i);
    p->from_frame = kl_time_frames(p->at, j->fps_num, j->fps_den);
    p->at = (KlTime){true, p->from_frame};
    const char *s = p->text;
    while (g_unichar_isspace(g_utf8_get_char(s)) && *s) s = g_utf8_next_char(s);
    if (!*s && !(i == 0 && j->image)) return kl_gfail(error, KL_ERROR_USAGE, "the prompt is empty");
    if (p->from_frame >= j->frames) {
      g_autofree char *t = kl_seconds_text((double)p->from_frame * j->fps_den / j->fps_num);
      return kl_gfail(error, KL_ERROR_USAGE, "a prompt begins at %s, after the end of the video", t);
    }
  }
  g_array_sort(j->prompts, by_frame);
  if (j->prompts->len == 0 || g_array_index(j->prompts, KlJobPrompt, 0).from_frame != 0) {
    if (!j->image) return kl_gfail(error, KL_ERROR_USAGE, "there is no prompt: give --prompt \"...\"");
    KlJobPrompt p = {{true, 0}, 0, g_strdup("")};
    g_array_prepend_val(j->prompts, p);
    j->given |= G_GUINT64_CONSTANT(1) << field_index("prompts");
  }
  for (guint i = 1; i < j->prompts->len; i++)
    if (g_array_index(j->prompts, KlJobPrompt, i).from_frame ==
        g_array_index(j->prompts, KlJobPrompt, i - 1).from_frame)
      return kl_gfail(error, KL_ERROR_USAGE, "two prompts begin at the same frame");
  j->length = (KlTime){true, j->frames};
  return resolve_seeds(j, error);
}

/* The value of a field as text, for comparison and messages. */
static char *field_text(const KlJobSpec *j, const KlJobField *f, const KlJobSpec *rate) {
  switch (f->kind) {
  case KL_JOB_TEXT:
    return g_strdup(*(char **)at(j, f));
  case KL_JOB_INT:
    return g_strdup_printf("%" G_GINT64_FORMAT, *(const gint64 *)at(j, f));
  case KL_JOB_BYTES:
    return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *)at(j, f));
  case KL_JOB_NUMBER:
    return g_strdup_printf("%.10g", *(const double *)at(j, f));
  case KL_JOB_BOOL:
    return g_strdup(*(const bool *)at(j, f) ? "true" : "false");
  case KL_JOB_RATE:
    return g_strdup_printf("%d/%d", j->fps_num, j->fps_den);
  case KL_JOB_TIME:
    return g_strdup_printf("%" G_GINT64_FORMAT "f",
                           kl_time_frames(*(const KlTime *)at(j, f), rate->fps_num, rate->fps_den));
  case KL_JOB_PROMPTS: {
    GString *s = g_string_new(NULL);
    gint64 last = -1;
    for (guint n = 0; n < j->prompts->len;
         n++) { /* in the order of time, whatever the order they were given in */
      const KlJobPrompt *next = NULL;
      gint64 next_frame = G_MAXINT64;
      for (guint i = 0; i < j->prompts->len; i++) {
        const KlJobPrompt *p = &g_array_index(j->prompts, KlJobPrompt, i);
        gint64 frame = kl_time_frames(p->at, rate->fps_num, rate->fps_den);
        if (frame <= last || frame >= next_frame) continue;
        next = p;
        next_frame = frame;
      }
      if (!next) break;
      if (last >= 0) g_string_append(s, " | ");
      if (next_frame) g_string_append_printf(s, "%" G_GINT64_FORMAT "f ", next_frame);
      g_string_append(s, next->text);
      last = next_frame;
    }
    return g_string_free(s, FALSE);
  }
  case KL_JOB_SEEDS: {
    GString *s = g_string_new(NULL);
    g_autoptr(GArray) sorted = g_array_copy(j->seeds);
    for (guint i = 0; i < sorted->len; i++) {
      KlJobSeed *q = &g_array_index(sorted, KlJobSeed, i);
      q->from_frame = kl_time_frames(q->at, rate->fps_num, rate->fps_den);
    }
    g_array_sort(sorted, seed_by_frame);
    for (guint i = 0; i < sorted->len; i++) {
      const KlJobSeed *q = &g_array_index(sorted, KlJobSeed, i);
      g_string_append_printf(s, "%s%" G_GINT64_FORMAT "f %" G_GINT64_FORMAT, i ? " | " : "", q->from_frame,
                             q->seed);
    }
    return g_string_free(s, FALSE);
  }
  case KL_JOB_REGIONS:
    return kl_job_regions_text(j->regions);
  }
  return NULL;
}

char *kl_job_text(const KlJobSpec *j, const char *key) {
  int i = field_index(key);
  if (i < 0 || !(j->given >> i & 1)) return NULL;
  const KlJobField *f = &fields[i];
  if (f->kind == KL_JOB_RATE) return kl_rate_text(j->fps_num, j->fps_den);
  if (f->kind == KL_JOB_TIME) return kl_time_text(*(const KlTime *)at(j, f));
  if (f->kind != KL_JOB_NUMBER) return field_text(j, f, j);
  char buf[G_ASCII_DTOSTR_BUF_SIZE];
  return g_strdup(g_ascii_formatd(buf, sizeof buf, "%.10g", *(const double *)at(j, f)));
}

bool kl_job_differs(const KlJobSpec *asked, const KlJobSpec *j, char **what) {
  for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
    const KlJobField *f = &fields[i];
    bool skip = f->local || !strcmp(f->key, "engine") || !strcmp(f->key, "model_sha256");
    if (skip || !(asked->given >> i & 1)) continue;
    g_autofree char *a = field_text(asked, f, j), *b = field_text(j, f, j);
    if (!g_strcmp0(a, b)) continue;
    *what = g_strdup_printf("%s \"%.80s\", it was \"%.80s\"", f->key, a, b ? b : "");
    return true;
  }
  return false;
}

/* What begins before `frame` only. */
static KlJobSpec *head_of(const KlJobSpec *j, gint64 frame) {
  KlJobSpec *h = kl_job_copy(j);
  for (guint i = h->prompts->len; i-- > 0;)
    if (frame_of(j, g_array_index(h->prompts, KlJobPrompt, i).at) >= frame)
      g_array_remove_index(h->prompts, i);
  for (guint i = h->seeds->len; i-- > 0;)
    if (frame_of(j, g_array_index(h->seeds, KlJobSeed, i).at) >= frame) g_array_remove_index(h->seeds, i);
  return h;
}

bool kl_job_same_before(const KlJobSpec *a, const KlJobSpec *b, gint64 frame, char **what) {
  static const char *const free_to_differ[] = {"length", "container", "codec", "crf", "provenance", NULL};
  g_autoptr(KlJobSpec) x = head_of(a, frame), y = head_of(b, frame);
  for (int i = 0; free_to_differ[i]; i++) kl_job_unset(x, free_to_differ[i]);
  static const char *const lists[] = {"seeds", "regions"};
  for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) x->given |= G_GUINT64_CONSTANT(1) << field_index(lists[i]);
  return !kl_job_differs(x, y, what);
}

char *kl_job_slug(const KlJobSpec *j) {
  GString *s = g_string_new(NULL);
  const char *p = j->prompts->len ? g_array_index(j->prompts, KlJobPrompt, 0).text : "";
  for (; *p && s->len < 48; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (g_unichar_isalnum(c))
      g_string_append_unichar(s, g_unichar_tolower(c));
    else if (s->len && s->str[s->len - 1] != '-')
      g_string_append_c(s, '-');
  }
  while (s->len && s->str[s->len - 1] == '-') g_string_truncate(s, s->len - 1);
  if (!s->len) g_string_assign(s, "kinoloom");
  return g_string_free(s, FALSE);
}

const char *kl_job_schema(void) {
  return kl_resource_text("/schema/job.schema.json");
}
