#include "engine/formats/weights.h"

#include "engine/base/mem.h"
#include "engine/formats/json_scan.h"
#include "engine/formats/names.h"
#include "engine/formats/weights_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000, NAME_MAX_BYTES = 512 };
static const size_t REALIGN_MAX = (size_t)1 << 30;

/* ---- table of names ---- */

/* Keyed by the process's random bytes: a file must not be able to choose names that all collide. */
static size_t hash(const char *s) {
  uint64_t key[2] = {0};
  const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */
  if (random) memcpy(key, random, sizeof key);
  uint64_t h = key[0];
  for (; *s; s++) {
    h = (h ^ (unsigned char)*s) * 0x9E3779B97F4A7C15u;
    h ^= (h >> 29) ^ key[1];
  }
  h *= 0xBF58476D1CE4E5B9u;
  return (size_t)(h ^ h >> 32);
}

static KlWeight **slot_of(KlWeight **slot, size_t nslots, const char *name) {
  size_t i = hash(name) & (nslots - 1);
  while (slot[i] && strcmp(slot[i]->name, name)) i = (i + 1) & (nslots - 1);
  return &slot[i];
}

static KlWeight *lookup(const KlWeights *w, const char *name) {
  return w->nslots ? *slot_of(w->slot, w->nslots, name) : NULL;
}

static bool reserve(KlWeights *w) {
  if (2 * (w->used + 1) <= w->nslots) return true;
  size_t n = w->nslots ? 2 * w->nslots : 256;
  KlWeight **fresh = kl_calloc(n, sizeof *fresh);
  if (!fresh) return false;
  for (size_t i = 0; i < w->nslots; i++)
    if (w->slot[i]) *slot_of(fresh, n, w->slot[i]->name) = w->slot[i];
  kl_free(&w->slot);
  w->slot = fresh;
  w->nslots = n;
  return true;
}

KlWeight *kl_weights_insert(KlWeights *w, const char *name, const char *label, KlErr *err) {
  KlWeight *item = kl_arena_alloc(&w->arena, 1, sizeof *item);
  char *copy = kl_arena_strndup(&w->arena, name, strlen(name));
  if (!item || !copy || !reserve(w)) {
    kl_fail(err, KL_ERR_OOM, "no memory for the table of tensors");
    return NULL;
  }
  KlWeight **slot = slot_of(w->slot, w->nslots, name);
  if (*slot) {
    kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" appears twice", label, kl_clip(name).text);
    return NULL;
  }
  *item = (KlWeight){.name = copy, .label = label};
  *slot = item;
  w->used++;
  return item;
}

bool kl_weights_list(KlWeights *w, KlWeight *item, KlDtype dtype, int ndim, const int64_t *shape,
                     KlErr *err) {
  if (!kl_grow(&w->item, &w->cap, w->n + 1, sizeof *w->item))
    return kl_fail(err, KL_ERR_OOM, "no memory for the table of tensors");
  KlTensor *t = &item->tensor;
  t->dtype = dtype;
  t->ndim = ndim;
  t->name = item->name;
  int64_t stride = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    t->shape[i] = shape[i];
    t->stride[i] = stride;
    if (shape[i]) stride *= shape[i]; /* kl_shape_count bounds the product of the non-zero sizes */
  }
  item->readable = true;
  w->item[w->n++] = item;
  return true;
}

/* ---- opening ---- */

static bool map_file(KlWeightsFile *f, const char *path, KlErr *err) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return kl_fail(err, KL_ERR_IO, "cannot open %s: %s", kl_clip(path).text, strerror(errno));
  bool ok = true;
  if (fstat(fd, &st)) {
    ok = kl_fail(err, KL_ERR_IO, "cannot read %s: %s", kl_clip(path).text, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    ok = kl_fail(err, KL_ERR_IO, "%s is not a file", kl_clip(path).text);
  } else if (st.st_size == 0) {
    ok = kl_fail(err, KL_ERR_FORMAT, "%s: the file is empty", f->label);
  } else {
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      ok = kl_fail(err, errno == ENOMEM ? KL_ERR_OOM : KL_ERR_IO, "cannot map %s: %s", kl_clip(path).text,
                   strerror(errno));
    } else {
      f->buf = (KlBuffer){.bytes = (size_t)st.st_size, .host = p};
      f->mapped = true;
    }
  }
  close(fd);
  return ok;
}

static bool read_directory(KlWeights *w, KlWeightsFile *f, KlErr *err) {
  const uint8_t *data = f->buf.host;
  size_t size = f->buf.bytes;
  f->dir = (KlDirectory){.arena = &w->arena, .label = f->label};
  if (size >= 4 && (!memcmp(data, "PK\3\4", 4) || (data[0] == 0x80 && data[1] >= 2 && data[1] <= 5)))
    return kl_fail(err, KL_ERR_UNSUPPORTED,
                   "%s is a pickled PyTorch file; these can carry code and are not read: "
                   "convert it to safetensors",
                   f->label);
  return kl_is_gguf(data, size) ? kl_gguf_read(data, size, &f->dir, err)
                                : kl_safetensors_read(data, size, &f->dir, err);
}

static size_t alignment(KlDtype t) {
  return t == KL_F32 || t == KL_I32 ? 4 : 2;
}

/* Kernels read through pointers to the element type. A writer that did not pad its header leaves the data at
 * odd addresses: such tensors move to memory of their own, unless that would be the whole of a large model.
 */
static bool realign(KlWeights *w, KlWeight *item, const KlEntry *e, const uint8_t *data, KlErr *err) {
  if (e->bytes > REALIGN_MAX - w->realigned)
    return kl_fail(err, KL_ERR_UNSUPPORTED,
                   "%s: the data is not aligned; save the file again with a current "
                   "version of safetensors",
                   item->label);
  void *copy = kl_alloc(e->bytes, 1);
  if (!copy) return kl_fail(err, KL_ERR_OOM, "no memory for tensor \"%s\"", kl_clip(e->name).text);
  memcpy(copy, data + e->offset, e->bytes);
  w->realigned += e->bytes;
  item->own = (KlBuffer){.bytes = e->bytes, .host = copy};
  item->tensor.buf = &item->own;
  item->tensor.offset = 0;
  return true;
}

static bool add_entry(KlWeights *w, KlWeightsFile *f, const KlEntry *e, KlLayout layout, KlErr *err) {
  char name[NAME_MAX_BYTES];
  if (!kl_names_translate(layout, e->name, name, sizeof name))
    return kl_fail(err, KL_ERR_FORMAT, "%s: the name of tensor \"%s\" is too long", f->label,
                   kl_clip(e->name).text);
  /* one matrix under two names: some files carry the embedding for each of its users */
  if (layout == KL_LAYOUT_T5_HF && !strcmp(name, "token_embedding.weight") && lookup(w, name)) return true;
  KlWeight *item = kl_weights_insert(w, name, f->label, err);
  if (!item) return false;
  item->type = e->type;
  if (!e->readable) return true;
  item->tensor.buf = &f->buf;
  item->tensor.offset = e->offset;
  const uint8_t *data = f->buf.host;
  if (e->bytes && (uintptr_t)(data + e->offset) % alignment(e->dtype) && !realign(w, item, e, data, err))
    return false;
  w->bytes += e->bytes;
  return kl_weights_list(w, item, e->dtype, e->ndim, e->shape, err);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

static bool open_set(const char *const *paths, const void *const *data, const size_t *size, int n,
                     KlWeights **out, KlErr *err) {
  KlWeights *w = NULL;
  bool ok = false;
  *out = NULL;
  if (n < 1 || n > FILES_MAX)
    return kl_fail(err, KL_ERR_INVALID, "a model is 1 to %d files, not %d", FILES_MAX, n);
  if (!kl_weights_new(&w, err)) return false;
  w->file = kl_arena_alloc(&w->arena, (size_t)n, sizeof *w->file);
  if (!w->file) {
    kl_fail(err, KL_ERR_OOM, "no memory for %d files", n);
    goto out;
  }
  KlLayout layout = KL_LAYOUT_ORIGINAL;
  for (int i = 0; i < n; i++) {
    KlWeightsFile *f = &w->file[w->nfiles++];
    KlClip label = kl_clip(paths ? base_name(paths[i]) : "memory");
    f->label = kl_arena_strndup(&w->arena, label.text, strlen(label.text));
    if (!f->label) {
      kl_fail(err, KL_ERR_OOM, "no memory for %d files", n);
      goto out;
    }
    if (i == 0) w->label = f->label;
    if (!paths)
      f->buf = (KlBuffer){.bytes = size[i], .host = (void *)data[i]}; /* never written to */
    else if (!map_file(f, paths[i], err))
      goto out;
    if (!read_directory(w, f, err)) goto out;
    for (size_t k = 0; k < f->dir.n && layout == KL_LAYOUT_ORIGINAL; k++)
      layout = kl_names_recognise(f->dir.entry[k].name);
  }
  for (int i = 0; i < n; i++) {
    KlWeightsFile *f = &w->file[i];
    for (size_t k = 0; k < f->dir.n; k++)
      if (!add_entry(w, f, &f->dir.entry[k], layout, err)) goto out;
    kl_directory_free(&f->dir);
  }
  *out = w;
  w = NULL;
  ok = true;
out:
  kl_weights_free(&w);
  return ok;
}

bool kl_weights_open(const char *const *paths, int n, KlWeights **out, KlErr *err) {
  return open_set(paths, NULL, NULL, n, out, err);
}

bool kl_weights_open_memory(const void *const *data, const size_t *size, int n, KlWeights **out, KlErr *err) {
  return open_set(NULL, data, size, n, out, err);
}

bool kl_weights_new(KlWeights **out, KlErr *err) {
  KlWeights *w = *out = kl_calloc(1, sizeof *w);
  if (!w) return kl_fail(err, KL_ERR_OOM, "no memory for a model");
  w->label = "model";
  return true;
}

void kl_weights_free(KlWeights **pw) {
  KlWeights *w = *pw;
  if (!w) return;
  kl_weights_unpack(w);
  for (size_t i = 0; i < w->nslots; i++)
    if (w->slot[i]) kl_free(&w->slot[i]->own.host);
  for (int i = 0; i < w->nfiles; i++) {
    kl_directory_free(&w->file[i].dir);
    if (w->file[i].mapped) munmap(w->file[i].buf.host, w->file[i].buf.bytes);
  }
  kl_free(&w->item);
  kl_free(&w->slot);
  kl_arena_free(&w->arena);
  kl_free(pw);
}

/* ---- asking ---- */

size_t kl_weights_count(const KlWeights *w) {
  return w->n;
}
const char *kl_weights_name(const KlWeights *w, size_t i) {
  return i < w->n ? w->item[i]->name : NULL;
}
KlTensor *kl_weights_at(const KlWeights *w, size_t i) {
  return i < w->n ? &w->item[i]->tensor : NULL;
}
size_t kl_weights_bytes(const KlWeights *w) {
  return w->bytes;
}

KlTensor *kl_weights_find(const KlWeights *w, const char *name) {
  KlWeight *item = lookup(w, name);
  return item && item->readable ? &item->tensor : NULL;
}

KlTensor *kl_weights_findf(const KlWeights *w, const char *fmt, ...) {
  char name[NAME_MAX_BYTES];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  return n >= 0 && (size_t)n < sizeof name ? kl_weights_find(w, name) : NULL;
}

KlTensor *kl_weights_need(const KlWeights *w, const char *name, int ndim, const int64_t *shape, KlErr *err) {
  KlWeight *item = lookup(w, name);
  if (!item) {
    kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" is missing", w->label, kl_clip(name).text);
    return NULL;
  }
  if (!item->readable) {
    kl_fail(err, KL_ERR_UNSUPPORTED,
            "%s: tensor \"%s\" is stored as %s, a type that this program does not read", item->label,
            kl_clip(name).text, item->type);
    return NULL;
  }
  KlTensor *t = &item->tensor;
  bool fits = t->ndim == ndim;
  for (int i = 0; fits && i < ndim; i++) fits = shape[i] < 0 || shape[i] == t->shape[i];
  if (fits) return t;
  kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" has shape %s, not %s", item->label, kl_clip(name).text,
          kl_extents_text(t->ndim, t->shape).text, kl_extents_text(ndim, shape).text);
  return NULL;
}

const char *kl_weights_meta(const KlWeights *w, const char *key) {
  for (int i = 0; i < w->nfiles; i++) /* the first file's word counts */
    for (const KlMeta *m = w->file[i].dir.meta; m; m = m->next)
      if (!strcmp(m->key, key)) return m->value;
  return NULL;
}

/* Leaves j at the value of `key` in the object of metadata "config". */
static bool config_seek(const KlWeights *w, const char *key, KlJson *j) {
  const char *text = kl_weights_meta(w, "config");
  if (!text) return false;
  kl_json_init(j, text, strlen(text));
  kl_json_enter(j, '{');
  KlJsonStr name;
  while (kl_json_more(j, '}')) {
    if (!kl_json_key(j, &name)) return false;
    if (kl_json_is(name, key)) return true;
    kl_json_skip(j);
  }
  return false;
}

int64_t kl_weights_config_int(const KlWeights *w, const char *key, int64_t dflt) {
  KlJson j;
  if (!config_seek(w, key, &j)) return dflt;
  KlJson again = j;
  int64_t v;
  bool yes;
  double x;
  char c = kl_json_peek(&j);
  if (c == 't' || c == 'f') return kl_json_bool(&j, &yes) ? yes : dflt;
  if (kl_json_int(&j, &v)) return v;
  if (!kl_json_number(&again, &x) || x < -9e15 || x > 9e15 || x != (double)(int64_t)x) return dflt;
  return (int64_t)x;
}

double kl_weights_config_num(const KlWeights *w, const char *key, double dflt) {
  KlJson j;
  double x;
  return config_seek(w, key, &j) && kl_json_number(&j, &x) ? x : dflt;
}

bool kl_weights_config_str(const KlWeights *w, const char *key, char *out, size_t n) {
  KlJson j;
  KlJsonStr s;
  if (!config_seek(w, key, &j) || !kl_json_string(&j, &s) || s.n >= n) return false;
  return kl_json_text(s, out) == strlen(out);
}

/* ---- memory ---- */

static void drop_range(void *host, size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uintptr_t at = (uintptr_t)host, from = at & ~(uintptr_t)(page - 1);
  /* Whole pages around the range: neighbours that share a page only have to be read again. */
  if (bytes) madvise((void *)from, at + bytes - from, MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
}

void kl_weights_drop(KlWeights *w, const KlTensor *t) {
  for (int i = 0; i < w->nfiles; i++) {
    KlWeightsFile *f = &w->file[i];
    if (!f->mapped) continue;
    if (!t) {
      drop_range(f->buf.host, f->buf.bytes);
    } else if (t->buf == &f->buf) {
      size_t n = 1, bytes;
      for (int d = 0; d < t->ndim; d++) n *= (size_t)t->shape[d];
      if (kl_dtype_bytes(t->dtype, n, &bytes) && t->offset <= f->buf.bytes &&
          bytes <= f->buf.bytes - t->offset)
        drop_range((char *)f->buf.host + t->offset, bytes);
    }
  }
}

void kl_weights_unpack(KlWeights *w) {
  for (size_t i = 0; i < w->n; i++) {
    KlTensor *t = &w->item[i]->tensor;
    if (t->pack && t->pack_free) t->pack_free(t->pack);
    t->pack = NULL;
    t->pack_free = NULL;
  }
}
