/* Log lines for people, on stderr by default. Never results. Thread-safe. */
#pragma once

typedef enum { KL_LOG_DEBUG, KL_LOG_INFO, KL_LOG_WARN } KlLogLevel;

void kl_log(KlLogLevel level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sends the lines (without a newline) elsewhere; NULL restores stderr. Lines below `least` are dropped
 * (default KL_LOG_INFO; environment KL_LOG=debug|info|warn sets it at first use). */
void kl_log_to(void (*fn)(void *user, KlLogLevel level, const char *line), void *user);
void kl_log_level(KlLogLevel least);
