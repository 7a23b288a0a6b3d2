/* Streamed decoding: the whole frame at once, or in overlapping tiles that each remember their own past. */
#include "engine/base/mem.h"
#include "engine/models/vae_net.h"
#include "engine/models/vae_states.h"

#include <string.h>

enum {
  TILE_LEAST = 8, /* latents; smaller tiles would be all overlap */
  OVERLAP = 8,    /* latents shared by neighbours, at most a third of the tile */
};

/* A grid of equal tiles; neighbours share at least `overlap` latents. */
typedef struct {
  int ny, nx, h, w;
} Grid;

struct KlVaeDecoder {
  KlVae *vae;
  KlVaeNet net;
  KlVaeStates states;
  KlVaeDecodePlan plan;
  Grid grid;
  int height, width; /* latents */
  int64_t pushes;
  bool broken;
  float *cut;      /* a tile's part of the latent, [channels, h, w] */
  float *in, *out; /* the network's input and output */
  float *wy, *wx;  /* blending weights of each tile's rows [ny, h * stride] and columns [nx, w * stride] */
};

/* ---- geometry ---- */

static int overlap_of(int tile) {
  return tile / 3 < OVERLAP ? tile / 3 : OVERLAP;
}

/* The smallest tile length so that n of them cover `length` with the overlap; 0: n are more than it takes. */
static int tile_length(int length, int n) {
  if (n == 1) return length;
  for (int t = TILE_LEAST; t < length; t++)
    if (n * t - (n - 1) * overlap_of(t) >= length) return t;
  return 0;
}

static int tile_start(int length, int tile, int n, int i) {
  return n == 1 ? 0 : (length - tile) * i / (n - 1);
}

/* Linear ramps where neighbours overlap, normalised so that the weights of a row sum to 1. */
static void axis_weights(int length, int tile, int n, int stride, float *w) {
  int px = tile * stride;
  for (int i = 0; i < n; i++) {
    int at = tile_start(length, tile, n, i) * stride;
    int before = i > 0 ? tile_start(length, tile, n, i - 1) * stride + px - at : 0;
    int after = i + 1 < n ? at + px - tile_start(length, tile, n, i + 1) * stride : 0;
    for (int p = 0; p < px; p++) {
      float v = 1;
      if (p < before) v = ((float)p + .5f) / (float)before;
      if (px - 1 - p < after) v *= ((float)(px - 1 - p) + .5f) / (float)after;
      w[i * px + p] = v;
    }
  }
  for (int y = 0; y < length * stride; y++) {
    float sum = 0;
    for (int pass = 0; pass < 2; pass++)
      for (int i = 0; i < n; i++) {
        int p = y - tile_start(length, tile, n, i) * stride;
        if (p < 0 || p >= px) continue;
        if (pass == 0)
          sum += w[i * px + p];
        else
          w[i * px + p] /= sum;
      }
  }
}

/* ---- planning ---- */

static size_t host_bytes(const KlVae *v, const Grid *g) {
  size_t s = (size_t)v->info.stride_space, px = (size_t)g->h * (size_t)g->w;
  return (px * s * s * 3 * 4 + 2 * px * (size_t)v->info.latent_channels) * sizeof(float);
}

/* What the grid takes; the net is planned and freed. */
static bool measure(KlVae *v, const Grid *g, KlVaeDecodePlan *out, size_t *all_states, KlErr *err) {
  KlVaeNet net;
  if (!kl_vae_net_plan(&net, v, true, g->h, g->w, err)) return false;
  *out = (KlVaeDecodePlan){.tiles = g->ny * g->nx,
                           .tile_height = g->h,
                           .tile_width = g->w,
                           .workspace = kl_vae_net_workspace(&net),
                           .state = net.state_bytes,
                           .flops_first = net.plan[0].flops * g->ny * g->nx,
                           .flops_next = net.plan[1].flops * g->ny * g->nx};
  kl_vae_net_free(&net);
  out->bytes = out->workspace + host_bytes(v, g);
  *all_states = out->state;
  return kl_size_mul(*all_states, (size_t)out->tiles, all_states) ||
         kl_fail(err, KL_ERR_OOM, "the states are too many");
}

/* Tries grids from the coarsest, states in memory first; then with the states in a file. */
static bool choose(KlVae *v, int height, int width, size_t budget, Grid *grid, KlVaeDecodePlan *plan,
                   KlErr *err) {
  if (height < 1 || width < 1 || height > 4096 || width > 4096)
    return kl_fail(err, KL_ERR_INVALID, "%dx%d latents: out of range", width, height);
  size_t least = SIZE_MAX, all;
  for (int spill = 0; spill < 2; spill++) {
    Grid g = {1, 1, height, width};
    for (;;) {
      if (!measure(v, &g, plan, &all, err)) return false;
      if (!kl_size_add(plan->bytes, spill ? plan->state : all, &plan->bytes)) plan->bytes = SIZE_MAX;
      plan->spilled = spill;
      if (!budget || plan->bytes <= budget) {
        *grid = g;
        return true;
      }
      if (plan->bytes < least) least = plan->bytes;
      /* The longer side of the tile is cut further. */
      int taller = tile_length(height, g.ny + 1), wider = tile_length(width, g.nx + 1);
      if (taller >= g.h) taller = 0;
      if (wider >= g.w) wider = 0;
      if (taller && (g.h >= g.w || !wider))
        g.ny++, g.h = taller;
      else if (wider)
        g.nx++, g.w = wider;
      else
        break;
      /* More tiles never shrink all states together, so stop where those alone are too much. */
      if (!spill && all > budget) break;
    }
  }
  return kl_fail(err, KL_ERR_OOM, "decoding %dx%d latents takes at least %zu MB, %zu MB are allowed", width,
                 height, (least >> 20) + 1, budget >> 20);
}

bool kl_vae_decode_plan(KlVae *v, int height, int width, size_t memory_budget, KlVaeDecodePlan *out,
                        KlErr *err) {
  Grid g;
  return choose(v, height, width, memory_budget, &g, out, err);
}

bool kl_vae_decode_memory(KlVae *v, int height, int width, size_t *bytes, KlErr *err) {
  KlVaeDecodePlan p;
  if (!kl_vae_decode_plan(v, height, width, 0, &p, err)) return false;
  *bytes = p.bytes;
  return true;
}

/* ---- the decoder ---- */

bool kl_vae_decoder_new(KlVae *v, int height, int width, size_t memory_budget, KlVaeDecoder **out,
                        KlErr *err) {
  *out = NULL;
  KlVaeDecoder *d = kl_calloc(1, sizeof *d);
  if (!d) return kl_fail(err, KL_ERR_OOM, "no memory for the autoencoder");
  *d = (KlVaeDecoder){.vae = v, .height = height, .width = width, .states.fd = -1};
  Grid *g = &d->grid;
  if (!choose(v, height, width, memory_budget, g, &d->plan, err)) goto fail;
  if (!kl_vae_net_plan(&d->net, v, true, g->h, g->w, err)) goto fail;
  int s = v->info.stride_space;
  size_t latent = (size_t)kl_nelem(d->net.in[1]);
  d->cut = kl_alloc(latent, sizeof *d->cut);
  d->in = kl_alloc(latent, sizeof *d->in);
  d->out = kl_alloc((size_t)kl_nelem(d->net.out[1]), sizeof *d->out);
  d->wy = kl_alloc((size_t)g->ny * (size_t)(g->h * s), sizeof *d->wy);
  d->wx = kl_alloc((size_t)g->nx * (size_t)(g->w * s), sizeof *d->wx);
  if (!d->cut || !d->in || !d->out || !d->wy || !d->wx) {
    kl_fail(err, KL_ERR_OOM, "no memory for the autoencoder");
    goto fail;
  }
  axis_weights(height, g->h, g->ny, s, d->wy);
  axis_weights(width, g->w, g->nx, s, d->wx);
  *out = d;
  return true;
fail:
  kl_vae_decoder_free(&d);
  return false;
}

void kl_vae_decoder_free(KlVaeDecoder **d) {
  if (!*d) return;
  KlVaeDecoder *x = *d;
  x->net.state = (KlBuffer){0}; /* a handle to one of the states */
  kl_vae_net_free(&x->net);
  kl_vae_states_free(&x->states);
  kl_free(&x->cut);
  kl_free(&x->in);
  kl_free(&x->out);
  kl_free(&x->wy);
  kl_free(&x->wx);
  kl_free(d);
}

const KlVaeDecodePlan *kl_vae_decoder_plan(const KlVaeDecoder *d) {
  return &d->plan;
}

/* Weights first, then states: the stored weights are gone from memory when the states come. */
static bool make_ready(KlVaeDecoder *d, const KlCancel *cancel, KlErr *err) {
  if (d->states.held) return true;
  return kl_vae_net_prepare(&d->net, cancel, err) &&
         kl_vae_states_new(&d->states, d->vae->backend, d->plan.tiles, d->net.state_bytes, d->plan.spilled,
                           err);
}

/* Adds the tile's frames [n, h * s, w * s, 3], weighted, to their place. */
static void blend(const KlVaeDecoder *d, int ty, int tx, int n, float *frames) {
  const Grid *g = &d->grid;
  size_t s = (size_t)d->vae->info.stride_space, th = (size_t)g->h * s, tw = (size_t)g->w * s;
  size_t fh = (size_t)d->height * s, fw = (size_t)d->width * s;
  size_t y0 = (size_t)tile_start(d->height, g->h, g->ny, ty) * s,
         x0 = (size_t)tile_start(d->width, g->w, g->nx, tx) * s;
  for (size_t f = 0; f < (size_t)n; f++)
    for (size_t y = 0; y < th; y++) {
      const float *from = d->out + (f * th + y) * tw * 3, *wx = d->wx + (size_t)tx * tw;
      float *to = frames + ((f * fh + y0 + y) * fw + x0) * 3, wy = d->wy[(size_t)ty * th + y];
      for (size_t x = 0; x < tw; x++)
        for (size_t c = 0; c < 3; c++) to[3 * x + c] += wy * wx[x] * from[3 * x + c];
    }
}

/* One tile through graph `which`, on the state that the net has been given. */
static bool run_tile(KlVaeDecoder *d, int ty, int tx, int which, const float *latent, float *frames,
                     const KlCancel *cancel, KlErr *err) {
  const Grid *g = &d->grid;
  KlVaeNet *net = &d->net;
  size_t h = (size_t)g->h, w = (size_t)g->w, whole = (size_t)d->height * (size_t)d->width;
  size_t y0 = (size_t)tile_start(d->height, g->h, g->ny, ty),
         x0 = (size_t)tile_start(d->width, g->w, g->nx, tx);
  for (size_t c = 0; c < (size_t)d->vae->info.latent_channels; c++)
    for (size_t y = 0; y < h; y++)
      memcpy(d->cut + (c * h + y) * w, latent + c * whole + (y0 + y) * (size_t)d->width + x0,
             w * sizeof *latent);
  kl_vae_latent_in(d->vae, d->cut, h * w, d->in);
  bool one = d->plan.tiles == 1;
  if (!kl_vae_net_run(net, which, d->in, one ? frames : d->out, cancel, err)) return false;
  if (!one) blend(d, ty, tx, (int)net->out[which]->shape[0], frames);
  return true;
}

static bool decode_tile(KlVaeDecoder *d, int ty, int tx, const float *latent, float *frames,
                        const KlCancel *cancel, KlErr *err) {
  int tile = ty * d->grid.nx + tx;
  return kl_vae_states_get(&d->states, tile, &d->net.state, cancel, err) &&
         run_tile(d, ty, tx, d->pushes > 0, latent, frames, cancel, err) &&
         kl_vae_states_put(&d->states, tile, cancel, err);
}

static size_t frame_bytes(const KlVaeDecoder *d) {
  size_t s = (size_t)d->vae->info.stride_space;
  return (size_t)d->height * (size_t)d->width * s * s * 3 * sizeof(float);
}

bool kl_vae_decoder_push(KlVaeDecoder *d, const float *latent, float *frames, int *n, const KlCancel *cancel,
                         KlErr *err) {
  if (d->broken) return kl_fail(err, KL_ERR_INVALID, "the decoder failed before; its state must be loaded");
  if (!make_ready(d, cancel, err)) return false;
  *n = (int)d->net.out[d->pushes > 0]->shape[0];
  d->broken = true;
  if (d->plan.tiles > 1) memset(frames, 0, (size_t)*n * frame_bytes(d));
  for (int ty = 0; ty < d->grid.ny; ty++)
    for (int tx = 0; tx < d->grid.nx; tx++)
      if (!decode_tile(d, ty, tx, latent, frames, cancel, err)) return false;
  d->pushes++;
  d->broken = false;
  return true;
}

bool kl_vae_decoder_still(KlVaeDecoder *d, const float *latent, float *frame, const KlCancel *cancel,
                          KlErr *err) {
  if (!make_ready(d, cancel, err)) return false;
  memset(frame, 0, frame_bytes(d));
  for (int i = 0; i < d->plan.tiles; i++) {
    KlBuffer blank = {0};
    if (!kl_buffer_new(d->vae->backend, d->net.state_bytes, &blank, err)) return false;
    d->net.state = blank;
    bool ok = run_tile(d, i / d->grid.nx, i % d->grid.nx, 0, latent, frame, cancel, err);
    d->net.state = (KlBuffer){0};
    kl_buffer_free(&blank);
    if (!ok) return false;
  }
  return true;
}

/* ---- saving ---- */

typedef struct {
  char magic[8];
  int32_t height, width, tiles, dtype;
  int64_t pushes;
  uint64_t tile_bytes;
} Saved;

static Saved header_of(const KlVaeDecoder *d) {
  Saved s = {.magic = "KLVAE\1",
             .height = d->height,
             .width = d->width,
             .tiles = d->plan.tiles,
             .dtype = (int32_t)d->vae->backend->compute,
             .pushes = d->pushes,
             .tile_bytes = d->net.state_bytes};
  return s;
}

size_t kl_vae_decoder_state_bytes(const KlVaeDecoder *d) {
  return sizeof(Saved) + (size_t)d->plan.tiles * d->net.state_bytes;
}

bool kl_vae_decoder_save(const KlVaeDecoder *d, void *bytes, KlErr *err) {
  if (d->broken) return kl_fail(err, KL_ERR_INVALID, "the decoder failed before; there is no state to save");
  Saved s = header_of(d);
  memcpy(bytes, &s, sizeof s);
  char *to = (char *)bytes + sizeof s;
  if (!d->states.held) { /* nothing was pushed yet */
    memset(to, 0, (size_t)d->plan.tiles * d->net.state_bytes);
    return true;
  }
  for (int i = 0; i < d->plan.tiles; i++)
    if (!kl_vae_states_read(&d->states, i, to + (size_t)i * d->net.state_bytes, err)) return false;
  return true;
}

bool kl_vae_decoder_load(KlVaeDecoder *d, const void *bytes, size_t n, KlErr *err) {
  Saved s, want = header_of(d);
  if (n != kl_vae_decoder_state_bytes(d))
    return kl_fail(err, KL_ERR_FORMAT, "not a state of this decoder: its size differs");
  memcpy(&s, bytes, sizeof s);
  want.pushes = s.pushes;
  if (s.pushes < 0 || memcmp(&s, &want, sizeof s))
    return kl_fail(err, KL_ERR_FORMAT, "not a state of this decoder");
  if (!make_ready(d, NULL, err)) return false;
  d->broken = true;
  for (int i = 0; i < d->plan.tiles; i++)
    if (!kl_vae_states_write(&d->states, i, (const char *)bytes + sizeof s + (size_t)i * s.tile_bytes, err))
      return false;
  d->pushes = s.pushes;
  d->broken = false;
  return true;
}
