/* Type measured: quick estimates, calibrated by what the caller measures, and the exact values remembered. */
#include "app/core/layout/layout_internal.h"

#include <math.h>
#include <string.h>

typedef struct {
  double width, height; /* factors from the estimate to the measured */
} Fit;

typedef struct {
  const KlBriefItem *item;
  int width4, px4; /* quarters of a pixel */
} Key;

struct KlType {
  const KlBrief *b;
  KlMeasure m;
  GHashTable *fits;  /* item -> Fit */
  GHashTable *exact; /* Key -> KlMeasured */
};

static guint key_hash(gconstpointer p) {
  const Key *k = p;
  return g_direct_hash(k->item) * 31u + (guint)k->width4 * 2654435761u + (guint)k->px4 * 40503u;
}

static gboolean key_equal(gconstpointer a, gconstpointer b) {
  const Key *x = a, *y = b;
  return x->item == y->item && x->width4 == y->width4 && x->px4 == y->px4;
}

KlType *kl_type_new(const KlBrief *b, const KlMeasure *m) {
  KlType *t = g_new0(KlType, 1);
  t->b = b;
  t->m = m ? *m : kl_measure_rough();
  t->fits = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  t->exact = g_hash_table_new_full(key_hash, key_equal, g_free, g_free);
  return t;
}

void kl_type_free(KlType *t) {
  if (!t) return;
  g_hash_table_unref(t->fits);
  g_hash_table_unref(t->exact);
  g_free(t);
}

static KlMeasured measure_exact(KlType *t, const KlBriefItem *item, double width, double px) {
  Key key = {item, (int)floor(width * 4), (int)lround(px * 4)};
  KlMeasured *known = g_hash_table_lookup(t->exact, &key), m;
  if (known) return *known;
  t->m.measure(t->m.user, t->b, item, key.width4 / 4.0, key.px4 / 4.0, &m);
  g_hash_table_insert(t->exact, g_memdup2(&key, sizeof key), g_memdup2(&m, sizeof m));
  return m;
}

static const Fit *fit_of(KlType *t, const KlBriefItem *item) {
  Fit *f = g_hash_table_lookup(t->fits, item);
  if (f) return f;
  double px = kl_layout_ideal_px(t->b), width = px * 24;
  KlMeasured real = measure_exact(t, item, width, px), guess;
  kl_measure_estimate(t->b, item, width, px, &guess);
  f = g_new(Fit, 1);
  f->width = guess.min_width > 0 && real.min_width > 0 ? CLAMP(real.min_width / guess.min_width, 0.3, 3) : 1;
  /* again at the width that corresponds, so that only the height of lines is left to differ */
  kl_measure_estimate(t->b, item, width / f->width, px, &guess);
  f->height = guess.height > 0 && real.height > 0 ? CLAMP(real.height / guess.height, 0.3, 3) : 1;
  g_hash_table_insert(t->fits, (gpointer)item, f);
  return f;
}

KlMeasured kl_type_measure(KlType *t, const KlBriefItem *item, double width, double px, bool exact) {
  if (exact) return measure_exact(t, item, width, px);
  const Fit *f = fit_of(t, item);
  KlMeasured m;
  kl_measure_estimate(t->b, item, width / f->width, px, &m);
  m.height *= f->height;
  m.min_width *= f->width;
  return m;
}

double kl_layout_ideal_px(const KlBrief *b) {
  static const double share[] = {
      [KL_DENSITY_AIRY] = 1.0 / 28, [KL_DENSITY_NORMAL] = 1.0 / 31, [KL_DENSITY_DENSE] = 1.0 / 38};
  return MAX(share[b->density] * MIN(MIN(b->width, b->height), 0.66 * MAX(b->width, b->height)), 9);
}
