#include "app/core/film/export_internal.h"
#include "engine/base/mem.h"
#include "media/provenance.h"

#include <jansson.h>
#include <string.h>

/* The job of a source, from the project or out of its file; a new reference or NULL. */
static json_t *job_of(const KlTimelineSource *s, bool *synthetic) {
  char *json = NULL;
  bool marked = s->synthetic;
  json_t *job = s->job ? json_loads(s->job, 0, NULL) : NULL;
  if (!job && s->path && kl_media_read_job(s->path, &json, &marked, NULL) && json)
    job = json_loads(json, 0, NULL);
  kl_free(&json);
  *synthetic |= marked || s->synthetic;
  if (json_is_object(job)) {
    json_object_del(job, "film"); /* an export in an export: its own first job speaks for it */
    return job;
  }
  json_decref(job);
  return NULL;
}

static char *dump(const json_t *o) {
  char *raw = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)), *text = g_strdup(raw);
  free(raw);
  return text;
}

char *kl_export_jobs(const KlTimeline *t, const KlExportPlan *p, bool *synthetic) {
  double frame = (double)t->fps_den / t->fps_num;
  g_autofree json_t **jobs = g_new0(json_t *, t->sources->len + 1);
  g_autofree bool *asked = g_new0(bool, t->sources->len + 1);
  json_t *film = json_array(), *root = NULL;
  *synthetic = false;
  for (guint i = 0; i < t->tracks->len; i++) {
    const KlTimelineTrack *k = t->tracks->pdata[i];
    for (guint j = 0; !k->muted && j < k->clips->len; j++) {
      const KlTimelineClip *c = &g_array_index(k->clips, KlTimelineClip, j);
      const KlTimelineSource *s = t->sources->pdata[c->source];
      if (!asked[c->source]) jobs[c->source] = job_of(s, synthetic);
      asked[c->source] = true;
      g_autofree char *name = g_utf8_make_valid(s->name, -1);
      json_t *clip = json_pack("{s:s, s:f, s:f, s:f}", "clip", name, "start_s", (double)c->start * frame,
                               "length_s", (double)c->length * frame, "in_s", c->in);
      if (jobs[c->source]) json_object_set(clip, "job", jobs[c->source]);
      if (jobs[c->source] && !root) root = json_copy(jobs[c->source]);
      json_array_append_new(film, clip);
    }
  }
  char *text = NULL;
  if (root) {
    if (json_array_size(film) > 1) json_object_set(root, "film", film);
    text = dump(root);
    if (strlen(text) > KL_JOB_MAX) { /* more than a file carries: the first alone */
      g_free(text);
      json_object_del(root, "film");
      text = dump(root);
    }
    if (strlen(text) > KL_JOB_MAX) g_clear_pointer(&text, g_free);
  }
  for (guint i = 0; i < t->sources->len; i++) json_decref(jobs[i]);
  json_decref(film);
  json_decref(root);
  return text;
}
