/* The table of contents of one model file, as a reader (safetensors.c, gguf.c) found it: checked, but not yet
 * turned into tensors. Internal to engine/formats and its tests. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/graph/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  KL_MAX_TENSORS = 100000, /* the largest public models have some ten thousand */
  KL_MAX_METAS = 65536,
  KL_MAX_META = 1024 * 1024, /* longer metadata values are left out */
};

typedef struct {
  const char *name; /* in the arena; valid UTF-8 */
  const char *type; /* how the file calls the type; static storage */
  bool readable;    /* dtype holds; else a type that we know the size of but cannot compute with */
  KlDtype dtype;
  int ndim;
  int64_t shape[KL_MAX_DIMS];
  size_t offset, bytes; /* inside the file */
} KlEntry;

typedef struct KlMeta {
  struct KlMeta *next;
  const char *key, *value;
} KlMeta;

typedef struct {
  KlArena *arena;    /* owns names and metadata; the caller's */
  const char *label; /* the file's name, for messages */
  KlEntry *entry;    /* kl_free */
  size_t n, cap;
  KlMeta *meta; /* in no particular order */
  size_t nmeta;
} KlDirectory;

/* Reads the table of contents of a file that lies in memory. Nothing is believed: on success every entry's
 * bytes lie inside the data, match its type and shape, and overlap no other's. KL_ERR_FORMAT,
 * KL_ERR_UNSUPPORTED, KL_ERR_OOM; what *dir holds on failure must still be freed. */
bool kl_safetensors_read(const uint8_t *data, size_t size, KlDirectory *dir, KlErr *err);
bool kl_gguf_read(const uint8_t *data, size_t size, KlDirectory *dir, KlErr *err);
bool kl_is_gguf(const uint8_t *data, size_t size);

/* For the readers. */
bool kl_directory_add(KlDirectory *dir, const KlEntry *e, KlErr *err);
/* key and value are in the arena already. */
bool kl_directory_add_meta(KlDirectory *dir, const char *key, const char *value, KlErr *err);
/* Number of elements; false on overflow, a negative size or a total of more than INT64_MAX / 8. */
bool kl_shape_count(int ndim, const int64_t *shape, size_t *n);
/* No two entries share a byte. *covered: the sum of all. */
bool kl_directory_check_overlaps(KlDirectory *dir, size_t *covered, KlErr *err);
/* Frees the entries; metadata lives as long as the arena. */
void kl_directory_free(KlDirectory *dir);

/* Copies a name that may be long or odd into a message: cut at a character, control characters left to
 * kl_fail. */
typedef struct {
  char text[104];
} KlClip;
KlClip kl_clip(const char *name);
/* "[1536,16]" */
KlClip kl_extents_text(int ndim, const int64_t *shape);
