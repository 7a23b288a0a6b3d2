#include "ui/timeline_view.h"

#include "ui/i18n.h"
#include "ui/names.h"
#include "ui/timeline_canvas.h"
#include "ui/timeline_clip.h"
#include "ui/timeline_edit.h"
#include "ui/window.h"

#include <math.h>
#include <string.h>

struct _KlTimelineView {
  AdwBin parent;
  KlProject *project;
  KlTimelineCanvas *canvas;
  GtkLabel *clock, *hint;
  GtkPopover *gain_popover;
  GtkScale *gain_scale;
  GtkAdjustment *gain_adjustment;
  GMenuModel *clip_menu;
  GtkWidget *menu; /* popover of clip_menu */
  GArray *copied;  /* Copied */
  bool snap, setting_gain;
  guint telling; /* idle that says "changed" */
};

typedef struct {
  gint64 asset, track; /* ids */
  KlClipPlace place;
} Copied;

enum { P0, P_POSITION, P_SNAP, N_PROPS };
static GParamSpec *props[N_PROPS];
enum { SEEK, CHANGED, PLAY, N_SIGNALS };
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE(KlTimelineView, kl_timeline_view, ADW_TYPE_BIN)

static void say(KlTimelineView *self, GError *e) {
  if (!e) return;
  kl_window_toast(GTK_WIDGET(self), e->message);
  g_error_free(e);
}

static void show_clock(KlTimelineView *self) {
  double rate = self->project ? kl_edit_rate(self->project) : 16;
  gint64 frame = kl_timeline_canvas_get_position(self->canvas);
  g_autofree char *text = kl_clock_text((double)frame / rate, true);
  gtk_label_set_text(self->clock, text);
  g_object_notify_by_pspec(G_OBJECT(self), props[P_POSITION]);
}

static void update_actions(KlTimelineView *self) {
  static const char *const with_selection[] = {
      "delete", "ripple-delete", "copy", "cut", "duplicate", "crossfade", "gain", "trim-start", "trim-end"};
  g_autoptr(GPtrArray) chosen = kl_timeline_canvas_selected(self->canvas);
  bool any = self->project && kl_project_length(self->project) > 0;
  for (gsize i = 0; i < G_N_ELEMENTS(with_selection); i++) {
    g_autofree char *name = g_strconcat("timeline.", with_selection[i], NULL);
    gtk_widget_action_set_enabled(GTK_WIDGET(self), name, chosen->len > 0);
  }
  gtk_widget_action_set_enabled(GTK_WIDGET(self), "timeline.split", any);
  gtk_widget_action_set_enabled(GTK_WIDGET(self), "timeline.zoom-fit", any);
  gtk_widget_action_set_enabled(GTK_WIDGET(self), "timeline.paste", self->project && self->copied->len > 0);
  gtk_widget_set_visible(GTK_WIDGET(self->hint), self->project && !any);
}

static gboolean tell_changed(gpointer data) {
  KlTimelineView *self = data;
  self->telling = 0;
  update_actions(self);
  g_signal_emit(self, signals[CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void on_changed(KlTimelineView *self) {
  if (!self->telling) self->telling = g_idle_add(tell_changed, self);
}

/* ---- the actions ---- */

static GPtrArray *selected(KlTimelineView *self) {
  return kl_timeline_canvas_selected(self->canvas);
}

/* The selected clips, or without a selection all. */
static void split_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self), none = g_ptr_array_new();
  GError *e = NULL;
  if (!self->project) return;
  bool all = !chosen->len;
  if (all) {
    kl_timeline_canvas_select_all(self->canvas);
    g_ptr_array_unref(chosen);
    chosen = selected(self);
  }
  if (!kl_edit_split(self->project, chosen, kl_timeline_canvas_get_position(self->canvas), &e)) say(self, e);
  if (all) kl_timeline_canvas_select(self->canvas, none);
}

static void delete_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self);
  GError *e = NULL;
  if (chosen->len && !kl_edit_remove(self->project, chosen, strstr(name, "ripple") != NULL, &e)) say(self, e);
}

static void copy_clips(KlTimelineView *self, GArray *to) {
  g_autoptr(GPtrArray) chosen = selected(self);
  g_array_set_size(to, 0);
  for (guint i = 0; i < chosen->len; i++) {
    KlClip *c = chosen->pdata[i];
    Copied one = {kl_asset_id(kl_clip_asset(c)), kl_track_id(kl_clip_track(c)), *kl_clip_where(c)};
    g_array_append_val(to, one);
  }
}

static KlTrack *track_by_id(KlTimelineView *self, gint64 id) {
  GListModel *tracks = kl_project_tracks(self->project);
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(tracks, i);
    if (kl_track_id(t) == id) return t; /* the project keeps it */
  }
  return NULL;
}

/* Puts copies so that the first begins at a frame; later clips make room. */
static void paste(KlTimelineView *self, const GArray *what, gint64 at, const char *label) {
  gint64 first = G_MAXINT64;
  GError *e = NULL;
  bool ok = true;
  g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_object_unref);
  for (guint i = 0; i < what->len; i++) first = MIN(first, g_array_index(what, Copied, i).place.start);
  kl_project_begin(self->project, label, NULL);
  for (guint i = 0; ok && i < what->len; i++) {
    const Copied *c = &g_array_index(what, Copied, i);
    KlAsset *a = kl_project_asset(self->project, c->asset);
    KlTrack *t = track_by_id(self, c->track);
    KlClipPlace p = c->place;
    p.start += at - first;
    p.fade = 0;
    if (!a || !t) continue;
    KlClip *clip = kl_project_add_clip(self->project, t, a, &p, true, &e);
    ok = clip != NULL;
    if (clip) g_ptr_array_add(made, clip);
  }
  if (!kl_project_end(self->project, ok, ok ? &e : NULL) || !ok)
    say(self, e);
  else
    kl_timeline_canvas_select(self->canvas, made);
}

static void copy_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  copy_clips(self, self->copied);
  if (!strcmp(name, "timeline.cut")) delete_action(w, "timeline.delete", NULL);
  update_actions(self);
}

static void paste_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  if (self->project && self->copied->len)
    paste(self, self->copied, kl_timeline_canvas_get_position(self->canvas), _("Paste"));
}

static void duplicate_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GArray) what = g_array_new(FALSE, FALSE, sizeof(Copied));
  gint64 end = 0;
  copy_clips(self, what);
  for (guint i = 0; i < what->len; i++) {
    const KlClipPlace *p = &g_array_index(what, Copied, i).place;
    end = MAX(end, p->start + p->length);
  }
  if (what->len) paste(self, what, end, _("Duplicate"));
}

static void select_all_action(GtkWidget *w, const char *name, GVariant *v) {
  kl_timeline_canvas_select_all(KL_TIMELINE_VIEW(w)->canvas);
}

static void select_none_action(GtkWidget *w, const char *name, GVariant *v) {
  g_autoptr(GPtrArray) none = g_ptr_array_new();
  kl_timeline_canvas_select(KL_TIMELINE_VIEW(w)->canvas, none);
}

static void crossfade_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self);
  GError *e = NULL;
  if (chosen->len && !kl_edit_crossfade(self->project, chosen->pdata[chosen->len - 1], &e)) say(self, e);
}

static void trim_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self);
  GError *e = NULL;
  gint64 at = kl_timeline_canvas_get_position(self->canvas);
  for (guint i = 0; i < chosen->len; i++)
    if (!kl_edit_trim(self->project, chosen->pdata[i], strstr(name, "start") != NULL, at, &e)) {
      say(self, e);
      break;
    }
}

static void nudge_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self);
  g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(KlMove));
  GError *e = NULL;
  gint64 by = g_variant_get_int32(v);
  for (guint i = 0; i < chosen->len; i++) {
    KlMove m = {chosen->pdata[i], kl_clip_track(chosen->pdata[i]), *kl_clip_where(chosen->pdata[i])};
    if (m.place.start + by < 0) return;
    m.place.start += by;
    g_array_append_val(moves, m);
  }
  if (moves->len &&
      !kl_edit_move(self->project, moves, ngettext("Move Clip", "Move Clips", moves->len), "nudge", &e))
    say(self, e);
}

static void track_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  GError *e = NULL;
  if (!self->project) return;
  g_autoptr(KlTrack) t =
      kl_project_add_track(self->project, strstr(name, "video") ? KL_TRACK_VIDEO : KL_TRACK_AUDIO, &e);
  if (!t) say(self, e);
}

static void empty_tracks_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  GError *e = NULL;
  bool ok = true;
  int left[2] = {0, 0};
  if (!self->project) return;
  GListModel *tracks = kl_project_tracks(self->project);
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_object_unref);
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_ptr_array_add(all, g_list_model_get_item(tracks, i));
    left[kl_track_kind(all->pdata[i])]++;
  }
  kl_project_begin(self->project, _("Remove Empty Tracks"), NULL);
  for (guint i = 0; ok && i < all->len; i++) {
    KlTrack *t = all->pdata[i];
    if (g_list_model_get_n_items(kl_track_clips(t)) || left[kl_track_kind(t)] < 2) continue;
    left[kl_track_kind(t)]--;
    ok = kl_project_remove_track(self->project, t, &e);
  }
  if (!kl_project_end(self->project, ok, ok ? &e : NULL) || !ok) say(self, e);
}

static void zoom_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineCanvas *canvas = KL_TIMELINE_VIEW(w)->canvas;
  if (strstr(name, "fit"))
    kl_timeline_canvas_zoom_fit(canvas);
  else
    kl_timeline_canvas_zoom(canvas, strstr(name, "in") ? 1.5 : 1 / 1.5);
}

static void user_seek(KlTimelineView *self, gint64 frame) {
  kl_timeline_canvas_set_position(self->canvas, frame, true);
  show_clock(self);
  g_signal_emit(self, signals[SEEK], 0, kl_timeline_canvas_get_position(self->canvas));
}

/* By frames; whole seconds beyond 1000. */
static void step_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  int by = g_variant_get_int32(v), second = self->project ? (int)lround(kl_edit_rate(self->project)) : 16;
  user_seek(self, kl_timeline_canvas_get_position(self->canvas) + (by > 1000    ? second
                                                                   : by < -1000 ? -second
                                                                                : by));
}

static void edge_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  user_seek(self, kl_timeline_canvas_next_edge(self->canvas, g_variant_get_int32(v)));
}

static void end_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  if (self->project) user_seek(self, strstr(name, "home") ? 0 : kl_project_length(self->project));
}

static void play_action(GtkWidget *w, const char *name, GVariant *v) {
  g_signal_emit(w, signals[PLAY], 0);
}

/* ---- gain ---- */

static void gain_action(GtkWidget *w, const char *name, GVariant *v) {
  KlTimelineView *self = KL_TIMELINE_VIEW(w);
  g_autoptr(GPtrArray) chosen = selected(self);
  GdkRectangle area;
  graphene_point_t at;
  if (!chosen->len || !kl_timeline_canvas_selected_area(self->canvas, &area)) return;
  if (!gtk_widget_compute_point(GTK_WIDGET(self->canvas), w,
                                &GRAPHENE_POINT_INIT((float)area.x, (float)area.y), &at))
    return;
  area.x = (int)at.x;
  area.y = (int)at.y;
  self->setting_gain = true;
  gtk_adjustment_set_value(self->gain_adjustment, kl_clip_where(chosen->pdata[0])->gain_db);
  self->setting_gain = false;
  gtk_popover_set_pointing_to(self->gain_popover, &area);
  gtk_popover_popup(self->gain_popover);
}

static void set_gains(KlTimelineView *self, double gain, double by) {
  g_autoptr(GPtrArray) chosen = selected(self);
  GError *e = NULL;
  bool ok = true;
  if (!chosen->len) return;
  kl_project_begin(self->project, _("Change Gain"), "gain");
  for (guint i = 0; ok && i < chosen->len; i++) {
    KlClipPlace p = *kl_clip_where(chosen->pdata[i]);
    p.gain_db = CLAMP(by != 0 ? p.gain_db + by : gain, -60, 12);
    ok = kl_clip_place(chosen->pdata[i], kl_clip_track(chosen->pdata[i]), &p, &e);
  }
  if (!kl_project_end(self->project, ok, ok ? &e : NULL) || !ok) say(self, e);
}

static void on_gain(GtkAdjustment *a, KlTimelineView *self) {
  if (!self->setting_gain) set_gains(self, round(gtk_adjustment_get_value(a) * 2) / 2, 0);
}

static void louder_action(GtkWidget *w, const char *name, GVariant *v) {
  set_gains(KL_TIMELINE_VIEW(w), 0, g_variant_get_int32(v));
}

/* ---- what the canvas says ---- */

static void on_seek(KlTimelineCanvas *canvas, gint64 frame, KlTimelineView *self) {
  show_clock(self);
  g_signal_emit(self, signals[SEEK], 0, frame);
}

static void on_failed(KlTimelineCanvas *canvas, const char *text, KlTimelineView *self) {
  kl_window_toast(GTK_WIDGET(self), text);
}

static void on_gain_asked(KlTimelineCanvas *canvas, KlTimelineView *self) {
  gain_action(GTK_WIDGET(self), NULL, NULL);
}

static void on_menu(GtkGestureClick *g, int presses, double x, double y, KlTimelineView *self) {
  if (!self->menu) {
    self->menu = gtk_popover_menu_new_from_model(self->clip_menu);
    gtk_popover_set_has_arrow(GTK_POPOVER(self->menu), FALSE);
    gtk_widget_set_halign(self->menu, GTK_ALIGN_START);
    gtk_widget_set_parent(self->menu, GTK_WIDGET(self));
  }
  double px = x, py = y;
  kl_timeline_canvas_select_at(self->canvas, x, y);
  gtk_widget_translate_coordinates(GTK_WIDGET(self->canvas), GTK_WIDGET(self), x, y, &px, &py);
  gtk_popover_set_pointing_to(GTK_POPOVER(self->menu), &(GdkRectangle){(int)px, (int)py, 1, 1});
  gtk_popover_popup(GTK_POPOVER(self->menu));
}

/* ---- the object ---- */

void kl_timeline_view_set_project(KlTimelineView *self, KlProject *project) {
  if (!g_set_object(&self->project, project)) return;
  g_array_set_size(self->copied, 0);
  kl_timeline_canvas_set_project(self->canvas, project);
  show_clock(self);
  on_changed(self);
}

void kl_timeline_view_set_position(KlTimelineView *self, gint64 frame) {
  if (frame == kl_timeline_canvas_get_position(self->canvas)) return;
  kl_timeline_canvas_set_position(self->canvas, frame, true);
  show_clock(self);
}

gint64 kl_timeline_view_get_position(KlTimelineView *self) {
  return kl_timeline_canvas_get_position(self->canvas);
}

void kl_timeline_view_add_asset(KlTimelineView *self, KlAsset *asset) {
  GError *e = NULL;
  if (!self->project) return;
  g_autoptr(KlClip) c =
      kl_edit_add(self->project, asset, NULL, kl_timeline_canvas_get_position(self->canvas), &e);
  if (!c) say(self, e);
}

static void kl_timeline_view_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlTimelineView *self = KL_TIMELINE_VIEW(object);
  if (id == P_POSITION)
    g_value_set_int64(value, kl_timeline_canvas_get_position(self->canvas));
  else
    g_value_set_boolean(value, self->snap);
}

static void kl_timeline_view_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  KlTimelineView *self = KL_TIMELINE_VIEW(object);
  if (id == P_POSITION) {
    kl_timeline_view_set_position(self, g_value_get_int64(value));
  } else {
    self->snap = g_value_get_boolean(value);
    kl_timeline_canvas_set_snap(self->canvas, self->snap);
    g_object_notify_by_pspec(object, spec);
  }
}

static void kl_timeline_view_dispose(GObject *object) {
  KlTimelineView *self = KL_TIMELINE_VIEW(object);
  g_clear_handle_id(&self->telling, g_source_remove);
  g_clear_pointer(&self->menu, gtk_widget_unparent);
  if (self->gain_popover && gtk_widget_get_parent(GTK_WIDGET(self->gain_popover))) {
    gtk_widget_unparent(GTK_WIDGET(self->gain_popover));
    self->gain_popover = NULL;
  }
  g_clear_object(&self->project);
  g_clear_pointer(&self->copied, g_array_unref);
  G_OBJECT_CLASS(kl_timeline_view_parent_class)->dispose(object);
}

static const struct {
  const char *name;
  void (*run)(GtkWidget *, const char *, GVariant *);
  const char *parameter;
  struct {
    guint key;
    GdkModifierType mods;
    int value;
  } keys[4];
} ACTIONS[] = {
    {"timeline.split", split_action, NULL, {{GDK_KEY_s, 0, 0}}},
    {"timeline.delete", delete_action, NULL, {{GDK_KEY_Delete, 0, 0}, {GDK_KEY_BackSpace, 0, 0}}},
    {"timeline.ripple-delete",
     delete_action,
     NULL,
     {{GDK_KEY_Delete, GDK_SHIFT_MASK, 0}, {GDK_KEY_BackSpace, GDK_SHIFT_MASK, 0}}},
    {"timeline.copy", copy_action, NULL, {{GDK_KEY_c, GDK_CONTROL_MASK, 0}}},
    {"timeline.cut", copy_action, NULL, {{GDK_KEY_x, GDK_CONTROL_MASK, 0}}},
    {"timeline.paste", paste_action, NULL, {{GDK_KEY_v, GDK_CONTROL_MASK, 0}}},
    {"timeline.duplicate", duplicate_action, NULL, {{GDK_KEY_d, GDK_CONTROL_MASK, 0}}},
    {"timeline.select-all", select_all_action, NULL, {{GDK_KEY_a, GDK_CONTROL_MASK, 0}}},
    {"timeline.select-none", select_none_action, NULL, {{GDK_KEY_Escape, 0, 0}}},
    {"timeline.crossfade", crossfade_action, NULL, {{GDK_KEY_f, 0, 0}}},
    {"timeline.gain", gain_action, NULL, {{GDK_KEY_g, 0, 0}}},
    {"timeline.louder",
     louder_action,
     "i",
     {{GDK_KEY_Up, GDK_CONTROL_MASK, 1}, {GDK_KEY_Down, GDK_CONTROL_MASK, -1}}},
    {"timeline.trim-start", trim_action, NULL, {{GDK_KEY_bracketleft, 0, 0}, {GDK_KEY_i, 0, 0}}},
    {"timeline.trim-end", trim_action, NULL, {{GDK_KEY_bracketright, 0, 0}, {GDK_KEY_o, 0, 0}}},
    {"timeline.nudge",
     nudge_action,
     "i",
     {{GDK_KEY_Left, GDK_ALT_MASK, -1}, {GDK_KEY_Right, GDK_ALT_MASK, 1}}},
    {"timeline.zoom-in",
     zoom_action,
     NULL,
     {{GDK_KEY_plus, 0, 0}, {GDK_KEY_equal, 0, 0}, {GDK_KEY_KP_Add, 0, 0}}},
    {"timeline.zoom-out", zoom_action, NULL, {{GDK_KEY_minus, 0, 0}, {GDK_KEY_KP_Subtract, 0, 0}}},
    {"timeline.zoom-fit", zoom_action, NULL, {{GDK_KEY_0, 0, 0}}},
    {"timeline.step",
     step_action,
     "i",
     {{GDK_KEY_Left, 0, -1},
      {GDK_KEY_Right, 0, 1},
      {GDK_KEY_Left, GDK_SHIFT_MASK, -9999},
      {GDK_KEY_Right, GDK_SHIFT_MASK, 9999}}},
    {"timeline.edge", edge_action, "i", {{GDK_KEY_Up, 0, -1}, {GDK_KEY_Down, 0, 1}}},
    {"timeline.home", end_action, NULL, {{GDK_KEY_Home, 0, 0}}},
    {"timeline.end", end_action, NULL, {{GDK_KEY_End, 0, 0}}},
    {"timeline.play", play_action, NULL, {{GDK_KEY_space, 0, 0}}},
    {"timeline.add-video-track", track_action, NULL, {{0}}},
    {"timeline.add-audio-track", track_action, NULL, {{0}}},
    {"timeline.remove-empty-tracks", empty_tracks_action, NULL, {{0}}},
};

static void kl_timeline_view_class_init(KlTimelineViewClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS(klass);
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  object->dispose = kl_timeline_view_dispose;
  object->get_property = kl_timeline_view_get_property;
  object->set_property = kl_timeline_view_set_property;
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  props[P_POSITION] = g_param_spec_int64("position", NULL, NULL, 0, G_MAXINT64, 0, flags);
  props[P_SNAP] = g_param_spec_boolean("snap", NULL, NULL, TRUE, flags);
  g_object_class_install_properties(object, N_PROPS, props);
  GType type = G_TYPE_FROM_CLASS(klass);
  signals[SEEK] =
      g_signal_new("seek", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  signals[CHANGED] = g_signal_new("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[PLAY] = g_signal_new("play", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure(KL_TYPE_TIMELINE_CANVAS);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/timeline_view.ui");
  gtk_widget_class_bind_template_child(widget, KlTimelineView, canvas);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, clock);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, hint);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, gain_popover);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, gain_scale);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, gain_adjustment);
  gtk_widget_class_bind_template_child(widget, KlTimelineView, clip_menu);
  gtk_widget_class_install_property_action(widget, "timeline.snap", "snap");
  gtk_widget_class_add_binding_action(widget, GDK_KEY_n, 0, "timeline.snap", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(ACTIONS); i++) {
    gtk_widget_class_install_action(widget, ACTIONS[i].name, ACTIONS[i].parameter, ACTIONS[i].run);
    for (gsize k = 0; k < G_N_ELEMENTS(ACTIONS[i].keys) && ACTIONS[i].keys[k].key; k++)
      gtk_widget_class_add_binding_action(widget, ACTIONS[i].keys[k].key, ACTIONS[i].keys[k].mods,
                                          ACTIONS[i].name, ACTIONS[i].parameter, ACTIONS[i].keys[k].value);
  }
}

static void kl_timeline_view_init(KlTimelineView *self) {
  self->copied = g_array_new(FALSE, FALSE, sizeof(Copied));
  self->snap = true;
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
  gtk_widget_set_parent(GTK_WIDGET(self->gain_popover), GTK_WIDGET(self));
  gtk_scale_add_mark(self->gain_scale, 0, GTK_POS_BOTTOM, "0");
  gtk_scale_add_mark(self->gain_scale, -60, GTK_POS_BOTTOM, _("silent"));
  gtk_scale_add_mark(self->gain_scale, 12, GTK_POS_BOTTOM, "12");
  g_signal_connect(self->gain_adjustment, "value-changed", G_CALLBACK(on_gain), self);
  g_signal_connect(self->canvas, "seek", G_CALLBACK(on_seek), self);
  g_signal_connect(self->canvas, "failed", G_CALLBACK(on_failed), self);
  g_signal_connect_swapped(self->canvas, "changed", G_CALLBACK(on_changed), self);
  g_signal_connect_swapped(self->canvas, "selection-changed", G_CALLBACK(update_actions), self);
  g_signal_connect(self->canvas, "gain", G_CALLBACK(on_gain_asked), self);
  GtkGesture *secondary = gtk_gesture_click_new();
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(secondary), GDK_BUTTON_SECONDARY);
  g_signal_connect(secondary, "pressed", G_CALLBACK(on_menu), self);
  gtk_widget_add_controller(GTK_WIDGET(self->canvas), GTK_EVENT_CONTROLLER(secondary));
  update_actions(self);
}

GtkWidget *kl_timeline_view_new(void) {
  return g_object_new(KL_TYPE_TIMELINE_VIEW, NULL);
}
