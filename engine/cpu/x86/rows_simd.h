/* The row kernels in terms of a vector of LANES f32, included once by each instruction set's rows.c, which defines V and
 * the v_* functions first. Tails are masked loads and stores, so a row's last elements take the same path. */

/* exp(x): Cody-Waite reduction, the polynomial of Cephes' expf; about 1 ulp, overflow to infinity, underflow to 0. */
static inline V v_exp(V x) {
  x = v_max(v_min(x, v_set(104)), v_set(-104)); /* NaN becomes finite here and is put back by the callers' x */
  V n = v_round(v_mul(x, v_set(1.44269504088896341f)));
  V r = v_fnma(n, v_set(0.693359375f), x);
  r = v_fnma(n, v_set(-2.12194440e-4f), r);
  V p = v_set(1.9875691500e-4f);
  p = v_fma(p, r, v_set(1.3981999507e-3f));
  p = v_fma(p, r, v_set(8.3334519073e-3f));
  p = v_fma(p, r, v_set(4.1665795894e-2f));
  p = v_fma(p, r, v_set(1.6666665459e-1f));
  p = v_fma(p, r, v_set(5.0000001201e-1f));
  p = v_fma(p, v_mul(r, r), v_add(r, v_set(1)));
  return v_scale(p, n);
}

/* x / (1 + exp(-u)) */
static inline V v_gate(V x, V u) { return v_div(x, v_add(v_set(1), v_exp(v_sub(v_set(0), u)))); }

static inline V v_silu(V x) { return v_gate(x, x); }

/* 0.5 x (1 + tanh(y)) = x / (1 + exp(-2 y)) */
static inline V v_gelu(V x) {
  V cube = v_mul(v_mul(x, x), x);
  return v_gate(x, v_mul(v_set(2 * 0.79788456f), v_fma(v_set(0.044715f), cube, x)));
}

/* tanh by Cephes: a polynomial near 0, the exponential elsewhere. */
static inline V v_tanh(V x) {
  V z = v_mul(x, x), p = v_set(-5.70498872745e-3f);
  p = v_fma(p, z, v_set(2.06390887954e-2f));
  p = v_fma(p, z, v_set(-5.37397155531e-2f));
  p = v_fma(p, z, v_set(1.33314422036e-1f));
  p = v_fma(p, z, v_set(-3.33332819422e-1f));
  V small = v_fma(v_mul(p, z), x, x);
  V a = v_abs(x), e = v_exp(v_add(a, a));
  V big = v_copysign(v_sub(v_set(1), v_div(v_set(2), v_add(e, v_set(1)))), x);
  return v_where_less(a, v_set(0.625f), small, big);
}

static inline V v_act(KlActivation a, V x) {
  switch (a) {
  case KL_ACT_RELU: return v_where_less(x, v_set(0), v_set(0), x);
  case KL_ACT_SILU: return v_silu(x);
  case KL_ACT_GELU_TANH: return v_gelu(x);
  case KL_ACT_TANH3: return v_mul(v_set(3), v_tanh(v_div(x, v_set(3))));
  default: return x;
  }
}

/* Runs BODY for whole vectors and once more for the tail; LOAD and STORE mean the right thing in either. */
#define ROW(n, BODY)                                                                                         \
  do {                                                                                                       \
    size_t i = 0;                                                                                            \
    for (; i + LANES <= (n); i += LANES) {                                                                   \
      BODY(v_load, v_store)                                                                                  \
    }                                                                                                        \
    if (i < (n)) {                                                                                           \
      M tail = v_tail((n) - i);                                                                              \
      BODY(LOAD_TAIL, STORE_TAIL)                                                                            \
    }                                                                                                        \
  } while (0)
#define LOAD_TAIL(p) v_load_tail(p, tail)
#define STORE_TAIL(p, v) v_store_tail(p, v, tail)

static void add(const float *a, const float *b, float *y, size_t n) {
#define BODY(LOAD, STORE) STORE(y + i, v_add(LOAD(a + i), LOAD(b + i)));
  ROW(n, BODY);
#undef BODY
}

static void mul(const float *a, const float *b, float *y, size_t n) {
#define BODY(LOAD, STORE) STORE(y + i, v_mul(LOAD(a + i), LOAD(b + i)));
  ROW(n, BODY);
#undef BODY
}

static void gated_add(const float *x, const float *y, const float *gate, float *out, size_t n) {
#define BODY(LOAD, STORE) STORE(out + i, v_fma(LOAD(y + i), LOAD(gate + i), LOAD(x + i)));
  ROW(n, BODY);
#undef BODY
}

static void affine(const float *x, float *y, size_t n, const KlAffineParams *p) {
  V scale = v_set(p->scale), shift = v_set(p->shift), lo = v_set(p->lo), hi = v_set(p->hi);
#define BODY(LOAD, STORE)                                                                                    \
  V v = v_fma(scale, LOAD(x + i), shift);                                                                    \
  v = v_where_less(v, lo, lo, v);                                                                            \
  STORE(y + i, v_where_less(hi, v, hi, v));
  ROW(n, BODY);
#undef BODY
}

static void act(KlActivation a, const float *x, float *y, size_t n) {
#define LOOP(f)                                                                                              \
  do {                                                                                                       \
    ROW(n, f);                                                                                               \
    return;                                                                                                  \
  } while (0)
#define RELU(LOAD, STORE) STORE(y + i, v_act(KL_ACT_RELU, LOAD(x + i)));
#define SILU(LOAD, STORE) STORE(y + i, v_act(KL_ACT_SILU, LOAD(x + i)));
#define GELU(LOAD, STORE) STORE(y + i, v_act(KL_ACT_GELU_TANH, LOAD(x + i)));
#define TANH(LOAD, STORE) STORE(y + i, v_act(KL_ACT_TANH3, LOAD(x + i)));
  switch (a) {
  case KL_ACT_NONE:
    if (x != y) memmove(y, x, n * sizeof *y);
    return;
  case KL_ACT_RELU: LOOP(RELU);
  case KL_ACT_SILU: LOOP(SILU);
  case KL_ACT_GELU_TANH: LOOP(GELU);
  case KL_ACT_TANH3: LOOP(TANH);
  }
#undef LOOP
#undef RELU
#undef SILU
#undef GELU
#undef TANH
}

static void norm(const KlNormRow *p, const float *x, float *y, size_t n) {
  float mean = 0;
  if (p->kind == KL_NORM_LAYER) {
    V s = v_set(0);
#define BODY(LOAD, STORE) s = v_add(s, LOAD(x + i));
    ROW(n, BODY);
#undef BODY
    mean = v_sum(s) / (float)n;
  }
  V m = v_set(mean), q = v_set(0);
  size_t at = 0;
  V q1 = v_set(0);
  for (; at + 2 * LANES <= n; at += 2 * LANES) {
    V a = v_sub(v_load(x + at), m), b = v_sub(v_load(x + at + LANES), m);
    q = v_fma(a, a, q);
    q1 = v_fma(b, b, q1);
  }
  for (; at < n; at += LANES) {
    M tail = v_tail(n - at < LANES ? n - at : LANES);
    V a = v_keep(v_sub(v_load_tail(x + at, tail), m), tail);
    q = v_fma(a, a, q);
  }
  float squares = v_sum(v_add(q, q1)), inv;
  if (p->kind == KL_NORM_L2) {
    float len = sqrtf(squares);
    inv = sqrtf((float)n) / (len > p->eps ? len : p->eps);
  } else {
    inv = 1 / sqrtf(squares / (float)n + p->eps);
  }
  V f = v_set(inv), one = v_set(1);
  const float *weight = p->weight, *bias = p->bias, *scale = p->scale, *shift = p->shift;
  KlActivation a = p->act;
#define BODY(LOAD, STORE)                                                                                    \
  V v = v_mul(v_sub(LOAD(x + i), m), f);                                                                     \
  if (weight) v = v_mul(v, LOAD(weight + i));                                                                \
  if (bias) v = v_add(v, LOAD(bias + i));                                                                    \
  if (scale) v = v_mul(v, v_add(one, LOAD(scale + i)));                                                      \
  if (shift) v = v_add(v, LOAD(shift + i));                                                                  \
  if (a) v = v_act(a, v);                                                                                    \
  STORE(y + i, v);
  ROW(n, BODY);
#undef BODY
}

static void bf16_to_f32(const void *src, float *dst, size_t n) {
  const uint16_t *s = src;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) v_store(dst + i, v_load_bf16(s + i));
  for (; i < n; i++) dst[i] = kl_bf16_to_f32(s[i]);
}

static void bf16_from_f32(const float *src, void *dst, size_t n) {
  uint16_t *d = dst;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) v_store_bf16(d + i, v_load(src + i));
  for (; i < n; i++) d[i] = kl_f32_to_bf16(src[i]);
}

static void f16_to_f32(const void *src, float *dst, size_t n) {
  const uint16_t *s = src;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) v_store(dst + i, v_load_f16(s + i));
  for (; i < n; i++) dst[i] = kl_f16_to_f32(s[i]);
}

static void f16_from_f32(const float *src, void *dst, size_t n) {
  uint16_t *d = dst;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) v_store_f16(d + i, v_load(src + i));
  for (; i < n; i++) d[i] = kl_f32_to_f16(src[i]);
}

static void fill(KlCpuKernels *k) {
  k->to_f32[KL_BF16] = bf16_to_f32;
  k->to_f32[KL_F16] = f16_to_f32;
  k->from_f32[KL_BF16] = bf16_from_f32;
  k->from_f32[KL_F16] = f16_from_f32;
  k->add = add;
  k->mul = mul;
  k->gated_add = gated_add;
  k->affine = affine;
  k->act = act;
  k->norm = norm;
}
