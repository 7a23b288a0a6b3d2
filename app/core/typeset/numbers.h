/* Numbers as a person writes them on a chart. Pure functions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Round marks that cover low..high (low < high), but for a sliver: from *first in steps of *step, 1, 2 or 5
 * times a power of ten; returns how many, between 2 and about `most` + 1. */
int kl_ticks(double low, double high, int most, double *first, double *step);
/* Whether it is the sign of a unit ("kg", "°C", "克"): then the head of a column says what its values are in.
 */
bool kl_is_unit(const char *text);
/* Digits after the point that tell values apart, 0..3. NaNs are passed over. */
int kl_decimals(const double *values, gsize n);
/* "1,234.5", "-12 %", "$3", "5.2 M": grouped by the language's habit (NULL: English), with the unit where it
 * belongs ("": none). highest: the largest on the chart; from a million on all are written in millions. A new
 * string. */
char *kl_value_text(double value, int decimals, double highest, const char *unit, const char *language);
