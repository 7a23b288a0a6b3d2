/* kinoloom bench: the hook for engine/bench. */
#include "app/cli/cli.h"

int cli_bench(char **argv) {
  g_autoptr(GError) e = NULL;
  kl_gfail(&e, KL_ERROR_UNSUPPORTED, "bench is not in this build");
  return cli_error(e, NULL);
}
