#include "tests/kcheck/kcheck.h"

typedef struct {
  KlDtype x, w;
  int64_t t, h, wd, c, o;
  int kt, kh, kw, stride_t, stride; /* kt 0: a 4-dimensional weight */
  int pad[4];                       /* top, bottom, left, right */
  bool history, residual, bias;
  KlActivation act;
  KcData data;
} Args;

static KlTensor *build(Kc *k, const void *args) {
  const Args *p = args;
  KlGraph *g = kc_graph(k);
  KlConvParams q = {p->stride_t, p->stride, p->stride, p->pad[0], p->pad[1], p->pad[2], p->pad[3], p->act};
  KlTensor *x = kc_input(k, p->x, p->data, KL_SHAPE(p->t, p->h, p->wd, p->c));
  KlTensor *w = p->kt ? kc_weight(k, p->w, 0.1f, KL_SHAPE(p->o, p->c, p->kt, p->kh, p->kw))
                      : kc_weight(k, p->w, 0.1f, KL_SHAPE(p->o, p->c, p->kh, p->kw));
  int64_t kt = p->kt ? p->kt : 1;
  KlTensor *hist = p->history ? kc_input(k, p->x, p->data, KL_SHAPE(kt - 1, p->h, p->wd, p->c)) : NULL;
  KlTensor *b = p->bias ? kc_weight(k, KL_F32, 1, KL_SHAPE(p->o)) : NULL;
  KlTensor *res = NULL;
  if (p->residual) {
    int64_t frames = p->t + (p->history ? kt - 1 : 0);
    res = kc_input(k, p->x, KC_NORMAL,
                   KL_SHAPE((frames - kt) / p->stride_t + 1,
                            (p->h + p->pad[0] + p->pad[1] - p->kh) / p->stride + 1,
                            (p->wd + p->pad[2] + p->pad[3] - p->kw) / p->stride + 1, p->o));
  }
  return kl_conv(g, x, w, b, hist, res, &q);
}

static void one(Kc *k, Args a, bool bench) {
  kc_case(k, build, &a, (KcTol){.bench = bench},
          "conv %s*%s %ldx%ldx%ldx%ld->%ld k%d,%d,%d s%d,%d p%d%d%d%d%s%s%s act%d data%d", kl_dtype_name(a.x),
          kl_dtype_name(a.w), (long)a.t, (long)a.h, (long)a.wd, (long)a.c, (long)a.o, a.kt, a.kh, a.kw,
          a.stride_t, a.stride, a.pad[0], a.pad[1], a.pad[2], a.pad[3], a.history ? " history" : "",
          a.residual ? " residual" : "", a.bias ? " bias" : "", a.act, a.data);
}

void kc_conv(Kc *k) {
  static const Args shapes[] = {
      {.t = 1, .h = 1, .wd = 1, .c = 1, .o = 1, .kt = 1, .kh = 1, .kw = 1},
      {.t = 2, .h = 5, .wd = 6, .c = 3, .o = 12, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
      {.t = 1, .h = 9, .wd = 7, .c = 16, .o = 16, .kh = 3, .kw = 3, .pad = {0, 1, 0, 1}, .stride = 2},
      {.t = 3,
       .h = 8,
       .wd = 8,
       .c = 12,
       .o = 33,
       .kt = 3,
       .kh = 3,
       .kw = 3,
       .pad = {1, 1, 1, 1},
       .history = true},
      {.t = 1,
       .h = 17,
       .wd = 33,
       .c = 32,
       .o = 48,
       .kt = 3,
       .kh = 3,
       .kw = 3,
       .pad = {1, 1, 1, 1},
       .history = true,
       .residual = true},
      {.t = 4, .h = 6, .wd = 5, .c = 16, .o = 32, .kt = 3, .kh = 1, .kw = 1, .history = true},
      {.t = 5, .h = 6, .wd = 5, .c = 8, .o = 16, .kt = 3, .kh = 1, .kw = 1, .stride_t = 2},
      {.t = 5, .h = 4, .wd = 4, .c = 20, .o = 10, .kt = 3, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
      {.t = 2, .h = 6, .wd = 4, .c = 16, .o = 24, .kt = 1, .kh = 2, .kw = 2, .stride = 2},
      {.t = 2, .h = 16, .wd = 16, .c = 64, .o = 64, .kh = 1, .kw = 1, .residual = true},
      {.t = 1,
       .h = 20,
       .wd = 20,
       .c = 64,
       .o = 3,
       .kt = 3,
       .kh = 3,
       .kw = 3,
       .pad = {1, 1, 1, 1},
       .history = true},
      {.t = 1,
       .h = 3,
       .wd = 70,
       .c = 96,
       .o = 96,
       .kt = 3,
       .kh = 3,
       .kw = 3,
       .pad = {1, 1, 1, 1},
       .history = true,
       .residual = true},
      {.t = 1, .h = 11, .wd = 13, .c = 5, .o = 7, .kh = 7, .kw = 5, .pad = {3, 3, 2, 2}},
  };
  static const KlDtype types[] = {KL_F32, KL_F16, KL_BF16};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
    for (int v = 0; v < 12; v++) {
      Args a = shapes[s];
      a.x = v & 1 ? KL_BF16 : KL_F32;
      a.w = types[v / 4];
      a.bias = v & 2;
      if (!a.stride) a.stride = 1;
      if (!a.stride_t) a.stride_t = 1;
      a.act = (KlActivation)((v + (int)s) % 5);
      one(k, a, false);
    }
  for (int d = 0; d < KC_DATA; d++)
    for (int v = 0; v < 2; v++)
      one(k,
          (Args){.x = v ? KL_BF16 : KL_F32,
                 .w = KL_F32,
                 .t = 1,
                 .h = 6,
                 .wd = 6,
                 .c = 16,
                 .o = 16,
                 .kh = 3,
                 .kw = 3,
                 .stride_t = 1,
                 .stride = 1,
                 .pad = {1, 1, 1, 1},
                 .data = (KcData)d},
          false);
  /* the decoder of the Wan VAE at 256x256: one latent frame, then four frames */
  static const int64_t vae[][4] = {{1, 32, 384, 384},  {4, 64, 384, 384}, {2, 64, 192, 384},
                                   {4, 128, 192, 192}, {4, 256, 96, 96},  {4, 256, 96, 3},
                                   {1, 32, 16, 384}};
  for (int t = 0; t < 2; t++)
    for (size_t s = 0; s < sizeof vae / sizeof vae[0]; s++)
      one(k,
          (Args){.x = t ? KL_BF16 : KL_F32,
                 .w = KL_F32,
                 .t = vae[s][0],
                 .h = vae[s][1],
                 .wd = vae[s][1],
                 .c = vae[s][2],
                 .o = vae[s][3],
                 .kt = 3,
                 .kh = 3,
                 .kw = 3,
                 .stride_t = 1,
                 .stride = 1,
                 .pad = {1, 1, 1, 1},
                 .history = true,
                 .residual = vae[s][2] == vae[s][3],
                 .bias = true},
          true);
  for (int t = 0; t < 2; t++) {
    one(k,
        (Args){.x = t ? KL_BF16 : KL_F32,
               .w = KL_F32,
               .t = 4,
               .h = 64,
               .wd = 64,
               .c = 64,
               .o = 64,
               .kh = 3,
               .kw = 3,
               .stride_t = 1,
               .stride = 1,
               .pad = {1, 1, 1, 1},
               .bias = true,
               .act = KL_ACT_RELU},
        true);
    one(k,
        (Args){.x = t ? KL_BF16 : KL_F32,
               .w = KL_F32,
               .t = 2,
               .h = 64,
               .wd = 64,
               .c = 384,
               .o = 768,
               .kt = 3,
               .kh = 1,
               .kw = 1,
               .stride_t = 1,
               .stride = 1,
               .history = true,
               .bias = true},
        true);
    one(k,
        (Args){.x = t ? KL_BF16 : KL_F32,
               .w = KL_F32,
               .t = 4,
               .h = 256,
               .wd = 256,
               .c = 192,
               .o = 96,
               .kh = 3,
               .kw = 3,
               .stride_t = 1,
               .stride = 1,
               .pad = {1, 1, 1, 1},
               .bias = true},
        true);
  }
}
