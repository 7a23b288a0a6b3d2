/* kl-golden: runs the reference cases of a folder and prints a line a tensor: case, tensor, relative error,
 * pass or fail. A case file (case_*.c) has one function a network: it opens the files of g->name, runs, and
 * hands each result to golden_compare. New network: such a function and a line in the table of kl_golden.c.
 */
#pragma once

#include "engine/formats/weights.h"
#include "engine/graph/backend.h"

#include <stddef.h>

typedef struct {
  const char *dir; /* where the files are */
  const char *
      name; /* the case: files NAME.case.safetensors and, where there are weights, NAME.weights.safetensors */
  KlBackend *backend;
  double tolerance; /* of a result that went through matrix products: 1e-4 in f32, 2e-2 in bf16 */
  int compared, failed;
} Golden;

/* Opens DIR/NAME.case.safetensors and DIR/NAME.weights.safetensors (weights NULL: not wanted). False:
 * reported. */
bool golden_open(Golden *g, KlWeights **cases, KlWeights **weights);
/* The f32 values of a tensor of the case file; *n (may be NULL): how many. NULL: absent or another type,
 * which is reported unless optional. Belongs to the file. */
const float *golden_values(Golden *g, KlWeights *cases, const char *tensor, bool optional, size_t *n);
const float *golden_valuesf(Golden *g, KlWeights *cases, bool optional, size_t *n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Prints the line: ||got - want|| / ||want|| against g->tolerance, or against one of its own. */
void golden_compare(Golden *g, const char *tensor, const float *got, const float *want, size_t n);
void golden_compare_within(Golden *g, const char *tensor, const float *got, const float *want, size_t n,
                           double tolerance);
/* A case that could not be run is a failed line. */
void golden_error(Golden *g, const char *tensor, const KlErr *err);
/* Memory or exit: this is a test program. */
void *golden_alloc(size_t n, size_t size);
/* [a, b, n] to [b, a, n]: channels first to frames first and back. */
void golden_swap(const float *from, size_t a, size_t b, size_t n, float *to);

void golden_wan(Golden *g); /* wan_t2v, wan_vace */
void golden_wan_causal(Golden *g);
void golden_starter(Golden *g); /* the built-in model */
void golden_umt5(Golden *g);
void golden_schedules(Golden *g);
void golden_wan_vae(Golden *g);
void golden_taehv(Golden *g);
void golden_upscaler(Golden *g);
void golden_tokenizer(Golden *g); /* the folder DIR/tokenizer */
