/* Names of the same tensors in other people's files, translated to the original checkpoints' spelling. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum {
  KL_LAYOUT_ORIGINAL,      /* Wan, UMT5 and TAEHV as published; also everything that we do not recognise */
  KL_LAYOUT_WAN_DIFFUSERS, /* WanTransformer3DModel, WanVACETransformer3DModel */
  KL_LAYOUT_VAE_DIFFUSERS, /* AutoencoderKLWan */
  KL_LAYOUT_T5_HF,         /* transformers' UMT5EncoderModel */
  KL_LAYOUT_T5_GGUF,       /* llama.cpp's converter, t5encoder */
} KlLayout;

/* What one name says about its file; KL_LAYOUT_ORIGINAL: nothing. The layout of a file is the first answer of
 * any of its names (a name alone may be ambiguous: norm2 of the diffusers layout is norm3 of the original).
 */
KlLayout kl_names_recognise(const char *name);

/* Writes the original spelling; prefixes (model.diffusion_model. and so on) are cut off. Names without a rule
 * stay as they are. False: does not fit into n bytes. */
bool kl_names_translate(KlLayout layout, const char *name, char *out, size_t n);
