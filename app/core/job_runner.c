#include "app/core/job_runner.h"

#include "app/core/job_output.h"
#include "app/core/job_progress.h"
#include "app/core/project/media_facts.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/stream/chunks.h"

#include <string.h>

/* States up to this size are stored after every chunk; beyond it the latents are replayed instead. */
#define STATE_MAX ((size_t)256 << 20)
/* A clip that is sampled as a whole saves its state this often, in microseconds. */
#define CLIP_SAVE_EVERY (2 * G_USEC_PER_SEC)

typedef struct {
  const KlRunOptions *how;
  KlRunResult *result;
  KlJobPlan *plan;
  KlLedger *ledger; /* NULL: none (a pipe, a still) */
  KlJobOutput out;
  KlJobProgress progress;
  KlProgressSink sink;
  KlT2v *t2v;
  void *state; /* reused from chunk to chunk */
  size_t state_cap;
  gint64 saved; /* when the clip's state was saved last */
  gint64 chunk_began;
  gint64 thumb_frame; /* the one whose picture stands for the chunk, in a project */
  GBytes *thumbnail;
  bool onward;       /* the ledger has a run to go on with */
  bool branched;     /* chunks of a parent were taken over, none of it is in the output yet */
  bool quiet_frames; /* decode only to rebuild the decoder's history */
} Run;

static bool cancelled(const Run *r, GError **error) {
  return kl_cancelled(r->how->cancel) && !kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
}

static bool on_frame(void *user, int64_t index, const float *rgb, KlErr *err) {
  Run *r = user;
  int w = (int)r->plan->job->width, h = (int)r->plan->job->height;
  if (r->quiet_frames) return true;
  if (!kl_job_output_push(&r->out, rgb, (size_t)w * (size_t)h * 3, err)) return false;
  if (index == r->thumb_frame) {
    g_clear_pointer(&r->thumbnail, g_bytes_unref);
    r->thumbnail = kl_thumbnail_f32(rgb, w, h, KL_CHUNK_THUMB);
  }
  if (r->how->frame) r->how->frame(r->how->user, index, rgb, w, h);
  r->progress.now.frames_done = index + 1;
  return true;
}

/* Decodes the chunk at hand into the output. */
static bool write_chunk(Run *r, const KlChunk *c, gint64 *offset, char sha256[65], KlErr *err) {
  r->thumb_frame = r->how->render ? c->first_frame + c->frames / 2 : -1;
  return kl_job_output_chunk_begin(&r->out, c->index, c->first_frame, err) &&
         kl_t2v_decode(r->t2v, on_frame, r, r->how->cancel, &r->sink, err) &&
         kl_job_output_chunk_end(&r->out, offset, sha256, err);
}

/* The state as bytes; *n 0: too large, or no memory for it - replay will do. */
static void take_state(Run *r, size_t *n) {
  KlErr err = KL_ERR_INIT;
  *n = kl_t2v_state_bytes(r->t2v);
  if (*n > STATE_MAX) {
    *n = 0;
    return;
  }
  if (*n > r->state_cap) {
    g_free(r->state);
    r->state = g_try_malloc(*n);
    r->state_cap = r->state ? *n : 0;
  }
  if (!r->state || !kl_t2v_save(r->t2v, r->state, *n, &err)) *n = 0;
}

static const char *prompt_of(const KlJobSpec *j, gint64 frame) {
  const char *text = "";
  for (guint i = 0; i < j->prompts->len && g_array_index(j->prompts, KlJobPrompt, i).from_frame <= frame; i++)
    text = g_array_index(j->prompts, KlJobPrompt, i).text;
  return text;
}

static bool commit_chunk(Run *r, const KlChunk *c, gint64 offset, const char *sha256, double seconds,
                         GError **error) {
  KlLedgerChunk row = {.index = c->index,
                       .first_frame = c->first_frame,
                       .frames = c->frames,
                       .latent_frames = c->latent_frames,
                       .channels = c->channels,
                       .height = c->height,
                       .width = c->width,
                       .latents = c->latents,
                       .prompt = prompt_of(r->plan->job, c->first_frame),
                       .drift_mean = c->drift_mean,
                       .drift_var = c->drift_var,
                       .offset = offset,
                       .seconds = seconds,
                       .thumbnail = r->thumbnail};
  size_t n = 0;
  g_strlcpy(row.sha256, sha256, sizeof row.sha256);
  if (!r->ledger) return true;
  take_state(r, &n);
  return kl_ledger_commit(r->ledger, &row, n ? r->state : NULL, n, error);
}

static void note_drift(Run *r, double mean, double var) {
  double pair[2] = {mean, var};
  g_array_append_vals(r->result->drift, pair, 1);
}

static void tell_chunk(Run *r, int index, double mean, double var, double seconds) {
  KlEvent *e = &r->progress.now;
  e->chunk = index;
  e->drift_mean = mean;
  e->drift_var = var;
  e->chunk_s = seconds;
  e->bytes = r->out.sink ? kl_file_sink_offset(r->out.sink) : 0;
  e->fraction = MAX(e->fraction,
                    r->progress.whole_clip ? e->fraction : (double)(index + 1) / MAX(r->plan->t2v.chunks, 1));
  kl_job_progress_send(&r->progress, KL_EVENT_CHUNK, NULL);
}

static bool finish_chunk(Run *r, const KlChunk *c, GError **error) {
  KlErr err = KL_ERR_INIT;
  gint64 offset;
  char sum[65];
  if (!write_chunk(r, c, &offset, sum, &err)) return kl_gerr(error, &err);
  double seconds = (double)(g_get_monotonic_time() - r->chunk_began) / 1e6;
  if (!commit_chunk(r, c, offset, sum, seconds, error)) return false;
  r->out.committed = offset;
  note_drift(r, c->drift_mean, c->drift_var);
  tell_chunk(r, c->index, c->drift_mean, c->drift_var, seconds);
  return true;
}

static bool sample_all(Run *r, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlChunk c;
  for (;;) {
    if (!r->progress.whole_clip || !r->chunk_began) r->chunk_began = g_get_monotonic_time();
    if (cancelled(r, error)) return false;
    if (!kl_t2v_sample(r->t2v, &c, r->how->cancel, &r->sink, &err)) return kl_gerr(error, &err);
    if (c.partial) {
      gint64 now = g_get_monotonic_time();
      size_t n = 0;
      r->progress.whole_clip = true;
      if (!r->ledger || now - r->saved < CLIP_SAVE_EVERY) continue;
      take_state(r, &n);
      if (n && !kl_ledger_save(r->ledger, r->state, n, error)) return false;
      r->saved = g_get_monotonic_time();
      continue;
    }
    if (!c.frames) return true;
    if (!finish_chunk(r, &c, error)) return false;
    r->chunk_began = g_get_monotonic_time();
  }
}

/* The pipeline reads as many values as it has planned. */
static bool has_shape(const Run *r, const KlLedgerChunk *c) {
  const KlT2vPlan *p = &r->plan->t2v;
  KlSpan span = kl_chunk_span(r->plan->job->frames, p->chunk_latents, c->index);
  return c->channels == p->channels && c->height == p->height && c->width == p->width &&
         c->latent_frames == span.latents;
}

/* Chunks that the ledger has go through the pipeline again: those from `write_from` on into the output, the
 * earlier ones (only if the state is gone) for the decoder's history and the caches. */
static bool replay(Run *r, int write_from, bool rebuild, GError **error) {
  for (int i = 0; i < kl_ledger_chunks(r->ledger); i++) {
    KlErr err = KL_ERR_INIT;
    KlLedgerChunk row;
    KlChunk c;
    gint64 offset;
    char sum[65];
    if (cancelled(r, error) || !kl_ledger_chunk(r->ledger, i, &row, error)) return false;
    if (!has_shape(r, &row)) return kl_gfail(error, KL_ERROR_INPUT, "the ledger does not belong to this job");
    if (!kl_t2v_replay(r->t2v, row.latents, rebuild, &c, r->how->cancel, &err)) return kl_gerr(error, &err);
    if (c.frames != row.frames || c.first_frame != row.first_frame)
      return kl_gfail(error, KL_ERROR_INPUT, "the ledger does not belong to this job");
    r->quiet_frames = i < write_from;
    if (r->quiet_frames) {
      if (!kl_t2v_decode(r->t2v, on_frame, r, r->how->cancel, &r->sink, &err)) return kl_gerr(error, &err);
      continue;
    }
    if (!write_chunk(r, &c, &offset, sum, &err)) return kl_gerr(error, &err);
    if (!kl_ledger_move(r->ledger, i, offset, sum, error)) return false;
    r->out.committed = offset;
  }
  r->quiet_frames = false;
  return true;
}

/* Brings pipeline and output to where the ledger stands. `intact`: chunks that are in the file as recorded.
 */
static bool go_on(Run *r, int intact, GError **error) {
  KlErr err = KL_ERR_INIT;
  int done = kl_ledger_chunks(r->ledger);
  void *state = NULL;
  size_t n = 0;
  bool ok = kl_ledger_state(r->ledger, &state, &n, error);
  if (ok && done > 0 && (!state || intact < done)) ok = replay(r, intact, !state, error);
  if (ok && state && !kl_t2v_load(r->t2v, state, n, &err)) ok = kl_gerr_input(error, &err);
  g_free(state);
  for (int i = 0; ok && i < done; i++) {
    KlLedgerChunk row;
    ok = kl_ledger_chunk(r->ledger, i, &row, error);
    if (ok) note_drift(r, row.drift_mean, row.drift_var);
  }
  return ok;
}

static void on_word(void *user, const char *word) {
  Run *r = user;
  kl_job_progress_send(&r->progress, KL_EVENT_WORD, word);
}

static bool open_pipeline(Run *r, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlModelFiles files;
  kl_model_files(r->plan->model, &files);
  if (!kl_t2v_open(&files, &r->plan->params, r->plan->backend, on_word, r, r->how->cancel, &r->sink, &r->t2v,
                   &err))
    return kl_gerr_input(error, &err);
  const KlJobPlan *p = r->plan;
  guint64 limit = p->job->memory ? p->job->memory : p->memory_available;
  if (r->how->preview && (!limit || p->t2v.peak_bytes + p->t2v.preview_bytes <= limit))
    kl_t2v_set_preview(r->t2v, r->how->preview, r->how->user);
  r->result->load_seconds = (double)(g_get_monotonic_time() - r->progress.began) / 1e6;
  return true;
}

/* ---- where to start ---- */

/* What the bytes depend on besides the job: the model's files and the pixels of --image. A new string. */
static char *identity_of(Run *r, GError **error) {
  const KlJobPlan *p = r->plan;
  g_autofree char *model = kl_model_identity(p->model, r->how->cancel, error);
  if (!model || !kl_job_plan_load_image(r->plan, r->how->cancel, error)) return NULL;
  if (!p->first_frame) return g_steal_pointer(&model);
  size_t n = (size_t)p->job->width * (size_t)p->job->height * 3 * sizeof *p->first_frame;
  g_autofree char *image = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)p->first_frame, n);
  return g_strconcat(model, " ", image, NULL);
}

/* A ledger of its own, or the run of a render in a project. */
static bool new_ledger(Run *r, const char *path, GError **error) {
  g_autofree char *spec = kl_job_serialise(r->plan->job, false), *identity = identity_of(r, error);
  g_autofree char *output = g_canonicalize_filename(r->how->output, NULL);
  g_autofree char *shown = g_filename_display_name(output);
  if (!identity) return false;
  KlLedgerJob job = {spec,
                     r->plan->model->name,
                     identity,
                     KL_VERSION,
                     r->plan->device,
                     shown,
                     r->plan->memory_budget,
                     r->plan->job->frames,
                     r->plan->t2v.chunks,
                     r->plan->t2v.chunk_latents};
  if (!r->how->render) return (r->ledger = kl_ledger_create(path, &job, error)) != NULL;
  gint64 parent = r->how->from_chunk > 0 ? r->how->parent : 0;
  if (parent && r->plan->t2v.whole_clip) {
    parent = 0;
    kl_job_progress_send(&r->progress, KL_EVENT_NOTE,
                         "this model makes a video as a whole, so every chunk is made again");
  }
  if (!kl_ledger_begin(r->ledger, &job, parent, r->how->from_chunk, error)) return false;
  r->branched = kl_ledger_chunks(r->ledger) > 0;
  return true;
}

/* An unfinished render of this output must not be thrown away without being asked. */
static bool may_begin(const Run *r, const char *path, GError **error) {
  g_autofree char *shown = g_filename_display_name(r->how->output);
  g_autoptr(GError) e = NULL;
  if (r->how->overwrite) return true;
  if (g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_autoptr(KlLedger) old = kl_ledger_open(path, &e);
    if (!old && g_error_matches(e, KL_ERROR, KL_ERROR_BUSY)) {
      g_propagate_error(error, g_steal_pointer(&e));
      return false;
    }
    if (!old)
      return kl_gfail(error, KL_ERROR_INPUT,
                      "an unfinished render of %s cannot be read (%s): -y begins again", shown, e->message);
    if (kl_ledger_begun(old))
      return kl_gfail(
          error, KL_ERROR_EXISTS,
          "%s is an unfinished render (%d of %d chunks are done): --resume goes on, -y begins again", shown,
          kl_ledger_chunks(old), kl_ledger_job(old)->chunks);
  }
  if (strcmp(r->how->output, "-") && kl_job_output_exists(r->how->output))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists already: -y overwrites it", shown);
  return true;
}

/* --resume without a ledger: finished long ago, or not begun yet. */
static bool nothing_unfinished(Run *r, const KlJobSpec *asked, bool *done, GError **error) {
  g_autofree char *shown = g_filename_display_name(r->how->output);
  g_autofree char *what = NULL;
  *done = false;
  if (kl_job_output_exists(r->how->output)) {
    g_autoptr(KlJobSpec) inside = kl_job_load(r->how->output, NULL);
    if (inside && kl_job_differs(asked, inside, &what))
      return kl_gfail(error, KL_ERROR_EXISTS,
                      "nothing to resume: %s is finished, and was made differently: %s", shown, what);
    *done = r->result->already_finished = true; /* without a job inside it must be believed */
    r->result->job = g_steal_pointer(&inside);
    return true;
  }
  if (asked->prompts->len || asked->image) return true; /* begin */
  return kl_gfail(error, KL_ERROR_INPUT, "nothing to resume: there is no unfinished render of %s", shown);
}

/* Goes on with the run that the ledger has. */
static bool adopt_ledger(Run *r, const KlJobSpec *asked, GError **error) {
  g_autofree char *what = NULL, *shown = g_filename_display_name(r->how->output);
  const KlLedgerJob *lj = kl_ledger_job(r->ledger);
  g_autoptr(KlJobSpec) then = kl_job_parse(lj->spec, strlen(lj->spec), "the ledger", error);
  if (!then) return false;
  if (kl_job_differs(asked, then, &what))
    return kl_gfail(error, KL_ERROR_USAGE,
                    "the unfinished render of %s was asked for differently: %s (-y begins again)", shown,
                    what);
  if (!(r->plan = kl_job_plan_new(asked, r->how->output, lj, error))) return false;
  g_autofree char *identity = identity_of(r, error);
  if (!identity) return false;
  if (strcmp(identity, lj->identity)) {
    bool model = strncmp(identity, lj->identity, 64) != 0;
    return kl_gfail(error, KL_ERROR_INPUT, "the %s '%s' is not the one that this render was begun with",
                    model ? "model" : "picture", model ? r->plan->model->name : r->plan->job->image);
  }
  if (r->plan->t2v.chunks != lj->chunks || r->plan->job->frames != lj->frames)
    return kl_gfail(
        error, KL_ERROR_INPUT,
        "the render of %s was begun by another version (%s) that divides it otherwise: -y begins again",
        shown, lj->engine);
  if (strcmp(r->plan->device, lj->device) || strcmp(lj->engine, KL_VERSION)) {
    g_autofree char *text =
        g_strdup_printf("begun on %s (%s), goes on on %s (%s): the bytes may differ from an unbroken run",
                        lj->device, lj->engine, r->plan->device, KL_VERSION);
    kl_job_progress_send(&r->progress, KL_EVENT_NOTE, text);
  }
  return true;
}

/* How much of the file is there; a file that is not ours is not touched. */
static bool survey(Run *r, int *intact, gint64 *offset, GError **error) {
  g_autofree char *shown = g_filename_display_name(r->how->output);
  bool missing;
  int done = kl_ledger_chunks(r->ledger);
  KlLedgerChunk row;
  *offset = 0;
  *intact = kl_job_output_intact(r->how->output, r->ledger, &missing, r->how->cancel, error);
  if (*intact < 0) return false;
  /* chunks that were taken over stand at 0 until they are in the output for the first time */
  if (done > 0 && !*intact && !kl_ledger_chunk(r->ledger, 0, &row, error)) return false;
  if (done > 0 && !*intact && r->how->render && row.offset == 0) r->branched = true;
  if (*intact > 0) {
    if (!kl_ledger_chunk(r->ledger, *intact - 1, &row, error)) return false;
    *offset = row.offset;
  } else if (!missing && done > 0 && !r->how->overwrite && !r->branched) {
    return kl_gfail(error, KL_ERROR_EXISTS,
                    "%s is not the file that this render was writing: move it away, or -y overwrites it",
                    shown);
  }
  if (*intact < done && !r->branched) {
    g_autofree char *text =
        g_strdup_printf("%s is %s; its %d finished chunk%s %s written again from the ledger", shown,
                        missing ? "gone" : "damaged", done - *intact, done - *intact == 1 ? "" : "s",
                        done - *intact == 1 ? "is" : "are");
    kl_job_progress_send(&r->progress, KL_EVENT_NOTE, text);
  }
  return true;
}

static bool prepare_in_project(Run *r, const KlJobSpec *asked, GError **error) {
  if (!kl_job_output_check(r->how->output, error) ||
      !(r->ledger = kl_ledger_in_project(r->how->ledger, r->how->render, error)))
    return false;
  r->onward = kl_ledger_has_run(r->ledger);
  if (r->onward) return adopt_ledger(r, asked, error);
  g_autofree char *shown = g_filename_display_name(r->how->output);
  if (!r->how->overwrite && kl_job_output_exists(r->how->output))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists already: -y overwrites it", shown);
  if (!(r->plan = kl_job_plan_new(asked, r->how->output, NULL, error)) || !new_ledger(r, NULL, error))
    return false;
  r->onward = r->branched;
  return true;
}

static bool prepare(Run *r, const KlJobSpec *asked, const char *path, bool *done, GError **error) {
  bool resume = r->how->resume;
  *done = false;
  if (r->how->render) return prepare_in_project(r, asked, error);
  if (resume && !g_file_test(path, G_FILE_TEST_EXISTS)) {
    if (!nothing_unfinished(r, asked, done, error)) return false;
    if (*done) return true;
    resume = false;
  }
  if (!kl_job_output_check(r->how->output, error)) return false;
  r->onward = resume;
  if (resume) return (r->ledger = kl_ledger_open(path, error)) && adopt_ledger(r, asked, error);
  if (!may_begin(r, path, error)) return false;
  if (!(r->plan = kl_job_plan_new(asked, r->how->output, NULL, error))) return false;
  bool none = !strcmp(r->how->output, "-") || r->plan->container == KL_CONTAINER_PNG;
  return none || new_ledger(r, path, error);
}

static bool run(Run *r, const KlJobSpec *asked, const char *path, GError **error) {
  bool done;
  int intact = 0;
  gint64 offset = 0;
  if (!prepare(r, asked, path, &done, error)) return false;
  if (done) return true;
  bool resumed = r->ledger && r->onward && kl_ledger_chunks(r->ledger) > 0;
  if (resumed && !survey(r, &intact, &offset, error)) return false;
  r->progress.now.frames = r->plan->job->frames;
  r->progress.now.chunks = r->plan->t2v.chunks;
  r->progress.now.plan = r->plan;
  kl_job_progress_send(&r->progress, KL_EVENT_PLAN, NULL);
  if (!kl_job_plan_load_image(r->plan, r->how->cancel, error) || !open_pipeline(r, error)) return false;
  if (!kl_job_output_open(&r->out, r->plan, r->how->output, offset, r->how->cancel, error)) return false;
  if (resumed && !r->branched) r->result->resumed_from = kl_ledger_chunks(r->ledger);
  if (r->ledger && r->onward && !go_on(r, intact, error)) return false;
  int first = r->ledger ? kl_ledger_chunks(r->ledger) : 0;
  if (first > 0) r->out.dark = false; /* what came before is not known */
  kl_job_progress_work(&r->progress, first, r->plan->t2v.chunks);
  gint64 began = g_get_monotonic_time();
  if (!sample_all(r, error)) return false;
  double took = (double)(g_get_monotonic_time() - began) / 1e6;
  if (first == 0 && took > 0.2) {
    g_autofree char *key = g_strconcat(r->plan->model->name, " ", r->plan->t2v.family, NULL);
    kl_speed_note(r->plan->device, key, r->plan->t2v.flops_total / took);
  }
  if (r->out.dark)
    return kl_gfail(error, KL_ERROR_FORMAT, "every frame is black: the model or its settings do not fit");
  r->result->bytes = r->out.sink ? kl_file_sink_offset(r->out.sink) : 0;
  if (!kl_job_output_finish(&r->out, error)) return false;
  return !r->how->render || kl_ledger_finish(r->ledger, error);
}

/* Says what is safe when a render ends early. */
static void add_comfort(const Run *r, GError **error) {
  int done = r->ledger ? kl_ledger_chunks(r->ledger) : 0;
  if (!error || !*error || !done || !r->t2v) return;
  if (g_error_matches(*error, KL_ERROR, KL_ERROR_CANCELLED) ||
      g_error_matches(*error, KL_ERROR, KL_ERROR_IO)) {
    char *text = g_strdup_printf("%s; %d of %d chunks are safe%s", (*error)->message, done,
                                 r->plan->t2v.chunks, r->how->render ? "" : ", --resume goes on");
    g_free((*error)->message);
    (*error)->message = text;
  }
}

bool kl_job_run(const KlJobSpec *asked, const KlRunOptions *how, KlRunResult *out, GError **error) {
  Run r = {.how = how, .result = out};
  g_autofree char *path = how->ledger ? g_strdup(how->ledger) : kl_ledger_path(how->output);
  *out = (KlRunResult){.resumed_from = -1,
                       .output = g_strdup(how->output),
                       .drift = g_array_new(FALSE, FALSE, 2 * sizeof(double))};
  if (how->resume && !strcmp(how->output, "-"))
    return kl_gfail(error, KL_ERROR_USAGE, "standard output cannot be resumed: give -o FILE");
  kl_job_progress_init(&r.progress, how);
  r.sink = kl_job_progress_sink(&r.progress);
  bool ok = run(&r, asked, path, error);
  if (ok && r.out.sink == NULL && r.plan && r.out.encoder) {
    struct stat st;
    if (!r.out.pipe && !stat(how->output, &st) && S_ISREG(st.st_mode)) out->bytes = st.st_size;
  }
  if (!ok) add_comfort(&r, error);
  if (!ok) kl_job_output_abandon(&r.out);
  if (r.plan) {
    out->frames = r.plan->job->frames;
    out->chunks = r.plan->t2v.chunks;
    g_clear_pointer(&out->job, kl_job_free);
    out->job = kl_job_copy(r.plan->job);
  }
  kl_t2v_free(&r.t2v);
  kl_job_output_clear(&r.out);
  if (how->render) /* what is there stays */
    kl_ledger_close(g_steal_pointer(&r.ledger));
  else if (ok && r.ledger && !how->keep_ledger)
    kl_ledger_remove(g_steal_pointer(&r.ledger));
  else if (!ok && r.ledger && kl_ledger_chunks(r.ledger) == 0 && error && *error &&
           !g_error_matches(*error, KL_ERROR, KL_ERROR_IO) &&
           !g_error_matches(*error, KL_ERROR, KL_ERROR_CANCELLED) && !how->resume)
    kl_ledger_remove(g_steal_pointer(&r.ledger)); /* nothing in it is worth keeping */
  kl_ledger_close(r.ledger);
  g_free(r.state);
  g_clear_pointer(&r.thumbnail, g_bytes_unref);
  kl_job_plan_free(r.plan);
  out->seconds = (double)(g_get_monotonic_time() - r.progress.began) / 1e6;
  out->peak_bytes = kl_mem_peak_rss();
  return ok;
}

void kl_run_result_clear(KlRunResult *r) {
  kl_job_free(r->job);
  g_free(r->output);
  if (r->drift) g_array_unref(r->drift);
  *r = (KlRunResult){0};
}
