/* UMT5 text encoder (T5 with a relative bias table per layer). Source: MODELS of the design, the public
 * reference of Wan 2.1. Padding is never computed: the output has one row a token. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/formats/weights.h"
#include "engine/graph/backend.h"

typedef struct KlUmt5 KlUmt5;

bool kl_umt5_open(KlWeights *w, KlBackend *b, KlUmt5 **out, KlErr *err);
void kl_umt5_free(KlUmt5 **m);
int kl_umt5_dim(const KlUmt5 *m);
/* ids [n], n in 1..2048 -> out [n, dim] f32. Layer by layer: the mapped pages of a layer are dropped when it
 * is done, so that the resident set stays at about one layer (keep_weights: no dropping, for small models).
 */
bool kl_umt5_encode(KlUmt5 *m, const int32_t *ids, int n, bool keep_weights, float *out,
                    const KlCancel *cancel, KlErr *err);
