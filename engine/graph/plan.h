/* Memory planning, private to engine/graph: kl_plan_graph of exec.h is the public face. */
#pragma once

#include "engine/graph/exec.h"

typedef struct {
  size_t scratch;    /* offset of the node's scratch memory in the workspace, SIZE_MAX: none */
  size_t dies, next; /* list of results whose last use is this node; SIZE_MAX ends it */
} KlPlanNode;

/* info: g->count entries, filled. */
bool kl_plan_place(KlGraph *g, KlBackend *b, KlPlan *out, KlPlanNode *info, KlErr *err);
