/* A backend: memory and kernels of one device behind a small table of functions.
 *
 * Pipelines and models know only this header; cpu/ and vulkan/ fill the table. A node that a backend does not
 * support runs on its `fallback` (the CPU) and says so once a kind. One thread at a time drives a backend. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"
#include "engine/graph/tensor.h"

typedef struct {
  void (*free)(KlBackend *b);
  /* Zeroed memory; KL_ERR_OOM if there is not so much, KL_ERR_DEVICE_LOST. */
  bool (*buffer_new)(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err);
  void (*buffer_free)(KlBackend *b, KlBuffer *buf);
  bool (*write)(KlBackend *b, KlBuffer *buf, size_t offset, const void *src, size_t bytes, KlErr *err);
  bool (*read)(KlBackend *b, const KlBuffer *buf, size_t offset, void *dst, size_t bytes, KlErr *err);
  bool (*supports)(const KlBackend *b, const KlTensor *node);
  /* Bytes of scratch memory the node wants while it runs (planned like an activation). */
  size_t (*scratch)(const KlBackend *b, const KlTensor *node);
  /* Makes ready what can be made once: packs or uploads weights into node->src[..]->pack, compiles kernels.
   */
  bool (*prepare)(KlBackend *b, KlTensor *node, KlErr *err);
  /* Runs one node whose buffers are bound; may only enqueue it. `scratch` is NULL if none was asked for. */
  bool (*run)(KlBackend *b, KlTensor *node, KlBuffer *workspace, size_t scratch_offset,
              const KlCancel *cancel, KlErr *err);
  /* Waits for all that was enqueued. */
  bool (*sync)(KlBackend *b, const KlCancel *cancel, KlErr *err);
  /* Memory of the device: all of it and what is free now, in bytes (0: unknown). */
  void (*memory)(const KlBackend *b, size_t *total, size_t *available);
} KlBackendOps;

struct KlBackend {
  const KlBackendOps *ops;
  char name[32];   /* "cpu", "vulkan:0" */
  char title[128]; /* "AMD EPYC, 2 threads, avx512bf16" */
  KlDtype
      compute; /* KL_BF16 or KL_F32: what matrix products should be done in here (models build graphs so) */
  KlBackend *fallback; /* NULL on the CPU */
  KlBuffer workspace;  /* activations of the graph that runs; grows, never shrinks but by kl_backend_trim */
  size_t peak_workspace;
  unsigned warned; /* bit per KlOp: fell back and said so */
};

void kl_backend_free(KlBackend **b);
/* Zeroed backend memory that outlives runs; pair with kl_buffer_free (NULL contents allowed). */
bool kl_buffer_new(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err);
void kl_buffer_free(KlBuffer *buf);
bool kl_buffer_write(KlBuffer *buf, size_t offset, const void *src, size_t bytes, KlErr *err);
bool kl_buffer_read(const KlBuffer *buf, size_t offset, void *dst, size_t bytes, KlErr *err);
/* Gives the workspace back to the system. */
void kl_backend_trim(KlBackend *b);

/* engine/backends.c: device is "cpu", "vulkan" or "vulkan:N"; threads as in kl_pool_new. compute: KL_F32 or
 * KL_BF16 (BF16 is arithmetic in bf16 where the device has it; otherwise it becomes KL_F32).
 * KL_ERR_DEVICE_LOST: no such device; KL_ERR_INVALID: no such name. */
bool kl_backend_open(const char *device, int threads, KlDtype compute, KlBackend **out, KlErr *err);
