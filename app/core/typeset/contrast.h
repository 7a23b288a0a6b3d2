/* Words that can be read: at least 4.5:1 against every pixel that is behind them, measured on the picture as
 * it is painted so far. */
#pragma once

#include "app/core/typeset/scene.h"

/* Paints the scene group by group and gives each text that does not stand out another colour: a little darker
 * or lighter, then one of the palette, then black or white; where none will do (a lively picture, or one that
 * moves), a panel is put behind the words. Returns the least contrast of any text afterwards. */
double kl_contrast_ensure(KlScene *s, const KlPalette *p);
