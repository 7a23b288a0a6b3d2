#include "engine/formats/directory.h"

#include "engine/base/mem.h"
#include "engine/formats/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

KlClip kl_clip(const char *name) {
  KlClip c = {{0}};
  size_t n = strlen(name), at = 0, room = sizeof c.text - 4;
  uint32_t cp;
  while (at < n) {
    int len = kl_utf8_next(name + at, n - at, &cp);
    size_t step = len ? (size_t)len : 1;
    if (at + step > room) {
      memcpy(c.text + at, "...", 4);
      break;
    }
    if (len)
      memcpy(c.text + at, name + at, step);
    else
      c.text[at] = '?';
    at += step;
  }
  return c;
}

KlClip kl_extents_text(int ndim, const int64_t *shape) {
  KlClip c = {{0}};
  size_t at = 0;
  for (int i = 0; i < ndim && at < sizeof c.text; i++)
    at += (size_t)snprintf(c.text + at, sizeof c.text - at, shape[i] < 0 ? "%sany" : "%s%lld", i ? "," : "[",
                           (long long)shape[i]);
  if (at < sizeof c.text) snprintf(c.text + at, sizeof c.text - at, ndim ? "]" : "[]");
  return c;
}

bool kl_shape_count(int ndim, const int64_t *shape, size_t *n) {
  *n = 1;
  bool empty = false;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0) return false;
    if (shape[i] == 0) empty = true;
    /* zero elsewhere must not hide an absurd size: strides are products too */
    else if (!kl_size_mul(*n, (size_t)shape[i], n) || *n > (size_t)INT64_MAX / 8)
      return false;
  }
  if (empty) *n = 0;
  return true;
}

bool kl_directory_add(KlDirectory *dir, const KlEntry *e, KlErr *err) {
  if (dir->n >= KL_MAX_TENSORS)
    return kl_fail(err, KL_ERR_FORMAT, "%s: more than %d tensors", dir->label, KL_MAX_TENSORS);
  if (!kl_grow(&dir->entry, &dir->cap, dir->n + 1, sizeof *dir->entry))
    return kl_fail(err, KL_ERR_OOM, "no memory for the table of tensors");
  dir->entry[dir->n++] = *e;
  return true;
}

bool kl_directory_add_meta(KlDirectory *dir, const char *key, const char *value, KlErr *err) {
  if (dir->nmeta++ >= KL_MAX_METAS)
    return kl_fail(err, KL_ERR_FORMAT, "%s: more than %d metadata entries", dir->label, KL_MAX_METAS);
  KlMeta *m = kl_arena_alloc(dir->arena, 1, sizeof *m);
  if (!m) return kl_fail(err, KL_ERR_OOM, "no memory for metadata");
  *m = (KlMeta){.next = dir->meta, .key = key, .value = value};
  dir->meta = m;
  return true;
}

static int by_offset(const void *a, const void *b) {
  const KlEntry *x = a, *y = b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

bool kl_directory_check_overlaps(KlDirectory *dir, size_t *covered, KlErr *err) {
  *covered = 0;
  if (!dir->n) return true;
  KlEntry *sorted = kl_alloc(dir->n, sizeof *sorted);
  if (!sorted) return kl_fail(err, KL_ERR_OOM, "no memory for the table of tensors");
  memcpy(sorted, dir->entry, dir->n * sizeof *sorted);
  qsort(sorted, dir->n, sizeof *sorted, by_offset);
  bool ok = true;
  const KlEntry *last = NULL; /* the last one that has bytes */
  for (size_t i = 0; ok && i < dir->n; i++) {
    const KlEntry *e = &sorted[i];
    if (!e->bytes) continue;
    if (last && e->offset - last->offset < last->bytes)
      ok = kl_fail(err, KL_ERR_FORMAT, "%s: tensors \"%s\" and \"%s\" overlap", dir->label,
                   kl_clip(last->name).text, kl_clip(e->name).text);
    *covered += e->bytes; /* no overlap so far: cannot exceed the file */
    last = e;
  }
  kl_free(&sorted);
  return ok;
}

void kl_directory_free(KlDirectory *dir) {
  kl_free(&dir->entry);
  dir->n = dir->cap = 0;
}
