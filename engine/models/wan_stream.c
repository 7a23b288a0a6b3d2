/* Chunk by chunk ("Self Forcing", Huang et al. 2025; "LongLive", Yang et al. 2025). The cache holds the first
 * sink_frames for good and the frames last seen in a ring; keys are kept before RoPE, so that positions can
 * be those of the window. Nothing is ever moved. */
#include "engine/base/mem.h"
#include "engine/models/wan_internal.h"

#include <string.h>

struct KlWanStream {
  KlWan *m;
  uint64_t serial;
  int branches, h, w;
  int sink_slots, ring_slots;
  bool relative;
  int position; /* latent frames committed */
  int ring;     /* of which the ring holds the last */
  bool broken;  /* a commit failed half way: the cache belongs to no moment */
  size_t block_bytes;
  KlBuffer *kv; /* a block: [branch][k, v][slots, tokens, dim] */
};

static int blocks(const KlWan *m) {
  return m->c.layers + m->vace_layers;
}

static int sink_frames(const KlWanStream *s) {
  return s->position < s->sink_slots ? s->position : s->sink_slots;
}

bool kl_wan_stream_new(KlWan *m, int branches, int h, int w, int window, int sink, bool relative,
                       KlWanStream **out, KlErr *err) {
  *out = NULL;
  if (window == 0) window = m->c.window_frames;
  if (sink == 0) sink = m->c.sink_frames;
  if (sink == -1) sink = 0;
  int ring = window - sink - m->c.chunk_frames;
  if (!kl_wan_check_size(m, branches, m->c.chunk_frames, h, w, err)) return false;
  if (sink < 0 || ring < 0 || window > 4096)
    return kl_fail(err, KL_ERR_INVALID, "a window of %d frames does not hold a sink of %d and a chunk of %d",
                   window, sink, m->c.chunk_frames);
  KlWanStream *s = kl_calloc(1, sizeof *s);
  if (!s || !(s->kv = kl_calloc((size_t)blocks(m), sizeof *s->kv))) {
    kl_free(&s);
    return kl_fail(err, KL_ERR_OOM, "no memory for the cache");
  }
  s->m = m;
  s->serial = ++m->serial;
  s->branches = branches;
  s->h = h;
  s->w = w;
  s->sink_slots = sink;
  s->ring_slots = ring;
  s->relative = relative;
  size_t frame = (size_t)kl_wan_tokens(m, h, w) * (size_t)m->c.dim * kl_wan_esize(m);
  if (!kl_size_mul(frame, (size_t)(sink + ring) * 2 * (size_t)branches, &s->block_bytes)) {
    kl_fail(err, KL_ERR_OOM, "no memory for the cache");
    goto fail;
  }
  for (int i = 0; i < blocks(m); i++)
    if (!kl_buffer_new(m->b, s->block_bytes, &s->kv[i], err)) goto fail;
  *out = s;
  return true;
fail:
  kl_wan_stream_free(&s);
  return false;
}

void kl_wan_stream_free(KlWanStream **s) {
  if (!*s) return;
  kl_wan_forget((*s)->m, (*s)->serial);
  for (int i = 0; i < blocks((*s)->m); i++) kl_buffer_free(&(*s)->kv[i]);
  kl_free(&(*s)->kv);
  kl_free(s);
}

int kl_wan_stream_frames(const KlWanStream *s) {
  return s->position;
}
size_t kl_wan_stream_bytes(const KlWanStream *s) {
  return s->block_bytes * (size_t)blocks(s->m);
}
int kl_wan_stream_cached(const KlWanStream *s) {
  return sink_frames(s) + s->ring;
}

/* Where a frame of the chunk that ends at `end` is kept: -1, nowhere. */
static int slot_of(const KlWanStream *s, int frame, int end) {
  if (frame < s->sink_slots) return frame;
  if (frame < end - s->ring_slots) return -1;
  return s->sink_slots + (frame - s->sink_slots) % s->ring_slots;
}

static bool pass(KlWanStream *s, KlWanText *const *texts, const float *x, int frames, float timestep,
                 bool commit, const KlWanCondition *cond, float *const *out, const KlCancel *cancel,
                 KlErr *err) {
  KlWan *m = s->m;
  if (frames < 1 || frames > m->c.chunk_frames)
    return kl_fail(err, KL_ERR_INVALID, "a chunk of %d frames, not 1 to %d", frames, m->c.chunk_frames);
  if (s->broken) return kl_fail(err, KL_ERR_INVALID, "the key/value cache was left unfinished");
  int sink = sink_frames(s), first_ring = s->position - s->ring;
  KlWanKey key;
  memset(&key, 0, sizeof key); /* padding too */
  key.branches = s->branches;
  key.frames = frames;
  key.h = s->h;
  key.w = s->w;
  key.groups = 1;
  key.vace = m->c.vace && cond && cond->vace_context;
  key.commit = commit;
  key.stream = s->serial;
  key.sink = sink;
  key.ring = s->ring;
  key.ring_at = s->ring ? (first_ring - s->sink_slots) % s->ring_slots : 0;
  if (!kl_wan_key_texts(&key, texts, cond, err)) return false;
  for (int i = 0; commit && i < frames; i++)
    key.commit_slot[i] = slot_of(s, s->position + i, s->position + frames);
  KlWanCache cache = {.sink = sink,
                      .ring_at = key.ring_at,
                      .ring = s->ring,
                      .sink_slots = s->sink_slots,
                      .ring_slots = s->ring_slots,
                      .branches = s->branches,
                      .kv = s->kv};
  int n = sink + s->ring + frames;
  int *positions = kl_alloc((size_t)n, sizeof *positions);
  if (!positions) return kl_fail(err, KL_ERR_OOM, "no memory for the positions");
  for (int i = 0; i < n; i++) positions[i] = s->relative || i < sink ? i : first_ring + i - sink;
  KlWanPass p = {.x = x,
                 .timesteps = &timestep,
                 .one_timestep = true,
                 .first = s->position == 0,
                 .cond = cond,
                 .positions = positions,
                 .key_frames = n};
  KlWanGraph *g;
  bool ok = kl_wan_graph(m, &key, (const KlWanText *const *)texts, &cache, &g, cancel, err);
  if (ok) {
    ok = kl_wan_pass(m, g, &p, out, cancel, err);
    s->broken = commit && !ok;
  }
  kl_free(&positions);
  return ok;
}

bool kl_wan_stream_forward(KlWanStream *s, KlWanText *const *texts, const float *x, int frames,
                           float timestep, const KlWanCondition *cond, float *const *out,
                           const KlCancel *cancel, KlErr *err) {
  return pass(s, texts, x, frames, timestep, false, cond, out, cancel, err);
}

bool kl_wan_stream_commit(KlWanStream *s, KlWanText *const *texts, const float *clean, int frames,
                          float timestep, const KlWanCondition *cond, const KlCancel *cancel, KlErr *err) {
  if (!pass(s, texts, clean, frames, timestep, true, cond, NULL, cancel, err)) return false;
  int beyond_sink = s->position + frames - s->sink_slots, added = beyond_sink < frames ? beyond_sink : frames;
  if (added > 0) s->ring = s->ring + added < s->ring_slots ? s->ring + added : s->ring_slots;
  s->position += frames;
  return true;
}

/* The frames [from, from + n) of the video again, chunk by chunk. */
static bool again(KlWanStream *s, KlWanText *const *texts, const float *clean, int from, int n,
                  float timestep, const KlWanCondition *cond, const KlCancel *cancel, KlErr *err) {
  size_t frame = (size_t)s->m->c.out_dim * (size_t)s->h * (size_t)s->w;
  s->position = from;
  for (int at = 0, k; at < n; at += k) {
    k = n - at < s->m->c.chunk_frames ? n - at : s->m->c.chunk_frames;
    if (!kl_wan_stream_commit(s, texts, clean + (size_t)at * frame, k, timestep, cond, cancel, err))
      return false;
  }
  return true;
}

bool kl_wan_stream_recache(KlWanStream *s, KlWanText *const *texts, const float *clean, float timestep,
                           const KlWanCondition *cond, const KlCancel *cancel, KlErr *err) {
  int end = s->position, sink = sink_frames(s), ring = s->ring;
  size_t frame = (size_t)s->m->c.out_dim * (size_t)s->h * (size_t)s->w;
  s->ring = 0;
  bool ok = again(s, texts, clean, 0, sink, timestep, cond, cancel, err) &&
            again(s, texts, clean + (size_t)sink * frame, end - ring, ring, timestep, cond, cancel, err);
  s->position = end;
  s->ring = ring;
  if (!ok) s->broken = true;
  return ok;
}

/* ---- state as bytes ---- */

typedef struct {
  char magic[8];
  uint64_t block_bytes;
  int32_t blocks, branches, h, w, sink_slots, ring_slots, position, ring;
} Header;

static Header header(const KlWanStream *s) {
  return (Header){"KLWANKV", s->block_bytes, blocks(s->m),  s->branches, s->h,
                  s->w,      s->sink_slots,  s->ring_slots, s->position, s->ring};
}

size_t kl_wan_stream_state_bytes(const KlWanStream *s) {
  return sizeof(Header) + kl_wan_stream_bytes(s);
}

bool kl_wan_stream_save(const KlWanStream *s, void *bytes, KlErr *err) {
  if (s->broken) return kl_fail(err, KL_ERR_INVALID, "the key/value cache was left unfinished");
  Header h = header(s);
  char *to = bytes;
  memcpy(to, &h, sizeof h);
  to += sizeof h;
  for (int i = 0; i < blocks(s->m); i++, to += s->block_bytes)
    if (!kl_buffer_read(&s->kv[i], 0, to, s->block_bytes, err)) return false;
  return true;
}

bool kl_wan_stream_load(KlWanStream *s, const void *bytes, size_t n, KlErr *err) {
  Header want = header(s), h;
  if (n != kl_wan_stream_state_bytes(s))
    return kl_fail(err, KL_ERR_FORMAT, "the saved cache has the wrong size");
  const char *from = bytes;
  memcpy(&h, from, sizeof h);
  want.position = h.position;
  want.ring = h.ring;
  int beyond = h.position - s->sink_slots;
  if (memcmp(&want, &h, sizeof h) || h.position < 0 || h.ring < 0 || h.ring > s->ring_slots ||
      h.ring > (beyond > 0 ? beyond : 0))
    return kl_fail(err, KL_ERR_FORMAT, "the saved cache belongs to another run");
  from += sizeof h;
  s->broken = true;
  for (int i = 0; i < blocks(s->m); i++, from += s->block_bytes)
    if (!kl_buffer_write(&s->kv[i], 0, from, s->block_bytes, err)) return false;
  s->position = h.position;
  s->ring = h.ring;
  s->broken = false;
  return true;
}
