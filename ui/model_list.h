/* The models of this machine as a list for widgets. Read in a worker thread, and again when something was
 * imported or removed; one list for the whole program. Main thread. */
#pragma once

#include "app/core/model_catalogue.h"

#include <gio/gio.h>

#define KL_TYPE_MODEL_ITEM (kl_model_item_get_type())
G_DECLARE_FINAL_TYPE(KlModelItem, kl_model_item, KL, MODEL_ITEM, GObject)

/* Borrowed, as long as the item. */
const KlModel *kl_model_item_get(KlModelItem *i);
/* The title, for a drop-down (property "title"). Borrowed. */
const char *kl_model_item_title(KlModelItem *i);
/* Bytes of all files; counted when the list was read. */
guint64 kl_model_item_bytes(KlModelItem *i);

/* GListModel of KlModelItem, the built-in ones first, then by title; empty until it has been read the first
 * time. Borrowed, lives as long as the program. */
GListModel *kl_model_list(void);
/* Reads it again; the items that come are new objects. */
void kl_model_list_refresh(void);
/* The item of a name; "" or NULL: the default model. NULL: there is none (yet). Borrowed. */
KlModelItem *kl_model_list_find(const char *name);
