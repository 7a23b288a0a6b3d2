/* GGUF, versions 2 and 3, little endian: header, key-values, tensor descriptions, padding, data. Source: the
 * format's specification (docs/gguf.md in the ggml repository). Dimensions are stored innermost first. */
#include "engine/base/mem.h"
#include "engine/formats/directory.h"
#include "engine/formats/utf8.h"

#include <stdio.h>
#include <string.h>

enum {
  ALIGNMENT_DEFAULT = 32,
  ALIGNMENT_MAX = 1 << 20,
  ARRAY_DEPTH = 4,
  KEYS_MAX = 1000000,
  SHAPES_MAX = 1000
};

/* Elements and bytes of a block of each tensor type; dtype -1: known, not read. */
static const struct {
  unsigned id;
  const char *name;
  unsigned block, bytes;
  int dtype;
} types[] = {
    {0, "F32", 1, 4, KL_F32},
    {1, "F16", 1, 2, KL_F16},
    {30, "BF16", 1, 2, KL_BF16},
    {26, "I32", 1, 4, KL_I32},
    {8, "Q8_0", 32, 34, KL_Q8_0},
    {12, "Q4_K", 256, 144, KL_Q4_K},
    {13, "Q5_K", 256, 176, KL_Q5_K},
    {14, "Q6_K", 256, 210, KL_Q6_K},
    {2, "Q4_0", 32, 18, -1},
    {3, "Q4_1", 32, 20, -1},
    {6, "Q5_0", 32, 22, -1},
    {7, "Q5_1", 32, 24, -1},
    {9, "Q8_1", 32, 36, -1},
    {10, "Q2_K", 256, 84, -1},
    {11, "Q3_K", 256, 110, -1},
    {15, "Q8_K", 256, 292, -1},
    {16, "IQ2_XXS", 256, 66, -1},
    {17, "IQ2_XS", 256, 74, -1},
    {18, "IQ3_XXS", 256, 98, -1},
    {19, "IQ1_S", 256, 50, -1},
    {20, "IQ4_NL", 32, 18, -1},
    {21, "IQ3_S", 256, 110, -1},
    {22, "IQ2_S", 256, 82, -1},
    {23, "IQ4_XS", 256, 136, -1},
    {24, "I8", 1, 1, -1},
    {25, "I16", 1, 2, -1},
    {27, "I64", 1, 8, -1},
    {28, "F64", 1, 8, -1},
    {29, "IQ1_M", 256, 56, -1},
    {34, "TQ1_0", 256, 54, -1},
    {35, "TQ2_0", 256, 66, -1},
    {39, "MXFP4", 32, 17, -1},
};

/* Value types of the key-values. */
enum {
  V_U8,
  V_I8,
  V_U16,
  V_I16,
  V_U32,
  V_I32,
  V_F32,
  V_BOOL,
  V_STRING,
  V_ARRAY,
  V_U64,
  V_I64,
  V_F64,
  V_TYPES
};
static const unsigned char value_bytes[V_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* ComfyUI's converter folds tensors whose rows do not divide into blocks and keeps the true shape here. */
static const char SHAPE_KEY[] = "comfy.gguf.orig_shape.";

typedef struct {
  KlDirectory *dir;
  const uint8_t *data;
  size_t size, at;
  uint64_t alignment;
  unsigned nshapes;
  KlMeta *shapes; /* tensor name -> array of shape.n sizes, as text "a,b,c" */
} Reader;

static bool truncated(Reader *r, KlErr *err) {
  return kl_fail(err, KL_ERR_FORMAT, "%s: truncated: the file ends inside its header", r->dir->label);
}

static bool get(Reader *r, unsigned bytes, uint64_t *v, KlErr *err) {
  *v = 0;
  if (r->size - r->at < bytes) return truncated(r, err);
  for (unsigned i = 0; i < bytes; i++) *v |= (uint64_t)r->data[r->at + i] << (8 * i);
  r->at += bytes;
  return true;
}

/* A string where it lies in the file. */
static bool get_string(Reader *r, const char **s, size_t *n, KlErr *err) {
  uint64_t len;
  if (!get(r, 8, &len, err)) return false;
  if (len > r->size - r->at) return truncated(r, err);
  *s = (const char *)r->data + r->at;
  *n = (size_t)len;
  r->at += (size_t)len;
  return true;
}

static char *get_name(Reader *r, const char *what, KlErr *err) {
  const char *s;
  size_t n;
  if (!get_string(r, &s, &n, err)) return NULL;
  if (!n || memchr(s, 0, n) || !kl_utf8_valid(s, n)) {
    kl_fail(err, KL_ERR_FORMAT, "%s: %s has a name that is not text", r->dir->label, what);
    return NULL;
  }
  char *copy = kl_arena_strndup(r->dir->arena, s, n);
  if (!copy) kl_fail(err, KL_ERR_OOM, "no memory for the header");
  return copy;
}

static int64_t signed_value(unsigned type, uint64_t v) {
  switch (type) {
  case V_I8:
    return (int8_t)v;
  case V_I16:
    return (int16_t)v;
  case V_I32:
    return (int32_t)v;
  default:
    return (int64_t)v;
  }
}

/* A number as text: JSON spells it the same way. */
static void number_text(unsigned type, uint64_t v, char *out, size_t n) {
  if (type == V_F32) {
    uint32_t u = (uint32_t)v;
    float x;
    memcpy(&x, &u, sizeof x);
    snprintf(out, n, "%.9g", (double)x);
  } else if (type == V_F64) {
    double x;
    memcpy(&x, &v, sizeof x);
    snprintf(out, n, "%.17g", x);
  } else if (type == V_BOOL) {
    snprintf(out, n, "%s", v ? "true" : "false");
  } else if (type == V_U64) {
    snprintf(out, n, "%llu", (unsigned long long)v);
  } else {
    snprintf(out, n, "%lld", (long long)signed_value(type, v));
  }
}

static bool add_shape(Reader *r, const char *name, unsigned type, uint64_t count, KlErr *err) {
  char text[KL_MAX_DIMS * 24] = "";
  size_t at = 0;
  if (count < 1 || count > KL_MAX_DIMS || r->nshapes++ >= SHAPES_MAX) return true; /* left alone */
  for (uint64_t i = 0; i < count; i++) {
    uint64_t v = 0;
    for (unsigned b = 0; b < value_bytes[type]; b++)
      v |= (uint64_t)r->data[r->at + i * value_bytes[type] + b] << (8 * b);
    at += (size_t)snprintf(text + at, sizeof text - at, "%lld,", (long long)signed_value(type, v));
  }
  KlMeta *m = kl_arena_alloc(r->dir->arena, 1, sizeof *m);
  char *copy = kl_arena_strndup(r->dir->arena, text, at);
  if (!m || !copy) return kl_fail(err, KL_ERR_OOM, "no memory for the header");
  *m = (KlMeta){.next = r->shapes, .key = name, .value = copy};
  r->shapes = m;
  return true;
}

/* Skips an array; notes it where it is the shape of a folded tensor. */
static bool array(Reader *r, const char *key, int depth, KlErr *err) {
  uint64_t type, count;
  size_t bytes;
  if (!get(r, 4, &type, err) || !get(r, 8, &count, err)) return false;
  if (type >= V_TYPES || depth > ARRAY_DEPTH)
    return kl_fail(err, KL_ERR_FORMAT, "%s: bad header: an array of an unknown type", r->dir->label);
  if (type == V_STRING || type == V_ARRAY) {
    const char *s;
    size_t n;
    for (uint64_t i = 0; i < count; i++)
      if (!(type == V_STRING ? get_string(r, &s, &n, err) : array(r, "", depth + 1, err))) return false;
    return true;
  }
  if (!kl_size_mul((size_t)count, value_bytes[type], &bytes) || bytes > r->size - r->at)
    return truncated(r, err);
  if (!strncmp(key, SHAPE_KEY, sizeof SHAPE_KEY - 1) &&
      (type == V_I32 || type == V_U32 || type == V_I64 || type == V_U64) &&
      !add_shape(r, key + sizeof SHAPE_KEY - 1, (unsigned)type, count, err))
    return false;
  r->at += bytes;
  return true;
}

static bool key_value(Reader *r, KlErr *err) {
  char *key = get_name(r, "a metadata entry", err), text[40];
  uint64_t type, v;
  if (!key || !get(r, 4, &type, err)) return false;
  if (type >= V_TYPES)
    return kl_fail(err, KL_ERR_FORMAT, "%s: bad header: metadata \"%s\" has an unknown type", r->dir->label,
                   kl_clip(key).text);
  if (type == V_ARRAY) return array(r, key, 0, err);
  if (type == V_STRING) {
    const char *s;
    size_t n;
    if (!get_string(r, &s, &n, err)) return false;
    if (n > KL_MAX_META || memchr(s, 0, n) || !kl_utf8_valid(s, n)) return true; /* of no use to anybody */
    char *copy = kl_arena_strndup(r->dir->arena, s, n);
    return copy ? kl_directory_add_meta(r->dir, key, copy, err)
                : kl_fail(err, KL_ERR_OOM, "no memory for the header");
  }
  if (!get(r, value_bytes[type], &v, err)) return false;
  if (!strcmp(key, "general.alignment")) {
    if (type != V_U32 || v < 8 || v > ALIGNMENT_MAX || (v & (v - 1)))
      return kl_fail(err, KL_ERR_FORMAT, "%s: bad header: an alignment of %llu", r->dir->label,
                     (unsigned long long)v);
    r->alignment = v;
  }
  number_text((unsigned)type, v, text, sizeof text);
  char *copy = kl_arena_strndup(r->dir->arena, text, strlen(text));
  return copy ? kl_directory_add_meta(r->dir, key, copy, err)
              : kl_fail(err, KL_ERR_OOM, "no memory for the header");
}

/* Replaces a folded shape by the true one if it is credible. */
static void unfold(Reader *r, KlEntry *e, size_t count) {
  for (const KlMeta *m = r->shapes; m; m = m->next) {
    if (strcmp(m->key, e->name)) continue;
    int64_t shape[KL_MAX_DIMS];
    int n = 0;
    size_t true_count;
    for (const char *p = m->value; *p && n < KL_MAX_DIMS; n++) {
      long long v;
      int used = 0;
      if (sscanf(p, "%lld,%n", &v, &used) != 1 || !used) return;
      shape[n] = v;
      p += used;
    }
    if (!kl_shape_count(n, shape, &true_count) || true_count != count) return;
    memcpy(e->shape, shape, sizeof shape);
    e->ndim = n;
    return;
  }
}

static bool tensor(Reader *r, KlErr *err) {
  const char *label = r->dir->label;
  KlEntry e = {.name = get_name(r, "a tensor", err)};
  uint64_t ndim, dim[KL_MAX_DIMS], type, offset;
  if (!e.name || !get(r, 4, &ndim, err)) return false;
  KlClip name = kl_clip(e.name);
  if (ndim > KL_MAX_DIMS)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" has %llu dimensions", label, name.text,
                   (unsigned long long)ndim);
  for (uint64_t i = 0; i < ndim; i++)
    if (!get(r, 8, &dim[i], err)) return false;
  if (!get(r, 4, &type, err) || !get(r, 8, &offset, err)) return false;
  e.ndim = (int)ndim;
  for (int i = 0; i < e.ndim; i++) {
    if (dim[i] > INT64_MAX) dim[i] = INT64_MAX; /* refused below */
    e.shape[e.ndim - 1 - i] = (int64_t)dim[i];
  }
  if (e.ndim == 0) e.shape[e.ndim++] = 1; /* a scalar is one element */
  size_t k = 0, count;
  while (k < sizeof types / sizeof *types && types[k].id != type) k++;
  if (k == sizeof types / sizeof *types)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: tensor \"%s\" has the unknown type %llu", label, name.text,
                   (unsigned long long)type);
  e.type = types[k].name;
  e.readable = types[k].dtype >= 0;
  e.dtype = e.readable ? (KlDtype)types[k].dtype : KL_F32;
  if (!kl_shape_count(e.ndim, e.shape, &count) || e.shape[e.ndim - 1] % types[k].block ||
      !kl_size_mul(count / types[k].block, types[k].bytes, &e.bytes))
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" of type %s has an impossible shape %s", label,
                   name.text, e.type, kl_extents_text(e.ndim, e.shape).text);
  if (offset % r->alignment)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" is not aligned", label, name.text);
  if (offset > r->size || e.bytes > r->size - offset)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" reaches past the end of the file", label,
                   name.text);
  e.offset = (size_t)offset; /* from the beginning of the data, which is not known yet */
  return kl_directory_add(r->dir, &e, err);
}

bool kl_is_gguf(const uint8_t *data, size_t size) {
  return size >= 4 && !memcmp(data, "GGUF", 4);
}

bool kl_gguf_read(const uint8_t *data, size_t size, KlDirectory *dir, KlErr *err) {
  Reader r = {.dir = dir, .data = data, .size = size, .at = 4, .alignment = ALIGNMENT_DEFAULT};
  const char *label = dir->label;
  uint64_t version, tensors, keys;
  if (!kl_is_gguf(data, size)) return kl_fail(err, KL_ERR_FORMAT, "%s is not a GGUF file", label);
  if (!get(&r, 4, &version, err)) return false;
  if (version == 0x02000000 || version == 0x03000000)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s is a GGUF file for big-endian machines", label);
  if (version != 2 && version != 3)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s is GGUF version %llu; versions 2 and 3 are read", label,
                   (unsigned long long)version);
  if (!get(&r, 8, &tensors, err) || !get(&r, 8, &keys, err)) return false;
  if (tensors > KL_MAX_TENSORS || keys > KL_MAX_METAS)
    return kl_fail(err, KL_ERR_FORMAT, "%s: the header claims %llu tensors and %llu metadata entries", label,
                   (unsigned long long)tensors, (unsigned long long)keys);
  for (uint64_t i = 0; i < keys; i++)
    if (!key_value(&r, err)) return false;
  for (uint64_t i = 0; i < tensors; i++)
    if (!tensor(&r, err)) return false;

  size_t start = r.at, covered;
  if (!kl_size_add(start, r.alignment - 1, &start)) return truncated(&r, err);
  start -= start % r.alignment;
  for (size_t i = 0; i < dir->n; i++) {
    KlEntry *e = &dir->entry[i];
    if (e->bytes && (start > size || e->offset > size - start || e->bytes > size - start - e->offset))
      return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" reaches past the end of the file", label,
                     kl_clip(e->name).text);
    e->offset += start;
    size_t count;
    /* blocks run through the memory of a folded tensor; only element types can be unfolded and still be rows
     */
    if (e->readable && kl_shape_count(e->ndim, e->shape, &count)) unfold(&r, e, count);
    if (e->readable && e->shape[e->ndim - 1] % (int64_t)kl_dtype_block(e->dtype)) {
      e->readable = false;
      e->type = "blocks that cross its rows";
    }
  }
  return kl_directory_check_overlaps(dir, &covered, err);
}
