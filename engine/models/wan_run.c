#include "engine/base/mem.h"
#include "engine/models/wan_internal.h"

#include <math.h>
#include <string.h>

/* ---- the model ---- */

static void graph_free(KlWanGraph **g) {
  if (!*g) return;
  kl_exec_free(&(*g)->exec);
  kl_graph_free(&(*g)->g);
  kl_free(g);
}

bool kl_wan_open(KlWeights *w, KlBackend *b, KlWan **out, KlErr *err) {
  *out = NULL;
  KlWan *m = kl_calloc(1, sizeof *m);
  if (!m) return kl_fail(err, KL_ERR_OOM, "no memory for the model");
  m->w = w;
  m->b = b;
  if (!kl_wan_load(m, err)) {
    kl_wan_free(&m);
    return false;
  }
  *out = m;
  return true;
}

void kl_wan_free(KlWan **m) {
  if (!*m) return;
  for (int i = 0; i < KL_WAN_GRAPHS; i++) graph_free(&(*m)->graphs[i]);
  kl_buffer_free(&(*m)->modulation);
  kl_free(&(*m)->blocks);
  kl_free(m);
}

const KlWanConfig *kl_wan_config(const KlWan *m) {
  return &m->c;
}

/* Matrices of the blocks in the compute type, the few others in f32; quantised ones stay as they are. */
size_t kl_wan_packed_bytes(const KlWan *m) {
  size_t sum = 0;
  for (size_t i = 0; i < kl_weights_count(m->w); i++) {
    const KlTensor *t = kl_weights_at(m->w, i);
    const char *name = kl_weights_name(m->w, i);
    size_t n = (size_t)kl_nelem(t), bytes = 0;
    if (kl_dtype_is_quantised(t->dtype))
      kl_dtype_bytes(t->dtype, n, &bytes);
    else if (t->ndim < 2)
      bytes = n * kl_dtype_block_bytes(t->dtype);
    else
      bytes = n * (!strncmp(name, "time_", 5) ? 4 : kl_wan_esize(m));
    sum += bytes;
  }
  return sum;
}

/* ---- graphs ---- */

bool kl_wan_pack(KlWan *m, KlGraph *g, const KlCancel *cancel, KlErr *err) {
  for (size_t i = 0; i < g->count; i++) {
    KlTensor *n = g->nodes[i];
    bool fresh[3] = {false, false, false};
    if (n->op != KL_OP_LINEAR || !m->b->ops->supports(m->b, n)) continue;
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    for (int k = 1; k < n->nsrc; k++) fresh[k] = n->src[k] && !n->src[k]->base && !n->src[k]->pack;
    if (!m->b->ops->prepare(m->b, n, err)) return false;
    for (int k = 1; k < n->nsrc; k++)
      if (fresh[k] && n->src[k]->pack) kl_weights_drop(m->w, n->src[k]);
  }
  return true;
}

bool kl_wan_graph(KlWan *m, const KlWanKey *key, const KlWanText *const *texts, const KlWanCache *cache,
                  KlWanGraph **out, const KlCancel *cancel, KlErr *err) {
  int at = 0;
  for (int i = 0; i < KL_WAN_GRAPHS; i++) {
    KlWanGraph *g = m->graphs[i];
    if (g && !memcmp(&g->key, key, sizeof *key)) {
      g->used = ++m->clock;
      *out = g;
      return true;
    }
    if (!g)
      at = i;
    else if (m->graphs[at] && g->used < m->graphs[at]->used)
      at = i;
  }
  graph_free(&m->graphs[at]);
  KlWanGraph *g = kl_calloc(1, sizeof *g);
  if (!g) return kl_fail(err, KL_ERR_OOM, "no memory for the graph");
  g->key = *key;
  g->used = ++m->clock;
  if (!kl_wan_build(m, g, texts, cache, err) || !kl_wan_pack(m, &g->g, cancel, err) ||
      !kl_exec_new(&g->g, m->b, &g->exec, cancel, err)) {
    graph_free(&g);
    return false;
  }
  *out = m->graphs[at] = g;
  return true;
}

void kl_wan_forget(KlWan *m, uint64_t serial) {
  for (int i = 0; i < KL_WAN_GRAPHS; i++) {
    const KlWanGraph *g = m->graphs[i];
    if (g && (g->key.stream == serial || g->key.text[0] == serial || g->key.text[1] == serial))
      graph_free(&m->graphs[i]);
  }
}

bool kl_wan_key_texts(KlWanKey *key, KlWanText *const *texts, const KlWanCondition *cond, KlErr *err) {
  key->layout = 1;
  for (int i = 0; i < key->branches; i++) {
    key->text[i] = texts[i]->serial;
    if (texts[i]->parts == 1) continue;
    if (key->layout > 1 && (texts[i]->parts != key->layout || texts[i]->n != key->layout_rows))
      return kl_fail(err, KL_ERR_INVALID, "two texts with different layouts");
    key->layout = texts[i]->parts;
    key->layout_rows = texts[i]->n;
  }
  key->apart = key->layout > 1 && cond && cond->apart && cond->regions;
  return true;
}

/* ---- a pass ---- */

bool kl_wan_check_size(const KlWan *m, int branches, int frames, int h, int w, KlErr *err) {
  const KlWanConfig *c = &m->c;
  if (branches < 1 || branches > KL_WAN_BRANCHES)
    return kl_fail(err, KL_ERR_INVALID, "%d branches, not 1 or 2", branches);
  if (frames < 1 || frames > 100000 || h < 1 || w < 1 || h > 8192 || w > 8192 || h % c->patch_h ||
      w % c->patch_w)
    return kl_fail(err, KL_ERR_INVALID, "%d latents of %dx%d: height and width must be multiples of %d",
                   frames, w, h, c->patch_h);
  return true;
}

/* Channel planes [channels, h, w] of one frame into columns of its patches: row (y, x), column (channel, dy,
 * dx). */
static void patchify(const KlWan *m, const float *planes, int channels, int at, int total, int h, int w,
                     float *rows) {
  int ph = m->c.patch_h, pw = m->c.patch_w, area = ph * pw;
  for (int c = 0; c < channels; c++)
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        size_t row = (size_t)(y / ph) * (size_t)(w / pw) + (size_t)(x / pw);
        rows[row * (size_t)(total * area) + (size_t)((at + c) * area + y % ph * pw + x % pw)] = *planes++;
      }
}

/* torch.linspace(-1, 1, n)[i] */
static float coordinate(int i, int n) {
  return n == 1 ? -1 : -1 + 2 * (float)i / (float)(n - 1);
}

/* y and x, -1..1 over the latent grid [h, w]; with regions apart over the bounding box of each one's tokens.
 */
static void coordinates(const KlWan *m, const KlWanKey *key, const KlWanCondition *cond, float *plane) {
  int h = key->h, w = key->w, ph = m->c.patch_h, pw = m->c.patch_w, area = h * w;
  for (int region = 0; region < (key->apart ? key->layout : 1); region++) {
    int y0 = h, y1 = -1, x0 = w, x1 = -1;
    for (int i = 0; i < area; i++) {
      int y = i / w, x = i % w;
      if (region && cond->regions[y / ph * (w / pw) + x / pw] != region) continue;
      y0 = y < y0 ? y : y0, y1 = y > y1 ? y : y1;
      x0 = x < x0 ? x : x0, x1 = x > x1 ? x : x1;
    }
    for (int i = 0; i < area; i++) {
      int y = i / w, x = i % w;
      if (region && cond->regions[y / ph * (w / pw) + x / pw] != region) continue;
      plane[i] = coordinate(y - y0, y1 - y0 + 1);
      plane[area + i] = coordinate(x - x0, x1 - x0 + 1);
    }
  }
}

/* planes: room for three, y and x, and ones. */
static void fill_patches(const KlWan *m, const KlWanKey *key, const KlWanPass *p, float *planes,
                         float *rows) {
  const KlWanConfig *c = &m->c;
  int h = key->h, w = key->w, extra = c->in_dim - c->out_dim;
  size_t area = (size_t)h * (size_t)w, frame_rows = area * (size_t)c->in_dim;
  float *ones = planes + 2 * area;
  if (c->coordinate_channels) coordinates(m, key, p->cond, planes);
  for (size_t i = 0; i < area; i++) ones[i] = 1;
  for (int f = 0; f < key->frames; f++, rows += frame_rows) {
    patchify(m, p->x + (size_t)f * (size_t)c->out_dim * area, c->out_dim, 0, c->in_dim, h, w, rows);
    if (c->coordinate_channels) patchify(m, planes, 2, c->out_dim, c->in_dim, h, w, rows);
    if (c->first_frame_channels && p->first && f == 0 && p->cond && p->cond->first_frame) {
      int at = c->out_dim + c->coordinate_channels;
      patchify(m, ones, 1, at, c->in_dim, h, w, rows);
      patchify(m, p->cond->first_frame, c->out_dim, at + 1, c->in_dim, h, w, rows);
    }
    if (p->cond && p->cond->image && !c->coordinate_channels && !c->first_frame_channels)
      patchify(m, p->cond->image + (size_t)f * (size_t)extra * area, extra, c->out_dim, c->in_dim, h, w,
               rows);
  }
}

/* Rows (y, x) of (dy, dx, channel) back to [frames, out_dim, h, w]. False: something is not finite. */
static bool unpatchify(const KlWan *m, const KlWanKey *key, const float *rows, float *out) {
  int h = key->h, w = key->w, C = m->c.out_dim, ph = m->c.patch_h, pw = m->c.patch_w;
  float sum = 0; /* x - x is 0 only for finite x */
  for (int f = 0; f < key->frames; f++, rows += (size_t)h * (size_t)w * (size_t)C)
    for (int c = 0; c < C; c++)
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
          size_t row = (size_t)(y / ph) * (size_t)(w / pw) + (size_t)(x / pw);
          float v = rows[(row * (size_t)(ph * pw) + (size_t)(y % ph * pw + x % pw)) * (size_t)C + (size_t)c];
          sum += v - v;
          *out++ = v;
        }
  return sum == 0;
}

/* data: f32 or i32. */
static bool write(KlExec *e, KlTensor *t, const void *data, KlErr *err) {
  return kl_exec_write(e, t, data, (size_t)kl_nelem(t) * 4, err);
}

/* The zeroed host memory that a pass needs at once: the largest of its inputs and outputs. */
static float *host_room(const KlWanGraph *g) {
  int64_t n = kl_nelem(g->patches);
  const KlTensor *all[] = {g->rope,    g->vace,  g->vace_scale, g->time,  g->velocity,
                           g->regions, g->parts, g->allow,      g->places};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] && kl_nelem(all[i]) > n) n = kl_nelem(all[i]);
  return kl_calloc((size_t)n, sizeof(float));
}

static bool write_vace(KlWan *m, KlWanGraph *g, const KlWanCondition *cond, float *room, KlErr *err) {
  const KlWanKey *key = &g->key;
  size_t frame = (size_t)key->h * (size_t)key->w * (size_t)m->vace_channels;
  for (int f = 0; f < key->frames; f++)
    patchify(m, cond->vace_context + (size_t)f * frame, m->vace_channels, 0, m->vace_channels, key->h, key->w,
             room + (size_t)f * frame);
  if (!write(g->exec, g->vace, room, err)) return false;
  for (int n = 0; n < m->vace_layers; n++)
    for (int i = 0; i < m->c.dim; i++) room[n * m->c.dim + i] = cond->vace_scale ? cond->vace_scale[n] : 1;
  return write(g->exec, g->vace_scale, room, err);
}

/* Which part of the layout's text each token and each key belongs to. */
static bool write_layout(KlWanGraph *g, const KlWanCondition *cond, float *room, KlErr *err) {
  int32_t *labels = (int32_t *)room;
  int parts = g->key.layout, tokens = (int)(kl_nelem(g->regions) / g->key.frames);
  if (!cond || !cond->regions) return kl_fail(err, KL_ERR_INVALID, "a layout needs its regions");
  for (int f = 0; f < g->key.frames; f++)
    memcpy(labels + (ptrdiff_t)f * tokens, cond->regions, (size_t)tokens * sizeof *labels);
  for (int i = 0; i < tokens; i++)
    if (labels[i] < 0 || labels[i] >= parts)
      return kl_fail(err, KL_ERR_INVALID, "region %d, of %d", labels[i], parts - 1);
  if (!write(g->exec, g->regions, labels, err)) return false;
  int rows = (int)kl_nelem(g->parts), n = g->key.layout_rows;
  for (int i = 0; i < rows; i++) labels[i] = i < parts * n ? i / n : i - parts * n;
  if (!write(g->exec, g->parts, labels, err)) return false;
  for (int i = 0; i < parts * parts; i++) labels[i] = i / parts == i % parts;
  if (!write(g->exec, g->allow, labels, err)) return false;
  if (!g->key.apart) return true;
  for (int i = 0; i < kl_nelem(g->places); i += tokens)
    memcpy(labels + i, cond->regions, (size_t)tokens * sizeof *labels);
  return write(g->exec, g->places, labels, err);
}

bool kl_wan_pass(KlWan *m, KlWanGraph *g, const KlWanPass *p, float *const *out, const KlCancel *cancel,
                 KlErr *err) {
  const KlWanKey *key = &g->key;
  size_t area = (size_t)key->h * (size_t)key->w, rows;
  float *room = host_room(g), *planes = kl_alloc(3 * area, sizeof *planes);
  bool ok = false;
  if (!room || !planes) {
    kl_fail(err, KL_ERR_OOM, "no memory for the latents");
    goto out;
  }
  fill_patches(m, key, p, planes, room);
  if (!write(g->exec, g->patches, room, err)) goto out;
  if (key->vace && !write_vace(m, g, p->cond, room, err)) goto out;
  if (key->layout > 1 && !write_layout(g, p->cond, room, err)) goto out;
  for (int i = 0; i < key->groups; i++)
    kl_wan_sinusoid((double)p->timesteps[p->one_timestep ? 0 : i % key->frames], m->c.freq_dim,
                    room + (ptrdiff_t)i * m->c.freq_dim);
  if (!write(g->exec, g->time, room, err)) goto out;
  if (!kl_wan_rope(m->c.dim / m->c.heads, p->positions, p->key_frames, key->h / m->c.patch_h,
                   key->w / m->c.patch_w, room, err) ||
      !write(g->exec, g->rope, room, err))
    goto out;
  if (!kl_exec_run(g->exec, cancel, err)) goto out;
  if (key->commit) {
    ok = true;
    goto out;
  }
  if (!kl_exec_read(g->exec, g->velocity, room, (size_t)kl_nelem(g->velocity) * sizeof *room, err)) goto out;
  rows = (size_t)key->frames * area * (size_t)m->c.out_dim;
  for (int i = 0; i < key->branches; i++)
    if (!unpatchify(m, key, room + (size_t)i * rows, out[i])) {
      kl_fail(err, KL_ERR_FORMAT,
              "the model produced values that are not finite at timestep %g: its weights are damaged",
              (double)p->timesteps[0]);
      goto out;
    }
  ok = true;
out:
  kl_free(&room);
  kl_free(&planes);
  return ok;
}

/* ---- the whole clip at once ---- */

static void forward_key(KlWan *m, int branches, int frames, int h, int w, int groups, bool vace,
                        KlWanKey *key) {
  memset(key, 0, sizeof *key); /* padding too */
  key->layout = 1;
  key->branches = branches;
  key->frames = frames;
  key->h = h;
  key->w = w;
  key->groups = groups;
  key->vace = vace;
}

bool kl_wan_forward(KlWan *m, KlWanText *const *texts, int branches, const float *x, int frames, int h, int w,
                    const float *timesteps, bool one_timestep, const KlWanCondition *cond, float *const *out,
                    const KlCancel *cancel, KlErr *err) {
  if (!kl_wan_check_size(m, branches, frames, h, w, err)) return false;
  bool one = one_timestep || frames == 1;
  if (!one) {
    int same = 1;
    while (same < frames && timesteps[same] == timesteps[0]) same++;
    one = same == frames;
  }
  KlWanKey key;
  KlWanGraph *g;
  forward_key(m, branches, frames, h, w, one ? 1 : frames * branches, m->c.vace && cond && cond->vace_context,
              &key);
  if (!kl_wan_key_texts(&key, texts, cond, err)) return false;
  int *positions = kl_alloc((size_t)frames, sizeof *positions);
  if (!positions) return kl_fail(err, KL_ERR_OOM, "no memory for the positions");
  for (int i = 0; i < frames; i++) positions[i] = i;
  KlWanPass pass = {.x = x,
                    .timesteps = timesteps,
                    .one_timestep = one,
                    .first = true,
                    .cond = cond,
                    .positions = positions,
                    .key_frames = frames};
  bool ok = kl_wan_graph(m, &key, (const KlWanText *const *)texts, NULL, &g, cancel, err) &&
            kl_wan_pass(m, g, &pass, out, cancel, err);
  kl_free(&positions);
  return ok;
}

bool kl_wan_forward_plan(KlWan *m, int branches, int parts, int frames, int h, int w, size_t *workspace,
                         double *flops, KlErr *err) {
  if (!kl_wan_check_size(m, branches, frames, h, w, err)) return false;
  int blocks = m->c.layers + m->vace_layers;
  bool ok = false;
  KlPlan plan;
  /* Texts that are only looked at, never read: as long as they may be. */
  KlWanText text = {.m = m, .parts = parts, .n = m->c.text_len};
  const KlWanText *texts[KL_WAN_BRANCHES] = {&text, &text};
  KlWanGraph *g = kl_calloc(1, sizeof *g);
  text.kv = kl_alloc((size_t)blocks, sizeof *text.kv);
  if (!g || !text.kv) {
    kl_fail(err, KL_ERR_OOM, "no memory for the graph");
    goto out;
  }
  for (int i = 0; i < blocks; i++) text.kv[i] = (KlBuffer){.backend = m->b, .bytes = SIZE_MAX};
  forward_key(m, branches, frames, h, w, 1, m->c.vace, &g->key);
  if (!kl_wan_key_texts(&g->key, (KlWanText *const *)texts, NULL, err)) goto out;
  if (!kl_wan_build(m, g, texts, NULL, err) || !kl_plan_graph(&g->g, m->b, &plan, err)) goto out;
  *workspace = plan.workspace;
  *flops = plan.flops;
  ok = true;
out:
  kl_free(&text.kv);
  graph_free(&g);
  return ok;
}
