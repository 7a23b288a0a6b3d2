#include "tests/kcheck/harness.h"

#include "engine/base/mem.h"
#include "engine/base/rng.h"
#include "engine/graph/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double kc_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double kc_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void kc_die(const char *what, const KlErr *err) {
  fprintf(stderr, "kcheck: %s: %s\n", what, err ? err->msg : "no memory");
  exit(2);
}

static void *must(void *p) {
  if (!p) kc_die("data", NULL);
  return p;
}

static KcTensor *add(Kc *k, KlTensor *t, KcRole role) {
  if (!t) kc_die("building a case", &k->graph.err);
  if (k->count == KC_MOST) kc_die("too many operands in a case", NULL);
  KcTensor *e = &k->tensor[k->count++];
  *e = (KcTensor){.t = t, .role = role};
  if (!kl_tensor_bytes(t, &e->bytes)) kc_die("shape", NULL);
  e->data = must(kl_calloc(e->bytes, 1));
  return e;
}

KlGraph *kc_graph(Kc *k) {
  return &k->graph;
}

static void values(Kc *k, KcData data, float *out, size_t n) {
  size_t fresh = k->bench && n > 65536 ? 65536 : n; /* timing does not need all values to differ */
  kl_randn(k->seed, k->stream++, 0, out, fresh);
  for (size_t i = fresh; i < n; i++) out[i] = out[i - fresh];
  for (size_t i = 0; i < n; i++) {
    switch (data) {
    case KC_NORMAL:
      break;
    case KC_TINY:
      out[i] *= 1e-20f;
      break;
    case KC_HUGE:
      out[i] *= 1e15f;
      break;
    case KC_DENORMAL:
      out[i] *= 1e-39f;
      break;
    default:
      out[i] = 0.7f;
    }
  }
}

static void fill(Kc *k, KcTensor *e, KcData data, float scale) {
  size_t n = (size_t)kl_nelem(e->t);
  float *v = must(kl_alloc(n, sizeof *v));
  values(k, data, v, n);
  for (size_t i = 0; i < n; i++) v[i] *= scale;
  kl_from_f32(e->t->dtype, v, e->data, n);
  kl_free(&v);
}

KlTensor *kc_input(Kc *k, KlDtype dtype, KcData data, int ndim, const int64_t *shape) {
  KcTensor *e = add(k, kl_input(&k->graph, "input", dtype, ndim, shape), KC_INPUT);
  fill(k, e, data, 1);
  return e->t;
}

KlTensor *kc_strided(Kc *k, KlDtype dtype, KcData data, int ndim, const int64_t *shape) {
  int64_t wide[KL_MAX_DIMS];
  memcpy(wide, shape, (size_t)ndim * sizeof *wide);
  wide[ndim - 1] += 3;
  return kl_slice(&k->graph, kc_input(k, dtype, data, ndim, wide), ndim - 1, 1, shape[ndim - 1]);
}

KlTensor *kc_ints(Kc *k, int lo, int hi, int ndim, const int64_t *shape) {
  KcTensor *e = add(k, kl_input(&k->graph, "ints", KL_I32, ndim, shape), KC_INPUT);
  uint64_t stream = k->stream++;
  for (int64_t i = 0; i < kl_nelem(e->t); i++)
    ((int32_t *)e->data)[i] = lo + (int)(kl_randu(k->seed, stream, (uint64_t)i) * (hi - lo));
  return e->t;
}

/* Random bits, with the block's scales small half numbers. */
static void random_blocks(Kc *k, KcTensor *e) {
  size_t block = kl_dtype_block_bytes(e->t->dtype), blocks = e->bytes / block;
  uint64_t stream = k->stream++;
  for (size_t i = 0; i < e->bytes; i += 16) {
    uint32_t bits[4];
    kl_philox(k->seed, stream, i, bits);
    memcpy((char *)e->data + i, bits, e->bytes - i < 16 ? e->bytes - i : 16);
  }
  for (size_t b = 0; b < blocks; b++) {
    char *at = (char *)e->data + b * block;
    uint16_t d = kl_f32_to_f16(0.001f * (float)(1 + b % 7));
    if (e->t->dtype == KL_Q6_K)
      memcpy(at + block - 2, &d, 2);
    else
      memcpy(at, &d, 2), memcpy(at + 2, &d, 2);
  }
}

KlTensor *kc_weight(Kc *k, KlDtype dtype, float scale, int ndim, const int64_t *shape) {
  KlTensor *t = must(kl_calloc(1, sizeof *t));
  if (!kl_tensor_set(t, dtype, ndim, shape)) kc_die("weight shape", NULL);
  KcTensor *e = add(k, t, KC_WEIGHT);
  if (dtype == KL_Q4_K || dtype == KL_Q5_K || dtype == KL_Q6_K)
    random_blocks(k, e);
  else
    fill(k, e, KC_NORMAL, scale);
  e->host = (KlBuffer){.bytes = e->bytes, .host = e->data};
  t->buf = &e->host;
  t->name = "weight";
  return t;
}

KlTensor *kc_state(Kc *k, KlDtype dtype, int ndim, const int64_t *shape) {
  KlTensor *t = must(kl_calloc(1, sizeof *t));
  if (!kl_tensor_set(t, dtype, ndim, shape)) kc_die("state shape", NULL);
  return add(k, t, KC_STATE)->t;
}

void kc_reset(Kc *k) {
  for (int i = 0; i < k->count; i++) {
    KcTensor *e = &k->tensor[i];
    kl_free(&e->data);
    if (e->t->pack_free) e->t->pack_free(e->t->pack);
    if (e->role != KC_INPUT) kl_free(&e->t);
  }
  k->count = 0;
  k->stream = 0;
  kl_graph_free(&k->graph);
}

/* ---- one run on one backend ---- */

enum { GUARD = 256 };

static size_t place(size_t *at, size_t bytes) {
  size_t here = *at + GUARD;
  *at = here + (bytes + KL_ALIGN - 1) / KL_ALIGN * KL_ALIGN;
  return here;
}

static bool all_ff(const unsigned char *p, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (p[i] != 0xFF) return false;
  return true;
}

bool kc_run(Kc *k, KlTensor *node, KlBackend *b, KcResult *out, KlErr *err) {
  bool ok = false;
  size_t at = 0, scratch = b->ops->scratch(b, node), where[KC_MOST], scratch_at, node_at, bytes;
  KlBuffer buf = {0};
  unsigned char *image = NULL;
  bool in_place = node->base != NULL;
  for (int i = 0; i < k->count; i++)
    if (k->tensor[i].role != KC_WEIGHT) where[i] = place(&at, k->tensor[i].bytes);
  if (!kl_tensor_bytes(node, &bytes)) return kl_fail(err, KL_ERR_INVALID, "node shape");
  node_at = place(&at, in_place ? 0 : bytes);
  scratch_at = place(&at, scratch);
  at += GUARD;
  image = kl_alloc(at, 1);
  if (!image || !kl_buffer_new(b, at, &buf, err)) goto out;
  memset(image, 0xFF, at);
  for (int i = 0; i < k->count; i++) {
    KcTensor *e = &k->tensor[i];
    if (e->role == KC_WEIGHT) continue;
    e->t->buf = &buf;
    e->t->offset = where[i];
    if (e->role == KC_INPUT) memcpy(image + where[i], e->data, e->bytes);
  }
  if (!in_place) node->buf = &buf, node->offset = node_at;
  kl_bind(node);
  for (int i = 0; i < node->nsrc; i++) kl_bind(node->src[i]);
  if (!kl_buffer_write(&buf, 0, image, at, err) || !b->ops->prepare(b, node, err)) goto out;
  int reps = k->bench ? 50 : 1;
  double spent = 0;
  out->seconds = out->cpu = INFINITY;
  for (int i = 0; i < reps && (i < 1 || spent < 0.5); i++) {
    double start = kc_now(), cpu = kc_cpu();
    if (!b->ops->run(b, node, &buf, scratch_at, NULL, err) || !b->ops->sync(b, NULL, err)) goto out;
    double took = kc_now() - start;
    out->cpu = fmin(out->cpu, kc_cpu() - cpu);
    spent += took;
    if (took < out->seconds) out->seconds = took;
  }
  if (!kl_buffer_read(&buf, 0, image, at, err)) goto out;
  size_t end = 0;
  for (int i = 0; i < k->count; i++) {
    KcTensor *e = &k->tensor[i];
    if (e->role == KC_WEIGHT) continue;
    if (!all_ff(image, end, where[i])) goto trampled;
    end = where[i] + e->bytes;
    if (e->role == KC_INPUT && memcmp(image + where[i], e->data, e->bytes)) goto trampled;
  }
  if (!all_ff(image, end, node_at) || !all_ff(image, node_at + (in_place ? 0 : bytes), scratch_at) ||
      !all_ff(image, scratch_at + scratch, at))
    goto trampled;
  /* The result as f32, a state's whole memory included. */
  KlTensor *result = node->base ? node->base : node;
  out->n = (size_t)kl_nelem(result);
  out->dtype = result->dtype;
  out->raw = must(kl_alloc(out->n, kl_dtype_block_bytes(result->dtype)));
  memcpy(out->raw, image + result->offset, out->n * kl_dtype_block_bytes(result->dtype));
  ok = true;
  goto out;
trampled:
  kl_fail(err, KL_ERR_INVALID, "wrote outside its result");
out:
  if (!ok) kl_fail(err, KL_ERR_OOM, "no memory");
  kl_free(&image);
  kl_buffer_free(&buf);
  return ok;
}

/* ---- comparison ---- */

static double value(const KcResult *r, size_t i) {
  float f;
  if (r->dtype == KL_I32) return ((int32_t *)r->raw)[i];
  kl_to_f32(r->dtype, (char *)r->raw + i * kl_dtype_block_bytes(r->dtype), &f, 1);
  return f;
}

KcDiff kc_compare(const KcResult *got, const KcResult *want) {
  KcDiff d = {0};
  double err = 0, ref = 0;
  double unit = want->dtype == KL_F32    ? 0x1p-23
                : want->dtype == KL_BF16 ? 0x1p-7
                : want->dtype == KL_F16  ? 0x1p-10
                                         : 1;
  for (size_t i = 0; i < want->n; i++) {
    double a = value(got, i), b = value(want, i);
    if (isnan(a) && isnan(b)) continue;
    if (a == b) {
      if (!isinf(b)) ref += b * b;
      continue;
    }
    if (!isfinite(a) || !isfinite(b)) return (KcDiff){INFINITY, INFINITY};
    /* Below the normal range some hardware paths flush to zero; that is no error here. */
    if (fabs(a - b) < 2e-38) continue;
    err += (a - b) * (a - b);
    ref += b * b;
    int e;
    frexp(fmax(fabs(a), fabs(b)), &e);
    double ulps = fabs(a - b) / (ldexp(1, e - 1) * unit);
    if (ulps > d.ulp) d.ulp = ulps;
  }
  d.nmse = err == 0 ? 0 : ref > 0 ? err / ref : INFINITY;
  return d;
}
