#include "ui/reveal.h"

typedef struct {
  GtkWindow *window; /* may be NULL */
  char *folder;      /* a URI */
} Reveal;

static void called(GObject *bus, GAsyncResult *result, gpointer data) {
  Reveal *r = data;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
  if (!reply) gtk_show_uri(r->window, r->folder, GDK_CURRENT_TIME);
  g_clear_object(&r->window);
  g_free(r->folder);
  g_free(r);
}

void kl_reveal_file(GtkWidget *inside, const char *path) {
  g_autoptr(GFile) file = g_file_new_for_path(path);
  g_autoptr(GFile) parent = g_file_get_parent(file);
  g_autofree char *uri = g_file_get_uri(file);
  g_autofree char *folder = g_file_get_uri(parent ? parent : file);
  GtkRoot *root = gtk_widget_get_root(inside);
  GDBusConnection *bus = g_application_get_dbus_connection(g_application_get_default());
  if (!bus) {
    gtk_show_uri(GTK_IS_WINDOW(root) ? GTK_WINDOW(root) : NULL, folder, GDK_CURRENT_TIME);
    return;
  }
  const char *uris[] = {uri, NULL};
  Reveal *r = g_new(Reveal, 1);
  *r = (Reveal){GTK_IS_WINDOW(root) ? g_object_ref(GTK_WINDOW(root)) : NULL, g_steal_pointer(&folder)};
  g_dbus_connection_call(bus, "org.freedesktop.FileManager1", "/org/freedesktop/FileManager1",
                         "org.freedesktop.FileManager1", "ShowItems", g_variant_new("(^ass)", uris, ""), NULL,
                         G_DBUS_CALL_FLAGS_NONE, -1, NULL, called, r);
}
