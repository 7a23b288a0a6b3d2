/* Wan transformer: velocities at single timesteps, whole runs with guidance, and the chunk-causal rollout. */
#include "engine/base/mem.h"
#include "engine/models/wan_dit.h"
#include "engine/sampling/solver.h"
#include "tests/golden/golden.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  Golden *g;
  KlWeights *cases, *weights;
  KlWan *m;
  KlWanText *text, *negative;
  int frames, h, w;
  size_t n, channels, plane; /* values of x; [channels, frames, plane] */
  float *x, *velocity[2], *out, *vace, *scale;
  size_t scales; /* of vace_scale: one a timestep, for all layers alike */
  const float *scale_of;
  KlWanCondition cond;
} Case;

static bool text_of(Case *c, const char *name, KlWanText **out, KlErr *err) {
  const KlTensor *t = kl_weights_find(c->cases, name);
  if (!t || t->ndim != 2 || t->dtype != KL_F32 || t->shape[1] != kl_wan_config(c->m)->text_dim)
    return kl_fail(err, KL_ERR_FORMAT, "%s is not [n, %d]", name, kl_wan_config(c->m)->text_dim);
  return kl_wan_text_new(c->m, kl_data(t), (int)t->shape[0], out, NULL, err);
}

static void close_case(Case *c) {
  kl_wan_text_free(&c->text);
  kl_wan_text_free(&c->negative);
  kl_wan_free(&c->m);
  kl_free(&c->x);
  kl_free(&c->out);
  kl_free(&c->vace);
  kl_free(&c->scale);
  for (int i = 0; i < 2; i++) kl_free(&c->velocity[i]);
  kl_weights_free(&c->weights);
  kl_weights_free(&c->cases);
}

/* x: the tensor that has the latent's shape. */
static bool open_case(Case *c, Golden *g, const char *x, bool frames_first, KlErr *err) {
  *c = (Case){.g = g};
  if (!golden_open(g, &c->cases, &c->weights)) return kl_fail(err, KL_ERR_IO, "reported");
  if (!kl_wan_open(c->weights, g->backend, &c->m, err)) return false;
  const KlTensor *t = kl_weights_find(c->cases, x);
  if (!t || t->ndim != 4 || t->dtype != KL_F32 || t->shape[frames_first] != kl_wan_config(c->m)->out_dim)
    return kl_fail(err, KL_ERR_FORMAT, "%s does not fit the model", x);
  c->channels = (size_t)t->shape[frames_first];
  c->frames = (int)t->shape[!frames_first];
  c->h = (int)t->shape[2];
  c->w = (int)t->shape[3];
  c->plane = (size_t)(c->h * c->w);
  c->n = (size_t)kl_nelem(t);
  c->x = golden_alloc(c->n, sizeof *c->x);
  c->out = golden_alloc(c->n, sizeof *c->out);
  for (int i = 0; i < 2; i++) c->velocity[i] = golden_alloc(c->n, sizeof *c->x);
  if (frames_first)
    memcpy(c->x, kl_data(t), c->n * sizeof *c->x);
  else
    golden_swap(kl_data(t), c->channels, (size_t)c->frames, c->plane, c->x);
  return text_of(c, "context", &c->text, err);
}

static bool vace(Case *c, KlErr *err) {
  const KlTensor *t = kl_weights_find(c->cases, "vace_context");
  if (!t) return true;
  if (t->ndim != 4 || t->dtype != KL_F32 || t->shape[1] != c->frames || t->shape[2] != c->h ||
      t->shape[3] != c->w)
    return kl_fail(err, KL_ERR_FORMAT, "vace_context does not fit x");
  c->vace = golden_alloc((size_t)kl_nelem(t), sizeof *c->vace);
  golden_swap(kl_data(t), (size_t)t->shape[0], (size_t)c->frames, c->plane, c->vace);
  c->cond.vace_context = c->vace;
  c->scale_of = golden_values(c->g, c->cases, "vace_scale", true, &c->scales);
  c->cond.vace_scale = c->scale = golden_alloc((size_t)kl_wan_config(c->m)->layers, sizeof *c->scale);
  return true;
}

static bool forward(Case *c, int branches, float timestep, KlErr *err) {
  KlWanText *texts[2] = {c->text, c->negative};
  return kl_wan_forward(c->m, texts, branches, c->x, c->frames, c->h, c->w, &timestep, true, &c->cond,
                        c->velocity, NULL, err);
}

/* frames first in `from` against channels first in the case file. */
static void compare(Case *c, const char *name, const float *from, const float *want) {
  golden_swap(from, (size_t)c->frames, c->channels, c->plane, c->out);
  golden_compare(c->g, name, c->out, want, c->n);
}

/* NAME_latents: from x with guidance through all steps. */
static bool whole_run(Case *c, const char *solver, KlErr *err) {
  char name[64];
  size_t n;
  snprintf(name, sizeof name, "%s_latents", solver);
  const float *want = golden_values(c->g, c->cases, name, true, &n);
  if (!want || n != c->n) return true;
  KlSchedule s;
  KlSolver kind;
  KlSolverRun *run = NULL;
  int steps = (int)kl_weights_config_int(c->cases, "steps", 0);
  double shift = kl_weights_config_num(c->cases, "shift", 1),
         guidance = kl_weights_config_num(c->cases, "guidance", 1);
  if (!kl_solver_parse(solver, &kind) || !kl_schedule_init(&s, kind, steps, shift, err) ||
      !kl_solver_new(&s, c->n, &run, err))
    return false;
  for (int t = 0; t < 2; t++) {
    char table[64];
    snprintf(table, sizeof table, "%s_%s", solver, t ? "timesteps" : "sigmas");
    const float *list = golden_values(c->g, c->cases, table, true, &n);
    float got[KL_MAX_STEPS + 1];
    if (!list || n != (size_t)(steps + !t)) continue;
    for (int i = 0; i < steps + !t; i++) got[i] = (float)(t ? s.timestep[i] : s.sigma[i]);
    golden_compare_within(c->g, table, got, list, n, 1e-5);
  }
  float *start = golden_alloc(c->n, sizeof *start);
  memcpy(start, c->x, c->n * sizeof *start);
  bool ok = true;
  for (int i = 0; ok && i < steps; i++) {
    int branches = guidance == 1 ? 1 : 2;
    if (!(ok = forward(c, branches, (float)s.timestep[i], err))) break;
    if (branches == 2) kl_guide(c->velocity[0], c->velocity[1], guidance, c->velocity[0], c->n);
    kl_solver_step(run, c->x, c->velocity[0], NULL);
  }
  if (ok) compare(c, name, c->x, want);
  memcpy(c->x, start, c->n * sizeof *start);
  kl_free(&start);
  kl_solver_free(&run);
  return ok;
}

void golden_wan(Golden *g) {
  Case c;
  KlErr err = KL_ERR_INIT;
  size_t n = 0, values;
  if (!open_case(&c, g, "x", false, &err) || !vace(&c, &err)) goto out;
  const float *timesteps = golden_values(g, c.cases, "timesteps", false, &n);
  for (size_t i = 0; timesteps && i < n; i++) {
    char name[32];
    snprintf(name, sizeof name, "out_%zu", i);
    const float *want = golden_values(g, c.cases, name, false, &values);
    if (!want || values != c.n) continue;
    for (int k = 0; c.scale && k < kl_wan_config(c.m)->layers; k++)
      c.scale[k] = i < c.scales ? c.scale_of[i] : 1;
    if (!forward(&c, 1, timesteps[i], &err)) goto out;
    compare(&c, name, c.velocity[0], want);
  }
  if (kl_weights_find(c.cases, "negative_context")) {
    if (!text_of(&c, "negative_context", &c.negative, &err)) goto out;
    if (whole_run(&c, "euler", &err) && whole_run(&c, "unipc", &err)) whole_run(&c, "dpm++", &err);
  }
out:
  if (err.code && c.cases) golden_error(g, "run", &err);
  close_case(&c);
}

/* x0 = x - sigma v at each step, new noise to the next sigma, then the clean chunk's keys and values. */
void golden_wan_causal(Golden *g) {
  Case c;
  KlWanStream *s = NULL;
  KlErr err = KL_ERR_INIT;
  size_t steps = 0, latents = 0, flows = 0;
  float *done = NULL, *flow = NULL;
  if (!open_case(&c, g, "noise", true, &err)) goto out;
  int k = kl_wan_config(c.m)->chunk_frames;
  size_t chunk = (size_t)k * c.channels * c.plane;
  const float *timesteps = golden_values(g, c.cases, "timesteps", false, &steps);
  const float *renoise = golden_values(g, c.cases, "renoise", false, NULL);
  const float *want = golden_values(g, c.cases, "latents", false, &latents);
  const float *want_flow = golden_values(g, c.cases, "last_chunk_flow", true, &flows);
  if (!timesteps || !renoise || !want || latents != c.n || c.frames % k) goto out;
  if (!kl_wan_stream_new(c.m, 1, c.h, c.w, (int)kl_weights_config_int(c.cases, "window_frames", 0),
                         (int)kl_weights_config_int(c.cases, "sink_frames", 0), false, &s, &err))
    goto out;
  done = golden_alloc(c.n, sizeof *done);
  flow = golden_alloc(steps * chunk, sizeof *flow);
  for (int at = 0; at < c.frames / k; at++) {
    float *x = c.x + (size_t)at * chunk, *x0 = done + (size_t)at * chunk;
    for (size_t i = 0; i < steps; i++) {
      float *v = flow + i * chunk, sigma = timesteps[i] / 1000;
      if (!kl_wan_stream_forward(s, &c.text, x, k, timesteps[i], NULL, &v, NULL, &err)) goto out;
      for (size_t e = 0; e < chunk; e++) x0[e] = x[e] - sigma * v[e];
      if (i + 1 == steps) break;
      float next = timesteps[i + 1] / 1000;
      const float *eps = renoise + ((size_t)at * (steps - 1) + i) * chunk;
      for (size_t e = 0; e < chunk; e++) x[e] = (1 - next) * x0[e] + next * eps[e];
    }
    if (!kl_wan_stream_commit(s, &c.text, x0, k, 0, NULL, NULL, &err)) goto out;
  }
  golden_compare(g, "latents", done, want, c.n);
  if (want_flow && flows == steps * chunk) golden_compare(g, "last_chunk_flow", flow, want_flow, flows);
out:
  if (err.code && c.cases) golden_error(g, "run", &err);
  kl_wan_stream_free(&s);
  kl_free(&done);
  kl_free(&flow);
  close_case(&c);
}
