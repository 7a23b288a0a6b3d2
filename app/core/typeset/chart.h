/* Charts as a person would draw them: round marks, values at the end of their bars, names at the end of their
 * lines, labels that never touch. Sizes grow from the label size; what does not fit is drawn smaller, then
 * with fewer labels, then refused. */
#pragma once

#include "app/core/typeset/fonts.h"
#include "app/core/typeset/scene.h"

#define KL_CHART_COLOURS 8

typedef struct {
  guint32 text, muted, grid, ground;
  guint32 series[KL_CHART_COLOURS];
} KlChartInks;

/* Colours for a chart that stands on `ground`. */
KlChartInks kl_chart_inks(const KlPalette *p, guint32 ground);

/* Draws into the group, inside the box, with labels of px or down to least_px. `name` is the element's, for
 * the error: KL_ERROR_INPUT where the data cannot be shown that way, or the box is too small. */
bool kl_chart_draw(const KlFonts *f, const KlChart *c, const KlChartInks *inks, bool rtl, KlBox box,
                   double px, double least_px, KlGroup *g, const char *name, GError **error);
/* A sentence or two with the data, for those who cannot see it. A new string. */
char *kl_chart_alt(const KlChart *c, const char *language);
