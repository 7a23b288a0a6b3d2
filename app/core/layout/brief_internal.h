/* Inside of brief.h: what the two readers share. */
#pragma once

#include "app/core/layout/brief.h"

#include <jansson.h>

/* A brief under construction. */
typedef struct {
  KlBrief *b;
  const char *where;  /* names the brief in errors; borrowed */
  const char *folder; /* resolves names of files, NULL: files are refused; borrowed */
  bool rtl_asked, ltr_asked;
} KlBriefReader;

void kl_brief_reader_init(KlBriefReader *r, const char *where, const char *folder);
/* Refuses with "WHERE: ..."; returns false. */
bool kl_brief_wrong(const KlBriefReader *r, GError **error, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* Adds to the notes. */
void kl_brief_note(KlBrief *b, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* n bytes of valid UTF-8 as text to show: line ends are "\n" (or spaces where `lines` is false), control
 * characters are their pictures, blanks at both ends are gone. NULL when nothing is left. */
char *kl_brief_clean(const char *text, gsize n, bool lines);
/* Whether the first strong letter runs right to left: 1; left to right: 0; no such letter: -1. */
int kl_text_rtl(const char *text);

/* JSON text of briefs and layouts: valid UTF-8, no key twice. NULL: KL_ERROR_INPUT, "WHERE: line N: ...". */
json_t *kl_brief_json(const char *json, gsize n, const char *where, GError **error);

/* Begins a section; id NULL: a number. */
void kl_brief_section(KlBriefReader *r, const char *id);
/* A new item of the section begun last (or of the whole for title, subtitle, background and before any
 * section). Its content is for the caller to fill in; id NULL: made from the section and the type. */
KlBriefItem *kl_brief_add(KlBriefReader *r, KlElementType type, const char *id);
/* Whether there are no more things than may be; asked early, so that a huge file is refused quickly. */
bool kl_brief_room(const KlBriefReader *r, GError **error);
/* A canvas by preset or "WxH", a palette, a font, density, language, direction, by the names that JSON and
 * front matter share. Errors name the key. */
bool kl_brief_setting(KlBriefReader *r, const char *key, const char *value, GError **error);
/* The absolute name of a file that the brief names. */
char *kl_brief_file(const KlBriefReader *r, const char *name, GError **error);
/* Takes over a picture's file: found, read, its size noted. */
bool kl_brief_image(KlBriefReader *r, KlBriefItem *item, const char *name, GError **error);
/* The text of a CSV file that the brief names: at most KL_BRIEF_MAX bytes, valid UTF-8. */
char *kl_brief_csv_file(const KlBriefReader *r, const char *id, const char *name, GError **error);
/* Takes back the item added last. */
void kl_brief_drop_last(KlBriefReader *r);
/* A whole file of at most `most` bytes ("-": standard input); *n its length. `what` names it in errors. */
char *kl_brief_read_file(const char *path, gsize most, gsize *n, GError **error);
/* The brief when all is well: not empty, names unique, constraints about things that exist. Takes r->b. */
KlBrief *kl_brief_finish(KlBriefReader *r, bool ok, GError **error);

/* ---- charts (brief_chart.c) ---- */
void kl_chart_free(KlChart *c);
int kl_chart_kind(const char *name); /* -1: no such kind */
/* Reads CSV (comma, semicolon or tab; quotes; an optional head row). What is not a number is left out and
 * noted. */
KlChart *kl_chart_from_csv(KlBriefReader *r, const char *id, KlChartKind kind, const char *csv,
                           GError **error);
/* Settles the kind, and turns a chart of one value into a big number, with a note. false: nothing to draw. */
bool kl_chart_settle(KlBriefReader *r, KlBriefItem *item, GError **error);
/* A number as people write it, shortest that reads back the same. */
char *kl_number_text(double v);
