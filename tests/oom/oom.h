/* Runs an action again and again, failing its first, second, third... allocation, until it succeeds. Each
 * failure must be KL_ERR_OOM with a message, and leave nothing behind: glibc's count of bytes in use must be
 * what it was. */
#pragma once

#include "engine/base/err.h"

typedef bool (*KlOomAction)(void *ctx, KlErr *err);

void kl_oom_every(KlOomAction act, void *ctx);
