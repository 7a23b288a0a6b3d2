#include "tests/kcheck/kcheck.h"

#include <math.h>

typedef struct {
  KlOp op;
  KlDtype a, b;
  KcData data;
  int64_t rows, cols, groups; /* groups 0: b has a's shape; -1: [C]; gated_add: of the gate, -2 no gate */
  KlActivation act;
  bool strided;
} Args;

static KlTensor *input(Kc *k, const Args *p, KlDtype t) {
  const int64_t shape[2] = {p->rows, p->cols};
  return p->strided ? kc_strided(k, t, p->data, 2, shape) : kc_input(k, t, p->data, 2, shape);
}

static KlTensor *line(Kc *k, const Args *p, KlDtype t) {
  if (p->groups < 0) return kc_input(k, t, KC_NORMAL, KL_SHAPE(p->cols));
  return kc_input(k, t, KC_NORMAL, KL_SHAPE(p->groups, p->cols));
}

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  KlGraph *g = kc_graph(k);
  KlTensor *a = input(k, p, p->a);
  switch (p->op) {
  case KL_OP_ADD:
    return kl_add(g, a, p->groups ? line(k, p, p->b) : input(k, p, p->b));
  case KL_OP_MUL:
    return kl_mul(g, a, p->groups ? line(k, p, p->b) : input(k, p, p->b));
  case KL_OP_GATED_ADD: {
    KlTensor *b = input(k, p, p->b);
    return kl_gated_add(g, a, b, p->groups == -2 || p->groups == 0 ? NULL : line(k, p, KL_F32));
  }
  case KL_OP_AFFINE:
    return kl_affine(g, a,
                     p->groups ? (KlAffineParams){1.5f, -0.25f, -1, 1}
                               : (KlAffineParams){-2, 0.5f, -INFINITY, INFINITY});
  default:
    return kl_activation(g, a, p->act);
  }
}

static const char *const data_name[KC_DATA] = {"normal", "tiny", "huge", "denormal", "equal"};

static void one(Kc *k, Args a, bool bench) {
  /* exp and tanh by polynomial: a few units; sums and products: exact, or one rounding apart (a fused
   * multiply-add) */
  double ulp = a.op == KL_OP_ACTIVATION                          ? (a.act == KL_ACT_GELU_TANH ? 64 : 16)
               : a.op == KL_OP_GATED_ADD || a.op == KL_OP_AFFINE ? 0
                                                                 : 1;
  if (a.a == KL_BF16) ulp = ulp > 0 ? 1 : 0;
  kc_case(k, build, &a, (KcTol){.ulp = ulp, .bench = bench}, "%s %s %s %ldx%ld g%ld act%d %s%s",
          kl_op_name(a.op), kl_dtype_name(a.a), kl_dtype_name(a.b), (long)a.rows, (long)a.cols,
          (long)a.groups, a.act, data_name[a.data], a.strided ? " strided" : "");
}

void kc_elementwise(Kc *k) {
  static const int64_t shapes[][2] = {{1, 1},  {1, 0},    {0, 5},    {3, 7},   {2, 16},  {2, 17},
                                      {5, 33}, {2, 1023}, {4, 1025}, {97, 64}, {6, 4099}};
  static const KlOp ops[] = {KL_OP_ADD, KL_OP_MUL, KL_OP_GATED_ADD, KL_OP_AFFINE, KL_OP_ACTIVATION};
  for (size_t o = 0; o < 5; o++)
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
      for (int t = 0; t < 4; t++) {
        Args a = {.op = ops[o],
                  .a = t & 1 ? KL_BF16 : KL_F32,
                  .b = t & 2 ? KL_BF16 : KL_F32,
                  .rows = shapes[s][0],
                  .cols = shapes[s][1]};
        for (int strided = 0; strided < 2; strided++) {
          a.strided = strided;
          if (a.op == KL_OP_ACTIVATION) {
            if (t & 2) continue;
            for (a.act = KL_ACT_NONE; a.act <= KL_ACT_TANH3; a.act++) one(k, a, false);
            continue;
          }
          for (int g = 0; g < 3; g++) {
            a.groups = g == 0 ? 0 : g == 1 ? -1 : a.rows % 2 == 0 && a.rows ? 2 : a.rows;
            if (a.op == KL_OP_GATED_ADD && g == 0) a.groups = -2;
            if (g == 2 && a.rows == 0) continue;
            one(k, a, false);
          }
        }
      }
  for (size_t o = 0; o < 5; o++)
    for (int d = 0; d < KC_DATA; d++)
      for (int act = 1; act <= (ops[o] == KL_OP_ACTIVATION ? KL_ACT_TANH3 : 1); act++)
        one(k,
            (Args){.op = ops[o],
                   .a = KL_F32,
                   .b = KL_F32,
                   .data = (KcData)d,
                   .rows = 3,
                   .cols = 77,
                   .act = (KlActivation)act},
            false);
  for (int t = 0; t < 2; t++) {
    KlDtype d = t ? KL_BF16 : KL_F32;
    one(k, (Args){.op = KL_OP_GATED_ADD, .a = KL_F32, .b = d, .rows = 1280, .cols = 1536, .groups = 1}, true);
    one(k, (Args){.op = KL_OP_ADD, .a = d, .b = d, .rows = 1280, .cols = 1536}, true);
    one(k, (Args){.op = KL_OP_ACTIVATION, .a = d, .rows = 1280, .cols = 1536, .act = KL_ACT_SILU}, true);
    one(k, (Args){.op = KL_OP_ACTIVATION, .a = d, .rows = 1280, .cols = 1536, .act = KL_ACT_GELU_TANH}, true);
  }
}
