/* What render.c, chunk_row.c and store.c share. */
#pragma once

#include "app/core/db.h"
#include "app/core/project/project.h"

/* Any thread: state and error text (NULL: none) of a render, through a connection of its own. */
bool kl_render_row_state(const KlDb *db, gint64 id, KlRenderState state, const char *error_text,
                         GError **error);

/* The lock that keeps two processes from the same render: a file beside the project, there only while it is
 * held. A descriptor; -1: KL_ERROR_BUSY, KL_ERROR_IO. Any thread. */
int kl_render_lock(const char *project, gint64 id, GError **error);
void kl_render_unlock(const char *project, gint64 id, int lock);

/* Main thread. Reads the chunks again; only for a render whose list was asked for. False: overtaken by a
 * newer reading. */
bool kl_chunks_read(KlRender *r, GPtrArray *changed);
void kl_chunks_forget(KlRender *r);
/* First frame of a chunk that is there or planned; 0 where nothing is known. */
gint64 kl_render_chunk_frame(KlRender *r, int chunk);
