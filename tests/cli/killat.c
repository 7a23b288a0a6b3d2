/* Preloaded into the command by the crash test: the process dies at the KL_KILL_AT-th call that changes a
 * file, in the middle of it where that makes sense (half of a write is done). With KL_KILL_COUNT=FILE the
 * number of such calls is written there at the end. */
#undef _FILE_OFFSET_BITS /* both names of a call are wanted */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static int due(void) {
  static long at = -2;
  if (at == -2) at = getenv("KL_KILL_AT") ? strtol(getenv("KL_KILL_AT"), NULL, 10) : -1;
  return ++calls == at;
}

static void die(void) {
  kill(getpid(), SIGKILL);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *p, size_t n) {
  REAL(write);
  if (fd > 2 && due()) {
    real(fd, p, n / 2);
    die();
  }
  return real(fd, p, n);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
  REAL(pwrite64);
  if (due()) {
    real(fd, p, n / 2, at);
    die();
  }
  return real(fd, p, n, at);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
  return pwrite64(fd, p, n, at);
}

int fsync(int fd) {
  REAL(fsync);
  if (due()) die();
  return real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  if (due()) die();
  return real(fd);
}

int ftruncate64(int fd, off64_t n) {
  REAL(ftruncate64);
  if (due()) die();
  return real(fd, n);
}

int ftruncate(int fd, off_t n) {
  return ftruncate64(fd, n);
}

int unlink(const char *path) {
  REAL(unlink);
  if (due()) die();
  return real(path);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  if (due()) die();
  return real(from, to);
}

__attribute__((destructor)) static void count(void) {
  const char *file = getenv("KL_KILL_COUNT");
  FILE *f = file ? fopen(file, "we") : NULL;
  if (!f) return;
  fprintf(f, "%ld\n", calls);
  fclose(f);
}
