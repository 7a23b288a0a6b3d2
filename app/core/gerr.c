#include "app/core/gerr.h"

GQuark kl_error_quark(void) {
  return g_quark_from_static_string("kl-error-quark");
}

bool kl_gerr(GError **error, const KlErr *e) {
  KlErrCode code = e->code == KL_ERR_NONE ? KL_ERR_INVALID : e->code;
  const char *text = code == KL_ERR_CANCELLED ? "interrupted" : e->msg[0] ? e->msg : kl_err_name(code);
  g_set_error_literal(error, KL_ERROR, (int)code, text);
  return false;
}

bool kl_gerr_input(GError **error, const KlErr *e) {
  kl_gerr(error, e);
  if (error && *error && e->code == KL_ERR_IO) (*error)->code = KL_ERROR_INPUT;
  return false;
}

bool kl_gfail(GError **error, KlErrorCode code, const char *fmt, ...) {
  if (!error) return false;
  va_list ap;
  va_start(ap, fmt);
  *error = g_error_new_valist(KL_ERROR, (int)code, fmt, ap);
  va_end(ap);
  return false;
}

int kl_exit_code(const GError *error) {
  static const struct {
    int code, exit_code;
  } table[] = {
      {KL_ERROR_OOM, 4},         {KL_ERROR_DEVICE_LOST, 5}, {KL_ERROR_IO, 1},      {KL_ERROR_FORMAT, 3},
      {KL_ERROR_UNSUPPORTED, 3}, {KL_ERROR_CANCELLED, 130}, {KL_ERROR_INVALID, 2}, {KL_ERROR_USAGE, 2},
      {KL_ERROR_INPUT, 3},       {KL_ERROR_EXISTS, 1},      {KL_ERROR_BUSY, 1},
  };
  if (!error) return 0;
  if (error->domain == KL_ERROR)
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
      if (table[i].code == error->code) return table[i].exit_code;
  return 1;
}
