/* layout: candidates for a brief. */
#include "app/core/layout/layout.h"
#include "app/cli/cli.h"
#include "app/core/layout/ask.h"
#include "app/core/typeset/block.h"
#include "app/core/typeset/infographic.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  bool json, schema, help, quiet, yes, no;
  const char *canvas, *output, *preview, *given;
  KlGivenUse use; /* of the given layout */
  KlLayoutModel model;
  KlLayoutOptions o;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"candidates", 'c', "N", NULL, "how many layouts are proposed, 1 to 64 (12)", NULL},
    {"preset", 0, "NAME", NULL, "another canvas: infographic, slide, square, story, a4", NULL},
    {"size", 's', "WxH", NULL, "a canvas of any size", NULL},
    {"seed", 0, "N", NULL, "another seed gives other variations (0)", NULL},
    {"complete", 0, "FILE", NULL, "keep the boxes of this layout and place the rest", NULL},
    {"refine", 0, "FILE", NULL, "take this layout as a rough sketch: the nearest without overlaps, lined up", NULL},
    {"output", 'o', "FILE", NULL, "write the best layout there, - for standard output", NULL},
    {"preview", 0, "FOLDER", NULL, "draw every candidate there as a small picture, 01.png ...", NULL},
    {"ask", 0, "URL", NULL, "let a language model propose too, by OpenAI's manner of HTTP\n(http://127.0.0.1:8080/v1); nothing is asked without this", NULL},
    {"ask-model", 0, "NAME", NULL, "the model's name there", NULL},
    {"allow-remote", 0, NULL, NULL, "the address may be another machine's: the brief's outline goes there", NULL},
    {"json", 0, NULL, NULL, "print every candidate, whole, as JSON", NULL},
    {"schema", 0, NULL, NULL, "print the JSON schema of briefs", NULL},
    {"yes", 'y', NULL, NULL, "overwrite the output", NULL},
    {"no", 'n', NULL, NULL, "never overwrite", NULL},
    {"quiet", 'q', NULL, NULL, "say nothing but errors", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

static bool integer(const char *text, guint64 most, guint64 *out, GError **error) {
  g_autoptr(GError) e = NULL;
  if (g_ascii_string_to_unsigned(text, 10, 0, most, out, &e)) return true;
  return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is not a whole number from 0 to %" G_GUINT64_FORMAT, text,
                  most);
}

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  const char *n = o->name;
  guint64 v = 0;
  if (!strcmp(n, "candidates")) {
    if (!integer(value, 64, &v, error)) return false;
    if (!v) return kl_gfail(error, KL_ERROR_USAGE, "at least one candidate");
    a->o.candidates = (int)v;
  } else if (!strcmp(n, "seed")) {
    return integer(value, G_MAXINT64, &a->o.seed, error);
  } else if (!strcmp(n, "preset") || !strcmp(n, "size")) {
    a->canvas = value;
  } else if (!strcmp(n, "complete") || !strcmp(n, "refine")) {
    if (a->given) return kl_gfail(error, KL_ERROR_USAGE, "one layout at a time");
    a->given = value;
    a->use = *n == 'c' ? KL_GIVEN_COMPLETE : KL_GIVEN_REFINE;
  } else if (!strcmp(n, "output")) {
    a->output = value;
  } else if (!strcmp(n, "preview")) {
    a->preview = value;
  } else if (!strcmp(n, "ask")) {
    a->model.address = value;
  } else if (!strcmp(n, "ask-model")) {
    a->model.name = value;
  } else {
    bool *flag = !strcmp(n, "json")           ? &a->json
                 : !strcmp(n, "schema")       ? &a->schema
                 : !strcmp(n, "help")         ? &a->help
                 : !strcmp(n, "yes")          ? &a->yes
                 : !strcmp(n, "no")           ? &a->no
                 : !strcmp(n, "allow-remote") ? &a->model.anywhere
                                              : &a->quiet;
    *flag = true;
  }
  return true;
}

static void print_help(void) {
  puts("Usage: kinoloom layout BRIEF [OPTION]...\n"
       "       kinoloom layout --schema\n"
       "Proposes layouts for a brief (JSON or Markdown; \"-\": standard input) and ranks them: the lower the "
       "total, the\n"
       "better. total = 0.2 alignment + 0.2 overlap + 0.6 (1 - IoU with the most alike "
       "exemplar).\n\nOptions:");
  cli_print_options(options);
  puts("\nExamples:\n"
       "  kinoloom layout brief.md\n"
       "  kinoloom layout brief.json --preset slide --candidates 20 --json >candidates.json\n"
       "  kinoloom layout brief.md -o layout.json --preview pictures\n"
       "  kinoloom layout brief.md --refine sketch.json -o layout.json");
}

static void print_table(const GPtrArray *all) {
  printf("%4s  %8s  %9s  %8s  %6s  %s\n", "rank", "total", "alignment", "overlap", "IoU", "after");
  for (guint i = 0; i < all->len; i++) {
    const KlLayout *l = all->pdata[i];
    printf("%4u  %8.4f  %9.4f  %8.4f  %6.3f  %s\n", i + 1, l->score.total, l->score.alignment,
           l->score.overlap, l->score.iou, l->exemplar);
  }
}

static void print_json(const GPtrArray *all) {
  json_t *list = json_array();
  for (guint i = 0; i < all->len; i++) {
    g_autofree char *text = kl_layout_serialise(all->pdata[i]);
    json_array_append_new(list, json_loads(text, 0, NULL));
  }
  cli_print_json(json_pack("{s:o}", "candidates", list));
}

static bool may_write(const Asked *a, const char *path, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  if (a->yes || !g_file_test(path, G_FILE_TEST_EXISTS)) return true;
  return kl_gfail(error, KL_ERROR_EXISTS, "%s exists: --yes overwrites it", shown);
}

static bool write_best(const Asked *a, const KlLayout *l, GError **error) {
  g_autofree char *text = kl_layout_serialise(l);
  g_autoptr(GError) e = NULL;
  if (!strcmp(a->output, "-")) {
    fputs(text, stdout);
    return true;
  }
  if (!may_write(a, a->output, error)) return false;
  if (!g_file_set_contents_full(a->output, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0666, &e))
    return kl_gfail(error, KL_ERROR_IO, "%s", e->message);
  return true;
}

/* Without pictures: prompts are empty frames. */
static bool draw_all(const Asked *a, const KlBrief *b, const GPtrArray *all, GError **error) {
  g_autofree char *shown = g_filename_display_name(a->preview);
  if (g_mkdir_with_parents(a->preview, 0777))
    return kl_gfail(error, KL_ERROR_IO, "cannot make the folder %s: %s", shown, g_strerror(errno));
  for (guint i = 0; i < all->len; i++) {
    char name[16];
    g_snprintf(name, sizeof name, "%02u.png", i + 1);
    g_autofree char *path = g_build_filename(a->preview, name, NULL);
    KlInfographicOptions o = {.brief = b,
                              .layout = all->pdata[i],
                              .output = path,
                              .container = "png",
                              .crf = -1,
                              .scale = 640.0 / MAX(b->width, b->height),
                              .overwrite = a->yes,
                              .provenance = true,
                              .cancel = &cli_cancel};
    KlInfographicResult r = {0};
    bool ok = kl_infographic_run(&o, &r, error);
    kl_infographic_result_clear(&r);
    if (!ok) return false;
  }
  return true;
}

/* The boxes of a layout become those given with the brief. */
static bool use_given(const Asked *a, KlBrief *b, GError **error) {
  g_autoptr(KlLayout) l = kl_layout_load(a->given, error);
  if (!l || !kl_layout_check(l, b, NULL, error)) return false;
  double sx = (double)b->width / l->width, sy = (double)b->height / l->height;
  g_array_set_size(b->given, 0);
  b->given_use = a->use;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    if (!e->item || e->type == KL_EL_BACKGROUND) continue;
    KlFixed f = {g_strdup(e->item), {e->box.x * sx, e->box.y * sy, e->box.w * sx, e->box.h * sy}};
    g_array_append_val(b->given, f);
  }
  return true;
}

static KlBrief *read_brief(const Asked *a, const char *path, GError **error) {
  g_autoptr(KlBrief) b = kl_brief_load(path, error);
  if (!b || (a->canvas && !kl_brief_set_canvas(b, a->canvas, error)) || (a->given && !use_given(a, b, error)))
    return NULL;
  kl_fonts_free(kl_fonts_new(b, b->notes)); /* says which fonts are not there */
  for (guint i = 0; i < b->notes->len; i++) cli_note("%s", (char *)b->notes->pdata[i]);
  return g_steal_pointer(&b);
}

static bool propose(Asked *a, GPtrArray *words, GError **error) {
  if (words->len != 1)
    return kl_gfail(error, KL_ERROR_USAGE,
                    words->len ? "one brief at a time" : "a layout for what? Name a brief");
  if (a->yes && a->no) return kl_gfail(error, KL_ERROR_USAGE, "-y and -n contradict each other");
  if (a->json && a->output && !strcmp(a->output, "-"))
    return kl_gfail(error, KL_ERROR_USAGE, "--json and -o - both want standard output");
  if (a->model.address && !kl_ask_check(&a->model, error)) return false;
  if (a->output && strcmp(a->output, "-") && !may_write(a, a->output, error)) return false;
  g_autoptr(KlBrief) b = read_brief(a, words->pdata[0], error);
  if (!b) return false;
  KlBlockMeasure *fonts = kl_block_measure_new(b);
  KlMeasure measure = kl_block_measure(fonts);
  a->o.measure = &measure;
  a->o.model = a->model.address ? &a->model : NULL;
  a->o.cancel = &cli_cancel;
  g_autoptr(GPtrArray) all = kl_layout_candidates(b, &a->o, error);
  kl_block_measure_free(fonts);
  if (!all || (a->output && !write_best(a, all->pdata[0], error)) ||
      (a->preview && !draw_all(a, b, all, error)))
    return false;
  if (a->json)
    print_json(all);
  else if (!a->output || strcmp(a->output, "-"))
    print_table(all);
  return true;
}

int cli_layout(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {0};
  bool ok = cli_parse(argv, options, on_option, &a, words, &e);
  cli_out_init(a.quiet, CLI_PROGRESS_AUTO);
  if (ok && a.help) {
    print_help();
    return 0;
  }
  if (ok && a.schema)
    fputs(kl_brief_schema(), stdout);
  else
    ok = ok && propose(&a, words, &e);
  ok = ok && cli_flush(&e);
  return ok ? 0 : cli_error(e, "kinoloom layout --help");
}
