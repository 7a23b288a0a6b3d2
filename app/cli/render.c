#include "app/cli/project.h"
#include "app/core/project/store.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  KlJobSpec *job; /* from flags */
  const char *output, *ledger;
  gint64 project_job; /* of a project, 0: none said */
  bool yes, no, resume, dry_run, json, quiet, keep_ledger, schema, help;
  CliProgress progress;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"prompt", 'p', "TEXT", NULL, "what is to be seen", NULL},
    {"prompt-at", 0, "TIME", "TEXT", "another prompt from a time on (6s, 1:30, 250f); may be repeated", NULL},
    {"region", 0, "BOX:TEXT", NULL,
     "a part of the picture with a prompt of its own: x,y,width,height[,guidance]:\n"
     "as fractions, \"0,0,.5,1: a bee\"; may be repeated, the later one is on top", "regions"},
    {"negative", 0, "TEXT", NULL, "what is not to be seen", "negative"},
    {"image", 'i', "FILE", NULL, "a picture that becomes the first frame, cut to the size", "image"},
    {"model", 'm', "MODEL", NULL, "a name of `kinoloom models list`, or the path of a model's folder or\ntransformer file", "model"},
    {"output", 'o', "FILE", NULL, ".mp4 .webm .mkv .gif .apng .png, frame-%05d.png or FOLDER/ for a sequence;\n- is standard output. Without it: a name made from the prompt", NULL},
    {"yes", 'y', NULL, NULL, "overwrite the output, give up an unfinished render of it", NULL},
    {"no", 'n', NULL, NULL, "never overwrite (the default)", NULL},
    {"resume", 0, NULL, NULL, "go on with the unfinished render of this output", NULL},
    {"dry-run", 0, NULL, NULL, "print the plan: tokens, chunks, memory, time; make nothing", NULL},
    {"size", 's', "WxH", NULL, "pixels", NULL},
    {"job", 'j', "N", NULL, "of a project file: the job to render; without it they are listed", NULL},
    {"seconds", 't', "TIME", NULL, "length: 10, 1:30", "length"},
    {"frames", 0, "N", NULL, "length in frames; 1 makes a picture", NULL},
    {"fps", 0, "RATE", NULL, "frames a second: 16, 29.97, 30000/1001", "fps"},
    {"seed", 0, "N", NULL, "of the noise; random without it, and always stored in the output", "seed"},
    {"seed-at", 0, "TIME", "N", "another seed from a time on: what comes before stays as it was; may be repeated", NULL},
    {"steps", 0, "N", NULL, "denoising steps", "steps"},
    {"guidance", 0, "X", NULL, "how closely the prompt is followed; 1 is off", "guidance"},
    {"shift", 0, "X", NULL, "of the noise schedule", "shift"},
    {"solver", 0, "NAME", NULL, "euler, unipc, dpm++ or few-step", "solver"},
    {"window", 0, "N", NULL, "latent frames that a chunk sees, itself included", "window"},
    {"sink", 0, "N", NULL, "first latent frames that stay in view", "sink"},
    {"clip", 0, "N", NULL, "latent frames a window of a bidirectional model works on", "clip"},
    {"overlap", 0, "N", NULL, "latent frames by which such windows overlap", "overlap"},
    {"precision", 0, "KIND", NULL, "of matrix products: auto, f32 or bf16", "precision"},
    {"device", 'd', "NAME", NULL, "cpu, vulkan or vulkan:N (see `kinoloom devices`)", "device"},
    {"threads", 0, "N", NULL, "of the CPU; 0: all", "threads"},
    {"memory", 0, "SIZE", NULL, "that may be used: 4G, 512M; decoding is tiled where that helps", "memory"},
    {"container", 0, "NAME", NULL, "mp4, webm, mkv, gif, apng, png or png-sequence; else the output's name\ndecides", "container"},
    {"codec", 0, "NAME", NULL, "auto, h264, vp9, av1 or mpeg4", "codec"},
    {"crf", 0, "N", NULL, "quality, 0 is best; -1 the codec's default", "crf"},
    {"no-provenance", 0, NULL, NULL, "leave out the job and the mark of synthetic media", NULL},
    {"progress", 0, "KIND", NULL, "bar (on a terminal), json (a line an event, on stderr) or none", NULL},
    {"json", 0, NULL, NULL, "print the result as JSON", NULL},
    {"quiet", 'q', NULL, NULL, "say nothing but errors", NULL},
    {"keep-ledger", 0, NULL, NULL, "keep latents and state of the finished render", NULL},
    {"ledger", 0, "FILE", NULL, "where the ledger lies, instead of the user's state folder", NULL},
    {"schema", 0, NULL, NULL, "print the JSON schema of a job file", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

static void print_help(void) {
  fputs("Usage: kinoloom render text-to-video --prompt TEXT [OPTION]...\n"
        "       kinoloom render infographic BRIEF [OPTION]...    (its own --help)\n"
        "       kinoloom render JOB.json [OPTION]...\n"
        "       kinoloom render EARLIER-OUTPUT.mp4 -o AGAIN.mp4 [OPTION]...\n"
        "       kinoloom render PROJECT.kinoloom --job N [OPTION]...\n"
        "       kinoloom render --resume -o OUTPUT\n"
        "Makes a video or a picture. A flag beats the job file, the job file beats the model's default.\n\n"
        "Options:\n",
        stdout);
  cli_print_options(options);
  fputs("\nExamples:\n"
        "  kinoloom render text-to-video -p \"a rocket rises up at night under the stars\" -t 10 -o "
        "rocket.mp4\n"
        "  kinoloom render text-to-video -p \"a cat stays still on a meadow\" --frames 1 -o cat.png\n"
        "  kinoloom render text-to-video -p \"a red heart\" --prompt-at 6s \"a blue heart\" -t 12 -o "
        "hearts.webm\n"
        "  kinoloom render text-to-video -p \"a cat runs\" --model ~/models/Wan2.1-T2V-1.3B --dry-run\n"
        "  kinoloom render job.json --resume\n"
        "  kinoloom render job.json -o - | mpv -\n"
        "\nstdout carries the path of the output (with --json an object, with -o - the bytes), everything "
        "else goes\n"
        "to stderr. After an interruption, a crash or a full disk, --resume goes on; the file ends up with "
        "the same bytes.\n",
        stdout);
}

static bool set_size(KlJobSpec *j, const char *text, GError **error) {
  g_auto(GStrv) wh = g_strsplit_set(text, "xX", 3);
  if (g_strv_length(wh) != 2 || !*wh[0] || !*wh[1])
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a size: write 832x480", text);
  return kl_job_set(j, "width", wh[0], error) && kl_job_set(j, "height", wh[1], error);
}

static bool set_frames(Asked *a, const char *text, GError **error) {
  g_autofree char *time = g_strconcat(text, "f", NULL);
  const char *p = text;
  while (g_ascii_isdigit(*p)) p++;
  if (*p || p == text) return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a whole number", text);
  return kl_job_set(a->job, "length", time, error);
}

static bool set_seed_at(KlJobSpec *j, KlTime at, const char *text, GError **error) {
  gint64 seed;
  return cli_whole(text, 0, G_MAXINT64, &seed, error) && kl_job_set_seed(j, at, seed, error);
}

static bool set_project_job(Asked *a, const char *text, GError **error) {
  return cli_whole(text, 1, G_MAXINT64, &a->project_job, error);
}

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  const char *n = o->name;
  KlTime at = {true, 0};
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {
      {"yes", &a->yes},   {"no", &a->no},       {"resume", &a->resume},           {"dry-run", &a->dry_run},
      {"json", &a->json}, {"quiet", &a->quiet}, {"keep-ledger", &a->keep_ledger}, {"schema", &a->schema},
      {"help", &a->help}};
  for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
    if (!strcmp(n, flags[i].name)) {
      *flags[i].flag = true;
      return true;
    }
  if (o->job) return kl_job_set(a->job, o->job, value, error);
  if (!strcmp(n, "prompt")) return kl_job_set_prompt(a->job, at, value, error);
  if (!strcmp(n, "prompt-at"))
    return kl_time_parse(value, &at, error) && kl_job_set_prompt(a->job, at, value2, error);
  if (!strcmp(n, "seed-at"))
    return kl_time_parse(value, &at, error) && set_seed_at(a->job, at, value2, error);
  if (!strcmp(n, "job")) return set_project_job(a, value, error);
  if (!strcmp(n, "size")) return set_size(a->job, value, error);
  if (!strcmp(n, "frames")) return set_frames(a, value, error);
  if (!strcmp(n, "progress")) return cli_progress_parse(value, &a->progress, error);
  if (!strcmp(n, "no-provenance")) return kl_job_set(a->job, "provenance", "false", error);
  if (!strcmp(n, "ledger")) a->ledger = value;
  if (!strcmp(n, "output")) a->output = value;
  return true;
}

/* The one word that is not an option: a task, or a file with a job. */
static bool take_word(Asked *a, GPtrArray *words, char **source, GError **error) {
  *source = NULL;
  if (words->len > 1)
    return kl_gfail(
        error, KL_ERROR_USAGE,
        "one task or job at a time: '%.60s' is too much (a prompt goes behind --prompt, in quotes)",
        (char *)words->pdata[1]);
  if (words->len == 0) {
    if (a->resume && a->output) return true;
    return kl_gfail(error, KL_ERROR_USAGE, "say what to make: text-to-video, infographic, or a job file");
  }
  const char *w = words->pdata[0];
  if (!strcmp(w, "text-to-video")) return kl_job_set(a->job, "task", w, error);
  if (!g_file_test(w, G_FILE_TEST_EXISTS) && !strchr(w, '/') && !strchr(w, '.')) {
    g_autofree char *shown = g_utf8_make_valid(w, -1);
    return kl_gfail(error, KL_ERROR_USAGE,
                    "there is no task '%.60s': it is text-to-video, infographic, or the name of a job file",
                    shown);
  }
  *source = g_strdup(w);
  return true;
}

static char *default_output(const KlJobSpec *job, const char *source) {
  bool still = kl_job_has(job, "length") && job->length.in_frames && job->length.value == 1;
  const char *ext = kl_job_has(job, "container") && strcmp(job->container, "auto") ? job->container
                    : still                                                        ? "png"
                                                                                   : "mp4";
  g_autofree char *stem = NULL;
  if (source) {
    stem = g_path_get_basename(source);
    char *dot = strrchr(stem, '.');
    if (dot && dot > stem) *dot = 0;
  } else {
    stem = kl_job_slug(job);
  }
  return g_strconcat(stem, !strcmp(ext, "png-sequence") ? "-%05d.png" : ".",
                     !strcmp(ext, "png-sequence") ? "" : ext, NULL);
}

/* Flags over the job file; the output's name. */
static bool gather(Asked *a, char *source, char **output, GError **error) {
  if (source && a->resume && !a->output) { /* the output itself, perhaps unreadable after a crash */
    g_autofree char *ledger = kl_ledger_path(source);
    if (g_file_test(ledger, G_FILE_TEST_EXISTS)) {
      *output = g_strdup(source);
      return true;
    }
  }
  if (source) {
    g_autoptr(KlJobSpec) file = kl_job_load(source, error);
    if (!file) return false;
    if (a->output) kl_job_name_decides(file, a->output);
    kl_job_merge(a->job, file);
  }
  if (a->output)
    *output = g_strdup(a->output);
  else if (a->job->output)
    *output = g_strdup(a->job->output);
  else
    *output = default_output(a->job, source);
  return true;
}

static bool render_of_project(const Asked *a, const char *path, GError **error) {
  if (a->output || a->ledger || a->keep_ledger)
    return kl_gfail(error, KL_ERROR_USAGE,
                    "a job of a project has its output beside the project, and no ledger of its own");
  CliProjectRun run = {path, a->project_job, a->job, a->yes, a->dry_run, a->json};
  return cli_project_render(&run, error);
}

static bool render(Asked *a, GPtrArray *words, GError **error) {
  g_autofree char *source = NULL, *output = NULL;
  KlRunResult result = {0};
  CliReport report = {g_ptr_array_new_with_free_func(g_free), NULL};
  bool ok = false;
  if (!take_word(a, words, &source, error)) goto out;
  if (source && kl_store_is_project(source)) {
    ok = render_of_project(a, source, error);
    goto out;
  }
  if (a->project_job) {
    kl_gfail(error, KL_ERROR_USAGE, "--job is for a project file");
    goto out;
  }
  if (!gather(a, source, &output, error)) goto out;
  if (!strcmp(output, "-") && a->json) {
    kl_gfail(error, KL_ERROR_USAGE, "--json and -o - both want standard output");
    goto out;
  }
  if (a->dry_run) {
    g_autoptr(KlJobPlan) plan = kl_job_plan_new(a->job, output, NULL, error);
    if (plan) cli_report_plan(&report, plan, a->json);
    ok = plan && cli_flush(error);
    goto out;
  }
  KlRunOptions how = {.output = output,
                      .ledger = a->ledger,
                      .overwrite = a->yes,
                      .resume = a->resume,
                      .keep_ledger = a->keep_ledger,
                      .cancel = &cli_cancel,
                      .event = cli_report_event,
                      .user = &report};
  ok = kl_job_run(a->job, &how, &result, error);
  cli_bar(NULL);
  if (ok) {
    cli_report_result(&result, a->json);
    ok = cli_flush(error);
  }
out:
  kl_run_result_clear(&result);
  g_ptr_array_unref(report.words);
  return ok;
}

int cli_render(char **argv) {
  if (argv[0] && !strcmp(argv[0], "infographic")) return cli_infographic(argv + 1);
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {.job = kl_job_new()};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  cli_out_init(a.quiet, a.progress);
  if (ok && a.help)
    print_help();
  else if (ok && a.schema)
    fputs(kl_job_schema(), stdout);
  else if (ok && a.yes && a.no)
    ok = kl_gfail(&e, KL_ERROR_USAGE, "-y and -n contradict each other");
  else if (ok)
    ok = render(&a, words, &e);
  kl_job_free(a.job);
  return ok ? 0 : cli_error(e, "kinoloom render --help");
}
