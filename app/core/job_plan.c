#include "app/core/job_plan.h"

#include "engine/base/cpu.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/formats/tokenizer.h"
#include "media/decode.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* ---- speeds ---- */

static char *speeds_path(void) {
  return g_build_filename(g_get_user_cache_dir(), "kinoloom", "speeds", NULL);
}

double kl_speed_recall(const char *device, const char *model) {
  g_autofree char *path = speeds_path(), *group = g_compute_checksum_for_string(G_CHECKSUM_MD5, device, -1);
  g_autofree char *key = g_compute_checksum_for_string(G_CHECKSUM_MD5, model, -1);
  g_autoptr(GKeyFile) kf = g_key_file_new();
  if (!g_key_file_load_from_file(kf, path, G_KEY_FILE_NONE, NULL)) return 0;
  double v = g_key_file_get_double(kf, group, key, NULL);
  return v > 0 && v < 1e18 ? v : 0;
}

void kl_speed_note(const char *device, const char *model, double flops_per_second) {
  g_autofree char *path = speeds_path(), *group = g_compute_checksum_for_string(G_CHECKSUM_MD5, device, -1);
  g_autofree char *key = g_compute_checksum_for_string(G_CHECKSUM_MD5, model, -1),
                  *dir = g_path_get_dirname(path);
  g_autoptr(GKeyFile) kf = g_key_file_new();
  if (!(flops_per_second > 0)) return;
  g_key_file_load_from_file(kf, path, G_KEY_FILE_NONE, NULL);
  g_key_file_set_double(kf, group, key, flops_per_second);
  if (!g_mkdir_with_parents(dir, 0755)) g_key_file_save_to_file(kf, path, NULL);
}

/* A guess for a device that was never timed: small matrices reach about a third of what the units could do.
 */
static double guess_speed(const char *device, int threads) {
  static const double per_core[] = {2e9, 15e9, 30e9, 60e9};
  if (g_str_has_prefix(device, "vulkan")) return 1e12;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (threads > 0 && threads < cores) cores = threads;
  return per_core[kl_cpu_level()] * (double)MAX(cores, 1);
}

/* ---- container and codec ---- */

void kl_job_name_decides(KlJobSpec *job, const char *output) {
  KlContainer named = kl_container_from_path(output), had = KL_CONTAINER_NONE;
  if (named == KL_CONTAINER_NONE || !job->container || !kl_container_parse(job->container, &had) ||
      named == had)
    return;
  kl_job_set(job, "container", "auto", NULL);
  kl_job_set(job, "codec", "auto", NULL);
}

static bool choose_container(KlJobPlan *p, const char *output, GError **error) {
  KlJobSpec *j = p->job;
  KlErr err = KL_ERR_INIT;
  KlContainer by_name = output && strcmp(output, "-") ? kl_container_from_path(output) : KL_CONTAINER_NONE;
  g_autofree char *shown = output ? g_filename_display_name(output) : NULL;
  if (!strcmp(j->container, "auto")) {
    if (by_name == KL_CONTAINER_NONE && output && strcmp(output, "-"))
      return kl_gfail(error, KL_ERROR_USAGE,
                      "the name '%s' does not say which format: end it in .mp4, .webm, .mkv, .gif, .apng or "
                      ".png, or give --container",
                      shown);
    p->container = by_name != KL_CONTAINER_NONE ? by_name
                   : j->frames == 1             ? KL_CONTAINER_PNG
                                                : KL_CONTAINER_MP4;
  } else if (!kl_container_parse(j->container, &p->container)) {
    return kl_gfail(error, KL_ERROR_USAGE, "'%s' is not a container", j->container);
  }
  if (p->container == KL_CONTAINER_PNG && j->frames > 1)
    return kl_gfail(error, KL_ERROR_USAGE,
                    "a PNG holds one picture, this is %" G_GINT64_FORMAT
                    " frames: give --frames 1, a video's name, or frame-%%05d.png",
                    j->frames);
  if (p->container == KL_CONTAINER_PNG_SEQUENCE && output && !strcmp(output, "-"))
    return kl_gfail(error, KL_ERROR_USAGE, "a sequence of files cannot go to standard output");
  KlCodec asked = KL_CODEC_AUTO;
  if (!kl_codec_parse(j->codec, &asked))
    return kl_gfail(error, KL_ERROR_USAGE, "'%s' is not a codec", j->codec);
  if (!kl_codec_resolve(p->container, asked, &p->codec, &err)) {
    err.code = KL_ERR_INVALID;
    return kl_gerr(error, &err);
  }
  /* Resolved in the stored job, so that a resumed run takes the same. */
  return kl_job_set(j, "container", kl_container_name(p->container), error) &&
         kl_job_set(j, "codec", kl_codec_name(p->codec), error);
}

/* ---- device and memory ---- */

static bool open_device(KlJobPlan *p, GError **error) {
  KlErr err = KL_ERR_INIT;
  bool f32 = !strcmp(p->job->precision, "f32");
  if (!kl_backend_open(p->job->device, (int)p->job->threads, f32 ? KL_F32 : KL_BF16, &p->backend, &err))
    return kl_gerr(error, &err);
  p->device = g_strdup_printf("%s %s %s", p->backend->name, kl_cpu_level_name(kl_cpu_level()),
                              p->backend->compute == KL_BF16 ? "bf16" : "f32");
  if (p->backend->ops->memory) p->backend->ops->memory(p->backend, &p->memory_total, &p->memory_available);
  return true;
}

static void fill_params(KlJobPlan *p) {
  const KlJobSpec *j = p->job;
  p->prompts = g_new0(KlPrompt, j->prompts->len);
  for (guint i = 0; i < j->prompts->len; i++) {
    const KlJobPrompt *q = &g_array_index(j->prompts, KlJobPrompt, i);
    p->prompts[i] = (KlPrompt){q->from_frame, q->text};
  }
  p->seeds = g_new0(KlSeed, j->seeds->len);
  for (guint i = 0; i < j->seeds->len; i++) {
    const KlJobSeed *s = &g_array_index(j->seeds, KlJobSeed, i);
    p->seeds[i] = (KlSeed){s->from_frame, (guint64)s->seed};
  }
  p->regions = g_new0(KlRegion, j->regions->len);
  for (guint i = 0; i < j->regions->len; i++) {
    const KlJobRegion *r = &g_array_index(j->regions, KlJobRegion, i);
    p->regions[i] =
        (KlRegion){(float)r->x, (float)r->y, (float)r->width, (float)r->height, r->text, r->guidance};
  }
  p->params = (KlT2vParams){
      .prompts = p->prompts,
      .n_prompts = (int)j->prompts->len,
      .regions = p->regions,
      .n_regions = (int)j->regions->len,
      .negative = j->negative,
      .width = (int)j->width,
      .height = (int)j->height,
      .frames = j->frames,
      .seed = (guint64)j->seed,
      .seeds = p->seeds,
      .n_seeds = (int)j->seeds->len,
      .steps = (int)j->steps,
      .guidance = j->guidance,
      .shift = j->shift,
      .window_frames = (int)j->window,
      .sink_frames = (int)j->sink,
      .overlap_frames = (int)j->overlap,
      .clip_frames = (int)j->clip,
  };
  if (!kl_solver_parse(j->solver, &p->params.solver))
    g_assert_not_reached(); /* the table of fields has the same names */
}

static bool plan_with(KlJobPlan *p, guint64 budget, KlErr *err) {
  static const float present = 0;
  KlModelFiles files;
  kl_model_files(p->model, &files);
  p->params.memory_budget = (size_t)budget;
  p->params.first_frame = p->job->image ? &present : NULL; /* the plan asks only whether there is one */
  bool ok = kl_t2v_plan(&files, &p->params, p->backend, &p->t2v, err);
  p->params.first_frame = p->first_frame;
  return ok;
}

/* The verdict. A budget is used only where it is needed: whether decoding is tiled must not depend on what
 * else runs. */
static bool judge(KlJobPlan *p, const KlLedgerJob *ledger, GError **error) {
  KlErr err = KL_ERR_INIT;
  guint64 limit = p->job->memory ? p->job->memory : p->memory_available / 100 * 97;
  if (ledger) {
    p->memory_budget = ledger->memory_budget;
    if (!plan_with(p, p->memory_budget, &err)) return kl_gerr_input(error, &err);
    p->untiled_bytes = p->t2v.peak_bytes;
    return true;
  }
  if (!plan_with(p, 0, &err)) return kl_gerr_input(error, &err);
  p->untiled_bytes = p->t2v.peak_bytes;
  if (!limit || p->t2v.peak_bytes <= limit) return true;
  g_autofree char *need = kl_bytes_text(p->t2v.peak_bytes), *have = kl_bytes_text(limit);
  p->memory_budget =
      limit >> 28 ? limit >> 28 << 28 : limit; /* steps of 256 MiB: a stable number for the ledger */
  if (!plan_with(p, p->memory_budget, &err)) {
    if (err.code != KL_ERR_OOM) return kl_gerr_input(error, &err);
    return kl_gfail(error, KL_ERROR_OOM, "will not fit: needs %s, %s %s: %s", need, have,
                    p->job->memory ? "are allowed" : "are free",
                    strstr(err.msg, "try ") ? strstr(err.msg, "try ") : "try a smaller size");
  }
  return true;
}

static const char *family_of(const KlJobPlan *p) {
  return p->t2v.family ? p->t2v.family : "";
}

KlJobPlan *kl_job_plan_new(const KlJobSpec *asked, const char *output, const KlLedgerJob *ledger,
                           GError **error) {
  g_autoptr(KlJobPlan) p = g_new0(KlJobPlan, 1);
  g_autoptr(KlJobSpec) builtin = kl_job_defaults();
  if (ledger) {
    if (!(p->job = kl_job_parse(ledger->spec, strlen(ledger->spec), "the ledger", error))) return NULL;
  } else {
    p->job = kl_job_new();
  }
  kl_job_merge(p->job, asked);
  if (ledger && !kl_job_has(p->job, "device")) { /* where it was begun */
    g_autofree char *device = g_strndup(ledger->device, strcspn(ledger->device, " "));
    if (!kl_job_set(p->job, "device", device, error)) return NULL;
  }
  if (!(p->model = kl_catalogue_find(p->job->model, error))) return NULL;
  if (!p->job->model && !kl_job_set(p->job, "model", p->model->name, error)) return NULL;
  kl_job_merge(p->job, p->model->defaults);
  kl_job_merge(p->job, builtin);
  if (!kl_job_has(p->job, "seed")) { /* 32 bits: easy to say and to type */
    g_autofree char *seed = g_strdup_printf("%u", g_random_int());
    if (!kl_job_set(p->job, "seed", seed, error)) return NULL;
  }
  if (!kl_job_resolve(p->job, error) || !choose_container(p, output, error) || !open_device(p, error))
    return NULL;
  fill_params(p);
  if (!judge(p, ledger, error)) return NULL;
  g_autofree char *sum = kl_model_sha256_if_known(p->model);
  if (!ledger && sum && !kl_job_set(p->job, "model_sha256", sum, error)) return NULL;
  if (!ledger && !kl_job_set(p->job, "engine", "kinoloom " KL_VERSION, error)) return NULL;
  g_autofree char *key = g_strconcat(p->model->name, " ", family_of(p), NULL);
  p->flops_per_second = kl_speed_recall(p->device, key);
  p->measured = p->flops_per_second > 0;
  if (!p->measured) p->flops_per_second = guess_speed(p->job->device, (int)p->job->threads);
  p->seconds = p->t2v.flops_total / p->flops_per_second;
  return g_steal_pointer(&p);
}

char *kl_job_plan_verdict(const KlJobPlan *p) {
  g_autofree char *need = kl_bytes_text(p->t2v.peak_bytes), *time = kl_seconds_text(p->seconds);
  guint64 of = p->job->memory ? p->job->memory : p->memory_available;
  g_autofree char *have = kl_bytes_text(of);
  g_autofree char *memory = !of            ? g_strdup_printf(_("Needs %s"), need)
                            : p->t2v.tiled ? g_strdup_printf(_("Fits in tiles: %s of %s"), need, have)
                                           : g_strdup_printf(_("Fits: %s of %s"), need, have);
  g_autofree char *about = g_strdup_printf(p->measured ? _("about %s") : _("perhaps %s"), time);
  g_autofree char *chunks =
      g_strdup_printf(g_dngettext(NULL, "%d chunk", "%d chunks", (gulong)p->t2v.chunks), p->t2v.chunks);
  return g_strdup_printf("%s \xC2\xB7 %s \xC2\xB7 %s", memory, about, chunks);
}

void kl_job_plan_free(KlJobPlan *p) {
  if (!p) return;
  kl_backend_free(&p->backend);
  kl_model_free(p->model);
  kl_job_free(p->job);
  g_free(p->device);
  g_free(p->prompts);
  g_free(p->seeds);
  g_free(p->regions);
  kl_free(&p->first_frame);
  g_free(p);
}

bool kl_job_plan_load_image(KlJobPlan *p, const KlCancel *cancel, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlPicture pic = {0};
  size_t n = (size_t)p->job->width * (size_t)p->job->height * 3;
  if (!p->job->image || p->first_frame) return true;
  if (!kl_picture_load(p->job->image, (int)p->job->width, (int)p->job->height, KL_FIT_COVER, cancel, &pic,
                       &err))
    return kl_gerr_input(error, &err);
  p->first_frame = kl_alloc(n, sizeof *p->first_frame);
  if (p->first_frame)
    for (size_t i = 0; i < n; i++) p->first_frame[i] = (float)pic.rgb[i] / 255.0f;
  kl_picture_free(&pic);
  p->params.first_frame = p->first_frame;
  return p->first_frame || kl_gfail(error, KL_ERROR_OOM, "out of memory for the picture");
}

bool kl_job_plan_unknown_words(const KlJobPlan *p, void (*word)(void *user, const char *word), void *user) {
  KlTokenizer *t = NULL;
  bool ok = kl_tokenizer_open(p->model->parts[KL_PART_TOKENIZER][0], &t, NULL);
  for (int i = 0; ok && i < p->params.n_prompts; i++)
    ok = kl_tokenizer_unknown_words(t, p->prompts[i].text, word, user, NULL);
  for (int i = 0; ok && i < p->params.n_regions; i++)
    ok = kl_tokenizer_unknown_words(t, p->regions[i].text, word, user, NULL);
  kl_tokenizer_free(&t);
  return ok;
}
