/* The export in a worker thread; what it says comes back to the main context. */
#include "app/core/film/export.h"

typedef struct {
  KlTimeline *timeline;
  KlExportSpec *spec;
  KlExportProgress progress;
  gpointer user;
  KlCancel cancel;
  gulong cancelled; /* handler */
  GMainContext *context;
  KlExportResult result;
} Work;

typedef struct {
  GTask *task;
  double fraction, eta;
  char *note;
} Said;

static void work_free(gpointer data) {
  Work *w = data;
  kl_timeline_unref(w->timeline);
  kl_export_spec_free(w->spec);
  g_main_context_unref(w->context);
  g_free(w);
}

static gboolean deliver(gpointer data) {
  Said *s = data;
  Work *w = g_task_get_task_data(s->task);
  if (!g_task_get_completed(s->task)) w->progress(s->fraction, s->eta, s->note, w->user);
  return G_SOURCE_REMOVE;
}

static void said_free(gpointer data) {
  Said *s = data;
  g_object_unref(s->task);
  g_free(s->note);
  g_free(s);
}

/* Worker. The engine's events are thinned to ten a second already. */
static void on_event(void *user, const KlEvent *e) {
  GTask *task = user;
  Work *w = g_task_get_task_data(task);
  Said *s = g_new0(Said, 1);
  s->task = g_object_ref(task);
  s->fraction = e->fraction;
  s->eta = e->eta_s;
  s->note = e->kind == KL_EVENT_NOTE ? g_strdup(e->text) : NULL;
  g_autoptr(GSource) idle = g_idle_source_new();
  g_source_set_callback(idle, deliver, s, said_free);
  g_source_attach(idle, w->context);
}

static void run(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Work *w = data;
  GError *e = NULL;
  KlExportHow how = {.cancel = &w->cancel, .event = w->progress ? on_event : NULL, .user = task};
  if (kl_export_run(w->timeline, w->spec, &how, &w->result, &e))
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, e);
}

static void on_cancelled(GCancellable *cancel, gpointer data) {
  kl_cancel(data);
}

void kl_export_async(KlTimeline *t, const KlExportSpec *s, GCancellable *cancel, KlExportProgress progress,
                     GAsyncReadyCallback done, gpointer user) {
  GTask *task = g_task_new(NULL, cancel, done, user);
  Work *w = g_new0(Work, 1);
  w->timeline = kl_timeline_ref(t);
  w->spec = kl_export_spec_copy(s);
  w->progress = progress;
  w->user = user;
  w->context = g_main_context_ref_thread_default();
  g_task_set_task_data(task, w, work_free);
  g_task_set_check_cancellable(task, FALSE); /* the work itself says when it has stopped */
  if (cancel) w->cancelled = g_cancellable_connect(cancel, G_CALLBACK(on_cancelled), &w->cancel, NULL);
  g_task_run_in_thread(task, run);
  g_object_unref(task);
}

bool kl_export_finish(GAsyncResult *r, KlExportResult *out, GError **error) {
  GTask *task = G_TASK(r);
  Work *w = g_task_get_task_data(task);
  GCancellable *cancel = g_task_get_cancellable(task);
  if (cancel) g_cancellable_disconnect(cancel, w->cancelled);
  if (!g_task_propagate_boolean(task, error)) return false;
  if (out) *out = w->result;
  return true;
}
