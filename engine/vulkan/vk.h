/* Inside of the Vulkan backend.
 *
 * A KlVkDevice is the logical device with everything that lives as long: pipelines, command slots, blocks of
 * weights. It is counted, because uploaded weights may outlive the backend. One thread at a time drives it.
 */
#pragma once

#include "engine/base/mem.h"
#include "engine/graph/backend.h"
#include "engine/graph/graph.h"

#include <vulkan/vulkan.h>

/* ---- device.c ---- */

typedef enum {
  KL_VK_MM,
  KL_VK_MV,
  KL_VK_NORM,
  KL_VK_EW,
  KL_VK_MOVE,
  KL_VK_EMBED,
  KL_VK_ATTENTION,
  KL_VK_SHADERS
} KlVkShader;

enum { KL_VK_SPEC = 3, KL_VK_SLOTS = 2, KL_VK_VIEWS = 30 };

typedef struct {
  VkBuffer buffer;
  VkDeviceMemory memory;
  VkDeviceAddress address;
  void *host; /* NULL: not visible, or KL_VULKAN_STAGING */
  size_t bytes;
} KlVkMemory;

typedef struct KlVkPipeline {
  struct KlVkPipeline *next;
  KlVkShader shader;
  int32_t spec[KL_VK_SPEC];
  VkPipeline pipeline;
} KlVkPipeline;

/* A command buffer with the memory for its kernels' parameters. */
typedef struct {
  VkCommandBuffer cmd;
  VkFence fence;
  KlVkMemory params;
  size_t used;
  double cost, submitted; /* estimated operations; time of submission */
  bool recording, pending;
} KlVkSlot;

typedef struct KlVkBlock KlVkBlock;

typedef struct {
  int refs;
  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  uint32_t family;
  VkPhysicalDeviceProperties props;
  VkPhysicalDeviceMemoryProperties memory;
  VkPhysicalDeviceType type;
  char driver[128];
  size_t max_allocation;
  bool has_budget, staging_only, lost;
  VkPipelineLayout layout;
  VkShaderModule module[KL_VK_SHADERS];
  KlVkPipeline *pipelines;
  VkCommandPool pool;
  KlVkSlot slot[KL_VK_SLOTS];
  int current;     /* the slot that records */
  double rate;     /* estimated operations a second */
  double finished; /* when the last submission was seen to be done */
  KlVkMemory staging;
  KlVkBlock *blocks;
} KlVkDevice;

bool kl_vk_device_new(int index, KlVkDevice **out, KlErr *err);
KlVkDevice *kl_vk_device_ref(KlVkDevice *d);
void kl_vk_device_unref(KlVkDevice **d);
/* True if r is a success; else sets err by kind (and marks the device lost). */
bool kl_vk_check(KlVkDevice *d, VkResult r, const char *what, KlErr *err);

/* ---- mem.c ---- */

typedef enum { KL_VK_DEVICE_MEMORY, KL_VK_HOST_MEMORY } KlVkPlace;
/* Contents undefined. HOST_MEMORY is always mapped and coherent. */
bool kl_vk_memory_new(KlVkDevice *d, size_t bytes, KlVkPlace place, KlVkMemory *out, KlErr *err);
void kl_vk_memory_free(KlVkDevice *d, KlVkMemory *m);
void kl_vk_memory_state(const KlVkDevice *d, size_t *total, size_t *available);
/* Blocking; all work that was enqueued before is done first. src NULL: zeros. */
bool kl_vk_write(KlVkDevice *d, const KlVkMemory *m, size_t offset, const void *src, size_t bytes,
                 KlErr *err);
bool kl_vk_read(KlVkDevice *d, const KlVkMemory *m, size_t offset, void *dst, size_t bytes, KlErr *err);

/* ---- pipeline.c ---- */

bool kl_vk_shaders_init(KlVkDevice *d, KlErr *err);
void kl_vk_shaders_free(KlVkDevice *d);
/* Compiled at first use. */
bool kl_vk_pipeline(KlVkDevice *d, KlVkShader shader, const int32_t spec[KL_VK_SPEC], VkPipeline *out,
                    KlErr *err);

/* ---- cmd.c ---- */

/* The parameter block of shaders/common.glsl. */
typedef struct {
  VkDeviceAddress at;
  int32_t dtype;
  int32_t outer;
  int32_t shape[5], stride[5];
} KlVkView;
typedef struct {
  int32_t i[32];
  float f[16];
  KlVkView v[KL_VK_VIEWS];
} KlVkParams;

bool kl_vk_cmd_init(KlVkDevice *d, KlErr *err);
void kl_vk_cmd_free(KlVkDevice *d);
/* Enqueues work groups [0, groups) of a kernel after all that came before; cost: operations a group. Long
 * work is cut into several submissions, short work is gathered, so that none runs longer than some 50 ms by
 * what was measured so far; waits where two of them are under way. `ordered` false: the kernel does not
 * depend on the one just before. */
bool kl_vk_dispatch(KlVkDevice *d, KlVkShader shader, const int32_t spec[KL_VK_SPEC], const KlVkParams *p,
                    int views, int64_t groups, double cost, bool ordered, const KlCancel *cancel, KlErr *err);
/* Waits for everything. When cancelled: what was not submitted is dropped. */
bool kl_vk_finish(KlVkDevice *d, const KlCancel *cancel, KlErr *err);
/* For mem.c: a command buffer to record a transfer into; submitted and waited for by kl_vk_finish. */
bool kl_vk_record(KlVkDevice *d, VkCommandBuffer *out, KlErr *err);

/* ---- weights.c ---- */

/* What a kernel needs of a tensor: its address on the device and the type it has there. Weights (in plain
 * host memory) are those that kl_vk_upload brought over. */
typedef enum { KL_VK_PLAIN, KL_VK_CONV } KlVkForm;
/* Uploads w (or the tensor it is a view of), once for a device and form. CONV: [O, C, taps] becomes [O, taps,
 * C]. NULL or not a weight: nothing to do. */
bool kl_vk_upload(KlVkDevice *d, KlTensor *w, KlVkForm form, KlErr *err);
/* A view of t, rows over all but the innermost dimension, evenly spaced dimensions joined. Bound tensors
 * only. */
KlVkView kl_vk_view(const KlVkDevice *d, const KlTensor *t, KlVkForm form);
static inline bool kl_vk_is_weight(const KlTensor *t) {
  return t && t->buf && t->buf->host && !t->buf->backend; /* no host: a workspace that is not there yet */
}
void kl_vk_blocks_free(KlVkDevice *d);

/* ---- ops.c ---- */

typedef struct {
  bool (*supports)(const KlTensor *node);
  bool (*prepare)(KlVkDevice *d, KlTensor *node, KlErr *err); /* NULL: uploads every weight as it is */
  bool (*run)(KlVkDevice *d, KlTensor *node, const KlCancel *cancel, KlErr *err);
} KlVkOp;
extern const KlVkOp kl_vk_linear, kl_vk_conv, kl_vk_norm, kl_vk_elementwise, kl_vk_copy, kl_vk_permute,
    kl_vk_concat, kl_vk_upsample, kl_vk_embed, kl_vk_attention;
const KlVkOp *kl_vk_op(KlOp op); /* NULL: no kernel */
/* f32, f16, bf16, with rows of less than 2^31 elements in all and at most five dimensions of rows. */
bool kl_vk_is_float(const KlTensor *t);
bool kl_vk_fits(const KlTensor *t);
