#include "ui/chunk_strip.h"

#include "ui/ask_text.h"
#include "ui/i18n.h"
#include "ui/keys.h"
#include "ui/thumbnail.h"
#include "ui/window.h"

#include <math.h>

struct _KlChunkStrip {
  AdwBin parent;
  KlProject *project;
  KlRender *render;
  guint place; /* of the chunk that the actions are for */
  GtkListView *list;
  GtkLabel *summary;
  GtkPopoverMenu *menu;
};

G_DEFINE_FINAL_TYPE(KlChunkStrip, kl_chunk_strip, ADW_TYPE_BIN)

enum { PLAY, MADE, SIGNALS };
static guint signals[SIGNALS];

static KlChunkRow *chunk_at(KlChunkStrip *self, guint place) {
  return self->render ? g_list_model_get_item(kl_render_chunks(self->render), place) : NULL;
}

/* ---- the summary ---- */

static void update(KlChunkStrip *self) {
  guint n = self->render ? g_list_model_get_n_items(kl_render_chunks(self->render)) : 0;
  gtk_widget_set_visible(GTK_WIDGET(self), n > 0);
  if (!n) return;
  double worst = 0;
  int done = 0;
  for (guint i = 0; i < n; i++) {
    g_autoptr(KlChunkRow) c = chunk_at(self, i);
    double mean, variance;
    kl_chunk_row_drift(c, &mean, &variance);
    worst = MAX(worst, fabs(mean));
    done += kl_chunk_row_state(c) == KL_CHUNK_DONE;
  }
  g_autofree char *text =
      done < (int)n ? g_strdup_printf(_("%d of %d finished"), done, (int)n)
                    /* Translators: the chunks of a video, and how far its colours have wandered at most */
                    : g_strdup_printf(_("%d, drift at most %.2f"), (int)n, worst);
  gtk_label_set_text(self->summary, text);
}

/* ---- cells ---- */

typedef struct {
  KlChunkStrip *strip;
  GtkListItem *item;
  GtkWidget *box, *frame, *thumbnail;
  GtkLabel *label;
  KlChunkRow *row; /* bound, borrowed */
} Cell;

static Cell *cell_of(GtkListItem *item) {
  return g_object_get_data(G_OBJECT(item), "cell");
}

static const char *STATE_CLASSES[] = {"waiting", "running", "done"};

static void update_cell(Cell *c) {
  double mean, variance;
  KlChunkState state = kl_chunk_row_state(c->row);
  g_autofree char *text = NULL;
  kl_chunk_row_drift(c->row, &mean, &variance);
  switch (state) {
  case KL_CHUNK_DONE:
    text = g_strdup_printf(_("drift %.2f"), fabs(mean));
    break;
  case KL_CHUNK_RUNNING:
    text = g_strdup(kl_render_phase(c->strip->render));
    break;
  case KL_CHUNK_WAITING:
    text = g_strdup(_("waiting"));
    break;
  }
  if (!text || !*text) {
    g_free(text);
    text = g_strdup(_("running"));
  }
  gtk_label_set_text(c->label, text);
  for (size_t i = 0; i < G_N_ELEMENTS(STATE_CLASSES); i++) {
    if (i == state)
      gtk_widget_add_css_class(c->frame, STATE_CLASSES[i]);
    else
      gtk_widget_remove_css_class(c->frame, STATE_CLASSES[i]);
  }
  if (state == KL_CHUNK_DONE && fabs(mean) >= 0.1)
    gtk_widget_add_css_class(GTK_WIDGET(c->label), "warning");
  else
    gtk_widget_remove_css_class(GTK_WIDGET(c->label), "warning");
  kl_thumbnail_set_bytes(KL_THUMBNAIL(c->thumbnail), kl_chunk_row_thumbnail(c->row));
  gtk_widget_set_tooltip_text(c->box, kl_chunk_row_prompt(c->row));
  g_autofree char *label =
      /* Translators: number of a chunk, its state or drift, its prompt */
      g_strdup_printf(_("Chunk %d, %s, %s"), kl_chunk_row_index(c->row) + 1, text,
                      kl_chunk_row_prompt(c->row));
  gtk_accessible_update_property(GTK_ACCESSIBLE(c->box), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

static void row_changed(Cell *c) {
  update_cell(c);
  update(c->strip);
}

static void progressed(Cell *c) {
  if (kl_chunk_row_state(c->row) == KL_CHUNK_RUNNING) update_cell(c);
}

static void show_menu(KlChunkStrip *self, GtkWidget *cell, double x, double y) {
  graphene_point_t at;
  GtkWidget *over = GTK_WIDGET(self);
  if (!gtk_widget_compute_point(cell, over, &GRAPHENE_POINT_INIT((float)x, (float)y), &at)) return;
  gtk_popover_set_pointing_to(GTK_POPOVER(self->menu), &(GdkRectangle){(int)at.x, (int)at.y, 1, 1});
  gtk_popover_popup(GTK_POPOVER(self->menu));
}

static void update_actions(KlChunkStrip *self);

static void cell_pressed(GtkGestureClick *click, int n, double x, double y, Cell *c) {
  c->strip->place = gtk_list_item_get_position(c->item);
  update_actions(c->strip);
  show_menu(c->strip, c->box, x, y);
}

static void setup_cell(GtkSignalListItemFactory *factory, GtkListItem *item, KlChunkStrip *self) {
  Cell *c = g_new0(Cell, 1);
  c->strip = self;
  c->item = item;
  c->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3);
  c->frame = adw_bin_new();
  c->thumbnail = kl_thumbnail_new(16.0 / 10, 84);
  c->label = GTK_LABEL(gtk_label_new(NULL));
  gtk_widget_set_halign(c->frame, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class(c->frame, "kl-chunk");
  gtk_widget_add_css_class(GTK_WIDGET(c->label), "caption");
  gtk_widget_add_css_class(GTK_WIDGET(c->label), "numeric");
  gtk_label_set_ellipsize(c->label, PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars(c->label, 10);
  adw_bin_set_child(ADW_BIN(c->frame), c->thumbnail);
  gtk_box_append(GTK_BOX(c->box), c->frame);
  gtk_box_append(GTK_BOX(c->box), GTK_WIDGET(c->label));
  GtkGesture *click = gtk_gesture_click_new();
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), GDK_BUTTON_SECONDARY);
  g_signal_connect(click, "pressed", G_CALLBACK(cell_pressed), c);
  gtk_widget_add_controller(c->box, GTK_EVENT_CONTROLLER(click));
  gtk_list_item_set_child(item, c->box);
  g_object_set_data_full(G_OBJECT(item), "cell", c, g_free);
}

static void bind_cell(GtkSignalListItemFactory *factory, GtkListItem *item, KlChunkStrip *self) {
  Cell *c = cell_of(item);
  c->row = gtk_list_item_get_item(item);
  g_signal_connect_swapped(c->row, "notify", G_CALLBACK(row_changed), c);
  if (self->render) g_signal_connect_swapped(self->render, "notify::phase", G_CALLBACK(progressed), c);
  update_cell(c);
}

static void unbind_cell(GtkSignalListItemFactory *factory, GtkListItem *item, KlChunkStrip *self) {
  Cell *c = cell_of(item);
  g_signal_handlers_disconnect_by_data(c->row, c);
  if (self->render) g_signal_handlers_disconnect_by_data(self->render, c);
  c->row = NULL;
}

/* ---- actions ---- */

static void update_actions(KlChunkStrip *self) {
  g_autoptr(KlChunkRow) c = chunk_at(self, self->place);
  GtkWidget *widget = GTK_WIDGET(self);
  bool done = c && kl_chunk_row_state(c) == KL_CHUNK_DONE;
  bool editable = done && self->project && !kl_project_read_only(self->project);
  gtk_widget_action_set_enabled(widget, "chunk.play", done);
  gtk_widget_action_set_enabled(widget, "chunk.re-roll", editable);
  gtk_widget_action_set_enabled(widget, "chunk.prompt", editable);
  gtk_widget_action_set_enabled(widget, "chunk.branch", editable);
}

static void activated(KlChunkStrip *self, guint place) {
  self->place = place;
  update_actions(self);
  g_autoptr(KlChunkRow) c = chunk_at(self, place);
  if (c && kl_chunk_row_state(c) == KL_CHUNK_DONE) g_signal_emit(self, signals[PLAY], 0, c);
}

static void play_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  activated(KL_CHUNK_STRIP(widget), KL_CHUNK_STRIP(widget)->place);
}

/* Queues a version of the render that is another one from the chunk on. seed < 0, prompt NULL: as it was. */
static KlRender *make(KlChunkStrip *self, int chunk, gint64 seed, const char *prompt, const char *label) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KlJobSpec) job = kl_render_job_from(self->render, chunk, seed, prompt, &error);
  KlRender *made = NULL;
  if (job) {
    kl_project_begin(self->project, label, NULL);
    made = kl_project_add_render(self->project, job, self->render, chunk, &error);
    if (!kl_project_end(self->project, made != NULL, made ? &error : NULL)) g_clear_object(&made);
  }
  if (error) kl_window_toast(GTK_WIDGET(self), error->message);
  return made;
}

static gint64 fresh_seed(void) {
  return g_random_int_range(0, G_MAXINT32);
}

static void re_roll_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlChunkStrip *self = KL_CHUNK_STRIP(widget);
  g_autoptr(KlRender) made = make(self, (int)self->place, fresh_seed(), NULL, _("Re-roll"));
  if (!made) return;
  kl_window_toast_action(widget, _("Another version of it is in the queue"), _("_Undo"), "win.undo");
  g_signal_emit(self, signals[MADE], 0, made);
}

static void prompted(GtkWidget *widget, const char *text, gpointer row) {
  KlChunkStrip *self = KL_CHUNK_STRIP(widget);
  g_autoptr(KlRender) made = make(self, kl_chunk_row_index(row), -1, text, _("Change Prompt"));
  if (made) g_signal_emit(self, signals[MADE], 0, made);
}

static void prompt_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlChunkStrip *self = KL_CHUNK_STRIP(widget);
  g_autoptr(KlChunkRow) c = chunk_at(self, self->place);
  g_autofree char *body =
      g_strdup_printf(_("Everything before chunk %d stays as it is."), (int)self->place + 1);
  if (c)
    kl_ask_text(widget, _("Change the Prompt From Here"), body, _("_Generate"), kl_chunk_row_prompt(c),
                prompted, c);
}

static void branched(GtkWidget *widget, const char *text, gpointer row) {
  KlChunkStrip *self = KL_CHUNK_STRIP(widget);
  const char *prompt = g_strcmp0(text, kl_chunk_row_prompt(row)) ? text : NULL;
  g_autoptr(KlRender) made = make(self, kl_chunk_row_index(row), fresh_seed(), prompt, _("Branch"));
  if (made) kl_window_toast_action(widget, _("The branch is in the queue"), _("_Undo"), "win.undo");
}

static void branch_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlChunkStrip *self = KL_CHUNK_STRIP(widget);
  g_autoptr(KlChunkRow) c = chunk_at(self, self->place);
  if (c)
    kl_ask_text(widget, _("Branch a New Clip"), _("What is to happen in it from here on?"), _("_Generate"),
                kl_chunk_row_prompt(c), branched, c);
}

/* Keys are for the chunk that has the focus. */
static gboolean key(GtkWidget *list, GVariant *arguments, gpointer action) {
  KlChunkStrip *self = KL_CHUNK_STRIP(gtk_widget_get_ancestor(list, KL_TYPE_CHUNK_STRIP));
  GtkSelectionModel *model = gtk_list_view_get_model(self->list);
  guint place = gtk_single_selection_get_selected(GTK_SINGLE_SELECTION(model));
  if (place == GTK_INVALID_LIST_POSITION) return FALSE;
  self->place = place;
  update_actions(self);
  if (action) return gtk_widget_activate_action(GTK_WIDGET(self), action, NULL);
  GtkWidget *focus = gtk_root_get_focus(gtk_widget_get_root(list));
  if (focus) show_menu(self, focus, gtk_widget_get_width(focus) / 2.0, gtk_widget_get_height(focus) / 2.0);
  return TRUE;
}

/* ---- what is shown ---- */

void kl_chunk_strip_set_render(KlChunkStrip *self, KlRender *render) {
  if (render == self->render) return;
  gtk_list_view_set_model(self->list, NULL); /* cells let go of the old one */
  if (self->render) g_signal_handlers_disconnect_by_data(kl_render_chunks(self->render), self);
  g_set_object(&self->render, render);
  if (render) {
    GListModel *chunks = kl_render_chunks(render);
    GtkSingleSelection *selection = gtk_single_selection_new(g_object_ref(chunks));
    gtk_single_selection_set_autoselect(selection, FALSE);
    gtk_list_view_set_model(self->list, GTK_SELECTION_MODEL(selection));
    g_object_unref(selection);
    g_signal_connect_swapped(chunks, "items-changed", G_CALLBACK(update), self);
  }
  update(self);
}

void kl_chunk_strip_set_project(KlChunkStrip *self, KlProject *project) {
  if (!g_set_object(&self->project, project)) return;
  kl_chunk_strip_set_render(self, NULL);
}

static void kl_chunk_strip_dispose(GObject *object) {
  KlChunkStrip *self = KL_CHUNK_STRIP(object);
  if (self->menu) {
    kl_chunk_strip_set_render(self, NULL);
    gtk_widget_unparent(GTK_WIDGET(self->menu));
    self->menu = NULL;
  }
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_chunk_strip_parent_class)->dispose(object);
}

static void kl_chunk_strip_class_init(KlChunkStripClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  GType type = G_TYPE_FROM_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_chunk_strip_dispose;
  signals[PLAY] =
      g_signal_new("play", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, KL_TYPE_CHUNK_ROW);
  signals[MADE] =
      g_signal_new("made", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, KL_TYPE_RENDER);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/chunk_strip.ui");
  gtk_widget_class_bind_template_child(widget, KlChunkStrip, list);
  gtk_widget_class_bind_template_child(widget, KlChunkStrip, summary);
  gtk_widget_class_bind_template_child(widget, KlChunkStrip, menu);
  gtk_widget_class_bind_template_callback(widget, setup_cell);
  gtk_widget_class_bind_template_callback(widget, bind_cell);
  gtk_widget_class_bind_template_callback(widget, unbind_cell);
  gtk_widget_class_bind_template_callback(widget, activated);
  gtk_widget_class_install_action(widget, "chunk.play", NULL, play_action);
  gtk_widget_class_install_action(widget, "chunk.re-roll", NULL, re_roll_action);
  gtk_widget_class_install_action(widget, "chunk.prompt", NULL, prompt_action);
  gtk_widget_class_install_action(widget, "chunk.branch", NULL, branch_action);
}

static void kl_chunk_strip_init(KlChunkStrip *self) {
  static const KlKey KEYS[] = {{"<Control>r", "chunk.re-roll"},
                               {"<Control>b", "chunk.branch"},
                               {"<Control>p|F2", "chunk.prompt"},
                               {"Menu|<Shift>F10", NULL}};
  gtk_widget_init_template(GTK_WIDGET(self));
  gtk_widget_set_parent(GTK_WIDGET(self->menu), GTK_WIDGET(self));
  kl_add_keys(GTK_WIDGET(self->list), KEYS, G_N_ELEMENTS(KEYS), key);
}
