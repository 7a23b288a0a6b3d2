#include "ui/preferences.h"

#include "ui/i18n.h"

struct _KlPreferences {
  AdwPreferencesWindow parent;
};

G_DEFINE_FINAL_TYPE(KlPreferences, kl_preferences, ADW_TYPE_PREFERENCES_WINDOW)

static void kl_preferences_class_init(KlPreferencesClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/preferences.ui");
}

static void kl_preferences_init(KlPreferences *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *kl_preferences_new(void) {
  return g_object_new(KL_TYPE_PREFERENCES, NULL);
}
