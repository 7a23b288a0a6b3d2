#include "ui/timeline_clip.h"

#include "ui/i18n.h"
#include "ui/timeline_art.h"
#include "ui/timeline_edit.h"

#include <math.h>

#define TITLE 19 /* pixels of the line with the name */
#define WAVE 20  /* of the sound under pictures */

struct _KlClipView {
  GtkWidget parent;
  KlProject *project;
  KlClip *clip;
  KlClipPlace dragged;
  bool is_dragged;
  double scale;
};

G_DEFINE_FINAL_TYPE(KlClipView, kl_clip_view, GTK_TYPE_WIDGET)

char *kl_clock_text(double seconds, bool tenths) {
  gint64 t = llround(seconds * 10), s = tenths ? t / 10 : llround(seconds);
  g_autofree char *rest = tenths ? g_strdup_printf(".%d", (int)(t % 10)) : g_strdup("");
  if (s >= 3600)
    return g_strdup_printf("%d:%02d:%02d%s", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60), rest);
  return g_strdup_printf("%d:%02d%s", (int)(s / 60), (int)(s % 60), rest);
}

KlClip *kl_clip_view_get_clip(KlClipView *self) {
  return self->clip;
}

const KlClipPlace *kl_clip_view_get_place(KlClipView *self) {
  return self->is_dragged ? &self->dragged : kl_clip_where(self->clip);
}

static void update_label(KlClipView *self) {
  KlAsset *a = kl_clip_asset(self->clip);
  KlTrack *t = kl_clip_track(self->clip);
  const KlClipPlace *v = kl_clip_where(self->clip);
  double rate = kl_edit_rate(self->project);
  if (!a || !t) return;
  g_autofree char *track = kl_edit_track_title(self->project, t),
                  *at = kl_clock_text((double)v->start / rate, false);
  /* Translators: "Clip rocket, 3.2 s at 0:04, track Video 1", for screen readers */
  g_autofree char *label = g_strdup_printf(_("Clip %s, %.1f s at %s, track %s"), kl_asset_name(a),
                                           (double)v->length / rate, at, track);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_widget_set_tooltip_text(GTK_WIDGET(self),
                              kl_asset_missing(a) ? _("The file is missing") : kl_asset_name(a));
}

static void set_class(KlClipView *self, const char *name, bool on) {
  (on ? gtk_widget_add_css_class : gtk_widget_remove_css_class)(GTK_WIDGET(self), name);
}

void kl_clip_view_set_dragged(KlClipView *self, const KlClipPlace *place, bool allowed) {
  self->is_dragged = place != NULL;
  if (place) self->dragged = *place;
  set_class(self, "dragged", place != NULL);
  set_class(self, "refused", place && !allowed);
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

void kl_clip_view_set_selected(KlClipView *self, bool selected) {
  set_class(self, "selected", selected);
  gtk_accessible_update_state(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_STATE_SELECTED, selected, -1);
}

void kl_clip_view_set_scale(KlClipView *self, double scale) {
  if (scale == self->scale) return;
  self->scale = scale;
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

/* ---- drawing ---- */

/* What of it can be seen, in its own pixels. */
static void visible_part(KlClipView *self, double *from, double *to) {
  GtkWidget *canvas = gtk_widget_get_parent(GTK_WIDGET(self));
  double x = 0, y = 0;
  gtk_widget_translate_coordinates(GTK_WIDGET(self), canvas, 0, 0, &x, &y);
  *from = MAX(0, -x);
  *to = MIN(gtk_widget_get_width(GTK_WIDGET(self)), gtk_widget_get_width(canvas) - x);
}

static double seconds_at(KlClipView *self, double x) {
  return kl_clip_view_get_place(self)->in + x / self->scale / kl_edit_rate(self->project);
}

static void draw_pictures(KlClipView *self, GtkSnapshot *s, const KlArt *art, double y, double h, double from,
                          double to) {
  double w = h * art->aspect;
  if (w < 2 || !art->pictures->len) return;
  for (double x = floor(from / w) * w; x < to; x += w) {
    double at = seconds_at(self, x + w / 2) / MAX(art->every, 1e-6);
    guint i = (guint)CLAMP(at, 0, art->pictures->len - 1);
    gtk_snapshot_append_texture(s, art->pictures->pdata[i],
                                &GRAPHENE_RECT_INIT((float)x, (float)y, (float)w, (float)h));
  }
}

static void draw_wave(KlClipView *self, GtkSnapshot *s, const KlArt *art, double y, double h, double from,
                      double to) {
  GdkRGBA ink;
  const KlClipPlace *v = kl_clip_view_get_place(self);
  double loud = v->gain_db <= -60 ? 0 : pow(10, v->gain_db / 20);
  if (to <= from || !art->peaks) return;
  gtk_style_context_get_color(gtk_widget_get_style_context(GTK_WIDGET(self)), &ink);
  cairo_t *cr =
      gtk_snapshot_append_cairo(s, &GRAPHENE_RECT_INIT((float)from, (float)y, (float)(to - from), (float)h));
  cairo_set_source_rgba(cr, ink.red, ink.green, ink.blue, 0.75);
  for (double x = floor(from); x < to; x += 1) {
    gint64 a = (gint64)(seconds_at(self, x) * 100), b = (gint64)(seconds_at(self, x + 1) * 100);
    double most = 0;
    for (gint64 i = MAX(a, 0); i <= b && i < (gint64)art->n_peaks; i++) most = MAX(most, art->peaks[i]);
    double tall = MAX(1, pow(MIN(1, most / 255 * loud), 0.6) * (h - 3)); /* as ears weigh it */
    cairo_rectangle(cr, x, y + (h - tall) / 2, 1, tall);
  }
  cairo_fill(cr);
  cairo_destroy(cr);
}

/* The beginning that blends in: a wedge and its diagonal. */
static void draw_fade(KlClipView *self, GtkSnapshot *s, double wide, double h) {
  cairo_t *cr = gtk_snapshot_append_cairo(s, &GRAPHENE_RECT_INIT(0, 0, (float)wide, (float)h));
  cairo_move_to(cr, 0, 0);
  cairo_line_to(cr, wide, 0);
  cairo_line_to(cr, 0, h);
  cairo_close_path(cr);
  cairo_set_source_rgba(cr, 0, 0, 0, 0.45);
  cairo_fill(cr);
  cairo_move_to(cr, 0, h);
  cairo_line_to(cr, wide, 0);
  cairo_set_source_rgba(cr, 1, 1, 1, 0.9);
  cairo_set_line_width(cr, 1.5);
  cairo_stroke(cr);
  cairo_destroy(cr);
}

static void draw_title(KlClipView *self, GtkSnapshot *s, double from, double width) {
  KlAsset *a = kl_clip_asset(self->clip);
  const KlClipPlace *v = kl_clip_view_get_place(self);
  GdkRGBA ink;
  gtk_style_context_get_color(gtk_widget_get_style_context(GTK_WIDGET(self)), &ink);
  g_autofree char *gain = v->gain_db <= -60 ? g_strdup(_("silent"))
                          : v->gain_db != 0 ? g_strdup_printf(_("%+.1f dB"), v->gain_db)
                                            : NULL;
  g_autofree char *text =
      gain ? g_strdup_printf("%s  ·  %s", kl_asset_name(a), gain) : g_strdup(kl_asset_name(a));
  g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);
  pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
  pango_layout_set_width(layout, (int)(MAX(0, width - from - 14) * PANGO_SCALE));
  int h;
  pango_layout_get_pixel_size(layout, NULL, &h);
  gtk_snapshot_save(s);
  gtk_snapshot_translate(s, &GRAPHENE_POINT_INIT((float)from + 7, (float)(TITLE - h) / 2));
  gtk_snapshot_append_layout(s, layout, &ink);
  gtk_snapshot_restore(s);
}

static void kl_clip_view_snapshot(GtkWidget *widget, GtkSnapshot *s) {
  KlClipView *self = KL_CLIP_VIEW(widget);
  KlAsset *a = kl_clip_asset(self->clip);
  KlTrack *t = kl_clip_track(self->clip);
  double w = gtk_widget_get_width(widget), h = gtk_widget_get_height(widget), from, to;
  GskRoundedRect edge;
  if (!a || !t || w < 1) return;
  visible_part(self, &from, &to);
  gsk_rounded_rect_init_from_rect(&edge, &GRAPHENE_RECT_INIT(0, 0, (float)w, (float)h), 5);
  gtk_snapshot_push_rounded_clip(s, &edge);
  const KlArt *art = kl_asset_missing(a) ? NULL : kl_art_of(kl_asset_path(a), widget);
  bool seen = kl_track_kind(t) == KL_TRACK_VIDEO, heard = kl_asset_has_audio(a);
  if (art && seen) draw_pictures(self, s, art, TITLE, h - TITLE - (heard ? WAVE : 0), from, to);
  if (art && heard) draw_wave(self, s, art, seen ? h - WAVE : TITLE, seen ? WAVE : h - TITLE, from, to);
  double fade = MIN(w, (double)kl_clip_view_get_place(self)->fade * self->scale);
  if (fade > 0) draw_fade(self, s, fade, h);
  if (to - MAX(from, fade) > 24) draw_title(self, s, MAX(from, fade), w);
  gtk_snapshot_pop(s);
}

/* ---- the object ---- */

static void on_changed(KlClipView *self) {
  update_label(self);
  gtk_widget_queue_draw(GTK_WIDGET(self));
  GtkWidget *canvas = gtk_widget_get_parent(GTK_WIDGET(self));
  if (!canvas) return;
  gtk_widget_queue_allocate(canvas);
  g_signal_emit_by_name(canvas, "changed");
}

static void kl_clip_view_measure(GtkWidget *widget, GtkOrientation o, int for_size, int *min, int *nat,
                                 int *min_base, int *nat_base) {
  *min = *nat = 1;
}

static void kl_clip_view_dispose(GObject *object) {
  KlClipView *self = KL_CLIP_VIEW(object);
  g_clear_object(&self->clip);
  g_clear_object(&self->project);
  G_OBJECT_CLASS(kl_clip_view_parent_class)->dispose(object);
}

static void kl_clip_view_class_init(KlClipViewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_clip_view_dispose;
  widget->snapshot = kl_clip_view_snapshot;
  widget->measure = kl_clip_view_measure;
  gtk_widget_class_set_css_name(widget, "clip");
  gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_LIST_ITEM);
}

static void kl_clip_view_init(KlClipView *self) {
  gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
  gtk_widget_set_overflow(GTK_WIDGET(self), GTK_OVERFLOW_VISIBLE);
  self->scale = 1;
}

GtkWidget *kl_clip_view_new(KlProject *project, KlClip *clip) {
  KlClipView *self = g_object_new(KL_TYPE_CLIP_VIEW, NULL);
  self->project = g_object_ref(project);
  self->clip = g_object_ref(clip);
  KlAsset *a = kl_clip_asset(clip);
  set_class(self, "audio", kl_track_kind(kl_clip_track(clip)) == KL_TRACK_AUDIO);
  set_class(self, "still", a && kl_asset_kind(a) == KL_ASSET_IMAGE);
  set_class(self, "missing", a && kl_asset_missing(a));
  g_signal_connect_object(clip, "notify", G_CALLBACK(on_changed), self, G_CONNECT_SWAPPED);
  update_label(self);
  return GTK_WIDGET(self);
}
