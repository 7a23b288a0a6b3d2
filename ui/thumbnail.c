#include "ui/thumbnail.h"

enum { LEAST_WIDTH = 64 }; /* px */

struct _KlThumbnail {
  GtkWidget parent;
  double ratio;
  int width; /* 0: as wide as there is room */
  GBytes *bytes;
  GdkTexture *texture;
  GtkWidget *icon; /* shown without a texture */
};

G_DEFINE_FINAL_TYPE(KlThumbnail, kl_thumbnail, GTK_TYPE_WIDGET)

static void thumbnail_measure(GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                              int *natural, int *minimum_baseline, int *natural_baseline) {
  KlThumbnail *self = KL_THUMBNAIL(widget);
  int width = self->width ? self->width : LEAST_WIDTH;
  int least = orientation == GTK_ORIENTATION_HORIZONTAL ? width : (int)(width / self->ratio), size = least;
  if (for_size >= 0 && !self->width)
    size = (int)(orientation == GTK_ORIENTATION_HORIZONTAL ? for_size * self->ratio : for_size / self->ratio);
  *minimum = least; /* GTK wants no more height where there is more width: the proportions are only a wish */
  *natural = MAX(size, least);
}

static void thumbnail_allocate(GtkWidget *widget, int width, int height, int baseline) {
  int w, h;
  KlThumbnail *self = KL_THUMBNAIL(widget);
  gtk_widget_measure(self->icon, GTK_ORIENTATION_HORIZONTAL, -1, &w, NULL, NULL, NULL);
  gtk_widget_measure(self->icon, GTK_ORIENTATION_VERTICAL, -1, &h, NULL, NULL, NULL);
  gtk_widget_size_allocate(self->icon, &(GtkAllocation){(width - w) / 2, (height - h) / 2, w, h}, -1);
}

static void thumbnail_snapshot(GtkWidget *widget, GtkSnapshot *snapshot) {
  KlThumbnail *self = KL_THUMBNAIL(widget);
  if (!self->texture) {
    GTK_WIDGET_CLASS(kl_thumbnail_parent_class)->snapshot(widget, snapshot);
    return;
  }
  double w = gtk_widget_get_width(widget), h = gtk_widget_get_height(widget);
  double tw = gdk_texture_get_width(self->texture), th = gdk_texture_get_height(self->texture);
  double k = MAX(w / tw, h / th); /* covers it; overflow is clipped */
  gtk_snapshot_translate(snapshot,
                         &GRAPHENE_POINT_INIT((float)((w - tw * k) / 2), (float)((h - th * k) / 2)));
  gdk_paintable_snapshot(GDK_PAINTABLE(self->texture), snapshot, tw * k, th * k);
}

static GtkSizeRequestMode thumbnail_mode(GtkWidget *widget) {
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void set_texture(KlThumbnail *self, GdkTexture *texture) {
  g_set_object(&self->texture, texture);
  gtk_widget_set_child_visible(self->icon, !texture);
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void unpack(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  GError *error = NULL;
  GdkTexture *texture = gdk_texture_new_from_bytes(data, &error);
  if (texture)
    g_task_return_pointer(task, texture, g_object_unref);
  else
    g_task_return_error(task, error);
}

static void unpacked(GObject *source, GAsyncResult *result, gpointer user) {
  KlThumbnail *self = KL_THUMBNAIL(source);
  g_autoptr(GdkTexture) texture = g_task_propagate_pointer(G_TASK(result), NULL);
  if (g_task_get_task_data(G_TASK(result)) == self->bytes) set_texture(self, texture);
}

void kl_thumbnail_set_bytes(KlThumbnail *self, GBytes *bytes) {
  if (self->bytes == bytes) return;
  g_clear_pointer(&self->bytes, g_bytes_unref);
  if (!bytes) {
    set_texture(self, NULL);
    return;
  }
  self->bytes = g_bytes_ref(bytes);
  GTask *task = g_task_new(self, NULL, unpacked, NULL);
  g_task_set_task_data(task, g_bytes_ref(bytes), (GDestroyNotify)g_bytes_unref);
  g_task_run_in_thread(task, unpack);
  g_object_unref(task);
}

static void kl_thumbnail_dispose(GObject *object) {
  KlThumbnail *self = KL_THUMBNAIL(object);
  g_clear_pointer(&self->icon, gtk_widget_unparent);
  g_clear_object(&self->texture);
  g_clear_pointer(&self->bytes, g_bytes_unref);
  G_OBJECT_CLASS(kl_thumbnail_parent_class)->dispose(object);
}

static void kl_thumbnail_class_init(KlThumbnailClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_thumbnail_dispose;
  widget->measure = thumbnail_measure;
  widget->size_allocate = thumbnail_allocate;
  widget->snapshot = thumbnail_snapshot;
  widget->get_request_mode = thumbnail_mode;
  gtk_widget_class_set_css_name(widget, "thumbnail");
  gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_PRESENTATION);
}

static void kl_thumbnail_init(KlThumbnail *self) {
  self->ratio = 1;
  self->icon = gtk_image_new_from_icon_name("video-x-generic-symbolic");
  gtk_widget_set_parent(self->icon, GTK_WIDGET(self));
  gtk_widget_set_overflow(GTK_WIDGET(self), GTK_OVERFLOW_HIDDEN);
}

GtkWidget *kl_thumbnail_new(double ratio, int width) {
  KlThumbnail *self = g_object_new(KL_TYPE_THUMBNAIL, NULL);
  self->ratio = ratio;
  self->width = width;
  return GTK_WIDGET(self);
}
