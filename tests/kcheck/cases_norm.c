#include "tests/kcheck/kcheck.h"

typedef struct {
  KlNormKind kind;
  KlDtype x, out;
  KcData data;
  int64_t rows, cols, groups; /* groups 0: no modulation */
  bool affine, strided;
  KlActivation act;
} Args;

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  const int64_t shape[2] = {p->rows, p->cols};
  KlTensor *x = p->strided ? kc_strided(k, p->x, p->data, 2, shape) : kc_input(k, p->x, p->data, 2, shape);
  KlTensor *w = p->affine ? kc_weight(k, KL_BF16, 1, KL_SHAPE(p->cols)) : NULL;
  KlTensor *b = p->affine && p->kind == KL_NORM_LAYER ? kc_weight(k, KL_F32, 1, KL_SHAPE(p->cols)) : NULL;
  KlTensor *shift = p->groups ? kc_input(k, KL_F32, KC_NORMAL, KL_SHAPE(p->groups, p->cols)) : NULL;
  KlTensor *scale = p->groups ? kc_input(k, KL_F32, KC_NORMAL, KL_SHAPE(p->groups, p->cols)) : NULL;
  return kl_norm(kc_graph(k), x, p->kind, 1e-6f, w, b, shift, scale, p->act, p->out);
}

static void one(Kc *k, Args a, bool bench) {
  static const char *const kind[] = {"layer", "rms", "l2"};
  kc_case(k, build, &a, (KcTol){.bench = bench, .nmse = a.x == KL_F32 && a.out == KL_F32 ? 1e-10 : 0},
          "norm %s %s->%s %ldx%ld g%ld affine%d act%d data%d%s", kind[a.kind], kl_dtype_name(a.x),
          kl_dtype_name(a.out), (long)a.rows, (long)a.cols, (long)a.groups, a.affine, a.act, a.data,
          a.strided ? " strided" : "");
}

void kc_norm(Kc *k) {
  static const int64_t shapes[][2] = {{1, 1},  {0, 8},  {1, 2},    {3, 7},    {4, 16},   {6, 17},
                                      {2, 31}, {5, 96}, {130, 33}, {4, 1536}, {2, 1537}, {1, 5000}};
  for (int kind = 0; kind < 3; kind++) {
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
      for (int v = 0; v < 8; v++) {
        Args a = {.kind = (KlNormKind)kind,
                  .x = v & 1 ? KL_BF16 : KL_F32,
                  .out = v & 2 ? KL_BF16 : KL_F32,
                  .rows = shapes[s][0],
                  .cols = shapes[s][1],
                  .affine = v & 4,
                  .strided = v & 1 && v & 4};
        a.groups = (v & 3) == 1 ? 1 : (v & 3) == 2 ? (a.rows % 2 ? a.rows : 2) : 0;
        if (a.rows == 0) a.groups = 0;
        a.act = v == 5 ? KL_ACT_SILU : v == 6 ? KL_ACT_RELU : KL_ACT_NONE;
        one(k, a, false);
      }
    for (int d = 0; d < KC_DATA; d++) {
      /* all equal: a layer norm's result is rounding noise over sqrt(eps); only the others have one */
      if (kind == KL_NORM_LAYER && d == KC_EQUAL) continue;
      one(k, (Args){.kind = (KlNormKind)kind, .data = (KcData)d, .rows = 3, .cols = 100, .affine = true},
          false);
    }
  }
  for (int t = 0; t < 2; t++) {
    KlDtype d = t ? KL_BF16 : KL_F32;
    one(k, (Args){.kind = KL_NORM_LAYER, .x = KL_F32, .out = d, .rows = 1280, .cols = 1536, .groups = 1},
        true);
    one(k, (Args){.kind = KL_NORM_RMS, .x = d, .out = d, .rows = 1280, .cols = 1536, .affine = true}, true);
    one(k,
        (Args){.kind = KL_NORM_L2,
               .x = d,
               .out = d,
               .rows = 65536,
               .cols = 96,
               .affine = true,
               .act = KL_ACT_SILU},
        true);
    one(k,
        (Args){.kind = KL_NORM_L2,
               .x = d,
               .out = d,
               .rows = 4096,
               .cols = 384,
               .affine = true,
               .act = KL_ACT_SILU},
        true);
  }
}
