/* Shared by the files of the model catalogue. */
#pragma once

#include "app/core/model_catalogue.h"

KlModel *kl_model_new_(const char *origin);
/* As kl_model_scan; given[part] (NULL: find it) is a file to take for a part. given may be NULL. */
KlModel *kl_model_scan_with(const char *path, const char *const *given, GError **error);
/* The path of a file with the tokenizer that a text encoder carries inside, in the user's cache; NULL: none.
 */
char *kl_model_embedded_tokenizer(const char *safetensors);
char *kl_model_embedded_folder(void); /* where those files lie; a new string */
