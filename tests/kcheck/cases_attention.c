#include "tests/kcheck/harness.h"

#include <math.h>
#include <stdio.h>

/* How labels are laid out: random a token, runs as long as chunks (whole tiles are skipped), or all out of
 * range. */
typedef enum { NO_MASK, RANDOM, RUNS, BLIND } Mask;

typedef struct {
  int64_t nq, heads, d;
  int segments;
  int64_t n[KL_ATTN_SEGMENTS];
  float bias[KL_ATTN_SEGMENTS];
  KlDtype q, k;
  KcData data;
  KlAttnNormaliser normaliser;
  Mask mask;
  bool rope, rel, strided;
  float scale; /* 0: 1/sqrt(d) */
  bool zero_scale;
} Args;

enum { Q_LABELS = 3, K_LABELS = 4 };

static KlTensor *rows(Kc *k, const Args *p, KlDtype dtype, int64_t n) {
  const int64_t shape[3] = {n, p->heads, p->d};
  return p->strided ? kc_strided(k, dtype, p->data, 3, shape) : kc_input(k, dtype, p->data, 3, shape);
}

static KlTensor *positions(Kc *k, const Args *p, int64_t n) {
  KlTensor *t = kc_input(k, KL_F32, KC_NORMAL, KL_SHAPE(n, p->d / 2, 2));
  float *cs = k->tensor[k->count - 1].data;
  for (int64_t i = 0; i < n * p->d / 2; i++) {
    float angle = 3 * cs[2 * i];
    cs[2 * i] = cosf(angle);
    cs[2 * i + 1] = sinf(angle);
  }
  return t;
}

static KlTensor *labels(Kc *k, const Args *p, int64_t n, int kinds) {
  KlTensor *t = kc_ints(k, -1, kinds + 1, KL_SHAPE(n));
  int32_t *label = k->tensor[k->count - 1].data;
  if (p->mask == RUNS)
    for (int64_t i = 0; i < n; i++) label[i] = (int32_t)(i * kinds / n);
  if (p->mask == BLIND)
    for (int64_t i = 0; i < n; i++) label[i] = i % 2 ? -1 : kinds;
  return t;
}

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  KlAttention a = {.segments = p->segments, .normaliser = p->normaliser};
  a.scale = p->zero_scale ? 0 : p->scale != 0 ? p->scale : 1 / sqrtf((float)p->d);
  a.q = rows(k, p, p->q, p->nq);
  int64_t nk = 0;
  for (int i = 0; i < p->segments; i++) {
    a.segment[i] =
        (KlAttnSegment){.k = rows(k, p, p->k, p->n[i]), .v = rows(k, p, p->k, p->n[i]), .bias = p->bias[i]};
    if (p->rope && i != 1) a.segment[i].rope = positions(k, p, p->n[i]);
    if (p->mask) a.segment[i].labels = labels(k, p, p->n[i], K_LABELS);
    nk += p->n[i];
  }
  if (p->rope) a.q_rope = positions(k, p, p->nq);
  if (p->mask) {
    a.q_labels = labels(k, p, p->nq, Q_LABELS);
    a.allow = kc_ints(k, 0, 2, KL_SHAPE(Q_LABELS, K_LABELS));
    int32_t *allow = k->tensor[k->count - 1].data; /* one kind of query sees nothing, one nearly all */
    for (int i = 0; i < K_LABELS; i++) allow[i] = 0, allow[K_LABELS + i] = i != 2;
  }
  int64_t m = (p->nq > nk ? p->nq : nk) + 3;
  if (p->rel) a.rel_bias = kc_input(k, KL_F32, KC_NORMAL, KL_SHAPE(p->heads, 2 * m - 1));
  if (p->normaliser == KL_ATTN_MAP) a.map = kc_input(k, KL_F32, KC_NORMAL, KL_SHAPE(p->heads, p->nq, nk));
  return kl_attention(kc_graph(k), &a);
}

static void one(Kc *k, Args a, const char *what) {
  kc_case(k, build, &a, (KcTol){0},
          "attention %s %ldx%ldx%ld segments%d keys%ld,%ld %s/%s data%d kind%d mask%d%s%s%s", what,
          (long)a.nq, (long)a.heads, (long)a.d, a.segments, (long)a.n[0], (long)a.n[1], kl_dtype_name(a.q),
          kl_dtype_name(a.k), a.data, a.normaliser, a.mask, a.rope ? " rope" : "", a.rel ? " rel" : "",
          a.strided ? " strided" : "");
}

static void sizes(Kc *k) {
  static const int64_t tokens[][2] = {{0, 5},    {3, 0},     {1, 1},   {1, 63},  {6, 16},
                                      {7, 17},   {63, 64},   {64, 65}, {65, 15}, {95, 129},
                                      {97, 256}, {129, 257}, {30, 600}};
  static const int64_t dims[] = {1, 2, 7, 16, 40, 64, 80, 128, 256};
  int turn = 0;
  for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
    for (size_t t = 0; t < sizeof tokens / sizeof tokens[0]; t++)
      for (int half = 0; half < 2; half++, turn++) {
        Args a = {
            .nq = tokens[t][0], .heads = 1 + turn % 3, .d = dims[d], .segments = 1, .n = {tokens[t][1]}};
        a.q = a.k = half ? KL_BF16 : KL_F32;
        a.rope = a.d % 2 == 0 && turn % 5 < 3;
        a.strided = turn % 4 == 1;
        a.rel = turn % 7 == 2;
        a.mask = turn % 11 == 5 ? RANDOM : NO_MASK;
        one(k, a, "size");
      }
}

static void features(Kc *k, KlDtype t) {
  const Args base = {
      .nq = 70, .heads = 2, .d = 64, .segments = 3, .n = {130, 1, 77}, .bias = {0, 4.5f, -1}, .q = t, .k = t};
  for (int norm = KL_ATTN_SOFTMAX; norm <= KL_ATTN_MAP; norm++)
    for (int mask = NO_MASK; mask <= BLIND; mask++)
      for (int v = 0; v < 4; v++) {
        Args a = base;
        a.normaliser = (KlAttnNormaliser)norm, a.mask = (Mask)mask, a.rope = v & 1, a.rel = v & 2,
        a.strided = v == 2;
        one(k, a, "feature");
      }
  for (int d = 0; d < KC_DATA; d++) {
    Args a = base;
    a.data = (KcData)d;
    if (d == KC_HUGE) continue; /* below, with a scale that keeps the logits finite */
    one(k, a, "data");
    a.normaliser = KL_ATTN_ENTMAX15;
    one(k, a, "data");
  }
  Args a = base;
  a.data = KC_HUGE, a.scale = 1e-28f; /* logits of hundreds: nearly one-hot */
  if (t == KL_F32) one(k, a, "huge");
  a = base, a.scale = t == KL_F32 ? 100.0f : 1.0f;
  if (t == KL_F32) one(k, a, "sharp");
  a = base, a.scale = -0.2f;
  one(k, a, "negative scale");
  a = base, a.zero_scale = true;
  one(k, a, "zero scale");
  a = base, a.segments = 6, a.nq = 100;
  for (int i = 0; i < 6; i++) a.n[i] = 40 * i + i % 2, a.bias[i] = (float)i - 2;
  a.bias[4] = -INFINITY;
  for (int v = 0; v < 4; v++) {
    a.rope = v & 1, a.mask = v & 2 ? RUNS : NO_MASK;
    one(k, a, "six segments");
  }
  a = base;
  for (int i = 0; i < 3; i++) a.bias[i] = -INFINITY;
  one(k, a, "nothing visible");
  a.normaliser = KL_ATTN_ENTMAX15;
  one(k, a, "nothing visible");
  for (int v = 0; v < 3; v++) { /* long runs of labels: tiles that are skipped, full and mixed */
    a = (Args){.nq = 400, .heads = 1, .d = 128, .segments = 2, .n = {900, 300}, .q = t, .k = t, .mask = RUNS};
    a.normaliser = v == 2 ? KL_ATTN_ENTMAX15 : KL_ATTN_SOFTMAX, a.rope = v;
    one(k, a, "block mask");
  }
}

static Args bench(int64_t nq, int64_t nk, int64_t heads, int64_t d, KlDtype t) {
  return (Args){.nq = nq, .heads = heads, .d = d, .segments = 1, .n = {nk}, .q = t, .k = t};
}

static void timed(Kc *k, Args a, const char *what) {
  kc_case(k, build, &a, (KcTol){.bench = true, .nmse = 1}, "attention %s %ldx%ldx%ld keys %ld %s", what,
          (long)a.nq, (long)a.heads, (long)a.d, (long)a.n[0], kl_dtype_name(a.q));
}

void kc_attention(Kc *k) {
  sizes(k);
  features(k, KL_F32);
  features(k, KL_BF16);
  one(k,
      (Args){.nq = 70,
             .heads = 2,
             .d = 64,
             .segments = 2,
             .n = {130, 9},
             .q = KL_F32,
             .k = KL_BF16,
             .rope = true},
      "cache");
  one(k,
      (Args){.nq = 70,
             .heads = 2,
             .d = 64,
             .segments = 2,
             .n = {130, 9},
             .q = KL_BF16,
             .k = KL_F32,
             .rope = true},
      "cache");

  for (int half = 0; half < 2; half++) {
    KlDtype t = half ? KL_BF16 : KL_F32;
    Args a = bench(1280, 1280, 12, 128, t);
    a.rope = true;
    timed(k, a, "self");
    a.mask = RUNS;
    timed(k, a, "masked");
    a.mask = NO_MASK, a.normaliser = KL_ATTN_ENTMAX15;
    timed(k, a, "entmax");
    timed(k, bench(1280, 512, 12, 128, t), "cross");
    a = bench(512, 512, 64, 64, t);
    a.rel = true;
    timed(k, a, "umt5");
    a = bench(8190, 8190, 12, 128, t);
    a.rope = true;
    if (half) timed(k, a, "self");
  }
}
