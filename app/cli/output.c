#include "app/cli/cli.h"
#include "engine/base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

CliOut cli_out;

static void on_log(void *user, KlLogLevel level, const char *line) {
  if (cli_out.progress == CLI_PROGRESS_JSON) {
    g_autofree char *text = g_utf8_make_valid(line, -1);
    cli_event_json(json_pack("{s:s, s:s, s:s}", "event", "log", "level",
                             level == KL_LOG_WARN   ? "warning"
                             : level == KL_LOG_INFO ? "info"
                                                    : "debug",
                             "text", text));
  } else if (!cli_out.quiet) {
    cli_note("%s", line);
  }
}

bool cli_progress_parse(const char *text, CliProgress *out, GError **error) {
  static const char *const names[] = {"auto", "bar", "json", "none"};
  for (int i = 0; i < 4; i++)
    if (!strcmp(text, names[i])) {
      *out = (CliProgress)i;
      return true;
    }
  return kl_gfail(error, KL_ERROR_USAGE, "'%.60s' is none of bar, json, none", text);
}

void cli_out_init(bool quiet, CliProgress progress) {
  const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  bool tty = isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
  if (progress == CLI_PROGRESS_AUTO) progress = tty && !quiet ? CLI_PROGRESS_BAR : CLI_PROGRESS_NONE;
  if (progress == CLI_PROGRESS_BAR && !tty) progress = CLI_PROGRESS_NONE; /* a bar needs a terminal */
  cli_out = (CliOut){quiet, progress, tty && !(no_colour && *no_colour), false};
  kl_log_to(on_log, NULL);
}

void cli_bar(const char *text) {
  struct winsize ws = {0};
  int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;
  if (cli_out.progress != CLI_PROGRESS_BAR || (!text && !cli_out.bar_shown)) return;
  /* carriage return and "erase to the end of the line": only ever on a terminal */
  if (text)
    fprintf(stderr, "\r%.*s\033[K", width - 1, text);
  else
    fputs("\r\033[K", stderr);
  fflush(stderr);
  cli_out.bar_shown = text != NULL;
}

void cli_note(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  g_autofree char *text = g_strdup_vprintf(fmt, ap);
  va_end(ap);
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  if (cli_out.progress == CLI_PROGRESS_JSON) {
    cli_event_json(json_pack("{s:s, s:s}", "event", "note", "text", valid));
  } else if (!cli_out.quiet) {
    cli_bar(NULL);
    fprintf(stderr, "kinoloom: %s\n", valid);
  }
}

int cli_error(const GError *error, const char *help) {
  int code = kl_exit_code(error);
  g_autofree char *text = g_utf8_make_valid(error->message, -1);
  g_strdelimit(text, "\r\n", ' ');
  if (cli_out.progress == CLI_PROGRESS_JSON) {
    cli_event_json(json_pack("{s:s, s:i, s:s}", "event", "error", "exit_code", code, "text", text));
    return code;
  }
  cli_bar(NULL);
  fprintf(stderr, "%skinoloom: %s%s\n", cli_out.colour ? "\033[31m" : "", text,
          cli_out.colour ? "\033[0m" : "");
  if (code == 2 && help && !cli_out.quiet) fprintf(stderr, "%s tells more\n", help);
  return code;
}

void cli_event_json(void *object) {
  char *s = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
  if (s) fprintf(stderr, "%s\n", s);
  free(s);
  json_decref(object);
}

void cli_print_json(void *object) {
  char *s = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  if (s) puts(s);
  free(s);
  json_decref(object);
}

bool cli_flush(GError **error) {
  if (!fflush(stdout) && !ferror(stdout)) return true;
  return kl_gfail(error, KL_ERROR_IO, "cannot write to standard output: %s", g_strerror(errno));
}
