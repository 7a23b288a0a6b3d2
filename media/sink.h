/* Where encoded bytes go: a callback, and the one that nearly everybody wants, a file that grows at its end.
 *
 * Nothing in this layer ever seeks in its output, so a sink may as well be a pipe. Not thread-safe. */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  /* Takes all n bytes or fails with *err set. The data is borrowed for the call. */
  bool (*write)(void *user, const void *data, size_t n, KlErr *err);
  void *user;
} KlSink;

typedef struct KlFileSink KlFileSink;

/* Opens `path` for appending at `offset` bytes. "-" is standard output (offset must be 0). The file is
 * created if offset is 0, else it must exist and have at least `offset` bytes; whatever lies behind the
 * offset (a chunk that a crash cut short) is removed. Never touches bytes before the offset. Follows symbolic
 * links; refuses a directory. Errors, all naming the file: IO (missing folder, no permission, ...), INVALID
 * (negative offset), FORMAT (the file is shorter than the offset: it is not the one that the ledger speaks
 * of). */
bool kl_file_sink_open(const char *path, int64_t offset, KlFileSink **out, KlErr *err);

/* A sink onto the file, valid until kl_file_sink_close. Its write handles EINTR and short writes; a failure
 * (disk full, quota, broken pipe, ...) is KL_ERR_IO with the file's name and the system's reason, and what
 * had been written of that call is counted in the offset all the same. */
KlSink kl_file_sink(KlFileSink *s);

/* Bytes in the file so far, the offset at opening included: what the ledger records after a chunk. */
int64_t kl_file_sink_offset(const KlFileSink *s);

/* Everything written is on the disk (fdatasync; at the first call the folder's entry too), and the file is
 * still where it was opened: IO if its path was removed or replaced meanwhile. Does nothing on pipes and
 * terminals. Call it before the ledger commits the chunk. */
bool kl_file_sink_sync(KlFileSink *s, KlErr *err);

/* Closes and clears *s; with err, reports what close(2) reports. NULL contents are fine. */
bool kl_file_sink_close(KlFileSink **s, KlErr *err);
