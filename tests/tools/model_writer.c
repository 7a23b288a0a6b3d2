#include "tests/tools/model_writer.h"

#include "engine/base/mem.h"
#include "engine/formats/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ALIGN = 32, CHUNK = 1 << 20 };

static size_t elements(const KlSpec *t) {
  size_t n = 1;
  for (int i = 0; i < t->ndim; i++) n *= (size_t)t->shape[i];
  return n;
}

static size_t bytes_of(const KlSpec *t) {
  size_t bytes = 0;
  kl_dtype_bytes(t->type, elements(t), &bytes);
  return bytes;
}

static void put(FILE *f, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) fputc((int)(v >> (8 * i) & 0xFF), f);
}

static void put_string(FILE *f, const char *s) {
  put(f, strlen(s), 8);
  fputs(s, f);
}

static void gguf_header(const KlSpecs *s, FILE *f) {
  fputs("GGUF", f);
  put(f, 3, 4);
  put(f, s->n, 8);
  put(f, 1, 8);
  put_string(f, "general.architecture");
  put(f, 8, 4);
  put_string(f, "random");
  uint64_t offset = 0;
  for (size_t i = 0; i < s->n; i++) {
    const KlSpec *t = &s->spec[i];
    put_string(f, t->name);
    put(f, (uint64_t)t->ndim, 4);
    for (int d = t->ndim - 1; d >= 0; d--) put(f, (uint64_t)t->shape[d], 8);
    put(f, t->type == KL_Q8_0 ? 8 : t->type == KL_BF16 ? 30 : t->type == KL_F16 ? 1 : 0, 4);
    put(f, offset, 8);
    offset += (bytes_of(t) + ALIGN - 1) / ALIGN * ALIGN;
  }
  while (ftello(f) % ALIGN) fputc(0, f);
}

static void safetensors_header(const KlSpecs *s, FILE *f) {
  put(f, 0, 8); /* the length, filled in below */
  fputc('{', f);
  uint64_t offset = 0;
  for (size_t i = 0; i < s->n; i++) {
    const KlSpec *t = &s->spec[i];
    fprintf(f, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", t->name,
            t->type == KL_F16    ? "F16"
            : t->type == KL_BF16 ? "BF16"
                                 : "F32");
    for (int d = 0; d < t->ndim; d++) fprintf(f, d ? ",%lld" : "%lld", (long long)t->shape[d]);
    fprintf(f, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offset,
            (unsigned long long)(offset + bytes_of(t)));
    offset += bytes_of(t);
  }
  fputc('}', f);
  while (ftello(f) % 8) fputc(' ', f);
  off_t end = ftello(f);
  fseeko(f, 0, SEEK_SET);
  put(f, (uint64_t)end - 8, 8);
  fseeko(f, end, SEEK_SET);
}

static bool data(const KlSpec *t, uint64_t seed, FILE *f, void *chunk, KlErr *err) {
  KlRandom r;
  if (!kl_random_begin(&r, t->type, elements(t), t->mean, t->std, t->name, seed, err)) return false;
  for (size_t left = elements(t); left;) {
    size_t n = left < CHUNK ? left : CHUNK, bytes = 0;
    kl_random_next(&r, chunk, n);
    kl_dtype_bytes(t->type, n, &bytes);
    if (fwrite(chunk, 1, bytes, f) != bytes) break;
    left -= n;
  }
  kl_random_end(&r);
  return true;
}

static bool ends_in(const char *s, const char *tail) {
  size_t n = strlen(s), m = strlen(tail);
  return n >= m && !strcmp(s + n - m, tail);
}

bool kl_specs_write(const KlSpecs *s, const char *path, uint64_t seed, KlErr *err) {
  char part[4096];
  bool gguf = ends_in(path, ".gguf"), ok = false;
  if (s->failed) return kl_fail(err, KL_ERR_OOM, "no memory for the list of tensors");
  if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
    return kl_fail(err, KL_ERR_INVALID, "the path is too long");
  void *chunk = kl_alloc(CHUNK, 4);
  FILE *f = fopen(part, "wbe");
  if (!f || !chunk) {
    kl_fail(err, f ? KL_ERR_OOM : KL_ERR_IO, "cannot write %s: %s", part, strerror(errno));
    goto out;
  }
  if (gguf)
    gguf_header(s, f);
  else
    safetensors_header(s, f);
  for (size_t i = 0; i < s->n; i++) {
    if (!data(&s->spec[i], seed, f, chunk, err)) goto out;
    while (gguf && ftello(f) % ALIGN && !ferror(f)) fputc(0, f);
    if (ferror(f)) {
      kl_fail(err, KL_ERR_IO, "cannot write %s: %s", part, strerror(errno));
      goto out;
    }
  }
  int closed = fclose(f);
  f = NULL;
  ok = (!closed && !rename(part, path)) ||
       kl_fail(err, KL_ERR_IO, "cannot write %s: %s", path, strerror(errno));
out:
  if (f) fclose(f);
  if (!ok) remove(part);
  kl_free(&chunk);
  return ok;
}
