#include "app/core/layout/hungarian.h"

#include <math.h>

double kl_assign(const double *cost, guint rows, guint columns, guint *of_row) {
  /* Row and column 0 are sentinels: owner[j] is the row (from 1) that column j belongs to, 0: none. */
  g_autofree double *u = g_new0(double, rows + 1), *v = g_new0(double, columns + 1),
                    *least = g_new(double, columns + 1);
  g_autofree guint *owner = g_new0(guint, columns + 1), *from = g_new0(guint, columns + 1);
  g_autofree gboolean *done = g_new(gboolean, columns + 1);
  double sum = 0;
  g_assert(rows <= columns);
  for (guint row = 1; row <= rows; row++) {
    guint at = 0;
    owner[0] = row;
    for (guint j = 0; j <= columns; j++) {
      least[j] = INFINITY;
      done[j] = FALSE;
    }
    while (owner[at]) { /* grow the tree of alternating paths until a free column is reached */
      guint i = owner[at], next = 0;
      double step = INFINITY;
      done[at] = TRUE;
      for (guint j = 1; j <= columns; j++) {
        if (done[j]) continue;
        double reduced = cost[(gsize)(i - 1) * columns + j - 1] - u[i] - v[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          from[j] = at;
        }
        if (least[j] < step) {
          step = least[j];
          next = j;
        }
      }
      for (guint j = 0; j <= columns; j++) {
        if (done[j]) {
          u[owner[j]] += step;
          v[j] -= step;
        } else {
          least[j] -= step;
        }
      }
      at = next;
    }
    for (; at; at = from[at]) owner[at] = owner[from[at]]; /* flip the path */
  }
  for (guint j = 1; j <= columns; j++)
    if (owner[j]) {
      of_row[owner[j] - 1] = j - 1;
      sum += cost[(gsize)(owner[j] - 1) * columns + j - 1];
    }
  return sum;
}
