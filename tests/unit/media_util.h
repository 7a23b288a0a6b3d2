/* Frames and files for the tests of media/. */
#pragma once

#include "engine/base/mem.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/provenance.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define no_error(e)                                                                                          \
  do {                                                                                                       \
    if ((e).code) g_error("%s:%d: %s: %s", __FILE__, __LINE__, kl_err_name((e).code), (e).msg);              \
  } while (0)
#define must(call)                                                                                           \
  do {                                                                                                       \
    bool ok_ = (call);                                                                                       \
    no_error(err);                                                                                           \
    g_assert_true(ok_);                                                                                      \
  } while (0)
#define refused(call, want)                                                                                  \
  do {                                                                                                       \
    err = KL_ERR_INIT;                                                                                       \
    g_assert_false(call);                                                                                    \
    g_test_message("%s", err.msg);                                                                           \
    g_assert_cmpint(err.code, ==, want);                                                                     \
    g_assert_cmpint((int)strlen(err.msg), >, 8);                                                             \
    err = KL_ERR_INIT;                                                                                       \
  } while (0)

static inline char *temp_dir(void) {
  char *dir = g_dir_make_tmp("kl-media-XXXXXX", NULL);
  g_assert_nonnull(dir);
  return dir;
}

static inline void remove_dir(char *dir) {
  GDir *d = g_dir_open(dir, 0, NULL);
  const char *name;
  while (d && (name = g_dir_read_name(d))) {
    char *path = g_build_filename(dir, name, NULL);
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
      remove_dir(path);
    else {
      g_unlink(path);
      g_free(path);
    }
  }
  if (d) g_dir_close(d);
  g_rmdir(dir);
  g_free(dir);
}

/* Frame n: a soft gradient, a disc that moves, a block whose colour tells the frame. */
static inline void draw(uint8_t *rgb, int w, int h, int n) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      uint8_t *p = rgb + 3 * (y * w + x);
      double cx = w * (0.3 + 0.02 * n), cy = h * 0.6, d = sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy));
      double k = fmin(1, fmax(0, h * 0.2 - d));
      p[0] = (uint8_t)(60 + 120 * x / w * (1 - k) + 150 * k);
      p[1] = (uint8_t)(40 + 100 * y / h * (1 - k) + 90 * k);
      p[2] = (uint8_t)(110 * (1 - k) + 20 * k);
      if (x < w / 4 && y < h / 4) p[0] = p[1] = p[2] = (uint8_t)(16 + 6 * n);
    }
}

static inline double psnr(const uint8_t *a, const uint8_t *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)n / sum) : 99;
}
