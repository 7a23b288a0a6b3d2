/* kinoloom: the headless command. */
#include "app/cli/cli.h"
#include "app/core/near.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

KlCancel cli_cancel;

static const struct {
  const char *name;
  int (*run)(char **argv);
  const char *help;
} commands[] = {
    {"render", cli_render, "make a video or a picture from a prompt, a job file, or an earlier output"},
    {"export", cli_export, "write a project's timeline, or one video, as a film or pictures"},
    {"layout", cli_layout, "propose layouts for the brief of an infographic, slide or poster"},
    {"models", cli_models, "list, show, import and verify models"},
    {"probe", cli_probe, "say what is in a media file, its Kinoloom job included"},
    {"devices", cli_devices, "list what can compute here"},
    {"bench", cli_bench, "time the engine's parts on this machine"},
};

static void on_signal(int sig) {
  static volatile sig_atomic_t seen;
  if (seen) _exit(130);
  seen = 1;
  kl_cancel(&cli_cancel);
}

static void set_signals(void) {
  struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  sigaction(SIGHUP, &stop, NULL);
  sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is an error of write(2), told like any other */
  sigaction(SIGXFSZ, &ignore, NULL); /* so is a file over the limit */
}

static int help(FILE *to) {
  fputs("Usage: kinoloom COMMAND [OPTION]...\n"
        "Makes videos and pictures on this machine.\n\n",
        to);
  for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
    fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
  fputs("\nExamples:\n"
        "  kinoloom render text-to-video --prompt \"a red heart grows bigger\" --seconds 5 -o heart.mp4\n"
        "  kinoloom export film.kinoloom -o film.webm --size x720\n"
        "  kinoloom models show starter-video --words\n"
        "\n`kinoloom COMMAND --help` tells more, and so does the manual page kinoloom(1).\n"
        "Exit status: 0 done, 1 failure, 2 usage, 3 bad input or model, 4 out of memory or will not fit,\n"
        "5 no device, 130 interrupted.\n",
        to);
  return to == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  set_signals();
  cli_out_init(false, CLI_PROGRESS_NONE);
  if (argc < 2) return help(stderr);
  const char *word = argv[1];
  if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return help(stdout);
  if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
    puts("kinoloom " KL_VERSION);
    return 0;
  }
  const char *names[G_N_ELEMENTS(commands) + 1] = {0};
  for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
    if (!strcmp(word, commands[i].name)) return commands[i].run(argv + 2);
    names[i] = commands[i].name;
  }
  g_autoptr(GError) e = NULL;
  g_autofree char *shown = g_utf8_make_valid(word, -1);
  const char *near = kl_near(shown, names);
  kl_gfail(&e, KL_ERROR_USAGE, "there is no command '%.60s'%s%s%s", shown, near ? "; did you mean " : "",
           near ? near : "", near ? "?" : "");
  return cli_error(e, "kinoloom --help");
}
