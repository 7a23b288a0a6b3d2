/* Regions: which token belongs to which, and how strongly it is guided. */
#include "engine/base/mem.h"
#include "engine/pipelines/t2v.h"

#include <math.h>

bool kl_t2v_check_regions(const KlT2vParams *p, KlErr *err) {
  if (p->n_regions < 0 || p->n_regions > KL_T2V_MOST_REGIONS)
    return kl_fail(err, KL_ERR_INVALID, "%d regions, at most %d", p->n_regions, KL_T2V_MOST_REGIONS);
  for (int i = 0; i < p->n_regions; i++) {
    const KlRegion *r = &p->regions[i];
    const float edge = 1 + 1e-5f;
    if (!(r->x >= 0 && r->y >= 0 && r->width > 0 && r->height > 0 && r->x + r->width <= edge &&
          r->y + r->height <= edge))
      return kl_fail(err, KL_ERR_INVALID, "region %d must lie inside the picture: 0 to 1 on both axes",
                     i + 1);
    if (!isfinite(r->guidance) || r->guidance < 0 || r->guidance > 100)
      return kl_fail(err, KL_ERR_INVALID, "guidance of region %d must be 0 to 100", i + 1);
  }
  return true;
}

/* The region in whose box the middle of a token lies, the topmost one. */
static int topmost(const KlT2vParams *p, float x, float y) {
  for (int i = p->n_regions - 1; i >= 0; i--) {
    const KlRegion *r = &p->regions[i];
    if (x >= r->x && x < r->x + r->width && y >= r->y && y < r->y + r->height) return i + 1;
  }
  return 0;
}

bool kl_t2v_place_regions(KlT2v *t, KlErr *err) {
  if (!t->p.n_regions) return true;
  int gh = t->height / t->config.patch_h, gw = t->width / t->config.patch_w;
  bool seen[KL_T2V_MOST_REGIONS + 1] = {false};
  t->region_of = kl_alloc((size_t)gh * (size_t)gw, sizeof *t->region_of);
  if (!t->region_of) return kl_fail(err, KL_ERR_OOM, "no memory for the regions");
  for (int y = 0; y < gh; y++)
    for (int x = 0; x < gw; x++) {
      int region = topmost(&t->p, ((float)x + .5f) / (float)gw, ((float)y + .5f) / (float)gh);
      t->region_of[y * gw + x] = region;
      seen[region] = true;
    }
  for (int i = 1; i <= t->p.n_regions; i++)
    if (!seen[i])
      return kl_fail(err, KL_ERR_INVALID,
                     "region %d is covered by others, or smaller than what this model tells apart (%dx%d of "
                     "the picture)",
                     i, gw, gh);
  return true;
}

KlWanCondition kl_t2v_condition(const KlT2v *t) {
  return (KlWanCondition){
      .first_frame = t->first_latent, .regions = t->region_of, .apart = t->config.coordinate_channels > 0};
}

void kl_t2v_guide(const KlT2v *t, int step, const float *cond, const float *uncond, int frames, float *out) {
  if (!t->region_of || 2 * step >= t->schedule.steps) {
    kl_guide(cond, uncond, t->p.guidance, out, (size_t)frames * t->frame_elems);
    return;
  }
  int ph = t->config.patch_h, pw = t->config.patch_w, gw = t->width / pw;
  size_t at = 0;
  for (int plane = 0; plane < frames * t->config.out_dim; plane++)
    for (int y = 0; y < t->height; y++)
      for (int x = 0; x < t->width; x += pw, at += (size_t)pw) {
        int region = t->region_of[y / ph * gw + x / pw];
        double own = region ? t->p.regions[region - 1].guidance : 0;
        kl_guide(cond + at, uncond + at, own > 0 ? own : t->p.guidance, out + at, (size_t)pw);
      }
}
