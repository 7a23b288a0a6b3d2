#include "ui/prompt_view.h"

#include "app/core/draft.h"
#include "ui/i18n.h"

#include <string.h>

enum { MOST_OFFERS = 6 };

struct _KlPromptView {
  AdwBin parent;
  GtkTextView *view;
  GtkTextBuffer *buffer;
  GtkTextTag *unknown;
  GtkWidget *placeholder, *popover;
  GtkListBox *offers;
  char **words[KL_WORD_LISTS];
  int from; /* character that an offer goes from, to the cursor */
  bool quiet;
};

enum { PROP_PLACEHOLDER = 1, PROP_LABEL };

G_DEFINE_FINAL_TYPE(KlPromptView, kl_prompt_view, ADW_TYPE_BIN)

static guint changed_signal;

char *kl_prompt_view_text(KlPromptView *self) {
  GtkTextIter a, b;
  gtk_text_buffer_get_bounds(self->buffer, &a, &b);
  return gtk_text_buffer_get_text(self->buffer, &a, &b, FALSE);
}

void kl_prompt_view_set_text(KlPromptView *self, const char *text) {
  self->quiet = true;
  gtk_text_buffer_set_text(self->buffer, text ? text : "", -1);
  self->quiet = false;
}

void kl_prompt_view_insert(KlPromptView *self, const char *text) {
  GtkTextIter at;
  self->quiet = true;
  gtk_text_buffer_begin_user_action(self->buffer);
  gtk_text_buffer_delete_selection(self->buffer, TRUE, TRUE);
  gtk_text_buffer_get_iter_at_mark(self->buffer, &at, gtk_text_buffer_get_insert(self->buffer));
  GtkTextIter before = at;
  if (gtk_text_iter_backward_char(&before) && !g_unichar_isspace(gtk_text_iter_get_char(&before)))
    gtk_text_buffer_insert(self->buffer, &at, " ", 1);
  gtk_text_buffer_insert(self->buffer, &at, text, -1);
  if (!gtk_text_iter_is_end(&at) && g_unichar_isalnum(gtk_text_iter_get_char(&at)))
    gtk_text_buffer_insert(self->buffer, &at, " ", 1);
  gtk_text_buffer_end_user_action(self->buffer);
  self->quiet = false;
  gtk_widget_grab_focus(GTK_WIDGET(self->view));
}

/* ---- words that are not known ---- */

/* The next place of a word at or after *at, whole and in any case. */
static bool find_word(GtkTextIter *at, const char *word, GtkTextIter *begin, GtkTextIter *end) {
  while (gtk_text_iter_forward_search(at, word, GTK_TEXT_SEARCH_CASE_INSENSITIVE | GTK_TEXT_SEARCH_TEXT_ONLY,
                                      begin, end, NULL)) {
    GtkTextIter before = *begin;
    bool left = !gtk_text_iter_backward_char(&before) || !g_unichar_isalnum(gtk_text_iter_get_char(&before));
    bool right = gtk_text_iter_is_end(end) || !g_unichar_isalnum(gtk_text_iter_get_char(end));
    *at = *end;
    if (left && right) return true;
  }
  return false;
}

void kl_prompt_view_mark(KlPromptView *self, const char *const *words) {
  GtkTextIter a, b, at, begin, end;
  gtk_text_buffer_get_bounds(self->buffer, &a, &b);
  gtk_text_buffer_remove_tag(self->buffer, self->unknown, &a, &b);
  for (; words && *words; words++) {
    at = a;
    while (**words && find_word(&at, *words, &begin, &end))
      gtk_text_buffer_apply_tag(self->buffer, self->unknown, &begin, &end);
  }
}

void kl_prompt_view_replace(KlPromptView *self, const char *word, const char *by) {
  GtkTextIter at, begin, end;
  gtk_text_buffer_get_start_iter(self->buffer, &at);
  self->quiet = true;
  gtk_text_buffer_begin_user_action(self->buffer);
  while (find_word(&at, word, &begin, &end)) {
    gtk_text_buffer_delete(self->buffer, &begin, &end);
    gtk_text_buffer_insert(self->buffer, &begin, by, -1);
    at = begin;
  }
  gtk_text_buffer_end_user_action(self->buffer);
  self->quiet = false;
}

/* ---- completion ---- */

static void hide_offers(KlPromptView *self) {
  gtk_popover_popdown(GTK_POPOVER(self->popover));
}

void kl_prompt_view_set_words(KlPromptView *self, char *const *const words[KL_WORD_LISTS]) {
  for (int i = 0; i < KL_WORD_LISTS; i++) {
    g_strfreev(self->words[i]);
    self->words[i] = words ? g_strdupv((char **)words[i]) : NULL;
  }
}

static void clear_offers(KlPromptView *self) {
  GtkListBoxRow *row;
  while ((row = gtk_list_box_get_row_at_index(self->offers, 0)))
    gtk_list_box_remove(self->offers, GTK_WIDGET(row));
}

static void offer(KlPromptView *self) {
  static char *const none[] = {NULL};
  char *const *lists[KL_WORD_LISTS];
  GtkTextIter a, b;
  size_t from;
  gtk_text_buffer_get_start_iter(self->buffer, &a);
  gtk_text_buffer_get_iter_at_mark(self->buffer, &b, gtk_text_buffer_get_insert(self->buffer));
  g_autofree char *before = gtk_text_buffer_get_text(self->buffer, &a, &b, FALSE);
  for (int i = 0; i < KL_WORD_LISTS; i++) lists[i] = self->words[i] ? self->words[i] : none;
  bool inside = !gtk_text_iter_is_end(&b) && g_unichar_isalnum(gtk_text_iter_get_char(&b));
  g_auto(GStrv) found = inside ? NULL : kl_draft_complete(before, lists, KL_WORD_LISTS, MOST_OFFERS, &from);
  if (!found || !*found) {
    hide_offers(self);
    return;
  }
  clear_offers(self);
  for (char **f = found; *f; f++) {
    GtkWidget *label = gtk_label_new(*f);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_list_box_append(self->offers, label);
  }
  gtk_list_box_select_row(self->offers, gtk_list_box_get_row_at_index(self->offers, 0));
  self->from = (int)g_utf8_strlen(before, (gssize)from);
  GtkTextIter start;
  GdkRectangle r;
  gtk_text_buffer_get_iter_at_offset(self->buffer, &start, self->from);
  gtk_text_view_get_iter_location(self->view, &start, &r);
  gtk_text_view_buffer_to_window_coords(self->view, GTK_TEXT_WINDOW_WIDGET, r.x, r.y, &r.x, &r.y);
  gtk_popover_set_pointing_to(GTK_POPOVER(self->popover), &(GdkRectangle){r.x, r.y, 1, r.height});
  gtk_popover_popup(GTK_POPOVER(self->popover));
}

static void accept(KlPromptView *self, GtkListBoxRow *row) {
  GtkTextIter a, b;
  if (!row) return;
  g_autofree char *text = g_strdup(gtk_label_get_label(GTK_LABEL(gtk_list_box_row_get_child(row))));
  self->quiet = true;
  gtk_text_buffer_begin_user_action(self->buffer);
  gtk_text_buffer_get_iter_at_offset(self->buffer, &a, self->from);
  gtk_text_buffer_get_iter_at_mark(self->buffer, &b, gtk_text_buffer_get_insert(self->buffer));
  gtk_text_buffer_delete(self->buffer, &a, &b);
  gtk_text_buffer_insert(self->buffer, &a, text, -1);
  gtk_text_buffer_end_user_action(self->buffer);
  self->quiet = false;
  hide_offers(self);
  gtk_widget_grab_focus(GTK_WIDGET(self->view));
}

static void move_offer(KlPromptView *self, int by) {
  GtkListBoxRow *row = gtk_list_box_get_selected_row(self->offers);
  int to = (row ? gtk_list_box_row_get_index(row) : 0) + by;
  row = gtk_list_box_get_row_at_index(self->offers, to);
  if (row) gtk_list_box_select_row(self->offers, row);
}

static gboolean key_pressed(GtkEventControllerKey *c, guint key, guint code, GdkModifierType state,
                            gpointer user) {
  KlPromptView *self = user;
  /* The text would take it for a new line before the window's shortcut is asked. */
  if ((key == GDK_KEY_Return || key == GDK_KEY_KP_Enter) && state & GDK_CONTROL_MASK)
    return gtk_widget_activate_action(GTK_WIDGET(self), "generator.generate", NULL);
  if (!gtk_widget_get_visible(self->popover) || state & (GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SHIFT_MASK))
    return FALSE;
  switch (key) {
  case GDK_KEY_Down:
    move_offer(self, 1);
    return TRUE;
  case GDK_KEY_Up:
    move_offer(self, -1);
    return TRUE;
  case GDK_KEY_Tab:
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
    accept(self, gtk_list_box_get_selected_row(self->offers));
    return TRUE;
  case GDK_KEY_Escape:
    hide_offers(self);
    return TRUE;
  default:
    return FALSE;
  }
}

static void buffer_changed(KlPromptView *self) {
  gtk_widget_set_visible(self->placeholder, gtk_text_buffer_get_char_count(self->buffer) == 0);
  if (!self->quiet && gtk_widget_has_focus(GTK_WIDGET(self->view)))
    offer(self);
  else
    hide_offers(self);
  g_signal_emit(self, changed_signal, 0);
}

static void row_activated(GtkListBox *box, GtkListBoxRow *row, gpointer user) {
  accept(user, row);
}

/* ---- the object ---- */

static void make_popover(KlPromptView *self) {
  self->popover = gtk_popover_new();
  self->offers = GTK_LIST_BOX(gtk_list_box_new());
  gtk_list_box_set_selection_mode(self->offers, GTK_SELECTION_BROWSE);
  gtk_popover_set_child(GTK_POPOVER(self->popover), GTK_WIDGET(self->offers));
  gtk_popover_set_autohide(GTK_POPOVER(self->popover), FALSE);
  gtk_popover_set_has_arrow(GTK_POPOVER(self->popover), FALSE);
  gtk_widget_set_halign(self->popover, GTK_ALIGN_START);
  gtk_widget_set_can_focus(GTK_WIDGET(self->offers), FALSE);
  gtk_widget_add_css_class(self->popover, "menu");
  gtk_widget_add_css_class(GTK_WIDGET(self->offers), "kl-offers");
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->offers), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                 _("What the model knows"), -1);
  gtk_widget_set_parent(self->popover, GTK_WIDGET(self->view));
  g_signal_connect(self->offers, "row-activated", G_CALLBACK(row_activated), self);
}

static void kl_prompt_view_dispose(GObject *object) {
  KlPromptView *self = KL_PROMPT_VIEW(object);
  g_clear_pointer(&self->popover, gtk_widget_unparent);
  kl_prompt_view_set_words(self, NULL);
  G_OBJECT_CLASS(kl_prompt_view_parent_class)->dispose(object);
}

static gboolean kl_prompt_view_grab_focus(GtkWidget *widget) {
  return gtk_widget_grab_focus(GTK_WIDGET(KL_PROMPT_VIEW(widget)->view));
}

static void kl_prompt_view_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  KlPromptView *self = KL_PROMPT_VIEW(object);
  const char *text = g_value_get_string(value);
  if (id == PROP_PLACEHOLDER) {
    gtk_label_set_label(GTK_LABEL(self->placeholder), text ? text : "");
    gtk_accessible_update_property(GTK_ACCESSIBLE(self->view), GTK_ACCESSIBLE_PROPERTY_PLACEHOLDER,
                                   text ? text : "", -1);
  } else if (text) {
    gtk_accessible_update_property(GTK_ACCESSIBLE(self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  }
}

static void kl_prompt_view_class_init(KlPromptViewClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  GParamFlags once = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  c->dispose = kl_prompt_view_dispose;
  c->set_property = kl_prompt_view_set_property;
  GTK_WIDGET_CLASS(klass)->grab_focus = kl_prompt_view_grab_focus;
  g_object_class_install_property(c, PROP_PLACEHOLDER,
                                  g_param_spec_string("placeholder", NULL, NULL, NULL, once));
  g_object_class_install_property(c, PROP_LABEL, g_param_spec_string("label", NULL, NULL, NULL, once));
  changed_signal =
      g_signal_new("changed", KL_TYPE_PROMPT_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void kl_prompt_view_init(KlPromptView *self) {
  GtkWidget *overlay = gtk_overlay_new(), *scroll = gtk_scrolled_window_new();
  self->view = GTK_TEXT_VIEW(gtk_text_view_new());
  self->buffer = gtk_text_view_get_buffer(self->view);
  gtk_text_view_set_wrap_mode(self->view, GTK_WRAP_WORD_CHAR);
  gtk_text_view_set_accepts_tab(self->view, FALSE);
  gtk_text_view_set_left_margin(self->view, 12);
  gtk_text_view_set_right_margin(self->view, 12);
  gtk_text_view_set_top_margin(self->view, 10);
  gtk_text_view_set_bottom_margin(self->view, 10);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroll), GTK_WIDGET(self->view));
  gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroll), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scroll), 84);
  gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(scroll), 220);
  gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scroll), TRUE);
  self->placeholder = gtk_label_new(NULL);
  gtk_label_set_wrap(GTK_LABEL(self->placeholder), TRUE);
  gtk_label_set_xalign(GTK_LABEL(self->placeholder), 0);
  gtk_widget_set_halign(self->placeholder, GTK_ALIGN_START);
  gtk_widget_set_valign(self->placeholder, GTK_ALIGN_START);
  gtk_widget_set_can_target(self->placeholder, FALSE);
  gtk_widget_add_css_class(self->placeholder, "dim-label");
  gtk_widget_add_css_class(self->placeholder, "kl-placeholder");
  gtk_overlay_set_child(GTK_OVERLAY(overlay), scroll);
  gtk_overlay_add_overlay(GTK_OVERLAY(overlay), self->placeholder);
  adw_bin_set_child(ADW_BIN(self), overlay);
  gtk_widget_add_css_class(GTK_WIDGET(self), "kl-prompt");
  gtk_widget_set_overflow(GTK_WIDGET(self), GTK_OVERFLOW_HIDDEN);
  self->unknown = gtk_text_buffer_create_tag(self->buffer, NULL, "underline", PANGO_UNDERLINE_ERROR,
                                             "underline-rgba", &(GdkRGBA){.9f, .55f, 0, 1}, NULL);
  make_popover(self);
  GtkEventController *keys = gtk_event_controller_key_new(), *focus = gtk_event_controller_focus_new();
  gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
  g_signal_connect(keys, "key-pressed", G_CALLBACK(key_pressed), self);
  g_signal_connect_swapped(focus, "leave", G_CALLBACK(hide_offers), self);
  gtk_widget_add_controller(GTK_WIDGET(self->view), keys);
  gtk_widget_add_controller(GTK_WIDGET(self->view), focus);
  g_signal_connect_swapped(self->buffer, "changed", G_CALLBACK(buffer_changed), self);
}

GtkWidget *kl_prompt_view_new(const char *label, const char *placeholder) {
  return g_object_new(KL_TYPE_PROMPT_VIEW, "label", label, "placeholder", placeholder, NULL);
}
