/* Writing asset rows from any thread, through a connection of its own. Used inside the project store only. */
#pragma once

#include "app/core/db.h"
#include "app/core/project/media_facts.h"

/* A row, with its thumbnail. folder: the project's. embedded: bytes that follow in `embedded`, 0: none.
 * removed: 0 or KL_REMOVED_UNDONE. The id; 0: failed. */
gint64 kl_asset_insert(const KlDb *db, const char *folder, const char *name, const char *path,
                       const KlMediaFacts *f, gint64 embedded, gint64 render, gint64 removed, GError **error);
