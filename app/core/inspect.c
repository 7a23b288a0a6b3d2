#include "app/core/inspect.h"

#include "engine/base/mem.h"
#include "engine/graph/backend.h"
#include "media/provenance.h"

bool kl_inspect_media(const char *path, const KlCancel *cancel, KlMediaInfo *info, char **job,
                      GError **error) {
  KlErr err = KL_ERR_INIT;
  char *json = NULL;
  if (job) *job = NULL;
  if (!kl_media_probe(path, cancel, info, &err)) return kl_gerr_input(error, &err);
  if (job && info->has_job && kl_media_read_job(path, &json, NULL, &err) && json) *job = g_strdup(json);
  kl_free(&json);
  return true;
}

GBytes *kl_inspect_picture(const char *path, int most, int *width, int *height, KlMediaInfo *info,
                           const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlMediaInfo own, *i = info ? info : &own;
  KlPicture p = {0};
  if (!kl_inspect_media(path, cancel, i, NULL, error)) return NULL;
  if (!i->has_video) {
    kl_gfail(error, KL_ERROR_INPUT, "there is no picture in it");
    return NULL;
  }
  int longer = MAX(i->width, i->height), w = i->width, h = i->height;
  if (longer > most) {
    w = MAX(1, (int)((gint64)w * most / longer));
    h = MAX(1, (int)((gint64)h * most / longer));
  }
  if (!kl_picture_load(path, w, h, KL_FIT_STRETCH, cancel, &p, &err)) {
    kl_gerr_input(error, &err);
    return NULL;
  }
  *width = p.width;
  *height = p.height;
  GBytes *bytes = g_bytes_new(p.rgb, (gsize)p.width * (gsize)p.height * 3);
  kl_picture_free(&p);
  return bytes;
}

static void device_free(void *p) {
  KlDevice *d = p;
  g_free(d->name);
  g_free(d->title);
  g_free(d);
}

static bool add(GPtrArray *a, const char *name) {
  KlErr err = KL_ERR_INIT;
  KlBackend *b = NULL;
  if (!kl_backend_open(name, 0, KL_BF16, &b, &err)) return false;
  KlDevice *d = g_new0(KlDevice, 1);
  d->name = g_strdup(name);
  d->title = g_strdup(b->title[0] ? b->title : b->name);
  d->arithmetic = b->compute == KL_BF16 ? "bf16" : "f32";
  if (b->ops->memory) b->ops->memory(b, &d->memory_total, &d->memory_available);
  kl_backend_free(&b);
  g_ptr_array_add(a, d);
  return true;
}

GPtrArray *kl_inspect_devices(void) {
  GPtrArray *a = g_ptr_array_new_with_free_func(device_free);
  add(a, "cpu");
  for (int i = 0; i < 16; i++) {
    g_autofree char *name = g_strdup_printf("vulkan:%d", i);
    if (!add(a, name)) break;
  }
  return a;
}
