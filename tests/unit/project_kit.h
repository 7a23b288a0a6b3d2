/* What the tests of projects share: a folder of their own, media to import, the project as text. */
#pragma once

#include "app/core/project/project.h"
#include "media/png.h"

#include <glib/gstdio.h>
#include <string.h>

/* A new folder; freed by the caller. Everything in it is removed by kit_tidy. */
static inline char *kit_folder(void) {
  return g_dir_make_tmp("kl-project-XXXXXX", NULL);
}

static inline void kit_tidy(const char *folder) {
  g_autoptr(GDir) d = g_dir_open(folder, 0, NULL);
  for (const char *name; d && (name = g_dir_read_name(d));) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
      kit_tidy(path);
    else
      g_unlink(path);
  }
  g_rmdir(folder);
}

static inline char *kit_picture(const char *folder, const char *name, int width, int height, guint8 shade) {
  char *path = g_build_filename(folder, name, NULL);
  g_autofree guint8 *rgb = g_malloc((gsize)width * (gsize)height * 3);
  memset(rgb, shade, (gsize)width * (gsize)height * 3);
  g_assert_true(kl_png_write_file(path, rgb, width, height, 3, NULL, NULL));
  return path;
}

/* Two seconds of silence. */
static inline char *kit_sound(const char *folder, const char *name) {
  static const guint8 head[44] = {'R', 'I', 'F',  'F',  0xA4, 0x3E, 0,    0,    'W',  'A', 'V',
                                  'E', 'f', 'm',  't',  ' ',  16,   0,    0,    0,    1,   0,
                                  1,   0,   0x40, 0x1F, 0,    0,    0x80, 0x3E, 0,    0,   2,
                                  0,   16,  0,    'd',  'a',  't',  'a',  0x00, 0x7D, 0,   0};
  char *path = g_build_filename(folder, name, NULL);
  g_autofree guint8 *data = g_malloc0(44 + 32000);
  memcpy(data, head, 44);
  data[4] = 0x24;
  data[5] = 0x7D;
  g_assert_true(g_file_set_contents(path, (char *)data, 44 + 32000, NULL));
  return path;
}

typedef struct {
  KlAsset *asset;
  GError *error;
  bool done;
} KitImport;

static inline void kit_imported(GObject *source, GAsyncResult *r, gpointer user) {
  KitImport *i = user;
  i->asset = kl_project_import_finish(KL_PROJECT(source), r, &i->error);
  i->done = true;
}

/* Waits for it. A new reference, or NULL with *error. */
static inline KlAsset *kit_import(KlProject *p, const char *path, bool embed, GError **error) {
  KitImport i = {0};
  g_autoptr(GFile) file = g_file_new_for_path(path);
  kl_project_import_async(p, file, embed, NULL, kit_imported, &i);
  while (!i.done) g_main_context_iteration(NULL, TRUE);
  if (i.error) g_propagate_error(error, i.error);
  return i.asset;
}

static inline KlJobSpec *kit_job(const char *prompt) {
  KlJobSpec *j = kl_job_new();
  g_assert_true(kl_job_set(j, "task", "text-to-video", NULL));
  g_assert_true(kl_job_set(j, "fps", "16", NULL));
  g_assert_true(kl_job_set(j, "length", "41f", NULL));
  g_assert_true(kl_job_set_prompt(j, (KlTime){true, 0}, prompt, NULL));
  return j;
}

/* Everything that undo answers for, as the objects have it. A new string. */
static inline char *kit_dump(KlProject *p) {
  GString *s = g_string_new(NULL);
  int num, den, w, h;
  kl_project_rate(p, &num, &den);
  kl_project_frame_size(p, &w, &h);
  g_string_append_printf(s, "%s %d/%d %dx%d length %d\n", kl_project_title(p), num, den, w, h,
                         (int)kl_project_length(p));
  GListModel *list = kl_project_assets(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlAsset) a = g_list_model_get_item(list, i);
    g_string_append_printf(s, "asset %d %s\n", (int)kl_asset_id(a), kl_asset_name(a));
  }
  list = kl_project_renders(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(list, i);
    g_string_append_printf(s, "render %d %d %s\n", (int)kl_render_id(r), kl_render_state(r),
                           g_array_index(kl_render_job(r)->prompts, KlJobPrompt, 0).text);
  }
  list = kl_project_pending(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(list, i);
    g_string_append_printf(s, "pending %d\n", (int)kl_render_id(r));
  }
  list = kl_project_tracks(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(list, i);
    g_string_append_printf(s, "track %d %d '%s' %d\n", (int)kl_track_id(t), kl_track_kind(t),
                           kl_track_name(t), kl_track_muted(t));
    for (guint k = 0; k < g_list_model_get_n_items(kl_track_clips(t)); k++) {
      g_autoptr(KlClip) c = g_list_model_get_item(kl_track_clips(t), k);
      const KlClipPlace *v = kl_clip_where(c);
      g_assert_true(kl_clip_track(c) == t);
      g_string_append_printf(s, "  clip %d asset %d at %d+%d in %.17g fade %d gain %.17g\n",
                             (int)kl_clip_id(c), kl_clip_asset(c) ? (int)kl_asset_id(kl_clip_asset(c)) : 0,
                             (int)v->start, (int)v->length, v->in, (int)v->fade, v->gain_db);
    }
  }
  return g_string_free(s, FALSE);
}
