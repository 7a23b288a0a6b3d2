/* engine/models: the Wan transformer and UMT5 on small random weights. What the golden cases do not pin: the
 * window's seam, states as bytes, recaching, both branches at once, pads as one key, cancel, failed
 * allocations. */
#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/models/umt5.h"
#include "engine/models/wan_dit.h"

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DIM = 48, HEADS = 2, FFN = 64, TEXT = 24, FREQ = 32, C = 4, H = 4, W = 6, PLANE = C * H * W };

static KlBackend *backend;

static void add(KlWeights *w, const char *prefix, const char *name, int n, int k, float mean, float std) {
  char full[96];
  KlErr err = KL_ERR_INIT;
  snprintf(full, sizeof full, "%s%s", prefix, name);
  int64_t shape[2] = {n, k};
  g_assert_true(kl_weights_add_random(w, full, KL_F32, k ? 2 : 1, shape, mean, std, 7, &err));
}

static void add_linear(KlWeights *w, const char *prefix, const char *name, int n, int k) {
  char full[64];
  snprintf(full, sizeof full, "%s.weight", name);
  add(w, prefix, full, n, k, 0, 1 / sqrtf((float)k));
  snprintf(full, sizeof full, "%s.bias", name);
  add(w, prefix, full, n, 0, 0, .1f);
}

/* heads come from the width (dim / 128, at least 1), so these have one head of 48 */
static KlWeights *random_wan(int layers) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_new(&w, &err));
  add_linear(w, "", "patch_embedding", DIM, C * 4);
  add_linear(w, "", "text_embedding.0", DIM, TEXT);
  add_linear(w, "", "text_embedding.2", DIM, DIM);
  add_linear(w, "", "time_embedding.0", DIM, FREQ);
  add_linear(w, "", "time_embedding.2", DIM, DIM);
  add_linear(w, "", "time_projection.1", 6 * DIM, DIM);
  add_linear(w, "", "head.head", C * 4, DIM);
  add(w, "", "head.modulation", 2, DIM, 0, .1f);
  for (int i = 0; i < layers; i++) {
    char p[32];
    snprintf(p, sizeof p, "blocks.%d.", i);
    add(w, p, "modulation", 6, DIM, 0, .1f);
    for (int a = 0; a < 2; a++) {
      char q[64];
      snprintf(q, sizeof q, "%s%s_attn.", p, a ? "cross" : "self");
      add_linear(w, q, "q", DIM, DIM);
      add_linear(w, q, "k", DIM, DIM);
      add_linear(w, q, "v", DIM, DIM);
      add_linear(w, q, "o", DIM, DIM);
      add(w, q, "norm_q.weight", DIM, 0, 1, .1f);
      add(w, q, "norm_k.weight", DIM, 0, 1, .1f);
    }
    add(w, p, "norm3.weight", DIM, 0, 1, .1f);
    add(w, p, "norm3.bias", DIM, 0, 0, .1f);
    add_linear(w, p, "ffn.0", FFN, DIM);
    add_linear(w, p, "ffn.2", DIM, FFN);
  }
  return w;
}

static KlWeights *random_umt5(void) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  g_assert_true(kl_weights_new(&w, &err));
  add(w, "", "token_embedding.weight", 50, DIM, 0, 1);
  add(w, "", "norm.weight", DIM, 0, 1, .1f);
  for (int i = 0; i < 2; i++) {
    char p[32];
    snprintf(p, sizeof p, "blocks.%d.", i);
    add(w, p, "norm1.weight", DIM, 0, 1, .1f);
    add(w, p, "norm2.weight", DIM, 0, 1, .1f);
    add(w, p, "attn.q.weight", DIM, DIM, 0, .1f);
    add(w, p, "attn.k.weight", DIM, DIM, 0, .1f);
    add(w, p, "attn.v.weight", DIM, DIM, 0, .1f);
    add(w, p, "attn.o.weight", DIM, DIM, 0, .1f);
    add(w, p, "pos_embedding.embedding.weight", 32, HEADS, 0, 1);
    add(w, p, "ffn.gate.0.weight", FFN, DIM, 0, .1f);
    add(w, p, "ffn.fc1.weight", FFN, DIM, 0, .1f);
    add(w, p, "ffn.fc2.weight", DIM, FFN, 0, .1f);
  }
  return w;
}

typedef struct {
  KlWeights *w;
  KlWan *m;
  KlWanText *text[2];
  float x[12 * PLANE], a[12 * PLANE], b[12 * PLANE], c[12 * PLANE], context[600 * TEXT];
} Fixture;

static Fixture *setup(int layers) {
  Fixture *f = g_new0(Fixture, 1);
  KlErr err = KL_ERR_INIT;
  f->w = random_wan(layers);
  kl_randn(1, 0, 0, f->x, G_N_ELEMENTS(f->x));
  kl_randn(1, 1, 0, f->context, G_N_ELEMENTS(f->context));
  g_assert_true(kl_wan_open(f->w, backend, &f->m, &err));
  g_assert_true(kl_wan_text_new(f->m, f->context, 5, &f->text[0], NULL, &err));
  g_assert_true(kl_wan_text_new(f->m, f->context + 5 * TEXT, 3, &f->text[1], NULL, &err));
  return f;
}

static void teardown(Fixture *f) {
  for (int i = 0; i < 2; i++) kl_wan_text_free(&f->text[i]);
  kl_wan_free(&f->m);
  kl_weights_free(&f->w);
  g_free(f);
}

static double difference(const float *a, const float *b, size_t n) {
  double d = 0, s = 0;
  for (size_t i = 0; i < n; i++) {
    d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    s += (double)b[i] * (double)b[i];
  }
  return sqrt(d / s);
}

static void commit(KlWanStream *s, KlWanText **text, const float *x, int frames) {
  KlErr err = KL_ERR_INIT;
  bool ok = kl_wan_stream_commit(s, text, x, frames, 0, NULL, NULL, &err);
  g_assert_cmpstr(err.msg, ==, "");
  g_assert_true(ok);
}

static void velocity(KlWanStream *s, KlWanText **text, const float *x, int frames, float *out) {
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_wan_stream_forward(s, text, x, frames, 500, NULL, &out, NULL, &err));
}

static KlWanStream *stream(Fixture *f, int window, int sink, bool relative) {
  KlWanStream *s;
  KlErr err = KL_ERR_INIT;
  g_assert_true(kl_wan_stream_new(f->m, 1, H, W, window, sink, relative, &s, &err));
  return s;
}

static void test_branches(void) {
  Fixture *f = setup(2);
  KlErr err = KL_ERR_INIT;
  float t[3] = {900, 900, 900}, *out[2] = {f->a, f->b}, *one = f->c;
  g_assert_true(kl_wan_forward(f->m, f->text, 2, f->x, 3, H, W, t, true, NULL, out, NULL, &err));
  for (int i = 0; i < 2; i++) {
    g_assert_true(kl_wan_forward(f->m, &f->text[i], 1, f->x, 3, H, W, t, false, NULL, &one, NULL, &err));
    g_assert_cmpfloat(difference(out[i], one, 3 * PLANE), <, 1e-6);
  }
  g_assert_cmpfloat(difference(f->a, f->b, 3 * PLANE), >, 1e-3);
  /* a timestep a frame: almost equal ones give almost the same */
  float each[3] = {900, 900.001f, 900};
  g_assert_true(kl_wan_forward(f->m, f->text, 2, f->x, 3, H, W, each, false, NULL, out, NULL, &err));
  g_assert_cmpfloat(difference(f->b, one, 3 * PLANE), <, 1e-3);
  g_assert_cmpfloat(difference(f->b, one, 3 * PLANE), >, 0);
  size_t workspace;
  double flops;
  g_assert_true(kl_wan_forward_plan(f->m, 2, 1, 3, H, W, &workspace, &flops, &err));
  g_assert_cmpuint(workspace, >, 0);
  g_assert_cmpfloat(flops, >, 0);
  g_assert_false(kl_wan_forward(f->m, f->text, 1, f->x, 3, H + 1, W, t, true, NULL, out, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  teardown(f);
}

/* The zero rows as one key are the zero rows as they are; longer texts are cut. */
static void test_pads(void) {
  Fixture *f = setup(2);
  KlErr err = KL_ERR_INIT;
  KlWanText *full;
  float t = 300, *a = f->a, *b = f->b;
  memset(f->context + 5 * TEXT, 0, (512 - 5) * TEXT * sizeof(float));
  g_assert_true(kl_wan_text_new(f->m, f->context, 600, &full, NULL, &err));
  g_assert_true(kl_wan_forward(f->m, &f->text[0], 1, f->x, 2, H, W, &t, true, NULL, &a, NULL, &err));
  g_assert_true(kl_wan_forward(f->m, &full, 1, f->x, 2, H, W, &t, true, NULL, &b, NULL, &err));
  g_assert_cmpfloat(difference(f->a, f->b, 2 * PLANE), <, 1e-5);
  kl_wan_text_free(&full);
  g_assert_true(kl_wan_text_new(f->m, NULL, 0, &full, NULL, &err));
  g_assert_true(kl_wan_forward(f->m, &full, 1, f->x, 2, H, W, &t, true, NULL, &b, NULL, &err));
  kl_wan_text_free(&full);
  teardown(f);
}

/* With one layer a token's text reaches no other token: each token of a layout must come out as in a picture
 * that is of its region all over. */
static void test_layout(void) {
  enum { GW = W / 2, TOKENS = H / 2 * GW };
  Fixture *f = setup(1);
  KlErr err = KL_ERR_INIT;
  KlWanTextPart parts[3] = {{f->context, 5}, {f->context + 5 * TEXT, 3}, {f->context + 9 * TEXT, 8}};
  KlWanText *same, *mixed;
  int32_t regions[TOKENS] = {0, 1, 2, 2, 0, 1}, all[TOKENS];
  float t = 300, *a = f->a, *b = f->b;
  KlWanCondition cond = {.regions = regions}, one = {.regions = all};
  KlWanTextPart twice[3] = {parts[0], parts[0], parts[0]};
  g_assert_true(kl_wan_text_new_layout(f->m, twice, 3, &same, NULL, &err));
  g_assert_true(kl_wan_text_new_layout(f->m, parts, 3, &mixed, NULL, &err));

  /* the same prompt everywhere is that prompt */
  g_assert_true(kl_wan_forward(f->m, &f->text[0], 1, f->x, 2, H, W, &t, true, NULL, &a, NULL, &err));
  g_assert_true(kl_wan_forward(f->m, &same, 1, f->x, 2, H, W, &t, true, &cond, &b, NULL, &err));
  g_assert_cmpfloat(difference(b, a, 2 * PLANE), <, 1e-5);

  g_assert_true(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, &cond, &a, NULL, &err));
  for (int region = 0; region < 3; region++) {
    for (int i = 0; i < TOKENS; i++) all[i] = region;
    g_assert_true(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, &one, &b, NULL, &err));
    for (int i = 0; i < 2 * PLANE; i++) {
      int y = i / W % H / 2, x = i % W / 2;
      if (regions[y * GW + x] == region) g_assert_cmpfloat(fabsf(a[i] - b[i]), <, 1e-5);
    }
    /* outside of every region there is only the whole prompt */
    if (region) continue;
    g_assert_true(kl_wan_forward(f->m, &f->text[0], 1, f->x, 2, H, W, &t, true, NULL, &a, NULL, &err));
    g_assert_cmpfloat(difference(b, a, 2 * PLANE), <, 1e-5);
    g_assert_true(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, &cond, &a, NULL, &err));
    g_assert_cmpfloat(difference(b, a, 2 * PLANE), >, 1e-3);
  }

  /* apart: what happens in one region is nothing to the others, now and in the cache */
  KlWanCondition apart = {.regions = regions, .apart = true};
  KlWanStream *first = stream(f, 9, 3, true), *second = stream(f, 9, 3, true);
  g_assert_true(kl_wan_stream_commit(first, &mixed, f->x, 2, 0, &apart, NULL, &err));
  g_assert_true(kl_wan_stream_forward(first, &mixed, f->x + 2 * PLANE, 2, t, &apart, &a, NULL, &err));
  for (int i = 0; i < 4 * PLANE; i++)
    if (regions[i / W % H / 2 * GW + i % W / 2] == 2) f->x[i] += 1;
  g_assert_true(kl_wan_stream_commit(second, &mixed, f->x, 2, 0, &apart, NULL, &err));
  g_assert_true(kl_wan_stream_forward(second, &mixed, f->x + 2 * PLANE, 2, t, &apart, &b, NULL, &err));
  for (int i = 0; i < 2 * PLANE; i++) {
    if (regions[i / W % H / 2 * GW + i % W / 2] != 2) g_assert_cmpfloat(fabsf(a[i] - b[i]), <, 1e-5);
  }
  g_assert_cmpfloat(difference(b, a, 2 * PLANE), >, 1e-2);
  kl_wan_stream_free(&first);
  kl_wan_stream_free(&second);
  g_assert_true(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, &cond, &a, NULL, &err));

  /* beside an unprompted branch, and streamed */
  KlWanText *guided[2] = {mixed, f->text[1]};
  float *out[2] = {f->b, f->c};
  g_assert_true(kl_wan_forward(f->m, guided, 2, f->x, 2, H, W, &t, true, &cond, out, NULL, &err));
  g_assert_cmpfloat(difference(b, a, 2 * PLANE), <, 1e-5);
  KlWanStream *s = stream(f, 9, 3, true);
  g_assert_true(kl_wan_stream_forward(s, &mixed, f->x, 2, t, &cond, &b, NULL, &err));
  g_assert_cmpfloat(difference(b, a, 2 * PLANE), <, 1e-5);
  kl_wan_stream_free(&s);

  regions[3] = 3;
  g_assert_false(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, &cond, &a, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  err = KL_ERR_INIT;
  g_assert_false(kl_wan_forward(f->m, &mixed, 1, f->x, 2, H, W, &t, true, NULL, &a, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  kl_wan_text_free(&same);
  kl_wan_text_free(&mixed);
  err = KL_ERR_INIT;
  g_assert_false(kl_wan_text_new_layout(f->m, parts, KL_WAN_MOST_REGIONS + 2, &mixed, NULL, &err));
  teardown(f);
}

/* With one layer, keys and values depend on their own frames only: a rolled window must equal a fresh one
 * that got just the frames in view. Chunks of 1 to 3 frames, so that sink and ring are straddled and the seam
 * lies everywhere. */
static void test_window(void) {
  Fixture *f = setup(1);
  static const int chunks[] = {2, 3, 1, 3, 2, 3, 3, 1};
  static const int shapes[][2] = {{9, 3}, {8, 1}, {8, 3}, {7, 4}, {5, 0}, {3, 0}, {11, 2}};
  float *video = g_new(float, 64 * PLANE), *seen = g_new(float, 64 * PLANE);
  kl_randn(2, 0, 0, video, 64 * PLANE);
  for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
    int sink = shapes[i][1], ring = shapes[i][0] - sink - 3, at = 0;
    KlWanStream *s = stream(f, shapes[i][0], sink ? sink : -1, true);
    for (size_t k = 0; k < G_N_ELEMENTS(chunks); k++) {
      commit(s, f->text, video + (size_t)at * PLANE, chunks[k]);
      at += chunks[k];
      g_assert_cmpint(kl_wan_stream_frames(s), ==, at);
      int in_sink = MIN(at, sink), recent = MIN(at - in_sink, ring);
      g_assert_cmpint(kl_wan_stream_cached(s), ==, in_sink + recent);
      memcpy(seen, video, (size_t)in_sink * PLANE * sizeof *seen);
      memcpy(seen + in_sink * PLANE, video + (at - recent) * PLANE, (size_t)recent * PLANE * sizeof *seen);
      KlWanStream *fresh = stream(f, 40, 1, true);
      for (int n = 0; n < in_sink + recent; n++) commit(fresh, f->text, seen + n * PLANE, 1);
      velocity(s, f->text, f->x, 2, f->a);
      velocity(fresh, f->text, f->x, 2, f->b);
      g_assert_cmpfloat(difference(f->a, f->b, 2 * PLANE), <, 1e-5);
      kl_wan_stream_free(&fresh);
    }
    kl_wan_stream_free(&s);
  }
  g_free(video);
  g_free(seen);
  teardown(f);
}

static void test_positions(void) {
  Fixture *f = setup(2);
  KlWanStream *a = stream(f, 9, 3, false), *r = stream(f, 9, 3, true);
  for (int k = 0; k < 4; k++) {
    velocity(a, f->text, f->x, 3, f->a);
    velocity(r, f->text, f->x, 3, f->b);
    if (k < 3)
      g_assert_cmpint(memcmp(f->a, f->b, 3 * PLANE * sizeof *f->a), ==, 0);
    else
      g_assert_cmpfloat(difference(f->a, f->b, 3 * PLANE), >, 1e-4);
    commit(a, f->text, f->x + k * PLANE, 3);
    commit(r, f->text, f->x + k * PLANE, 3);
  }
  kl_wan_stream_free(&a);
  kl_wan_stream_free(&r);
  teardown(f);
}

static void test_state(void) {
  Fixture *f = setup(2);
  KlErr err = KL_ERR_INIT;
  KlWanStream *s = stream(f, 8, 2, true), *other = stream(f, 9, 2, true);
  for (int k = 0; k < 3; k++) commit(s, f->text, f->x + 3 * k * PLANE, 3);
  size_t n = kl_wan_stream_state_bytes(s);
  char *state = g_malloc(n);
  g_assert_true(kl_wan_stream_save(s, state, &err));
  commit(s, f->text, f->x + 9 * PLANE, 3);
  velocity(s, f->text, f->x, 3, f->a);
  kl_wan_stream_free(&s);
  s = stream(f, 8, 2, true);
  g_assert_true(kl_wan_stream_load(s, state, n, &err));
  commit(s, f->text, f->x + 9 * PLANE, 3);
  velocity(s, f->text, f->x, 3, f->b);
  g_assert_cmpint(memcmp(f->a, f->b, 3 * PLANE * sizeof *f->a), ==, 0);
  g_assert_false(kl_wan_stream_load(other, state, n, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  err = KL_ERR_INIT;
  state[44] = 100; /* more frames than the ring has */
  g_assert_false(kl_wan_stream_load(s, state, n, &err));
  g_assert_false(kl_wan_stream_load(s, state, 3, NULL));

  /* Half a commit: the cache says so until it is loaded again. */
  g_assert_true(kl_wan_stream_save(s, state, NULL));
  velocity(s, f->text, f->x, 3, f->a); /* so that the graph is not what is cancelled */
  KlCancel cancel = {0};
  kl_cancel(&cancel);
  err = KL_ERR_INIT;
  g_assert_false(kl_wan_stream_commit(s, f->text, f->x, 3, 0, NULL, &cancel, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  g_free(state);
  kl_wan_stream_free(&s);
  kl_wan_stream_free(&other);
  teardown(f);
}

/* Before anything has left the window, recaching with the same text changes nothing; with another text it
 * does, and equals a video that had that text from the start. */
static void test_recache(void) {
  Fixture *f = setup(2);
  KlErr err = KL_ERR_INIT;
  KlWanStream *s = stream(f, 12, 3, true), *from_start = stream(f, 12, 3, true);
  for (int k = 0; k < 3; k++) commit(s, f->text, f->x + 3 * k * PLANE, 3);
  for (int k = 0; k < 3; k++) commit(from_start, f->text + 1, f->x + 3 * k * PLANE, 3);
  velocity(s, f->text, f->x, 3, f->a);
  g_assert_true(kl_wan_stream_recache(s, f->text, f->x, 0, NULL, NULL, &err));
  velocity(s, f->text, f->x, 3, f->b);
  g_assert_cmpint(memcmp(f->a, f->b, 3 * PLANE * sizeof *f->a), ==, 0);
  g_assert_true(kl_wan_stream_recache(s, f->text + 1, f->x, 0, NULL, NULL, &err));
  velocity(s, f->text + 1, f->x, 3, f->a);
  velocity(from_start, f->text + 1, f->x, 3, f->b);
  g_assert_cmpint(memcmp(f->a, f->b, 3 * PLANE * sizeof *f->a), ==, 0);
  g_assert_cmpint(kl_wan_stream_frames(s), ==, 9);
  kl_wan_stream_free(&s);
  kl_wan_stream_free(&from_start);
  teardown(f);
}

static void test_refusals(void) {
  KlErr err = KL_ERR_INIT;
  KlWeights *w;
  KlWan *m;
  g_assert_true(kl_weights_new(&w, &err));
  g_assert_false(kl_wan_open(w, backend, &m, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  kl_weights_free(&w);

  Fixture *f = setup(1);
  KlWanStream *s;
  err = KL_ERR_INIT;
  g_assert_false(kl_wan_stream_new(f->m, 1, H, W, 4, 3, false, &s, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  s = stream(f, 9, 3, false);
  float *out = f->a;
  g_assert_false(kl_wan_stream_forward(s, f->text, f->x, 4, 500, NULL, &out, NULL, &err));
  kl_wan_stream_free(&s);
  /* Weights that make no sense are noticed in the result. */
  ((float *)kl_data(kl_weights_find(f->w, "head.head.bias")))[3] = NAN;
  err = KL_ERR_INIT;
  float t = 100;
  g_assert_false(kl_wan_forward(f->m, f->text, 1, f->x, 2, H, W, &t, true, NULL, &out, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_FORMAT);
  teardown(f);
}

static void test_memory(void) {
  Fixture *f = g_new0(Fixture, 1);
  f->w = random_wan(1);
  for (long n = 1;; n++) {
    KlErr err = KL_ERR_INIT;
    KlWanStream *s = NULL;
    float t = 100, *out = f->a;
    kl_mem_fail_after(n);
    bool ok = kl_wan_open(f->w, backend, &f->m, &err) &&
              kl_wan_text_new(f->m, f->context, 4, &f->text[0], NULL, &err) &&
              kl_wan_forward(f->m, f->text, 1, f->x, 2, H, W, &t, true, NULL, &out, NULL, &err) &&
              kl_wan_stream_new(f->m, 1, H, W, 9, 3, false, &s, &err) &&
              kl_wan_stream_commit(s, f->text, f->x, 3, 0, NULL, NULL, &err) &&
              kl_wan_stream_forward(s, f->text, f->x, 3, 500, NULL, &out, NULL, &err);
    kl_mem_fail_after(0);
    if (s) kl_wan_stream_free(&s);
    kl_wan_text_free(&f->text[0]);
    kl_wan_free(&f->m);
    kl_weights_unpack(f->w);
    kl_backend_trim(backend);
    if (ok) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    g_assert_cmpint(n, <, 5000);
  }
  kl_weights_free(&f->w);
  g_free(f);
}

static void test_umt5(void) {
  KlWeights *w = random_umt5();
  KlErr err = KL_ERR_INIT;
  KlUmt5 *m;
  int32_t ids[40];
  float a[40 * DIM], b[40 * DIM];
  for (int i = 0; i < 40; i++) ids[i] = i % 50;
  g_assert_true(kl_umt5_open(w, backend, &m, &err));
  g_assert_cmpint(kl_umt5_dim(m), ==, DIM);
  g_assert_true(kl_umt5_encode(m, ids, 40, true, a, NULL, &err));
  g_assert_true(kl_umt5_encode(m, ids, 40, false, b, NULL, &err));
  g_assert_cmpint(memcmp(a, b, sizeof a), ==, 0);
  g_assert_true(kl_umt5_encode(m, ids, 1, false, b, NULL, &err));
  g_assert_false(kl_umt5_encode(m, ids, 0, false, b, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  err = KL_ERR_INIT;
  ids[3] = 50;
  g_assert_false(kl_umt5_encode(m, ids, 40, false, b, NULL, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_INVALID);
  ids[3] = 3;
  KlCancel cancel = {0};
  kl_cancel(&cancel);
  err = KL_ERR_INIT;
  g_assert_false(kl_umt5_encode(m, ids, 40, false, b, &cancel, &err));
  g_assert_cmpint(err.code, ==, KL_ERR_CANCELLED);
  kl_umt5_free(&m);
  for (long n = 1;; n++) {
    err = KL_ERR_INIT;
    kl_mem_fail_after(n);
    bool ok = kl_umt5_open(w, backend, &m, &err) && kl_umt5_encode(m, ids, 5, false, b, NULL, &err);
    kl_mem_fail_after(0);
    kl_umt5_free(&m);
    kl_backend_trim(backend);
    if (ok) break;
    g_assert_cmpint(err.code, ==, KL_ERR_OOM);
    g_assert_cmpint(n, <, 5000);
  }
  kl_weights_free(&w);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  KlErr err = KL_ERR_INIT;
  if (!kl_cpu_backend_new(1, KL_F32, &backend, &err)) g_error("%s", err.msg);
  g_test_add_func("/wan/branches", test_branches);
  g_test_add_func("/wan/pads", test_pads);
  g_test_add_func("/wan/layout", test_layout);
  g_test_add_func("/wan/window", test_window);
  g_test_add_func("/wan/positions", test_positions);
  g_test_add_func("/wan/state", test_state);
  g_test_add_func("/wan/recache", test_recache);
  g_test_add_func("/wan/refusals", test_refusals);
  g_test_add_func("/wan/memory", test_memory);
  g_test_add_func("/umt5", test_umt5);
  int rc = g_test_run();
  kl_backend_free(&backend);
  return rc;
}
