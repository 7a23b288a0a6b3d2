#include "engine/formats/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `from` is matched at the beginning of what remains, '#' takes a number. `to` replaces it, '#' gives the
 * number back; the rest goes through the table `then` (NULL: stays). A rule that ends without '.' must match
 * the whole. */
typedef struct Rule {
  const char *from, *to;
  const struct Rule *then;
} Rule;

static const Rule wan_attention[] = {
    {"to_q.", "q.", NULL},
    {"to_k.", "k.", NULL},
    {"to_v.", "v.", NULL},
    {"to_out.0.", "o.", NULL},
    {"add_k_proj.", "k_img.", NULL},
    {"add_v_proj.", "v_img.", NULL},
    {"norm_added_k.", "norm_k_img.", NULL},
    {0},
};

static const Rule wan_block[] = {
    {"attn1.", "self_attn.", wan_attention},
    {"attn2.", "cross_attn.", wan_attention},
    {"norm2.", "norm3.", NULL}, /* there norm2 is the affine one, applied second */
    {"norm3.", "norm2.", NULL},
    {"ffn.net.0.proj.", "ffn.0.", NULL},
    {"ffn.net.2.", "ffn.2.", NULL},
    {"scale_shift_table", "modulation", NULL},
    {"proj_in.", "before_proj.", NULL}, /* VACE blocks */
    {"proj_out.", "after_proj.", NULL},
    {0},
};

static const Rule wan_diffusers[] = {
    {"blocks.#.", "blocks.#.", wan_block},
    {"vace_blocks.#.", "vace_blocks.#.", wan_block},
    {"condition_embedder.time_embedder.linear_1.", "time_embedding.0.", NULL},
    {"condition_embedder.time_embedder.linear_2.", "time_embedding.2.", NULL},
    {"condition_embedder.text_embedder.linear_1.", "text_embedding.0.", NULL},
    {"condition_embedder.text_embedder.linear_2.", "text_embedding.2.", NULL},
    {"condition_embedder.time_proj.", "time_projection.1.", NULL},
    {"condition_embedder.image_embedder.norm1.", "img_emb.proj.0.", NULL},
    {"condition_embedder.image_embedder.ff.net.0.proj.", "img_emb.proj.1.", NULL},
    {"condition_embedder.image_embedder.ff.net.2.", "img_emb.proj.3.", NULL},
    {"condition_embedder.image_embedder.norm2.", "img_emb.proj.4.", NULL},
    {"condition_embedder.image_embedder.pos_embed", "img_emb.emb_pos", NULL},
    {"scale_shift_table", "head.modulation", NULL},
    {"proj_out.", "head.head.", NULL},
    {0},
};

static const Rule vae_resnet[] = {
    {"norm1.", "residual.0.", NULL}, {"conv1.", "residual.2.", NULL},       {"norm2.", "residual.3.", NULL},
    {"conv2.", "residual.6.", NULL}, {"conv_shortcut.", "shortcut.", NULL}, {0},
};

static const Rule vae_coder[] = {
    {"conv_in.", "conv1.", NULL},
    {"norm_out.", "head.0.", NULL},
    {"conv_out.", "head.2.", NULL},
    {"mid_block.resnets.0.", "middle.0.", vae_resnet},
    {"mid_block.attentions.0.", "middle.1.", NULL},
    {"mid_block.resnets.1.", "middle.2.", vae_resnet},
    {"down_blocks.#.", "downsamples.#.", vae_resnet},
    /* a stage of the decoder is three residual blocks and an upsampler; the original numbers them through */
    {"up_blocks.0.resnets.0.", "upsamples.0.", vae_resnet},
    {"up_blocks.0.resnets.1.", "upsamples.1.", vae_resnet},
    {"up_blocks.0.resnets.2.", "upsamples.2.", vae_resnet},
    {"up_blocks.0.upsamplers.0.", "upsamples.3.", NULL},
    {"up_blocks.1.resnets.0.", "upsamples.4.", vae_resnet},
    {"up_blocks.1.resnets.1.", "upsamples.5.", vae_resnet},
    {"up_blocks.1.resnets.2.", "upsamples.6.", vae_resnet},
    {"up_blocks.1.upsamplers.0.", "upsamples.7.", NULL},
    {"up_blocks.2.resnets.0.", "upsamples.8.", vae_resnet},
    {"up_blocks.2.resnets.1.", "upsamples.9.", vae_resnet},
    {"up_blocks.2.resnets.2.", "upsamples.10.", vae_resnet},
    {"up_blocks.2.upsamplers.0.", "upsamples.11.", NULL},
    {"up_blocks.3.resnets.0.", "upsamples.12.", vae_resnet},
    {"up_blocks.3.resnets.1.", "upsamples.13.", vae_resnet},
    {"up_blocks.3.resnets.2.", "upsamples.14.", vae_resnet},
    {0},
};

static const Rule vae_diffusers[] = {
    {"encoder.", "encoder.", vae_coder},
    {"decoder.", "decoder.", vae_coder},
    {"quant_conv.", "conv1.", NULL},
    {"post_quant_conv.", "conv2.", NULL},
    {0},
};

static const Rule t5_hf_block[] = {
    {"layer.0.SelfAttention.relative_attention_bias.", "pos_embedding.embedding.", NULL},
    {"layer.0.SelfAttention.", "attn.", NULL}, /* q k v o */
    {"layer.0.layer_norm.", "norm1.", NULL},
    {"layer.1.DenseReluDense.wi_0.", "ffn.gate.0.", NULL},
    {"layer.1.DenseReluDense.wi_1.", "ffn.fc1.", NULL},
    {"layer.1.DenseReluDense.wo.", "ffn.fc2.", NULL},
    {"layer.1.layer_norm.", "norm2.", NULL},
    {0},
};

static const Rule t5_hf[] = {
    {"shared.", "token_embedding.", NULL},
    {"encoder.embed_tokens.", "token_embedding.", NULL},
    {"encoder.block.#.", "blocks.#.", t5_hf_block},
    {"encoder.final_layer_norm.", "norm.", NULL},
    {0},
};

static const Rule t5_gguf_block[] = {
    {"attn_q.", "attn.q.", NULL},
    {"attn_k.", "attn.k.", NULL},
    {"attn_v.", "attn.v.", NULL},
    {"attn_o.", "attn.o.", NULL},
    {"attn_norm.", "norm1.", NULL},
    {"attn_rel_b.", "pos_embedding.embedding.", NULL},
    {"ffn_norm.", "norm2.", NULL},
    {"ffn_gate.", "ffn.gate.0.", NULL},
    {"ffn_up.", "ffn.fc1.", NULL},
    {"ffn_down.", "ffn.fc2.", NULL},
    {0},
};

static const Rule t5_gguf[] = {
    {"token_embd.", "token_embedding.", NULL},
    {"enc.blk.#.", "blocks.#.", t5_gguf_block},
    {"enc.output_norm.", "norm.", NULL},
    {0},
};

static const Rule none[] = {{0}};

static const Rule *const tables[] = {
    [KL_LAYOUT_ORIGINAL] = none,
    [KL_LAYOUT_WAN_DIFFUSERS] = wan_diffusers,
    [KL_LAYOUT_VAE_DIFFUSERS] = vae_diffusers,
    [KL_LAYOUT_T5_HF] = t5_hf,
    [KL_LAYOUT_T5_GGUF] = t5_gguf,
};

static bool begins(const char *s, const char *with) {
  return !strncmp(s, with, strlen(with));
}

/* The name without the prefixes that trainers and user interfaces put in front. */
static const char *bare(const char *name) {
  static const char *const prefixes[] = {"model.diffusion_model.", "diffusion_model.", "model."};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (begins(name, prefixes[i]) && name[strlen(prefixes[i])]) return name + strlen(prefixes[i]);
  return name;
}

KlLayout kl_names_recognise(const char *name) {
  name = bare(name);
  if (begins(name, "condition_embedder.") || (begins(name, "blocks.") && strstr(name, ".attn1.to_")) ||
      (begins(name, "vace_blocks.") && strstr(name, ".attn1.to_")))
    return KL_LAYOUT_WAN_DIFFUSERS;
  if (begins(name, "encoder.mid_block.") || begins(name, "decoder.mid_block.") ||
      begins(name, "decoder.up_blocks.") || begins(name, "encoder.down_blocks."))
    return KL_LAYOUT_VAE_DIFFUSERS;
  if (begins(name, "encoder.block.") && strstr(name, ".layer.")) return KL_LAYOUT_T5_HF;
  if (begins(name, "enc.blk.")) return KL_LAYOUT_T5_GGUF;
  return KL_LAYOUT_ORIGINAL;
}

/* Bytes of s that the pattern takes; 0: no match. The number's digits are noted. */
static size_t match(const char *pattern, const char *s, const char **digits, int *ndigits) {
  const char *begin = s;
  for (; *pattern; pattern++) {
    if (*pattern == '#') {
      *digits = s;
      while (isdigit((unsigned char)*s)) s++;
      *ndigits = (int)(s - *digits);
      if (!*ndigits || *ndigits > 9) return 0;
    } else if (*pattern == *s) {
      s++;
    } else {
      return 0;
    }
  }
  if (pattern[-1] != '.' && *s) return 0;
  return (size_t)(s - begin);
}

bool kl_names_translate(KlLayout layout, const char *name, char *out, size_t n) {
  size_t at = 0;
  name = bare(name);
  for (const Rule *rule = tables[layout]; rule && rule->from;) {
    const char *digits = NULL;
    int ndigits = 0;
    size_t used = match(rule->from, name, &digits, &ndigits);
    if (!used) {
      rule++;
      continue;
    }
    for (const char *p = rule->to; *p; p++) {
      int wrote = *p == '#' ? snprintf(out + at, n - at, "%.*s", ndigits, digits)
                            : snprintf(out + at, n - at, "%c", *p);
      if (wrote < 0 || (size_t)wrote >= n - at) return false;
      at += (size_t)wrote;
    }
    name += used;
    rule = rule->then;
  }
  int wrote = snprintf(out + at, n - at, "%s", name);
  return wrote >= 0 && (size_t)wrote < n - at;
}
