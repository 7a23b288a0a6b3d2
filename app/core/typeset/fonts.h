/* Which fonts and proportions the words of a brief are set in. */
#pragma once

#include "app/core/layout/brief.h"
#include "app/core/typeset/text.h"

typedef enum {
  KL_VOICE_TITLE,
  KL_VOICE_SUBTITLE,
  KL_VOICE_HEADING,
  KL_VOICE_BODY,
  KL_VOICE_VALUE,  /* of a big number */
  KL_VOICE_LABEL,  /* under it; captions, authors, axes */
  KL_VOICE_STRONG, /* a label that stands out: values in charts */
  KL_VOICE_QUOTE,
  KL_VOICES
} KlVoice;

typedef struct KlFonts KlFonts;

/* The brief's families, where fontconfig has them, else the best pair that is there; behind them a family for
 * each script, chosen by the brief's language. What was asked for and is missing is said in *notes (GPtrArray
 * of char *, may be NULL). */
KlFonts *kl_fonts_new(const KlBrief *b, GPtrArray *notes);
void kl_fonts_free(KlFonts *f);

/* How `text` is set as that part at px; strings are borrowed from f. */
KlTextStyle kl_fonts_style(const KlFonts *f, KlVoice part, const char *text, double px);
const char *kl_fonts_language(const KlFonts *f); /* NULL: not known */
