/* The assignment of least cost between two sets (Kuhn 1955), by shortest augmenting paths with potentials
 * (Jonker and Volgenant 1987): O(n^2 m). Pure functions. */
#pragma once

#include <glib.h>

/* cost is [rows][columns], finite values, rows <= columns. of_row[i] becomes the column of row i. Returns the
 * sum of the costs. */
double kl_assign(const double *cost, guint rows, guint columns, guint *of_row);
