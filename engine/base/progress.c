#include "engine/base/progress.h"

const char *kl_phase_name(KlPhase phase) {
  static const char *const names[] = {"load", "text", "image", "sample", "decode", "mux"};
  return names[phase];
}
