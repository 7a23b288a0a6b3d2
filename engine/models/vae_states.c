#define _GNU_SOURCE
#include "engine/models/vae_states.h"

#include "engine/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOUNCE = 1 << 20 };

static int nameless_file(KlErr *err) {
  const char *dir = getenv("TMPDIR");
  if (!dir || !*dir) dir = "/var/tmp"; /* not /tmp, which often is memory itself */
  int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    char path[512];
    snprintf(path, sizeof path, "%s/kinoloom-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
  }
  if (fd < 0) kl_fail(err, KL_ERR_IO, "no temporary file in %s: %s", dir, strerror(errno));
  return fd;
}

bool kl_vae_states_new(KlVaeStates *s, KlBackend *b, int tiles, size_t bytes, bool spill, KlErr *err) {
  *s = (KlVaeStates){.backend = b, .tiles = tiles, .bytes = bytes, .fd = -1};
  int n = spill ? 1 : tiles;
  s->held = kl_calloc((size_t)n, sizeof *s->held);
  if (!s->held) return kl_fail(err, KL_ERR_OOM, "no memory for the decoder's states");
  for (int i = 0; i < n; i++)
    if (!kl_buffer_new(b, bytes, &s->held[i], err)) goto fail;
  if (spill) {
    size_t all;
    s->bounce = kl_alloc(1, BOUNCE);
    if (!s->bounce || !kl_size_mul((size_t)tiles, bytes, &all)) {
      kl_fail(err, KL_ERR_OOM, "no memory for the decoder's states");
      goto fail;
    }
    if ((s->fd = nameless_file(err)) < 0) goto fail;
    if (ftruncate(s->fd, (off_t)all)) {
      kl_fail(err, KL_ERR_IO, "temporary file: %s", strerror(errno));
      goto fail;
    }
  }
  return true;
fail:
  kl_vae_states_free(s);
  return false;
}

void kl_vae_states_free(KlVaeStates *s) {
  if (!s->held) return;
  for (int i = 0; i < (s->fd >= 0 ? 1 : s->tiles); i++) kl_buffer_free(&s->held[i]);
  if (s->fd >= 0) close(s->fd);
  kl_free(&s->held);
  kl_free(&s->bounce);
  *s = (KlVaeStates){.fd = -1};
}

/* All n bytes at an offset of the file, or an error. */
static bool transfer(int fd, bool write, void *data, size_t n, size_t at, KlErr *err) {
  for (char *p = data; n;) {
    ssize_t got = write ? pwrite(fd, p, n, (off_t)at) : pread(fd, p, n, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return kl_fail(err, KL_ERR_IO, "temporary file: %s", got ? strerror(errno) : "it was cut short");
    p += got;
    n -= (size_t)got;
    at += (size_t)got;
  }
  return true;
}

/* Between the one buffer and the file. */
static bool exchange(KlVaeStates *s, bool out, int tile, const KlCancel *cancel, KlErr *err) {
  size_t base = (size_t)tile * s->bytes;
  for (size_t at = 0; at < s->bytes; at += BOUNCE) {
    size_t n = s->bytes - at < BOUNCE ? s->bytes - at : BOUNCE;
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    if (out && !kl_buffer_read(&s->held[0], at, s->bounce, n, err)) return false;
    if (!transfer(s->fd, out, s->bounce, n, base + at, err)) return false;
    if (!out && !kl_buffer_write(&s->held[0], at, s->bounce, n, err)) return false;
  }
  return true;
}

bool kl_vae_states_get(KlVaeStates *s, int tile, KlBuffer *buf, const KlCancel *cancel, KlErr *err) {
  if (s->fd >= 0 && !exchange(s, false, tile, cancel, err)) return false;
  *buf = s->held[s->fd >= 0 ? 0 : tile];
  return true;
}

bool kl_vae_states_put(KlVaeStates *s, int tile, const KlCancel *cancel, KlErr *err) {
  return s->fd < 0 || exchange(s, true, tile, cancel, err);
}

bool kl_vae_states_read(const KlVaeStates *s, int tile, void *dst, KlErr *err) {
  if (s->fd >= 0) return transfer(s->fd, false, dst, s->bytes, (size_t)tile * s->bytes, err);
  return kl_buffer_read(&s->held[tile], 0, dst, s->bytes, err);
}

bool kl_vae_states_write(KlVaeStates *s, int tile, const void *src, KlErr *err) {
  if (s->fd < 0) return kl_buffer_write(&s->held[tile], 0, src, s->bytes, err);
  for (size_t at = 0; at < s->bytes; at += BOUNCE) {
    size_t n = s->bytes - at < BOUNCE ? s->bytes - at : BOUNCE;
    memcpy(s->bounce, (const char *)src + at, n);
    if (!transfer(s->fd, true, s->bounce, n, (size_t)tile * s->bytes + at, err)) return false;
  }
  return true;
}
