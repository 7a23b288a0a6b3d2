/* What the files of chart*.c share. */
#pragma once

#include "app/core/typeset/chart.h"

typedef struct {
  const KlFonts *fonts;
  const KlChart *c;
  const KlChartInks *inks;
  KlGroup *g;
  KlBox box; /* what is left of it */
  double px;
  bool rtl;
  const char *language, *unit; /* unit: "" none */
  double highest;              /* of |value| */
  int decimals;
} Chart;

typedef enum { AT_LEFT, AT_CENTRE, AT_RIGHT } Anchor;

double chart_value(const Chart *k, guint row, guint series);
char *chart_number(const Chart *k, double v);
/* Width of a label in one line. */
double chart_width(const Chart *k, KlVoice part, const char *text);
/* One line (width 0) or wrapped; anchored at x, its top at y. Returns the text, owned by the group. */
KlText *chart_label(Chart *k, KlVoice part, const char *text, double x, double y, Anchor a, double width,
                    guint32 colour);
/* The same with the middle of its x-height at y; one line. */
void chart_label_mid(Chart *k, KlVoice part, const char *text, double x, double y, Anchor a, guint32 colour);
/* Names of the series in a row at the top of the box, which shrinks by it. False: too wide. */
bool chart_legend(Chart *k);

/* Each draws into k->box and says whether all of it fits. */
bool chart_bars(Chart *k);
bool chart_lines(Chart *k);
bool chart_pie(Chart *k);
bool chart_timeline(Chart *k);
