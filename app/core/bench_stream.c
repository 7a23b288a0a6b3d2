/* The built-in model as a stream: how fast against real time, and where the time goes. Runs in this process,
 * so it comes after the cases that fork. */
#include "app/core/bench_internal.h"

#include "app/core/job_plan.h"
#include "engine/base/mem.h"
#include "engine/bench/bench.h"
#include "media/encode.h"

#include <time.h>

#define STREAM_LENGTH "105f" /* nine chunks, of which the first warms up */

static double clock_s(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
  KlEncoder *encoder;
  double encode; /* seconds */
} Out;

static bool swallow(void *user, const void *data, size_t n, KlErr *err) {
  return true;
}

static bool on_frame(void *user, int64_t index, const float *rgb, KlErr *err) {
  Out *o = user;
  double began = clock_s(CLOCK_MONOTONIC);
  bool ok = kl_encoder_push_f32(o->encoder, rgb, err);
  o->encode += clock_s(CLOCK_MONOTONIC) - began;
  return ok;
}

static KlJobPlan *plan_stream(int threads, GError **error) {
  g_autoptr(KlJobSpec) job = kl_job_new();
  g_autoptr(KlModel) m = kl_catalogue_find(NULL, error);
  g_autofree char *n = g_strdup_printf("%d", threads);
  const char *set[][2] = {
      {"length", STREAM_LENGTH}, {"steps", "4"}, {"guidance", "1"}, {"seed", "1"}, {"threads", n}};
  if (!m) return NULL;
  if (!kl_job_set_prompt(job, (KlTime){true, 0}, m->examples[0] ? m->examples[0] : "", error)) return NULL;
  for (size_t i = 0; i < G_N_ELEMENTS(set); i++)
    if (!kl_job_set(job, set[i][0], set[i][1], error)) return NULL;
  return kl_job_plan_new(job, "stream.mp4", NULL, error);
}

/* One chunk, its frames through the encoder; c->frames 0: there is none left. */
static bool make_chunk(KlT2v *t, Out *o, double *sample, KlChunk *c, const KlCancel *cancel, KlErr *err) {
  double began = clock_s(CLOCK_MONOTONIC);
  if (!kl_t2v_sample(t, c, cancel, NULL, err)) return false;
  *sample += clock_s(CLOCK_MONOTONIC) - began;
  if (!c->frames) return true;
  return kl_encoder_chunk_begin(o->encoder, c->index, c->first_frame, err) &&
         kl_t2v_decode(t, on_frame, o, cancel, NULL, err) && kl_encoder_chunk_end(o->encoder, err);
}

static bool stream(const KlJobPlan *p, double ceiling_per_cpu, KlBenchRow *row, const KlCancel *cancel,
                   KlErr *err) {
  KlModelFiles files;
  KlT2v *t = NULL;
  KlChunk c;
  Out o = {0};
  KlEncodeSpec spec = KL_ENCODE_SPEC_INIT;
  spec.container = p->container;
  spec.codec = p->codec;
  spec.width = (int)p->job->width;
  spec.height = (int)p->job->height;
  spec.fps_num = p->job->fps_num;
  spec.fps_den = p->job->fps_den;
  spec.total_frames = p->job->frames;
  kl_model_files(p->model, &files);
  bool ok = kl_t2v_open(&files, &p->params, p->backend, NULL, NULL, cancel, NULL, &t, err) &&
            kl_encoder_open(&spec, (KlSink){swallow, NULL}, cancel, &o.encoder, err) &&
            make_chunk(t, &o, &row->sample_seconds, &c, cancel, err);
  double warm = ok ? kl_t2v_upscale_seconds(t) : 0, began = clock_s(CLOCK_MONOTONIC),
         cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  int64_t skipped = ok ? c.frames : 0;
  row->sample_seconds = o.encode = 0;
  while (ok && (ok = make_chunk(t, &o, &row->sample_seconds, &c, cancel, err)) && c.frames) continue;
  row->seconds = clock_s(CLOCK_MONOTONIC) - began;
  cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  if (ok) {
    double frames = (double)(p->job->frames - skipped), share = frames / (double)p->job->frames;
    double flops = (p->t2v.flops_total + p->t2v.flops_decode) * share;
    row->upscale_seconds = kl_t2v_upscale_seconds(t) - warm;
    row->encode_seconds = o.encode;
    row->decode_seconds = row->seconds - row->sample_seconds - row->upscale_seconds - row->encode_seconds;
    row->real_time = frames * p->job->fps_den / p->job->fps_num / row->seconds;
    row->gflops = flops / row->seconds * 1e-9;
    row->share = row->gflops / row->ceiling_gflops;
    row->busy_share = flops / cpu * 1e-9 / ceiling_per_cpu;
    row->real_time_busy = row->real_time * row->seconds * row->threads / cpu;
  }
  kl_t2v_free(&t);
  kl_encoder_free(&o.encoder);
  return ok;
}

bool kl_bench_stream_(int threads, KlBenchRow *row, const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlBenchResult ceiling;
  if (!kl_bench_case_run("ceiling-bf16", threads, KL_BF16, &ceiling, cancel, &err))
    return kl_gerr(error, &err);
  g_autoptr(KlJobPlan) p = plan_stream(threads, error);
  if (!p) return false;
  *row = (KlBenchRow){.ceiling_gflops = ceiling.ceiling_gflops, .threads = ceiling.threads};
  g_strlcpy(row->dtype, kl_dtype_name(ceiling.dtype), sizeof row->dtype);
  size_t before = kl_mem_rss();
  if (!stream(p, ceiling.ceiling_per_cpu, row, cancel, &err)) return kl_gerr(error, &err);
  row->peak_bytes = kl_mem_peak_rss() - before;
  return true;
}
