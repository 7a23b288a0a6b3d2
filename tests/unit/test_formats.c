/* safetensors: files that this test writes, whole and broken in every way that it can think of. */
#include "tests/unit/formats_writer.h"

/* ---- safetensors ---- */

static void test_safetensors(void) {
  static const char header[] =
      "{\"__metadata__\":{\"config\":\"{\\\"dim\\\": 8, \\\"shift\\\": 2.5, \\\"kind\\\": \\\"t2v\\\", "
      "\\\"n\\\": null, "
      "\\\"f\\\": 3.0, \\\"b\\\": true, \\\"l\\\": [1, {\\\"dim\\\": 9}]}\",\"note\":\"\\u00fc\"}," //
      ENTRY("model.diffusion_model.a.weight", "F16", "2,3", 0, 12) ","                              //
      ENTRY("b", "F32", "", 12, 16) "," ENTRY("empty", "BF16", "0,5", 16, 16) ","                   //
      ENTRY("id", "I64", "1", 16, 24) "," ENTRY("i", "I32", "2", 24, 32) "}   ";
  GByteArray *b = st_file(header, 32);
  char *path = write_temp(b, ".safetensors");
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_open(&(const char *){path}, 1, &w, &err));
  g_assert_cmpuint(kl_weights_count(w), ==, 4); /* not the one of type I64 */
  g_assert_cmpuint(kl_weights_bytes(w), ==, 24);
  KlTensor *t = kl_weights_need(w, "a.weight", 2, (int64_t[]){-1, 3}, &err);
  g_assert_nonnull(t);
  g_assert_cmpint(t->dtype, ==, KL_F16);
  g_assert_cmpint(t->shape[0], ==, 2);
  g_assert_cmpint(t->stride[0], ==, 3);
  g_assert_cmpint(t->stride[1], ==, 1);
  g_assert_cmpmem(kl_data(t), 12, b->data + b->len - 32, 12);
  g_assert_true(kl_weights_findf(w, "%s.%s", "a", "weight") == t);
  t = kl_weights_need(w, "b", 1, (int64_t[]){1}, &err); /* a scalar is one element */
  g_assert_nonnull(t);
  t = kl_weights_need(w, "empty", 2, (int64_t[]){0, 5}, &err);
  g_assert_nonnull(t);
  g_assert_null(kl_weights_find(w, "id"));
  g_assert_null(kl_weights_need(w, "id", 1, (int64_t[]){1}, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_UNSUPPORTED);
  err = KL_ERR_INIT;
  g_assert_null(kl_weights_need(w, "zzz", 1, (int64_t[]){1}, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  g_assert_nonnull(strstr(err.msg, "\"zzz\" is missing"));
  err = KL_ERR_INIT;
  g_assert_null(kl_weights_need(w, "a.weight", 2, (int64_t[]){-1, 4}, &err));
  g_assert_nonnull(strstr(err.msg, "has shape [2,3], not [any,4]"));
  err = KL_ERR_INIT;
  g_assert_cmpstr(kl_weights_meta(w, "note"), ==, "\xC3\xBC");
  g_assert_null(kl_weights_meta(w, "none"));
  g_assert_cmpint(kl_weights_config_int(w, "dim", -1), ==, 8);
  g_assert_cmpint(kl_weights_config_int(w, "f", -1), ==, 3);
  g_assert_cmpint(kl_weights_config_int(w, "b", -1), ==, 1);
  g_assert_cmpint(kl_weights_config_int(w, "shift", -1), ==, -1);
  g_assert_cmpint(kl_weights_config_int(w, "n", -1), ==, -1);
  g_assert_cmpint(kl_weights_config_int(w, "absent", -1), ==, -1);
  g_assert_true(kl_weights_config_num(w, "shift", 0) == 2.5);
  g_assert_true(kl_weights_config_num(w, "dim", 0) == 8);
  char kind[8];
  g_assert_true(kl_weights_config_str(w, "kind", kind, sizeof kind));
  g_assert_cmpstr(kind, ==, "t2v");
  g_assert_false(kl_weights_config_str(w, "kind", kind, 3));
  g_assert_false(kl_weights_config_str(w, "dim", kind, sizeof kind));
  g_assert_true(kl_weights_check(w, &err));
  kl_weights_drop(w, kl_weights_find(w, "a.weight"));
  kl_weights_drop(w, NULL);
  g_assert_cmpmem(kl_data(kl_weights_find(w, "a.weight")), 12, b->data + b->len - 32, 12);
  kl_weights_free(&w);
  g_assert_null(w);
  kl_weights_free(&w);
  g_unlink(path);
  g_free(path);
  g_byte_array_free(b, TRUE);
}

static void test_hostile(void) {
  refuse(st_file(ONE("F32", "2,2", 0, 20), 16), KL_ERR_FORMAT, "\"x\" reaches past the end of the file");
  refuse(st_file(ONE("F32", "2,2", 0, 12), 16), KL_ERR_FORMAT, "does not fill its 12 bytes");
  refuse(st_file(ONE("F32", "2,2", 16, 0), 16), KL_ERR_FORMAT, "ends before it begins");
  refuse(st_file(ONE("F32", "2,2", -16, 0), 16), KL_ERR_FORMAT, "ends before it begins");
  refuse(st_file(ONE("F32", "-2,-2", 0, 16), 16), KL_ERR_FORMAT, "impossible shape");
  refuse(st_file(ONE("F32", "4294967296,4294967296,4", 0, 0), 0), KL_ERR_FORMAT, "impossible shape");
  refuse(st_file(ONE("F32", "9223372036854775807,0", 0, 0), 0), KL_ERR_FORMAT, "impossible shape");
  refuse(st_file(ONE("F32", "2305843009213693952,8", 0, 0), 0), KL_ERR_FORMAT, "impossible shape");
  refuse(st_file(ONE("F32", "9223372036854775808", 0, 0), 0), KL_ERR_FORMAT, "too large");
  refuse(st_file(ONE("F32", "1.5", 0, 4), 4), KL_ERR_FORMAT, "whole number");
  refuse(st_file(ONE("F32", "1,1,1,1,1,1,1", 0, 4), 4), KL_ERR_UNSUPPORTED, "dimensions");
  refuse(st_file(ONE("F16", "2,2", 0, 16), 16), KL_ERR_FORMAT, "does not fill"); /* wrong type */
  refuse(st_file(ONE("F13", "2,2", 0, 16), 16), KL_ERR_UNSUPPORTED, "unknown type F13");
  refuse(st_file(ONE("F4", "3", 0, 1), 1), KL_ERR_FORMAT, "impossible shape");
  refuse(st_file(ONE("F32", "2,2", 0, 16), 20), KL_ERR_FORMAT, "belong to no tensor");
  refuse(st_file("{" ENTRY("x", "F32", "2", 0, 8) "," ENTRY("y", "F32", "2", 4, 12) "}", 12), KL_ERR_FORMAT,
         "overlap");
  refuse(st_file("{" ENTRY("x", "F32", "2", 0, 8) "," ENTRY("y", "F32", "2", 0, 8) "}", 8), KL_ERR_FORMAT,
         "overlap");
  refuse(st_file("{" ENTRY("x", "F32", "4", 0, 16) "," ENTRY("y", "F32", "1", 4, 8) "}", 16), KL_ERR_FORMAT,
         "overlap");
  refuse(st_file("{" ENTRY("x", "F32", "1", 0, 4) "," ENTRY("x", "F32", "1", 4, 8) "}", 8), KL_ERR_FORMAT,
         "appears twice");
  refuse(st_file("{" ENTRY("x", "F32", "1", 0, 4) "," ENTRY("model.x", "F32", "1", 4, 8) "}", 8),
         KL_ERR_FORMAT, "appears twice"); /* the same once the prefix is gone */
  refuse(st_file("{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4), KL_ERR_FORMAT, "lacks");
  refuse(st_file("{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4), KL_ERR_FORMAT, "twice");
  refuse(st_file("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4), KL_ERR_FORMAT,
         "two offsets");
  refuse(st_file("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4), KL_ERR_FORMAT,
         "two offsets");
  refuse(st_file("{\"x\":[]}", 0), KL_ERR_FORMAT, "object is expected");
  refuse(st_file("{\"x\\u0000\":{}}", 0), KL_ERR_FORMAT, "zero character");
  refuse(st_file("{\"x\\ud800\":{}}", 0), KL_ERR_FORMAT, "escape");
  refuse(st_file("{\"\xFF\":{}}", 0), KL_ERR_FORMAT, "UTF-8");
  refuse(st_file("{} x", 0), KL_ERR_FORMAT, "follows");
  refuse(st_file("{,}", 0), KL_ERR_FORMAT, "bad header");
  refuse(st_file("{\"__metadata__\":{\"a\":1}}", 0), KL_ERR_FORMAT, "string is expected");
  refuse(st_file("{\"__metadata__\":{},\"__metadata__\":{}}", 0), KL_ERR_FORMAT, "twice");
  refuse(st_file("[]", 0), KL_ERR_FORMAT, "neither a safetensors");

  GByteArray *b = st_file(ONE("F32", "2,2", 0, 16), 16);
  guint64 n = GUINT64_TO_LE((guint64)100 * 1000 * 1000 + 1);
  memcpy(b->data, &n, 8);
  refuse(b, KL_ERR_FORMAT, "header claims");
  b = st_file(ONE("F32", "2,2", 0, 16), 16);
  memset(b->data, 0xFF, 8);
  refuse(b, KL_ERR_FORMAT, "header claims");
  b = g_byte_array_new();
  g_byte_array_append(b, (const guint8 *)"PK\3\4whatever", 12);
  refuse(b, KL_ERR_UNSUPPORTED, "pickled");

  GString *deep = g_string_new("{\"x\":{\"more\":"); /* nesting that a recursive reader would fall over */
  for (int i = 0; i < 1000000; i++) g_string_append_c(deep, '[');
  refuse(st_file(deep->str, 0), KL_ERR_FORMAT, "nested");
  g_string_assign(deep, "{");
  for (int i = 0; i <= KL_MAX_TENSORS; i++)
    g_string_append_printf(deep, "%s\"%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                           i ? "," : "", i);
  g_string_append_c(deep, '}');
  refuse(st_file(deep->str, 0), KL_ERR_FORMAT, "more than");
  g_string_assign(deep, "{\"__metadata__\":{");
  for (int i = 0; i <= KL_MAX_METAS; i++) g_string_append(deep, i ? ",\"\":\"\"" : "\"\":\"\"");
  g_string_append(deep, "}}");
  refuse(st_file(deep->str, 0), KL_ERR_FORMAT, "metadata entries");
  g_string_assign(deep, "{\"");
  for (int i = 0; i < 600; i++) g_string_append(deep, "\xC3\xBC");
  g_string_append(deep, "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
  refuse(st_file(deep->str, 0), KL_ERR_FORMAT, "too long");
  g_string_free(deep, TRUE);

  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_false(kl_weights_open(&(const char *){"/nonexistent/m.safetensors"}, 1, &w, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  err = KL_ERR_INIT;
  g_assert_false(kl_weights_open(&(const char *){"/"}, 1, &w, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  err = KL_ERR_INIT;
  g_assert_false(kl_weights_open(NULL, 0, &w, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  b = g_byte_array_new();
  char *path = write_temp(b, ".gguf");
  err = KL_ERR_INIT;
  g_assert_false(kl_weights_open(&(const char *){path}, 1, &w, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  g_assert_nonnull(strstr(err.msg, "empty"));
  g_unlink(path);
  g_free(path);
  g_byte_array_free(b, TRUE);
}

static void test_truncated(void) {
  truncate_everywhere(st_file("{\"__metadata__\":{\"k\":\"v\"}," ENTRY("x", "F16", "2,3", 0, 12) "," ENTRY(
                                  "y", "F32", "1", 12, 16) "}",
                              16));
}

static void test_unaligned(void) {
  GByteArray *b =
      st_file("{" ENTRY("x", "F32", "3", 0, 12) "}" /* the length decides where data begins */, 12);
  for (guint pad = 0; pad < 8; pad++) {
    GString *h = g_string_new("{" ENTRY("x", "F32", "3", 0, 12) "}");
    for (guint i = 0; i < pad; i++) g_string_append_c(h, ' ');
    GByteArray *u = st_file(h->str, 12);
    KlErr err = KL_ERR_INIT;
    KlWeights *w = open_bytes(u, &err);
    g_assert_nonnull(w);
    KlTensor *t = kl_weights_find(w, "x");
    g_assert_cmpuint((guintptr)kl_data(t) % 4, ==, 0);
    g_assert_cmpmem(kl_data(t), 12, b->data + b->len - 12, 12);
    kl_weights_drop(w, t); /* a copy: stays */
    g_assert_cmpmem(kl_data(t), 12, b->data + b->len - 12, 12);
    kl_weights_free(&w);
    g_byte_array_free(u, TRUE);
    g_string_free(h, TRUE);
  }
  g_byte_array_free(b, TRUE);
}

static void test_check(void) {
  static const struct {
    const char *header;
    size_t bytes, at;
    guint8 value[4];
    size_t n;
    bool ok;
  } cases[] = {
      {ONE("F32", "3", 0, 12), 12, 8, {0, 0, 0xC0, 0x7F}, 4, false},
      {ONE("F32", "3", 0, 12), 12, 4, {0, 0, 0x80, 0xFF}, 4, false},
      {ONE("F32", "3", 0, 12), 12, 4, {0xFF, 0xFF, 0x7F, 0x7F}, 4, true},
      {ONE("F16", "3", 0, 6), 6, 4, {0, 0x7C}, 2, false},
      {ONE("F16", "3", 0, 6), 6, 4, {0xFF, 0x7B}, 2, true},
      {ONE("BF16", "3", 0, 6), 6, 0, {0x80, 0xFF}, 2, false},
      {ONE("I32", "3", 0, 12), 12, 8, {0, 0, 0xC0, 0x7F}, 4, true},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *b = st_file(cases[i].header, cases[i].bytes);
    memcpy(b->data + b->len - cases[i].bytes + cases[i].at, cases[i].value, cases[i].n);
    KlErr err = KL_ERR_INIT;
    KlWeights *w = open_bytes(b, &err);
    g_assert_nonnull(w);
    g_assert_cmpint(kl_weights_check(w, &err), ==, cases[i].ok);
    if (!cases[i].ok) g_assert_nonnull(strstr(err.msg, "\"x\" holds a number that is not finite"));
    kl_weights_free(&w);
    g_byte_array_free(b, TRUE);
  }
}

static void test_shards(void) {
  GByteArray *a = st_file(
                 "{\"__metadata__\":{\"k\":\"first\"}," ENTRY("blocks.0.norm2.weight", "F32", "1", 0, 4) "}",
                 4),
             *b = st_file("{\"__metadata__\":{\"k\":\"second\",\"m\":\"2\"}," ENTRY(
                              "blocks.0.attn1.to_q.weight", "F32", "1,1", 0, 4) "}",
                          4);
  char *paths[2] = {write_temp(a, "-1.safetensors"), write_temp(b, "-2.safetensors")};
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_open((const char *const *)paths, 2, &w, &err));
  g_assert_cmpuint(kl_weights_count(w), ==, 2);
  g_assert_nonnull(
      kl_weights_find(w, "blocks.0.norm3.weight")); /* the second shard says which layout it is */
  g_assert_nonnull(kl_weights_find(w, "blocks.0.self_attn.q.weight"));
  g_assert_cmpstr(kl_weights_meta(w, "k"), ==, "first");
  g_assert_cmpstr(kl_weights_meta(w, "m"), ==, "2");
  kl_weights_free(&w);
  g_assert_false(kl_weights_open((const char *[]){paths[0], paths[0]}, 2, &w, &err)); /* a shard twice */
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  for (int i = 0; i < 2; i++) {
    g_unlink(paths[i]);
    g_free(paths[i]);
  }
  g_byte_array_free(a, TRUE);
  g_byte_array_free(b, TRUE);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/formats/safetensors", test_safetensors);
  g_test_add_func("/formats/hostile", test_hostile);
  g_test_add_func("/formats/truncated", test_truncated);
  g_test_add_func("/formats/unaligned", test_unaligned);
  g_test_add_func("/formats/check", test_check);
  g_test_add_func("/formats/shards", test_shards);
  return g_test_run();
}
