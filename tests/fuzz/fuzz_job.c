/* A job as JSON, from a file or out of a picture's text: what is accepted can be written and read again. */
#include "app/core/job_spec.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KlJobSpec) job = kl_job_parse((const char *)data, size, "input", &error);
  if (!job) {
    if (!error || !error->message[0]) abort();
    return 0;
  }
  if (error) abort();
  g_autofree char *text = kl_job_serialise(job, true);
  g_autoptr(KlJobSpec) again = kl_job_parse(text, strlen(text), "again", &error);
  if (!again) abort();
  g_autofree char *second = kl_job_serialise(again, true);
  if (strcmp(text, second)) abort();
  return 0;
}
