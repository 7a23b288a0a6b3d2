/* play: exact frames from another thread; the newest request wins; ranges, loops, ends, errors. */
#include "app/core/play/player.h"

#include <glib/gstdio.h>

enum { W = 4, H = 2, FRAMES = 40 };

/* A source whose picture of frame n is n everywhere. */
typedef struct {
  KlPlaySource base;
  gint *freed;
} Fake;

static GBytes *fake_frame(KlPlaySource *s, gint64 index, GError **error) {
  guint8 rgb[W * H * 3];
  memset(rgb, (int)MIN(index, s->info.frames - 1), sizeof rgb);
  return g_bytes_new(rgb, sizeof rgb);
}

static void fake_sound(KlPlaySource *s, gint64 first, int n, float *out) {
  memset(out, 0, (size_t)n * 2 * sizeof *out);
}

static void fake_free(KlPlaySource *s) {
  g_atomic_int_inc(((Fake *)s)->freed);
  g_free(s);
}

static gint freed;

static KlPlaySource *open_fake(gpointer data, const KlCancel *cancel, GError **error) {
  Fake *f = g_new0(Fake, 1);
  f->base.info = (KlPlayInfo){W, H, 200, 1, FRAMES, data != NULL};
  f->base.frame = fake_frame;
  if (data) f->base.sound = fake_sound;
  f->base.free = fake_free;
  f->freed = &freed;
  return &f->base;
}

static KlPlaySource *open_nothing(gpointer data, const KlCancel *cancel, GError **error) {
  kl_gfail(error, KL_ERROR_INPUT, "no such film");
  return NULL;
}

/* What the signals said. */
typedef struct {
  KlPlayer *player;
  int opened, ended, frames, wraps;
  gint64 last, least, most;
  char *failure;
} Seen;

static void on_opened(Seen *s) {
  s->opened++;
}
static void on_ended(Seen *s) {
  s->ended++;
}
static void on_failed(Seen *s, const char *text) {
  g_free(s->failure), s->failure = g_strdup(text);
}

static void on_frame(Seen *s, gint64 index, GBytes *rgb) {
  g_assert_cmpuint(g_bytes_get_size(rgb), ==, W * H * 3);
  g_assert_cmpint(*(const guint8 *)g_bytes_get_data(rgb, NULL), ==, index);
  if (s->frames && index < s->last) s->wraps++;
  s->last = index;
  s->least = s->frames ? MIN(s->least, index) : index;
  s->most = s->frames ? MAX(s->most, index) : index;
  s->frames++;
}

static Seen *begin(gboolean sound) {
  Seen *s = g_new0(Seen, 1);
  s->player = kl_player_new();
  g_signal_connect_swapped(s->player, "opened", G_CALLBACK(on_opened), s);
  g_signal_connect_swapped(s->player, "ended", G_CALLBACK(on_ended), s);
  g_signal_connect_swapped(s->player, "failed", G_CALLBACK(on_failed), s);
  g_signal_connect_swapped(s->player, "frame", G_CALLBACK(on_frame), s);
  kl_player_load(s->player, open_fake, GINT_TO_POINTER(sound), NULL, 0);
  while (!s->frames) g_main_context_iteration(NULL, TRUE);
  g_assert_cmpint(s->opened, ==, 1);
  g_assert_cmpint(s->last, ==, 0);
  s->frames = 0;
  return s;
}

static void end(Seen *s) {
  g_object_unref(s->player);
  g_free(s->failure);
  g_free(s);
}

static void wait_for(Seen *s, gint64 frame) {
  while (s->last != frame || !s->frames) g_main_context_iteration(NULL, TRUE);
}

static void test_seek(void) {
  Seen *s = begin(FALSE);
  g_assert_cmpint(kl_player_info(s->player)->frames, ==, FRAMES);
  for (int i = 0; i < FRAMES; i++) kl_player_seek(s->player, (i * 7) % FRAMES);
  gint64 newest = ((FRAMES - 1) * 7) % FRAMES;
  g_assert_cmpint(kl_player_position(s->player), ==, newest);
  wait_for(s, newest);
  kl_player_seek(s->player, 10 * FRAMES); /* behind the end: the last one */
  wait_for(s, FRAMES - 1);
  kl_player_seek(s->player, -3);
  wait_for(s, 0);
  end(s);
}

static void test_play_to_the_end(gconstpointer sound) {
  Seen *s = begin(GPOINTER_TO_INT(sound));
  g_assert_false(kl_player_playing(s->player));
  kl_player_play(s->player);
  g_assert_true(kl_player_playing(s->player));
  while (!s->ended) g_main_context_iteration(NULL, TRUE);
  wait_for(s, FRAMES - 1);
  g_assert_cmpint(s->wraps, ==, 0);
  g_assert_false(kl_player_playing(s->player));
  s->frames = 0; /* again: from the beginning */
  s->ended = 0;
  kl_player_play(s->player);
  while (!s->ended) g_main_context_iteration(NULL, TRUE);
  g_assert_cmpint(s->ended, ==, 1);
  end(s);
}

static void test_loop_a_range(void) {
  Seen *s = begin(FALSE);
  kl_player_set_range(s->player, 10, 14);
  kl_player_set_loop(s->player, true);
  kl_player_seek(s->player, 10);
  wait_for(s, 10);
  s->frames = 0;
  kl_player_play(s->player);
  while (s->wraps < 3) g_main_context_iteration(NULL, TRUE);
  g_assert_cmpint(s->least, >=, 10);
  g_assert_cmpint(s->most, <=, 14);
  kl_player_pause(s->player);
  g_assert_false(kl_player_playing(s->player));
  end(s);
}

static void test_backwards(void) {
  Seen *s = begin(FALSE);
  kl_player_seek(s->player, FRAMES - 1);
  wait_for(s, FRAMES - 1);
  kl_player_set_speed(s->player, -1);
  kl_player_play(s->player);
  while (!s->ended) g_main_context_iteration(NULL, TRUE);
  wait_for(s, 0);
  g_assert_cmpint(s->most, ==, FRAMES - 1);
  end(s);
}

static void test_failure(void) {
  Seen *s = begin(FALSE);
  kl_player_load(s->player, open_nothing, NULL, NULL, 0);
  while (!s->failure) g_main_context_iteration(NULL, TRUE);
  g_assert_cmpstr(s->failure, ==, "no such film");
  g_assert_null(kl_player_info(s->player));
  kl_player_load(s->player, open_fake, NULL, NULL, 5); /* and on it goes */
  wait_for(s, 5);
  g_assert_cmpint(s->opened, ==, 2);
  end(s);
}

static void test_file_that_is_none(void) {
  Seen *s = begin(FALSE);
  kl_player_load_file(s->player, "/nowhere/at/all.mp4", 0);
  while (!s->failure) g_main_context_iteration(NULL, TRUE);
  g_assert_nonnull(strstr(s->failure, "all.mp4"));
  end(s);
}

static void test_unload(void) {
  Seen *s = begin(FALSE);
  gint before = g_atomic_int_get(&freed);
  kl_player_play(s->player);
  kl_player_unload(s->player);
  g_assert_null(kl_player_info(s->player));
  while (g_atomic_int_get(&freed) == before) g_usleep(1000);
  end(s);
}

/* A player that is dropped while it plays lets its source go by itself. */
static void test_dropped(void) {
  gint before = g_atomic_int_get(&freed);
  Seen *s = begin(TRUE);
  kl_player_play(s->player);
  end(s);
  while (g_atomic_int_get(&freed) == before) g_main_context_iteration(NULL, FALSE);
}

int main(int argc, char **argv) {
  g_setenv("PULSE_SERVER", "unix:/nonexistent", TRUE); /* silent: the clock is the machine's */
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/player/seek", test_seek);
  g_test_add_data_func("/player/play-to-the-end", GINT_TO_POINTER(FALSE), test_play_to_the_end);
  g_test_add_data_func("/player/play-with-sound", GINT_TO_POINTER(TRUE), test_play_to_the_end);
  g_test_add_func("/player/loop-a-range", test_loop_a_range);
  g_test_add_func("/player/backwards", test_backwards);
  g_test_add_func("/player/failure", test_failure);
  g_test_add_func("/player/file-that-is-none", test_file_that_is_none);
  g_test_add_func("/player/unload", test_unload);
  g_test_add_func("/player/dropped", test_dropped);
  return g_test_run();
}
