/* Shared by the files of the model catalogue. */
#pragma once

#include "app/core/model_catalogue.h"

KlModel *kl_model_new_(const char *origin);
/* As kl_model_scan; given[part] (NULL: find it) is a file to take for a part. given may be NULL. */
KlModel *kl_model_scan_with(const char *path, const char *const *given, GError **error);
