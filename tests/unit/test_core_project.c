/* The project as its window sees it: rows, edits, undo over restarts, two processes. */
#include "app/core/db.h"
#include "tests/unit/project_kit.h"

#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  char *folder, *path;
  KlProject *p;
} Fix;

static void set_up(Fix *f, gconstpointer user) {
  g_autoptr(GError) e = NULL;
  f->folder = kit_folder();
  f->path = g_build_filename(f->folder, "A film.kinoloom", NULL);
  f->p = kl_project_create(f->path, &e);
  g_assert_no_error(e);
}

static void tear_down(Fix *f, gconstpointer user) {
  g_clear_object(&f->p);
  while (g_main_context_iteration(NULL, FALSE)) continue;
  kit_tidy(f->folder);
  g_free(f->folder);
  g_free(f->path);
}

static void reopen(Fix *f) {
  g_autoptr(GError) e = NULL;
  g_clear_object(&f->p);
  f->p = kl_project_open(f->path, &e);
  g_assert_no_error(e);
}

static KlTrack *track(KlProject *p, KlTrackKind kind) {
  GListModel *list = kl_project_tracks(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(list, i);
    if (kl_track_kind(t) == kind) return t;
  }
  g_assert_not_reached();
}

static void fresh(Fix *f, gconstpointer user) {
  g_autoptr(GError) e = NULL;
  g_assert_cmpstr(kl_project_title(f->p), ==, "A film");
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_tracks(f->p)), ==, 2);
  g_assert_false(kl_project_read_only(f->p));
  g_assert_null(kl_project_create(f->path, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_EXISTS);
  g_assert_true(g_str_has_suffix(kl_project_media_folder(f->p), "/A film media"));
  g_assert_true(kl_project_set_title(f->p, "Die Fl\xc3\xbcgel", NULL));
  g_assert_true(kl_project_set_setting(f->p, "panel.prompt", "a red heart", NULL));
  g_assert_true(kl_project_set_setting(f->p, "gone", "x", NULL));
  g_assert_true(kl_project_set_setting(f->p, "gone", NULL, NULL));
  reopen(f);
  g_assert_cmpstr(kl_project_title(f->p), ==, "Die Fl\xc3\xbcgel");
  g_assert_cmpstr(kl_project_setting(f->p, "panel.prompt"), ==, "a red heart");
  g_assert_null(kl_project_setting(f->p, "gone"));
  /* `file` and the shell's MIME type go by this */
  g_autofree char *data = NULL;
  gsize n;
  g_assert_true(g_file_get_contents(f->path, &data, &n, NULL));
  g_assert_cmpmem(data + 68, 4, "KLPJ", 4);
}

static void count_notify(GObject *o, GParamSpec *spec, gpointer n) {
  (*(int *)n)++;
}

static void count_signal(KlProject *p, gpointer n) {
  (*(int *)n)++;
}

static void media(Fix *f, gconstpointer user) {
  g_autoptr(GError) e = NULL;
  g_autofree char *picture = kit_picture(f->folder, "sky.png", 300, 200, 90),
                  *sound = kit_sound(f->folder, "wind.wav"),
                  *text = g_build_filename(f->folder, "no.txt", NULL);
  g_autoptr(KlAsset) a = kit_import(f->p, picture, false, &e);
  g_assert_no_error(e);
  g_autoptr(KlAsset) again = kit_import(f->p, picture, false, NULL), b = kit_import(f->p, sound, true, &e);
  int w, h;
  g_assert_no_error(e);
  g_assert_true(a == again);
  /* at the same time */
  KitImport one = {0}, two = {0};
  g_autofree char *cloud = kit_picture(f->folder, "cloud.png", 32, 32, 200);
  g_autoptr(GFile) file = g_file_new_for_path(cloud);
  kl_project_import_async(f->p, file, false, NULL, kit_imported, &one);
  kl_project_import_async(f->p, file, false, NULL, kit_imported, &two);
  while (!one.done || !two.done) g_main_context_iteration(NULL, TRUE);
  g_assert_true(one.asset && one.asset == two.asset);
  g_assert_true(kl_project_remove_asset(f->p, one.asset, NULL));
  g_object_unref(one.asset);
  g_object_unref(two.asset);
  kl_asset_size(a, &w, &h);
  g_assert_cmpint(kl_asset_kind(a), ==, KL_ASSET_IMAGE);
  g_assert_cmpint(w, ==, 300);
  g_assert_cmpint(h, ==, 200);
  g_assert_cmpint(kl_asset_frames(a), ==, 1);
  KlPng png;
  GBytes *thumb = kl_asset_thumbnail(a);
  gsize n;
  const void *data = g_bytes_get_data(thumb, &n);
  g_assert_true(kl_png_read_memory(data, n, &png, NULL));
  g_assert_cmpint(png.width, ==, 256);
  g_assert_cmpint(png.height, ==, 171);
  kl_png_free(&png);
  g_autoptr(GBytes) of_project = kl_project_thumbnail(f->p);
  g_assert_true(g_bytes_equal(of_project, thumb));
  g_assert_cmpint(kl_asset_kind(b), ==, KL_ASSET_AUDIO);
  g_assert_true(kl_asset_has_audio(b));
  g_assert_cmpfloat_with_epsilon(kl_asset_duration(b), 2, 0.01);
  g_assert_true(g_file_set_contents(text, "no", -1, NULL));
  g_assert_null(kit_import(f->p, text, false, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_FORMAT);
  /* the embedded one outlives its file, the other is missing and says so */
  g_unlink(sound);
  g_unlink(picture);
  reopen(f);
  KlAsset *pic = kl_project_asset(f->p, kl_asset_id(a)), *snd = kl_project_asset(f->p, kl_asset_id(b));
  g_autofree char *cached = g_strdup(kl_asset_path(snd));
  if (cached) g_unlink(cached);
  kl_project_look_again(f->p);
  for (int i = 0; i < 500 && (!kl_asset_missing(pic) || !g_file_test(cached, G_FILE_TEST_EXISTS)); i++) {
    g_main_context_iteration(NULL, FALSE);
    g_usleep(10000);
  }
  g_assert_true(kl_asset_missing(pic));
  g_assert_null(kl_asset_path(pic));
  g_assert_nonnull(kl_asset_thumbnail(pic));
  g_autofree char *bytes = NULL;
  g_assert_true(g_file_get_contents(kl_asset_path(snd), &bytes, &n, NULL));
  g_assert_cmpuint(n, ==, 32044);
  g_unlink(cached);
}

static void one_step_each(Fix *f, gconstpointer user) {
  g_autofree char *before = kit_dump(f->p), *label = NULL;
  int told = 0, timeline = 0;
  g_signal_connect(f->p, "notify::can-undo", G_CALLBACK(count_notify), &told);
  g_signal_connect(f->p, "timeline-changed", G_CALLBACK(count_signal), &timeline);
  g_assert_false(kl_project_undo(f->p, NULL));
  kl_project_begin(f->p, "Two Things", NULL);
  g_assert_true(kl_project_set_title(f->p, "x", NULL));
  g_assert_true(kl_project_set_rate(f->p, 30000, 1001, NULL));
  g_assert_true(kl_project_end(f->p, true, NULL));
  g_assert_cmpint(told, ==, 1);
  g_assert_cmpint(timeline, >, 0);
  g_object_get(f->p, "undo-label", &label, NULL);
  g_assert_cmpstr(label, ==, "Two Things");
  g_autofree char *after = kit_dump(f->p);
  g_assert_true(kl_project_undo(f->p, NULL));
  g_autofree char *back = kit_dump(f->p);
  g_assert_cmpstr(back, ==, before);
  g_assert_false(kl_project_undo(f->p, NULL));
  g_assert_true(kl_project_redo(f->p, NULL));
  g_autofree char *again = kit_dump(f->p);
  g_assert_cmpstr(again, ==, after);
  /* an edit that changes nothing, or is taken back, leaves no step */
  kl_project_begin(f->p, "Nothing", NULL);
  g_assert_true(kl_project_set_title(f->p, "y", NULL));
  g_assert_true(kl_project_set_title(f->p, "x", NULL));
  g_assert_true(kl_project_end(f->p, true, NULL));
  kl_project_begin(f->p, "Taken back", NULL);
  g_assert_true(kl_project_set_title(f->p, "z", NULL));
  while (g_main_context_iteration(NULL, FALSE)) continue; /* it is committed meanwhile */
  g_assert_true(kl_project_set_title(f->p, "zz", NULL));
  g_assert_true(kl_project_end(f->p, false, NULL));
  g_autofree char *still = kit_dump(f->p), *label2 = NULL;
  g_assert_cmpstr(still, ==, after);
  g_object_get(f->p, "undo-label", &label2, NULL);
  g_assert_cmpstr(label2, ==, "Two Things");
}

static void merging(Fix *f, gconstpointer user) {
  g_autofree char *before = kit_dump(f->p);
  for (int i = 0; i < 20; i++) {
    g_autofree char *title = g_strdup_printf("title %d", i);
    kl_project_begin(f->p, "Drag", "slider");
    g_assert_true(kl_project_set_title(f->p, title, NULL));
    g_assert_true(kl_project_end(f->p, true, NULL));
  }
  g_assert_true(kl_project_undo(f->p, NULL));
  g_autofree char *back = kit_dump(f->p);
  g_assert_cmpstr(back, ==, before);
  g_assert_false(kl_project_undo(f->p, NULL));
}

static void begun_renders_stay(Fix *f, gconstpointer user) {
  g_autoptr(KlJobSpec) job = kit_job("a red heart");
  g_autoptr(KlRender) a = kl_project_add_render(f->p, job, NULL, 0, NULL),
                      b = kl_project_add_render(f->p, job, NULL, 0, NULL);
  g_assert_nonnull(b);
  g_assert_true(g_str_has_suffix(kl_render_output(a), "/A film media/a-red-heart-001.mp4"));
  g_assert_true(kl_project_move_render(f->p, b, 0, NULL));
  g_autoptr(KlRender) first = g_list_model_get_item(kl_project_pending(f->p), 0);
  g_assert_true(first == b);
  g_assert_true(kl_project_undo(f->p, NULL));
  g_assert_true(kl_render_set_state(b, KL_RENDER_RUNNING, NULL, NULL));
  /* b has begun, so the next step back is the adding of a */
  g_assert_true(kl_project_undo(f->p, NULL));
  g_assert_true(kl_project_render(f->p, kl_render_id(b)) == b);
  g_assert_null(kl_project_render(f->p, 1));
  g_assert_true(kl_project_redo(f->p, NULL));
  g_assert_nonnull(kl_project_render(f->p, 1));
  g_assert_cmpint(kl_render_state(b), ==, KL_RENDER_RUNNING);
  g_assert_false(kl_project_remove_render(f->p, b, NULL));
  g_assert_true(kl_render_set_state(b, KL_RENDER_FAILED, "no memory", NULL));
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_pending(f->p)), ==, 1);
  g_assert_true(kl_project_remove_render(f->p, b, NULL));
  g_assert_true(kl_project_undo(f->p, NULL));
  g_autoptr(KlRender) back = g_list_model_get_item(kl_project_renders(f->p), 0);
  g_assert_cmpstr(kl_render_error_text(back), ==, "no memory");
}

static void interrupted(Fix *f, gconstpointer user) {
  g_autoptr(KlJobSpec) job = kit_job("a red heart");
  g_autoptr(KlRender) r = kl_project_add_render(f->p, job, NULL, 0, NULL);
  g_assert_true(kl_render_set_state(r, KL_RENDER_RUNNING, NULL, NULL));
  reopen(f);
  KlRender *now = kl_project_render(f->p, 1);
  g_assert_cmpint(kl_render_state(now), ==, KL_RENDER_PAUSED);
  g_assert_true(kl_render_interrupted(now));
  reopen(f);
  g_assert_false(kl_render_interrupted(kl_project_render(f->p, 1)));
}

/* ---- the timeline ---- */

static KlClipPlace at(gint64 start, gint64 length) {
  return (KlClipPlace){.start = start, .length = length};
}

static void timeline(Fix *f, gconstpointer user) {
  g_autofree char *picture = kit_picture(f->folder, "sky.png", 64, 48, 90),
                  *sound = kit_sound(f->folder, "wind.wav");
  g_autoptr(KlAsset) a = kit_import(f->p, picture, false, NULL), s = kit_import(f->p, sound, false, NULL);
  KlTrack *v = track(f->p, KL_TRACK_VIDEO), *au = track(f->p, KL_TRACK_AUDIO);
  g_autoptr(GError) e = NULL;
  KlClipPlace place = at(0, 40);
  g_autoptr(KlClip) one = kl_project_add_clip(f->p, v, a, &place, false, NULL);
  place = at(40, 0);
  g_autoptr(KlClip) two = kl_project_add_clip(f->p, v, a, &place, false, NULL);
  g_assert_cmpint(kl_clip_where(two)->length, ==, 80); /* five seconds */
  int w, h;
  kl_project_frame_size(f->p, &w, &h);
  g_assert_cmpint(w, ==, 64);
  /* what cannot be */
  g_assert_null(kl_project_add_clip(f->p, v, s, &place, false, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INVALID);
  g_clear_error(&e);
  place = at(0, 33); /* of two seconds at 16 frames: 32 */
  g_assert_null(kl_project_add_clip(f->p, au, s, &place, false, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INVALID);
  g_clear_error(&e);
  place = at(30, 80);
  g_autofree char *before = kit_dump(f->p);
  g_assert_false(kl_clip_place(two, v, &place, &e));
  g_assert_error(e, KL_ERROR, KL_ERROR_INVALID);
  g_autofree char *after = kit_dump(f->p);
  g_assert_cmpstr(before, ==, after);
  /* a crossfade of the ten frames that they share */
  place.fade = 10;
  g_assert_true(kl_clip_place(two, NULL, &place, NULL));
  g_assert_cmpint(kl_clip_where(two)->fade, ==, 10);
  place.start = 50;
  g_assert_true(kl_clip_place(two, NULL, &place, NULL));
  g_assert_cmpint(kl_clip_where(two)->fade, ==, 0);
  /* cut, insert, overwrite, close the gap */
  g_autoptr(KlClip) half = kl_clip_split(one, 10, NULL);
  g_assert_cmpint(kl_clip_where(one)->length, ==, 10);
  g_assert_cmpint(kl_clip_where(half)->start, ==, 10);
  g_assert_cmpint(kl_clip_where(half)->length, ==, 30);
  g_assert_cmpfloat(kl_clip_where(half)->in, ==, 10.0 / 16);
  place = at(20, 7);
  g_autoptr(KlClip) in = kl_project_add_clip(f->p, v, a, &place, true, NULL);
  g_assert_cmpint(kl_clip_where(in)->start, ==, 20);
  g_assert_cmpint(kl_clip_where(half)->length, ==, 10);
  g_assert_cmpint(kl_clip_where(two)->start, ==, 57);
  place = at(5, 10);
  g_autoptr(KlClip) over = kl_project_add_clip(f->p, v, a, &place, false, NULL);
  g_assert_cmpint(kl_clip_where(one)->length, ==, 5);
  g_assert_cmpint(kl_clip_where(over)->length, ==, 10);
  g_assert_true(kl_project_remove_clip(f->p, over, true, NULL));
  g_assert_cmpint(kl_clip_where(two)->start, ==, 47);
  /* the rate changes, the times stay */
  g_assert_true(kl_project_set_rate(f->p, 32, 1, NULL));
  g_assert_cmpint(kl_clip_where(two)->start, ==, 94);
  g_assert_true(kl_project_remove_asset(f->p, a, NULL));
  g_assert_cmpint(kl_project_length(f->p), ==, 0);
  while (kl_project_undo(f->p, NULL)) continue;
  g_assert_cmpuint(g_list_model_get_n_items(kl_project_assets(f->p)), ==, 0);
}

/* ---- random edits ---- */

static gpointer any(GRand *r, GListModel *list) {
  guint n = g_list_model_get_n_items(list);
  return n ? g_list_model_get_item(list, (guint)g_rand_int_range(r, 0, (gint32)n)) : NULL;
}

static void random_edit(KlProject *p, GRand *r) {
  g_autoptr(KlTrack) t = any(r, kl_project_tracks(p));
  g_autoptr(KlAsset) a = any(r, kl_project_assets(p));
  g_autoptr(KlClip) c = t ? any(r, kl_track_clips(t)) : NULL;
  g_autoptr(KlRender) job = any(r, kl_project_renders(p));
  KlClipPlace place = at(g_rand_int_range(r, 0, 60), g_rand_int_range(r, 0, 25));
  place.fade = g_rand_int_range(r, 0, 4);
  switch (g_rand_int_range(r, 0, 14)) {
  case 0: {
    g_autofree char *title = g_strdup_printf("title %d", g_rand_int_range(r, 0, 3));
    kl_project_set_title(p, title, NULL);
    break;
  }
  case 1:
    kl_project_set_rate(p, g_rand_int_range(r, 8, 60), g_rand_int_range(r, 1, 3), NULL);
    break;
  case 2:
    kl_project_set_frame_size(p, 16 * g_rand_int_range(r, 1, 9), 16, NULL);
    break;
  case 3: {
    KlTrack *fresh_track = kl_project_add_track(p, g_rand_boolean(r) ? KL_TRACK_VIDEO : KL_TRACK_AUDIO, NULL);
    g_clear_object(&fresh_track);
    break;
  }
  case 4:
    if (t && g_list_model_get_n_items(kl_project_tracks(p)) > 3) kl_project_remove_track(p, t, NULL);
    break;
  case 5:
    if (t) kl_track_set_muted(t, !kl_track_muted(t), NULL);
    break;
  case 6:
    if (c) kl_project_remove_clip(p, c, g_rand_boolean(r), NULL);
    break;
  case 7:
  case 8:
    place.in = place.length ? g_rand_double_range(r, 0, 1) : 0;
    place.gain_db = g_rand_double_range(r, -60, 12);
    if (c) kl_clip_place(c, g_rand_boolean(r) ? t : NULL, &place, NULL);
    break;
  case 9: {
    KlClip *half = c ? kl_clip_split(c, g_rand_int_range(r, 0, 80), NULL) : NULL;
    g_clear_object(&half);
    break;
  }
  case 10: {
    g_autoptr(KlJobSpec) spec = kit_job("a cat runs");
    KlRender *made = kl_project_add_render(p, spec, NULL, 0, NULL);
    g_clear_object(&made);
    break;
  }
  case 11:
    if (job) kl_project_remove_render(p, job, NULL);
    break;
  case 12:
    if (job) kl_project_move_render(p, job, (guint)g_rand_int_range(r, 0, 4), NULL);
    break;
  default: {
    KlClip *made = a && t ? kl_project_add_clip(p, t, a, &place, g_rand_boolean(r), NULL) : NULL;
    g_clear_object(&made);
  }
  }
}

/* After any edits: undo leads back through every state, redo forward, in another process too. */
static void there_and_back(Fix *f, gconstpointer user) {
  g_autofree char *picture = kit_picture(f->folder, "sky.png", 64, 48, 90),
                  *sound = kit_sound(f->folder, "wind.wav");
  for (guint seed = 1; seed <= 4; seed++) {
    g_autoptr(GRand) r = g_rand_new_with_seed(seed);
    g_autoptr(GPtrArray) seen = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *first = kit_dump(f->p);
    g_autoptr(KlAsset) a = kit_import(f->p, picture, false, NULL), s = kit_import(f->p, sound, false, NULL);
    for (int i = 0; i < 80; i++) {
      char *was = kit_dump(f->p);
      bool many = g_rand_int_range(r, 0, 4) == 0, keep = g_rand_int_range(r, 0, 5) != 0;
      if (many) kl_project_begin(f->p, "Several", NULL);
      for (int k = 0; k < (many ? 4 : 1); k++) {
        random_edit(f->p, r);
        if (many && g_rand_boolean(r))
          while (g_main_context_iteration(NULL, FALSE)) continue;
      }
      if (many) g_assert_true(kl_project_end(f->p, keep, NULL));
      g_autofree char *now = kit_dump(f->p);
      if (many && !keep) g_assert_cmpstr(now, ==, was);
      if (strcmp(now, was))
        g_ptr_array_add(seen, was);
      else
        g_free(was);
      if (g_rand_int_range(r, 0, 12) == 0 && seen->len && kl_project_undo(f->p, NULL)) {
        g_autofree char *back = kit_dump(f->p);
        g_assert_cmpstr(back, ==, seen->pdata[seen->len - 1]);
        g_ptr_array_remove_index(seen, seen->len - 1);
      }
    }
    g_autofree char *last = kit_dump(f->p);
    for (int turn = 0; turn < 2; turn++) {
      reopen(f);
      g_autofree char *opened = kit_dump(f->p);
      g_assert_cmpstr(opened, ==, last);
      for (guint i = seen->len; i-- > 0;) {
        g_assert_true(kl_project_undo(f->p, NULL));
        g_autofree char *back = kit_dump(f->p);
        g_assert_cmpstr(back, ==, seen->pdata[i]);
        if (i == seen->len / 2) reopen(f);
      }
      while (kl_project_undo(f->p, NULL)) continue; /* the two imports */
      g_autofree char *start = kit_dump(f->p);
      g_assert_cmpstr(start, ==, first);
      reopen(f);
      while (kl_project_redo(f->p, NULL)) continue;
      g_autofree char *end = kit_dump(f->p);
      g_assert_cmpstr(end, ==, last);
    }
    while (kl_project_undo(f->p, NULL)) continue;
  }
}

/* ---- two at once ---- */

static void two_processes(Fix *f, gconstpointer user) {
  g_autoptr(GError) e = NULL;
  g_autoptr(KlProject) other = kl_project_open(f->path, &e);
  g_assert_no_error(e);
  int told = 0;
  g_signal_connect(other, "notify::title", G_CALLBACK(count_notify), &told);
  g_assert_true(kl_project_set_title(f->p, "from here", NULL));
  kl_project_refresh(other);
  g_assert_cmpint(told, ==, 1);
  g_assert_cmpstr(kl_project_title(other), ==, "from here");
  g_assert_true(kl_project_set_title(other, "from there", NULL));
  for (int i = 0; i < 300 && strcmp(kl_project_title(f->p), "from there"); i++) { /* its own timer */
    g_main_context_iteration(NULL, FALSE);
    g_usleep(10000);
  }
  g_assert_cmpstr(kl_project_title(f->p), ==, "from there");
  /* one history: the last edit is undone, whoever made it */
  g_assert_true(kl_project_undo(f->p, NULL));
  kl_project_refresh(other);
  g_assert_cmpstr(kl_project_title(other), ==, "from here");
}

#define ADD(name, fn) g_test_add("/core/project/" name, Fix, NULL, set_up, fn, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD("fresh", fresh);
  ADD("media", media);
  ADD("one-step-each", one_step_each);
  ADD("merging", merging);
  ADD("begun-renders-stay", begun_renders_stay);
  ADD("interrupted", interrupted);
  ADD("timeline", timeline);
  ADD("there-and-back", there_and_back);
  ADD("two-processes", two_processes);
  return g_test_run();
}
