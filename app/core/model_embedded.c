/* ComfyUI's text encoders carry their SentencePiece model as a tensor of bytes, "spiece_model": taken out
 * into a file of its own, since the tokenizer reads files. */
#include "app/core/model_internal.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define HEADER_MAX (100u << 20)
#define MODEL_MAX (64u << 20)

/* The bytes of the tensor in a safetensors file, or NULL. */
static char *tensor_bytes(FILE *f, size_t *n) {
  guint64 header = 0;
  gint64 from, to;
  char *text = NULL, *bytes = NULL;
  json_t *root = NULL;
  if (fread(&header, 8, 1, f) != 1) return NULL;
  header = GUINT64_FROM_LE(header);
  if (header < 2 || header > HEADER_MAX || !(text = g_try_malloc(header))) return NULL;
  if (fread(text, 1, header, f) == header) root = json_loadb(text, header, 0, NULL);
  if (json_unpack(root, "{s:{s:[I, I]}}", "spiece_model", "data_offsets", &from, &to) == 0 && from >= 0 &&
      to > from && to - from <= (gint64)MODEL_MAX && fseeko(f, (off_t)(8 + header) + from, SEEK_SET) == 0) {
    *n = (size_t)(to - from);
    bytes = g_try_malloc(*n);
    if (bytes && fread(bytes, 1, *n, f) != *n) g_clear_pointer(&bytes, g_free);
  }
  json_decref(root);
  g_free(text);
  return bytes;
}

char *kl_model_embedded_folder(void) {
  return g_build_filename(g_get_user_cache_dir(), "kinoloom", "tokenizers", NULL);
}

char *kl_model_embedded_tokenizer(const char *safetensors) {
  size_t n = 0;
  FILE *f = fopen(safetensors, "rbe");
  g_autofree char *bytes = f ? tensor_bytes(f, &n) : NULL;
  if (f) fclose(f);
  if (!bytes) return NULL;
  g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, n);
  g_autofree char *dir = kl_model_embedded_folder(), *name = g_strdup_printf("%.32s.spiece.model", sum);
  char *path = g_build_filename(dir, name, NULL);
  if (g_file_test(path, G_FILE_TEST_EXISTS) ||
      (!g_mkdir_with_parents(dir, 0755) && g_file_set_contents(path, bytes, (gssize)n, NULL)))
    return path;
  g_free(path);
  return NULL;
}
