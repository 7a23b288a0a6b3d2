#define _GNU_SOURCE
#include "engine/cpu/matmul.h"

#include <sys/mman.h>

static void pack_free(void *pack) {
  for (KlPack *p = pack; p;) {
    KlPack *next = p->next;
    if (p->data_free)
      p->data_free(p->data);
    else
      kl_free(&p->data);
    kl_free(&p);
    p = next;
  }
}

bool kl_pack_owned(const KlTensor *w) {
  return w->pack_free == pack_free;
}

KlPack *kl_pack_find(const KlTensor *w, KlPackKind kind, KlDtype compute) {
  if (w->pack_free != pack_free) return NULL;
  for (KlPack *p = w->pack; p; p = p->next)
    if (p->kind == kind && p->compute == compute) return p;
  return NULL;
}

bool kl_pack_add(KlTensor *w, KlPackKind kind, KlDtype compute, void *data, void (*data_free)(void *),
                 KlErr *err) {
  KlPack *p = NULL;
  bool ok = true;
  if (w->pack && w->pack_free != pack_free)
    ok = kl_fail(err, KL_ERR_UNSUPPORTED, "another backend holds the weight %s", w->name ? w->name : "");
  if (ok && !(p = kl_alloc(1, sizeof *p))) ok = kl_fail(err, KL_ERR_OOM, "no memory for a packed weight");
  if (!ok) {
    if (data_free)
      data_free(data);
    else
      kl_free(&data);
    return false;
  }
  *p = (KlPack){w->pack, kind, compute, data, data_free};
  w->pack = p;
  w->pack_free = pack_free;
  return true;
}

void *kl_big_alloc(size_t bytes) {
  char *p = kl_alloc(bytes, 1);
  const size_t huge = 2 << 20;
  if (p && bytes >= 2 * huge) {
    size_t skip = (huge - (uintptr_t)p % huge) % huge;
    madvise(p + skip, (bytes - skip) / huge * huge, MADV_HUGEPAGE);
  }
  return p;
}
