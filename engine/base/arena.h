/* A bump allocator for metadata that lives and dies together (a graph, a file's directory).
 * Blocks are zeroed. Not thread-safe. kl_arena_free releases everything at once. */
#pragma once

#include <stddef.h>

typedef struct KlArena {
  struct KlArenaBlock *head; /* zero-initialised is a valid empty arena */
} KlArena;

/* n * size zeroed bytes aligned to 16; NULL on overflow or lack of memory. */
void *kl_arena_alloc(KlArena *a, size_t n, size_t size);
/* A copy of the first n bytes of s with a terminating zero. */
char *kl_arena_strndup(KlArena *a, const char *s, size_t n);
void kl_arena_free(KlArena *a);
