/* The one place that knows every backend by name. */
#include "engine/cpu/backend_cpu.h"
#include "engine/graph/backend.h"
#include "engine/vulkan/backend_vk.h"

#include <stdlib.h>
#include <string.h>

static bool open_vulkan(const char *which, KlBackend *cpu, KlBackend **out, KlErr *err) {
  char *end = NULL;
  long index = *which ? strtol(which + 1, &end, 10) : 0;
  if (*which && (*which != ':' || end == which + 1 || *end || index < 0 || index > 63))
    return kl_fail(err, KL_ERR_INVALID, "device must be cpu, vulkan or vulkan:N");
  return kl_vulkan_backend_new((int)index, cpu, out, err);
}

bool kl_backend_open(const char *device, int threads, KlDtype compute, KlBackend **out, KlErr *err) {
  *out = NULL;
  bool vulkan = !strncmp(device, "vulkan", 6);
  if (!vulkan && strcmp(device, "cpu"))
    return kl_fail(err, KL_ERR_INVALID, "no device \"%.40s\": it is cpu, vulkan or vulkan:N", device);
  KlBackend *cpu;
  if (!kl_cpu_backend_new(threads, compute, &cpu, err)) return false;
  if (!vulkan) {
    *out = cpu;
    return true;
  }
  if (open_vulkan(device + 6, cpu, out, err)) return true; /* it owns its fallback */
  kl_backend_free(&cpu);
  return false;
}
