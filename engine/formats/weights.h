/* The tensors of a model, wherever they are stored: one safetensors or GGUF file, or shards of one. Files are
 * mapped, never read whole; every tensor is a view. Names are the original checkpoints' (Wan, UMT5, TAEHV):
 * prefixes and the diffusers / Hugging Face layouts are translated on opening, so models ask for one spelling
 * only. */
#pragma once

#include "engine/base/err.h"
#include "engine/graph/tensor.h"

typedef struct KlWeights KlWeights;

/* paths: n files (read by their magic, not by name). Every offset, shape, size and overlap is checked before
 * anything is believed; non-finite values are found by kl_weights_check. The files stay mapped until
 * kl_weights_free. KL_ERR_IO, KL_ERR_FORMAT (names the file), KL_ERR_UNSUPPORTED (a type we do not know),
 * KL_ERR_OOM. */
bool kl_weights_open(const char *const *paths, int n, KlWeights **out, KlErr *err);
/* An empty set to which kl_weights_add_random adds tensors made in memory (benchmarks, tests). */
bool kl_weights_new(KlWeights **out, KlErr *err);
void kl_weights_free(KlWeights **w); /* also frees what backends packed */

/* The tensors in the order of the files; i < kl_weights_count, else NULL. Names and tensors belong to w. */
size_t kl_weights_count(const KlWeights *w);
const char *kl_weights_name(const KlWeights *w, size_t i);
KlTensor *kl_weights_at(const KlWeights *w, size_t i);
/* NULL: absent. The tensor belongs to w. */
KlTensor *kl_weights_find(const KlWeights *w, const char *name);
KlTensor *kl_weights_findf(const KlWeights *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Finds and checks: shape has ndim entries, -1 accepts any size. KL_ERR_FORMAT "tensor X is missing" or "has
 * shape". */
KlTensor *kl_weights_need(const KlWeights *w, const char *name, int ndim, const int64_t *shape, KlErr *err);
/* A metadata string (safetensors __metadata__, GGUF key-value as text), NULL if absent. */
const char *kl_weights_meta(const KlWeights *w, const char *key);
/* An integer of the JSON object in metadata "config" (3.0 and true count as integers); dflt if absent. */
int64_t kl_weights_config_int(const KlWeights *w, const char *key, int64_t dflt);
double kl_weights_config_num(const KlWeights *w, const char *key, double dflt);
/* Copies a string of "config"; false if absent. */
bool kl_weights_config_str(const KlWeights *w, const char *key, char *out, size_t n);

/* Stored bytes of all tensors. */
size_t kl_weights_bytes(const KlWeights *w);
/* Tells the system that the mapped pages of t (or of all, t = NULL) are not needed now: they leave the
 * resident set and come back from the file when touched. Frees nothing that backends packed. */
void kl_weights_drop(KlWeights *w, const KlTensor *t);
/* Frees what backends packed for these weights. */
void kl_weights_unpack(KlWeights *w);
/* First tensor with a NaN or infinity (of block types: in a block's scales) makes KL_ERR_FORMAT; reads
 * everything once and drops it again, about 2 GB/s. */
bool kl_weights_check(KlWeights *w, KlErr *err);

/* Adds a tensor of random values N(0, std^2) + mean (mean 1 for norms), reproducible from its name and seed.
 * Types F32, F16, BF16, Q8_0. For kl_weights_new sets. */
bool kl_weights_add_random(KlWeights *w, const char *name, KlDtype dtype, int ndim, const int64_t *shape,
                           float mean, float std, uint64_t seed, KlErr *err);
