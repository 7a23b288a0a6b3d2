#include "media/sink.h"

#include "engine/base/mem.h"
#include "media/encode_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct KlFileSink {
  int fd;
  bool standard;   /* standard output: not ours to close */
  bool regular;    /* a plain file: can be synced, and can vanish */
  bool dir_synced; /* its name is on the disk */
  int64_t offset;
  dev_t dev;
  ino_t ino;
  char *path;
};

static bool fail_errno(KlErr *err, const char *what, const char *path, int e) {
  return kl_fail(err, e == ENOMEM ? KL_ERR_OOM : KL_ERR_IO, "cannot %s %s: %s", what, path, strerror(e));
}

bool kl_file_sink_open(const char *path, int64_t offset, KlFileSink **out, KlErr *err) {
  *out = NULL;
  if (!path || !*path || offset < 0) return kl_fail(err, KL_ERR_INVALID, "no output path or negative offset");
  bool ok = false;
  KlFileSink *s = kl_calloc(1, sizeof *s);
  if (!s) return kl_fail(err, KL_ERR_OOM, "out of memory");
  s->fd = -1;
  s->standard = !strcmp(path, "-");
  s->path = kl_strdup(s->standard ? "standard output" : path);
  if (!s->path) {
    kl_fail(err, KL_ERR_OOM, "out of memory");
    goto out;
  }
  if (s->standard) {
    if (offset) {
      kl_fail(err, KL_ERR_INVALID, "standard output cannot be resumed");
      goto out;
    }
    s->fd = STDOUT_FILENO;
  } else {
    do s->fd = open(path, O_WRONLY | O_CLOEXEC | (offset ? 0 : O_CREAT), 0666);
    while (s->fd < 0 && errno == EINTR);
    if (s->fd < 0) {
      fail_errno(err, "write", path, errno);
      goto out;
    }
  }
  struct stat st;
  if (fstat(s->fd, &st) < 0) {
    fail_errno(err, "write", s->path, errno);
    goto out;
  }
  s->regular = S_ISREG(st.st_mode) && !s->standard;
  s->dev = st.st_dev;
  s->ino = st.st_ino;
  if (s->regular) {
    if (flock(s->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
      kl_fail(err, KL_ERR_IO, "cannot write %s: another program is writing it", path);
      goto out;
    }
    if (st.st_size < offset) {
      kl_fail(err, KL_ERR_FORMAT, "cannot go on with %s: it has %lld bytes, %lld were written before", path,
              (long long)st.st_size, (long long)offset);
      goto out;
    }
    if ((st.st_size != offset && ftruncate(s->fd, offset) < 0) || lseek(s->fd, offset, SEEK_SET) < 0) {
      fail_errno(err, "write", path, errno);
      goto out;
    }
  } else if (offset) {
    kl_fail(err, KL_ERR_INVALID, "cannot go on with %s: it is not a plain file", path);
    goto out;
  }
  s->offset = offset;
  ok = true;
out:
  if (ok)
    *out = s;
  else
    kl_file_sink_close(&s, NULL);
  return ok;
}

static bool file_write(void *user, const void *data, size_t n, KlErr *err) {
  KlFileSink *s = user;
  const char *p = data;
  while (n > 0) {
    ssize_t k = write(s->fd, p, n < (1u << 30) ? n : (1u << 30));
    if (k < 0 && (errno == EINTR || errno == EAGAIN)) {
      if (errno == EAGAIN) usleep(1000); /* a non-blocking pipe whose reader is slow */
      continue;
    }
    if (k < 0) return fail_errno(err, "write", s->path, errno);
    s->offset += k;
    p += k;
    n -= (size_t)k;
  }
  return true;
}

KlSink kl_file_sink(KlFileSink *s) {
  return (KlSink){.write = file_write, .user = s};
}

int64_t kl_file_sink_offset(const KlFileSink *s) {
  return s->offset;
}

/* Makes the name itself durable. A folder that cannot be opened or synced (some network file systems) is let
 * be. */
void kl_sync_folder(const char *path) {
  char *dir = kl_strdup(path);
  if (!dir) return;
  char *slash = strrchr(dir, '/');
  if (slash) slash[slash == dir] = 0;
  int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)!fsync(fd);
    close(fd);
  }
  kl_free(&dir);
}

bool kl_file_sink_sync(KlFileSink *s, KlErr *err) {
  if (!s->regular) return true;
  int r;
  do r = fdatasync(s->fd);
  while (r < 0 && errno == EINTR);
  if (r < 0) return fail_errno(err, "write", s->path, errno);
  struct stat st;
  if (stat(s->path, &st) < 0) return fail_errno(err, "go on with", s->path, errno);
  if (st.st_dev != s->dev || st.st_ino != s->ino)
    return kl_fail(err, KL_ERR_IO, "cannot go on with %s: it was replaced by another file", s->path);
  if (!s->dir_synced) {
    kl_sync_folder(s->path);
    s->dir_synced = true;
  }
  return true;
}

bool kl_file_sink_close(KlFileSink **ps, KlErr *err) {
  KlFileSink *s = *ps;
  *ps = NULL;
  if (!s) return true;
  bool ok = true;
  if (s->fd >= 0 && !s->standard && close(s->fd) < 0 && errno != EINTR)
    ok = fail_errno(err, "write", s->path ? s->path : "file", errno);
  kl_free(&s->path);
  kl_free(&s);
  return ok;
}
