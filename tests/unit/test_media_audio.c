/* media: sound read from any sample on, and sound written beside the picture. */
#include "media/audio.h"
#include "tests/unit/media_util.h"

#include <stdlib.h>

enum { RATE = 48000 };

static bool ffmpeg(const char *args, const char *path) {
  char *command = g_strdup_printf("ffmpeg -v error -nostdin %s -y %s", args, path);
  int status = -1;
  bool ok = g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) && status == 0;
  g_free(command);
  return ok;
}

typedef struct {
  const char *name, *args;
  double apart; /* how far a sample may be from the one that reading in order gives */
} Case;

/* Two tones and a slow beat, 7.3 s; left and right differ. */
#define SRC(rate)                                                                                            \
  "-f lavfi -i aevalsrc='0.4*sin(2*PI*440*t)*(0.6+0.4*sin(2*PI*t))|0.3*sin(2*PI*1000*t)':s=" rate ":d=7.3 "
static const Case cases[] = {
    {"a.wav", SRC("48000"), 0},
    {"b.wav", SRC("44100"), 0},
    {"c.flac", SRC("22050"), 0},
    {"d.m4a", SRC("44100") "-c:a aac -b:a 160k", 2e-5},
    {"e.mkv", SRC("44100") "-c:a flac", 0},
    {"f.webm", SRC("48000") "-c:a libopus -b:a 128k", 2e-3},
    {"g.mp3", SRC("44100") "-c:a libmp3lame -b:a 160k", 2e-5},
    {"h.mp4", "-f lavfi -i testsrc=s=64x48:r=25:d=7.3 " SRC("48000") "-c:v libx264 -bf 2 -c:a aac -b:a 160k",
     2e-5},
};

static double tone(double t) {
  return 0.3 * sin(2 * G_PI * 1000 * t);
}

static void any_sample(const void *data) {
  const Case *c = data;
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, c->name, NULL);
  if (!ffmpeg(c->args, path)) {
    g_test_skip("no ffmpeg program with this encoder here");
    goto out;
  }
  enum { N = 8 * RATE };
  float *all = g_new(float, 2 * N), some[2 * 700];
  KlSound *s;
  size_t got, total = 0;
  must(kl_sound_open(path, RATE, 2, NULL, &s, &err));
  for (size_t n; total < N; total += got) { /* in pieces of odd sizes */
    n = MIN(1 + (total * 7) % 3001, N - total);
    must(kl_sound_read(s, all + 2 * total, n, &got, &err));
    if (got < n) break;
  }
  total += got;
  g_test_message("%s: %d samples, length %d", c->name, (int)total, (int)kl_sound_length(s));
  g_assert_cmpint(abs((int)total - (int)(7.3 * RATE)), <, 2200);
  g_assert_cmpint(abs((int)kl_sound_length(s) - (int)(7.3 * RATE)), <, 2200);
  double sum =
      0; /* of squares against the tone of the right side; a shift by one sample would be 0.028 away */
  for (size_t i = RATE; i < 6 * RATE; i++) {
    double apart_here = all[2 * i + 1] - tone((double)i / RATE);
    sum += apart_here * apart_here;
  }
  g_test_message("%s: off by %.4f", c->name, sqrt(sum / (5 * RATE)));
  g_assert_cmpfloat(sqrt(sum / (5 * RATE)), <, 0.016);
  GRand *rand = g_rand_new_with_seed(5);
  double apart = 0;
  for (int k = 0; k < 25; k++) {
    int at = k == 0 ? 0 : k == 1 ? (int)total - 300 : g_rand_int_range(rand, 0, (int)total);
    must(kl_sound_seek(s, at, &err));
    must(kl_sound_read(s, some, 700, &got, &err));
    g_assert_cmpint(llabs((long long)got - (long long)MIN(700, total - (size_t)at)), <=, c->apart ? 1 : 0);
    for (size_t i = 0; i < 2 * got && (size_t)at + i / 2 < total; i++)
      apart = fmax(apart, fabs(some[i] - all[2 * (size_t)at + i]));
  }
  g_test_message("%s: %g apart", c->name, apart);
  g_assert_cmpfloat(apart, <=, c->apart);
  must(kl_sound_seek(s, 100 * RATE, &err)); /* behind the end: silence */
  must(kl_sound_read(s, some, 700, &got, &err));
  g_assert_cmpint((int)got, ==, 0);
  for (int i = 0; i < 1400; i++) g_assert_true(some[i] == 0);
  g_rand_free(rand);
  kl_sound_free(&s);
  g_free(all);
out:
  g_free(path);
  remove_dir(dir);
}

/* One channel becomes two at full level, six become two that do not clip; nothing but sound is refused. */
static void layouts(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *mono = g_build_filename(dir, "mono.wav", NULL),
       *six = g_build_filename(dir, "six.wav", NULL), *silent = g_build_filename(dir, "silent.png", NULL);
  KlSound *s = NULL;
  float x[2 * 4800], peak = 0;
  size_t got;
  if (!ffmpeg("-f lavfi -i aevalsrc='0.5*sin(2*PI*300*t)':s=32000:d=1", mono) ||
      !ffmpeg("-f lavfi -i aevalsrc='1|1|1|1|1|1':c=5.1:s=48000:d=1", six) ||
      !ffmpeg("-f lavfi -i testsrc=s=16x16 -frames:v 1", silent)) {
    g_test_skip("no ffmpeg program here");
    goto out;
  }
  must(kl_sound_open(mono, RATE, 2, NULL, &s, &err));
  must(kl_sound_read(s, x, 4800, &got, &err));
  for (int i = 0; i < 4800; i++) {
    g_assert_true(x[2 * i] == x[2 * i + 1]);
    if (i > 100) peak = fmaxf(peak, x[2 * i]);
  }
  g_assert_cmpfloat(fabs(peak - 0.5), <, 0.005);
  kl_sound_free(&s);
  must(kl_sound_open(six, RATE, 2, NULL, &s, &err));
  must(kl_sound_read(s, x, 4800, &got, &err));
  for (int i = 0; i < 9600; i++) g_assert_cmpfloat(fabsf(x[i]), <=, 1.0001);
  g_assert_cmpfloat(x[4000], >, 0.5);
  kl_sound_free(&s);
  refused(kl_sound_open(silent, RATE, 2, NULL, &s, &err), KL_ERR_UNSUPPORTED);
  refused(kl_sound_open(mono, 100, 2, NULL, &s, &err), KL_ERR_INVALID);
  refused(kl_sound_open(mono, RATE, 3, NULL, &s, &err), KL_ERR_INVALID);
  g_assert_null(s);
out:
  g_free(mono);
  g_free(six);
  g_free(silent);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *name = g_strconcat("/media/any-sample/", cases[i].name, NULL);
    g_test_add_data_func(name, &cases[i], any_sample);
    g_free(name);
  }
  g_test_add_func("/media/layouts", layouts);
  return g_test_run();
}
