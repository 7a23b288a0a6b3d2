/* Tensors: a description of elements in a buffer. Row-major, outermost dimension first: shape [frames,
 * height, width, channels] has channels contiguous. Strides count elements; the innermost stride is always 1
 * (quantised tensors are fully contiguous). Activations of convolutional networks are channels-last
 * throughout. */
#pragma once

#include "engine/graph/dtype.h"

enum { KL_MAX_DIMS = 6 };

typedef struct KlBackend KlBackend;

/* A block of memory of a backend. `host` is its address where the processor can reach it, else NULL. */
typedef struct KlBuffer {
  KlBackend *backend; /* NULL: plain host memory that nobody frees through a backend (a mapped file) */
  size_t bytes;
  void *host;
  void *device; /* the backend's own handle */
} KlBuffer;

typedef enum {
  KL_OP_NONE, /* a leaf: input, weight, state, or a view of something */
  KL_OP_LINEAR,
  KL_OP_CONV,
  KL_OP_NORM,
  KL_OP_ADD,
  KL_OP_MUL,
  KL_OP_GATED_ADD,
  KL_OP_AFFINE,
  KL_OP_ACTIVATION,
  KL_OP_ATTENTION,
  KL_OP_EMBED,
  KL_OP_COPY,
  KL_OP_PERMUTE,
  KL_OP_CONCAT,
  KL_OP_UPSAMPLE,
  KL_OPS
} KlOp;

typedef struct KlTensor KlTensor;
struct KlTensor {
  KlDtype dtype;
  int ndim;
  int64_t shape[KL_MAX_DIMS];
  int64_t stride[KL_MAX_DIMS]; /* elements */

  KlOp op;
  int nsrc;
  KlTensor **src; /* operands in the order that the op's builder documents; entries may be NULL */
  void *params;   /* the op's parameter struct, or NULL */

  KlTensor *base;     /* the tensor this one is a view of, else NULL; never itself a view */
  KlBuffer *buf;      /* memory: the mapped file of a weight, a state buffer, or the workspace once planned */
  size_t offset;      /* bytes into buf, once planned (kl_bind keeps that of a view up to date) */
  size_t view_offset; /* views: bytes from the start of base */
  bool input, output; /* kept for the whole run */
  const char *name;   /* for messages; may be NULL */

  /* Weights only: what a backend derived from the stored bytes (packed panels, a device copy), made once. */
  void *pack;
  void (*pack_free)(void *pack);
};

int64_t kl_nelem(const KlTensor *t);
int64_t kl_rows(const KlTensor *t); /* product of all dimensions but the innermost */
static inline int64_t kl_cols(const KlTensor *t) {
  return t->shape[t->ndim - 1];
}
bool kl_is_contiguous(const KlTensor *t);
bool kl_same_shape(const KlTensor *a, const KlTensor *b);
/* The address of element 0; NULL where the buffer is not visible to the host or not yet bound. */
static inline void *kl_data(const KlTensor *t) {
  return t && t->buf && t->buf->host ? (char *)t->buf->host + t->offset : NULL;
}
/* A view takes buffer and offset from its base; anything else is left alone. */
void kl_bind(KlTensor *t);
/* "linear f32[1280,1536]"; for messages. Returns out. */
char *kl_describe(const KlTensor *t, char *out, size_t n);
const char *kl_op_name(KlOp op);

/* Fills shape and contiguous strides. False: more than KL_MAX_DIMS, a dimension < 0, or a byte size over
 * INT64_MAX. */
bool kl_tensor_set(KlTensor *t, KlDtype dtype, int ndim, const int64_t *shape);
bool kl_tensor_bytes(const KlTensor *t, size_t *bytes); /* contiguous size */
