#include "engine/graph/backend.h"

#include <string.h>

bool kl_buffer_new(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err) {
  *out = (KlBuffer){0};
  if (!b->ops->buffer_new(b, bytes, out, err)) return false;
  out->backend = b;
  out->bytes = bytes;
  return true;
}

void kl_buffer_free(KlBuffer *buf) {
  if (buf->backend) buf->backend->ops->buffer_free(buf->backend, buf);
  *buf = (KlBuffer){0};
}

static bool in_range(const KlBuffer *buf, size_t offset, size_t bytes, KlErr *err) {
  if (offset <= buf->bytes && bytes <= buf->bytes - offset) return true;
  return kl_fail(err, KL_ERR_INVALID, "access outside a buffer");
}

bool kl_buffer_write(KlBuffer *buf, size_t offset, const void *src, size_t bytes, KlErr *err) {
  if (!in_range(buf, offset, bytes, err)) return false;
  return bytes == 0 || buf->backend->ops->write(buf->backend, buf, offset, src, bytes, err);
}

bool kl_buffer_read(const KlBuffer *buf, size_t offset, void *dst, size_t bytes, KlErr *err) {
  if (!in_range(buf, offset, bytes, err)) return false;
  if (bytes && !buf->backend) memcpy(dst, (const char *)buf->host + offset, bytes);
  return bytes == 0 || !buf->backend || buf->backend->ops->read(buf->backend, buf, offset, dst, bytes, err);
}

void kl_backend_trim(KlBackend *b) {
  kl_buffer_free(&b->workspace);
}

void kl_backend_free(KlBackend **b) {
  if (!*b) return;
  kl_buffer_free(&(*b)->workspace);
  (*b)->ops->free(*b);
  *b = NULL;
}
