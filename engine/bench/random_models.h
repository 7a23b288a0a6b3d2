/* The tensors of real networks, filled with random values: for measurements and tests, where only sizes
 * count.
 *
 * A network's function names each tensor of a checkpoint once, to a sink: a set in memory, or a safetensors
 * file without a name, which is mapped like a real checkpoint (and can leave the resident set like one). */
#pragma once

#include "engine/formats/weights.h"

typedef struct KlTensorSink {
  bool (*add)(struct KlTensorSink *s, const char *name, int ndim, const int64_t *shape, float mean, float std,
              KlErr *err);
} KlTensorSink;

/* Wan 2.1 VAE; dim 96 is the published one (127 M parameters with its encoder). */
bool kl_random_wan_vae(KlTensorSink *s, int dim, bool encoder, KlErr *err);
/* TAEHV; taew2_1 is {16, 1, 64, {256, 128, 64, 64}}. */
typedef struct {
  int latent_channels, patch, encoder_width, decoder_widths[4];
} KlTaehvSize;
bool kl_random_taehv(KlTensorSink *s, const KlTaehvSize *size, KlErr *err);

/* Wan transformer; the 1.3B is {1536, 8960, 12, 30, 4096}. */
typedef struct {
  int dim, ffn, heads, layers, text_dim;
} KlWanSize;
bool kl_random_wan(KlTensorSink *s, const KlWanSize *size, KlErr *err);
/* UMT5 encoder; XXL is {256384, 4096, 10240, 64, 24}. */
typedef struct {
  int vocab, dim, ffn, heads, layers;
} KlUmt5Size;
bool kl_random_umt5(KlTensorSink *s, const KlUmt5Size *size, KlErr *err);

/* Runs `fill` into a set in memory. dtype: F32, F16 or BF16. */
typedef bool (*KlFillFn)(KlTensorSink *s, const void *size, KlErr *err);
bool kl_random_memory(KlFillFn fill, const void *size, KlDtype dtype, KlWeights **out, KlErr *err);
/* The same as a mapped file in $TMPDIR or /var/tmp that vanishes with the set. */
bool kl_random_file(KlFillFn fill, const void *size, KlDtype dtype, KlWeights **out, KlErr *err);

/* The functions above with their arguments in one struct, as KlFillFn. */
typedef struct {
  int dim;
  bool encoder;
} KlWanVaeSize;
bool kl_fill_wan_vae(KlTensorSink *s, const void *size, KlErr *err); /* KlWanVaeSize */
bool kl_fill_taehv(KlTensorSink *s, const void *size, KlErr *err);   /* KlTaehvSize */
bool kl_fill_wan(KlTensorSink *s, const void *size, KlErr *err);     /* KlWanSize */
bool kl_fill_umt5(KlTensorSink *s, const void *size, KlErr *err);    /* KlUmt5Size */
