#include "ui/ask_text.h"

#include "ui/i18n.h"

typedef struct {
  GtkWidget *inside;
  void (*done)(GtkWidget *, const char *, gpointer);
  GObject *user;
} Ask;

static void ask_free(gpointer data, GClosure *closure) {
  Ask *a = data;
  g_object_unref(a->inside);
  g_clear_object(&a->user);
  g_free(a);
}

static void responded(AdwMessageDialog *dialog, const char *response, Ask *a) {
  const char *text = gtk_editable_get_text(GTK_EDITABLE(adw_message_dialog_get_extra_child(dialog)));
  g_autofree char *copy = g_strstrip(g_strdup(text));
  if (g_str_equal(response, "done") && *copy) a->done(a->inside, copy, a->user);
}

static void changed(AdwMessageDialog *dialog) {
  GtkEditable *entry = GTK_EDITABLE(adw_message_dialog_get_extra_child(dialog));
  g_autofree char *copy = g_strstrip(g_strdup(gtk_editable_get_text(entry)));
  adw_message_dialog_set_response_enabled(dialog, "done", *copy != 0);
}

void kl_ask_text(GtkWidget *inside, const char *heading, const char *body, const char *button,
                 const char *text, void (*done)(GtkWidget *inside, const char *text, gpointer user),
                 gpointer user) {
  GtkWindow *window = GTK_WINDOW(gtk_widget_get_root(inside));
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG(adw_message_dialog_new(window, heading, body));
  adw_message_dialog_add_responses(dialog, "cancel", _("_Cancel"), "done", button, NULL);
  adw_message_dialog_set_default_response(dialog, "done");
  adw_message_dialog_set_close_response(dialog, "cancel");
  adw_message_dialog_set_response_appearance(dialog, "done", ADW_RESPONSE_SUGGESTED);
  GtkWidget *entry = gtk_entry_new();
  gtk_editable_set_text(GTK_EDITABLE(entry), text ? text : "");
  gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
  gtk_widget_set_size_request(entry, 360, -1);
  gtk_accessible_update_property(GTK_ACCESSIBLE(entry), GTK_ACCESSIBLE_PROPERTY_LABEL, heading, -1);
  adw_message_dialog_set_extra_child(dialog, entry);
  Ask *a = g_new(Ask, 1);
  *a = (Ask){g_object_ref(inside), done, user ? g_object_ref(user) : NULL};
  g_signal_connect_data(dialog, "response", G_CALLBACK(responded), a, ask_free, 0);
  g_signal_connect_object(entry, "notify::text", G_CALLBACK(changed), dialog, G_CONNECT_SWAPPED);
  gtk_window_present(GTK_WINDOW(dialog));
  gtk_editable_select_region(GTK_EDITABLE(entry), 0, -1);
  gtk_widget_grab_focus(entry);
}
