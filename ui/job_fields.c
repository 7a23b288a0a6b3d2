#include "ui/job_fields.h"

#include "app/core/draft.h"
#include "ui/field_row.h"
#include "ui/i18n.h"
#include "ui/model_list.h"
#include "ui/settings.h"

#include <string.h>

/* Rows of "Advanced", in order. */
static const struct {
  const char *key, *title, *subtitle;
} ADVANCED[] = {{"steps", N_("Steps"), N_("More take longer and are finer")},
                {"guidance", N_("Guidance"), N_("How closely the prompt is followed")},
                {"shift", N_("Shift"), N_("More time for the large shapes")},
                {"solver", N_("Solver"), NULL},
                {"window", N_("Window"), N_("Frames of the past that are seen")},
                {"sink", N_("Sink"), N_("First frames that are never forgotten")},
                {"precision", N_("Precision"), NULL},
                {"container", N_("File Format"), NULL},
                {"codec", N_("Codec"), NULL},
                {"crf", N_("Quality (CRF)"), N_("Smaller is better and larger in bytes")},
                {"device", N_("Device"), N_("cpu, vulkan, vulkan:1")}};

struct _KlJobFields {
  GtkBox parent;
  AdwComboRow *model;
  KlModelItem *item; /* the chosen one */
  char *wanted;      /* a model that was asked for and is not in the list; NULL: none */
  GtkEditable *width, *height;
  GtkWidget *size_reset, *size_menu;
  AdwActionRow *size;
  KlFieldRow *length, *fps, *advanced[G_N_ELEMENTS(ADVANCED)];
  GtkEditable *seed;
  GtkToggleButton *lock;
  bool still, quiet;
};

G_DEFINE_FINAL_TYPE(KlJobFields, kl_job_fields_widget, GTK_TYPE_BOX)

enum { CHANGED, MODEL, SIGNALS };
static guint signals[SIGNALS];

static void changed(KlJobFields *self) {
  if (!self->quiet) g_signal_emit(self, signals[CHANGED], 0);
}

const KlModel *kl_job_fields_model(KlJobFields *self) {
  return self->item ? kl_model_item_get(self->item) : NULL;
}

/* ---- size ---- */

static bool good_size(GtkEditable *entry, const char *key) {
  g_autoptr(KlJobSpec) scratch = kl_job_new();
  g_autoptr(GError) error = NULL;
  const char *text = gtk_editable_get_text(entry);
  bool ok = !*text || kl_job_set(scratch, key, text, &error);
  if (ok)
    gtk_widget_remove_css_class(GTK_WIDGET(entry), "error");
  else
    gtk_widget_add_css_class(GTK_WIDGET(entry), "error");
  gtk_widget_set_tooltip_text(GTK_WIDGET(entry), error ? error->message : NULL);
  gtk_accessible_update_state(GTK_ACCESSIBLE(entry), GTK_ACCESSIBLE_STATE_INVALID,
                              ok ? GTK_ACCESSIBLE_INVALID_FALSE : GTK_ACCESSIBLE_INVALID_TRUE, -1);
  return ok;
}

static void size_changed(KlJobFields *self) {
  bool w = good_size(self->width, "width"), h = good_size(self->height, "height");
  gtk_widget_set_visible(self->size_reset, !w || !h || *gtk_editable_get_text(self->width) ||
                                               *gtk_editable_get_text(self->height));
  changed(self);
}

static void set_size(KlJobFields *self, const char *width, const char *height) {
  gtk_editable_set_text(self->width, width ? width : "");
  gtk_editable_set_text(self->height, height ? height : "");
}

static void reset_size(KlJobFields *self) {
  set_size(self, NULL, NULL);
  gtk_widget_grab_focus(GTK_WIDGET(self->width));
}

/* "176 × 96 — Wide 16:9" */
static void preset_chosen(gpointer user, const char *text) {
  KlJobFields *self = user;
  KlDraftSize sizes[KL_DRAFT_SIZES];
  int n = kl_draft_sizes(kl_job_fields_model(self), sizes);
  for (int i = 0; i < n; i++) {
    g_autofree char *label = g_strdup_printf("%d × %d   %s", sizes[i].width, sizes[i].height, sizes[i].shape);
    g_autofree char *w = g_strdup_printf("%d", sizes[i].width), *h = g_strdup_printf("%d", sizes[i].height);
    if (!strcmp(label, text)) set_size(self, i ? w : NULL, i ? h : NULL);
  }
}

static void make_presets(KlJobFields *self) {
  KlDraftSize sizes[KL_DRAFT_SIZES];
  g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
  int n = kl_draft_sizes(kl_job_fields_model(self), sizes);
  for (int i = 0; i < n; i++)
    g_ptr_array_add(labels, g_strdup_printf("%d × %d   %s", sizes[i].width, sizes[i].height, sizes[i].shape));
  g_ptr_array_add(labels, NULL);
  if (self->size_menu) adw_action_row_remove(self->size, self->size_menu);
  self->size_menu = kl_row_menu(_("Usual Sizes"), (const char *const *)labels->pdata, preset_chosen, self);
  adw_action_row_add_suffix(self->size, self->size_menu);
}

static GtkWidget *size_entry(KlJobFields *self, const char *label) {
  GtkWidget *e = gtk_entry_new();
  gtk_editable_set_width_chars(GTK_EDITABLE(e), 4);
  gtk_editable_set_max_width_chars(GTK_EDITABLE(e), 4);
  gtk_widget_set_valign(e, GTK_ALIGN_CENTER);
  gtk_accessible_update_property(GTK_ACCESSIBLE(e), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_signal_connect_swapped(e, "changed", G_CALLBACK(size_changed), self);
  return e;
}

static GtkWidget *size_row(KlJobFields *self) {
  GtkWidget *row = adw_action_row_new(), *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), _("Size"));
  self->size = ADW_ACTION_ROW(row);
  self->size_reset = kl_row_button("edit-clear-symbolic", _("Use the Default"));
  gtk_widget_set_visible(self->size_reset, FALSE);
  g_signal_connect_swapped(self->size_reset, "clicked", G_CALLBACK(reset_size), self);
  self->width = GTK_EDITABLE(size_entry(self, _("Width in pixels")));
  self->height = GTK_EDITABLE(size_entry(self, _("Height in pixels")));
  gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->width));
  gtk_box_append(GTK_BOX(box), gtk_label_new("×"));
  gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->height));
  adw_action_row_add_suffix(self->size, self->size_reset);
  adw_action_row_add_suffix(self->size, box);
  adw_action_row_set_activatable_widget(self->size, GTK_WIDGET(self->width));
  return row;
}

/* ---- seed ---- */

static void roll(KlJobFields *self) {
  g_autofree char *text = g_strdup_printf("%u", g_random_int());
  self->quiet = true;
  gtk_editable_set_text(self->seed, text);
  self->quiet = false;
}

char *kl_job_fields_take_seed(KlJobFields *self) {
  const char *text = gtk_editable_get_text(self->seed);
  if (!gtk_toggle_button_get_active(self->lock) || !*text) roll(self);
  return g_strdup(gtk_editable_get_text(self->seed));
}

static bool good_seed(KlJobFields *self) {
  return good_size(self->seed, "seed");
}

/* A seed that somebody types is meant to stay. */
static void seed_changed(KlJobFields *self) {
  good_seed(self);
  if (!self->quiet) gtk_toggle_button_set_active(self->lock, *gtk_editable_get_text(self->seed) != 0);
  changed(self);
}

static void lock_toggled(KlJobFields *self) {
  bool locked = gtk_toggle_button_get_active(self->lock);
  gtk_button_set_icon_name(GTK_BUTTON(self->lock),
                           locked ? "changes-prevent-symbolic" : "changes-allow-symbolic");
  gtk_widget_set_tooltip_text(GTK_WIDGET(self->lock), locked ? _("The next render takes this seed")
                                                             : _("Each render takes a new seed"));
  if (locked && !*gtk_editable_get_text(self->seed)) roll(self);
  changed(self);
}

static void dice_clicked(KlJobFields *self) {
  roll(self);
  gtk_toggle_button_set_active(self->lock, TRUE);
}

static GtkWidget *seed_row(KlJobFields *self) {
  GtkWidget *row = adw_action_row_new(), *entry = gtk_entry_new(), *lock = gtk_toggle_button_new(),
            *dice = kl_row_button("kl-dice-symbolic", _("Roll a New Seed"));
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), _("Seed"));
  gtk_widget_set_tooltip_text(row, _("The same seed and settings give the same result"));
  self->seed = GTK_EDITABLE(entry);
  self->lock = GTK_TOGGLE_BUTTON(lock);
  gtk_entry_set_placeholder_text(GTK_ENTRY(entry), C_("seed", "random"));
  gtk_editable_set_width_chars(self->seed, 10);
  gtk_editable_set_max_width_chars(self->seed, 10);
  gtk_widget_set_valign(entry, GTK_ALIGN_CENTER);
  gtk_widget_set_valign(lock, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class(lock, "flat");
  gtk_accessible_update_property(GTK_ACCESSIBLE(lock), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Keep the Seed"), -1);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), entry);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), dice);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), lock);
  adw_action_row_set_activatable_widget(ADW_ACTION_ROW(row), entry);
  lock_toggled(self);
  g_signal_connect_swapped(entry, "changed", G_CALLBACK(seed_changed), self);
  g_signal_connect_swapped(dice, "clicked", G_CALLBACK(dice_clicked), self);
  g_signal_connect_swapped(lock, "toggled", G_CALLBACK(lock_toggled), self);
  return row;
}

/* ---- the model ---- */

static void show_defaults(KlJobFields *self) {
  const KlModel *m = kl_job_fields_model(self);
  g_autofree char *w = kl_draft_default(m, "width"), *h = kl_draft_default(m, "height"),
                  *length = kl_draft_default(m, "length"), *fps = kl_draft_default(m, "fps");
  gtk_entry_set_placeholder_text(GTK_ENTRY(self->width), w);
  gtk_entry_set_placeholder_text(GTK_ENTRY(self->height), h);
  kl_field_row_set_default(self->length, length);
  kl_field_row_set_default(self->fps, fps);
  for (size_t i = 0; i < G_N_ELEMENTS(ADVANCED); i++) {
    bool device = !strcmp(ADVANCED[i].key, "device");
    g_autofree char *text =
        device ? g_settings_get_string(kl_settings(), "device") : kl_draft_default(m, ADVANCED[i].key);
    kl_field_row_set_default(self->advanced[i], text);
  }
  make_presets(self);
}

static void take_model(KlJobFields *self, KlModelItem *item) {
  if (!g_set_object(&self->item, item)) return;
  show_defaults(self);
  g_signal_emit(self, signals[MODEL], 0);
}

static bool listed(KlModelItem *item) {
  return item && g_list_store_find(G_LIST_STORE(kl_model_list()), item, NULL);
}

/* By a person; where the list was read again, models_changed chooses. */
static void model_selected(KlJobFields *self) {
  KlModelItem *item = adw_combo_row_get_selected_item(self->model);
  if (self->quiet || !item || !listed(self->item)) return;
  g_clear_pointer(&self->wanted, g_free);
  take_model(self, item);
  changed(self);
}

static void select_model(KlJobFields *self, const char *name) {
  GListModel *list = kl_model_list();
  KlModelItem *item = kl_model_list_find(name);
  bool found = item != NULL;
  if (!found) item = kl_model_list_find(NULL);
  g_autofree char *wanted = !found && name && *name ? g_strdup(name) : NULL;
  g_free(self->wanted);
  self->wanted = g_steal_pointer(&wanted);
  self->quiet = true;
  for (guint i = 0; item && i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlModelItem) at = g_list_model_get_item(list, i);
    if (at == item) adw_combo_row_set_selected(self->model, i);
  }
  self->quiet = false;
  adw_combo_row_set_use_subtitle(self->model, !self->wanted);
  if (self->wanted)
    adw_action_row_set_subtitle(ADW_ACTION_ROW(self->model), _("The one asked for is not installed"));
  take_model(self, item);
}

/* The list was read again: the chosen one is another object now. */
static void models_changed(KlJobFields *self) {
  g_autofree char *name = g_strdup(self->wanted ? self->wanted
                                   : self->item ? kl_model_item_get(self->item)->name
                                                : NULL);
  select_model(self, name);
}

static GtkWidget *model_row(KlJobFields *self) {
  GtkWidget *row = adw_combo_row_new();
  GtkExpression *title = gtk_property_expression_new(KL_TYPE_MODEL_ITEM, NULL, "title");
  self->model = ADW_COMBO_ROW(row);
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), _("Model"));
  adw_combo_row_set_expression(self->model, title);
  gtk_expression_unref(title);
  adw_combo_row_set_use_subtitle(self->model, TRUE);
  adw_combo_row_set_model(self->model, kl_model_list());
  g_signal_connect_swapped(row, "notify::selected-item", G_CALLBACK(model_selected), self);
  return row;
}

/* ---- there and back ---- */

static bool fill_row(KlFieldRow *row, KlJobSpec *job, const char *key) {
  const char *value = kl_field_row_value(row);
  if (value) kl_job_set(job, key, value, NULL);
  return kl_field_row_valid(row);
}

bool kl_job_fields_fill(KlJobFields *self, KlJobSpec *job) {
  const KlModel *m = kl_job_fields_model(self);
  const char *w = gtk_editable_get_text(self->width), *h = gtk_editable_get_text(self->height),
             *seed = gtk_editable_get_text(self->seed);
  bool ok = good_size(self->width, "width") && good_size(self->height, "height") && good_seed(self);
  if (self->wanted || m) kl_job_set(job, "model", self->wanted ? self->wanted : m->name, NULL);
  if (*w) kl_job_set(job, "width", w, NULL);
  if (*h) kl_job_set(job, "height", h, NULL);
  if (*seed && gtk_toggle_button_get_active(self->lock)) kl_job_set(job, "seed", seed, NULL);
  if (self->still)
    kl_job_set(job, "length", "1f", NULL);
  else
    ok = fill_row(self->length, job, "length") && fill_row(self->fps, job, "fps") && ok;
  for (size_t i = 0; i < G_N_ELEMENTS(ADVANCED); i++)
    ok = fill_row(self->advanced[i], job, ADVANCED[i].key) && ok;
  return ok;
}

static void load_row(KlFieldRow *row, const KlJobSpec *job, const char *key) {
  g_autofree char *text = kl_job_text(job, key);
  kl_field_row_set_value(row, text);
}

void kl_job_fields_load(KlJobFields *self, const KlJobSpec *job) {
  g_autofree char *w = kl_job_text(job, "width"), *h = kl_job_text(job, "height"),
                  *seed = kl_job_text(job, "seed");
  select_model(self, job->model);
  set_size(self, w, h);
  if (!self->still) load_row(self->length, job, "length");
  load_row(self->fps, job, "fps");
  for (size_t i = 0; i < G_N_ELEMENTS(ADVANCED); i++) load_row(self->advanced[i], job, ADVANCED[i].key);
  self->quiet = true;
  gtk_editable_set_text(self->seed, seed ? seed : "");
  self->quiet = false;
  gtk_toggle_button_set_active(self->lock, seed != NULL);
  changed(self);
}

void kl_job_fields_set_still(KlJobFields *self, bool still) {
  self->still = still;
  gtk_widget_set_visible(GTK_WIDGET(self->length), !still);
  gtk_widget_set_visible(GTK_WIDGET(self->fps), !still);
}

/* ---- the object ---- */

static void kl_job_fields_widget_dispose(GObject *object) {
  KlJobFields *self = KL_JOB_FIELDS(object);
  g_clear_object(&self->item);
  g_clear_pointer(&self->wanted, g_free);
  G_OBJECT_CLASS(kl_job_fields_widget_parent_class)->dispose(object);
}

static void kl_job_fields_widget_class_init(KlJobFieldsClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = kl_job_fields_widget_dispose;
  signals[CHANGED] =
      g_signal_new("changed", KL_TYPE_JOB_FIELDS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[MODEL] =
      g_signal_new("model", KL_TYPE_JOB_FIELDS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static KlFieldRow *field_row(KlJobFields *self, const char *key, const char *title, const char *subtitle) {
  GtkWidget *row = kl_field_row_new(key, title);
  if (subtitle) adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
  g_signal_connect_swapped(row, "changed", G_CALLBACK(changed), self);
  return KL_FIELD_ROW(row);
}

static void kl_job_fields_widget_init(KlJobFields *self) {
  static const char *const lengths[] = {"2", "5", "10", "30", "1:00", "5:00", NULL}, *const rates[] = {
                                                                                         "12", "16", "23.976",
                                                                                         "24", "25", "29.97",
                                                                                         "30", "50", "59.94",
                                                                                         "60", NULL};
  GtkWidget *basic = adw_preferences_group_new(), *more = adw_preferences_group_new(),
            *expander = adw_expander_row_new();
  AdwPreferencesGroup *g = ADW_PREFERENCES_GROUP(basic);
  gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing(GTK_BOX(self), 12);
  adw_preferences_group_add(g, model_row(self));
  adw_preferences_group_add(g, size_row(self));
  self->length = field_row(self, "length", _("Length"), NULL);
  self->fps = field_row(self, "fps", _("Frames a Second"), NULL);
  kl_field_row_set_suggestions(self->length, lengths);
  kl_field_row_set_suggestions(self->fps, rates);
  adw_preferences_group_add(g, GTK_WIDGET(self->length));
  adw_preferences_group_add(g, GTK_WIDGET(self->fps));
  adw_preferences_group_add(g, seed_row(self));
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(expander), _("Advanced"));
  adw_expander_row_set_subtitle(ADW_EXPANDER_ROW(expander), _("Steps, guidance, solver, format, device"));
  for (size_t i = 0; i < G_N_ELEMENTS(ADVANCED); i++) {
    self->advanced[i] = field_row(self, ADVANCED[i].key, _(ADVANCED[i].title),
                                  ADVANCED[i].subtitle ? _(ADVANCED[i].subtitle) : NULL);
    adw_expander_row_add_row(ADW_EXPANDER_ROW(expander), GTK_WIDGET(self->advanced[i]));
  }
  adw_preferences_group_add(ADW_PREFERENCES_GROUP(more), expander);
  gtk_box_append(GTK_BOX(self), basic);
  gtk_box_append(GTK_BOX(self), more);
  show_defaults(self);
  select_model(self, NULL);
  g_signal_connect_object(kl_model_list(), "items-changed", G_CALLBACK(models_changed), self,
                          G_CONNECT_SWAPPED);
}
