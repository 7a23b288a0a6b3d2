#include "ui/timeline_canvas_internal.h"

#include "ui/i18n.h"
#include "ui/timeline_edit.h"

#include <math.h>

enum { P0, P_HADJUSTMENT, P_VADJUSTMENT, P_HPOLICY, P_VPOLICY };
enum { SEEK, SELECTION_CHANGED, CHANGED, FAILED, GAIN, N_SIGNALS };
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE_WITH_CODE(KlTimelineCanvas, kl_timeline_canvas, GTK_TYPE_WIDGET,
                              G_IMPLEMENT_INTERFACE(GTK_TYPE_SCROLLABLE, NULL))

/* ---- places ---- */

double kl_canvas_rate(KlTimelineCanvas *self) {
  return self->project ? kl_edit_rate(self->project) : 16;
}

static double scrolled(KlTimelineCanvas *self, int axis) {
  return self->adjustment[axis] ? gtk_adjustment_get_value(self->adjustment[axis]) : 0;
}

double kl_canvas_x(KlTimelineCanvas *self, double frame) {
  return KL_HEADS + frame / kl_canvas_rate(self) * self->scale - scrolled(self, 0);
}

double kl_canvas_frame(KlTimelineCanvas *self, double x) {
  return (x - KL_HEADS + scrolled(self, 0)) / self->scale * kl_canvas_rate(self);
}

static double lane_y(KlTimelineCanvas *self, const KlLane *l) {
  return KL_RULER + l->y - scrolled(self, 1);
}

KlLane *kl_canvas_lane_at(KlTimelineCanvas *self, double y) {
  for (guint i = 0; i < self->lanes->len; i++) {
    KlLane *l = self->lanes->pdata[i];
    if (y >= lane_y(self, l) && y < lane_y(self, l) + l->height + KL_LANE_GAP) return l;
  }
  return NULL;
}

KlLane *kl_canvas_lane_of(KlTimelineCanvas *self, KlTrack *t) {
  for (guint i = 0; i < self->lanes->len; i++)
    if (((KlLane *)self->lanes->pdata[i])->track == t) return self->lanes->pdata[i];
  return NULL;
}

static int lanes_height(KlTimelineCanvas *self) {
  KlLane *last = self->lanes->len ? self->lanes->pdata[self->lanes->len - 1] : NULL;
  return last ? last->y + last->height + KL_LANE_GAP : 0;
}

/* ---- selection ---- */

bool kl_canvas_is_selected(KlTimelineCanvas *self, KlClip *c) {
  gint64 id = kl_clip_id(c);
  return g_hash_table_contains(self->selected, &id);
}

static void show_selection(KlTimelineCanvas *self) {
  for (guint i = 0; i < self->clips->len; i++) {
    KlClipView *v = self->clips->pdata[i];
    kl_clip_view_set_selected(v, kl_canvas_is_selected(self, kl_clip_view_get_clip(v)));
  }
  g_signal_emit(self, signals[SELECTION_CHANGED], 0);
}

static void put_in(KlTimelineCanvas *self, KlClip *c) {
  gint64 id = kl_clip_id(c);
  g_hash_table_add(self->selected, g_memdup2(&id, sizeof id));
}

void kl_canvas_select_only(KlTimelineCanvas *self, KlClip *c, bool add) {
  gint64 id = c ? kl_clip_id(c) : 0;
  if (!add) g_hash_table_remove_all(self->selected);
  if (c && !(add && g_hash_table_remove(self->selected, &id))) put_in(self, c);
  show_selection(self);
}

void kl_timeline_canvas_select(KlTimelineCanvas *self, GPtrArray *clips) {
  g_hash_table_remove_all(self->selected);
  for (guint i = 0; i < clips->len; i++) put_in(self, clips->pdata[i]);
  show_selection(self);
}

void kl_timeline_canvas_select_all(KlTimelineCanvas *self) {
  for (guint i = 0; i < self->clips->len; i++) put_in(self, kl_clip_view_get_clip(self->clips->pdata[i]));
  show_selection(self);
}

static int by_time(gconstpointer a, gconstpointer b) {
  gint64 x = kl_clip_where(*(KlClip *const *)a)->start, y = kl_clip_where(*(KlClip *const *)b)->start;
  return x < y ? -1 : x > y;
}

GPtrArray *kl_timeline_canvas_selected(KlTimelineCanvas *self) {
  GPtrArray *out = g_ptr_array_new();
  for (guint i = 0; i < self->clips->len; i++) {
    KlClip *c = kl_clip_view_get_clip(self->clips->pdata[i]);
    if (kl_canvas_is_selected(self, c)) g_ptr_array_add(out, c);
  }
  g_ptr_array_sort(out, by_time);
  return out;
}

bool kl_timeline_canvas_selected_area(KlTimelineCanvas *self, GdkRectangle *out) {
  for (guint i = 0; i < self->clips->len; i++) {
    graphene_rect_t r;
    KlClipView *v = self->clips->pdata[i];
    if (!kl_canvas_is_selected(self, kl_clip_view_get_clip(v)) ||
        !gtk_widget_compute_bounds(GTK_WIDGET(v), GTK_WIDGET(self), &r))
      continue;
    int x = (int)MAX(r.origin.x, KL_HEADS),
        end = (int)MIN(r.origin.x + r.size.width, gtk_widget_get_width(GTK_WIDGET(self)));
    *out = (GdkRectangle){x, (int)r.origin.y, MAX(1, end - x), (int)r.size.height};
    return true;
  }
  return false;
}

void kl_canvas_say(KlTimelineCanvas *self, GError *e) {
  if (!e) return;
  g_signal_emit(self, signals[FAILED], 0, e->message);
  g_error_free(e);
}

/* ---- position and zoom ---- */

gint64 kl_timeline_canvas_get_position(KlTimelineCanvas *self) {
  return self->position;
}

void kl_timeline_canvas_set_position(KlTimelineCanvas *self, gint64 frame, bool follow) {
  frame = MAX(0, frame);
  if (frame == self->position && !follow) return;
  self->position = frame;
  double x = kl_canvas_x(self, (double)frame), w = gtk_widget_get_width(GTK_WIDGET(self));
  if (follow && self->adjustment[0] && w > KL_HEADS && (x < KL_HEADS || x > w - 8))
    gtk_adjustment_set_value(self->adjustment[0], scrolled(self, 0) + x - KL_HEADS - (w - KL_HEADS) * 0.25);
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

void kl_canvas_seek(KlTimelineCanvas *self, gint64 frame) {
  frame = MAX(0, frame);
  if (frame == self->position) return;
  kl_timeline_canvas_set_position(self, frame, true);
  g_signal_emit(self, signals[SEEK], 0, self->position);
}

static void update_adjustments(KlTimelineCanvas *self) {
  double w = MAX(1, gtk_widget_get_width(GTK_WIDGET(self)) - KL_HEADS),
         h = MAX(1, gtk_widget_get_height(GTK_WIDGET(self)) - KL_RULER);
  double length = self->project ? (double)kl_project_length(self->project) / kl_canvas_rate(self) : 0;
  double wide = MAX(w, length * self->scale + w * 0.5), high = MAX(h, lanes_height(self));
  if (self->adjustment[0])
    gtk_adjustment_configure(self->adjustment[0], MIN(scrolled(self, 0), wide - w), 0, wide, w * 0.1, w * 0.9,
                             w);
  if (self->adjustment[1])
    gtk_adjustment_configure(self->adjustment[1], MIN(scrolled(self, 1), high - h), 0, high, 40, h * 0.9, h);
}

static void set_scale(KlTimelineCanvas *self, double scale, double still_x) {
  double at = kl_canvas_frame(self, still_x) / kl_canvas_rate(self);
  self->scale = CLAMP(scale, 0.5, 2000);
  update_adjustments(self);
  if (self->adjustment[0])
    gtk_adjustment_set_value(self->adjustment[0], at * self->scale - (still_x - KL_HEADS));
  gtk_widget_queue_allocate(GTK_WIDGET(self));
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

void kl_timeline_canvas_zoom(KlTimelineCanvas *self, double factor) {
  double x = kl_canvas_x(self, (double)self->position), w = gtk_widget_get_width(GTK_WIDGET(self));
  if (self->now_x > KL_HEADS && self->drag == KL_DRAG_NONE && self->now_y < 0)
    x = self->now_x; /* under the pointer */
  set_scale(self, self->scale * factor, x < KL_HEADS || x > w ? (KL_HEADS + w) / 2 : x);
}

void kl_timeline_canvas_zoom_fit(KlTimelineCanvas *self) {
  double w = gtk_widget_get_width(GTK_WIDGET(self)) - KL_HEADS - 24;
  double length = self->project ? (double)kl_project_length(self->project) / kl_canvas_rate(self) : 0;
  if (w < 50 || length <= 0) return;
  set_scale(self, w / length, KL_HEADS);
  if (self->adjustment[0]) gtk_adjustment_set_value(self->adjustment[0], 0);
}

void kl_timeline_canvas_set_snap(KlTimelineCanvas *self, bool snap) {
  self->snap = snap;
}

gint64 kl_timeline_canvas_next_edge(KlTimelineCanvas *self, int direction) {
  gint64 best = direction > 0 ? G_MAXINT64 : 0;
  for (guint i = 0; i < self->clips->len; i++) {
    const KlClipPlace *v = kl_clip_where(kl_clip_view_get_clip(self->clips->pdata[i]));
    gint64 edge[2] = {v->start, v->start + v->length};
    for (int k = 0; k < 2; k++)
      if (direction > 0 ? edge[k] > self->position && edge[k] < best
                        : edge[k] < self->position && edge[k] > best)
        best = edge[k];
  }
  return best == G_MAXINT64 ? self->position : best;
}

/* ---- keeping up with the project ---- */

static void lane_free(gpointer data) {
  KlLane *l = data;
  gtk_widget_unparent(l->head);
  g_object_unref(l->track);
  g_free(l);
}

static void on_mute(GtkToggleButton *b, KlTimelineCanvas *self) {
  KlTrack *t = g_object_get_data(G_OBJECT(b), "track");
  GError *e = NULL;
  bool muted = gtk_toggle_button_get_active(b);
  if (kl_track_muted(t) != muted && !kl_track_set_muted(t, muted, &e)) kl_canvas_say(self, e);
}

static void update_head(KlTrack *t, GParamSpec *spec, GtkToggleButton *mute) {
  bool video = kl_track_kind(t) == KL_TRACK_VIDEO, muted = kl_track_muted(t);
  gtk_toggle_button_set_active(mute, muted);
  gtk_button_set_icon_name(GTK_BUTTON(mute), video
                                                 ? (muted ? "view-conceal-symbolic" : "view-reveal-symbolic")
                                             : muted ? "audio-volume-muted-symbolic"
                                                     : "audio-volume-high-symbolic");
  const char *tip = video ? (muted ? _("Show this track") : _("Hide this track"))
                          : (muted ? _("Let this track be heard") : _("Mute this track"));
  gtk_widget_set_tooltip_text(GTK_WIDGET(mute), tip);
  gtk_accessible_update_property(GTK_ACCESSIBLE(mute), GTK_ACCESSIBLE_PROPERTY_LABEL, tip, -1);
  g_autofree char *title = kl_edit_track_title(g_object_get_data(G_OBJECT(mute), "project"), t);
  gtk_label_set_text(g_object_get_data(G_OBJECT(mute), "name"), title);
}

static KlLane *lane_new(KlTimelineCanvas *self, KlTrack *t) {
  KlLane *l = g_new0(KlLane, 1);
  l->track = g_object_ref(t);
  l->height = kl_track_kind(t) == KL_TRACK_VIDEO ? KL_VIDEO_LANE : KL_AUDIO_LANE;
  l->head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
  l->name = gtk_label_new(NULL);
  gtk_label_set_ellipsize(GTK_LABEL(l->name), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign(GTK_LABEL(l->name), 0);
  gtk_widget_set_hexpand(l->name, TRUE);
  l->mute = gtk_toggle_button_new();
  gtk_widget_set_valign(l->mute, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class(l->mute, "flat");
  gtk_widget_add_css_class(l->head, "track-head");
  g_object_set_data(G_OBJECT(l->mute), "name", l->name);
  g_object_set_data(G_OBJECT(l->mute), "project", self->project);
  g_object_set_data_full(G_OBJECT(l->mute), "track", g_object_ref(t), g_object_unref);
  gtk_box_append(GTK_BOX(l->head), l->name);
  gtk_box_append(GTK_BOX(l->head), l->mute);
  gtk_widget_set_parent(l->head, GTK_WIDGET(self));
  update_head(t, NULL, GTK_TOGGLE_BUTTON(l->mute));
  g_signal_connect(l->mute, "toggled", G_CALLBACK(on_mute), self);
  g_signal_connect_object(t, "notify", G_CALLBACK(update_head), l->mute, 0);
  return l;
}

static void clip_free(gpointer data) {
  gtk_widget_unparent(data);
}

/* By keyboard: what has the focus is selected, and seen. */
static void on_clip_focus(GtkEventControllerFocus *f, KlTimelineCanvas *self) {
  GtkWidget *v = gtk_event_controller_get_widget(GTK_EVENT_CONTROLLER(f));
  GtkRoot *root = gtk_widget_get_root(v);
  if (!GTK_IS_WINDOW(root) || !gtk_window_get_focus_visible(GTK_WINDOW(root))) return;
  KlClip *c = kl_clip_view_get_clip(KL_CLIP_VIEW(v));
  const KlClipPlace *p = kl_clip_where(c);
  double x = kl_canvas_x(self, (double)p->start), end = kl_canvas_x(self, (double)(p->start + p->length)),
         w = gtk_widget_get_width(GTK_WIDGET(self));
  if (self->adjustment[0] && (x < KL_HEADS || end > w))
    gtk_adjustment_set_value(self->adjustment[0],
                             scrolled(self, 0) +
                                 (x < KL_HEADS ? x - KL_HEADS - 20 : MIN(x - KL_HEADS, end - w + 20)));
  if (!kl_canvas_is_selected(self, c)) kl_canvas_select_only(self, c, false);
}

static void add_missing_clips(KlTimelineCanvas *self, GHashTable *have, GHashTable *want) {
  for (guint i = 0; i < self->lanes->len; i++) {
    GListModel *clips = kl_track_clips(((KlLane *)self->lanes->pdata[i])->track);
    for (guint k = 0; k < g_list_model_get_n_items(clips); k++) {
      g_autoptr(KlClip) c = g_list_model_get_item(clips, k);
      g_hash_table_add(want, c);
      if (g_hash_table_contains(have, c)) continue;
      GtkWidget *v = kl_clip_view_new(self->project, c);
      GtkEventController *focus = gtk_event_controller_focus_new();
      g_signal_connect(focus, "enter", G_CALLBACK(on_clip_focus), self);
      gtk_widget_add_controller(v, focus);
      gtk_widget_set_parent(v, GTK_WIDGET(self));
      g_ptr_array_add(self->clips, v);
    }
  }
}

static int by_lane_and_time(gconstpointer a, gconstpointer b) {
  KlClip *x = kl_clip_view_get_clip(*(KlClipView *const *)a),
         *y = kl_clip_view_get_clip(*(KlClipView *const *)b);
  KlTrack *s = kl_clip_track(x), *t = kl_clip_track(y);
  if (s != t && s && t) return kl_track_id(s) < kl_track_id(t) ? -1 : 1;
  return kl_clip_where(x)->start < kl_clip_where(y)->start ? -1 : 1;
}

/* Views for the clips there are; order of time, so that focus and screen readers go that way, and later clips
 * lie over the ends of earlier ones. */
static void sync_clips(KlTimelineCanvas *self) {
  g_autoptr(GHashTable) have = g_hash_table_new(NULL, NULL), want = g_hash_table_new(NULL, NULL);
  for (guint i = 0; i < self->clips->len; i++)
    g_hash_table_add(have, kl_clip_view_get_clip(self->clips->pdata[i]));
  add_missing_clips(self, have, want);
  for (guint i = self->clips->len; i-- > 0;) {
    KlClipView *v = self->clips->pdata[i];
    if (g_hash_table_contains(want, kl_clip_view_get_clip(v))) continue;
    if (v == self->grabbed) self->grabbed = NULL;
    g_ptr_array_remove_index(self->clips, i);
  }
  g_ptr_array_sort(self->clips, by_lane_and_time);
  GtkWidget *last = NULL;
  for (guint i = 0; i < self->clips->len; i++) {
    gtk_widget_insert_after(self->clips->pdata[i], GTK_WIDGET(self), last);
    last = self->clips->pdata[i];
  }
  show_selection(self);
  gtk_widget_queue_resize(GTK_WIDGET(self));
  g_signal_emit(self, signals[CHANGED], 0);
}

static void on_clips(GListModel *model, guint at, guint gone, guint come, KlTimelineCanvas *self) {
  sync_clips(self);
}

static void forget(KlTimelineCanvas *self) {
  for (guint i = 0; i < self->lanes->len; i++)
    g_signal_handlers_disconnect_by_data(kl_track_clips(((KlLane *)self->lanes->pdata[i])->track), self);
  g_ptr_array_set_size(self->clips, 0);
  g_ptr_array_set_size(self->lanes, 0);
  self->grabbed = NULL;
  self->drag = KL_DRAG_NONE;
}

static void on_tracks(GListModel *tracks, guint at, guint gone, guint come, KlTimelineCanvas *self) {
  int y = KL_LANE_GAP;
  forget(self);
  for (guint i = 0; i < g_list_model_get_n_items(tracks); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(tracks, i);
    KlLane *l = lane_new(self, t);
    l->y = y;
    y += l->height + KL_LANE_GAP;
    g_ptr_array_add(self->lanes, l);
    g_signal_connect(kl_track_clips(t), "items-changed", G_CALLBACK(on_clips), self);
  }
  sync_clips(self);
}

void kl_timeline_canvas_set_project(KlTimelineCanvas *self, KlProject *project) {
  if (self->project == project) return;
  if (self->project) g_signal_handlers_disconnect_by_data(kl_project_tracks(self->project), self);
  forget(self);
  g_hash_table_remove_all(self->selected);
  g_set_object(&self->project, project);
  self->position = 0;
  if (!project) return;
  g_signal_connect(kl_project_tracks(project), "items-changed", G_CALLBACK(on_tracks), self);
  on_tracks(kl_project_tracks(project), 0, 0, 0, self);
}

/* ---- layout and drawing ---- */

static void kl_timeline_canvas_measure(GtkWidget *widget, GtkOrientation o, int for_size, int *min, int *nat,
                                       int *min_base, int *nat_base) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(widget);
  for (guint i = 0; i < self->lanes->len; i++)
    gtk_widget_measure(((KlLane *)self->lanes->pdata[i])->head, o, -1, min, nat, NULL, NULL);
  for (guint i = 0; i < self->clips->len; i++)
    gtk_widget_measure(self->clips->pdata[i], o, -1, min, nat, NULL, NULL);
  *min = o == GTK_ORIENTATION_HORIZONTAL ? KL_HEADS + 80 : KL_RULER + KL_VIDEO_LANE;
  *nat = o == GTK_ORIENTATION_HORIZONTAL ? 600 : KL_RULER + MAX(lanes_height(self), KL_VIDEO_LANE);
}

static void place_clip(KlTimelineCanvas *self, KlClipView *v) {
  KlTrack *t = kl_clip_track(kl_clip_view_get_clip(v));
  KlLane *l = t ? kl_canvas_lane_of(self, t) : NULL;
  const KlClipPlace *p = kl_clip_view_get_place(v);
  KlLane *to = g_object_get_data(G_OBJECT(v), "lane"); /* where it is dragged to */
  if (to) l = to;
  gtk_widget_set_child_visible(GTK_WIDGET(v), l != NULL);
  if (!l) return;
  double x = kl_canvas_x(self, (double)p->start), end = kl_canvas_x(self, (double)(p->start + p->length));
  kl_clip_view_set_scale(v, self->scale / kl_canvas_rate(self));
  GtkAllocation a = {(int)lround(x), (int)lround(lane_y(self, l)), MAX(2, (int)(lround(end) - lround(x)) - 1),
                     l->height};
  gtk_widget_size_allocate(GTK_WIDGET(v), &a, -1);
}

static void kl_timeline_canvas_size_allocate(GtkWidget *widget, int width, int height, int baseline) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(widget);
  update_adjustments(self);
  for (guint i = 0; i < self->lanes->len; i++) {
    KlLane *l = self->lanes->pdata[i];
    GtkAllocation a = {0, (int)lround(lane_y(self, l)), KL_HEADS - 6, l->height};
    gtk_widget_size_allocate(l->head, &a, -1);
  }
  for (guint i = 0; i < self->clips->len; i++) place_clip(self, self->clips->pdata[i]);
}

static GdkRGBA colour(GtkWidget *w, const char *name, double alpha) {
  GdkRGBA c = {0.5f, 0.5f, 0.5f, 1};
  GtkStyleContext *context = gtk_widget_get_style_context(w);
  if (!name)
    gtk_style_context_get_color(context, &c);
  else
    gtk_style_context_lookup_color(context, name, &c);
  c.alpha *= (float)alpha;
  return c;
}

static void box(GtkSnapshot *s, const GdkRGBA *c, double x, double y, double w, double h) {
  gtk_snapshot_append_color(s, c, &GRAPHENE_RECT_INIT((float)x, (float)y, (float)w, (float)h));
}

static void draw_lanes(KlTimelineCanvas *self, GtkSnapshot *s, double w) {
  GdkRGBA ground = colour(GTK_WIDGET(self), NULL, 0.05);
  for (guint i = 0; i < self->lanes->len; i++) {
    KlLane *l = self->lanes->pdata[i];
    GskRoundedRect r;
    gsk_rounded_rect_init_from_rect(&r,
                                    &GRAPHENE_RECT_INIT(KL_HEADS - 2, (float)lane_y(self, l),
                                                        (float)(w - KL_HEADS + 20), (float)l->height),
                                    6);
    gtk_snapshot_push_rounded_clip(s, &r);
    box(s, &ground, KL_HEADS - 2, lane_y(self, l), w, l->height);
    gtk_snapshot_pop(s);
  }
}

static void draw_ruler(KlTimelineCanvas *self, GtkSnapshot *s, double w) {
  static const double steps[] = {0.1, 0.2, 0.5, 1,   2,    4,    10,   20,  30,
                                 60,  120, 300, 600, 1200, 1800, 3600, 7200};
  GdkRGBA ink = colour(GTK_WIDGET(self), NULL, 0.62), faint = colour(GTK_WIDGET(self), NULL, 0.22);
  double step = steps[G_N_ELEMENTS(steps) - 1], rate = kl_canvas_rate(self);
  for (guint i = G_N_ELEMENTS(steps); i-- > 0;)
    if (steps[i] * self->scale >= 72) step = steps[i];
  double first = floor(MAX(0, kl_canvas_frame(self, KL_HEADS)) / rate / step) * step;
  for (double t = first; kl_canvas_x(self, t * rate) < w; t += step) {
    double x = kl_canvas_x(self, t * rate);
    for (int k = 0; k < 4; k++)
      box(s, &faint, floor(x + k * step * self->scale / 4), k ? KL_RULER - 5 : KL_RULER - 9, 1, k ? 4 : 8);
    g_autofree char *text = kl_clock_text(t, step < 1);
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);
    gtk_snapshot_save(s);
    gtk_snapshot_translate(s, &GRAPHENE_POINT_INIT((float)floor(x) + 4, 1));
    gtk_snapshot_append_layout(s, layout, &ink);
    gtk_snapshot_restore(s);
  }
}

static void draw_playhead(KlTimelineCanvas *self, GtkSnapshot *s, double h) {
  GdkRGBA red = colour(GTK_WIDGET(self), "kl_playhead", 1);
  double x = floor(kl_canvas_x(self, (double)self->position));
  if (x < KL_HEADS - 1) return;
  box(s, &red, x, KL_RULER - 8, 1.5, h - KL_RULER + 8);
  cairo_t *cr = gtk_snapshot_append_cairo(s, &GRAPHENE_RECT_INIT((float)x - 7, KL_RULER - 14, 16, 14));
  cairo_set_source_rgba(cr, red.red, red.green, red.blue, red.alpha);
  cairo_move_to(cr, x - 5.25, KL_RULER - 13);
  cairo_line_to(cr, x + 6.75, KL_RULER - 13);
  cairo_line_to(cr, x + 6.75, KL_RULER - 7);
  cairo_line_to(cr, x + 0.75, KL_RULER - 1);
  cairo_line_to(cr, x - 5.25, KL_RULER - 7);
  cairo_close_path(cr);
  cairo_fill(cr);
  cairo_destroy(cr);
}

static void draw_drag(KlTimelineCanvas *self, GtkSnapshot *s, double h) {
  GdkRGBA accent = colour(GTK_WIDGET(self), "accent_color", 1),
          light = colour(GTK_WIDGET(self), "accent_bg_color", 0.18);
  if (self->guide >= 0) box(s, &accent, floor(kl_canvas_x(self, (double)self->guide)), KL_RULER - 4, 1, h);
  if (self->drag == KL_DRAG_BOX && self->moved) {
    double x = MIN(self->begin_x, self->now_x), y = MIN(self->begin_y, self->now_y);
    box(s, &light, x, y, fabs(self->now_x - self->begin_x), fabs(self->now_y - self->begin_y));
  }
  if (self->drop_lane) {
    box(s, &light, KL_HEADS, lane_y(self, self->drop_lane), gtk_widget_get_width(GTK_WIDGET(self)),
        self->drop_lane->height);
    box(s, &accent, floor(kl_canvas_x(self, (double)self->drop_frame)), lane_y(self, self->drop_lane), 2,
        self->drop_lane->height);
  }
}

static void kl_timeline_canvas_snapshot(GtkWidget *widget, GtkSnapshot *s) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(widget);
  double w = gtk_widget_get_width(widget), h = gtk_widget_get_height(widget);
  if (w <= KL_HEADS || h <= KL_RULER) return;
  gtk_snapshot_push_clip(s, &GRAPHENE_RECT_INIT(0, KL_RULER - 3, (float)w, (float)h));
  draw_lanes(self, s, w);
  for (guint i = 0; i < self->lanes->len; i++)
    gtk_widget_snapshot_child(widget, ((KlLane *)self->lanes->pdata[i])->head, s);
  gtk_snapshot_push_clip(s, &GRAPHENE_RECT_INIT(KL_HEADS - 3, KL_RULER - 3, (float)w, (float)h));
  for (guint i = 0; i < self->clips->len; i++) gtk_widget_snapshot_child(widget, self->clips->pdata[i], s);
  for (guint i = 0; i < self->clips->len; i++) /* what is dragged lies over the rest */
    if (gtk_widget_has_css_class(self->clips->pdata[i], "dragged"))
      gtk_widget_snapshot_child(widget, self->clips->pdata[i], s);
  gtk_snapshot_pop(s);
  gtk_snapshot_pop(s);
  gtk_snapshot_push_clip(s, &GRAPHENE_RECT_INIT(KL_HEADS - 8, 0, (float)w, (float)h));
  draw_ruler(self, s, w);
  draw_drag(self, s, h);
  draw_playhead(self, s, h);
  gtk_snapshot_pop(s);
}

/* ---- the object ---- */

static void set_adjustment(KlTimelineCanvas *self, int axis, GtkAdjustment *a) {
  if (self->adjustment[axis]) {
    g_signal_handlers_disconnect_by_data(self->adjustment[axis], self);
    g_clear_object(&self->adjustment[axis]);
  }
  if (!a) return;
  self->adjustment[axis] = g_object_ref_sink(a);
  g_signal_connect_swapped(a, "value-changed", G_CALLBACK(gtk_widget_queue_allocate), self);
  g_signal_connect_swapped(a, "value-changed", G_CALLBACK(gtk_widget_queue_draw), self);
  update_adjustments(self);
}

static void kl_timeline_canvas_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(object);
  if (id == P_HADJUSTMENT || id == P_VADJUSTMENT)
    g_value_set_object(value, self->adjustment[id - P_HADJUSTMENT]);
  else
    g_value_set_enum(value, (int)self->policy[id - P_HPOLICY]);
}

static void kl_timeline_canvas_set_property(GObject *object, guint id, const GValue *value,
                                            GParamSpec *spec) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(object);
  if (id == P_HADJUSTMENT || id == P_VADJUSTMENT)
    set_adjustment(self, (int)(id - P_HADJUSTMENT), g_value_get_object(value));
  else
    self->policy[id - P_HPOLICY] = (guint)g_value_get_enum(value);
}

static void kl_timeline_canvas_dispose(GObject *object) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(object);
  kl_timeline_canvas_set_project(self, NULL);
  for (int i = 0; i < 2; i++) set_adjustment(self, i, NULL);
  G_OBJECT_CLASS(kl_timeline_canvas_parent_class)->dispose(object);
}

static void kl_timeline_canvas_finalize(GObject *object) {
  KlTimelineCanvas *self = KL_TIMELINE_CANVAS(object);
  g_ptr_array_unref(self->lanes);
  g_ptr_array_unref(self->clips);
  g_hash_table_unref(self->selected);
  G_OBJECT_CLASS(kl_timeline_canvas_parent_class)->finalize(object);
}

static void kl_timeline_canvas_class_init(KlTimelineCanvasClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS(klass);
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  object->dispose = kl_timeline_canvas_dispose;
  object->finalize = kl_timeline_canvas_finalize;
  object->get_property = kl_timeline_canvas_get_property;
  object->set_property = kl_timeline_canvas_set_property;
  widget->measure = kl_timeline_canvas_measure;
  widget->size_allocate = kl_timeline_canvas_size_allocate;
  widget->snapshot = kl_timeline_canvas_snapshot;
  g_object_class_override_property(object, P_HADJUSTMENT, "hadjustment");
  g_object_class_override_property(object, P_VADJUSTMENT, "vadjustment");
  g_object_class_override_property(object, P_HPOLICY, "hscroll-policy");
  g_object_class_override_property(object, P_VPOLICY, "vscroll-policy");
  GType type = G_TYPE_FROM_CLASS(klass);
  signals[SEEK] =
      g_signal_new("seek", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  signals[SELECTION_CHANGED] =
      g_signal_new("selection-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[CHANGED] = g_signal_new("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED] =
      g_signal_new("failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[GAIN] = g_signal_new("gain", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_css_name(widget, "timeline");
  gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_LIST);
}

static void kl_timeline_canvas_init(KlTimelineCanvas *self) {
  self->lanes = g_ptr_array_new_with_free_func(lane_free);
  self->clips = g_ptr_array_new_with_free_func(clip_free);
  self->selected = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  self->scale = 40;
  self->snap = true;
  self->guide = -1;
  gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
  gtk_widget_set_overflow(GTK_WIDGET(self), GTK_OVERFLOW_HIDDEN);
  gtk_widget_set_direction(GTK_WIDGET(self), GTK_TEXT_DIR_LTR); /* time runs to the right everywhere */
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Timeline"), -1);
  kl_canvas_add_input(self);
}
