#include "app/studio/projects.h"

typedef struct {
  KlProjects *set;
  KlProject *project;
  int shown;
  bool leaving; /* the queue was asked to let go of it */
} Entry;

struct KlProjects {
  KlQueue *queue;
  gulong finished; /* handler on the queue */
  GPtrArray *entries;
  void (*closed)(gpointer user); /* not NULL: everything is being closed */
  gpointer user;
};

static void entry_free(gpointer data) {
  Entry *e = data;
  g_object_unref(e->project);
  g_free(e);
}

static Entry *find(KlProjects *s, KlProject *project) {
  for (guint i = 0; i < s->entries->len; i++) {
    Entry *e = s->entries->pdata[i];
    if (e->project == project) return e;
  }
  return NULL;
}

static void tell_when_empty(KlProjects *s) {
  if (!s->closed || s->entries->len) return;
  void (*closed)(gpointer) = s->closed;
  s->closed = NULL;
  closed(s->user);
}

static void let_go(Entry *e);

static void gone(GObject *queue, GAsyncResult *result, gpointer user) {
  Entry *e = user;
  KlProjects *s = e->set;
  e->leaving = false;
  if (e->shown && !s->closed) { /* it was opened again meanwhile */
    kl_queue_add_project(s->queue, e->project);
    return;
  }
  kl_project_close(e->project);
  g_ptr_array_remove(s->entries, e);
  tell_when_empty(s);
}

static void let_go(Entry *e) {
  if (e->leaving) return;
  e->leaving = true;
  kl_queue_remove_project(e->set->queue, e->project, gone, e);
}

static bool busy(KlProject *p) {
  GListModel *pending = kl_project_pending(p);
  for (guint i = 0; i < g_list_model_get_n_items(pending); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(pending, i);
    if (kl_render_state(r) != KL_RENDER_PAUSED) return true;
  }
  return false;
}

static void finished(KlQueue *queue, KlProject *project, KlRender *render, KlProjects *s) {
  Entry *e = find(s, project);
  if (e && !e->shown && !busy(project)) let_go(e);
}

KlProjects *kl_projects_new(KlQueue *queue) {
  KlProjects *s = g_new0(KlProjects, 1);
  s->queue = g_object_ref(queue);
  s->entries = g_ptr_array_new_with_free_func(entry_free);
  s->finished = g_signal_connect(queue, "finished", G_CALLBACK(finished), s);
  return s;
}

void kl_projects_free(KlProjects *s) {
  g_signal_handler_disconnect(s->queue, s->finished);
  g_ptr_array_unref(s->entries);
  g_object_unref(s->queue);
  g_free(s);
}

void kl_projects_add(KlProjects *s, KlProject *project) {
  Entry *e = g_new(Entry, 1);
  *e = (Entry){.set = s, .project = g_object_ref(project), .shown = 1};
  g_ptr_array_add(s->entries, e);
  kl_queue_add_project(s->queue, project);
}

KlProject *kl_projects_open(KlProjects *s, const char *path, GError **error) {
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  for (guint i = 0; i < s->entries->len; i++) {
    Entry *e = s->entries->pdata[i];
    if (strcmp(kl_project_path(e->project), full) != 0) continue;
    e->shown++;
    return e->project;
  }
  g_autoptr(KlProject) project = kl_project_open(full, error);
  if (project) kl_projects_add(s, project);
  return project;
}

void kl_projects_hide(KlProjects *s, KlProject *project) {
  Entry *e = find(s, project);
  if (!e) return;
  e->shown--;
  if (!e->shown && !busy(project)) let_go(e);
}

void kl_projects_close_all(KlProjects *s, void (*done)(gpointer user), gpointer user) {
  s->closed = done;
  s->user = user;
  for (guint i = 0; i < s->entries->len; i++) let_go(s->entries->pdata[i]); /* they go in a later turn */
  tell_when_empty(s);
}
