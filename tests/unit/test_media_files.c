#define _GNU_SOURCE /* memmem */
/* media: foreign and damaged files, PNG, orientation, scaling, the file sink. */
#include "media/png.h"
#include "tests/unit/media_util.h"

#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <png.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Four quarters: red, green / blue, white; [h, w, 3]. */
static void quarters(uint8_t *rgb, int w, int h) {
  static const uint8_t colour[4][3] = {{220, 30, 30}, {30, 200, 40}, {40, 50, 210}, {240, 240, 240}};
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) memcpy(rgb + 3 * (y * w + x), colour[(y >= h / 2) * 2 + (x >= w / 2)], 3);
}

/* Which quarter the pixel at (x, y) in eighths of the picture belongs to: 'r', 'g', 'b', 'w'. */
static char quarter_at(const uint8_t *rgb, int w, int h, int x8, int y8) {
  const uint8_t *p = rgb + 3 * ((y8 * h / 8) * w + x8 * w / 8);
  if (p[0] > 150 && p[1] > 150 && p[2] > 150) return 'w';
  return p[0] > 150 ? 'r' : p[1] > 150 ? 'g' : 'b';
}

static void four(const uint8_t *rgb, int w, int h, char out[5]) {
  for (int i = 0; i < 4; i++) out[i] = quarter_at(rgb, w, h, i % 2 ? 6 : 2, i / 2 ? 6 : 2);
  out[4] = 0;
}

static void put_file(const char *path, const void *data, size_t n) {
  g_assert_true(g_file_set_contents(path, data, (gssize)n, NULL));
}

/* A small video of ours, its bytes in *data. */
static void make_video(const char *path, KlContainer container, const char *job, char **data, gsize *n) {
  KlErr err = KL_ERR_INIT;
  KlEncodeSpec s = KL_ENCODE_SPEC_INIT;
  s.container = container;
  s.width = 64;
  s.height = 32;
  s.fps_num = 25;
  s.fps_den = 1;
  s.total_frames = 3;
  s.tags.job_json = job;
  KlFileSink *file;
  KlEncoder *e;
  uint8_t rgb[64 * 32 * 3];
  quarters(rgb, 64, 32);
  must(kl_file_sink_open(path, 0, &file, &err));
  must(kl_encoder_open(&s, kl_file_sink(file), NULL, &e, &err));
  must(kl_encoder_chunk_begin(e, 0, 0, &err));
  for (int i = 0; i < 3; i++) must(kl_encoder_push_rgb8(e, rgb, &err));
  must(kl_encoder_chunk_end(e, &err));
  must(kl_encoder_finish(e, &err));
  kl_encoder_free(&e);
  must(kl_file_sink_close(&file, &err));
  g_assert_true(g_file_get_contents(path, data, n, NULL));
}

static void png_round_trip(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, "été.png", NULL);
  static const char job[] = "{\"p\":\"\\\"quoted\\\" <&> ü 狐\"}";
  KlMediaTags tags = {.title = "ü", .comment = "c", .job_json = job, .synthetic = true};
  uint8_t px[13 * 7 * 4];
  for (size_t i = 0; i < sizeof px; i++) px[i] = (uint8_t)(i * 37 + i / 9);
  for (int channels = 3; channels <= 4; channels++) {
    KlPng png;
    must(kl_png_write_file(path, px, 13, 7, channels, &tags, &err));
    must(kl_png_read(path, &png, &err));
    g_assert_cmpint(png.width, ==, 13);
    g_assert_cmpint(png.height, ==, 7);
    g_assert_cmpint(png.channels, ==, channels);
    g_assert_cmpmem(png.pixels, (size_t)(13 * 7 * channels), px, (size_t)(13 * 7 * channels));
    g_assert_cmpstr(png.job_json, ==, job);
    g_assert_true(png.synthetic);
    kl_png_free(&png);
    must(kl_png_write_file(path, px, 13, 7, channels, NULL, &err));
    must(kl_png_read(path, &png, &err));
    g_assert_true(!png.job_json && !png.synthetic);
    kl_png_free(&png);
  }
  char *part = g_strconcat(path, ".part", NULL);
  g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
  refused(kl_png_write_file("/nowhere/x.png", px, 13, 7, 3, NULL, &err), KL_ERR_IO);
  refused(kl_png_write_file(dir, px, 13, 7, 3, NULL, &err), KL_ERR_IO);
  refused(kl_png_write_file(path, px, 0, 7, 3, NULL, &err), KL_ERR_INVALID);
  refused(kl_png_write_file(path, px, 13, 7, 2, NULL, &err), KL_ERR_INVALID);
  KlFileSink *full;
  must(kl_file_sink_open("/dev/full", 0, &full, &err));
  refused(kl_png_write(kl_file_sink(full), px, 13, 7, 3, &tags, &err), KL_ERR_IO);
  must(kl_file_sink_close(&full, &err));
  g_free(part);
  g_free(path);
  remove_dir(dir);
}

static void to_array(png_structp png, png_bytep data, size_t n) {
  g_byte_array_append(png_get_io_ptr(png), data, (guint)n);
}

/* Every kind of PNG that there is comes out as RGB or RGBA. */
static void png_kinds(void) {
  static const struct {
    int type, depth, channels;
  } kinds[] = {{PNG_COLOR_TYPE_GRAY, 1, 3},       {PNG_COLOR_TYPE_GRAY, 4, 3},
               {PNG_COLOR_TYPE_GRAY, 8, 3},       {PNG_COLOR_TYPE_GRAY, 16, 3},
               {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 4}, {PNG_COLOR_TYPE_PALETTE, 2, 3},
               {PNG_COLOR_TYPE_PALETTE, 8, 3},    {PNG_COLOR_TYPE_RGB, 16, 3},
               {PNG_COLOR_TYPE_RGB_ALPHA, 16, 4}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4}};
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
    for (int lace = 0; lace < 2; lace++) {
      KlErr err = KL_ERR_INIT;
      GByteArray *out = g_byte_array_new();
      png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
      png_infop info = png_create_info_struct(png);
      static png_byte row[9 * 8];
      static png_color palette[4] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 9, 9}};
      memset(row, 0, sizeof row);
      png_set_write_fn(png, out, to_array, NULL);
      png_set_IHDR(png, info, 9, 5, kinds[i].depth, kinds[i].type,
                   lace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
      if (kinds[i].type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
      png_write_info(png, info);
      for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < 5; y++) png_write_row(png, row);
      png_write_end(png, NULL);
      png_destroy_write_struct(&png, &info);
      KlPng got;
      must(kl_png_read_memory(out->data, out->len, &got, &err));
      g_assert_cmpint(got.channels, ==, kinds[i].channels);
      g_assert_cmpint(got.pixels[0], ==, kinds[i].type == PNG_COLOR_TYPE_PALETTE ? 255 : 0);
      kl_png_free(&got);
      g_byte_array_free(out, TRUE);
    }
}

/* 16-bit RGB, with alpha and without, goes through FFmpeg's converter by way of Y'CbCr: the colours must come
 * back. */
static void deep_colour(void) {
  static const uint8_t chart[8][3] = {{255, 0, 0},   {0, 255, 0},     {0, 0, 255},     {255, 255, 0},
                                      {90, 30, 160}, {128, 128, 128}, {255, 255, 255}, {10, 200, 120}};
  char *dir = temp_dir(), *path = g_build_filename(dir, "deep.png", NULL);
  for (int alpha = 0; alpha < 2; alpha++) {
    KlErr err = KL_ERR_INIT;
    GByteArray *out = g_byte_array_new();
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    static png_byte row[64 * 8];
    int n = 6 + 2 * alpha;
    for (int x = 0; x < 64; x++) {
      for (int k = 0; k < 3; k++) row[x * n + 2 * k] = row[x * n + 2 * k + 1] = chart[x / 8][k];
      if (alpha) row[x * n + 6] = row[x * n + 7] = 255;
    }
    png_set_write_fn(png, out, to_array, NULL);
    png_set_IHDR(png, info, 64, 8, 16, alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, 0, 0, 0);
    png_write_info(png, info);
    for (int y = 0; y < 8; y++) png_write_row(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    put_file(path, out->data, out->len);
    g_byte_array_free(out, TRUE);
    KlPicture p;
    must(kl_picture_load(path, 0, 0, KL_FIT_STRETCH, NULL, &p, &err));
    for (int i = 0; i < 8; i++)
      for (int k = 0; k < 3; k++)
        g_assert_cmpint(ABS(p.rgb[3 * (4 * 64 + 8 * i + 4) + k] - chart[i][k]), <=, 2);
    kl_picture_free(&p);
  }
  g_free(path);
  remove_dir(dir);
}

/* Cut at every length and with bytes changed: an error or a picture, never a crash. */
static void png_damage(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, "d.png", NULL), *data;
  gsize n;
  uint8_t px[16 * 8 * 3] = {0};
  KlMediaTags tags = {.job_json = "{\"seed\":1}", .synthetic = true};
  must(kl_png_write_file(path, px, 16, 8, 3, &tags, &err));
  g_assert_true(g_file_get_contents(path, &data, &n, NULL));
  KlPng got;
  for (gsize cut = 0; cut < n - 12; cut++) {
    char *copy =
        g_memdup2(data, cut ? cut : 1); /* a block of its own: reading over the end shows up under ASan */
    refused(kl_png_read_memory(copy, cut, &got, &err), KL_ERR_FORMAT);
    g_assert_true(!got.pixels && !got.job_json);
    g_free(copy);
  }
  GRand *r = g_rand_new_with_seed(1);
  for (int i = 0; i < 3000; i++) {
    char *copy = g_memdup2(data, n);
    for (int k = g_rand_int_range(r, 1, 5); k > 0; k--)
      copy[g_rand_int_range(r, 8, (gint)n)] = (char)g_rand_int_range(r, 0, 256);
    err = KL_ERR_INIT;
    if (kl_png_read_memory(copy, n, &got, &err))
      kl_png_free(&got);
    else
      g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
    g_free(copy);
  }
  g_rand_free(r);
  char *big = g_memdup2(data, n); /* 2^31 pixels an edge, with a sound checksum */
  memcpy(big + 16, "\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF", 8);
  memcpy(big + 29, "\x0F\xA6\xE1\x20", 4);
  refused(kl_png_read_memory(big, n, &got, &err), KL_ERR_FORMAT);
  g_free(big);
  for (long fail = 1;; fail++) {
    err = KL_ERR_INIT;
    kl_mem_fail_after(fail);
    bool ok = kl_png_read_memory(data, n, &got, &err);
    kl_mem_fail_after(0);
    if (ok) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
  }
  kl_png_free(&got);
  g_free(data);
  g_free(path);
  remove_dir(dir);
}

/* What is no media file, or names other files, gives a clear line. */
static void not_media(void) {
  static const struct {
    const char *name, *text;
  } files[] = {{"empty", ""},
               {"text.mp4", "this is not a film\n"},
               {"list.txt", "ffconcat version 1.0\nfile 'v.mp4'\nfile '/etc/passwd'\n"},
               {"list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nv.mp4\n#EXT-X-ENDLIST\n"},
               {"net.m3u8",
                "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"},
               {"x.png", "\x89PNG\r\n\x1A\n"},
               {"x.gif", "GIF89a"},
               {"x.jpg", "\xFF\xD8\xFF\xE0"},
               {"x.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"/etc/passwd\"/></svg>"}};
  char *dir = temp_dir(), *video = g_build_filename(dir, "v.mp4", NULL), *data;
  gsize n;
  make_video(video, KL_CONTAINER_MP4, NULL, &data, &n);
  KlErr err = KL_ERR_INIT;
  KlMediaInfo info;
  KlDecoder *d;
  char *json;
  for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
    char *path = g_build_filename(dir, files[i].name, NULL);
    put_file(path, files[i].text, strlen(files[i].text));
    g_test_message("%s", files[i].name);
    g_assert_false(kl_media_probe(path, NULL, &info, &err));
    g_test_message("%s", err.msg);
    g_assert_true(err.code == KL_ERR_FORMAT || err.code == KL_ERR_UNSUPPORTED);
    err = KL_ERR_INIT;
    g_assert_false(kl_decoder_open(path, NULL, &d, &err));
    g_assert_null(d);
    err = KL_ERR_INIT;
    kl_media_read_job(path, &json, NULL, &err);
    g_assert_null(json);
    err = KL_ERR_INIT;
    g_free(path);
  }
  refused(kl_media_probe("/nowhere/x.mp4", NULL, &info, &err), KL_ERR_IO);
  refused(kl_media_probe(dir, NULL, &info, &err), KL_ERR_IO);
  refused(kl_media_probe("/dev/zero", NULL, &info, &err), KL_ERR_IO);
  refused(kl_media_read_job(dir, &json, NULL, &err), KL_ERR_IO);
  refused(kl_decoder_open("http://127.0.0.1:9/x.mp4", NULL, &d, &err), KL_ERR_IO);
  KlCancel cancel = {0};
  kl_cancel(&cancel);
  refused(kl_decoder_open(video, &cancel, &d, &err), KL_ERR_CANCELLED);
  KlCancel later = {0};
  KlFrame f;
  must(kl_decoder_open(video, &later, &d, &err));
  must(kl_decoder_next(d, &f, &err)); /* the frame that was read on opening */
  kl_cancel(&later);
  refused(kl_decoder_next(d, &f, &err), KL_ERR_CANCELLED);
  kl_decoder_free(&d);
  g_free(data);
  g_free(video);
  remove_dir(dir);
}

/* Our own videos cut short and with bytes changed. */
static void damaged_videos(void) {
  static const KlContainer kinds[] = {KL_CONTAINER_MP4, KL_CONTAINER_WEBM, KL_CONTAINER_GIF};
  char *dir = temp_dir(), *path = g_build_filename(dir, "v", NULL), *data;
  GRand *r = g_rand_new_with_seed(7);
  gsize n;
  for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
    make_video(path, kinds[k], "{\"seed\":1}", &data, &n);
    for (int i = 0; i < 60; i++) {
      KlErr err = KL_ERR_INIT;
      KlDecoder *d = NULL;
      KlFrame f = {0};
      KlMediaInfo info;
      char *json = NULL, *copy = g_memdup2(data, n);
      gsize length = i < 30 ? n * (gsize)i / 30 : n;
      if (i >= 30)
        for (int c = 0; c < 8; c++)
          copy[g_rand_int_range(r, 10, (gint)n)] =
              (char)g_rand_int_range(r, 0, 256); /* not a GIF's size: slow */
      put_file(path, copy, length);
      int frames = 0;
      if (kl_decoder_open(path, NULL, &d, &err))
        while (kl_decoder_next(d, &f, &err) && f.rgb && frames < 100) frames++;
      g_assert_cmpint(frames, <=, 10);
      kl_decoder_free(&d);
      err = KL_ERR_INIT;
      kl_media_probe(path, NULL, &info, &err);
      err = KL_ERR_INIT;
      kl_media_read_job(path, &json, NULL, &err);
      kl_free(&json);
      g_free(copy);
    }
    g_free(data);
  }
  g_rand_free(r);
  g_free(path);
  remove_dir(dir);
}

static void check_quarters(const char *path, const char *want, int w, int h, int rotation) {
  KlErr err = KL_ERR_INIT;
  KlDecoder *d;
  KlFrame f;
  KlMediaInfo info;
  char got[5];
  must(kl_media_probe(path, NULL, &info, &err));
  must(kl_decoder_open(path, NULL, &d, &err));
  g_assert_cmpint(kl_decoder_info(d)->width, ==, w);
  g_assert_cmpint(kl_decoder_info(d)->height, ==, h);
  g_assert_cmpint(info.width, ==, w);
  g_assert_cmpint(info.height, ==, h);
  g_assert_cmpint(info.rotation, ==, rotation);
  must(kl_decoder_next(d, &f, &err));
  four(f.rgb, w, h, got);
  g_assert_cmpstr(got, ==, want);
  kl_decoder_free(&d);
}

/* Display matrices as phones write them, and pixels that are not square. */
static void upright_video(void) {
  static const struct {
    int32_t a, b, c, d;
    const char *want;
    int w, h, rotation;
  } cases[] = {{1, 0, 0, 1, "rgbw", 64, 32, 0},
               {0, 1, -1, 0, "brwg", 32, 64, 90},
               {-1, 0, 0, -1, "wbgr", 64, 32, 180},
               {0, -1, 1, 0, "gwrb", 32, 64, 270},
               {-1, 0, 0, 1, "grwb", 64, 32, 0}};
  char *dir = temp_dir(), *path = g_build_filename(dir, "v.mp4", NULL), *data;
  gsize n;
  make_video(path, KL_CONTAINER_MP4, NULL, &data, &n);
  char *tkhd = memmem(data, n, "tkhd", 4), *pasp = memmem(data, n, "pasp", 4);
  g_assert_nonnull(tkhd);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    const int32_t m[4] = {cases[i].a, cases[i].b, cases[i].c, cases[i].d};
    static const int at[4] = {0, 4, 12, 16};
    for (int k = 0; k < 4; k++) {
      guint32 be = GUINT32_TO_BE((guint32)m[k] << 16);
      memcpy(tkhd + 4 + 40 + at[k], &be, 4); /* version 0: the matrix is 40 bytes behind the type's four */
    }
    put_file(path, data, n);
    check_quarters(path, cases[i].want, cases[i].w, cases[i].h, cases[i].rotation);
  }
  if (pasp) {
    memcpy(tkhd + 44, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0", 20);
    memcpy(pasp + 4, "\0\0\0\3\0\0\0\2", 8);
    put_file(path, data, n);
    check_quarters(path, "rgbw", 96, 32, 0);
  }
  g_free(data);
  g_free(path);
  remove_dir(dir);
}

/* A JPEG (4:2:0, full range) with an Exif orientation. */
static GByteArray *jpeg(int orientation) {
  enum { W = 64, H = 32 };
  const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  if (!codec) return NULL;
  AVCodecContext *c = avcodec_alloc_context3(codec);
  c->width = W;
  c->height = H;
  c->pix_fmt = AV_PIX_FMT_YUVJ420P;
  c->time_base = (AVRational){1, 1};
  c->flags |= AV_CODEC_FLAG_QSCALE;
  c->global_quality = 2 * FF_QP2LAMBDA;
  g_assert_cmpint(avcodec_open2(c, codec, NULL), >=, 0);
  AVFrame *f = av_frame_alloc();
  f->width = W;
  f->height = H;
  f->format = AV_PIX_FMT_YUVJ420P;
  f->quality = c->global_quality;
  g_assert_cmpint(av_frame_get_buffer(f, 0), >=, 0);
  static uint8_t rgb[W * H * 3];
  quarters(rgb, W, H);
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) { /* JFIF: BT.601, full range */
      const uint8_t *p = rgb + 3 * (y * W + x);
      f->data[0][y * f->linesize[0] + x] = (uint8_t)(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] + 0.5);
      f->data[1][y / 2 * f->linesize[1] + x / 2] =
          (uint8_t)(128.5 - 0.168736 * p[0] - 0.331264 * p[1] + 0.5 * p[2]);
      f->data[2][y / 2 * f->linesize[2] + x / 2] =
          (uint8_t)(128.5 + 0.5 * p[0] - 0.418688 * p[1] - 0.081312 * p[2]);
    }
  AVPacket *packet = av_packet_alloc();
  g_assert_cmpint(avcodec_send_frame(c, f), >=, 0);
  g_assert_cmpint(avcodec_receive_packet(c, packet), >=, 0);
  uint8_t exif[] = {0xFF, 0xE1, 0, 34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                    0,    1,    1, 0x12, 0,   3,   0,   0,   0, 1, 0,   0,   0, 0,  0, 0, 0, 0};
  exif[29] = (uint8_t)orientation;
  GByteArray *out = g_byte_array_new();
  g_byte_array_append(out, packet->data, 2);
  g_byte_array_append(out, exif, sizeof exif);
  g_byte_array_append(out, packet->data + 2, (guint)packet->size - 2);
  av_packet_free(&packet);
  av_frame_free(&f);
  avcodec_free_context(&c);
  return out;
}

static void upright_jpeg(void) {
  static const char *const want[9] = {"", "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"};
  char *dir = temp_dir(), *path = g_build_filename(dir, "photo.jpg", NULL);
  for (int o = 1; o <= 8; o++) {
    GByteArray *file = jpeg(o);
    if (!file) {
      g_test_skip("this FFmpeg cannot write JPEG");
      break;
    }
    put_file(path, file->data, file->len);
    g_byte_array_free(file, TRUE);
    KlErr err = KL_ERR_INIT;
    KlPicture p;
    char got[5];
    must(kl_picture_load(path, 0, 0, KL_FIT_STRETCH, NULL, &p, &err));
    g_assert_cmpint(p.width, ==, o >= 5 ? 32 : 64);
    four(p.rgb, p.width, p.height, got);
    g_assert_cmpstr(got, ==, want[o]);
    if (o == 1) /* range and matrix: red is (220, 30, 30) */
      for (int k = 0; k < 3; k++) g_assert_cmpint(ABS(p.rgb[3 * (8 * 64 + 16) + k] - (k ? 30 : 220)), <=, 3);
    kl_picture_free(&p);
    KlMediaInfo info;
    must(kl_media_probe(path, NULL, &info, &err));
    g_assert_true(info.still && info.frames == 1 && info.fps_num == 0);
  }
  g_free(path);
  remove_dir(dir);
}

static void transparent(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, "t.png", NULL);
  static const uint8_t px[4 * 4] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128, 200, 100, 50, 64};
  static const uint8_t want[4 * 3] = {10, 20, 30, 255, 255, 255, 127, 127, 127, 241, 216, 204};
  KlPicture p;
  must(kl_png_write_file(path, px, 4, 1, 4, NULL, &err));
  must(kl_picture_load(path, 0, 0, KL_FIT_STRETCH, NULL, &p, &err));
  for (int i = 0; i < 12; i++) g_assert_cmpint(ABS(p.rgb[i] - want[i]), <=, 1);
  kl_picture_free(&p);
  g_free(path);
  remove_dir(dir);
}

static void scaling(void) {
  KlErr err = KL_ERR_INIT;
  static uint8_t src[96 * 64 * 3], dst[300 * 300 * 3];
  draw(src, 96, 64, 3);
  must(kl_picture_scale(src, 96, 64, dst, 96, 64, KL_FIT_COVER, &err));
  g_assert_cmpmem(dst, sizeof src, src, sizeof src); /* the same size: untouched */
  static const int sizes[][2] = {{1, 1}, {1, 64}, {300, 2}, {47, 31}, {96, 63}, {200, 300}, {97, 65}};
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (int fit = KL_FIT_STRETCH; fit <= KL_FIT_COVER; fit++) {
      int w = sizes[i][0], h = sizes[i][1];
      memset(src, 77, sizeof src);
      must(kl_picture_scale(src, 96, 64, dst, w, h, (KlFit)fit, &err));
      for (int k = 0; k < w * h * 3; k++) g_assert_cmpint(dst[k], ==, 77);
    }
  /* cover keeps the centre: from 96 x 64 to a square, 16 columns go on each side */
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 96; x++) memset(src + 3 * (y * 96 + x), x < 16 || x >= 80 ? 0 : 200, 3);
  must(kl_picture_scale(src, 96, 64, dst, 32, 32, KL_FIT_COVER, &err));
  for (int k = 0; k < 32 * 32 * 3; k++) g_assert_cmpint(dst[k], ==, 200);
  memset(src, 200, sizeof src);
  must(kl_picture_scale(src, 96, 64, dst, 48, 48, KL_FIT_CONTAIN, &err)); /* 48 x 32 in the middle */
  for (int y = 0; y < 48; y++) g_assert_cmpint(dst[3 * (y * 48 + 24)], ==, y < 8 || y >= 40 ? 0 : 200);
  for (int y = 0; y < 64; y++) /* shrinking by 2 averages blocks exactly */
    for (int x = 0; x < 96; x++) memset(src + 3 * (y * 96 + x), (x + y) % 2 ? 0 : 100, 3);
  must(kl_picture_scale(src, 96, 64, dst, 48, 32, KL_FIT_STRETCH, &err));
  for (int k = 0; k < 48 * 32 * 3; k++) g_assert_cmpint(dst[k], ==, 50);
  refused(kl_picture_scale(src, 96, 64, dst, 0, 10, KL_FIT_COVER, &err), KL_ERR_INVALID);
}

/* A long job survives in every container. */
static void long_job(void) {
  static const KlContainer kinds[] = {KL_CONTAINER_MP4, KL_CONTAINER_WEBM, KL_CONTAINER_MKV, KL_CONTAINER_GIF,
                                      KL_CONTAINER_APNG};
  GString *job = g_string_new("{\"prompt\":\"");
  while (job->len < 300000) g_string_append(job, "l'été 🦊 ");
  g_string_append(job, "\"}");
  char *dir = temp_dir(), *path = g_build_filename(dir, "v", NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
    KlErr err = KL_ERR_INIT;
    char *data, *json;
    gsize n;
    bool synthetic = true;
    make_video(path, kinds[i], job->str, &data, &n);
    must(kl_media_read_job(path, &json, &synthetic, &err));
    g_assert_cmpstr(json, ==, job->str);
    g_assert_false(synthetic); /* switched off here */
    kl_free(&json);
    g_free(data);
    make_video(path, kinds[i], NULL, &data, &n);
    must(kl_media_read_job(path, &json, NULL, &err));
    g_assert_null(json);
    g_free(data);
  }
  g_string_free(job, TRUE);
  g_free(path);
  remove_dir(dir);
}

/* Failing allocations while a turned, scaled picture is loaded and a file probed. */
static void failed_allocations(void) {
  char *dir = temp_dir(), *path = g_build_filename(dir, "v.mp4", NULL), *data;
  gsize n;
  make_video(path, KL_CONTAINER_MP4, "{}", &data, &n);
  char *tkhd = memmem(data, n, "tkhd", 4);
  memcpy(tkhd + 44, "\0\0\0\0\0\1\0\0\0\0\0\0\xFF\xFF\0\0\0\0\0\0", 20);
  put_file(path, data, n);
  for (long fail = 1;; fail++) {
    KlErr err = KL_ERR_INIT;
    KlPicture p = {0};
    KlMediaInfo info;
    kl_mem_fail_after(fail);
    bool ok = kl_picture_load(path, 20, 20, KL_FIT_COVER, NULL, &p, &err) &&
              kl_media_probe(path, NULL, &info, &err);
    kl_mem_fail_after(0);
    kl_picture_free(&p);
    g_assert_true(ok || err.code == KL_ERR_OOM);
    if (ok) break;
    g_assert_cmpint((int)fail, <, 100);
  }
  g_free(data);
  g_free(path);
  remove_dir(dir);
}

static void sink(void) {
  KlErr err = KL_ERR_INIT;
  char *dir = temp_dir(), *path = g_build_filename(dir, "out", NULL),
       *other = g_build_filename(dir, "other", NULL);
  KlFileSink *s = NULL, *second = NULL;
  refused(kl_file_sink_open("/nowhere/out.mp4", 0, &s, &err), KL_ERR_IO);
  refused(kl_file_sink_open(dir, 0, &s, &err), KL_ERR_IO);
  refused(kl_file_sink_open("", 0, &s, &err), KL_ERR_INVALID);
  refused(kl_file_sink_open("-", 5, &s, &err), KL_ERR_INVALID);
  refused(kl_file_sink_open(path, 5, &s, &err), KL_ERR_IO); /* resuming what is not there */
  put_file(path, "abc", 3);
  refused(kl_file_sink_open(path, 5, &s, &err), KL_ERR_FORMAT); /* or too short */
  g_assert_null(s);
  must(kl_file_sink_open(path, 2, &s, &err));
  refused(kl_file_sink_open(path, 0, &second, &err), KL_ERR_IO); /* one writer at a time */
  KlSink out = kl_file_sink(s);
  must(out.write(out.user, "XYZ", 3, &err));
  g_assert_cmpint((int)kl_file_sink_offset(s), ==, 5);
  must(kl_file_sink_sync(s, &err));
  char *data;
  gsize n;
  g_assert_true(g_file_get_contents(path, &data, &n, NULL));
  g_assert_cmpmem(data, n, "abXYZ", 5);
  g_free(data);
  g_assert_cmpint(g_rename(path, other), ==, 0);
  refused(kl_file_sink_sync(s, &err), KL_ERR_IO); /* gone */
  put_file(path, "", 0);
  refused(kl_file_sink_sync(s, &err), KL_ERR_IO); /* another file in its place */
  must(kl_file_sink_close(&s, &err));
  must(kl_file_sink_close(&s, &err));
  char *fifo = g_build_filename(dir, "fifo", NULL);
  g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
  int reader = g_open(fifo, O_RDONLY | O_NONBLOCK, 0);
  signal(SIGPIPE, SIG_IGN);
  must(kl_file_sink_open(fifo, 0, &s, &err));
  out = kl_file_sink(s);
  must(out.write(out.user, "x", 1, &err));
  must(kl_file_sink_sync(s, &err));
  close(reader);
  refused(out.write(out.user, "x", 1, &err), KL_ERR_IO); /* the reader has gone */
  must(kl_file_sink_close(&s, &err));
  g_free(fifo);
  g_free(path);
  g_free(other);
  remove_dir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/media/png/round-trip", png_round_trip);
  g_test_add_func("/media/png/kinds", png_kinds);
  g_test_add_func("/media/png/damage", png_damage);
  g_test_add_func("/media/deep-colour", deep_colour);
  g_test_add_func("/media/not-media", not_media);
  g_test_add_func("/media/damaged-videos", damaged_videos);
  g_test_add_func("/media/upright/video", upright_video);
  g_test_add_func("/media/upright/jpeg", upright_jpeg);
  g_test_add_func("/media/transparent", transparent);
  g_test_add_func("/media/scaling", scaling);
  g_test_add_func("/media/long-job", long_job);
  g_test_add_func("/media/sink", sink);
  g_test_add_func("/media/decoder-failed-allocations", failed_allocations);
  return g_test_run();
}
