/* The headless command, inside. stdout carries results only; everything else goes to stderr. */
#pragma once

#include "app/core/gerr.h"
#include "engine/base/cancel.h"

/* ---- options (options.c) ---- */
typedef struct {
  const char *name;   /* without dashes; NULL ends a table */
  char letter;        /* short form, 0: none */
  const char *value;  /* what help calls it; NULL: a switch */
  const char *value2; /* a second one, NULL: none */
  const char *help;
  const char *job; /* the job field that it sets, NULL: `on` looks at the name */
} CliOption;

typedef bool (*CliOn)(void *user, const CliOption *o, const char *value, const char *value2, GError **error);
/* Calls `on` for every option; the rest is gathered in *words (borrowed strings, array owned by the caller).
 * "--" ends the options. KL_ERROR_USAGE with a suggestion. */
bool cli_parse(char **argv, const CliOption *table, CliOn on, void *user, GPtrArray *words, GError **error);
/* A whole number from least to most (G_MAXINT64: no end). KL_ERROR_USAGE. */
bool cli_whole(const char *text, gint64 least, gint64 most, gint64 *out, GError **error);
/* The table as help text on stdout. */
void cli_print_options(const CliOption *table);

/* ---- output (output.c) ---- */
typedef enum { CLI_PROGRESS_AUTO, CLI_PROGRESS_BAR, CLI_PROGRESS_JSON, CLI_PROGRESS_NONE } CliProgress;
typedef struct {
  bool quiet;           /* no notes on stderr, errors only */
  CliProgress progress; /* resolved by cli_out_init */
  bool colour, bar_shown;
} CliOut;
extern CliOut cli_out;

/* What --progress says: auto, bar, json or none. KL_ERROR_USAGE. */
bool cli_progress_parse(const char *text, CliProgress *out, GError **error);
void cli_out_init(bool quiet, CliProgress progress);
/* A line for people on stderr ("kinoloom: ..."), or an NDJSON event. */
void cli_note(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/* The error as one line on stderr; returns the exit code. `help`: "kinoloom render --help", for usage errors.
 */
int cli_error(const GError *error, const char *help);
/* Replaces the bar on the terminal by text, cut to its width; NULL removes it. */
void cli_bar(const char *text);
/* NDJSON event on stderr; takes the json_t. */
void cli_event_json(void *object);
/* JSON on stdout, then a newline; takes the json_t. */
void cli_print_json(void *object);
/* Flushes stdout; a full disk or a closed pipe is an error then. */
bool cli_flush(GError **error);

/* ---- cancelling (main.c) ---- */
extern KlCancel cli_cancel; /* fired by the first SIGINT or SIGTERM; the second ends the process at once */

/* ---- commands: argv after the command's name; the exit code ---- */
int cli_render(char **argv);
int cli_export(char **argv);
int cli_layout(char **argv);
int cli_infographic(char **argv); /* kinoloom render infographic */
int cli_models(char **argv);
int cli_probe(char **argv);
int cli_devices(char **argv);
int cli_bench(char **argv);
