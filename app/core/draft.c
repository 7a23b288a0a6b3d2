#include "app/core/draft.h"

#include "app/core/near.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

enum {
  LEAST_LETTERS = 2, /* of a single word before anything is offered */
  MOST_WORDS = 6,    /* of the prompt that are compared with a phrase */
};

static char *default_of(const KlJobSpec *own, const KlJobSpec *builtin, const char *key) {
  char *text = own ? kl_job_text(own, key) : NULL;
  return text ? text : kl_job_text(builtin, key);
}

char *kl_draft_default(const KlModel *m, const char *key) {
  g_autoptr(KlJobSpec) builtin = kl_job_defaults();
  return default_of(m ? m->defaults : NULL, builtin, key);
}

KlJobSpec *kl_draft_from_job(const KlJobSpec *job, const KlModel *m) {
  g_autoptr(KlJobSpec) builtin = kl_job_defaults();
  KlJobSpec *d = kl_job_copy(job);
  size_t n;
  const KlJobField *f = kl_job_fields(&n);
  kl_job_unset(d, "engine");
  kl_job_unset(d, "model_sha256");
  for (size_t i = 0; i < n; i++) {
    if (f[i].local) kl_job_unset(d, f[i].key);
    if (f[i].kind == KL_JOB_PROMPTS || !strcmp(f[i].key, "task")) continue;
    g_autofree char *set = kl_job_text(d, f[i].key),
                    *open = m ? default_of(m->defaults, builtin, f[i].key) : NULL;
    bool same = set && !g_strcmp0(set, open);
    if (set && m && f[i].kind == KL_JOB_TIME) { /* a finished job counts in frames */
      KlTime t;
      same = kl_time_parse(open, &t, NULL) && kl_time_frames(t, job->fps_num, job->fps_den) ==
                                                  kl_time_frames(job->length, job->fps_num, job->fps_den);
    }
    if (same) kl_job_unset(d, f[i].key);
  }
  return d;
}

static int nearest(double v, int multiple) {
  return MAX(1, (int)lround(v / multiple)) * multiple;
}

/* Multiples with about so many pixels: of the two heights around the exact one that which keeps the shape. */
static KlDraftSize fit(const char *shape, double aspect, double pixels, int multiple) {
  KlDraftSize best = {0};
  double least = INFINITY, height = sqrt(pixels / aspect);
  for (int up = 0; up < 2; up++) {
    int h = MAX(1, (int)(height / multiple) + up) * multiple, w = nearest(h * aspect, multiple);
    double off = fabs(log((double)w / h / aspect)) + 0.2 * fabs(log((double)w * h / pixels));
    if (off < least) best = (KlDraftSize){shape, w, h}, least = off;
  }
  return best;
}

int kl_draft_sizes(const KlModel *m, KlDraftSize out[KL_DRAFT_SIZES]) {
  static const struct {
    const char *shape;
    double w, h;
  } shapes[] = {{N_("Square"), 1, 1},
                {N_("Wide 16:9"), 16, 9},
                {N_("Tall 9:16"), 9, 16},
                {N_("Wide 4:3"), 4, 3},
                {N_("Tall 3:4"), 3, 4}};
  g_autofree char *w = kl_draft_default(m, "width"), *h = kl_draft_default(m, "height");
  int n = 0, width = (int)g_ascii_strtoll(w, NULL, 10), height = (int)g_ascii_strtoll(h, NULL, 10);
  out[n++] = (KlDraftSize){_("The model\xE2\x80\x99s own"), width, height};
  for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
    KlDraftSize s = fit(_(shapes[i].shape), shapes[i].w / shapes[i].h, (double)width * height,
                        m && m->size_multiple ? m->size_multiple : 16);
    if (s.width != width || s.height != height) out[n++] = s;
  }
  return n;
}

/* ---- completion ---- */

static bool begins(const char *phrase, const char *with) {
  g_autofree char *p = g_utf8_casefold(phrase, -1), *w = g_utf8_casefold(with, -1);
  return g_str_has_prefix(p, w) && strcmp(p, w) != 0;
}

/* A word that begins a phrase which is offered anyway says nothing new. */
static void collect(GPtrArray *out, const char *with, const char *const *from, guint most) {
  for (; from && *from && out->len < most; from++) {
    bool known = !begins(*from, with);
    for (guint i = 0; i < out->len && !known; i++) known = g_str_has_prefix(out->pdata[i], *from);
    if (!known) g_ptr_array_add(out, g_strdup(*from));
  }
}

char **kl_draft_complete(const char *before, char *const *const *lists, int n, guint most, size_t *from) {
  GPtrArray *out = g_ptr_array_new();
  size_t starts[MOST_WORDS], end = strlen(before);
  int words = 0;
  const char *p = before + end;
  while (words < MOST_WORDS && p > before) { /* where the last words begin, the last one first */
    const char *prev = g_utf8_prev_char(p);
    gunichar c = g_utf8_get_char(prev);
    bool inside = !g_unichar_isspace(c) && !g_unichar_ispunct(c);
    if (inside && (prev == before || !g_unichar_isalnum(g_utf8_get_char(g_utf8_prev_char(prev)))))
      starts[words++] = (size_t)(prev - before);
    if (!inside && g_unichar_ispunct(c) && words == 0) break; /* a sentence that has ended */
    p = prev;
  }
  *from = end;
  for (int i = words - 1; i >= 0 && out->len == 0; i--) {
    const char *with = before + starts[i];
    *from = starts[i];
    if (g_utf8_strlen(with, -1) < LEAST_LETTERS) continue;
    for (int k = 0; k < n; k++) collect(out, with, (const char *const *)lists[k], most);
    if (i > 0) continue;
    g_auto(GStrv) single = kl_phrase_words(lists, n);
    collect(out, with, (const char *const *)single, most);
  }
  g_ptr_array_add(out, NULL);
  return (char **)g_ptr_array_free(out, FALSE);
}
