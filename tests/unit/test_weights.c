/* GGUF, names of other layouts, random weights, memory. */
#include "tests/unit/formats_writer.h"

#include <math.h>

/* ---- GGUF ---- */

static GByteArray *gguf_good(void) {
  GByteArray *b = gguf_head(3, 4, 5);
  str(b, "general.architecture"), u32(b, 8), str(b, "wan");
  str(b, "general.alignment"), u32(b, 4), u32(b, 64);
  str(b, "x.eps"), u32(b, 6), u32(b, 0x3F000000);
  str(b, "tokens"), u32(b, 9), u32(b, 8), u64(b, 2), str(b, "a"), str(b, "bc");
  str(b, "comfy.gguf.orig_shape.model.diffusion_model.patch.weight"), u32(b, 9), u32(b, 5), u64(b, 5);
  for (int i = 0; i < 5; i++) u32(b, (guint32[]){2, 1, 1, 2, 2}[i]);
  gguf_tensor(b, "q", (guint64[]){64, 2, 0}, 8, 0); /* 2 rows of 2 blocks: 136 bytes */
  gguf_tensor(b, "k", (guint64[]){256, 0}, 14, 192);
  gguf_tensor(b, "model.diffusion_model.patch.weight", (guint64[]){8, 0}, 0, 448);
  gguf_tensor(b, "old", (guint64[]){32, 0}, 2, 512); /* Q4_0: known, not read */
  gguf_data(b, 64, 530);
  return b;
}

static void test_gguf(void) {
  GByteArray *b = gguf_good();
  char *path = write_temp(b, ".bin"); /* told by its magic */
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  kl_weights_open(&(const char *){path}, 1, &w, &err);
  g_assert_cmpstr(err.msg, ==, "");
  g_assert_cmpuint(kl_weights_count(w), ==, 3);
  KlTensor *t = kl_weights_need(w, "q", 2, (int64_t[]){2, 64}, &err);
  g_assert_nonnull(t);
  g_assert_cmpint(t->dtype, ==, KL_Q8_0);
  g_assert_cmpmem(kl_data(t), 136, b->data + b->len - 530, 136);
  t = kl_weights_find(w, "k");
  g_assert_cmpint(t->dtype, ==, KL_Q6_K);
  g_assert_cmpmem(kl_data(t), 210, b->data + b->len - 530 + 192, 210);
  g_assert_nonnull(kl_weights_need(w, "patch.weight", 5, (int64_t[]){2, 1, 1, 2, 2}, &err));
  g_assert_null(kl_weights_need(w, "old", 1, (int64_t[]){32}, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_UNSUPPORTED);
  g_assert_cmpstr(kl_weights_meta(w, "general.architecture"), ==, "wan");
  g_assert_cmpstr(kl_weights_meta(w, "general.alignment"), ==, "64");
  g_assert_cmpstr(kl_weights_meta(w, "x.eps"), ==, "0.5");
  err = KL_ERR_INIT;
  g_assert_true(kl_weights_check(w, &err));
  kl_weights_free(&w);
  guint8 nan[2] = {0, 0x7E};
  memcpy(b->data + b->len - 530 + 192 + 208, nan, 2); /* the scale of the Q6_K block */
  w = open_bytes(b, &err);
  g_assert_false(kl_weights_check(w, &err));
  g_assert_nonnull(strstr(err.msg, "\"k\""));
  kl_weights_free(&w);
  g_unlink(path);
  g_free(path);
  g_byte_array_free(b, TRUE);
}

static GByteArray *gguf_one(const guint64 *dims, guint32 type, guint64 offset, size_t data) {
  GByteArray *b = gguf_head(3, 1, 0);
  gguf_tensor(b, "x", dims, type, offset);
  gguf_data(b, 32, data);
  return b;
}

static void test_gguf_hostile(void) {
  refuse(gguf_head(1, 0, 0), KL_ERR_UNSUPPORTED, "version 1");
  refuse(gguf_head(0x03000000, 0, 0), KL_ERR_UNSUPPORTED, "big-endian");
  refuse(gguf_head(3, G_MAXUINT64, 0), KL_ERR_FORMAT, "header claims");
  refuse(gguf_head(3, 0, G_MAXUINT64), KL_ERR_FORMAT, "header claims");
  refuse(gguf_head(3, 1000, 0), KL_ERR_FORMAT, "truncated");
  refuse(gguf_one((guint64[]){4, 0}, 0, 0, 15), KL_ERR_FORMAT, "past the end");
  refuse(gguf_one((guint64[]){4, 0}, 0, 32, 47), KL_ERR_FORMAT, "past the end");
  refuse(gguf_one((guint64[]){4, 0}, 0, G_MAXUINT64 - 31, 16), KL_ERR_FORMAT, "past the end");
  refuse(gguf_one((guint64[]){4, 0}, 0, 4, 64), KL_ERR_FORMAT, "not aligned");
  refuse(gguf_one((guint64[]){G_MAXUINT64, 0}, 0, 0, 16), KL_ERR_FORMAT, "impossible shape");
  refuse(gguf_one((guint64[]){1ull << 40, 1ull << 40, 0}, 0, 0, 16), KL_ERR_FORMAT, "impossible shape");
  refuse(gguf_one((guint64[]){33, 0}, 8, 0, 68), KL_ERR_FORMAT, "impossible shape"); /* no whole block */
  refuse(gguf_one((guint64[]){4, 0}, 99, 0, 16), KL_ERR_UNSUPPORTED, "unknown type 99");
  refuse(gguf_one((guint64[]){1, 1, 1, 1, 1, 1, 1, 0}, 0, 0, 16), KL_ERR_FORMAT, "7 dimensions");
  GByteArray *b = gguf_head(3, 2, 0);
  gguf_tensor(b, "x", (guint64[]){16, 0}, 0, 0), gguf_tensor(b, "y", (guint64[]){4, 0}, 0, 32);
  gguf_data(b, 32, 64);
  refuse(b, KL_ERR_FORMAT, "overlap");
  b = gguf_head(3, 2, 0);
  gguf_tensor(b, "x", (guint64[]){4, 0}, 0, 0), gguf_tensor(b, "x", (guint64[]){4, 0}, 0, 32);
  gguf_data(b, 32, 64);
  refuse(b, KL_ERR_FORMAT, "appears twice");
  b = gguf_head(3, 1, 0);
  gguf_tensor(b, "", (guint64[]){4, 0}, 0, 0), gguf_data(b, 32, 64);
  refuse(b, KL_ERR_FORMAT, "not text");
  b = gguf_head(3, 0, 1), str(b, "general.alignment"), u32(b, 4), u32(b, 3);
  refuse(b, KL_ERR_FORMAT, "alignment");
  b = gguf_head(3, 0, 1), str(b, "a"), u32(b, 77), u64(b, 0);
  refuse(b, KL_ERR_FORMAT, "unknown type");
  b = gguf_head(3, 0, 1), str(b, "a"), u32(b, 9), u32(b, 10), u64(b, G_MAXUINT64 / 4);
  refuse(b, KL_ERR_FORMAT, "truncated");
  b = gguf_head(3, 0, 1), str(b, "a"), u32(b, 9), u32(b, 8), u64(b, G_MAXUINT64);
  refuse(b, KL_ERR_FORMAT, "truncated");
  b = gguf_head(3, 0, 1), str(b, "a");
  u32(b, 9);
  for (int i = 0; i < 100; i++) u32(b, 9), u64(b, 1);
  refuse(b, KL_ERR_FORMAT, "array");
  truncate_everywhere(gguf_good());
}

/* ---- names ---- */

#define T(name) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"

static void names(const char *header, const char *const *want, size_t n) {
  GByteArray *b = st_file(header, 0);
  KlErr err = KL_ERR_INIT;
  KlWeights *w = open_bytes(b, &err);
  g_assert_cmpstr(err.msg, ==, "");
  g_assert_cmpuint(kl_weights_count(w), ==, n);
  for (size_t i = 0; i < n; i++) g_assert_cmpstr(kl_weights_name(w, i), ==, want[i]);
  kl_weights_free(&w);
  g_byte_array_free(b, TRUE);
}
#define NAMES(header, ...)                                                                                   \
  names("{" header "}", (const char *[]){__VA_ARGS__}, G_N_ELEMENTS(((const char *[]){__VA_ARGS__})))

static void test_names(void) {
  NAMES(T("model.diffusion_model.blocks.0.norm3.bias") "," T("diffusion_model.head.head.bias") "," T(
            "model.patch_embedding.bias"),
        "blocks.0.norm3.bias", "head.head.bias", "patch_embedding.bias");
  NAMES(T("blocks.12.attn1.to_q.weight") "," T(
            "blocks.12.attn1.to_out.0.bias") "," T("blocks.12.attn2.norm_"
                                                   "k.weight") "," T("bloc"
                                                                     "ks."
                                                                     "12."
                                                                     "attn"
                                                                     "2."
                                                                     "add_"
                                                                     "k_"
                                                                     "proj"
                                                                     ".wei"
                                                                     "ght") "," T("blocks.12.norm2.weight") "," T("blocks.12.ffn.net.0.proj.weight") "," T("blocks.12.ffn.net.2.bias") "," T("blocks.12.scale_"
                                                                                                                                                                                             "shift_table") "," T("scale_shift_table") "," T("proj_out.weight") "," T("condition_embedder.time_embedder.linear_1.weight") "," T("condition_embedder.text_embedder.linear_2.bias") "," T("condition_embedder.time_proj.weight") "," T("patch_embedding.weight") "," T("vace_blocks.3.proj_in.weight") "," T("vace_blocks.3.proj_out.bias") "," T("vace_patch_embedding.weight"),
        "blocks.12.self_attn.q.weight", "blocks.12.self_attn.o.bias", "blocks.12.cross_attn.norm_k.weight",
        "blocks.12.cross_attn.k_img.weight", "blocks.12.norm3.weight", "blocks.12.ffn.0.weight",
        "blocks.12.ffn.2.bias", "blocks.12.modulation", "head.modulation", "head.head.weight",
        "time_embedding.0.weight", "text_embedding.2.bias", "time_projection.1.weight",
        "patch_embedding.weight", "vace_blocks.3.before_proj.weight", "vace_blocks.3.after_proj.bias",
        "vace_patch_embedding.weight");
  NAMES(
      T("shared.weight") "," T("encoder.embed_tokens.weight") "," T(
          "encoder.block.7.layer.0."
          "SelfAttention.q."
          "weight") "," T("encoder.block.7."
                          "layer.0."
                          "SelfAttention."
                          "relative_"
                          "attention_bias."
                          "weight") "," T("enco"
                                          "der."
                                          "bloc"
                                          "k.7."
                                          "laye"
                                          "r.0."
                                          "laye"
                                          "r_"
                                          "norm"
                                          ".wei"
                                          "ght") "," T("encoder.block.7."
                                                       "layer.1."
                                                       "DenseReluDense."
                                                       "wi_0.weight") "," T("encoder.block.7.layer.1."
                                                                            "DenseReluDense.wi_1.weight") "," T("en"
                                                                                                                "co"
                                                                                                                "de"
                                                                                                                "r."
                                                                                                                "bl"
                                                                                                                "oc"
                                                                                                                "k."
                                                                                                                "7."
                                                                                                                "la"
                                                                                                                "ye"
                                                                                                                "r."
                                                                                                                "1."
                                                                                                                "De"
                                                                                                                "ns"
                                                                                                                "eR"
                                                                                                                "el"
                                                                                                                "uD"
                                                                                                                "en"
                                                                                                                "se"
                                                                                                                ".w"
                                                                                                                "o."
                                                                                                                "we"
                                                                                                                "ig"
                                                                                                                "h"
                                                                                                                "t") "," T("encoder.block.7.layer.1.layer_norm.weight") "," T("encoder.final_layer_norm.weight"),
      "token_embedding.weight", "blocks.7.attn.q.weight", "blocks.7.pos_embedding.embedding.weight",
      "blocks.7.norm1.weight", "blocks.7.ffn.gate.0.weight", "blocks.7.ffn.fc1.weight",
      "blocks.7.ffn.fc2.weight", "blocks.7.norm2.weight", "norm.weight");
  NAMES(
      T("token_embd.weight") "," T("enc.blk.0.attn_q.weight") "," T("enc.blk.0.attn_o.weight") "," T(
          "enc."
          "blk."
          "0."
          "attn_"
          "rel_"
          "b."
          "weigh"
          "t") "," T("enc.blk.0.ffn_gate.weight") "," T("enc.blk.0.ffn_up.weight") "," T("enc.blk.0.ffn_down."
                                                                                         "weight") "," T("enc"
                                                                                                         ".bl"
                                                                                                         "k."
                                                                                                         "0."
                                                                                                         "att"
                                                                                                         "n_"
                                                                                                         "nor"
                                                                                                         "m."
                                                                                                         "wei"
                                                                                                         "gh"
                                                                                                         "t") "," T("enc.blk.0.ffn_norm."
                                                                                                                    "weight") "," T("enc."
                                                                                                                                    "output_"
                                                                                                                                    "norm."
                                                                                                                                    "weight"),
      "token_embedding.weight", "blocks.0.attn.q.weight", "blocks.0.attn.o.weight",
      "blocks.0.pos_embedding.embedding.weight", "blocks.0.ffn.gate.0.weight", "blocks.0.ffn.fc1.weight",
      "blocks.0.ffn.fc2.weight", "blocks.0.norm1.weight", "blocks.0.norm2.weight", "norm.weight");
  NAMES(
      T("encoder.conv_in.weight") "," T("encoder.down_blocks.3.conv_shortcut.weight") "," T(
          "encoder.down_"
          "blocks.5.time_"
          "conv.bias") "," T("encoder.down_blocks.2."
                             "resample.1.weight") "," T("encoder.mid_block.resnets.1."
                                                        "norm2.gamma") "," T("encoder"
                                                                             ".mid_"
                                                                             "block."
                                                                             "attenti"
                                                                             "ons.0."
                                                                             "to_qkv."
                                                                             "bias") "," T("encoder.norm_out."
                                                                                           "gamma") "," T("de"
                                                                                                          "co"
                                                                                                          "de"
                                                                                                          "r."
                                                                                                          "co"
                                                                                                          "nv"
                                                                                                          "_o"
                                                                                                          "ut"
                                                                                                          ".b"
                                                                                                          "ia"
                                                                                                          "s") "," T("decoder.up_blocks.1.resnets.0.conv_"
                                                                                                                     "shortcut.bias") "," T("decoder.up_"
                                                                                                                                            "blocks.3."
                                                                                                                                            "resnets.2."
                                                                                                                                            "conv1."
                                                                                                                                            "weight") "," T("decoder.up_blocks.0.upsamplers.0.time_conv.weight") "," T("decoder.up_blocks.2.upsamplers.0.resample.1.bias") "," T("quant_conv.weight") "," T("post_quant_conv.bias"),
      "encoder.conv1.weight", "encoder.downsamples.3.shortcut.weight", "encoder.downsamples.5.time_conv.bias",
      "encoder.downsamples.2.resample.1.weight", "encoder.middle.2.residual.3.gamma",
      "encoder.middle.1.to_qkv.bias", "encoder.head.0.gamma", "decoder.head.2.bias",
      "decoder.upsamples.4.shortcut.bias", "decoder.upsamples.14.residual.2.weight",
      "decoder.upsamples.3.time_conv.weight", "decoder.upsamples.11.resample.1.bias", "conv1.weight",
      "conv2.bias");
}

/* ---- random weights, memory ---- */

static int freed;
static void count_free(void *pack) {
  freed += *(int *)pack;
}

static void test_random(void) {
  static const KlDtype types[] = {KL_F32, KL_F16, KL_BF16, KL_Q8_0};
  const int64_t shape[] = {700, 256};
  float *x = g_new(float, 700 * 256);
  for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
    KlErr err = KL_ERR_INIT;
    KlWeights *w, *again;
    g_assert_true(kl_weights_new(&w, &err));
    g_assert_true(kl_weights_new(&again, &err));
    g_assert_true(kl_weights_add_random(w, "w", types[i], 2, shape, 1, 0.5f, 3, &err));
    g_assert_true(kl_weights_add_random(w, "v", types[i], 2, shape, 1, 0.5f, 3, &err));
    g_assert_true(kl_weights_add_random(again, "w", types[i], 2, shape, 1, 0.5f, 3, &err));
    g_assert_false(kl_weights_add_random(w, "w", types[i], 2, shape, 1, 0.5f, 3, &err));
    KlTensor *a = kl_weights_find(w, "w"), *b = kl_weights_find(again, "w"), *v = kl_weights_find(w, "v");
    size_t bytes;
    g_assert_true(kl_dtype_bytes(types[i], 700 * 256, &bytes));
    g_assert_cmpmem(kl_data(a), bytes, kl_data(b), bytes);
    g_assert_cmpint(memcmp(kl_data(a), kl_data(v), bytes), !=, 0);
    kl_to_f32(types[i], kl_data(a), x, 700 * 256);
    double sum = 0, squares = 0;
    for (size_t k = 0; k < 700 * 256; k++) sum += (double)x[k], squares += (double)x[k] * (double)x[k];
    double mean = sum / (700 * 256), var = squares / (700 * 256) - mean * mean;
    g_assert_cmpfloat(fabs(mean - 1), <, 0.02);
    g_assert_cmpfloat(fabs(sqrt(var) - 0.5), <, 0.02);
    int one = 1;
    freed = 0;
    a->pack = &one, a->pack_free = count_free;
    kl_weights_unpack(w);
    g_assert_cmpint(freed, ==, 1);
    a->pack = &one, a->pack_free = count_free;
    kl_weights_free(&w);
    g_assert_cmpint(freed, ==, 2);
    kl_weights_free(&again);
  }
  g_free(x);
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_new(&w, &err));
  g_assert_true(kl_weights_add_random(w, "norm", KL_F32, 1, (int64_t[]){7}, 1, 0, 3, &err));
  for (int i = 0; i < 7; i++) g_assert_cmpfloat(((float *)kl_data(kl_weights_find(w, "norm")))[i], ==, 1);
  g_assert_false(kl_weights_add_random(w, "q", KL_Q8_0, 2, (int64_t[]){32, 7}, 0, 1, 3, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  err = KL_ERR_INIT;
  g_assert_false(kl_weights_add_random(w, "q", KL_Q4_K, 2, (int64_t[]){32, 256}, 0, 1, 3, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_UNSUPPORTED);
  err = KL_ERR_INIT;
  g_assert_false(kl_weights_add_random(w, "q", KL_F32, 2, (int64_t[]){1 << 30, 1ll << 40}, 0, 1, 3, &err));
  kl_weights_free(&w);
}

static void test_drop(void) {
  enum { BYTES = 64 << 20 };
  GByteArray *b = st_file(ONE("F16", "33554432", 0, 67108864), 0);
  guint head = b->len;
  g_byte_array_set_size(b, head + BYTES);
  memset(b->data + head, 0x11, BYTES);
  char *path = write_temp(b, ".safetensors");
  g_byte_array_free(b, TRUE);
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_open(&(const char *){path}, 1, &w, &err));
  size_t before = kl_mem_rss(), sum = 0;
  const unsigned char *p = kl_data(kl_weights_at(w, 0));
  for (size_t i = 0; i < BYTES; i += 512) sum += p[i];
  size_t touched = kl_mem_rss();
  kl_weights_drop(w, kl_weights_at(w, 0));
  size_t after = kl_mem_rss();
  g_assert_cmpuint(sum, ==, (size_t)BYTES / 512 * 0x11);
  g_assert_cmpuint(touched, >, before + BYTES / 2);
  g_assert_cmpuint(after, <, before + BYTES / 8);
  kl_weights_free(&w);
  g_unlink(path);
  g_free(path);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/weights/gguf", test_gguf);
  g_test_add_func("/weights/hostile", test_gguf_hostile);
  g_test_add_func("/weights/names", test_names);
  g_test_add_func("/weights/random", test_random);
  g_test_add_func("/weights/drop", test_drop);
  return g_test_run();
}
