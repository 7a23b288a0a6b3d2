/* Jobs of a project file: listing and rendering them, and what probe says of one. */
#include "app/cli/project.h"

#include "app/core/job_time.h"
#include "app/core/project/store.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *text(const char *s) {
  g_autofree char *valid = g_utf8_make_valid(s ? s : "", -1);
  return json_string(valid);
}

static char *line_of(const KlStoreJob *j) {
  g_autofree char *prompt =
      g_utf8_strlen(j->prompt, -1) > 60 ? g_utf8_substring(j->prompt, 0, 60) : g_strdup(j->prompt);
  g_autofree char *chunks =
      j->chunks ? g_strdup_printf(", %d of %d chunks", j->chunks_done, j->chunks) : g_strdup("");
  g_strdelimit(prompt, "\n\r\t", ' ');
  return g_strdup_printf("%" G_GINT64_FORMAT "  %s%s  \"%s\"", j->id, kl_render_state_name(j->state), chunks,
                         prompt);
}

static bool list_jobs(const char *path, GError **error) {
  KlStoreInfo info;
  bool ok = kl_store_info(path, &info, error);
  for (guint i = 0; ok && i < info.jobs->len; i++) {
    g_autofree char *line = line_of(info.jobs->pdata[i]);
    cli_note("job %s", line);
  }
  if (ok)
    kl_gfail(error, KL_ERROR_USAGE,
             info.jobs->len ? "which job of the project? --job N" : "the project has no job yet");
  kl_store_info_clear(&info);
  return false;
}

/* How a job is made stands in the project; where it runs may be said here. */
static bool only_local(const KlJobSpec *flags, GError **error) {
  size_t n;
  const KlJobField *f = kl_job_fields(&n);
  for (size_t i = 0; i < n; i++)
    if (flags->given >> i & 1 && (!f[i].local || !strcmp(f[i].key, "output")))
      return kl_gfail(
          error, KL_ERROR_USAGE,
          "a job of a project is made as it says there: only --device, --threads and --memory go with --job");
  return true;
}

bool cli_project_render(const CliProjectRun *a, GError **error) {
  KlRunResult result = {0};
  CliReport report = {g_ptr_array_new_with_free_func(g_free), NULL};
  bool ok = false;
  if (!a->job) {
    ok = list_jobs(a->path, error);
  } else if (!only_local(a->flags, error)) {
    ok = false;
  } else if (a->dry_run) {
    g_autofree char *output = NULL;
    g_autoptr(KlJobSpec) job = kl_store_job(a->path, a->job, &output, error), asked = kl_job_copy(a->flags);
    if (job) kl_job_merge(asked, job);
    g_autoptr(KlJobPlan) plan = job ? kl_job_plan_new(asked, output, NULL, error) : NULL;
    if (plan) cli_report_plan(&report, plan, a->json);
    ok = plan && cli_flush(error);
  } else {
    KlStoreRun how = {.overwrite = a->overwrite,
                      .local = a->flags,
                      .cancel = &cli_cancel,
                      .event = cli_report_event,
                      .user = &report};
    ok = kl_store_render(a->path, a->job, &how, &result, error);
    cli_bar(NULL);
    if (ok) {
      cli_report_result(&result, a->json);
      ok = cli_flush(error);
    }
  }
  kl_run_result_clear(&result);
  g_ptr_array_unref(report.words);
  return ok;
}

/* ---- probe ---- */

static void probe_json(const char *path, const KlStoreInfo *i) {
  json_t *jobs = json_array();
  for (guint k = 0; k < i->jobs->len; k++) {
    const KlStoreJob *j = i->jobs->pdata[k];
    json_array_append_new(jobs,
                          json_pack("{s:I, s:s, s:i, s:o, s:o, s:o, s:o}", "id", (json_int_t)j->id, "state",
                                    kl_render_state_name(j->state), "chunks_done", j->chunks_done, "chunks",
                                    j->chunks ? json_integer(j->chunks) : json_null(), "prompt",
                                    text(j->prompt), "output", text(j->output), "error",
                                    j->error_text ? text(j->error_text) : json_null()));
  }
  cli_print_json(json_pack("{s:o, s:s, s:o, s:i, s:b, s:I, s:i, s:i, s:i, s:f, s:o}", "file", text(path),
                           "container", "kinoloom", "title", text(i->title), "version", i->version,
                           "read_only", (int)i->read_only, "bytes", (json_int_t)i->bytes, "assets", i->assets,
                           "tracks", i->tracks, "clips", i->clips, "duration_s", i->seconds, "jobs", jobs));
}

bool cli_project_probe(const char *path, bool json, GError **error) {
  KlStoreInfo i;
  bool ok = kl_store_info(path, &i, error);
  if (ok && json) {
    probe_json(path, &i);
  } else if (ok) {
    g_autofree char *shown = g_filename_display_name(path), *bytes = kl_bytes_text((guint64)i.bytes),
                    *length = kl_seconds_text(i.seconds);
    printf("file       %s\ncontainer  Kinoloom project, version %d, %s%s\ntitle      %s\n", shown, i.version,
           bytes, i.read_only ? ", read-only" : "", i.title);
    printf("media      %d\ntimeline   %s, %d clip%s on %d track%s\njobs       %u\n", i.assets, length,
           i.clips, i.clips == 1 ? "" : "s", i.tracks, i.tracks == 1 ? "" : "s", i.jobs->len);
    for (guint k = 0; k < i.jobs->len; k++) {
      g_autofree char *line = line_of(i.jobs->pdata[k]);
      printf("    %s\n", line);
    }
  }
  kl_store_info_clear(&i);
  return ok && cli_flush(error);
}
