#include "engine/models/upscaler.h"

#include "engine/base/mem.h"
#include "engine/graph/exec.h"

enum { MOST_LAYERS = 64, MOST_SIDE = 16384 };

struct KlUpscaler {
  KlWeights *weights;
  KlBackend *backend;
  KlUpscalerInfo info;
  int layers; /* convolutions */
  /* For the present size; height 0: none yet. */
  int height, width;
  KlGraph graph;
  KlPlan plan;
  KlExec *exec;
  KlTensor *in, *out;
};

bool kl_upscaler_open(KlWeights *weights, KlBackend *b, KlUpscaler **out, KlErr *err) {
  *out = NULL;
  KlUpscalerInfo info = {(int)kl_weights_config_int(weights, "scale", 0),
                         (int)kl_weights_config_int(weights, "size", 0)};
  if (info.scale != 2 && info.scale != 4)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "upscaler: its config has no \"scale\" of 2 or 4");
  if (info.size < 1 || info.size > MOST_SIDE)
    return kl_fail(err, KL_ERR_FORMAT, "upscaler: its config has no \"size\" of 1 to %d", MOST_SIDE);
  if (kl_weights_find(weights, "body.1.weight"))
    return kl_fail(err, KL_ERR_UNSUPPORTED, "upscaler: activations with weights (PReLU) are not known");
  int layers = 0;
  int64_t channels = 3;
  for (; layers < MOST_LAYERS && kl_weights_findf(weights, "body.%d.weight", 2 * layers); layers++) {
    const KlTensor *w = kl_weights_findf(weights, "body.%d.weight", 2 * layers),
                   *bias = kl_weights_findf(weights, "body.%d.bias", 2 * layers);
    if (w->ndim != 4 || w->shape[1] != channels || w->shape[2] != 3 || w->shape[3] != 3 || !bias ||
        kl_nelem(bias) != w->shape[0])
      return kl_fail(err, KL_ERR_FORMAT, "upscaler: body.%d is not a 3x3 convolution of %lld channels",
                     2 * layers, (long long)channels);
    channels = w->shape[0];
  }
  if (!layers || channels != (int64_t)3 * info.scale * info.scale)
    return kl_fail(err, KL_ERR_FORMAT, "upscaler: its last convolution has %lld channels, not 3 x %d x %d",
                   layers ? (long long)channels : 0LL, info.scale, info.scale);
  KlUpscaler *u = kl_calloc(1, sizeof *u);
  if (!u) return kl_fail(err, KL_ERR_OOM, "no memory for the upscaler");
  *u = (KlUpscaler){.weights = weights, .backend = b, .info = info, .layers = layers};
  *out = u;
  return true;
}

static void clear(KlUpscaler *u) {
  kl_exec_free(&u->exec);
  kl_graph_free(&u->graph);
  u->height = u->width = 0;
}

void kl_upscaler_free(KlUpscaler **u) {
  if (!*u) return;
  clear(*u);
  kl_free(u);
}

const KlUpscalerInfo *kl_upscaler_info(const KlUpscaler *u) {
  return &u->info;
}

static KlTensor *network(KlUpscaler *u, KlTensor *frame) {
  KlGraph *g = &u->graph;
  int64_t s = u->info.scale, h = u->height, w = u->width;
  KlTensor *x = kl_cast(g, frame, u->backend->compute);
  for (int i = 0; i < u->layers; i++)
    x = kl_conv(g, x, kl_weights_findf(u->weights, "body.%d.weight", 2 * i),
                kl_weights_findf(u->weights, "body.%d.bias", 2 * i), NULL, NULL,
                &(KlConvParams){1, 1, 1, 1, 1, 1, 1, i + 1 < u->layers ? KL_ACT_RELU : KL_ACT_NONE});
  /* In f32 from here: bf16 pixels would show as bands. */
  x = kl_reshape(g, kl_cast(g, x, KL_F32), KL_SHAPE(h, w, 3, s, s));
  x = kl_reshape(g, kl_permute(g, x, (const int[]){0, 3, 1, 4, 2}), KL_SHAPE(1, h * s, w * s, 3));
  x = kl_add(g, x, kl_upsample(g, frame, (int)s, (int)s));
  return kl_affine(g, x, (KlAffineParams){1, 0, 0, 1});
}

static bool set_size(KlUpscaler *u, int height, int width, KlErr *err) {
  if (u->height == height && u->width == width) return true;
  if (height < 1 || width < 1 || height > MOST_SIDE || width > MOST_SIDE)
    return kl_fail(err, KL_ERR_INVALID, "upscaler: frames of %dx%d pixels", width, height);
  clear(u);
  kl_graph_init(&u->graph);
  u->height = height, u->width = width;
  u->in = kl_input(&u->graph, "frame", KL_F32, KL_SHAPE(1, height, width, 3));
  u->out = kl_output(&u->graph, network(u, u->in));
  if (kl_graph_ok(&u->graph, err) && kl_plan_graph(&u->graph, u->backend, &u->plan, err)) return true;
  clear(u);
  return false;
}

bool kl_upscaler_plan(KlUpscaler *u, int height, int width, size_t *bytes, double *flops, KlErr *err) {
  size_t out;
  if (!set_size(u, height, width, err)) return false;
  if (!kl_tensor_bytes(u->out, &out)) return kl_fail(err, KL_ERR_INVALID, "upscaler: bad size");
  if (bytes) *bytes = u->plan.workspace + 2 * kl_weights_bytes(u->weights) + out;
  if (flops) *flops = u->plan.flops;
  return true;
}

bool kl_upscaler_run(KlUpscaler *u, const float *rgb, int height, int width, float *out,
                     const KlCancel *cancel, KlErr *err) {
  size_t in_bytes, out_bytes;
  if (!set_size(u, height, width, err)) return false;
  if (!u->exec && !kl_exec_new(&u->graph, u->backend, &u->exec, cancel, err)) return false;
  if (!kl_tensor_bytes(u->in, &in_bytes) || !kl_tensor_bytes(u->out, &out_bytes))
    return kl_fail(err, KL_ERR_INVALID, "upscaler: bad size");
  return kl_exec_write(u->exec, u->in, rgb, in_bytes, err) && kl_exec_run(u->exec, cancel, err) &&
         kl_exec_read(u->exec, u->out, out, out_bytes, err);
}
