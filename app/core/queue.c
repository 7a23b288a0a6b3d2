#include "app/core/queue.h"

#include "app/core/queue_run.h"

#include <glib/gi18n.h>

/* A project whose renders this queue runs. */
typedef struct {
  KlProject *project;
  gulong changed; /* handler on the pending list */
  GTask *leaving; /* waits for its render to stop; NULL: stays */
} Member;

struct _KlQueue {
  GObject parent;
  GPtrArray *members;
  bool paused;
  guint pump; /* idle source, 0: none */

  KlQueueRun *run; /* NULL: nothing runs */
  KlProject *project;
  KlRender *render;
  KlRenderState then; /* what a cancelled run becomes */

  GTask *verdict, *verdict_next; /* at work, and the newest one that waits */
};

enum { PROP_RUNNING = 1, PROP_PAUSED, PROPS };
enum { INTERRUPTED, STARTED, FINISHED, PREVIEW, WORD, NOTE, SIGNALS };
static GParamSpec *props[PROPS];
static guint signals[SIGNALS];

G_DEFINE_FINAL_TYPE(KlQueue, kl_queue, G_TYPE_OBJECT)

static void pump_soon(KlQueue *q);

static Member *member_of(KlQueue *q, KlProject *p, guint *at) {
  for (guint i = 0; i < q->members->len; i++) {
    Member *m = q->members->pdata[i];
    if (m->project != p) continue;
    if (at) *at = i;
    return m;
  }
  return NULL;
}

static void member_free(gpointer data) {
  Member *m = data;
  g_signal_handler_disconnect(kl_project_pending(m->project), m->changed);
  g_object_unref(m->project);
  g_free(m);
}

/* What cannot be written (a full disk) is said, and goes on in memory. */
static void set_state(KlQueue *q, KlRender *r, KlRenderState state, const char *text) {
  g_autoptr(GError) error = NULL;
  if (!kl_render_set_state(r, state, text, &error)) g_signal_emit(q, signals[NOTE], 0, r, error->message);
}

/* ---- the run ---- */

static void on_progress(void *user, double fraction, double eta_s, const char *phase) {
  KlQueue *q = user;
  kl_render_set_progress(q->render, fraction, eta_s, phase);
}

static void on_frame(void *user, gint64 index, GBytes *rgb8, int width, int height) {
  KlQueue *q = user;
  g_signal_emit(q, signals[PREVIEW], 0, q->render, index, rgb8, width, height);
}

static void on_word(void *user, const char *word) {
  KlQueue *q = user;
  g_signal_emit(q, signals[WORD], 0, q->render, word);
}

static void on_note(void *user, const char *text) {
  KlQueue *q = user;
  g_signal_emit(q, signals[NOTE], 0, q->render, text);
}

/* The member goes for good; whoever waits for it hears of it. */
static void leave(KlQueue *q, KlProject *p) {
  guint at;
  Member *m = member_of(q, p, &at);
  g_autoptr(GTask) task = g_steal_pointer(&m->leaving);
  g_ptr_array_remove_index(q->members, at);
  g_task_return_boolean(task, TRUE);
}

static void on_done(void *user, const GError *error) {
  KlQueue *q = user;
  g_autoptr(KlQueue) keep = g_object_ref(q);
  g_autoptr(KlProject) p = g_steal_pointer(&q->project);
  g_autoptr(KlRender) r = g_steal_pointer(&q->render);
  q->run = NULL;
  bool leaving = member_of(q, p, NULL)->leaving != NULL;
  if (!error)
    set_state(q, r, KL_RENDER_DONE, NULL);
  else if (g_error_matches(error, KL_ERROR, KL_ERROR_BUSY)) /* it runs, in another process */
    g_signal_emit(q, signals[NOTE], 0, r, error->message);
  else if (!g_error_matches(error, KL_ERROR, KL_ERROR_CANCELLED))
    set_state(q, r, KL_RENDER_FAILED, error->message);
  else
    set_state(q, r, q->then, leaving && q->then == KL_RENDER_PAUSED ? _("Stopped with its project") : NULL);
  g_object_notify_by_pspec(G_OBJECT(q), props[PROP_RUNNING]);
  g_signal_emit(q, signals[FINISHED], 0, p, r);
  Member *m = member_of(q, p, NULL);
  if (m && m->leaving) leave(q, p);
  pump_soon(q);
}

static void stop(KlQueue *q, KlRenderState then) {
  q->then = then;
  kl_queue_run_cancel(q->run);
}

static const KlQueueRunEvents events = {on_progress, on_frame, on_word, on_note, on_done};

static void start(KlQueue *q, KlProject *p, KlRender *r) {
  set_state(q, r, KL_RENDER_RUNNING, NULL);
  kl_render_set_progress(r, 0, -1, _("Starting"));
  q->project = g_object_ref(p);
  q->render = g_object_ref(r);
  q->then = KL_RENDER_PAUSED;
  q->run = kl_queue_run_start(kl_project_path(p), kl_render_id(r), &events, q);
  g_object_notify_by_pspec(G_OBJECT(q), props[PROP_RUNNING]);
  g_signal_emit(q, signals[STARTED], 0, p, r);
}

/* A render that was taken out of its project while it ran has nothing to write to. */
static bool still_there(KlQueue *q) {
  GListModel *pending = kl_project_pending(q->project);
  for (guint i = 0; i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    if (r == q->render) return true;
  }
  return false;
}

static gboolean pump(gpointer user) {
  KlQueue *q = user;
  q->pump = 0;
  if (q->run && !still_there(q)) stop(q, KL_RENDER_CANCELLED);
  for (guint i = 0; !q->paused && !q->run && i < q->members->len; i++) {
    Member *m = q->members->pdata[i];
    GListModel *pending = kl_project_pending(m->project);
    if (m->leaving || kl_project_read_only(m->project)) continue;
    for (guint k = 0; !q->run && k < g_list_model_get_n_items(pending); k++) {
      g_autoptr(KlRender) r = g_list_model_get_item(pending, k);
      if (kl_render_state(r) == KL_RENDER_QUEUED) start(q, m->project, r);
    }
  }
  return G_SOURCE_REMOVE;
}

static void pump_soon(KlQueue *q) {
  if (!q->pump) q->pump = g_idle_add(pump, q);
}

static void on_changed(GListModel *list, guint at, guint removed, guint added, gpointer user) {
  pump_soon(user);
}

/* ---- projects ---- */

/* Waiting and running ones of the last time wait until somebody says that they may go on. */
static void hold_interrupted(KlQueue *q, KlProject *p) {
  g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func(g_object_unref);
  GListModel *pending = kl_project_pending(p);
  if (kl_project_read_only(p)) return;
  for (guint i = 0; i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    bool paused = kl_render_state(r) == KL_RENDER_PAUSED, cut_off = kl_render_interrupted(r);
    if (kl_render_state(r) == KL_RENDER_QUEUED || cut_off || (paused && kl_render_error_text(r)))
      g_ptr_array_add(held, g_steal_pointer(&r)); /* a running one is at work in another process */
  }
  for (guint i = 0; i < held->len; i++) {
    KlRender *r = held->pdata[i];
    if (kl_render_interrupted(r))
      set_state(q, r, KL_RENDER_PAUSED, _("Interrupted"));
    else if (kl_render_state(r) == KL_RENDER_QUEUED)
      set_state(q, r, KL_RENDER_PAUSED, _("Not begun yet"));
    g_signal_emit(q, signals[INTERRUPTED], 0, p, r);
  }
}

void kl_queue_add_project(KlQueue *q, KlProject *p) {
  if (member_of(q, p, NULL)) return;
  hold_interrupted(q, p);
  Member *m = g_new0(Member, 1);
  m->project = g_object_ref(p);
  m->changed = g_signal_connect(kl_project_pending(p), "items-changed", G_CALLBACK(on_changed), q);
  g_ptr_array_add(q->members, m);
  pump_soon(q);
}

void kl_queue_remove_project(KlQueue *q, KlProject *p, GAsyncReadyCallback done, gpointer user) {
  Member *m = member_of(q, p, NULL);
  GTask *task = g_task_new(q, NULL, done, user);
  if (!m || m->leaving) {
    g_task_return_boolean(task, m == NULL);
    g_object_unref(task);
    return;
  }
  m->leaving = task;
  if (q->run && q->project == p)
    stop(q, KL_RENDER_PAUSED);
  else
    leave(q, p);
}

/* ---- what a person does ---- */

void kl_queue_set_paused(KlQueue *q, bool paused) {
  if (q->paused == paused) return;
  q->paused = paused;
  if (paused && q->run) stop(q, KL_RENDER_QUEUED); /* it is the first to go on */
  if (!paused) pump_soon(q);
  g_object_notify_by_pspec(G_OBJECT(q), props[PROP_PAUSED]);
}

static void set_aside(KlQueue *q, KlRender *r, KlRenderState state) {
  if (q->run && q->render == r)
    stop(q, state);
  else
    set_state(q, r, state, NULL);
}

void kl_queue_pause(KlQueue *q, KlRender *r) {
  if (kl_render_state(r) == KL_RENDER_QUEUED || kl_render_state(r) == KL_RENDER_RUNNING)
    set_aside(q, r, KL_RENDER_PAUSED);
}

void kl_queue_cancel(KlQueue *q, KlRender *r) {
  if (kl_render_state(r) <= KL_RENDER_PAUSED) set_aside(q, r, KL_RENDER_CANCELLED);
}

void kl_queue_resume(KlQueue *q, KlRender *r) {
  KlRenderState s = kl_render_state(r);
  if (s != KL_RENDER_PAUSED && s != KL_RENDER_FAILED && s != KL_RENDER_CANCELLED) return;
  set_state(q, r, KL_RENDER_QUEUED, NULL);
  pump_soon(q);
}

/* ---- the verdict ---- */

typedef struct {
  KlJobSpec *job;
  char *text;
  double seconds;
  GPtrArray *words;
} Verdict;

static void verdict_free(gpointer data) {
  Verdict *v = data;
  kl_job_free(v->job);
  g_free(v->text);
  g_ptr_array_unref(v->words);
  g_free(v);
}

static void take_word(void *user, const char *word) {
  Verdict *v = user;
  char *valid = g_utf8_make_valid(word, -1);
  if (g_ptr_array_find_with_equal_func(v->words, valid, g_str_equal, NULL))
    g_free(valid);
  else
    g_ptr_array_add(v->words, valid);
}

static void judge(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Verdict *v = data;
  GError *error = NULL;
  g_autoptr(KlJobPlan) plan = kl_job_plan_new(v->job, NULL, NULL, &error);
  if (!plan) {
    g_task_return_error(task, error);
    return;
  }
  v->text = kl_job_plan_verdict(plan);
  v->seconds = plan->seconds;
  kl_job_plan_unknown_words(plan, take_word, v);
  g_task_return_boolean(task, TRUE);
}

static void judge_next(KlQueue *q);

/* The task that was asked for ends; the one that did the work ends before it, in the same turn. */
static void judged(GObject *source, GAsyncResult *result, gpointer user) {
  KlQueue *q = KL_QUEUE(source);
  g_autoptr(GTask) asked = user;
  GError *error = NULL;
  g_clear_object(&q->verdict);
  judge_next(q);
  if (g_task_propagate_boolean(G_TASK(result), &error))
    g_task_return_boolean(asked, TRUE);
  else
    g_task_return_error(asked, error);
}

static void judge_next(KlQueue *q) {
  if (q->verdict || !q->verdict_next) return;
  GTask *asked = g_steal_pointer(&q->verdict_next);
  q->verdict = g_task_new(q, NULL, judged, asked);
  g_task_set_task_data(q->verdict, g_task_get_task_data(asked), NULL);
  g_task_run_in_thread(q->verdict, judge);
}

void kl_queue_verdict_async(KlQueue *q, const KlJobSpec *job, GCancellable *cancel, GAsyncReadyCallback done,
                            gpointer user) {
  Verdict *v = g_new0(Verdict, 1);
  v->job = kl_job_copy(job);
  v->words = g_ptr_array_new_with_free_func(g_free);
  GTask *task = g_task_new(q, cancel, done, user);
  g_task_set_task_data(task, v, verdict_free);
  if (q->verdict_next) {
    g_task_return_new_error(q->verdict_next, G_IO_ERROR, G_IO_ERROR_CANCELLED, "a newer one was asked for");
    g_clear_object(&q->verdict_next);
  }
  q->verdict_next = task;
  judge_next(q);
}

char *kl_queue_verdict_finish(KlQueue *q, GAsyncResult *r, bool *fits, double *seconds, char ***unknown_words,
                              GError **error) {
  GError *e = NULL;
  Verdict *v = g_task_get_task_data(G_TASK(r));
  bool ok = g_task_propagate_boolean(G_TASK(r), &e);
  *fits = ok;
  *seconds = ok ? v->seconds : -1;
  if (unknown_words) *unknown_words = NULL;
  if (!ok) {
    g_propagate_error(error, e);
    return NULL;
  }
  if (unknown_words) {
    g_ptr_array_add(v->words, NULL);
    *unknown_words = g_strdupv((char **)v->words->pdata);
  }
  return g_strdup(v->text);
}

/* ---- the object ---- */

static void kl_queue_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlQueue *q = KL_QUEUE(object);
  if (id == PROP_RUNNING)
    g_value_set_object(value, q->render);
  else
    g_value_set_boolean(value, q->paused);
}

static void kl_queue_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  kl_queue_set_paused(KL_QUEUE(object), g_value_get_boolean(value));
}

static void kl_queue_dispose(GObject *object) {
  KlQueue *q = KL_QUEUE(object);
  g_clear_handle_id(&q->pump, g_source_remove);
  if (q->run) kl_queue_run_abandon(g_steal_pointer(&q->run));
  g_clear_object(&q->project);
  g_clear_object(&q->render);
  g_clear_pointer(&q->members, g_ptr_array_unref);
  g_clear_object(&q->verdict_next);
  G_OBJECT_CLASS(kl_queue_parent_class)->dispose(object);
}

static void kl_queue_class_init(KlQueueClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  GType me = KL_TYPE_QUEUE;
  c->get_property = kl_queue_get_property;
  c->set_property = kl_queue_set_property;
  c->dispose = kl_queue_dispose;
  props[PROP_RUNNING] =
      g_param_spec_object("running", NULL, NULL, KL_TYPE_RENDER, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_PAUSED] = g_param_spec_boolean(
      "paused", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties(c, PROPS, props);
  struct {
    const char *name;
    guint n;
    GType types[5];
  } const table[SIGNALS] = {
      [INTERRUPTED] = {"interrupted", 2, {KL_TYPE_PROJECT, KL_TYPE_RENDER}},
      [STARTED] = {"started", 2, {KL_TYPE_PROJECT, KL_TYPE_RENDER}},
      [FINISHED] = {"finished", 2, {KL_TYPE_PROJECT, KL_TYPE_RENDER}},
      [PREVIEW] = {"preview", 5, {KL_TYPE_RENDER, G_TYPE_INT64, G_TYPE_BYTES, G_TYPE_INT, G_TYPE_INT}},
      [WORD] = {"word", 2, {KL_TYPE_RENDER, G_TYPE_STRING}},
      [NOTE] = {"note", 2, {KL_TYPE_RENDER, G_TYPE_STRING}},
  };
  for (int i = 0; i < SIGNALS; i++)
    signals[i] = g_signal_newv(table[i].name, me, G_SIGNAL_RUN_LAST, NULL, NULL, NULL, NULL, G_TYPE_NONE,
                               table[i].n, (GType *)table[i].types);
}

static void kl_queue_init(KlQueue *q) {
  q->members = g_ptr_array_new_with_free_func(member_free);
}

KlQueue *kl_queue_new(void) {
  return g_object_new(KL_TYPE_QUEUE, NULL);
}
