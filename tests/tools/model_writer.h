/* Writes models of random weights to disk, of any size in little memory. For tests and benchmarks only. */
#pragma once

#include "engine/base/err.h"
#include "engine/graph/tensor.h"

typedef struct {
  char name[96];
  KlDtype type;
  int ndim;
  int64_t shape[KL_MAX_DIMS];
  float mean, std;
} KlSpec;

/* The tensors of a model to be. Zero-initialise; kl_specs_free. */
typedef struct {
  KlSpec *spec;
  size_t n, cap;
  KlDtype type; /* of the matrices: F16, BF16 or Q8_0 (rows that do not divide into blocks: F16) */
  bool failed;  /* out of memory on the way */
} KlSpecs;

/* printf-like names. Matrices and kernels are N(0, 1/fan_in) of the set's type, the others F32. */
void kl_spec_matrix(KlSpecs *s, int ndim, const int64_t *shape, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void kl_spec_vector(KlSpecs *s, int ndim, const int64_t *shape, float mean, float std, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void kl_specs_free(KlSpecs *s);

/* The networks, full size or --scale tiny; layers 0: the size's own. */
typedef struct {
  bool tiny;
  int layers;
} KlScale;
void kl_specs_wan(KlSpecs *s, KlScale scale);  /* Wan2.1-T2V-1.3B transformer */
void kl_specs_umt5(KlSpecs *s, KlScale scale); /* UMT5-XXL encoder */
void kl_specs_vae(KlSpecs *s, KlScale scale);  /* Wan 2.1 VAE */
void kl_specs_taew(KlSpecs *s, KlScale scale); /* taew2_1 */

/* One file: GGUF where the set's type is a block type and `path` ends in .gguf, else safetensors. It appears
 * under its name only when it is whole. */
bool kl_specs_write(const KlSpecs *s, const char *path, uint64_t seed, KlErr *err);
