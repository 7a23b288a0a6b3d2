#include "ui/preview.h"

#include "ui/format.h"
#include "ui/frame_content.h"
#include "ui/i18n.h"

struct _KlPreview {
  AdwBin parent;
  KlProject *project;
  KlMovie *movie;
  KlRender *render; /* NULL: a file or a source */
  GListModel *chunks;
  char *name;
  bool loaded; /* the player was given something */
  bool stale;  /* the file has grown since it was opened */
  bool live;   /* pixels of the running render are shown */
  bool play_when_open;
  bool was_alive; /* the render ran when it was last looked at */
  gint64 live_frame;
  GtkOverlay *overlay;
  GtkStack *stack;
  AdwStatusPage *status;
  GtkScrolledWindow *scroller;
  GtkPicture *picture;
  GtkAdjustment *position;
  GtkWidget *controls, *play, *loop, *scrubber, *mute, *zoom, *live_button, *range;
  GtkLabel *time, *range_name;
};

G_DEFINE_FINAL_TYPE(KlPreview, kl_preview, ADW_TYPE_BIN)

enum { POSITION, SIGNALS };
static guint signals[SIGNALS];

static KlPlayer *player(KlPreview *self) {
  return kl_movie_player(self->movie);
}

static bool running(KlPreview *self) {
  return self->render && kl_render_state(self->render) == KL_RENDER_RUNNING;
}

/* Frames of the render that are in its file. */
static gint64 finished_frames(KlRender *render) {
  GListModel *chunks = kl_render_chunks(render);
  gint64 done = 0;
  for (guint i = 0; i < g_list_model_get_n_items(chunks); i++) {
    g_autoptr(KlChunkRow) c = g_list_model_get_item(chunks, i);
    gint64 first;
    int frames;
    if (kl_chunk_row_state(c) != KL_CHUNK_DONE) break;
    kl_chunk_row_span(c, &first, &frames);
    done = first + frames;
  }
  return done;
}

/* ---- what is said of it ---- */

static double seconds_at(const KlPlayInfo *i, gint64 frame) {
  return i->fps_num > 0 ? (double)frame * i->fps_den / i->fps_num : 0;
}

static void update_time(KlPreview *self) {
  const KlPlayInfo *i = kl_player_info(player(self));
  const KlJobSpec *job = self->render ? kl_render_job(self->render) : NULL;
  gint64 frame = self->live ? MAX(self->live_frame, 0) : kl_player_position(player(self));
  double seconds = i ? seconds_at(i, frame) : 0;
  if (self->live && job && job->fps_num > 0) seconds = (double)frame * job->fps_den / job->fps_num;
  g_autofree char *moment = kl_format_moment(seconds);
  /* Translators: a moment of a video and the number of its frame */
  g_autofree char *text = g_strdup_printf(_("%s · frame %d"), moment, (int)frame);
  gtk_label_set_text(self->time, text);
  if (!self->live) gtk_adjustment_set_value(self->position, (double)frame);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->scrubber), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                 -1);
}

static void update_controls(KlPreview *self) {
  const KlPlayInfo *i = kl_player_info(player(self));
  GtkWidget *widget = GTK_WIDGET(self);
  bool moves = i && i->frames > 1, any = kl_movie_texture(self->movie);
  bool playing = kl_player_playing(player(self));
  gtk_stack_set_visible_child_name(self->stack, any ? "picture" : "empty");
  gtk_widget_set_visible(self->controls, any);
  gtk_button_set_icon_name(GTK_BUTTON(self->play),
                           playing ? "media-playback-pause-symbolic" : "media-playback-start-symbolic");
  gtk_widget_set_tooltip_text(self->play, playing ? _("Pause") : _("Play"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->play), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                 playing ? _("Pause") : _("Play"), -1);
  const char *actions[] = {"play", "step", "jump", "begin", "end", "backward", "forward", "stop"};
  for (size_t k = 0; k < G_N_ELEMENTS(actions); k++) {
    g_autofree char *name = g_strconcat("preview.", actions[k], NULL);
    gtk_widget_action_set_enabled(widget, name, moves || (k == 0 && self->stale));
  }
  gtk_widget_action_set_enabled(widget, "preview.copy", any);
  gtk_widget_set_sensitive(self->scrubber, moves);
  gtk_widget_set_visible(self->mute, i && i->sound);
  gtk_adjustment_set_upper(self->position, i ? (double)MAX(i->frames - 1, 1) : 1);
  if (!moves) gtk_adjustment_set_value(self->position, 0);
  gtk_widget_set_visible(self->live_button, running(self));
  gtk_widget_set_visible(self->range, *gtk_label_get_text(self->range_name) != 0);
  g_autofree char *label = g_strdup_printf(_("Preview of %s"), self->name ? self->name : _("nothing"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->picture), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  update_time(self);
}

static void set_live(KlPreview *self, bool live) {
  if (self->live == live) return;
  self->live = live;
  if (live) gtk_media_stream_pause(GTK_MEDIA_STREAM(self->movie));
  if (live) kl_player_pause(player(self));
  gtk_widget_action_set_enabled(GTK_WIDGET(self), "preview.live", true);
  g_object_notify(G_OBJECT(self), "live");
  update_controls(self);
}

/* The user wants to see the file: live pictures stop, and what was finished since is opened. */
static void turn_to_file(KlPreview *self) {
  set_live(self, false);
  if (!self->stale || !self->render) return;
  self->stale = false;
  if (self->loaded)
    kl_player_reload(player(self));
  else
    kl_player_load_file(player(self), kl_render_output(self->render), 0);
  self->loaded = true;
}

static void clear_range(KlPreview *self) {
  gtk_label_set_text(self->range_name, "");
  gtk_widget_set_visible(self->range, FALSE);
  kl_player_set_range(player(self), 0, -1);
}

/* ---- the player's news ---- */

static void opened(KlPreview *self) {
  if (self->play_when_open) gtk_media_stream_play(GTK_MEDIA_STREAM(self->movie));
  self->play_when_open = false;
  update_controls(self);
}

static void frame(KlPreview *self, gint64 index, GBytes *rgb) {
  if (!gtk_widget_get_visible(self->controls)) update_controls(self);
  update_time(self);
  g_signal_emit(self, signals[POSITION], 0, index);
}

static void failed(KlPreview *self, const char *text) {
  if (running(self)) return; /* its file has no frame yet */
  kl_movie_clear(self->movie);
  adw_status_page_set_icon_name(self->status, "dialog-warning-symbolic");
  adw_status_page_set_title(self->status, _("This Cannot Be Played"));
  adw_status_page_set_description(self->status, text);
  update_controls(self);
}

/* ---- what is shown ---- */

static void chunks_changed(KlPreview *self) {
  self->stale = true;
  update_controls(self);
}

static void load_result(KlPreview *self, bool play) {
  self->stale = false;
  self->loaded = true;
  self->play_when_open = play;
  kl_player_load_file(player(self), kl_render_output(self->render), 0);
}

static void render_changed(KlPreview *self) {
  bool alive = running(self);
  if (alive == self->was_alive) return;
  self->was_alive = alive;
  if (alive) {
    set_live(self, true);
  } else {
    bool watched = self->live;
    set_live(self, false);
    if (finished_frames(self->render) > 0 || kl_render_asset(self->render)) {
      if (watched)
        load_result(self, true);
      else
        turn_to_file(self);
    }
  }
  update_controls(self);
}

/* keep: the picture stands until the next one comes. */
static void forget(KlPreview *self, bool keep) {
  if (self->render) g_signal_handlers_disconnect_by_data(self->render, self);
  if (self->chunks) g_signal_handlers_disconnect_by_data(self->chunks, self);
  g_clear_object(&self->chunks);
  g_clear_object(&self->render);
  g_clear_pointer(&self->name, g_free);
  self->live = self->stale = self->loaded = self->was_alive = self->play_when_open = false;
  self->live_frame = 0;
  clear_range(self);
  kl_player_set_speed(player(self), 1);
  if (!keep) kl_movie_clear(self->movie);
  adw_status_page_set_icon_name(self->status, "video-x-generic-symbolic");
  adw_status_page_set_title(self->status, _("Nothing to Play Yet"));
  adw_status_page_set_description(
      self->status, _("Write what should happen and press Generate, or pick a result from the history."));
}

void kl_preview_show_render(KlPreview *self, KlRender *render) {
  if (render == self->render && render) return;
  g_autoptr(KlRender) keep = render ? g_object_ref(render) : NULL;
  forget(self, false);
  if (!render) {
    update_controls(self);
    return;
  }
  self->render = g_steal_pointer(&keep);
  self->chunks = g_object_ref(kl_render_chunks(render));
  self->name = kl_job_slug(kl_render_job(render));
  g_signal_connect_swapped(render, "notify::state", G_CALLBACK(render_changed), self);
  g_signal_connect_swapped(self->chunks, "items-changed", G_CALLBACK(chunks_changed), self);
  if (running(self)) {
    self->live = self->was_alive = self->stale = true;
    adw_status_page_set_title(self->status, _("On Its Way"));
    adw_status_page_set_description(self->status, _("The first picture comes in a moment."));
  } else if (kl_render_asset(render) || finished_frames(render) > 0) {
    load_result(self, false);
  } else if (kl_render_state(render) == KL_RENDER_FAILED) {
    failed(self, kl_render_error_text(render));
    adw_status_page_set_title(self->status, _("This Render Failed"));
  }
  update_controls(self);
}

KlRender *kl_preview_render(KlPreview *self) {
  return self->render;
}

void kl_preview_show_file(KlPreview *self, const char *path, const char *name) {
  forget(self, false);
  self->name = g_strdup(name);
  self->loaded = true;
  kl_player_load_file(player(self), path, 0);
  update_controls(self);
}

void kl_preview_show_source(KlPreview *self, KlPlayOpen open, gpointer data, GDestroyNotify data_free,
                            gint64 at, const char *name) {
  g_autofree char *copy = g_strdup(name);
  forget(self, true);
  self->name = g_steal_pointer(&copy);
  self->loaded = true;
  kl_player_load(player(self), open, data, data_free, at);
  update_controls(self);
}

void kl_preview_show_pixels(KlPreview *self, KlRender *render, gint64 index, GBytes *rgb, int width,
                            int height) {
  if (render != self->render || !self->live) return;
  bool first = !kl_movie_texture(self->movie);
  if (index >= 0) self->live_frame = index;
  kl_movie_show_pixels(self->movie, rgb, width, height);
  if (first)
    update_controls(self);
  else
    update_time(self);
}

void kl_preview_play_range(KlPreview *self, gint64 first, gint64 last, const char *name) {
  turn_to_file(self);
  gtk_label_set_text(self->range_name, name);
  kl_player_set_range(player(self), first, last);
  kl_player_seek(player(self), first);
  gtk_media_stream_set_loop(GTK_MEDIA_STREAM(self->movie), TRUE);
  kl_player_set_speed(player(self), 1);
  gtk_media_stream_play(GTK_MEDIA_STREAM(self->movie));
  update_controls(self);
}

void kl_preview_seek(KlPreview *self, gint64 index) {
  turn_to_file(self);
  kl_player_seek(player(self), index);
  update_time(self);
}

gint64 kl_preview_position(KlPreview *self) {
  return kl_player_position(player(self));
}
KlMovie *kl_preview_movie(KlPreview *self) {
  return self->movie;
}

void kl_preview_set_project(KlPreview *self, KlProject *project) {
  if (!g_set_object(&self->project, project)) return;
  forget(self, false);
  update_controls(self);
}

/* ---- actions ---- */

static void pause_and_seek(KlPreview *self, gint64 to) {
  gtk_media_stream_pause(GTK_MEDIA_STREAM(self->movie));
  kl_player_pause(player(self));
  kl_preview_seek(self, to);
}

static void set_playing(KlPreview *self, double speed) {
  turn_to_file(self);
  kl_player_set_speed(player(self), speed);
  gtk_media_stream_play(GTK_MEDIA_STREAM(self->movie));
  kl_player_play(player(self));
}

void kl_preview_play(KlPreview *self) {
  self->play_when_open = !kl_player_info(player(self));
  if (!self->play_when_open) set_playing(self, 1);
}

static void play_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  if (kl_player_playing(player(self)))
    pause_and_seek(self, kl_player_position(player(self)));
  else
    set_playing(self, 1);
}

static void step_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  pause_and_seek(self, kl_player_position(player(self)) + g_variant_get_int32(parameter));
}

static void jump_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  const KlPlayInfo *i = kl_player_info(player(self));
  if (i && i->fps_num > 0)
    kl_preview_seek(self, kl_player_position(player(self)) +
                              (gint64)g_variant_get_int32(parameter) * i->fps_num / i->fps_den);
}

static void edge_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  const KlPlayInfo *i = kl_player_info(player(self));
  if (i) pause_and_seek(self, g_str_has_suffix(name, "end") ? i->frames - 1 : 0);
}

/* J and L: again is twice as fast, at most eight times. */
static void shuttle_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  double sign = g_str_has_suffix(name, "forward") ? 1 : -1, speed = kl_player_speed(player(self));
  bool again = kl_player_playing(player(self)) && speed * sign > 0;
  set_playing(self, again ? CLAMP(speed * 2, -8, 8) : sign);
}

static void stop_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  pause_and_seek(self, kl_player_position(player(self)));
}

static void all_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  clear_range(KL_PREVIEW(widget));
}

static void copy_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPreview *self = KL_PREVIEW(widget);
  GdkTexture *texture = kl_movie_texture(self->movie);
  if (!texture) return;
  g_autofree char *file =
      g_strdup_printf("%s-%d", self->name ? self->name : "frame", (int)kl_player_position(player(self)));
  g_autoptr(GdkContentProvider) content = kl_frame_content_new(texture, file);
  gdk_clipboard_set_content(gtk_widget_get_clipboard(widget), content);
}

/* ---- the scrubber, the drag ---- */

static gboolean scrubbed(KlPreview *self, GtkScrollType scroll, double value) {
  gint64 to = (gint64)CLAMP(value + 0.5, 0, gtk_adjustment_get_upper(self->position));
  bool was_playing = kl_player_playing(player(self));
  if (!was_playing) kl_player_pause(player(self));
  kl_preview_seek(self, to);
  return FALSE;
}

static GdkContentProvider *drag_prepare(GtkDragSource *source, double x, double y, KlPreview *self) {
  GdkTexture *texture = kl_movie_texture(self->movie);
  if (!texture) return NULL;
  g_autofree char *file =
      g_strdup_printf("%s-%d", self->name ? self->name : "frame", (int)kl_player_position(player(self)));
  return kl_frame_content_new(texture, file);
}

static void drag_begin(GtkDragSource *source, GdkDrag *drag, KlPreview *self) {
  GdkTexture *texture = kl_movie_texture(self->movie);
  if (!texture) return;
  double w = gdk_texture_get_width(texture), h = gdk_texture_get_height(texture), k = 128 / MAX(w, h);
  GtkSnapshot *snapshot = gtk_snapshot_new();
  gdk_paintable_snapshot(GDK_PAINTABLE(texture), snapshot, w * k, h * k);
  g_autoptr(GdkPaintable) icon =
      gtk_snapshot_free_to_paintable(snapshot, &GRAPHENE_SIZE_INIT((float)(w * k), (float)(h * k)));
  gtk_drag_source_set_icon(source, icon, 16, 16);
}

/* ---- properties that actions toggle ---- */

enum { PROP_LOOP = 1, PROP_LIVE, PROP_ACTUAL_SIZE, PROP_MUTED };

static void set_actual_size(KlPreview *self, bool actual) {
  gtk_picture_set_can_shrink(self->picture, !actual);
  gtk_widget_set_halign(GTK_WIDGET(self->picture), actual ? GTK_ALIGN_CENTER : GTK_ALIGN_FILL);
  gtk_widget_set_valign(GTK_WIDGET(self->picture), actual ? GTK_ALIGN_CENTER : GTK_ALIGN_FILL);
  gtk_button_set_icon_name(GTK_BUTTON(self->zoom),
                           actual ? "zoom-fit-best-symbolic" : "zoom-original-symbolic");
}

static void kl_preview_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  KlPreview *self = KL_PREVIEW(object);
  gboolean on = g_value_get_boolean(value);
  GtkMediaStream *stream = GTK_MEDIA_STREAM(self->movie);
  switch (id) {
  case PROP_LOOP:
    gtk_media_stream_set_loop(stream, on);
    break;
  case PROP_ACTUAL_SIZE:
    set_actual_size(self, on);
    break;
  case PROP_MUTED:
    gtk_media_stream_set_muted(stream, on);
    break;
  case PROP_LIVE:
    if (on && running(self))
      set_live(self, true);
    else
      turn_to_file(self);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_preview_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlPreview *self = KL_PREVIEW(object);
  switch (id) {
  case PROP_LOOP:
    g_value_set_boolean(value, gtk_media_stream_get_loop(GTK_MEDIA_STREAM(self->movie)));
    break;
  case PROP_ACTUAL_SIZE:
    g_value_set_boolean(value, !gtk_picture_get_can_shrink(self->picture));
    break;
  case PROP_MUTED:
    g_value_set_boolean(value, gtk_media_stream_get_muted(GTK_MEDIA_STREAM(self->movie)));
    break;
  case PROP_LIVE:
    g_value_set_boolean(value, self->live);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void loop_changed(KlPreview *self) {
  g_object_notify(G_OBJECT(self), "loop");
}
static void muted_changed(KlPreview *self) {
  bool muted = gtk_media_stream_get_muted(GTK_MEDIA_STREAM(self->movie));
  gtk_button_set_icon_name(GTK_BUTTON(self->mute),
                           muted ? "audio-volume-muted-symbolic" : "audio-volume-high-symbolic");
  g_object_notify(G_OBJECT(self), "muted");
}

static void kl_preview_dispose(GObject *object) {
  KlPreview *self = KL_PREVIEW(object);
  if (self->render) g_signal_handlers_disconnect_by_data(self->render, self);
  if (self->chunks) g_signal_handlers_disconnect_by_data(self->chunks, self);
  g_clear_object(&self->chunks);
  g_clear_object(&self->render);
  g_clear_object(&self->project);
  g_clear_object(&self->movie);
  g_clear_pointer(&self->name, g_free);
  G_OBJECT_CLASS(kl_preview_parent_class)->dispose(object);
}

static void add_keys(GtkWidgetClass *widget) {
  static const struct {
    guint key;
    GdkModifierType modifiers;
    const char *action;
    int amount;
  } STEPS[] = {{GDK_KEY_Left, 0, "preview.step", -1},
               {GDK_KEY_Right, 0, "preview.step", 1},
               {GDK_KEY_comma, 0, "preview.step", -1},
               {GDK_KEY_period, 0, "preview.step", 1},
               {GDK_KEY_Left, GDK_SHIFT_MASK, "preview.jump", -1},
               {GDK_KEY_Right, GDK_SHIFT_MASK, "preview.jump", 1}};
  for (size_t i = 0; i < G_N_ELEMENTS(STEPS); i++)
    gtk_widget_class_add_binding_action(widget, STEPS[i].key, STEPS[i].modifiers, STEPS[i].action, "i",
                                        STEPS[i].amount);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Home, 0, "preview.begin", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_End, 0, "preview.end", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_c, GDK_CONTROL_MASK, "preview.copy", NULL);
}

static void kl_preview_class_init(KlPreviewClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  GObjectClass *object = G_OBJECT_CLASS(klass);
  object->dispose = kl_preview_dispose;
  object->set_property = kl_preview_set_property;
  object->get_property = kl_preview_get_property;
  static const char *NAMES[] = {"loop", "live", "actual-size", "muted"};
  for (guint i = 0; i < G_N_ELEMENTS(NAMES); i++)
    g_object_class_install_property(
        object, i + 1,
        g_param_spec_boolean(NAMES[i], NULL, NULL, FALSE,
                             G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY));
  signals[POSITION] = g_signal_new("position", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/preview.ui");
  gtk_widget_class_bind_template_child(widget, KlPreview, overlay);
  gtk_widget_class_bind_template_child(widget, KlPreview, stack);
  gtk_widget_class_bind_template_child(widget, KlPreview, status);
  gtk_widget_class_bind_template_child(widget, KlPreview, scroller);
  gtk_widget_class_bind_template_child(widget, KlPreview, picture);
  gtk_widget_class_bind_template_child(widget, KlPreview, position);
  gtk_widget_class_bind_template_child(widget, KlPreview, controls);
  gtk_widget_class_bind_template_child(widget, KlPreview, play);
  gtk_widget_class_bind_template_child(widget, KlPreview, loop);
  gtk_widget_class_bind_template_child(widget, KlPreview, scrubber);
  gtk_widget_class_bind_template_child(widget, KlPreview, mute);
  gtk_widget_class_bind_template_child(widget, KlPreview, zoom);
  gtk_widget_class_bind_template_child_full(widget, "live", FALSE, G_STRUCT_OFFSET(KlPreview, live_button));
  gtk_widget_class_bind_template_child(widget, KlPreview, range);
  gtk_widget_class_bind_template_child(widget, KlPreview, range_name);
  gtk_widget_class_bind_template_child(widget, KlPreview, time);
  gtk_widget_class_install_action(widget, "preview.play", NULL, play_action);
  gtk_widget_class_install_action(widget, "preview.step", "i", step_action);
  gtk_widget_class_install_action(widget, "preview.jump", "i", jump_action);
  gtk_widget_class_install_action(widget, "preview.begin", NULL, edge_action);
  gtk_widget_class_install_action(widget, "preview.end", NULL, edge_action);
  gtk_widget_class_install_action(widget, "preview.backward", NULL, shuttle_action);
  gtk_widget_class_install_action(widget, "preview.forward", NULL, shuttle_action);
  gtk_widget_class_install_action(widget, "preview.stop", NULL, stop_action);
  gtk_widget_class_install_action(widget, "preview.all", NULL, all_action);
  gtk_widget_class_install_action(widget, "preview.copy", NULL, copy_action);
  gtk_widget_class_install_property_action(widget, "preview.loop", "loop");
  gtk_widget_class_install_property_action(widget, "preview.live", "live");
  gtk_widget_class_install_property_action(widget, "preview.zoom", "actual-size");
  gtk_widget_class_install_property_action(widget, "preview.mute", "muted");
  add_keys(widget);
}

static void kl_preview_init(KlPreview *self) {
  self->movie = kl_movie_new();
  gtk_widget_init_template(GTK_WIDGET(self));
  gtk_picture_set_paintable(self->picture, GDK_PAINTABLE(self->movie));
  g_signal_connect_object(player(self), "opened", G_CALLBACK(opened), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(player(self), "frame", G_CALLBACK(frame), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(player(self), "failed", G_CALLBACK(failed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(player(self), "notify::playing", G_CALLBACK(update_controls), self,
                          G_CONNECT_SWAPPED);
  g_signal_connect_object(self->movie, "notify::loop", G_CALLBACK(loop_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->movie, "notify::muted", G_CALLBACK(muted_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_swapped(self->scrubber, "change-value", G_CALLBACK(scrubbed), self);
  GtkDragSource *drag = gtk_drag_source_new();
  g_signal_connect(drag, "prepare", G_CALLBACK(drag_prepare), self);
  g_signal_connect(drag, "drag-begin", G_CALLBACK(drag_begin), self);
  gtk_widget_add_controller(GTK_WIDGET(self->picture), GTK_EVENT_CONTROLLER(drag));
  GtkGesture *click = gtk_gesture_click_new();
  g_signal_connect_swapped(click, "released", G_CALLBACK(gtk_widget_grab_focus), self->picture);
  gtk_widget_add_controller(GTK_WIDGET(self->picture), GTK_EVENT_CONTROLLER(click));
  gtk_media_stream_set_loop(GTK_MEDIA_STREAM(self->movie), TRUE);
  update_controls(self);
}
