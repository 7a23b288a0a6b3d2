#define _GNU_SOURCE
#include "engine/cpu/backend_cpu.h"

#include "engine/cpu/cpu.h"
#include "engine/cpu/dnn.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks from this size on are mapped: untouched pages cost nothing and freeing gives them back at once. */
enum { MAP_FROM = 1 << 20 };

static void cpu_free(KlBackend *b) {
  KlCpu *c = kl_cpu(b);
  kl_dnn_free(&c->dnn);
  kl_pool_free(&c->pool);
  kl_free(&c);
}

static bool buffer_new(KlBackend *b, size_t bytes, KlBuffer *out, KlErr *err) {
  size_t available;
  *out = (KlBuffer){.backend = b, .bytes = bytes};
  if (bytes < MAP_FROM) {
    out->host = kl_calloc(bytes, 1);
  } else {
    kl_mem_machine(NULL, &available);
    if (available && bytes > available)
      return kl_fail(err, KL_ERR_OOM, "%zu MB asked for, %zu MB free", bytes >> 20, available >> 20);
    /* A handle from the engine's heap, so that tests can make this fail too. */
    size_t *mapped = kl_alloc(1, sizeof *mapped);
    void *p =
        mapped ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (p == MAP_FAILED) {
      kl_free(&mapped);
    } else {
      madvise(p, bytes, MADV_HUGEPAGE);
      *mapped = bytes;
      out->host = p;
      out->device = mapped;
    }
  }
  return out->host || kl_fail(err, KL_ERR_OOM, "no memory for %zu bytes", bytes);
}

static void buffer_free(KlBackend *b, KlBuffer *buf) {
  if (buf->device) {
    munmap(buf->host, *(size_t *)buf->device);
    kl_free(&buf->device);
    buf->host = NULL;
  } else {
    kl_free(&buf->host);
  }
  *buf = (KlBuffer){0};
}

static bool range_ok(const KlBuffer *buf, size_t offset, size_t bytes, KlErr *err) {
  if (offset <= buf->bytes && bytes <= buf->bytes - offset) return true;
  return kl_fail(err, KL_ERR_INVALID, "%zu bytes at %zu are outside a buffer of %zu", bytes, offset,
                 buf->bytes);
}

static bool buffer_write(KlBackend *b, KlBuffer *buf, size_t offset, const void *src, size_t bytes,
                         KlErr *err) {
  if (!range_ok(buf, offset, bytes, err)) return false;
  if (bytes) memcpy((char *)buf->host + offset, src, bytes);
  return true;
}

static bool buffer_read(KlBackend *b, const KlBuffer *buf, size_t offset, void *dst, size_t bytes,
                        KlErr *err) {
  if (!range_ok(buf, offset, bytes, err)) return false;
  if (bytes) memcpy(dst, (const char *)buf->host + offset, bytes);
  return true;
}

static bool supports(const KlBackend *b, const KlTensor *node) {
  const KlCpuOp *op = kl_cpu_op(node->op);
  return op && (!op->supports || op->supports(kl_cpu_const(b), node));
}

static size_t scratch(const KlBackend *b, const KlTensor *node) {
  const KlCpuOp *op = kl_cpu_op(node->op);
  return op && op->scratch ? op->scratch(kl_cpu_const(b), node) : 0;
}

static bool prepare(KlBackend *b, KlTensor *node, KlErr *err) {
  const KlCpuOp *op = kl_cpu_op(node->op);
  kl_dnn_trim(kl_cpu(b)->dnn);
  return !op || !op->prepare || op->prepare(kl_cpu(b), node, err);
}

static bool run(KlBackend *b, KlTensor *node, KlBuffer *workspace, size_t scratch_offset,
                const KlCancel *cancel, KlErr *err) {
  const KlCpuOp *op = kl_cpu_op(node->op);
  if (!op) return kl_fail(err, KL_ERR_UNSUPPORTED, "the cpu backend has no op %s", kl_op_name(node->op));
  if (kl_nelem(node) == 0) return true;
  void *mem = workspace && workspace->host ? (char *)workspace->host + scratch_offset : NULL;
  return op->run(kl_cpu(b), node, mem, cancel, err);
}

static bool sync(KlBackend *b, const KlCancel *cancel, KlErr *err) {
  return true;
}

static void memory(const KlBackend *b, size_t *total, size_t *available) {
  kl_mem_machine(total, available);
}

static const KlBackendOps ops = {
    .free = cpu_free,
    .buffer_new = buffer_new,
    .buffer_free = buffer_free,
    .write = buffer_write,
    .read = buffer_read,
    .supports = supports,
    .scratch = scratch,
    .prepare = prepare,
    .run = run,
    .sync = sync,
    .memory = memory,
};

/* The processor's name as Linux knows it. */
static void processor_name(char *out, size_t n) {
  snprintf(out, n, "processor");
  FILE *f = fopen("/proc/cpuinfo", "re");
  if (!f) return;
  char line[256];
  while (fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) || !colon) continue;
    colon[1 + strcspn(colon + 1, "\n")] = 0;
    snprintf(out, n, "%s", colon + 1 + strspn(colon + 1, " "));
    break;
  }
  fclose(f);
}

bool kl_cpu_backend_new_at(int threads, KlDtype compute, KlCpuLevel level, KlBackend **out, KlErr *err) {
  *out = NULL;
  if (compute != KL_F32 && compute != KL_BF16)
    return kl_fail(err, KL_ERR_INVALID, "the cpu computes in f32 or bf16, not in %s", kl_dtype_name(compute));
  if (level > kl_cpu_best())
    return kl_fail(err, KL_ERR_UNSUPPORTED, "this processor has no %s", kl_cpu_level_name(level));
  KlCpu *c = kl_calloc(1, sizeof *c);
  if (!c) return kl_fail(err, KL_ERR_OOM, "no memory for the cpu backend");
  c->base.ops = &ops;
  c->level = level;
  /* The scalar level is the reference of either arithmetic; the vector levels use what the machine is good
   * at. */
  c->base.compute = level == KL_CPU_AVX2 || level == KL_CPU_AVX512 ? KL_F32 : compute;
  if (!kl_pool_new(threads, &c->pool, err) ||
      (level != KL_CPU_SCALAR && !kl_dnn_new(kl_cpu_threads(c), &c->dnn, err))) {
    cpu_free(&c->base);
    return false;
  }
  kl_kernels_scalar(&c->k);
#if defined(__x86_64__)
  if (level >= KL_CPU_AVX2) kl_kernels_avx2(&c->k);
  if (level >= KL_CPU_AVX512) kl_kernels_avx512(&c->k);
#endif
  char name[64];
  processor_name(name, sizeof name);
  int n = kl_cpu_threads(c);
  snprintf(c->base.name, sizeof c->base.name, "cpu");
  snprintf(c->base.title, sizeof c->base.title, "%s, %d thread%s, %s", name, n, n == 1 ? "" : "s",
           kl_cpu_level_name(level));
  *out = &c->base;
  return true;
}

bool kl_cpu_backend_new(int threads, KlDtype compute, KlBackend **out, KlErr *err) {
  return kl_cpu_backend_new_at(threads, compute, kl_cpu_level(), out, err);
}
