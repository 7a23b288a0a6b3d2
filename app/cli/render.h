/* Shared by render.c (what is asked) and report.c (what is said). */
#pragma once

#include "app/cli/cli.h"
#include "app/core/job_runner.h"

typedef struct {
  GPtrArray *words; /* that the model does not know, each once */
  const KlJobPlan *plan;
} CliReport;

/* `event` of KlRunOptions; user is a CliReport. */
void cli_report_event(void *user, const KlEvent *e);
/* --dry-run. */
void cli_report_plan(CliReport *r, const KlJobPlan *p, bool json);
/* After a run: the path, or with json an object, on stdout; a sentence on stderr. */
void cli_report_result(const KlRunResult *r, bool json);
