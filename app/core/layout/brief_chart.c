/* Data of charts: from CSV, and what kind of chart they want. */
#include "app/core/layout/brief_internal.h"

#include <math.h>
#include <string.h>

static const char *const kinds[] = {"auto", "bar", "line", "area", "pie", "timeline"};

const char *kl_chart_kind_name(KlChartKind kind) {
  return kinds[kind];
}

int kl_chart_kind(const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (!strcmp(kinds[i], name)) return (int)i;
  return -1;
}

void kl_chart_free(KlChart *c) {
  if (!c) return;
  g_free(c->title);
  g_free(c->unit);
  g_strfreev(c->labels);
  g_strfreev(c->names);
  g_strfreev(c->texts);
  g_free(c->values);
  g_free(c);
}

char *kl_number_text(double v) {
  char buf[G_ASCII_DTOSTR_BUF_SIZE];
  for (int digits = 6; digits < 17; digits += 3) {
    char format[8];
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    if (g_ascii_strtod(g_ascii_formatd(buf, sizeof buf, format, v), NULL) == v) return g_strdup(buf);
  }
  return g_strdup(g_ascii_formatd(buf, sizeof buf, "%.17g", v));
}

/* ---- CSV ---- */

/* Rows of cells; a blank line is no row. */
static GPtrArray *csv_rows(const char *csv) {
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev), *row = NULL;
  const char *eol = strpbrk(csv, "\r\n");
  g_autofree char *first = eol ? g_strndup(csv, (gsize)(eol - csv)) : g_strdup(csv);
  char sep = strchr(first, '\t') ? '\t' : strchr(first, ';') ? ';' : ',';
  for (const char *p = csv; *p;) {
    GString *cell = g_string_new(NULL);
    while (*p == ' ') p++;
    if (*p == '"') {
      for (p++; *p && !(*p == '"' && p[1] != '"'); p++) {
        if (*p == '"') p++;
        g_string_append_c(cell, *p);
      }
      if (*p) p++;
    }
    for (; *p && *p != sep && *p != '\n' && *p != '\r'; p++) g_string_append_c(cell, *p);
    char *text = kl_brief_clean(cell->str, cell->len, false);
    g_string_free(cell, TRUE);
    if (!row) row = g_ptr_array_new();
    g_ptr_array_add(row, text ? text : g_strdup(""));
    if (*p == sep) {
      p++;
      if (*p && *p != '\n' && *p != '\r') continue;
      g_ptr_array_add(row, g_strdup(""));
    }
    bool blank = row->len == 1 && !*(char *)row->pdata[0];
    g_ptr_array_add(row, NULL);
    char **cells = (char **)g_ptr_array_free(row, FALSE);
    row = NULL;
    if (blank)
      g_strfreev(cells);
    else
      g_ptr_array_add(rows, cells);
    while (*p == '\n' || *p == '\r') p++;
  }
  return rows;
}

static const char *const money[] = {"$", "€", "£", "¥", "₹"};

/* "1,234.5", "42 %", "$ 3", "-7": the number; *unit gets what stands around it. NaN: not a number. */
static double number(const char *cell, char **unit) {
  const char *p = cell;
  for (guint i = 0; i < G_N_ELEMENTS(money); i++)
    if (g_str_has_prefix(p, money[i])) {
      p += strlen(money[i]);
      if (unit && !*unit) *unit = g_strdup(money[i]);
    }
  while (*p == ' ') p++;
  g_autofree char *plain = g_strdup(p);
  char *to = plain, *end;
  for (const char *from = plain; *from;
       from++) /* thousands: a comma between a digit and exactly three more */
    if (!(*from == ',' && from > plain && g_ascii_isdigit(from[-1]) && g_ascii_isdigit(from[1]) &&
          g_ascii_isdigit(from[2]) && g_ascii_isdigit(from[3]) && !g_ascii_isdigit(from[4])))
      *to++ = *from;
  *to = 0;
  if (!g_ascii_isdigit(*plain) && !strchr("+-.", *plain)) return NAN;
  double v = g_ascii_strtod(plain, &end);
  if (end == plain || !isfinite(v)) return NAN;
  while (*end == ' ') end++;
  if (*end && strcmp(end, "%")) return NAN;
  if (*end && unit && !*unit) *unit = g_strdup("%");
  return v;
}

/* What stands for a value that is missing. */
static bool no_value(const char *cell) {
  static const char *const names[] = {"nan",  "inf",  "-inf", "infinity", "na", "n/a",
                                      "null", "none", "-",    "–",        "?",  NULL};
  g_autofree char *low = g_ascii_strdown(cell, -1);
  return g_strv_contains(names, low);
}

static bool all_words(GPtrArray *rows) {
  for (guint i = 0; i < rows->len; i++) {
    char **r = rows->pdata[i];
    if (g_strv_length(r) != 2 || !*r[1] || no_value(r[1]) || !isnan(number(r[1], NULL))) return false;
  }
  return true;
}

static KlChart *timeline(GPtrArray *rows) {
  KlChart *c = g_new0(KlChart, 1);
  c->kind = KL_CHART_TIMELINE;
  c->rows = rows->len;
  c->labels = g_new0(char *, rows->len + 1);
  c->texts = g_new0(char *, rows->len + 1);
  c->names = g_new0(char *, 1);
  for (guint i = 0; i < rows->len; i++) {
    char **r = rows->pdata[i];
    c->labels[i] = g_strdup(r[0]);
    c->texts[i] = g_strjoinv(" ", r + 1);
  }
  return c;
}

KlChart *kl_chart_from_csv(KlBriefReader *r, const char *id, KlChartKind kind, const char *csv,
                           GError **error) {
  g_autoptr(GPtrArray) rows = csv_rows(csv);
  guint columns = 0, bad = 0;
  g_autofree char *example = NULL;
  for (guint i = 0; i < rows->len; i++) columns = MAX(columns, g_strv_length(rows->pdata[i]));
  if (!rows->len || columns < 2) {
    kl_brief_wrong(r, error, "%s: the data are not a table: at least a label and a value in each row", id);
    return NULL;
  }
  if ((guint64)rows->len * columns > KL_CHART_CELLS_MAX) {
    kl_brief_wrong(r, error, "%s: %u x %u values are more than a chart can show (%d)", id, rows->len,
                   columns - 1, KL_CHART_CELLS_MAX);
    return NULL;
  }
  if (kind == KL_CHART_TIMELINE || (kind == KL_CHART_AUTO && all_words(rows))) return timeline(rows);
  char **head = rows->pdata[0];
  bool has_head = true;
  for (guint k = 1; head[k - 1] && head[k]; k++) has_head &= isnan(number(head[k], NULL));
  if (rows->len < 2) has_head = false;
  KlChart *c = g_new0(KlChart, 1);
  c->kind = kind;
  c->series = columns - 1;
  c->rows = rows->len - has_head;
  c->labels = g_new0(char *, c->rows + 1);
  c->names = g_new0(char *, c->series + 1);
  c->values = g_new(double, (gsize)c->rows * c->series);
  guint head_n = g_strv_length(head);
  for (guint k = 0; k < c->series; k++) c->names[k] = g_strdup(has_head && k + 1 < head_n ? head[k + 1] : "");
  for (guint i = 0; i < c->rows; i++) {
    char **cells = rows->pdata[i + has_head];
    guint n = g_strv_length(cells);
    c->labels[i] = g_strdup(cells[0]);
    for (guint k = 0; k < c->series; k++) {
      const char *cell = k + 1 < n ? cells[k + 1] : "";
      double v = number(cell, &c->unit);
      if (isnan(v) && !bad++) example = g_strdup(*cell ? cell : "(empty)");
      c->values[i * c->series + k] = v;
    }
  }
  if (bad)
    kl_brief_note(r->b, "%s: %u value%s not a number (%.40s) and %s left out", id, bad,
                  bad == 1 ? " is" : "s are", example, bad == 1 ? "is" : "are");
  return c;
}

/* ---- kind ---- */

static bool looks_like_time(const char *label) {
  static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
                                       "sep", "oct", "nov", "dec", "q1",  "q2",  "q3",  "q4"};
  const char *p = label;
  while (g_ascii_isdigit(*p)) p++;
  if (p - label == 4) return true; /* 1999, 2024-05 */
  g_autofree char *low = g_ascii_strdown(label, 3);
  for (guint i = 0; i < G_N_ELEMENTS(months); i++)
    if (g_str_has_prefix(low, months[i])) return true;
  return false;
}

static KlChartKind best_kind(const KlChart *c) {
  bool time = c->rows >= 4, shares = c->series == 1 && c->rows >= 2 && c->rows <= 6;
  double sum = 0;
  for (guint i = 0; i < c->rows; i++) {
    time &= looks_like_time(c->labels[i]);
    double v = c->values[i * c->series];
    shares &= v > 0;
    sum += v;
  }
  if (time) return KL_CHART_LINE;
  return shares && fabs(sum - 100) < 1 ? KL_CHART_PIE : KL_CHART_BAR;
}

bool kl_chart_settle(KlBriefReader *r, KlBriefItem *item, GError **error) {
  KlChart *c = item->chart;
  guint finite = 0, negative = 0;
  gsize last = 0;
  if (c->kind == KL_CHART_TIMELINE) return true;
  for (gsize i = 0; i < (gsize)c->rows * c->series; i++)
    if (isfinite(c->values[i])) {
      finite++;
      negative += c->values[i] < 0;
      last = i;
    }
  if (!finite)
    return kl_brief_wrong(r, error, "%s: none of its values is a number: there is nothing to draw", item->id);
  if (finite == 1) { /* a chart of one bar says less than the number itself */
    g_autofree char *v = kl_number_text(c->values[last]);
    bool before = false;
    for (guint i = 0; i < G_N_ELEMENTS(money) && c->unit; i++) before |= !strcmp(c->unit, money[i]);
    item->text = before ? g_strconcat(c->unit, v, NULL) : g_strconcat(v, c->unit ? " " : NULL, c->unit, NULL);
    const char *label = c->labels[last / c->series], *name = c->names[last % c->series];
    item->label = g_strdup(*label ? label : *name ? name : c->title);
    item->type = KL_EL_NUMBER;
    kl_brief_note(r->b, "%s has one value only and is shown as a big number", item->id);
    kl_chart_free(g_steal_pointer(&item->chart));
    return true;
  }
  if (c->kind == KL_CHART_AUTO) c->kind = best_kind(c);
  if (c->kind == KL_CHART_PIE && (negative || c->series > 1)) {
    kl_brief_note(r->b, "%s: a pie cannot show %s; bars show it", item->id,
                  negative ? "values below zero" : "several series");
    c->kind = KL_CHART_BAR;
  }
  return true;
}
