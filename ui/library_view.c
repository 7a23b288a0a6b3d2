#include "ui/library_view.h"

#include "ui/ask_text.h"
#include "ui/format.h"
#include "ui/i18n.h"
#include "ui/keys.h"
#include "ui/names.h"
#include "ui/reveal.h"
#include "ui/thumbnail.h"
#include "ui/welcome.h"
#include "ui/window.h"

struct _KlLibraryView {
  AdwBin parent;
  KlLibrary *library;
  GtkFilterListModel *shown;
  GtkStringFilter *filter;
  GtkStack *stack;
  GtkGridView *grid;
  GtkSearchBar *search_bar;
  GtkSearchEntry *search;
  GtkWidget *search_button;
  GtkPopoverMenu *menu;
  guint place; /* of the item that the menu is for */
};

G_DEFINE_FINAL_TYPE(KlLibraryView, kl_library_view, ADW_TYPE_BIN)

static KlLibraryItem *item_at(KlLibraryView *self, guint place) {
  return g_list_model_get_item(G_LIST_MODEL(self->shown), place);
}

static void update(KlLibraryView *self) {
  guint all = self->library ? g_list_model_get_n_items(kl_library_items(self->library)) : 0;
  guint found = self->shown ? g_list_model_get_n_items(G_LIST_MODEL(self->shown)) : 0;
  gtk_stack_set_visible_child_name(self->stack, found ? "grid" : all ? "nothing" : "welcome");
  gtk_widget_set_visible(self->search_button, all > 0);
}

/* ---- cards ---- */

static char *item_title(GObject *item) {
  return g_strdup(kl_library_item_title(KL_LIBRARY_ITEM(item)));
}

static void show_menu(GtkWidget *card, double x, double y) {
  KlLibraryView *self = KL_LIBRARY_VIEW(gtk_widget_get_ancestor(card, KL_TYPE_LIBRARY_VIEW));
  GtkListItem *item = g_object_get_data(G_OBJECT(card), "item");
  graphene_point_t at;
  if (!self ||
      !gtk_widget_compute_point(card, GTK_WIDGET(self), &GRAPHENE_POINT_INIT((float)x, (float)y), &at))
    return;
  self->place = gtk_list_item_get_position(item);
  gtk_popover_set_pointing_to(GTK_POPOVER(self->menu), &(GdkRectangle){(int)at.x, (int)at.y, 1, 1});
  gtk_popover_popup(GTK_POPOVER(self->menu));
}

static void card_pressed(GtkGestureClick *click, int n, double x, double y, gpointer user) {
  show_menu(gtk_event_controller_get_widget(GTK_EVENT_CONTROLLER(click)), x, y);
}

static gboolean menu_key(GtkWidget *card, GVariant *arguments, gpointer user) {
  show_menu(card, gtk_widget_get_width(card) / 2.0, gtk_widget_get_height(card) / 2.0);
  return TRUE;
}

static void setup_card(GtkSignalListItemFactory *factory, GtkListItem *item, KlLibraryView *self) {
  GtkWidget *card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *picture = kl_thumbnail_new(16.0 / 9, 0);
  gtk_widget_set_size_request(picture, 208, 117); /* a grid gives no more than the least */
  GtkWidget *title = gtk_label_new(NULL), *when = gtk_label_new(NULL);
  gtk_widget_add_css_class(card, "kl-card");
  gtk_widget_add_css_class(title, "heading");
  gtk_widget_add_css_class(when, "caption");
  gtk_widget_add_css_class(when, "dim-label");
  gtk_label_set_ellipsize(GTK_LABEL(title), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign(GTK_LABEL(title), 0);
  gtk_label_set_xalign(GTK_LABEL(when), 0);
  gtk_box_append(GTK_BOX(card), picture);
  gtk_box_append(GTK_BOX(card), title);
  gtk_box_append(GTK_BOX(card), when);
  g_object_set_data(G_OBJECT(card), "picture", picture);
  g_object_set_data(G_OBJECT(card), "title", title);
  g_object_set_data(G_OBJECT(card), "when", when);
  g_object_set_data(G_OBJECT(card), "item", item);
  GtkGesture *click = gtk_gesture_click_new();
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), GDK_BUTTON_SECONDARY);
  g_signal_connect(click, "pressed", G_CALLBACK(card_pressed), NULL);
  gtk_widget_add_controller(card, GTK_EVENT_CONTROLLER(click));
  gtk_list_item_set_child(item, card);
}

static void bind_card(GtkSignalListItemFactory *factory, GtkListItem *item, KlLibraryView *self) {
  KlLibraryItem *row = gtk_list_item_get_item(item);
  GtkWidget *card = gtk_list_item_get_child(item);
  g_autofree char *when = kl_format_when(kl_library_item_used(row));
  gtk_label_set_text(g_object_get_data(G_OBJECT(card), "title"), kl_library_item_title(row));
  gtk_label_set_text(g_object_get_data(G_OBJECT(card), "when"), when);
  kl_thumbnail_set_bytes(g_object_get_data(G_OBJECT(card), "picture"), kl_library_item_thumbnail(row));
  g_autofree char *label = g_strdup_printf(_("%s, %s"), kl_library_item_title(row), when);
  gtk_accessible_update_property(GTK_ACCESSIBLE(card), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

static void activated(KlLibraryView *self, guint place) {
  g_autoptr(KlLibraryItem) item = item_at(self, place);
  if (item) gtk_widget_activate_action(GTK_WIDGET(self), "app.open-path", "s", kl_library_item_path(item));
}

/* ---- actions ---- */

static guint selected(KlLibraryView *self) {
  return gtk_single_selection_get_selected(GTK_SINGLE_SELECTION(gtk_grid_view_get_model(self->grid)));
}

static void open_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  activated(KL_LIBRARY_VIEW(widget), KL_LIBRARY_VIEW(widget)->place);
}

static void renamed(GtkWidget *widget, const char *text, gpointer item) {
  KlLibraryView *self = KL_LIBRARY_VIEW(widget);
  g_autoptr(GError) error = NULL;
  if (!kl_library_rename(self->library, item, text, &error))
    kl_window_toast(GTK_WIDGET(self), error->message);
}

static void rename_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlLibraryView *self = KL_LIBRARY_VIEW(widget);
  g_autoptr(KlLibraryItem) item = item_at(self, self->place);
  if (item)
    kl_ask_text(widget, _("Rename Project"), NULL, _("_Rename"), kl_library_item_title(item), renamed, item);
}

static void trash_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlLibraryView *self = KL_LIBRARY_VIEW(widget);
  g_autoptr(KlLibraryItem) item = item_at(self, self->place);
  g_autoptr(GError) error = NULL;
  if (!item) return;
  g_autofree char *text = g_strdup_printf(_("“%s” is in the trash"), kl_library_item_title(item));
  if (kl_library_trash(self->library, item, &error))
    kl_window_toast_action(widget, text, _("_Undo"), "library.untrash");
  else
    kl_window_toast(widget, error->message);
}

static void untrash_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  g_autoptr(GError) error = NULL;
  if (!kl_library_untrash(KL_LIBRARY_VIEW(widget)->library, &error) && error)
    kl_window_toast(widget, error->message);
}

static void reveal_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlLibraryView *self = KL_LIBRARY_VIEW(widget);
  g_autoptr(KlLibraryItem) item = item_at(self, self->place);
  if (item) kl_reveal_file(widget, kl_library_item_path(item));
}

static void search_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  gtk_search_bar_set_search_mode(KL_LIBRARY_VIEW(widget)->search_bar, TRUE);
}

/* Keys act on the selected card, the menu on the one that it was opened for. */
static gboolean key(GtkWidget *grid, GVariant *arguments, gpointer action) {
  KlLibraryView *self = KL_LIBRARY_VIEW(gtk_widget_get_ancestor(grid, KL_TYPE_LIBRARY_VIEW));
  if (action) {
    self->place = selected(self);
    gtk_widget_activate_action(GTK_WIDGET(self), action, NULL);
    return TRUE;
  }
  GtkWidget *focus = gtk_root_get_focus(gtk_widget_get_root(grid));
  GtkWidget *card = focus ? gtk_widget_get_first_child(focus) : NULL;
  return card && g_object_get_data(G_OBJECT(card), "item") ? menu_key(card, NULL, NULL) : FALSE;
}

static void searched(KlLibraryView *self) {
  gtk_string_filter_set_search(self->filter, gtk_editable_get_text(GTK_EDITABLE(self->search)));
}

void kl_library_view_set_library(KlLibraryView *self, KlLibrary *library) {
  g_set_object(&self->library, library);
  GtkExpression *title =
      gtk_cclosure_expression_new(G_TYPE_STRING, NULL, 0, NULL, G_CALLBACK(item_title), NULL, NULL);
  self->filter = gtk_string_filter_new(title);
  self->shown = gtk_filter_list_model_new(g_object_ref(kl_library_items(library)),
                                          g_object_ref(GTK_FILTER(self->filter)));
  GtkSingleSelection *selection = gtk_single_selection_new(g_object_ref(G_LIST_MODEL(self->shown)));
  gtk_grid_view_set_model(self->grid, GTK_SELECTION_MODEL(selection));
  g_object_unref(selection);
  g_signal_connect_object(self->shown, "items-changed", G_CALLBACK(update), self, G_CONNECT_SWAPPED);
  update(self);
}

static void kl_library_view_dispose(GObject *object) {
  KlLibraryView *self = KL_LIBRARY_VIEW(object);
  if (self->menu) gtk_widget_unparent(GTK_WIDGET(self->menu));
  self->menu = NULL;
  g_clear_object(&self->shown);
  g_clear_object(&self->filter);
  g_clear_object(&self->library);
  G_OBJECT_CLASS(kl_library_view_parent_class)->dispose(object);
}

static void kl_library_view_class_init(KlLibraryViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_library_view_dispose;
  g_type_ensure(KL_TYPE_WELCOME);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/library_view.ui");
  gtk_widget_class_bind_template_child(widget, KlLibraryView, stack);
  gtk_widget_class_bind_template_child(widget, KlLibraryView, grid);
  gtk_widget_class_bind_template_child(widget, KlLibraryView, search_bar);
  gtk_widget_class_bind_template_child(widget, KlLibraryView, search);
  gtk_widget_class_bind_template_child(widget, KlLibraryView, search_button);
  gtk_widget_class_bind_template_child(widget, KlLibraryView, menu);
  gtk_widget_class_bind_template_callback(widget, setup_card);
  gtk_widget_class_bind_template_callback(widget, bind_card);
  gtk_widget_class_bind_template_callback(widget, activated);
  gtk_widget_class_bind_template_callback(widget, searched);
  gtk_widget_class_install_action(widget, "library.open", NULL, open_action);
  gtk_widget_class_install_action(widget, "library.rename", NULL, rename_action);
  gtk_widget_class_install_action(widget, "library.trash", NULL, trash_action);
  gtk_widget_class_install_action(widget, "library.untrash", NULL, untrash_action);
  gtk_widget_class_install_action(widget, "library.reveal", NULL, reveal_action);
  gtk_widget_class_install_action(widget, "library.search", NULL, search_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_f, GDK_CONTROL_MASK, "library.search", NULL);
}

static void kl_library_view_init(KlLibraryView *self) {
  static const KlKey KEYS[] = {
      {"Delete", "library.trash"}, {"F2", "library.rename"}, {"Menu|<Shift>F10", NULL}};
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  kl_add_keys(GTK_WIDGET(self->grid), KEYS, G_N_ELEMENTS(KEYS), key);
  gtk_search_bar_connect_entry(self->search_bar, GTK_EDITABLE(self->search));
  gtk_widget_set_parent(GTK_WIDGET(self->menu), GTK_WIDGET(self));
  update(self);
}
