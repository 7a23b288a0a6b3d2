/* Inside of the Wan transformer, shared by its files:
 *
 *   wan_config.c   sizes and tensors of a checkpoint
 *   wan_dit.c      the network as a graph, reads like the paper
 *   wan_rope.c     tables made on the host
 *   wan_run.c      graphs kept for reuse, host side of a pass
 *   wan_text.c     keys and values of a prompt
 *   wan_stream.c   rolling key/value cache, chunk by chunk
 *
 * Rows of every activation are [branch, frame, height, width]: both branches of guidance go through one
 * matrix product; only attention takes them apart. The residual stream is f32, the operands of matrix
 * products are in the backend's compute type. */
#pragma once

#include "engine/graph/exec.h"
#include "engine/models/wan_dit.h"

enum {
  KL_WAN_BRANCHES = 2, /* prompted and unprompted */
  KL_WAN_PARTS = 4,    /* segments of keys: sink, ring, ring after its seam, current */
  KL_WAN_GRAPHS = 8,   /* graphs kept */
  KL_WAN_MOST_LAYERS = 256,
};

/* A linear layer or an affine norm. */
typedef struct {
  const KlTensor *w, *b;
} KlWanAffine;

typedef struct {
  KlWanAffine q, k, v, o;
  const KlTensor *norm_q, *norm_k;
} KlWanAttention;

typedef struct {
  KlWanAttention self, cross;
  KlWanAffine norm3, ffn_up, ffn_down;
  KlWanAffine before, after; /* VACE: before_proj of the first block, after_proj of every block */
} KlWanBlock;

typedef struct KlWanGraph KlWanGraph;

struct KlWan {
  KlWanConfig c;
  KlWeights *w;
  KlBackend *b;
  KlWanAffine patch, vace_patch, text[2], time[2], time_projection, head;
  KlWanBlock *blocks; /* [layers + vace_layers]: the main ones, then VACE's */
  int vace_layers;
  int vace_at[KL_WAN_MOST_LAYERS]; /* main layer of a VACE block */
  int vace_channels;
  KlBuffer modulation; /* f32 [layers + vace_layers, 6, dim], then the head's [2, dim] */
  KlWanGraph *graphs[KL_WAN_GRAPHS];
  uint64_t clock, serial; /* of use; of texts and streams */
};

struct KlWanText {
  KlWan *m;
  uint64_t serial;
  int parts;    /* 1; a layout: the whole prompt and its regions */
  int n, pads;  /* rows of each part; zero rows up to text_len, kept as one row a part after all parts' rows,
                   if there are any */
  KlBuffer *kv; /* a block: [k, v][parts * (n + (pads > 0)), dim] in the compute type */
};

/* Where a self-attention's keys come from beside the current frames. Frames count from the start of the
 * cache: the sink's slots first, then the ring's. */
typedef struct {
  int sink, ring_at, ring;    /* frames of the sink; slot of the oldest ring frame; frames in the ring */
  int sink_slots, ring_slots; /* slots of the cache */
  int branches;
  KlBuffer *kv; /* a block: [branch][k, v][slots, tokens, dim] */
} KlWanCache;

/* Everything that shapes a graph. Compared as bytes: zero it before filling. */
typedef struct {
  int branches, frames, h, w;        /* latent sizes */
  int groups;                        /* timesteps: 1, or one a frame (and branch) */
  int vace;                          /* VACE context is given */
  int apart;                         /* regions do not see each other */
  int layout, layout_rows;           /* parts of a layout's text and rows of each; 1: no layout */
  int commit;                        /* no velocity: the keys and values go to the cache */
  int commit_slot[KL_WAN_PARTS * 4]; /* slot of each frame, -1: not kept */
  uint64_t text[KL_WAN_BRANCHES], stream;
  int sink, ring_at, ring;
} KlWanKey;

enum { KL_WAN_MOST_CHUNK = KL_WAN_PARTS * 4 }; /* frames a streamed chunk may have */

struct KlWanGraph {
  KlWanKey key;
  KlGraph g;
  KlExec *exec;
  uint64_t used;
  KlTensor *patches;    /* [frames * tokens, in_dim * patch] f32 */
  KlTensor *vace;       /* [frames * tokens, vace_channels * patch] f32, or NULL */
  KlTensor *vace_scale; /* [vace_layers, dim] f32 */
  KlTensor *time;       /* [groups, freq_dim] f32 */
  KlTensor *regions;    /* [frames * tokens] i32: part of the layout of each row, or NULL */
  KlTensor *parts;      /* [parts, n + 1] i32: part of each key of a layout's text, or NULL */
  KlTensor *allow;      /* [parts, parts] i32: the identity, or NULL */
  KlTensor *places;     /* [keys] i32: region of each key of the self-attention, or NULL */
  KlTensor *rope;     /* [keys, head_dim / 2, 2] f32, in the order of the segments; the current frames last */
  KlTensor *velocity; /* [branches * frames * tokens, patch * out_dim] f32, NULL when committing */
};

/* ---- wan_config.c ---- */
bool kl_wan_load(KlWan *m, KlErr *err);

/* ---- wan_dit.c ---- */
/* Builds the pass of the key into g->g. texts [branches]; cache NULL: the clip stands alone. */
bool kl_wan_build(KlWan *m, KlWanGraph *g, const KlWanText *const *texts, const KlWanCache *cache,
                  KlErr *err);
/* Rows of a text's keys and values. */
static inline int64_t kl_wan_text_rows(const KlWanText *t) {
  return (int64_t)t->parts * (t->n + (t->pads > 0));
}
/* RMS norm of a projection, as queries and keys have. */
KlTensor *kl_wan_project(KlGraph *g, const KlWan *m, KlTensor *x, KlWanAffine p, const KlTensor *norm);

/* ---- wan_rope.c ---- */
/* cos and sin of each pair for frames [n] of gh x gw tokens: out [n * gh * gw, head_dim / 2, 2]. */
bool kl_wan_rope(int head_dim, const int *frames, int n, int gh, int gw, float *out, KlErr *err);
/* cat(cos, sin)(t * 10000^(-2i/dim)): out [dim]. */
void kl_wan_sinusoid(double t, int dim, float *out);

/* ---- wan_run.c ---- */
/* A graph for the key, packed and planned; kept by the model. */
bool kl_wan_graph(KlWan *m, const KlWanKey *key, const KlWanText *const *texts, const KlWanCache *cache,
                  KlWanGraph **out, const KlCancel *cancel, KlErr *err);
/* Packs what the graph's nodes want, one by one, and lets the mapped file go as it proceeds. */
bool kl_wan_pack(KlWan *m, KlGraph *g, const KlCancel *cancel, KlErr *err);
/* Fills in the texts [key->branches]. KL_ERR_INVALID: two different layouts. */
bool kl_wan_key_texts(KlWanKey *key, KlWanText *const *texts, const KlWanCondition *cond, KlErr *err);
/* Drops kept graphs that mention the serial of a text or a stream. */
void kl_wan_forget(KlWan *m, uint64_t serial);
/* Fills the inputs, runs, takes the velocity apart. first: frame 0 of x is the video's frame 0 (a given first
 * frame is put there). positions [key frames]: RoPE frames, current ones last. out NULL when committing. */
typedef struct {
  const float *x, *timesteps; /* [frames, out_dim, h, w]; [frames] or [1] */
  bool one_timestep, first;
  const KlWanCondition *cond;
  const int *positions;
  int key_frames;
} KlWanPass;
bool kl_wan_pass(KlWan *m, KlWanGraph *g, const KlWanPass *p, float *const *out, const KlCancel *cancel,
                 KlErr *err);
/* Sizes that a pass accepts: KL_ERR_INVALID says what is wrong. */
bool kl_wan_check_size(const KlWan *m, int branches, int frames, int h, int w, KlErr *err);

static inline int kl_wan_tokens(const KlWan *m, int h, int w) {
  return h / m->c.patch_h * (w / m->c.patch_w);
}
static inline size_t kl_wan_esize(const KlWan *m) {
  return m->b->compute == KL_BF16 ? 2 : 4;
}
