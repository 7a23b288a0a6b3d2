/* What the pointer does on the timeline: seek, select, move, trim, fade, scroll, zoom, and drops. */
#include "ui/timeline_canvas_internal.h"
#include "ui/timeline_edit.h"

#include "ui/i18n.h"

#include <math.h>

#define EDGE 8     /* pixels at both ends of a clip that trim */
#define NEAR 9     /* pixels within which things snap */
#define START 4    /* pixels before a press is a drag */
#define OUTSIDE 24 /* pixels above or below the timeline, where a clip becomes its file */

static KlClipView *clip_at(KlTimelineCanvas *self, double x, double y) {
  if (x < KL_HEADS || y < KL_RULER) return NULL;
  GtkWidget *w = gtk_widget_pick(GTK_WIDGET(self), x, y, GTK_PICK_DEFAULT);
  w = w && !KL_IS_CLIP_VIEW(w) ? gtk_widget_get_ancestor(w, KL_TYPE_CLIP_VIEW) : w;
  return w ? KL_CLIP_VIEW(w) : NULL;
}

static KlDragKind kind_at(KlTimelineCanvas *self, KlClipView *v, double x, double y) {
  graphene_rect_t r;
  if (!v || !gtk_widget_compute_bounds(GTK_WIDGET(v), GTK_WIDGET(self), &r)) return KL_DRAG_BOX;
  double left = x - r.origin.x, right = r.origin.x + r.size.width - x, edge = MIN(EDGE, r.size.width / 4);
  if (left < 2 * edge && y - r.origin.y < 14 && kl_clip_where(kl_clip_view_get_clip(v))->fade > 0)
    return KL_DRAG_FADE;
  return left < edge ? KL_DRAG_IN : right < edge ? KL_DRAG_OUT : KL_DRAG_MOVE;
}

/* ---- snapping ---- */

static void nearest(KlTimelineCanvas *self, double frame, double candidate, double *best, gint64 *guide) {
  double apart = fabs(frame - candidate) / kl_canvas_rate(self) * self->scale;
  if (apart > NEAR || apart >= *best) return;
  *best = apart;
  *guide = llround(candidate);
}

/* The frame that `frame` snaps to: edges of clips that stay, the playhead, seconds; -1: none is near. */
static gint64 snap_of(KlTimelineCanvas *self, double frame) {
  double best = G_MAXDOUBLE, rate = kl_canvas_rate(self);
  KlClip *held = self->grabbed ? kl_clip_view_get_clip(self->grabbed) : NULL;
  gint64 guide = -1;
  for (guint i = 0; i < self->clips->len; i++) {
    KlClip *c = kl_clip_view_get_clip(self->clips->pdata[i]);
    const KlClipPlace *v = kl_clip_where(c);
    if (c == held || (self->drag == KL_DRAG_MOVE && kl_canvas_is_selected(self, c))) continue;
    nearest(self, frame, (double)v->start, &best, &guide);
    nearest(self, frame, (double)(v->start + v->length), &best, &guide);
  }
  nearest(self, frame, (double)self->position, &best, &guide);
  if (guide < 0 && self->scale > 20) nearest(self, frame, round(round(frame / rate) * rate), &best, &guide);
  return guide;
}

static bool snaps(KlTimelineCanvas *self, GtkGesture *g) {
  GdkModifierType keys = gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(g));
  return self->snap != ((keys & (GDK_SHIFT_MASK | GDK_ALT_MASK)) != 0);
}

/* ---- dragging clips ---- */

static void drop_previews(KlTimelineCanvas *self) {
  for (guint i = 0; i < self->clips->len; i++) {
    kl_clip_view_set_dragged(self->clips->pdata[i], NULL, true);
    g_object_set_data(self->clips->pdata[i], "lane", NULL);
  }
  self->guide = -1;
  gtk_widget_queue_allocate(GTK_WIDGET(self));
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

/* Whether a clip could lie there: a short overlap with a clip that stays makes a crossfade, p->fade. */
static bool allowed(KlTimelineCanvas *self, KlClip *c, KlLane *lane, KlClipPlace *p) {
  for (guint i = 0; i < self->clips->len; i++) {
    KlClip *o = kl_clip_view_get_clip(self->clips->pdata[i]);
    const KlClipPlace *v = kl_clip_where(o);
    if (o == c || kl_clip_track(o) != lane->track ||
        (self->drag == KL_DRAG_MOVE && kl_canvas_is_selected(self, o)))
      continue;
    gint64 over = MIN(v->start + v->length, p->start + p->length) - MAX(v->start, p->start);
    if (over > 0 && over >= MIN(v->length, p->length)) return false;
    if (over > 0 && v->start < p->start) p->fade = over;
  }
  return true;
}

static KlLane *shifted_lane(KlTimelineCanvas *self, KlLane *from, int by) {
  guint i = 0;
  if (!g_ptr_array_find(self->lanes, from, &i)) return from;
  int to = (int)i + by;
  if (to < 0 || to >= (int)self->lanes->len) return NULL;
  KlLane *l = self->lanes->pdata[to];
  return kl_track_kind(l->track) == kl_track_kind(from->track) ? l : NULL;
}

/* How many lanes the pointer is away from where it took hold; 0 where one of the clips cannot follow. */
static int lanes_moved(KlTimelineCanvas *self) {
  KlLane *from = kl_canvas_lane_of(self, kl_clip_track(kl_clip_view_get_clip(self->grabbed))),
         *to = kl_canvas_lane_at(self, self->now_y);
  guint a, b;
  if (!from || !to || !g_ptr_array_find(self->lanes, from, &a) || !g_ptr_array_find(self->lanes, to, &b))
    return 0;
  for (guint i = 0; i < self->clips->len; i++) {
    KlClip *c = kl_clip_view_get_clip(self->clips->pdata[i]);
    KlLane *l = kl_canvas_is_selected(self, c) ? kl_canvas_lane_of(self, kl_clip_track(c)) : NULL;
    if (l && !shifted_lane(self, l, (int)b - (int)a)) return 0;
  }
  return (int)b - (int)a;
}

/* The same shift for all that is selected, so that the first does not leave the beginning. */
static gint64 shift_of(KlTimelineCanvas *self, bool snap) {
  const KlClipPlace *v = kl_clip_where(kl_clip_view_get_clip(self->grabbed));
  double by = kl_canvas_frame(self, self->now_x) - kl_canvas_frame(self, self->begin_x);
  gint64 shift = llround(by), least = G_MAXINT64;
  self->guide = -1;
  if (snap) {
    gint64 a = snap_of(self, (double)v->start + by), b = snap_of(self, (double)(v->start + v->length) + by);
    double da = a < 0 ? G_MAXDOUBLE : fabs((double)a - (double)v->start - by),
           db = b < 0 ? G_MAXDOUBLE : fabs((double)b - (double)(v->start + v->length) - by);
    if (a >= 0 || b >= 0) {
      self->guide = da <= db ? a : b;
      shift = da <= db ? a - v->start : b - v->start - v->length;
    }
  }
  for (guint i = 0; i < self->clips->len; i++) {
    KlClip *c = kl_clip_view_get_clip(self->clips->pdata[i]);
    if (kl_canvas_is_selected(self, c)) least = MIN(least, kl_clip_where(c)->start);
  }
  if (shift < -least) {
    shift = -least;
    self->guide = -1;
  }
  return shift;
}

/* The places that the drag has come to, as moves of clips that change. */
static GArray *dragged_to(KlTimelineCanvas *self, bool snap) {
  GArray *moves = g_array_new(FALSE, FALSE, sizeof(KlMove));
  KlClip *c = kl_clip_view_get_clip(self->grabbed);
  KlClipPlace p = *kl_clip_where(c);
  if (self->drag == KL_DRAG_MOVE) {
    gint64 by = shift_of(self, snap);
    int lanes = lanes_moved(self);
    for (guint i = 0; i < self->clips->len; i++) {
      KlClip *o = kl_clip_view_get_clip(self->clips->pdata[i]);
      KlLane *l = kl_canvas_is_selected(self, o) ? kl_canvas_lane_of(self, kl_clip_track(o)) : NULL;
      if (!l) continue;
      KlMove m = {o, shifted_lane(self, l, lanes)->track, *kl_clip_where(o)};
      m.place.start += by;
      g_array_append_val(moves, m);
    }
    return moves;
  }
  double at = kl_canvas_frame(self, self->now_x);
  gint64 frame = llround(at), end = p.start + p.length;
  self->guide = snap ? snap_of(self, at) : -1;
  if (self->guide >= 0) frame = self->guide;
  if (self->drag == KL_DRAG_OUT) {
    p.length = CLAMP(frame, p.start + 1, end + kl_edit_room_behind(self->project, c)) - p.start;
  } else { /* the beginning, or with the fade's handle: how long it crosses */
    gint64 by = CLAMP(frame, MAX(0, p.start - kl_edit_room_before(self->project, c)), end - 1) - p.start;
    p.start += by;
    p.length -= by;
    if (kl_asset_kind(kl_clip_asset(c)) != KL_ASSET_IMAGE)
      p.in = MAX(0, p.in + (double)by / kl_canvas_rate(self));
  }
  KlMove m = {c, kl_clip_track(c), p};
  g_array_append_val(moves, m);
  return moves;
}

static KlClipView *view_of(KlTimelineCanvas *self, KlClip *c) {
  for (guint i = 0; i < self->clips->len; i++)
    if (kl_clip_view_get_clip(self->clips->pdata[i]) == c) return self->clips->pdata[i];
  return NULL;
}

static void preview_drag(KlTimelineCanvas *self, bool snap) {
  g_autoptr(GArray) moves = dragged_to(self, snap);
  for (guint i = 0; i < moves->len; i++) {
    KlMove *m = &g_array_index(moves, KlMove, i);
    KlLane *lane = kl_canvas_lane_of(self, m->track);
    KlClipView *v = view_of(self, m->clip);
    if (!lane || !v) continue;
    g_object_set_data(G_OBJECT(v), "lane", lane);
    if (moves->len == 1) m->place.fade = 0;
    bool ok = allowed(self, m->clip, lane, &m->place);
    kl_clip_view_set_dragged(v, &m->place, ok);
  }
  gtk_widget_queue_allocate(GTK_WIDGET(self));
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void commit_drag(KlTimelineCanvas *self, bool snap) {
  g_autoptr(GArray) moves = dragged_to(self, snap);
  GError *e = NULL;
  const char *label =
      self->drag == KL_DRAG_MOVE ? ngettext("Move Clip", "Move Clips", moves->len) : _("Trim");
  drop_previews(self);
  if (!kl_edit_move(self->project, moves, label, NULL, &e)) kl_canvas_say(self, e);
}

static void select_box(KlTimelineCanvas *self) {
  g_autoptr(GPtrArray) inside = g_ptr_array_new();
  graphene_rect_t area = GRAPHENE_RECT_INIT(
                      (float)MIN(self->begin_x, self->now_x), (float)MIN(self->begin_y, self->now_y),
                      (float)fabs(self->now_x - self->begin_x), (float)fabs(self->now_y - self->begin_y)),
                  r;
  for (guint i = 0; i < self->clips->len; i++)
    if (gtk_widget_compute_bounds(self->clips->pdata[i], GTK_WIDGET(self), &r) &&
        graphene_rect_intersection(&r, &area, NULL))
      g_ptr_array_add(inside, kl_clip_view_get_clip(self->clips->pdata[i]));
  kl_timeline_canvas_select(self, inside);
}

/* ---- gestures ---- */

static void seek_to(KlTimelineCanvas *self, double x, bool snap) {
  double at = MAX(0, kl_canvas_frame(self, x));
  double best = G_MAXDOUBLE;
  gint64 guide = -1;
  for (guint i = 0; snap && i < self->clips->len; i++) {
    const KlClipPlace *v = kl_clip_where(kl_clip_view_get_clip(self->clips->pdata[i]));
    nearest(self, at, (double)v->start, &best, &guide);
    nearest(self, at, (double)(v->start + v->length), &best, &guide);
  }
  self->guide = guide;
  kl_canvas_seek(self, guide >= 0 && best < 5 ? guide : (gint64)floor(at + 0.5));
}

static void on_drag_begin(GtkGestureDrag *g, double x, double y, KlTimelineCanvas *self) {
  GdkModifierType keys = gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(g));
  if (!self->project || x < KL_HEADS - 4) {
    gtk_gesture_set_state(GTK_GESTURE(g), GTK_EVENT_SEQUENCE_DENIED);
    return;
  }
  self->begin_x = self->now_x = x;
  self->begin_y = self->now_y = y;
  self->moved = false;
  self->grabbed = clip_at(self, x, y);
  self->drag = y < KL_RULER ? KL_DRAG_SEEK : kind_at(self, self->grabbed, x, y);
  gtk_gesture_set_state(GTK_GESTURE(g), GTK_EVENT_SEQUENCE_CLAIMED);
  if (self->drag == KL_DRAG_SEEK) {
    gtk_widget_grab_focus(GTK_WIDGET(self));
    seek_to(self, x, snaps(self, GTK_GESTURE(g)));
  } else if (self->grabbed) {
    KlClip *c = kl_clip_view_get_clip(self->grabbed);
    bool add = (keys & (GDK_CONTROL_MASK | GDK_SHIFT_MASK)) != 0;
    gtk_widget_grab_focus(GTK_WIDGET(self->grabbed));
    if (add || !kl_canvas_is_selected(self, c)) kl_canvas_select_only(self, c, add);
  } else {
    gtk_widget_grab_focus(GTK_WIDGET(self));
  }
}

/* Out of the timeline: from there on it is the file that is dragged, to wells and other programs. */
static bool drag_out(KlTimelineCanvas *self, GtkGesture *g) {
  GtkWidget *w = GTK_WIDGET(self);
  if (self->drag != KL_DRAG_MOVE || !self->grabbed ||
      (self->now_y > -OUTSIDE && self->now_y < gtk_widget_get_height(w) + OUTSIDE))
    return false;
  KlAsset *a = kl_clip_asset(kl_clip_view_get_clip(self->grabbed));
  if (!a || !kl_asset_path(a)) return false;
  g_autoptr(GFile) file = g_file_new_for_path(kl_asset_path(a));
  g_autoptr(GdkPaintable) icon = gtk_widget_paintable_new(GTK_WIDGET(self->grabbed));
  GSList one = {file, NULL};
  GdkContentProvider *both[] = {gdk_content_provider_new_typed(KL_TYPE_ASSET, a),
                                gdk_content_provider_new_typed(GDK_TYPE_FILE_LIST, &one)};
  g_autoptr(GdkContentProvider) content = gdk_content_provider_new_union(both, G_N_ELEMENTS(both));
  g_autoptr(GdkDrag) drag = gdk_drag_begin(gtk_native_get_surface(gtk_widget_get_native(w)),
                                           gtk_gesture_get_device(g), content, GDK_ACTION_COPY, 0, 0);
  if (!drag) return false;
  g_autoptr(GdkPaintable) still = gdk_paintable_get_current_image(icon);
  gtk_drag_icon_set_from_paintable(drag, still, 0, 0);
  self->drag = KL_DRAG_NONE;
  self->grabbed = NULL;
  drop_previews(self);
  gtk_gesture_set_state(g, GTK_EVENT_SEQUENCE_DENIED);
  return true;
}

static void on_drag_update(GtkGestureDrag *g, double dx, double dy, KlTimelineCanvas *self) {
  bool snap = snaps(self, GTK_GESTURE(g));
  if (self->drag == KL_DRAG_NONE) return;
  self->now_x = self->begin_x + dx;
  self->now_y = self->begin_y + dy;
  if (!self->moved && hypot(dx, dy) < START) return;
  self->moved = true;
  if (drag_out(self, GTK_GESTURE(g))) return;
  if (self->drag == KL_DRAG_SEEK)
    seek_to(self, self->now_x, snap);
  else if (self->drag == KL_DRAG_BOX)
    gtk_widget_queue_draw(GTK_WIDGET(self));
  else if (self->grabbed)
    preview_drag(self, snap);
}

static void on_drag_end(GtkGestureDrag *g, double dx, double dy, KlTimelineCanvas *self) {
  bool snap = snaps(self, GTK_GESTURE(g));
  if (self->drag == KL_DRAG_BOX && self->moved)
    select_box(self);
  else if (self->drag == KL_DRAG_BOX) {
    kl_canvas_select_only(self, NULL, false);
    kl_canvas_seek(self, llround(kl_canvas_frame(self, self->begin_x)));
  } else if (self->grabbed && self->moved && self->drag != KL_DRAG_SEEK)
    commit_drag(self, snap);
  self->drag = KL_DRAG_NONE;
  self->grabbed = NULL;
  self->now_y = -1;
  drop_previews(self);
}

static void on_drag_cancel(GtkGesture *g, GdkEventSequence *s, KlTimelineCanvas *self) {
  self->drag = KL_DRAG_NONE;
  self->grabbed = NULL;
  drop_previews(self);
}

static void on_pressed(GtkGestureClick *g, int presses, double x, double y, KlTimelineCanvas *self) {
  KlClipView *v = clip_at(self, x, y);
  if (presses == 2 && v) g_signal_emit_by_name(self, "gain");
}

static void on_motion(GtkEventControllerMotion *m, double x, double y, KlTimelineCanvas *self) {
  if (self->drag != KL_DRAG_NONE) return;
  self->now_x = x;
  self->now_y = -1;
  KlDragKind k = y < KL_RULER ? KL_DRAG_SEEK : kind_at(self, clip_at(self, x, y), x, y);
  gtk_widget_set_cursor_from_name(GTK_WIDGET(self), x < KL_HEADS        ? NULL
                                                    : k == KL_DRAG_IN   ? "w-resize"
                                                    : k == KL_DRAG_OUT  ? "e-resize"
                                                    : k == KL_DRAG_FADE ? "col-resize"
                                                    : k == KL_DRAG_MOVE ? "grab"
                                                                        : NULL);
}

static gboolean on_scroll(GtkEventControllerScroll *s, double dx, double dy, KlTimelineCanvas *self) {
  GdkModifierType keys = gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(s));
  if (!(keys & GDK_CONTROL_MASK)) return FALSE;
  kl_timeline_canvas_zoom(self, pow(1.25, -dy));
  return TRUE;
}

/* ---- drops ---- */

static GdkDragAction on_drop_motion(GtkDropTarget *t, double x, double y, KlTimelineCanvas *self) {
  self->drop_lane = x >= KL_HEADS ? kl_canvas_lane_at(self, y) : NULL;
  if (!self->drop_lane && self->lanes->len) self->drop_lane = self->lanes->pdata[0];
  double at = MAX(0, kl_canvas_frame(self, x));
  gint64 guide = self->snap ? snap_of(self, at) : -1;
  self->drop_frame = guide >= 0 ? guide : llround(at);
  gtk_widget_queue_draw(GTK_WIDGET(self));
  return GDK_ACTION_COPY;
}

static void on_drop_leave(GtkDropTarget *t, KlTimelineCanvas *self) {
  self->drop_lane = NULL;
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void add_asset(KlTimelineCanvas *self, KlAsset *a, KlTrack *t, gint64 *frame) {
  GError *e = NULL;
  g_autoptr(KlClip) c = kl_edit_add(self->project, a, t, *frame, &e);
  if (!c) {
    kl_canvas_say(self, e);
    return;
  }
  *frame = kl_clip_where(c)->start + kl_clip_where(c)->length;
  kl_canvas_select_only(self, c, false);
}

typedef struct {
  KlTimelineCanvas *canvas;
  KlTrack *track;
  gint64 frame;
  GSList *files; /* GFile, still to come */
} Import;

static void import_next(Import *i);

static void on_imported(GObject *o, GAsyncResult *r, gpointer user) {
  Import *i = user;
  GError *e = NULL;
  g_autoptr(KlAsset) a = kl_project_import_finish(KL_PROJECT(o), r, &e);
  if (!a)
    kl_canvas_say(i->canvas, e);
  else if (i->canvas->project == KL_PROJECT(o))
    add_asset(i->canvas, a, i->track, &i->frame);
  import_next(i);
}

static void import_next(Import *i) {
  if (i->files && i->canvas->project) {
    g_autoptr(GFile) f = i->files->data;
    i->files = g_slist_delete_link(i->files, i->files);
    kl_project_import_async(i->canvas->project, f, false, NULL, on_imported, i);
    return;
  }
  g_slist_free_full(i->files, g_object_unref);
  g_clear_object(&i->track);
  g_object_unref(i->canvas);
  g_free(i);
}

static gboolean on_drop(GtkDropTarget *t, const GValue *value, double x, double y, KlTimelineCanvas *self) {
  if (!self->project) return FALSE;
  on_drop_motion(t, x, y, self);
  KlTrack *track = self->drop_lane ? self->drop_lane->track : NULL;
  gint64 frame = self->drop_frame;
  on_drop_leave(t, self);
  if (G_VALUE_HOLDS(value, KL_TYPE_ASSET)) {
    add_asset(self, g_value_get_object(value), track, &frame);
  } else if (G_VALUE_HOLDS(value, KL_TYPE_RENDER)) {
    KlAsset *a = kl_render_asset(g_value_get_object(value));
    if (!a) return FALSE;
    add_asset(self, a, track, &frame);
  } else if (G_VALUE_HOLDS(value, GDK_TYPE_FILE_LIST)) {
    Import *i = g_new0(Import, 1);
    i->canvas = g_object_ref(self);
    i->track = track ? g_object_ref(track) : NULL;
    i->frame = frame;
    i->files = g_slist_copy_deep(g_value_get_boxed(value), (GCopyFunc)(void (*)(void))g_object_ref, NULL);
    import_next(i);
  }
  return TRUE;
}

void kl_timeline_canvas_select_at(KlTimelineCanvas *self, double x, double y) {
  KlClipView *v = clip_at(self, x, y);
  if (!v) return;
  gtk_widget_grab_focus(GTK_WIDGET(v));
  if (!kl_canvas_is_selected(self, kl_clip_view_get_clip(v)))
    kl_canvas_select_only(self, kl_clip_view_get_clip(v), false);
}

void kl_canvas_add_input(KlTimelineCanvas *self) {
  GtkWidget *w = GTK_WIDGET(self);
  GtkGesture *drag = gtk_gesture_drag_new(), *click = gtk_gesture_click_new();
  g_signal_connect(click, "pressed", G_CALLBACK(on_pressed), self);
  gtk_widget_add_controller(w, GTK_EVENT_CONTROLLER(click));
  g_signal_connect(drag, "drag-begin", G_CALLBACK(on_drag_begin), self);
  g_signal_connect(drag, "drag-update", G_CALLBACK(on_drag_update), self);
  g_signal_connect(drag, "drag-end", G_CALLBACK(on_drag_end), self);
  g_signal_connect(drag, "cancel", G_CALLBACK(on_drag_cancel), self);
  gtk_widget_add_controller(w, GTK_EVENT_CONTROLLER(drag));
  gtk_gesture_group(drag, click);
  GtkEventController *motion = gtk_event_controller_motion_new(),
                     *scroll = gtk_event_controller_scroll_new(GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_signal_connect(motion, "motion", G_CALLBACK(on_motion), self);
  gtk_widget_add_controller(w, motion);
  g_signal_connect(scroll, "scroll", G_CALLBACK(on_scroll), self);
  gtk_widget_add_controller(w, scroll);
  GType types[] = {KL_TYPE_ASSET, KL_TYPE_RENDER, GDK_TYPE_FILE_LIST};
  GtkDropTarget *drop = gtk_drop_target_new(G_TYPE_INVALID, GDK_ACTION_COPY);
  gtk_drop_target_set_gtypes(drop, types, G_N_ELEMENTS(types));
  g_signal_connect(drop, "motion", G_CALLBACK(on_drop_motion), self);
  g_signal_connect(drop, "leave", G_CALLBACK(on_drop_leave), self);
  g_signal_connect(drop, "drop", G_CALLBACK(on_drop), self);
  gtk_widget_add_controller(w, GTK_EVENT_CONTROLLER(drop));
}
