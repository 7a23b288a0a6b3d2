/* Recording, submitting and waiting. Two command slots take turns: one runs while the other records. */
#define _GNU_SOURCE
#include "engine/vulkan/vk.h"

#include <string.h>
#include <time.h>

enum { PARAMS = 512 << 10 };        /* bytes of parameters a slot */
static const double TARGET = 0.025; /* seconds a submission should take */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool kl_vk_cmd_init(KlVkDevice *d, KlErr *err) {
  const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                        .queueFamilyIndex = d->family};
  if (!kl_vk_check(d, vkCreateCommandPool(d->device, &pool, NULL, &d->pool), "make a command pool", err))
    return false;
  for (int i = 0; i < KL_VK_SLOTS; i++) {
    KlVkSlot *s = &d->slot[i];
    const VkCommandBufferAllocateInfo cmd = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                             .commandPool = d->pool,
                                             .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                             .commandBufferCount = 1};
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    if (!kl_vk_check(d, vkAllocateCommandBuffers(d->device, &cmd, &s->cmd), "make a command buffer", err) ||
        !kl_vk_check(d, vkCreateFence(d->device, &fence, NULL, &s->fence), "make a fence", err) ||
        !kl_vk_memory_new(d, PARAMS, KL_VK_HOST_MEMORY, &s->params, err))
      return false;
  }
  return true;
}

void kl_vk_cmd_free(KlVkDevice *d) {
  for (int i = 0; i < KL_VK_SLOTS; i++) {
    if (d->slot[i].fence) vkDestroyFence(d->device, d->slot[i].fence, NULL);
    kl_vk_memory_free(d, &d->slot[i].params);
  }
  kl_vk_memory_free(d, &d->staging);
  if (d->pool) vkDestroyCommandPool(d->device, d->pool, NULL);
}

/* Waits until the slot's submission is done and learns from how long it took. */
static bool wait_slot(KlVkDevice *d, KlVkSlot *s, KlErr *err) {
  if (!s->pending) return true;
  VkResult r;
  do r = vkWaitForFences(d->device, 1, &s->fence, VK_TRUE, 1000000000);
  while (r == VK_TIMEOUT);
  s->pending = false;
  if (!kl_vk_check(d, r, "wait", err)) return false;
  double end = now(), took = end - (s->submitted > d->finished ? s->submitted : d->finished);
  d->finished = end;
  if (s->cost > 1e6 && took > 1e-3) {
    double rate = s->cost / took;
    /* Much slower is believed at once, all else by halves; never too little to be worth a submission. */
    d->rate = took > 3 * TARGET ? rate : (d->rate + rate) / 2;
    if (d->rate < 5e8) d->rate = 5e8;
  }
  return true;
}

static bool begin(KlVkDevice *d, KlErr *err) {
  KlVkSlot *s = &d->slot[d->current];
  if (s->recording) return true;
  if (d->lost) return kl_fail(err, KL_ERR_DEVICE_LOST, "the device was lost");
  if (!wait_slot(d, s, err)) return false;
  const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                         .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  if (!kl_vk_check(d, vkBeginCommandBuffer(s->cmd, &info), "record", err)) return false;
  s->recording = true;
  s->used = 0;
  s->cost = 0;
  return true;
}

static bool submit(KlVkDevice *d, KlErr *err) {
  KlVkSlot *s = &d->slot[d->current];
  if (!s->recording) return true;
  s->recording = false;
  const VkSubmitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &s->cmd};
  if (!kl_vk_check(d, vkEndCommandBuffer(s->cmd), "record", err) ||
      !kl_vk_check(d, vkResetFences(d->device, 1, &s->fence), "reset a fence", err))
    return false;
  s->submitted = now();
  if (!kl_vk_check(d, vkQueueSubmit(d->queue, 1, &info, s->fence), "submit", err)) return false;
  s->pending = true;
  d->current = (d->current + 1) % KL_VK_SLOTS;
  return true;
}

/* Everything after sees all that was written before: by kernels, copies and the host. */
static void barrier(VkCommandBuffer cmd) {
  const VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
  const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  vkCmdPipelineBarrier(cmd, stages, stages | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &all, 0, NULL, 0, NULL);
}

static bool drop(KlVkDevice *d, KlErr *err) {
  KlVkSlot *s = &d->slot[d->current];
  if (s->recording) vkEndCommandBuffer(s->cmd);
  s->recording = false;
  for (int i = 0; i < KL_VK_SLOTS; i++)
    if (!wait_slot(d, &d->slot[i], err)) return false;
  return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
}

bool kl_vk_dispatch(KlVkDevice *d, KlVkShader shader, const int32_t spec[KL_VK_SPEC], const KlVkParams *p,
                    int views, int64_t groups, double cost, bool ordered, const KlCancel *cancel,
                    KlErr *err) {
  const size_t bytes = sizeof p->i + sizeof p->f + (size_t)views * sizeof *p->v;
  const int64_t row = 32768; /* work groups side by side; 65535 is always allowed */
  VkPipeline pipeline;
  if (groups <= 0) return true;
  if (groups > row * row) return kl_fail(err, KL_ERR_UNSUPPORTED, "too large a tensor for vulkan");
  if (!kl_vk_pipeline(d, shader, spec, &pipeline, err)) return false;
  for (int64_t at = 0; at < groups;) {
    if (kl_cancelled(cancel)) return drop(d, err);
    if (d->slot[d->current].recording && d->slot[d->current].used + bytes > PARAMS && !submit(d, err))
      return false;
    if (!begin(d, err)) return false;
    KlVkSlot *s = &d->slot[d->current];
    double room = (d->rate * TARGET - s->cost) / (cost > 1 ? cost : 1);
    if (room < 1 && s->cost > 0) {
      if (!submit(d, err)) return false;
      continue;
    }
    int64_t n = room < (double)(groups - at) ? (int64_t)room : groups - at;
    if (n < 1) n = 1;
    if (n > row) n -= n % row;
    memcpy((char *)s->params.host + s->used, p, bytes);
    const struct {
      VkDeviceAddress params;
      uint32_t base, end;
    } push = {s->params.address + s->used, (uint32_t)at, (uint32_t)(at + n)};
    s->used += (bytes + 63) / 64 * 64;
    if (at == 0 && (ordered || s->cost == 0)) barrier(s->cmd);
    vkCmdBindPipeline(s->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdPushConstants(s->cmd, d->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
    vkCmdDispatch(s->cmd, (uint32_t)(n < row ? n : row), (uint32_t)((n + row - 1) / row), 1);
    s->cost += (double)n * cost;
    at += n;
  }
  return true;
}

bool kl_vk_record(KlVkDevice *d, VkCommandBuffer *out, KlErr *err) {
  if (!begin(d, err)) return false;
  *out = d->slot[d->current].cmd;
  barrier(*out);
  return true;
}

bool kl_vk_finish(KlVkDevice *d, const KlCancel *cancel, KlErr *err) {
  if (kl_cancelled(cancel)) return drop(d, err);
  if (d->slot[d->current].recording) {
    barrier(d->slot[d->current].cmd); /* for the host */
    if (!submit(d, err)) return false;
  }
  for (int i = 0; i < KL_VK_SLOTS; i++) /* the older one first */
    if (!wait_slot(d, &d->slot[(d->current + i) % KL_VK_SLOTS], err)) return false;
  return d->lost ? kl_fail(err, KL_ERR_DEVICE_LOST, "the device was lost") : true;
}
