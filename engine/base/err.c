#include "engine/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts an incomplete UTF-8 sequence at the end and replaces control characters. */
static void tidy(char *s) {
  size_t n = strlen(s);
  size_t tail = n;
  while (tail > 0 && n - tail < 4 && ((unsigned char)s[tail - 1] & 0xC0) == 0x80) tail--;
  if (tail > 0) {
    unsigned char lead = (unsigned char)s[tail - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (lead >= 0xC0 && n - (tail - 1) < want) s[tail - 1] = 0;
  }
  for (; *s; s++)
    if ((unsigned char)*s < 0x20 || *s == 0x7F) *s = '?';
}

bool kl_fail(KlErr *err, KlErrCode code, const char *fmt, ...) {
  if (!err || err->code != KL_ERR_NONE) return false;
  err->code = code;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(err->msg, sizeof err->msg, fmt, ap);
  va_end(ap);
  tidy(err->msg);
  return false;
}

bool kl_fail_prefix(KlErr *err, const char *fmt, ...) {
  if (!err || err->code == KL_ERR_NONE) return false;
  char head[256], whole[sizeof head + sizeof err->msg + 2];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(head, sizeof head, fmt, ap);
  va_end(ap);
  snprintf(whole, sizeof whole, "%s: %s", head, err->msg);
  whole[sizeof err->msg - 1] = 0;
  memcpy(err->msg, whole, strlen(whole) + 1);
  tidy(err->msg);
  return false;
}

const char *kl_err_name(KlErrCode code) {
  switch (code) {
  case KL_ERR_NONE:
    return "no error";
  case KL_ERR_OOM:
    return "out of memory";
  case KL_ERR_DEVICE_LOST:
    return "device lost";
  case KL_ERR_IO:
    return "input/output error";
  case KL_ERR_FORMAT:
    return "bad file";
  case KL_ERR_UNSUPPORTED:
    return "unsupported";
  case KL_ERR_CANCELLED:
    return "cancelled";
  case KL_ERR_INVALID:
    return "invalid argument";
  }
  return "unknown error";
}
