/* media: any frame of any file, wherever the decoder stands, is the frame that reading in order gives. */
#include "tests/unit/media_util.h"

#include <stdlib.h>

typedef struct {
  const char *name;
  const char *args; /* of ffmpeg; NULL: written by our own encoder, in chunks of 20 frames */
  const char *encoder;
  KlContainer container;
} Case;

enum { FRAMES = 100, W = 64, H = 48 };

static const Case cases[] = {
    {"ours.mp4", NULL, NULL, KL_CONTAINER_MP4},
    {"ours.webm", NULL, NULL, KL_CONTAINER_WEBM},
    {"ours.mkv", NULL, NULL, KL_CONTAINER_MKV},
    {"ours.gif", NULL, NULL, KL_CONTAINER_GIF},
    {"ours.apng", NULL, NULL, KL_CONTAINER_APNG},
    {"b-frames.mp4", "-c:v libx264 -bf 3 -g 24 -pix_fmt yuv420p", "libx264", 0},
    {"open-gop.mp4", "-c:v libx264 -x264-params open-gop=1:bframes=3:keyint=20 -pix_fmt yuv420p", "libx264",
     0},
    {"open-gop.mkv", "-c:v libx264 -x264-params open-gop=1:bframes=3:keyint=20 -pix_fmt yuv420p", "libx264",
     0},
    {"hevc.mp4", "-c:v libx265 -x265-params log-level=none:keyint=20:bframes=3 -pix_fmt yuv420p", "libx265",
     0},
    {"mpeg4.avi", "-c:v mpeg4 -bf 2 -g 15 -q:v 4", "mpeg4", 0},
    {"mpeg2.ts", "-c:v mpeg2video -bf 2 -g 12 -q:v 4", "mpeg2video", 0},
    {"altref.webm",
     "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -g 30 -b:v 200k -cpu-used 8 -deadline realtime",
     "libvpx-vp9", 0},
    {"foreign.gif", "", "gif", 0},
};

static void write_ours(const char *path, KlContainer container) {
  KlErr err = KL_ERR_INIT;
  KlEncodeSpec s = KL_ENCODE_SPEC_INIT;
  s.container = container;
  s.width = W;
  s.height = H;
  s.fps_num = 30000;
  s.fps_den = 1001;
  s.total_frames = FRAMES;
  s.crf = -1;
  KlFileSink *file;
  KlEncoder *e;
  uint8_t rgb[W * H * 3];
  must(kl_file_sink_open(path, 0, &file, &err));
  must(kl_encoder_open(&s, kl_file_sink(file), NULL, &e, &err));
  for (int n = 0; n < FRAMES; n++) {
    if (n % 20 == 0) must(kl_encoder_chunk_begin(e, n / 20, n, &err));
    draw(rgb, W, H, n % 37);
    memset(rgb + W * H * 3 - W * 6, 2 * n, W * 6); /* a frame of its own each */
    must(kl_encoder_push_rgb8(e, rgb, &err));
    if (n % 20 == 19) must(kl_encoder_chunk_end(e, &err));
  }
  must(kl_encoder_finish(e, &err));
  kl_encoder_free(&e);
  must(kl_file_sink_close(&file, &err));
}

static bool write_foreign(const char *path, const Case *c) {
  char *command = g_strdup_printf(
      "ffmpeg -v error -nostdin -f lavfi -i testsrc=size=%dx%d:rate=30000/1001 -frames:v %d %s "
      "-threads 1 -y %s",
      W, H, FRAMES, c->args, path);
  int status = -1;
  bool ok = g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) && status == 0;
  g_free(command);
  return ok;
}

static guint32 sum(const KlFrame *f, int w, int h) {
  guint32 x = 2166136261u;
  for (int i = 0; i < w * h * 3; i++) x = (x ^ f->rgb[i]) * 16777619u;
  return x;
}

static void any_frame(const void *data) {
  const Case *c = data;
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, c->name, NULL);
  if (!c->args)
    write_ours(path, c->container);
  else if (!write_foreign(path, c)) {
    g_test_skip("no ffmpeg program with this encoder here");
    remove_dir(dir);
    g_free(path);
    return;
  }
  KlDecoder *d;
  KlFrame f;
  guint32 want[FRAMES + 1] = {0};
  double time[FRAMES + 1] = {0};
  int total = 0;
  must(kl_decoder_open(path, NULL, &d, &err));
  int w = kl_decoder_info(d)->width, h = kl_decoder_info(d)->height;
  for (;; total++) {
    must(kl_decoder_next(d, &f, &err));
    if (!f.rgb) break;
    g_assert_cmpint(total, <, FRAMES);
    g_assert_cmpint((int)f.index, ==, total);
    want[total] = sum(&f, w, h);
    time[total] = f.time;
  }
  g_assert_cmpint(total, ==, FRAMES);
  GRand *rand = g_rand_new_with_seed(4);
  for (int i = 0; i < 120; i++) {
    int n = g_rand_int_range(rand, 0, FRAMES), kind = i % 4;
    if (i == 50) { /* a decoder that has read nothing yet */
      kl_decoder_free(&d);
      must(kl_decoder_open(path, NULL, &d, &err));
    }
    if (kind == 0)
      must(kl_decoder_at_frame(d, n, &f, &err));
    else if (kind == 1)
      must(kl_decoder_at(d, time[n], &f, &err));
    else if (kind == 2)
      must(kl_decoder_seek_frame(d, n, &err) && kl_decoder_next(d, &f, &err));
    else
      must(kl_decoder_seek(d, time[n] + 0.005, &err) && kl_decoder_next(d, &f, &err));
    g_assert_nonnull(f.rgb);
    if (sum(&f, w, h) != want[n] || f.index != n)
      g_error("%s: wanted frame %d, got %d (way %d)", c->name, n, (int)f.index, kind);
    if (n + 1 < FRAMES && i % 3 == 0) { /* and onward from there */
      if (i % 2)
        must(kl_decoder_next(d, &f, &err));
      else
        must(kl_decoder_at_frame(d, n + 1, &f, &err));
      g_assert_cmpuint(sum(&f, w, h), ==, want[n + 1]);
      g_assert_cmpint((int)f.index, ==, n + 1);
    }
  }
  g_rand_free(rand);
  /* behind the end: the last; asked again, again; then from the beginning in order, each twice */
  for (int i = 0; i < 3; i++) {
    must(kl_decoder_at(d, 1e4 + i, &f, &err));
    g_assert_cmpint((int)f.index, ==, FRAMES - 1);
    g_assert_cmpuint(sum(&f, w, h), ==, want[FRAMES - 1]);
  }
  for (int n = 0; n < 2 * FRAMES; n++) {
    must(kl_decoder_at_frame(d, n / 2, &f, &err));
    g_assert_cmpint((int)f.index, ==, n / 2);
    g_assert_cmpuint(sum(&f, w, h), ==, want[n / 2]);
  }
  kl_decoder_free(&d);
  g_free(path);
  remove_dir(dir);
}

/* Frames at another size, changed on the way. */
static void sized(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, "a.mp4", NULL);
  write_ours(path, KL_CONTAINER_MP4);
  KlDecoder *d;
  KlFrame f, g;
  KlPicture p;
  must(kl_decoder_open(path, NULL, &d, &err));
  must(kl_decoder_at_frame(d, 30, &f, &err));
  p.rgb = g_memdup2(f.rgb, W * H * 3);
  must(kl_decoder_set_size(d, 2 * W, 2 * H, &err));
  must(kl_decoder_at_frame(d, 30, &f, &err));
  g_assert_cmpint((int)f.index, ==, 30);
  uint8_t *want = g_malloc(4 * W * H * 3);
  must(kl_picture_scale(p.rgb, W, H, want, 2 * W, 2 * H, KL_FIT_STRETCH, &err));
  g_assert_cmpfloat(psnr(f.rgb, want, 4 * W * H * 3), >, 30);
  must(kl_decoder_set_size(d, W, H, &err));
  must(kl_decoder_at_frame(d, 30, &g, &err));
  g_assert_cmpmem(g.rgb, W * H * 3, p.rgb, W * H * 3);
  refused(kl_decoder_set_size(d, 0, 5, &err), KL_ERR_INVALID);
  refused(kl_decoder_set_size(d, 16384, 16384, &err), KL_ERR_INVALID);
  kl_decoder_free(&d);
  g_free(p.rgb);
  g_free(want);
  g_free(path);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *name = g_strconcat("/media/any-frame/", cases[i].name, NULL);
    g_test_add_data_func(name, &cases[i], any_frame);
    g_free(name);
  }
  g_test_add_func("/media/sized", sized);
  return g_test_run();
}
