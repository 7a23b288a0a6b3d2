/* The state between chunks as bytes, in the machine's own byte order: a ledger does not travel between
 * architectures, and the header says so. One walk serves counting, writing and reading. */
#include "engine/base/mem.h"
#include "engine/pipelines/t2v.h"

#include <string.h>

enum { MAGIC = 0x53324c4b /* "KL2S" */, VERSION = 1 };

typedef struct {
  char *to;         /* writing; NULL: counting or reading */
  const char *from; /* reading */
  size_t at, size;
  bool bad;
} Walk;

static void field(Walk *w, void *p, size_t n) {
  if (w->to || w->from) {
    if (n > w->size - w->at) {
      w->bad = true;
      return;
    }
    if (w->to)
      memcpy(w->to + w->at, p, n);
    else
      memcpy(p, w->from + w->at, n);
  }
  w->at += n;
}

/* The fixed part. */
static void head(Walk *w, KlT2v *t) {
  uint32_t magic = MAGIC, version = VERSION, causal = t->config.causal,
           sizes[4] = {(uint32_t)t->config.out_dim, (uint32_t)t->height, (uint32_t)t->width,
                       (uint32_t)t->plan.latent_frames};
  uint32_t want[4];
  memcpy(want, sizes, sizeof want);
  field(w, &magic, 4);
  field(w, &version, 4);
  field(w, &causal, 4);
  field(w, sizes, sizeof sizes);
  if (magic != MAGIC || version != VERSION || causal != (uint32_t)t->config.causal ||
      memcmp(want, sizes, sizeof want))
    w->bad = true;
  if (w->bad) return;
  field(w, &t->next, sizeof t->next);
  field(w, &t->prompt_now, sizeof t->prompt_now);
  field(w, &t->anchor, sizeof t->anchor);
  field(w, &t->n_cached, sizeof t->n_cached);
  field(w, &t->whole_done, sizeof t->whole_done);
}

/* Before the first chunk a decoder may be there for previews only. */
static size_t decoder_bytes(const KlT2v *t) {
  return t->decoder && t->next > 0 ? kl_vae_decoder_state_bytes(t->decoder) : 0;
}

size_t kl_t2v_state_bytes(const KlT2v *t) {
  KlT2v copy = *t;
  Walk w = {0};
  head(&w, &copy);
  size_t n = w.at + sizeof(uint64_t) + decoder_bytes(t);
  if (t->config.causal)
    return n + (size_t)t->n_cached * t->frame_elems * sizeof(float) + kl_wan_stream_state_bytes(t->stream);
  n += (size_t)t->plan.latent_frames * t->frame_elems * sizeof(float);
  return t->whole_done ? n : n + kl_solver_state_bytes(t->solver);
}

bool kl_t2v_save(const KlT2v *t, void *bytes, size_t n, KlErr *err) {
  if (n != kl_t2v_state_bytes(t)) return kl_fail(err, KL_ERR_INVALID, "the state has another size");
  KlT2v copy = *t;
  Walk w = {.to = bytes, .size = n};
  head(&w, &copy);
  uint64_t decoder = decoder_bytes(t);
  field(&w, &decoder, sizeof decoder);
  if (decoder && !kl_vae_decoder_save(t->decoder, w.to + w.at, err)) return false;
  w.at += decoder;
  if (t->config.causal) {
    field(&w, t->cached, (size_t)t->n_cached * t->frame_elems * sizeof(float));
    return kl_wan_stream_save(t->stream, w.to + w.at, err);
  }
  field(&w, t->whole, (size_t)t->plan.latent_frames * t->frame_elems * sizeof(float));
  if (!t->whole_done) kl_solver_save(t->solver, w.to + w.at);
  return true;
}

static bool bad(KlErr *err) {
  return kl_fail(err, KL_ERR_FORMAT, "the stored state does not belong to this job");
}

bool kl_t2v_load(KlT2v *t, const void *bytes, size_t n, KlErr *err) {
  Walk w = {.from = bytes, .size = n};
  KlT2v kept = *t;
  uint64_t decoder = 0;
  head(&w, t);
  field(&w, &decoder, sizeof decoder);
  int most = t->p.window_frames + t->p.sink_frames;
  if (w.bad || decoder > n - w.at || t->next < 0 || t->next > t->plan.chunks || t->n_cached < 0 ||
      t->n_cached > most || t->prompt_now < 0 || t->prompt_now >= t->p.n_prompts) {
    *t = kept;
    return bad(err);
  }
  if (decoder && !kl_t2v_need_decoder(t, err)) return false;
  if (decoder && !kl_vae_decoder_load(t->decoder, w.from + w.at, decoder, err)) return false;
  w.at += decoder;
  t->has_chunk = false;
  t->can_sample = true;
  if (t->config.causal) {
    size_t count = (size_t)t->n_cached * t->frame_elems;
    kl_free(&t->cached);
    t->cached = kl_alloc(count, sizeof(float));
    if (!t->cached) return kl_fail(err, KL_ERR_OOM, "no memory for the window's latents");
    field(&w, t->cached, count * sizeof(float));
    return w.bad ? bad(err) : kl_wan_stream_load(t->stream, w.from + w.at, n - w.at, err);
  }
  field(&w, t->whole, (size_t)t->plan.latent_frames * t->frame_elems * sizeof(float));
  if (w.bad) return bad(err);
  if (t->whole_done) return w.at == n || bad(err);
  return kl_solver_load(t->solver, w.from + w.at, n - w.at) || bad(err);
}
