#include "ui/history_view.h"

#include "ui/i18n.h"
#include "ui/keys.h"
#include "ui/thumbnail.h"

struct _KlHistoryView {
  AdwBin parent;
  KlProject *project;
  GtkCustomFilter *filter;
  GtkMultiSelection *selection;
  GtkStack *stack;
  GtkGridView *grid;
  GtkWidget *compare;
  GtkPopoverMenu *menu;
};

G_DEFINE_FINAL_TYPE(KlHistoryView, kl_history_view, ADW_TYPE_BIN)

/* ---- what is selected ---- */

/* Up to two of them; returns how many there are. */
static guint selected(KlHistoryView *self, KlRender *out[2]) {
  g_autoptr(GtkBitset) set = gtk_selection_model_get_selection(GTK_SELECTION_MODEL(self->selection));
  guint n = (guint)gtk_bitset_get_size(set);
  for (guint i = 0; i < MIN(n, 2); i++) {
    out[i] = g_list_model_get_item(G_LIST_MODEL(self->selection), gtk_bitset_get_nth(set, i));
    g_object_unref(out[i]); /* the list keeps it */
  }
  return n;
}

static void selection_changed(KlHistoryView *self) {
  KlRender *two[2];
  guint n = selected(self, two);
  gtk_widget_set_visible(self->compare, n == 2);
  if (n == 1) gtk_widget_activate_action(GTK_WIDGET(self), "project.show-render", "x", kl_render_id(two[0]));
}

static void update(KlHistoryView *self) {
  guint n = self->selection ? g_list_model_get_n_items(G_LIST_MODEL(self->selection)) : 0;
  gtk_stack_set_visible_child_name(self->stack, n ? "results" : "empty");
}

/* ---- cards ---- */

typedef struct {
  KlHistoryView *view;
  GtkListItem *item;
  GtkWidget *box, *thumbnail, *badge;
  GtkLabel *title, *facts;
  KlRender *render; /* bound, borrowed */
} Card;

static Card *card_of(GtkListItem *item) {
  return g_object_get_data(G_OBJECT(item), "card");
}

static const char *first_prompt(const KlJobSpec *job) {
  return job->prompts->len ? g_array_index(job->prompts, KlJobPrompt, 0).text : "";
}

static GBytes *picture_of(KlRender *render) {
  KlAsset *asset = kl_render_asset(render);
  GBytes *bytes = asset ? kl_asset_thumbnail(asset) : NULL;
  g_autoptr(KlChunkRow) first = g_list_model_get_item(kl_render_chunks(render), 0);
  return bytes ? bytes : first ? kl_chunk_row_thumbnail(first) : NULL;
}

static char *facts_of(KlRender *render) {
  g_autofree char *seed = g_strdup_printf("%" G_GINT64_FORMAT, kl_render_job(render)->seed);
  g_autofree char *took = kl_seconds_text(kl_render_seconds(render));
  switch (kl_render_state(render)) {
  case KL_RENDER_FAILED:
    return g_strdup(_("failed"));
  case KL_RENDER_CANCELLED:
    return g_strdup_printf(
        ngettext("stopped after %d chunk", "stopped after %d chunks", (gulong)kl_render_chunks_done(render)),
        kl_render_chunks_done(render));
  default:
    /* Translators: how long a render took, and its seed */
    return g_strdup_printf(_("%s · seed %s"), took, seed);
  }
}

static void update_card(Card *c) {
  g_autofree char *facts = facts_of(c->render);
  const char *prompt = first_prompt(kl_render_job(c->render));
  KlRenderState state = kl_render_state(c->render);
  gtk_label_set_text(c->title, prompt);
  gtk_label_set_text(c->facts, facts);
  kl_thumbnail_set_bytes(KL_THUMBNAIL(c->thumbnail), picture_of(c->render));
  gtk_widget_set_visible(c->badge, state == KL_RENDER_FAILED);
  gtk_widget_set_tooltip_text(c->box, state == KL_RENDER_FAILED ? kl_render_error_text(c->render) : prompt);
  g_autofree char *label = g_strdup_printf("%s, %s", prompt, facts);
  gtk_accessible_update_property(GTK_ACCESSIBLE(c->box), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

static void add_item(GMenu *menu, const char *label, const char *action, gint64 id) {
  g_autoptr(GMenuItem) item = g_menu_item_new(label, NULL);
  g_menu_item_set_action_and_target(item, action, "x", id);
  g_menu_append_item(menu, item);
}

static void show_menu(KlHistoryView *self, KlRender *render, GtkWidget *over, double x, double y) {
  graphene_point_t at;
  if (!gtk_widget_compute_point(over, GTK_WIDGET(self), &GRAPHENE_POINT_INIT((float)x, (float)y), &at))
    return;
  gint64 id = kl_render_id(render);
  KlRenderState state = kl_render_state(render);
  g_autoptr(GMenu) menu = g_menu_new(), all = g_menu_new(), last = g_menu_new();
  if (kl_render_asset(render)) add_item(menu, _("Add to _Timeline"), "project.to-timeline", id);
  if (state != KL_RENDER_DONE) add_item(menu, _("_Resume"), "project.resume", id);
  add_item(menu, _("_Use These Settings"), "project.use-settings", id);
  add_item(menu, _("_Copy Settings"), "project.copy-settings", id);
  if (kl_render_asset(render)) add_item(menu, _("_Show in Files"), "project.reveal", id);
  add_item(last, _("_Delete"), "project.delete-render", id);
  g_menu_append_section(all, NULL, G_MENU_MODEL(menu));
  g_menu_append_section(all, NULL, G_MENU_MODEL(last));
  gtk_popover_menu_set_menu_model(self->menu, G_MENU_MODEL(all));
  gtk_popover_set_pointing_to(GTK_POPOVER(self->menu), &(GdkRectangle){(int)at.x, (int)at.y, 1, 1});
  gtk_popover_popup(GTK_POPOVER(self->menu));
}

static void card_pressed(GtkGestureClick *click, int n, double x, double y, Card *c) {
  show_menu(c->view, c->render, c->box, x, y);
}

/* A card can be dragged to the timeline, a well, or another program. */
static GdkContentProvider *drag_prepare(GtkDragSource *source, double x, double y, Card *c) {
  KlAsset *asset = kl_render_asset(c->render);
  if (!asset || !kl_asset_path(asset)) return NULL;
  g_autoptr(GFile) file = g_file_new_for_path(kl_asset_path(asset));
  GdkFileList *files = gdk_file_list_new_from_array(&file, 1);
  GdkContentProvider *of[] = {gdk_content_provider_new_typed(KL_TYPE_ASSET, asset),
                              gdk_content_provider_new_typed(GDK_TYPE_FILE_LIST, files)};
  g_boxed_free(GDK_TYPE_FILE_LIST, files);
  return gdk_content_provider_new_union(of, G_N_ELEMENTS(of));
}

static void drag_begin(GtkDragSource *source, GdkDrag *drag, Card *c) {
  g_autoptr(GdkPaintable) icon = gtk_widget_paintable_new(c->thumbnail);
  gtk_drag_source_set_icon(source, icon, 16, 16);
}

static void setup_card(GtkSignalListItemFactory *factory, GtkListItem *item, KlHistoryView *self) {
  Card *c = g_new0(Card, 1);
  GtkWidget *overlay = gtk_overlay_new();
  c->view = self;
  c->item = item;
  c->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3);
  c->thumbnail = kl_thumbnail_new(16.0 / 10, 0);
  gtk_widget_set_size_request(c->thumbnail, -1, 84); /* a grid gives no more than the least */
  c->badge = gtk_image_new_from_icon_name("dialog-warning-symbolic");
  c->title = GTK_LABEL(gtk_label_new(NULL));
  c->facts = GTK_LABEL(gtk_label_new(NULL));
  gtk_overlay_set_child(GTK_OVERLAY(overlay), c->thumbnail);
  gtk_overlay_add_overlay(GTK_OVERLAY(overlay), c->badge);
  gtk_widget_set_halign(c->badge, GTK_ALIGN_END);
  gtk_widget_set_valign(c->badge, GTK_ALIGN_START);
  gtk_widget_add_css_class(c->badge, "kl-badge");
  gtk_widget_add_css_class(GTK_WIDGET(c->facts), "caption");
  gtk_widget_add_css_class(GTK_WIDGET(c->facts), "dim-label");
  gtk_label_set_ellipsize(c->title, PANGO_ELLIPSIZE_END);
  gtk_label_set_ellipsize(c->facts, PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign(c->title, 0);
  gtk_label_set_xalign(c->facts, 0);
  gtk_box_append(GTK_BOX(c->box), overlay);
  gtk_box_append(GTK_BOX(c->box), GTK_WIDGET(c->title));
  gtk_box_append(GTK_BOX(c->box), GTK_WIDGET(c->facts));
  GtkGesture *click = gtk_gesture_click_new();
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), GDK_BUTTON_SECONDARY);
  g_signal_connect(click, "pressed", G_CALLBACK(card_pressed), c);
  gtk_widget_add_controller(c->box, GTK_EVENT_CONTROLLER(click));
  GtkDragSource *drag = gtk_drag_source_new();
  g_signal_connect(drag, "prepare", G_CALLBACK(drag_prepare), c);
  g_signal_connect(drag, "drag-begin", G_CALLBACK(drag_begin), c);
  gtk_widget_add_controller(c->box, GTK_EVENT_CONTROLLER(drag));
  gtk_list_item_set_child(item, c->box);
  g_object_set_data_full(G_OBJECT(item), "card", c, g_free);
}

static void watch(Card *c, gpointer object) {
  if (object) g_signal_connect_swapped(object, "notify", G_CALLBACK(update_card), c);
}

static void unwatch(Card *c, gpointer object) {
  if (object) g_signal_handlers_disconnect_by_data(object, c);
}

static void bind_card(GtkSignalListItemFactory *factory, GtkListItem *item, KlHistoryView *self) {
  Card *c = card_of(item);
  c->render = gtk_list_item_get_item(item);
  watch(c, c->render);
  watch(c, kl_render_asset(c->render));
  update_card(c);
}

static void unbind_card(GtkSignalListItemFactory *factory, GtkListItem *item, KlHistoryView *self) {
  Card *c = card_of(item);
  unwatch(c, c->render);
  unwatch(c, kl_render_asset(c->render));
  c->render = NULL;
}

/* ---- actions ---- */

static void activated(KlHistoryView *self, guint place) {
  g_autoptr(KlRender) r = g_list_model_get_item(G_LIST_MODEL(self->selection), place);
  if (r) gtk_widget_activate_action(GTK_WIDGET(self), "project.show-render", "x", kl_render_id(r));
}

static void compare_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlRender *two[2];
  if (selected(KL_HISTORY_VIEW(widget), two) == 2)
    gtk_widget_activate_action(widget, "project.compare", "(xx)", kl_render_id(two[0]), kl_render_id(two[1]));
}

/* With a key: for the selected one. */
static gboolean key(GtkWidget *grid, GVariant *arguments, gpointer action) {
  KlHistoryView *self = KL_HISTORY_VIEW(gtk_widget_get_ancestor(grid, KL_TYPE_HISTORY_VIEW));
  KlRender *two[2];
  if (selected(self, two) != 1) return FALSE;
  if (action) return gtk_widget_activate_action(GTK_WIDGET(self), action, "x", kl_render_id(two[0]));
  GtkWidget *focus = gtk_root_get_focus(gtk_widget_get_root(grid));
  if (focus)
    show_menu(self, two[0], focus, gtk_widget_get_width(focus) / 2.0, gtk_widget_get_height(focus) / 2.0);
  return TRUE;
}

/* ---- what is shown ---- */

static gboolean is_result(gpointer item, gpointer user) {
  KlRenderState s = kl_render_state(item);
  return s == KL_RENDER_DONE || s == KL_RENDER_FAILED || s == KL_RENDER_CANCELLED;
}

static void states_changed(KlHistoryView *self) {
  gtk_filter_changed(GTK_FILTER(self->filter), GTK_FILTER_CHANGE_DIFFERENT);
}

void kl_history_view_set_project(KlHistoryView *self, KlProject *project) {
  if (project == self->project) return;
  if (self->project) g_signal_handlers_disconnect_by_data(kl_project_pending(self->project), self);
  gtk_grid_view_set_model(self->grid, NULL);
  g_clear_object(&self->selection);
  g_clear_object(&self->filter);
  g_set_object(&self->project, project);
  gtk_widget_set_visible(self->compare, FALSE);
  if (project) {
    GListModel *renders = g_object_ref(kl_project_renders(project));
    self->filter = gtk_custom_filter_new(is_result, NULL, NULL);
    GtkFilterListModel *results = gtk_filter_list_model_new(renders, g_object_ref(GTK_FILTER(self->filter)));
    self->selection = gtk_multi_selection_new(G_LIST_MODEL(results));
    gtk_grid_view_set_model(self->grid, GTK_SELECTION_MODEL(self->selection));
    g_signal_connect_object(self->selection, "selection-changed", G_CALLBACK(selection_changed), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(self->selection, "items-changed", G_CALLBACK(update), self, G_CONNECT_SWAPPED);
    g_signal_connect_swapped(kl_project_pending(project), "items-changed", G_CALLBACK(states_changed), self);
  }
  update(self);
}

static void kl_history_view_dispose(GObject *object) {
  KlHistoryView *self = KL_HISTORY_VIEW(object);
  if (self->menu) {
    kl_history_view_set_project(self, NULL);
    gtk_widget_unparent(GTK_WIDGET(self->menu));
    self->menu = NULL;
  }
  G_OBJECT_CLASS(kl_history_view_parent_class)->dispose(object);
}

static void kl_history_view_class_init(KlHistoryViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_history_view_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/history_view.ui");
  gtk_widget_class_bind_template_child(widget, KlHistoryView, stack);
  gtk_widget_class_bind_template_child(widget, KlHistoryView, grid);
  gtk_widget_class_bind_template_child(widget, KlHistoryView, compare);
  gtk_widget_class_bind_template_child(widget, KlHistoryView, menu);
  gtk_widget_class_bind_template_callback(widget, setup_card);
  gtk_widget_class_bind_template_callback(widget, bind_card);
  gtk_widget_class_bind_template_callback(widget, unbind_card);
  gtk_widget_class_bind_template_callback(widget, activated);
  gtk_widget_class_install_action(widget, "history.compare", NULL, compare_action);
}

static void kl_history_view_init(KlHistoryView *self) {
  static const KlKey KEYS[] = {{"Delete", "project.delete-render"},
                               {"<Control>c", "project.copy-settings"},
                               {"<Control>Return", "project.use-settings"},
                               {"t", "project.to-timeline"},
                               {"Menu|<Shift>F10", NULL}};
  gtk_widget_init_template(GTK_WIDGET(self));
  gtk_widget_set_parent(GTK_WIDGET(self->menu), GTK_WIDGET(self));
  kl_add_keys(GTK_WIDGET(self->grid), KEYS, G_N_ELEMENTS(KEYS), key);
  update(self);
}
