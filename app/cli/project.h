/* Jobs of a project file, for render and probe. */
#pragma once

#include "app/cli/render.h"

typedef struct {
  const char *path;
  gint64 job;             /* 0: none said; then they are listed on stderr and that is a usage error */
  const KlJobSpec *flags; /* device, threads, memory; others are a usage error */
  bool overwrite, dry_run, json;
} CliProjectRun;

bool cli_project_render(const CliProjectRun *a, GError **error);
bool cli_project_probe(const char *path, bool json, GError **error);
