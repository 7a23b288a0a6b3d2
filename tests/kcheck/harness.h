/* Inside of kcheck. */
#pragma once

#include "engine/cpu/ceiling.h"
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
  double seconds, cpu; /* the quickest run: by the clock, and processor time of all threads */
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
  const char *only;     /* substring of the case names to run, or NULL */
  KlCeiling ceiling[2]; /* of a large product in f32, bf16; the best level's */
  int cases[KL_OPS], failures, runs;
  bool support[KL_OPS][KC_BACKENDS];
};

double kc_now(void);
double kc_cpu(void); /* processor time of the process */
void kc_die(const char *what, const KlErr *err);
void kc_reset(Kc *k);
/* Runs `node` on b. *out is filled on success, its raw memory is for kl_free. */
bool kc_run(Kc *k, KlTensor *node, KlBackend *b, KcResult *out, KlErr *err);
KcDiff kc_compare(const KcResult *got, const KcResult *want);
