#include "engine/vulkan/backend_vk.h"

#include "engine/vulkan/vk.h"

#include <stdio.h>

typedef struct {
  KlBackend base;
  KlVkDevice *device;
} Backend;

static KlVkDevice *device(const KlBackend *b) {
  return ((const Backend *)b)->device;
}

static void vk_free(KlBackend *b) {
  Backend *v = (Backend *)b;
  kl_backend_free(&v->base.fallback);
  kl_vk_device_unref(&v->device);
  kl_free(&v);
}

static bool buffer_new(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err) {
  KlVkMemory *m = kl_calloc(1, sizeof *m);
  if (!m) return kl_fail(err, KL_ERR_OOM, "no memory for a buffer");
  if (!kl_vk_memory_new(device(b), bytes, KL_VK_DEVICE_MEMORY, m, err)) {
    kl_free(&m);
    return false;
  }
  *out = (KlBuffer){.backend = b, .bytes = bytes, .host = m->host, .device = m};
  if (kl_vk_write(device(b), m, 0, NULL, bytes, err)) return true;
  kl_vk_memory_free(device(b), m);
  kl_free(&m);
  *out = (KlBuffer){0};
  return false;
}

static void buffer_free(KlBackend *b, KlBuffer *buf) {
  KlVkMemory *m = buf->device;
  if (!m) return;
  kl_vk_finish(device(b), NULL, NULL); /* nothing under way may use it */
  kl_vk_memory_free(device(b), m);
  kl_free(&m);
  *buf = (KlBuffer){0};
}

static bool range_ok(const KlBuffer *buf, size_t offset, size_t bytes, KlErr *err) {
  if (offset <= buf->bytes && bytes <= buf->bytes - offset) return true;
  return kl_fail(err, KL_ERR_INVALID, "%zu bytes at %zu are outside a buffer of %zu", bytes, offset,
                 buf->bytes);
}

static bool buffer_write(KlBackend *b, KlBuffer *buf, size_t offset, const void *src, size_t bytes,
                         KlErr *err) {
  return range_ok(buf, offset, bytes, err) && kl_vk_write(device(b), buf->device, offset, src, bytes, err);
}

static bool buffer_read(KlBackend *b, const KlBuffer *buf, size_t offset, void *dst, size_t bytes,
                        KlErr *err) {
  return range_ok(buf, offset, bytes, err) && kl_vk_read(device(b), buf->device, offset, dst, bytes, err);
}

static bool supports(const KlBackend *b, const KlTensor *node) {
  const KlVkOp *op = kl_vk_op(node->op);
  return op && op->supports(node);
}

static size_t scratch(const KlBackend *b, const KlTensor *node) {
  return 0;
}

static bool prepare(KlBackend *b, KlTensor *node, KlErr *err) {
  const KlVkOp *op = kl_vk_op(node->op);
  if (op && op->prepare) return op->prepare(device(b), node, err);
  for (int i = 0; i < node->nsrc; i++)
    if (!kl_vk_upload(device(b), node->src[i], KL_VK_PLAIN, err)) return false;
  return true;
}

static bool run(KlBackend *b, KlTensor *node, KlBuffer *workspace, size_t scratch_offset,
                const KlCancel *cancel, KlErr *err) {
  const KlVkOp *op = kl_vk_op(node->op);
  if (!op) return kl_fail(err, KL_ERR_UNSUPPORTED, "the vulkan backend has no op %s", kl_op_name(node->op));
  return kl_nelem(node) == 0 || op->run(device(b), node, cancel, err);
}

static bool sync(KlBackend *b, const KlCancel *cancel, KlErr *err) {
  return kl_vk_finish(device(b), cancel, err);
}

static void memory(const KlBackend *b, size_t *total, size_t *available) {
  size_t t, a;
  kl_vk_memory_state(device(b), &t, &a);
  if (total) *total = t;
  if (available) *available = a;
}

static const KlBackendOps ops = {
    .free = vk_free,
    .buffer_new = buffer_new,
    .buffer_free = buffer_free,
    .write = buffer_write,
    .read = buffer_read,
    .supports = supports,
    .scratch = scratch,
    .prepare = prepare,
    .run = run,
    .sync = sync,
    .memory = memory,
};

bool kl_vulkan_backend_new(int index, KlBackend *fallback, KlBackend **out, KlErr *err) {
  *out = NULL;
  Backend *v = kl_calloc(1, sizeof *v);
  if (!v) return kl_fail(err, KL_ERR_OOM, "no memory for the vulkan backend");
  if (!kl_vk_device_new(index, &v->device, err)) {
    kl_free(&v);
    return false;
  }
  v->base.ops = &ops;
  v->base.compute = KL_F32;
  v->base.fallback = fallback;
  snprintf(v->base.name, sizeof v->base.name, "vulkan:%d", index);
  snprintf(v->base.title, sizeof v->base.title, "%.70s, %.50s", v->device->props.deviceName,
           v->device->driver);
  *out = &v->base;
  return true;
}
