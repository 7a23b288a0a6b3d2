/* safetensors: 8 bytes of header length, a JSON header, the data. Source: the format's description in the
 * safetensors repository (README, "Format"): header up to 100 MB that begins with '{', offsets relative to
 * the data, no holes. */
#include "engine/base/mem.h"
#include "engine/formats/directory.h"
#include "engine/formats/json_scan.h"

#include <string.h>

enum { HEADER_MAX = 100 * 1000 * 1000 };

static const struct {
  const char *name;
  unsigned bits;
  int dtype; /* -1: known, not read */
} types[] = {
    {"F32", 32, KL_F32}, {"F16", 16, KL_F16}, {"BF16", 16, KL_BF16}, {"I32", 32, KL_I32}, {"BOOL", 8, -1},
    {"U8", 8, -1},       {"I8", 8, -1},       {"F8_E4M3", 8, -1},    {"F8_E5M2", 8, -1},  {"F8_E8M0", 8, -1},
    {"I16", 16, -1},     {"U16", 16, -1},     {"U32", 32, -1},       {"I64", 64, -1},     {"U64", 64, -1},
    {"F64", 64, -1},     {"C64", 64, -1},     {"F4", 4, -1},         {"F6_E2M3", 6, -1},  {"F6_E3M2", 6, -1},
};

typedef struct {
  KlDirectory *dir;
  KlJson json;
  size_t data_at, data_bytes; /* where the data begins in the file, and how much there is */
  bool seen_meta;
} Reader;

static char *text_of(Reader *r, KlJsonStr s, KlErr *err) {
  char *t = kl_arena_alloc(r->dir->arena, s.n + 1, 1);
  if (!t) {
    kl_fail(err, KL_ERR_OOM, "no memory for the header");
    return NULL;
  }
  if (kl_json_text(s, t) == strlen(t)) return t;
  kl_fail(err, KL_ERR_FORMAT, "%s: a name holds a zero character", r->dir->label);
  return NULL;
}

static bool metadata(Reader *r, KlErr *err) {
  KlJson *j = &r->json;
  if (r->seen_meta) return kl_json_fail(j, "__metadata__ appears twice");
  r->seen_meta = true;
  KlJsonStr key, value;
  kl_json_enter(j, '{');
  while (kl_json_more(j, '}')) {
    if (!kl_json_key(j, &key) || !kl_json_string(j, &value)) return false;
    if (value.n > KL_MAX_META) continue;
    char *k = text_of(r, key, err), *v = k ? text_of(r, value, err) : NULL;
    if (!v || !kl_directory_add_meta(r->dir, k, v, err)) return false;
  }
  return true;
}

static bool shape(Reader *r, KlEntry *e, KlErr *err) {
  KlJson *j = &r->json;
  e->ndim = 0;
  kl_json_enter(j, '[');
  while (kl_json_more(j, ']')) {
    if (e->ndim == KL_MAX_DIMS)
      return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: tensor \"%s\" has more than %d dimensions", r->dir->label,
                     kl_clip(e->name).text, KL_MAX_DIMS);
    if (!kl_json_int(j, &e->shape[e->ndim++])) return false;
  }
  return true;
}

/* The entry's numbers against each other and against the file. */
static bool check(Reader *r, KlEntry *e, unsigned bits, int64_t begin, int64_t end, KlErr *err) {
  const char *label = r->dir->label;
  KlClip name = kl_clip(e->name);
  size_t count, total;
  if (!kl_shape_count(e->ndim, e->shape, &count) || !kl_size_mul(count, bits, &total) || total % 8)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" has an impossible shape %s", label, name.text,
                   kl_extents_text(e->ndim, e->shape).text);
  if (begin < 0 || end < begin)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" ends before it begins", label, name.text);
  if ((uint64_t)end > r->data_bytes)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" reaches past the end of the file", label,
                   name.text);
  if ((size_t)(end - begin) != total / 8)
    return kl_fail(err, KL_ERR_FORMAT,
                   "%s: tensor \"%s\" of type %s and shape %s does not fill its %lld bytes", label, name.text,
                   e->type, kl_extents_text(e->ndim, e->shape).text, (long long)(end - begin));
  e->offset = r->data_at + (size_t)begin;
  e->bytes = total / 8;
  if (e->ndim == 0) e->shape[e->ndim++] = 1; /* a scalar is one element */
  return true;
}

static bool tensor(Reader *r, KlJsonStr name, KlErr *err) {
  KlJson *j = &r->json;
  KlEntry e = {.name = text_of(r, name, err)};
  if (!e.name) return false;
  unsigned bits = 0;
  int64_t range[2] = {0};
  bool has_shape = false, has_range = false;
  KlJsonStr key, type;
  kl_json_enter(j, '{');
  while (kl_json_more(j, '}')) {
    if (!kl_json_key(j, &key)) return false;
    bool is_type = kl_json_is(key, "dtype"), is_shape = kl_json_is(key, "shape"),
         is_range = kl_json_is(key, "data_offsets");
    if ((is_type && bits) || (is_shape && has_shape) || (is_range && has_range))
      return kl_json_fail(j, "a property appears twice");
    if (is_type) {
      if (!kl_json_string(j, &type)) return false;
      for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (kl_json_is(type, types[i].name)) {
          bits = types[i].bits;
          e.type = types[i].name;
          e.readable = types[i].dtype >= 0;
          e.dtype = e.readable ? (KlDtype)types[i].dtype : KL_F32;
        }
      if (!bits)
        return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: tensor \"%s\" has the unknown type %.*s", r->dir->label,
                       kl_clip(e.name).text, type.n < 20 ? (int)type.n : 20, type.p);
    } else if (is_shape) {
      has_shape = true;
      if (!shape(r, &e, err)) return false;
    } else if (is_range) {
      has_range = true;
      kl_json_enter(j, '[');
      for (int i = 0; i < 2; i++)
        if (!kl_json_more(j, ']') || !kl_json_int(j, &range[i]))
          return kl_json_fail(j, "two offsets are expected");
      if (kl_json_more(j, ']')) return kl_json_fail(j, "two offsets are expected");
    } else if (!kl_json_skip(j)) {
      return false;
    }
  }
  if (j->why) return false;
  if (!bits || !has_shape || !has_range)
    return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" lacks its type, shape or offsets", r->dir->label,
                   kl_clip(e.name).text);
  return check(r, &e, bits, range[0], range[1], err) && kl_directory_add(r->dir, &e, err);
}

bool kl_safetensors_read(const uint8_t *data, size_t size, KlDirectory *dir, KlErr *err) {
  const char *label = dir->label;
  uint64_t n = 0;
  if (size < 8) return kl_fail(err, KL_ERR_FORMAT, "%s: truncated: only %zu bytes", label, size);
  for (int i = 7; i >= 0; i--) n = n << 8 | data[i];
  if (n < 2 || (size > 8 && data[8] != '{'))
    return kl_fail(err, KL_ERR_FORMAT, "%s: neither a safetensors nor a GGUF file", label);
  if (n > HEADER_MAX)
    return kl_fail(err, KL_ERR_FORMAT, "%s: the header claims %llu bytes; at most 100 MB are allowed", label,
                   (unsigned long long)n);
  if (n > size - 8)
    return kl_fail(err, KL_ERR_FORMAT, "%s: truncated: the file ends inside its header", label);

  Reader r = {.dir = dir, .data_at = 8 + (size_t)n, .data_bytes = size - 8 - (size_t)n};
  KlJson *j = &r.json;
  KlJsonStr key;
  KlErr inner = KL_ERR_INIT;
  kl_json_init(j, data + 8, (size_t)n);
  kl_json_enter(j, '{');
  while (inner.code == KL_ERR_NONE && kl_json_more(j, '}')) {
    if (!kl_json_key(j, &key)) break;
    if (!(kl_json_is(key, "__metadata__") ? metadata(&r, &inner) : tensor(&r, key, &inner))) break;
  }
  if (inner.code != KL_ERR_NONE) return kl_fail(err, inner.code, "%s", inner.msg);
  if (!kl_json_done(j)) return kl_fail(err, KL_ERR_FORMAT, "%s: bad header: %s", label, j->why);

  size_t covered;
  if (!kl_directory_check_overlaps(dir, &covered, err)) return false;
  if (covered != r.data_bytes)
    return kl_fail(err, KL_ERR_FORMAT, "%s: %zu bytes of the data belong to no tensor", label,
                   r.data_bytes - covered);
  return true;
}
