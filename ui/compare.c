#include "ui/compare.h"

#include "ui/format.h"
#include "ui/i18n.h"
#include "ui/movie.h"
#include "ui/names.h"

struct _KlCompare {
  AdwWindow parent;
  KlMovie *left, *right; /* the right one follows the left one frame by frame */
  GtkPicture *left_picture, *right_picture;
  GtkWidget *play, *scrubber;
  GtkAdjustment *position;
  GtkLabel *time;
  GtkGrid *differences;
};

G_DEFINE_FINAL_TYPE(KlCompare, kl_compare, ADW_TYPE_WINDOW)

static void show_position(KlCompare *self, gint64 frame) {
  const KlPlayInfo *i = kl_player_info(kl_movie_player(self->left));
  double seconds = i && i->fps_num > 0 ? (double)frame * i->fps_den / i->fps_num : 0;
  g_autofree char *moment = kl_format_moment(seconds);
  g_autofree char *text = g_strdup_printf(_("%s · frame %d"), moment, (int)frame);
  gtk_label_set_text(self->time, text);
  gtk_adjustment_set_value(self->position, (double)frame);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->scrubber), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                 -1);
}

static void left_frame(KlCompare *self, gint64 index, GBytes *rgb) {
  kl_player_seek(kl_movie_player(self->right), index);
  show_position(self, index);
}

static void left_opened(KlCompare *self) {
  const KlPlayInfo *i = kl_player_info(kl_movie_player(self->left));
  gtk_adjustment_set_upper(self->position, (double)MAX(i->frames - 1, 1));
}

static void playing_changed(KlCompare *self) {
  bool playing = kl_player_playing(kl_movie_player(self->left));
  gtk_button_set_icon_name(GTK_BUTTON(self->play),
                           playing ? "media-playback-pause-symbolic" : "media-playback-start-symbolic");
}

static void seek(KlCompare *self, gint64 frame) {
  KlPlayer *left = kl_movie_player(self->left);
  kl_player_seek(left, CLAMP(frame, 0, (gint64)gtk_adjustment_get_upper(self->position)));
  kl_player_seek(kl_movie_player(self->right), kl_player_position(left));
  show_position(self, kl_player_position(left));
}

static gboolean scrubbed(KlCompare *self, GtkScrollType scroll, double value) {
  seek(self, (gint64)(value + 0.5));
  return FALSE;
}

static void play_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlPlayer *left = kl_movie_player(KL_COMPARE(widget)->left);
  if (kl_player_playing(left))
    kl_player_pause(left);
  else
    kl_player_play(left);
}

static void step_action(GtkWidget *widget, const char *name, GVariant *parameter) {
  KlCompare *self = KL_COMPARE(widget);
  KlPlayer *left = kl_movie_player(self->left);
  kl_player_pause(left);
  seek(self, kl_player_position(left) + g_variant_get_int32(parameter));
}

/* ---- what they do not have in common ---- */

static void add_cell(GtkGrid *grid, int column, int row, const char *text, const char *style) {
  GtkWidget *label = gtk_label_new(text);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_selectable(GTK_LABEL(label), column > 0);
  gtk_widget_set_hexpand(label, column > 0);
  if (style) gtk_widget_add_css_class(label, style);
  gtk_grid_attach(grid, label, column, row, 1, 1);
}

static int add_row(GtkGrid *grid, int row, const char *name, const char *left, const char *right) {
  if (g_strcmp0(left, right) == 0) return row;
  add_cell(grid, 0, row, name, "dim-label");
  add_cell(grid, 1, row, left ? left : "–", NULL);
  add_cell(grid, 2, row, right ? right : "–", NULL);
  return row + 1;
}

static char *prompts_of(const KlJobSpec *job) {
  GString *s = g_string_new(NULL);
  for (guint i = 0; i < job->prompts->len; i++) {
    const KlJobPrompt *p = &g_array_index(job->prompts, KlJobPrompt, i);
    g_autofree char *at = kl_time_text(p->at);
    if (i) g_string_append_printf(s, "\n%s: ", at);
    g_string_append(s, p->text);
  }
  return g_string_free(s, FALSE);
}

static void list_differences(KlCompare *self, KlRender *left, KlRender *right) {
  const KlJobSpec *a = kl_render_job(left), *b = kl_render_job(right);
  static const char *HIDDEN[] = {"prompts", "output", "engine", "model_sha256", NULL};
  size_t n;
  const KlJobField *fields = kl_job_fields(&n);
  g_autofree char *pa = prompts_of(a), *pb = prompts_of(b);
  g_autofree char *ta = kl_seconds_text(kl_render_seconds(left)),
                  *tb = kl_seconds_text(kl_render_seconds(right));
  int row = add_row(self->differences, 0, _("Prompt"), pa, pb);
  for (size_t i = 0; i < n; i++) {
    if (g_strv_contains(HIDDEN, fields[i].key)) continue;
    g_autofree char *va = kl_job_text(a, fields[i].key), *vb = kl_job_text(b, fields[i].key);
    row = add_row(self->differences, row, fields[i].key, va, vb);
  }
  row = add_row(self->differences, row, _("Time taken"), ta, tb);
  if (!row) add_cell(self->differences, 1, 0, _("Made with the same settings"), "dim-label");
}

static void kl_compare_dispose(GObject *object) {
  KlCompare *self = KL_COMPARE(object);
  g_clear_object(&self->left);
  g_clear_object(&self->right);
  G_OBJECT_CLASS(kl_compare_parent_class)->dispose(object);
}

static void kl_compare_class_init(KlCompareClass *klass) {
  GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
  G_OBJECT_CLASS(klass)->dispose = kl_compare_dispose;
  gtk_widget_class_set_template_from_resource(widget, "/org/kinoloom/Studio/ui/compare.ui");
  gtk_widget_class_bind_template_child(widget, KlCompare, left_picture);
  gtk_widget_class_bind_template_child(widget, KlCompare, right_picture);
  gtk_widget_class_bind_template_child(widget, KlCompare, play);
  gtk_widget_class_bind_template_child(widget, KlCompare, scrubber);
  gtk_widget_class_bind_template_child(widget, KlCompare, position);
  gtk_widget_class_bind_template_child(widget, KlCompare, time);
  gtk_widget_class_bind_template_child(widget, KlCompare, differences);
  gtk_widget_class_install_action(widget, "compare.play", NULL, play_action);
  gtk_widget_class_install_action(widget, "compare.step", "i", step_action);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_space, 0, "compare.play", NULL);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_comma, 0, "compare.step", "i", -1);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_period, 0, "compare.step", "i", 1);
  gtk_widget_class_add_binding_action(widget, GDK_KEY_Escape, 0, "window.close", NULL);
}

static KlMovie *open_side(KlCompare *self, GtkPicture *picture, KlRender *render) {
  KlMovie *movie = kl_movie_new();
  g_autofree char *label = kl_job_slug(kl_render_job(render));
  gtk_picture_set_paintable(picture, GDK_PAINTABLE(movie));
  gtk_picture_set_alternative_text(picture, label);
  kl_player_load_file(kl_movie_player(movie), kl_render_output(render), 0);
  return movie;
}

static void kl_compare_init(KlCompare *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  g_signal_connect(self, "map", G_CALLBACK(kl_name_buttons), NULL);
}

GtkWidget *kl_compare_new(KlRender *left, KlRender *right) {
  KlCompare *self = g_object_new(KL_TYPE_COMPARE, NULL);
  self->left = open_side(self, self->left_picture, left);
  self->right = open_side(self, self->right_picture, right);
  KlPlayer *player = kl_movie_player(self->left);
  kl_player_set_loop(player, true);
  g_signal_connect_object(player, "opened", G_CALLBACK(left_opened), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(player, "frame", G_CALLBACK(left_frame), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(player, "notify::playing", G_CALLBACK(playing_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_swapped(self->scrubber, "change-value", G_CALLBACK(scrubbed), self);
  list_differences(self, left, right);
  return GTK_WIDGET(self);
}
