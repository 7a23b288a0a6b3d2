/* The memory of the past of all tiles of a decoder: buffers of the backend, or one buffer for the tile at
 * work and an unlinked temporary file for all. Equal sizes, zero before anything is written. */
#pragma once

#include "engine/graph/backend.h"

typedef struct {
  KlBackend *backend;
  int tiles;
  size_t bytes;   /* of one tile */
  KlBuffer *held; /* [tiles], or [1] when spilled */
  int fd;         /* the file, -1: none */
  void *bounce;
} KlVaeStates;

bool kl_vae_states_new(KlVaeStates *s, KlBackend *b, int tiles, size_t bytes, bool spill, KlErr *err);
void kl_vae_states_free(KlVaeStates *s);
/* The buffer with tile i's state in *buf; a handle, not owned. */
bool kl_vae_states_get(KlVaeStates *s, int tile, KlBuffer *buf, const KlCancel *cancel, KlErr *err);
/* After tile i's buffer was changed. */
bool kl_vae_states_put(KlVaeStates *s, int tile, const KlCancel *cancel, KlErr *err);
bool kl_vae_states_read(const KlVaeStates *s, int tile, void *dst, KlErr *err);
bool kl_vae_states_write(KlVaeStates *s, int tile, const void *src, KlErr *err);
