/* Linear and convolution, by level: the scalar reference here, oneDNN in linear_dnn.c and conv_dnn.c. */
#pragma once

#include "engine/cpu/cpu.h"

size_t kl_linear_scalar_scratch(const KlCpu *c, const KlTensor *node);
bool kl_linear_scalar_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err);

size_t kl_conv_scalar_scratch(const KlCpu *c, const KlTensor *node);
bool kl_conv_scalar_prepare(KlCpu *c, KlTensor *node, KlErr *err);
bool kl_conv_scalar_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err);

size_t kl_linear_dnn_scratch(const KlCpu *c, const KlTensor *node);
bool kl_linear_dnn_prepare(KlCpu *c, KlTensor *node, KlErr *err);
bool kl_linear_dnn_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err);

size_t kl_conv_dnn_scratch(const KlCpu *c, const KlTensor *node);
bool kl_conv_dnn_prepare(KlCpu *c, KlTensor *node, KlErr *err);
bool kl_conv_dnn_run(KlCpu *c, KlTensor *node, void *scratch, const KlCancel *cancel, KlErr *err);

/* Operands of linear and convolution in src. */
enum { KL_MM_X, KL_MM_W, KL_MM_BIAS, KL_MM_HISTORY, KL_MM_RESIDUAL };

/* What a weight was packed into: a list on the tensor, one entry a purpose. */
typedef enum { KL_PACK_CONV_SCALAR, KL_PACK_LINEAR, KL_PACK_CONV } KlPackKind;
typedef struct KlPack {
  struct KlPack *next;
  KlPackKind kind;
  KlDtype compute; /* KL_F32 or KL_BF16 */
  void *data;
  void (*data_free)(void *data); /* NULL: kl_free */
} KlPack;
/* NULL: not there. */
KlPack *kl_pack_find(const KlTensor *w, KlPackKind kind, KlDtype compute);
/* Takes over `data`, also when it fails. Fails with KL_ERR_UNSUPPORTED if another backend holds w->pack. */
bool kl_pack_add(KlTensor *w, KlPackKind kind, KlDtype compute, void *data, void (*data_free)(void *),
                 KlErr *err);

/* False: the tensor's pack is another backend's. */
bool kl_pack_owned(const KlTensor *w);
/* Like kl_alloc, in huge pages where that helps. For kl_free. */
void *kl_big_alloc(size_t bytes);

/* Sizes of a convolution. */
typedef struct {
  int64_t t, h, w, c;    /* x without history */
  int64_t hist;          /* frames of history */
  int64_t to, ho, wo, o; /* result */
  int64_t kt, kh, kw;
  const KlConvParams *p;
} KlConvShape;
KlConvShape kl_conv_shape(const KlTensor *node);
/* Frame f of history followed by x. */
const char *kl_conv_frame(const KlTensor *node, const KlConvShape *s, int64_t f);
