#include "app/core/typeset/picture_model.h"

#include "app/core/job_plan.h"

#include <math.h>

#define MOST_SLANT 1.3 /* the model's own proportions, stretched this far at most: the rest is cut off */

struct KlPictureModel {
  KlJobSpec *asked;
  void (*word)(void *user, const char *word);
  void *user;
};

KlPictureModel *kl_picture_model_new(const KlJobSpec *asked, void (*word)(void *user, const char *word),
                                     void *user) {
  KlPictureModel *m = g_new(KlPictureModel, 1);
  *m = (KlPictureModel){kl_job_copy(asked), word, user};
  return m;
}

void kl_picture_model_free(KlPictureModel *m) {
  if (!m) return;
  kl_job_free(m->asked);
  g_free(m);
}

static bool set_number(KlJobSpec *j, const char *key, gint64 v, GError **error) {
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, v);
  return kl_job_set(j, key, text, error);
}

/* The job of one picture, of width x height pixels; 0: the model's own size. */
static KlJobPlan *plan_at(KlPictureModel *m, const KlPictureRequest *r, gsize i, gint64 width, gint64 height,
                          GError **error) {
  g_autoptr(KlJobSpec) j = kl_job_copy(m->asked);
  KlTime start = {true, 0};
  if (width && (!set_number(j, "width", width, error) || !set_number(j, "height", height, error)))
    return NULL;
  g_autofree char *length = g_strdup_printf("%df", r->frames),
                  *fps = g_strdup_printf("%d/%d", r->fps_num, r->fps_den);
  if (!kl_job_set(j, "task", "text-to-video", error) || !kl_job_set(j, "length", length, error) ||
      !kl_job_set(j, "fps", fps, error) ||
      !set_number(j, "seed", (gint64)((r->seed + i) & G_MAXINT64), error) ||
      !kl_job_set_prompt(j, start, r->asks[i].prompt, error))
    return NULL;
  return kl_job_plan_new(j, r->frames > 1 ? "picture.mp4" : "picture.png", NULL, error);
}

/* The model's own size, bent towards the box's proportions in the steps that the model can do. */
static KlJobPlan *plan_of(KlPictureModel *m, const KlPictureRequest *r, gsize i, GError **error) {
  KlJobPlan *own = plan_at(m, r, i, 0, 0, error);
  if (!own || kl_job_has(m->asked, "width")) return own;
  double w = (double)own->job->width, h = (double)own->job->height, step = MAX(own->t2v.size_multiple, 1);
  double shape = CLAMP(r->asks[i].box.w / r->asks[i].box.h, w / h / MOST_SLANT, w / h * MOST_SLANT);
  gint64 pw = (gint64)(MAX(1, round(sqrt(w * h * shape) / step)) * step);
  gint64 ph = (gint64)(MAX(1, round(sqrt(w * h / shape) / step)) * step);
  if (pw == own->job->width && ph == own->job->height) return own;
  kl_job_plan_free(own);
  return plan_at(m, r, i, pw, ph, error);
}

static bool plan(void *user, const KlPictureRequest *r, guint64 *bytes, double *seconds, GError **error) {
  *bytes = 0;
  *seconds = 0;
  for (gsize i = 0; i < r->count; i++) {
    g_autoptr(KlJobPlan) p = plan_of(user, r, i, error);
    if (!p) return false;
    *bytes = MAX(*bytes, p->t2v.peak_bytes);
    *seconds += p->seconds;
  }
  return true;
}

typedef struct {
  const KlPictureRequest *r;
  const KlPictureSink *to;
  gsize at;
  int given, width, height;
  GError **error;
  bool stopped;
} Making;

static bool on_frame(void *user, int64_t index, const float *rgb, KlErr *err) {
  Making *k = user;
  if (k->given >= k->r->frames) return true; /* a model works in its own steps of frames */
  if (!k->to->frame(k->to->user, k->at, k->given++, rgb, k->width, k->height, k->error)) {
    k->stopped = true;
    return kl_fail(err, KL_ERR_CANCELLED, "stopped");
  }
  return true;
}

static void on_progress(void *user, const KlProgress *p) {
  Making *k = user;
  if (!k->to->progress || p->steps <= 0) return;
  double step = (double)p->step / p->steps, part = p->phase == KL_PHASE_SAMPLE   ? 0.9 * step
                                                   : p->phase == KL_PHASE_DECODE ? 0.9 + 0.1 * step
                                                                                 : 0;
  if (p->chunks > 1) part = (p->chunk + part) / p->chunks;
  k->to->progress(k->to->user, ((double)k->at + part) / (double)k->r->count);
}

static bool one(KlPictureModel *m, Making *k, GError **error) {
  g_autoptr(KlJobPlan) p = plan_of(m, k->r, k->at, error);
  KlT2v *t2v = NULL;
  KlModelFiles files;
  KlErr err = KL_ERR_INIT;
  KlChunk c;
  KlProgressSink progress = {on_progress, k};
  if (!p) return false;
  k->width = (int)p->job->width;
  k->height = (int)p->job->height;
  k->given = 0;
  kl_model_files(p->model, &files);
  bool ok =
      kl_t2v_open(&files, &p->params, p->backend, m->word, m->user, k->to->cancel, &progress, &t2v, &err);
  while (ok) {
    ok = kl_t2v_sample(t2v, &c, k->to->cancel, &progress, &err);
    if (!ok || (!c.frames && !c.partial)) break;
    if (!c.partial) ok = kl_t2v_decode(t2v, on_frame, k, k->to->cancel, &progress, &err);
  }
  kl_t2v_free(&t2v);
  if (ok || k->stopped) return ok;
  return kl_gerr_input(error, &err);
}

static bool make(void *user, const KlPictureRequest *r, const KlPictureSink *to, GError **error) {
  Making k = {.r = r, .to = to, .error = error};
  for (; k.at < r->count; k.at++)
    if (!one(user, &k, error)) return false;
  return true;
}

KlPictureProvider kl_picture_model(KlPictureModel *m) {
  return (KlPictureProvider){m, make, plan};
}
