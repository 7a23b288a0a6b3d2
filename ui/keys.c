#include "ui/keys.h"

void kl_add_keys(GtkWidget *widget, const KlKey *keys, size_t n, GtkShortcutFunc func) {
  GtkEventController *controller = gtk_shortcut_controller_new();
  for (size_t i = 0; i < n; i++)
    gtk_shortcut_controller_add_shortcut(
        GTK_SHORTCUT_CONTROLLER(controller),
        gtk_shortcut_new(gtk_shortcut_trigger_parse_string(keys[i].trigger),
                         gtk_callback_action_new(func, (gpointer)keys[i].action, NULL)));
  gtk_widget_add_controller(widget, controller);
}
