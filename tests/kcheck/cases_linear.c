#include "tests/kcheck/kcheck.h"

typedef struct {
  KlDtype x, w, out;
  int64_t m, n, k;
  bool bias, strided;
  KlActivation act;
  KcData data;
} Args;

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  const int64_t shape[2] = {p->m, p->k};
  KlTensor *x = p->strided ? kc_strided(k, p->x, p->data, 2, shape) : kc_input(k, p->x, p->data, 2, shape);
  KlTensor *w = kc_weight(k, p->w, 0.05f, KL_SHAPE(p->n, p->k));
  KlTensor *b = p->bias ? kc_weight(k, KL_F32, 1, KL_SHAPE(p->n)) : NULL;
  return kl_linear(kc_graph(k), x, w, b, p->act, p->out);
}

static void one(Kc *k, Args a, bool bench) {
  kc_case(k, build, &a, (KcTol){.bench = bench}, "linear %s*%s->%s %ldx%ldx%ld bias%d act%d data%d%s",
          kl_dtype_name(a.x), kl_dtype_name(a.w), kl_dtype_name(a.out), (long)a.m, (long)a.n, (long)a.k,
          a.bias, a.act, a.data, a.strided ? " strided" : "");
}

void kc_linear(Kc *k) {
  /* m x n x k */
  static const int64_t shapes[][3] = {{1, 1, 1},     {0, 4, 4},      {2, 3, 5},       {1, 64, 64},
                                      {3, 17, 33},   {16, 16, 16},   {33, 65, 31},    {65, 129, 257},
                                      {128, 64, 96}, {5, 200, 1000}, {130, 1025, 40}, {96, 256, 512},
                                      {3, 1100, 64}};
  static const KlDtype types[] = {KL_F32, KL_F16, KL_BF16};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
    for (int w = 0; w < 3; w++)
      for (int v = 0; v < 8; v++) {
        Args a = {.x = v & 1 ? KL_BF16 : KL_F32,
                  .w = types[w],
                  .out = v & 2 ? KL_BF16 : KL_F32,
                  .m = shapes[s][0],
                  .n = shapes[s][1],
                  .k = shapes[s][2],
                  .bias = v & 4,
                  .strided = (v + w) % 3 == 0};
        a.act = (KlActivation)((v + w + (int)s) % 5);
        one(k, a, false);
      }
  static const KlDtype blocks[] = {KL_Q8_0, KL_Q4_K, KL_Q5_K, KL_Q6_K};
  for (int q = 0; q < 4; q++)
    for (int v = 0; v < 4; v++)
      for (int m = 1; m < 80; m += 39)
        one(k,
            (Args){.x = v & 1 ? KL_BF16 : KL_F32,
                   .w = blocks[q],
                   .out = v & 2 ? KL_BF16 : KL_F32,
                   .m = m,
                   .n = 71,
                   .k = 512,
                   .bias = v & 2,
                   .act = v & 1 ? KL_ACT_GELU_TANH : KL_ACT_NONE},
            false);
  for (int d = 0; d < KC_DATA; d++)
    for (int v = 0; v < 2; v++)
      one(k,
          (Args){.x = v ? KL_BF16 : KL_F32,
                 .w = KL_F32,
                 .out = KL_F32,
                 .m = 7,
                 .n = 40,
                 .k = 100,
                 .data = (KcData)d},
          false);
  static const int64_t wan[][3] = {{1280, 1536, 1536}, {1280, 8960, 1536}, {1280, 1536, 8960},
                                   {512, 1536, 4096},  {1, 9216, 1536},    {4096, 1536, 1536}};
  for (int t = 0; t < 2; t++)
    for (size_t s = 0; s < sizeof wan / sizeof wan[0]; s++)
      one(k,
          (Args){.x = t ? KL_BF16 : KL_F32,
                 .w = KL_BF16,
                 .out = t ? KL_BF16 : KL_F32,
                 .m = wan[s][0],
                 .n = wan[s][1],
                 .k = wan[s][2],
                 .bias = true,
                 .act = s == 1 ? KL_ACT_GELU_TANH : KL_ACT_NONE},
          true);
  for (int q = 0; q < 4; q++)
    one(k,
        (Args){.x = KL_BF16, .w = blocks[q], .out = KL_BF16, .m = 1280, .n = 1536, .k = 1536, .bias = true},
        true);
}
