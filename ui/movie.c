#include "ui/movie.h"

struct _KlMovie {
  GtkMediaStream parent;
  KlPlayer *player;
  GdkTexture *texture;
};

static void kl_movie_paintable_init(GdkPaintableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(KlMovie, kl_movie, GTK_TYPE_MEDIA_STREAM,
                              G_IMPLEMENT_INTERFACE(GDK_TYPE_PAINTABLE, kl_movie_paintable_init))

/* ---- the paintable ---- */

static void movie_snapshot(GdkPaintable *paintable, GdkSnapshot *snapshot, double width, double height) {
  KlMovie *m = KL_MOVIE(paintable);
  if (m->texture) gdk_paintable_snapshot(GDK_PAINTABLE(m->texture), snapshot, width, height);
}

static GdkPaintable *movie_current_image(GdkPaintable *paintable) {
  KlMovie *m = KL_MOVIE(paintable);
  return m->texture ? g_object_ref(GDK_PAINTABLE(m->texture)) : gdk_paintable_new_empty(0, 0);
}

static int movie_width(GdkPaintable *paintable) {
  KlMovie *m = KL_MOVIE(paintable);
  return m->texture ? gdk_texture_get_width(m->texture) : 0;
}

static int movie_height(GdkPaintable *paintable) {
  KlMovie *m = KL_MOVIE(paintable);
  return m->texture ? gdk_texture_get_height(m->texture) : 0;
}

static double movie_ratio(GdkPaintable *paintable) {
  KlMovie *m = KL_MOVIE(paintable);
  return m->texture ? (double)gdk_texture_get_width(m->texture) / gdk_texture_get_height(m->texture) : 0;
}

static void kl_movie_paintable_init(GdkPaintableInterface *iface) {
  iface->snapshot = movie_snapshot;
  iface->get_current_image = movie_current_image;
  iface->get_intrinsic_width = movie_width;
  iface->get_intrinsic_height = movie_height;
  iface->get_intrinsic_aspect_ratio = movie_ratio;
}

/* ---- the stream ---- */

static gboolean movie_play(GtkMediaStream *stream) {
  kl_player_play(KL_MOVIE(stream)->player);
  return TRUE;
}

static void movie_pause(GtkMediaStream *stream) {
  kl_player_pause(KL_MOVIE(stream)->player);
}

static gint64 frame_time(const KlPlayInfo *i, gint64 frame) {
  return i->fps_num > 0 ? frame * G_USEC_PER_SEC * i->fps_den / i->fps_num : 0;
}

static void movie_seek(GtkMediaStream *stream, gint64 timestamp) {
  KlMovie *m = KL_MOVIE(stream);
  const KlPlayInfo *i = kl_player_info(m->player);
  if (i && i->fps_num > 0)
    kl_player_seek(m->player, timestamp * i->fps_num / (i->fps_den * (gint64)G_USEC_PER_SEC));
  gtk_media_stream_seek_success(stream);
}

static void movie_update_audio(GtkMediaStream *stream, gboolean muted, double volume) {
  kl_player_set_volume(KL_MOVIE(stream)->player, muted ? 0 : volume);
}

static void loop_changed(KlMovie *m) {
  kl_player_set_loop(m->player, gtk_media_stream_get_loop(GTK_MEDIA_STREAM(m)));
}

static void show(KlMovie *m, GdkTexture *texture) {
  bool same = texture && m->texture && gdk_texture_get_width(texture) == gdk_texture_get_width(m->texture) &&
              gdk_texture_get_height(texture) == gdk_texture_get_height(m->texture);
  g_set_object(&m->texture, texture);
  if (!same) gdk_paintable_invalidate_size(GDK_PAINTABLE(m));
  gdk_paintable_invalidate_contents(GDK_PAINTABLE(m));
}

void kl_movie_show_pixels(KlMovie *m, GBytes *rgb, int width, int height) {
  g_autoptr(GdkTexture) texture =
      gdk_memory_texture_new(width, height, GDK_MEMORY_R8G8B8, rgb, (gsize)width * 3);
  show(m, texture);
}

static void unprepare(KlMovie *m) {
  if (gtk_media_stream_is_prepared(GTK_MEDIA_STREAM(m)))
    gtk_media_stream_stream_unprepared(GTK_MEDIA_STREAM(m));
}

static void opened(KlMovie *m) {
  const KlPlayInfo *i = kl_player_info(m->player);
  bool playing = kl_player_playing(m->player);
  unprepare(m);
  gtk_media_stream_stream_prepared(GTK_MEDIA_STREAM(m), i->sound, TRUE, TRUE, frame_time(i, i->frames));
  if (playing) gtk_media_stream_play(GTK_MEDIA_STREAM(m)); /* it was reloaded while it played */
}

static void frame(KlMovie *m, gint64 index, GBytes *rgb) {
  const KlPlayInfo *i = kl_player_info(m->player);
  if (!i) return;
  kl_movie_show_pixels(m, rgb, i->width, i->height);
  if (gtk_media_stream_is_prepared(GTK_MEDIA_STREAM(m)))
    gtk_media_stream_update(GTK_MEDIA_STREAM(m), frame_time(i, index));
}

static void failed(KlMovie *m, const char *text) {
  unprepare(m);
}

void kl_movie_clear(KlMovie *m) {
  unprepare(m);
  kl_player_unload(m->player);
  show(m, NULL);
}

KlPlayer *kl_movie_player(KlMovie *m) {
  return m->player;
}
GdkTexture *kl_movie_texture(KlMovie *m) {
  return m->texture;
}

static void kl_movie_dispose(GObject *object) {
  KlMovie *m = KL_MOVIE(object);
  g_clear_object(&m->player);
  g_clear_object(&m->texture);
  G_OBJECT_CLASS(kl_movie_parent_class)->dispose(object);
}

static void kl_movie_class_init(KlMovieClass *klass) {
  GtkMediaStreamClass *stream = GTK_MEDIA_STREAM_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_movie_dispose;
  stream->play = movie_play;
  stream->pause = movie_pause;
  stream->seek = movie_seek;
  stream->update_audio = movie_update_audio;
}

static void kl_movie_init(KlMovie *m) {
  m->player = kl_player_new();
  g_signal_connect_object(m->player, "opened", G_CALLBACK(opened), m, G_CONNECT_SWAPPED);
  g_signal_connect_object(m->player, "frame", G_CALLBACK(frame), m, G_CONNECT_SWAPPED);
  g_signal_connect_object(m->player, "ended", G_CALLBACK(gtk_media_stream_stream_ended), m,
                          G_CONNECT_SWAPPED);
  g_signal_connect_object(m->player, "failed", G_CALLBACK(failed), m, G_CONNECT_SWAPPED);
  g_signal_connect(m, "notify::loop", G_CALLBACK(loop_changed), NULL);
}

KlMovie *kl_movie_new(void) {
  return g_object_new(KL_TYPE_MOVIE, NULL);
}
