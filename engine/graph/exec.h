/* From a graph to results: plan memory, bind it, run.
 *
 * All activations of a graph get offsets in the one workspace of the backend by their lifetimes, so the peak
 * is known before anything runs. Graphs of one backend share that workspace: write all inputs before each
 * run, and read outputs before another graph runs. What must outlive a run is a state buffer. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/graph/backend.h"
#include "engine/graph/graph.h"

typedef struct {
  size_t workspace; /* bytes of the backend's workspace that a run needs */
  size_t weights;   /* stored bytes of the weights it reads */
  double flops;     /* 2 * multiply-adds of linear, convolution and attention (unmasked) */
} KlPlan;

typedef struct KlExec KlExec;

/* Plans without allocating: what a run would need. Sets the nodes' offsets. */
bool kl_plan_graph(KlGraph *g, KlBackend *b, KlPlan *out, KlErr *err);

/* Plans, packs weights (once for a weight, however many graphs use it) and grows the workspace. The graph
 * must outlive the exec. Fails with KL_ERR_OOM if memory is short. `cancel` may end the packing. */
bool kl_exec_new(KlGraph *g, KlBackend *b, KlExec **out, const KlCancel *cancel, KlErr *err);
void kl_exec_free(KlExec **e);
const KlPlan *kl_exec_plan(const KlExec *e);

/* bytes must equal the tensor's contiguous size. */
bool kl_exec_write(KlExec *e, KlTensor *input, const void *src, size_t bytes, KlErr *err);
bool kl_exec_run(KlExec *e, const KlCancel *cancel, KlErr *err);
bool kl_exec_read(KlExec *e, const KlTensor *output, void *dst, size_t bytes, KlErr *err);

double kl_node_flops(const KlTensor *node);
