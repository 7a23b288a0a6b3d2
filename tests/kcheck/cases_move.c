#include "tests/kcheck/kcheck.h"

#include <string.h>

typedef struct {
  KlOp op;
  KlDtype from, to;
  int ndim;
  int64_t shape[KL_MAX_DIMS];
  int perm[KL_MAX_DIMS];
  int dim, parts, fh, fw;
  bool strided, in_place;
  KcData data;
} Args;

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  KlGraph *g = kc_graph(k);
  if (p->op == KL_OP_EMBED) {
    KlTensor *table = kc_weight(k, p->from, 1, 2, p->shape);
    return kl_embed(g, table, kc_ints(k, -1, (int)p->shape[0] + 1, KL_SHAPE(p->parts)), p->to);
  }
  KlTensor *x;
  if (p->from == KL_I32)
    x = kc_ints(k, -1000, 1000, p->ndim, p->shape);
  else
    x = p->strided ? kc_strided(k, p->from, p->data, p->ndim, p->shape)
                   : kc_input(k, p->from, p->data, p->ndim, p->shape);
  switch (p->op) {
  case KL_OP_COPY: {
    if (!p->in_place) return kl_cast(g, x, p->to);
    int64_t wide[KL_MAX_DIMS];
    memcpy(wide, p->shape, sizeof wide);
    wide[0] += 2;
    wide[p->ndim - 1] += p->strided ? 5 : 0;
    KlTensor *to = kl_slice(g, kc_state(k, p->to, p->ndim, wide), 0, 1, p->shape[0]);
    return kl_copy(g, x, kl_slice(g, to, p->ndim - 1, p->strided ? 3 : 0, p->shape[p->ndim - 1]));
  }
  case KL_OP_PERMUTE:
    return kl_permute(g, x, p->perm);
  case KL_OP_CONCAT: {
    KlTensor *part[8] = {x};
    for (int i = 1; i < p->parts; i++) {
      int64_t s[KL_MAX_DIMS];
      memcpy(s, p->shape, sizeof s);
      s[p->dim] += i - 1;
      part[i] =
          p->from == KL_I32 ? kc_ints(k, 0, 9, p->ndim, s) : kc_input(k, p->from, KC_NORMAL, p->ndim, s);
    }
    return kl_concat(g, part, p->parts, p->dim);
  }
  default:
    return kl_upsample(g, x, p->fh, p->fw);
  }
}

static void one(Kc *k, Args a, bool bench) {
  char shape[64] = "", *s = shape;
  for (int i = 0; i < a.ndim; i++) s += __builtin_sprintf(s, "%s%ld", i ? "x" : "", (long)a.shape[i]);
  kc_case(k, build, &a, (KcTol){.ulp = 1e-9, .bench = bench},
          "%s %s->%s %s perm%d%d%d%d dim%d n%d f%dx%d data%d%s%s", kl_op_name(a.op), kl_dtype_name(a.from),
          kl_dtype_name(a.to), shape, a.perm[0], a.perm[1], a.perm[2], a.perm[3], a.dim, a.parts, a.fh, a.fw,
          a.data, a.strided ? " strided" : "", a.in_place ? " in place" : "");
}

void kc_move(Kc *k) {
  static const KlDtype floats[] = {KL_F32, KL_F16, KL_BF16};
  static const int64_t shapes[][3] = {{1, 1, 1},  {2, 0, 3},  {1, 1, 17},  {3, 5, 7},
                                      {2, 3, 64}, {4, 9, 33}, {2, 2, 4100}};
  for (int f = 0; f < 3; f++)
    for (int t = 0; t < 3; t++) {
      for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int v = 0; v < 4; v++) {
          Args a = {.op = KL_OP_COPY,
                    .from = floats[f],
                    .to = floats[t],
                    .ndim = 3,
                    .strided = v & 1,
                    .in_place = v & 2};
          memcpy(a.shape, shapes[s], sizeof shapes[s]);
          one(k, a, false);
        }
      for (int d = 0; d < KC_DATA; d++)
        one(k,
            (Args){.op = KL_OP_COPY,
                   .from = floats[f],
                   .to = floats[t],
                   .ndim = 1,
                   .shape = {333},
                   .data = (KcData)d},
            false);
    }
  one(k, (Args){.op = KL_OP_COPY, .from = KL_I32, .to = KL_I32, .ndim = 2, .shape = {3, 19}}, false);

  static const int perms[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {0, 3, 1, 2},
                                 {0, 2, 3, 1}, {1, 0, 3, 2}, {3, 0, 1, 2}};
  static const int64_t big[][4] = {{1, 1, 1, 1},   {2, 3, 4, 5},    {1, 17, 33, 65},
                                   {3, 64, 1, 64}, {2, 31, 2, 130}, {2, 3, 0, 4}};
  for (int t = 0; t < 4; t++)
    for (size_t s = 0; s < sizeof big / sizeof big[0]; s++)
      for (size_t p = 0; p < sizeof perms / sizeof perms[0]; p++) {
        KlDtype d = t == 3 ? KL_I32 : floats[t];
        Args a = {.op = KL_OP_PERMUTE, .from = d, .to = d, .ndim = 4, .strided = t < 2 && p % 2};
        memcpy(a.shape, big[s], sizeof big[s]);
        memcpy(a.perm, perms[p], sizeof perms[p]);
        one(k, a, false);
      }
  one(k,
      (Args){.op = KL_OP_PERMUTE,
             .from = KL_F32,
             .to = KL_F32,
             .ndim = 6,
             .shape = {2, 3, 2, 4, 2, 5},
             .perm = {0, 2, 4, 1, 3, 5}},
      false);
  one(k,
      (Args){.op = KL_OP_PERMUTE,
             .from = KL_BF16,
             .to = KL_BF16,
             .ndim = 6,
             .shape = {2, 3, 2, 4, 2, 5},
             .perm = {5, 0, 3, 1, 4, 2}},
      false);

  for (int t = 0; t < 4; t++)
    for (int dim = 0; dim < 3; dim++)
      for (int parts = 1; parts <= 8; parts += 7) {
        KlDtype d = t == 3 ? KL_I32 : floats[t];
        one(k,
            (Args){.op = KL_OP_CONCAT,
                   .from = d,
                   .to = d,
                   .ndim = 3,
                   .shape = {3, 5, 7},
                   .dim = dim,
                   .parts = parts,
                   .strided = t == 1},
            false);
        one(k,
            (Args){.op = KL_OP_CONCAT,
                   .from = d,
                   .to = d,
                   .ndim = 3,
                   .shape = {1, 0, 64},
                   .dim = dim,
                   .parts = parts},
            false);
      }
  for (int t = 0; t < 3; t += 2)
    for (int f = 1; f <= 3; f++)
      for (int strided = 0; strided < 2; strided++)
        one(k,
            (Args){.op = KL_OP_UPSAMPLE,
                   .from = floats[t],
                   .to = floats[t],
                   .ndim = 4,
                   .shape = {2, 3, 5, 17},
                   .fh = f,
                   .fw = 4 - f,
                   .strided = strided},
            false);
  static const KlDtype tables[] = {KL_F32, KL_F16, KL_BF16, KL_Q8_0, KL_Q4_K, KL_Q5_K, KL_Q6_K};
  for (int t = 0; t < 7; t++)
    for (int o = 0; o < 3; o += 2)
      for (int n = 0; n <= 9; n += 3)
        one(k,
            (Args){.op = KL_OP_EMBED,
                   .from = tables[t],
                   .to = floats[o],
                   .ndim = 2,
                   .shape = {5, 512},
                   .parts = n},
            false);

  one(k, (Args){.op = KL_OP_COPY, .from = KL_F32, .to = KL_BF16, .ndim = 2, .shape = {1280, 1536}}, true);
  one(k, (Args){.op = KL_OP_COPY, .from = KL_BF16, .to = KL_F32, .ndim = 2, .shape = {1280, 1536}}, true);
  one(k, (Args){.op = KL_OP_COPY, .from = KL_BF16, .to = KL_BF16, .ndim = 2, .shape = {1280, 1536}}, true);
  one(k,
      (Args){.op = KL_OP_PERMUTE,
             .from = KL_BF16,
             .to = KL_BF16,
             .ndim = 3,
             .shape = {16, 256, 384},
             .perm = {0, 2, 1}},
      true);
  one(k,
      (Args){.op = KL_OP_PERMUTE,
             .from = KL_F32,
             .to = KL_F32,
             .ndim = 3,
             .shape = {16, 256, 384},
             .perm = {0, 2, 1}},
      true);
  one(k,
      (Args){.op = KL_OP_PERMUTE,
             .from = KL_BF16,
             .to = KL_BF16,
             .ndim = 4,
             .shape = {4, 128, 128, 96},
             .perm = {0, 2, 1, 3}},
      true);
  one(k,
      (Args){.op = KL_OP_UPSAMPLE,
             .from = KL_BF16,
             .to = KL_BF16,
             .ndim = 4,
             .shape = {4, 64, 64, 192},
             .fh = 2,
             .fw = 2},
      true);
}
