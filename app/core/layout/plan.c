#include "app/core/layout/layout_internal.h"

const char *const *kl_plan_body_names(void) {
  static const char *const names[] = {"rows", "zigzag", "cards", "feature", "columns", NULL};
  return names;
}

const char *const *kl_plan_head_names(void) {
  static const char *const names[] = {"start", "centre", "band", "side", NULL};
  return names;
}

const char *const *kl_plan_hero_names(void) {
  static const char *const names[] = {"none", "top", "below", "left", "right", "bottom", "full", NULL};
  return names;
}

const char *const *kl_plan_inner_names(void) {
  static const char *const names[] = {"stack", "beside", NULL};
  return names;
}
