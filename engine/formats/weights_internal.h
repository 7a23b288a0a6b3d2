/* The inside of KlWeights, for the files of engine/formats and the fuzz targets. */
#pragma once

#include "engine/formats/directory.h"
#include "engine/formats/weights.h"

typedef struct {
  KlBuffer buf; /* host, bytes: the file's contents */
  bool mapped;
  const char *label; /* base name, valid UTF-8 */
  KlDirectory dir;   /* after opening only its metadata */
} KlWeightsFile;

typedef struct {
  KlTensor tensor;
  const char *name;
  const char *label; /* of its file */
  const char *type;  /* how the file calls its type */
  bool readable;     /* else only named in messages */
  KlBuffer own;      /* memory of its own: a random tensor, a realigned copy */
} KlWeight;

struct KlWeights {
  KlArena arena;
  const char *label;
  KlWeightsFile *file;
  int nfiles;
  KlWeight **item; /* the readable ones, in the order of the files */
  size_t n, cap;
  KlWeight **slot; /* hash table, open addressing, at most half full */
  size_t nslots, used;
  size_t bytes, realigned;
};

/* As kl_weights_open for files that are in memory already; the bytes must outlive *out. */
bool kl_weights_open_memory(const void *const *data, const size_t *size, int n, KlWeights **out, KlErr *err);

/* Takes a weight from the arena and puts it under its name. NULL: taken already, or no memory. */
KlWeight *kl_weights_insert(KlWeights *w, const char *name, const char *label, KlErr *err);
/* Makes a weight known to kl_weights_at. Its tensor's shape is filled in here. */
bool kl_weights_list(KlWeights *w, KlWeight *item, KlDtype dtype, int ndim, const int64_t *shape, KlErr *err);
