/* Blocked attention, written once for every vector unit. Included by flash_*.c, each compiled for its own
 * ISA, after it has defined FLASH              the name of the KlAttnKernel to define UNIT elements of a
 * 32-bit unit of the products: 1 (f32) or 2 (a pair of bf16) W, MR, NR          f32 lanes of a vector; rows
 * and vectors of the register tile Vec                the vector; v_load v_store v_set1 v_add v_mul v_max
 * v_fma(a, b, c) = a b + c v_dot(c, a, b)     c + the products of the units of a and b v_exp2(x)          2^x
 * to about 2 ulp, x <= 0 or a little more; 0 at -inf; NaN stays v_store_p(u, i, lo, hi, sum)  (UNIT 2 only) 2
 * W probabilities to units; returns sum + what was stored
 *
 * Units are moved as float whatever they hold. Packed layouts, of one head, in units:
 *   q     [rows][du]                                 du = units of a row
 *   keys  per segment [groups][du][keys of a group]  a group is NR W keys, the last one fewer, a multiple of
 * W vals  per tile of keys [column groups][key units][columns of a group] so that both products run
 * through memory in one direction: each step reads nr vectors and broadcasts mr units. */
#pragma once

#include "engine/cpu/attention/args.h"

#include <math.h>
#include <string.h>

enum { TILE = 512, MASKED_TILE = 256, BLOCK = 96, GROUP = NR * W };

typedef uint16_t __attribute__((may_alias)) Half;

typedef struct {
  const KlAttn *a;
  int64_t du, dv;                   /* units of a row of q and k; columns of v, a multiple of W */
  int64_t keys;                     /* padded keys of all segments */
  int64_t tile, tiles;              /* of all segments */
  int64_t rows, blocks;             /* queries a task; tasks a head */
  int64_t heads, first_head;        /* packed at a time; the first one packed now */
  int64_t seg_at[KL_ATTN_SEGMENTS]; /* padded keys before the segment */
  float sign, scale2;               /* q is multiplied by sign, logits by scale2 > 0 = |scale| log2(e) */
  float *k, *v;                     /* packed, from head to head k_head and v_head units */
  size_t k_head, v_head;
  char *workers;
  size_t per_worker;
} Job;

/* One worker's memory. s holds scores [MR][ld] and, in place, the probabilities as units. */
typedef struct {
  float *q, *o, *sum, *max, *s, *x, *temp;
  int64_t ld;
} Work;

/* One tile of keys. */
typedef struct {
  const KlAttnSeg *seg;
  int64_t at, n, padded; /* first key in the segment, keys, keys with padding */
  const float *k, *v;
} Tile;

static inline int64_t up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}
static inline int64_t min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* ---- memory ---- */

static size_t carve(size_t *at, int64_t floats) {
  size_t here = *at;
  *at += (size_t)up(floats * 4, KL_ALIGN);
  return here;
}

static Work work_of(const Job *job, int worker, size_t *bytes) {
  size_t at = 0;
  int64_t ld = job->a->normaliser == KL_ATTN_ENTMAX15 ? job->keys : job->tile;
  /* rows of scores 4 KiB apart would fight for the same cache sets */
  ld += W;
  size_t q = carve(&at, job->rows * job->du), o = carve(&at, job->rows * job->dv),
         sum = carve(&at, job->rows * W), max = carve(&at, job->rows), s = carve(&at, MR * ld),
         x = carve(&at, up(job->a->d + 1, W)), temp = carve(&at, GROUP * job->du);
  if (bytes) *bytes = at;
  char *p = job->workers + (size_t)worker * job->per_worker;
#define AT(offset) ((float *)(void *)(p + (offset)))
  return (Work){AT(q), AT(o), AT(sum), AT(max), AT(s), AT(x), AT(temp), ld};
#undef AT
}

static Job plan(const KlAttn *a, int threads, char *scratch, size_t *bytes) {
  Job job = {.a = a, .du = (a->d + UNIT - 1) / UNIT, .dv = up(a->d, W)};
  job.tile =
      a->allow ? MASKED_TILE : TILE; /* smaller tiles are skipped more often, larger ones are 7 % faster */
  for (int s = 0; s < a->segments; s++) {
    job.seg_at[s] = job.keys;
    job.keys += up(a->seg[s].n, W);
    job.tiles += (a->seg[s].n + job.tile - 1) / job.tile;
  }
  /* a task is at most a billion operations */
  job.rows = min64(BLOCK, 1000000000 / (4 * job.keys * job.dv + 1) / MR * MR);
  job.rows = up(min64(job.rows < MR ? MR : job.rows, a->nq), MR);
  job.blocks = (a->nq + job.rows - 1) / job.rows;
  job.sign = a->scale < 0 ? -1 : a->scale == 0 ? 0 : 1;
  job.scale2 = (a->scale == 0 ? 1 : fabsf(a->scale)) * (float)M_LOG2E;

  /* As many heads at a time as make the pool busy to the end, or as 16 MiB hold. */
  job.k_head = (size_t)(job.keys * job.du);
  job.v_head = (size_t)(job.keys / UNIT * job.dv);
  int64_t busy = (16 * threads + job.blocks - 1) / job.blocks,
          fit = (int64_t)((16u << 20) / ((job.k_head + job.v_head) * 4 + 1));
  job.heads = min64(a->heads, fit > busy ? fit : busy);

  size_t each = 0, at = 0;
  work_of(&job, 0, &each);
  job.per_worker = (size_t)up((int64_t)each, 4096) + 192; /* workers' rows in different cache sets, too */
  size_t k = carve(&at, job.heads * (int64_t)job.k_head), v = carve(&at, job.heads * (int64_t)job.v_head);
  if (bytes) *bytes = at + (size_t)threads * job.per_worker;
  if (scratch) {
    job.k = (float *)(void *)(scratch + k);
    job.v = (float *)(void *)(scratch + v);
    job.workers = scratch + at;
  }
  return job;
}

static Tile tile_of(const Job *job, int64_t number, int64_t head) {
  const KlAttn *a = job->a;
  int s = 0;
  for (int64_t n; number >= (n = (a->seg[s].n + job->tile - 1) / job->tile); s++) number -= n;
  const KlAttnSeg *seg = &a->seg[s];
  int64_t at = number * job->tile, n = min64(job->tile, seg->n - at), padded_at = job->seg_at[s] + at;
  return (Tile){seg,
                at,
                n,
                up(n, W),
                job->k + (size_t)(head - job->first_head) * job->k_head + padded_at * job->du,
                job->v + (size_t)(head - job->first_head) * job->v_head + padded_at / UNIT * job->dv};
}

/* ---- packing ---- */

static inline uint16_t to_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  uint32_t nan = (u & 0x7fffffff) > 0x7f800000;
  return (uint16_t)(nan ? (u >> 16 | 0x40) : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* One row of one head as f32, rotated. */
static void load_row(const KlAttnRows *r, int64_t row, int64_t head, int64_t d, const float *rope,
                     float *restrict x) {
  const void *p = kl_attn_at(r, row, head);
  if (r->bf16) {
    for (int64_t i = 0; i < d; i++) x[i] = kl_bf16_to_f32(((const uint16_t *)p)[i]);
  } else {
    memcpy(x, p, (size_t)d * 4);
  }
  if (!rope) return;
  const float *restrict cs = rope + row * d;
  for (int64_t i = 0; i < d / 2; i++) {
    float c = cs[2 * i], s = cs[2 * i + 1], x0 = x[2 * i], x1 = x[2 * i + 1];
    x[2 * i] = x0 * c - x1 * s;
    x[2 * i + 1] = x0 * s + x1 * c;
  }
}

/* d elements to du units, the odd half zero. */
static void to_units(float *restrict x, int64_t d, float *restrict u) {
#if UNIT == 2
  x[d] = 0;
  Half *h = (Half *)u;
  for (int64_t i = 0; i < up(d, 2); i++) h[i] = to_bf16(x[i]);
#else
  memcpy(u, x, (size_t)d * 4);
#endif
}

static void pack_keys(const Job *job, const Tile *t, int64_t head, const Work *w) {
  int64_t du = job->du;
  float *to = (float *)(uintptr_t)t->k;
  for (int64_t g = 0; g < t->padded; g += GROUP) {
    int64_t wide = min64(GROUP, t->padded - g);
    for (int64_t j = 0; j < wide; j++) {
      if (g + j < t->n) {
        load_row(&t->seg->k, t->at + g + j, head, job->a->d, t->seg->rope, w->x);
        to_units(w->x, job->a->d, w->temp + j * du);
      } else {
        memset(w->temp + j * du, 0, (size_t)du * 4);
      }
    }
    for (int64_t u = 0; u < du; u++)
      for (int64_t j = 0; j < wide; j++) *to++ = w->temp[j * du + u];
  }
}

static void pack_values(const Job *job, const Tile *t, int64_t head, const Work *w) {
  int64_t dv = job->dv, d = job->a->d, units = t->padded / UNIT;
  float *to = (float *)(uintptr_t)t->v;
  for (int64_t j = 0; j < t->padded; j++) {
    memset(w->x, 0, (size_t)dv * 4);
    if (j < t->n) load_row(&t->seg->v, t->at + j, head, d, NULL, w->x);
    for (int64_t c = 0; c < dv; c += GROUP) {
      int64_t wide = min64(GROUP, dv - c);
      float *row = to + c * units + j / UNIT * wide;
#if UNIT == 2
      Half *h = (Half *)row + j % 2;
      for (int64_t i = 0; i < wide; i++) h[2 * i] = to_bf16(w->x[c + i]);
#else
      memcpy(row, w->x + c, (size_t)wide * 4);
#endif
    }
  }
}

static void pack_task(void *ctx, size_t task, int worker) {
  const Job *job = ctx;
  int64_t head = job->first_head + (int64_t)task / job->tiles;
  Tile t = tile_of(job, (int64_t)task % job->tiles, head);
  Work w = work_of(job, worker, NULL);
  pack_keys(job, &t, head, &w);
  pack_values(job, &t, head, &w);
}

/* ---- products ---- */

typedef void (*Product)(int64_t depth, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,
                        const float *alpha);

/* c[mr][nr W] = alpha[r] c + a[mr][depth] b[depth][nr W]; alpha NULL: c is not read. */
static inline __attribute__((always_inline)) void product(const int mr, const int nr, int64_t depth,
                                                          const float *a, int64_t lda, const float *b,
                                                          float *c, int64_t ldc, const float *alpha) {
  Vec acc[MR][NR];
#pragma GCC unroll 8
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 8
    for (int n = 0; n < nr; n++)
      acc[r][n] = alpha ? v_mul(v_load(c + r * ldc + n * W), v_set1(alpha[r])) : v_set1(0);
  for (int64_t k = 0; k < depth; k++, b += nr * W) {
    Vec bv[NR];
#pragma GCC unroll 8
    for (int n = 0; n < nr; n++) bv[n] = v_load(b + n * W);
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
      Vec av = v_set1(a[r * lda + k]);
#pragma GCC unroll 8
      for (int n = 0; n < nr; n++) acc[r][n] = v_dot(acc[r][n], av, bv[n]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 8
    for (int n = 0; n < nr; n++) v_store(c + r * ldc + n * W, acc[r][n]);
}

#define PRODUCT(mr, nr)                                                                                      \
  static void product_##mr##_##nr(int64_t depth, const float *a, int64_t lda, const float *b, float *c,      \
                                  int64_t ldc, const float *alpha) {                                         \
    product(mr, nr, depth, a, lda, b, c, ldc, alpha);                                                        \
  }
#if NR == 4
#define PRODUCTS(mr) PRODUCT(mr, 1) PRODUCT(mr, 2) PRODUCT(mr, 3) PRODUCT(mr, 4)
#define ENTRY(mr)                                                                                            \
  { product_##mr##_1, product_##mr##_2, product_##mr##_3, product_##mr##_4 }
#else
#define PRODUCTS(mr) PRODUCT(mr, 1) PRODUCT(mr, 2)
#define ENTRY(mr)                                                                                            \
  { product_##mr##_1, product_##mr##_2 }
#endif
/* clang-format does not know where a macro ends. */
/* clang-format off */
PRODUCTS(1)
PRODUCTS(2)
PRODUCTS(3)
PRODUCTS(4)
PRODUCTS(5)
PRODUCTS(6)
static const Product products[MR][NR] = {ENTRY(1), ENTRY(2), ENTRY(3), ENTRY(4), ENTRY(5), ENTRY(6)};
/* clang-format on */

/* s[mr][padded] = q k^T */
static void scores(const Job *job, const Tile *t, const float *q, int mr, float *s, int64_t ld) {
  for (int64_t g = 0; g < t->padded; g += GROUP) {
    int64_t wide = min64(GROUP, t->padded - g);
    products[mr - 1][wide / W - 1](job->du, q, job->du, t->k + g * job->du, s + g, ld, NULL);
  }
}

/* o[mr][dv] = alpha o + p v */
static void values(const Job *job, const Tile *t, const float *p, int64_t ld, int mr, float *o,
                   const float *alpha) {
  int64_t dv = job->dv, units = t->padded / UNIT;
  for (int64_t c = 0; c < dv; c += GROUP) {
    int64_t wide = min64(GROUP, dv - c);
    products[mr - 1][wide / W - 1](units, p, ld, t->v + c * units, o + c, dv, alpha);
  }
}

/* ---- masks and biases ---- */

typedef enum { NONE, ALL, MIXED } Sight;

/* What rows queries see of the tile; runs of equal labels are looked at once. */
static Sight sight(const KlAttn *a, const Tile *t, int64_t first, int64_t rows) {
  if (t->seg->bias == -INFINITY) return NONE;
  if (!a->allow) return ALL;
  const int32_t *ql = a->q_labels + first, *kl = t->seg->labels + t->at;
  bool some = false, hidden = false;
  for (int64_t i = 0; i < rows; i++) {
    if (i && ql[i] == ql[i - 1]) continue;
    for (int64_t j = 0; j < t->n; j++) {
      if (j && kl[j] == kl[j - 1]) continue;
      if (kl_attn_visible(a, ql[i], kl[j]))
        some = true;
      else
        hidden = true;
      if (some && hidden) return MIXED;
    }
  }
  return some ? ALL : NONE;
}

static void hide(const KlAttn *a, const Tile *t, int64_t first, int mr, float *s, int64_t ld) {
  const int32_t *ql = a->q_labels + first, *kl = t->seg->labels + t->at;
  float add[MASKED_TILE];
  for (int r = 0; r < mr; r++) {
    if (r == 0 || ql[r] != ql[r - 1])
      for (int64_t j = 0; j < t->n; j++) add[j] = kl_attn_visible(a, ql[r], kl[j]) ? 0.0f : -INFINITY;
    float *row = s + r * ld;
    for (int64_t j = 0; j < t->n; j++) row[j] = add[j] < 0 ? add[j] : row[j];
  }
}

/* Scores of one tile and mr queries with all that is added to them but the segment's bias. Returns the factor
 * that is still to be applied; padding keys and hidden keys are -inf. */
static float logits(const Job *job, const Tile *t, int64_t head, int64_t first, Sight see, const float *q,
                    int mr, float *s, int64_t ld) {
  const KlAttn *a = job->a;
  scores(job, t, q, mr, s, ld);
  if (see == MIXED) hide(a, t, first, mr, s, ld);
  if (a->rel_bias)
    for (int r = 0; r < mr; r++) {
      const float *rel = a->rel_bias + head * a->rel_stride + t->seg->first + t->at - (first + r);
      float *row = s + r * ld;
      for (int64_t j = 0; j < t->n; j++) row[j] = row[j] * job->scale2 + rel[j] * (float)M_LOG2E;
    }
  for (int r = 0; r < mr; r++)
    for (int64_t j = t->n; j < t->padded; j++) s[r * ld + j] = -INFINITY;
  return a->rel_bias ? 1 : job->scale2;
}

/* ---- normalisers ---- */

static inline float lanes_max(Vec v) {
  float x[W], m = -INFINITY;
  memcpy(x, &v, sizeof x);
  for (int i = 0; i < W; i++) m = x[i] > m ? x[i] : m;
  return m;
}

static inline float lanes_sum(Vec v) {
  float x[W];
  memcpy(x, &v, sizeof x);
  for (int n = W / 2; n; n /= 2)
    for (int i = 0; i < n; i++) x[i] += x[i + n];
  return x[0];
}

/* n f32 probabilities to units, in place. */
static void to_p(float *s, int64_t n) {
#if UNIT == 2
  Half *h = (Half *)s;
  for (int64_t i = 0; i < n; i++) {
    float x = s[i];
    h[i] = to_bf16(x);
  }
#endif
}

/* One step of the running softmax: s becomes units of exp2(factor s + bias - new maximum); alpha is what the
 * sums so far have to be multiplied with. */
static void softmax(int mr, int64_t n, float *s, int64_t ld, float factor, float bias, float *max, float *sum,
                    float *alpha) {
  float offset[W];
  for (int r = 0; r < mr; r++) {
    const float *row = s + r * ld;
    Vec m = v_load(row);
    for (int64_t j = W; j < n; j += W) m = v_max(m, v_load(row + j));
    float was = max[r], now = fmaxf(was, lanes_max(m) * factor + bias), zero = now == -INFINITY ? 0 : now;
    max[r] = now;
    alpha[r] = was - zero;
    offset[r] = bias - zero;
  }
  for (int r = mr; r < W; r++) alpha[r] = 0;
  v_store(alpha, v_exp2(v_load(alpha)));
  Vec f = v_set1(factor);
  for (int r = 0; r < mr; r++) {
    float *row = s + r * ld;
    Vec o = v_set1(offset[r]), total = v_mul(v_load(sum + r * W), v_set1(alpha[r]));
    int64_t j = 0;
#if UNIT == 2
    for (; j + 2 * W <= n; j += 2 * W)
      total = v_store_p(row, j / 2, v_exp2(v_fma(v_load(row + j), f, o)),
                        v_exp2(v_fma(v_load(row + j + W), f, o)), total);
    if (j < n) total = v_store_p(row, j / 2, v_exp2(v_fma(v_load(row + j), f, o)), v_set1(0), total);
#else
    for (; j < n; j += W) {
      Vec p = v_exp2(v_fma(v_load(row + j), f, o));
      v_store(row + j, p);
      total = v_add(total, p);
    }
#endif
    v_store(sum + r * W, total);
  }
}

/* Half logits x of one row, n of them with -inf for the hidden, to probabilities max(0, x - tau)^2. tau by
 * Newton's method from the left, where the sum is convex and falls, so it never steps over the root. Returns
 * their sum. */
static float entmax(float *x, int64_t n) {
  Vec m = v_load(x);
  for (int64_t j = W; j < n; j += W) m = v_max(m, v_load(x + j));
  float max = lanes_max(m);
  if (max == -INFINITY) {
    memset(x, 0, (size_t)n * 4);
    return 0;
  }
  float tau = max - 1, total = 0;
  for (int i = 0; i < 40; i++) {
    Vec t = v_set1(-tau), zero = v_set1(0), s1 = zero, s2 = zero;
    for (int64_t j = 0; j < n; j += W) {
      Vec y = v_max(v_add(v_load(x + j), t), zero);
      s1 = v_add(s1, y);
      s2 = v_fma(y, y, s2);
    }
    total = lanes_sum(s2);
    float step = (total - 1) / (2 * lanes_sum(s1));
    if (!(step > 1e-7f)) break;
    tau += step;
  }
  Vec t = v_set1(-tau), zero = v_set1(0);
  for (int64_t j = 0; j < n; j += W) {
    Vec y = v_max(v_add(v_load(x + j), t), zero);
    v_store(x + j, v_mul(y, y));
  }
  return total;
}

/* ---- tasks ---- */

static void softmax_block(const Job *job, const Work *w, int64_t head, int64_t first, int64_t rows) {
  const KlAttn *a = job->a;
  for (int64_t i = 0; i < job->tiles; i++) {
    Tile t = tile_of(job, i, head);
    Sight block = sight(a, &t, first, rows);
    if (block == NONE) continue;
    for (int64_t r = 0; r < rows; r += MR) {
      int mr = (int)min64(MR, rows - r);
      Sight see = block == MIXED ? sight(a, &t, first + r, mr) : block;
      if (see == NONE) continue;
      float alpha[W];
      float factor = logits(job, &t, head, first + r, see, w->q + r * job->du, mr, w->s, w->ld);
      softmax(mr, t.padded, w->s, w->ld, factor, t.seg->bias * (float)M_LOG2E, w->max + r, w->sum + r * W,
              alpha);
      values(job, &t, w->s, w->ld, mr, w->o + r * job->dv, alpha);
    }
  }
}

static const float ones[MR] = {1, 1, 1, 1, 1, 1};

static void entmax_rows(const Job *job, const Work *w, int64_t head, int64_t first, int64_t r, int mr) {
  for (int64_t i = 0, at = 0; i < job->tiles; i++) {
    Tile t = tile_of(job, i, head);
    float *s = w->s + at;
    Sight see = sight(job->a, &t, first + r, mr);
    float factor = 0;
    if (see != NONE)
      factor = logits(job, &t, head, first + r, see, w->q + r * job->du, mr, s, w->ld) * (float)(M_LN2 / 2);
    for (int m = 0; m < mr; m++)
      for (int64_t j = 0; j < t.padded; j++)
        s[m * w->ld + j] = see == NONE ? -INFINITY : s[m * w->ld + j] * factor + t.seg->bias / 2;
    at += t.padded;
  }
  for (int m = 0; m < mr; m++) w->sum[(r + m) * W] = entmax(w->s + m * w->ld, job->keys);
  for (int64_t i = 0, at = 0; i < job->tiles; i++) {
    Tile t = tile_of(job, i, head);
    for (int m = 0; m < mr; m++) to_p(w->s + m * w->ld + at, t.padded);
    values(job, &t, w->s + at, w->ld, mr, w->o + r * job->dv, ones);
    at += t.padded;
  }
}

static void map_rows(const Job *job, const Work *w, int64_t head, int64_t first, int64_t r, int mr) {
  const KlAttn *a = job->a;
  for (int64_t i = 0; i < job->tiles; i++) {
    Tile t = tile_of(job, i, head);
    for (int m = 0; m < mr; m++) {
      float *row = w->s + m * w->ld;
      memcpy(row, a->map + (head * a->nq + first + r + m) * a->nk + t.seg->first + t.at, (size_t)t.n * 4);
      memset(row + t.n, 0, (size_t)(t.padded - t.n) * 4);
      to_p(row, t.padded);
    }
    values(job, &t, w->s, w->ld, mr, w->o + r * job->dv, ones);
  }
  for (int m = 0; m < mr; m++) w->sum[(r + m) * W] = 1;
}

static void block_task(void *ctx, size_t task, int worker) {
  const Job *job = ctx;
  const KlAttn *a = job->a;
  int64_t head = job->first_head + (int64_t)task / job->blocks,
          first = (int64_t)task % job->blocks * job->rows;
  int64_t rows = min64(job->rows, a->nq - first);
  Work w = work_of(job, worker, NULL);
  memset(w.o, 0, (size_t)(rows * job->dv) * 4);
  memset(w.sum, 0, (size_t)(rows * W) * 4);
  for (int64_t r = 0; r < rows; r++) {
    w.max[r] = -INFINITY;
    load_row(&a->q, first + r, head, a->d, a->q_rope, w.x);
    for (int64_t i = 0; i < a->d; i++) w.x[i] *= job->sign;
    to_units(w.x, a->d, w.q + r * job->du);
  }

  if (a->normaliser == KL_ATTN_SOFTMAX)
    softmax_block(job, &w, head, first, rows);
  else
    for (int64_t r = 0; r < rows; r += MR)
      (a->normaliser == KL_ATTN_MAP ? map_rows : entmax_rows)(job, &w, head, first, r,
                                                              (int)min64(MR, rows - r));

  for (int64_t r = 0; r < rows; r++) {
    float sum = lanes_sum(v_load(w.sum + r * W)), inv = sum == 0 ? 0 : 1 / sum, *o = w.o + r * job->dv;
    void *to = (void *)(uintptr_t)kl_attn_at(&a->out, first + r, head);
    if (a->out.bf16)
      for (int64_t i = 0; i < a->d; i++) ((uint16_t *)to)[i] = to_bf16(o[i] * inv);
    else
      for (int64_t i = 0; i < a->d; i++) ((float *)to)[i] = o[i] * inv;
  }
}

static size_t scratch_bytes(const KlAttn *a, int threads) {
  size_t bytes;
  plan(a, threads, NULL, &bytes);
  return bytes;
}

static bool run(const KlAttn *a, KlPool *pool, void *scratch, const KlCancel *cancel) {
  Job job = plan(a, kl_pool_threads(pool), scratch, NULL);
  int64_t at_a_time = job.heads;
  for (int64_t h = 0; h < a->heads; h += at_a_time) {
    job.first_head = h;
    job.heads = min64(at_a_time, a->heads - h);
    if (!kl_pool_run(pool, (size_t)(job.heads * job.tiles), pack_task, &job, cancel) ||
        !kl_pool_run(pool, (size_t)(job.heads * job.blocks), block_task, &job, cancel))
      return false;
  }
  return true;
}

const KlAttnKernel FLASH = {scratch_bytes, run};
