#include "app/core/typeset/fonts.h"

#include <string.h>

struct KlFonts {
  char *heading, *body; /* lists for Pango */
  char *language;
  int heavy; /* weight of headings */
};

/* Pairs of our choice, best first: the first whose both fonts are installed is taken. */
static const struct {
  const char *heading, *body;
  int heavy;
} pairs[] = {
    {"Inter", "Inter", 800},         {"Lato", "Lato", 900},           {"Noto Sans", "Noto Sans", 700},
    {"Open Sans", "Open Sans", 700}, {"Cantarell", "Cantarell", 800}, {"DejaVu Sans", "DejaVu Sans", 700},
};

static bool has_script(const char *text, bool (*is)(GUnicodeScript)) {
  for (const char *p = text; p && *p; p = g_utf8_next_char(p))
    if (is(g_unichar_get_script(g_utf8_get_char(p)))) return true;
  return false;
}

static bool is_cjk(GUnicodeScript s) {
  return s == G_UNICODE_SCRIPT_HAN || s == G_UNICODE_SCRIPT_HIRAGANA || s == G_UNICODE_SCRIPT_KATAKANA ||
         s == G_UNICODE_SCRIPT_HANGUL || s == G_UNICODE_SCRIPT_BOPOMOFO;
}
static bool is_kana(GUnicodeScript s) {
  return s == G_UNICODE_SCRIPT_HIRAGANA || s == G_UNICODE_SCRIPT_KATAKANA;
}
static bool is_hangul(GUnicodeScript s) {
  return s == G_UNICODE_SCRIPT_HANGUL;
}
static bool is_han(GUnicodeScript s) {
  return s == G_UNICODE_SCRIPT_HAN;
}
/* Scripts in which letters stand apart: only these are tracked, slanted, hyphenated. */
static bool is_joined(GUnicodeScript s) {
  return s != G_UNICODE_SCRIPT_COMMON && s != G_UNICODE_SCRIPT_INHERITED && s != G_UNICODE_SCRIPT_LATIN &&
         s != G_UNICODE_SCRIPT_GREEK && s != G_UNICODE_SCRIPT_CYRILLIC;
}

static bool any_text(const KlBrief *b, bool (*is)(GUnicodeScript)) {
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *it = b->items->pdata[i];
    if (it->type == KL_EL_PICTURE || it->type == KL_EL_BACKGROUND) continue;
    if (has_script(it->text, is) || has_script(it->label, is)) return true;
    for (int k = 0; it->list && it->list[k]; k++)
      if (has_script(it->list[k], is)) return true;
  }
  return false;
}

static char *language_of(const KlBrief *b) {
  if (b->language) return g_strdup(b->language);
  if (any_text(b, is_kana)) return g_strdup("ja");
  if (any_text(b, is_hangul)) return g_strdup("ko");
  if (any_text(b, is_han)) return g_strdup("zh-CN");
  return NULL;
}

static const char *cjk_family(const char *lang) {
  if (!lang) return "Noto Sans CJK SC";
  if (g_str_has_prefix(lang, "ja")) return "Noto Sans CJK JP";
  if (g_str_has_prefix(lang, "ko")) return "Noto Sans CJK KR";
  if (!strcmp(lang, "zh-TW") || !strcmp(lang, "zh-Hant")) return "Noto Sans CJK TC";
  if (!strcmp(lang, "zh-HK")) return "Noto Sans CJK HK";
  return "Noto Sans CJK SC";
}

static char *list_of(const char *family, const char *spare, const char *lang, bool heading) {
  return g_strdup_printf("%s,%s,%s,%s,Noto Sans Hebrew,sans-serif", family, spare,
                         heading ? "Noto Kufi Arabic" : "Noto Sans Arabic", cjk_family(lang));
}

static char *wanted(const char *asked, const char *ours, GPtrArray *notes) {
  /* a comma would make a list of it */
  if (asked && !strchr(asked, ',') && kl_font_exists(asked)) return g_strdup(asked);
  if (asked && notes)
    g_ptr_array_add(notes, g_strdup_printf("the font \"%s\" is not installed: %s is used", asked, ours));
  return g_strdup(ours);
}

KlFonts *kl_fonts_new(const KlBrief *b, GPtrArray *notes) {
  KlFonts *f = g_new0(KlFonts, 1);
  guint pair = 0;
  while (pair + 1 < G_N_ELEMENTS(pairs) &&
         !(kl_font_exists(pairs[pair].heading) && kl_font_exists(pairs[pair].body)))
    pair++;
  f->language = language_of(b);
  g_autofree char *heading = wanted(b->font_heading, pairs[pair].heading, notes);
  g_autofree char *body = wanted(b->font_body, pairs[pair].body, notes);
  f->heavy = b->font_heading && !strcmp(heading, b->font_heading) ? 700 : pairs[pair].heavy;
  f->heading = list_of(heading, pairs[pair].heading, f->language, true);
  f->body = list_of(body, pairs[pair].body, f->language, false);
  return f;
}

void kl_fonts_free(KlFonts *f) {
  if (!f) return;
  g_free(f->heading);
  g_free(f->body);
  g_free(f->language);
  g_free(f);
}

const char *kl_fonts_language(const KlFonts *f) {
  return f->language;
}

KlTextStyle kl_fonts_style(const KlFonts *f, KlVoice part, const char *text, double px) {
  static const struct {
    bool heading;
    int weight; /* 0: that of headings */
    double spacing, tracking;
    bool balance, hyphenate;
  } parts[KL_VOICES] = {
      [KL_VOICE_TITLE] = {true, 0, 1.1, -0.022, true, false},
      [KL_VOICE_SUBTITLE] = {false, 400, 1.34, -0.006, true, false},
      [KL_VOICE_HEADING] = {true, 700, 1.2, -0.012, true, false},
      [KL_VOICE_BODY] = {false, 400, 1.45, 0, false, true},
      [KL_VOICE_VALUE] = {true, 0, 1.05, -0.03, false, false},
      [KL_VOICE_LABEL] = {false, 400, 1.32, 0, true, false},
      [KL_VOICE_STRONG] = {false, 600, 1.32, 0, true, false},
      [KL_VOICE_QUOTE] = {true, 500, 1.34, -0.008, true, false},
  };
  bool joined = has_script(text, is_joined), cjk = joined && has_script(text, is_cjk);
  KlTextStyle s = {.families = parts[part].heading ? f->heading : f->body,
                   .weight = parts[part].weight ? parts[part].weight : f->heavy,
                   .size = px,
                   .spacing = parts[part].spacing * (cjk      ? 1.1
                                                     : joined ? 1.06
                                                              : 1),
                   .tracking = joined ? 0 : parts[part].tracking,
                   .lang = f->language,
                   .hyphenate = parts[part].hyphenate && !joined,
                   .balance = parts[part].balance};
  return s;
}
