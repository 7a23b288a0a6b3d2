/* Errors below app/core.
 *
 * A function that can fail returns bool (or a pointer) and takes a caller-owned KlErr, the value of the first
 * failure: a code and one clear line of text. Nothing is allocated. NULL is allowed where the caller does not
 * care. Successful calls leave *err untouched. */
#pragma once

#include <stdbool.h>

typedef enum {
  KL_ERR_NONE = 0,
  KL_ERR_OOM,         /* an allocation failed, or the plan does not fit the memory budget */
  KL_ERR_DEVICE_LOST, /* the compute device went away or does not exist */
  KL_ERR_IO,          /* the operating system refused: open, read, write, disk full */
  KL_ERR_FORMAT,      /* a file is not what it claims to be: truncated, corrupt, hostile */
  KL_ERR_UNSUPPORTED, /* well-formed, but nothing we can run */
  KL_ERR_CANCELLED,   /* the cancel token fired */
  KL_ERR_INVALID,     /* an argument is out of its documented range */
} KlErrCode;

typedef struct {
  KlErrCode code;
  char msg[256];
} KlErr;

#define KL_ERR_INIT ((KlErr){.code = KL_ERR_NONE, .msg = {0}})

/* Sets *err (if not NULL and not already set) and returns false, so that a caller can write
 * `return kl_fail(err, KL_ERR_IO, "cannot open %s: %s", path, strerror(errno));`. Control characters in the
 * message are replaced by '?', the text is cut at a UTF-8 boundary. */
bool kl_fail(KlErr *err, KlErrCode code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " in front of the message of an error that is set; keeps the code. Returns false. */
bool kl_fail_prefix(KlErr *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "out of memory", "input/output error", ... Static storage. */
const char *kl_err_name(KlErrCode code);
