#include "ui/names.h"

static bool has_words(GtkWidget *button) {
  if (GTK_IS_BUTTON(button)) {
    GtkWidget *child = gtk_button_get_child(GTK_BUTTON(button));
    return gtk_button_get_label(GTK_BUTTON(button)) || (child && !GTK_IS_IMAGE(child));
  }
  return gtk_menu_button_get_label(GTK_MENU_BUTTON(button)) ||
         gtk_menu_button_get_child(GTK_MENU_BUTTON(button));
}

static void name(GtkWidget *widget, const char *text) {
  gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
}

void kl_name_buttons(GtkWidget *root) {
  const char *tooltip = gtk_widget_get_tooltip_text(root);
  bool menu = GTK_IS_MENU_BUTTON(root);
  if (tooltip && (GTK_IS_BUTTON(root) || menu) && !has_words(root)) {
    name(root, tooltip);
    if (menu) name(gtk_widget_get_first_child(root), tooltip); /* the button inside, which takes the focus */
  }
  for (GtkWidget *w = gtk_widget_get_first_child(root); w; w = gtk_widget_get_next_sibling(w))
    kl_name_buttons(w);
}
