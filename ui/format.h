/* Numbers as people read them. Every result is a new string. Lengths of time:
 * kl_seconds_text (app/core/job_time.h). */
#pragma once

#include <glib.h>

/* A moment to the millisecond: "00:04.812", "1:02:03.500". */
char *kl_format_moment(double seconds);
/* When, in words while it is near: "Just now", "12 minutes ago", "Yesterday", "3 May 2025". Microseconds
 * since 1970. */
char *kl_format_when(gint64 time);
