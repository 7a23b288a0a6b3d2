/* Errors from app/core up: GError in one domain, and the one bridge from the engine's and media's KlErr. Also
 * the table that turns an error into the exit code of the command. Thread-safe. */
#pragma once

#include "engine/base/err.h"

#include <glib.h>
#include <stdbool.h>

#define KL_ERROR (kl_error_quark())
GQuark kl_error_quark(void);

/* Codes of the domain: those of KlErrCode, and what only the application knows. */
typedef enum {
  KL_ERROR_OOM = KL_ERR_OOM,
  KL_ERROR_DEVICE_LOST = KL_ERR_DEVICE_LOST,
  KL_ERROR_IO = KL_ERR_IO,
  KL_ERROR_FORMAT = KL_ERR_FORMAT,
  KL_ERROR_UNSUPPORTED = KL_ERR_UNSUPPORTED,
  KL_ERROR_CANCELLED = KL_ERR_CANCELLED,
  KL_ERROR_INVALID = KL_ERR_INVALID,
  KL_ERROR_USAGE = 100, /* the command line is wrong */
  KL_ERROR_INPUT,       /* an input (file, job, model, ledger) is missing, unreadable or wrong */
  KL_ERROR_EXISTS,      /* the output exists and may not be overwritten */
  KL_ERROR_BUSY,        /* another process is at the same output */
} KlErrorCode;

/* Sets *error (NULL: not wanted) from e and returns false. */
bool kl_gerr(GError **error, const KlErr *e);
/* The same for an error about something that was given to us: what the system refused is then bad input too
 * (KL_ERROR_INPUT), not a failure of ours. */
bool kl_gerr_input(GError **error, const KlErr *e);
/* Sets *error and returns false. */
bool kl_gfail(GError **error, KlErrorCode code, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* 0 done (NULL), 1 failure, 2 usage, 3 bad input or model, 4 out of memory or will not fit, 5 no device,
 * 130 interrupted. */
int kl_exit_code(const GError *error);
