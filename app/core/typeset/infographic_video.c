/* Video and animation of an infographic, chunk by chunk, so that nothing is lost. */
#include "app/core/typeset/infographic_internal.h"

#include "app/core/job_output.h"
#include "app/core/ledger.h"
#include "app/core/typeset/frames.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 2.0 /* seconds */
#define PICTURE_FPS 16
#define STATE_MAX ((gsize)512 << 20) /* pictures larger than this are made again on resume */

typedef struct {
  Infographic *r;
  KlLedger *ledger;  /* NULL: a pipe */
  GByteArray *state; /* the generated pictures, as they lie in the ledger */
  KlFileSink *sink;
  KlEncoder *encoder;
  GChecksum *sum;
  gint64 total, per_chunk, committed;
  bool made; /* nothing was at the path before */
} Video;

/* ---- pictures in the ledger ---- */

static void pack(Video *v) {
  const Infographic *r = v->r;
  v->state = g_byte_array_new();
  for (guint i = 0; i < r->ids->len; i++) {
    const KlPixels *p = g_hash_table_lookup(r->pictures, r->ids->pdata[i]);
    gint32 head[3] = {p->width, p->height, p->frames};
    g_byte_array_append(v->state, (const guint8 *)head, sizeof head);
    g_byte_array_append(v->state, p->rgb, (guint)((gsize)p->width * (gsize)p->height * 3 * (gsize)p->frames));
    if (v->state->len > STATE_MAX) {
      g_byte_array_set_size(v->state, 0);
      return;
    }
  }
}

/* Back from the ledger: the same elements in the same order; false: they are made again. */
static bool unpack(Infographic *r, const guint8 *data, gsize n) {
  gsize at = 0;
  for (guint i = 0; i < r->o->layout->elements->len; i++) {
    const KlElement *e = r->o->layout->elements->pdata[i];
    const KlBriefItem *it = e->item ? kl_brief_item(r->o->brief, e->item) : NULL;
    bool made = it && (e->type == KL_EL_PICTURE || e->type == KL_EL_BACKGROUND) && !it->image && it->text &&
                *it->text;
    gint32 head[3];
    if (!made) continue;
    if (n - at < sizeof head) return false;
    memcpy(head, data + at, sizeof head);
    at += sizeof head;
    if (head[0] < 1 || head[1] < 1 || head[2] < 1 || head[0] > 16384 || head[1] > 16384) return false;
    gsize bytes = (gsize)head[0] * (gsize)head[1] * 3 * (gsize)head[2];
    if (n - at < bytes) return false;
    KlPixels *p = g_new(KlPixels, 1);
    *p = (KlPixels){head[0], head[1], head[2], g_memdup2(data + at, bytes)};
    at += bytes;
    g_hash_table_insert(r->pictures, g_strdup(e->id), p);
  }
  return at == n;
}

/* ---- the ledger ---- */

static bool begin_ledger(Video *v, const char *path, GError **error) {
  const KlInfographicOptions *o = v->r->o;
  g_autofree char *output = g_canonicalize_filename(o->output, NULL),
                  *shown = g_filename_display_name(output);
  KlLedgerJob job = {v->r->job,
                     (char *)(o->model ? o->model : "none"),
                     (char *)"infographic",
                     (char *)KL_VERSION,
                     (char *)"typeset",
                     shown,
                     0,
                     v->total,
                     (int)((v->total + v->per_chunk - 1) / v->per_chunk),
                     0};
  if (!o->overwrite && g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_autoptr(KlLedger) old = kl_ledger_open(path, error);
    if (!old) return false;
    if (kl_ledger_begun(old))
      return kl_gfail(
          error, KL_ERROR_EXISTS,
          "%s is an unfinished render (%d of %d chunks are done): --resume goes on, -y begins again", shown,
          kl_ledger_chunks(old), kl_ledger_job(old)->chunks);
  }
  if (!o->overwrite && kl_job_output_exists(o->output))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists already: -y overwrites it", shown);
  v->ledger = kl_ledger_create(path, &job, error);
  return v->ledger != NULL;
}

/* *first: the chunk to go on with. */
static bool adopt_ledger(Video *v, const char *path, int *first, gint64 *offset, GError **error) {
  const KlInfographicOptions *o = v->r->o;
  g_autofree char *shown = g_filename_display_name(o->output);
  bool missing;
  void *state = NULL;
  gsize n = 0;
  if (!(v->ledger = kl_ledger_open(path, error))) return false;
  if (strcmp(kl_ledger_job(v->ledger)->spec, v->r->job))
    return kl_gfail(error, KL_ERROR_USAGE,
                    "the unfinished render of %s was asked for differently (-y begins again)", shown);
  *first = kl_job_output_intact(o->output, v->ledger, &missing, o->cancel, error);
  if (*first < 0) return false;
  if (*first == 0 && !missing && kl_ledger_chunks(v->ledger) > 0 && !o->overwrite)
    return kl_gfail(error, KL_ERROR_EXISTS,
                    "%s is not the file that this render was writing: move it away, or -y overwrites it",
                    shown);
  KlLedgerChunk row;
  if (*first > 0) {
    if (!kl_ledger_chunk(v->ledger, *first - 1, &row, error)) return false;
    *offset = row.offset;
  }
  if (!kl_ledger_state(v->ledger, &state, &n, error)) return false;
  if (state && !unpack(v->r, state, n)) g_hash_table_remove_all(v->r->pictures);
  g_free(state);
  v->r->result->resumed_from = *first;
  return true;
}

static bool commit(Video *v, int chunk, gint64 first_frame, int frames, GError **error) {
  static const float none = 0;
  gint64 offset = kl_file_sink_offset(v->sink);
  v->committed = offset;
  if (!v->ledger) return true;
  if (chunk < kl_ledger_chunks(v->ledger))
    return kl_ledger_move(v->ledger, chunk, offset, g_checksum_get_string(v->sum), error);
  KlLedgerChunk row = {.index = chunk,
                       .first_frame = first_frame,
                       .frames = frames,
                       .latent_frames = 1,
                       .channels = 1,
                       .height = 1,
                       .width = 1,
                       .latents = &none,
                       .prompt = "",
                       .offset = offset};
  g_strlcpy(row.sha256, g_checksum_get_string(v->sum), sizeof row.sha256);
  return kl_ledger_commit(v->ledger, &row, v->state->len ? v->state->data : NULL, v->state->len, error);
}

/* ---- frames ---- */

static bool counted(void *user, const void *data, size_t n, KlErr *err) {
  Video *v = user;
  KlSink to = kl_file_sink(v->sink);
  g_checksum_update(v->sum, data, (gssize)n);
  return to.write(to.user, data, n, err);
}

static bool open_output(Video *v, const KlFrames *f, gint64 offset, GError **error) {
  Infographic *r = v->r;
  KlErr err = KL_ERR_INIT;
  KlEncodeSpec spec = KL_ENCODE_SPEC_INIT;
  spec.container = r->container;
  if (r->o->codec && !kl_codec_parse(r->o->codec, &spec.codec))
    return kl_gfail(error, KL_ERROR_USAGE, "there is no codec '%.40s': it is auto, h264, vp9, av1 or mpeg4",
                    r->o->codec);
  kl_frames_size(f, &spec.width, &spec.height);
  spec.fps_num = r->fps_num;
  spec.fps_den = r->fps_den;
  spec.total_frames = v->total;
  spec.crf = (int)r->o->crf;
  if (r->o->provenance) infographic_tags(r, &spec.tags);
  v->made = strcmp(r->o->output, "-") && access(r->o->output, F_OK) != 0;
  if (!kl_encoder_check(&spec, &err) || !kl_file_sink_open(r->o->output, offset, &v->sink, &err) ||
      !kl_encoder_open(&spec, (KlSink){counted, v}, r->o->cancel, &v->encoder, &err))
    return kl_gerr(error, &err);
  v->committed = offset;
  return true;
}

static bool one_chunk(Video *v, KlFrames *f, int chunk, GError **error) {
  gint64 from = chunk * v->per_chunk, to = MIN(from + v->per_chunk, v->total);
  KlErr err = KL_ERR_INIT;
  g_checksum_reset(v->sum);
  if (!kl_encoder_chunk_begin(v->encoder, chunk, from, &err)) return kl_gerr(error, &err);
  for (gint64 i = from; i < to; i++) {
    if (kl_cancelled(v->r->o->cancel)) return kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
    if (!kl_encoder_push_rgb8(v->encoder, kl_frames_draw(f, i), &err)) return kl_gerr(error, &err);
    v->r->now.frames_done = i + 1;
    infographic_progress(v->r, (double)(i + 1) / (double)v->total);
  }
  if (!kl_encoder_chunk_end(v->encoder, &err) || !kl_file_sink_sync(v->sink, &err))
    return kl_gerr(error, &err);
  if (!commit(v, chunk, from, (int)(to - from), error)) return false;
  v->r->now.chunk = chunk;
  v->r->now.bytes = v->committed;
  infographic_tell(v->r, KL_EVENT_CHUNK, NULL);
  return true;
}

static bool render(Video *v, int first, gint64 offset, GError **error) {
  Infographic *r = v->r;
  KlErr err = KL_ERR_INIT;
  int chunks = (int)((v->total + v->per_chunk - 1) / v->per_chunk);
  if (!infographic_pictures(r, error)) return false;
  pack(v);
  if (v->ledger && first == 0 && !kl_ledger_chunks(v->ledger) && v->state->len &&
      !kl_ledger_save(v->ledger, v->state->data, v->state->len, error))
    return false;
  g_autoptr(KlScene) s = infographic_scene(r, error);
  if (!s) return false;
  KlFrames *f = kl_frames_new(s, r->scale, r->seconds, (double)r->fps_num / r->fps_den, PICTURE_FPS);
  r->now.chunks = chunks;
  r->now.frames = v->total;
  bool ok = open_output(v, f, offset, error);
  for (int i = first; ok && i < chunks; i++) ok = one_chunk(v, f, i, error);
  if (ok && (!kl_encoder_finish(v->encoder, &err) || !kl_file_sink_sync(v->sink, &err)))
    ok = kl_gerr(error, &err);
  if (ok) r->result->bytes = kl_file_sink_offset(v->sink);
  kl_frames_free(f);
  return ok;
}

/* After an error the file ends with its last whole chunk. */
static void leave(Video *v, bool ok) {
  const char *path = v->r->o->output;
  bool opened = v->sink != NULL, file = strcmp(path, "-") != 0;
  kl_encoder_free(&v->encoder);
  kl_file_sink_close(&v->sink, NULL);
  if (ok || !opened || !file) return;
  struct stat st;
  if (stat(path, &st) || !S_ISREG(st.st_mode)) return;
  if (v->committed == 0 && v->made)
    unlink(path);
  else if (truncate(path, v->committed))
    return; /* resuming cuts it */
}

bool infographic_video(Infographic *r, GError **error) {
  const KlInfographicOptions *o = r->o;
  Video v = {.r = r, .sum = g_checksum_new(G_CHECKSUM_SHA256)};
  double fps = (double)r->fps_num / r->fps_den;
  g_autofree char *path = kl_ledger_path(o->output);
  int first = 0;
  gint64 offset = 0;
  bool pipe = !strcmp(o->output, "-"), ok = true;
  v.total = MAX(1, (gint64)(r->seconds * fps + 0.5));
  v.per_chunk = MAX(1, (gint64)(CHUNK * fps + 0.5));
  r->result->frames = v.total;
  if (!pipe) ok = kl_job_output_check(o->output, error);
  bool resume = ok && o->resume && g_file_test(path, G_FILE_TEST_EXISTS);
  if (ok && o->resume && !resume && kl_job_output_exists(o->output)) {
    r->result->already_finished = true;
  } else if (ok) {
    if (!pipe) ok = resume ? adopt_ledger(&v, path, &first, &offset, error) : begin_ledger(&v, path, error);
    ok = ok && render(&v, first, offset, error);
    leave(&v, ok);
  }
  if (ok && v.ledger)
    kl_ledger_remove(g_steal_pointer(&v.ledger));
  else if (v.ledger && !kl_ledger_begun(v.ledger))
    kl_ledger_remove(g_steal_pointer(&v.ledger));
  kl_ledger_close(v.ledger);
  if (v.state) g_byte_array_unref(v.state);
  g_checksum_free(v.sum);
  return ok;
}
