#include "engine/base/arena.h"

#include "engine/base/mem.h"

#include <string.h>

typedef struct KlArenaBlock {
  struct KlArenaBlock *next;
  size_t used, size;
  _Alignas(16) unsigned char data[];
} Block;

enum { BLOCK = 32 * 1024 };

void *kl_arena_alloc(KlArena *a, size_t n, size_t size) {
  size_t bytes, whole;
  if (!kl_size_mul(n, size, &bytes) || !kl_size_add(bytes, 15, &bytes)) return NULL;
  bytes &= ~(size_t)15;
  if (!bytes) bytes = 16;
  if (!a->head || a->head->size - a->head->used < bytes) {
    size_t room = bytes > BLOCK ? bytes : BLOCK;
    if (!kl_size_add(room, sizeof(Block), &whole)) return NULL;
    Block *b = kl_alloc(whole, 1);
    if (!b) return NULL;
    *b = (Block){.next = a->head, .size = room};
    a->head = b;
  }
  void *p = a->head->data + a->head->used;
  a->head->used += bytes;
  memset(p, 0, bytes);
  return p;
}

char *kl_arena_strndup(KlArena *a, const char *s, size_t n) {
  char *p = kl_arena_alloc(a, n + 1, 1);
  if (p) memcpy(p, s, n);
  return p;
}

void kl_arena_free(KlArena *a) {
  for (Block *b = a->head; b;) {
    Block *next = b->next;
    kl_free(&b);
    b = next;
  }
  a->head = NULL;
}
