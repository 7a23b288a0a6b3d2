#include "ui/prompt_track.h"

#include "app/core/near.h"
#include "ui/i18n.h"
#include "ui/names.h"
#include "ui/prompt_view.h"
#include "ui/word_list.h"

#include <string.h>

enum { MOST_EXAMPLES = 3, MOST_NOTICES = 3 };

struct _KlPromptTrack {
  GtkBox parent;
  KlPromptView *prompt;
  GtkWidget *words_button, *examples, *notices, *add, *later_group;
  GtkListBox *later; /* of Later */
  GtkEditable *negative;
  KlWordList *words;
  char **known; /* single words, for suggestions; NULL: anything goes */
  char **lists[KL_WORD_LISTS];
  guint n_words;
  bool timed;
};

/* One more prompt, from a time on. */
typedef struct {
  KlPromptTrack *track;
  GtkWidget *row;
  GtkEditable *time;
  KlPromptView *text;
} Later;

G_DEFINE_FINAL_TYPE(KlPromptTrack, kl_prompt_track, GTK_TYPE_BOX)

static guint changed_signal;

static void update_empty(KlPromptTrack *self) {
  gtk_widget_set_visible(self->examples,
                         kl_prompt_track_empty(self) && gtk_widget_get_first_child(self->examples) != NULL);
}

static void changed(KlPromptTrack *self) {
  update_empty(self);
  g_signal_emit(self, changed_signal, 0);
}

bool kl_prompt_track_empty(KlPromptTrack *self) {
  g_autofree char *text = kl_prompt_view_text(self->prompt);
  return !*g_strstrip(text);
}

/* ---- later prompts ---- */

static Later *later_at(KlPromptTrack *self, int i) {
  GtkListBoxRow *row = gtk_list_box_get_row_at_index(self->later, i);
  return row ? g_object_get_data(G_OBJECT(row), "later") : NULL;
}

static void show_later(KlPromptTrack *self) {
  gtk_widget_set_visible(self->later_group, self->timed && later_at(self, 0));
  gtk_widget_set_visible(self->add, self->timed);
}

static bool read_time(const Later *l, KlTime *t) {
  bool ok = kl_time_parse(gtk_editable_get_text(l->time), t, NULL) && t->value > 0;
  if (ok)
    gtk_widget_remove_css_class(GTK_WIDGET(l->time), "error");
  else
    gtk_widget_add_css_class(GTK_WIDGET(l->time), "error");
  gtk_accessible_update_state(GTK_ACCESSIBLE(l->time), GTK_ACCESSIBLE_STATE_INVALID,
                              ok ? GTK_ACCESSIBLE_INVALID_FALSE : GTK_ACCESSIBLE_INVALID_TRUE, -1);
  return ok;
}

static void later_changed(Later *l) {
  KlTime t;
  read_time(l, &t);
  changed(l->track);
}

static void remove_later(Later *l) {
  KlPromptTrack *self = l->track;
  gtk_list_box_remove(self->later, l->row);
  show_later(self);
  changed(self);
  gtk_widget_grab_focus(self->add);
}

static Later *add_later(KlPromptTrack *self, const char *time, const char *text) {
  Later *l = g_new0(Later, 1);
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6),
            *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *from = gtk_label_new(_("From")),
            *on = gtk_label_new(_("on")), *entry = gtk_entry_new(),
            *view = kl_prompt_view_new(_("Prompt from then on"), _("What happens now")),
            *remove = gtk_button_new_from_icon_name("user-trash-symbolic");
  *l = (Later){self, gtk_list_box_row_new(), GTK_EDITABLE(entry), KL_PROMPT_VIEW(view)};
  gtk_editable_set_text(l->time, time);
  gtk_editable_set_width_chars(l->time, 7);
  gtk_editable_set_max_width_chars(l->time, 7);
  gtk_widget_set_tooltip_text(entry, _("Minutes and seconds (0:04), seconds (4.5) or frames (64f)"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _("From this time on"),
                                 -1);
  gtk_widget_set_hexpand(on, TRUE);
  gtk_label_set_xalign(GTK_LABEL(on), 0);
  gtk_widget_set_tooltip_text(remove, _("Remove this Change"));
  gtk_widget_add_css_class(remove, "flat");
  gtk_box_append(GTK_BOX(head), from);
  gtk_box_append(GTK_BOX(head), entry);
  gtk_box_append(GTK_BOX(head), on);
  gtk_box_append(GTK_BOX(head), remove);
  gtk_box_append(GTK_BOX(box), head);
  gtk_box_append(GTK_BOX(box), view);
  gtk_widget_add_css_class(box, "kl-later");
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(l->row), box);
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(l->row), FALSE);
  gtk_widget_set_focusable(l->row, FALSE);
  g_object_set_data_full(G_OBJECT(l->row), "later", l, g_free);
  kl_prompt_view_set_words(l->text, (char *const *const *)self->lists);
  kl_prompt_view_set_text(l->text, text);
  gtk_list_box_append(self->later, l->row);
  g_signal_connect_swapped(entry, "changed", G_CALLBACK(later_changed), l);
  g_signal_connect_swapped(view, "changed", G_CALLBACK(later_changed), l);
  g_signal_connect_swapped(remove, "clicked", G_CALLBACK(remove_later), l);
  show_later(self);
  return l;
}

/* Two seconds after the last one. */
static void add_clicked(KlPromptTrack *self) {
  gint64 last = 0;
  Later *l;
  for (int i = 0; (l = later_at(self, i)); i++) {
    KlTime t;
    if (read_time(l, &t) && !t.in_frames) last = MAX(last, t.value);
  }
  gint64 s = last / 1000000000 + 2;
  g_autofree char *time = g_strdup_printf("%d:%02d", (int)(s / 60), (int)(s % 60)),
                  *text = kl_prompt_view_text(self->prompt);
  l = add_later(self, time, text);
  gtk_widget_grab_focus(GTK_WIDGET(l->text));
  changed(self);
}

/* ---- a job there and back ---- */

bool kl_prompt_track_fill(KlPromptTrack *self, KlJobSpec *job) {
  bool ok = true;
  Later *l;
  g_autofree char *text = g_strstrip(kl_prompt_view_text(self->prompt));
  const char *negative = gtk_editable_get_text(self->negative);
  if (*text) kl_job_set_prompt(job, (KlTime){false, 0}, text, NULL);
  for (int i = 0; self->timed && (l = later_at(self, i)); i++) {
    KlTime t;
    g_autofree char *next = g_strstrip(kl_prompt_view_text(l->text));
    ok = read_time(l, &t) && ok;
    if (ok && *next) kl_job_set_prompt(job, t, next, NULL);
  }
  if (*negative) kl_job_set(job, "negative", negative, NULL);
  return ok;
}

/* "0:04", or frames where they are no whole seconds. A new string. */
static char *time_for_people(KlTime t, const KlJobSpec *job) {
  const gint64 second = G_GINT64_CONSTANT(1000000000);
  gint64 ns = t.value;
  if (t.in_frames && kl_job_has(job, "fps")) {
    gint64 num = job->fps_num, den = job->fps_den;
    if (t.value * den % num) return kl_time_text(t);
    ns = t.value * den / num * second;
  } else if (t.in_frames || t.value % second) {
    return kl_time_text(t);
  }
  return g_strdup_printf("%d:%02d", (int)(ns / second / 60), (int)(ns / second % 60));
}

void kl_prompt_track_load(KlPromptTrack *self, const KlJobSpec *job) {
  GtkListBoxRow *row;
  while ((row = gtk_list_box_get_row_at_index(self->later, 0)))
    gtk_list_box_remove(self->later, GTK_WIDGET(row));
  kl_prompt_view_set_text(self->prompt, "");
  for (guint i = 0; i < job->prompts->len; i++) {
    const KlJobPrompt *p = &g_array_index(job->prompts, KlJobPrompt, i);
    if (p->at.value == 0) {
      kl_prompt_view_set_text(self->prompt, p->text);
    } else {
      g_autofree char *time = time_for_people(p->at, job);
      add_later(self, time, p->text);
    }
  }
  gtk_editable_set_text(self->negative, job->negative ? job->negative : "");
  show_later(self);
  changed(self);
}

void kl_prompt_track_set_timed(KlPromptTrack *self, bool timed) {
  self->timed = timed;
  show_later(self);
}

/* ---- the model ---- */

static void use_example(GtkButton *button, gpointer user) {
  KlPromptTrack *self = user;
  GtkWidget *label = gtk_button_get_child(button);
  kl_prompt_view_set_text(self->prompt, gtk_label_get_label(GTK_LABEL(label)));
  gtk_widget_grab_focus(GTK_WIDGET(self->prompt));
}

static void show_examples(KlPromptTrack *self, char **examples) {
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child(self->examples))) gtk_box_remove(GTK_BOX(self->examples), child);
  for (int i = 0; examples && examples[i] && i < MOST_EXAMPLES; i++) {
    GtkWidget *b = gtk_button_new(), *label = gtk_label_new(examples[i]);
    gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_button_set_child(GTK_BUTTON(b), label);
    gtk_widget_set_halign(b, GTK_ALIGN_START);
    gtk_widget_set_tooltip_text(b, examples[i]);
    gtk_widget_add_css_class(b, "kl-chip");
    g_signal_connect(b, "clicked", G_CALLBACK(use_example), self);
    gtk_box_append(GTK_BOX(self->examples), b);
  }
  update_empty(self);
}

static void insert_word(KlPromptTrack *self, const char *phrase) {
  kl_prompt_view_insert(self->prompt, phrase);
}

/* All words of a group, also those that mean the same. */
static char **group_words(const KlModel *model, KlModelWords group, guint *total) {
  GPtrArray *a = g_ptr_array_new();
  guint n = 0;
  const KlModelWord *w = model ? kl_model_words(model, &n) : NULL;
  for (guint i = 0; i < n; i++)
    if (w[i].group == group) g_ptr_array_add(a, g_strdup(w[i].text));
  *total += a->len;
  g_ptr_array_add(a, NULL);
  return (char **)g_ptr_array_free(a, FALSE);
}

void kl_prompt_track_set_model(KlPromptTrack *self, const KlModel *model) {
  g_strfreev(self->known);
  self->n_words = 0;
  for (int i = 0; i < KL_WORD_LISTS; i++) {
    g_strfreev(self->lists[i]);
    self->lists[i] = group_words(model, i, &self->n_words);
  }
  self->known = self->n_words ? kl_phrase_words((char *const *const *)self->lists, KL_WORD_LISTS) : NULL;
  kl_prompt_view_set_words(self->prompt, (char *const *const *)self->lists);
  Later *l;
  for (int i = 0; (l = later_at(self, i)); i++)
    kl_prompt_view_set_words(l->text, (char *const *const *)self->lists);
  kl_word_list_set_words(self->words, (char *const *const *)(model ? model->words : NULL));
  gtk_widget_set_visible(self->words_button, self->n_words > 0);
  show_examples(self, model ? model->examples : NULL);
}

/* ---- what is not known ---- */

typedef struct {
  KlPromptTrack *track;
  char *word, *by;
} Replace;

static void replace_free(gpointer data, GClosure *closure) {
  Replace *r = data;
  g_free(r->word);
  g_free(r->by);
  g_free(r);
}

static void replace_clicked(GtkButton *button, gpointer data) {
  Replace *r = data;
  g_autofree char *word = g_strdup(r->word), *by = g_strdup(r->by);
  KlPromptTrack *self = r->track;
  Later *l;
  kl_prompt_view_replace(self->prompt, word, by);
  for (int i = 0; (l = later_at(self, i)); i++) kl_prompt_view_replace(l->text, word, by);
  gtk_widget_grab_focus(GTK_WIDGET(self->prompt));
}

static void add_notice(KlPromptTrack *self, const char *word) {
  const char *near = self->known ? kl_near(word, (const char *const *)self->known) : NULL;
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *label = gtk_label_new(NULL);
  g_autofree char *text = near ? g_strdup_printf(_("“%s” is not in this model’s words. Did you mean"), word)
                               : g_strdup_printf(_("“%s” is not in this model’s words"), word);
  gtk_label_set_label(GTK_LABEL(label), text);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_widget_add_css_class(label, "caption");
  gtk_widget_add_css_class(label, "warning");
  gtk_box_append(GTK_BOX(box), label);
  if (near) {
    Replace *r = g_new(Replace, 1);
    *r = (Replace){self, g_strdup(word), g_strdup(near)};
    g_autofree char *what = g_strdup_printf(_("Write “%s” instead of “%s”"), near, word);
    GtkWidget *b = gtk_button_new_with_label(near);
    gtk_widget_set_valign(b, GTK_ALIGN_CENTER);
    gtk_widget_set_tooltip_text(b, what);
    gtk_widget_add_css_class(b, "kl-chip");
    g_signal_connect_data(b, "clicked", G_CALLBACK(replace_clicked), r, replace_free, 0);
    gtk_box_append(GTK_BOX(box), b);
  }
  gtk_box_append(GTK_BOX(self->notices), box);
}

void kl_prompt_track_set_unknown(KlPromptTrack *self, const char *const *words) {
  GtkWidget *child;
  Later *l;
  while ((child = gtk_widget_get_first_child(self->notices))) gtk_box_remove(GTK_BOX(self->notices), child);
  for (int i = 0; words && words[i] && i < MOST_NOTICES; i++) add_notice(self, words[i]);
  gtk_widget_set_visible(self->notices, words && *words);
  kl_prompt_view_mark(self->prompt, words);
  for (int i = 0; (l = later_at(self, i)); i++) kl_prompt_view_mark(l->text, words);
}

/* ---- the object ---- */

static void kl_prompt_track_finalize(GObject *object) {
  KlPromptTrack *self = KL_PROMPT_TRACK(object);
  g_strfreev(self->known);
  for (int i = 0; i < KL_WORD_LISTS; i++) g_strfreev(self->lists[i]);
  G_OBJECT_CLASS(kl_prompt_track_parent_class)->finalize(object);
}

static gboolean kl_prompt_track_grab_focus(GtkWidget *widget) {
  return gtk_widget_grab_focus(GTK_WIDGET(KL_PROMPT_TRACK(widget)->prompt));
}

static void kl_prompt_track_class_init(KlPromptTrackClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->finalize = kl_prompt_track_finalize;
  widget->grab_focus = kl_prompt_track_grab_focus;
  changed_signal =
      g_signal_new("changed", KL_TYPE_PROMPT_TRACK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static GtkWidget *heading(KlPromptTrack *self) {
  GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *title = gtk_label_new(_("Prompt")),
            *words = kl_word_list_new();
  gtk_widget_add_css_class(title, "heading");
  gtk_widget_set_hexpand(title, TRUE);
  gtk_label_set_xalign(GTK_LABEL(title), 0);
  self->words_button = gtk_menu_button_new();
  self->words = KL_WORD_LIST(words);
  gtk_menu_button_set_label(GTK_MENU_BUTTON(self->words_button), _("Words"));
  gtk_menu_button_set_popover(GTK_MENU_BUTTON(self->words_button), words);
  gtk_widget_set_tooltip_text(self->words_button, _("All that this Model Knows"));
  gtk_widget_add_css_class(self->words_button, "flat");
  gtk_widget_set_visible(self->words_button, FALSE);
  g_signal_connect_swapped(words, "chosen", G_CALLBACK(insert_word), self);
  gtk_box_append(GTK_BOX(head), title);
  gtk_box_append(GTK_BOX(head), self->words_button);
  return head;
}

static void kl_prompt_track_init(KlPromptTrack *self) {
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  GtkBox *box = GTK_BOX(self);
  gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing(box, 6);
  self->timed = true;
  self->prompt = KL_PROMPT_VIEW(kl_prompt_view_new(_("Prompt"), _("What is to be seen?")));
  self->notices = gtk_box_new(GTK_ORIENTATION_VERTICAL, 4);
  self->examples = gtk_box_new(GTK_ORIENTATION_VERTICAL, 4);
  self->later = GTK_LIST_BOX(gtk_list_box_new());
  self->later_group = GTK_WIDGET(self->later);
  gtk_list_box_set_selection_mode(self->later, GTK_SELECTION_NONE);
  gtk_widget_add_css_class(self->later_group, "boxed-list");
  GtkWidget *content = adw_button_content_new();
  adw_button_content_set_icon_name(ADW_BUTTON_CONTENT(content), "list-add-symbolic");
  adw_button_content_set_label(ADW_BUTTON_CONTENT(content), _("Change the Prompt Later"));
  self->add = gtk_button_new();
  gtk_button_set_child(GTK_BUTTON(self->add), content);
  gtk_widget_set_halign(self->add, GTK_ALIGN_START);
  gtk_widget_add_css_class(self->add, "flat");
  gtk_widget_set_tooltip_text(self->add, _("Another prompt takes over from a time on"));
  GtkWidget *list = gtk_list_box_new(), *negative = adw_entry_row_new();
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(negative), _("Negative prompt"));
  gtk_list_box_append(GTK_LIST_BOX(list), negative);
  gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class(list, "boxed-list");
  self->negative = GTK_EDITABLE(negative);
  gtk_widget_set_visible(self->notices, FALSE);
  gtk_box_append(box, heading(self));
  gtk_box_append(box, GTK_WIDGET(self->prompt));
  gtk_box_append(box, self->notices);
  gtk_box_append(box, self->examples);
  gtk_box_append(box, self->later_group);
  gtk_box_append(box, self->add);
  gtk_box_append(box, list);
  show_later(self);
  g_signal_connect_swapped(self->prompt, "changed", G_CALLBACK(changed), self);
  g_signal_connect_swapped(negative, "changed", G_CALLBACK(changed), self);
  g_signal_connect_swapped(self->add, "clicked", G_CALLBACK(add_clicked), self);
}
