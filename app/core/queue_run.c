#include "app/core/queue_run.h"

#include <glib/gi18n.h>

#define EVERY_MS 100

struct KlQueueRun {
  char *path;
  gint64 render;
  const KlQueueRunEvents *events;
  void *user;
  GMainContext *context;
  GThread *thread;
  KlCancel cancel;

  GMutex lock;      /* of all below */
  GSource *source;  /* a delivery that is due; NULL: none */
  gint64 delivered; /* when the last one was, monotonic microseconds */
  bool moved, over;
  KlEvent now; /* without plan and text */
  GBytes *frame;
  gint64 frame_index, frame_taken; /* when it was taken */
  int width, height;
  GPtrArray *words, *notes;
  GError *error;
};

static void drop_source(KlQueueRun *r) {
  if (r->source) g_source_destroy(r->source);
  g_clear_pointer(&r->source, g_source_unref);
}

static void run_free(KlQueueRun *r) {
  g_thread_join(r->thread);
  drop_source(r);
  g_main_context_unref(r->context);
  g_clear_pointer(&r->frame, g_bytes_unref);
  g_clear_pointer(&r->words, g_ptr_array_unref);
  g_clear_pointer(&r->notes, g_ptr_array_unref);
  g_clear_error(&r->error);
  g_mutex_clear(&r->lock);
  g_free(r->path);
  g_free(r);
}

/* For people, of the chunk at work; a new string. */
static char *phase_text(const KlEvent *e) {
  switch (e->phase) {
  case KL_PHASE_TEXT:
    return g_strdup(_("Reading the prompt"));
  case KL_PHASE_IMAGE:
    return g_strdup(_("Reading the picture"));
  case KL_PHASE_SAMPLE:
    return g_strdup_printf(_("Step %d of %d"), MIN(e->step + 1, e->steps), e->steps);
  case KL_PHASE_DECODE:
    return g_strdup(_("Decoding"));
  case KL_PHASE_MUX:
    return g_strdup(_("Writing"));
  default:
    return g_strdup(_("Loading the model"));
  }
}

static void say_all(const KlQueueRun *r, GPtrArray *texts, void (*say)(void *, const char *)) {
  for (guint i = 0; texts && i < texts->len; i++) say(r->user, texts->pdata[i]);
}

static gboolean deliver(gpointer user) {
  KlQueueRun *r = user;
  g_mutex_lock(&r->lock);
  drop_source(r); /* this one, or the last one, which came in between */
  r->delivered = g_get_monotonic_time();
  bool moved = r->moved, over = r->over;
  KlEvent now = r->now;
  g_autoptr(GBytes) frame = g_steal_pointer(&r->frame);
  gint64 index = r->frame_index;
  int width = r->width, height = r->height;
  g_autoptr(GPtrArray) words = g_steal_pointer(&r->words), notes = g_steal_pointer(&r->notes);
  r->moved = false;
  g_mutex_unlock(&r->lock);

  say_all(r, words, r->events->word);
  say_all(r, notes, r->events->note);
  if (moved) {
    g_autofree char *phase = phase_text(&now);
    r->events->progress(r->user, now.fraction, now.eta_s, phase);
  }
  if (frame) r->events->frame(r->user, index, frame, width, height);
  if (over) {
    r->events->done(r->user, r->error);
    run_free(r);
  }
  return G_SOURCE_REMOVE;
}

/* With the lock held. */
static void schedule(KlQueueRun *r) {
  if (r->source) return;
  gint64 wait = r->over ? 0 : EVERY_MS - (g_get_monotonic_time() - r->delivered) / 1000;
  r->source = g_timeout_source_new((guint)CLAMP(wait, 0, EVERY_MS));
  g_source_set_callback(r->source, deliver, r, NULL);
  g_source_attach(r->source, r->context);
}

static void add_text(GPtrArray **texts, const char *text) {
  if (!*texts) *texts = g_ptr_array_new_with_free_func(g_free);
  if (!g_ptr_array_find_with_equal_func(*texts, text, g_str_equal, NULL))
    g_ptr_array_add(*texts, g_utf8_make_valid(text, -1));
}

/* ---- in the worker ---- */

static void on_event(void *user, const KlEvent *e) {
  KlQueueRun *r = user;
  g_mutex_lock(&r->lock);
  if (e->kind == KL_EVENT_WORD) {
    add_text(&r->words, e->text);
  } else if (e->kind == KL_EVENT_NOTE) {
    add_text(&r->notes, e->text);
  } else {
    r->now = *e;
    r->now.text = NULL;
    r->now.plan = NULL;
    r->moved = true;
  }
  schedule(r);
  g_mutex_unlock(&r->lock);
}

static GBytes *to_bytes(const float *rgb, size_t n) {
  guint8 *out = g_try_malloc(n);
  if (!out) return NULL;
  for (size_t i = 0; i < n; i++) out[i] = (guint8)(CLAMP(rgb[i], 0.0f, 1.0f) * 255.0f + 0.5f);
  return g_bytes_new_take(out, n);
}

/* Frames come faster than anybody looks: only those that will be shown are converted. */
static void on_frame(void *user, gint64 index, const float *rgb, int width, int height) {
  KlQueueRun *r = user;
  gint64 now = g_get_monotonic_time();
  if (now - r->frame_taken < EVERY_MS * 1000) return;
  GBytes *bytes = to_bytes(rgb, (size_t)width * (size_t)height * 3);
  if (!bytes) return;
  r->frame_taken = now; /* this thread's own */
  g_mutex_lock(&r->lock);
  g_clear_pointer(&r->frame, g_bytes_unref);
  r->frame = bytes;
  r->frame_index = index;
  r->width = width;
  r->height = height;
  schedule(r);
  g_mutex_unlock(&r->lock);
}

static void on_preview(void *user, const float *rgb, int width, int height) {
  on_frame(user, -1, rgb, width, height);
}

static gpointer work(gpointer user) {
  KlQueueRun *r = user;
  KlRunResult result = {0};
  GError *error = NULL;
  KlStoreRun how = {
      .cancel = &r->cancel, .event = on_event, .frame = on_frame, .preview = on_preview, .user = r};
  bool ok = kl_store_render(r->path, r->render, &how, &result, &error);
  kl_run_result_clear(&result);
  if (ok) g_clear_error(&error);
  g_mutex_lock(&r->lock);
  r->error = error;
  r->over = true;
  drop_source(r);
  schedule(r);
  g_mutex_unlock(&r->lock);
  return NULL;
}

/* ---- in the main thread ---- */

KlQueueRun *kl_queue_run_start(const char *path, gint64 render, const KlQueueRunEvents *events, void *user) {
  KlQueueRun *r = g_new0(KlQueueRun, 1);
  g_mutex_init(&r->lock);
  r->path = g_strdup(path);
  r->render = render;
  r->events = events;
  r->user = user;
  r->context = g_main_context_ref_thread_default();
  r->thread = g_thread_new("kl-render", work, r);
  return r;
}

void kl_queue_run_cancel(KlQueueRun *r) {
  kl_cancel(&r->cancel);
}

void kl_queue_run_abandon(KlQueueRun *r) {
  kl_cancel(&r->cancel);
  run_free(r);
}
