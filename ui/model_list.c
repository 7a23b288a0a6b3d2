#include "ui/model_list.h"

#include <string.h>

struct _KlModelItem {
  GObject parent;
  KlModel *model;
  guint64 bytes;
};

enum { PROP_TITLE = 1 };

G_DEFINE_FINAL_TYPE(KlModelItem, kl_model_item, G_TYPE_OBJECT)

static void kl_model_item_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  g_value_set_string(value, kl_model_item_title(KL_MODEL_ITEM(object)));
}

static void kl_model_item_finalize(GObject *object) {
  kl_model_free(KL_MODEL_ITEM(object)->model);
  G_OBJECT_CLASS(kl_model_item_parent_class)->finalize(object);
}

static void kl_model_item_class_init(KlModelItemClass *klass) {
  G_OBJECT_CLASS(klass)->get_property = kl_model_item_get_property;
  G_OBJECT_CLASS(klass)->finalize = kl_model_item_finalize;
  g_object_class_install_property(
      G_OBJECT_CLASS(klass), PROP_TITLE,
      g_param_spec_string("title", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void kl_model_item_init(KlModelItem *self) {}

const KlModel *kl_model_item_get(KlModelItem *i) {
  return i->model;
}

const char *kl_model_item_title(KlModelItem *i) {
  return i->model->title && *i->model->title ? i->model->title : i->model->name;
}

guint64 kl_model_item_bytes(KlModelItem *i) {
  return i->bytes;
}

/* ---- the list ---- */

static int by_origin(gconstpointer a, gconstpointer b) {
  KlModelItem *x = *(KlModelItem *const *)a, *y = *(KlModelItem *const *)b;
  bool bx = !strcmp(x->model->origin, "built-in"), by = !strcmp(y->model->origin, "built-in");
  return bx != by ? by - bx : g_utf8_collate(kl_model_item_title(x), kl_model_item_title(y));
}

static void read_all(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  g_autoptr(GPtrArray) models = kl_catalogue_list();
  GPtrArray *items = g_ptr_array_new_with_free_func(g_object_unref);
  while (models->len) {
    KlModelItem *i = g_object_new(KL_TYPE_MODEL_ITEM, NULL);
    i->model = g_ptr_array_steal_index(models, models->len - 1);
    i->bytes = kl_model_bytes(i->model);
    g_ptr_array_add(items, i);
  }
  g_ptr_array_sort(items, by_origin);
  g_task_return_pointer(task, items, (GDestroyNotify)g_ptr_array_unref);
}

static void have_read(GObject *source, GAsyncResult *result, gpointer user) {
  g_autoptr(GPtrArray) items = g_task_propagate_pointer(G_TASK(result), NULL);
  GListStore *list = G_LIST_STORE(source);
  if (items)
    g_list_store_splice(list, 0, g_list_model_get_n_items(G_LIST_MODEL(list)), items->pdata, items->len);
}

GListModel *kl_model_list(void) {
  static GListStore *list;
  if (!list) {
    list = g_list_store_new(KL_TYPE_MODEL_ITEM);
    kl_model_list_refresh();
  }
  return G_LIST_MODEL(list);
}

void kl_model_list_refresh(void) {
  g_autoptr(GTask) task = g_task_new(kl_model_list(), NULL, have_read, NULL);
  g_task_run_in_thread(task, read_all);
}

KlModelItem *kl_model_list_find(const char *name) {
  GListModel *list = kl_model_list();
  KlModelItem *builtin = NULL;
  for (guint k = 0; k < g_list_model_get_n_items(list); k++) {
    g_autoptr(KlModelItem) i = g_list_model_get_item(list, k);
    if (name && *name ? !strcmp(i->model->name, name) : !strcmp(i->model->origin, "built-in")) return i;
    if (!builtin) builtin = i;
  }
  return name && *name ? NULL : builtin;
}
