/* layout: candidates for a brief. */
#include "app/core/layout/layout.h"
#include "app/cli/cli.h"
#include "app/core/typeset/block.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  bool json, schema, help, quiet, yes, no;
  const char *canvas, *output;
  KlLayoutOptions o;
} Asked;

/* clang-format off */
static const CliOption options[] = {
    {"candidates", 'c', "N", NULL, "how many layouts are proposed, 1 to 64 (12)", NULL},
    {"preset", 0, "NAME", NULL, "another canvas: infographic, slide, square, story, a4", NULL},
    {"size", 's', "WxH", NULL, "a canvas of any size", NULL},
    {"seed", 0, "N", NULL, "another seed gives other variations (0)", NULL},
    {"output", 'o', "FILE", NULL, "write the best layout there", NULL},
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
  } else if (!strcmp(n, "output")) {
    a->output = value;
  } else {
    bool *flag = !strcmp(n, "json")     ? &a->json
                 : !strcmp(n, "schema") ? &a->schema
                 : !strcmp(n, "help")   ? &a->help
                 : !strcmp(n, "yes")    ? &a->yes
                 : !strcmp(n, "no")     ? &a->no
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
       "  kinoloom layout brief.md -o layout.json");
}

static void print_table(const GPtrArray *all) {
  printf("%4s  %8s  %9s  %8s  %6s  %s\n", "rank", "total", "alignment", "overlap", "IoU", "after");
  for (guint i = 0; i < all->len; i++) {
    const KlLayout *l = all->pdata[i];
    printf("%4u  %8.4f  %9.4f  %8.4f  %6.3f  %s\n", i + 1, l->score.total, l->score.alignment,
           l->score.overlap, l->score.iou, l->exemplar);
  }
}

static bool print_json(const GPtrArray *all, GError **error) {
  json_t *list = json_array();
  for (guint i = 0; i < all->len; i++) {
    g_autofree char *text = kl_layout_serialise(all->pdata[i]);
    json_array_append_new(list, json_loads(text, 0, NULL));
  }
  cli_print_json(json_pack("{s:o}", "candidates", list));
  return true;
}

static bool write_best(const Asked *a, const KlLayout *l, GError **error) {
  g_autofree char *text = kl_layout_serialise(l), *shown = g_filename_display_name(a->output);
  g_autoptr(GError) e = NULL;
  if (!strcmp(a->output, "-")) {
    fputs(text, stdout);
    return true;
  }
  if (!a->yes && g_file_test(a->output, G_FILE_TEST_EXISTS))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists: --yes overwrites it", shown);
  if (!g_file_set_contents_full(a->output, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0666, &e))
    return kl_gfail(error, KL_ERROR_IO, "%s", e->message);
  return true;
}

static bool propose(Asked *a, GPtrArray *words, GError **error) {
  if (words->len != 1)
    return kl_gfail(error, KL_ERROR_USAGE,
                    words->len ? "one brief at a time" : "a layout for what? Name a brief");
  g_autoptr(KlBrief) b = kl_brief_load(words->pdata[0], error);
  if (!b || (a->canvas && !kl_brief_set_canvas(b, a->canvas, error))) return false;
  for (guint i = 0; i < b->notes->len; i++) cli_note("%s", (char *)b->notes->pdata[i]);
  KlBlockMeasure *fonts = kl_block_measure_new(b);
  KlMeasure measure = kl_block_measure(fonts);
  a->o.measure = &measure;
  a->o.cancel = &cli_cancel;
  g_autoptr(GPtrArray) all = kl_layout_candidates(b, &a->o, error);
  kl_block_measure_free(fonts);
  if (!all) return false;
  if (a->output && !write_best(a, all->pdata[0], error)) return false;
  if (a->json) return print_json(all, error);
  if (!a->output || strcmp(a->output, "-")) print_table(all);
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
