/* app/core/film: what a timeline shows and sounds like, frame by frame and sample by sample. */
#include "tests/unit/film_util.h"

static guint8 grey_at(KlCompose *c, gint64 n) {
  GError *e = NULL;
  guint8 rgb[FILM_W * FILM_H * 3];
  g_assert_true(kl_compose_frame(c, n, rgb, &e));
  g_assert_no_error(e);
  return rgb[(FILM_H / 2 * FILM_W + FILM_W / 2) * 3 + 1];
}

/* Within what the encoder does to a flat grey; neighbours are 3 apart. */
#define shows(c, n, want) g_assert_cmpint(ABS((int)grey_at(c, n) - (int)(want)), <=, 1)

static double linear(double v) {
  v /= 255;
  return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static int mixed(int under, int over, double w) {
  double v = (1 - w) * linear(under) + w * linear(over);
  return (int)lround(255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055));
}

static void cuts_and_tracks(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 0), *b = film_video(dir, 1, 16, 1, 48, 0);
  g_autoptr(KlTimeline) t = kl_timeline_new(16, 1, FILM_W, FILM_H);
  guint sa = film_source(t, a), sb = film_source(t, b);
  KlTimelineTrack *top = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  KlTimelineTrack *low = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  film_clip(t, top, sa, 5, 10, 20 / 16.0, 0, 1);  /* a 20..29 at 5 */
  film_clip(t, top, sa, 15, 10, 30 / 16.0, 0, 1); /* the same, split */
  film_clip(t, top, sa, 25, 6, 2 / 16.0, 0, 1);   /* back to a 2..7 */
  film_clip(t, low, sb, 0, 40, 0, 0, 1);
  film_clip(t, low, sb, 50, 30, 1, 0, 1); /* longer than its file: the last picture stays */
  g_autoptr(KlCompose) c = kl_compose_new(t, &KL_COMPOSE_SETUP_INIT);
  g_assert_cmpint((int)kl_compose_frames(c), ==, 80);
  static const int order[] = {4, 5, 14, 15, 16, 24, 25, 30, 31, 39, 40, 49, 50, 79, 0, 29, 15, 14, 79, 5};
  for (size_t i = 0; i < G_N_ELEMENTS(order) + 80; i++) { /* jumping about, then in order */
    int n = i < G_N_ELEMENTS(order) ? order[i] : (int)(i - G_N_ELEMENTS(order));
    if (n >= 5 && n < 25)
      shows(c, n, film_grey(0, n + 15));
    else if (n >= 25 && n < 31)
      shows(c, n, film_grey(0, n - 23));
    else if (n < 40)
      shows(c, n, film_grey(1, n));
    else if (n < 50)
      g_assert_cmpint(grey_at(c, n), ==, 0);
    else
      shows(c, n, film_grey(1, MIN(n - 34, 47)));
  }
  shows(c, 1000, 0);
  top->muted = true;
  shows(c, 10, film_grey(1, 10));
  g_free(a);
  g_free(b);
  remove_dir(dir);
}

static void crossfades(void) {
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 48, 0), *b = film_video(dir, 1, 16, 1, 48, 0);
  g_autoptr(KlTimeline) t = kl_timeline_new(16, 1, FILM_W, FILM_H);
  guint sa = film_source(t, a), sb = film_source(t, b);
  KlTimelineTrack *k = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  film_clip(t, k, sa, 0, 20, 0, 4, 1); /* in from black */
  film_clip(t, k, sb, 12, 20, 0, 8, 1);
  film_clip(t, k, sb, 30, 10, 1, 2, 1); /* the same file on both sides */
  g_autoptr(KlCompose) c = kl_compose_new(t, &KL_COMPOSE_SETUP_INIT);
  for (int n = 0; n < 4; n++) shows(c, n, mixed(0, film_grey(0, n), (n + 0.5) / 4));
  for (int n = 4; n < 12; n++) shows(c, n, film_grey(0, n));
  for (int n = 12; n < 20; n++) shows(c, n, mixed(film_grey(0, n), film_grey(1, n - 12), (n - 12 + 0.5) / 8));
  for (int n = 20; n < 30; n++) shows(c, n, film_grey(1, n - 12));
  for (int n = 30; n < 32; n++)
    shows(c, n, mixed(film_grey(1, n - 12), film_grey(1, n - 14), (n - 30 + 0.5) / 2));
  for (int n = 32; n < 40; n++) shows(c, n, film_grey(1, n - 14));
  g_free(a);
  g_free(b);
  remove_dir(dir);
}

/* 29.97 in 16, 16 in 29.97, and a film that is asked for at another rate: which frame is seen is exact. */
static void rates(void) {
  static const int rate[][2] = {{30000, 1001}, {16, 1}, {24, 1}, {25, 1}};
  char *dir = temp_dir(), *file[4];
  for (int f = 0; f < 4; f++) file[f] = film_video(dir, f, rate[f][0], rate[f][1], 70, 0);
  for (int f = 0; f < 4; f++)
    for (int p = 0; p < 4; p++)
      for (int o = 0; o < 4; o += 3) { /* asked for at the project's own rate, and at 25 */
        g_autoptr(KlTimeline) t = kl_timeline_new(rate[p][0], rate[p][1], FILM_W, FILM_H);
        film_clip(t, kl_timeline_add_track(t, KL_TRACK_VIDEO, false), film_source(t, file[f]), 7, 20, 0.25, 0,
                  1);
        KlComposeSetup how = KL_COMPOSE_SETUP_INIT;
        const int *out = o ? rate[3] : rate[p];
        how.fps_num = out[0];
        how.fps_den = out[1];
        g_autoptr(KlCompose) c = kl_compose_new(t, &how);
        gint64 frames = kl_compose_frames(c);
        g_assert_cmpint((int)frames, ==, (int)ceil(27.0 * rate[p][1] / rate[p][0] * out[0] / out[1] - 1e-9));
        for (gint64 n = 0; n < frames; n++) {
          double at = (double)n * out[1] / out[0] - 7.0 * rate[p][1] / rate[p][0];
          if (at < -1e-9)
            g_assert_cmpint(grey_at(c, n), ==, 0);
          else
            shows(c, n, film_grey(f, (gint64)floor((at + 0.25) * rate[f][0] / rate[f][1] + 1e-3)));
        }
      }
  for (int f = 0; f < 4; f++) g_free(file[f]);
  remove_dir(dir);
}

static void note(void *user, const char *text) {
  g_test_message("%s", text);
  (*(int *)user)++;
}

/* A file that is gone, one that is no video, a still, borders. */
static void odd_sources(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *bad = g_build_filename(dir, "bad.mp4", NULL),
       *png = g_build_filename(dir, "p.png", NULL);
  guint8 red[8 * 8 * 3], rgb[FILM_W * FILM_H * 3];
  GError *e = NULL;
  int notes = 0;
  g_assert_true(g_file_set_contents(bad, "not a video", -1, NULL));
  for (int i = 0; i < 64; i++) memcpy(red + 3 * i, "\xF0\x10\x20", 3);
  must(kl_png_write_file(png, red, 8, 8, 3, NULL, &err));
  g_autoptr(KlTimeline) t = kl_timeline_new(16, 1, FILM_W, FILM_H);
  KlTimelineSource gone = {.name = (char *)"gone", .kind = KL_ASSET_VIDEO, .has_audio = true},
                   wrong = {.name = (char *)"wrong", .path = bad, .kind = KL_ASSET_VIDEO, .has_audio = true};
  KlTimelineTrack *k = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  film_clip(t, k, kl_timeline_add_source(t, &gone), 0, 5, 0, 0, 1);
  film_clip(t, k, kl_timeline_add_source(t, &wrong), 5, 5, 0, 0, 1);
  film_clip(t, k, film_source(t, png), 10, 1000, 0, 0, 1);
  KlComposeSetup how = KL_COMPOSE_SETUP_INIT;
  how.note = note;
  how.user = &notes;
  for (int cover = 0; cover < 2; cover++) {
    how.fit = cover ? KL_FIT_COVER : KL_FIT_CONTAIN;
    g_autoptr(KlCompose) c = kl_compose_new(t, &how);
    for (int n = 0; n < 10; n++) g_assert_cmpint(grey_at(c, n), >, 20);
    for (int n = 10; n < 1000; n += 300) {
      g_assert_true(kl_compose_frame(c, n, rgb, &e));
      g_assert_cmpmem(rgb + (12 * FILM_W + 16) * 3, 3, "\xF0\x10\x20", 3);
      g_assert_cmpint(rgb[12 * FILM_W * 3], ==, cover ? 0xF0 : 0); /* a border, or none */
    }
    float x[200];
    g_assert_true(kl_compose_samples(c, 0, x, 100, &e));
    g_assert_true(kl_compose_samples(c, 20000, x, 100, &e));
    g_assert_true(kl_compose_samples(c, 20100, x, 100, &e));
    for (int i = 0; i < 200; i++) g_assert_true(x[i] == 0);
  }
  g_assert_cmpint(notes, ==, 4); /* each once, twice over */
  g_free(bad);
  g_free(png);
  remove_dir(dir);
}

/* ---- sound ---- */

static double loudness(const float *x, int from, int to) {
  double sum = 0;
  for (int i = from; i < to; i++) sum += (double)x[2 * i] * x[2 * i];
  return sqrt(sum / (to - from));
}

/* The largest second difference: a click would be near the amplitude, the tone itself is w^2 times it. */
static double roughness(const float *x, int from, int to) {
  double worst = 0;
  for (int i = from + 1; i < to - 1; i++)
    worst = fmax(worst, fabs(x[2 * i - 2] - 2.0 * x[2 * i] + x[2 * i + 2]));
  return worst;
}

static void sound(void) {
  GError *e = NULL;
  enum { N = 4 * FILM_RATE };
  char *dir = temp_dir(), *a = film_video(dir, 0, 16, 1, 64, 200), *b = film_video(dir, 1, 16, 1, 64, 310);
  g_autoptr(KlTimeline) t = kl_timeline_new(16, 1, FILM_W, FILM_H);
  guint sa = film_source(t, a), sb = film_source(t, b);
  KlTimelineTrack *v = kl_timeline_add_track(t, KL_TRACK_VIDEO, false);
  film_clip(t, v, sa, 0, 16, 0.37, 0, 1); /* 0..1 s; then the same piece goes on, quieter */
  film_clip(t, v, sa, 16, 8, 1.37, 0, kl_timeline_level(-6));
  film_clip(t, v, sb, 32, 16, 0.1, 0, 1); /* after half a second of nothing: 2..3 s */
  film_clip(t, v, sa, 40, 24, 0.2, 8, 1); /* crossed from 2.5 to 3 s, until 4 s */
  g_autoptr(KlCompose) c = kl_compose_new(t, &KL_COMPOSE_SETUP_INIT);
  g_assert_true(kl_compose_has_sound(c));
  g_assert_cmpint((int)kl_compose_length(c), ==, N);
  float *x = g_new(float, 2 * N), *y = g_new(float, 2 * N);
  g_assert_true(kl_compose_samples(c, 0, x, N, &e));
  g_assert_no_error(e);
  double full = 0.5 / sqrt(2);
#define at(s) ((int)((s)*FILM_RATE))
#define near(got, want) g_assert_cmpfloat(fabs((got) / (want)-1), <, 0.03)
  near(loudness(x, at(0.1), at(0.9)), full);
  near(loudness(x, at(1.1), at(1.4)), full * kl_timeline_level(-6));
  g_assert_cmpfloat(loudness(x, at(1.5), at(2)), ==, 0);
  near(loudness(x, at(2.1), at(2.4)), full);
  near(loudness(x, at(2.5), at(3)), full); /* equal power: as loud in the middle of the fade */
  near(loudness(x, at(2.7), at(2.8)), full);
  near(loudness(x, at(3.1), at(3.9)), full);
  double w = 2 * G_PI * 310 / FILM_RATE;
  g_assert_cmpfloat(roughness(x, 0, N), <,
                    4 * 0.5 * w * w + 0.002); /* no click anywhere; one would be 0.1 or more */
  g_assert_cmpfloat(fabsf(x[0]), <, 0.002);
  /* in pieces of any size, from any place: the same */
  for (int i = 0, n; i < N; i += n) {
    n = MIN(1 + (i * 13) % 4801, N - i);
    g_assert_true(kl_compose_samples(c, i, y + 2 * i, (gsize)n, &e));
  }
  for (int i = 0; i < 2 * N; i++) g_assert_cmpfloat(fabsf(x[i] - y[i]), <, 2e-3);
  for (int k = 0; k < 6; k++) {
    int from = (k * 37633) % (N - 1000);
    g_assert_true(kl_compose_samples(c, from, y, 1000, &e));
    for (int i = 0; i < 2000; i++) g_assert_cmpfloat(fabsf(x[2 * from + i] - y[i]), <, 2e-3);
  }
  /* four at once, louder: bent, never over 1; muted: nothing */
  for (int k = 0; k < 3; k++)
    film_clip(t, kl_timeline_add_track(t, KL_TRACK_AUDIO, false), sa, 0, 16, 0.37, 0, kl_timeline_level(6));
  g_autoptr(KlCompose) loud = kl_compose_new(t, &KL_COMPOSE_SETUP_INIT);
  g_assert_true(kl_compose_samples(loud, 0, x, FILM_RATE, &e));
  for (int i = 0; i < 2 * FILM_RATE; i++) g_assert_cmpfloat(fabsf(x[i]), <=, 1);
  g_assert_cmpfloat(loudness(x, at(0.1), at(0.9)), >, 0.8);
  for (guint k = 0; k < t->tracks->len; k++) ((KlTimelineTrack *)t->tracks->pdata[k])->muted = true;
  g_assert_false(kl_compose_has_sound(loud));
  g_assert_true(kl_compose_samples(loud, 0, x, FILM_RATE, &e));
  g_assert_cmpfloat(loudness(x, 0, FILM_RATE), ==, 0);
  g_free(x);
  g_free(y);
  g_free(a);
  g_free(b);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/film/cuts-and-tracks", cuts_and_tracks);
  g_test_add_func("/film/crossfades", crossfades);
  g_test_add_func("/film/rates", rates);
  g_test_add_func("/film/odd-sources", odd_sources);
  g_test_add_func("/film/sound", sound);
  return g_test_run();
}
