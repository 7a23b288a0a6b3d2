#include "app/core/job_time.h"

#include <math.h>
#include <string.h>

#define NS G_GINT64_CONSTANT(1000000000)
#define MAX_SECONDS (1000 * 3600)
#define MAX_FRAMES G_GINT64_CONSTANT(1000000000)

/* A decimal "12.345" as nano-units; *end is what follows. At most 12 digits before the point. */
static bool decimal(const char *s, const char **end, gint64 *nano) {
  gint64 whole = 0, frac = 0, scale = NS;
  int digits = 0;
  while (g_ascii_isdigit(*s)) {
    if (++digits > 12) return false;
    whole = whole * 10 + (*s++ - '0');
  }
  if (whole > G_MAXINT64 / NS - 1) return false;
  if (*s == '.') {
    for (s++; g_ascii_isdigit(*s); s++) {
      digits++;
      if (scale > 1) {
        scale /= 10;
        frac += (*s - '0') * scale;
      }
    }
  }
  *end = s;
  *nano = whole * NS + frac;
  return digits > 0;
}

bool kl_time_parse(const char *text, KlTime *out, GError **error) {
  const char *s = text, *end = NULL;
  gint64 v = 0, total = 0;
  if (!decimal(s, &end, &v)) goto bad;
  if (!strcmp(end, "f")) {
    if (v % NS != 0 || v / NS > MAX_FRAMES) goto bad;
    *out = (KlTime){true, v / NS};
    return true;
  }
  if (*end == ':') {
    for (int parts = 1;; parts++) {
      if (parts > 3 || (*end == ':' && v % NS != 0) || (parts > 1 && v >= 60 * NS)) goto bad;
      if (v > MAX_SECONDS * NS) goto bad;
      total = total * 60 + v;
      if (total > MAX_SECONDS * NS) goto long_time;
      if (*end != ':') break;
      s = end + 1;
      if (!decimal(s, &end, &v)) goto bad;
    }
    if (*end && strcmp(end, "s")) goto bad;
  } else {
    double unit = !strcmp(end, "") || !strcmp(end, "s")      ? 1
                  : !strcmp(end, "ms")                       ? 1e-3
                  : !strcmp(end, "m") || !strcmp(end, "min") ? 60
                  : !strcmp(end, "h")                        ? 3600
                                                             : 0;
    if (unit == 0) goto bad;
    if ((double)v * unit > (double)MAX_SECONDS * NS) goto long_time;
    total = unit == 1e-3 ? v / 1000 : v * (gint64)unit;
  }
  *out = (KlTime){false, total};
  return true;
long_time:
  return kl_gfail(error, KL_ERROR_USAGE, "'%s' is too long: at most 1000 hours", text);
bad:
  return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a time: write 6s, 1.5, 1:30 or 250f", text);
}

gint64 kl_time_frames(KlTime t, int num, int den) {
  if (t.in_frames) return t.value;
  __extension__ typedef __int128 Wide;
  Wide div = (Wide)den * NS, x = (Wide)t.value * num;
  return (gint64)((x + div / 2) / div);
}

char *kl_time_text(KlTime t) {
  if (t.in_frames) return g_strdup_printf("%" G_GINT64_FORMAT "f", t.value);
  char *s = g_strdup_printf("%" G_GINT64_FORMAT ".%09" G_GINT64_FORMAT, t.value / NS, t.value % NS);
  size_t n = strlen(s);
  while (s[n - 1] == '0') s[--n] = 0;
  if (s[n - 1] == '.') s[--n] = 0;
  return s;
}

char *kl_rate_text(int num, int den) {
  if (den == 1) return g_strdup_printf("%d", num);
  if (den != 1001) return g_strdup_printf("%d/%d", num, den);
  char buf[G_ASCII_DTOSTR_BUF_SIZE];
  int n = 0, d = 0;
  g_ascii_formatd(buf, sizeof buf, "%.5g", num / 1001.0);
  if (kl_rate_parse(buf, &n, &d, NULL) && n == num && d == den) return g_strdup(buf);
  return g_strdup_printf("%d/%d", num, den);
}

bool kl_rate_parse(const char *text, int *num, int *den, GError **error) {
  const char *end = NULL;
  gint64 v = 0, d = 0, n = 0;
  if (!decimal(text, &end, &v) || v <= 0) goto bad;
  if (*end == '/') {
    const char *rest = end + 1;
    if (v % NS || !decimal(rest, &end, &d) || *end || d % NS || d <= 0) goto bad;
    n = v / NS;
    d /= NS;
  } else if (*end) {
    goto bad;
  } else {
    static const int ntsc[] = {24, 30, 48, 60, 120};
    n = v / (NS / 1000000); /* millionths of a frame */
    d = 1000000;
    for (size_t i = 0; i < G_N_ELEMENTS(ntsc); i++) {
      double exact = ntsc[i] * 1000.0 / 1001.0, x = (double)v / (double)NS;
      if (fabs(x - exact) < 0.006 && v % NS != 0) {
        n = ntsc[i] * 1000;
        d = 1001;
      }
    }
  }
  for (gint64 a = n, b = d; b;) { /* the greatest common divisor ends in a */
    gint64 r = a % b;
    a = b;
    b = r;
    if (!b) {
      n /= a;
      d /= a;
    }
  }
  if (n > 1000 * d || n > G_MAXINT || d > 1000000 || n < 1) goto bad;
  *num = (int)n;
  *den = (int)d;
  return true;
bad:
  return kl_gfail(error, KL_ERROR_USAGE,
                  "'%.60s' is not a frame rate: write 16, 29.97 or 30000/1001 (at most 1000)", text);
}

bool kl_bytes_parse(const char *text, guint64 *out, GError **error) {
  static const char units[] = "kmgt";
  const char *end = NULL;
  gint64 v = 0;
  if (!decimal(text, &end, &v)) goto bad;
  double x = (double)v / (double)NS;
  const char *u = *end ? strchr(units, g_ascii_tolower(*end)) : NULL;
  if (u) {
    x *= pow(1024, (double)(u - units + 1));
    end++;
    if (*end == 'i') end++;
  }
  if (g_ascii_tolower(*end) == 'b') end++;
  if (*end || x < 1 || x > 1e15) goto bad;
  *out = (guint64)x;
  return true;
bad:
  return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not an amount of memory: write 4G or 512M", text);
}

char *kl_bytes_text(guint64 bytes) {
  double b = (double)bytes;
  if (b >= 1e9) return g_strdup_printf("%.1f GB", b / 1e9);
  if (b >= 1e6) return g_strdup_printf("%.0f MB", b / 1e6);
  return g_strdup_printf("%.0f kB", ceil(b / 1e3));
}

char *kl_seconds_text(double s) {
  if (!(s >= 0)) return g_strdup("unknown");
  if (s < 9.95) return g_strdup_printf("%.1f s", s);
  gint64 n = (gint64)(s + 0.5);
  if (n < 60) return g_strdup_printf("%d s", (int)n);
  if (n < 3600) return g_strdup_printf("%d min %02d s", (int)(n / 60), (int)(n % 60));
  return g_strdup_printf("%" G_GINT64_FORMAT " h %02d min", n / 3600, (int)(n % 3600 / 60));
}
