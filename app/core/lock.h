/* Keeps other processes (and other threads) from the same work: a file that is there while it is held, and
 * whose hold ends with the process however it ends. Any thread. */
#pragma once

#include "app/core/gerr.h"

/* A descriptor for kl_lock_drop; -1: KL_ERROR_BUSY with the message `busy`, KL_ERROR_IO. */
int kl_lock_take(const char *path, const char *busy, GError **error);
/* Removes the file. lock < 0: does nothing. */
void kl_lock_drop(const char *path, int lock);
