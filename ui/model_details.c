#include "ui/model_details.h"

#include "app/core/draft.h"
#include "ui/field_row.h"
#include "ui/i18n.h"
#include "ui/word_list.h"

#include <glib/gstdio.h>
#include <string.h>

char *kl_model_summary(KlModelItem *item) {
  const KlModel *m = kl_model_item_get(item);
  g_autofree char *size = kl_bytes_text(kl_model_item_bytes(item));
  return g_strjoin(" · ", m->family && *m->family ? m->family : m->name, size, m->license, NULL);
}

static AdwPreferencesGroup *group(AdwPreferencesPage *page, const char *title) {
  GtkWidget *g = adw_preferences_group_new();
  if (title) adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(g), title);
  adw_preferences_page_add(page, ADW_PREFERENCES_GROUP(g));
  return ADW_PREFERENCES_GROUP(g);
}

/* What is said stands at the end, and can be selected where it is long. */
static GtkWidget *fact(AdwPreferencesGroup *g, const char *title, const char *text) {
  GtkWidget *row = adw_action_row_new(), *label = gtk_label_new(text);
  g_autofree char *escaped = g_markup_escape_text(title, -1);
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), escaped);
  gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
  gtk_label_set_selectable(GTK_LABEL(label), TRUE);
  gtk_label_set_xalign(GTK_LABEL(label), 1);
  gtk_widget_set_hexpand(label, TRUE);
  gtk_widget_set_tooltip_text(label, text);
  gtk_widget_add_css_class(label, "dim-label");
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), label);
  adw_preferences_group_add(g, row);
  return row;
}

static const KlModelFile *recorded(const KlModel *m, const char *path) {
  for (guint i = 0; i < m->recorded->len; i++) {
    const KlModelFile *f = &g_array_index(m->recorded, KlModelFile, i);
    if (!strcmp(f->path, path)) return f;
  }
  return NULL;
}

static void copy_sum(GtkButton *button, gpointer sum) {
  gdk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(button)), sum);
}

static void add_file(AdwPreferencesGroup *g, const KlModel *m, KlModelPart part, const char *path) {
  static const char *const titles[KL_PARTS] = {[KL_PART_TRANSFORMER] = N_("Transformer"),
                                               [KL_PART_TEXT_ENCODER] = N_("Text Encoder"),
                                               [KL_PART_TOKENIZER] = N_("Tokenizer"),
                                               [KL_PART_VAE] = N_("Autoencoder"),
                                               [KL_PART_UPSCALER] = N_("Upscaler")};
  GStatBuf st;
  bool there = !g_stat(path, &st);
  const KlModelFile *f = recorded(m, path);
  g_autofree char *base = g_path_get_basename(path), *name = g_filename_display_name(base),
                  *size = there ? kl_bytes_text((guint64)st.st_size) : g_strdup(_("missing"));
  g_autofree char *escaped = g_markup_escape_text(name, -1);
  g_autofree char *sub =
      f && f->sha256 ? g_strdup_printf("%s\nSHA-256 %.16s…", escaped, f->sha256) : g_strdup(escaped);
  GtkWidget *row = fact(g, _(titles[part]), size);
  adw_action_row_set_subtitle(ADW_ACTION_ROW(row), sub);
  adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 2);
  gtk_widget_set_tooltip_text(row, path);
  if (!f || !f->sha256) return;
  GtkWidget *copy = kl_row_button("edit-copy-symbolic", _("Copy the SHA-256"));
  g_signal_connect_data(copy, "clicked", G_CALLBACK(copy_sum), g_strdup(f->sha256),
                        (GClosureNotify)(void (*)(void))g_free, 0);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), copy);
}

static void add_defaults(AdwPreferencesGroup *g, const KlModel *m) {
  static const char *const rows[][2] = {{"length", N_("Length")}, {"fps", N_("Frames a Second")},
                                        {"steps", N_("Steps")},   {"guidance", N_("Guidance")},
                                        {"shift", N_("Shift")},   {"solver", N_("Solver")}};
  g_autofree char *w = kl_draft_default(m, "width"), *h = kl_draft_default(m, "height"),
                  *size = g_strdup_printf("%s × %s", w, h);
  fact(g, _("Size"), size);
  for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *text = kl_draft_default(m, rows[i][0]);
    fact(g, _(rows[i][1]), text);
  }
}

static void add_words(AdwPreferencesGroup *g, const char *title, char **words) {
  guint n = words ? g_strv_length(words) : 0;
  if (!n) return;
  GtkWidget *row = adw_expander_row_new(), *inner = gtk_list_box_row_new();
  g_autofree char *all = g_strjoinv(", ", words), *count = g_strdup_printf("%u", n);
  GtkWidget *label = gtk_label_new(all), *number = gtk_label_new(count);
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_selectable(GTK_LABEL(label), TRUE);
  gtk_widget_add_css_class(label, "kl-words");
  gtk_widget_add_css_class(number, "dim-label");
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(inner), label);
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(inner), FALSE);
  adw_expander_row_add_action(ADW_EXPANDER_ROW(row), number);
  adw_expander_row_add_row(ADW_EXPANDER_ROW(row), inner);
  adw_preferences_group_add(g, row);
}

static void add_button(GtkBox *box, const char *label, const char *action, const char *style) {
  GtkWidget *b = gtk_button_new_with_mnemonic(label);
  gtk_actionable_set_action_name(GTK_ACTIONABLE(b), action);
  gtk_widget_add_css_class(b, "pill");
  if (style) gtk_widget_add_css_class(b, style);
  gtk_box_append(box, b);
}

GtkWidget *kl_model_details_new(KlModelItem *item) {
  const KlModel *m = kl_model_item_get(item);
  bool imported = !strcmp(m->origin, "imported"), built_in = !strcmp(m->origin, "built-in");
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
  AdwPreferencesGroup *g = group(page, NULL);
  g_autofree char *size = kl_bytes_text(kl_model_item_bytes(item)),
                  *folder = g_filename_display_name(m->folder);
  fact(g, _("Name"), m->name);
  fact(g, _("Origin"), built_in ? _("Built-in") : imported ? _("Imported") : _("Folder"));
  fact(g, _("Architecture"), m->family && *m->family ? m->family : "—");
  fact(g, _("License"), m->license ? m->license : _("The model does not say"));
  fact(g, _("Size"), size);
  fact(g, _("Folder"), folder);
  g = group(page, _("Parts"));
  for (int part = 0; part < KL_PARTS; part++)
    for (char **p = m->parts[part]; p && *p; p++) add_file(g, m, part, *p);
  add_defaults(group(page, _("Takes by Default")), m);
  if (m->words[0] && m->words[0][0]) {
    g = group(page, _("Knows"));
    for (int i = 0; i < KL_WORD_LISTS; i++) add_words(g, kl_word_group_title(i), m->words[i]);
  }
  GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
  gtk_widget_set_halign(buttons, GTK_ALIGN_CENTER);
  add_button(GTK_BOX(buttons), _("_Verify Files"), "models.verify", NULL);
  if (imported) add_button(GTK_BOX(buttons), _("_Remove"), "models.remove", "destructive-action");
  adw_preferences_group_add(group(page, NULL), buttons);
  return GTK_WIDGET(page);
}
