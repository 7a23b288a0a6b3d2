#include "engine/cpu/dnn.h"

#include "engine/base/log.h"

#include <omp.h>
#include <string.h>

enum { BUCKETS = 256, MOST = 1024 };

typedef struct Entry {
  struct Entry *next;
  KlDnnPrim prim;
  bool likes; /* made without a layout given: it has the one that it likes best */
} Entry;

struct KlCpuDnn {
  dnnl_engine_t engine;
  int threads, count;
  Entry *bucket[BUCKETS];
  dnnl_stream_t stream[];
};

static void drop_all(KlCpuDnn *d) {
  for (int i = 0; i < BUCKETS; i++) {
    for (Entry *e = d->bucket[i]; e;) {
      Entry *next = e->next;
      dnnl_primitive_destroy(e->prim.prim);
      kl_free(&e);
      e = next;
    }
    d->bucket[i] = NULL;
  }
  d->count = 0;
}

void kl_dnn_free(KlCpuDnn **d) {
  if (!*d) return;
  drop_all(*d);
  for (int i = 0; i < (*d)->threads; i++)
    if ((*d)->stream[i]) dnnl_stream_destroy((*d)->stream[i]);
  if ((*d)->engine) dnnl_engine_destroy((*d)->engine);
  kl_free(d);
}

void kl_dnn_trim(KlCpuDnn *d) {
  if (d && d->count > MOST) drop_all(d);
}

static bool failed(dnnl_status_t s, const char *what, KlErr *err) {
  if (s == dnnl_success) return false;
  kl_fail(err, s == dnnl_out_of_memory ? KL_ERR_OOM : KL_ERR_UNSUPPORTED, "oneDNN: %s failed (%d)", what,
          (int)s);
  return true;
}

bool kl_dnn_new(int threads, KlCpuDnn **out, KlErr *err) {
  *out = NULL;
  /* A level capped by the user or by a test holds for oneDNN too; it can be set once a process. */
  if (kl_cpu_level() == KL_CPU_AVX2)
    dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  else if (kl_cpu_level() == KL_CPU_AVX512)
    dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
  KlCpuDnn *d = kl_calloc(1, sizeof *d + (size_t)threads * sizeof(dnnl_stream_t));
  if (!d) return kl_fail(err, KL_ERR_OOM, "no memory for oneDNN");
  d->threads = threads;
  bool ok = !failed(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "engine", err);
  for (int i = 0; ok && i < threads; i++)
    ok = !failed(dnnl_stream_create(&d->stream[i], d->engine, dnnl_stream_default_flags), "stream", err);
  if (!ok) kl_dnn_free(&d);
  *out = d;
  return ok;
}

static dnnl_data_type_t type(bool bf16) {
  return bf16 ? dnnl_bf16 : dnnl_f32;
}

static bool activation(dnnl_post_ops_t po, KlActivation act) {
  dnnl_status_t s = dnnl_success;
  switch (act) {
  case KL_ACT_NONE:
    break;
  case KL_ACT_RELU:
    s = dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_relu, 0, 0);
    break;
  case KL_ACT_SILU:
    s = dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_swish, 1, 0);
    break;
  case KL_ACT_GELU_TANH:
    s = dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_gelu_tanh, 0, 0);
    break;
  case KL_ACT_TANH3:
    s = dnnl_post_ops_append_eltwise(po, 1, dnnl_eltwise_linear, 1.0f / 3, 0);
    /* The factor as tanh's scale: oneDNN 2.6 gives a second linear step the constants of the first. */
    if (s == dnnl_success) s = dnnl_post_ops_append_eltwise(po, 3, dnnl_eltwise_tanh, 0, 0);
    break;
  }
  return s == dnnl_success;
}

static dnnl_status_t describe_product(const KlDnnKey *k, KlDnnPrim *p, dnnl_matmul_desc_t *out) {
  dnnl_dims_t x = {k->m, k->k}, w = {k->k, k->n}, y = {k->m, k->n}, b = {1, k->n};
  dnnl_data_type_t in = type(k->x_bf16);
  dnnl_status_t s = dnnl_memory_desc_init_by_tag(&p->x, 2, x, in, dnnl_ab);
  if (!s && k->plain)
    s = dnnl_memory_desc_init_by_tag(&p->w, 2, w, in, dnnl_ba);
  else if (!s && p->w.ndims == 0)
    s = dnnl_memory_desc_init_by_tag(&p->w, 2, w, in, dnnl_format_tag_any);
  if (!s) s = dnnl_memory_desc_init_by_tag(&p->y, 2, y, type(k->y_bf16), dnnl_ab);
  if (!s && k->bias) s = dnnl_memory_desc_init_by_tag(&p->bias, 2, b, dnnl_f32, dnnl_ab);
  return s ? s : dnnl_matmul_desc_init(out, &p->x, &p->w, k->bias ? &p->bias : NULL, &p->y);
}

static dnnl_status_t describe_conv(const KlDnnKey *k, KlDnnPrim *p, dnnl_convolution_desc_t *out) {
  bool deep = k->kt > 1;
  int nd = deep ? 5 : 4;
  dnnl_format_tag_t tag = deep ? dnnl_ndhwc : dnnl_nhwc;
  dnnl_dims_t x3 = {1, k->c, k->kt, k->h, k->w}, w3 = {k->o, k->c, k->kt, k->kh, k->kw},
              y3 = {1, k->o, 1, k->ho, k->wo};
  dnnl_dims_t x2 = {1, k->c, k->h, k->w}, w2 = {k->o, k->c, k->kh, k->kw}, y2 = {1, k->o, k->ho, k->wo},
              b = {k->o};
  dnnl_dims_t step3 = {1, k->stride_h, k->stride_w}, low3 = {0, k->top, k->left},
              high3 = {0, k->bottom, k->right};
  dnnl_status_t s = dnnl_memory_desc_init_by_tag(&p->x, nd, deep ? x3 : x2, type(k->x_bf16), tag);
  if (!s && p->w.ndims == 0)
    s = dnnl_memory_desc_init_by_tag(&p->w, nd, deep ? w3 : w2, type(k->x_bf16), dnnl_format_tag_any);
  if (!s) s = dnnl_memory_desc_init_by_tag(&p->y, nd, deep ? y3 : y2, type(k->y_bf16), tag);
  if (!s && k->bias) s = dnnl_memory_desc_init_by_tag(&p->bias, 1, b, dnnl_f32, dnnl_a);
  int at = deep ? 0 : 1;
  return s ? s
           : dnnl_convolution_forward_desc_init(out, dnnl_forward_inference, dnnl_convolution_direct, &p->x,
                                                &p->w, k->bias ? &p->bias : NULL, &p->y, step3 + at,
                                                low3 + at, high3 + at);
}

static bool make(KlCpuDnn *d, KlDnnPrim *p, KlErr *err) {
  /* Kernels and their weights' layouts are chosen by the number of threads, of the thread that asks. Ours all
   * run on one; asked with more (a plan made before the first kl_pool_run), a weight gets a layout for which
   * later shapes have nothing but the reference code. */
  omp_set_num_threads(1);
  dnnl_primitive_attr_t attr = NULL;
  dnnl_post_ops_t post = NULL;
  dnnl_primitive_desc_t desc = NULL;
  dnnl_matmul_desc_t product;
  dnnl_convolution_desc_t conv;
  bool ok = false;
  dnnl_status_t s = p->key.conv ? describe_conv(&p->key, p, &conv) : describe_product(&p->key, p, &product);
  if (failed(s, "describing a product", err)) goto out;
  if (failed(dnnl_primitive_attr_create(&attr), "attributes", err) ||
      failed(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user), "attributes", err) ||
      failed(dnnl_post_ops_create(&post), "attributes", err))
    goto out;
  if (p->key.sum && failed(dnnl_post_ops_append_sum(post, 1), "attributes", err)) goto out;
  if (!activation(post, (KlActivation)p->key.act) ||
      failed(dnnl_primitive_attr_set_post_ops(attr, post), "attributes", err))
    goto out;
  s = dnnl_primitive_desc_create(&desc, p->key.conv ? (void *)&conv : (void *)&product, attr, d->engine,
                                 NULL);
  if (failed(s, "choosing a kernel", err) ||
      failed(dnnl_primitive_create(&p->prim, desc), "making a kernel", err))
    goto out;
  p->w = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
  p->scratch = *dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
  p->w_bytes = dnnl_memory_desc_get_size(&p->w);
  p->scratch_bytes = dnnl_memory_desc_get_size(&p->scratch);
  const char *name = "";
  dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
  p->slow = !strncmp(name, "ref", 3);
  if (strncmp(name, "brg", 3))
    kl_log(KL_LOG_DEBUG, "oneDNN takes %s for a %s of %lld to %lld channels", name,
           p->key.conv ? "convolution" : "product", (long long)(p->key.conv ? p->key.c : p->key.k),
           (long long)(p->key.conv ? p->key.o : p->key.n));
  ok = true;
out:
  if (desc) dnnl_primitive_desc_destroy(desc);
  if (post) dnnl_post_ops_destroy(post);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return ok || kl_fail(err, KL_ERR_OOM, "oneDNN: attributes failed");
}

static unsigned hash(const KlDnnKey *key) {
  const unsigned char *p = (const unsigned char *)key;
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < sizeof *key; i++) h = (h ^ p[i]) * 1099511628211u;
  return (unsigned)(h >> 32 ^ h) % BUCKETS;
}

bool kl_dnn_get(KlCpuDnn *d, const KlDnnKey *key, const dnnl_memory_desc_t *w, const KlDnnPrim **out,
                KlErr *err) {
  unsigned at = hash(key);
  for (Entry *e = d->bucket[at]; e; e = e->next)
    if (!memcmp(&e->prim.key, key, sizeof *key) && (w ? dnnl_memory_desc_equal(w, &e->prim.w) : e->likes))
      return *out = &e->prim, true;
  Entry *e = kl_calloc(1, sizeof *e);
  if (!e) return kl_fail(err, KL_ERR_OOM, "no memory for a kernel");
  e->prim.key = *key;
  e->likes = !w;
  if (w) e->prim.w = *w;
  if (!make(d, &e->prim, err)) {
    kl_free(&e);
    return false;
  }
  e->next = d->bucket[at];
  d->bucket[at] = e;
  d->count++;
  *out = &e->prim;
  return true;
}

bool kl_dnn_run(const KlCpuDnn *d, int worker, const KlDnnPrim *p, const void *x, const void *w,
                const float *bias, void *y, void *scratch) {
  const dnnl_memory_desc_t *md[5] = {&p->x, &p->w, &p->y, &p->scratch, &p->bias};
  void *at[5] = {(void *)(uintptr_t)x, (void *)(uintptr_t)w, y, scratch, (void *)(uintptr_t)bias};
  static const int name[5] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD,
                              DNNL_ARG_BIAS};
  dnnl_exec_arg_t arg[5];
  int n = p->key.bias ? 5 : 4, made = 0;
  bool ok = true;
  for (; ok && made < n; made += ok) {
    arg[made].arg = name[made];
    ok = dnnl_memory_create(&arg[made].memory, md[made], d->engine, at[made]) == dnnl_success;
  }
  ok = ok && dnnl_primitive_execute(p->prim, d->stream[worker], n, arg) == dnnl_success;
  for (int i = 0; i < made; i++) dnnl_memory_destroy(arg[i].memory);
  return ok;
}

bool kl_dnn_offsets(const dnnl_memory_desc_t *md, int dim, int64_t n, int64_t *out) {
  const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
  if (md->format_kind != dnnl_blocked || md->extra.flags || md->offset0) return false;
  for (int64_t i = 0; i < n; i++) {
    /* The last inner block is the fastest; a dimension's index is taken apart from there. */
    int64_t at = 0, step = 1, rest = i;
    for (int k = b->inner_nblks - 1; k >= 0; k--) {
      if (b->inner_idxs[k] == dim) {
        at += rest % b->inner_blks[k] * step;
        rest /= b->inner_blks[k];
      }
      step *= b->inner_blks[k];
    }
    out[i] = at + rest * b->strides[dim];
  }
  return true;
}
