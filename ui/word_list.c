#include "ui/word_list.h"

#include "ui/i18n.h"

#include <string.h>

struct _KlWordList {
  GtkPopover parent;
  GtkEditable *search;
  GtkListBox *list;
};

G_DEFINE_FINAL_TYPE(KlWordList, kl_word_list, GTK_TYPE_POPOVER)

static guint chosen_signal;

static const char *phrase_of(GtkListBoxRow *row) {
  return gtk_label_get_label(GTK_LABEL(gtk_list_box_row_get_child(row)));
}

static int list_of(GtkListBoxRow *row) {
  return GPOINTER_TO_INT(g_object_get_data(G_OBJECT(row), "list"));
}

void kl_word_list_set_words(KlWordList *self, char *const *const words[KL_WORD_LISTS]) {
  GtkListBoxRow *row;
  while ((row = gtk_list_box_get_row_at_index(self->list, 0)))
    gtk_list_box_remove(self->list, GTK_WIDGET(row));
  for (int i = 0; i < KL_WORD_LISTS; i++)
    for (char *const *w = words ? words[i] : NULL; w && *w; w++) {
      GtkWidget *label = gtk_label_new(*w), *r = gtk_list_box_row_new();
      gtk_label_set_xalign(GTK_LABEL(label), 0);
      gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(r), label);
      g_object_set_data(G_OBJECT(r), "list", GINT_TO_POINTER(i));
      gtk_list_box_append(self->list, r);
    }
}

const char *kl_word_group_title(KlModelWords group) {
  static const char *const titles[KL_WORD_LISTS] = {
      [KL_WORDS_OBJECTS] = N_("Things"),  [KL_WORDS_MOTIONS] = N_("Motions"),
      [KL_WORDS_ACTIONS] = N_("Actions"), [KL_WORDS_BACKDROPS] = N_("Places"),
      [KL_WORDS_SIZES] = N_("Sizes"),     [KL_WORDS_SPEEDS] = N_("Speeds"),
      [KL_WORDS_COLOURS] = N_("Colours")};
  return _(titles[group]);
}

static void header(GtkListBoxRow *row, GtkListBoxRow *before, gpointer user) {
  if (before && list_of(before) == list_of(row)) {
    gtk_list_box_row_set_header(row, NULL);
    return;
  }
  GtkWidget *label = gtk_label_new(kl_word_group_title((KlModelWords)list_of(row)));
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_widget_add_css_class(label, "heading");
  gtk_widget_add_css_class(label, "kl-list-heading");
  gtk_list_box_row_set_header(row, label);
}

static gboolean matches(GtkListBoxRow *row, gpointer user) {
  const char *wanted = gtk_editable_get_text(KL_WORD_LIST(user)->search);
  return !*wanted || g_str_match_string(wanted, phrase_of(row), TRUE) || strstr(phrase_of(row), wanted);
}

static void search_changed(KlWordList *self) {
  gtk_list_box_invalidate_filter(self->list);
  gtk_list_box_invalidate_headers(self->list);
}

static void choose(KlWordList *self, GtkListBoxRow *row) {
  g_autofree char *phrase = g_strdup(phrase_of(row));
  gtk_popover_popdown(GTK_POPOVER(self));
  g_signal_emit(self, chosen_signal, 0, phrase);
}

static void row_activated(GtkListBox *list, GtkListBoxRow *row, gpointer user) {
  choose(user, row);
}

/* Enter in the search takes the first that is left. */
static void search_activated(KlWordList *self) {
  GtkListBoxRow *row;
  for (int i = 0; (row = gtk_list_box_get_row_at_index(self->list, i)); i++)
    if (matches(row, self)) {
      choose(self, row);
      return;
    }
}

static void shown(KlWordList *self) {
  gtk_editable_set_text(self->search, "");
  gtk_widget_grab_focus(GTK_WIDGET(self->search));
}

static void kl_word_list_class_init(KlWordListClass *klass) {
  chosen_signal = g_signal_new("chosen", KL_TYPE_WORD_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void kl_word_list_init(KlWordList *self) {
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6), *search = gtk_search_entry_new(),
            *scroll = gtk_scrolled_window_new(), *list = gtk_list_box_new(),
            *empty = gtk_label_new(_("No such word"));
  self->search = GTK_EDITABLE(search);
  self->list = GTK_LIST_BOX(list);
  gtk_accessible_update_property(GTK_ACCESSIBLE(search), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Search words"),
                                 -1);
  gtk_list_box_set_selection_mode(self->list, GTK_SELECTION_NONE);
  gtk_list_box_set_header_func(self->list, header, NULL, NULL);
  gtk_list_box_set_filter_func(self->list, matches, self, NULL);
  gtk_list_box_set_placeholder(self->list, empty);
  gtk_widget_add_css_class(empty, "dim-label");
  gtk_widget_set_size_request(scroll, 280, 320);
  gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroll), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroll), list);
  gtk_box_append(GTK_BOX(box), search);
  gtk_box_append(GTK_BOX(box), scroll);
  gtk_popover_set_child(GTK_POPOVER(self), box);
  gtk_widget_add_css_class(GTK_WIDGET(self), "menu");
  g_signal_connect(list, "row-activated", G_CALLBACK(row_activated), self);
  g_signal_connect_swapped(search, "search-changed", G_CALLBACK(search_changed), self);
  g_signal_connect_swapped(search, "activate", G_CALLBACK(search_activated), self);
  g_signal_connect(self, "show", G_CALLBACK(shown), NULL);
}

GtkWidget *kl_word_list_new(void) {
  return g_object_new(KL_TYPE_WORD_LIST, NULL);
}
