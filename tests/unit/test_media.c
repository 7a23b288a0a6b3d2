/* media: every container there and back, and what chunked writing promises. */
#include "tests/unit/media_util.h"

#include <libavformat/avformat.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char job[] = "{\"prompt\":\"a \\\"red\\\" fox; <b>& l'été — 夜の狐 🦊\",\"seed\":7}";

static KlEncodeSpec spec_of(KlContainer container, KlCodec codec, int w, int h, int64_t frames) {
  KlEncodeSpec s = KL_ENCODE_SPEC_INIT;
  s.container = container;
  s.codec = codec;
  s.width = w;
  s.height = h;
  s.fps_num = 30000;
  s.fps_den = 1001;
  s.total_frames = frames;
  s.tags =
      (KlMediaTags){.title = "Fox & \"hound\"", .comment = "seed 7, été", .job_json = job, .synthetic = true};
  return s;
}

/* Writes chunks [from, to) of `per` frames each, `total` in all; finishes if the last is among them. */
static int64_t write_chunks(const char *path, const KlEncodeSpec *spec, int64_t offset, int from, int to,
                            int per, int total) {
  KlErr err = KL_ERR_INIT;
  KlEncoder *e;
  KlFileSink *file;
  uint8_t *rgb = g_malloc((size_t)(spec->width * spec->height * 3));
  must(kl_file_sink_open(path, offset, &file, &err));
  must(kl_encoder_open(spec, kl_file_sink(file), NULL, &e, &err));
  for (int c = from; c < to; c++) {
    must(kl_encoder_chunk_begin(e, c, (int64_t)c * per, &err));
    for (int n = c * per; n < (c + 1) * per && n < total; n++) {
      draw(rgb, spec->width, spec->height, n);
      must(kl_encoder_push_rgb8(e, rgb, &err));
    }
    must(kl_encoder_chunk_end(e, &err));
    must(kl_file_sink_sync(file, &err));
  }
  if ((int64_t)to * per >= total) must(kl_encoder_finish(e, &err));
  int64_t end = kl_file_sink_offset(file);
  kl_encoder_free(&e);
  g_assert_null(e);
  must(kl_file_sink_close(&file, &err));
  g_free(rgb);
  return end;
}

/* Sound samples of an MKV or WAV with 16-bit PCM, all packets joined; the time of the first packet in *start.
 */
static GByteArray *read_pcm(const char *path, double *start) {
  AVFormatContext *fmt = NULL;
  GByteArray *out = g_byte_array_new();
  AVPacket *p = av_packet_alloc();
  g_assert_cmpint(avformat_open_input(&fmt, path, NULL, NULL), >=, 0);
  g_assert_cmpint(avformat_find_stream_info(fmt, NULL), >=, 0);
  int sound = av_find_best_stream(fmt, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
  g_assert_cmpint(sound, >=, 0);
  *start = -1;
  while (av_read_frame(fmt, p) >= 0) {
    if (p->stream_index == sound) {
      double t = (double)p->pts * av_q2d(fmt->streams[sound]->time_base);
      if (*start < 0) *start = t;
      g_assert_cmpfloat(fabs(t - *start - out->len / 2 / 8000.0), <, 0.002); /* without gaps */
      g_byte_array_append(out, p->data, (guint)p->size);
    }
    av_packet_unref(p);
  }
  av_packet_free(&p);
  avformat_close_input(&fmt);
  return out;
}

/* Sound is carried over sample for sample, also across a resume. */
static void sound(void) {
  enum { PER = 7, TOTAL = 18, RATE = 8000, SAMPLES = 3 * RATE };
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *wav = g_build_filename(dir, "s.wav", NULL),
       *whole = g_build_filename(dir, "a.mkv", NULL), *part = g_build_filename(dir, "b.mkv", NULL);
  guint8 head[44] = "RIFF____WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1F\0\0\x80\x3E\0\0\2\0\x10\0data";
  guint32 size = GUINT32_TO_LE(SAMPLES * 2), riff = GUINT32_TO_LE(SAMPLES * 2 + 36);
  memcpy(head + 4, &riff, 4);
  memcpy(head + 40, &size, 4);
  GByteArray *file = g_byte_array_new();
  g_byte_array_append(file, head, sizeof head);
  for (int i = 0; i < SAMPLES; i++) {
    gint16 v = (gint16)(i * 7919);
    g_byte_array_append(file, (guint8 *)&v, 2);
  }
  g_assert_true(g_file_set_contents(wav, (char *)file->data, (gssize)file->len, NULL));
  KlEncodeSpec spec = spec_of(KL_CONTAINER_MKV, KL_CODEC_AUTO, 32, 32, TOTAL);
  spec.audio_from = wav;
  int64_t end = write_chunks(whole, &spec, 0, 0, 3, PER, TOTAL);
  int64_t first = write_chunks(part, &spec, 0, 0, 1, PER, TOTAL);
  g_assert_cmpint(write_chunks(part, &spec, first, 1, 3, PER, TOTAL), ==, end);
  char *a, *b;
  gsize na, nb;
  g_assert_true(g_file_get_contents(whole, &a, &na, NULL) && g_file_get_contents(part, &b, &nb, NULL));
  g_assert_cmpmem(a, na, b, nb);
  g_free(a);
  g_free(b);
  double start;
  GByteArray *got = read_pcm(whole, &start);
  g_assert_cmpfloat(fabs(start), <, 0.001);
  g_assert_cmpint((int)got->len, >=, (int)(TOTAL * 1001.0 / 30000 * RATE) * 2);
  g_assert_cmpint((int)got->len, <=, (int)(TOTAL * 1001.0 / 30000 * RATE) * 2 + 8192); /* one packet over */
  g_assert_cmpmem(got->data, got->len, file->data + 44, got->len);
  KlMediaInfo info;
  must(kl_media_probe(whole, NULL, &info, &err));
  g_assert_true(info.has_video && info.has_audio && info.sample_rate == RATE && info.channels == 1);
  KlEncoder *e;
  spec.container = KL_CONTAINER_WEBM;
  refused(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err), KL_ERR_UNSUPPORTED);
  spec.container = KL_CONTAINER_GIF;
  refused(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err), KL_ERR_INVALID);
  spec.container = KL_CONTAINER_MKV;
  spec.audio_from = "/nowhere/s.wav";
  refused(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err), KL_ERR_IO);
  g_byte_array_free(file, TRUE);
  g_byte_array_free(got, TRUE);
  g_free(wav);
  g_free(whole);
  g_free(part);
  remove_dir(dir);
}

typedef struct {
  const char *name;
  KlContainer container;
  KlCodec codec;
  int w, h;
  double least; /* PSNR */
} Case;

static const Case cases[] = {
    {"h264.mp4", KL_CONTAINER_MP4, KL_CODEC_H264, 96, 64, 34},
    {"vp9.mp4", KL_CONTAINER_MP4, KL_CODEC_VP9, 96, 64, 34},
    {"av1.mp4", KL_CONTAINER_MP4, KL_CODEC_AV1, 64, 64, 33},
    {"mpeg4.mp4", KL_CONTAINER_MP4, KL_CODEC_MPEG4, 96, 64, 30},
    {"vp9.webm", KL_CONTAINER_WEBM, KL_CODEC_VP9, 96, 64, 34},
    {"av1.webm", KL_CONTAINER_WEBM, KL_CODEC_AV1, 64, 64, 33},
    {"h264.mkv", KL_CONTAINER_MKV, KL_CODEC_H264, 97, 63, 33},
    {"odd.mp4", KL_CONTAINER_MP4, KL_CODEC_H264, 75, 53, 33},
    {"one.gif", KL_CONTAINER_GIF, KL_CODEC_AUTO, 97, 61, 30},
    {"one.apng", KL_CONTAINER_APNG, KL_CODEC_AUTO, 97, 61, 98},
};

/* All frames, in order, at exact times, looking as they should; the job and the marker come back. */
static void check_file(const char *path, const Case *c, int total) {
  KlErr err = KL_ERR_INIT;
  KlMediaInfo info;
  must(kl_media_probe(path, NULL, &info, &err));
  g_test_message("%s: %s %s %dx%d %d/%d frames %d duration %g %s %s/%s/%s %s", c->name, info.container,
                 info.codec, info.width, info.height, info.fps_num, info.fps_den, (int)info.frames,
                 info.duration, info.pixel_format, info.primaries, info.transfer, info.matrix, info.range);
  bool yuv = c->codec != KL_CODEC_AUTO;
  int sw = yuv ? (c->w + 1) & ~1 : c->w, sh = yuv ? (c->h + 1) & ~1 : c->h;
  g_assert_cmpint(info.width, ==, sw);
  g_assert_cmpint(info.height, ==, sh);
  g_assert_true(info.has_video && !info.has_audio && !info.still && info.has_job && info.synthetic);
  if (c->container != KL_CONTAINER_GIF) {
    g_assert_cmpint(info.fps_num, ==, 30000);
    g_assert_cmpint(info.fps_den, ==, 1001);
  }
  if (yuv) {
    g_assert_cmpstr(info.pixel_format, ==, "yuv420p");
    g_assert_cmpstr(info.range, ==, "tv");
    if (c->codec != KL_CODEC_MPEG4 || c->container == KL_CONTAINER_MP4)
      g_assert_cmpstr(info.matrix, ==, "bt709");
    g_assert_cmpstr(info.primaries, ==, "bt709");
    g_assert_cmpstr(info.transfer, ==, "bt709");
    g_assert_cmpfloat(fabs(info.duration - total * 1001.0 / 30000), <, 0.002);
  }
  KlDecoder *d;
  KlFrame f;
  uint8_t *want = g_malloc((size_t)(c->w * c->h * 3)), *got = g_malloc((size_t)(c->w * c->h * 3));
  must(kl_decoder_open(path, NULL, &d, &err));
  double worst = 99;
  for (int n = 0;; n++) {
    must(kl_decoder_next(d, &f, &err));
    if (!f.rgb) {
      g_assert_cmpint(n, ==, total);
      break;
    }
    g_assert_cmpint((int)f.index, ==, n);
    double tick = c->container == KL_CONTAINER_MP4   ? 1e-9
                  : c->container == KL_CONTAINER_GIF ? 0.00501
                                                     : 0.00101;
    g_assert_cmpfloat(fabs(f.time - n * 1001.0 / 30000), <, tick);
    draw(want, c->w, c->h, n);
    for (int y = 0; y < c->h; y++) memcpy(got + y * c->w * 3, f.rgb + y * sw * 3, (size_t)(c->w * 3));
    worst = fmin(worst, psnr(want, got, (size_t)(c->w * c->h * 3)));
  }
  g_test_message("%s: worst frame %.1f dB", c->name, worst);
  g_assert_cmpfloat(worst, >=, c->least);
  for (int n = 0; n < 3; n++) { /* scrubbing */
    int to = (total - 1) * (2 - n) / 2;
    must(kl_decoder_seek(d, to * 1001.0 / 30000 + 0.011, &err));
    must(kl_decoder_next(d, &f, &err));
    g_assert_nonnull(f.rgb);
    g_assert_cmpint((int)f.index, ==, to);
  }
  kl_decoder_free(&d);
  char *json = NULL;
  bool synthetic = false;
  must(kl_media_read_job(path, &json, &synthetic, &err));
  g_assert_cmpstr(json, ==, job);
  g_assert_true(synthetic);
  kl_free(&json);
  g_free(want);
  g_free(got);
}

static void round_trip(const void *data) {
  const Case *c = data;
  if (!kl_codec_available(c->codec)) {
    g_test_skip("this FFmpeg lacks the codec");
    return;
  }
  enum { PER = 7, TOTAL = 18 };
  char *dir = temp_dir(), *whole = g_build_filename(dir, c->name, NULL),
       *part = g_strconcat(whole, ".2", NULL);
  KlEncodeSpec spec = spec_of(c->container, c->codec, c->w, c->h, TOTAL);
  int64_t size = write_chunks(whole, &spec, 0, 0, 3, PER, TOTAL);
  check_file(whole, c, TOTAL);
  /* killed in the third chunk, then in the second again: resumed by new encoders, with rubbish behind the
   * offset */
  int64_t first = write_chunks(part, &spec, 0, 0, 1, PER, TOTAL);
  FILE *f = g_fopen(part, "ab");
  fputs("half a fragment", f);
  fclose(f);
  int64_t second = write_chunks(part, &spec, first, 1, 2, PER, TOTAL);
  f = g_fopen(part, "ab");
  for (int i = 0; i < 10000; i++) fputs("half a fragment", f);
  fclose(f);
  g_assert_cmpint(write_chunks(part, &spec, second, 2, 3, PER, TOTAL), ==, size);
  char *a, *b;
  gsize na, nb;
  g_assert_true(g_file_get_contents(whole, &a, &na, NULL) && g_file_get_contents(part, &b, &nb, NULL));
  g_assert_cmpmem(a, na, b, nb);
  g_assert_cmpint((int)na, ==, (int)size);
  if (g_getenv("KL_TEST_KEEP")) {
    char *keep = g_build_filename(g_getenv("KL_TEST_KEEP"), c->name, NULL);
    g_assert_true(g_file_set_contents(keep, a, (gssize)na, NULL));
    g_free(keep);
  }
  g_free(a);
  g_free(b);
  g_free(whole);
  g_free(part);
  remove_dir(dir);
}

/* A process that is killed at any instant, over and over, leaves a file that grows into the unbroken run's.
 */
static void killed(void) {
  enum { PER = 4, CHUNKS = 10 };
  char *dir = temp_dir(), *whole = g_build_filename(dir, "a.mp4", NULL),
       *part = g_build_filename(dir, "b.mp4", NULL);
  KlEncodeSpec spec = spec_of(KL_CONTAINER_MP4, KL_CODEC_AUTO, 160, 96, PER * CHUNKS);
  gint64 began = g_get_monotonic_time();
  write_chunks(whole, &spec, 0, 0, CHUNKS, PER, PER * CHUNKS);
  int us = (int)(g_get_monotonic_time() - began);
  int done = 0, kills = 0;
  int64_t offset = 0;
  GRand *r = g_rand_new_with_seed(3);
  while (done < CHUNKS) {
    int ledger[2];
    g_assert_cmpint(pipe(ledger), ==, 0);
    pid_t child = fork();
    if (child == 0) {
      for (int c = done; c < CHUNKS; c++) {
        int64_t row[2] = {c + 1, write_chunks(part, &spec, offset, c, c + 1, PER, PER * CHUNKS)};
        if (write(ledger[1], row, sizeof row) != sizeof row) _exit(1);
        offset = row[1];
      }
      _exit(0);
    }
    close(ledger[1]);
    if (kills < 6) { /* then let it end, however slow the machine is */
      g_usleep((gulong)g_rand_int_range(r, 0, us / 2 + 1));
      kill(child, SIGKILL);
      kills++;
    }
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    for (int64_t row[2]; read(ledger[0], row, sizeof row) == sizeof row;) {
      done = (int)row[0];
      offset = row[1];
    }
    close(ledger[0]);
    g_assert_true(kills < 6 || done == CHUNKS || WIFSIGNALED(status));
  }
  g_test_message("%d kills", kills);
  char *a, *b;
  gsize na, nb;
  g_assert_true(g_file_get_contents(whole, &a, &na, NULL) && g_file_get_contents(part, &b, &nb, NULL));
  g_assert_cmpmem(a, na, b, nb);
  g_free(a);
  g_free(b);
  g_rand_free(r);
  g_free(whole);
  g_free(part);
  remove_dir(dir);
}

/* Flat patches survive within two levels: matrix, range and rounding are right on both ways. */
static void colour_chart(void) {
  static const uint8_t chart[][3] = {{0, 0, 0},     {255, 255, 255}, {128, 128, 128}, {255, 0, 0},
                                     {0, 255, 0},   {0, 0, 255},     {255, 255, 0},   {0, 255, 255},
                                     {255, 0, 255}, {1, 1, 1},       {254, 254, 254}, {200, 120, 60},
                                     {30, 90, 160}, {243, 200, 180}, {64, 32, 16},    {16, 235, 128}};
  enum { W = 128, H = 128 };
  static uint8_t rgb[W * H * 3];
  KlErr err = KL_ERR_INIT;
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) memcpy(rgb + 3 * (y * W + x), chart[y / 32 * 4 + x / 32], 3);
  char *dir = temp_dir();
  static const KlContainer kinds[] = {KL_CONTAINER_MP4, KL_CONTAINER_WEBM, KL_CONTAINER_GIF,
                                      KL_CONTAINER_PNG};
  for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
    KlEncodeSpec spec = spec_of(kinds[k], KL_CODEC_AUTO, W, H, 1);
    spec.crf = kinds[k] <= KL_CONTAINER_WEBM ? 1 : -1;
    char *path = g_strdup_printf("%s/chart.%s", dir, kl_container_name(kinds[k]));
    KlFileSink *file;
    KlEncoder *e;
    KlPicture p;
    must(kl_file_sink_open(path, 0, &file, &err));
    must(kl_encoder_open(&spec, kl_file_sink(file), NULL, &e, &err));
    must(kl_encoder_chunk_begin(e, 0, 0, &err));
    must(kl_encoder_push_rgb8(e, rgb, &err));
    must(kl_encoder_chunk_end(e, &err));
    must(kl_encoder_finish(e, &err));
    kl_encoder_free(&e);
    must(kl_file_sink_close(&file, &err));
    must(kl_picture_load(path, 0, 0, KL_FIT_STRETCH, NULL, &p, &err));
    int worst = 0;
    for (int i = 0; i < 16; i++) { /* the middles of the patches */
      const uint8_t *got = p.rgb + 3 * ((i / 4 * 32 + 16) * W + i % 4 * 32 + 16);
      for (int c = 0; c < 3; c++) worst = MAX(worst, ABS(got[c] - chart[i][c]));
    }
    g_test_message("%s: off by %d", kl_container_name(kinds[k]), worst);
    g_assert_cmpint(worst, <=, kinds[k] >= KL_CONTAINER_GIF ? 0 : 2);
    kl_picture_free(&p);
    g_free(path);
  }
  remove_dir(dir);
}

static void float_frames(void) {
  enum { W = 4, H = 2 };
  KlErr err = KL_ERR_INIT;
  float f[W * H * 3] = {0, 1, 0.5f, -3, 7, 0.00195f, 0.00197f, 1e-30f, 0.9999f};
  static const uint8_t want[] = {0, 255, 128, 0, 255, 0, 1, 0, 255};
  char *dir = temp_dir(), *path = g_build_filename(dir, "f.png", NULL);
  KlEncodeSpec spec = spec_of(KL_CONTAINER_PNG, KL_CODEC_AUTO, W, H, 1);
  for (int bad = 0; bad < 3; bad++) {
    KlFileSink *file;
    KlEncoder *e;
    must(kl_file_sink_open(path, 0, &file, &err));
    must(kl_encoder_open(&spec, kl_file_sink(file), NULL, &e, &err));
    must(kl_encoder_chunk_begin(e, 0, 0, &err));
    f[20] = bad == 1 ? NAN : bad == 2 ? INFINITY : 0;
    if (bad) {
      refused(kl_encoder_push_f32(e, f, &err), KL_ERR_INVALID);
      refused(kl_encoder_chunk_end(e, &err), KL_ERR_INVALID);
    } else {
      must(kl_encoder_push_f32(e, f, &err));
      refused(kl_encoder_push_f32(e, f, &err), KL_ERR_INVALID); /* a PNG has one frame */
    }
    kl_encoder_free(&e);
    must(kl_file_sink_close(&file, &err));
    if (bad) continue;
    KlPicture p;
    must(kl_picture_load(path, 0, 0, KL_FIT_STRETCH, NULL, &p, &err));
    g_assert_cmpmem(p.rgb, sizeof want, want, sizeof want);
    kl_picture_free(&p);
  }
  g_free(path);
  remove_dir(dir);
}

static void sequence(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *pattern = g_build_filename(dir, "100%% %03d.png", NULL);
  KlEncodeSpec spec = spec_of(KL_CONTAINER_PNG_SEQUENCE, KL_CODEC_AUTO, 20, 10, 0);
  uint8_t rgb[20 * 10 * 3];
  g_assert_cmpint(kl_container_from_path(pattern), ==, KL_CONTAINER_PNG_SEQUENCE);
  for (int folder = 0; folder < 2; folder++) {
    KlEncoder *e;
    spec.pattern = folder ? dir : pattern;
    must(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err));
    must(kl_encoder_chunk_begin(e, 3, 11, &err)); /* resumed */
    draw(rgb, 20, 10, 11);
    must(kl_encoder_push_rgb8(e, rgb, &err));
    must(kl_encoder_chunk_end(e, &err));
    must(kl_encoder_finish(e, &err));
    kl_encoder_free(&e);
    char *path = g_build_filename(dir, folder ? "00012.png" : "100% 012.png", NULL), *json = NULL;
    must(kl_media_read_job(path, &json, NULL, &err));
    g_assert_cmpstr(json, ==, job);
    kl_free(&json);
    g_free(path);
  }
  static const char *const bad[] = {"x.png", "%s%d.png", "%05d-%d.png", "/nowhere/", "%n.png", NULL};
  for (int i = 0; i < 6; i++) {
    KlEncoder *e;
    spec.pattern = bad[i];
    if (i == 3) { /* well-formed, but it fails when the file is made */
      must(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err));
      must(kl_encoder_chunk_begin(e, 0, 0, &err));
      refused(kl_encoder_push_rgb8(e, rgb, &err), KL_ERR_IO);
      kl_encoder_free(&e);
    } else {
      refused(kl_encoder_open(&spec, (KlSink){0}, NULL, &e, &err), KL_ERR_INVALID);
      g_assert_null(e);
    }
  }
  g_free(pattern);
  remove_dir(dir);
}

/* Misuse and unknown settings give a clear line, never a crash or a half-made file. */
static void refusals(void) {
  KlErr err = KL_ERR_INIT;
  KlEncoder *e = NULL;
  KlSink nowhere = {0};
  KlEncodeSpec good = spec_of(KL_CONTAINER_MP4, KL_CODEC_AUTO, 64, 64, 4), s;
#define WITH(change, code)                                                                                   \
  s = good;                                                                                                  \
  change;                                                                                                    \
  refused(kl_encoder_check(&s, &err), code);                                                                 \
  refused(kl_encoder_open(&s, nowhere, NULL, &e, &err), code);                                               \
  g_assert_null(e)
  WITH(s.width = 0, KL_ERR_INVALID);
  WITH(s.height = 16385, KL_ERR_INVALID);
  WITH(s.width = s.height = 16384, KL_ERR_INVALID);
  WITH(s.fps_num = 0, KL_ERR_INVALID);
  WITH(s.fps_den = -1, KL_ERR_INVALID);
  WITH(s.threads = 99, KL_ERR_INVALID);
  WITH(s.crf = 52, KL_ERR_INVALID);
  WITH(s.container = KL_CONTAINER_NONE, KL_ERR_INVALID);
  WITH(s.container = KL_CONTAINER_WEBM; s.codec = KL_CODEC_H264, KL_ERR_UNSUPPORTED);
  WITH(s.container = KL_CONTAINER_GIF; s.fps_den = 1; s.fps_num = 60, KL_ERR_INVALID);
  WITH(s.container = KL_CONTAINER_APNG; s.total_frames = 0, KL_ERR_INVALID);
  WITH(s.container = KL_CONTAINER_PNG, KL_ERR_INVALID);
#undef WITH
  must(kl_encoder_check(&good, &err));
  KlCancel cancel = {0};
  must(kl_encoder_open(&good, nowhere, &cancel, &e, &err));
  g_assert_cmpstr(kl_codec_name(kl_encoder_codec(e)), !=, "none");
  refused(kl_encoder_push_rgb8(e, NULL, &err), KL_ERR_INVALID);
  refused(kl_encoder_chunk_end(e, &err), KL_ERR_INVALID);
  refused(kl_encoder_chunk_begin(e, 1, 0, &err), KL_ERR_INVALID);
  kl_cancel(&cancel);
  refused(kl_encoder_chunk_begin(e, 0, 0, &err), KL_ERR_CANCELLED);
  kl_encoder_free(&e);
  kl_encoder_free(&e);
  KlCodec codecs[8];
  size_t n = kl_media_codecs(codecs, 8);
  for (size_t i = 0; i < n; i++) {
    KlCodec back;
    g_assert_true(kl_codec_parse(kl_codec_name(codecs[i]), &back) && back == codecs[i]);
  }
  g_assert_cmpint(kl_container_from_path("a/b.MP4"), ==, KL_CONTAINER_MP4);
  g_assert_cmpint(kl_container_from_path("x.webm"), ==, KL_CONTAINER_WEBM);
  g_assert_cmpint(kl_container_from_path("x.png"), ==, KL_CONTAINER_PNG);
  g_assert_cmpint(kl_container_from_path("/tmp"), ==, KL_CONTAINER_PNG_SEQUENCE);
  g_assert_cmpint(kl_container_from_path("-"), ==, KL_CONTAINER_NONE);
  g_assert_cmpint(kl_container_from_path(".mp4"), ==, KL_CONTAINER_NONE);
  g_assert_cmpint(kl_container_from_path("x.avi"), ==, KL_CONTAINER_NONE);
}

/* A disk that is full: the reason comes through FFmpeg and libpng unharmed. */
static void disk_full(void) {
  static const KlContainer kinds[] = {KL_CONTAINER_MP4, KL_CONTAINER_WEBM, KL_CONTAINER_GIF,
                                      KL_CONTAINER_APNG, KL_CONTAINER_PNG};
  uint8_t *rgb = g_malloc(128 * 128 * 3);
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
    KlErr err = KL_ERR_INIT;
    KlEncodeSpec spec = spec_of(kinds[i], KL_CODEC_AUTO, 128, 128, 1);
    KlFileSink *file;
    KlEncoder *e;
    must(kl_file_sink_open("/dev/full", 0, &file, &err));
    must(kl_encoder_open(&spec, kl_file_sink(file), NULL, &e, &err));
    draw(rgb, 128, 128, 0);
    bool ok = kl_encoder_chunk_begin(e, 0, 0, &err) && kl_encoder_push_rgb8(e, rgb, &err) &&
              kl_encoder_chunk_end(e, &err) && kl_encoder_finish(e, &err);
    g_assert_false(ok);
    g_assert_cmpint(err.code, ==, KL_ERR_IO);
    g_assert_cmpstr(err.msg, ==, "cannot write /dev/full: No space left on device");
    refused(kl_encoder_finish(e, &err), KL_ERR_INVALID);
    kl_encoder_free(&e);
    must(kl_file_sink_close(&file, &err));
  }
  g_free(rgb);
}

/* Failing allocations of our own: an error, no leak, no crash. */
static void failed_allocations(void) {
  static const KlContainer kinds[] = {KL_CONTAINER_MP4, KL_CONTAINER_GIF, KL_CONTAINER_APNG};
  uint8_t *rgb = g_malloc(32 * 32 * 3);
  draw(rgb, 32, 32, 0);
  char *dir = temp_dir(), *path = g_build_filename(dir, "x", NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
    for (long n = 1;; n++) {
      KlErr err = KL_ERR_INIT;
      KlEncodeSpec spec = spec_of(kinds[i], KL_CODEC_AUTO, 32, 32, 1);
      KlFileSink *file = NULL;
      KlEncoder *e = NULL;
      kl_mem_fail_after(n);
      bool ok = kl_file_sink_open(path, 0, &file, &err) &&
                kl_encoder_open(&spec, kl_file_sink(file), NULL, &e, &err) &&
                kl_encoder_chunk_begin(e, 0, 0, &err) && kl_encoder_push_rgb8(e, rgb, &err) &&
                kl_encoder_chunk_end(e, &err) && kl_encoder_finish(e, &err);
      kl_mem_fail_after(0);
      kl_encoder_free(&e);
      kl_file_sink_close(&file, NULL);
      if (!ok && err.code != KL_ERR_OOM)
        g_error("%s, allocation %ld: %s", kl_container_name(kinds[i]), n, err.msg);
      if (ok) break;
      g_assert_cmpint((int)n, <, 400);
    }
  g_free(rgb);
  g_free(path);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *name = g_strconcat("/media/round-trip/", cases[i].name, NULL);
    g_test_add_data_func(name, &cases[i], round_trip);
    g_free(name);
  }
  g_test_add_func("/media/colour-chart", colour_chart);
  g_test_add_func("/media/float-frames", float_frames);
  g_test_add_func("/media/sequence", sequence);
  g_test_add_func("/media/sound", sound);
  g_test_add_func("/media/killed", killed);
  g_test_add_func("/media/refusals", refusals);
  g_test_add_func("/media/disk-full", disk_full);
  g_test_add_func("/media/failed-allocations", failed_allocations);
  return g_test_run();
}
