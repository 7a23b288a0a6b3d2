/* The Vulkan compute backend: f32 arithmetic on any device with Vulkan 1.2, buffer addresses and 16-bit
 * storage.
 *
 * Built without Vulkan (meson option `vulkan`), the same functions exist and report no device. */
#pragma once

#include "engine/graph/backend.h"

typedef struct {
  char name[128];   /* "AMD Radeon RX 6800 (RADV NAVI21)" */
  char driver[128]; /* "radv Mesa 22.3.6" */
  const char *type; /* "discrete", "integrated", "virtual", "cpu", "other" */
  size_t memory;    /* bytes of the largest heap of its own */
} KlVulkanDevice;

/* The devices that have what the backend needs, real ones before software; their order is that of the indices
 * below. Fills up to `most` entries and returns how many there are, 0 without a driver. */
int kl_vulkan_devices(KlVulkanDevice *out, int most);

/* fallback: runs what has no kernel; owned by the new backend on success. KL_ERR_DEVICE_LOST: no such device;
 * KL_ERR_OOM. Free with kl_backend_free. Weights that it uploaded may be
 * freed before or after it. KL_VULKAN_STAGING=1 in the environment treats all memory as invisible to the
 * host. */
bool kl_vulkan_backend_new(int index, KlBackend *fallback, KlBackend **out, KlErr *err);
