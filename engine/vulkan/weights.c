/* Weights on the device. They are cut from blocks, since drivers limit the number of allocations to some
 * thousands. */
#include "engine/vulkan/vk.h"

#include <string.h>

enum { BLOCK = 64 << 20, PART = 4 << 20 };

struct KlVkBlock {
  KlVkBlock *next;
  KlVkMemory memory;
  size_t used;
  int live; /* weights inside */
};

/* One form of a weight on one device; w->pack is a list of them. */
typedef struct Pack {
  struct Pack *next;
  KlVkDevice *device;
  KlVkForm form;
  KlVkBlock *block;
  size_t offset;
} Pack;

static void block_free(KlVkDevice *d, KlVkBlock *b) {
  for (KlVkBlock **at = &d->blocks; *at; at = &(*at)->next)
    if (*at == b) {
      *at = b->next;
      break;
    }
  kl_vk_memory_free(d, &b->memory);
  kl_free(&b);
}

void kl_vk_blocks_free(KlVkDevice *d) {
  while (d->blocks) block_free(d, d->blocks);
}

static bool take(KlVkDevice *d, size_t bytes, KlVkBlock **out, size_t *offset, KlErr *err) {
  bytes = (bytes + 255) & ~(size_t)255;
  for (KlVkBlock *b = d->blocks; b; b = b->next)
    if (b->memory.bytes - b->used >= bytes) {
      *offset = b->used;
      b->used += bytes;
      b->live++;
      *out = b;
      return true;
    }
  KlVkBlock *b = kl_calloc(1, sizeof *b);
  if (!b) return kl_fail(err, KL_ERR_OOM, "no memory for a weight");
  size_t size = bytes > BLOCK / 4 ? bytes : BLOCK; /* large ones alone, so that they can be given back */
  if (!kl_vk_memory_new(d, size, KL_VK_DEVICE_MEMORY, &b->memory, err)) {
    kl_free(&b);
    return false;
  }
  b->used = bytes;
  b->live = 1;
  b->next = d->blocks;
  d->blocks = *out = b;
  *offset = 0;
  return true;
}

static void pack_free(void *pack) {
  for (Pack *p = pack; p;) {
    Pack *next = p->next;
    if (--p->block->live == 0) {
      kl_vk_finish(p->device, NULL, NULL); /* nothing under way may read it */
      block_free(p->device, p->block);
    }
    kl_vk_device_unref(&p->device);
    kl_free(&p);
    p = next;
  }
}

static KlTensor *root(const KlTensor *t) {
  return t->base ? t->base : (KlTensor *)(uintptr_t)t;
}

static Pack *find(const KlVkDevice *d, const KlTensor *w, KlVkForm form) {
  if (w->pack_free != pack_free) return NULL;
  for (Pack *p = w->pack; p; p = p->next)
    if (p->device == d && p->form == form) return p;
  return NULL;
}

/* [O, C, taps] to [O, taps, C], some output channels at a time. */
static bool send_conv(KlVkDevice *d, const KlTensor *w, KlVkBlock *b, size_t offset, KlErr *err) {
  size_t size = kl_dtype_block_bytes(w->dtype), o = (size_t)w->shape[0], c = (size_t)w->shape[1], taps = 1;
  for (int i = 2; i < w->ndim; i++) taps *= (size_t)w->shape[i];
  size_t each = c * taps * size, many = each ? PART / each : 1;
  if (many < 1) many = 1;
  char *part = kl_alloc(many, each);
  if (!part) return kl_fail(err, KL_ERR_OOM, "no memory for a weight");
  bool ok = true;
  for (size_t at = 0; ok && at < o; at += many) {
    size_t n = o - at < many ? o - at : many;
    const char *src = (const char *)kl_data(w) + at * each;
    for (size_t i = 0; i < n; i++)
      for (size_t t = 0; t < taps; t++)
        for (size_t ch = 0; ch < c; ch++)
          memcpy(part + ((i * taps + t) * c + ch) * size, src + ((i * c + ch) * taps + t) * size, size);
    ok = kl_vk_write(d, &b->memory, offset + at * each, part, n * each, err);
  }
  kl_free(&part);
  return ok;
}

bool kl_vk_upload(KlVkDevice *d, KlTensor *t, KlVkForm form, KlErr *err) {
  if (!kl_vk_is_weight(t)) return true;
  KlTensor *w = root(t);
  if (find(d, w, form)) return true;
  size_t bytes;
  if (w->pack && w->pack_free != pack_free)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "another backend holds the weight %s", w->name ? w->name : "");
  if (!kl_dtype_bytes(w->dtype, (size_t)kl_nelem(w), &bytes))
    return kl_fail(err, KL_ERR_INVALID, "bad size of a weight");
  Pack *p = kl_calloc(1, sizeof *p);
  if (!p) return kl_fail(err, KL_ERR_OOM, "no memory for a weight");
  p->form = form;
  if (!take(d, bytes, &p->block, &p->offset, err)) {
    kl_free(&p);
    return false;
  }
  p->device = kl_vk_device_ref(d);
  bool ok = form == KL_VK_CONV ? send_conv(d, w, p->block, p->offset, err)
                               : kl_vk_write(d, &p->block->memory, p->offset, kl_data(w), bytes, err);
  if (!ok) {
    pack_free(p);
    return false;
  }
  p->next = w->pack;
  w->pack = p;
  w->pack_free = pack_free;
  return true;
}

/* shaders/common.glsl has its own numbers. */
static int32_t type_of(KlDtype t) {
  switch (t) {
  case KL_F16:
    return 1;
  case KL_BF16:
    return 2;
  case KL_I32:
    return 3;
  case KL_Q8_0:
    return 4;
  case KL_Q4_K:
    return 5;
  case KL_Q5_K:
    return 6;
  case KL_Q6_K:
    return 7;
  default:
    return 0;
  }
}

KlVkView kl_vk_view(const KlVkDevice *d, const KlTensor *t, KlVkForm form) {
  KlVkView v = {0};
  if (!t) return v;
  if (kl_vk_is_weight(t)) {
    const KlTensor *w = root(t);
    const Pack *p = find(d, w, form);
    if (!p) return v;
    v.at = p->block->memory.address + p->offset + (t->offset - w->offset);
  } else {
    v.at = ((const KlVkMemory *)t->buf->device)->address + t->offset;
  }
  v.dtype = type_of(t->dtype);
  for (int i = 0; i < t->ndim - 1; i++) {
    if (t->shape[i] == 1) continue;
    int last = v.outer - 1;
    if (last >= 0 && v.stride[last] == t->shape[i] * t->stride[i]) {
      v.shape[last] *= (int32_t)t->shape[i];
      v.stride[last] = (int32_t)t->stride[i];
    } else {
      v.shape[v.outer] = (int32_t)t->shape[i];
      v.stride[v.outer++] = (int32_t)t->stride[i];
    }
  }
  if (v.outer == 0) v.outer = v.shape[0] = 1;
  return v;
}
