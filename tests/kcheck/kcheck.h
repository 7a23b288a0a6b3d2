/* kcheck: one-op graphs, run on every backend and compared with the scalar CPU backend.
 *
 * A case is a function that builds one node from fresh inputs and weights; data depends on the case's name
 * only. The harness places every tensor between guards, fills all memory with NaN first, and checks that
 * guards and inputs are untouched. Add an op: a file cases_OP.c with `void kc_OP(Kc *k)`, called in main.c.
 */
#pragma once

#include "engine/graph/graph.h"

typedef struct Kc Kc;

typedef enum {
  KC_NORMAL,
  KC_TINY,     /* about 1e-20 */
  KC_HUGE,     /* about 1e15 */
  KC_DENORMAL, /* below the smallest normal f32 */
  KC_EQUAL,    /* all the same */
  KC_DATA
} KcData;

/* Builds the node under test; args is what was passed to kc_case. */
typedef KlTensor *(*KcBuild)(Kc *k, const void *args);

typedef struct {
  double nmse; /* 0: by the types of node and operands, 1e-7 for f32 and 5e-4 for half types */
  double ulp;  /* > 0: also every element within so many units in the last place of the result's type */
  bool bench;  /* a case for --bench only: large, timed */
} KcTol;

/* ---- inside a build function ---- */

KlGraph *kc_graph(Kc *k);
KlTensor *kc_input(Kc *k, KlDtype dtype, KcData data, int ndim, const int64_t *shape);
/* The same values behind strides: a slice [1, 1+n) of an input with 3 columns more, so rows are strided and
 * unaligned. */
KlTensor *kc_strided(Kc *k, KlDtype dtype, KcData data, int ndim, const int64_t *shape);
/* I32 values in [lo, hi). */
KlTensor *kc_ints(Kc *k, int lo, int hi, int ndim, const int64_t *shape);
/* A weight in plain host memory, N(0, 1) * scale, any float or quantised type (K-quants: random bytes with
 * sane scales). */
KlTensor *kc_weight(Kc *k, KlDtype dtype, float scale, int ndim, const int64_t *shape);
/* Memory that the node writes in place (the destination of kl_copy): compared instead of the node's own. */
KlTensor *kc_state(Kc *k, KlDtype dtype, int ndim, const int64_t *shape);

/* Runs the case on every backend that supports it. */
void kc_case(Kc *k, KcBuild build, const void *args, KcTol tol, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

void kc_elementwise(Kc *k);
void kc_norm(Kc *k);
void kc_move(Kc *k);
void kc_linear(Kc *k);
void kc_conv(Kc *k);
void kc_attention(Kc *k);
