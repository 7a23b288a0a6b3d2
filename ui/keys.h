/* Keys of one widget. */
#pragma once

#include <gtk/gtk.h>

typedef struct {
  const char *trigger; /* as gtk_shortcut_trigger_parse_string takes it: "Menu|<Shift>F10" */
  const char *action;  /* comes to `func` as its user data; static, may be NULL */
} KlKey;

/* While `widget` or something in it has the focus, each key calls func(widget, NULL, action). */
void kl_add_keys(GtkWidget *widget, const KlKey *keys, size_t n, GtkShortcutFunc func);
