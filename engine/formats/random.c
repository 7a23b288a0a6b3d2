#include "engine/formats/random.h"

#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/formats/weights_internal.h"

#include <string.h>

enum { RUN = 32, POOL = 64 * 1024 };

/* Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". */
static uint64_t splitmix(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

bool kl_random_begin(KlRandom *r, KlDtype dtype, size_t total, float mean, float std, const char *name,
                     uint64_t seed, KlErr *err) {
  *r = (KlRandom){.dtype = dtype, .picks = total > POOL};
  if (dtype != KL_F32 && dtype != KL_F16 && dtype != KL_BF16 && dtype != KL_Q8_0)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "no random weights of type %s", kl_dtype_name(dtype));
  uint64_t stream = 0xCBF29CE484222325u; /* FNV-1a of the name */
  for (const char *p = name; *p; p++) stream = (stream ^ (unsigned char)*p) * 0x100000001B3u;
  r->state = stream ^ seed;

  size_t n = r->picks ? POOL : (total + RUN - 1) / RUN * RUN, bytes;
  float *values = kl_alloc(n, sizeof *values);
  if (values && kl_dtype_bytes(dtype, n, &bytes)) r->pool = kl_alloc(bytes, 1);
  if (!r->pool) {
    kl_free(&values);
    return kl_fail(err, KL_ERR_OOM, "no memory for random weights");
  }
  if (std == 0)
    memset(values, 0, n * sizeof *values);
  else
    kl_randn(seed, stream, 0, values, n);
  for (size_t i = 0; i < n; i++) values[i] = mean + std * values[i];
  kl_from_f32(dtype, values, r->pool, n);
  kl_free(&values);
  r->blocks = n / RUN;
  return true;
}

void kl_random_next(KlRandom *r, void *out, size_t n) {
  uint8_t *o = out;
  size_t run = RUN / kl_dtype_block(r->dtype) * kl_dtype_block_bytes(r->dtype);
  for (size_t i = 0; i < n; i += RUN, o += run) {
    size_t at = r->picks ? splitmix(&r->state) % r->blocks : r->next++;
    memcpy(o, r->pool + at * run, n - i >= RUN ? run : (n - i) * kl_dtype_block_bytes(r->dtype));
  }
}

void kl_random_end(KlRandom *r) {
  kl_free(&r->pool);
}

bool kl_weights_add_random(KlWeights *w, const char *name, KlDtype dtype, int ndim, const int64_t *shape,
                           float mean, float std, uint64_t seed, KlErr *err) {
  size_t n, bytes;
  if (ndim < 1 || ndim > KL_MAX_DIMS || !kl_shape_count(ndim, shape, &n) ||
      !kl_dtype_bytes(dtype, n, &bytes) || (n && (size_t)shape[ndim - 1] % kl_dtype_block(dtype)))
    return kl_fail(err, KL_ERR_INVALID, "random tensor \"%s\" has an impossible shape", kl_clip(name).text);
  if (kl_weights_find(w, name))
    return kl_fail(err, KL_ERR_INVALID, "random tensor \"%s\" exists already", kl_clip(name).text);
  KlRandom r;
  if (!kl_random_begin(&r, dtype, n, mean, std, name, seed, err)) return false;
  void *host = kl_alloc(bytes, 1);
  KlWeight *item = NULL;
  if (!host)
    kl_fail(err, KL_ERR_OOM, "no memory for tensor \"%s\" of %zu bytes", kl_clip(name).text, bytes);
  else
    item = kl_weights_insert(w, name, w->label, err);
  if (!item) {
    kl_free(&host);
    kl_random_end(&r);
    return false;
  }
  kl_random_next(&r, host, n);
  kl_random_end(&r);
  item->type = kl_dtype_name(dtype);
  item->own = (KlBuffer){.bytes = bytes, .host = host};
  item->tensor.buf = &item->own;
  w->bytes += bytes;
  return kl_weights_list(w, item, dtype, ndim, shape, err);
}
