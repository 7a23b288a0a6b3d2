/* Numbers as people read them. Every result is a new string. */
#pragma once

#include <glib.h>

/* A moment to the millisecond: "00:04.812", "1:02:03.500". */
char *kl_format_moment(double seconds);
/* About how long: "9 s", "2 min", "1 h 5 min". */
char *kl_format_duration(double seconds);
/* When, in words while it is near: "Just now", "12 minutes ago", "Yesterday", "3 May 2025". Microseconds
 * since 1970. */
char *kl_format_when(gint64 time);
