/* Finding and opening devices. */
#include "engine/vulkan/backend_vk.h"
#include "engine/vulkan/vk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool instance_new(VkInstance *out, KlErr *err) {
  const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                 .pApplicationName = "kinoloom",
                                 .pEngineName = "kinoloom",
                                 .apiVersion = VK_API_VERSION_1_2};
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                     .pApplicationInfo = &app};
  VkResult r = vkCreateInstance(&info, NULL, out);
  if (r == VK_SUCCESS) return true;
  *out = VK_NULL_HANDLE;
  if (r == VK_ERROR_OUT_OF_HOST_MEMORY) return kl_fail(err, KL_ERR_OOM, "no memory for Vulkan");
  return kl_fail(err, KL_ERR_DEVICE_LOST, "no Vulkan driver (error %d)", (int)r);
}

static int compute_family(VkPhysicalDevice p) {
  VkQueueFamilyProperties family[32];
  uint32_t n = 32;
  vkGetPhysicalDeviceQueueFamilyProperties(p, &n, family);
  for (uint32_t i = 0; i < n; i++)
    if (family[i].queueFlags & VK_QUEUE_COMPUTE_BIT) return (int)i;
  return -1;
}

/* What the device lacks, or NULL. */
static const char *missing(VkPhysicalDevice p) {
  VkPhysicalDeviceProperties props;
  vkGetPhysicalDeviceProperties(p, &props);
  if (props.apiVersion < VK_API_VERSION_1_2) return "Vulkan 1.2";
  VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                          .pNext = &f12};
  VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
  vkGetPhysicalDeviceFeatures2(p, &f);
  if (!f12.bufferDeviceAddress) return "buffer device addresses";
  if (!f11.storageBuffer16BitAccess) return "16-bit storage";
  if (!f.features.shaderInt16) return "16-bit integers";
  if (props.limits.maxComputeWorkGroupInvocations < 256) return "work groups of 256";
  if (props.limits.maxComputeSharedMemorySize < 32768) return "32 KiB of shared memory";
  if (compute_family(p) < 0) return "a compute queue";
  return NULL;
}

/* The devices that can be used, real ones before software, in the driver's order otherwise. *lacking, *what:
 * one that cannot, and why (NULL: none). */
enum { MOST = 32 };
static int usable_devices(VkInstance instance, VkPhysicalDevice *out, VkPhysicalDevice *lacking,
                          const char **what) {
  static const VkPhysicalDeviceType order[] = {
      VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU,
      VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU, VK_PHYSICAL_DEVICE_TYPE_OTHER, VK_PHYSICAL_DEVICE_TYPE_CPU};
  VkPhysicalDevice list[MOST];
  uint32_t n = MOST;
  int count = 0;
  *what = NULL;
  VkResult r = vkEnumeratePhysicalDevices(instance, &n, list);
  if (r != VK_SUCCESS && r != VK_INCOMPLETE) return 0;
  for (size_t o = 0; o < sizeof order / sizeof *order; o++)
    for (uint32_t i = 0; i < n; i++) {
      VkPhysicalDeviceProperties props;
      vkGetPhysicalDeviceProperties(list[i], &props);
      if (props.deviceType != order[o]) continue;
      const char *lack = missing(list[i]);
      if (!lack)
        out[count++] = list[i];
      else
        *lacking = list[i], *what = lack;
    }
  return count;
}

static bool has_extension(VkPhysicalDevice p, const char *name) {
  uint32_t n = 0;
  bool found = false;
  VkExtensionProperties *list = NULL;
  if (vkEnumerateDeviceExtensionProperties(p, NULL, &n, NULL) != VK_SUCCESS ||
      !(list = kl_alloc(n, sizeof *list)))
    return false;
  if (vkEnumerateDeviceExtensionProperties(p, NULL, &n, list) >= 0)
    for (uint32_t i = 0; i < n && !found; i++) found = !strcmp(list[i].extensionName, name);
  kl_free(&list);
  return found;
}

static size_t own_memory(const VkPhysicalDeviceMemoryProperties *m) {
  size_t most = 0;
  for (uint32_t i = 0; i < m->memoryHeapCount; i++)
    if (m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT && m->memoryHeaps[i].size > most)
      most = m->memoryHeaps[i].size;
  return most;
}

/* "radv Mesa 22.3.6" */
static void driver_name(VkPhysicalDevice p, char *out, size_t n) {
  VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
  VkPhysicalDeviceProperties2 props = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &driver};
  vkGetPhysicalDeviceProperties2(p, &props);
  snprintf(out, n, "%.60s %.60s", driver.driverName, driver.driverInfo);
}

int kl_vulkan_devices(KlVulkanDevice *out, int most) {
  static const char *const types[] = {"other", "integrated", "discrete", "virtual", "cpu"};
  VkInstance instance;
  VkPhysicalDevice list[MOST], lacking;
  const char *what;
  if (!instance_new(&instance, NULL)) return 0;
  int n = usable_devices(instance, list, &lacking, &what);
  for (int i = 0; i < n && i < most; i++) {
    VkPhysicalDeviceProperties props;
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceProperties(list[i], &props);
    vkGetPhysicalDeviceMemoryProperties(list[i], &memory);
    KlVulkanDevice *d = &out[i];
    *d = (KlVulkanDevice){.memory = own_memory(&memory), .type = types[props.deviceType]};
    snprintf(d->name, sizeof d->name, "%.127s", props.deviceName);
    driver_name(list[i], d->driver, sizeof d->driver);
  }
  vkDestroyInstance(instance, NULL);
  return n;
}

bool kl_vk_check(KlVkDevice *d, VkResult r, const char *what, KlErr *err) {
  if (r >= 0) return true;
  switch (r) {
  case VK_ERROR_OUT_OF_HOST_MEMORY:
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
  case VK_ERROR_OUT_OF_POOL_MEMORY:
  case VK_ERROR_TOO_MANY_OBJECTS:
  case VK_ERROR_MEMORY_MAP_FAILED:
    return kl_fail(err, KL_ERR_OOM, "vulkan has no memory to %s", what);
  case VK_ERROR_DEVICE_LOST:
    d->lost = true;
    return kl_fail(err, KL_ERR_DEVICE_LOST, "the device %s was lost", d->props.deviceName);
  default:
    return kl_fail(err, KL_ERR_UNSUPPORTED, "vulkan cannot %s (error %d)", what, (int)r);
  }
}

static bool open_device(KlVkDevice *d, KlErr *err) {
  const float priority = 1;
  d->family = (uint32_t)compute_family(d->physical);
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = d->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                          .bufferDeviceAddress = VK_TRUE};
  VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                          .pNext = &f12,
                                          .storageBuffer16BitAccess = VK_TRUE};
  const VkPhysicalDeviceFeatures2 f = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11, .features.shaderInt16 = VK_TRUE};
  const char *const budget = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
  d->has_budget = has_extension(d->physical, budget);
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .pNext = &f,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .enabledExtensionCount = d->has_budget,
                                   .ppEnabledExtensionNames = &budget};
  if (!kl_vk_check(d, vkCreateDevice(d->physical, &info, NULL, &d->device), "open the device", err))
    return false;
  vkGetDeviceQueue(d->device, d->family, 0, &d->queue);
  return true;
}

static void read_limits(KlVkDevice *d) {
  VkPhysicalDeviceMaintenance3Properties m3 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
  VkPhysicalDeviceMaintenance4Properties m4 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES};
  VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &m3};
  vkGetPhysicalDeviceProperties(d->physical, &d->props);
  if (d->props.apiVersion >= VK_API_VERSION_1_3) m3.pNext = &m4;
  vkGetPhysicalDeviceProperties2(d->physical, &p);
  vkGetPhysicalDeviceMemoryProperties(d->physical, &d->memory);
  d->type = d->props.deviceType;
  driver_name(d->physical, d->driver, sizeof d->driver);
  d->max_allocation = m3.maxMemoryAllocationSize;
  if (m4.maxBufferSize && m4.maxBufferSize < d->max_allocation) d->max_allocation = m4.maxBufferSize;
  const char *staging = getenv("KL_VULKAN_STAGING");
  d->staging_only = staging && *staging && *staging != '0';
  d->rate = d->type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 1e9 : 1e11;
}

bool kl_vk_device_new(int index, KlVkDevice **out, KlErr *err) {
  *out = NULL;
  KlVkDevice *d = kl_calloc(1, sizeof *d);
  if (!d) return kl_fail(err, KL_ERR_OOM, "no memory for the vulkan backend");
  d->refs = 1;
  VkPhysicalDevice list[MOST], lacking;
  const char *what;
  if (!instance_new(&d->instance, err)) goto fail;
  int n = usable_devices(d->instance, list, &lacking, &what);
  if (index < 0 || index >= n) {
    VkPhysicalDeviceProperties props = {0};
    if (what) vkGetPhysicalDeviceProperties(lacking, &props);
    if (what)
      kl_fail(err, KL_ERR_DEVICE_LOST, "there is no device vulkan:%d (%s lacks %s)", index, props.deviceName,
              what);
    else
      kl_fail(err, KL_ERR_DEVICE_LOST, "there is no device vulkan:%d (%d found)", index, n);
    goto fail;
  }
  d->physical = list[index];
  read_limits(d);
  if (!open_device(d, err) || !kl_vk_shaders_init(d, err) || !kl_vk_cmd_init(d, err)) goto fail;
  *out = d;
  return true;
fail:
  kl_vk_device_unref(&d);
  return false;
}

KlVkDevice *kl_vk_device_ref(KlVkDevice *d) {
  d->refs++;
  return d;
}

void kl_vk_device_unref(KlVkDevice **dp) {
  KlVkDevice *d = *dp;
  *dp = NULL;
  if (!d || --d->refs > 0) return;
  if (d->device) {
    vkDeviceWaitIdle(d->device);
    kl_vk_cmd_free(d);
    kl_vk_shaders_free(d);
    kl_vk_blocks_free(d);
    vkDestroyDevice(d->device, NULL);
  }
  if (d->instance) vkDestroyInstance(d->instance, NULL);
  kl_free(&d);
}
