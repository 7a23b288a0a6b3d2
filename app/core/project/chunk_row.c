/* The chunks of a render: those that are finished stand in the file, the others follow from the plan. */
#include "app/core/project/project_internal.h"
#include "app/core/project/render_row.h"
#include "engine/stream/chunks.h"

#include <math.h>

enum { C0, C_STATE, C_DRIFT_MEAN, C_DRIFT_VARIANCE, C_PROMPT, C_THUMBNAIL, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(KlChunkRow, kl_chunk_row, G_TYPE_OBJECT)

enum { MOST_CHUNKS = 1000000 };

typedef struct {
  gint64 first_frame;
  int frames;
  KlChunkState state;
  double mean, variance;
  const char *prompt;
} Values;

static void fill(KlChunkRow *c, const Values *v, GPtrArray *changed) {
  c->first_frame = v->first_frame;
  c->frames = v->frames;
  if (v->mean != c->drift_mean) {
    c->drift_mean = v->mean;
    kl_changed(changed, c, props[C_DRIFT_MEAN]);
  }
  if (v->variance != c->drift_var) {
    c->drift_var = v->variance;
    kl_changed(changed, c, props[C_DRIFT_VARIANCE]);
  }
  if (kl_replace_text(&c->prompt, v->prompt)) kl_changed(changed, c, props[C_PROMPT]);
  if (v->state != c->state) {
    c->state = v->state;
    c->thumbnail_read = false;
    g_clear_pointer(&c->thumbnail, g_bytes_unref);
    kl_changed(changed, c, props[C_STATE]);
    kl_changed(changed, c, props[C_THUMBNAIL]);
  }
}

static const char *prompt_at(const KlJobSpec *j, gint64 frame) {
  const char *text = "";
  gint64 best = -1;
  for (guint i = 0; i < j->prompts->len; i++) {
    const KlJobPrompt *p = &g_array_index(j->prompts, KlJobPrompt, i);
    gint64 from = kl_time_frames(p->at, j->fps_num, MAX(j->fps_den, 1));
    if (from > frame || from <= best) continue;
    best = from;
    text = p->text;
  }
  return text;
}

/* The chunk at `index`, an old object where there is one. A new reference. */
static KlChunkRow *row_at(KlRender *r, guint index) {
  KlChunkRow *c = g_list_model_get_item(G_LIST_MODEL(r->chunks), index);
  if (c) return c;
  c = g_object_new(KL_TYPE_CHUNK_ROW, NULL);
  c->render = r;
  c->index = (int)index;
  return c;
}

bool kl_chunks_read(KlRender *r, GPtrArray *changed) {
  KlProject *p = r->project;
  if (!p || !p->db) return true;
  r->chunks_old = false;
  g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_object_unref);
  sqlite3_stmt *s =
      kl_db_query(p->db, NULL,
                  "SELECT first_frame, frames, drift_mean, drift_var, prompt FROM chunk WHERE render = ? "
                  "ORDER BY idx",
                  "l", r->id);
  while (s && want->len < MOST_CHUNKS && sqlite3_step(s) == SQLITE_ROW) {
    g_autofree char *raw = kl_db_text(s, 4), *prompt = g_utf8_make_valid(raw, -1);
    double mean = sqlite3_column_double(s, 2), variance = sqlite3_column_double(s, 3);
    Values v = {MAX(sqlite3_column_int64(s, 0), 0), MAX(sqlite3_column_int(s, 1), 0),  KL_CHUNK_DONE,
                isfinite(mean) ? mean : 0,          isfinite(variance) ? variance : 0, prompt};
    KlChunkRow *c = row_at(r, want->len);
    fill(c, &v, changed);
    g_ptr_array_add(want, c);
  }
  sqlite3_finalize(s);
  guint done = want->len;
  s = kl_db_query(p->db, NULL, "SELECT frames, chunks, chunk_latents FROM run WHERE render = ?", "l", r->id);
  gint64 frames = 0, chunks = 0, latents = 0;
  if (s && sqlite3_step(s) == SQLITE_ROW) {
    frames = CLAMP(sqlite3_column_int64(s, 0), 0, KL_JOB_MAX_FRAMES);
    chunks = CLAMP(sqlite3_column_int64(s, 1), 0, MOST_CHUNKS);
    latents = CLAMP(sqlite3_column_int64(s, 2), 0, KL_JOB_MAX_FRAMES);
  }
  sqlite3_finalize(s);
  for (guint i = done; latents && i < chunks; i++) {
    KlSpan span = kl_chunk_span(frames, (int)latents, i);
    Values v = {span.first_frame,
                (int)span.frames,
                i == done && r->state == KL_RENDER_RUNNING ? KL_CHUNK_RUNNING : KL_CHUNK_WAITING,
                0,
                0,
                prompt_at(r->job, span.first_frame)};
    KlChunkRow *c = row_at(r, i);
    fill(c, &v, changed);
    g_ptr_array_add(want, c);
  }
  for (guint i = want->len; i < g_list_model_get_n_items(G_LIST_MODEL(r->chunks)); i++) {
    g_autoptr(KlChunkRow) gone = g_list_model_get_item(G_LIST_MODEL(r->chunks), i);
    gone->render = NULL;
  }
  return kl_list_set(p, r->chunks, want);
}

GListModel *kl_render_chunks(KlRender *r) {
  if (!r->chunks) {
    g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_object_unref);
    r->chunks = g_list_store_new(KL_TYPE_CHUNK_ROW);
    kl_chunks_read(r, changed);
    for (guint i = 0; i < changed->len; i++) g_object_thaw_notify(changed->pdata[i]);
  }
  return G_LIST_MODEL(r->chunks);
}

void kl_chunks_forget(KlRender *r) {
  if (!r->chunks) return;
  for (guint i = 0; i < g_list_model_get_n_items(G_LIST_MODEL(r->chunks)); i++) {
    g_autoptr(KlChunkRow) c = g_list_model_get_item(G_LIST_MODEL(r->chunks), i);
    c->render = NULL;
  }
  g_clear_object(&r->chunks);
}

gint64 kl_render_chunk_frame(KlRender *r, int chunk) {
  g_autoptr(KlChunkRow) c = g_list_model_get_item(kl_render_chunks(r), (guint)MAX(chunk, 0));
  if (c) return c->first_frame;
  guint n = g_list_model_get_n_items(kl_render_chunks(r));
  g_autoptr(KlChunkRow) last = n ? g_list_model_get_item(kl_render_chunks(r), n - 1) : NULL;
  return last ? last->first_frame + last->frames : 0;
}

int kl_chunk_row_index(KlChunkRow *c) {
  return c->index;
}
KlChunkState kl_chunk_row_state(KlChunkRow *c) {
  return c->state;
}
void kl_chunk_row_span(KlChunkRow *c, gint64 *first_frame, int *frames) {
  *first_frame = c->first_frame;
  *frames = c->frames;
}
void kl_chunk_row_drift(KlChunkRow *c, double *mean, double *variance) {
  *mean = c->drift_mean;
  *variance = c->drift_var;
}
const char *kl_chunk_row_prompt(KlChunkRow *c) {
  return c->prompt ? c->prompt : "";
}

GBytes *kl_chunk_row_thumbnail(KlChunkRow *c) {
  KlProject *p = c->render ? c->render->project : NULL;
  if (!c->thumbnail_read && c->state == KL_CHUNK_DONE && p && p->db) {
    sqlite3_stmt *s = kl_db_query(p->db, NULL, "SELECT thumbnail FROM chunk WHERE render = ? AND idx = ?",
                                  "li", c->render->id, c->index);
    if (s && sqlite3_step(s) == SQLITE_ROW) c->thumbnail = kl_db_blob(s, 0);
    sqlite3_finalize(s);
    c->thumbnail_read = true;
  }
  return c->thumbnail;
}

static void kl_chunk_row_finalize(GObject *object) {
  KlChunkRow *c = KL_CHUNK_ROW(object);
  g_free(c->prompt);
  g_clear_pointer(&c->thumbnail, g_bytes_unref);
  G_OBJECT_CLASS(kl_chunk_row_parent_class)->finalize(object);
}

static void kl_chunk_row_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  KlChunkRow *c = KL_CHUNK_ROW(object);
  switch (id) {
  case C_STATE:
    g_value_set_int(value, (int)c->state);
    break;
  case C_DRIFT_MEAN:
    g_value_set_double(value, c->drift_mean);
    break;
  case C_DRIFT_VARIANCE:
    g_value_set_double(value, c->drift_var);
    break;
  case C_PROMPT:
    g_value_set_string(value, c->prompt);
    break;
  case C_THUMBNAIL:
    g_value_set_boxed(value, kl_chunk_row_thumbnail(c));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void kl_chunk_row_class_init(KlChunkRowClass *klass) {
  GObjectClass *c = G_OBJECT_CLASS(klass);
  GParamFlags ro = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  c->finalize = kl_chunk_row_finalize;
  c->get_property = kl_chunk_row_get_property;
  props[C_STATE] =
      g_param_spec_int("state", NULL, NULL, KL_CHUNK_WAITING, KL_CHUNK_DONE, KL_CHUNK_WAITING, ro);
  props[C_DRIFT_MEAN] = g_param_spec_double("drift-mean", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0, ro);
  props[C_DRIFT_VARIANCE] =
      g_param_spec_double("drift-variance", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0, ro);
  props[C_PROMPT] = g_param_spec_string("prompt", NULL, NULL, NULL, ro);
  props[C_THUMBNAIL] = g_param_spec_boxed("thumbnail", NULL, NULL, G_TYPE_BYTES, ro);
  g_object_class_install_properties(c, N_PROPS, props);
}

static void kl_chunk_row_init(KlChunkRow *c) {
  c->prompt = NULL;
}
