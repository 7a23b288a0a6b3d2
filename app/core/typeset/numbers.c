#include "app/core/typeset/numbers.h"

#include <math.h>
#include <string.h>

#define NARROW_SPACE "\u202f"
#define FIXED_SPACE "\u00a0"
#define SLIGHTLY 0.06 /* of a step, that a value may lie beyond the last mark */
#define MINUS "\u2212"

int kl_ticks(double low, double high, int most, double *first, double *step) {
  static const double steps[] = {1, 2, 5, 10};
  double raw = (high - low) / MAX(most, 1), power = pow(10, floor(log10(raw)));
  *step = 10 * power;
  for (int i = 3; i >= 0; i--)
    if (steps[i] * power >= raw * (1 - 1e-9)) *step = steps[i] * power;
  *first = floor(low / *step + SLIGHTLY) * *step;
  return (int)(ceil(high / *step - SLIGHTLY) - floor(low / *step + SLIGHTLY)) + 1;
}

bool kl_is_unit(const char *text) {
  static const char *const units[] = {"%",  "‰",  "٪",     "°C",   "°F",  "°",   "K",   "mg",   "g",    "kg",
                                      "t",  "mm", "cm",    "m",    "km",  "s",   "min", "h",    "l",    "ml",
                                      "W",  "kW", "MW",    "GW",   "Wh",  "kWh", "MWh", "TWh",  "Hz",   "dB",
                                      "$",  "€",  "£",     "¥",    "₹",   "₩",   "克",  "千克", "公里", "米",
                                      "吨", "度", "kg/m²", "km/h", "m/s", "ppm", NULL};
  return g_strv_contains(units, text);
}

int kl_decimals(const double *values, gsize n) {
  double most = 0;
  for (gsize i = 0; i < n; i++)
    if (isfinite(values[i])) most = MAX(most, fabs(values[i]));
  int limit = most >= 100 ? 1 : most >= 1 ? 2 : 3, d = 0;
  for (; d < limit; d++) {
    double unit = pow(10, -d);
    bool exact = true;
    for (gsize i = 0; i < n && exact; i++)
      if (isfinite(values[i]))
        exact = fabs(values[i] - round(values[i] / unit) * unit) < 1e-6 * MAX(most, 1e-3);
    if (exact) break;
  }
  return d;
}

typedef struct {
  const char *group, *point;
} Habit;

static Habit habit_of(const char *language) {
  static const struct {
    const char *languages;
    Habit habit;
  } habits[] = {{"de nl es it pt id tr da el", {".", ","}},
                {"fr", {NARROW_SPACE, ","}},
                {"pl cs sk ru uk bg sv nb no fi hu", {FIXED_SPACE, ","}}};
  if (!language) return (Habit){",", "."};
  g_autofree char *head = g_strndup(language, strcspn(language, "-_"));
  for (gsize i = 0; i < G_N_ELEMENTS(habits); i++) {
    g_auto(GStrv) names = g_strsplit(habits[i].languages, " ", -1);
    if (g_strv_contains((const char *const *)names, head)) return habits[i].habit;
  }
  return (Habit){",", "."};
}

static char *grouped(double value, int decimals, Habit h) {
  g_autofree char *plain = g_strdup_printf("%.*f", decimals, fabs(value));
  char *dot = strpbrk(plain, ".,");
  gsize whole = dot ? (gsize)(dot - plain) : strlen(plain);
  GString *s = g_string_new(NULL);
  bool zero = strspn(plain, "0.,") == strlen(plain);
  if (value < 0 && !zero) g_string_append(s, MINUS);
  for (gsize i = 0; i < whole; i++) {
    /* four digits stand together: years, and most counts */
    if (i && (whole - i) % 3 == 0 && whole > 4) g_string_append(s, h.group);
    g_string_append_c(s, plain[i]);
  }
  if (dot) g_string_append_printf(s, "%s%s", h.point, dot + 1);
  return g_string_free(s, FALSE);
}

char *kl_value_text(double value, int decimals, double highest, const char *unit, const char *language) {
  static const char *const before[] = {"$", "£", "¥", "€", "₹", "₩", "₿", NULL};
  bool chinese = language && (g_str_has_prefix(language, "zh") || g_str_has_prefix(language, "ja"));
  const char *scale = "";
  if (chinese && highest >= 1e8)
    value /= 1e8, highest /= 1e8, scale = "亿";
  else if (highest >= 1e9)
    value /= 1e9, highest /= 1e9, scale = FIXED_SPACE "bn";
  else if (highest >= 1e6)
    value /= 1e6, highest /= 1e6, scale = FIXED_SPACE "M";
  if (*scale) decimals = highest >= 100 ? 0 : 1;
  if (chinese && g_str_has_prefix(language, "ja") && !strcmp(scale, "亿")) scale = "億";
  g_autofree char *digits = grouped(value, decimals, habit_of(language));
  if (!unit || !*unit) return g_strconcat(digits, scale, NULL);
  if (g_strv_contains(before, unit)) {
    bool minus = g_str_has_prefix(digits, MINUS);
    return g_strconcat(minus ? MINUS : "", unit, digits + (minus ? strlen(MINUS) : 0), scale, NULL);
  }
  bool tight = !strcmp(unit, "%") || !strcmp(unit, "٪") || !strcmp(unit, "°") || !strcmp(unit, "×");
  bool spaced = habit_of(language).point[0] == ',' && !strcmp(unit, "%");
  return g_strconcat(digits, scale, tight && !spaced ? "" : FIXED_SPACE, unit, NULL);
}
