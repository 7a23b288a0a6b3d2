/* kinoloom render infographic: from a brief to a file. */
#include "app/core/typeset/infographic.h"
#include "app/cli/render.h"
#include "app/core/typeset/block.h"
#include "app/core/typeset/metadata.h"
#include "app/core/typeset/picture_model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  KlJobSpec *job; /* of the pictures, from flags */
  const char *output, *layout, *preset, *container, *codec;
  gint64 candidate, crf;
  guint64 layout_seed;
  double scale, seconds;
  int fps_num, fps_den;
  bool seeded, yes, no, resume, dry_run, json, quiet, no_pictures, no_provenance, help;
  CliProgress progress;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"output", 'o', "FILE", NULL, ".svg .pdf .png .mp4 .webm .mkv .gif .apng; - is standard output. Without it: a\nPNG beside the working folder's other files, named like the brief", NULL},
    {"preset", 0, "NAME", NULL, "another canvas: infographic, slide, square, story, a4, or WxH", NULL},
    {"layout", 0, "FILE", NULL, "a layout to use (kinoloom layout writes them) instead of the best candidate", NULL},
    {"candidate", 0, "N", NULL, "which of the ranked layouts, 1 is the best", NULL},
    {"layout-seed", 0, "N", NULL, "another one proposes other layouts", NULL},
    {"scale", 0, "X", NULL, "pixels of the output for one of the canvas (2 for print)", NULL},
    {"seconds", 't', "S", NULL, "length of a video; without it: until all has entered, and three more", NULL},
    {"fps", 0, "RATE", NULL, "frames a second of a video: 24, 30000/1001", NULL},
    {"seed", 0, "N", NULL, "of the pictures; random without it, and always stored in the output", NULL},
    {"model", 'm', "MODEL", NULL, "that makes the pictures: a name of `kinoloom models list`, or a path", "model"},
    {"steps", 0, "N", NULL, "denoising steps", "steps"},
    {"guidance", 0, "X", NULL, "how closely the prompts of pictures are followed", "guidance"},
    {"device", 'd', "NAME", NULL, "cpu, vulkan or vulkan:N (see `kinoloom devices`)", "device"},
    {"threads", 0, "N", NULL, "of the CPU; 0: all", "threads"},
    {"memory", 0, "SIZE", NULL, "that may be used for pictures: 4G, 512M", "memory"},
    {"no-pictures", 0, NULL, NULL, "leave generated pictures empty", NULL},
    {"container", 0, "NAME", NULL, "svg, pdf, png, mp4, webm, mkv, gif or apng; else the output's name decides", NULL},
    {"codec", 0, "NAME", NULL, "auto, h264, vp9, av1 or mpeg4", NULL},
    {"crf", 0, "N", NULL, "quality of a video, 0 is best; -1 the codec's default", NULL},
    {"yes", 'y', NULL, NULL, "overwrite the output, give up an unfinished render of it", NULL},
    {"no", 'n', NULL, NULL, "never overwrite (the default)", NULL},
    {"resume", 0, NULL, NULL, "go on with the unfinished video", NULL},
    {"dry-run", 0, NULL, NULL, "print what will be made: elements, pictures, memory, time; make nothing", NULL},
    {"no-provenance", 0, NULL, NULL, "leave out the job and the mark of synthetic media", NULL},
    {"progress", 0, "KIND", NULL, "bar (on a terminal), json (a line an event, on stderr) or none", NULL},
    {"json", 0, NULL, NULL, "print the result as JSON", NULL},
    {"quiet", 'q', NULL, NULL, "say nothing but errors", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

static void print_help(void) {
  fputs("Usage: kinoloom render infographic BRIEF [-o FILE] [OPTION]...\n"
        "       kinoloom render infographic EARLIER-OUTPUT.png -o AGAIN.svg [OPTION]...\n"
        "Makes an infographic, slide, poster or animated card from a brief (JSON or Markdown; - reads "
        "standard\n"
        "input). Words are typeset, charts drawn, pictures generated; whatever does not fit is said.\n\n"
        "Options:\n",
        stdout);
  cli_print_options(options);
  fputs("\nExamples:\n"
        "  kinoloom render infographic brief.md -o poster.pdf\n"
        "  kinoloom render infographic brief.md --preset square --scale 2 -o card.png\n"
        "  kinoloom render infographic brief.json --candidate 3 -o page.svg\n"
        "  kinoloom render infographic brief.md --preset story -t 8 -o story.mp4\n"
        "  kinoloom layout brief.md -o layout.json; kinoloom render infographic brief.md --layout "
        "layout.json -o a.png\n"
        "  kinoloom render infographic poster.pdf -o poster.png\n"
        "\nThe brief's form is told by `kinoloom layout --schema`. stdout carries the path of the output "
        "(with --json "
        "an\nobject, with -o - the bytes), everything else goes to stderr.\n",
        stdout);
}

static bool number(const char *text, double least, double most, double *out, GError **error) {
  char *end;
  *out = g_ascii_strtod(text, &end);
  if (end != text && !*end && *out >= least && *out <= most) return true;
  return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a number from %g to %g", text, least, most);
}

static bool set_fps(Asked *a, const char *text, GError **error) {
  g_autoptr(KlJobSpec) probe = kl_job_new();
  if (!kl_job_set(probe, "fps", text, error)) return false;
  a->fps_num = probe->fps_num;
  a->fps_den = probe->fps_den;
  return true;
}

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  const char *n = o->name;
  gint64 v;
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {{"yes", &a->yes},
               {"no", &a->no},
               {"resume", &a->resume},
               {"dry-run", &a->dry_run},
               {"json", &a->json},
               {"quiet", &a->quiet},
               {"no-pictures", &a->no_pictures},
               {"no-provenance", &a->no_provenance},
               {"help", &a->help}};
  const struct {
    const char *name;
    const char **text;
  } texts[] = {{"output", &a->output},
               {"layout", &a->layout},
               {"preset", &a->preset},
               {"container", &a->container},
               {"codec", &a->codec}};
  for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
    if (!strcmp(n, flags[i].name)) {
      *flags[i].flag = true;
      return true;
    }
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
    if (!strcmp(n, texts[i].name)) {
      *texts[i].text = value;
      return true;
    }
  if (o->job) return kl_job_set(a->job, o->job, value, error);
  if (!strcmp(n, "candidate")) return cli_whole(value, 1, 64, &a->candidate, error);
  if (!strcmp(n, "crf")) return cli_whole(value, -1, 63, &a->crf, error);
  if (!strcmp(n, "scale")) return number(value, 0.05, 16, &a->scale, error);
  if (!strcmp(n, "seconds")) return number(value, 0.1, 600, &a->seconds, error);
  if (!strcmp(n, "fps")) return set_fps(a, value, error);
  if (!strcmp(n, "progress")) return cli_progress_parse(value, &a->progress, error);
  if (!strcmp(n, "layout-seed")) {
    if (!cli_whole(value, 0, G_MAXINT64, &v, error)) return false;
    a->layout_seed = (guint64)v;
    return true;
  }
  a->seeded = true;
  return kl_job_set(a->job, "seed", value, error); /* seed */
}

/* ---- brief and layout ---- */

/* The brief, and the layout where an earlier output brings one. */
static bool read_source(const char *path, KlBrief **brief, KlLayout **layout, KlInfographicOptions *settings,
                        GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  g_autofree char *lower = g_ascii_strdown(path, -1);
  static const char *const outputs[] = {".png", ".svg", ".pdf", ".mp4", ".webm", ".mkv", ".gif", ".apng"};
  bool output = false;
  for (size_t i = 0; i < G_N_ELEMENTS(outputs); i++) output = output || g_str_has_suffix(lower, outputs[i]);
  if (!output) return (*brief = kl_brief_load(path, error)) != NULL;
  g_autofree char *job = kl_document_job(path, error);
  if (!job && error && *error) return false;
  if (!job) return kl_gfail(error, KL_ERROR_INPUT, "%s carries no infographic's job", shown);
  return kl_infographic_parse(job, shown, brief, layout, settings, error);
}

static bool choose_layout(const Asked *a, const KlBrief *b, KlLayout **layout, GError **error) {
  if (a->layout) return (*layout = kl_layout_load(a->layout, error)) != NULL;
  if (*layout && !a->preset && !a->candidate && !a->layout_seed) return true; /* that of the earlier output */
  g_clear_pointer(layout, kl_layout_free);
  KlBlockMeasure *m = kl_block_measure_new(b);
  KlMeasure measure = kl_block_measure(m);
  gint64 wanted = MAX(a->candidate, 1);
  KlLayoutOptions how = {
      .candidates = (int)MAX(12, wanted), .seed = a->layout_seed, .measure = &measure, .cancel = &cli_cancel};
  g_autoptr(GPtrArray) all = kl_layout_candidates(b, &how, error);
  kl_block_measure_free(m);
  if (!all) return false;
  if (wanted > all->len)
    return kl_gfail(error, KL_ERROR_USAGE, "there are %u candidates, and no number %" G_GINT64_FORMAT,
                    all->len, wanted);
  /* as it will be read back from the output: rounded, so that the same picture comes out */
  g_autofree char *json = kl_layout_serialise(all->pdata[wanted - 1]);
  *layout = kl_layout_parse(json, strlen(json), "layout", error);
  return *layout != NULL;
}

static char *default_output(const char *source) {
  g_autofree char *stem = strcmp(source, "-") ? g_path_get_basename(source) : g_strdup("infographic");
  char *dot = strrchr(stem, '.');
  if (dot && dot > stem) *dot = 0;
  return g_strconcat(stem, ".png", NULL);
}

/* ---- what is said ---- */

static void report_plan(const KlInfographicPlan *p, const KlLayout *l, bool json) {
  double length = (double)p->frames * p->fps_den / p->fps_num;
  if (json) {
    cli_print_json(json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:f, s:s, s:I, s:f}", "format", p->format, "width",
        p->width, "height", p->height, "elements", (int)p->elements, "texts", (int)p->texts, "charts",
        (int)p->charts, "pictures_generated", (int)p->generated, "pictures_given", (int)p->given, "frames",
        (json_int_t)p->frames, "fps", (double)p->fps_num / p->fps_den, "layout",
        l->exemplar ? l->exemplar : "", "peak_bytes", (json_int_t)p->peak_bytes, "seconds", p->seconds));
    return;
  }
  g_autofree char *peak = kl_bytes_text(p->peak_bytes), *time = kl_seconds_text(p->seconds),
                  *long_ = kl_seconds_text(length);
  printf("output     %s, %dx%d\n", p->format, p->width, p->height);
  if (p->frames > 1)
    printf("frames     %" G_GINT64_FORMAT " at %d/%d a second: %s\n", p->frames, p->fps_num, p->fps_den,
           long_);
  printf("elements   %u, of which %u texts, %u charts\n", p->elements, p->texts, p->charts);
  printf("pictures   %u to be made, %u from files\n", p->generated, p->given);
  printf("layout     %s\n", l->exemplar ? l->exemplar : "given");
  printf("memory     about %s at its highest\n", peak);
  printf("time       about %s\n", time);
}

static void report_result(const KlInfographicResult *r, const char *job, bool json) {
  g_autofree char *time = kl_seconds_text(r->seconds), *peak = kl_bytes_text(r->peak_bytes),
                  *path = g_utf8_make_valid(r->output, -1);
  if (r->already_finished)
    cli_note("nothing to resume: this render is finished");
  else
    cli_note("done in %s, at most %s of memory", time, peak);
  if (json)
    cli_print_json(json_pack(
        "{s:s, s:b, s:I, s:I, s:o, s:f, s:I, s:o}", "output", path, "already_finished",
        (int)r->already_finished, "bytes", (json_int_t)r->bytes, "frames", (json_int_t)r->frames,
        "resumed_from", r->resumed_from >= 0 ? json_integer(r->resumed_from) : json_null(), "seconds",
        r->seconds, "peak_bytes", (json_int_t)r->peak_bytes, "job", json_loads(job, 0, NULL)));
  else if (strcmp(r->output, "-"))
    puts(r->output);
}

static void on_word(void *user, const char *word) {
  KlEvent e = {.kind = KL_EVENT_WORD, .text = word};
  cli_report_event(user, &e);
}

/* ---- all together ---- */

static bool run(Asked *a, const char *source, GError **error) {
  KlInfographicOptions o = {
      .crf = a->crf, .overwrite = a->yes, .resume = a->resume, .provenance = !a->no_provenance};
  KlInfographicResult result = {0};
  CliReport report = {g_ptr_array_new_with_free_func(g_free), NULL};
  KlPictureModel *model = NULL;
  KlPictureProvider provider;
  KlBrief *brief = NULL;
  KlLayout *layout = NULL;
  g_autofree char *output = a->output ? g_strdup(a->output) : default_output(source), *name = NULL;
  bool ok = false;
  if (!strcmp(output, "-") && a->json) {
    kl_gfail(error, KL_ERROR_USAGE, "--json and -o - both want standard output");
    goto out;
  }
  if (!read_source(source, &brief, &layout, &o, error)) goto out;
  for (guint i = 0; i < brief->notes->len; i++) cli_note("%s", (char *)brief->notes->pdata[i]);
  if (a->preset && !kl_brief_set_canvas(brief, a->preset, error)) goto out;
  if (!choose_layout(a, brief, &layout, error)) goto out;
  o.brief = brief;
  o.layout = layout;
  o.output = output;
  o.container = a->container;
  o.codec = a->codec;
  if (a->scale > 0) o.scale = a->scale;
  if (a->seconds > 0) o.seconds = a->seconds;
  if (a->fps_num > 0) o.fps_num = a->fps_num, o.fps_den = a->fps_den;
  if (a->seeded)
    o.seed = (guint64)a->job->seed;
  else if (!o.seed)
    o.seed = kl_infographic_seed(output, a->resume);
  o.cancel = &cli_cancel;
  o.event = cli_report_event;
  o.user = &report;
  if (!a->no_pictures && kl_infographic_generates(brief, layout)) {
    g_autoptr(KlModel) found = kl_catalogue_find(a->job->model, error);
    if (!found) goto out;
    name = g_strdup(found->name);
    model = kl_picture_model_new(a->job, on_word, &report);
    provider = kl_picture_model(model);
    o.pictures = &provider;
    o.model = name;
  }
  if (a->dry_run) {
    KlInfographicPlan plan;
    ok = kl_infographic_plan(&o, &plan, error);
    if (ok) report_plan(&plan, layout, a->json);
    ok = ok && cli_flush(error);
    goto out;
  }
  ok = kl_infographic_run(&o, &result, error);
  cli_bar(NULL);
  if (ok) {
    g_autofree char *job = kl_infographic_job(&o);
    report_result(&result, job, a->json);
    ok = cli_flush(error);
  }
out:
  kl_infographic_result_clear(&result);
  kl_picture_model_free(model);
  kl_layout_free(layout);
  kl_brief_free(brief);
  g_ptr_array_unref(report.words);
  return ok;
}

int cli_infographic(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {.job = kl_job_new(), .crf = -1};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  cli_out_init(a.quiet, a.progress);
  if (ok && a.help)
    print_help();
  else if (ok && a.yes && a.no)
    ok = kl_gfail(&e, KL_ERROR_USAGE, "-y and -n contradict each other");
  else if (ok && words->len == 0)
    ok = kl_gfail(&e, KL_ERROR_USAGE, "say which brief: a file, or - for standard input");
  else if (ok && words->len > 1)
    ok = kl_gfail(&e, KL_ERROR_USAGE, "one brief at a time: '%.60s' is too much", (char *)words->pdata[1]);
  else if (ok)
    ok = run(&a, words->pdata[0], &e);
  kl_job_free(a.job);
  return ok ? 0 : cli_error(e, "kinoloom render infographic --help");
}
