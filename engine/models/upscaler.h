/* Spatial upscaler: a small convolutional network that makes decoded frames larger, one by one ("compact
 * SRVGG" in the field's terms: Shi et al., "Real-time single image and video super-resolution", 2016, and the
 * compact networks of Real-ESRGAN, 2021).
 *
 *   y = shuffle(body(x)) + copies of x's pixels,   body: 3x3 convolutions with ReLU between, at x's own size
 *
 * Tensors body.0.weight, body.0.bias, body.2.weight ... as a torch Sequential names them; config "scale" (2
 * or 4) and "size": the side of the square frames that the network before it was trained for, in pixels. It
 * looks at one frame only, so a stream needs no state and can go on anywhere. Frames are [height, width, 3]
 * f32 RGB in 0..1. One thread at a time. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/formats/weights.h"
#include "engine/graph/backend.h"

typedef struct KlUpscaler KlUpscaler;

typedef struct {
  int scale; /* pixels out for one in, along a side */
  int size;  /* pixels a side that come before it, as trained */
} KlUpscalerInfo;

/* weights must outlive the upscaler and stays the caller's. KL_ERR_FORMAT: a tensor is missing or has another
 * shape; KL_ERR_UNSUPPORTED: another network. */
bool kl_upscaler_open(KlWeights *weights, KlBackend *b, KlUpscaler **out, KlErr *err);
void kl_upscaler_free(KlUpscaler **u);
const KlUpscalerInfo *kl_upscaler_info(const KlUpscaler *u);

/* What frames of height x width pixels (before) take, without running: bytes with weights and one frame out,
 * floating-point operations a frame. Either may be NULL. */
bool kl_upscaler_plan(KlUpscaler *u, int height, int width, size_t *bytes, double *flops, KlErr *err);
/* One frame [height, width, 3] -> out [scale height, scale width, 3], clamped to 0..1. The first one of a
 * size packs the weights. KL_ERR_CANCELLED leaves it usable. */
bool kl_upscaler_run(KlUpscaler *u, const float *rgb, int height, int width, float *out,
                     const KlCancel *cancel, KlErr *err);
