/* Tokenizers against SentencePiece's own output, options one by one, hostile files, prompt cleaning. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer.h"
#include "engine/formats/tokenizer_internal.h"

#include <glib.h>
#include <string.h>

static char *golden(const char *name) {
  return g_build_filename(g_getenv("KL_GOLDEN"), "tokenizer", name, NULL);
}

static KlTokenizer *open_text(const char *json) {
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  kl_tokenizer_open_memory(json, strlen(json), "test.json", &t, &err);
  g_assert_cmpstr(err.msg, ==, "");
  return t;
}

static char *encode(const KlTokenizer *t, const char *text, bool eos) {
  KlErr err = KL_ERR_INIT;
  KlTokens k;
  GString *s = g_string_new("");
  kl_tokenizer_encode(t, text, eos, &k, &err);
  g_assert_cmpstr(err.msg, ==, "");
  for (size_t i = 0; i < k.n; i++) g_string_append_printf(s, i ? " %d" : "%d", k.ids[i]);
  kl_tokens_free(&k);
  return g_string_free(s, FALSE);
}

#define IDS(t, text, expect)                                                                                 \
  do {                                                                                                       \
    char *ids_ = encode(t, text, false);                                                                     \
    g_assert_cmpstr(ids_, ==, expect);                                                                       \
    g_free(ids_);                                                                                            \
  } while (0)

static void test_golden(void) {
  char *path = golden("spiece.model"), *texts = NULL, *ids = NULL, *f;
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  g_assert_true(kl_tokenizer_open(path, &t, &err));
  g_assert_cmpuint(kl_tokenizer_vocab(t), ==, 2000);
  g_assert_cmpint(kl_tokenizer_pad(t), ==, 0);
  g_assert_cmpint(kl_tokenizer_eos(t), ==, 1);
  g_assert_cmpint(kl_tokenizer_unk(t), ==, 3);
  g_assert_cmpstr(kl_tokenizer_piece(t, 6), ==,
                  "\xE2\x96\x81"
                  "a");
  g_assert_null(kl_tokenizer_piece(t, 2000));
  g_assert_null(kl_tokenizer_piece(t, -1));
  g_assert_true(g_file_get_contents(f = golden("texts.txt"), &texts, NULL, NULL));
  g_free(f);
  g_assert_true(g_file_get_contents(f = golden("ids.txt"), &ids, NULL, NULL));
  g_free(f);
  char **text = g_strsplit(texts, "\n", -1), **want = g_strsplit(ids, "\n", -1);
  size_t n = 0;
  for (; text[n] && *text[n]; n++) IDS(t, text[n], want[n]);
  g_assert_cmpuint(n, ==, 12);
  IDS(t, "", "");
  IDS(t, "   ", "");
  char *s = encode(t, "x", true);
  g_assert_cmpstr(s, ==, "4 153 1");
  g_free(s);
  kl_tokenizer_free(&t);
  kl_tokenizer_free(&t);
  g_strfreev(text);
  g_strfreev(want);
  g_free(texts);
  g_free(ids);
  g_free(path);
}

static void test_long(void) {
  char *path = golden("spiece.model");
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  KlTokens k;
  g_assert_true(kl_tokenizer_open(path, &t, &err));
  char *text = g_malloc(1024 * 1024 + 2);
  for (size_t i = 0; i < 1024 * 1024 + 1; i++) text[i] = "a quick brown fox "[i % 18];
  text[1024 * 1024 + 1] = 0;
  g_assert_false(kl_tokenizer_encode(t, text, true, &k, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  err = KL_ERR_INIT;
  text[100 * 1000] = 0;
  gint64 begin = g_get_monotonic_time();
  g_assert_true(kl_tokenizer_encode(t, text, true, &k, &err));
  g_assert_cmpint(g_get_monotonic_time() - begin, <, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint(k.n, >, 20000);
  kl_tokens_free(&k);
  static const char *const invalid[] = {"\xFF",    "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                        "\xE6\x97"};
  for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
    err = KL_ERR_INIT;
    g_assert_false(kl_tokenizer_encode(t, invalid[i], true, &k, &err));
    g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
    err = KL_ERR_INIT;
    g_assert_null(kl_prompt_clean(invalid[i], &err));
    g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  }
  kl_tokenizer_free(&t);
  g_free(text);
  g_free(path);
}

#define VOCAB(more)                                                                                          \
  "\"model\":{\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":[[\"<pad>\",0],[\"</s>\",0],[\"<unk>\",0]," more   \
  "]}"
static const char words[] = VOCAB("[\"\xE2\x96\x81rocket\",-3.5],[\"\xE2\x96\x81"
                                  "a\",-2e0],[\"\xE2\x96\x81,\",-3],[\",\",-3],"
                                  "[\"\xE2\x96\x81\",-9.5]");

static KlTokenizer *with(const char *sections) {
  char *json = g_strdup_printf("{\"version\":\"1.0\",%s%s}", sections, words);
  KlTokenizer *t = open_text(json);
  g_free(json);
  return t;
}

#define META                                                                                                 \
  "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":"           \
  "\"always\",\"split\":true},"

static void test_json(void) {
  KlTokenizer *t = with(META "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{"
                             "\"type\":\"Lowercase\"}]},");
  IDS(t, "A ROCKET", "4 3");
  IDS(t, "\xEF\xBC\xB2ocket a", "3 4"); /* fullwidth R */
  IDS(t, "a zebra rocket", "4 7 2 3");
  IDS(t, "", "");
  kl_tokenizer_free(&t);
  t = with("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{"
           "\"type\":\"Punctuation\",\"behavior\":"
           "\"Isolated\"},{\"type\":\"Metaspace\",\"add_prefix_space\":true}]},");
  IDS(t, "  a\t rocket,a \n", "4 3 5 4");
  kl_tokenizer_free(&t);
  t = with(META "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{"
                "\"Regex\":\"[,;.]+\"},\"content\":\"\"},"
                "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" "
                "\"},{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true},"
                "{\"type\":\"Replace\",\"pattern\":{\"String\":\"fusee\"},\"content\":\"rocket\"}]},");
  IDS(t, "  a,   fusee;. ", "4 3");
  kl_tokenizer_free(&t);
  t = with(META "\"added_tokens\":[{\"id\":1,\"content\":\"</"
                "s>\",\"special\":true}],\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":"
                "[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</"
                "s>\",\"type_id\":0}}]},\"padding\":{\"pad_id\":0},");
  g_assert_cmpint(kl_tokenizer_eos(t), ==, 1);
  g_assert_cmpint(kl_tokenizer_pad(t), ==, 0);
  IDS(t, "a</s>rocket", "4 1 3");
  kl_tokenizer_free(&t);
  t = with("\"added_tokens\":[{\"id\":10,\"content\":\"<extra>\"}],"); /* behind the vocabulary of 8 */
  g_assert_cmpuint(kl_tokenizer_vocab(t), ==, 11);
  g_assert_cmpstr(kl_tokenizer_piece(t, 10), ==, "<extra>");
  IDS(t, ",<extra>", "6 10");
  kl_tokenizer_free(&t);
  /* JSON escapes, a score with an exponent; no pre_tokenizer at all */
  t = open_text("{\"model\":{\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"\\u00e9\\ud83d\\ude80\",-1.5E-1],["
                "\"x\\\"\\\\\",-1]]}}");
  IDS(t, "\xC3\xA9\xF0\x9F\x9A\x80x\"\\", "1 2");
  kl_tokenizer_free(&t);
}

static void expect(const char *json, KlErrCode code, const char *what) {
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  g_assert_false(kl_tokenizer_open_memory(json, strlen(json), "t.json", &t, &err));
  g_assert_null(t);
  if (err.code != code || !strstr(err.msg, what)) g_error("%s: %d %s", json, err.code, err.msg);
}

static void test_refused(void) {
  expect("{}", KL_ERR_FORMAT, "no model");
  expect("{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", KL_ERR_UNSUPPORTED, "BPE");
  expect("{\"model\":{\"vocab\":[[\"a\",0]]}}", KL_ERR_UNSUPPORTED, "no token for");
  expect("{\"model\":{\"unk_id\":5,\"vocab\":[[\"a\",0]]}}", KL_ERR_UNSUPPORTED, "no token for");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[]}}", KL_ERR_FORMAT, "t.json");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\"]]}}", KL_ERR_FORMAT, "t.json");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0,1]]}}", KL_ERR_FORMAT, "t.json");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",1e999]]}}", KL_ERR_FORMAT, "t.json");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"\\u0000\",0]]}}", KL_ERR_FORMAT, "t.json");
  expect(
      "{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]},\"added_tokens\":[{\"id\":99999,\"content\":\"b\"}]}",
      KL_ERR_FORMAT, "far outside");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]}} x", KL_ERR_FORMAT, "follows");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]},\"normalizer\":{\"type\":\"BertNormalizer\"}}",
         KL_ERR_UNSUPPORTED, "BertNormalizer");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
         KL_ERR_UNSUPPORTED, "ByteLevel");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]},\"normalizer\":{\"type\":\"Precompiled\","
         "\"precompiled_charsmap\":\"AAAA\"}}",
         KL_ERR_FORMAT, "character map");
  expect("{\"model\":{\"unk_id\":0,\"vocab\":[[\"a\",0]]},\"normalizer\":{\"type\":\"Replace\",\"pattern\":{"
         "\"Regex\":\"(a|b)*\"},"
         "\"content\":\"\"}}",
         KL_ERR_UNSUPPORTED, "regular expression");
  GString *deep = g_string_new("{\"model\":");
  for (int i = 0; i < 100000; i++) g_string_append_c(deep, '[');
  expect(deep->str, KL_ERR_FORMAT, "nested");
  g_string_free(deep, TRUE);
  expect("\x0A\x05hello", KL_ERR_FORMAT, "neither");
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  g_assert_false(kl_tokenizer_open("/nonexistent/x", &t, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
  err = KL_ERR_INIT;
  g_assert_false(kl_tokenizer_open("/", &t, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_IO);
}

/* ---- spiece.model files written here ---- */

static void pb_bytes(GByteArray *b, int field, const void *data, size_t n) {
  guint8 head[12];
  guint len = 0;
  head[len++] = (guint8)(field << 3 | 2);
  size_t v = n;
  do head[len++] = (guint8)((v & 127) | (v > 127 ? 128 : 0));
  while (v >>= 7);
  g_byte_array_append(b, head, len);
  g_byte_array_append(b, data, (guint)n);
}

static void pb_int(GByteArray *b, int field, int v) {
  guint8 key[3];
  guint n = 0;
  unsigned k = (unsigned)field << 3;
  if (k > 127)
    key[n++] = (guint8)((k & 127) | 128), key[n++] = (guint8)(k >> 7);
  else
    key[n++] = (guint8)k;
  g_byte_array_append(b, key, n);
  guint8 byte = (guint8)v;
  g_byte_array_append(b, &byte, 1);
}

static void pb_piece(GByteArray *b, const char *text, float score, int type) {
  GByteArray *p = g_byte_array_new();
  guint8 key = 2 << 3 | 5;
  pb_bytes(p, 1, text, strlen(text));
  g_byte_array_append(p, &key, 1);
  g_byte_array_append(p, (const guint8 *)&score, 4);
  pb_int(p, 3, type);
  pb_bytes(b, 1, p->data, p->len);
  g_byte_array_free(p, TRUE);
}

static GByteArray *spiece(bool bytes, bool prefix, bool squeeze, bool escape, bool suffix) {
  GByteArray *b = g_byte_array_new(), *part = g_byte_array_new();
  pb_piece(b, "<unk>", 0, KL_PIECE_UNKNOWN);
  pb_piece(b, "</s>", 0, KL_PIECE_CONTROL);
  pb_piece(b, "\xE2\x96\x81", -3, KL_PIECE_NORMAL); /* 2 */
  pb_piece(b, "a", -1, KL_PIECE_NORMAL);            /* 3 */
  pb_piece(b, "b", -2, KL_PIECE_NORMAL);            /* 4 */
  pb_piece(b, "ab", -4, KL_PIECE_NORMAL);           /* 5: dearer than a, b */
  pb_piece(b, "aa", -1.5f, KL_PIECE_NORMAL);        /* 6 */
  pb_piece(b, "<tag>", 0, KL_PIECE_USER);           /* 7 */
  pb_piece(b, "bb", -0.1f, KL_PIECE_UNUSED);        /* 8 */
  pb_piece(b, " ", -2, KL_PIECE_NORMAL);            /* 9 */
  if (bytes)
    for (int i = 0; i < 256; i++) { /* 10... */
      char text[8];
      g_snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
      pb_piece(b, text, 0, KL_PIECE_BYTE);
    }
  pb_int(part, 3, 1);
  pb_int(part, 24, suffix);
  pb_int(part, 35, bytes);
  pb_int(part, 40, 0);
  pb_int(part, 42, 1);
  pb_bytes(b, 2, part->data, part->len);
  g_byte_array_set_size(part, 0);
  pb_int(part, 3, prefix);
  pb_int(part, 4, squeeze);
  pb_int(part, 5, escape);
  pb_bytes(b, 3, part->data, part->len);
  g_byte_array_free(part, TRUE);
  return b;
}

static KlTokenizer *open_spiece(GByteArray *b) {
  KlErr err = KL_ERR_INIT;
  KlTokenizer *t;
  kl_tokenizer_open_memory(b->data, b->len, "spiece.model", &t, &err);
  g_assert_cmpstr(err.msg, ==, "");
  g_byte_array_free(b, TRUE);
  return t;
}

static void test_spiece_options(void) {
  KlTokenizer *t = open_spiece(spiece(false, true, true, true, false));
  IDS(t, "  ab  aab ", "2 3 4 2 6 4");
  IDS(t, "bb<tag>a", "2 4 4 7 3");
  IDS(t, "xyz q", "2 0 2 0"); /* a run of unknown characters is one token */
  kl_tokenizer_free(&t);
  t = open_spiece(spiece(false, false, false, false, false));
  IDS(t, " a  b ", "9 3 9 9 4 9");
  kl_tokenizer_free(&t);
  t = open_spiece(spiece(false, true, true, true, true));
  IDS(t, "a b", "3 2 4 2");
  kl_tokenizer_free(&t);
  t = open_spiece(spiece(true, false, true, true, false));
  IDS(t, "a\xC3\xA9", "3 205 179"); /* bytes C3 A9 */
  g_assert_cmpint(kl_tokenizer_pad(t), ==, -1);
  kl_tokenizer_free(&t);
}

static void test_spiece_hostile(void) {
  GByteArray *b = spiece(true, true, true, true, false);
  guint opened = 0;
  for (guint n = 0; n < b->len; n++) { /* cut everywhere: an error or a smaller model, never a crash */
    KlErr err = KL_ERR_INIT;
    KlTokenizer *t;
    void *exact = g_memdup2(b->data, n); /* so that ASan sees a read past the end */
    if (kl_tokenizer_open_memory(exact, n, "spiece.model", &t, &err)) {
      KlTokens k;
      opened++;
      g_assert_true(kl_tokenizer_encode(t, "ab \xC3\xA9<tag>", true, &k, &err));
      kl_tokens_free(&k);
      kl_tokenizer_free(&t);
    } else {
      g_assert_true(err.code == KL_ERR_FORMAT || err.code == KL_ERR_UNSUPPORTED);
    }
    g_free(exact);
  }
  g_assert_cmpuint(opened, >, 0); /* a protocol buffer cut between fields is well-formed */
  g_byte_array_free(b, TRUE);

  /* character maps that lie: offsets outside, no final zero, values outside */
  static const struct {
    guint8 bytes[24];
    size_t n;
    bool ok;
  } maps[] = {
      {{0}, 1, false},
      {{0xFF, 0xFF, 0xFF, 0xFF, 0}, 5, false},
      {{4, 0, 0, 0, 0, 0, 0, 0, 'x'}, 9, false},
      {{4, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0}, 9, true}, /* the root's children lie outside */
      {{8, 0, 0, 0, 0, 4, 0, 0, 'a', 0xFF, 0xFF, 0x7F, 0}, 13, true},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
    GByteArray *m = spiece(false, true, true, true, false), *part = g_byte_array_new();
    KlErr err = KL_ERR_INIT;
    KlTokenizer *t;
    pb_bytes(part, 2, maps[i].bytes, maps[i].n);
    pb_bytes(m, 3, part->data, part->len);
    g_assert_cmpint(kl_tokenizer_open_memory(m->data, m->len, "spiece.model", &t, &err), ==, maps[i].ok);
    if (t)
      IDS(t, "ab", "2 3 4");
    else
      g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
    kl_tokenizer_free(&t);
    g_byte_array_free(m, TRUE);
    g_byte_array_free(part, TRUE);
  }
}

static void collect(void *user, const char *word) {
  g_string_append_printf(user, "[%s]", word);
}

static void test_unknown_words(void) {
  KlTokenizer *t = with(META "\"normalizer\":{\"type\":\"Lowercase\"},");
  GString *s = g_string_new("");
  KlErr err = KL_ERR_INIT;
  g_assert_true(
      kl_tokenizer_unknown_words(t, "  A rocket, (Zebra)! ... a \xF0\x9F\x9A\x80 d'Or", collect, s, &err));
  g_assert_cmpstr(s->str, ==, "[Zebra][\xF0\x9F\x9A\x80][d'Or]");
  g_string_free(s, TRUE);
  kl_tokenizer_free(&t);
}

static void test_clean(void) {
  static const char *const cases[][2] = {
      {"", ""},
      {" \t\n ", ""},
      {"  a \n b\tc  ", "a b c"},
      {"a\xC2\xA0\xE3\x80\x80 b\xE2\x80\x83", "a b"},
      {"x &amp;lt; y", "x < y"},
      {"&amp;amp;amp;", "&amp;"},
      {"&lt;b&gt;&quot;&apos;&nbsp;x", "<b>\"' x"},
      {"&#65;&#x42;&#X43", "ABC"},
      {"&copy2 &copy; &notit; &amp", "\xC2\xA9"
                                     "2 \xC2\xA9 \xC2\xACit; &"},
      {"&#0;&#xD800;&#x110000;&#99999999999;", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"&#128;&#1;", "\xE2\x82\xAC"},
      {"&hearts;&unknown; & && &# &#x; &;", "\xE2\x99\xA5&unknown; & && &# &#x; &;"},
      {"100 % R&D", "100 % R&D"},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    KlErr err = KL_ERR_INIT;
    char *s = kl_prompt_clean(cases[i][0], &err);
    g_assert_cmpstr(s, ==, cases[i][1]);
    kl_free(&s);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tokenizer/golden", test_golden);
  g_test_add_func("/tokenizer/long and invalid text", test_long);
  g_test_add_func("/tokenizer/json", test_json);
  g_test_add_func("/tokenizer/refused", test_refused);
  g_test_add_func("/tokenizer/spiece options", test_spiece_options);
  g_test_add_func("/tokenizer/spiece hostile", test_spiece_hostile);
  g_test_add_func("/tokenizer/unknown words", test_unknown_words);
  g_test_add_func("/tokenizer/prompt clean", test_clean);
  return g_test_run();
}
