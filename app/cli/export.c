/* export: a project's timeline, one of its assets, or any media file, to a file. */
#include "app/core/film/export.h"
#include "app/cli/render.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  KlExportSpec spec;
  gint64 asset; /* 0: the timeline */
  bool yes, no, dry_run, json, quiet, help;
  CliProgress progress;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"output", 'o', "FILE", NULL, ".mp4 .webm .mkv .gif .apng .png, frame-%05d.png or FOLDER/ for a sequence;\n- is standard output", NULL},
    {"yes", 'y', NULL, NULL, "overwrite the output", NULL},
    {"no", 'n', NULL, NULL, "never overwrite (the default)", NULL},
    {"asset", 0, "N", NULL, "one asset of the project by its number, instead of the timeline", NULL},
    {"from", 0, "TIME", NULL, "where to begin: 10, 1:30; the frame of a .png", NULL},
    {"seconds", 't', "TIME", NULL, "how long; to the end without it", NULL},
    {"size", 's', "WxH", NULL, "pixels; x720 or 1280x keeps the proportions", NULL},
    {"fit", 0, "KIND", NULL, "of pictures of another shape: contain (borders) or cover (cut)", NULL},
    {"fps", 0, "RATE", NULL, "frames a second: 16, 29.97, 30000/1001", NULL},
    {"container", 0, "NAME", NULL, "mp4, webm, mkv, gif, apng, png or png-sequence; else the output's name\ndecides", NULL},
    {"codec", 0, "NAME", NULL, "auto, h264, vp9, av1 or mpeg4", NULL},
    {"crf", 0, "N", NULL, "quality, 0 is best; -1 the codec's default", NULL},
    {"no-sound", 0, NULL, NULL, "leave out the sound", NULL},
    {"no-provenance", 0, NULL, NULL, "leave out the jobs and the mark of synthetic media", NULL},
    {"dry-run", 0, NULL, NULL, "say what would be written; write nothing", NULL},
    {"progress", 0, "KIND", NULL, "bar (on a terminal), json (a line an event, on stderr) or none", NULL},
    {"json", 0, NULL, NULL, "print the result as JSON", NULL},
    {"quiet", 'q', NULL, NULL, "say nothing but errors", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

static void print_help(void) {
  fputs(
      "Usage: kinoloom export PROJECT.kinoloom -o OUTPUT [OPTION]...\n"
      "       kinoloom export VIDEO -o OUTPUT [OPTION]...\n"
      "Writes a project's timeline, or one video, picture or sound, as a film, an animation or pictures.\n\n"
      "Options:\n",
      stdout);
  cli_print_options(options);
  fputs("\nExamples:\n"
        "  kinoloom export film.kinoloom -o film.mp4\n"
        "  kinoloom export film.kinoloom -o small.webm --size x360 --crf 36\n"
        "  kinoloom export film.kinoloom -o loop.gif --from 1:30 --seconds 4 --fps 12.5\n"
        "  kinoloom export film.kinoloom -o poster.png --from 10\n"
        "\nThe output gets its name when it is whole: a full disk or an interruption leaves nothing half "
        "done. What "
        "would equal\none video of the project, unaltered, is copied byte for byte.\n",
        stdout);
}

static bool set_size(KlExportSpec *s, const char *text, GError **error) {
  g_auto(GStrv) wh = g_strsplit_set(text, "xX", 3);
  gint64 v[2] = {0, 0};
  if (g_strv_length(wh) != 2 || (!*wh[0] && !*wh[1]))
    return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a size: write 832x480, x480 or 832x", text);
  for (int i = 0; i < 2; i++)
    if (*wh[i] && !cli_whole(wh[i], 1, KL_MEDIA_MAX_EDGE, &v[i], error)) return false;
  s->width = (int)v[0];
  s->height = (int)v[1];
  return true;
}

static bool set_seconds(double *out, const char *text, GError **error) {
  KlTime t;
  if (!kl_time_parse(text, &t, error)) return false;
  if (t.in_frames) return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is in frames; give it in seconds", text);
  *out = (double)t.value / 1e9;
  return true;
}

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  KlExportSpec *s = &a->spec;
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {{"yes", &a->yes},         {"no", &a->no},
               {"dry-run", &a->dry_run}, {"json", &a->json},
               {"quiet", &a->quiet},     {"help", &a->help},
               {"no-sound", &s->silent}, {"no-provenance", &s->no_provenance}};
  const char *n = o->name;
  gint64 v;
  for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
    if (!strcmp(n, flags[i].name)) {
      *flags[i].flag = true;
      return true;
    }
  if (!strcmp(n, "output")) {
    g_free(s->output);
    s->output = g_strdup(value);
    return true;
  }
  if (!strcmp(n, "asset")) return cli_whole(value, 1, G_MAXINT64, &a->asset, error);
  if (!strcmp(n, "from")) return set_seconds(&s->from, value, error);
  if (!strcmp(n, "seconds")) return set_seconds(&s->seconds, value, error);
  if (!strcmp(n, "size")) return set_size(s, value, error);
  if (!strcmp(n, "fps")) return kl_rate_parse(value, &s->fps_num, &s->fps_den, error);
  if (!strcmp(n, "crf")) {
    if (!cli_whole(value, -1, 63, &v, error)) return false;
    s->crf = (int)v;
    return true;
  }
  if (!strcmp(n, "container"))
    return kl_container_parse(value, &s->container) ||
           kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is none of mp4, webm, mkv, gif, apng, png, png-sequence",
                    value);
  if (!strcmp(n, "codec"))
    return kl_codec_parse(value, &s->codec) ||
           kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is none of auto, h264, vp9, av1, mpeg4", value);
  if (!strcmp(n, "fit")) {
    bool cover = !strcmp(value, "cover");
    if (!cover && strcmp(value, "contain"))
      return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is none of contain, cover", value);
    s->fit = cover ? KL_FIT_COVER : KL_FIT_CONTAIN;
    return true;
  }
  return cli_progress_parse(value, &a->progress, error);
}

static bool is_project(const char *path) {
  char head[16] = {0};
  FILE *f = fopen(path, "rbe");
  if (!f) return false;
  size_t n = fread(head, 1, sizeof head, f);
  fclose(f);
  return n == sizeof head && !memcmp(head, "SQLite format 3", sizeof head);
}

static KlTimeline *open_timeline(const Asked *a, const char *path, GError **error) {
  if (!is_project(path)) {
    if (!a->asset) return kl_timeline_of_file(path, &cli_cancel, error);
    g_autofree char *shown = g_filename_display_name(path);
    kl_gfail(error, KL_ERROR_USAGE, "--asset is for projects, and %s is none", shown);
    return NULL;
  }
  g_autoptr(KlProject) p = kl_project_open(path, error);
  if (!p) return NULL;
  KlAsset *asset = a->asset ? kl_project_asset(p, a->asset) : NULL;
  KlTimeline *t = NULL;
  if (a->asset && !asset)
    kl_gfail(error, KL_ERROR_INPUT, "the project has no asset %" G_GINT64_FORMAT, a->asset);
  else
    t = asset ? kl_timeline_of_asset(p, asset) : kl_timeline_of_project(p);
  kl_project_close(p);
  return t;
}

static void plan_json(const char *output, const KlExportPlan *p, json_t *more) {
  char rate[32];
  g_snprintf(rate, sizeof rate, "%d/%d", p->fps_num, p->fps_den);
  g_autofree char *path = g_utf8_make_valid(output, -1);
  json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:I, s:f, s:b}", "output", path, "container",
                        kl_container_name(p->container), "codec", kl_codec_name(p->codec), "width", p->width,
                        "height", p->height, "fps", rate, "frames", (json_int_t)p->frames, "seconds",
                        p->seconds, "sound", (int)p->sound);
  json_object_update(o, more);
  json_decref(more);
  cli_print_json(o);
}

static void say_plan(const Asked *a, const KlExportPlan *p) {
  g_autofree char *length = kl_seconds_text(p->seconds), *bytes = kl_bytes_text((guint64)p->bytes);
  if (a->json) {
    plan_json(a->spec.output, p, json_pack("{s:I}", "bytes_about", (json_int_t)p->bytes));
    return;
  }
  printf("output     %s, %s, %s sound\n", kl_container_name(p->container), kl_codec_name(p->codec),
         p->sound ? "with" : "without");
  printf("picture    %dx%d, %" G_GINT64_FORMAT " frames at %d/%d a second: %s\n", p->width, p->height,
         p->frames, p->fps_num, p->fps_den, length);
  printf("size       about %s\n", bytes);
}

static void say_result(const Asked *a, const KlExportResult *r) {
  g_autofree char *time = kl_seconds_text(r->took);
  cli_note(r->copied ? "done in %s, copied unaltered" : "done in %s", time);
  if (a->json)
    plan_json(a->spec.output, &r->plan,
              json_pack("{s:I, s:f, s:b}", "bytes", (json_int_t)r->bytes, "took_s", r->took, "copied",
                        (int)r->copied));
  else if (strcmp(a->spec.output, "-"))
    puts(a->spec.output);
}

static bool export(Asked *a, GPtrArray *words, GError **error) {
  KlExportPlan plan;
  KlExportResult result;
  CliReport report = {g_ptr_array_new(), NULL};
  if (words->len != 1)
    kl_gfail(error, KL_ERROR_USAGE, words->len ? "one project or file at a time" : "which project or file?");
  else if (!a->spec.output)
    kl_gfail(error, KL_ERROR_USAGE, "where to? Name the output with -o");
  else if (!strcmp(a->spec.output, "-") && a->json && !a->dry_run)
    kl_gfail(error, KL_ERROR_USAGE, "--json and -o - both want standard output");
  g_autoptr(KlTimeline) t = error && *error ? NULL : open_timeline(a, words->pdata[0], error);
  bool ok = t != NULL;
  if (ok && a->dry_run) {
    ok = kl_export_plan(t, &a->spec, &plan, error) && kl_export_check(&plan, &a->spec, error);
    if (ok) say_plan(a, &plan);
  } else if (ok) {
    KlExportHow how = {.cancel = &cli_cancel, .event = cli_report_event, .user = &report};
    ok = kl_export_run(t, &a->spec, &how, &result, error);
    cli_bar(NULL);
    if (ok) say_result(a, &result);
  }
  g_ptr_array_unref(report.words);
  return ok && cli_flush(error);
}

int cli_export(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {.spec = KL_EXPORT_SPEC_INIT};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  cli_out_init(a.quiet, a.progress);
  a.spec.overwrite = a.yes;
  if (ok && a.help)
    print_help();
  else if (ok && a.yes && a.no)
    ok = kl_gfail(&e, KL_ERROR_USAGE, "-y and -n contradict each other");
  else if (ok)
    ok = export(&a, words, &e);
  g_free(a.spec.output);
  return ok ? 0 : cli_error(e, "kinoloom export --help");
}
