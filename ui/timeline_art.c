#include "ui/timeline_art.h"

#include "app/core/film/strip.h"

#define HEIGHT 96 /* pixels of a picture: a track at twice the scale */
#define MOST 80   /* pictures of a file */

typedef struct {
  KlArt art;
  bool ready;
  GPtrArray *waiting; /* GtkWidget, weak */
} Entry;

static GHashTable *entries; /* path -> Entry; a few kilobytes to two megabytes a file */

static void on_gone(gpointer data, GObject *was) {
  g_ptr_array_remove_fast(((Entry *)data)->waiting, was);
}

static void take(Entry *e, KlStrip *s) {
  gsize each = (gsize)s->width * (gsize)s->height * 3;
  for (int i = 0; i < s->count; i++) {
    g_autoptr(GBytes) pixels = g_bytes_new(s->rgb + each * (gsize)i, each);
    g_ptr_array_add(e->art.pictures, gdk_memory_texture_new(s->width, s->height, GDK_MEMORY_R8G8B8, pixels,
                                                            (gsize)s->width * 3));
  }
  e->art.every = s->every;
  e->art.aspect = s->height ? (double)s->width / s->height : 1;
  e->art.peaks = g_steal_pointer(&s->peaks);
  e->art.n_peaks = s->n_peaks;
}

static void on_made(GObject *source, GAsyncResult *r, gpointer user) {
  Entry *e = user;
  KlStrip *s =
      g_task_propagate_pointer(G_TASK(r), NULL); /* a damaged file has no art; the clip says what is wrong */
  if (s) take(e, s);
  kl_strip_free(s);
  e->ready = true;
  for (guint i = 0; i < e->waiting->len; i++) {
    GtkWidget *w = e->waiting->pdata[i];
    g_object_weak_unref(G_OBJECT(w), on_gone, e);
    gtk_widget_queue_draw(w);
  }
  g_ptr_array_set_size(e->waiting, 0);
}

static void work(gpointer data, gpointer user) {
  g_autoptr(GTask) task = data;
  GError *error = NULL;
  KlStrip *s = kl_strip_new(g_task_get_task_data(task), HEIGHT, MOST, NULL, &error);
  if (s)
    g_task_return_pointer(task, s, (GDestroyNotify)kl_strip_free);
  else
    g_task_return_error(task, error);
}

static void begin(const char *path, Entry *e) {
  static GThreadPool *pool; /* one at a time: pictures on the way to the screen come first */
  if (!pool) pool = g_thread_pool_new(work, NULL, 1, FALSE, NULL);
  GTask *task = g_task_new(NULL, NULL, on_made, e);
  g_task_set_task_data(task, g_strdup(path), g_free);
  g_thread_pool_push(pool, task, NULL);
}

const KlArt *kl_art_of(const char *path, GtkWidget *redraw) {
  if (!path) return NULL;
  if (!entries) entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  Entry *e = g_hash_table_lookup(entries, path);
  if (!e) {
    e = g_new0(Entry, 1);
    e->art.pictures = g_ptr_array_new_with_free_func(g_object_unref);
    e->waiting = g_ptr_array_new();
    g_hash_table_insert(entries, g_strdup(path), e);
    begin(path, e);
  }
  if (e->ready) return &e->art;
  if (!g_ptr_array_find(e->waiting, redraw, NULL)) {
    g_ptr_array_add(e->waiting, redraw);
    g_object_weak_ref(G_OBJECT(redraw), on_gone, e);
  }
  return NULL;
}
