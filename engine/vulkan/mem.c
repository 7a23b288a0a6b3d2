/* Device memory, and moving bytes to and from it. */
#include "engine/vulkan/vk.h"

#include <string.h>

enum { STAGING = 8 << 20 };

/* The first memory type with all of these properties that the buffer may have; UINT32_MAX if there is none.
 */
static uint32_t find_type(const KlVkDevice *d, uint32_t allowed, VkMemoryPropertyFlags want) {
  for (uint32_t i = 0; i < d->memory.memoryTypeCount; i++)
    if (allowed >> i & 1 && (d->memory.memoryTypes[i].propertyFlags & want) == want) return i;
  return UINT32_MAX;
}

static uint32_t choose(const KlVkDevice *d, uint32_t allowed, KlVkPlace place) {
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                              cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                              seen =
                                  VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  /* Only where processor and device share memory is device memory worth reading from the host. */
  bool shared = d->type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU || d->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
  const VkMemoryPropertyFlags in_device[] = {shared ? local | seen | cached : local, local, 0},
                              in_host[] = {seen | cached, seen};
  const VkMemoryPropertyFlags *want = place == KL_VK_HOST_MEMORY ? in_host : in_device;
  uint32_t type = UINT32_MAX;
  for (int i = 0; i < (place == KL_VK_HOST_MEMORY ? 2 : 3) && type == UINT32_MAX; i++)
    type = find_type(d, allowed, want[i]);
  return type;
}

/* What is left of a heap; its size where the driver does not tell. */
static void heap_state(const KlVkDevice *d, uint32_t heap, size_t *total, size_t *available) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  if (d->has_budget) p.pNext = &budget;
  vkGetPhysicalDeviceMemoryProperties2(d->physical, &p);
  *total = *available = d->memory.memoryHeaps[heap].size;
  if (d->has_budget) {
    VkDeviceSize most = budget.heapBudget[heap], used = budget.heapUsage[heap];
    *available = most > used ? most - used : 0;
  }
  if (d->type == VK_PHYSICAL_DEVICE_TYPE_CPU) { /* a software device has the machine's memory */
    size_t machine;
    kl_mem_machine(NULL, &machine);
    if (machine && machine < *available) *available = machine;
  }
}

void kl_vk_memory_state(const KlVkDevice *d, size_t *total, size_t *available) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < d->memory.memoryHeapCount; i++) {
    bool local = d->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT,
         best_local = d->memory.memoryHeaps[best].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
    if (local > best_local ||
        (local == best_local && d->memory.memoryHeaps[i].size > d->memory.memoryHeaps[best].size))
      best = i;
  }
  heap_state(d, best, total, available);
}

bool kl_vk_memory_new(KlVkDevice *d, size_t bytes, KlVkPlace place, KlVkMemory *out, KlErr *err) {
  *out = (KlVkMemory){.bytes = bytes};
  if (d->lost) return kl_fail(err, KL_ERR_DEVICE_LOST, "the device was lost");
  if (bytes > d->max_allocation)
    return kl_fail(err, KL_ERR_OOM, "%zu MB in one piece; %s gives at most %zu MB", bytes >> 20,
                   d->props.deviceName, d->max_allocation >> 20);
  const VkBufferCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
      .size = ((bytes ? bytes : 4) + 3) & ~(VkDeviceSize)3,
      .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
  if (!kl_vk_check(d, vkCreateBuffer(d->device, &info, NULL, &out->buffer), "make a buffer", err))
    return false;
  VkMemoryRequirements need;
  vkGetBufferMemoryRequirements(d->device, out->buffer, &need);
  uint32_t type = choose(d, need.memoryTypeBits, place);
  size_t total, available;
  if (type == UINT32_MAX) {
    kl_fail(err, KL_ERR_UNSUPPORTED, "%s has no memory for buffers", d->props.deviceName);
    goto fail;
  }
  heap_state(d, d->memory.memoryTypes[type].heapIndex, &total, &available);
  if (need.size > available) {
    kl_fail(err, KL_ERR_OOM, "%zu MB asked for, %zu MB free on %s", (size_t)need.size >> 20, available >> 20,
            d->props.deviceName);
    goto fail;
  }
  const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                           .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
  const VkMemoryAllocateInfo alloc = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                      .pNext = &flags,
                                      .allocationSize = need.size,
                                      .memoryTypeIndex = type};
  /* A block of the engine's heap stands for it, so that tests can make this fail, too. */
  void *token = kl_alloc(1, 1);
  VkResult r = token ? vkAllocateMemory(d->device, &alloc, NULL, &out->memory) : VK_ERROR_OUT_OF_HOST_MEMORY;
  kl_free(&token);
  if (!kl_vk_check(d, r, "allocate", err) ||
      !kl_vk_check(d, vkBindBufferMemory(d->device, out->buffer, out->memory, 0), "bind memory", err))
    goto fail;
  const VkMemoryPropertyFlags seen = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                     (place == KL_VK_DEVICE_MEMORY ? VK_MEMORY_PROPERTY_HOST_CACHED_BIT : 0);
  if ((d->memory.memoryTypes[type].propertyFlags & seen) == seen &&
      (place == KL_VK_HOST_MEMORY || !d->staging_only) &&
      !kl_vk_check(d, vkMapMemory(d->device, out->memory, 0, VK_WHOLE_SIZE, 0, &out->host), "map memory",
                   err))
    goto fail;
  const VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = out->buffer};
  out->address = vkGetBufferDeviceAddress(d->device, &address);
  return true;
fail:
  kl_vk_memory_free(d, out);
  return false;
}

void kl_vk_memory_free(KlVkDevice *d, KlVkMemory *m) {
  if (m->buffer) vkDestroyBuffer(d->device, m->buffer, NULL);
  if (m->memory) vkFreeMemory(d->device, m->memory, NULL);
  *m = (KlVkMemory){0};
}

static bool staging(KlVkDevice *d, KlErr *err) {
  return d->staging.buffer || kl_vk_memory_new(d, STAGING, KL_VK_HOST_MEMORY, &d->staging, err);
}

static bool copy(KlVkDevice *d, VkBuffer from, size_t from_at, VkBuffer to, size_t to_at, size_t bytes,
                 KlErr *err) {
  VkCommandBuffer cmd;
  if (!kl_vk_record(d, &cmd, err)) return false;
  const VkBufferCopy region = {from_at, to_at, bytes};
  vkCmdCopyBuffer(cmd, from, to, 1, &region);
  return kl_vk_finish(d, NULL, err);
}

static bool zero(KlVkDevice *d, const KlVkMemory *m, KlErr *err) {
  VkCommandBuffer cmd;
  if (!kl_vk_record(d, &cmd, err)) return false;
  vkCmdFillBuffer(cmd, m->buffer, 0, VK_WHOLE_SIZE, 0);
  return kl_vk_finish(d, NULL, err);
}

bool kl_vk_write(KlVkDevice *d, const KlVkMemory *m, size_t offset, const void *src, size_t bytes,
                 KlErr *err) {
  if (!kl_vk_finish(d, NULL, err)) return false;
  if (m->host) {
    if (src)
      memcpy((char *)m->host + offset, src, bytes);
    else
      memset((char *)m->host + offset, 0, bytes);
    return true;
  }
  if (!src && offset == 0 && bytes == m->bytes) return zero(d, m, err);
  if (!staging(d, err)) return false;
  for (size_t at = 0; at < bytes; at += STAGING) {
    size_t n = bytes - at < STAGING ? bytes - at : STAGING;
    if (src)
      memcpy(d->staging.host, (const char *)src + at, n);
    else
      memset(d->staging.host, 0, n);
    if (!copy(d, d->staging.buffer, 0, m->buffer, offset + at, n, err)) return false;
  }
  return true;
}

bool kl_vk_read(KlVkDevice *d, const KlVkMemory *m, size_t offset, void *dst, size_t bytes, KlErr *err) {
  if (!kl_vk_finish(d, NULL, err)) return false;
  if (m->host) {
    memcpy(dst, (const char *)m->host + offset, bytes);
    return true;
  }
  if (!staging(d, err)) return false;
  for (size_t at = 0; at < bytes; at += STAGING) {
    size_t n = bytes - at < STAGING ? bytes - at : STAGING;
    if (!copy(d, m->buffer, offset + at, d->staging.buffer, 0, n, err)) return false;
    memcpy((char *)dst + at, d->staging.host, n);
  }
  return true;
}
