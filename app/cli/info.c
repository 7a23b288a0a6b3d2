/* probe and devices. */
#include "app/cli/project.h"
#include "app/core/inspect.h"
#include "app/core/job_time.h"
#include "app/core/project/store.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  bool json, help;
} Asked;

static const CliOption options[] = {
    {"json", 0, NULL, NULL, "print JSON", NULL},
    {"help", 'h', NULL, NULL, "this text", NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};

static bool on_option(void *user, const CliOption *o, const char *value, const char *value2, GError **error) {
  Asked *a = user;
  *(!strcmp(o->name, "json") ? &a->json : &a->help) = true;
  return true;
}

static json_t *text(const char *s) {
  g_autofree char *valid = g_utf8_make_valid(s, -1);
  return json_string(valid);
}

static void probe_json(const char *path, const KlMediaInfo *i, const char *job) {
  json_t *o = json_pack(
      "{s:o, s:s, s:b, s:b, s:b, s:o, s:b}", "file", text(path), "container", i->container, "has_video",
      (int)i->has_video, "still", (int)i->still, "has_audio", (int)i->has_audio, "duration_s",
      i->duration >= 0 ? json_real(i->duration) : json_null(), "synthetic", (int)i->synthetic);
  if (i->has_video) {
    char rate[32];
    g_snprintf(rate, sizeof rate, "%d/%d", i->fps_num, i->fps_den);
    json_object_set_new(o, "video",
                        json_pack("{s:s, s:i, s:i, s:i, s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "codec",
                                  i->codec, "width", i->width, "height", i->height, "rotation", i->rotation,
                                  "fps", rate, "frames",
                                  i->frames >= 0 ? json_integer(i->frames) : json_null(), "pixel_format",
                                  i->pixel_format, "primaries", i->primaries, "transfer", i->transfer,
                                  "matrix", i->matrix, "range", i->range));
  }
  if (i->has_audio)
    json_object_set_new(o, "audio",
                        json_pack("{s:s, s:i, s:i}", "codec", i->audio_codec, "sample_rate", i->sample_rate,
                                  "channels", i->channels));
  json_t *j = job ? json_loads(job, 0, NULL) : NULL;
  json_object_set_new(o, "job", j ? j : json_null());
  cli_print_json(o);
}

static void probe_text(const char *path, const KlMediaInfo *i, const char *job) {
  g_autofree char *shown = g_filename_display_name(path),
                  *length = i->duration > 0 ? kl_seconds_text(i->duration) : NULL;
  printf("file       %s\ncontainer  %s\n", shown, i->container);
  if (i->has_video) {
    printf("%-10s %s, %dx%d, %s", i->still ? "picture" : "video", i->codec, i->width, i->height,
           i->pixel_format);
    if (i->rotation) printf(", turned by %d degrees", i->rotation);
    putchar('\n');
    printf("colour     %s primaries, %s transfer, %s matrix, %s range\n", i->primaries, i->transfer,
           i->matrix, i->range);
    if (!i->still && i->fps_num) printf("rate       %d/%d frames a second\n", i->fps_num, i->fps_den);
    if (!i->still && i->frames >= 0) printf("frames     %lld\n", (long long)i->frames);
  }
  if (i->has_audio)
    printf("sound      %s, %d Hz, %d channel%s\n", i->audio_codec, i->sample_rate, i->channels,
           i->channels == 1 ? "" : "s");
  if (length) printf("length     %s\n", length);
  printf("synthetic  %s\n", i->synthetic ? "yes, marked as made by a trained model" : "not marked");
  if (job) printf("job        %s\n", job);
}

int cli_probe(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  g_autofree char *job = NULL;
  Asked a = {0};
  KlMediaInfo info;
  if (!cli_parse(argv, options, on_option, &a, words, &e)) return cli_error(e, "kinoloom probe --help");
  if (a.help) {
    puts("Usage: kinoloom probe FILE [--json]\nSays what is in a picture or video, and which Kinoloom job "
         "made it; or what is in a project.\n\nOptions:");
    cli_print_options(options);
    return 0;
  }
  if (words->len != 1)
    kl_gfail(&e, KL_ERROR_USAGE, words->len ? "one file at a time" : "which file?");
  else if (kl_store_is_project(words->pdata[0])) {
    if (cli_project_probe(words->pdata[0], a.json, &e)) return 0;
  } else if (kl_inspect_media(words->pdata[0], &cli_cancel, &info, &job, &e)) {
    if (a.json)
      probe_json(words->pdata[0], &info, job);
    else
      probe_text(words->pdata[0], &info, job);
    if (cli_flush(&e)) return 0;
  }
  return cli_error(e, "kinoloom probe --help");
}

int cli_devices(char **argv) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  Asked a = {0};
  if (!cli_parse(argv, options, on_option, &a, words, &e)) return cli_error(e, "kinoloom devices --help");
  if (a.help) {
    puts("Usage: kinoloom devices [--json]\nLists what can compute here: the names that --device "
         "takes.\n\nOptions:");
    cli_print_options(options);
    return 0;
  }
  if (words->len) {
    kl_gfail(&e, KL_ERROR_USAGE, "'%.60s' is too much", (char *)words->pdata[0]);
    return cli_error(e, "kinoloom devices --help");
  }
  g_autoptr(GPtrArray) all = kl_inspect_devices();
  json_t *list = json_array();
  for (guint i = 0; i < all->len; i++) {
    const KlDevice *d = all->pdata[i];
    g_autofree char *total = kl_bytes_text(d->memory_total), *now = kl_bytes_text(d->memory_available);
    json_array_append_new(list,
                          json_pack("{s:s, s:o, s:s, s:I, s:I}", "name", d->name, "title", text(d->title),
                                    "arithmetic", d->arithmetic, "memory_total", (json_int_t)d->memory_total,
                                    "memory_available", (json_int_t)d->memory_available));
    if (a.json) continue;
    printf("%-10s %s, %s", d->name, d->title, d->arithmetic);
    if (d->memory_total) printf(", %s of %s free", now, total);
    putchar('\n');
  }
  if (a.json)
    cli_print_json(list);
  else
    json_decref(list);
  return cli_flush(&e) ? 0 : cli_error(e, NULL);
}
