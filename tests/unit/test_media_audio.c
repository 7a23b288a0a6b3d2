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

/* ---- sound written ---- */

static bool tone_source(void *user, int64_t first, float *out, size_t n, KlErr *err) {
  int64_t *next = user;
  g_assert_cmpint(first, ==, *next); /* in order, from 0 */
  *next += (int64_t)n;
  for (size_t i = 0; i < n; i++) {
    double t = (double)(first + (int64_t)i) / RATE;
    out[2 * i] = (float)(0.4 * sin(2 * G_PI * 440 * t));
    out[2 * i + 1] = (float)tone(t);
  }
  return true;
}

enum { W = 32, H = 32, TOTAL = 60, PER = 7 };

/* Chunks from..to; gives the size of the file after each in ends (may be NULL). */
static void write_video(const char *path, KlContainer container, int64_t offset, int from, int64_t *ends) {
  KlErr err = KL_ERR_INIT;
  int64_t next = 0;
  KlEncodeSpec s = KL_ENCODE_SPEC_INIT;
  s.container = container;
  s.width = W;
  s.height = H;
  s.fps_num = 30000;
  s.fps_den = 1001;
  s.total_frames = TOTAL;
  s.sound = (KlSoundSource){.rate = RATE, .channels = 2, .read = tone_source, .user = &next};
  KlFileSink *file;
  KlEncoder *e;
  uint8_t rgb[W * H * 3];
  must(kl_file_sink_open(path, offset, &file, &err));
  must(kl_encoder_open(&s, kl_file_sink(file), NULL, &e, &err));
  for (int chunk = from; chunk * PER < TOTAL; chunk++) {
    must(kl_encoder_chunk_begin(e, chunk, chunk * PER, &err));
    for (int n = chunk * PER; n < TOTAL && n < (chunk + 1) * PER; n++) {
      draw(rgb, W, H, n % 37);
      must(kl_encoder_push_rgb8(e, rgb, &err));
    }
    must(kl_encoder_chunk_end(e, &err));
    if (ends) ends[chunk] = kl_file_sink_offset(file);
  }
  must(kl_encoder_finish(e, &err));
  kl_encoder_free(&e);
  must(kl_file_sink_close(&file, &err));
}

/* The tone is where it was, from the first sample to the last, as long as the pictures; a resumed file has
 * the bytes of an unbroken one. */
static void written(const void *data) {
  KlContainer container = (KlContainer)GPOINTER_TO_INT(data);
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *whole = g_strconcat(dir, "/whole.", kl_container_name(container), NULL),
       *part = g_strconcat(dir, "/part.", kl_container_name(container), NULL), *a, *b;
  int64_t ends[TOTAL / PER + 1];
  gsize na, nb;
  write_video(whole, container, 0, 0, ends);
  write_video(part, container, 0, 0, NULL);
  write_video(part, container, ends[3], 4, NULL);
  g_assert_true(g_file_get_contents(whole, &a, &na, NULL) && g_file_get_contents(part, &b, &nb, NULL));
  g_assert_cmpmem(a, na, b, nb);
  KlMediaInfo info;
  must(kl_media_probe(whole, NULL, &info, &err));
  g_assert_cmpstr(info.audio_codec, ==, container == KL_CONTAINER_MP4 ? "aac" : "opus");
  g_assert_cmpfloat(fabs(info.duration - TOTAL * 1001.0 / 30000), <, 0.05);
  enum { N = TOTAL * 1001 * (RATE / 1000) / 30 };
  float *x = g_new(float, 2 * (N + RATE));
  KlSound *s;
  size_t got;
  must(kl_sound_open(whole, RATE, 2, NULL, &s, &err));
  must(kl_sound_read(s, x, N + RATE, &got, &err));
  g_test_message("%d samples for %d", (int)got, N);
  g_assert_cmpint((int)got, >=, N);
  g_assert_cmpint((int)got, <, N + 2048);
  double sum = 0, worst = 0;
  for (size_t i = 0; i < N; i++) {
    double off = x[2 * i + 1] - tone((double)i / RATE);
    sum += off * off;
    worst = fmax(worst, fabs(off));
  }
  g_test_message("off by %.4f, at most %.4f", sqrt(sum / N), worst);
  g_assert_cmpfloat(sqrt(sum / N), <, 0.015);
  g_assert_cmpfloat(worst, <, 0.12);
  KlDecoder *d; /* and the pictures are still found */
  KlFrame f;
  must(kl_decoder_open(whole, NULL, &d, &err));
  for (int n = TOTAL - 1; n >= 0; n -= 13) {
    must(kl_decoder_at_frame(d, n, &f, &err));
    g_assert_cmpint((int)f.index, ==, n);
  }
  kl_decoder_free(&d);
  kl_sound_free(&s);
  g_free(x);
  g_free(a);
  g_free(b);
  g_free(whole);
  g_free(part);
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
  g_test_add_data_func("/media/written/mp4", GINT_TO_POINTER(KL_CONTAINER_MP4), written);
  g_test_add_data_func("/media/written/webm", GINT_TO_POINTER(KL_CONTAINER_WEBM), written);
  g_test_add_data_func("/media/written/mkv", GINT_TO_POINTER(KL_CONTAINER_MKV), written);
  return g_test_run();
}
