/* Where content may stand, given what stands there already. */
#pragma once

#include "app/core/layout/layout_internal.h"

/* One room for everything, or one for title and subtitle and one for the rest. */
typedef struct {
  int n;
  KlRoom room[2];
  double cost; /* of being here rather than in the best place */
} KlPlaces;

/* The fixed boxes and, where a given layout is to be completed, its whole boxes: KlFixed with ids of the
 * brief. */
GArray *kl_kept_boxes(const KlBrief *b);
/* KlPlaces, the best first; empty if nothing is free. Free with g_array_unref. NULL: the background cannot be
 * read. */
GArray *kl_places(const KlBrief *b, const KlCancel *cancel, GError **error);
