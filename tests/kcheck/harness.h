/* Inside of kcheck. */
#pragma once

#include "engine/graph/backend.h"
#include "tests/kcheck/kcheck.h"

enum { KC_MOST = 40, KC_BACKENDS = 12 };

typedef enum { KC_INPUT, KC_WEIGHT, KC_STATE } KcRole;

typedef struct {
  KlTensor *t;
  KcRole role;
  void *data;
  size_t bytes;
  KlBuffer host;
} KcTensor;

typedef struct {
  void *raw;
  size_t n;
  KlDtype dtype;
  double seconds;
} KcResult;

typedef struct {
  double nmse, ulp;
} KcDiff;

struct Kc {
  KlGraph graph; /* of the case that is being built */
  KcTensor tensor[KC_MOST];
  int count;
  uint64_t seed, stream;
  KlBackend *backend[KC_BACKENDS]; /* [0] is the scalar reference */
  char label[KC_BACKENDS][24];
  int backends;
  bool bench, verbose;
  const char *only; /* substring of the case names to run, or NULL */
  double ceiling[2]; /* GFLOP/s of a large product in f32, bf16 */
  int cases[KL_OPS], failures, runs;
  bool support[KL_OPS][KC_BACKENDS];
};

double kc_now(void);
void kc_die(const char *what, const KlErr *err);
void kc_reset(Kc *k);
/* Runs `node` on b. *out is filled on success, its raw memory is for kl_free. */
bool kc_run(Kc *k, KlTensor *node, KlBackend *b, KcResult *out, KlErr *err);
KcDiff kc_compare(const KcResult *got, const KcResult *want);
