#include "app/core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int kl_lock_take(const char *path, const char *busy, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  for (int tries = 0; tries < 10; tries++) {
    struct stat a, b;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
      kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(errno));
      return -1;
    }
    if (flock(lock, LOCK_EX | LOCK_NB)) {
      if (errno == EWOULDBLOCK)
        kl_gfail(error, KL_ERROR_BUSY, "%s", busy);
      else
        kl_gfail(error, KL_ERROR_IO, "cannot lock %s: %s", shown, g_strerror(errno));
      close(lock);
      return -1;
    }
    /* its last owner may have removed the file between our open and our lock */
    if (!fstat(lock, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev) return lock;
    close(lock);
  }
  kl_gfail(error, KL_ERROR_BUSY, "%s", busy);
  return -1;
}

void kl_lock_drop(const char *path, int lock) {
  if (lock < 0) return;
  g_unlink(path); /* while it is still ours */
  close(lock);
}
