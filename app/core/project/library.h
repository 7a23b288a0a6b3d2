/* The library: the projects a person has, in $XDG_DATA_HOME/kinoloom/projects and wherever else they were
 * opened from (the recent list, $XDG_STATE_HOME/kinoloom/recent). Listing reads files in a worker thread.
 * Main thread only. */
#pragma once

#include "app/core/project/project.h"

#define KL_TYPE_LIBRARY kl_library_get_type()
G_DECLARE_FINAL_TYPE(KlLibrary, kl_library, KL, LIBRARY, GObject)
#define KL_TYPE_LIBRARY_ITEM kl_library_item_get_type()
G_DECLARE_FINAL_TYPE(KlLibraryItem, kl_library_item, KL, LIBRARY_ITEM, GObject)

/* Empty until kl_library_refresh has come back. */
KlLibrary *kl_library_new(void);
/* GListModel of KlLibraryItem, last used first; kept up to date by a file monitor. Borrowed. */
GListModel *kl_library_items(KlLibrary *l);
/* Property "loaded" (boolean) becomes true when the first one has come back: an empty list is then an empty
 * library. */
void kl_library_refresh(KlLibrary *l);
/* A project with a fresh name in the library's folder. KL_ERROR_IO. */
KlProject *kl_library_create(KlLibrary *l, const char *title, GError **error);
/* Notes that a project was opened, wherever it lies. */
void kl_library_note(KlLibrary *l, KlProject *p);
/* Renames the title inside and the file, with its media folder. The project must not be open here.
 * KL_ERROR_EXISTS, KL_ERROR_IO, KL_ERROR_INPUT, KL_ERROR_BUSY (open in another process). */
bool kl_library_rename(KlLibrary *l, KlLibraryItem *i, const char *title, GError **error);
/* The file and its media folder to the trash of its disk; untrash brings the last one back. KL_ERROR_IO. */
bool kl_library_trash(KlLibrary *l, KlLibraryItem *i, GError **error);
bool kl_library_untrash(KlLibrary *l, GError **error);

/* Properties "title" and "thumbnail" notify. */
const char *kl_library_item_path(KlLibraryItem *i);
const char *kl_library_item_title(KlLibraryItem *i);
gint64 kl_library_item_used(KlLibraryItem *i);
GBytes *kl_library_item_thumbnail(KlLibraryItem *i); /* PNG or NULL; borrowed */
/* Why it cannot be opened (damaged, newer), NULL: it can. */
const char *kl_library_item_problem(KlLibraryItem *i);
