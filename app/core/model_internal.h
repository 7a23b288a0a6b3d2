/* Shared by the files of the model catalogue. */
#pragma once

#include "app/core/model_catalogue.h"

#include <jansson.h>

KlModel *kl_model_new_(const char *origin);
/* As kl_model_scan; given[part] (NULL: find it) is a file to take for a part. given may be NULL. */
KlModel *kl_model_scan_with(const char *path, const char *const *given, GError **error);
/* The path of a file with the tokenizer that a text encoder carries inside, in the user's cache; NULL: none.
 */
char *kl_model_embedded_tokenizer(const char *safetensors);
/* model_words.c: "words" of model.json, an object or the name of a file; NULL: none. KL_ERROR_INPUT. */
bool kl_model_read_words_(KlModel *m, const json_t *value, const char *shown, GError **error);
/* The same object again; a new reference. */
json_t *kl_model_words_json_(const KlModel *m);
GArray *kl_model_vocabulary_new_(void);
char *kl_model_embedded_folder(void); /* where those files lie; a new string */
