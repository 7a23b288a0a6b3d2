#include "ui/field_row.h"

#include "ui/i18n.h"

#include <string.h>

struct _KlFieldRow {
  AdwActionRow parent;
  const char *key;
  const KlJobField *field;
  char *value, *open; /* NULL: open; what open means */
  bool valid, quiet;
  char **choices; /* NULL: an entry */
  GtkWidget *entry, *drop, *reset;
};

G_DEFINE_FINAL_TYPE(KlFieldRow, kl_field_row, ADW_TYPE_ACTION_ROW)

static guint changed_signal;

/* ---- what rows share ---- */

GtkWidget *kl_row_button(const char *icon, const char *what) {
  GtkWidget *b = gtk_button_new_from_icon_name(icon);
  gtk_widget_set_valign(b, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text(b, what);
  gtk_widget_add_css_class(b, "flat");
  return b;
}

typedef struct {
  void (*chosen)(gpointer user, const char *text);
  gpointer user;
} Menu;

static void menu_row(GtkListBox *list, GtkListBoxRow *row, gpointer data) {
  Menu *m = data;
  GtkWidget *popover = gtk_widget_get_ancestor(GTK_WIDGET(list), GTK_TYPE_POPOVER);
  gtk_popover_popdown(GTK_POPOVER(popover));
  m->chosen(m->user, gtk_label_get_label(GTK_LABEL(gtk_list_box_row_get_child(row))));
}

GtkWidget *kl_row_menu(const char *what, const char *const *texts,
                       void (*chosen)(gpointer user, const char *text), gpointer user) {
  GtkWidget *button = gtk_menu_button_new(), *popover = gtk_popover_new(), *list = gtk_list_box_new();
  Menu *m = g_new(Menu, 1);
  *m = (Menu){chosen, user};
  for (; *texts; texts++) {
    GtkWidget *label = gtk_label_new(*texts);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_list_box_append(GTK_LIST_BOX(list), label);
  }
  gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
  g_signal_connect_data(list, "row-activated", G_CALLBACK(menu_row), m,
                        (GClosureNotify)(void (*)(void))g_free, 0);
  gtk_popover_set_child(GTK_POPOVER(popover), list);
  gtk_widget_add_css_class(popover, "menu");
  gtk_menu_button_set_popover(GTK_MENU_BUTTON(button), popover);
  gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(button), "pan-down-symbolic");
  gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text(button, what);
  gtk_widget_add_css_class(button, "flat");
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, what, -1);
  return button;
}

/* ---- values ---- */

/* A default for people: "5 s", "81 frames". A new string. */
static char *shown(const KlFieldRow *self, const char *text) {
  if (!text) return g_strdup("");
  if (self->field->kind == KL_JOB_TIME && g_str_has_suffix(text, "f"))
    return g_strdup_printf(g_dngettext(NULL, "%d frame", "%d frames", (gulong)atol(text)), (int)atol(text));
  if (self->field->kind == KL_JOB_TIME && !strchr(text, ':')) return g_strdup_printf(_("%s s"), text);
  if (!strcmp(self->key, "crf") && !strcmp(text, "-1")) return g_strdup(C_("quality", "usual"));
  if (self->field->kind == KL_JOB_INT && !strcmp(text, "0")) return g_strdup(C_("setting", "automatic"));
  return g_strdup(text);
}

static void show_state(KlFieldRow *self) {
  GtkAccessible *a = GTK_ACCESSIBLE(self->entry ? self->entry : self->drop);
  bool set = self->value || !self->valid;
  gtk_widget_set_visible(self->reset, set);
  gtk_accessible_update_state(a, GTK_ACCESSIBLE_STATE_INVALID,
                              self->valid ? GTK_ACCESSIBLE_INVALID_FALSE : GTK_ACCESSIBLE_INVALID_TRUE, -1);
  if (!self->entry) return;
  if (self->valid)
    gtk_widget_remove_css_class(self->entry, "error");
  else
    gtk_widget_add_css_class(self->entry, "error");
}

static void take(KlFieldRow *self, char *value, bool valid) {
  bool same = valid == self->valid && !g_strcmp0(value, self->value);
  g_free(self->value);
  self->value = value;
  self->valid = valid;
  show_state(self);
  if (!same) g_signal_emit(self, changed_signal, 0);
}

static void entry_changed(KlFieldRow *self) {
  g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(self->entry))));
  g_autoptr(KlJobSpec) scratch = kl_job_new();
  g_autoptr(GError) error = NULL;
  if (self->quiet) return;
  if (self->field->kind == KL_JOB_TIME) { /* "5 s" is a time too */
    char *to = text;
    for (const char *p = text; *p; p++)
      if (*p != ' ') *to++ = *p;
    *to = 0;
  }
  bool valid = !*text || kl_job_set(scratch, self->key, text, &error);
  gtk_widget_set_tooltip_text(self->entry, error ? error->message : NULL);
  take(self, valid && *text ? g_steal_pointer(&text) : NULL, valid);
}

static void drop_changed(KlFieldRow *self) {
  guint i = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->drop));
  if (!self->quiet)
    take(self, i > 0 && i != GTK_INVALID_LIST_POSITION ? g_strdup(self->choices[i - 1]) : NULL, true);
}

const char *kl_field_row_value(KlFieldRow *self) {
  return self->value;
}

bool kl_field_row_valid(KlFieldRow *self) {
  return self->valid;
}

void kl_field_row_set_value(KlFieldRow *self, const char *text) {
  if (self->entry) {
    gtk_editable_set_text(GTK_EDITABLE(self->entry), text ? text : "");
    return;
  }
  guint at = 0;
  for (guint i = 0; text && self->choices[i]; i++)
    if (!strcmp(self->choices[i], text)) at = i + 1;
  gtk_drop_down_set_selected(GTK_DROP_DOWN(self->drop), at);
}

/* ---- choices ---- */

/* What the values are called: only those that are no names. */
static const char *choice_label(const char *value) {
  static const char *const labels[][2] = {{"auto", N_("Automatic")},
                                          {"png-sequence", N_("PNG sequence")},
                                          {"few-step", N_("Few-step")},
                                          {"euler", "Euler"},
                                          {"unipc", "UniPC"},
                                          {"dpm++", "DPM++"},
                                          {"f32", N_("32-bit float")},
                                          {"bf16", N_("bfloat16")},
                                          {"h264", "H.264"},
                                          {"vp9", "VP9"},
                                          {"av1", "AV1"},
                                          {"mpeg4", "MPEG-4"}};
  for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
    if (!strcmp(labels[i][0], value)) return _(labels[i][1]);
  return NULL;
}

static void fill_choices(KlFieldRow *self) {
  g_autoptr(GtkStringList) list = gtk_string_list_new(NULL);
  guint at = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->drop));
  const char *open = self->open ? choice_label(self->open) : NULL;
  g_autofree char *upper = self->open ? g_ascii_strup(self->open, -1) : NULL;
  g_autofree char *first =
      self->open ? g_strdup_printf(_("Default (%s)"), open ? open : upper) : g_strdup(_("Default"));
  gtk_string_list_append(list, first);
  for (char **c = self->choices; *c; c++) {
    const char *label = choice_label(*c);
    g_autofree char *up = g_ascii_strup(*c, -1);
    gtk_string_list_append(list, label ? label : up);
  }
  self->quiet = true;
  gtk_drop_down_set_model(GTK_DROP_DOWN(self->drop), G_LIST_MODEL(list));
  gtk_drop_down_set_selected(GTK_DROP_DOWN(self->drop), at == GTK_INVALID_LIST_POSITION ? 0 : at);
  self->quiet = false;
}

void kl_field_row_set_default(KlFieldRow *self, const char *text) {
  g_free(self->open);
  self->open = g_strdup(text);
  if (!self->entry) {
    fill_choices(self);
    return;
  }
  g_autofree char *people = shown(self, text);
  gtk_entry_set_placeholder_text(GTK_ENTRY(self->entry), people);
}

static void suggested(gpointer user, const char *text) {
  kl_field_row_set_value(user, text);
}

void kl_field_row_set_suggestions(KlFieldRow *self, const char *const *values) {
  adw_action_row_add_suffix(ADW_ACTION_ROW(self), kl_row_menu(_("Usual Values"), values, suggested, self));
}

/* ---- keys: a number goes up and down with the arrows ---- */

static gboolean step(GtkWidget *widget, GVariant *by, gpointer user) {
  KlFieldRow *self = KL_FIELD_ROW(gtk_widget_get_ancestor(widget, KL_TYPE_FIELD_ROW));
  if (self->field->kind != KL_JOB_INT && self->field->kind != KL_JOB_NUMBER) return FALSE;
  const char *now = self->value ? self->value : self->open;
  double step = self->field->kind == KL_JOB_INT ? 1 : 0.5, v = now ? g_ascii_strtod(now, NULL) : 0;
  char buf[G_ASCII_DTOSTR_BUF_SIZE];
  v = CLAMP(v + step * g_variant_get_int32(by), self->field->least, self->field->most);
  kl_field_row_set_value(self, g_ascii_formatd(buf, sizeof buf, "%.10g", v));
  gtk_editable_set_position(GTK_EDITABLE(self->entry), -1);
  return TRUE;
}

static void add_keys(GtkWidget *entry) {
  GtkEventController *keys = gtk_shortcut_controller_new();
  gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
  for (int by = -1; by <= 1; by += 2) {
    GtkShortcut *s = gtk_shortcut_new(gtk_keyval_trigger_new(by > 0 ? GDK_KEY_Up : GDK_KEY_Down, 0),
                                      gtk_callback_action_new(step, NULL, NULL));
    gtk_shortcut_set_arguments(s, g_variant_new_int32(by));
    gtk_shortcut_controller_add_shortcut(GTK_SHORTCUT_CONTROLLER(keys), s);
  }
  gtk_widget_add_controller(entry, keys);
}

/* ---- the object ---- */

static void reset(KlFieldRow *self) {
  kl_field_row_set_value(self, NULL);
  gtk_widget_grab_focus(self->entry ? self->entry : self->drop);
}

static void kl_field_row_finalize(GObject *object) {
  KlFieldRow *self = KL_FIELD_ROW(object);
  g_free(self->value);
  g_free(self->open);
  g_strfreev(self->choices);
  G_OBJECT_CLASS(kl_field_row_parent_class)->finalize(object);
}

static void kl_field_row_class_init(KlFieldRowClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = kl_field_row_finalize;
  changed_signal =
      g_signal_new("changed", KL_TYPE_FIELD_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void kl_field_row_init(KlFieldRow *self) {
  self->valid = true;
}

static void add_entry(KlFieldRow *self) {
  self->entry = gtk_entry_new();
  gtk_editable_set_width_chars(GTK_EDITABLE(self->entry), 9);
  gtk_editable_set_max_width_chars(GTK_EDITABLE(self->entry), 9);
  gtk_widget_set_valign(self->entry, GTK_ALIGN_CENTER);
  g_signal_connect_swapped(self->entry, "changed", G_CALLBACK(entry_changed), self);
  add_keys(self->entry);
}

static void add_drop(KlFieldRow *self) {
  self->choices = g_strsplit(self->field->choices, "|", -1);
  self->drop = gtk_drop_down_new(NULL, NULL);
  gtk_widget_set_valign(self->drop, GTK_ALIGN_CENTER);
  fill_choices(self);
  g_signal_connect_swapped(self->drop, "notify::selected", G_CALLBACK(drop_changed), self);
}

GtkWidget *kl_field_row_new(const char *key, const char *title) {
  KlFieldRow *self = g_object_new(KL_TYPE_FIELD_ROW, "title", title, NULL);
  size_t n;
  const KlJobField *fields = kl_job_fields(&n);
  for (size_t i = 0; i < n; i++)
    if (!strcmp(fields[i].key, key)) self->field = &fields[i];
  self->key = key;
  if (self->field->choices)
    add_drop(self);
  else
    add_entry(self);
  GtkWidget *w = self->entry ? self->entry : self->drop;
  self->reset = kl_row_button("edit-clear-symbolic", _("Use the Default"));
  gtk_widget_set_visible(self->reset, FALSE);
  g_signal_connect_swapped(self->reset, "clicked", G_CALLBACK(reset), self);
  adw_action_row_add_suffix(ADW_ACTION_ROW(self), self->reset);
  adw_action_row_add_suffix(ADW_ACTION_ROW(self), w);
  adw_action_row_set_activatable_widget(ADW_ACTION_ROW(self), w);
  return GTK_WIDGET(self); /* the row names what it activates */
}
