/* Times and rates as people write them, kept exact: a time is a number of frames or of nanoseconds, a rate is
 * a fraction. Pure functions. */
#pragma once

#include "app/core/gerr.h"

typedef struct {
  bool in_frames;
  gint64 value; /* frames, or nanoseconds */
} KlTime;

/* "6", "6s", "1.5", "500ms", "2m", "1:30", "1:02:03.5", "250f". Not negative, at most 1000 hours or 10^9
 * frames. KL_ERROR_USAGE. */
bool kl_time_parse(const char *text, KlTime *out, GError **error);
/* Frames at a rate of num/den a second, rounded to the nearest. */
gint64 kl_time_frames(KlTime t, int num, int den);
/* "250f" or "6.5"; a new string. */
char *kl_time_text(KlTime t);

/* "16", "12.5", "30000/1001"; 23.976, 29.97, 47.952, 59.94, 119.88 are the NTSC rates n * 1000/1001. > 0, at
 * most 1000. KL_ERROR_USAGE. */
bool kl_rate_parse(const char *text, int *num, int *den, GError **error);
/* "16", "29.97" (of the NTSC rates), "25/2": kl_rate_parse gives the same again. A new string. */
char *kl_rate_text(int num, int den);
/* "4G", "512M", "1.5GiB", "1000000": bytes, powers of 1024. KL_ERROR_USAGE. */
bool kl_bytes_parse(const char *text, guint64 *out, GError **error);
/* "7.1 GB" for people, with decimal prefixes as memory sellers and g_format_size count. A new string. */
char *kl_bytes_text(guint64 bytes);
/* "3 min 20 s", "12 s", "2 h 05 min". A new string. */
char *kl_seconds_text(double seconds);
