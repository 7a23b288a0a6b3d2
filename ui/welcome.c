#include "ui/welcome.h"

#include "ui/i18n.h"

struct _KlWelcome {
  AdwBin parent;
  GtkFlowBox *examples;
};

G_DEFINE_FINAL_TYPE(KlWelcome, kl_welcome, ADW_TYPE_BIN)

/* Prompts are in the words of the built-in model, which are English in every language. */
static const struct {
  const char *prompt, *sign, *style; /* sign and style: how the card is drawn */
} EXAMPLES[] = {
    {"a rocket rises up at night under the stars", "\U0001F680", "night"},
    {"a balloon rises up on a blue sky with clouds", "\U0001F388", "sky"},
    {"a red heart grows bigger on a plain blue background", "\u2764\uFE0F", "blue"},
};

static void activated(GtkFlowBox *box, GtkFlowBoxChild *child, KlWelcome *self) {
  const char *prompt = EXAMPLES[gtk_flow_box_child_get_index(child)].prompt;
  gtk_widget_activate_action(GTK_WIDGET(self), "app.example", "s", prompt);
}

static GtkWidget *example_card(const char *prompt, const char *sign, const char *style) {
  GtkWidget *card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *picture = gtk_label_new(sign), *label = gtk_label_new(prompt);
  gtk_widget_add_css_class(picture, "kl-example-picture");
  gtk_widget_add_css_class(picture, style);
  gtk_widget_set_size_request(picture, 200, 130);
  gtk_accessible_update_state(GTK_ACCESSIBLE(picture), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_width_chars(GTK_LABEL(label), 20);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 20);
  gtk_widget_add_css_class(label, "kl-example-text");
  gtk_widget_set_overflow(card, GTK_OVERFLOW_HIDDEN);
  gtk_widget_add_css_class(card, "card");
  gtk_box_append(GTK_BOX(card), picture);
  gtk_box_append(GTK_BOX(card), label);
  return card;
}

static void kl_welcome_class_init(KlWelcomeClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/welcome.ui");
  gtk_widget_class_bind_template_child(widget, KlWelcome, examples);
  gtk_widget_class_bind_template_callback(widget, activated);
}

static void kl_welcome_init(KlWelcome *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  for (size_t i = 0; i < G_N_ELEMENTS(EXAMPLES); i++) {
    gtk_flow_box_append(self->examples,
                        example_card(EXAMPLES[i].prompt, EXAMPLES[i].sign, EXAMPLES[i].style));
    GtkFlowBoxChild *child = gtk_flow_box_get_child_at_index(self->examples, (int)i);
    g_autofree char *label = g_strdup_printf(_("Make “%s”"), EXAMPLES[i].prompt);
    gtk_accessible_update_property(GTK_ACCESSIBLE(child), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  }
}
