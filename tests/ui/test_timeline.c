/* The timeline and its edits, on a project with real clips, driven through its actions.
 */
#include "tests/unit/film_util.h"
#include "ui/resources.h"
#include "ui/timeline_canvas.h"
#include "ui/timeline_edit.h"
#include "ui/timeline_view.h"

static char *dir;
static KlProject *project;
static KlTimelineView *view;
static int seeks, changes;

static void spin(int ms) {
  gint64 end = g_get_monotonic_time() + ms * 1000;
  while (g_get_monotonic_time() < end) {
    if (!g_main_context_iteration(NULL, FALSE)) g_usleep(2000);
  }
}

static void on_imported(GObject *o, GAsyncResult *r, gpointer user) {
  GError *e = NULL;
  *(KlAsset **)user = kl_project_import_finish(KL_PROJECT(o), r, &e);
  g_assert_no_error(e);
}

static KlAsset *import(const char *path) {
  KlAsset *a = NULL;
  g_autoptr(GFile) f = g_file_new_for_path(path);
  kl_project_import_async(project, f, false, NULL, on_imported, &a);
  while (!a) g_main_context_iteration(NULL, TRUE);
  return a;
}

static KlTrack *track(KlTrackKind kind) {
  GListModel *all = kl_project_tracks(project);
  for (guint i = 0; i < g_list_model_get_n_items(all); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(all, i);
    if (kl_track_kind(t) == kind) return t;
  }
  g_assert_not_reached();
}

static KlClip *clip(KlTrackKind kind, guint i) {
  g_autoptr(KlClip) c = g_list_model_get_item(kl_track_clips(track(kind)), i);
  g_assert_nonnull(c);
  return c;
}

static guint clips(KlTrackKind kind) {
  return g_list_model_get_n_items(kl_track_clips(track(kind)));
}

static void lies(KlClip *c, gint64 start, gint64 length, double in, gint64 fade) {
  const KlClipPlace *v = kl_clip_where(c);
  g_assert_cmpint((int)v->start, ==, (int)start);
  g_assert_cmpint((int)v->length, ==, (int)length);
  g_assert_cmpfloat(fabs(v->in - in), <, 1e-6);
  g_assert_cmpint((int)v->fade, ==, (int)fade);
}

static KlTimelineCanvas *canvas_in(GtkWidget *w) {
  if (KL_IS_TIMELINE_CANVAS(w)) return KL_TIMELINE_CANVAS(w);
  for (GtkWidget *c = gtk_widget_get_first_child(w); c; c = gtk_widget_get_next_sibling(c)) {
    KlTimelineCanvas *found = canvas_in(c);
    if (found) return found;
  }
  return NULL;
}

static void select_clip(KlClip *c) {
  g_autoptr(GPtrArray) one = g_ptr_array_new();
  g_ptr_array_add(one, c);
  kl_timeline_canvas_select(canvas_in(GTK_WIDGET(view)), one);
}

static void act(const char *name) {
  g_assert_true(gtk_widget_activate_action(GTK_WIDGET(view), name, NULL));
  spin(20);
}

static void undo(void) {
  GError *e = NULL;
  g_assert_true(kl_project_undo(project, &e));
  g_assert_no_error(e);
}

static void on_seek(KlTimelineView *v, gint64 frame) {
  seeks++;
}

static void on_changed(KlTimelineView *v) {
  changes++;
}

/* 0..48 and 48..96 of two films of 48 frames, a film's sound below. */
static void fresh(void) {
  GError *e = NULL;
  static int n;
  g_autofree char *path = g_strdup_printf("%s/p%d.kinoloom", dir, n++),
                  *a = film_video(dir, 0, 16, 1, 48, 300), *b = film_video(dir, 1, 16, 1, 48, 0);
  g_clear_object(&project);
  project = kl_project_create(path, &e);
  g_assert_no_error(e);
  g_autoptr(KlAsset) x = import(a);
  g_autoptr(KlAsset) y = import(b);
  KlTrack *video = track(KL_TRACK_VIDEO), *audio = track(KL_TRACK_AUDIO);
  g_autoptr(KlClip) one = kl_edit_add(project, x, video, 0, &e);
  g_assert_no_error(e);
  g_autoptr(KlClip) two = kl_edit_add(project, y, video, 48, &e);
  g_assert_no_error(e);
  g_autoptr(KlClip) three = kl_edit_add(project, x, audio, 10, &e);
  g_assert_no_error(e);
  kl_timeline_view_set_project(view, project);
  spin(30);
}

static void split_and_delete(void) {
  fresh();
  kl_timeline_view_set_position(view, 20);
  act("timeline.split"); /* without a selection: all that lies there */
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 3);
  g_assert_cmpuint(clips(KL_TRACK_AUDIO), ==, 2);
  lies(clip(KL_TRACK_VIDEO, 1), 20, 28, 20 / 16.0, 0);
  undo();
  g_assert_cmpuint(clips(KL_TRACK_VIDEO) + clips(KL_TRACK_AUDIO), ==, 3);
  select_clip(clip(KL_TRACK_VIDEO, 0));
  act("timeline.split");
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 3);
  g_assert_cmpuint(clips(KL_TRACK_AUDIO), ==, 1);
  select_clip(clip(KL_TRACK_VIDEO, 1));
  act("timeline.delete");
  lies(clip(KL_TRACK_VIDEO, 1), 48, 48, 0, 0);
  undo();
  select_clip(clip(KL_TRACK_VIDEO, 1));
  act("timeline.ripple-delete");
  lies(clip(KL_TRACK_VIDEO, 1), 20, 48, 0, 0);
}

static void trims(void) {
  fresh();
  select_clip(clip(KL_TRACK_VIDEO, 0));
  kl_timeline_view_set_position(view, 8);
  act("timeline.trim-start");
  lies(clip(KL_TRACK_VIDEO, 0), 8, 40, 0.5, 0);
  kl_timeline_view_set_position(view, 30);
  act("timeline.trim-end");
  lies(clip(KL_TRACK_VIDEO, 0), 8, 22, 0.5, 0);
  kl_timeline_view_set_position(view, 0); /* back, as far as its file reaches */
  act("timeline.trim-start");
  lies(clip(KL_TRACK_VIDEO, 0), 0, 30, 0, 0);
}

/* Moves over one another make crossfades, moves out of them take them away; what cannot be is not done. */
static void moves(void) {
  GError *e = NULL;
  fresh();
  g_autoptr(GArray) m = g_array_new(FALSE, FALSE, sizeof(KlMove));
  KlMove one = {clip(KL_TRACK_VIDEO, 1), track(KL_TRACK_VIDEO), *kl_clip_where(clip(KL_TRACK_VIDEO, 1))};
  one.place.start = 40;
  g_array_append_val(m, one);
  g_assert_true(kl_edit_move(project, m, "Move", NULL, &e));
  lies(clip(KL_TRACK_VIDEO, 1), 40, 48, 0, 8);
  g_array_set_size(m, 0); /* both, together: the crossfade goes with them */
  for (guint i = 0; i < 2; i++) {
    KlMove both = {clip(KL_TRACK_VIDEO, i), track(KL_TRACK_VIDEO), *kl_clip_where(clip(KL_TRACK_VIDEO, i))};
    both.place.start += 5;
    g_array_append_val(m, both);
  }
  g_assert_true(kl_edit_move(project, m, "Move", NULL, &e));
  lies(clip(KL_TRACK_VIDEO, 0), 5, 48, 0, 0);
  lies(clip(KL_TRACK_VIDEO, 1), 45, 48, 0, 8);
  g_array_set_size(m, 1); /* the first under the second, from the other side */
  g_array_index(m, KlMove, 0).place.start = 9;
  g_assert_true(kl_edit_move(project, m, "Move", NULL, &e));
  lies(clip(KL_TRACK_VIDEO, 1), 45, 48, 0, 12);
  g_array_index(m, KlMove, 0).place.start = 45; /* wholly over it: no */
  g_assert_false(kl_edit_move(project, m, "Move", NULL, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INVALID);
  g_clear_error(&e);
  lies(clip(KL_TRACK_VIDEO, 0), 9, 48, 0, 0);
  lies(clip(KL_TRACK_VIDEO, 1), 45, 48, 0, 12);
  undo();
  undo();
  undo();
  lies(clip(KL_TRACK_VIDEO, 1), 48, 48, 0, 0);
}

static void crossfade_key(void) {
  fresh();
  select_clip(clip(KL_TRACK_VIDEO, 1));
  act("timeline.crossfade"); /* neither file has more: what follows moves closer */
  lies(clip(KL_TRACK_VIDEO, 0), 0, 48, 0, 0);
  lies(clip(KL_TRACK_VIDEO, 1), 40, 48, 0, 8);
  act("timeline.crossfade"); /* and off again */
  g_assert_cmpint((int)kl_clip_where(clip(KL_TRACK_VIDEO, 1))->fade, ==, 0);
}

static void copies(void) {
  fresh();
  select_clip(clip(KL_TRACK_VIDEO, 0));
  act("timeline.duplicate");
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 3);
  lies(clip(KL_TRACK_VIDEO, 1), 48, 48, 0, 0);
  lies(clip(KL_TRACK_VIDEO, 2), 96, 48, 0, 0);
  act("timeline.copy");
  kl_timeline_view_set_position(view, 144);
  act("timeline.paste");
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 4);
  act("timeline.cut");
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 3);
}

static void playhead_and_gain(void) {
  fresh();
  seeks = changes = 0;
  g_assert_true(gtk_widget_activate_action(GTK_WIDGET(view), "timeline.step", "i", 1));
  g_assert_cmpint((int)kl_timeline_view_get_position(view), ==, 1);
  g_assert_true(gtk_widget_activate_action(GTK_WIDGET(view), "timeline.edge", "i", 1));
  g_assert_cmpint((int)kl_timeline_view_get_position(view), ==, 10);
  act("timeline.end");
  g_assert_cmpint((int)kl_timeline_view_get_position(view), ==, 96);
  g_assert_cmpint(seeks, ==, 3);
  select_clip(clip(KL_TRACK_AUDIO, 0));
  for (int i = 0; i < 3; i++)
    g_assert_true(gtk_widget_activate_action(GTK_WIDGET(view), "timeline.louder", "i", -1));
  g_assert_cmpfloat(kl_clip_where(clip(KL_TRACK_AUDIO, 0))->gain_db, ==, -3);
  spin(50);
  g_assert_cmpint(changes, >, 0);
  undo(); /* three steps, one undo */
  g_assert_cmpfloat(kl_clip_where(clip(KL_TRACK_AUDIO, 0))->gain_db, ==, 0);
}

static void tracks(void) {
  fresh();
  act("timeline.add-video-track");
  act("timeline.add-audio-track");
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_tracks(project)), ==, 4);
  act("timeline.remove-empty-tracks");
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_tracks(project)), ==, 2);
  g_assert_cmpuint(clips(KL_TRACK_VIDEO), ==, 2);
}

/* What the player and the export get is what lies there, and stays so while edits go on. */
static void copied_out(void) {
  GError *e = NULL;
  guint8 rgb[FILM_W * FILM_H * 3];
  fresh();
  g_autoptr(KlTimeline) t = kl_timeline_of_project(project);
  select_clip(clip(KL_TRACK_VIDEO, 0));
  act("timeline.ripple-delete");
  g_assert_cmpint((int)t->length, ==, 96);
  g_assert_cmpint(t->width, ==, FILM_W);
  g_assert_cmpint(t->fps_num, ==, 16);
  g_assert_cmpuint(t->sources->len, ==, 2); /* one file twice is one source */
  g_assert_cmpuint(t->tracks->len, ==, 2);
  g_autoptr(KlCompose) c = kl_compose_new(t, &KL_COMPOSE_SETUP_INIT);
  g_assert_true(kl_compose_has_sound(c));
  for (int n = 0; n < 96; n += 19) {
    g_assert_true(kl_compose_frame(c, n, rgb, &e));
    g_assert_cmpint(ABS((int)rgb[300] - film_grey(n >= 48, n % 48)), <=, 1);
  }
  g_autoptr(KlTimeline) now = kl_timeline_of_project(project);
  g_assert_cmpint((int)now->length, ==, 58);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  if (!gtk_init_check()) {
    g_printerr("no display\n");
    return 77;
  }
  adw_init();
  kl_ui_resources_register();
  dir = temp_dir();
  GtkWidget *window = gtk_window_new();
  view = KL_TIMELINE_VIEW(kl_timeline_view_new());
  g_signal_connect(view, "seek", G_CALLBACK(on_seek), NULL);
  g_signal_connect(view, "changed", G_CALLBACK(on_changed), NULL);
  gtk_window_set_child(GTK_WINDOW(window), GTK_WIDGET(view));
  gtk_window_set_default_size(GTK_WINDOW(window), 900, 300);
  gtk_window_present(GTK_WINDOW(window));
  g_test_add_func("/timeline/split-and-delete", split_and_delete);
  g_test_add_func("/timeline/trims", trims);
  g_test_add_func("/timeline/moves", moves);
  g_test_add_func("/timeline/crossfade-key", crossfade_key);
  g_test_add_func("/timeline/copies", copies);
  g_test_add_func("/timeline/playhead-and-gain", playhead_and_gain);
  g_test_add_func("/timeline/tracks", tracks);
  g_test_add_func("/timeline/copied-out", copied_out);
  int rc = g_test_run();
  kl_timeline_view_set_project(view, NULL);
  gtk_window_destroy(GTK_WINDOW(window));
  g_clear_object(&project);
  remove_dir(dir);
  return rc;
}
