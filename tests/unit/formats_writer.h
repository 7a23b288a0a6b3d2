/* For tests of engine/formats: writes small model files, whole or broken, and opens them. */
#pragma once

#include "engine/base/mem.h"
#include "engine/formats/weights.h"
#include "engine/formats/weights_internal.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static inline GByteArray *st_file(const char *header, size_t data_bytes) {
  GByteArray *b = g_byte_array_new();
  guint64 n = GUINT64_TO_LE((guint64)strlen(header));
  g_byte_array_append(b, (const guint8 *)&n, 8);
  g_byte_array_append(b, (const guint8 *)header, (guint)strlen(header));
  for (size_t i = 0; i < data_bytes; i++) {
    guint8 v = (guint8)(i * 7 % 50); /* finite in every type */
    g_byte_array_append(b, &v, 1);
  }
  return b;
}

static inline void u32(GByteArray *b, guint32 v) {
  v = GUINT32_TO_LE(v);
  g_byte_array_append(b, (const guint8 *)&v, 4);
}
static inline void u64(GByteArray *b, guint64 v) {
  v = GUINT64_TO_LE(v);
  g_byte_array_append(b, (const guint8 *)&v, 8);
}
static inline void str(GByteArray *b, const char *s) {
  u64(b, strlen(s));
  g_byte_array_append(b, (const guint8 *)s, (guint)strlen(s));
}
static inline GByteArray *gguf_head(guint32 version, guint64 tensors, guint64 keys) {
  GByteArray *b = g_byte_array_new();
  g_byte_array_append(b, (const guint8 *)"GGUF", 4);
  u32(b, version);
  u64(b, tensors);
  u64(b, keys);
  return b;
}
/* dims innermost first, 0 ends */
static inline void gguf_tensor(GByteArray *b, const char *name, const guint64 *dims, guint32 type,
                               guint64 offset) {
  guint32 n = 0;
  while (dims[n]) n++;
  str(b, name);
  u32(b, n);
  for (guint32 i = 0; i < n; i++) u64(b, dims[i]);
  u32(b, type);
  u64(b, offset);
}
static inline void gguf_data(GByteArray *b, guint align, size_t bytes) {
  guint8 zero = 0;
  while (b->len % align) g_byte_array_append(b, &zero, 1);
  for (size_t i = 0; i < bytes; i++) {
    guint8 v = (guint8)(i * 7 % 50);
    g_byte_array_append(b, &v, 1);
  }
}

/* Opens bytes that end exactly where an address sanitizer sees the next one. */
static inline KlWeights *open_bytes(const GByteArray *b, KlErr *err) {
  const void *data = b->data;
  size_t size = b->len;
  KlWeights *w;
  bool ok = kl_weights_open_memory(&data, &size, 1, &w, err);
  g_assert_cmpint(ok, ==, w != NULL);
  return w;
}

static inline void refuse(GByteArray *b, KlErrCode code, const char *what) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w = open_bytes(b, &err);
  if (w || err.code != code || !strstr(err.msg, what))
    g_error("expected %d %s; got %d %s", code, what, err.code, err.msg);
  g_byte_array_free(b, TRUE);
}

static inline char *write_temp(const GByteArray *b, const char *suffix) {
  static int n;
  char *path = g_strdup_printf("%s/kl-formats-%d-%d%s", g_get_tmp_dir(), (int)getpid(), n++, suffix);
  g_assert_true(g_file_set_contents(path, (const char *)b->data, b->len, NULL));
  return path;
}

/* Every length short of the whole is an error that says so, or at least an error. */
static inline void truncate_everywhere(GByteArray *b) {
  for (guint n = 0; n < b->len; n++) {
    GByteArray *cut = g_byte_array_new_take(g_memdup2(b->data, n), n);
    KlErr err = KL_ERR_INIT;
    g_assert_null(open_bytes(cut, &err));
    g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
    g_byte_array_free(cut, TRUE);
  }
  /* and no single flipped byte does worse than an error */
  for (guint n = 0; n < b->len; n++)
    for (int bit = 0; bit < 8; bit++) {
      b->data[n] ^= (guint8)(1 << bit);
      KlErr err = KL_ERR_INIT;
      KlWeights *w = open_bytes(b, &err);
      if (w) kl_weights_check(w, &err);
      kl_weights_free(&w);
      b->data[n] ^= (guint8)(1 << bit);
    }
  g_byte_array_free(b, TRUE);
}

#define ENTRY(name, type, shape, from, to)                                                                   \
  "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

#define ONE(type, shape, from, to) "{" ENTRY("x", type, shape, from, to) "}"
