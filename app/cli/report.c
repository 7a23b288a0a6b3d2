#include "app/cli/render.h"
#include "app/core/near.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *number_or_null(double v) {
  return v >= 0 ? json_real(v) : json_null();
}

static void event_json(const KlEvent *e) {
  bool chunk = e->kind == KL_EVENT_CHUNK;
  json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:o, s:f, s:I, s:I, s:I, s:I}", "event",
                        chunk ? "chunk" : "progress", "phase", chunk ? "mux" : kl_phase_name(e->phase),
                        "chunk", e->chunk, "chunks", e->chunks, "step", e->step, "steps", e->steps,
                        "fraction", e->fraction, "eta_s", number_or_null(e->eta_s), "elapsed_s", e->elapsed_s,
                        "frames_done", (json_int_t)e->frames_done, "frames", (json_int_t)e->frames, "bytes",
                        (json_int_t)e->bytes, "peak_bytes", (json_int_t)e->peak_bytes);
  if (chunk) {
    json_object_set_new(o, "drift_mean", json_real(e->drift_mean));
    json_object_set_new(o, "drift_var", json_real(e->drift_var));
    json_object_set_new(o, "chunk_s", json_real(e->chunk_s));
  }
  cli_event_json(o);
}

static void draw(const KlEvent *e) {
  static const char *const doing[] = {"loading",  "reading the prompt", "reading the picture",
                                      "sampling", "decoding",           "writing"};
  char bar[21] = {0};
  int full = (int)(e->fraction * 20);
  for (int i = 0; i < 20; i++) bar[i] = i < full ? '#' : '.';
  g_autofree char *eta = e->eta_s >= 0 ? kl_seconds_text(e->eta_s) : NULL,
                  *size = kl_bytes_text((guint64)e->bytes);
  g_autofree char *chunk =
      e->chunks > 0 ? g_strdup_printf("chunk %d/%d ", MIN(e->chunk + 1, e->chunks), e->chunks) : g_strdup("");
  g_autofree char *step =
      e->phase == KL_PHASE_SAMPLE ? g_strdup_printf(" %d/%d", e->step + 1, e->steps) : g_strdup("");
  g_autofree char *line =
      g_strdup_printf("[%s] %3d%% %s%s%s%s%s%s%s", bar, (int)(e->fraction * 100), chunk, doing[e->phase],
                      step, eta ? ", " : "", eta ? eta : "", eta ? " left" : "", e->bytes ? ", " : "");
  g_autofree char *whole = e->bytes ? g_strconcat(line, size, NULL) : g_strdup(line);
  cli_bar(whole);
}

/* Each word of all that the model knows, once; free with g_strfreev. */
static char **known_words(const KlModel *m) {
  guint n;
  const KlModelWord *w = kl_model_words(m, &n);
  g_autofree char **phrases = g_new0(char *, n + 1);
  for (guint i = 0; i < n; i++) phrases[i] = (char *)w[i].text;
  return kl_phrase_words((char *const *const[]){phrases}, 1);
}

#define LONGEST_WORD 40 /* characters of an unknown word that are shown */

static void unknown_word(void *user, const char *word) {
  CliReport *r = user;
  g_autofree char *clean = g_utf8_make_valid(word, -1);
  if (g_utf8_strlen(clean, -1) > LONGEST_WORD) {
    g_autofree char *whole = g_steal_pointer(&clean), *head = g_utf8_substring(whole, 0, LONGEST_WORD);
    clean = g_strconcat(head, "\xE2\x80\xA6", NULL);
  }
  for (guint i = 0; i < r->words->len; i++)
    if (!strcmp(r->words->pdata[i], clean)) return;
  g_ptr_array_add(r->words, g_strdup(clean));
  if (r->words->len > 20) return; /* a long text in another language: enough was said */
  g_auto(GStrv) known = r->plan ? known_words(r->plan->model) : NULL;
  const char *near = known ? kl_near(clean, (const char *const *)known) : NULL;
  if (cli_out.progress == CLI_PROGRESS_JSON)
    cli_event_json(json_pack("{s:s, s:s, s:o}", "event", "unknown_word", "word", clean, "near",
                             near ? json_string(near) : json_null()));
  else if (near)
    cli_note("the model does not know the word \"%s\"; did you mean \"%s\"?", clean, near);
  else if (r->plan && r->plan->model->words[0][0])
    cli_note(
        "the model does not know the word \"%s\" (`kinoloom models show %s --words` lists those it knows)",
        clean, r->plan->model->name);
  else
    cli_note("the model does not know the word \"%s\"", clean);
}

void cli_report_event(void *user, const KlEvent *e) {
  CliReport *r = user;
  switch (e->kind) {
  case KL_EVENT_PLAN: {
    r->plan = e->plan;
    g_autofree char *peak = kl_bytes_text(e->plan->t2v.peak_bytes);
    cli_note("%s, %dx%d, %" G_GINT64_FORMAT " frame%s in %d chunk%s, seed %" G_GINT64_FORMAT
             ", %s, about %s of memory%s",
             e->plan->model->name, e->plan->params.width, e->plan->params.height, e->plan->job->frames,
             e->plan->job->frames == 1 ? "" : "s", e->plan->t2v.chunks, e->plan->t2v.chunks == 1 ? "" : "s",
             e->plan->job->seed, e->plan->backend->name, peak,
             e->plan->t2v.tiled ? " (decoded in tiles)" : "");
    break;
  }
  case KL_EVENT_WORD:
    unknown_word(r, e->text);
    break;
  case KL_EVENT_NOTE:
    cli_note("%s", e->text);
    break;
  case KL_EVENT_PROGRESS:
  case KL_EVENT_CHUNK:
    if (cli_out.progress == CLI_PROGRESS_JSON)
      event_json(e);
    else if (cli_out.progress == CLI_PROGRESS_BAR)
      draw(e);
    break;
  }
}

/* ---- the plan ---- */

static void plan_json(const KlJobPlan *p) {
  g_autofree char *job = kl_job_serialise(p->job, false);
  const KlT2vPlan *t = &p->t2v;
  cli_print_json(json_pack(
      "{s:o, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:f, s:b, s:i, s:i, s:i, s:{s:I, s:I, "
      "s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:b, s:I, s:f, s:b}",
      "job", json_loads(job, 0, NULL), "model", p->model->name, "family", t->family, "device",
      p->backend->name, "container", kl_container_name(p->container), "codec", kl_codec_name(p->codec),
      "frames", (json_int_t)p->job->frames, "chunks", t->chunks, "latent_frames",
      (json_int_t)t->latent_frames, "tokens_frame", (json_int_t)t->tokens_frame, "tokens_chunk",
      (json_int_t)t->tokens_chunk, "tokens", (json_int_t)(t->tokens_frame * t->latent_frames), "flops",
      t->flops_total, "tiled", (int)t->tiled, "enlarge", t->enlarge, "network_width", t->network_width,
      "network_height", t->network_height, "memory", "weights", (json_int_t)t->weights_bytes, "text",
      (json_int_t)t->text_bytes, "cache", (json_int_t)t->cache_bytes, "workspace",
      (json_int_t)t->workspace_bytes, "vae", (json_int_t)t->vae_bytes, "upscaler",
      (json_int_t)t->upscale_bytes, "peak", (json_int_t)t->peak_bytes, "device_memory", "total",
      (json_int_t)p->memory_total, "available", (json_int_t)p->memory_available, "fits", 1, "untiled_bytes",
      (json_int_t)p->untiled_bytes, "seconds", p->seconds, "measured", (int)p->measured));
}

static void row_bytes(const char *what, size_t bytes) {
  g_autofree char *s = kl_bytes_text(bytes);
  if (bytes) printf("    %-12s %s\n", what, s);
}

void cli_report_plan(CliReport *r, const KlJobPlan *p, bool json) {
  const KlT2vPlan *t = &p->t2v;
  const KlJobSpec *j = p->job;
  r->plan = p;
  kl_job_plan_unknown_words(p, unknown_word, r);
  if (json) {
    plan_json(p);
    return;
  }
  g_autofree char *length = kl_seconds_text((double)j->frames * j->fps_den / j->fps_num),
                  *peak = kl_bytes_text(t->peak_bytes), *free_now = kl_bytes_text(p->memory_available),
                  *untiled = kl_bytes_text(p->untiled_bytes), *time = kl_seconds_text(p->seconds),
                  *budget = kl_bytes_text(j->memory);
  printf("model      %s (%s)\n", p->model->name, t->family);
  printf("picture    %" G_GINT64_FORMAT "x%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
         " frames at %d/%d a second: %s\n",
         j->width, j->height, j->frames, j->fps_num, j->fps_den, length);
  if (t->enlarge > 1)
    printf("           made at %dx%d, enlarged %d times\n", t->network_width, t->network_height, t->enlarge);
  printf("output     %s, %s%s\n", kl_container_name(p->container), kl_codec_name(p->codec),
         j->provenance ? "" : ", without provenance");
  printf("sampling   %s, %" G_GINT64_FORMAT " steps, guidance %g, shift %g, seed %" G_GINT64_FORMAT "\n",
         j->solver, j->steps, j->guidance, j->shift, j->seed);
  printf("tokens     %" G_GINT64_FORMAT " a latent frame, %" G_GINT64_FORMAT
         " latent frames, %" G_GINT64_FORMAT " in view of a chunk\n",
         t->tokens_frame, t->latent_frames, t->tokens_chunk);
  printf("chunks     %d\n", t->chunks);
  printf("device     %s: %s\n", p->backend->name, p->backend->title);
  printf("memory     %s at its highest%s", peak, t->tiled ? "" : "\n");
  if (t->tiled) printf(", decoded in tiles (%s without)\n", untiled);
  row_bytes("weights", t->weights_bytes);
  row_bytes("text", t->text_bytes);
  row_bytes("cache", t->cache_bytes);
  row_bytes("workspace", t->workspace_bytes);
  row_bytes("decoding", t->vae_bytes);
  row_bytes("upscaling", t->upscale_bytes);
  if (j->memory)
    printf("           %s are allowed: fits\n", budget);
  else if (p->memory_available)
    printf("           %s are free: fits\n", free_now);
  printf("time       about %s (%s)\n", time,
         p->measured ? "by the speed of earlier renders here"
                     : "a rough guess: nothing was rendered here yet");
  g_autofree char *verdict = kl_job_plan_verdict(p);
  printf("verdict    %s\n", verdict);
}

/* ---- the result ---- */

static void result_json(const KlRunResult *r) {
  g_autofree char *job = r->job ? kl_job_serialise(r->job, false) : g_strdup("{}"),
                  *path = g_utf8_make_valid(r->output, -1);
  json_t *chunks = json_array(), *o;
  for (guint i = 0; i < r->drift->len; i++) {
    const double *d = (const double *)r->drift->data + 2 * i;
    json_array_append_new(
        chunks, json_pack("{s:i, s:f, s:f}", "chunk", (int)i, "drift_mean", d[0], "drift_var", d[1]));
  }
  o = json_pack(
      "{s:s, s:b, s:I, s:I, s:i, s:o, s:I, s:f, s:f, s:I, s:o, s:o}", "output", path, "already_finished",
      (int)r->already_finished, "bytes", (json_int_t)r->bytes, "frames", (json_int_t)r->frames, "chunks",
      r->chunks, "resumed_from", r->resumed_from >= 0 ? json_integer(r->resumed_from) : json_null(), "seed",
      (json_int_t)(r->job ? r->job->seed : 0), "seconds", r->seconds, "load_seconds", r->load_seconds,
      "peak_bytes", (json_int_t)r->peak_bytes, "drift", chunks, "job", json_loads(job, 0, NULL));
  cli_print_json(o);
}

/* The larger of both measures, over all chunks. */
static double most_drift(const KlRunResult *r) {
  double most = 0;
  for (guint i = 0; i < 2 * r->drift->len; i++) most = MAX(most, ((const double *)(void *)r->drift->data)[i]);
  return most;
}

void cli_report_result(const KlRunResult *r, bool json) {
  g_autofree char *time = kl_seconds_text(r->seconds), *peak = kl_bytes_text(r->peak_bytes);
  if (r->already_finished)
    cli_note("nothing to resume: this render is finished");
  else if (r->chunks > 1)
    cli_note("done in %s, at most %s of memory, drift at most %.2f", time, peak, most_drift(r));
  else
    cli_note("done in %s, at most %s of memory", time, peak);
  if (json)
    result_json(r);
  else if (strcmp(r->output, "-"))
    puts(r->output);
}
