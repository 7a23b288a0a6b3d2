#include "ui/format.h"

#include "ui/i18n.h"

#include <math.h>

char *kl_format_moment(double seconds) {
  gint64 ms = (gint64)llround(MAX(seconds, 0) * 1000), s = ms / 1000;
  if (s < 3600) return g_strdup_printf("%02d:%02d.%03d", (int)(s / 60), (int)(s % 60), (int)(ms % 1000));
  return g_strdup_printf("%" G_GINT64_FORMAT ":%02d:%02d.%03d", s / 3600, (int)(s / 60 % 60), (int)(s % 60),
                         (int)(ms % 1000));
}

char *kl_format_when(gint64 time) {
  gint64 s = (g_get_real_time() - time) / G_USEC_PER_SEC;
  if (s < 60) return g_strdup(_("Just now"));
  if (s < 3600) {
    int min = (int)(s / 60);
    return g_strdup_printf(ngettext("%d minute ago", "%d minutes ago", (gulong)min), min);
  }
  g_autoptr(GDateTime) then = g_date_time_new_from_unix_local(time / G_USEC_PER_SEC);
  g_autoptr(GDateTime) now = g_date_time_new_now_local();
  if (!then) return g_strdup("");
  g_autoptr(GDateTime) yesterday = g_date_time_add_days(now, -1);
  int y, m, d, ty, tm, td;
  g_date_time_get_ymd(then, &y, &m, &d);
  g_date_time_get_ymd(now, &ty, &tm, &td);
  /* Translators: a time of today, as strftime */
  if (y == ty && m == tm && d == td) return g_date_time_format(then, _("Today, %H:%M"));
  g_date_time_get_ymd(yesterday, &ty, &tm, &td);
  if (y == ty && m == tm && d == td) return g_date_time_format(then, _("Yesterday, %H:%M"));
  /* Translators: a date, as strftime */
  return g_date_time_format(then, _("%-e %B %Y"));
}
