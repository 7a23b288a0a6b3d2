/* A project file from a stranger: opened, looked through, undone and redone. */
#include "app/core/project/store.h"
#include "tests/fuzz/fuzz.h"

#include <glib/gstdio.h>
#include <stdlib.h>

static void drop(const char *path) {
  static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
  for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
    g_autofree char *p = g_strconcat(path, tails[i], NULL);
    g_unlink(p);
  }
}

static void look_through(KlProject *p) {
  GListModel *list = kl_project_renders(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlRender) r = g_list_model_get_item(list, i);
    GListModel *chunks = kl_render_chunks(r);
    for (guint k = 0; k < MIN(g_list_model_get_n_items(chunks), 8); k++) {
      g_autoptr(KlChunkRow) c = g_list_model_get_item(chunks, k);
      kl_chunk_row_thumbnail(c);
    }
    kl_render_asset(r);
  }
  list = kl_project_assets(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlAsset) a = g_list_model_get_item(list, i);
    kl_asset_thumbnail(a);
  }
  list = kl_project_tracks(p);
  for (guint i = 0; i < g_list_model_get_n_items(list); i++) {
    g_autoptr(KlTrack) t = g_list_model_get_item(list, i);
    g_autoptr(KlClip) c = g_list_model_get_item(kl_track_clips(t), 0);
    if (c && kl_clip_where(c)->length > 1) {
      KlClip *half = kl_clip_split(c, kl_clip_where(c)->start + 1, NULL);
      g_clear_object(&half);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char *path;
  if (!path) {
    g_autofree char *folder = g_dir_make_tmp("kl-fuzz-XXXXXX", NULL);
    path = g_build_filename(folder, "x.kinoloom", NULL);
  }
  g_autoptr(GError) error = NULL;
  drop(path);
  if (!g_file_set_contents_full(path, (const char *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0600, NULL))
    abort();
  KlProject *p = kl_project_open(path, &error);
  if (!p) {
    if (!error || !error->message[0]) abort();
    goto out;
  }
  look_through(p);
  for (int i = 0; i < 4; i++) kl_project_undo(p, NULL);
  for (int i = 0; i < 4; i++) kl_project_redo(p, NULL);
  kl_project_close(p);
  g_object_unref(p);
  KlStoreInfo info;
  kl_store_info(path, &info, NULL);
  kl_store_info_clear(&info);
out:
  drop(path);
  return 0;
}
