#include "app/studio/stalls.h"

#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEAST_MS = 20 };

static struct {
  GPollFunc poll;
  int schedstat; /* "ran waited slices", nanoseconds */
  FILE *log;
  gint64 start, since; /* microseconds */
  guint64 waited;      /* nanoseconds, when `since` was taken */
} watch;

static guint64 waited_for_cpu(void) {
  char line[128];
  ssize_t n = pread(watch.schedstat, line, sizeof line - 1, 0);
  unsigned long long ran, waited;
  if (n <= 0) return 0;
  line[n] = 0;
  return sscanf(line, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

static gint watched_poll(GPollFD *fds, guint n, gint timeout) {
  gint64 now = g_get_monotonic_time();
  if (watch.since) {
    double ms = (double)(now - watch.since) / 1e3 - (double)(waited_for_cpu() - watch.waited) / 1e6;
    if (ms > LEAST_MS) fprintf(watch.log, "%.1f %.3f\n", ms, (double)(now - watch.start) / 1e6);
  }
  gint ready = watch.poll(fds, n, timeout);
  watch.since = g_get_monotonic_time();
  watch.waited = waited_for_cpu();
  return ready;
}

void kl_stalls_watch(void) {
  const char *path = g_getenv("KINOLOOM_STALLS");
  if (!path || !*path || watch.log) return;
  watch.log = fopen(path, "we");
  if (!watch.log) {
    g_warning("%s cannot be written", path);
    return;
  }
  setvbuf(watch.log, NULL, _IOLBF, 0);
  watch.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  watch.start = g_get_monotonic_time();
  GMainContext *main = g_main_context_default();
  watch.poll = g_main_context_get_poll_func(main);
  g_main_context_set_poll_func(main, watched_poll);
}
