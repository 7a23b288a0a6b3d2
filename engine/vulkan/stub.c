/* Built in place of the backend where there is no Vulkan. */
#include "engine/vulkan/backend_vk.h"

int kl_vulkan_devices(KlVulkanDevice *out, int most) {
  return 0;
}

bool kl_vulkan_backend_new(int index, KlBackend *fallback, KlBackend **out, KlErr *err) {
  *out = NULL;
  return kl_fail(err, KL_ERR_DEVICE_LOST, "this build has no Vulkan");
}
