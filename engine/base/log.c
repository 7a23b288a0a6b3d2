#include "engine/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink)(void *, KlLogLevel, const char *);
static void *sink_user;
static int least = -1;

static int level_now(void) {
  if (least < 0) {
    const char *e = getenv("KL_LOG");
    least = e && !strcmp(e, "debug") ? KL_LOG_DEBUG : e && !strcmp(e, "warn") ? KL_LOG_WARN : KL_LOG_INFO;
  }
  return least;
}

void kl_log(KlLogLevel level, const char *fmt, ...) {
  char line[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  pthread_mutex_lock(&lock);
  if ((int)level >= level_now()) {
    if (sink)
      sink(sink_user, level, line);
    else
      fprintf(stderr, "kinoloom: %s%s\n", level == KL_LOG_WARN ? "warning: " : "", line);
  }
  pthread_mutex_unlock(&lock);
}

void kl_log_to(void (*fn)(void *, KlLogLevel, const char *), void *user) {
  pthread_mutex_lock(&lock);
  sink = fn;
  sink_user = user;
  pthread_mutex_unlock(&lock);
}

void kl_log_level(KlLogLevel l) {
  pthread_mutex_lock(&lock);
  least = l;
  pthread_mutex_unlock(&lock);
}
