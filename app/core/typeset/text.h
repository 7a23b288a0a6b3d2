/* Text in boxes: measured, fitted, broken into lines, by Pango and HarfBuzz, for any script that the system's
 * fonts have. The layout engine measures with it, the drawing half draws the very same lines.
 *
 * Lengths are pixels of the canvas, unhinted, so a text set at half the size takes half the room and any
 * scale of the output has the same lines. Text is UTF-8 and shown as it is: markup is not looked at, control
 * characters become their pictures, a line feed begins a new line, U+00AD is where a word may be hyphenated.
 *
 * Lines stand `spacing` ems apart, further where tall scripts or stacked accents would touch. The height of a
 * text goes from the ascenders of its first line (0.76 em, more if its ink is higher) to the descenders of
 * its last one (0.24 em, likewise), so ink never leaves it; and lines are aligned by their ink, not by their
 * advance widths, so that large and small type share an edge.
 *
 * Each thread has its own Pango context; a KlText is used by the thread that made it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum { KL_TEXT_START, KL_TEXT_CENTRE, KL_TEXT_END, KL_TEXT_JUSTIFY } KlTextAlign;
typedef enum { KL_DIRECTION_AUTO, KL_DIRECTION_LTR, KL_DIRECTION_RTL } KlTextDirection;

typedef struct {
  const char
      *families; /* best first, "Inter, Noto Sans"; NULL: sans-serif. What they lack, fontconfig finds */
  int weight;    /* 100..1000, 0: 400 */
  bool italic;
  double size;     /* of an em, > 0: the largest that is wanted */
  double size_min; /* the smallest that is allowed; 0: size */
  double spacing;  /* from baseline to baseline in ems, 0: 1.3 */
  double tracking; /* added between letters, in ems; leave at 0 for joined scripts */
  KlTextAlign align;
  KlTextDirection direction; /* AUTO: by each paragraph's first strong letter */
  const char *lang;          /* "de", "zh-TW": shapes, hyphens, quotation marks; NULL: by the script */
  bool hyphenate;            /* words may be divided where it does not fit otherwise */
  bool balance;  /* lines of about the same length, for headings; else only lone last words are avoided */
  int max_lines; /* 0: any number */
} KlTextStyle;

typedef struct {
  double x, baseline;   /* where the line's origin stands, from the top left corner of the text's box */
  double width;         /* of its ink */
  size_t start, length; /* bytes of kl_text_string */
  bool rtl;
} KlTextLine;

typedef struct KlText KlText;

/* Sets the text at exactly s->size in `width` (0: one line a paragraph). Words that are wider than the width
 * stick out: kl_text_fits tells. Never NULL. */
KlText *kl_text_new(const KlTextStyle *s, const char *text, double width);
/* The largest size between s->size and s->size_min at which the text fits in width x height (0: any) without
 * breaking words; if there is none, at size_min, hyphenated, then with words broken anywhere (a web address
 * in a narrow column). NULL if it still does not fit: then *needed (may be NULL) is the height that it takes
 * at size_min. */
KlText *kl_text_fit(const KlTextStyle *s, const char *text, double width, double height, double *needed);
void kl_text_free(KlText *t);

/* Height at s->size and the width; quick, remembered. 0 for an empty text. */
double kl_text_height(const KlTextStyle *s, const char *text, double width);
/* Width of the longest paragraph in one line at s->size; of the longest word (what no line can be narrower
 * than, without breaking words). */
double kl_text_natural_width(const KlTextStyle *s, const char *text);
double kl_text_word_width(const KlTextStyle *s, const char *text);

double kl_text_size(const KlText *t); /* the size it was set at */
double kl_text_box_height(const KlText *t);
double kl_text_box_width(const KlText *t);                       /* of the widest line's ink */
bool kl_text_fits(const KlText *t, double width, double height); /* 0: any */
bool kl_text_is_rtl(const KlText *t);        /* the first paragraph runs from right to left */
bool kl_text_broken(const KlText *t);        /* a word had to be broken anywhere */
const char *kl_text_string(const KlText *t); /* what is shown: valid UTF-8, control characters replaced */
double kl_text_tracking(const KlText *t);    /* pixels added between letters */
size_t kl_text_lines(const KlText *t);
KlTextLine kl_text_line(const KlText *t, size_t i);
/* PangoLayoutLine of line i, for drawing; valid as long as t. */
void *kl_text_pango_line(const KlText *t, size_t i);

/* Whether fontconfig has a family of exactly that name (letters' case aside). */
bool kl_font_exists(const char *family);
