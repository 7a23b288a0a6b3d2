/* A brief as Markdown: what a person would write anyway.
 *
 *   ---                          settings: canvas, palette, font_heading, font_body, density, language,
 *   canvas: square               direction, background (a prompt or a file)
 *   ---
 *   # Title                      the paragraph right below it is the subtitle
 *   ## Heading                   begins a section
 *   words                        a paragraph: body text
 *   **42 %** of all households   a paragraph that begins with a bold number: a big number and its label
 *   - entry, 1. entry            lists
 *   > words / > -- who           a quote
 *   ![a fox in snow](fox.png)    a picture: its prompt, and a subject to be shown; either may be absent
 *   :sun:                        an icon
 *   ```chart bar Title           a chart: kind and title, CSV (or file: NAME) up to the closing fence
 *   | a | b |                    a table: a chart too
 * Bold, italics, code and links lose their marks; HTML is text. */
#include "app/core/gerr.h"
#include "app/core/layout/brief_internal.h"

#include <string.h>

typedef struct {
  KlBriefReader r;
  char **lines;
  GString *para; /* an open paragraph */
  char *background;
  bool just_titled;
} Md;

/* ---- marks inside a line ---- */

/* Removes marks that come in pairs: **x**, __x__, *x*, `x`, [x](y) keeps x; "\*" is "*". Others stay. */
static char *plain(const char *s) {
  GString *out = g_string_new(NULL);
  static const char *const marks[] = {"**", "__", "*", "`"};
  while (*s) {
    bool taken = false;
    if (*s == '\\' && s[1] && g_ascii_ispunct(s[1])) {
      g_string_append_c(out, s[1]);
      s += 2;
      continue;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(marks) && !taken; i++) {
      gsize n = strlen(marks[i]);
      if (strncmp(s, marks[i], n) || !s[n] || g_ascii_isspace(s[n])) continue;
      const char *end = strstr(s + n, marks[i]);
      if (!end || end == s + n || g_ascii_isspace(end[-1])) continue;
      g_autofree char *inner = g_strndup(s + n, (gsize)(end - s) - n),
                      *done = i < 3 ? plain(inner) : g_strdup(inner);
      g_string_append(out, done);
      s = end + n;
      taken = true;
    }
    if (!taken && *s == '[') {
      const char *close = strchr(s, ']'), *end = close && close[1] == '(' ? strchr(close, ')') : NULL;
      if (end) {
        g_string_append_len(out, s + 1, close - s - 1);
        s = end + 1;
        taken = true;
      }
    }
    if (!taken) g_string_append_c(out, *s++);
  }
  return g_string_free(out, FALSE);
}

static char *words(const char *s, bool lines) {
  g_autofree char *p = plain(s);
  return kl_brief_clean(p, strlen(p), lines);
}

/* ---- blocks ---- */

static void add_text(Md *m, KlElementType type, const char *text) {
  g_autofree char *t = words(text, type == KL_EL_BODY);
  if (t) kl_brief_add(&m->r, type, NULL)->text = g_steal_pointer(&t);
}

/* "**42 %** of all households": true when taken. */
static bool take_number(Md *m, const char *p) {
  const char *end = g_str_has_prefix(p, "**") ? strstr(p + 2, "**") : NULL;
  if (!end || end - p > 26) return false;
  g_autofree char *raw = g_strndup(p + 2, (gsize)(end - p) - 2), *value = words(raw, false),
                  *label = words(end + 2, false);
  bool digit = value && strpbrk(value, "0123456789") && g_utf8_strlen(value, -1) <= 12;
  for (const char *c = value; !digit && c && *c; c = g_utf8_next_char(c))
    digit = g_unichar_isdigit(g_utf8_get_char(c));
  if (!digit) return false;
  KlBriefItem *i = kl_brief_add(&m->r, KL_EL_NUMBER, NULL);
  i->text = g_steal_pointer(&value);
  i->label = g_steal_pointer(&label);
  return true;
}

static void end_paragraph(Md *m) {
  if (!m->para->len) return;
  if (m->just_titled)
    add_text(m, KL_EL_SUBTITLE, m->para->str);
  else if (!take_number(m, m->para->str))
    add_text(m, KL_EL_BODY, m->para->str);
  m->just_titled = false;
  g_string_truncate(m->para, 0);
}

static bool is_rule(const char *line) {
  gsize n = strspn(line, "-*_ ");
  return !line[n] && n >= 3;
}

/* Where the text of "- x", "* x", "+ x", "12. x" or "12) x" begins; NULL: no entry. */
static const char *entry(const char *line, bool *ordered) {
  gsize digits = strspn(line, "0123456789");
  *ordered = digits > 0;
  if (digits && digits < 5 && (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ')
    return line + digits + 2;
  return strchr("-*+", *line) && *line && line[1] == ' ' ? line + 2 : NULL;
}

static gsize take_list(Md *m, gsize at) {
  bool ordered = false, first = false;
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();
  GString *open = g_string_new(NULL);
  guint n = 0;
  gsize i = at;
  entry(g_strchug(m->lines[at]), &first);
  for (; m->lines[i]; i++) {
    const char *line = g_strchug(m->lines[i]), *text = entry(line, &ordered);
    if (!text && (!*line || !open->len || *line == '#')) break;
    if (text && open->len) {
      g_autofree char *t = words(open->str, false);
      if (t && ++n) g_strv_builder_add(list, t);
      g_string_truncate(open, 0);
    }
    g_string_append_printf(open, "%s%s", open->len ? " " : "", text ? text : line);
  }
  g_autofree char *t = words(open->str, false);
  if (t && ++n) g_strv_builder_add(list, t);
  g_string_free(open, TRUE);
  if (n) {
    KlBriefItem *item = kl_brief_add(&m->r, KL_EL_LIST, NULL);
    item->list = g_strv_builder_end(list);
    item->ordered = first;
  }
  return i;
}

static gsize take_quote(Md *m, gsize at) {
  GString *s = g_string_new(NULL);
  g_autofree char *by = NULL;
  gsize i = at;
  for (; m->lines[i] && *g_strchug(m->lines[i]) == '>'; i++) {
    const char *line = m->lines[i] + 1;
    while (*line == ' ') line++;
    static const char *const dashes[] = {"— ", "– ", "-- "};
    const char *who = NULL;
    for (gsize k = 0; k < G_N_ELEMENTS(dashes); k++)
      if (g_str_has_prefix(line, dashes[k])) who = line + strlen(dashes[k]);
    if (who) {
      g_free(by);
      by = words(who, false);
    } else {
      g_string_append_printf(s, "%s%s", s->len ? (*line ? " " : "\n") : "", line);
    }
  }
  g_autofree char *text = words(s->str, true);
  g_string_free(s, TRUE);
  if (text) {
    KlBriefItem *item = kl_brief_add(&m->r, KL_EL_QUOTE, NULL);
    item->text = g_steal_pointer(&text);
    item->label = g_steal_pointer(&by);
  }
  return i;
}

/* "![prompt](file)": 1 taken, 0 not a picture, -1 error. */
static int take_picture(Md *m, const char *line, GError **error) {
  const char *close = g_str_has_prefix(line, "![") ? strstr(line, "](") : NULL;
  const char *end = close ? strrchr(close, ')') : NULL;
  if (!end || end[1]) return 0;
  g_autofree char *raw = g_strndup(line + 2, (gsize)(close - line) - 2),
                  *file = g_strndup(close + 2, (gsize)(end - close) - 2);
  char *prompt = words(raw, false);
  g_strstrip(file);
  if (!prompt && !*file) return 1;
  KlBriefItem *item = kl_brief_add(&m->r, KL_EL_PICTURE, NULL);
  item->text = prompt;
  return !*file || kl_brief_image(&m->r, item, file, error) ? 1 : -1;
}

static bool take_icon(Md *m, const char *line) {
  gsize n = strlen(line);
  if (n < 3 || line[0] != ':' || line[n - 1] != ':') return false;
  g_autofree char *name = g_strndup(line + 1, n - 2);
  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum(*p) && !strchr("-_ ", *p)) return false;
  add_text(m, KL_EL_ICON, name);
  return true;
}

static bool add_chart(Md *m, KlChartKind kind, const char *title, const char *csv, GError **error) {
  KlBriefItem *item = kl_brief_add(&m->r, KL_EL_CHART, NULL);
  item->chart = kl_chart_from_csv(&m->r, item->id, kind, csv, error);
  if (item->chart && title) item->chart->title = words(title, false);
  return item->chart != NULL;
}

/* "```chart [kind] [title]" up to "```". Any other fenced block is body text. 0: error. */
static gsize take_fence(Md *m, gsize at, GError **error) {
  const char *head = m->lines[at] + 3;
  GString *s = g_string_new(NULL);
  gsize i = at + 1;
  bool ok = true;
  for (; m->lines[i] && !g_str_has_prefix(m->lines[i], "```"); i++)
    g_string_append_printf(s, "%s%s", s->len ? "\n" : "", m->lines[i]);
  if (g_str_has_prefix(head, "chart") && (!head[5] || head[5] == ' ')) {
    g_auto(GStrv) parts = g_strsplit(g_strstrip((char *)head + 5), " ", 2);
    int kind = parts[0] ? kl_chart_kind(parts[0]) : KL_CHART_AUTO;
    const char *title = kind < 0 ? head + 5 : parts[0] && parts[1] ? parts[1] : NULL;
    g_autofree char *csv = NULL;
    if (g_str_has_prefix(s->str, "file:"))
      csv = kl_brief_csv_file(&m->r, "a chart", g_strstrip(s->str + 5), error);
    else
      csv = g_strdup(s->str);
    ok = csv && add_chart(m, kind < 0 ? KL_CHART_AUTO : (KlChartKind)kind, title, csv, error);
  } else {
    char *text = kl_brief_clean(s->str, s->len, true);
    if (text) kl_brief_add(&m->r, KL_EL_BODY, NULL)->text = text;
  }
  g_string_free(s, TRUE);
  return ok ? i + (m->lines[i] != NULL) : 0;
}

static gsize take_table(Md *m, gsize at, GError **error) {
  GString *s = g_string_new(NULL);
  gsize i = at;
  for (; m->lines[i] && *g_strchug(m->lines[i]) == '|'; i++) {
    char *line = g_strchomp(m->lines[i]);
    if (!line[strspn(line, "|:- ")]) continue; /* the rule under the head */
    gsize n = strlen(line);
    if (n > 1 && line[n - 1] == '|') line[n - 1] = 0;
    g_auto(GStrv) cells = g_strsplit(line + 1, "|", -1);
    for (char **c = cells; *c; c++) {
      g_autofree char *text = words(*c, false);
      g_auto(GStrv) parts = g_strsplit(text ? text : "", "\"", -1);
      g_autofree char *quoted = g_strjoinv("\"\"", parts);
      g_string_append_printf(s, "%s\"%s\"", c > cells ? "," : "", quoted);
    }
    g_string_append_c(s, '\n');
  }
  bool ok = !s->len || add_chart(m, KL_CHART_AUTO, NULL, s->str, error);
  g_string_free(s, TRUE);
  return ok ? i : 0;
}

/* "# x": its level, *text what follows. 0: no heading. */
static int heading(const char *line, const char **text) {
  int level = (int)strspn(line, "#");
  if (!level || level > 6 || (line[level] && line[level] != ' ')) return 0;
  *text = line + level;
  return level;
}

/* The settings between the two "---"; the line after them, 0: error. */
static gsize take_front_matter(Md *m, GError **error) {
  static const char *const keys[] = {"canvas",  "palette",  "font_heading", "font_body",
                                     "density", "language", "direction",    NULL};
  gsize i = 1;
  for (; m->lines[i] && strcmp(g_strstrip(m->lines[i]), "---"); i++) {
    if (!*m->lines[i]) continue;
    g_auto(GStrv) pair = g_strsplit(m->lines[i], ":", 2);
    if (!pair[1]) {
      kl_brief_wrong(&m->r, error, "line %zu of the settings is not KEY: VALUE", i + 1);
      return 0;
    }
    const char *key = g_strstrip(pair[0]), *value = g_strstrip(pair[1]);
    if (!strcmp(key, "background")) {
      g_free(m->background);
      m->background = g_strdup(value);
    } else if (!g_strv_contains(keys, key)) {
      kl_brief_note(m->r.b, "\"%.60s\" is no setting and is left out", key);
    } else if (!kl_brief_setting(&m->r, key, value, error)) {
      return 0;
    }
  }
  return m->lines[i] ? i + 1 : i;
}

/* A file where it looks like the name of one, else a prompt. */
static bool add_background(Md *m, GError **error) {
  const char *value = m->background, *dot = value ? strrchr(value, '.') : NULL;
  if (!value || !*value) return true;
  KlBriefItem *item = kl_brief_add(&m->r, KL_EL_BACKGROUND, NULL);
  if (dot && strlen(dot) <= 5 && !strchr(dot, ' ')) return kl_brief_image(&m->r, item, value, error);
  item->text = words(value, false);
  return true;
}

static bool blocks(Md *m, gsize i, GError **error) {
  bool titled = false, ordered = false;
  while (m->lines[i]) {
    char *line = g_strstrip(m->lines[i]);
    const char *text = NULL;
    int level = heading(line, &text), got;
    /* within a paragraph a number begins a list only if it is the first: "in\n1984. That year" is no list */
    bool listed =
        entry(line, &ordered) && (!m->para->len || !ordered || g_ascii_strtoull(line, NULL, 10) == 1);
    bool block = level || *line == '>' || *line == '|' || *line == ':' || g_str_has_prefix(line, "```") ||
                 g_str_has_prefix(line, "![") || is_rule(line) || listed;
    if (block || !*line) end_paragraph(m);
    if (block) m->just_titled = false;
    if (*line && !kl_brief_room(&m->r, error)) return false;
    if (!*line || (is_rule(line) && !m->para->len)) {
      i++;
    } else if (level == 1 && !titled && m->r.b->sections->len == 0) {
      add_text(m, KL_EL_TITLE, text);
      titled = m->just_titled = true;
      i++;
    } else if (level) {
      kl_brief_section(&m->r, NULL);
      add_text(m, KL_EL_HEADING, text);
      i++;
    } else if (*line == '>') {
      i = take_quote(m, i);
    } else if (*line == '|') {
      if (!(i = take_table(m, i, error))) return false;
    } else if (g_str_has_prefix(line, "```")) {
      if (!(i = take_fence(m, i, error))) return false;
    } else if (listed) {
      i = take_list(m, i);
    } else if ((got = take_picture(m, line, error))) {
      if (got < 0) return false;
      i++;
    } else if (!m->para->len && take_icon(m, line)) {
      i++;
    } else {
      g_string_append_printf(m->para, "%s%s", m->para->len ? " " : "", line);
      i++;
    }
  }
  end_paragraph(m);
  return true;
}

KlBrief *kl_brief_parse_markdown(const char *text, gsize n, const char *where, const char *folder,
                                 GError **error) {
  Md m = {.para = g_string_new(NULL)};
  const char *end;
  if (!g_utf8_validate(text, (gssize)n, &end)) {
    kl_gfail(error, KL_ERROR_INPUT, "%s: not valid UTF-8 (byte %zu)", where, (size_t)(end - text) + 1);
    g_string_free(m.para, TRUE);
    return NULL;
  }
  g_autofree char *copy = g_strndup(text, n);
  for (char *p = copy; *p; p++) /* CRLF and CR end lines too */
    if (*p == '\r') *p = p[1] == '\n' ? ' ' : '\n';
  m.lines = g_strsplit(copy, "\n", -1);
  kl_brief_reader_init(&m.r, where, folder);
  bool settings = m.lines[0] && !strcmp(g_strchomp(m.lines[0]), "---");
  gsize front = settings ? take_front_matter(&m, error) : 0;
  bool ok = (front || !settings) && blocks(&m, front, error) && add_background(&m, error);
  g_strfreev(m.lines);
  g_free(m.background);
  g_string_free(m.para, TRUE);
  return kl_brief_finish(&m.r, ok, error);
}
